/*
 * The audio of one client: which frames were due, which are built, where it goes on.
 *
 * Threads: one owner. Memory: frames come from the field's pool.
 */
#pragma once

#include "bench/load_client.h"

const struct load_voice_config *load_audio_voice(const struct load_field *field,
                                                 const struct load_client *client);
/* Frames that were due and are not built. */
uint32_t load_audio_owed(const struct load_client *client);
/* When the next frame is due, jitter included; to be asked once a frame. */
int64_t load_audio_next_us(const struct load_field *field, struct load_client *client);
/* Builds at most so many of them, while the client's backlog has room. */
void load_audio_build(struct load_field *field, struct load_client *client, unsigned frames_max);
/* Frame `number` of the session was due; the judge counts from then, whenever it is sent. */
void load_audio_judge(struct load_client *client, uint32_t number, int64_t due_us);
/* The next frame begins at this sample, or at the next one due when that is earlier. */
void load_audio_seek(const struct load_field *field, struct load_client *client, uint64_t position);
