/*
 * TLS of the load's clients, without I/O: bytes of the socket in and out, bytes of the WebSocket in
 * and out. OpenSSL with memory BIOs; what is to be sent is copied once more, into a buffer that
 * stays where it is while the kernel reads it.
 *
 * Threads: one owner. Memory: load_tls_close() ends a connection; a context outlives its own.
 */
#pragma once

#include "base/buf.h"
#include <stdbool.h>
#include <stddef.h>

struct ssl_ctx_st;
struct load_tls;

/* Trusts the authorities in `ca_file` and no others. STATUS_INVALID with the reason on stderr. */
int load_tls_context(struct ssl_ctx_st **out, const char *ca_file);
void load_tls_context_free(struct ssl_ctx_st *context);

/* To `host`, a numeric address that the certificate must name. NULL: no memory. */
struct load_tls *load_tls_open(struct ssl_ctx_st *context, const char *host);
/* NULL is nothing. */
void load_tls_close(struct load_tls *tls);
/* Bytes as they came from the socket. STATUS_PROTOCOL: the handshake failed, or what came is no
 * TLS. */
int load_tls_receive(struct load_tls *tls, const void *bytes, size_t len);
/* Plain bytes that have come: their number, 0: no more, STATUS_PROTOCOL. */
int load_tls_read(struct load_tls *tls, void *out, size_t cap);
/* The handshake is done: load_tls_write() may be called. */
bool load_tls_ready(const struct load_tls *tls);
int load_tls_write(struct load_tls *tls, const void *bytes, size_t len);
/* What the socket should be given; stays until load_tls_sent(). False: nothing. Not to be called
 * while the kernel has what the last call told. */
bool load_tls_next(struct load_tls *tls, const void **bytes, size_t *len);
/* So many of them were sent; true: all. */
bool load_tls_sent(struct load_tls *tls, size_t len);
