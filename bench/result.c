#include "bench/result.h"

#include "bench/judge.h"
#include "bench/load.h"
#include "bench/probe.h"

const char *result_void(const struct result *result, char *text, unsigned size)
{
    const struct probe_sum *probe = result->probe;
    double stolen =
        probe->server_stolen > probe->bench_stolen ? probe->server_stolen : probe->bench_stolen;
    uint64_t late_us = hist_quantile(&result->load->send_late, 0.99);
    uint64_t lag_us = hist_quantile(&result->load->own_lag, 0.99);
    if (probe->bench_core_busy > RESULT_CORE_BUSY_MAX)
        snprintf(text, size, "the core of bench and simulator was %.1f %% busy, more than %.0f %%",
                 probe->bench_core_busy * 100, RESULT_CORE_BUSY_MAX * 100);
    else if (stolen > RESULT_STOLEN_MAX)
        snprintf(text, size, "%.1f %% of a core was stolen by other machines, more than %.0f %%",
                 stolen * 100, RESULT_STOLEN_MAX * 100);
    else if (late_us > RESULT_SEND_LATE_MAX_US)
        snprintf(text, size, "frames were sent %.1f ms late at p99, more than %.0f ms",
                 (double)late_us / 1e3, RESULT_SEND_LATE_MAX_US / 1e3);
    else if (lag_us > RESULT_OWN_LAG_MAX_US)
        snprintf(text, size, "the generator lagged %.1f ms at p99, more than %.0f ms",
                 (double)lag_us / 1e3, RESULT_OWN_LAG_MAX_US / 1e3);
    else
        return NULL;
    return text;
}

/* How to print: colours are empty where there are none. */
struct style {
    FILE *out;
    const char *strong, *good, *bad, *plain;
};

static double share(uint64_t part, uint64_t whole)
{
    return whole > 0 ? (double)part / (double)whole : 0;
}

static double quantile_ms(const struct hist *hist, double q)
{
    return (double)hist_quantile(hist, q) / 1e3;
}

/* Shares are cut, not rounded: 100.00 % means all. */
static void print_delivery(const struct style *style, int width, uint64_t got, uint64_t owed)
{
    double percent = (double)(uint64_t)(share(got, owed) * 10000) / 100;
    fprintf(style->out, "%s%*.2f %%%s", got == owed ? style->good : style->bad, width, percent,
            style->plain);
}

static void print_kind(const struct style *style, const struct judge_sum *judge,
                       enum judge_kind kind)
{
    const struct judge_latency *latency = &judge->latency[kind];
    const struct hist *total = &latency->total;
    if (total->count == 0 && judge->kind_owed[kind] == 0)
        return;
    fprintf(style->out, "%-20s%9llu%8.1f%8.1f%8.1f%8.1f%9.1f", judge_kind_name(kind),
            (unsigned long long)total->count, quantile_ms(total, 0.5), quantile_ms(total, 0.9),
            quantile_ms(total, 0.99), quantile_ms(total, 0.999), (double)total->max / 1e3);
    if (latency->server.count > 0)
        fprintf(style->out, "%8.1f%8.1f", quantile_ms(&latency->server, 0.5),
                quantile_ms(&latency->server, 0.99));
    else
        fprintf(style->out, "%8s%8s", "-", "-");
    if (judge->kind_owed[kind] > 0)
        print_delivery(style, 9, judge->kind_got[kind], judge->kind_owed[kind]);
    fputc('\n', style->out);
}

static void print_latencies(const struct style *style, const struct judge_sum *judge)
{
    fprintf(style->out, "%s%-20s%9s%8s%8s%8s%8s%9s%8s%8s%11s%s\n", style->strong, "ms", "count",
            "p50", "p90", "p99", "p99.9", "max", "srv p50", "srv p99", "delivered", style->plain);
    for (int i = 0; i < JUDGE_KINDS; i++)
        print_kind(style, judge, (enum judge_kind)i);
}

/* A count that should be 0. */
static void print_fault(const struct style *style, const char *name, uint64_t count)
{
    fprintf(style->out, "  %s %s%llu%s", name, count > 0 ? style->bad : "",
            (unsigned long long)count, count > 0 ? style->plain : "");
}

static void print_judged(const struct style *style, const struct judge_sum *judge)
{
    fprintf(style->out, "finals     %llu of %llu, ", (unsigned long long)judge->finals_got,
            (unsigned long long)judge->finals_owed);
    print_delivery(style, 0, judge->finals_got, judge->finals_owed);
    print_fault(style, "failed", judge->finals_failed);
    print_fault(style, "out of order", judge->finals_reordered);
    print_fault(style, "wrong", judge->translations_wrong + judge->corrections_wrong);
    fprintf(style->out, "\nwords      said %llu", (unsigned long long)judge->words_said);
    print_fault(style, "lost", judge->words_lost);
    print_fault(style, "repeated", judge->words_repeated);
    print_fault(style, "wrong", judge->words_wrong);
    print_fault(style, "committed taken back", judge->committed_broken);
    if (judge->first_lost[0] != '\0')
        fprintf(style->out, "\n           lost or wrong first: %s", judge->first_lost);
    fprintf(style->out,
            "\nflicker    %.3f words taken back a word of a transcript, %.3f of a translation; "
            "fairness %.4f\n",
            judge->erasure_transcript, judge->erasure_translation, judge->jain);
    fprintf(style->out, "sessions   started %llu", (unsigned long long)judge->sessions_started);
    print_fault(style, "refused", judge->sessions_refused);
    print_fault(style, "lost", judge->sessions_lost);
    print_fault(style, "errors", judge->errors);
    if (judge->sessions_degraded > 0)
        fprintf(style->out, "  degraded %llu, %.1f s in the middle, %.1f s at most",
                (unsigned long long)judge->sessions_degraded,
                (double)judge->degraded_median_us / 1e6, (double)judge->degraded_max_us / 1e6);
    fprintf(style->out, "%s%s%s\n", judge->errors > 0 ? " (" : "", judge->first_error,
            judge->errors > 0 ? ")" : "");
    if (judge->incomplete)
        fprintf(style->out, "%smemory was short: not everything was judged%s\n", style->bad,
                style->plain);
}

static void print_resumed(const struct style *style, const struct result *result)
{
    const struct judge_sum *judge = result->judge;
    if (!result->config->resume)
        return;
    fprintf(style->out,
            "resumed    %llu times, %llu of them without what was not durable; %llu cut by us",
            (unsigned long long)judge->resumes, (unsigned long long)judge->epochs,
            (unsigned long long)result->load->sockets_cut);
    print_fault(style, "finals missing", judge->finals_missing);
    print_fault(style, "repeated", judge->finals_repeated);
    fputc('\n', style->out);
}

static void print_watched(const struct style *style, const struct judge_watch_sum *watch)
{
    unsigned reading = watch->teachers - watch->slow;
    fprintf(style->out, "           snapshots %llu, %.0f KB at most;",
            (unsigned long long)watch->snapshots, (double)watch->snapshot_bytes_max / 1e3);
    print_fault(style, "without one", reading - watch->seeing);
    print_fault(style, "sessions missing", watch->missing);
    print_fault(style, "texts never seen", watch->unseen);
    print_fault(style, "of another class", watch->foreign);
    fprintf(style->out, "\n           finals %llu", (unsigned long long)watch->finals);
    print_fault(style, "missing", watch->finals_missing);
    print_fault(style, "repeated", watch->finals_repeated);
    print_fault(style, "closed", watch->closed);
    if (watch->slow > 0)
        fprintf(style->out, ", slow ones %llu", (unsigned long long)watch->slow_closed);
    print_fault(style, "errors", watch->errors);
    fprintf(style->out, "%s%s%s\n", watch->errors > 0 ? " (" : "", watch->first_error,
            watch->errors > 0 ? ")" : "");
}

static void print_teachers(const struct style *style, const struct result *result)
{
    const struct judge_watch_sum *watch = &result->judge->watch;
    unsigned reading = watch->teachers - watch->slow;
    double seconds = result->load->seconds > 0 ? result->load->seconds : 1;
    double each = reading > 0 ? reading : 1, all = (double)watch->deltas / seconds;
    if (watch->teachers == 0)
        return;
    fprintf(style->out,
            "teachers   %u, %u slow: %.1f deltas a second each, %u at most, of %.1f KB and %.0f "
            "sessions; %.2f MB/s in all\n",
            watch->teachers, watch->slow, all / each, watch->second_max,
            watch->deltas > 0 ? (double)watch->delta_bytes / 1e3 / (double)watch->deltas : 0,
            watch->deltas > 0 ? (double)watch->changes / (double)watch->deltas : 0,
            (double)watch->delta_bytes / 1e6 / seconds);
    fprintf(style->out,
            "           a text is seen p50 %.1f  p99 %.1f  p99.9 %.1f  max %.1f ms after its "
            "learner; slow ones got %.2f deltas a second each\n",
            quantile_ms(&watch->stale, 0.5), quantile_ms(&watch->stale, 0.99),
            quantile_ms(&watch->stale, 0.999), (double)watch->stale.max / 1e3,
            watch->slow > 0 ? (double)watch->slow_deltas / seconds / watch->slow : 0);
    print_watched(style, watch);
}

static double grown_kb(uint64_t bytes, const struct probe_process *process)
{
    return bytes > process->rss_idle ? (double)(bytes - process->rss_idle) / 1e3 : 0;
}

static void print_server(const struct style *style, const struct result *result)
{
    const struct probe_sum *probe = result->probe;
    const struct probe_process *server = &probe->server;
    unsigned sessions = result->config->sessions + result->config->silent;
    double seconds = probe->seconds > 0 ? probe->seconds : 1, held = sessions > 0 ? sessions : 1;
    uint64_t peak = probe->own_rss_peak > 0 ? probe->own_rss_peak : server->rss_peak;
    uint64_t end = probe->own_rss_end > 0 ? probe->own_rss_end : server->rss_end;
    if (server->rss_peak == 0) {
        fprintf(style->out, "server     not looked at: give --server-pid\n");
        return;
    }
    /* Its CPU time would read as 0, like that of a server that stands still. */
    if (server->rss_end == 0) {
        fprintf(style->out, "server     %sended in the middle of the run: see its log%s\n",
                style->bad, style->plain);
        return;
    }
    fprintf(
        style->out,
        "server     %.1f %% of a core, %.2f ms a session and second; %.1f MB at most, beside its "
        "audio %.1f KB a session, %.1f at most\n",
        server->cpu_s / seconds * 100, server->cpu_s * 1e3 / seconds / held,
        (double)server->rss_peak / 1e6, grown_kb(end, server) / held,
        grown_kb(peak, server) / held);
}

static void print_hist(const struct style *style, const char *name, const struct probe_hist *hist)
{
    if (hist->present)
        fprintf(style->out, "%s p50 %.2f  p99 %.2f  p99.9 %.2f ms", name, hist->p50 * 1e3,
                hist->p99 * 1e3, hist->p999 * 1e3);
    else
        fprintf(style->out, "%s unknown", name);
}

static void print_probe(const struct style *style, const struct result *result)
{
    const struct probe_sum *probe = result->probe;
    double minutes =
        probe->seconds / 60 * (result->config->sessions > 0 ? result->config->sessions : 1);
    print_server(style, result);
    print_hist(style, "loops      lag", &probe->loop_lag);
    print_hist(style, "; audio handed over", &probe->handover);
    fprintf(style->out, "; busiest %.1f %%, %s\n", probe->loop_busy * 100,
            probe->io_uring ? "io_uring" : "epoll");
    if (minutes > 0)
        fprintf(style->out, "chat       %.1f requests and %.0f tokens a session and minute",
                (double)probe->requests / minutes,
                (double)(probe->tokens_in + probe->tokens_out) / minutes);
    print_fault(style, "late handshakes", probe->handshakes_late);
    fprintf(style->out,
            "\nbench      core %.1f %% busy, stolen %.2f %% (server's core %.2f %%), frames late "
            "p99 %.2f ms, own lag p99 %.2f ms\n",
            probe->bench_core_busy * 100, probe->bench_stolen * 100, probe->server_stolen * 100,
            quantile_ms(&result->load->send_late, 0.99), quantile_ms(&result->load->own_lag, 0.99));
}

void result_print(const struct result *result, FILE *out, bool colour)
{
    const struct style style = {out, colour ? "\033[1m" : "", colour ? "\033[32m" : "",
                                colour ? "\033[31m" : "", colour ? "\033[0m" : ""};
    const struct load_config *config = result->config;
    char text[256];
    const char *reason = result_void(result, text, sizeof text);
    fprintf(out, "%s%u sessions, %.0f %% speaking, %u silent, %.0f s%s%s%s\n", style.strong,
            config->sessions, config->voice.speaking * 100, config->silent, result->load->seconds,
            result->label != NULL ? ": " : "", result->label != NULL ? result->label : "",
            style.plain);
    print_latencies(&style, result->judge);
    print_judged(&style, result->judge);
    print_resumed(&style, result);
    print_teachers(&style, result);
    print_probe(&style, result);
    if (reason != NULL)
        fprintf(out, "%svoid       %s%s\n", style.bad, reason, style.plain);
    else
        fprintf(out, "%sok%s         the generator kept its pace\n", style.good, style.plain);
}
