#include "server/bearer.h"

#include "base/clock.h"
#include "base/mem.h"
#include "server/auth.h"
#include "server/config.h"
#include "server/event.h"
#include "server/message.h"
#include "server/secret.h"
#include "tests/check.h"
#include "tests/unit/token_kit.h"

static struct auth *auth;

static void test_authorization(void)
{
    CHECK_STR(bearer_of_authorization("Bearer abc"), "abc");
    CHECK_STR(bearer_of_authorization("bEARER   a.b.c"), "a.b.c");
    CHECK_STR(bearer_of_authorization("Bearer "), "");
    CHECK(bearer_of_authorization("Bearer") == NULL);
    CHECK(bearer_of_authorization("Basic YTpi") == NULL);
    CHECK(bearer_of_authorization("BearerX abc") == NULL);
    CHECK(bearer_of_authorization("") == NULL);
}

static void check_protocols(const char *list, const char *wanted)
{
    size_t len = 0;
    const char *found = bearer_of_protocols(list, &len);
    CHECK((found == NULL) == (wanted == NULL));
    if (wanted != NULL && found != NULL)
        CHECK(len == strlen(wanted) && strncmp(found, wanted, len) == 0);
}

static void test_protocols(void)
{
    check_protocols("sotto.v1, bearer.abc", "abc");
    check_protocols("sotto.v1,bearer.abc", "abc");
    check_protocols("bearer.abc,\tsotto.v1", "abc");
    check_protocols("sotto.v1, bearer.a, bearer.b", "a");
    check_protocols("sotto.v1", NULL);
    check_protocols("sotto.v1, bearer.", NULL);
    check_protocols("sotto.v1, bearer", NULL);
    check_protocols("sotto.v1, Bearer.abc", NULL);
    check_protocols("sotto.v1, xbearer.abc", NULL);
    check_protocols("", NULL);
    check_protocols(", ,", NULL);
}

static char *mint(enum token_role role, const char *one, const char *two)
{
    const char *const classes[] = {one, two};
    const struct token_claims claims = {.subject = "ann",
                                        .id = "",
                                        .role = role,
                                        .classes = classes,
                                        .classes_len = (one != NULL) + (two != NULL),
                                        .expires_s = clock_wall_us() / 1000000 + 60};
    char *token = NULL;
    CHECK_EQ(auth_mint(auth, NULL, &claims, &token), 0);
    return token;
}

/* A session.start with that token in it ("" for none), admitted by `credential`: its code, "" when
 * it is let in, and its class. */
static const char *admit(const char *token, const char *credential, const char *class_name,
                         char out_class[NAME_BYTES_MAX])
{
    char text[TOKEN_BYTES_MAX + 512];
    struct token_claims *claims = NULL;
    snprintf(text, sizeof text,
             "{\"type\":\"session.start\",\"source\":\"en\",\"rate\":16000,\"token\":\"%s\","
             "\"class\":\"%s\"}",
             token, class_name);
    struct client_message *message = client_message_parse(text, strlen(text));
    CHECK_EQ(message->kind, CLIENT_START);
    CHECK_STR(message->token, token);
    bearer_admit(auth, message, credential, &claims);
    CHECK((message->kind == CLIENT_START) == (claims != NULL));
    CHECK_STR(message->token, ""); /* not there any longer than it is needed */
    const char *code = message->kind == CLIENT_START ? "" : error_code_find(message->code)->name;
    snprintf(out_class, NAME_BYTES_MAX, "%s", message->settings.class_name);
    token_claims_free(claims);
    client_message_free(message);
    return code;
}

static void test_where_the_token_is(void)
{
    char name[NAME_BYTES_MAX];
    char *good = mint(TOKEN_LEARNER, NULL, NULL), ticket[TICKET_CHARS + 1];
    const struct token_claims claims = {
        .subject = "ann", .id = "", .role = TOKEN_LEARNER, .expires_s = INT64_MAX / 2};
    CHECK_EQ(auth_ticket(auth, &claims, ticket), 0);
    CHECK_STR(admit(good, NULL, "", name), "");
    CHECK_STR(admit("", good, "", name), "");
    CHECK_STR(admit("wrong", good, "", name), "");
    CHECK_STR(admit(good, "", "", name), "unauthorized");
    CHECK_STR(admit(good, "wrong", "", name), "unauthorized");
    CHECK_STR(admit("", NULL, "", name), "unauthorized");
    CHECK_STR(admit("", ticket, "", name), "");
    CHECK_STR(admit("", ticket, "", name), "unauthorized");
    secret_free(good);
}

static void test_classes(void)
{
    static const struct {
        enum token_role role;
        const char *one, *two, *asked, *code, *given;
    } cases[] = {
        {TOKEN_LEARNER, "7b", NULL, "7b", "", "7b"},
        {TOKEN_LEARNER, "7b", NULL, "", "", "7b"},
        {TOKEN_LEARNER, "7b", NULL, "8a", "unauthorized", NULL},
        {TOKEN_LEARNER, NULL, NULL, "7b", "unauthorized", NULL},
        {TOKEN_LEARNER, NULL, NULL, "", "", ""},
        {TOKEN_TEACHER, "7b", "8a", "8a", "", "8a"},
        {TOKEN_TEACHER, "7b", "8a", "", "", ""},
        {TOKEN_TEACHER, "7b", "8a", "9c", "unauthorized", NULL},
        {TOKEN_ADMIN, NULL, NULL, "any", "", "any"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char name[NAME_BYTES_MAX];
        char *token = mint(cases[i].role, cases[i].one, cases[i].two);
        CHECK_STR(admit(token, NULL, cases[i].asked, name), cases[i].code);
        if (cases[i].given != NULL)
            CHECK_STR(name, cases[i].given);
        secret_free(token);
    }
}

static void test_no_memory(void)
{
    char name[NAME_BYTES_MAX];
    char *token = mint(TOKEN_LEARNER, "7b", NULL), text[1024];
    snprintf(text, sizeof text,
             "{\"type\":\"session.start\",\"source\":\"en\",\"rate\":16000,\"token\":\"%s\"}",
             token);
    bool let_in = false;
    for (unsigned nth = 1; nth < 1000 && !let_in; nth++) {
        struct token_claims *claims = NULL;
        struct client_message *message = client_message_parse(text, strlen(text));
        mem_fail_nth(nth);
        bearer_admit(auth, message, NULL, &claims);
        mem_fail_nth(0);
        CHECK((message->kind == CLIENT_START) == (claims != NULL));
        let_in = claims != NULL && strcmp(message->settings.class_name, "7b") == 0;
        token_claims_free(claims);
        client_message_free(message);
    }
    CHECK(let_in);
    CHECK_STR(admit(token, NULL, "", name), "");
    secret_free(token);
}

int main(void)
{
    struct token_keys *keys = NULL;
    kit_folder_make();
    kit_write("a.hs256", KIT_SECRET, 0600);
    const struct config config = {
        .auth_keys = kit_folder, .auth_audience = "sotto", .auth_token_age_s = 3600};
    CHECK_EQ(auth_load(&config, &keys), 0);
    auth = auth_create(keys);
    RUN(test_authorization);
    RUN(test_protocols);
    RUN(test_where_the_token_is);
    RUN(test_classes);
    RUN(test_no_memory);
    auth_destroy(auth);
    kit_remove("a.hs256");
    rmdir(kit_folder);
    return check_done();
}
