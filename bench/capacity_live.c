#include "bench/capacity_source.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/status.h"
#include "bench/probe.h"
#include <curl/curl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define SCRAPE_BYTES_MAX (4 << 20)
#define SCRAPE_S         10
#define LOOPS_MAX        64
#define IDLE_MB          34 /* resident without sessions, when nobody says otherwise */

/* Two scrapes and the time between them. */
struct scrapes {
    const char *before, *after;
    double seconds;
};

/* How fast a counter rose, labels and all; NAN when it is not there. */
static double rate(const struct scrapes *scrapes, const char *name)
{
    double before, after;
    if (!probe_metric(scrapes->before, name, &before) ||
        !probe_metric(scrapes->after, name, &after) || after < before)
        return NAN;
    return (after - before) / scrapes->seconds;
}

/* A gauge's middle; NAN when it is not there. */
static double level(const struct scrapes *scrapes, const char *name)
{
    double before, after;
    if (!probe_metric(scrapes->before, name, &before) ||
        !probe_metric(scrapes->after, name, &after))
        return NAN;
    return (before + after) / 2;
}

static double busiest_loop(const struct scrapes *scrapes)
{
    double most = rate(scrapes, "sotto_loop_busy_seconds_total{loop=\"upstream\"}");
    for (unsigned i = 0; i < LOOPS_MAX; i++) {
        char name[64];
        snprintf(name, sizeof name, "sotto_loop_busy_seconds_total{loop=\"front-%u\"}", i);
        double busy = rate(scrapes, name);
        if (isnan(busy))
            break;
        most = fmax(most, busy);
    }
    return most;
}

static void measured(struct capacity_source *source, enum capacity_cost cost, double value)
{
    if (!isfinite(value))
        return; /* the server is older than this metric */
    source->cost[cost] = value;
    source->origin[cost] = CAPACITY_MEASURED;
}

int capacity_source_scrapes(struct capacity_source *source, const char *before, const char *after,
                            double seconds)
{
    struct scrapes scrapes = {before, after, seconds};
    double sessions = level(&scrapes, "sotto_sessions");
    if (!(sessions > 0) || !(seconds > 0))
        return STATUS_NOT_FOUND;
    double idle = (source->idle_mb > 0 ? source->idle_mb : IDLE_MB) * 1e6;
    double finals = rate(&scrapes, "sotto_pool_requests_total{class=\"final_translation\"}") +
                    rate(&scrapes, "sotto_pool_requests_total{class=\"final_grammar\"}");
    double tokens = rate(&scrapes, "sotto_pool_tokens_in_total") +
                    rate(&scrapes, "sotto_pool_tokens_out_total");
    const double values[CAPACITY_COSTS] = {
        [CAPACITY_COST_CPU] = rate(&scrapes, "sotto_cpu_seconds_total") * 1000,
        [CAPACITY_COST_LOOP] = busiest_loop(&scrapes) * 1000,
        [CAPACITY_COST_RSS] = fmax(0, level(&scrapes, "sotto_rss_bytes") - idle) / 1000,
        [CAPACITY_COST_AUDIO] = rate(&scrapes, "sotto_audio_bytes_total"),
        [CAPACITY_COST_EVENTS] = rate(&scrapes, "sotto_event_bytes_total"),
        [CAPACITY_COST_REQUESTS] = rate(&scrapes, "sotto_pool_sent_total") * 60,
        [CAPACITY_COST_TOKENS] = tokens * 60,
        [CAPACITY_COST_FINALS] = finals * 60,
        [CAPACITY_COST_STREAMS] = level(&scrapes, "sotto_stt_calls"),
        [CAPACITY_COST_DESCRIPTORS] = level(&scrapes, "sotto_connections"),
    };
    for (int i = 0; i < CAPACITY_COSTS; i++)
        measured(source, (enum capacity_cost)i, values[i] / sessions);
    snprintf(source->where, sizeof source->where, "measured: %.0f live sessions over %.0f s",
             sessions, seconds);
    return STATUS_OK;
}

static size_t on_bytes(char *bytes, size_t size, size_t count, void *ctx)
{
    return buf_append(ctx, bytes, size * count) == STATUS_OK ? size * count : 0;
}

/* The text of URL/metrics, to be freed with mem_free(); NULL with a sentence in error. */
static char *scrape(const char *url, char error[CAPACITY_ERROR_BYTES])
{
    char address[160];
    snprintf(address, sizeof address, "%s%s", url,
             strstr(url, "/metrics") != NULL ? "" : "/metrics");
    CURL *easy = curl_easy_init();
    if (easy == NULL) {
        snprintf(error, CAPACITY_ERROR_BYTES, "out of memory");
        return NULL;
    }
    struct buf text;
    buf_init(&text, SCRAPE_BYTES_MAX);
    curl_easy_setopt(easy, CURLOPT_URL, address);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT, (long)SCRAPE_S);
    curl_easy_setopt(easy, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_bytes);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, &text);
    CURLcode code = curl_easy_perform(easy);
    curl_easy_cleanup(easy);
    buf_putc(&text, '\0');
    size_t len;
    char *taken = buf_take(&text, &len);
    buf_deinit(&text);
    if (code == CURLE_OK && taken != NULL)
        return taken;
    snprintf(error, CAPACITY_ERROR_BYTES, "%s: %s", address,
             code != CURLE_OK ? curl_easy_strerror(code) : "more than can be read");
    mem_free(taken);
    return NULL;
}

int capacity_source_live(struct capacity_source *source, const char *url, unsigned seconds,
                         char error[CAPACITY_ERROR_BYTES])
{
    char *before = scrape(url, error);
    if (before == NULL)
        return STATUS_IO;
    int64_t begin_us = clock_mono_us();
    struct timespec wait = {.tv_sec = seconds};
    while (nanosleep(&wait, &wait) != 0)
        ;
    double elapsed_s = (double)(clock_mono_us() - begin_us) / 1e6;
    char *after = scrape(url, error);
    int status = STATUS_IO;
    if (after != NULL) {
        status = capacity_source_scrapes(source, before, after, elapsed_s);
        if (status != STATUS_OK)
            snprintf(error, CAPACITY_ERROR_BYTES,
                     "%s: no session is live there: measure under load, or use --from", url);
    }
    mem_free(before);
    mem_free(after);
    return status;
}
