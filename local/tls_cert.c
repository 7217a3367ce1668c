#include "local/tls_cert.h"
#include "base/rng.h"
#include "base/status.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CERT_DAYS 825 /* what strict clients accept at most */

static int cert_extension(X509 *cert, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, cert, cert, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    if (extension == NULL)
        return STATUS_INTERNAL;
    int ok = X509_add_ext(cert, extension, -1);
    X509_EXTENSION_free(extension);
    return ok == 1 ? 0 : STATUS_INTERNAL;
}

static int cert_fill(X509 *cert, EVP_PKEY *key)
{
    uint64_t serial = rng_seed() >> 1;
    X509_NAME *name = X509_get_subject_name(cert);
    bool ok =
        X509_set_version(cert, X509_VERSION_3) == 1 &&
        ASN1_INTEGER_set_uint64(X509_get_serialNumber(cert), serial) == 1 &&
        X509_gmtime_adj(X509_getm_notBefore(cert), -3600) != NULL &&
        X509_gmtime_adj(X509_getm_notAfter(cert), (long)CERT_DAYS * 86400) != NULL &&
        X509_set_pubkey(cert, key) == 1 &&
        X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"localhost", -1,
                                   -1, 0) == 1 &&
        X509_set_issuer_name(cert, name) == 1 &&
        cert_extension(cert, NID_basic_constraints, "critical,CA:FALSE") == 0 &&
        cert_extension(cert, NID_key_usage, "critical,digitalSignature") == 0 &&
        cert_extension(cert, NID_ext_key_usage, "serverAuth") == 0 &&
        cert_extension(cert, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1,IP:::1") == 0 &&
        X509_sign(cert, key, EVP_sha256()) > 0;
    return ok ? 0 : STATUS_INTERNAL;
}

static int write_whole(const char *path, const char *bytes, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0)
        return STATUS_IO;
    size_t done = 0;
    while (done < len) {
        ssize_t n = write(fd, bytes + done, len - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        done += (size_t)n;
    }
    int closed = close(fd);
    return done == len && closed == 0 ? 0 : STATUS_IO;
}

/* A peer that reads the file meanwhile sees the old or the new one, never half of it. */
static int cert_write(X509 *cert, const char *cert_dir)
{
    char path[1024], fresh[1040];
    int n = snprintf(path, sizeof path, "%s/cert.pem", cert_dir);
    if (n < 0 || (size_t)n >= sizeof path)
        return STATUS_INVALID;
    snprintf(fresh, sizeof fresh, "%s.%ld", path, (long)getpid());
    if (mkdir(cert_dir, 0700) != 0 && errno != EEXIST)
        return STATUS_IO;

    BIO *bio = BIO_new(BIO_s_mem());
    if (bio == NULL)
        return STATUS_NOMEM;
    char *pem;
    int status = STATUS_INTERNAL;
    if (PEM_write_bio_X509(bio, cert) == 1) {
        long len = BIO_get_mem_data(bio, &pem);
        status = write_whole(fresh, pem, (size_t)len);
        if (status == 0 && rename(fresh, path) != 0)
            status = STATUS_IO;
        if (status != 0)
            unlink(fresh);
    }
    BIO_free(bio);
    return status;
}

static int alpn_h2(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                   const unsigned char *in, unsigned in_len, void *ctx)
{
    for (unsigned at = 0; at + 1 + in[at] <= in_len; at += 1u + in[at]) {
        if (in[at] == 2 && memcmp(in + at + 1, "h2", 2) == 0) {
            *out = in + at + 1;
            *out_len = 2;
            return SSL_TLSEXT_ERR_OK;
        }
        if (at + 1u + in[at] >= in_len)
            break;
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static int context_create(SSL_CTX **out, X509 *cert, EVP_PKEY *key)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    if (ctx == NULL)
        return STATUS_NOMEM;
    SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                              SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_alpn_select_cb(ctx, alpn_h2, NULL);
    if (SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1 ||
        SSL_CTX_use_certificate(ctx, cert) != 1 || SSL_CTX_use_PrivateKey(ctx, key) != 1) {
        SSL_CTX_free(ctx);
        return STATUS_INTERNAL;
    }
    *out = ctx;
    return 0;
}

int tls_cert_context(SSL_CTX **out, const char *cert_dir)
{
    assert(out != NULL && cert_dir != NULL);
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    int status = key != NULL && cert != NULL ? cert_fill(cert, key) : STATUS_NOMEM;
    if (status == 0)
        status = cert_write(cert, cert_dir);
    if (status == 0)
        status = context_create(out, cert, key);
    X509_free(cert);
    EVP_PKEY_free(key);
    return status;
}
