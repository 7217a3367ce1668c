/*
 * Tokens: who speaks, in which role, for which class. A token is a JWT (RFC 7519) signed by one of
 * the configured keys; docs/tokens.md tells how keys are made and rotated.
 *
 * Keys are files of one folder, named KID.hs256 (a secret of 32 bytes or more), KID.rs256.pem or
 * KID.es256.pem (a public key verifies; a private key also signs): the name fixes key id and
 * algorithm, so a token cannot choose how it is verified (RFC 8725 §2.1).
 *
 * libjwt 1.10 only computes signatures: it takes the algorithm from the token, compares its name
 * without case, and checks neither times nor key ids. All of that is done here, before it is asked.
 *
 * Threads: token_keys_load() reads files, so main or a worker; keys are immutable and counted, any
 * thread. Verifying takes 10 µs (HS256) or 0.4 ms (RS256, ES256: libjwt reads the key's PEM each
 * time), so it belongs on workers.
 */
#pragma once

#include "server/token_limits.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TOKEN_WHY_BYTES 240 /* a reason, with the names of files */

struct token_keys;

enum token_role { TOKEN_LEARNER = 1, TOKEN_TEACHER, TOKEN_ADMIN };

/* What a token says about its bearer. One block: token_claims_free() ends all of it. */
struct token_claims {
    const char *subject;
    const char *id; /* "" when it has none */
    enum token_role role;
    const char *const *classes;
    size_t classes_len;
    int64_t expires_s; /* seconds since 1970: its `exp`, or sooner by the limit on its age */
};

/* What is asked of every token besides its signature. */
struct token_rules {
    const char *audience; /* a token that has `aud` must name it; "": any */
    uint32_t age_s;       /* since `iat`, which it must have; 0: any age */
};

/*
 * Reads every key of `folder` (gives; token_keys_unref). Names that begin with '.' or end in '~'
 * are passed over; any other file that is no good key is an error, as is a secret that others of
 * the machine can read. STATUS_INVALID, STATUS_IO, STATUS_NOMEM: `why` says which file and what to
 * do.
 */
int token_keys_load(struct token_keys **out, const char *folder, const struct token_rules *rules,
                    char why[TOKEN_WHY_BYTES]);
struct token_keys *token_keys_ref(struct token_keys *keys);
/* Zeroes secrets when the last reference goes. NULL is nothing. */
void token_keys_unref(struct token_keys *keys);
size_t token_keys_len(const struct token_keys *keys);
/* Key ids in order of their names, for logs; NULL past the end. */
const char *token_keys_kid(const struct token_keys *keys, size_t index);

/*
 * Checks `token` at wall time `now_s` (gives `*out`). STATUS_AUTH: `*why` is a static phrase for
 * the log, never for the client, who must not learn more than that it was refused. STATUS_NOMEM.
 */
int token_verify(const struct token_keys *keys, const char *token, size_t len, int64_t now_s,
                 struct token_claims **out, const char **why);

/*
 * A signed token that says what `claims` say, with `iat` now and an id of its own (gives,
 * secret_free). `kid` NULL: the first key that can sign. STATUS_NOT_FOUND: there is no such key, or
 * it is only a public one; STATUS_INVALID: claims that token_verify() would not take; STATUS_NOMEM.
 */
int token_mint(const struct token_keys *keys, const char *kid, const struct token_claims *claims,
               int64_t now_s, char **out);

/* A copy in one block of its own; NULL: out of memory. */
struct token_claims *token_claims_copy(const struct token_claims *claims);
void token_claims_free(struct token_claims *claims);
/* An admin has every class; others those of the token. "" is nobody's but an admin's. */
bool token_claims_class(const struct token_claims *claims, const char *class_name);

/* "learner", "teacher", "admin". */
const char *token_role_name(enum token_role role);
bool token_role_parse(const char *text, enum token_role *out);
