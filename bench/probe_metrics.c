#include "bench/probe.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS_MAX 128
#define COUNT_MAX   1e18 /* no server has counted so far */

/* One sample of the exposition format: name{labels} value. */
struct sample {
    const char *name, *labels; /* labels without braces; both end at their lengths */
    size_t name_len, labels_len;
    double value;
};

/* Behind the quote that ends a label's value. */
static const char *skip_quoted(const char *at)
{
    while (*at != '\0' && *at != '"' && *at != '\n')
        at += *at == '\\' && at[1] != '\0' ? 2 : 1;
    return *at == '"' ? at + 1 : at;
}

static const char *read_labels(const char *at, struct sample *out)
{
    out->labels = ++at;
    while (*at != '\0' && *at != '}' && *at != '\n')
        at = *at == '"' ? skip_quoted(at + 1) : at + 1;
    out->labels_len = (size_t)(at - out->labels);
    return *at == '}' ? at + 1 : at;
}

static bool read_sample(const char *line, struct sample *out)
{
    *out = (struct sample){.name = line, .labels = ""};
    const char *at = line + strcspn(line, " {\n");
    out->name_len = (size_t)(at - line);
    if (*at == '{')
        at = read_labels(at, out);
    if (*line == '#' || out->name_len == 0 || *at != ' ')
        return false;
    char *end;
    out->value = strtod(at, &end);
    return end > at;
}

/* Steps over the lines of a text: true and *out for each sample. */
static bool next_sample(const char **text, struct sample *out)
{
    while (*text != NULL && **text != '\0') {
        const char *line = *text, *end = strchr(line, '\n');
        *text = end != NULL ? end + 1 : NULL;
        if (read_sample(line, out))
            return true;
    }
    return false;
}

static bool is_named(const struct sample *sample, const char *name, size_t len)
{
    return sample->name_len == len && memcmp(sample->name, name, len) == 0;
}

bool probe_metric(const char *text, const char *name, double *value)
{
    size_t len = strlen(name), bare = strcspn(name, "{");
    struct sample sample;
    while (next_sample(&text, &sample)) {
        size_t whole = sample.name_len + (sample.labels_len > 0 ? sample.labels_len + 2 : 0);
        if (is_named(&sample, name, bare) && whole == len && memcmp(sample.name, name, len) == 0) {
            *value = sample.value;
            return true;
        }
    }
    return false;
}

double probe_metric_total(const char *text, const char *metric)
{
    size_t len = strlen(metric);
    struct sample sample;
    double total = 0;
    while (next_sample(&text, &sample))
        if (is_named(&sample, metric, len))
            total += sample.value;
    return total;
}

double probe_metric_label_max(const char *before, const char *after, const char *metric)
{
    size_t len = strlen(metric);
    struct sample sample;
    char name[256];
    double most = 0;
    while (next_sample(&after, &sample)) {
        double was = 0;
        if (!is_named(&sample, metric, len))
            continue;
        snprintf(name, sizeof name, "%s{%.*s}", metric, (int)sample.labels_len, sample.labels);
        probe_metric(before, name, &was);
        most = fmax(most, sample.value - was);
    }
    return most;
}

/* Buckets of all label sets together, by their bounds. */
struct buckets {
    unsigned len;
    double bounds[BUCKETS_MAX], counts[BUCKETS_MAX]; /* counts of values up to the bound */
};

static bool read_bound(const struct sample *sample, double *bound)
{
    const char *at = sample->labels, *end = at + sample->labels_len;
    for (; at < end; at++) {
        bool begins = at == sample->labels || at[-1] == ',';
        if (begins && strncmp(at, "le=\"", 4) == 0) {
            *bound = strtod(at + 4, NULL); /* "+Inf" too */
            return true;
        }
        if (*at == '"')
            at = skip_quoted(at + 1) - 1;
    }
    return false;
}

/* The place of a bound, made in order when it is new. */
static double *bucket_of(struct buckets *buckets, double bound)
{
    unsigned at = 0;
    while (at < buckets->len && buckets->bounds[at] < bound)
        at++;
    if (at < buckets->len && buckets->bounds[at] == bound)
        return &buckets->counts[at];
    if (buckets->len == BUCKETS_MAX)
        return NULL;
    size_t behind = (buckets->len++ - at) * sizeof(double);
    memmove(&buckets->bounds[at + 1], &buckets->bounds[at], behind);
    memmove(&buckets->counts[at + 1], &buckets->counts[at], behind);
    buckets->bounds[at] = bound;
    buckets->counts[at] = 0;
    return &buckets->counts[at];
}

static bool add_buckets(struct buckets *buckets, const char *text, const char *metric, double sign)
{
    char name[128];
    struct sample sample;
    double bound;
    bool any = false;
    size_t len = (size_t)snprintf(name, sizeof name, "%s_bucket", metric);
    while (next_sample(&text, &sample)) {
        double *count = NULL;
        if (is_named(&sample, name, len) && read_bound(&sample, &bound))
            count = bucket_of(buckets, bound);
        if (count != NULL)
            *count += sign * sample.value;
        any = any || count != NULL;
    }
    return any;
}

/* Evenly spread within the bucket, as Prometheus does; in the last, open one its lower end. */
static double quantile(const struct buckets *buckets, double q)
{
    double rank = q * buckets->counts[buckets->len - 1], low = 0, below = 0;
    if (buckets->counts[buckets->len - 1] <= 0)
        return 0;
    for (unsigned i = 0; i < buckets->len; i++) {
        double high = buckets->bounds[i], count = buckets->counts[i];
        if (count >= rank && count > below)
            return isinf(high) ? low : low + (high - low) * (rank - below) / (count - below);
        low = high;
        below = count;
    }
    return low;
}

void probe_metric_hist(const char *before, const char *after, const char *metric,
                       struct probe_hist *out)
{
    struct buckets buckets = {0};
    *out = (struct probe_hist){0};
    out->present = add_buckets(&buckets, after, metric, 1);
    if (!out->present)
        return;
    add_buckets(&buckets, before, metric, -1);
    double count = buckets.counts[buckets.len - 1];
    out->count = count > 0 && count < COUNT_MAX ? (uint64_t)count : 0;
    out->p50 = quantile(&buckets, 0.5);
    out->p90 = quantile(&buckets, 0.9);
    out->p99 = quantile(&buckets, 0.99);
    out->p999 = quantile(&buckets, 0.999);
}
