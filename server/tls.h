/*
 * TLS of the fronts: which certificate is shown, and how (TLS 1.2 and 1.3, AEAD ciphers, HTTP/1.1).
 *
 * Every front has an SSL_CTX of its own, made by libwebsockets, that holds no certificate: a
 * handshake asks for the one in force (SSL_CTX_set_cert_cb), so a new one takes effect at once, for
 * all fronts, while connections that are open keep theirs.
 *
 * Threads: main, but for tls_setup() and the handshakes: the fronts.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct config;
struct ssl_ctx_st;
struct ssl_st;
struct tls;
/* A certificate with its chain, and its key. */
struct tls_pair;

/* Reads [tls] cert and key (gives, tls_pair_free); NULL when there are none. STATUS_INVALID, logged
 * with what to do: one is not readable, they do not belong together, or the certificate's time is
 * over. */
int tls_load(const struct config *config, struct tls_pair **out);
void tls_pair_free(struct tls_pair *pair);

/* Takes `pair`. NULL: out of memory, and it is the caller's. */
struct tls *tls_create(struct tls_pair *pair);
/* After the fronts have ended. NULL is nothing. */
void tls_destroy(struct tls *tls);
/* Takes `pair`, which handshakes show from now on. */
void tls_put(struct tls *tls, struct tls_pair *pair);
/* Prepares a front's context. STATUS_INTERNAL. */
int tls_setup(struct tls *tls, struct ssl_ctx_st *ctx);
/* Bytes that were decrypted and not read yet. NULL: no TLS, no bytes. */
bool tls_holds_more(const struct ssl_st *ssl);
/* When the certificate in force ends, seconds since 1970. Any thread. */
int64_t tls_expires_s(struct tls *tls);
