#include "server/ticket.h"

#include "base/mem.h"
#include "base/status.h"
#include "server/token.h"
#include "tests/check.h"
#include <pthread.h>

#define NOW 1800000000

static const char *const classes[] = {"7b"};
static const struct token_claims ann = {.subject = "ann",
                                        .id = "",
                                        .role = TOKEN_LEARNER,
                                        .classes = classes,
                                        .classes_len = 1,
                                        .expires_s = NOW + 3600};

static struct ticket_table *table;

static void issue(int64_t now_s, char out[TICKET_CHARS + 1])
{
    CHECK_EQ(ticket_issue(table, &ann, now_s, out), STATUS_OK);
    CHECK_EQ(strlen(out), TICKET_CHARS);
}

/* Whether the ticket opens at that time. */
static bool opens(const char *ticket, size_t len, int64_t now_s)
{
    struct token_claims *claims = ticket_redeem(table, ticket, len, now_s);
    if (claims != NULL) {
        CHECK_STR(claims->subject, "ann");
        CHECK_EQ(claims->expires_s, NOW + 3600);
        CHECK(token_claims_class(claims, "7b"));
    }
    bool open = claims != NULL;
    token_claims_free(claims);
    return open;
}

static void test_good_once(void)
{
    char one[TICKET_CHARS + 1], two[TICKET_CHARS + 1];
    table = ticket_table_create();
    issue(NOW, one);
    issue(NOW, two);
    CHECK(strcmp(one, two) != 0);
    CHECK_EQ(strspn(one, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
             TICKET_CHARS);
    CHECK_EQ(ticket_table_len(table, NOW), 2);
    CHECK(opens(one, TICKET_CHARS, NOW));
    CHECK(!opens(one, TICKET_CHARS, NOW));
    CHECK(opens(two, TICKET_CHARS, NOW + TICKET_LIFE_S - 1));
    CHECK_EQ(ticket_table_len(table, NOW), 0);
    ticket_table_destroy(table);
}

static void test_too_late(void)
{
    char one[TICKET_CHARS + 1];
    table = ticket_table_create();
    issue(NOW, one);
    CHECK_EQ(ticket_table_len(table, NOW + TICKET_LIFE_S), 0);
    CHECK(!opens(one, TICKET_CHARS, NOW + TICKET_LIFE_S));
    /* Not even for a clock that goes back: it was ended. */
    CHECK(!opens(one, TICKET_CHARS, NOW));
    ticket_table_destroy(table);
}

static void test_another(void)
{
    char one[TICKET_CHARS + 1];
    table = ticket_table_create();
    issue(NOW, one);
    CHECK(!opens(one, TICKET_CHARS - 1, NOW));
    CHECK(!opens(one, 0, NOW));
    CHECK(!opens("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", TICKET_CHARS, NOW));
    for (size_t i = 0; i < TICKET_CHARS; i++) {
        one[i] ^= 1;
        CHECK(!opens(one, TICKET_CHARS, NOW));
        one[i] ^= 1;
    }
    CHECK(opens(one, TICKET_CHARS, NOW));
    ticket_table_destroy(table);
}

/* Full is told; those past their time make room. */
static void test_bounded(void)
{
    char first[TICKET_CHARS + 1], one[TICKET_CHARS + 1];
    table = ticket_table_create();
    issue(NOW, first);
    for (int i = 1; i < TICKETS_MAX; i++)
        issue(NOW + 1, one);
    CHECK_EQ(ticket_issue(table, &ann, NOW + 1, one), STATUS_FULL);
    CHECK(opens(first, TICKET_CHARS, NOW + 1));
    issue(NOW + 1, first);
    CHECK_EQ(ticket_issue(table, &ann, NOW + 1, one), STATUS_FULL);
    issue(NOW + 1 + TICKET_LIFE_S, one);
    CHECK_EQ(ticket_table_len(table, NOW + 1 + TICKET_LIFE_S), 1);
    CHECK(opens(one, TICKET_CHARS, NOW + 1 + TICKET_LIFE_S));
    ticket_table_destroy(table);
}

static void test_no_memory(void)
{
    char one[TICKET_CHARS + 1];
    mem_fail_nth(1);
    CHECK(ticket_table_create() == NULL);
    table = ticket_table_create();
    mem_fail_nth(1);
    CHECK_EQ(ticket_issue(table, &ann, NOW, one), STATUS_NOMEM);
    mem_fail_nth(0);
    CHECK_EQ(ticket_table_len(table, NOW), 0);
    ticket_table_destroy(table);
}

#define RACERS 4
static char wanted[TICKET_CHARS + 1];
static _Atomic int winners;

static void *race(void *ctx)
{
    (void)ctx;
    if (opens(wanted, TICKET_CHARS, NOW))
        winners++;
    return NULL;
}

static void test_one_of_many_gets_it(void)
{
    table = ticket_table_create();
    for (int round = 0; round < 50; round++) {
        pthread_t threads[RACERS];
        issue(NOW, wanted);
        winners = 0;
        for (int i = 0; i < RACERS; i++)
            CHECK_EQ(pthread_create(&threads[i], NULL, race, NULL), 0);
        for (int i = 0; i < RACERS; i++)
            pthread_join(threads[i], NULL);
        CHECK_EQ(winners, 1);
    }
    ticket_table_destroy(table);
}

int main(void)
{
    RUN(test_good_once);
    RUN(test_too_late);
    RUN(test_another);
    RUN(test_bounded);
    RUN(test_no_memory);
    RUN(test_one_of_many_gets_it);
    return check_done();
}
