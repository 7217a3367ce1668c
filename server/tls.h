/*
 * TLS of the fronts: which certificate is shown, and how (TLS 1.2 and 1.3, AEAD ciphers, HTTP/1.1).
 *
 * Every front has an SSL_CTX of its own, made by libwebsockets, that holds no certificate: a
 * handshake asks for the one in force (SSL_CTX_set_cert_cb), so a new one takes effect at once, for
 * all fronts, while connections that are open keep theirs.
 *
 * Threads: tls_create(), tls_reload(), tls_destroy() on main; tls_setup() and the handshakes on the
 * fronts.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct config;
struct ssl_ctx_st;
struct tls;

/* Reads certificate and key. `*out` is NULL without [tls] cert. STATUS_INVALID, STATUS_IO, logged:
 * one is not readable, they do not belong together, or the certificate has expired. */
int tls_create(struct tls **out, const struct config *config);
/* After the fronts have ended. NULL is nothing. */
void tls_destroy(struct tls *tls);
/* Shows the certificate that is now in the files. On a failure, which is logged, the old one
 * stays. */
int tls_reload(struct tls *tls, const struct config *config);
/* Prepares a front's context. STATUS_INTERNAL. */
int tls_setup(struct tls *tls, struct ssl_ctx_st *ctx);
/* When the certificate in force ends, seconds since 1970; 0 for NULL. Any thread. */
int64_t tls_expires_s(struct tls *tls);
