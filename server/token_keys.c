#include "base/mem.h"
#include "base/status.h"
#include "server/secret.h"
#include "server/token_internal.h"
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define PATH_BYTES 512

/* What the end of a file's name says. */
static const struct kind {
    const char *suffix, *algorithm;
    jwt_alg_t alg;
    int type; /* of OpenSSL */
} kinds[] = {
    {".hs256", "HS256", JWT_ALG_HS256, EVP_PKEY_NONE},
    {".rs256.pem", "RS256", JWT_ALG_RS256, EVP_PKEY_RSA},
    {".es256.pem", "ES256", JWT_ALG_ES256, EVP_PKEY_EC},
};

static int explain(char why[TOKEN_WHY_BYTES], const char *path, const char *text)
{
    snprintf(why, TOKEN_WHY_BYTES, "%.100s: %.130s", path, text);
    return STATUS_INVALID;
}

static bool kid_valid(const char *kid, size_t len)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    return len > 0 && len <= TOKEN_KID_MAX && strspn(kid, allowed) >= len;
}

/* The kind of key that a file of this name holds, and the length of its id; NULL: none. */
static const struct kind *kind_of(const char *name, size_t *kid_len)
{
    size_t len = strlen(name);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        size_t suffix = strlen(kinds[i].suffix);
        if (len <= suffix || strcmp(name + len - suffix, kinds[i].suffix) != 0)
            continue;
        *kid_len = len - suffix;
        return kid_valid(name, *kid_len) ? &kinds[i] : NULL;
    }
    return NULL;
}

static int read_secret(struct token_key *key, const char *path, char why[TOKEN_WHY_BYTES])
{
    int status = secret_read(path, true, &key->verify, &key->verify_len, why);
    if (status != STATUS_OK)
        return status;
    if (strncmp(key->verify, "-----BEGIN", 10) == 0)
        return explain(why, path,
                       "is a key in PEM, not a secret; name it KID.rs256.pem or "
                       "KID.es256.pem");
    if (key->verify_len < TOKEN_SECRET_MIN)
        return explain(why, path,
                       "a secret has 32 bytes at least; make one with "
                       "openssl rand -base64 48");
    key->sign = key->verify;
    key->sign_len = key->verify_len;
    key->signature_bytes = 32;
    return STATUS_OK;
}

/* A key with a passphrase is refused: the library would ask for it on the terminal. */
static int no_passphrase(char *out, int cap, int writing, void *ctx)
{
    (void)out;
    (void)cap;
    (void)writing;
    (void)ctx;
    return -1;
}

static EVP_PKEY *parse_pem(const char *text, size_t len, bool private)
{
    BIO *bio = BIO_new_mem_buf(text, (int)len);
    if (bio == NULL)
        return NULL;
    EVP_PKEY *key = private ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL)
                            : PEM_read_bio_PUBKEY(bio, NULL, no_passphrase, NULL);
    BIO_free(bio);
    ERR_clear_error();
    return key;
}

/* The public half as the library reads it. */
static int write_public(struct token_key *key, EVP_PKEY *pkey)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *text;
    long len;
    if (bio == NULL || PEM_write_bio_PUBKEY(bio, pkey) != 1 ||
        (len = BIO_get_mem_data(bio, &text)) <= 0) {
        BIO_free(bio);
        return STATUS_NOMEM;
    }
    key->verify = mem_strndup(text, (size_t)len);
    key->verify_len = (size_t)len;
    BIO_free(bio);
    return key->verify != NULL ? STATUS_OK : STATUS_NOMEM;
}

static bool is_p256(EVP_PKEY *pkey)
{
    char group[64];
    size_t len;
    return EVP_PKEY_get_utf8_string_param(pkey, OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof group,
                                          &len) == 1 &&
           strcmp(group, "prime256v1") == 0;
}

static int check_pkey(struct token_key *key, const struct kind *kind, EVP_PKEY *pkey,
                      const char *path, char why[TOKEN_WHY_BYTES])
{
    if (EVP_PKEY_get_base_id(pkey) != kind->type)
        return explain(why, path,
                       kind->type == EVP_PKEY_RSA ? "is not an RSA key"
                                                  : "is not an elliptic curve key");
    if (kind->type == EVP_PKEY_RSA && EVP_PKEY_get_bits(pkey) < TOKEN_RSA_BITS)
        return explain(why, path, "an RSA key has 2048 bits at least");
    if (kind->type == EVP_PKEY_EC && !is_p256(pkey))
        return explain(why, path, "ES256 is of the curve prime256v1 (P-256)");
    key->signature_bytes = kind->type == EVP_PKEY_RSA ? (size_t)EVP_PKEY_get_size(pkey) : 64;
    return STATUS_OK;
}

static int read_pem(struct token_key *key, const struct kind *kind, const char *path,
                    char why[TOKEN_WHY_BYTES])
{
    char *text;
    size_t len;
    int status = secret_read(path, false, &text, &len, why);
    if (status != STATUS_OK)
        return status;
    bool private = strstr(text, "PRIVATE KEY-----") != NULL;
    if (private) {
        secret_free_bytes(text, len);
        if ((status = secret_read(path, true, &text, &len, why)) != STATUS_OK)
            return status;
        key->sign = text; /* the key's from here, whatever happens */
        key->sign_len = len;
    }
    EVP_PKEY *pkey = parse_pem(text, len, private);
    if (!private)
        secret_free_bytes(text, len);
    if (pkey == NULL)
        return explain(why, path, "is neither a public key nor a private one without passphrase");
    status = check_pkey(key, kind, pkey, path, why);
    if (status == STATUS_OK)
        status = write_public(key, pkey);
    EVP_PKEY_free(pkey);
    return status;
}

static int add_key(struct token_keys *keys, const char *folder, const char *name,
                   char why[TOKEN_WHY_BYTES])
{
    char path[PATH_BYTES];
    size_t kid_len = 0;
    if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path)
        return explain(why, name, "its path is too long");
    const struct kind *kind = kind_of(name, &kid_len);
    if (kind == NULL)
        return explain(why, path,
                       "is no key; keys are named KID.hs256, KID.rs256.pem and "
                       "KID.es256.pem, KID of letters, digits, -, _ and .");
    if (keys->len == TOKEN_KEYS_MAX)
        return explain(why, path, "there are too many keys; remove those nobody signs with");
    struct token_key *key = &keys->keys[keys->len];
    snprintf(key->kid, sizeof key->kid, "%.*s", (int)kid_len, name);
    if (keys->len > 0 && token__find(keys, key->kid) != NULL)
        return explain(why, path, "there are two keys of this id");
    key->algorithm = kind->algorithm;
    key->alg = kind->alg;
    keys->len++; /* freed with the others from here */
    return kind->type == EVP_PKEY_NONE ? read_secret(key, path, why)
                                       : read_pem(key, kind, path, why);
}

static int wanted(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);
    return entry->d_name[0] != '.' && entry->d_name[len - 1] != '~';
}

static int add_all(struct token_keys *keys, const char *folder, char why[TOKEN_WHY_BYTES])
{
    struct dirent **names;
    int count = scandir(folder, &names, wanted, alphasort);
    if (count < 0) {
        explain(why, folder, strerror(errno));
        return STATUS_IO;
    }
    int status = STATUS_OK;
    for (int i = 0; i < count; i++) {
        if (status == STATUS_OK)
            status = add_key(keys, folder, names[i]->d_name, why);
        mem_free(names[i]);
    }
    mem_free(names);
    if (status == STATUS_OK && keys->len == 0)
        status =
            explain(why, folder, "there is no key in it; make one with openssl rand -base64 48");
    return status;
}

/* Who may write to the folder makes keys. */
static int check_folder(const char *folder, char why[TOKEN_WHY_BYTES])
{
    struct stat info;
    if (stat(folder, &info) != 0) {
        explain(why, folder, strerror(errno));
        return STATUS_IO;
    }
    if (!S_ISDIR(info.st_mode))
        return explain(why, folder, "is not a folder of keys");
    if (info.st_mode & S_IWOTH)
        return explain(why, folder, "anybody may put keys into it; chmod o-w it");
    return STATUS_OK;
}

int token_keys_load(struct token_keys **out, const char *folder, const struct token_rules *rules,
                    char why[TOKEN_WHY_BYTES])
{
    int status = check_folder(folder, why);
    if (status != STATUS_OK)
        return status;
    struct token_keys *keys = mem_calloc(1, sizeof *keys);
    if (keys == NULL) {
        explain(why, folder, status_text(STATUS_NOMEM));
        return STATUS_NOMEM;
    }
    atomic_init(&keys->refs, 1);
    keys->age_s = rules->age_s;
    snprintf(keys->audience, sizeof keys->audience, "%s", rules->audience);
    status = add_all(keys, folder, why);
    if (status != STATUS_OK) {
        token_keys_unref(keys);
        return status;
    }
    *out = keys;
    return STATUS_OK;
}

struct token_keys *token_keys_ref(struct token_keys *keys)
{
    unsigned before = atomic_fetch_add_explicit(&keys->refs, 1, memory_order_relaxed);
    assert(before > 0);
    return keys;
}

void token_keys_unref(struct token_keys *keys)
{
    if (keys == NULL || atomic_fetch_sub_explicit(&keys->refs, 1, memory_order_acq_rel) > 1)
        return;
    for (size_t i = 0; i < keys->len; i++) {
        struct token_key *key = &keys->keys[i];
        if (key->sign != key->verify)
            secret_free_bytes((char *)key->sign, key->sign_len);
        secret_free_bytes(key->verify, key->verify_len);
    }
    mem_free(keys);
}

size_t token_keys_len(const struct token_keys *keys)
{
    return keys->len;
}

const char *token_keys_kid(const struct token_keys *keys, size_t index)
{
    return index < keys->len ? keys->keys[index].kid : NULL;
}

const struct token_key *token__find(const struct token_keys *keys, const char *kid)
{
    if (kid == NULL)
        return keys->len == 1 ? &keys->keys[0] : NULL;
    for (size_t i = 0; i < keys->len; i++)
        if (strcmp(keys->keys[i].kid, kid) == 0)
            return &keys->keys[i];
    return NULL;
}
