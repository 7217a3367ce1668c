#include "base/status.h"
#include "bench/capacity_source.h"
#include "tests/check.h"
#include <math.h>
#include <unistd.h>

static const char before[] = "sotto_sessions 10\nsotto_rss_bytes 30000000\nsotto_connections 12\n"
                             "sotto_cpu_seconds_total 5.0\n"
                             "sotto_loop_busy_seconds_total{loop=\"front-0\"} 1.0\n"
                             "sotto_loop_busy_seconds_total{loop=\"front-1\"} 1.0\n"
                             "sotto_loop_busy_seconds_total{loop=\"upstream\"} 0.5\n"
                             "sotto_pool_sent_total 100\n"
                             "sotto_pool_requests_total{class=\"final_translation\"} 10\n"
                             "sotto_pool_requests_total{class=\"final_grammar\"} 10\n"
                             "sotto_audio_bytes_total 1000\nsotto_event_bytes_total 1000\n"
                             "sotto_stt_calls 10\n";
static const char after[] = "sotto_sessions 10\nsotto_rss_bytes 31000000\nsotto_connections 12\n"
                            "sotto_cpu_seconds_total 5.5\n"
                            "sotto_loop_busy_seconds_total{loop=\"front-0\"} 1.1\n"
                            "sotto_loop_busy_seconds_total{loop=\"front-1\"} 1.4\n"
                            "sotto_loop_busy_seconds_total{loop=\"upstream\"} 0.6\n"
                            "sotto_pool_sent_total 200\n"
                            "sotto_pool_requests_total{class=\"final_translation\"} 20\n"
                            "sotto_pool_requests_total{class=\"final_grammar\"} 30\n"
                            "sotto_audio_bytes_total 4801000\nsotto_event_bytes_total 51000\n"
                            "sotto_stt_calls 11\n";

static bool near(double value, double wanted)
{
    return fabs(value - wanted) < 1e-6 * fmax(1, wanted);
}

static void test_two_scrapes_give_the_costs_of_a_session(void)
{
    struct capacity_source source;
    capacity_source_init(&source);
    source.idle_mb = 20;
    CHECK_EQ(capacity_source_scrapes(&source, before, after, 10), STATUS_OK);
    CHECK(near(source.cost[CAPACITY_COST_CPU], 5));  /* 0.5 s in 10 s over 10 sessions */
    CHECK(near(source.cost[CAPACITY_COST_LOOP], 4)); /* of the busiest only */
    CHECK(near(source.cost[CAPACITY_COST_RSS], 1050));
    CHECK(near(source.cost[CAPACITY_COST_AUDIO], 48000));
    CHECK(near(source.cost[CAPACITY_COST_EVENTS], 500));
    CHECK(near(source.cost[CAPACITY_COST_REQUESTS], 60));
    CHECK(near(source.cost[CAPACITY_COST_FINALS], 18));
    CHECK(near(source.cost[CAPACITY_COST_STREAMS], 1.05));
    CHECK(near(source.cost[CAPACITY_COST_DESCRIPTORS], 1.2));
    CHECK_EQ(source.origin[CAPACITY_COST_CPU], CAPACITY_MEASURED);
}

static void test_what_a_server_does_not_tell_stays_built_in(void)
{
    struct capacity_source source, fresh;
    capacity_source_init(&source);
    capacity_source_init(&fresh);
    CHECK_EQ(capacity_source_scrapes(&source, before, after, 10), STATUS_OK);
    CHECK_EQ(source.origin[CAPACITY_COST_TOKENS], CAPACITY_BUILT_IN); /* no such metric above */
    CHECK(near(source.cost[CAPACITY_COST_TOKENS], fresh.cost[CAPACITY_COST_TOKENS]));
}

static void test_restart_between_scrapes_is_no_negative_cost(void)
{
    struct capacity_source source;
    capacity_source_init(&source);
    CHECK_EQ(capacity_source_scrapes(&source, after, before, 10), STATUS_OK);
    for (int i = 0; i < CAPACITY_COSTS; i++)
        CHECK(source.cost[i] >= 0);
    CHECK_EQ(source.origin[CAPACITY_COST_CPU], CAPACITY_BUILT_IN);
}

static void test_no_session_is_no_answer(void)
{
    struct capacity_source source;
    capacity_source_init(&source);
    CHECK_EQ(capacity_source_scrapes(&source, "sotto_sessions 0\n", "sotto_sessions 0\n", 10),
             STATUS_NOT_FOUND);
    CHECK_EQ(capacity_source_scrapes(&source, "", "", 10), STATUS_NOT_FOUND);
    CHECK_EQ(source.origin[CAPACITY_COST_CPU], CAPACITY_BUILT_IN);
}

/* -- results.json -- */

#define RUN_OF(sessions, speaking, more, delivery, p99, cpu)                                       \
    "{\"sessions\": " #sessions ", \"speaking\": " #speaking ", \"chosen\": true, " more           \
    "\"result\": {\"probe\": {\"server\": {\"rss_idle_bytes\": 20000000}}}, "                      \
    "\"figures\": {\"delivery\": " #delivery ", \"server_p99\": " #p99 ", \"cpu_ms\": " #cpu       \
    ", \"loop_busy\": 50, \"tokens_minute\": null}}"

static int read_results(const char *text, double sessions, double speaking,
                        struct capacity_source *source)
{
    char path[] = "/tmp/sotto-capacity-XXXXXX", error[CAPACITY_ERROR_BYTES];
    int fd = mkstemp(path);
    CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
    struct capacity_pick pick = {.sessions = sessions, .speaking = speaking};
    capacity_source_init(source);
    int status = capacity_source_file(source, path, &pick, error);
    unlink(path);
    return status;
}

static const char results[] = "{\"runs\": [" RUN_OF(100, 1.0, "", 100.0, 5, 0.5) "," /* */
    RUN_OF(1000, 1.0, "", 100.0, 20, 0.4) ","                                        /* */
    RUN_OF(1500, 1.0, "", 100.0, 900, 0.3) ","                                       /* late */
    RUN_OF(2000, 1.0, "", 90.0, 5, 0.3) ","                                          /* lost */
    RUN_OF(3000, 1.0, "\"void\": \"stolen\", ", 100.0, 5, 0.2) ","                   /* */
    RUN_OF(4000, 1.0, "\"without\": \"uring\", ", 100.0, 5, 0.1) ","                 /* */
    RUN_OF(5000, 0.6, "\"void\": null, \"without\": null, ", 100.0, 5, 0.05) "]}";

static void test_largest_run_that_carried_its_sessions_counts(void)
{
    struct capacity_source source;
    CHECK_EQ(read_results(results, 0, -1, &source), STATUS_OK);
    CHECK(near(source.cost[CAPACITY_COST_CPU], 0.4));
    CHECK(near(source.cost[CAPACITY_COST_LOOP], 0.5)); /* half a core over 1,000 sessions */
    CHECK(near(source.idle_mb, 20));
    CHECK_EQ(source.origin[CAPACITY_COST_TOKENS], CAPACITY_BUILT_IN); /* null */
}

static void test_the_run_asked_for_counts(void)
{
    struct capacity_source source;
    CHECK_EQ(read_results(results, 150, -1, &source), STATUS_OK);
    CHECK(near(source.cost[CAPACITY_COST_CPU], 0.5));
    CHECK_EQ(read_results(results, 0, 0.6, &source), STATUS_OK);
    CHECK(near(source.cost[CAPACITY_COST_CPU], 0.05));
}

static void test_files_that_answer_nothing_say_so(void)
{
    struct capacity_source source;
    char error[CAPACITY_ERROR_BYTES] = "";
    struct capacity_pick pick = {.speaking = -1};
    CHECK_EQ(read_results("{\"runs\": []}", 0, -1, &source), STATUS_NOT_FOUND);
    CHECK_EQ(read_results("{}", 0, -1, &source), STATUS_INVALID);
    CHECK_EQ(read_results("[1, 2", 0, -1, &source), STATUS_INVALID);
    CHECK_EQ(capacity_source_file(&source, "/nonexistent/results.json", &pick, error), STATUS_IO);
    CHECK(strstr(error, "/nonexistent/results.json") != NULL);
}

int main(void)
{
    RUN(test_two_scrapes_give_the_costs_of_a_session);
    RUN(test_what_a_server_does_not_tell_stays_built_in);
    RUN(test_restart_between_scrapes_is_no_negative_cost);
    RUN(test_no_session_is_no_answer);
    RUN(test_largest_run_that_carried_its_sessions_counts);
    RUN(test_the_run_asked_for_counts);
    RUN(test_files_that_answer_nothing_say_so);
    return check_done();
}
