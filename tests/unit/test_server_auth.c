#include "server/auth.h"

#include "base/clock.h"
#include "base/status.h"
#include "server/config.h"
#include "server/metrics.h"
#include "server/secret.h"
#include "tests/check.h"
#include "tests/unit/token_kit.h"
#include <pthread.h>

static struct auth *auth;

static struct config config(void)
{
    return (struct config){
        .auth_keys = kit_folder, .auth_audience = "sotto", .auth_token_age_s = 3600};
}

static struct token_keys *load(void)
{
    struct config options = config();
    struct token_keys *keys = NULL;
    CHECK_EQ(auth_load(&options, &keys), STATUS_OK);
    return keys;
}

static int check(const char *credential)
{
    struct token_claims *claims = NULL;
    int status = auth_check(auth, credential, strlen(credential), &claims);
    CHECK((status == STATUS_OK) == (claims != NULL));
    token_claims_free(claims);
    return status;
}

static struct token_claims ann(void)
{
    return (struct token_claims){.subject = "ann",
                                 .id = "",
                                 .role = TOKEN_LEARNER,
                                 .expires_s = clock_wall_us() / 1000000 + 60};
}

static void test_without_keys(void)
{
    struct config options = config();
    struct token_keys *keys = (struct token_keys *)&options;
    options.auth_keys = "";
    CHECK_EQ(auth_load(&options, &keys), STATUS_OK);
    CHECK(keys == NULL);
    auth = auth_create(NULL);
    CHECK(auth_open(auth));
    struct token_claims *claims = NULL, wanted = ann();
    CHECK_EQ(auth_check(auth, "", 0, &claims), STATUS_OK);
    CHECK_EQ(claims->role, TOKEN_ADMIN);
    CHECK_STR(claims->subject, "");
    CHECK(token_claims_class(claims, ""));
    token_claims_free(claims);
    char *token;
    CHECK_EQ(auth_mint(auth, NULL, &wanted, &token), STATUS_NOT_FOUND);
    auth_destroy(auth);
}

static void test_tokens_and_tickets(void)
{
    struct token_claims wanted = ann();
    char *token, ticket[TICKET_CHARS + 1];
    auth = auth_create(load());
    CHECK(!auth_open(auth));
    CHECK_EQ(auth_mint(auth, "a", &wanted, &token), STATUS_OK);
    CHECK_EQ(auth_mint(auth, "b", &wanted, &token), STATUS_NOT_FOUND);
    CHECK_EQ(check(token), STATUS_OK);
    CHECK_EQ(check(token), STATUS_OK);
    CHECK_EQ(auth_ticket(auth, &wanted, ticket), STATUS_OK);
    CHECK_EQ(check(ticket), STATUS_OK);
    uint64_t refused = metrics_get(METRIC_TOKENS_REFUSED);
    CHECK_EQ(check(ticket), STATUS_AUTH);
    CHECK_EQ(check(""), STATUS_AUTH);
    token[strlen(token) - 1] ^= 1;
    CHECK_EQ(check(token), STATUS_AUTH);
    CHECK_EQ(metrics_get(METRIC_TOKENS_REFUSED), refused + 3);
    secret_free(token);
    auth_destroy(auth);
}

static void test_tickets_of_the_past(void)
{
    struct token_claims ended = ann(), nobody = ann();
    char ticket[TICKET_CHARS + 1];
    ended.expires_s -= 60 + TOKEN_LEEWAY_S;
    nobody.subject = "";
    nobody.expires_s = INT64_MAX;
    auth = auth_create(load());
    CHECK_EQ(auth_ticket(auth, &ended, ticket), STATUS_OK);
    CHECK_EQ(check(ticket), STATUS_AUTH);
    CHECK_EQ(auth_ticket(auth, &nobody, ticket), STATUS_OK);
    CHECK_EQ(check(ticket), STATUS_AUTH);
    auth_destroy(auth);
}

/* Both keys are good for a while, then only the new one. */
static void test_rotation(void)
{
    struct token_claims wanted = ann();
    char *old, *new;
    auth = auth_create(load());
    CHECK_EQ(auth_mint(auth, NULL, &wanted, &old), STATUS_OK);
    kit_write("b.hs256", "another secret of 32 bytes or so", 0600);
    auth_put(auth, load());
    CHECK_EQ(check(old), STATUS_OK);
    CHECK_EQ(auth_mint(auth, "b", &wanted, &new), STATUS_OK);
    kit_remove("a.hs256");
    auth_put(auth, load());
    CHECK_EQ(check(old), STATUS_AUTH);
    CHECK_EQ(check(new), STATUS_OK);
    kit_remove("b.hs256");
    struct config options = config();
    struct token_keys *keys;
    CHECK_EQ(auth_load(&options, &keys), STATUS_INVALID);
    kit_write("a.hs256", KIT_SECRET, 0600);
    secret_free(old);
    secret_free(new);
    auth_destroy(auth);
}

static _Atomic bool done;

static void *put_again(void *ctx)
{
    (void)ctx;
    while (!done)
        auth_put(auth, kit_load(3600));
    return NULL;
}

/* Workers verify while a reload takes the keys from under them. */
static void test_swapped_while_in_use(void)
{
    pthread_t thread;
    struct token_claims wanted = ann();
    char *token;
    auth = auth_create(kit_load(3600));
    CHECK_EQ(auth_mint(auth, NULL, &wanted, &token), STATUS_OK);
    CHECK_EQ(pthread_create(&thread, NULL, put_again, NULL), 0);
    for (int i = 0; i < 500; i++)
        CHECK_EQ(check(token), STATUS_OK);
    done = true;
    pthread_join(thread, NULL);
    secret_free(token);
    auth_destroy(auth);
}

int main(void)
{
    kit_folder_make();
    kit_write("a.hs256", KIT_SECRET, 0600);
    RUN(test_without_keys);
    RUN(test_tokens_and_tickets);
    RUN(test_tickets_of_the_past);
    RUN(test_rotation);
    RUN(test_swapped_while_in_use);
    kit_remove("a.hs256");
    rmdir(kit_folder);
    return check_done();
}
