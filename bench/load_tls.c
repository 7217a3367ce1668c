#include "bench/load_tls.h"

#include "base/mem.h"
#include "base/status.h"
#include <assert.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>

#define OUT_BYTES_MAX (4 << 20)

struct load_tls {
    SSL *ssl;
    BIO *in, *out; /* the SSL's */
    struct buf sending;
    size_t sent;
};

static const char *last_error(void)
{
    unsigned long code = ERR_get_error();
    const char *text = code != 0 ? ERR_reason_error_string(code) : NULL;
    ERR_clear_error();
    return text != NULL ? text : "no reason given";
}

int load_tls_context(SSL_CTX **out, const char *ca_file)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    if (context == NULL)
        return STATUS_NOMEM;
    int trusted = ca_file != NULL ? SSL_CTX_load_verify_locations(context, ca_file, NULL)
                                  : SSL_CTX_set_default_verify_paths(context);
    if (trusted != 1) {
        fprintf(stderr, "sotto-bench: --ca %s: %s\n", ca_file != NULL ? ca_file : "(the system's)",
                last_error());
        SSL_CTX_free(context);
        return STATUS_INVALID;
    }
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    *out = context;
    return STATUS_OK;
}

void load_tls_context_free(SSL_CTX *context)
{
    SSL_CTX_free(context);
}

struct load_tls *load_tls_open(SSL_CTX *context, const char *host)
{
    struct load_tls *tls = mem_calloc(1, sizeof *tls);
    if (tls == NULL)
        return NULL;
    buf_init(&tls->sending, OUT_BYTES_MAX);
    tls->ssl = SSL_new(context);
    tls->in = BIO_new(BIO_s_mem());
    tls->out = BIO_new(BIO_s_mem());
    if (tls->ssl == NULL || tls->in == NULL || tls->out == NULL) {
        BIO_free(tls->in);
        BIO_free(tls->out);
        SSL_free(tls->ssl);
        mem_free(tls);
        return NULL;
    }
    SSL_set_bio(tls->ssl, tls->in, tls->out);
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(tls->ssl), host);
    SSL_set_connect_state(tls->ssl);
    SSL_do_handshake(tls->ssl); /* writes its first message and waits */
    ERR_clear_error();
    return tls;
}

void load_tls_close(struct load_tls *tls)
{
    if (tls == NULL)
        return;
    SSL_free(tls->ssl);
    buf_deinit(&tls->sending);
    mem_free(tls);
}

/* What OpenSSL's answer means when it is no success. */
static int status_of(const struct load_tls *tls, int answer)
{
    int error = SSL_get_error(tls->ssl, answer);
    ERR_clear_error();
    return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? STATUS_OK
                                                                         : STATUS_PROTOCOL;
}

int load_tls_receive(struct load_tls *tls, const void *bytes, size_t len)
{
    if (BIO_write(tls->in, bytes, (int)len) != (int)len)
        return STATUS_NOMEM;
    if (load_tls_ready(tls))
        return STATUS_OK;
    int answer = SSL_do_handshake(tls->ssl);
    return answer == 1 ? STATUS_OK : status_of(tls, answer);
}

int load_tls_read(struct load_tls *tls, void *out, size_t cap)
{
    if (!load_tls_ready(tls))
        return 0;
    int got = SSL_read(tls->ssl, out, (int)cap);
    return got > 0 ? got : status_of(tls, got);
}

bool load_tls_ready(const struct load_tls *tls)
{
    return SSL_is_init_finished(tls->ssl) == 1;
}

int load_tls_write(struct load_tls *tls, const void *bytes, size_t len)
{
    assert(load_tls_ready(tls));
    return SSL_write(tls->ssl, bytes, (int)len) == (int)len ? STATUS_OK : STATUS_PROTOCOL;
}

bool load_tls_next(struct load_tls *tls, const void **bytes, size_t *len)
{
    if (tls->sent == tls->sending.len) {
        char *ready;
        long count = BIO_get_mem_data(tls->out, &ready);
        buf_reset(&tls->sending);
        tls->sent = 0;
        if (count <= 0 || buf_append(&tls->sending, ready, (size_t)count) != STATUS_OK)
            return false;
        (void)BIO_reset(tls->out);
    }
    *bytes = tls->sending.data + tls->sent;
    *len = tls->sending.len - tls->sent;
    return true;
}

bool load_tls_sent(struct load_tls *tls, size_t len)
{
    tls->sent += len;
    assert(tls->sent <= tls->sending.len);
    return tls->sent == tls->sending.len;
}
