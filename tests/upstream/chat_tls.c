#include "tests/upstream/chat_tls.h"

#include "base/status.h"
#include "tests/upstream/test_cert.h"
#include <nghttp2/nghttp2.h>
#include <openssl/pem.h>
#include <stdbool.h>
#include <stdio.h>

static int alpn_choose(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                       const unsigned char *in, unsigned in_len, void *ctx)
{
    return nghttp2_select_next_protocol((unsigned char **)out, out_len, in, in_len) == 1
               ? SSL_TLSEXT_ERR_OK
               : SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* In one step, so that whoever waits for the file never reads half of it. */
static int cert_write(const char *path, const char *pem)
{
    char part[512];
    snprintf(part, sizeof part, "%s.part", path);
    FILE *file = fopen(part, "w");
    if (file == NULL || fputs(pem, file) < 0 || fclose(file) != 0 || rename(part, path) != 0) {
        perror(path);
        return STATUS_IO;
    }
    return STATUS_OK;
}

int chat_tls_create(SSL_CTX **out, const struct test_cert *cert, const char *cert_file)
{
    struct test_cert made;
    if (cert == NULL) {
        test_cert_make(&made);
        cert = &made;
    }
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
    BIO *cert_bio = BIO_new_mem_buf(cert->cert_pem, -1);
    BIO *key_bio = BIO_new_mem_buf(cert->key_pem, -1);
    X509 *x509 = PEM_read_bio_X509(cert_bio, NULL, NULL, NULL);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(key_bio, NULL, NULL, NULL);
    bool ok = SSL_CTX_use_certificate(tls, x509) == 1 && SSL_CTX_use_PrivateKey(tls, key) == 1;
    X509_free(x509);
    EVP_PKEY_free(key);
    BIO_free(cert_bio);
    BIO_free(key_bio);
    SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_alpn_select_cb(tls, alpn_choose, NULL);
    if (!ok || (cert_file != NULL && cert_write(cert_file, cert->cert_pem) != STATUS_OK)) {
        SSL_CTX_free(tls);
        return STATUS_IO;
    }
    *out = tls;
    return STATUS_OK;
}
