#include "server/metrics.h"

#include "base/buf.h"
#include "base/hist.h"
#include "base/lat.h"
#include <pthread.h>
#include <stdatomic.h>

static _Atomic uint64_t counters[METRICS];

static const struct {
    const char *name, *help;
} texts[METRICS] = {
#define X(metric, name, help) [METRIC_##metric] = {name, help},
    METRICS_MAP(X)
#undef X
};

/* The whole way, the part that is ours, and the provider's. */
enum { PART_AUDIO, PART_SERVER, PART_UPSTREAM, PARTS };

static pthread_mutex_t latency_lock = PTHREAD_MUTEX_INITIALIZER;
static struct hist latencies[LATENCIES][PARTS];

void metrics_add(enum metric metric, uint64_t count)
{
    /* Relaxed: nobody orders anything by a counter. */
    atomic_fetch_add_explicit(&counters[metric], count, memory_order_relaxed);
}

uint64_t metrics_get(enum metric metric)
{
    return atomic_load_explicit(&counters[metric], memory_order_relaxed);
}

void metrics_latency(enum metrics_latency kind, const struct lat *lat)
{
    pthread_mutex_lock(&latency_lock);
    hist_add(&latencies[kind][PART_AUDIO], lat->last_us - lat->start_us);
    hist_add(&latencies[kind][PART_SERVER], lat->part_us[LAT_SERVER]);
    hist_add(&latencies[kind][PART_UPSTREAM], lat->part_us[LAT_UPSTREAM]);
    pthread_mutex_unlock(&latency_lock);
}

void metrics_head(struct buf *out, const char *name, const char *type, const char *help)
{
    buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

void metrics_gauge(struct buf *out, const char *name, const char *help, double value)
{
    metrics_head(out, name, "gauge", help);
    buf_printf(out, "%s %.10g\n", name, value);
}

void metrics_counter(struct buf *out, const char *name, const char *help, uint64_t value)
{
    metrics_head(out, name, "counter", help);
    buf_printf(out, "%s %llu\n", name, (unsigned long long)value);
}

static void write_summary(struct buf *out, int kind, int part)
{
    static const char *const kinds[] = {"transcript", "translation", "grammar"};
    static const char *const parts[] = {"audio", "server", "upstream"};
    static const double quantiles[] = {0.5, 0.9, 0.99, 0.999};
    const struct hist *hist = &latencies[kind][part];
    for (int i = 0; i < 4; i++)
        buf_printf(out, "sotto_latency_seconds{kind=\"%s\",part=\"%s\",quantile=\"%g\"} %.6f\n",
                   kinds[kind], parts[part], quantiles[i],
                   (double)hist_quantile(hist, quantiles[i]) / 1e6);
    buf_printf(out, "sotto_latency_seconds_sum{kind=\"%s\",part=\"%s\"} %.6f\n", kinds[kind],
               parts[part], (double)hist->sum / 1e6);
    buf_printf(out, "sotto_latency_seconds_count{kind=\"%s\",part=\"%s\"} %llu\n", kinds[kind],
               parts[part], (unsigned long long)hist->count);
}

void metrics_write(struct buf *out)
{
    for (int i = 0; i < METRICS; i++)
        metrics_counter(out, texts[i].name, texts[i].help, metrics_get((enum metric)i));
    metrics_head(out, "sotto_latency_seconds", "summary",
                 "from the last audio of a span to its message");
    pthread_mutex_lock(&latency_lock);
    for (int kind = 0; kind < LATENCIES; kind++)
        for (int part = 0; part < PARTS; part++)
            write_summary(out, kind, part);
    pthread_mutex_unlock(&latency_lock);
}
