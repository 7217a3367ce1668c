/*
 * SIGHUP: what of the configuration can change while the server runs (log levels, origins, token
 * keys, the certificate) is read again. All of it is read and checked before any of it is used, so
 * a mistake changes nothing; what changed is logged, and so is what only a restart will change.
 *
 * Threads: main.
 */
#pragma once

struct config_set;
struct reload;
struct server;

/* `set` is borrowed: what the server was started with. STATUS_NOMEM. */
int reload_create(struct reload **out, struct server *server, const struct config_set *set);
/* After server_stop(): what fronts may have read ends here. NULL is nothing. */
void reload_destroy(struct reload *reload);
void reload_now(struct reload *reload);
