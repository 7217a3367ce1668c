/*
 * How a client shows who it is: `Authorization: Bearer TOKEN`, a ticket among the subprotocols
 * (`sotto.v1, bearer.TICKET`: a browser's WebSocket cannot send other headers), or the token in
 * session.start; and whether it may do what session.start asks for.
 *
 * Threads: the readers of headers any; bearer_admit() on workers, for it verifies signatures.
 */
#pragma once

#include <stddef.h>

struct auth;
struct client_message;
struct token_claims;

/* What follows "Bearer " in the value of Authorization; NULL: another scheme. */
const char *bearer_of_authorization(const char *value);
/* The ticket in a list of subprotocols, and its length; NULL: none. */
const char *bearer_of_protocols(const char *list, size_t *len);

/*
 * Checks a session.start by `credential`, or by its own token when that is NULL (gives `*out`; NULL
 * when refused). What is not allowed makes the message one that is refused, `unauthorized`: the
 * client is told the same whatever was wrong with its token. A class that the token says and the
 * message does not is the session's. The message's token is zeroed.
 */
void bearer_admit(struct auth *auth, struct client_message *message, const char *credential,
                  struct token_claims **out);
