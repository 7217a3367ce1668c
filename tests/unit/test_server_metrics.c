#include "server/metrics.h"

#include "base/buf.h"
#include "base/durations.h"
#include "base/lat.h"
#include "tests/check.h"
#include <pthread.h>
#include <stdbool.h>

#define TEXT_MAX 65536

static struct buf text;

static const char *written(void)
{
    buf_deinit(&text);
    buf_init(&text, TEXT_MAX);
    metrics_write(&text);
    CHECK_EQ(buf_status(&text), 0);
    return text.data;
}

static bool says(const char *line)
{
    return strstr(written(), line) != NULL;
}

static void *count(void *arg)
{
    for (int i = 0; i < 10000; i++)
        metrics_add(METRIC_EVENTS, 1);
    return arg;
}

static void test_counters_add_up(void)
{
    pthread_t threads[3];
    CHECK_EQ(metrics_get(METRIC_EVENTS), 0);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(pthread_create(&threads[i], NULL, count, NULL), 0);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    CHECK_EQ(metrics_get(METRIC_EVENTS), 30000);
    metrics_add(METRIC_AUDIO_BYTES, UINT64_C(5000000000));
    CHECK(says("sotto_events_total 30000\n"));
    CHECK(says("sotto_audio_bytes_total 5000000000\n"));
    CHECK(says("# TYPE sotto_spliced_total counter\nsotto_spliced_total 0\n"));
}

static void test_latency_by_kind_and_part(void)
{
    struct lat lat;
    lat_start(&lat, 1000000);
    lat_mark(&lat, LAT_UPSTREAM, 1200000);
    lat_mark(&lat, LAT_SERVER, 1250000);
    for (int i = 0; i < 4; i++)
        metrics_latency(LATENCY_TRANSCRIPT, &lat);
    CHECK(says("sotto_latency_seconds_count{kind=\"transcript\",part=\"audio\"} 4\n"));
    CHECK(says("sotto_latency_seconds_sum{kind=\"transcript\",part=\"audio\"} 1.000000\n"));
    CHECK(says("sotto_latency_seconds_sum{kind=\"transcript\",part=\"upstream\"} 0.800000\n"));
    CHECK(says("sotto_latency_seconds_sum{kind=\"transcript\",part=\"server\"} 0.200000\n"));
    CHECK(
        says("sotto_latency_seconds_bucket{kind=\"transcript\",part=\"server\",le=\"0.03\"} 0\n"));
    CHECK(
        says("sotto_latency_seconds_bucket{kind=\"transcript\",part=\"server\",le=\"0.05\"} 4\n"));
    CHECK(
        says("sotto_latency_seconds_bucket{kind=\"transcript\",part=\"server\",le=\"+Inf\"} 4\n"));
    CHECK(says("sotto_latency_seconds_count{kind=\"grammar\",part=\"audio\"} 0\n"));
}

/* Every line is a comment or `name{labels} number`, and every name has its HELP and TYPE before. */
static void test_text_is_well_formed(void)
{
    char line[512], name[128], type[160];
    const char *all = written();
    for (const char *at = all; *at != '\0'; at = strchr(at, '\n') + 1) {
        size_t len = strcspn(at, "\n");
        CHECK(len < sizeof line && at[len] == '\n');
        snprintf(line, sizeof line, "%.*s", (int)len, at);
        if (line[0] == '#') {
            CHECK(strncmp(line, "# HELP sotto_", 13) == 0 ||
                  strncmp(line, "# TYPE sotto_", 13) == 0);
            continue;
        }
        snprintf(name, sizeof name, "%.*s", (int)strcspn(line, "{ "), line);
        const char *number = strrchr(line, ' ');
        char *end = NULL;
        CHECK(number != NULL && strtod(number + 1, &end) >= 0 && *end == '\0');
        char *suffix = strstr(name, "_sum");
        suffix = suffix != NULL ? suffix : strstr(name, "_count");
        suffix = suffix != NULL ? suffix : strstr(name, "_bucket");
        if (suffix != NULL)
            *suffix = '\0';
        snprintf(type, sizeof type, "# TYPE %s ", name);
        const char *found = strstr(all, type);
        CHECK(found != NULL && found < at);
    }
}

static void test_gauges_and_counters_of_the_caller(void)
{
    struct buf out;
    buf_init(&out, 1024);
    metrics_gauge(&out, "sotto_sessions", "live sessions", 2.5);
    metrics_counter(&out, "sotto_x_total", "xs", UINT64_MAX);
    CHECK_STR(out.data, "# HELP sotto_sessions live sessions\n# TYPE sotto_sessions gauge\n"
                        "sotto_sessions 2.5\n# HELP sotto_x_total xs\n"
                        "# TYPE sotto_x_total counter\nsotto_x_total 18446744073709551615\n");
    buf_deinit(&out);
}

/* Buckets of the text are cumulative, as Prometheus has them. */
static void test_histogram_without_labels(void)
{
    struct durations durations = {0};
    struct durations_sum sum = {0};
    struct buf out;
    buf_init(&out, 4096);
    durations_add(&durations, 40);
    durations_add(&durations, 1500);
    durations_add(&durations, 60000000);
    durations_read(&durations, &sum);
    metrics_histogram(&out, "sotto_x_seconds", "", &sum);
    CHECK(strncmp(out.data, "sotto_x_seconds_bucket{le=\"0.00005\"} 1\n", 39) == 0);
    CHECK(strstr(out.data, "sotto_x_seconds_bucket{le=\"0.001\"} 1\n"
                           "sotto_x_seconds_bucket{le=\"0.0015\"} 2\n") != NULL);
    CHECK(strstr(out.data, "sotto_x_seconds_bucket{le=\"10\"} 2\n"
                           "sotto_x_seconds_bucket{le=\"+Inf\"} 3\n"
                           "sotto_x_seconds_sum 60.001540\nsotto_x_seconds_count 3\n") != NULL);
    buf_deinit(&out);
}

int main(void)
{
    RUN(test_counters_add_up);
    RUN(test_latency_by_kind_and_part);
    RUN(test_text_is_well_formed);
    RUN(test_histogram_without_labels);
    RUN(test_gauges_and_counters_of_the_caller);
    buf_deinit(&text);
    return check_done();
}
