/*
 * Random sessions that survive: sockets die at random moments and what was on its way is lost,
 * processes are killed and the session goes on with what the store had. Whatever happens, the final
 * transcript is the script, every segment has its translations and its correction once and in
 * order, seq has no gap, and nothing of one session reaches another's client.
 *
 * SEED, SESSIONS, VIRTUAL_MINUTES (environment or arguments in that order); SESSION runs one of
 * them; SOTTO_SIM_SCALE multiplies the number of sessions; TRACE tells the story.
 */
#include "tests/sim/resume_sim.h"
#include <inttypes.h>

#define GROUP   4
#define OVER_US (600 * 1000000LL) /* from the last word to the end, at most */

bool sim_trace;

_Noreturn void sim_failed(const struct sim *s, const char *what, const char *file, int line)
{
    fprintf(stderr,
            "FAIL %s:%d: %s\n  SEED=%" PRIu64 " SESSION=%u at %.3f s: seq %" PRIu64
            " next word %zu of %zu, spoken %.3f s, epoch %u, socket %u\n",
            file, line, what, s->seed, s->index, (double)(s->now_us - s->began_us) / 1e6,
            s->promise.seq, s->next_word, s->provider.words_len,
            (double)s->spoken / 2 / s->provider.rate, s->epoch, s->socket);
    exit(1);
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t sim_next(const struct sim *s)
{
    int64_t at = earlier(client_due(s), server_due(s));
    if (s->up_len > 0)
        at = earlier(at, s->up[s->up_first].at_us);
    if (s->down_len > 0 && s->connected)
        at = earlier(at, s->down[s->down_first].at_us);
    return at;
}

/* The client has everything: it is the script, and nothing is missing beside it. */
static void check_whole(struct sim *s)
{
    HOLD(s, s->next_word == s->provider.words_len);
    for (int i = 1; i < 2 + LANGS; i++)
        HOLD(s, s->finals[i] == s->finals[0]);
    s->totals->words += s->next_word;
}

/* One thing happens, and the server has its turn. */
static void sim_step(struct sim *s)
{
    int64_t at = sim_next(s);
    HOLD(s,
         at != INT64_MAX && s->now_us < s->began_us + OVER_US +
                                            (int64_t)(s->length / 2 * 1000000 / s->provider.rate));
    s->now_us = s->provider.now_us = at > s->now_us ? at : s->now_us;
    const struct event *event = server_next(s);
    if (event != NULL) {
        client_hear(s, event);
        server_pop(s);
    } else if (s->up_len > 0 && s->up[s->up_first].at_us <= s->now_us) {
        struct up up = s->up[s->up_first];
        s->up_first = (s->up_first + 1) % QUEUE_MAX;
        s->up_len--;
        server_take(s, &up);
    } else if (server_due(s) <= s->now_us) {
        server_step(s);
    } else {
        client_step(s);
    }
    server_turn(s);
    s->done = s->ended || s->refused;
}

static void sim_begin(struct sim *s, uint64_t seconds)
{
    static const uint32_t rates[] = {8000, 16000};
    static const char *const tags[GROUP] = {"a", "b", "c", "d"};
    rng_init(&s->rng, s->seed ^ (0x9e3779b97f4a7c15u * (s->index + 1)));
    s->now_us = s->began_us = rng_range(&s->rng, 1000, 2000000);
    snprintf(s->tag, sizeof s->tag, "%s", tags[s->index % GROUP]);
    s->provider.rate = rates[rng_below(&s->rng, 2)];
    s->length = seconds * s->provider.rate * 2;
    server_init(s);
    client_init(s);
}

static void sim_end(struct sim *s)
{
    s->totals->refused += s->refused;
    if (!s->refused)
        check_whole(s);
    s->totals->sessions++;
    s->totals->virtual_s += (uint64_t)(s->now_us - s->began_us) / 1000000;
    server_deinit(s);
    client_deinit(s);
    mem_free(s);
}

/* Sessions side by side: the one whose next thing comes first has its turn. */
static void group_run(struct sim **sims, size_t len)
{
    for (;;) {
        struct sim *next = NULL;
        size_t at = 0;
        for (size_t i = 0; i < len; i++)
            if (sims[i] != NULL && (next == NULL || sim_next(sims[i]) < sim_next(next)))
                next = sims[at = i];
        if (next == NULL)
            return;
        sim_step(next);
        if (!next->done)
            continue;
        sim_end(next);
        sims[at] = NULL;
    }
}

static uint64_t setting(int argc, char **argv, int index, const char *name, uint64_t otherwise)
{
    const char *text = argc > index ? argv[index] : getenv(name);
    return text != NULL && text[0] != '\0' ? strtoull(text, NULL, 10) : otherwise;
}

int main(int argc, char **argv)
{
    uint64_t seed = setting(argc, argv, 1, "SEED", rng_seed());
    uint64_t sessions = setting(argc, argv, 2, "SESSIONS", 300);
    uint64_t minutes = setting(argc, argv, 3, "VIRTUAL_MINUTES", 1);
    uint64_t only = setting(0, argv, 4, "SESSION", UINT64_MAX);
    const char *scale = getenv("SOTTO_SIM_SCALE");
    struct totals totals = {0};
    sim_trace = getenv("TRACE") != NULL;
    if (scale != NULL && strtod(scale, NULL) > 0)
        sessions = (uint64_t)((double)sessions * strtod(scale, NULL)) + 1;
    printf("SEED=%" PRIu64 " SESSIONS=%" PRIu64 " VIRTUAL_MINUTES=%" PRIu64 "\n", seed, sessions,
           minutes);
    fflush(stdout);
    for (uint64_t i = 0; i < sessions; i += GROUP) {
        struct sim *sims[GROUP] = {NULL};
        for (uint64_t k = i; k < i + GROUP && k < sessions; k++) {
            if (only != UINT64_MAX && only != k)
                continue;
            struct sim *s = sims[k - i] = mem_calloc(1, sizeof *s);
            s->seed = seed;
            s->index = (unsigned)k;
            s->totals = &totals;
            sim_begin(s, minutes * 60);
        }
        group_run(sims, GROUP);
    }
    printf("%" PRIu64 " sessions, %" PRIu64 " virtual minutes, %" PRIu64 " words, %" PRIu64
           " finals; %" PRIu64 " cuts, %" PRIu64 " restarts, %" PRIu64 " replayed, %" PRIu64
           " replaced, %" PRIu64 " lost before they were stored, %" PRIu64 " refused\n",
           totals.sessions, totals.virtual_s / 60, totals.words, totals.finals, totals.cuts,
           totals.restarts, totals.replayed, totals.replaced, totals.lost_rows, totals.refused);
    /* A run that met none of these has tested nothing. */
    bool met = totals.cuts > 0 && totals.restarts > 0 && totals.replayed > 0 &&
               totals.replaced > 0 && totals.lost_rows > 0;
    return only != UINT64_MAX || sessions < 100 || met ? 0 : 1;
}
