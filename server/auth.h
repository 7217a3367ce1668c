/*
 * Who may do what: the keys in force and the tickets, for everything that is asked of the server.
 * Without configured keys everybody may do everything (and the server is on loopback only,
 * server/start.h).
 *
 * Threads: auth_load() reads files and belongs on main, as auth_create() and auth_destroy() do;
 * auth_open() any; the rest on workers, for signatures cost time. Memory: claims are given
 * (token_claims_free).
 */
#pragma once

#include "server/ticket.h"
#include "server/token.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct auth;
struct config;

/* Reads the configured keys (gives); NULL when none are. The reason of a failure is logged. */
int auth_load(const struct config *config, struct token_keys **out);
/* Takes `keys` (NULL: everybody may do everything) and puts them in force. NULL: out of memory, and
 * the keys are the caller's. */
struct auth *auth_create(struct token_keys *keys);
void auth_destroy(struct auth *auth);
/* Takes new keys and puts them in force at once, for sessions that begin from now on. */
void auth_put(struct auth *auth, struct token_keys *keys);
/* No keys: everybody is an admin without a name. */
bool auth_open(struct auth *auth);

/*
 * Who the bearer of `credential` is: a token or a ticket, which is used up. With auth_open() any
 * will do, none as well. STATUS_AUTH: nobody we know (logged at debug, counted); STATUS_NOMEM.
 */
int auth_check(struct auth *auth, const char *credential, size_t len, struct token_claims **out);
/* CLOCK_MONOTONIC when the bearer of `claims` is no longer let in; INT64_MAX: never. Any thread. */
int64_t auth_until_us(const struct token_claims *claims);
/* As token_mint(), with the keys in force. STATUS_NOT_FOUND with auth_open(). */
int auth_mint(struct auth *auth, const char *kid, const struct token_claims *claims, char **out);
/* As ticket_issue(). */
int auth_ticket(struct auth *auth, const struct token_claims *claims, char out[TICKET_CHARS + 1]);
