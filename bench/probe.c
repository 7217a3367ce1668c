#include "bench/probe.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/status.h"
#include "base/thread.h"
#include "bench/probe_proc.h"
#include <assert.h>
#include <curl/curl.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define METRICS_BYTES_MAX  (4 << 20)
#define METRICS_CONNECT_MS 1000L
#define METRICS_TIMEOUT_MS 2000L

enum { SERVER, SIM, BENCH, PROCESSES };

/* The machine at one moment. */
struct snapshot {
    int64_t at_us; /* 0: not taken */
    struct probe_proc processes[PROCESSES];
    struct probe_cpu cpus[PROBE_CPUS_MAX];
    unsigned cpus_len;
};

struct scrape {
    int64_t at_us; /* 0: none */
    struct buf text;
};

struct probe {
    struct probe_config config;
    int pids[PROCESSES];
    CURL *curl; /* the thread's, once it runs */
    pthread_t thread;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t wake;
    bool begin_asked, end_asked, stop;
    bool open, over; /* the window is; nothing is sampled after it */
    struct snapshot begin, end;
    uint64_t rss_idle[PROCESSES], rss_peak[PROCESSES], descriptors_peak[PROCESSES];
    uint64_t samples, samples_missed;
    uint64_t audio_peak, own_rss_peak, own_rss_end;
    /* The thread's, until it has ended. */
    struct scrape first, last;
};

static size_t on_bytes(char *bytes, size_t size, size_t count, void *ctx)
{
    return buf_append(ctx, bytes, size * count) == STATUS_OK ? size * count : 0;
}

static CURL *curl_open(const struct probe_config *config)
{
    char url[256];
    bool v6 = strchr(config->host, ':') != NULL;
    CURL *curl = curl_easy_init();
    if (curl == NULL)
        return NULL;
    snprintf(url, sizeof url, "http%s://%s%s%s:%u/metrics", config->tls ? "s" : "", v6 ? "[" : "",
             config->host, v6 ? "]" : "", config->port);
    if (config->ca_file != NULL)
        curl_easy_setopt(curl, CURLOPT_CAINFO, config->ca_file);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, METRICS_CONNECT_MS);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, METRICS_TIMEOUT_MS);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_bytes);
    return curl;
}

/* A new text of /metrics, or false and `out` as it was. */
static bool scrape(CURL *curl, struct scrape *out)
{
    struct buf text;
    buf_init(&text, METRICS_BYTES_MAX);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &text);
    if (curl_easy_perform(curl) != CURLE_OK || buf_status(&text) != STATUS_OK || text.len == 0) {
        buf_deinit(&text);
        return false;
    }
    buf_deinit(&out->text);
    *out = (struct scrape){clock_mono_us(), text};
    return true;
}

static bool scrape_copy(struct scrape *to, const struct scrape *from)
{
    buf_reset(&to->text);
    if (buf_append(&to->text, from->text.data, from->text.len) != STATUS_OK)
        return false;
    to->at_us = from->at_us;
    return true;
}

static void snapshot_take(const struct probe *probe, struct snapshot *out)
{
    *out = (struct snapshot){.at_us = clock_mono_us()};
    for (int i = 0; i < PROCESSES; i++)
        if (probe->pids[i] > 0 && probe_proc_read(probe->pids[i], &out->processes[i]))
            probe_proc_switches(probe->pids[i], &out->processes[i]);
    out->cpus_len = probe_cpus_read(out->cpus, PROBE_CPUS_MAX);
}

static void raise_to(uint64_t *peak, uint64_t value)
{
    if (value > *peak)
        *peak = value;
}

/* Under the lock; cheap enough for that. */
static void sample_processes(struct probe *probe)
{
    for (int i = 0; i < PROCESSES; i++) {
        struct probe_proc proc;
        if (probe->pids[i] <= 0 || !probe_proc_read(probe->pids[i], &proc))
            continue;
        raise_to(&probe->rss_peak[i], proc.rss_bytes);
        raise_to(&probe->descriptors_peak[i], probe_proc_descriptors(probe->pids[i]));
    }
}

/* `fresh`: the newest text is from now. The window's first is the first one good after its begin;
 * where even that is missing, what was known before. */
static void keep_first(struct probe *probe, bool begins, bool fresh)
{
    if (begins || (fresh && probe->first.at_us < probe->begin.at_us))
        scrape_copy(&probe->first, &probe->last);
}

/* Both figures are of one moment: the server writes them into one answer. */
static void sample_memory(struct probe *probe)
{
    double rss = 0, audio = 0;
    if (!probe_metric(probe->last.text.data, "sotto_rss_bytes", &rss))
        return;
    probe_metric(probe->last.text.data, "sotto_audio_held_bytes", &audio);
    raise_to(&probe->audio_peak, (uint64_t)audio);
    probe->own_rss_end = rss > audio ? (uint64_t)(rss - audio) : 0;
    raise_to(&probe->own_rss_peak, probe->own_rss_end);
}

/* One look at everything; the lock is free while the server is asked. */
static void look(struct probe *probe)
{
    bool begins = probe->begin_asked, open = probe->open || probe->end_asked;
    probe->over = probe->end_asked;
    probe->begin_asked = probe->end_asked = false;
    if (open)
        sample_processes(probe);
    pthread_mutex_unlock(&probe->lock);
    bool fresh = scrape(probe->curl, &probe->last);
    pthread_mutex_lock(&probe->lock);
    if (open)
        keep_first(probe, begins, fresh);
    if (open && fresh)
        sample_memory(probe);
    probe->samples += fresh;
    probe->samples_missed += !fresh;
}

static void wait_until(struct probe *probe, int64_t until_us)
{
    struct timespec until = {until_us / 1000000, until_us % 1000000 * 1000};
    int error = 0;
    while (!probe->begin_asked && !probe->end_asked && !probe->stop && error != ETIMEDOUT)
        error = pthread_cond_timedwait(&probe->wake, &probe->lock, &until);
}

static void *probe_run(void *ctx)
{
    struct probe *probe = ctx;
    int64_t next_us = clock_mono_us();
    pthread_mutex_lock(&probe->lock);
    while (!probe->stop || probe->begin_asked || probe->end_asked) {
        next_us += (int64_t)probe->config.every_ms * 1000;
        /* After a slow answer samples are left out, not caught up on. */
        if (next_us < clock_mono_us())
            next_us = clock_mono_us();
        wait_until(probe, next_us);
        if (!probe->over && (!probe->stop || probe->begin_asked || probe->end_asked))
            look(probe);
    }
    pthread_mutex_unlock(&probe->lock);
    return NULL;
}

static void probe_free(struct probe *probe)
{
    if (probe->curl != NULL)
        curl_easy_cleanup(probe->curl);
    buf_deinit(&probe->first.text);
    buf_deinit(&probe->last.text);
    pthread_cond_destroy(&probe->wake);
    pthread_mutex_destroy(&probe->lock);
    mem_free(probe);
}

static struct probe *probe_create(const struct probe_config *config)
{
    struct probe *probe = mem_calloc(1, sizeof *probe);
    if (probe == NULL)
        return NULL;
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&probe->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&probe->lock, NULL);
    buf_init(&probe->first.text, METRICS_BYTES_MAX);
    buf_init(&probe->last.text, METRICS_BYTES_MAX);
    probe->config = *config;
    probe->pids[SERVER] = config->server_pid;
    probe->pids[SIM] = config->sim_pid;
    probe->pids[BENCH] = getpid();
    return probe;
}

int probe_open(struct probe **out, const struct probe_config *config)
{
    assert(config->every_ms > 0);
    struct probe *probe = probe_create(config);
    if (probe == NULL)
        return STATUS_NOMEM;
    int status = STATUS_NOMEM;
    probe->curl = curl_open(config);
    if (probe->curl == NULL)
        goto fail;
    status = scrape(probe->curl, &probe->last) ? STATUS_OK : STATUS_IO;
    if (status != STATUS_OK)
        goto fail;
    snapshot_take(probe, &probe->begin);
    for (int i = 0; i < PROCESSES; i++)
        probe->rss_idle[i] = probe->begin.processes[i].rss_bytes;
    probe->begin.at_us = 0;
    status = thread_start(&probe->thread, "probe", probe_run, probe);
    if (status != STATUS_OK)
        goto fail;
    *out = probe;
    return STATUS_OK;
fail:
    probe_free(probe);
    return status;
}

void probe_begin(struct probe *probe)
{
    pthread_mutex_lock(&probe->lock);
    assert(probe->begin.at_us == 0);
    snapshot_take(probe, &probe->begin);
    probe->begin_asked = probe->open = true;
    pthread_cond_signal(&probe->wake);
    pthread_mutex_unlock(&probe->lock);
}

void probe_end(struct probe *probe)
{
    pthread_mutex_lock(&probe->lock);
    if (probe->open) {
        snapshot_take(probe, &probe->end);
        probe->open = false;
        probe->end_asked = true;
        pthread_cond_signal(&probe->wake);
    }
    pthread_mutex_unlock(&probe->lock);
}

static uint64_t grown(uint64_t before, uint64_t after)
{
    return after > before ? after - before : 0;
}

static void sum_process(const struct probe *probe, int which, struct probe_process *out)
{
    const struct probe_proc *begin = &probe->begin.processes[which];
    const struct probe_proc *end = &probe->end.processes[which];
    double tick_s = 1.0 / (double)sysconf(_SC_CLK_TCK);
    out->cpu_s = end->cpu_ns > begin->cpu_ns ? (double)(end->cpu_ns - begin->cpu_ns) / 1e9 : 0;
    out->user_s = (double)grown(begin->user_ticks, end->user_ticks) * tick_s;
    out->system_s = (double)grown(begin->system_ticks, end->system_ticks) * tick_s;
    out->rss_idle = probe->rss_idle[which];
    out->rss_start = begin->rss_bytes;
    out->rss_end = end->rss_bytes;
    out->rss_peak = probe->rss_peak[which];
    raise_to(&out->rss_peak, begin->rss_bytes);
    raise_to(&out->rss_peak, end->rss_bytes);
    out->switches_voluntary = grown(begin->switches_voluntary, end->switches_voluntary);
    out->switches_forced = grown(begin->switches_forced, end->switches_forced);
    out->descriptors_peak = probe->descriptors_peak[which];
    out->threads = end->threads;
}

struct core_use {
    double busy, stolen; /* shares */
};

/* Of one core, or for -1 the worst. */
static struct core_use core_use(const struct probe *probe, int cpu)
{
    struct core_use worst = {0};
    const struct snapshot *begin = &probe->begin, *end = &probe->end;
    for (unsigned i = 0; i < begin->cpus_len && i < end->cpus_len; i++) {
        double total = (double)grown(begin->cpus[i].total, end->cpus[i].total);
        if ((cpu >= 0 && (unsigned)cpu != i) || total <= 0)
            continue;
        worst.busy =
            fmax(worst.busy, (double)grown(begin->cpus[i].busy, end->cpus[i].busy) / total);
        worst.stolen =
            fmax(worst.stolen, (double)grown(begin->cpus[i].stolen, end->cpus[i].stolen) / total);
    }
    return worst;
}

static void sum_cores(const struct probe *probe, struct probe_sum *out)
{
    struct core_use bench = core_use(probe, probe->config.bench_cpu);
    out->server_stolen = core_use(probe, probe->config.server_cpu).stolen;
    out->bench_stolen = bench.stolen;
    out->bench_core_busy = bench.busy;
    if (probe->config.bench_cpu < 0)
        out->bench_core_busy = (out->sim.cpu_s + out->bench.cpu_s) / out->seconds;
}

static uint64_t metric_grown(const char *before, const char *after, const char *metric)
{
    double more = probe_metric_total(after, metric) - probe_metric_total(before, metric);
    return more > 0 ? (uint64_t)llround(more) : 0;
}

static void sum_metrics(const struct probe *probe, struct probe_sum *out)
{
    const char *before = probe->first.text.data, *after = probe->last.text.data;
    double seconds = (double)(probe->last.at_us - probe->first.at_us) / 1e6;
    if (before == NULL || after == NULL)
        return;
    probe_metric_hist(before, after, "sotto_loop_lag_seconds", &out->loop_lag);
    probe_metric_hist(before, after, "sotto_audio_handover_seconds", &out->handover);
    out->requests = metric_grown(before, after, "sotto_pool_sent_total");
    out->tokens_in = metric_grown(before, after, "sotto_pool_tokens_in_total");
    out->tokens_out = metric_grown(before, after, "sotto_pool_tokens_out_total");
    out->handshakes_late = metric_grown(before, after, "sotto_pool_handshakes_late_total");
    out->connects = metric_grown(before, after, "sotto_pool_connects_total");
    if (seconds > 0)
        out->loop_busy =
            probe_metric_label_max(before, after, "sotto_loop_busy_seconds_total") / seconds;
    out->io_uring = strstr(after, "sotto_loop_backend{backend=\"io_uring\"") != NULL;
}

void probe_close(struct probe *probe, struct probe_sum *out)
{
    probe_end(probe);
    pthread_mutex_lock(&probe->lock);
    probe->stop = true;
    pthread_cond_signal(&probe->wake);
    pthread_mutex_unlock(&probe->lock);
    pthread_join(probe->thread, NULL);
    *out = (struct probe_sum){.samples = probe->samples,
                              .samples_missed = probe->samples_missed,
                              .audio_peak = probe->audio_peak,
                              .own_rss_peak = probe->own_rss_peak,
                              .own_rss_end = probe->own_rss_end};
    if (probe->begin.at_us > 0 && probe->end.at_us > probe->begin.at_us) {
        out->seconds = (double)(probe->end.at_us - probe->begin.at_us) / 1e6;
        sum_process(probe, SERVER, &out->server);
        sum_process(probe, SIM, &out->sim);
        sum_process(probe, BENCH, &out->bench);
        sum_cores(probe, out);
        sum_metrics(probe, out);
    }
    probe_free(probe);
}
