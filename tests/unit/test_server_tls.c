/* Handshakes in memory, with certificates made here. */
#include "server/tls.h"

#include "base/clock.h"
#include "base/status.h"
#include "server/config.h"
#include "tests/check.h"
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/sotto-tls-XXXXXX";
static char cert_path[64], key_path[64];
static const struct config config = {.tls_cert = cert_path, .tls_key = key_path};

static void write_pem(const char *path, X509 *cert, EVP_PKEY *key, mode_t mode)
{
    FILE *file = fopen(path, "w");
    CHECK(file != NULL);
    if (cert != NULL)
        CHECK_EQ(PEM_write_X509(file, cert), 1);
    if (key != NULL)
        CHECK_EQ(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), 1);
    fclose(file);
    CHECK_EQ(chmod(path, mode), 0);
}

static X509 *make_cert(EVP_PKEY *key, const char *name, int days)
{
    X509 *cert = X509_new();
    X509_set_version(cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), -86400 * 30);
    X509_gmtime_adj(X509_getm_notAfter(cert), 86400L * days);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_UTF8,
                               (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(cert, X509_get_subject_name(cert));
    X509_set_pubkey(cert, key);
    CHECK(X509_sign(cert, key, EVP_sha256()) > 0);
    return cert;
}

/* Puts a new certificate and its key into the files. */
static void put(const char *name, bool rsa, int days)
{
    EVP_PKEY *key = rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("prime256v1");
    X509 *cert = make_cert(key, name, days);
    write_pem(cert_path, cert, NULL, 0644);
    write_pem(key_path, NULL, key, 0600);
    X509_free(cert);
    EVP_PKEY_free(key);
}

static struct tls_pair *load(void)
{
    struct tls_pair *pair = NULL;
    CHECK_EQ(tls_load(&config, &pair), STATUS_OK);
    CHECK(pair != NULL);
    return pair;
}

static int load_status(void)
{
    struct tls_pair *pair = NULL;
    int status = tls_load(&config, &pair);
    CHECK((status == STATUS_OK) == (pair != NULL));
    tls_pair_free(pair);
    return status;
}

static SSL_CTX *server_ctx(struct tls *tls)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    CHECK_EQ(tls_setup(tls, ctx), STATUS_OK);
    return ctx;
}

struct talk {
    SSL *client, *server;
};

/* Both ends, joined; what the client wants is set by the caller before shake(). */
static struct talk begin(SSL_CTX *server, SSL_CTX *client)
{
    struct talk talk = {.client = SSL_new(client), .server = SSL_new(server)};
    BIO *a, *b;
    CHECK_EQ(BIO_new_bio_pair(&a, 0, &b, 0), 1);
    SSL_set_bio(talk.client, a, a);
    SSL_set_bio(talk.server, b, b);
    SSL_set_connect_state(talk.client);
    SSL_set_accept_state(talk.server);
    return talk;
}

static bool shake(struct talk *talk)
{
    int client = 0, server = 0;
    for (int i = 0; i < 20 && (client != 1 || server != 1); i++) {
        client = SSL_do_handshake(talk->client);
        server = SSL_do_handshake(talk->server);
    }
    char byte;
    if (client == 1 && server == 1)
        (void)SSL_read(talk->client, &byte, 1); /* the session ticket of TLS 1.3 */
    return client == 1 && server == 1;
}

static void end(struct talk *talk)
{
    SSL_free(talk->client);
    SSL_free(talk->server);
}

static const char *shown(const struct talk *talk)
{
    static char name[64];
    X509 *cert = SSL_get0_peer_certificate(talk->client);
    X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, name, sizeof name);
    return name;
}

static void check_shows(SSL_CTX *server, SSL_CTX *client, const char *name)
{
    struct talk talk = begin(server, client);
    CHECK(shake(&talk));
    CHECK_STR(shown(&talk), name);
    end(&talk);
}

/* All fronts at once, connections that are open go on, and RSA may follow ECDSA. */
static void test_new_certificate(void)
{
    put("first", false, 365);
    struct tls *tls = tls_create(load());
    SSL_CTX *fronts[2] = {server_ctx(tls), server_ctx(tls)};
    SSL_CTX *client = SSL_CTX_new(TLS_client_method());
    struct talk open = begin(fronts[0], client);
    CHECK(shake(&open));
    CHECK_STR(shown(&open), "first");
    put("second", true, 100);
    check_shows(fronts[1], client, "first"); /* in the files, and not loaded */
    tls_put(tls, load());
    check_shows(fronts[0], client, "second");
    check_shows(fronts[1], client, "second");
    int64_t left_s = tls_expires_s(tls) - clock_wall_us() / 1000000;
    CHECK(left_s > 99 * 86400 && left_s <= 100 * 86400);
    put("third", false, 365);
    tls_put(tls, load());
    check_shows(fronts[0], client, "third");
    char text[6] = "";
    CHECK_EQ(SSL_write(open.server, "hello", 5), 5);
    CHECK_EQ(SSL_read(open.client, text, 5), 5);
    CHECK_STR(text, "hello");
    end(&open);
    SSL_CTX_free(client);
    SSL_CTX_free(fronts[0]);
    SSL_CTX_free(fronts[1]);
    tls_destroy(tls);
}

static bool speaks(SSL_CTX *server, int version, const char *ciphers)
{
    SSL_CTX *client = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_security_level(client, 0);
    CHECK_EQ(SSL_CTX_set_min_proto_version(client, version), 1);
    CHECK_EQ(SSL_CTX_set_max_proto_version(client, version), 1);
    if (ciphers != NULL)
        CHECK_EQ(SSL_CTX_set_cipher_list(client, ciphers), 1);
    struct talk talk = begin(server, client);
    bool done = shake(&talk);
    end(&talk);
    SSL_CTX_free(client);
    return done;
}

static void test_versions_and_ciphers(void)
{
    put("one", true, 365);
    struct tls *tls = tls_create(load());
    SSL_CTX *server = server_ctx(tls);
    CHECK(speaks(server, TLS1_3_VERSION, NULL));
    CHECK(speaks(server, TLS1_2_VERSION, NULL));
    CHECK(speaks(server, TLS1_2_VERSION, "ECDHE-RSA-CHACHA20-POLY1305"));
    CHECK(!speaks(server, TLS1_2_VERSION, "AES128-GCM-SHA256"));       /* no forward secrecy */
    CHECK(!speaks(server, TLS1_2_VERSION, "ECDHE-RSA-AES128-SHA256")); /* CBC */
    CHECK(!speaks(server, TLS1_2_VERSION, "ECDHE-RSA-NULL-SHA"));
    CHECK(!speaks(server, TLS1_1_VERSION, NULL));
    CHECK(!speaks(server, TLS1_VERSION, NULL));
    SSL_CTX_free(server);
    tls_destroy(tls);
}

static void test_no_renegotiation(void)
{
    put("one", false, 365);
    struct tls *tls = tls_create(load());
    SSL_CTX *server = server_ctx(tls), *client = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_max_proto_version(client, TLS1_2_VERSION);
    struct talk talk = begin(server, client);
    CHECK(shake(&talk));
    char byte;
    int done = SSL_renegotiate(talk.client);
    for (int i = 0; i < 10; i++) {
        (void)SSL_do_handshake(talk.client);
        (void)SSL_read(talk.server, &byte, 1);
    }
    CHECK(done == 0 || SSL_num_renegotiations(talk.server) == 0);
    CHECK(!SSL_renegotiate_pending(talk.server));
    end(&talk);
    SSL_CTX_free(client);
    SSL_CTX_free(server);
    tls_destroy(tls);
}

/* A ticket of one front resumes on another, in both versions; of another process it does not. */
static void test_resumes_on_any_front(void)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    put("one", false, 365);
    struct tls *tls = tls_create(load()), *other = tls_create(load());
    SSL_CTX *fronts[2] = {server_ctx(tls), server_ctx(tls)}, *elsewhere = server_ctx(other);
    for (int i = 0; i < 2; i++) {
        SSL_CTX *client = SSL_CTX_new(TLS_client_method());
        SSL_CTX_set_max_proto_version(client, versions[i]);
        struct talk first = begin(fronts[0], client), second = begin(fronts[1], client),
                    third = begin(elsewhere, client);
        CHECK(shake(&first));
        CHECK(!SSL_session_reused(first.client));
        SSL_SESSION *session = SSL_get1_session(first.client);
        SSL_set_session(second.client, session);
        CHECK(shake(&second));
        CHECK(SSL_session_reused(second.client));
        SSL_set_session(third.client, session);
        CHECK(shake(&third));
        CHECK(!SSL_session_reused(third.client));
        SSL_SESSION_free(session);
        end(&first);
        end(&second);
        end(&third);
        SSL_CTX_free(client);
    }
    SSL_CTX_free(fronts[0]);
    SSL_CTX_free(fronts[1]);
    SSL_CTX_free(elsewhere);
    tls_destroy(tls);
    tls_destroy(other);
}

static void test_refused(void)
{
    put("one", false, 365);
    CHECK_EQ(load_status(), STATUS_OK);
    put("late", false, -1);
    CHECK_EQ(load_status(), STATUS_INVALID);
    /* The key of another certificate. */
    put("one", false, 365);
    EVP_PKEY *other = EVP_EC_gen("prime256v1"), *weak = EVP_RSA_gen(1024);
    write_pem(key_path, NULL, other, 0600);
    CHECK_EQ(load_status(), STATUS_INVALID);
    X509 *cert = make_cert(other, "two", 365);
    write_pem(cert_path, cert, NULL, 0644);
    CHECK_EQ(load_status(), STATUS_OK);
    CHECK_EQ(chmod(key_path, 0644), 0);
    CHECK_EQ(load_status(), STATUS_INVALID);
    unlink(key_path);
    CHECK_EQ(load_status(), STATUS_INVALID);
    X509 *of_weak = make_cert(weak, "weak", 365);
    write_pem(cert_path, of_weak, NULL, 0644);
    write_pem(key_path, NULL, weak, 0600);
    CHECK_EQ(load_status(), STATUS_INVALID);
    write_pem(cert_path, NULL, NULL, 0644);
    CHECK_EQ(load_status(), STATUS_INVALID);
    X509_free(cert);
    X509_free(of_weak);
    EVP_PKEY_free(other);
    EVP_PKEY_free(weak);
}

static void test_options(void)
{
    struct tls_pair *pair = (struct tls_pair *)&config;
    struct config none = {.tls_cert = "", .tls_key = ""};
    CHECK_EQ(tls_load(&none, &pair), STATUS_OK);
    CHECK(pair == NULL);
    none.tls_key = key_path;
    CHECK_EQ(tls_load(&none, &pair), STATUS_INVALID);
    /* Both in one file. */
    EVP_PKEY *key = EVP_EC_gen("prime256v1");
    X509 *cert = make_cert(key, "both", 365);
    write_pem(cert_path, cert, key, 0600);
    struct config both = {.tls_cert = cert_path, .tls_key = ""};
    CHECK_EQ(tls_load(&both, &pair), STATUS_OK);
    tls_pair_free(pair);
    X509_free(cert);
    EVP_PKEY_free(key);
}

int main(void)
{
    CHECK(mkdtemp(folder) != NULL);
    snprintf(cert_path, sizeof cert_path, "%s/cert.pem", folder);
    snprintf(key_path, sizeof key_path, "%s/key.pem", folder);
    RUN(test_new_certificate);
    RUN(test_versions_and_ciphers);
    RUN(test_no_renegotiation);
    RUN(test_resumes_on_any_front);
    RUN(test_refused);
    RUN(test_options);
    unlink(cert_path);
    unlink(key_path);
    rmdir(folder);
    return check_done();
}
