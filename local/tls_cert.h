/*
 * A certificate of our own for loopback, made at start: EC P-256, signed by itself, for localhost,
 * 127.0.0.1 and ::1. Peers trust it by the file cert_dir/cert.pem; the key never leaves the
 * process.
 *
 * Threads: any. Memory: the context is the caller's, SSL_CTX_free().
 */
#pragma once

struct ssl_ctx_st;

/* A server context (TLS 1.2 and later, ALPN h2 only) with a fresh key and certificate; the
 * certificate alone is written to cert_dir/cert.pem, replacing an older one in one step. `cert_dir`
 * is created (0700) when missing. STATUS_IO: it cannot be written; STATUS_INTERNAL: OpenSSL failed.
 */
int tls_cert_context(struct ssl_ctx_st **out, const char *cert_dir);
