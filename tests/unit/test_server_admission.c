#include "server/admission.h"

#include "base/rng.h"
#include "server/admission_system.h"
#include "server/limits.h"
#include "tests/check.h"
#include <sys/stat.h>
#include <unistd.h>

#define MS 1000LL

static struct admission_signals with(int signal, double value, double limit)
{
    struct admission_signals signals = {0};
    signals.of[signal] = (struct admission_reading){value, limit};
    return signals;
}

static int judged(struct admission_state *state, int signal, double load)
{
    struct admission_signals signals = with(signal, load * 40, 40);
    admission_judge(state, &signals);
    return admission_over(state);
}

static void test_each_signal_refuses_by_its_name(void)
{
    static const char *const labels[] = {"sessions", "connections", "lag",   "queue",
                                         "memory",   "descriptors", "budget"};
    for (int i = 0; i < ADMISSION_SIGNALS; i++) {
        struct admission_state state = {0};
        CHECK_STR(admission_label(i), labels[i]);
        bool measured = i != ADMISSION_SESSIONS && i != ADMISSION_CONNECTIONS;
        CHECK_EQ(judged(&state, i, 0.99), ADMISSION_NONE);
        CHECK_EQ(judged(&state, i, 1), measured ? i : ADMISSION_NONE);
        CHECK_EQ(state.over[i], true);
    }
    CHECK_STR(admission_label(ADMISSION_TURN), "turn");
}

static void test_without_a_limit(void)
{
    struct admission_state state = {0};
    struct admission_signals signals = with(ADMISSION_LAG, 1e9, 0);
    admission_judge(&state, &signals);
    CHECK_EQ(admission_over(&state), ADMISSION_NONE);
    CHECK(state.load == 0);
}

static void test_does_not_flap(void)
{
    struct admission_state state = {0};
    CHECK_EQ(judged(&state, ADMISSION_LAG, 1.5), ADMISSION_LAG);
    CHECK(state.load == 1.5);
    /* Below the limit, yet not calm. */
    for (int i = 0; i < 100; i++)
        CHECK_EQ(judged(&state, ADMISSION_LAG, i % 2 ? 0.99 : 0.81), ADMISSION_LAG);
    /* Calm, but not for long enough, again and again. */
    for (int i = 0; i < 100; i++)
        CHECK_EQ(
            judged(&state, ADMISSION_LAG, i % ADMISSION_CALM == ADMISSION_CALM - 1 ? 0.9 : 0.1),
            ADMISSION_LAG);
    for (int i = 1; i < ADMISSION_CALM; i++)
        CHECK_EQ(judged(&state, ADMISSION_LAG, 0.79), ADMISSION_LAG);
    CHECK_EQ(judged(&state, ADMISSION_LAG, 0.79), ADMISSION_NONE);
    /* Between the two marks it stays as it is. */
    CHECK_EQ(judged(&state, ADMISSION_LAG, 0.95), ADMISSION_NONE);
}

/* A count is exact: a place that is given back is free at once. */
static void test_counts_have_no_memory(void)
{
    struct admission_state state = {0};
    judged(&state, ADMISSION_SESSIONS, 1);
    CHECK(state.over[ADMISSION_SESSIONS]);
    judged(&state, ADMISSION_SESSIONS, 0.999);
    CHECK(!state.over[ADMISSION_SESSIONS]);
}

static struct admission_pace pace_of(uint32_t starts_per_second, int64_t now_us)
{
    struct admission_pace pace;
    admission_pace_init(&pace, starts_per_second, now_us);
    return pace;
}

/* A thousand at once: in the order of asking, no more a second than may be; the last are refused.
 */
static void test_turns_come_in_order(void)
{
    int64_t now_us = 1000000 * MS, before_us = 0;
    struct admission_pace pace = pace_of(200, now_us);
    uint64_t numbers[1000];
    unsigned taken = 0;
    while (taken < 1000 && (numbers[taken] = admission_number(&pace, now_us)) != 0)
        taken++;
    unsigned expected = ADMISSION_BURST + ADMISSION_WAIT_MS * 200 / 1000;
    CHECK(taken + 1 >= expected && taken <= expected + 1);
    for (unsigned i = 0; i < taken; i++) {
        int64_t turn_us = admission_turn(&pace, numbers[i], now_us);
        CHECK(i < ADMISSION_BURST ? turn_us == now_us : turn_us >= before_us);
        before_us = turn_us;
    }
    /* Each is told a time at which its turn has come. */
    for (unsigned i = 0; i < taken; i++) {
        int64_t turn_us = admission_turn(&pace, numbers[i], now_us);
        for (int asks = 0; turn_us > now_us && asks < 20; asks++) {
            now_us = turn_us;
            turn_us = admission_turn(&pace, numbers[i], now_us);
        }
        CHECK_EQ(turn_us, now_us);
    }
    CHECK(now_us <= 1000000 * MS + (ADMISSION_WAIT_MS + 10) * MS);
    CHECK(admission_number(&pace, now_us) != 0);
    /* After a pause nobody waits. */
    now_us += 60000 * MS;
    for (int i = 0; i < ADMISSION_BURST; i++)
        CHECK_EQ(admission_turn(&pace, admission_number(&pace, now_us), now_us), now_us);
    CHECK(admission_wait_us(&pace, now_us) > 0);
}

static void test_late_loops_slow_the_starts(void)
{
    struct admission_pace pace = pace_of(1000, 0);
    uint64_t number = 0;
    for (int i = 0; i < ADMISSION_BURST + 190; i++)
        number = admission_number(&pace, 0);
    CHECK_EQ(admission_turn(&pace, number, 0) / 1000, 190);
    for (int i = 0; i < 100; i++)
        admission_adjust(&pace, ADMISSION_LATE_US + 1, 1000, 0);
    CHECK_EQ(pace.gap_us, 1000000 / ADMISSION_STARTS_MIN);
    /* For those who wait already, too: one is told to wait on, one that it would be too long. */
    CHECK_EQ(admission_turn(&pace, ADMISSION_BURST + 10, 0), ADMISSION_SAMPLE_MS * MS);
    CHECK_EQ(admission_turn(&pace, number, 0), INT64_MAX);
    int samples = 0;
    for (; pace.gap_us > 1000 && samples < 1000; samples++)
        admission_adjust(&pace, ADMISSION_LATE_US, 1000, 0);
    CHECK_EQ(pace.gap_us, 1000);
    CHECK(samples * ADMISSION_SAMPLE_MS < 10000);
    admission_adjust(&pace, 0, 1000, 0);
    CHECK_EQ(pace.gap_us, 1000);
}

static void test_retry_grows_and_spreads(void)
{
    uint32_t low = admission_retry_ms(0.5, 1, 100, 0);
    uint32_t high = admission_retry_ms(0.5, 1, 100, UINT32_MAX);
    CHECK(low >= ADMISSION_RETRY_MS / 2 && low < high && high <= 3 * low + 1);
    CHECK(admission_retry_ms(3, 1, 100, 0) > admission_retry_ms(1.5, 1, 100, 0));
    CHECK(admission_retry_ms(1.5, 1, 100, 0) > low);
    CHECK(admission_retry_ms(1, 5000, 100, 0) > admission_retry_ms(1, 500, 100, 0));
    CHECK(admission_retry_ms(1e9, UINT32_MAX, 1, UINT32_MAX) <= ADMISSION_RETRY_MS_MAX * 3 / 2);
}

static void test_p99_of_a_window(void)
{
    struct durations_sum before = {.counts = {[DURATIONS_BUCKET_5000000] = 50}, .count = 50};
    struct durations_sum now = before;
    CHECK_EQ(admission_p99_us(&now, &before), 0);
    now.counts[DURATIONS_BUCKET_100] += 20;
    now.count += 20;
    CHECK_EQ(admission_p99_us(&now, &before), 100);
    /* Two that were late say nothing, three do. */
    now.counts[DURATIONS_BUCKET_1000000] += 2;
    now.count += 2;
    CHECK_EQ(admission_p99_us(&now, &before), 100);
    now.counts[DURATIONS_BUCKET_1000000]++;
    now.count++;
    CHECK_EQ(admission_p99_us(&now, &before), 1000000);
    /* Among many it is the hundredth part. */
    now.counts[DURATIONS_BUCKET_200] += 1000;
    now.count += 1000;
    CHECK_EQ(admission_p99_us(&now, &before), 200);
    now.counts[DURATIONS_REST] += 100;
    now.count += 100;
    CHECK(admission_p99_us(&now, &before) > 10000000);
}

static void test_a_moment_of_lag_is_none(void)
{
    int64_t samples[ADMISSION_WINDOW] = {0};
    for (int i = 0; i < ADMISSION_WINDOW; i++) {
        samples[(7 * i) % ADMISSION_WINDOW] = 1000 + i;
        CHECK_EQ(admission_median(samples) >= 1000, i + 1 >= ADMISSION_WINDOW / 2);
    }
    CHECK_EQ(admission_median(samples), 1000 + ADMISSION_WINDOW / 2);
}

/*
 * A return storm on one front, in virtual time: 1,000 clients ask at once, each start keeps the
 * loop busy, and so does audio for a fifth of the time. Who is refused comes back after what he was
 * told.
 */
#define STORM_CLIENTS 1000

struct storm {
    struct admission_pace pace;
    struct rng rng;
    int64_t cost_us;               /* of a start */
    int64_t ask_us[STORM_CLIENTS]; /* when a client asks next; INT64_MAX: it has started */
    uint64_t number[STORM_CLIENTS];
    uint64_t last;         /* the highest number that started */
    uint32_t most;         /* starts a second */
    int64_t busy_until_us; /* the loop works */
    int64_t lag_us;        /* since the last sample */
    int64_t lag_max_us;
    int started, refused, second, second_max; /* starts in this second, in any */
};

static void storm_start(struct storm *storm, int client, int64_t now_us)
{
    /* Nobody is overtaken by more than start between two looks at the pace. */
    CHECK(storm->number[client] + storm->most * ADMISSION_SAMPLE_MS / 1000 + ADMISSION_BURST >=
          storm->last);
    if (storm->number[client] > storm->last)
        storm->last = storm->number[client];
    int64_t begin_us = storm->busy_until_us > now_us ? storm->busy_until_us : now_us;
    storm->busy_until_us = begin_us + storm->cost_us;
    storm->ask_us[client] = INT64_MAX;
    storm->started++;
    if (++storm->second > storm->second_max)
        storm->second_max = storm->second;
    if (begin_us - now_us > storm->lag_us)
        storm->lag_us = begin_us - now_us;
    if (storm->lag_us > storm->lag_max_us)
        storm->lag_max_us = storm->lag_us;
}

static void storm_ask(struct storm *storm, int client, int64_t now_us)
{
    int64_t turn_us = INT64_MAX;
    if (storm->number[client] == 0)
        storm->number[client] = admission_number(&storm->pace, now_us);
    if (storm->number[client] != 0)
        turn_us = admission_turn(&storm->pace, storm->number[client], now_us);
    if (turn_us == INT64_MAX) {
        storm->number[client] = 0;
        storm->refused++;
        storm->ask_us[client] =
            now_us + MS * admission_retry_ms(0, (uint32_t)(STORM_CLIENTS - storm->started),
                                             (uint32_t)(1000000 / storm->pace.gap_us),
                                             (uint32_t)rng_next(&storm->rng));
        return;
    }
    if (turn_us == now_us)
        storm_start(storm, client, now_us);
    else
        storm->ask_us[client] = turn_us;
}

/* Runs until all have started; how long it took. */
static int64_t storm_run(struct storm *storm, int64_t cost_us, uint32_t starts_per_second)
{
    *storm = (struct storm){
        .pace = pace_of(starts_per_second, 0), .cost_us = cost_us, .most = starts_per_second};
    rng_init(&storm->rng, 7);
    int64_t now_us = 0;
    for (; storm->started < STORM_CLIENTS && now_us < 600000 * MS; now_us += MS) {
        if (now_us % (1000 * MS) == 0)
            storm->second = 0;
        for (int i = 0; i < STORM_CLIENTS; i++)
            if (storm->ask_us[i] <= now_us)
                storm_ask(storm, i, now_us);
        if (now_us % (5 * MS) == 0 && storm->busy_until_us > now_us)
            storm->busy_until_us += MS; /* audio */
        if (now_us % (ADMISSION_SAMPLE_MS * MS) == 0) {
            admission_adjust(&storm->pace, storm->lag_us, starts_per_second, now_us);
            storm->lag_us = 0;
        }
    }
    fprintf(
        stderr,
        "storm of %d at %lld us each: %lld ms, refused %d, lag at most %lld ms, %d in a second\n",
        STORM_CLIENTS, (long long)cost_us, (long long)(now_us / MS), storm->refused,
        (long long)(storm->lag_max_us / MS), storm->second_max);
    return now_us;
}

static void test_return_storm(void)
{
    static struct storm storm;
    /* What a loop can carry: it is hardly late, and the pace is kept. */
    CHECK(storm_run(&storm, 500, 500) < 3000 * MS);
    CHECK_EQ(storm.started, STORM_CLIENTS);
    CHECK(storm.second_max <= 500 + ADMISSION_BURST);
    CHECK(storm.lag_max_us <= ADMISSION_BURST * 500 * 5 / 4);
    /* Ten times as dear: fewer a second, some are sent away for a while, and all come in. */
    CHECK(storm_run(&storm, 5000, 500) < 60000 * MS);
    CHECK_EQ(storm.started, STORM_CLIENTS);
    CHECK(storm.refused > 0);
    CHECK(storm.lag_max_us < 1500 * MS);
    /* Without a pace each waits for all before. */
    storm_run(&storm, 5000, 1000000);
    CHECK(storm.lag_max_us > 4000 * MS);
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    CHECK(file != NULL);
    if (file == NULL)
        return;
    fputs(text, file);
    fclose(file);
}

static void test_memory_of_the_group(void)
{
    char folder[] = "/tmp/sotto-groups-XXXXXX", path[256], self[64];
    struct admission_system system;
    CHECK(mkdtemp(folder) != NULL);
    snprintf(self, sizeof self, "%s/self", folder);
    write_file(self, "1:name=old:/x\n0::/a/b\n");
    admission_system_init(&system, folder, self);
    uint64_t machine = system.memory_max_bytes;
    CHECK(machine > 1 << 20);
    CHECK(system.descriptors_max > 0);
    uint64_t open_now = admission_system_descriptors(&system);
    int fd = dup(0);
    CHECK(open_now > 0 && admission_system_descriptors(&system) >= open_now);
    close(fd);
    snprintf(path, sizeof path, "%s/a", folder);
    mkdir(path, 0700);
    snprintf(path, sizeof path, "%s/a/b", folder);
    mkdir(path, 0700);
    snprintf(path, sizeof path, "%s/a/b/memory.max", folder);
    write_file(path, "max\n");
    admission_system_init(&system, folder, self);
    CHECK_EQ(system.memory_max_bytes, machine);
    snprintf(path, sizeof path, "%s/a/memory.max", folder);
    write_file(path, "1000000\n");
    admission_system_init(&system, folder, self);
    CHECK_EQ(system.memory_max_bytes, 1000000);
    snprintf(path, sizeof path, "%s/a/b/memory.max", folder);
    write_file(path, "4096\n");
    admission_system_init(&system, folder, self);
    CHECK_EQ(system.memory_max_bytes, 4096);
    unlink(path);
    snprintf(path, sizeof path, "%s/a/b", folder);
    rmdir(path);
    snprintf(path, sizeof path, "%s/a/memory.max", folder);
    unlink(path);
    snprintf(path, sizeof path, "%s/a", folder);
    rmdir(path);
    unlink(self);
    rmdir(folder);
}

int main(void)
{
    RUN(test_each_signal_refuses_by_its_name);
    RUN(test_without_a_limit);
    RUN(test_does_not_flap);
    RUN(test_counts_have_no_memory);
    RUN(test_turns_come_in_order);
    RUN(test_late_loops_slow_the_starts);
    RUN(test_retry_grows_and_spreads);
    RUN(test_p99_of_a_window);
    RUN(test_a_moment_of_lag_is_none);
    RUN(test_return_storm);
    RUN(test_memory_of_the_group);
    return check_done();
}
