/*
 * A run's result: one JSON object, and lines for people.
 *
 * Keys of the JSON, which bench/figures.py and others read; times in ms, shares 0 … 1, sizes in
 * bytes:
 *   format      "sotto-bench-run-1"
 *   label, date (RFC 3339), version, commit (SOTTO_COMMIT of the environment, or null), void (null
 *               or the reason), void_rule {core_busy, stolen, send_late_ms, own_lag_ms}
 *   machine     kernel, cpu, cores, memory_bytes
 *   config      sessions, silent, classes, speaking, seed, rate, frame_ms, cycle_ms, pause_ms,
 * turn_cycles, jitter_ms, source, targets, grammar, partials, ramp_s, warmup_s, seconds, drain_s,
 *               storm, slow_readers, vanishing, greedy, greed, teachers, slow_teachers,
 *               teachers_of_class, teachers_open
 *   load        seconds, started, frames_sent, frames_blocked, bytes_sent, bytes_received,
 *               sockets_failed, interrupted, send_late, own_lag (quantiles)
 *   latency     by kind (judge_kind_name()): total, and of `lat` audio, server, upstream, queue,
 *               hold: quantiles; a part that no message had is null
 *   delivery    utterances, owed, got, failed, ratio (null when nothing was owed), kinds {kind:
 *               {owed, got}}
 *   words       said, lost, repeated, wrong, first_lost (which word, or null)
 *   finals      reordered, translations_wrong, corrections_wrong, committed_broken
 *   erasure     transcript, translation
 *   jain
 *   sessions    started, refused, lost, errors, first_error
 *   degraded    sessions, restored (counts), median_s, max_s: how long sessions were told to be
 *   events      count, bytes, acks
 *   teachers    null without any; count, slow, seeing, deltas, bytes, changes, deltas_second (of
 * one that reads), bytes_second (of all these), second_max, slow_deltas (all of the window),
 * snapshots, snapshot_bytes_max, stale (quantiles), unseen, unmatched, missing, foreign, finals,
 * finals_missing, finals_repeated, closed, slow_closed, errors, first_error: struct judge_watch_sum
 * says what each is judged_all  false: memory was short probe       seconds, server / sim / bench
 * {cpu_s, user_s, system_s, rss_idle_bytes, rss_start_bytes, rss_end_bytes, rss_peak_bytes,
 * switches_voluntary, switches_forced, descriptors_peak, threads}, server_stolen, bench_stolen,
 *               bench_core_busy, audio_peak_bytes, own_rss_peak_bytes, own_rss_end_bytes,
 * loop_busy, requests, tokens_in, tokens_out, handshakes_late, connects, samples, samples_missed,
 *               io_uring; loop_lag, handover (quantiles without max, or null)
 * Quantiles are {count, p50, p90, p99, p999, max}.
 *
 * Threads: any, one at a time.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

/* What makes a run void, fixed before anything was measured. */
#define RESULT_CORE_BUSY_MAX    0.85
#define RESULT_STOLEN_MAX       0.02
#define RESULT_SEND_LATE_MAX_US 10000
#define RESULT_OWN_LAG_MAX_US   5000

struct judge_sum;
struct load_config;
struct load_sum;
struct probe_sum;

struct result {
    const char *label;
    const struct load_config *config;
    const struct load_sum *load;
    const struct judge_sum *judge;
    const struct probe_sum *probe;
};

/*
 * A run is void when the generator was not able to measure; fixed beforehand (docs/benchmark.md):
 * the core of bench and simulator more than 85 % busy; more than 2 % of either core stolen; frames
 * sent more than 10 ms late at p99; own lag more than 5 ms at p99. Returns the reason, or NULL.
 */
const char *result_void(const struct result *result, char *text, unsigned size);
/* STATUS_IO, STATUS_NOMEM. */
int result_write_json(const struct result *result, FILE *out);
/* Several lines; colours when `colour`. */
void result_print(const struct result *result, FILE *out, bool colour);
