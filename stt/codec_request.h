/*
 * Inside stt: writing a first request, the same for all wires.
 *
 * Threads: pure functions, any thread.
 */
#pragma once

#include "stt/codec.h"

struct buf;

/* False: a value every API would refuse. */
bool stt__config_valid(const struct stt_recognition_config *config);
/* SpeechContext {1 phrases, 4 boost} as field `number`, for each context. */
void stt__put_contexts(struct buf *out, uint32_t number,
                       const struct stt_recognition_config *config, float boost_max);
