/* A result as JSON and as text, from figures that are known. */
#include "bench/result.h"

#include "base/status.h"
#include "bench/judge.h"
#include "bench/load.h"
#include "bench/probe.h"
#include "tests/check.h"
#include <jansson.h>
#include <math.h>

static const char *const spanish[] = {"es", NULL};
static struct judge_sum judge;
static struct load_sum load;
static struct probe_sum probe;
static struct load_config config;
static const struct result result = {"a label", &config, &load, &judge, &probe};

/* A run that is in order: 100 sessions for 60 s. */
static void good_run(void)
{
    config = (struct load_config){.host = "127.0.0.1",
                                  .sessions = 90,
                                  .silent = 10,
                                  .voice = {.seed = 7,
                                            .rate = 24000,
                                            .frame_ms = 100,
                                            .cycle_ms = 6000,
                                            .pause_ms = 900,
                                            .speaking = 0.6,
                                            .turn_cycles = 3},
                                  .source = "en",
                                  .targets = spanish,
                                  .grammar = true,
                                  .partials = true,
                                  .seconds = 60,
                                  .storm = LOAD_STORM_RECONNECT};
    memset(&judge, 0, sizeof judge);
    memset(&load, 0, sizeof load);
    for (int i = 1; i <= 100; i++) {
        hist_add(&judge.latency[JUDGE_TRANSCRIPT_FINAL].total, 300000);
        hist_add(&judge.latency[JUDGE_TRANSCRIPT_FINAL].server, 4000);
        hist_add(&load.send_late, 500);
        hist_add(&load.own_lag, 100);
    }
    judge.utterances = 100;
    judge.kind_owed[JUDGE_TRANSCRIPT_FINAL] = judge.finals_owed = 100000;
    judge.kind_got[JUDGE_TRANSCRIPT_FINAL] = judge.finals_got = 100000;
    judge.words_said = 1700;
    judge.jain = 1;
    judge.sessions_started = 100;
    load.seconds = 60;
    load.bytes_sent = 1000;
    probe = (struct probe_sum){
        .seconds = 60,
        .server = {.cpu_s = 30, .rss_idle = 20000000, .rss_peak = 30000000, .rss_end = 28000000},
        .bench_core_busy = 0.5,
        .loop_lag = {.count = 10, .p50 = 0.0001, .p99 = 0.002, .p999 = 0.0025, .present = true},
        .requests = 900,
        .tokens_in = 9000};
}

static json_t *written(void)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    CHECK_EQ(result_write_json(&result, out), STATUS_OK);
    fclose(out);
    json_t *object = json_loadb(text, len, 0, NULL);
    CHECK(object != NULL);
    free(text);
    return object;
}

/* The value at a path of keys, "a.b.c"; NULL: not there. */
static json_t *at(json_t *object, const char *path)
{
    char keys[128], *rest = keys;
    snprintf(keys, sizeof keys, "%s", path);
    for (char *key; (key = strsep(&rest, ".")) != NULL;)
        object = json_object_get(object, key);
    return object;
}

static bool number_is(json_t *object, const char *path, double value)
{
    json_t *found = at(object, path);
    return json_is_number(found) && fabs(json_number_value(found) - value) < 1e-6;
}

/* Of a histogram, whose buckets are 1/32 wide. */
static bool number_near(json_t *object, const char *path, double value)
{
    json_t *found = at(object, path);
    return json_is_number(found) && fabs(json_number_value(found) - value) <= value / 16;
}

static const char *text_at(json_t *object, const char *path)
{
    return json_string_value(at(object, path));
}

static void json_of_a_good_run(void)
{
    good_run();
    json_t *object = written();
    CHECK_STR(text_at(object, "format"), "sotto-bench-run-1");
    CHECK_STR(text_at(object, "label"), "a label");
    CHECK_STR(text_at(object, "version"), SOTTO_VERSION);
    CHECK(json_is_null(at(object, "void")));
    CHECK(number_is(object, "void_rule.core_busy", 0.85));
    CHECK(strncmp(text_at(object, "machine.kernel"), "Linux ", 6) == 0);
    CHECK(json_integer_value(at(object, "machine.cores")) >= 1);
    CHECK(number_is(object, "config.sessions", 90));
    CHECK(number_is(object, "config.speaking", 0.6));
    CHECK_STR(text_at(object, "config.storm"), "reconnect");
    CHECK_STR(json_string_value(json_array_get(at(object, "config.targets"), 0)), "es");
    CHECK(number_is(object, "load.seconds", 60));
    CHECK(number_near(object, "load.send_late.p99", 0.5));
    CHECK(number_near(object, "latency.transcript_final.total.p99", 300));
    CHECK(number_is(object, "latency.transcript_final.total.max", 300));
    CHECK(number_near(object, "latency.transcript_final.server.p50", 4));
    CHECK(json_is_null(at(object, "latency.ack.total")));
    CHECK(number_is(object, "delivery.ratio", 1));
    CHECK(number_is(object, "delivery.kinds.transcript_final.owed", 100000));
    CHECK(number_is(object, "words.said", 1700));
    CHECK(number_is(object, "probe.server.cpu_s", 30));
    CHECK(number_is(object, "probe.loop_lag.p999", 2.5));
    CHECK(json_is_null(at(object, "probe.handover")));
    CHECK(number_is(object, "probe.tokens_in", 9000));
    CHECK(json_is_null(at(object, "sessions.first_error")));
    CHECK(json_is_true(at(object, "judged_all")));
    json_decref(object);
}

/* Every key of the header's list; what reads the file relies on them. */
static void keys_are_those_promised(void)
{
    static const char *const keys[] = {"date",
                                       "commit",
                                       "void_rule.stolen",
                                       "void_rule.send_late_ms",
                                       "void_rule.own_lag_ms",
                                       "machine.cpu",
                                       "machine.memory_bytes",
                                       "config.silent",
                                       "config.seed",
                                       "config.rate",
                                       "config.frame_ms",
                                       "config.cycle_ms",
                                       "config.pause_ms",
                                       "config.turn_cycles",
                                       "config.jitter_ms",
                                       "config.source",
                                       "config.grammar",
                                       "config.partials",
                                       "config.ramp_s",
                                       "config.warmup_s",
                                       "config.seconds",
                                       "config.drain_s",
                                       "config.slow_readers",
                                       "config.vanishing",
                                       "config.greedy",
                                       "config.greed",
                                       "load.started",
                                       "load.frames_sent",
                                       "load.frames_blocked",
                                       "load.bytes_sent",
                                       "load.bytes_received",
                                       "load.sockets_failed",
                                       "load.interrupted",
                                       "load.own_lag",
                                       "latency.started",
                                       "latency.transcript_partial",
                                       "latency.translation_partial",
                                       "latency.translation_final",
                                       "latency.grammar_final.audio",
                                       "latency.ack.upstream",
                                       "latency.ack.queue",
                                       "latency.ack.hold",
                                       "delivery.utterances",
                                       "delivery.owed",
                                       "delivery.got",
                                       "delivery.failed",
                                       "words.lost",
                                       "words.repeated",
                                       "words.wrong",
                                       "finals.reordered",
                                       "finals.translations_wrong",
                                       "finals.corrections_wrong",
                                       "finals.committed_broken",
                                       "erasure.transcript",
                                       "erasure.translation",
                                       "jain",
                                       "sessions.started",
                                       "sessions.refused",
                                       "sessions.lost",
                                       "sessions.errors",
                                       "events.count",
                                       "events.bytes",
                                       "events.acks",
                                       "probe.seconds",
                                       "probe.server.user_s",
                                       "probe.sim.system_s",
                                       "probe.bench.rss_idle_bytes",
                                       "probe.server.rss_start_bytes",
                                       "probe.server.rss_end_bytes",
                                       "probe.server.rss_peak_bytes",
                                       "probe.server.switches_voluntary",
                                       "probe.server.switches_forced",
                                       "probe.server.descriptors_peak",
                                       "probe.server.threads",
                                       "probe.server_stolen",
                                       "probe.bench_stolen",
                                       "probe.bench_core_busy",
                                       "probe.loop_busy",
                                       "probe.requests",
                                       "probe.tokens_out",
                                       "probe.handshakes_late",
                                       "probe.connects",
                                       "probe.samples",
                                       "probe.samples_missed",
                                       "probe.io_uring"};
    good_run();
    json_t *object = written();
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        CHECK(at(object, keys[i]) != NULL);
        if (at(object, keys[i]) == NULL)
            fprintf(stderr, "no %s\n", keys[i]);
    }
    json_decref(object);
}

/* 50 teachers, 5 of them slow: deltas are of those that read. */
static void watch_well(void)
{
    struct judge_watch_sum *watch = &judge.watch;
    *watch = (struct judge_watch_sum){.teachers = 50,
                                      .slow = 5,
                                      .seeing = 45,
                                      .deltas = 27000,
                                      .delta_bytes = 270000000,
                                      .changes = 2700000,
                                      .slow_deltas = 300,
                                      .second_max = 10,
                                      .snapshots = 100,
                                      .snapshot_bytes_max = 400000,
                                      .finals = 500};
    for (int i = 0; i < 1000; i++)
        hist_add(&watch->stale, 80000);
}

static void teachers_as_json(void)
{
    good_run();
    json_t *object = written();
    CHECK(json_is_null(at(object, "teachers")));
    json_decref(object);
    watch_well();
    config.teachers = 50;
    object = written();
    CHECK(number_is(object, "config.teachers", 50));
    CHECK(number_is(object, "teachers.count", 50));
    CHECK(number_is(object, "teachers.deltas_second", 10));
    CHECK(number_is(object, "teachers.bytes_second", 4500000));
    CHECK(number_is(object, "teachers.slow_deltas", 300));
    CHECK(number_near(object, "teachers.stale.p99", 80));
    CHECK(number_is(object, "teachers.finals_missing", 0));
    CHECK(json_is_null(at(object, "teachers.first_error")));
    json_decref(object);
}

static void nothing_owed_is_no_delivery(void)
{
    good_run();
    judge.finals_owed = judge.finals_got = 0;
    json_t *object = written();
    CHECK(json_is_null(at(object, "delivery.ratio")));
    json_decref(object);
}

/* Above the bound, not at it. */
static void the_void_rule(void)
{
    char text[256];
    good_run();
    CHECK(result_void(&result, text, sizeof text) == NULL);
    probe.bench_core_busy = 0.85;
    probe.server_stolen = probe.bench_stolen = 0.02;
    CHECK(result_void(&result, text, sizeof text) == NULL);
    probe.bench_core_busy = 0.86;
    CHECK(strstr(result_void(&result, text, sizeof text), "86.0 % busy") != NULL);
    good_run();
    probe.server_stolen = 0.03;
    CHECK(strstr(result_void(&result, text, sizeof text), "3.0 % of a core was stolen") != NULL);
    good_run();
    probe.bench_stolen = 0.021;
    CHECK(strstr(result_void(&result, text, sizeof text), "stolen") != NULL);
    good_run();
    for (int i = 0; i < 2; i++)
        hist_add(&load.send_late, 12000);
    CHECK(strstr(result_void(&result, text, sizeof text), "frames were sent 12") != NULL);
    good_run();
    for (int i = 0; i < 2; i++)
        hist_add(&load.own_lag, 6000);
    CHECK(strstr(result_void(&result, text, sizeof text), "the generator lagged 6") != NULL);
    json_t *object = written();
    CHECK_STR(text_at(object, "void"), text);
    json_decref(object);
}

static char *printed(bool colour)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    result_print(&result, out, colour);
    fclose(out);
    return text;
}

static void text_of_a_good_run(void)
{
    good_run();
    char *text = printed(false);
    CHECK(strstr(text, "90 sessions, 60 % speaking, 10 silent, 60 s: a label\n") != NULL);
    CHECK(strstr(text, "transcript_final ") != NULL);
    CHECK(strstr(text, " 100.00 %") != NULL);
    /* 30 s of CPU in 60 s, 100 sessions; 10 MB for them. */
    CHECK(strstr(text, "50.0 % of a core, 5.00 ms a session and second") != NULL);
    CHECK(strstr(text, "beside its audio 80.0 KB a session, 100.0 at most") != NULL);
    CHECK(strstr(text, "audio handed over unknown") != NULL);
    CHECK(strstr(text, "10.0 requests and 100 tokens a session and minute") != NULL);
    CHECK(strstr(text, "\nok ") != NULL && strstr(text, "void") == NULL);
    CHECK(strchr(text, '\033') == NULL);
    free(text);
}

static void teachers_as_text(void)
{
    good_run();
    char *text = printed(false);
    CHECK(strstr(text, "teachers") == NULL);
    free(text);
    watch_well();
    text = printed(false);
    CHECK(strstr(text, "teachers   50, 5 slow: 10.0 deltas a second each, 10 at most, of 10.0 KB "
                       "and 100 sessions; 4.50 MB/s in all\n") != NULL);
    CHECK(strstr(text, "slow ones got 1.00 deltas a second each\n") != NULL);
    free(text);
    judge.watch.finals_missing = 2;
    judge.watch.errors = 1;
    snprintf(judge.watch.first_error, sizeof judge.watch.first_error, "unauthorized: no");
    text = printed(true);
    CHECK(strstr(text, "missing \033[31m2\033[0m") != NULL);
    CHECK(strstr(text, "(unauthorized: no)") != NULL);
    free(text);
}

static void text_of_a_bad_run(void)
{
    good_run();
    judge.finals_got--;
    judge.words_lost = 3;
    judge.errors = 1;
    snprintf(judge.first_error, sizeof judge.first_error, "idle: nothing came");
    probe.bench_core_busy = 0.95;
    char *text = printed(true);
    /* 99,999 of 100,000 are not 100 %. */
    CHECK(strstr(text, "99.99 %") != NULL);
    CHECK(strstr(text, "lost \033[31m3\033[0m") != NULL);
    CHECK(strstr(text, "(idle: nothing came)") != NULL);
    CHECK(strstr(text, "\033[31mvoid ") != NULL);
    free(text);
}

static void a_server_that_is_gone_is_told(void)
{
    good_run();
    probe.server.rss_end = 0;
    char *text = printed(false);
    CHECK(strstr(text, "server     ended in the middle of the run") != NULL);
    CHECK(strstr(text, "of a core, ") == NULL);
    free(text);
}

static void a_full_disk_is_told(void)
{
    good_run();
    FILE *full = fopen("/dev/full", "w");
    CHECK(full != NULL);
    setvbuf(full, NULL, _IONBF, 0);
    CHECK_EQ(result_write_json(&result, full), STATUS_IO);
    fclose(full);
}

int main(void)
{
    RUN(json_of_a_good_run);
    RUN(keys_are_those_promised);
    RUN(teachers_as_json);
    RUN(teachers_as_text);
    RUN(nothing_owed_is_no_delivery);
    RUN(the_void_rule);
    RUN(text_of_a_good_run);
    RUN(text_of_a_bad_run);
    RUN(a_server_that_is_gone_is_told);
    RUN(a_full_disk_is_told);
    return check_done();
}
