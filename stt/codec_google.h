/*
 * Inside stt: what google_v1 and google_v2 share; a result and what it holds have the same fields
 * in both.
 *
 * Threads: pure functions, any thread.
 */
#pragma once

#include "stt/codec_response.h"

/* Of one request and of one of its phrase sets. */
#define STT_GOOGLE_BOOST_MAX 20

stt_field_fn stt__google_result, stt__google_alternative, stt__google_word;

/* VoiceActivityTimeout as field `number`, when there is one. */
void stt__google_put_timeouts(struct buf *out, uint32_t number,
                              const struct stt_recognition_config *config);
