/*
 * The upstream thread: one loop with the pool of requests on it, or two where translations and
 * corrections have an API each. Its mailbox is its only surface, so that it could move into a
 * process of its own.
 *
 * Threads: create, close and destroy on main; the rest from any thread.
 */
#pragma once

#include "loop/loop.h"
#include "pool/pool.h"
#include <stdbool.h>
#include <stdint.h>

struct config;
struct server;
struct upstream;

int upstream_create(struct upstream **out, struct server *server);
/* Fails what is in flight, ends the thread. Workers must still run: they read the last replies. */
void upstream_close(struct upstream *upstream);
/* After upstream_close(), once the workers have ended too. */
void upstream_destroy(struct upstream *upstream);
/* As pool_submit(); STATUS_CLOSED after upstream_close(). */
int upstream_submit(struct upstream *upstream, struct pool_request *request);
void upstream_cancel(struct upstream *upstream, uint64_t session, uint64_t id);
/* As pool_settle(); `cls` as in the request, `which` as in its reply. */
void upstream_settle(struct upstream *upstream, enum pool_class cls, unsigned which,
                     uint32_t estimate, uint32_t used);
bool upstream_ready(struct upstream *upstream);
void upstream_stats(struct upstream *upstream, struct pool_stats *pool, struct loop_stats *loop);
