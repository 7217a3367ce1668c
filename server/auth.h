/*
 * Who may do what: the keys in force and the tickets, for everything that is asked of the server.
 * Without configured keys everybody may do everything (and the server is on loopback only,
 * server/start.h).
 *
 * Threads: auth_create(), auth_reload(), auth_destroy() on main; the rest on workers: they verify
 * signatures. Memory: claims are given (token_claims_free).
 */
#pragma once

#include "server/ticket.h"
#include "server/token.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct auth;
struct config;

/* Reads the keys; the reason of a failure is logged. */
int auth_create(struct auth **out, const struct config *config);
void auth_destroy(struct auth *auth);
/* Reads the keys again and puts them in force. On a failure, which is logged, the old ones stay. */
int auth_reload(struct auth *auth, const struct config *config);
/* No keys: everybody is an admin without a name. */
bool auth_open(const struct auth *auth);

/*
 * Who the bearer of `credential` is: a token or a ticket, which is used up. With auth_open() any
 * will do, none as well. STATUS_AUTH: nobody we know (logged at debug, counted); STATUS_NOMEM.
 */
int auth_check(struct auth *auth, const char *credential, size_t len, struct token_claims **out);
/* As token_mint(), with the keys in force. STATUS_NOT_FOUND with auth_open(). */
int auth_mint(struct auth *auth, const char *kid, const struct token_claims *claims, char **out);
/* As ticket_issue(). */
int auth_ticket(struct auth *auth, const struct token_claims *claims, char out[TICKET_CHARS + 1]);
