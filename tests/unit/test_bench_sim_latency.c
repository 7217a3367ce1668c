/* Waiting times as they are written and drawn. */
#include "base/hist.h"
#include "base/rng.h"
#include "base/status.h"
#include "bench/sim_latency.h"
#include "tests/check.h"
#include <math.h>
#include <stdbool.h>
#include <unistd.h>

static struct hist drawn;

/* Draws many; the histogram is in `drawn`. */
static void draw(const char *text)
{
    struct sim_latency *latency = NULL;
    char error[200] = "";
    struct rng rng;
    rng_init(&rng, 1);
    hist_reset(&drawn);
    CHECK_EQ(sim_latency_parse(text, &latency, error, sizeof error), STATUS_OK);
    CHECK_STR(error, "");
    if (latency == NULL)
        return;
    for (int i = 0; i < 20000; i++)
        hist_add(&drawn, sim_latency_draw_us(latency, &rng));
    sim_latency_destroy(latency);
}

static bool near(double value, double want)
{
    return fabs(value - want) <= want * 0.05;
}

static void fixed_is_the_number(void)
{
    draw("120");
    CHECK_EQ(drawn.min, 120000);
    CHECK_EQ(drawn.max, 120000);
    draw("fixed:0.25");
    CHECK_EQ(drawn.max, 250);
    draw("0");
    CHECK_EQ(drawn.max, 0);
}

static void uniform_fills_its_range(void)
{
    draw("uniform:80:160");
    CHECK(drawn.min >= 80000 && drawn.min < 80100);
    CHECK(drawn.max <= 160000 && drawn.max > 159900);
    CHECK(near(hist_mean(&drawn), 120000));
    draw("uniform:5:5");
    CHECK_EQ(drawn.min, 5000);
    CHECK_EQ(drawn.max, 5000);
}

static void lognormal_has_its_median_and_tail(void)
{
    draw("lognormal:120:0.4");
    CHECK(near((double)hist_quantile(&drawn, 0.5), 120000));
    CHECK(near((double)hist_quantile(&drawn, 0.8413), 120000 * exp(0.4)));
    draw("lognormal:120:0");
    CHECK_EQ(drawn.max, 120000);
    draw("lognormal:1000:1000"); /* what would be longer than the longest is the longest */
    CHECK_EQ(drawn.max, SIM_LATENCY_MS_MAX * 1000LL);
}

/* Writes a trace, parses it; gives the latency, or NULL with `error`. */
static struct sim_latency *traced(const char *content, char error[200])
{
    char text[64] = "trace:/tmp/test_bench_sim_latency_XXXXXX";
    char *path = text + strlen("trace:");
    int fd = mkstemp(path);
    CHECK(fd >= 0);
    CHECK_EQ(write(fd, content, strlen(content)), strlen(content));
    close(fd);
    struct sim_latency *latency = NULL;
    int status = sim_latency_parse(text, &latency, error, 200);
    CHECK_EQ(status, latency == NULL ? STATUS_INVALID : STATUS_OK);
    unlink(path);
    return latency;
}

static void trace_is_taken_in_turn(void)
{
    char error[200];
    struct rng rng;
    rng_init(&rng, 1);
    struct sim_latency *latency = traced("10\n\n 20.5 \r\n30", error);
    CHECK(latency != NULL);
    if (latency == NULL)
        return;
    const int64_t want[] = {10000, 20500, 30000, 10000};
    for (int i = 0; i < 4; i++)
        CHECK_EQ(sim_latency_draw_us(latency, &rng), want[i]);
    sim_latency_destroy(latency);
}

static void trace_errors_name_the_line(void)
{
    char error[200] = "";
    CHECK(traced("10\nten\n", error) == NULL);
    CHECK(strstr(error, ":2: \"ten\"") != NULL);
    CHECK(traced("10\n-1\n", error) == NULL);
    CHECK(strstr(error, ":2:") != NULL);
    CHECK(traced("\n\n", error) == NULL);
    CHECK(strstr(error, "no numbers") != NULL);
}

static void long_trace_is_kept_whole(void)
{
    static char content[3000 * 6];
    for (int i = 0; i < 3000; i++)
        snprintf(content + strlen(content), 7, "%d\n", i);
    char error[200];
    struct rng rng;
    rng_init(&rng, 1);
    struct sim_latency *latency = traced(content, error);
    CHECK(latency != NULL);
    for (int i = 0; latency != NULL && i < 3000; i++)
        CHECK_EQ(sim_latency_draw_us(latency, &rng), i * 1000);
    sim_latency_destroy(latency);
}

static void wrong_texts_are_refused_with_a_sentence(void)
{
    const char *wrong[] = {"",
                           "fast",
                           "120ms",
                           "-1",
                           "nan",
                           "inf",
                           "1e300",
                           "fixed:",
                           "uniform:80",
                           "uniform:160:80",
                           "uniform:80:160:3",
                           "lognormal:120",
                           "lognormal:120:-1",
                           "lognormal:0:1",
                           "lognormal:a:b",
                           "trace:",
                           "trace:/nowhere/at/all"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct sim_latency *latency = NULL;
        char error[200] = "";
        CHECK_EQ(sim_latency_parse(wrong[i], &latency, error, sizeof error), STATUS_INVALID);
        CHECK(latency == NULL);
        CHECK(strlen(error) > 20);
    }
}

int main(void)
{
    RUN(fixed_is_the_number);
    RUN(uniform_fills_its_range);
    RUN(lognormal_has_its_median_and_tail);
    RUN(trace_is_taken_in_turn);
    RUN(trace_errors_name_the_line);
    RUN(long_trace_is_kept_whole);
    RUN(wrong_texts_are_refused_with_a_sentence);
    return check_done();
}
