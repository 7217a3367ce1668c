/* The test upstream's TLS context: one certificate, HTTP/2 only. */
#pragma once

#include <openssl/ssl.h>

struct test_cert;

/* `cert` NULL: a new one. Its PEM is written to `cert_file` unless that is NULL. STATUS_IO with the
 * reason on stderr. */
int chat_tls_create(SSL_CTX **out, const struct test_cert *cert, const char *cert_file);
