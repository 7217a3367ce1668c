/* What the files of tokens share: token_keys.c, token.c, token_mint.c. */
#pragma once

#include "server/token.h"
#include <jwt.h>
#include <stdatomic.h>

struct token_key {
    char kid[TOKEN_KID_MAX + 1];
    const char *algorithm; /* as in a token's header: "HS256", "RS256", "ES256" */
    jwt_alg_t alg;
    size_t signature_bytes;
    /* The secret, or a public key in PEM. */
    char *verify;
    size_t verify_len;
    /* The secret again, or the private key in PEM; NULL: tokens of this key are signed elsewhere.
     */
    const char *sign;
    size_t sign_len;
};

struct token_keys {
    /* Relaxed up, acquire-release down: the last one frees what all others have read. */
    _Atomic unsigned refs;
    char audience[TOKEN_NAME_MAX + 1];
    uint32_t age_s;
    size_t len;
    struct token_key keys[TOKEN_KEYS_MAX];
};

/* The key of that id; NULL: none. With `kid` NULL the only one. */
const struct token_key *token__find(const struct token_keys *keys, const char *kid);

/*
 * Base64url without padding (RFC 7515 §2), strictly: another alphabet, padding, a length that
 * cannot be and bits that mean nothing are refused, so that no two texts are the same token. Writes
 * at most len / 4 * 3 + 2 bytes; -1 when it is none.
 */
int token__decode(const char *text, size_t len, unsigned char *out);
