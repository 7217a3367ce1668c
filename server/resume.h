/*
 * How a client comes back to its session (docs/protocol.md, "Resume"): to one that this front
 * holds, to one that another front holds, which moves here, or to one of the store.
 *
 * Threads: the front's own; resume_token_*() any thread.
 */
#pragma once

#include "server/limits.h"
#include "server/store.h"
#include <stdbool.h>
#include <stdint.h>

struct client_resume;
struct conn;
struct front;
struct host;
struct msg;
struct resume_claimed;
struct token_claims;

/* 256 random bits as text. */
void resume_token_make(char token[RESUME_TOKEN_BYTES]);
void resume_token_hash(const char *token, uint8_t hash[STORE_HASH_BYTES]);

/* The first message of `conn` asks for a session of before, which must be of the same subject: it
 * is attached, or an error follows. */
void resume_begin(struct conn *conn, const struct client_resume *resume,
                  const struct token_claims *claims);
/* The connection ends: what it asked for is forgotten. */
void resume_drop(struct conn *conn);
/* The store has decided. Takes `claimed`. */
void resume_on_claimed(struct conn *conn, struct resume_claimed *claimed);

/* A client on another front asks for a host of this one (FRONT_WANTED), what was sent to it before
 * it moves has all been heard (FRONT_LEAVE), it arrives (FRONT_ARRIVE), it cannot be had
 * (FRONT_REFUSED, for the connection). All are taken. */
void resume_on_wanted(struct front *front, struct msg *msg);
void resume_on_leave(struct front *front, struct msg *msg);
void resume_on_arrive(struct front *front, struct msg *msg);
void resume_on_refused(struct conn *conn, struct msg *msg);
/* What comes for a host that is on its way here waits for it. False: it is not on its way. */
bool resume_keep(struct front *front, struct msg *msg);
/* The front ends: what waits is freed. */
void resume_forget(struct front *front);
