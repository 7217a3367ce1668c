/*
 * What the server tells the configured webhook, if there is one: ends of sessions and alerts.
 *
 * Threads: open and close on main, close after the workers have ended; notices_ended() on workers,
 * which it does not keep waiting; notices_stats() any.
 */
#pragma once

#include "server/webhook.h"

struct config;
struct notices;
struct server;

/* Is [webhook] as it must be? Else one line on stderr says what to write. */
bool notices_config_ok(const struct config *config);
/* NULL in `out` where no webhook is configured. After the store was opened, which keeps the dead
 * letters; without one they are only logged. STATUS_NOMEM, STATUS_IO. */
int notices_open(struct notices **out, struct server *server);
/* The other threads are about to go: no more alerts. NULL is nothing. */
void notices_quiet(struct notices *notices);
/* NULL is nothing. Gives what waits NOTICES_CLOSE_MS. */
void notices_close(struct notices *notices);
/* A session is over. `usage`: JSON, NULL: not known. NULL `notices` is nothing. */
void notices_ended(struct notices *notices, const char *session, const char *reason,
                   const char *usage);
/* All 0 for NULL. */
void notices_stats(struct notices *notices, struct webhook_stats *out);
