#include "bench/result.h"

#include "base/clock.h"
#include "base/status.h"
#include "bench/judge.h"
#include "bench/load.h"
#include "bench/probe.h"
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

/* Three digits behind the point are more than any of these is good for. */
static json_t *real(double value)
{
    return isfinite(value) ? json_real(round(value * 1000) / 1000) : json_null();
}

static json_t *share(double value)
{
    return isfinite(value) ? json_real(round(value * 1e6) / 1e6) : json_null();
}

static json_t *count(uint64_t value)
{
    return json_integer((json_int_t)value);
}

static json_t *text_or_null(const char *text)
{
    return text != NULL && *text != '\0' ? json_string(text) : json_null();
}

static json_t *ms(uint64_t us)
{
    return real((double)us / 1000);
}

static json_t *quantiles(const struct hist *hist)
{
    if (hist->count == 0)
        return json_null();
    return json_pack("{s:o,s:o,s:o,s:o,s:o,s:o}", "count", count(hist->count), "p50",
                     ms(hist_quantile(hist, 0.5)), "p90", ms(hist_quantile(hist, 0.9)), "p99",
                     ms(hist_quantile(hist, 0.99)), "p999", ms(hist_quantile(hist, 0.999)), "max",
                     ms(hist->max));
}

static json_t *probe_quantiles(const struct probe_hist *hist)
{
    if (!hist->present)
        return json_null();
    return json_pack("{s:o,s:o,s:o,s:o,s:o}", "count", count(hist->count), "p50",
                     real(hist->p50 * 1e3), "p90", real(hist->p90 * 1e3), "p99",
                     real(hist->p99 * 1e3), "p999", real(hist->p999 * 1e3));
}

static void read_cpu_model(char *out, size_t size)
{
    char line[256];
    FILE *file = fopen("/proc/cpuinfo", "re");
    out[0] = '\0';
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        const char *colon = strchr(line, ':');
        if (colon == NULL || strncmp(line, "model name", 10) != 0)
            continue;
        snprintf(out, size, "%.*s", (int)strcspn(colon + 2, "\n"), colon + 2);
        break;
    }
    if (file != NULL)
        fclose(file);
}

static json_t *machine(void)
{
    struct utsname name = {0};
    char kernel[2 * sizeof name.release], cpu[256];
    uname(&name);
    snprintf(kernel, sizeof kernel, "%s %s", name.sysname, name.release);
    read_cpu_model(cpu, sizeof cpu);
    uint64_t memory = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    return json_pack("{s:s,s:o,s:i,s:o}", "kernel", kernel, "cpu", text_or_null(cpu), "cores",
                     (int)sysconf(_SC_NPROCESSORS_ONLN), "memory_bytes", count(memory));
}

static json_t *texts(const char *const *list)
{
    json_t *array = json_array();
    for (; list != NULL && *list != NULL; list++)
        json_array_append_new(array, json_string(*list));
    return array;
}

static json_t *voice(const struct load_voice_config *config)
{
    return json_pack("{s:o,s:i,s:i,s:i,s:i,s:o,s:i}", "seed", count(config->seed), "rate",
                     config->rate, "frame_ms", config->frame_ms, "cycle_ms", config->cycle_ms,
                     "pause_ms", config->pause_ms, "speaking", real(config->speaking),
                     "turn_cycles", config->turn_cycles);
}

static json_t *config_json(const struct load_config *config)
{
    static const char *const storms[] = {"none", "start", "end", "reconnect"};
    json_t *object = json_pack(
        "{s:i,s:i,s:i,s:i,s:s,s:o,s:b,s:b,s:i,s:i,s:i,s:i,s:s,s:i,s:i,s:i,s:i}", "sessions",
        config->sessions, "silent", config->silent, "classes", config->classes, "jitter_ms",
        config->jitter_ms, "source", config->source, "targets", texts(config->targets), "grammar",
        config->grammar, "partials", config->partials, "ramp_s", config->ramp_s, "warmup_s",
        config->warmup_s, "seconds", config->seconds, "drain_s", config->drain_s, "storm",
        storms[config->storm], "slow_readers", config->slow_readers, "vanishing", config->vanishing,
        "greedy", config->greedy, "greed", config->greed);
    json_object_update_new(object, voice(&config->voice));
    json_object_update_new(object, json_pack("{s:i,s:i,s:b,s:i}", "teachers", config->teachers,
                                             "slow_teachers", config->slow_teachers,
                                             "teachers_of_class", config->teachers_of_class,
                                             "teachers_open", config->teachers_open));
    return object;
}

static json_t *load_json(const struct load_sum *load)
{
    return json_pack("{s:o,s:i,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:b,s:o,s:o}", "seconds",
                     real(load->seconds), "started", load->started, "frames_sent",
                     count(load->frames_sent), "frames_blocked", count(load->frames_blocked),
                     "bytes_sent", count(load->bytes_sent), "bytes_received",
                     count(load->bytes_received), "sockets_failed", count(load->sockets_failed),
                     "sockets_cut", count(load->sockets_cut), "ends_unheard",
                     count(load->ends_unheard), "interrupted", load->interrupted, "send_late",
                     quantiles(&load->send_late), "own_lag", quantiles(&load->own_lag));
}

static json_t *latency_json(const struct judge_sum *judge)
{
    json_t *object = json_object();
    for (int i = 0; i < JUDGE_KINDS; i++) {
        const struct judge_latency *latency = &judge->latency[i];
        json_object_set_new(
            object, judge_kind_name((enum judge_kind)i),
            json_pack("{s:o,s:o,s:o,s:o,s:o,s:o}", "total", quantiles(&latency->total), "audio",
                      quantiles(&latency->audio), "server", quantiles(&latency->server), "upstream",
                      quantiles(&latency->upstream), "queue", quantiles(&latency->queue), "hold",
                      quantiles(&latency->hold)));
    }
    return object;
}

static json_t *delivery_json(const struct judge_sum *judge)
{
    json_t *kinds = json_object();
    for (int i = 0; i < JUDGE_KINDS; i++)
        if (judge->kind_owed[i] > 0)
            json_object_set_new(kinds, judge_kind_name((enum judge_kind)i),
                                json_pack("{s:o,s:o}", "owed", count(judge->kind_owed[i]), "got",
                                          count(judge->kind_got[i])));
    double ratio = (double)judge->finals_got / (double)judge->finals_owed;
    return json_pack("{s:o,s:o,s:o,s:o,s:o,s:o}", "utterances", count(judge->utterances), "owed",
                     count(judge->finals_owed), "got", count(judge->finals_got), "failed",
                     count(judge->finals_failed), "ratio",
                     judge->finals_owed > 0 ? share(ratio) : json_null(), "kinds", kinds);
}

static void put_judge(json_t *object, const struct judge_sum *judge)
{
    json_object_set_new(object, "latency", latency_json(judge));
    json_object_set_new(object, "delivery", delivery_json(judge));
    json_object_set_new(object, "words",
                        json_pack("{s:o,s:o,s:o,s:o,s:o}", "said", count(judge->words_said), "lost",
                                  count(judge->words_lost), "repeated",
                                  count(judge->words_repeated), "wrong", count(judge->words_wrong),
                                  "first_lost", text_or_null(judge->first_lost)));
    json_object_set_new(object, "finals",
                        json_pack("{s:o,s:o,s:o,s:o}", "reordered", count(judge->finals_reordered),
                                  "translations_wrong", count(judge->translations_wrong),
                                  "corrections_wrong", count(judge->corrections_wrong),
                                  "committed_broken", count(judge->committed_broken)));
    json_object_set_new(object, "erasure",
                        json_pack("{s:o,s:o}", "transcript", real(judge->erasure_transcript),
                                  "translation", real(judge->erasure_translation)));
    json_object_set_new(object, "jain", share(judge->jain));
    json_object_set_new(
        object, "sessions",
        json_pack("{s:o,s:o,s:o,s:o,s:o}", "started", count(judge->sessions_started), "refused",
                  count(judge->sessions_refused), "lost", count(judge->sessions_lost), "errors",
                  count(judge->errors), "first_error", text_or_null(judge->first_error)));
    json_object_set_new(object, "resumed",
                        json_pack("{s:o,s:o,s:o,s:o}", "times", count(judge->resumes), "epochs",
                                  count(judge->epochs), "finals_missing",
                                  count(judge->finals_missing), "finals_repeated",
                                  count(judge->finals_repeated)));
    json_object_set_new(object, "degraded",
                        json_pack("{s:o,s:o,s:o,s:o}", "sessions", count(judge->sessions_degraded),
                                  "restored", count(judge->sessions_restored), "median_s",
                                  real((double)judge->degraded_median_us / 1e6), "max_s",
                                  real((double)judge->degraded_max_us / 1e6)));
    json_object_set_new(object, "events",
                        json_pack("{s:o,s:o,s:o}", "count", count(judge->events), "bytes",
                                  count(judge->event_bytes), "acks", count(judge->acks)));
    json_object_set_new(object, "judged_all", json_boolean(!judge->incomplete));
}

static json_t *teachers_json(const struct result *result)
{
    const struct judge_watch_sum *watch = &result->judge->watch;
    double seconds = result->load->seconds, reading = watch->teachers - watch->slow;
    if (watch->teachers == 0)
        return json_null();
    json_t *object = json_pack(
        "{s:i,s:i,s:i,s:o,s:o,s:o,s:o,s:o,s:i,s:o,s:o,s:o,s:o}", "count", watch->teachers, "slow",
        watch->slow, "seeing", watch->seeing, "deltas", count(watch->deltas), "bytes",
        count(watch->delta_bytes), "changes", count(watch->changes), "deltas_second",
        real((double)watch->deltas / seconds / reading), "bytes_second",
        real((double)watch->delta_bytes / seconds), "second_max", watch->second_max, "slow_deltas",
        count(watch->slow_deltas), "snapshots", count(watch->snapshots), "snapshot_bytes_max",
        count(watch->snapshot_bytes_max), "stale", quantiles(&watch->stale));
    json_object_update_new(
        object,
        json_pack("{s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "unseen", count(watch->unseen),
                  "unmatched", count(watch->unmatched), "missing", count(watch->missing), "foreign",
                  count(watch->foreign), "finals", count(watch->finals), "finals_missing",
                  count(watch->finals_missing), "finals_repeated", count(watch->finals_repeated),
                  "closed", count(watch->closed), "slow_closed", count(watch->slow_closed),
                  "errors", count(watch->errors), "first_error", text_or_null(watch->first_error)));
    return object;
}

static json_t *process_json(const struct probe_process *process)
{
    return json_pack(
        "{s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "cpu_s", real(process->cpu_s), "user_s",
        real(process->user_s), "system_s", real(process->system_s), "rss_idle_bytes",
        count(process->rss_idle), "rss_start_bytes", count(process->rss_start), "rss_end_bytes",
        count(process->rss_end), "rss_peak_bytes", count(process->rss_peak), "switches_voluntary",
        count(process->switches_voluntary), "switches_forced", count(process->switches_forced),
        "descriptors_peak", count(process->descriptors_peak), "threads", count(process->threads));
}

static json_t *probe_json(const struct probe_sum *probe)
{
    json_t *object =
        json_pack("{s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "seconds", real(probe->seconds),
                  "server", process_json(&probe->server), "sim", process_json(&probe->sim), "bench",
                  process_json(&probe->bench), "server_stolen", share(probe->server_stolen),
                  "bench_stolen", share(probe->bench_stolen), "bench_core_busy",
                  share(probe->bench_core_busy), "loop_busy", share(probe->loop_busy), "loop_lag",
                  probe_quantiles(&probe->loop_lag), "handover", probe_quantiles(&probe->handover));
    json_object_update_new(
        object,
        json_pack("{s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:b}", "audio_peak_bytes",
                  count(probe->audio_peak), "own_rss_peak_bytes", count(probe->own_rss_peak),
                  "own_rss_end_bytes", count(probe->own_rss_end), "requests",
                  count(probe->requests), "tokens_in", count(probe->tokens_in), "tokens_out",
                  count(probe->tokens_out), "handshakes_late", count(probe->handshakes_late),
                  "connects", count(probe->connects), "samples", count(probe->samples),
                  "samples_missed", count(probe->samples_missed), "io_uring", probe->io_uring));
    return object;
}

static json_t *head_json(const struct result *result)
{
    char date[CLOCK_RFC3339_BYTES], text[256];
    clock_rfc3339(clock_wall_us(), date);
    return json_pack("{s:s,s:o,s:s,s:s,s:o,s:o,s:{s:f,s:f,s:f,s:f},s:o}", "format",
                     "sotto-bench-run-1", "label", text_or_null(result->label), "date", date,
                     "version", SOTTO_VERSION, "commit", text_or_null(getenv("SOTTO_COMMIT")),
                     "void", text_or_null(result_void(result, text, sizeof text)), "void_rule",
                     "core_busy", RESULT_CORE_BUSY_MAX, "stolen", RESULT_STOLEN_MAX, "send_late_ms",
                     RESULT_SEND_LATE_MAX_US / 1000.0, "own_lag_ms", RESULT_OWN_LAG_MAX_US / 1000.0,
                     "machine", machine());
}

int result_write_json(const struct result *result, FILE *out)
{
    json_t *object = head_json(result);
    if (object == NULL)
        return STATUS_NOMEM;
    json_object_set_new(object, "config", config_json(result->config));
    json_object_set_new(object, "load", load_json(result->load));
    put_judge(object, result->judge);
    json_object_set_new(object, "teachers", teachers_json(result));
    json_object_set_new(object, "probe", probe_json(result->probe));
    int failed = json_dumpf(object, out, JSON_INDENT(2) | JSON_REAL_PRECISION(12));
    json_decref(object);
    return failed == 0 && fputc('\n', out) != EOF ? STATUS_OK : STATUS_IO;
}
