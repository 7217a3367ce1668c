/*
 * session.start as each client of the load sends it: what all share, its name and its class, and
 * where it goes on with a session.
 *
 * Threads: one owner. Memory: the shared part is the field's until load_start_deinit().
 */
#pragma once

#include "bench/load_client.h"

#define LOAD_START_BYTES (LOAD_START_MAX + LOAD_START_NAME_BYTES + LOAD_RESUME_BYTES)

/* What all clients share. STATUS_NOMEM, STATUS_LIMIT. */
int load_start_init(struct load_field *field);
void load_start_deinit(struct load_field *field);
/* Bytes of the longest message. */
size_t load_start_bytes_max(const struct load_field *field);
/* The message of `client`, whose session has that number in the script; returns its length. */
size_t load_start_message(const struct load_field *field, const struct load_client *client,
                          uint32_t number, char out[LOAD_START_BYTES]);
