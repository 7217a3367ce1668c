/*
 * Tickets: opaque, good once and for a minute. A browser cannot send an Authorization header with a
 * WebSocket, and libwebsockets 4.1.6 drops a subprotocol list that is as long as a token; a ticket
 * of 43 characters fits, as `bearer.TICKET` after `sotto.v1`. POST /v1/tokens issues them.
 *
 * Only SHA-256 of a ticket is kept, so what a search's time tells is about a hash nobody chose.
 * Tickets live in this process: another one on the same port does not know them.
 *
 * Threads: any; one short lock.
 */
#pragma once

#include "server/token_limits.h"
#include <stddef.h>
#include <stdint.h>

struct ticket_table;
struct token_claims;

/* NULL: out of memory. */
struct ticket_table *ticket_table_create(void);
void ticket_table_destroy(struct ticket_table *table);
/* A new ticket for the bearer of `claims` (copied). STATUS_FULL past TICKETS_MAX, STATUS_NOMEM. */
int ticket_issue(struct ticket_table *table, const struct token_claims *claims, int64_t now_s,
                 char out[TICKET_CHARS + 1]);
/* Takes the ticket's claims (gives, token_claims_free) and ends it; NULL: none such, or too late.
 */
struct token_claims *ticket_redeem(struct ticket_table *table, const char *ticket, size_t len,
                                   int64_t now_s);
/* Not yet used, those past their time not counted. */
size_t ticket_table_len(struct ticket_table *table, int64_t now_s);
