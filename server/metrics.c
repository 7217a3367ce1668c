#include "server/metrics.h"

#include "base/buf.h"
#include "base/durations.h"
#include "base/lat.h"
#include <stdatomic.h>
#include <stdio.h>

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

static struct durations latencies[LATENCIES][PARTS];

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
    durations_add(&latencies[kind][PART_AUDIO], lat->last_us - lat->start_us);
    durations_add(&latencies[kind][PART_SERVER], lat->part_us[LAT_SERVER]);
    durations_add(&latencies[kind][PART_UPSTREAM], lat->part_us[LAT_UPSTREAM]);
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

void metrics_histogram(struct buf *out, const char *name, const char *labels,
                       const struct durations_sum *sum)
{
    const char *comma = labels[0] != '\0' ? "," : "";
    uint64_t below = 0;
    for (int i = 0; i < DURATIONS_LEN; i++) {
        below += sum->counts[i];
        buf_printf(out, "%s_bucket{%s%sle=\"%s\"} %llu\n", name, labels, comma, durations_bound(i),
                   (unsigned long long)below);
    }
    const char *open = labels[0] != '\0' ? "{" : "", *close = labels[0] != '\0' ? "}" : "";
    buf_printf(out, "%s_sum%s%s%s %.6f\n%s_count%s%s%s %llu\n", name, open, labels, close,
               (double)sum->sum_us / 1e6, name, open, labels, close,
               (unsigned long long)sum->count);
}

static void write_latency(struct buf *out, int kind, int part)
{
    static const char *const kinds[] = {"transcript", "translation", "grammar"};
    static const char *const parts[] = {"audio", "server", "upstream"};
    struct durations_sum sum = {0};
    char labels[64];
    snprintf(labels, sizeof labels, "kind=\"%s\",part=\"%s\"", kinds[kind], parts[part]);
    durations_read(&latencies[kind][part], &sum);
    metrics_histogram(out, "sotto_latency_seconds", labels, &sum);
}

void metrics_write(struct buf *out)
{
    for (int i = 0; i < METRICS; i++)
        metrics_counter(out, texts[i].name, texts[i].help, metrics_get((enum metric)i));
    metrics_head(out, "sotto_latency_seconds", "histogram",
                 "from the last audio of a span to its message");
    for (int kind = 0; kind < LATENCIES; kind++)
        for (int part = 0; part < PARTS; part++)
            write_latency(out, kind, part);
}
