#include "base/mem.h"
#include "base/status.h"
#include "server/secret.h"
#include "server/token.h"
#include "tests/check.h"
#include "tests/unit/token_kit.h"

#define HEADER "{\"alg\":\"HS256\",\"kid\":\"a\"}"
#define GOOD                                                                                       \
    "{\"sub\":\"ann\",\"role\":\"learner\",\"class\":\"7b\",\"iat\":1800000000,\"exp\":"           \
    "1800003600}"

static struct token_keys *one, *all; /* a; and b (RS256), c (ES256) beside it */
static EVP_PKEY *rsa, *ec;

static int verify_at(const struct token_keys *keys, const char *token, int64_t now_s)
{
    struct token_claims *claims = NULL;
    const char *why = NULL;
    int status = token_verify(keys, token, strlen(token), now_s, &claims, &why);
    CHECK((status == STATUS_OK) == (claims != NULL));
    CHECK(why != NULL && why[0] != '\0');
    token_claims_free(claims);
    return status;
}

static int verify(const struct token_keys *keys, const char *token)
{
    return verify_at(keys, token, KIT_NOW);
}

/* A token of key `a` that says `claims`. */
static int says(const char *claims)
{
    return verify(all, kit_sign(HEADER, claims));
}

static void test_reads_what_it_says(void)
{
    struct token_claims *claims = NULL;
    const char *why,
        *token = kit_sign(HEADER, "{\"sub\":\"ann\",\"role\":\"teacher\",\"class\":[\"7b\",\"8a\"],"
                                  "\"iat\":1800000000,\"exp\":1800003600,\"jti\":\"x1\"}");
    CHECK_EQ(token_verify(all, token, strlen(token), KIT_NOW, &claims, &why), STATUS_OK);
    CHECK_STR(claims->subject, "ann");
    CHECK_STR(claims->id, "x1");
    CHECK_EQ(claims->role, TOKEN_TEACHER);
    CHECK_EQ(claims->classes_len, 2);
    CHECK_STR(claims->classes[0], "7b");
    CHECK_STR(claims->classes[1], "8a");
    CHECK_EQ(claims->expires_s, 1800003600);
    CHECK(token_claims_class(claims, "8a"));
    CHECK(!token_claims_class(claims, "8"));
    CHECK(!token_claims_class(claims, ""));
    token_claims_free(claims);
}

static void test_mints_for_every_algorithm(void)
{
    static const char *const kids[] = {"a", "b", "c", NULL};
    const char *const classes[] = {"7b", "8a"};
    struct token_claims wanted = {.subject = "t",
                                  .id = "",
                                  .role = TOKEN_TEACHER,
                                  .classes = classes,
                                  .classes_len = 2,
                                  .expires_s = KIT_NOW + 60};
    for (int i = 0; i < 4; i++) {
        char *token = NULL;
        struct token_claims *got = NULL;
        const char *why;
        CHECK_EQ(token_mint(all, kids[i], &wanted, KIT_NOW, &token), STATUS_OK);
        CHECK_EQ(token_verify(all, token, strlen(token), KIT_NOW, &got, &why), STATUS_OK);
        CHECK_STR(got->subject, "t");
        CHECK_EQ(got->role, TOKEN_TEACHER);
        CHECK_EQ(got->classes_len, 2);
        CHECK_EQ(strlen(got->id), 32);
        CHECK_EQ(got->expires_s, KIT_NOW + 60);
        token_claims_free(got);
        secret_free(token);
    }
    char *token;
    CHECK_EQ(token_mint(all, "d", &wanted, KIT_NOW, &token), STATUS_NOT_FOUND);
    wanted.expires_s = KIT_NOW - 60;
    CHECK_EQ(token_mint(all, "a", &wanted, KIT_NOW, &token), STATUS_INVALID);
    wanted.expires_s = KIT_NOW + 60;
    wanted.subject = "";
    CHECK_EQ(token_mint(all, "a", &wanted, KIT_NOW, &token), STATUS_INVALID);
}

/* The public half is no secret: an HMAC with it must open nothing. */
static void test_public_key_as_hmac_secret(void)
{
    static const char *const headers[] = {
        "{\"alg\":\"HS256\",\"kid\":\"b\"}", "{\"alg\":\"HS256\",\"kid\":\"c\"}",
        "{\"alg\":\"HS256\",\"kid\":\"a\"}", "{\"alg\":\"HS256\"}",
        "{\"alg\":\"RS256\",\"kid\":\"b\"}", "{\"alg\":\"ES256\",\"kid\":\"c\"}"};
    EVP_PKEY *const public[] = {rsa, ec};
    for (int k = 0; k < 2; k++) {
        BIO *bio = BIO_new(BIO_s_mem());
        char *pem;
        CHECK_EQ(PEM_write_bio_PUBKEY(bio, public[k]), 1);
        long len = BIO_get_mem_data(bio, &pem);
        for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
            CHECK_EQ(verify(all, kit_hmac(headers[i], GOOD, pem, (size_t)len)), STATUS_AUTH);
            CHECK_EQ(verify(all, kit_hmac(headers[i], GOOD, pem, (size_t)len - 1)), STATUS_AUTH);
        }
        BIO_free(bio);
    }
}

static void test_no_signature(void)
{
    static const char *const none[] = {"none",  "None",  "NONE",  "nOnE",  "",     "hs256",
                                       "HS384", "HS512", "RS256", "PS256", "EdDSA"};
    char header[64], token[1024];
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        snprintf(header, sizeof header, "{\"alg\":\"%s\",\"kid\":\"a\"}", none[i]);
        CHECK_EQ(verify(all, kit_sign(header, GOOD)), STATUS_AUTH);
        kit_unsigned(header, GOOD, token);
        CHECK_EQ(verify(all, token), STATUS_AUTH);
        snprintf(header, sizeof header, "{\"alg\":\"%s\"}", none[i]);
        kit_unsigned(header, GOOD, token);
        CHECK_EQ(verify(one, token), STATUS_AUTH);
        token[strlen(token) - 1] = '\0';
        CHECK_EQ(verify(one, token), STATUS_AUTH);
    }
    kit_unsigned(HEADER, GOOD, token);
    CHECK_EQ(verify(all, token), STATUS_AUTH);
}

static void test_headers(void)
{
    CHECK_EQ(verify(all, kit_sign(HEADER, GOOD)), STATUS_OK);
    CHECK_EQ(verify(all, kit_sign("{\"typ\":\"JWT\",\"alg\":\"HS256\",\"kid\":\"a\"}", GOOD)),
             STATUS_OK);
    /* Without a key id only where there is one key. */
    CHECK_EQ(verify(one, kit_sign("{\"alg\":\"HS256\"}", GOOD)), STATUS_OK);
    static const char *const wrong[] = {
        "{\"alg\":\"HS256\"}",
        "{\"alg\":\"HS256\",\"kid\":\"z\"}",
        "{\"alg\":\"HS256\",\"kid\":\"../a\"}",
        "{\"alg\":\"HS256\",\"kid\":\"A\"}",
        "{\"alg\":\"HS256\",\"kid\":\"\"}",
        "{\"alg\":\"HS256\",\"kid\":1}",
        "{\"alg\":\"HS256\",\"kid\":null}",
        "{\"alg\":\"HS256\",\"kid\":[\"a\"]}",
        "{\"alg\":[\"HS256\"],\"kid\":\"a\"}",
        "{\"alg\":null,\"kid\":\"a\"}",
        "{\"kid\":\"a\"}",
        "{\"alg\":\"HS256\",\"kid\":\"a\",\"crit\":[\"exp\"]}",
        "{\"alg\":\"HS256\",\"kid\":\"a\",\"crit\":[]}",
        "{\"alg\":\"HS256\",\"kid\":\"a\",\"kid\":\"a\"}",
        "{\"alg\":\"none\",\"alg\":\"HS256\",\"kid\":\"a\"}",
        "{\"alg\":\"HS256\",\"kid\":\"a\"",
        "[\"HS256\"]",
        "\"HS256\"",
        "{}",
        "x",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        if (verify(all, kit_sign(wrong[i], GOOD)) != STATUS_AUTH) {
            fprintf(stderr, "%s\n", wrong[i]);
            CHECK(false);
        }
}

#define CLAIMS(rest) "{\"sub\":\"ann\",\"role\":\"learner\"," rest "}"

static void test_times(void)
{
    const char *token = kit_sign(HEADER, GOOD);
    CHECK_EQ(verify_at(all, token, 1800003600 + TOKEN_LEEWAY_S - 1), STATUS_OK);
    CHECK_EQ(verify_at(all, token, 1800003600 + TOKEN_LEEWAY_S), STATUS_AUTH);
    CHECK_EQ(verify_at(all, token, 1800000000 - TOKEN_LEEWAY_S), STATUS_OK);
    CHECK_EQ(verify_at(all, token, 1800000000 - TOKEN_LEEWAY_S - 1), STATUS_AUTH);
    static const struct {
        const char *claims;
        int status;
    } cases[] = {
        {CLAIMS("\"iat\":1800000000,\"exp\":1800000060.75"), STATUS_OK},
        {CLAIMS("\"iat\":1800000000,\"exp\":1.80000006e9"), STATUS_OK},
        {CLAIMS("\"iat\":1800000000,\"nbf\":1800000030,\"exp\":1800000060"), STATUS_OK},
        {CLAIMS("\"iat\":1800000000,\"nbf\":1800000031,\"exp\":1800000060"), STATUS_AUTH},
        {CLAIMS("\"iat\":1800000031,\"exp\":1800000060"), STATUS_AUTH},
        {CLAIMS("\"iat\":1800000000"), STATUS_AUTH},
        {CLAIMS("\"exp\":1800000060"), STATUS_AUTH},
        {CLAIMS("\"iat\":1800000000,\"exp\":\"1800000060\""), STATUS_AUTH},
        {CLAIMS("\"iat\":\"1800000000\",\"exp\":1800000060"), STATUS_AUTH},
        {CLAIMS("\"iat\":1800000000,\"nbf\":\"0\",\"exp\":1800000060"), STATUS_AUTH},
        {CLAIMS("\"iat\":1800000000,\"exp\":null"), STATUS_AUTH},
        {CLAIMS("\"iat\":1800000000,\"exp\":true"), STATUS_AUTH},
        {CLAIMS("\"iat\":1800000000,\"exp\":-1"), STATUS_AUTH},
        {CLAIMS("\"iat\":-1,\"exp\":1800000060"), STATUS_AUTH},
        {CLAIMS("\"iat\":1800000000,\"exp\":0"), STATUS_AUTH},
        {CLAIMS("\"iat\":1800000000,\"exp\":1e18"), STATUS_AUTH},
        {CLAIMS("\"iat\":1800000000,\"exp\":1e400"), STATUS_AUTH},
        {CLAIMS("\"iat\":1800000000,\"exp\":9223372036854775807"), STATUS_AUTH},
        {CLAIMS("\"iat\":1800000000,\"exp\":99999999999999999999"), STATUS_AUTH},
        {CLAIMS("\"iat\":1800000000,\"exp\":1799999000"), STATUS_AUTH},
        {CLAIMS("\"iat\":1800000000,\"exp\":1799999000,\"exp\":1800000060"), STATUS_AUTH},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (says(cases[i].claims) != cases[i].status) {
            fprintf(stderr, "%s\n", cases[i].claims);
            CHECK(false);
        }
}

/* Whatever its exp says, it is good for no longer than the rule. */
static void test_age(void)
{
    const char *claims = CLAIMS("\"iat\":1800000000,\"exp\":1900000000");
    struct token_claims *got = NULL;
    const char *why, *token = kit_sign(HEADER, claims);
    CHECK_EQ(token_verify(all, token, strlen(token), KIT_NOW, &got, &why), STATUS_OK);
    CHECK_EQ(got->expires_s, 1800000000 + 86400);
    token_claims_free(got);
    CHECK_EQ(verify_at(all, token, 1800000000 + 86400 + TOKEN_LEEWAY_S), STATUS_AUTH);
    struct token_keys *ageless = kit_load(0);
    CHECK_EQ(verify_at(ageless, token, 1800000000 + 864000), STATUS_OK);
    CHECK_EQ(verify(ageless, kit_sign(HEADER, CLAIMS("\"exp\":1900000000"))), STATUS_OK);
    token_keys_unref(ageless);
}

#define TIMES "\"iat\":1800000000,\"exp\":1800000060"

static void test_claims(void)
{
    static const struct {
        const char *claims;
        int status;
    } cases[] = {
        {"{\"sub\":\"ann\",\"role\":\"admin\"," TIMES "}", STATUS_OK},
        {"{\"sub\":\"ann\",\"role\":\"learner\"," TIMES "}", STATUS_OK},
        {"{\"sub\":\"ann\",\"role\":\"learner\",\"class\":[\"7b\"]," TIMES "}", STATUS_OK},
        {"{\"sub\":\"ann\",\"role\":\"teacher\",\"class\":[]," TIMES "}", STATUS_OK},
        {"{\"sub\":\"ann\",\"role\":\"learner\",\"aud\":\"sotto\"," TIMES "}", STATUS_OK},
        {"{\"sub\":\"ann\",\"role\":\"learner\",\"aud\":[\"x\",\"sotto\"]," TIMES "}", STATUS_OK},
        {"{\"sub\":\"ann\",\"role\":\"learner\",\"aud\":\"other\"," TIMES "}", STATUS_AUTH},
        {"{\"sub\":\"ann\",\"role\":\"learner\",\"aud\":[]," TIMES "}", STATUS_AUTH},
        {"{\"sub\":\"ann\",\"role\":\"learner\",\"aud\":{\"sotto\":1}," TIMES "}", STATUS_AUTH},
        {"{\"sub\":\"ann\",\"role\":\"learner\",\"class\":[\"7b\",\"8a\"]," TIMES "}", STATUS_AUTH},
        {"{\"sub\":\"ann\",\"role\":\"teacher\",\"class\":[\"7b\",1]," TIMES "}", STATUS_AUTH},
        {"{\"sub\":\"ann\",\"role\":\"teacher\",\"class\":\"\"," TIMES "}", STATUS_AUTH},
        {"{\"sub\":\"ann\",\"role\":\"teacher\",\"class\":{\"7b\":1}," TIMES "}", STATUS_AUTH},
        {"{\"sub\":\"ann\",\"role\":\"Admin\"," TIMES "}", STATUS_AUTH},
        {"{\"sub\":\"ann\",\"role\":3," TIMES "}", STATUS_AUTH},
        {"{\"sub\":\"ann\",\"role\":[\"admin\"]," TIMES "}", STATUS_AUTH},
        {"{\"sub\":\"ann\",\"role\":\"\"," TIMES "}", STATUS_AUTH},
        {"{\"sub\":\"ann\"," TIMES "}", STATUS_AUTH},
        {"{\"sub\":\"ann\",\"role\":\"learner\",\"role\":\"admin\"," TIMES "}", STATUS_AUTH},
        {"{\"sub\":\"\",\"role\":\"learner\"," TIMES "}", STATUS_AUTH},
        {"{\"sub\":1,\"role\":\"learner\"," TIMES "}", STATUS_AUTH},
        {"{\"role\":\"learner\"," TIMES "}", STATUS_AUTH},
        {"{\"sub\":\"ann\\u0000b\",\"role\":\"learner\"," TIMES "}", STATUS_AUTH},
        {"{\"sub\":\"ann\",\"role\":\"learner\",\"jti\":7," TIMES "}", STATUS_AUTH},
        {"[]", STATUS_AUTH},
        {"7", STATUS_AUTH},
        {"{", STATUS_AUTH},
        {" ", STATUS_AUTH},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (says(cases[i].claims) != cases[i].status) {
            fprintf(stderr, "%s\n", cases[i].claims);
            CHECK(false);
        }
}

/* Claims with a text of `len` letters under `name`. */
static int says_long(const char *name, size_t len)
{
    char text[8192], claims[8400];
    memset(text, 'a', len);
    text[len] = '\0';
    snprintf(claims, sizeof claims, "{\"role\":\"teacher\"," TIMES ",\"%s\":\"%s\"%s}", name, text,
             strcmp(name, "sub") == 0 ? "" : ",\"sub\":\"ann\"");
    return says(claims);
}

static void test_too_much(void)
{
    char claims[1024];
    size_t len = 0;
    for (int i = 0; i <= TOKEN_CLASSES_MAX; i++)
        len +=
            (size_t)snprintf(claims + len, sizeof claims - len, "%s\"%d\"",
                             i > 0 ? "," : "{\"sub\":\"ann\",\"role\":\"teacher\",\"class\":[", i);
    snprintf(claims + len, sizeof claims - len, "]," TIMES "}");
    CHECK_EQ(says(claims), STATUS_AUTH);
    CHECK_EQ(says_long("sub", TOKEN_NAME_MAX), STATUS_OK);
    CHECK_EQ(says_long("sub", TOKEN_NAME_MAX + 1), STATUS_AUTH);
    CHECK_EQ(says_long("jti", TOKEN_NAME_MAX + 1), STATUS_AUTH);
    CHECK_EQ(says_long("class", TOKEN_NAME_MAX + 1), STATUS_AUTH);
    CHECK_EQ(says_long("other", 2000), STATUS_OK);
    /* A good signature over more than is read. */
    CHECK_EQ(says_long("other", 4000), STATUS_AUTH);
    CHECK_EQ(verify(all, ""), STATUS_AUTH);
}

/* Cut anywhere, or any bit of it changed, it is another token. */
static void test_damaged(void)
{
    static const char *const kids[] = {"a", "c"};
    struct token_claims claims = {
        .subject = "ann", .id = "1", .role = TOKEN_LEARNER, .expires_s = KIT_NOW + 60};
    for (int k = 0; k < 2; k++) {
        char *token = NULL;
        CHECK_EQ(token_mint(all, kids[k], &claims, KIT_NOW, &token), STATUS_OK);
        size_t len = strlen(token);
        int taken = 0;
        for (size_t i = 0; i < len; i++) {
            char *cut = mem_strndup(token, i);
            taken += verify(all, cut) == STATUS_OK;
            mem_free(cut);
            token[i] ^= 1;
            taken += verify(all, token) == STATUS_OK;
            token[i] ^= 1;
        }
        CHECK_EQ(taken, 0);
        CHECK_EQ(verify(all, token), STATUS_OK);
        secret_free(token);
    }
}

/* One token has one text. */
static void test_not_canonical(void)
{
    char token[TOKEN_BYTES_MAX], copy[TOKEN_BYTES_MAX + 8];
    size_t len = strlen(kit_sign(HEADER, GOOD));
    memcpy(token, kit_sign(HEADER, GOOD), len + 1);
    static const char *const tails[] = {"=", "==", ".", "A", "\n", " ", "%3d", ".x"};
    for (size_t i = 0; i < sizeof tails / sizeof tails[0]; i++) {
        snprintf(copy, sizeof copy, "%s%s", token, tails[i]);
        CHECK_EQ(verify(all, copy), STATUS_AUTH);
    }
    /* 32 bytes are 43 digits, of which the last holds two bits that mean nothing. */
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    size_t digit = (size_t)(strchr(digits, token[len - 1]) - digits);
    CHECK_EQ(digit % 4, 0);
    for (size_t i = 1; i < 4; i++) {
        memcpy(copy, token, len + 1);
        copy[len - 1] = digits[digit + i];
        CHECK_EQ(verify(all, copy), STATUS_AUTH);
    }
    snprintf(copy, sizeof copy, " %s", token);
    CHECK_EQ(verify(all, copy), STATUS_AUTH);
    /* Standard base64 of the same bytes. */
    const char *plus = NULL;
    for (int i = 0; i < 200 && plus == NULL; i++) {
        char claims[256];
        snprintf(claims, sizeof claims, "{\"sub\":\"ann%d\",\"role\":\"learner\"," TIMES "}", i);
        const char *each = kit_sign(HEADER, claims);
        plus = strpbrk(each, "-_") != NULL ? each : NULL;
    }
    CHECK(plus != NULL);
    memcpy(copy, plus, strlen(plus) + 1);
    CHECK_EQ(verify(all, copy), STATUS_OK);
    for (char *at = copy; *at != '\0'; at++)
        *at = *at == '-' ? '+' : *at == '_' ? '/' : *at;
    CHECK_EQ(verify(all, copy), STATUS_AUTH);
    /* A NUL that ends it early for C, but not for its length. */
    struct token_claims *claims = NULL;
    const char *why;
    CHECK_EQ(token_verify(all, token, len + 1, KIT_NOW, &claims, &why), STATUS_AUTH);
}

static void test_another_signer(void)
{
    CHECK_EQ(verify(all, kit_hmac(HEADER, GOOD, "another secret of 32 bytes or so", 32)),
             STATUS_AUTH);
    CHECK_EQ(verify(all, kit_hmac(HEADER, GOOD, "", 0)), STATUS_AUTH);
    EVP_PKEY *other = EVP_EC_gen("prime256v1");
    kit_write_pem("c.es256.pem", other, true);
    struct token_keys *keys = kit_load(86400);
    struct token_claims claims = {
        .subject = "ann", .id = "", .role = TOKEN_ADMIN, .expires_s = KIT_NOW + 60};
    char *token = NULL;
    CHECK_EQ(token_mint(keys, "c", &claims, KIT_NOW, &token), STATUS_OK);
    CHECK_EQ(verify(keys, token), STATUS_OK);
    CHECK_EQ(verify(all, token), STATUS_AUTH);
    secret_free(token);
    token_keys_unref(keys);
    EVP_PKEY_free(other);
}

static void test_no_memory(void)
{
    const char *token = kit_sign(HEADER, GOOD);
    struct token_claims *claims = NULL;
    const char *why;
    mem_fail_nth(1);
    CHECK_EQ(token_verify(all, token, strlen(token), KIT_NOW, &claims, &why), STATUS_NOMEM);
    mem_fail_nth(0);
    CHECK(claims == NULL);
}

static void test_roles(void)
{
    enum token_role role;
    struct token_claims admin = {.subject = "x", .id = "", .role = TOKEN_ADMIN};
    CHECK(token_role_parse("teacher", &role) && role == TOKEN_TEACHER);
    CHECK_STR(token_role_name(TOKEN_LEARNER), "learner");
    CHECK(!token_role_parse("", &role));
    CHECK(token_claims_class(&admin, "any") && token_claims_class(&admin, ""));
}

int main(void)
{
    rsa = EVP_RSA_gen(2048);
    ec = EVP_EC_gen("prime256v1");
    kit_folder_make();
    kit_write("a.hs256", KIT_SECRET "\n", 0600);
    one = kit_load(86400);
    kit_write_pem("b.rs256.pem", rsa, true);
    kit_write_pem("c.es256.pem", ec, true);
    all = kit_load(86400);
    RUN(test_reads_what_it_says);
    RUN(test_mints_for_every_algorithm);
    RUN(test_public_key_as_hmac_secret);
    RUN(test_no_signature);
    RUN(test_headers);
    RUN(test_times);
    RUN(test_age);
    RUN(test_claims);
    RUN(test_too_much);
    RUN(test_damaged);
    RUN(test_not_canonical);
    RUN(test_another_signer);
    RUN(test_no_memory);
    RUN(test_roles);
    token_keys_unref(one);
    token_keys_unref(all);
    kit_remove("a.hs256");
    kit_remove("b.rs256.pem");
    kit_remove("c.es256.pem");
    rmdir(kit_folder);
    EVP_PKEY_free(rsa);
    EVP_PKEY_free(ec);
    return check_done();
}
