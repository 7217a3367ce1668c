/*
 * Random sessions against stt_stream in virtual time: a client that speaks, pauses, flushes and is
 * pushed back, and a provider (stream_provider.h) with every fault. The invariants of the design
 * are checked at every step: one final a segment, in order, audio never shared; committed only
 * grows; nothing after a final; with a truthful provider no word is lost and none doubled; the ring
 * stays bounded; settled only grows and never passes a word that is owed.
 *
 * SEED, SESSIONS, VIRTUAL_MINUTES (environment or arguments in that order); SESSION runs one of
 * them; SOTTO_SIM_SCALE multiplies the number of sessions.
 */
#include "stt/stream_limits.h"
#include "tests/sim/stream_wire.h"
#include <ctype.h>
#include <inttypes.h>

struct totals {
    uint64_t sessions, words, finals, partials, spliced, flushes, refused, degraded, calls, cancels,
        pushed_back, faults[17], drains_lost, partial_finals;
    uint64_t settle_calls;
};

struct session {
    uint64_t seed;
    unsigned index;
    struct rng rng;
    struct sim_provider provider;
    struct stt_stream *stream;
    struct stt_stream_config config;
    uint64_t length; /* samples of the script */
    /* Client. */
    int64_t now_us, frame_us;
    uint64_t spoken, taken; /* samples: by the clock, by the stream */
    unsigned frame_ms;
    int flush_percent, mute_percent;
    bool ended;
    /* What was shown. */
    uint32_t segment, rev;
    char committed[SIM_TEXT_MAX]; /* of the open segment, folded */
    int64_t end_ms;
    size_t next_word;
    uint64_t settled, flushed;
    bool degraded, refused;
    bool blank; /* nothing is shown of the open segment */
    struct totals *totals;
};

#define HOLD(s, expr)                                                                              \
    do {                                                                                           \
        if (!(expr))                                                                               \
            session_failed(s, #expr, __LINE__);                                                    \
    } while (0)

/* With TRACE in the environment a session tells its story. */
#define TRACE(s, format, ...)                                                                      \
    do {                                                                                           \
        if (trace)                                                                                 \
            fprintf(stderr, "%.3f " format "\n", (double)(s)->now_us / 1e6, __VA_ARGS__);          \
    } while (0)
static bool trace;

static void session_failed(const struct session *s, const char *what, int line)
{
    fprintf(stderr,
            "FAIL line %d: %s\n  seed %" PRIu64 " session %u at %.3f s: segment %u rev %u next word"
            " %zu settled %" PRIu64 " received %" PRIu64 " committed \"%.2000s\"\n",
            line, what, s->seed, s->index, (double)s->now_us / 1e6, s->segment, s->rev,
            s->next_word, s->settled, stt_stream_received(s->stream), s->committed);
    exit(1);
}

/* Operations of the stream. */

static int op_open(void *ctx, uint32_t id, char *config, size_t len)
{
    struct session *s = ctx;
    const struct sim_provider *p = &s->provider;
    unsigned alive = 0;
    mem_free(config);
    HOLD(s, len > 0);
    s->totals->calls++;
    for (size_t i = 0; i < SIM_CALLS_MAX; i++)
        alive += p->calls[i].id != 0 && !p->calls[i].dead;
    HOLD(s, alive < STT_CALLS_MAX + 2); /* a closed call is known to the stream a little later */
    return wire_open(&s->provider, id);
}

static int op_send(void *ctx, uint32_t id, struct stt_block *block)
{
    struct session *s = ctx;
    uint64_t first = block->first_sample;
    HOLD(s, first >= s->settled || first + block->bytes / 2 > s->settled);
    int status = wire_send(&s->provider, id, block);
    const struct sim_call *call = sim_find(&s->provider, id);
    uint64_t pace =
        STT_PACE_BURST_MS + STT_PACE_SPEED * (uint64_t)(s->now_us - call->opened_us) / 1000;
    HOLD(s, call->audio <= (pace + 1) * SIM_MS);
    return status;
}

static int op_finish(void *ctx, uint32_t id)
{
    struct session *s = ctx;
    return wire_finish(&s->provider, id);
}

static int op_cancel(void *ctx, uint32_t id)
{
    struct session *s = ctx;
    s->totals->cancels++;
    return wire_cancel(&s->provider, id);
}

/* Lower case, without punctuation. */
static void text_fold(char *out, const char *text)
{
    for (; *text != '\0'; text++)
        if (*text == ' ' || isalnum((unsigned char)*text))
            *out++ = (char)tolower((unsigned char)*text);
    *out = '\0';
}

static bool text_tidy(const char *text)
{
    size_t len = strlen(text);
    return strstr(text, "  ") == NULL && (len == 0 || text[len - 1] != ' ');
}

/* The script's words come back one by one, whoever heard them. */
static void check_words(struct session *s, char *text)
{
    char *save = NULL;
    for (char *word = strtok_r(text, " ", &save); word != NULL; word = strtok_r(NULL, " ", &save)) {
        char want[32];
        snprintf(want, sizeof(want), "w%zu", s->next_word);
        if (strcmp(word, want) != 0)
            fprintf(stderr, "  heard %s, expected %s\n", word, want);
        HOLD(s, strcmp(word, want) == 0);
        s->next_word++;
    }
}

static void check_lat(struct session *s, const struct lat *lat)
{
    int64_t sum = 0;
    for (int i = 0; i < LAT_PARTS; i++)
        sum += lat->part_us[i];
    HOLD(s, lat->start_us > 0 && lat->last_us == s->now_us && sum == lat->last_us - lat->start_us);
}

static void op_transcript(void *ctx, const struct stt_transcript *t)
{
    struct session *s = ctx;
    char folded[SIM_TEXT_MAX];
    text_fold(folded, t->committed);
    TRACE(s, "%s segment %u rev %u [%lld, %lld] \"%s\" + \"%s\"", t->final ? "final" : "partial",
          t->segment, t->rev, (long long)t->start_ms, (long long)t->end_ms, t->committed,
          t->tentative);
    size_t before = strlen(s->committed);
    HOLD(s, t->segment == s->segment);
    HOLD(s, t->rev == s->rev + 1);
    HOLD(s, strncmp(folded, s->committed, before) == 0);
    HOLD(s, before == 0 || folded[before] == ' ' || folded[before] == '\0');
    HOLD(s, t->start_ms >= s->end_ms && t->end_ms >= t->start_ms);
    HOLD(s, (uint64_t)t->end_ms * SIM_MS <= stt_stream_received(s->stream));
    HOLD(s, text_tidy(t->committed) && text_tidy(t->tentative));
    HOLD(s, t->committed[0] != ' ');
    if (t->tentative[0] != '\0')
        HOLD(s, (t->tentative[0] == ' ') == (t->committed[0] != '\0'));
    HOLD(s, strcmp(t->language, "en-US") == 0);
    HOLD(s, t->final || !t->spliced);
    check_lat(s, &t->lat);
    s->rev = t->rev;
    s->blank = t->committed[0] == '\0' && t->tentative[0] == '\0';
    memcpy(s->committed, folded, strlen(folded) + 1);
    s->totals->partials += !t->final;
    if (!t->final)
        return;
    HOLD(s, t->tentative[0] == '\0' && t->committed[0] != '\0');
    s->totals->finals++;
    s->totals->spliced += t->spliced;
    if (s->provider.manner.truthful && !s->provider.manner.refuses)
        check_words(s, folded);
    s->segment++;
    s->rev = 0;
    s->committed[0] = '\0';
    s->end_ms = t->end_ms;
}

static void op_settled(void *ctx, uint64_t samples)
{
    struct session *s = ctx;
    HOLD(s, samples > s->settled && samples <= stt_stream_received(s->stream));
    TRACE(s, "settled %.3f", (double)samples / SIM_RATE);
    s->settled = samples;
    s->totals->settle_calls++;
    /* Nothing is owed before it. A refused session owes nothing. */
    if (s->provider.manner.truthful && !s->provider.manner.refuses &&
        s->next_word < s->provider.words_len)
        HOLD(s, s->provider.words[s->next_word].middle >= samples);
}

static void op_health(void *ctx, enum stt_health health, int grpc_status, const char *details,
                      uint32_t retry_after_ms)
{
    struct session *s = ctx;
    HOLD(s, details != NULL && !s->refused);
    switch (health) {
    case STT_HEALTH_OK: HOLD(s, s->degraded); break;
    case STT_HEALTH_DEGRADED: HOLD(s, !s->degraded && retry_after_ms > 0); break;
    case STT_HEALTH_REFUSED: HOLD(s, s->provider.manner.refuses); break;
    }
    s->degraded = health == STT_HEALTH_DEGRADED;
    s->refused = health == STT_HEALTH_REFUSED;
    s->totals->degraded += s->degraded;
    s->totals->refused += s->refused;
}

static void on_give(void *ctx, struct stt_event *event)
{
    struct session *s = ctx;
    stt_stream_event(s->stream, event, s->now_us);
}

static void on_fail(void *ctx, const char *what, const char *file, int line)
{
    fprintf(stderr, "%s:", file);
    session_failed(ctx, what, line);
}

/* The client. */

static void session_give(struct session *s)
{
    while (s->taken < s->spoken) {
        size_t room = stt_stream_room(s->stream) / 2;
        uint64_t n = s->spoken - s->taken;
        n = n < room ? n : room;
        n = n < 8000 ? n : 8000;
        if (n == 0) {
            s->totals->pushed_back++;
            return;
        }
        const void *audio = wire_audio(&s->provider, s->taken * 2, n * 2);
        int status = stt_stream_audio(s->stream, audio, n * 2, s->now_us);
        HOLD(s, status == STATUS_OK);
        s->taken += n;
    }
}

static void session_frame(struct session *s)
{
    struct sim_provider *p = &s->provider;
    uint64_t n = (uint64_t)s->frame_ms * SIM_MS;
    int64_t wait_ms = s->frame_ms;
    if (rng_below(&s->rng, 1000) == 0)
        n *= 20; /* a burst after a network pause */
    if (rng_below(&s->rng, 1000) < (uint64_t)s->mute_percent)
        wait_ms += rng_range(&s->rng, 1000, 25000);
    wire_outage(p);
    s->spoken = s->spoken + n < s->length ? s->spoken + n : s->length;
    s->frame_us = s->now_us + wait_ms * 1000 + rng_range(&s->rng, -10000, 10000);
    session_give(s);
    if (rng_below(&s->rng, 1000) < (uint64_t)s->flush_percent) {
        s->totals->flushes++;
        s->flushed = stt_stream_received(s->stream);
        stt_stream_flush(s->stream, s->now_us);
    }
    if (s->spoken == s->length)
        p->calm = true;
}

static void session_check(struct session *s)
{
    uint64_t received = stt_stream_received(s->stream);
    HOLD(s, received == s->taken);
    HOLD(s, stt_stream_settled(s->stream) == s->settled);
    HOLD(s, received - s->settled <= (uint64_t)s->config.ring_ms * SIM_MS);
    HOLD(s, stt_stream_segment(s->stream) == s->segment);
    if (stt_stream_segment_open(s->stream) && s->config.partials)
        HOLD(s, s->rev > 0);
}

/* Runs to the end: the script is spoken, then everything owed comes within two minutes. */
static void session_loop(struct session *s)
{
    int64_t due = 0, deadline = INT64_MAX;
    while (stt_stream_settled(s->stream) < s->length) {
        int64_t at = due;
        if (s->spoken < s->length && s->frame_us < at)
            at = s->frame_us;
        if (s->provider.heap_len > 0 && s->provider.heap[0].at_us < at)
            at = s->provider.heap[0].at_us;
        HOLD(s, at != INT64_MAX);
        s->now_us = at > s->now_us ? at : s->now_us;
        s->provider.now_us = s->now_us;
        if (s->provider.heap_len > 0 && s->provider.heap[0].at_us <= s->now_us)
            wire_step(&s->provider);
        else if (s->spoken < s->length && s->frame_us <= s->now_us)
            session_frame(s);
        session_give(s);
        if (s->taken == s->length && !s->ended) {
            stt_stream_end(s->stream, s->now_us);
            s->ended = true;
        }
        due = stt_stream_tick(s->stream, s->now_us);
        HOLD(s, due > s->now_us);
        session_check(s);
        if (s->provider.calm && deadline == INT64_MAX)
            deadline =
                s->now_us + 120 * 1000000 +
                (int64_t)(s->length - s->settled) * 1000 / SIM_MS; /* what outages left behind */
        HOLD(s, s->now_us < deadline);
    }
    HOLD(s, s->ended && !stt_stream_segment_open(s->stream));
    /* What is shown without a final at the end was taken back. */
    HOLD(s, s->rev == 0 || s->blank);
    if (s->provider.manner.truthful && !s->provider.manner.refuses)
        HOLD(s, s->next_word == s->provider.words_len);
}

static void session_manner(struct session *s)
{
    struct rng *r = &s->rng;
    static const unsigned frames[] = {20, 60, 100, 100, 250};
    wire_manner(&s->provider);
    /* Where one hearing commits, a wrong word stays. */
    if (s->config.agreement == 1 && s->provider.manner.truthful)
        s->provider.manner.revise = 0;
    s->frame_ms = frames[rng_below(r, 5)];
    s->flush_percent = rng_below(r, 3) == 0 ? (int)rng_below(r, 20) : 0;
    s->mute_percent = rng_below(r, 3) == 0 ? (int)rng_below(r, 10) : 0;
}

static void provider_init(struct session *s)
{
    struct sim_provider *p = &s->provider;
    p->rng = &s->rng;
    p->rate = SIM_RATE;
    p->tag = "";
    p->now_us = s->now_us;
    p->trace = trace;
    p->give = on_give;
    p->fail = on_fail;
    p->ctx = s;
}

static void session_configure(struct session *s)
{
    struct rng *r = &s->rng;
    uint32_t soft = rng_below(r, 2) ? 240000 : (uint32_t)rng_range(r, 5000, 40000);
    s->config = (struct stt_stream_config){
        .rate = SIM_RATE,
        .language = "en-US",
        .partials = rng_below(r, 8) != 0,
        .agreement = (unsigned)rng_range(r, 1, 3),
        .block_ms = (uint32_t)rng_range(r, 2, 20) * 20,
        .idle_close_ms = (uint32_t)rng_range(r, 1500, 9000),
        .silence_close_ms = rng_below(r, 2) ? (uint32_t)rng_range(r, 2500, 9000) : 0,
        .ring_ms = (uint32_t)rng_range(r, 10000, 40000),
        .stream_soft_ms = soft,
        .stream_hard_ms = soft + (uint32_t)rng_range(r, 3000, 50000),
        .seed = rng_next(r),
    };
}

static void session_run(uint64_t seed, unsigned index, uint64_t minutes, struct totals *totals)
{
    static const struct stt_stream_ops ops = {op_open,       op_send,    op_finish, op_cancel,
                                              op_transcript, op_settled, op_health, NULL};
    struct session *s = mem_calloc(1, sizeof(*s));
    s->seed = seed;
    s->index = index;
    s->totals = totals;
    s->segment = 1;
    s->now_us = s->frame_us = 1000000;
    rng_init(&s->rng, seed ^ (0x9e3779b97f4a7c15u * (index + 1)));
    provider_init(s);
    session_configure(s);
    session_manner(s);
    s->length = minutes * 60 * SIM_RATE;
    wire_script(&s->provider, s->length);
    HOLD(s, stt_stream_create(&s->stream, &s->config, &ops, s) == STATUS_OK);
    session_loop(s);
    totals->sessions++;
    totals->words += s->next_word;
    totals->drains_lost += s->provider.drains_lost;
    totals->partial_finals += s->provider.partial_finals;
    for (int i = 0; i < 17; i++)
        totals->faults[i] += s->provider.faults[i];
    stt_stream_destroy(s->stream);
    sim_provider_deinit(&s->provider);
    mem_free(s);
}

static uint64_t setting(int argc, char **argv, int index, const char *name, uint64_t otherwise)
{
    const char *text = argc > index ? argv[index] : getenv(name);
    return text != NULL && text[0] != '\0' ? strtoull(text, NULL, 10) : otherwise;
}

int main(int argc, char **argv)
{
    uint64_t seed = setting(argc, argv, 1, "SEED", rng_seed());
    uint64_t sessions = setting(argc, argv, 2, "SESSIONS", 200);
    uint64_t minutes = setting(argc, argv, 3, "VIRTUAL_MINUTES", 10);
    trace = getenv("TRACE") != NULL;
    uint64_t only = setting(0, argv, 4, "SESSION", UINT64_MAX);
    const char *scale = getenv("SOTTO_SIM_SCALE");
    if (scale != NULL && strtod(scale, NULL) > 0)
        sessions = (uint64_t)((double)sessions * strtod(scale, NULL)) + 1;
    struct totals totals = {0};
    printf("seed %" PRIu64 " sessions %" PRIu64 " minutes %" PRIu64 "\n", seed, sessions, minutes);
    fflush(stdout);
    for (uint64_t i = 0; i < sessions; i++)
        if (only == UINT64_MAX || only == i)
            session_run(seed, (unsigned)i, minutes, &totals);
    printf("sessions %" PRIu64 " words %" PRIu64 " finals %" PRIu64 " partials %" PRIu64
           " spliced %" PRIu64 " flushes %" PRIu64 " calls %" PRIu64 " cancels %" PRIu64
           " lost closes %" PRIu64 " split finals %" PRIu64 " pushed back %" PRIu64
           " degraded %" PRIu64 " refused %" PRIu64 "\nclosed by status:",
           totals.sessions, totals.words, totals.finals, totals.partials, totals.spliced,
           totals.flushes, totals.calls, totals.cancels, totals.drains_lost, totals.partial_finals,
           totals.pushed_back, totals.degraded, totals.refused);
    for (int i = 0; i < 17; i++)
        if (totals.faults[i] > 0)
            printf(" %d:%" PRIu64, i, totals.faults[i]);
    printf("\n");
    return totals.sessions > 0 && totals.words > 0 ? 0 : 1;
}
