/*
 * One POST to an address that an operator has configured, on a connection of its own: for what is
 * sent seldom. Addresses of this machine and of private networks are barred unless allowed, judged
 * when they are known, so that no name can stand for another one.
 *
 * Threads: any, one call waits for the whole exchange, so never on a loop. Memory: everything is
 * borrowed for the call.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define POOL_POST_WHY_BYTES 200

struct pool_post {
    const char *url;
    const char *ca_file; /* PEM; "": the system's roots */
    bool private_ok;     /* addresses of this machine and of private networks */
    unsigned timeout_ms;
    /* CLOCK_MONOTONIC, 0: never: an exchange that is not over then is given up. Relaxed. */
    _Atomic int64_t *give_up_us;
    const char *const *headers; /* "name: value" */
    size_t headers_len;
    const char *body;
    size_t body_len;
};

struct pool_posted {
    int http_status;               /* 0: none came */
    uint32_t retry_after_ms;       /* 0: it asked for no pause */
    bool barred;                   /* its address is not allowed */
    char why[POOL_POST_WHY_BYTES]; /* of a failure, for people */
};

/* NULL: requests can go to `url`; else what is wrong with it, for people. */
const char *pool_post_url_fault(const char *url, bool private_ok);
/* 0: answered 2xx. STATUS_CLOSED: answered 410, nobody wants to hear more. STATUS_REFUSED: any
 * other answer. STATUS_UNAVAILABLE: none, or an address that is not allowed. STATUS_NOMEM. */
int pool_post(const struct pool_post *post, struct pool_posted *out);
