/*
 * The newest durable messages of one session, as they were sent: what a resume replays. A final
 * counts as stored once it is in here.
 *
 * Threads: the front that holds the session. Memory: copies of the bodies; at most HISTORY_MAX of
 * them and HISTORY_BYTES_MAX, but always the newest.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct history;
struct out;

/* NULL: out of memory. */
struct history *history_create(void);
void history_destroy(struct history *history);
/* Copies the body; the oldest go when there are too many. seq grows by one each time. STATUS_NOMEM:
 * nothing is kept any more, since a gap would be worse. */
int history_add(struct history *history, const struct out *out);
/* seq of the oldest and newest kept; the oldest is 0 when empty. */
uint64_t history_oldest(const struct history *history);
uint64_t history_newest(const struct history *history);
/* The body with this seq (borrowed), or NULL when it is not kept. */
const char *history_get(const struct history *history, uint64_t seq, size_t *len);
