/*
 * What the machine and the server did during a run, sampled on a thread of its own: /proc of the
 * server, the simulator and the bench itself, stolen CPU time, and the server's /metrics.
 *
 * Threads: open, window and close from one thread. Memory: probe_close() frees.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct probe;

struct probe_config {
    bool tls;
    const char *ca_file; /* NULL: the system's */
    const char *host;    /* of /metrics */
    unsigned port;
    int server_pid, sim_pid;   /* 0: unknown, its figures stay 0 */
    int server_cpu, bench_cpu; /* cores they are pinned to, for stolen time; -1: all */
    unsigned every_ms;
};

struct probe_process {
    double cpu_s; /* user + system in the window */
    double user_s, system_s;
    uint64_t rss_idle;                     /* bytes when the probe was opened */
    uint64_t rss_start, rss_end, rss_peak; /* bytes, of the window */
    uint64_t switches_voluntary, switches_forced;
    uint64_t descriptors_peak, threads;
};

/* A Prometheus histogram's window, quantiles interpolated in the buckets; seconds. */
struct probe_hist {
    uint64_t count;
    double p50, p90, p99, p999;
    bool present;
};

struct probe_sum {
    double seconds; /* of the window */
    struct probe_process server, sim, bench;
    double server_stolen, bench_stolen; /* shares of the window; with cpu -1 of the worst core */
    double bench_core_busy;             /* share of bench_cpu (or of sim + bench) that was busy */
    struct probe_hist loop_lag,
        handover; /* sotto_loop_lag_seconds (all loops), sotto_audio_handover_seconds */
    uint64_t requests, tokens_in, tokens_out, handshakes_late, connects; /* deltas in the window */
    uint64_t audio_peak;              /* sotto_audio_held_bytes: audio whose finals are to come */
    uint64_t own_rss_peak;            /* resident memory less that audio, at one moment */
    uint64_t own_rss_end;             /* the same at the window's end, when memory has settled */
    double loop_busy;                 /* busiest loop, share of the window */
    uint64_t samples, samples_missed; /* of /metrics */
    bool io_uring;
};

/* Before the load begins. `host` is borrowed. STATUS_NOMEM, STATUS_IO when the server's /metrics
 * cannot be read. */
int probe_open(struct probe **out, const struct probe_config *config);
/* The window begins or ends now, once. /proc is read at once, /metrics by the probe's thread. */
void probe_begin(struct probe *probe);
void probe_end(struct probe *probe);
/* Ends a window that is open. Without one all is 0 but the samples. Waits for an answer of
 * /metrics, at most 2 s. */
void probe_close(struct probe *probe, struct probe_sum *out);

/* -- parts with tests of their own -- */

/* Value of a sample in Prometheus text, `name` with its labels as written; false: not there. */
bool probe_metric(const char *text, const char *name, double *value);
/* Sum of all samples of a metric, whatever their labels. */
double probe_metric_total(const char *text, const char *metric);
/* The most that one sample of a metric has grown between two scrapes. */
double probe_metric_label_max(const char *before, const char *after, const char *metric);
/* Difference of two scrapes of a histogram (sum over its label sets). */
void probe_metric_hist(const char *before, const char *after, const char *metric,
                       struct probe_hist *out);
