#include "server/admission_watch.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/status.h"
#include "base/thread.h"
#include "base/worker.h"
#include "server/admission.h"
#include "server/admission_system.h"
#include "server/config.h"
#include "server/directory.h"
#include "server/front.h"
#include "server/metrics.h"
#include "server/server.h"
#include "server/upstream.h"
#include "stt/client.h"
#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <time.h>

#define SAMPLES_SECOND (1000 / ADMISSION_SAMPLE_MS)

/* A job or message whose only point is when it arrives. */
struct probe {
    struct job job;
    _Atomic int64_t
        sent_us;     /* 0: at home. Release by who brings it home, acquire by the sampler. */
    int64_t took_us; /* the last way; theirs while it is away */
};

struct admission {
    struct server *server;
    pthread_t thread;
    pthread_mutex_t lock; /* of the four below */
    pthread_cond_t ended;
    bool stop;
    struct admission_pace pace;
    struct admission_signals shown;
    /* The sampler's own. */
    struct admission_state state;
    struct admission_system system;
    struct rng rng;
    struct probe *probes; /* of the fronts, then of the workers */
    unsigned fronts, workers;
    struct durations_sum *before; /* what loops had booked: of the fronts, then of upstream */
    int64_t late_us[ADMISSION_WINDOW];
    uint64_t unsent[ADMISSION_WINDOW];
    uint64_t refused_at[SAMPLES_SECOND];
    uint64_t stt_sent;
    int64_t stt_moved_us; /* its queue was empty or had been worked at */
    unsigned samples;
    bool ready; /* at the last sample */
    /* Relaxed, all: each is read and written by itself. */
    _Atomic int over;
    _Atomic uint32_t load_permille;
    _Atomic uint64_t refused[ADMISSION_REASONS];
    _Atomic uint64_t refused_all;
    _Atomic uint64_t refused_before; /* refused_all, a second ago */
};

static uint64_t relaxed(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

/* --- probes --- */

static void probe_home(struct msg *msg)
{
    struct probe *probe = (struct probe *)((char *)msg - offsetof(struct probe, job.msg));
    int64_t sent_us = atomic_load_explicit(&probe->sent_us, memory_order_relaxed);
    probe->took_us = clock_mono_us() - sent_us;
    atomic_store_explicit(&probe->sent_us, 0, memory_order_release);
}

static void probe_run(struct job *job)
{
    probe_home(&job->msg);
}

static bool probe_send(struct admission *admission, unsigned index)
{
    struct probe *probe = &admission->probes[index];
    struct server *server = admission->server;
    probe->job =
        (struct job){.msg = {.kind = FRONT_PROBE, .free_fn = probe_home}, .run = probe_run};
    atomic_store_explicit(&probe->sent_us, clock_mono_us(), memory_order_relaxed);
    int status = index < admission->fronts
                     ? front_send(server->fronts[index], &probe->job.msg)
                     /* Any worker: the key's hash chooses. */
                     : worker_pool_submit(server->workers, rng_next(&admission->rng), &probe->job);
    if (status != STATUS_OK)
        atomic_store_explicit(&probe->sent_us, 0, memory_order_relaxed);
    return status != STATUS_FULL;
}

/* How long the probes [from, to) took or have been away, the longest; those at home go out again. A
 * queue that is full counts as `full_us`. */
static int64_t probes_age_us(struct admission *admission, unsigned from, unsigned to,
                             int64_t full_us)
{
    int64_t longest_us = 0;
    for (unsigned i = from; i < to; i++) {
        struct probe *probe = &admission->probes[i];
        int64_t sent_us = atomic_load_explicit(&probe->sent_us, memory_order_acquire);
        int64_t age_us = sent_us != 0 ? clock_mono_us() - sent_us : probe->took_us;
        if (sent_us == 0 && !probe_send(admission, i))
            age_us = full_us;
        if (age_us > longest_us)
            longest_us = age_us;
    }
    return longest_us;
}

/* --- readings --- */

static int64_t limit_us(uint64_t ms)
{
    return (int64_t)ms * 1000;
}

/* How late work was since the last sample, in the worst of the loops. */
static int64_t read_late_us(struct admission *admission, const struct loop_stats *upstream)
{
    const struct server *server = admission->server;
    int64_t worst_us = 0;
    for (unsigned i = 0; i <= admission->fronts; i++) {
        struct loop_stats own;
        const struct durations_sum *now = &upstream->lag;
        if (i < admission->fronts) {
            loop_stats(server->fronts[i]->loop, &own);
            now = &own.lag;
        }
        int64_t late_us = admission_p99_us(now, &admission->before[i]);
        worst_us = late_us > worst_us ? late_us : worst_us;
        admission->before[i] = *now;
    }
    return worst_us;
}

/* What waits for the stt thread, in time: as long as it takes at the pace of the last sample, or as
 * long as nothing has moved. */
static int64_t read_stt_us(struct admission *admission, int64_t now_us)
{
    struct stt_client_stats stats;
    stt_client_stats(admission->server->stt, &stats);
    uint64_t sent = stats.blocks_sent - admission->stt_sent;
    admission->stt_sent = stats.blocks_sent;
    if (stats.queued == 0 || sent > 0)
        admission->stt_moved_us = now_us;
    if (stats.queued == 0)
        return 0;
    return sent > 0 ? (int64_t)(stats.queued * ADMISSION_SAMPLE_MS * 1000 / sent)
                    : now_us - admission->stt_moved_us;
}

static double larger(double a, double b)
{
    return a > b ? a : b;
}

/* The share of the budget that is spoken for with one session more; 1 besides while finals go
 * unsent for want of it. */
static double read_budget(struct admission *admission, const struct pool_stats *pool)
{
    const struct config *config = admission->server->config;
    if (config->admission_session_requests == 0)
        return 0;
    uint32_t sessions = directory_count(admission->server->directory, DIRECTORY_SESSION);
    double needs = (double)config->admission_session_requests * (sessions + 1);
    double share = pool->requests_limit > 0 ? needs / (double)pool->requests_limit : 0;
    uint64_t unsent =
        pool->unsent_by_class[POOL_FINAL_TRANSLATION] + pool->unsent_by_class[POOL_FINAL_GRAMMAR];
    uint64_t *before = &admission->unsent[admission->samples % ADMISSION_WINDOW];
    if (unsent > *before)
        share = larger(share, 1);
    *before = unsent;
    return share;
}

static void read_counts(struct admission *admission, struct admission_signals *signals)
{
    const struct server *server = admission->server;
    const struct config *config = server->config;
    signals->of[ADMISSION_SESSIONS] = (struct admission_reading){
        directory_count(server->directory, DIRECTORY_SESSION), (double)config->sessions_max};
    signals->of[ADMISSION_CONNECTIONS] = (struct admission_reading){
        directory_count(server->directory, DIRECTORY_CONNECTION), (double)config->connections_max};
    signals->of[ADMISSION_MEMORY] = (struct admission_reading){
        (double)mem_rss(), (double)admission->system.memory_max_bytes *
                               (double)config->admission_memory_percent / 100};
    signals->of[ADMISSION_DESCRIPTORS] =
        (struct admission_reading){(double)admission_system_descriptors(&admission->system),
                                   (double)admission->system.descriptors_max *
                                       (double)config->admission_descriptors_percent / 100};
}

/* --- the sampler --- */

static void book(struct admission *admission, const struct admission_signals *signals)
{
    int before = admission_over(&admission->state);
    admission_judge(&admission->state, signals);
    int over = admission_over(&admission->state);
    double load = admission->state.load;
    atomic_store_explicit(&admission->over, over, memory_order_relaxed);
    atomic_store_explicit(&admission->load_permille,
                          load < 1e6 ? (uint32_t)(load * 1000) : 1000000000, memory_order_relaxed);
    uint64_t *second = &admission->refused_at[admission->samples % SAMPLES_SECOND];
    atomic_store_explicit(&admission->refused_before, *second, memory_order_relaxed);
    *second = relaxed(&admission->refused_all);
    pthread_mutex_lock(&admission->lock);
    admission->shown = *signals;
    pthread_mutex_unlock(&admission->lock);
    if (over == before)
        return;
    if (over == ADMISSION_NONE)
        LOG_INFO(LOG_MAIN, 0, "sessions are taken again", "after=%s", admission_label(before));
    else
        LOG_WARN(LOG_MAIN, 0, "no session is taken", "reason=%s value=%g limit=%g",
                 admission_label(over), signals->of[over].value, signals->of[over].limit);
}

static void sample(struct admission *admission)
{
    const struct config *config = admission->server->config;
    int64_t now_us = clock_mono_us();
    int64_t lag_max_us = limit_us(config->admission_lag_ms);
    int64_t queue_max_us = limit_us(config->admission_queue_ms);
    struct pool_stats pool;
    struct loop_stats upstream;
    upstream_stats(admission->server->upstream, &pool, &upstream);
    struct admission_signals signals = {0};
    read_counts(admission, &signals);
    int64_t late_us = read_late_us(admission, &upstream);
    int64_t hung_us = probes_age_us(admission, 0, admission->fronts, 2 * lag_max_us);
    /* A loop's own books are silent while it hangs. */
    late_us = hung_us > lag_max_us && hung_us > late_us ? hung_us : late_us;
    /* Before it is ready, and in the sample in which it becomes so, a server makes its connections.
     */
    bool ready = upstream_ready(admission->server->upstream);
    if (!ready || !admission->ready)
        late_us = 0;
    admission->ready = ready;
    admission->late_us[admission->samples % ADMISSION_WINDOW] = late_us;
    int64_t lag_us = admission_median(admission->late_us);
    int64_t stt_us = read_stt_us(admission, now_us);
    int64_t queue_us = probes_age_us(admission, admission->fronts,
                                     admission->fronts + admission->workers, 2 * queue_max_us);
    queue_us = stt_us > queue_us ? stt_us : queue_us;
    signals.of[ADMISSION_LAG] =
        (struct admission_reading){(double)lag_us / 1e6, (double)lag_max_us / 1e6};
    signals.of[ADMISSION_QUEUE] =
        (struct admission_reading){(double)queue_us / 1e6, (double)queue_max_us / 1e6};
    signals.of[ADMISSION_BUDGET] = (struct admission_reading){read_budget(admission, &pool), 1};
    book(admission, &signals);
    pthread_mutex_lock(&admission->lock);
    admission_adjust(&admission->pace, late_us, (uint32_t)config->admission_starts_per_second,
                     now_us);
    pthread_mutex_unlock(&admission->lock);
    admission->samples++;
}

static void *watch(void *ctx)
{
    struct admission *admission = ctx;
    struct timespec due;
    clock_gettime(CLOCK_MONOTONIC, &due);
    pthread_mutex_lock(&admission->lock);
    while (!admission->stop) {
        pthread_mutex_unlock(&admission->lock);
        sample(admission);
        due.tv_nsec += ADMISSION_SAMPLE_MS * 1000000L;
        due.tv_sec += due.tv_nsec / 1000000000;
        due.tv_nsec %= 1000000000;
        pthread_mutex_lock(&admission->lock);
        while (!admission->stop &&
               pthread_cond_timedwait(&admission->ended, &admission->lock, &due) == 0)
            ;
    }
    pthread_mutex_unlock(&admission->lock);
    return NULL;
}

/* --- life --- */

static int allocate(struct admission *admission)
{
    admission->probes =
        mem_calloc(admission->fronts + admission->workers, sizeof *admission->probes);
    admission->before = mem_calloc(admission->fronts + 1, sizeof *admission->before);
    return admission->probes != NULL && admission->before != NULL ? STATUS_OK : STATUS_NOMEM;
}

int admission_create(struct admission **out, struct server *server)
{
    struct admission *admission = mem_calloc(1, sizeof *admission);
    if (admission == NULL)
        return STATUS_NOMEM;
    admission->server = server;
    admission->fronts = server->fronts_len;
    admission->workers = worker_pool_threads(server->workers);
    atomic_init(&admission->over, ADMISSION_NONE);
    admission_pace_init(&admission->pace, (uint32_t)server->config->admission_starts_per_second,
                        clock_mono_us());
    rng_init(&admission->rng, rng_seed());
    admission_system_init(&admission->system, "/sys/fs/cgroup", "/proc/self/cgroup");
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&admission->lock, NULL);
    pthread_cond_init(&admission->ended, &monotonic);
    pthread_condattr_destroy(&monotonic);
    int status = allocate(admission);
    if (status == STATUS_OK && thread_start(&admission->thread, "admission", watch, admission) != 0)
        status = STATUS_INTERNAL;
    if (status != STATUS_OK) {
        admission_free(admission);
        return status;
    }
    *out = admission;
    return STATUS_OK;
}

void admission_stop(struct admission *admission)
{
    pthread_mutex_lock(&admission->lock);
    admission->stop = true;
    pthread_cond_signal(&admission->ended);
    pthread_mutex_unlock(&admission->lock);
    pthread_join(admission->thread, NULL);
}

void admission_free(struct admission *admission)
{
    pthread_cond_destroy(&admission->ended);
    pthread_mutex_destroy(&admission->lock);
    mem_free(admission->probes);
    mem_free(admission->before);
    mem_free(admission);
}

/* --- answers --- */

static int64_t gap_us(struct admission *admission)
{
    pthread_mutex_lock(&admission->lock);
    int64_t gap = admission->pace.gap_us;
    pthread_mutex_unlock(&admission->lock);
    return gap;
}

uint32_t admission_refused(struct admission *admission, int reason)
{
    assert(reason >= 0 && reason < ADMISSION_REASONS);
    uint64_t all = atomic_fetch_add_explicit(&admission->refused_all, 1, memory_order_relaxed) + 1;
    atomic_fetch_add_explicit(&admission->refused[reason], 1, memory_order_relaxed);
    double load = atomic_load_explicit(&admission->load_permille, memory_order_relaxed) / 1000.0;
    uint32_t random;
    rng_secure(&random, sizeof random);
    return admission_retry_ms(load, (uint32_t)(all - relaxed(&admission->refused_before)),
                              (uint32_t)(1000000 / gap_us(admission)), random);
}

struct admission_answer admission_ask(struct admission *admission, uint64_t *number, bool back,
                                      int64_t now_us)
{
    int over = atomic_load_explicit(&admission->over, memory_order_relaxed);
    struct admission_answer answer = {.reason = back ? ADMISSION_NONE : over, .at_us = now_us};
    if (answer.reason == ADMISSION_NONE) {
        pthread_mutex_lock(&admission->lock);
        if (*number == 0)
            *number = admission_number(&admission->pace, now_us);
        if (*number != 0)
            answer.at_us = admission_turn(&admission->pace, *number, now_us);
        if (*number == 0 || answer.at_us == INT64_MAX)
            answer.reason = ADMISSION_TURN;
        pthread_mutex_unlock(&admission->lock);
    }
    if (answer.reason != ADMISSION_NONE)
        answer.retry_after_ms = admission_refused(admission, answer.reason);
    return answer;
}

const char *admission_why(struct admission *admission)
{
    int over = atomic_load_explicit(&admission->over, memory_order_relaxed);
    if (over != ADMISSION_NONE)
        return admission_text(over);
    pthread_mutex_lock(&admission->lock);
    int64_t wait_us = admission_wait_us(&admission->pace, clock_mono_us());
    pthread_mutex_unlock(&admission->lock);
    return wait_us > ADMISSION_WAIT_MS * 1000LL ? admission_text(ADMISSION_TURN) : NULL;
}

static void report_readings(const struct admission_signals *shown, struct buf *out)
{
    metrics_head(out, "sotto_admission_reading", "gauge",
                 "what decides whether sessions are taken: counts, seconds or bytes");
    for (int i = 0; i < ADMISSION_SIGNALS; i++)
        buf_printf(out, "sotto_admission_reading{signal=\"%s\"} %.10g\n", admission_label(i),
                   shown->of[i].value);
    metrics_head(out, "sotto_admission_limit", "gauge", "its limit; 0: none");
    for (int i = 0; i < ADMISSION_SIGNALS; i++)
        buf_printf(out, "sotto_admission_limit{signal=\"%s\"} %.10g\n", admission_label(i),
                   shown->of[i].limit);
    metrics_head(out, "sotto_admission_load", "gauge", "reading / limit; from 1 on none is taken");
    for (int i = 0; i < ADMISSION_SIGNALS; i++)
        buf_printf(out, "sotto_admission_load{signal=\"%s\"} %.6g\n", admission_label(i),
                   admission_load(&shown->of[i]));
}

void admission_report(struct admission *admission, struct buf *out)
{
    pthread_mutex_lock(&admission->lock);
    struct admission_signals shown = admission->shown;
    pthread_mutex_unlock(&admission->lock);
    report_readings(&shown, out);
    metrics_head(out, "sotto_admission_refused_total", "counter", "sessions refused, by reason");
    for (int i = 0; i < ADMISSION_REASONS; i++)
        buf_printf(out, "sotto_admission_refused_total{reason=\"%s\"} %llu\n", admission_label(i),
                   (unsigned long long)relaxed(&admission->refused[i]));
    metrics_gauge(out, "sotto_admission_starts_per_second", "sessions that may start each second",
                  1e6 / (double)gap_us(admission));
}
