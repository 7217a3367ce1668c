/*
 * The board: what teachers see of every session, each field as the JSON it was turned into once,
 * with the version at which it changed. A delta is the fragments that are newer than what a watcher
 * has seen; a watcher that is behind by many versions gets the newest state in one.
 *
 * Versions count the ticks: changes belong to the open version until board_tick() closes it. What
 * has gone is remembered as long as there is room; a watcher that has seen less than is remembered
 * needs a snapshot.
 *
 * Threads: one owner at a time.
 */
#pragma once

#include "server/limits.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct board;
struct buf;
struct glance_change;

/* --- who sees what --- */

/* Classes of which everything is seen; a session without a class only by who sees all. */
struct board_scope;

/* Copies; `all`: whatever class, `classes` is not looked at. NULL: out of memory. */
struct board_scope *board_scope_create(bool all, const char *const *classes, size_t len);
/* NULL is nothing. */
void board_scope_free(struct board_scope *scope);
bool board_scope_sees(const struct board_scope *scope, const char *class_name);
bool board_scope_equal(const struct board_scope *a, const struct board_scope *b);

/* --- the board --- */

/* `sessions_max` at a time, the last `gone_max` that have gone. NULL: out of memory. */
struct board *board_create(uint32_t sessions_max, uint32_t gone_max);
void board_destroy(struct board *board);

/*
 * Takes in what a front tells (server/monitor.h says which changes count). True: somebody may see a
 * difference. A session for which there is no memory or no room is not shown, or shown as it was:
 * `*status` says so.
 */
bool board_apply(struct board *board, const struct glance_change *change, int *status);
/* Forgets every session and who has gone: nothing that was seen before counts. */
void board_clear(struct board *board);

/* A session as it is now; strings are valid until the next change. */
struct board_session {
    uint64_t id;
    uint32_t serial;
    const char *class_name;
};
bool board_find(const struct board *board, const char *session, struct board_session *out);
uint32_t board_len(const struct board *board);

/* The version that is open: what changes now is newer than any before it. */
uint64_t board_version(const struct board *board);
/* Closes it; returns it. */
uint64_t board_tick(struct board *board);

/* `{"type":"snapshot","sessions":[…]}` of what the scope sees. The status of `out`. */
int board_snapshot(const struct board *board, const struct board_scope *scope, struct buf *out);
/*
 * `{"type":"delta","changed":[…],"gone":[…]` of what is newer than `since`, without the closing
 * brace, so that more may follow. `*empty`: nothing is. STATUS_NOT_FOUND: `since` is too long ago,
 * only a snapshot tells; else the status of `out`.
 */
int board_delta(const struct board *board, const struct board_scope *scope, uint64_t since,
                struct buf *out, bool *empty);
