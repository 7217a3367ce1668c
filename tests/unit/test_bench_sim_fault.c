/* Lists of faults: what is read, what is refused with which words, and when a fault strikes. */
#include "base/rng.h"
#include "base/status.h"
#include "bench/sim_fault.h"
#include "tests/check.h"

static struct rng rng;

static struct sim_fault_plan *plan_of(const char *list, enum sim_fault_side side)
{
    char error[256] = "";
    struct sim_fault_plan *plan = NULL;
    CHECK_EQ(sim_fault_plan_create(&plan, list, side, error, sizeof error), 0);
    CHECK_STR(error, "");
    if (plan == NULL)
        abort();
    return plan;
}

static bool strikes(struct sim_fault_plan *plan, enum sim_fault fault, int64_t elapsed_ms)
{
    return sim_fault_strikes(plan, fault, elapsed_ms, &rng, NULL);
}

static void refused(const char *list, enum sim_fault_side side, const char *word)
{
    char error[256] = "";
    struct sim_fault_plan *plan = NULL;
    CHECK_EQ(sim_fault_plan_create(&plan, list, side, error, sizeof error), STATUS_INVALID);
    CHECK(plan == NULL);
    if (strstr(error, word) == NULL)
        fprintf(stderr, "'%s' is refused with: %s\n", list, error);
    CHECK(strstr(error, word) != NULL);
}

static void test_nothing(void)
{
    struct sim_fault_plan *plan = plan_of("", SIM_SIDE_BOTH);
    for (int i = 0; i < SIM_FAULTS; i++)
        CHECK(!strikes(plan, (enum sim_fault)i, 0));
    CHECK_EQ(sim_fault_count(plan, SIM_FAULT_STALL), 0);
    sim_fault_plan_destroy(plan);
}

static void test_arguments(void)
{
    int64_t argument = -1;
    struct sim_fault_plan *plan = plan_of("error, throttle:7 ,rst:cancel,streams:2", SIM_SIDE_CHAT);
    CHECK(sim_fault_strikes(plan, SIM_FAULT_ERROR, 0, &rng, &argument));
    CHECK_EQ(argument, 500);
    CHECK(sim_fault_strikes(plan, SIM_FAULT_THROTTLE, 0, &rng, &argument));
    CHECK_EQ(argument, 7);
    CHECK(sim_fault_strikes(plan, SIM_FAULT_STREAMS, 0, &rng, &argument));
    CHECK_EQ(argument, 2);
    CHECK_STR(sim_fault_plan_text(plan, SIM_FAULT_RST), "refused");
    CHECK(sim_fault_strikes(plan, SIM_FAULT_RST, 0, &rng, &argument));
    CHECK_EQ(argument, 1);
    CHECK_STR(sim_fault_plan_text(plan, SIM_FAULT_RST), "cancel");
    CHECK(!strikes(plan, SIM_FAULT_GOAWAY, 0));
    sim_fault_plan_destroy(plan);

    plan = plan_of("cut,status:14,rst", SIM_SIDE_SPEECH);
    CHECK(sim_fault_strikes(plan, SIM_FAULT_CUT, 0, &rng, &argument));
    CHECK_EQ(argument, 305);
    CHECK(sim_fault_strikes(plan, SIM_FAULT_STATUS, 0, &rng, &argument));
    CHECK_EQ(argument, 14);
    CHECK(sim_fault_strikes(plan, SIM_FAULT_RST, 0, &rng, &argument));
    CHECK_EQ(argument, 0);
    sim_fault_plan_destroy(plan);
}

static void test_every_and_first(void)
{
    struct sim_fault_plan *plan = plan_of("stall@every:3,html@first:2", SIM_SIDE_CHAT);
    for (int i = 1; i <= 9; i++) {
        CHECK_EQ(strikes(plan, SIM_FAULT_STALL, 0), i % 3 == 0);
        CHECK_EQ(strikes(plan, SIM_FAULT_HTML, 0), i <= 2);
    }
    CHECK_EQ(sim_fault_count(plan, SIM_FAULT_STALL), 3);
    CHECK_EQ(sim_fault_count(plan, SIM_FAULT_HTML), 2);
    sim_fault_plan_destroy(plan);
}

static void test_times(void)
{
    struct sim_fault_plan *plan = plan_of("goaway@at:1.5,rst@from:2:for:0.5", SIM_SIDE_BOTH);
    CHECK(!strikes(plan, SIM_FAULT_GOAWAY, 1499));
    CHECK(strikes(plan, SIM_FAULT_GOAWAY, 1700));
    CHECK(!strikes(plan, SIM_FAULT_GOAWAY, 1701));
    CHECK(!strikes(plan, SIM_FAULT_RST, 1999));
    CHECK(strikes(plan, SIM_FAULT_RST, 2000));
    CHECK(strikes(plan, SIM_FAULT_RST, 2499));
    CHECK(!strikes(plan, SIM_FAULT_RST, 2500));
    sim_fault_plan_destroy(plan);
}

static void test_chance(void)
{
    struct sim_fault_plan *plan = plan_of("drip@0.05,stall@0,html@1", SIM_SIDE_CHAT);
    int stalls = 0, htmls = 0, drips = 0;
    for (int i = 0; i < 20000; i++) {
        drips += strikes(plan, SIM_FAULT_DRIP, 0);
        stalls += strikes(plan, SIM_FAULT_STALL, 0);
        htmls += strikes(plan, SIM_FAULT_HTML, 0);
    }
    /* Five standard deviations around 1000. */
    CHECK(drips > 845 && drips < 1155);
    CHECK_EQ(stalls, 0);
    CHECK_EQ(htmls, 20000);
    sim_fault_plan_destroy(plan);
}

static void test_one_seed_one_sequence(void)
{
    uint64_t first = 0, second = 0;
    for (int round = 0; round < 2; round++) {
        struct sim_fault_plan *plan = plan_of("garbage@0.5", SIM_SIDE_CHAT);
        struct rng mine;
        rng_init(&mine, 7);
        uint64_t *bits = round == 0 ? &first : &second;
        for (int i = 0; i < 64; i++)
            *bits = *bits << 1 | sim_fault_strikes(plan, SIM_FAULT_GARBAGE, 0, &mine, NULL);
        sim_fault_plan_destroy(plan);
    }
    CHECK(first == second && first != 0 && first != UINT64_MAX);
}

static void test_more_than_once(void)
{
    int64_t argument;
    struct sim_fault_plan *plan = plan_of(
        "streams:1@at:5,streams:100@at:15,error:503@every:2,error:500@first:3", SIM_SIDE_CHAT);
    CHECK(!strikes(plan, SIM_FAULT_STREAMS, 4000));
    CHECK(sim_fault_strikes(plan, SIM_FAULT_STREAMS, 6000, &rng, &argument));
    CHECK_EQ(argument, 1);
    CHECK(!strikes(plan, SIM_FAULT_STREAMS, 14000));
    CHECK(sim_fault_strikes(plan, SIM_FAULT_STREAMS, 15000, &rng, &argument));
    CHECK_EQ(argument, 100);
    const int64_t expected[] = {500, 503, 500, 503};
    for (int i = 0; i < 4; i++) {
        CHECK(sim_fault_strikes(plan, SIM_FAULT_ERROR, 0, &rng, &argument));
        CHECK_EQ(argument, expected[i]);
    }
    CHECK(!strikes(plan, SIM_FAULT_ERROR, 0));
    sim_fault_plan_destroy(plan);
}

static void test_refused(void)
{
    refused("fire", SIM_SIDE_BOTH, "--faults lists");
    refused("stall", SIM_SIDE_SPEECH, "only the chat API");
    refused("cut:5", SIM_SIDE_CHAT, "only the speech API");
    refused("stall:5", SIM_SIDE_CHAT, "no argument");
    refused("error:often", SIM_SIDE_CHAT, "status=500");
    refused("error:99999999999", SIM_SIDE_CHAT, "status=500");
    refused("error:200", SIM_SIDE_CHAT, "400 to 599");
    refused("status:0", SIM_SIDE_SPEECH, "1 to 16");
    refused("status", SIM_SIDE_SPEECH, "'code'");
    refused("streams:", SIM_SIDE_CHAT, "'count'");
    refused("rst:never", SIM_SIDE_CHAT, "refused|cancel|internal");
    const char *const whens[] = {
        "html@",         "html@1.5",         "html@-1",          "html@nan",
        "html@every",    "html@every:0",     "html@first:-1",    "html@at:",
        "html@from:1",   "html@from:1:for:", "html@from::for:1", "html@at:1e300",
        "html@sometimes"};
    for (size_t i = 0; i < sizeof whens / sizeof whens[0]; i++)
        refused(whens[i], SIM_SIDE_CHAT, "behind @");
    char many[1024] = "", longer[300];
    for (int i = 0; i <= SIM_FAULT_LIST_MAX; i++)
        strcat(many, "html,");
    refused(many, SIM_SIDE_CHAT, "too many");
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    refused(longer, SIM_SIDE_CHAT, "too long");
}

static void test_help(void)
{
    char *text;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    sim_fault_help(out);
    fclose(out);
    for (int i = 0; i < SIM_FAULTS; i++)
        CHECK(strstr(text, sim_fault_name((enum sim_fault)i)) != NULL);
    CHECK(strstr(text, "rst:refused|cancel|internal") != NULL);
    free(text);
}

int main(void)
{
    rng_init(&rng, 1);
    RUN(test_nothing);
    RUN(test_arguments);
    RUN(test_every_and_first);
    RUN(test_times);
    RUN(test_chance);
    RUN(test_one_seed_one_sequence);
    RUN(test_more_than_once);
    RUN(test_refused);
    RUN(test_help);
    return check_done();
}
