/*
 * The newest durable messages of one session, as they were sent: what a resume replays. A final
 * counts as stored once it is in here.
 *
 * Threads: the front that holds the session. Memory: holds references to messages it shares with
 * the socket's queue; at most HISTORY_MAX of them and HISTORY_BYTES_MAX, but always the newest.
 */
#pragma once

#include <stdint.h>

struct history;
struct out;

/* NULL: out of memory. */
struct history *history_create(void);
void history_destroy(struct history *history);
/* Takes a reference; the oldest go when there are too many. seq grows by one each time. */
void history_add(struct history *history, struct out *out);
/* seq of the oldest and newest kept; 0 when empty. */
uint64_t history_oldest(const struct history *history);
uint64_t history_newest(const struct history *history);
/* The message with this seq (borrowed), or NULL when it is not kept. */
struct out *history_get(const struct history *history, uint64_t seq);
