#include "server/webhook_post.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/status.h"
#include "pool/post.h"
#include "server/limits.h"
#include <assert.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECRET_PREFIX "whsec_"
#define KEY_MIN       16
#define HEADER_BYTES  160

/* Secrets and signatures. */

int webhook_key_read(const char *secret, struct webhook_key *out)
{
    struct webhook_key key = {.len = strlen(secret)};
    bool coded = strncmp(secret, SECRET_PREFIX, strlen(SECRET_PREFIX)) == 0;
    if (coded) {
        uint8_t bytes[WEBHOOK_KEY_MAX + 3];
        const char *text = secret + strlen(SECRET_PREFIX);
        size_t len = strlen(text);
        if (len % 4 != 0 || len / 4 * 3 > sizeof bytes)
            return STATUS_INVALID;
        int decoded = EVP_DecodeBlock(bytes, (const unsigned char *)text, (int)len);
        /* It counts what stands for the end as bytes. */
        for (size_t i = len; decoded > 0 && i > 0 && text[i - 1] == '='; i--)
            decoded--;
        if (decoded < 0 || decoded > WEBHOOK_KEY_MAX)
            return STATUS_INVALID;
        key.len = (size_t)decoded;
        memcpy(key.bytes, bytes, key.len);
    } else if (key.len <= WEBHOOK_KEY_MAX) {
        memcpy(key.bytes, secret, key.len);
    }
    if (key.len < KEY_MIN || key.len > WEBHOOK_KEY_MAX)
        return STATUS_INVALID;
    *out = key;
    return STATUS_OK;
}

void webhook_sign(const struct webhook_key *key, const struct webhook_letter *letter,
                  int64_t wall_s, char out[WEBHOOK_SIGNATURE_BYTES])
{
    struct buf text;
    buf_init(&text, WEBHOOK_BODY_BYTES + HEADER_BYTES);
    buf_printf(&text, "%s.%lld.", letter->id, (long long)wall_s);
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned mac_len = 0;
    /* Without memory: no signature that a receiver takes for one. */
    if (buf_append(&text, letter->body, letter->body_len) != STATUS_OK ||
        HMAC(EVP_sha256(), key->bytes, (int)key->len, (const unsigned char *)text.data, text.len,
             mac, &mac_len) == NULL)
        mac_len = 0;
    buf_deinit(&text);
    memcpy(out, "v1,", 4);
    EVP_EncodeBlock((unsigned char *)out + 3, mac, (int)mac_len);
}

/* One exchange. */

const char *webhook_url_fault(const char *url, bool private_ok)
{
    return pool_post_url_fault(url, private_ok);
}

int webhook_post(const struct webhook_target *target, const struct webhook_letter *letter,
                 struct webhook_answer *out)
{
    char id[HEADER_BYTES], at[HEADER_BYTES], signed_by[HEADER_BYTES];
    char signature[WEBHOOK_SIGNATURE_BYTES];
    int64_t wall_s = clock_wall_us() / 1000000;
    webhook_sign(&target->key, letter, wall_s, signature);
    snprintf(id, sizeof id, "webhook-id: %s", letter->id);
    snprintf(at, sizeof at, "webhook-timestamp: %lld", (long long)wall_s);
    snprintf(signed_by, sizeof signed_by, "webhook-signature: %s", signature);
    const char *const headers[] = {"Content-Type: application/json", id, at, signed_by};
    const struct pool_post post = {.url = target->url,
                                   .ca_file = target->ca_file,
                                   .private_ok = target->private_ok,
                                   .timeout_ms = target->timeout_ms,
                                   .give_up_us = target->give_up_us,
                                   .headers = headers,
                                   .headers_len = sizeof headers / sizeof headers[0],
                                   .body = letter->body,
                                   .body_len = letter->body_len};
    struct pool_posted posted;
    int status = pool_post(&post, &posted);
    *out = (struct webhook_answer){.http_status = posted.http_status,
                                   .retry_after_ms = posted.retry_after_ms};
    snprintf(out->why, sizeof out->why, "%s",
             posted.barred ? "its address is private; [webhook] private = true allows that"
                           : posted.why);
    return status;
}
