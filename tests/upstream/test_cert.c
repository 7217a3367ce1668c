#include "tests/upstream/test_cert.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void need(int ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "test certificate: %s\n", what);
    exit(1);
}

static void bio_text(BIO *bio, char out[TEST_CERT_PEM_MAX])
{
    char *text;
    long len = BIO_get_mem_data(bio, &text);
    need(len > 0 && len < TEST_CERT_PEM_MAX, "size");
    memcpy(out, text, (size_t)len);
    out[len] = '\0';
    BIO_free(bio);
}

static void add_extension(X509 *x509, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, x509, x509, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    need(extension != NULL && X509_add_ext(x509, extension, -1), "extension");
    X509_EXTENSION_free(extension);
}

void test_cert_make(struct test_cert *cert)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x509 = X509_new();
    need(key != NULL && x509 != NULL, "key");
    X509_set_version(x509, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x509), 1);
    X509_gmtime_adj(X509_getm_notBefore(x509), -3600);
    X509_gmtime_adj(X509_getm_notAfter(x509), 24 * 3600);
    X509_set_pubkey(x509, key);
    X509_NAME *name = X509_get_subject_name(x509);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"localhost", -1, -1,
                               0);
    X509_set_issuer_name(x509, name);
    add_extension(x509, NID_basic_constraints, "critical,CA:TRUE");
    add_extension(x509, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1");
    need(X509_sign(x509, key, EVP_sha256()) > 0, "sign");
    BIO *bio = BIO_new(BIO_s_mem());
    need(PEM_write_bio_X509(bio, x509), "certificate");
    bio_text(bio, cert->cert_pem);
    bio = BIO_new(BIO_s_mem());
    need(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL), "private key");
    bio_text(bio, cert->key_pem);
    X509_free(x509);
    EVP_PKEY_free(key);
}
