/*
 * What tests of tokens share: a folder with keys, and tokens signed by hand, the wrong ones too.
 */
#pragma once

#include "server/token.h"
#include "tests/check.h"
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#define KIT_NOW    1800000000 /* seconds since 1970, when all tests take place */
#define KIT_SECRET "an HMAC secret of 32 bytes or so"

static char kit_folder[64];

static inline void kit_folder_make(void)
{
    snprintf(kit_folder, sizeof kit_folder, "/tmp/sotto-keys-XXXXXX");
    CHECK(mkdtemp(kit_folder) != NULL);
}

static inline void kit_path(const char *name, char out[256])
{
    snprintf(out, 256, "%s/%s", kit_folder, name);
}

static inline void kit_write(const char *name, const char *text, mode_t mode)
{
    char path[256];
    kit_path(name, path);
    FILE *file = fopen(path, "w");
    CHECK(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0);
    CHECK_EQ(chmod(path, mode), 0);
}

static inline void kit_remove(const char *name)
{
    char path[256];
    kit_path(name, path);
    CHECK_EQ(unlink(path), 0);
}

/* Writes a key's PEM: private, or its public half. */
static inline void kit_write_pem(const char *name, EVP_PKEY *key, bool private)
{
    char path[256];
    kit_path(name, path);
    FILE *file = fopen(path, "w");
    CHECK(file != NULL);
    CHECK_EQ(private ? PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL)
                     : PEM_write_PUBKEY(file, key),
             1);
    fclose(file);
    CHECK_EQ(chmod(path, private ? 0600 : 0644), 0);
}

static inline struct token_keys *kit_load(uint32_t age_s)
{
    char why[TOKEN_WHY_BYTES] = "";
    struct token_keys *keys = NULL;
    struct token_rules rules = {.audience = "sotto", .age_s = age_s};
    int status = token_keys_load(&keys, kit_folder, &rules, why);
    if (status != 0)
        fprintf(stderr, "%s\n", why);
    CHECK_EQ(status, 0);
    return keys;
}

/* Base64url as it should be; returns where the text ends. */
static inline char *kit_encode(const void *bytes, size_t len, char *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const unsigned char *in = bytes;
    for (size_t bit = 0; bit < 8 * len; bit += 6) {
        unsigned two = (unsigned)in[bit / 8] << 8 | (bit / 8 + 1 < len ? in[bit / 8 + 1] : 0);
        *out++ = digits[two >> (10 - bit % 8) & 63];
    }
    *out = '\0';
    return out;
}

static inline char *kit_encode_text(const char *text, char *out)
{
    return kit_encode(text, strlen(text), out);
}

/* "header.claims." */
static inline char *kit_unsigned(const char *header, const char *claims, char *out)
{
    char *at = kit_encode_text(header, out);
    *at++ = '.';
    at = kit_encode_text(claims, at);
    *at++ = '.';
    *at = '\0';
    return at;
}

/* A token signed with HMAC-SHA256 by any secret. */
static inline const char *kit_hmac(const char *header, const char *claims, const void *secret,
                                   size_t len)
{
    static char token[16384];
    unsigned char mac[32];
    char *at = kit_unsigned(header, claims, token);
    HMAC(EVP_sha256(), secret, (int)len, (unsigned char *)token, (size_t)(at - token - 1), mac,
         NULL);
    kit_encode(mac, sizeof mac, at);
    return token;
}

static inline const char *kit_sign(const char *header, const char *claims)
{
    return kit_hmac(header, claims, KIT_SECRET, strlen(KIT_SECRET));
}
