/*
 * Names of connections and sessions across threads: slot + generation, never a pointer. A slot
 * tells which front its holder lives on, so that answers from other threads find it wherever it has
 * moved.
 *
 * Threads: directory_front() from any thread (one atomic load); the rest takes a short lock, from
 * any thread. Global caps on connections and sessions are kept here.
 */
#pragma once

#include <stdint.h>

struct directory;

/* Requests are plain HTTP ones that workers answer, at most HTTP_REQUESTS_MAX. */
enum directory_kind { DIRECTORY_CONNECTION, DIRECTORY_SESSION, DIRECTORY_REQUEST, DIRECTORY_KINDS };

/* NULL: out of memory. */
struct directory *directory_create(uint32_t connections_max, uint32_t sessions_max);
void directory_destroy(struct directory *directory);
/* A new id (never 0) held by `front`; STATUS_LIMIT at the cap of its kind. */
int directory_add(struct directory *directory, enum directory_kind kind, uint32_t front,
                  uint64_t *id);
void directory_remove(struct directory *directory, uint64_t id);
/* The front that holds `id`, or -1 when nobody does any more. */
int directory_front(const struct directory *directory, uint64_t id);
/*
 * As directory_front(), and what is sent to it before directory_release() arrives ahead of what is
 * sent after a directory_move(): who sends to a session's front does so in between. Never waits
 * long: nothing that blocks may be done meanwhile.
 */
int directory_hold(struct directory *directory, uint64_t id);
void directory_release(struct directory *directory);
/* `id` is held by `front` from now on. */
void directory_move(struct directory *directory, uint64_t id, uint32_t front);
/* Dense index of an id, below directory_slots(): for arrays beside the directory. */
uint32_t directory_slot(uint64_t id);
uint32_t directory_slots(const struct directory *directory);
/* Holders now. */
uint32_t directory_count(const struct directory *directory, enum directory_kind kind);
