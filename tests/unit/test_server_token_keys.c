#include "base/status.h"
#include "server/token.h"
#include "tests/check.h"
#include "tests/unit/token_kit.h"

static char why[TOKEN_WHY_BYTES];

static int load(void)
{
    struct token_keys *keys = NULL;
    struct token_rules rules = {.audience = "", .age_s = 0};
    why[0] = '\0';
    int status = token_keys_load(&keys, kit_folder, &rules, why);
    CHECK((status == STATUS_OK) == (keys != NULL));
    CHECK((status == STATUS_OK) == (why[0] == '\0'));
    token_keys_unref(keys);
    return status;
}

/* The reason names the file and contains `text`. */
static void check_refused(const char *file, const char *text)
{
    CHECK(load() < 0);
    if (strstr(why, file) == NULL || strstr(why, text) == NULL) {
        fprintf(stderr, "%s\n", why);
        CHECK(false);
    }
}

static void test_names(void)
{
    kit_write("2026-01.hs256", KIT_SECRET, 0600);
    kit_write("school.a_B.hs256", KIT_SECRET, 0640);
    kit_write(".hidden", "", 0666);
    kit_write("old.hs256~", "short", 0666);
    struct token_keys *keys = kit_load(0);
    CHECK_EQ(token_keys_len(keys), 2);
    CHECK_STR(token_keys_kid(keys, 0), "2026-01");
    CHECK_STR(token_keys_kid(keys, 1), "school.a_B");
    CHECK(token_keys_kid(keys, 2) == NULL);
    token_keys_unref(token_keys_ref(keys));
    token_keys_unref(keys);
    kit_write("notes.txt", KIT_SECRET, 0600);
    check_refused("notes.txt", "KID.hs256");
    kit_remove("notes.txt");
    kit_write("a b.hs256", KIT_SECRET, 0600);
    check_refused("a b.hs256", "KID.hs256");
    kit_remove("a b.hs256");
    kit_remove("2026-01.hs256");
    kit_remove("school.a_B.hs256");
    kit_remove(".hidden");
    kit_remove("old.hs256~");
}

static void test_empty_folder(void)
{
    check_refused(kit_folder, "no key in it");
    CHECK_EQ(chmod(kit_folder, 0777), 0);
    check_refused(kit_folder, "chmod o-w");
    CHECK_EQ(chmod(kit_folder, 0700), 0);
    struct token_keys *keys;
    struct token_rules rules = {.audience = "", .age_s = 0};
    CHECK_EQ(token_keys_load(&keys, "/nowhere/keys", &rules, why), STATUS_IO);
    CHECK_EQ(token_keys_load(&keys, "/dev/null", &rules, why), STATUS_INVALID);
}

static void test_secrets(void)
{
    kit_write("a.hs256", "only 31 bytes, which is too few", 0600);
    check_refused("a.hs256", "32 bytes");
    kit_write("a.hs256", "only 31 bytes, which is too few\n", 0600);
    check_refused("a.hs256", "32 bytes");
    kit_write("a.hs256", "", 0600);
    check_refused("a.hs256", "empty");
    kit_write("a.hs256", KIT_SECRET, 0604);
    check_refused("a.hs256", "chmod o-r");
    kit_write("a.hs256", KIT_SECRET, 0602);
    check_refused("a.hs256", "chmod o-w");
    kit_write("a.hs256", KIT_SECRET, 0640);
    CHECK_EQ(load(), STATUS_OK);
    kit_write("a.rs256.pem", KIT_SECRET, 0600);
    check_refused("a.rs256.pem", "two keys");
    kit_remove("a.rs256.pem");
    kit_remove("a.hs256");
}

static void test_pem(void)
{
    EVP_PKEY *rsa = EVP_RSA_gen(1024), *p256 = EVP_EC_gen("prime256v1"),
             *p384 = EVP_EC_gen("secp384r1");
    kit_write_pem("k.es256.pem", p256, false);
    CHECK_EQ(load(), STATUS_OK);
    /* A public key verifies, and cannot sign. */
    struct token_keys *keys = kit_load(0);
    struct token_claims claims = {
        .subject = "x", .id = "", .role = TOKEN_ADMIN, .expires_s = KIT_NOW + 60};
    char *token;
    CHECK_EQ(token_mint(keys, NULL, &claims, KIT_NOW, &token), STATUS_NOT_FOUND);
    token_keys_unref(keys);
    kit_write_pem("k.es256.pem", p256, true);
    CHECK_EQ(load(), STATUS_OK);
    char path[256];
    kit_path("k.es256.pem", path);
    CHECK_EQ(chmod(path, 0644), 0);
    check_refused("k.es256.pem", "chmod o-r");
    kit_write_pem("k.es256.pem", p384, true);
    check_refused("k.es256.pem", "P-256");
    kit_write_pem("k.es256.pem", rsa, true);
    check_refused("k.es256.pem", "elliptic");
    kit_write("k.es256.pem", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", 0600);
    check_refused("k.es256.pem", "neither");
    kit_remove("k.es256.pem");
    kit_write_pem("k.rs256.pem", rsa, false);
    check_refused("k.rs256.pem", "2048");
    kit_write_pem("k.rs256.pem", p256, false);
    check_refused("k.rs256.pem", "RSA");
    kit_remove("k.rs256.pem");
    /* A key in PEM under the name of a secret would be a public secret. */
    kit_write_pem("k.hs256", p256, false);
    kit_path("k.hs256", path);
    CHECK_EQ(chmod(path, 0600), 0);
    check_refused("k.hs256", "not a secret");
    kit_remove("k.hs256");
    EVP_PKEY_free(rsa);
    EVP_PKEY_free(p256);
    EVP_PKEY_free(p384);
}

/* The library would ask for the passphrase on the terminal. */
static void test_passphrase(void)
{
    EVP_PKEY *p256 = EVP_EC_gen("prime256v1");
    char path[256];
    kit_path("k.es256.pem", path);
    FILE *file = fopen(path, "w");
    CHECK_EQ(PEM_write_PKCS8PrivateKey(file, p256, EVP_aes_128_cbc(), "pass", 4, NULL, NULL), 1);
    fclose(file);
    CHECK_EQ(chmod(path, 0600), 0);
    check_refused("k.es256.pem", "neither");
    kit_remove("k.es256.pem");
    EVP_PKEY_free(p256);
}

static void test_too_many(void)
{
    char name[32];
    for (int i = 0; i <= TOKEN_KEYS_MAX; i++) {
        snprintf(name, sizeof name, "%02d.hs256", i);
        kit_write(name, KIT_SECRET, 0600);
    }
    check_refused("32.hs256", "too many");
    for (int i = 0; i <= TOKEN_KEYS_MAX; i++) {
        snprintf(name, sizeof name, "%02d.hs256", i);
        kit_remove(name);
    }
}

int main(void)
{
    umask(022);
    kit_folder_make();
    RUN(test_names);
    RUN(test_empty_folder);
    RUN(test_secrets);
    RUN(test_pem);
    RUN(test_passphrase);
    RUN(test_too_many);
    rmdir(kit_folder);
    return check_done();
}
