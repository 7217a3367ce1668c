#include "server/tls.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/status.h"
#include "server/config.h"
#include "server/secret.h"
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

/* Forward secrecy and authenticated encryption only; TLS 1.3 has no others. The list is Mozilla's
 * "intermediate" without finite field DH. */
#define CIPHERS                                                                                    \
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"     \
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
#define GROUPS "X25519:P-256:P-384"
/* Who learns the key of tickets reads sessions that were resumed with them (TLS 1.2), so a key
 * lives for two hours: one in which it seals, one in which it still opens. */
#define TICKET_KEY_US  (3600 * 1000000LL)
#define TICKET_LIFE_S  3600
#define RSA_BITS_MIN   2048
#define EXPIRES_SOON_S (14 * 86400)

struct tls_pair {
    X509 *cert;
    STACK_OF(X509) * chain;
    EVP_PKEY *key;
    int64_t expires_s;
};

struct ticket_key {
    unsigned char name[16], aes[32], hmac[32];
};

struct tls {
    pthread_mutex_t lock; /* of all below; held for moments, by handshakes of all fronts */
    struct tls_pair *pair;
    struct ticket_key sealing, opening;
    int64_t sealing_since_us;
};

static int refuse(const char *option, const char *path, const char *reason)
{
    unsigned long code = ERR_peek_last_error();
    const char *detail = code != 0 ? ERR_reason_error_string(code) : NULL;
    LOG_ERROR(LOG_MAIN, 0, "cannot use the certificate", "option=%s file=%s reason=%s library=%s",
              LOG_Q(option), LOG_Q(path), LOG_Q(reason), LOG_Q(detail != NULL ? detail : ""));
    ERR_clear_error();
    return STATUS_INVALID;
}

/* --- certificate and key --- */

static int no_passphrase(char *out, int cap, int writing, void *ctx)
{
    (void)out;
    (void)cap;
    (void)writing;
    (void)ctx;
    return -1;
}

void tls_pair_free(struct tls_pair *pair)
{
    if (pair == NULL)
        return;
    X509_free(pair->cert);
    sk_X509_pop_free(pair->chain, X509_free);
    EVP_PKEY_free(pair->key);
    mem_free(pair);
}

/* The first certificate is the server's, what follows leads to a root. */
static int read_chain(struct tls_pair *pair, const char *path)
{
    BIO *file = BIO_new_file(path, "r");
    if (file == NULL)
        return refuse("[tls] cert", path, "it cannot be read");
    pair->cert = PEM_read_bio_X509(file, NULL, no_passphrase, NULL);
    pair->chain = sk_X509_new_null();
    X509 *next;
    while (pair->cert != NULL && pair->chain != NULL &&
           (next = PEM_read_bio_X509(file, NULL, no_passphrase, NULL)) != NULL)
        if (sk_X509_push(pair->chain, next) == 0)
            X509_free(next);
    BIO_free(file);
    if (pair->cert == NULL || pair->chain == NULL)
        return refuse("[tls] cert", path, "there is no certificate in it");
    ERR_clear_error(); /* the end of the file is one */
    return STATUS_OK;
}

static int read_key(struct tls_pair *pair, const char *path)
{
    char why[SECRET_WHY_BYTES], *text;
    size_t len;
    if (secret_read(path, true, &text, &len, why) != STATUS_OK)
        return refuse("[tls] key", path, why);
    BIO *bio = BIO_new_mem_buf(text, (int)len);
    if (bio != NULL)
        pair->key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
    BIO_free(bio);
    secret_free_bytes(text, len);
    return pair->key != NULL
               ? STATUS_OK
               : refuse("[tls] key", path, "there is no private key without passphrase in it");
}

static int check_key(const struct tls_pair *pair, const char *path)
{
    if (X509_check_private_key(pair->cert, pair->key) != 1)
        return refuse("[tls] key", path, "it is not the key of the certificate");
    if (EVP_PKEY_get_base_id(pair->key) == EVP_PKEY_RSA &&
        EVP_PKEY_get_bits(pair->key) < RSA_BITS_MIN)
        return refuse("[tls] key", path, "an RSA key has 2048 bits at least");
    return STATUS_OK;
}

static int check_time(struct tls_pair *pair, const char *path)
{
    struct tm end;
    if (ASN1_TIME_to_tm(X509_get0_notAfter(pair->cert), &end) != 1)
        return refuse("[tls] cert", path, "its end cannot be read");
    pair->expires_s = timegm(&end);
    int64_t left_s = pair->expires_s - clock_wall_us() / 1000000;
    if (left_s <= 0)
        return refuse("[tls] cert", path, "it has expired");
    if (left_s < EXPIRES_SOON_S)
        LOG_WARN(LOG_MAIN, 0, "the certificate expires soon", "file=%s days=%lld hint=%s",
                 LOG_Q(path), (long long)(left_s / 86400), LOG_Q("renew it, then send SIGHUP"));
    return STATUS_OK;
}

int tls_load(const struct config *config, struct tls_pair **out)
{
    const char *cert = config->tls_cert;
    const char *key = config->tls_key[0] != '\0' ? config->tls_key : cert;
    *out = NULL;
    if (cert[0] == '\0')
        return config->tls_key[0] == '\0' ? STATUS_OK
                                          : refuse("[tls] cert", "",
                                                   "[tls] key is of no use "
                                                   "without it");
    struct tls_pair *pair = mem_calloc(1, sizeof *pair);
    if (pair == NULL)
        return STATUS_NOMEM;
    int status = read_chain(pair, cert);
    if (status == STATUS_OK)
        status = read_key(pair, key);
    if (status == STATUS_OK)
        status = check_key(pair, key);
    if (status == STATUS_OK)
        status = check_time(pair, cert);
    if (status != STATUS_OK) {
        tls_pair_free(pair);
        return status;
    }
    secret_no_dumps();
    *out = pair;
    return STATUS_OK;
}

/* --- what is in force --- */

static void renew_ticket_key(struct tls *tls)
{
    tls->opening = tls->sealing;
    rng_secure(&tls->sealing, sizeof tls->sealing);
    tls->sealing_since_us = clock_mono_us();
}

struct tls *tls_create(struct tls_pair *pair)
{
    struct tls *tls = mem_calloc(1, sizeof *tls);
    if (tls == NULL)
        return NULL;
    pthread_mutex_init(&tls->lock, NULL);
    tls->pair = pair;
    renew_ticket_key(tls);
    renew_ticket_key(tls); /* the one that only opens is random, too */
    return tls;
}

void tls_destroy(struct tls *tls)
{
    if (tls == NULL)
        return;
    tls_pair_free(tls->pair);
    pthread_mutex_destroy(&tls->lock);
    secret_free_bytes(tls, sizeof *tls);
}

void tls_put(struct tls *tls, struct tls_pair *pair)
{
    pthread_mutex_lock(&tls->lock);
    struct tls_pair *old = tls->pair;
    tls->pair = pair;
    pthread_mutex_unlock(&tls->lock);
    tls_pair_free(old);
}

int64_t tls_expires_s(struct tls *tls)
{
    pthread_mutex_lock(&tls->lock);
    int64_t expires_s = tls->pair->expires_s;
    pthread_mutex_unlock(&tls->lock);
    return expires_s;
}

/* --- handshakes --- */

/* SSL_CTX_set_cert_cb(3): 1 goes on. The connection takes references of its own. */
static int on_cert(SSL *ssl, void *ctx)
{
    struct tls *tls = ctx;
    pthread_mutex_lock(&tls->lock);
    int done = SSL_use_cert_and_key(ssl, tls->pair->cert, tls->pair->key, tls->pair->chain, 1);
    pthread_mutex_unlock(&tls->lock);
    return done;
}

static int start_ticket(const struct ticket_key *key, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                        EVP_MAC_CTX *mac, int seal)
{
    char digest[] = "SHA256";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, (void *)key->hmac, sizeof key->hmac),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end()};
    return EVP_MAC_CTX_set_params(mac, params) == 1 &&
           EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), NULL, key->aes, iv, seal) == 1;
}

/* SSL_CTX_set_tlsext_ticket_key_evp_cb(3): 1 go on, 2 and give a new ticket, 0 the key is unknown
 * (a whole handshake follows), -1 failed. One set of keys for all fronts: the kernel chooses the
 * front. */
static int on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                     EVP_MAC_CTX *mac, int seal)
{
    struct tls *tls = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    struct ticket_key key;
    int result = 1;
    pthread_mutex_lock(&tls->lock);
    if (clock_mono_us() - tls->sealing_since_us > TICKET_KEY_US)
        renew_ticket_key(tls);
    key = tls->sealing;
    if (!seal && memcmp(name, key.name, sizeof key.name) != 0) {
        key = tls->opening;
        result = memcmp(name, key.name, sizeof key.name) == 0 ? 2 : 0;
    }
    pthread_mutex_unlock(&tls->lock);
    if (seal) {
        memcpy(name, key.name, sizeof key.name);
        rng_secure(iv, 16);
    }
    if (result != 0 && !start_ticket(&key, iv, cipher, mac, seal))
        result = -1;
    explicit_bzero(&key, sizeof key);
    return result;
}

int tls_setup(struct tls *tls, struct ssl_ctx_st *ctx)
{
    static const unsigned char context[] = "sotto";
    SSL_CTX_set_cert_cb(ctx, on_cert, tls);
    SSL_CTX_set_app_data(ctx, tls);
    SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, on_ticket);
    SSL_CTX_set_timeout(ctx, TICKET_LIFE_S);
    SSL_CTX_set_num_tickets(ctx, 1);
    /* Tickets are all there is to resume by: nothing is kept here for clients that may not come. */
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    /* A connection that neither reads nor writes gives back its 34 KB of buffers. */
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
    bool ok = SSL_CTX_set_session_id_context(ctx, context, sizeof context - 1) == 1 &&
              SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1 &&
              SSL_CTX_set_cipher_list(ctx, CIPHERS) == 1 &&
              SSL_CTX_set1_groups_list(ctx, GROUPS) == 1;
    return ok ? STATUS_OK : STATUS_INTERNAL;
}

bool tls_holds_more(const struct ssl_st *ssl)
{
    return ssl != NULL && SSL_pending(ssl) > 0;
}
