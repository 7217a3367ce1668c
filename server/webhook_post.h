/*
 * One letter to a webhook: signed, posted over TLS, judged by the answer's status. The headers and
 * the signature are those of Standard Webhooks, so that its libraries verify them; docs/webhooks.md
 * tells receivers what to check.
 *
 * Threads: any, one call waits for the whole exchange, so never on a loop. Memory: everything is
 * borrowed for the call.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WEBHOOK_ID_BYTES        37 /* "msg_" and 32 hexadecimal digits */
#define WEBHOOK_SIGNATURE_BYTES 49 /* "v1," and 44 characters of base64, its NUL included */
#define WEBHOOK_WHY_BYTES       200
#define WEBHOOK_KEY_MAX         128 /* bytes of a secret */

struct webhook_key {
    uint8_t bytes[WEBHOOK_KEY_MAX];
    size_t len;
};

/* Who receives. */
struct webhook_target {
    const char *url;
    const char *ca_file; /* PEM; "": the system's roots */
    struct webhook_key key;
    bool private_ok; /* addresses of this machine and of private networks */
    unsigned timeout_ms;
    /* CLOCK_MONOTONIC, 0: never: an exchange that is not over then is given up. Relaxed. */
    _Atomic int64_t *give_up_us;
};

struct webhook_letter {
    char id[WEBHOOK_ID_BYTES]; /* the same at every try: receivers tell by it what they know */
    const char *body;          /* JSON */
    size_t body_len;
};

struct webhook_answer {
    int http_status;             /* 0: none came */
    uint32_t retry_after_ms;     /* 0: it asked for no pause */
    char why[WEBHOOK_WHY_BYTES]; /* of a failure, for people */
};

/* "whsec_" and base64 is what Standard Webhooks calls a secret; anything else is taken as it is.
 * STATUS_INVALID: shorter than 16 bytes, longer than WEBHOOK_KEY_MAX, or no base64. */
int webhook_key_read(const char *secret, struct webhook_key *out);
/* NULL: requests can go to `url`; else what is wrong with it, for people. */
const char *webhook_url_fault(const char *url, bool private_ok);
void webhook_sign(const struct webhook_key *key, const struct webhook_letter *letter,
                  int64_t wall_s, char out[WEBHOOK_SIGNATURE_BYTES]);
/* 0: answered 2xx. STATUS_CLOSED: answered 410, nobody wants to hear more. STATUS_REFUSED: any
 * other answer. STATUS_UNAVAILABLE: none, or an address that is not allowed. STATUS_NOMEM. */
int webhook_post(const struct webhook_target *target, const struct webhook_letter *letter,
                 struct webhook_answer *out);
