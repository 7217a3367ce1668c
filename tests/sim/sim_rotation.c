/*
 * Sessions whose calls end all the time, by our limits, the provider's, lost connections, inside
 * words too. A call hears a word rightly only when it hears all of it. What is shown must be the
 * script, word for word; and where the provider tells times, each word stands where it was spoken.
 *
 * SEED, SESSIONS, VIRTUAL_MINUTES; SESSION runs one of them, TRACE tells its story; SCENARIO names
 * one of the table below; TELL is the number of failures told at length. SOTTO_SIM_SCALE multiplies
 * the sessions.
 */
#include "stt/stream_internal.h"
#include "tests/sim/rotation.h"
#include "tests/sim/stream_wire.h"
#include <inttypes.h>
#include <setjmp.h>

#define RATE SIM_RATE
/* Of two hours in which nobody speaks: what may be sent of them, and asked of the allocator. */
#define QUIET_BILLED_MS   20000
#define QUIET_ALLOCATIONS 100
/* How far a time may be off that no provider told: of a segment that ended before a final did. */
#define GUESS_MS 1000
/* A long segment ends with the next word that is committed. */
#define SEGMENT_SLACK_MS 8000
/* Silence that may end a call. */
#define BREAK_MS     2000 /* from the client */
#define PAUSE_MS     3500 /* in what is spoken */
#define SPREAD_LEAST 40   /* sessions that say something about how rotations are spread */

struct scenario {
    const char *name;
    unsigned budget; /* words in 100,000 that may be wrong; 0: none, nor a time */
    bool rotates;    /* limits of our own come soon */
    bool cuts;       /* the provider ends calls */
    bool loses;      /* connections break, and swallow what was sent last */
    bool withheld;   /* a final a minute */
    bool talks_on;   /* without a pause */
    bool steady;     /* the server's defaults, nothing goes wrong */
    bool late;       /* finals of calls that are over take up to ten seconds */
    bool stalls;     /* the client's network stands still for long, inside words too */
    bool rough; /* all of it, with late closes, full queues, flushes, and a client that mutes */
    bool quiet; /* speech, two hours of silence, speech */
};

static const struct scenario scenarios[] = {
    {.name = "steady", .steady = true},
    {.name = "rotate", .rotates = true},
    {.name = "monologue", .budget = 3, .rotates = true, .talks_on = true},
    {.name = "cut", .cuts = true},
    {.name = "lost", .loses = true},
    {.name = "withheld", .budget = 6, .withheld = true},
    {.name = "late", .rotates = true, .late = true},
    {.name = "stall", .stalls = true},
    {.name = "rough", .budget = 12, .rotates = true, .cuts = true, .loses = true, .rough = true},
    {.name = "quiet", .quiet = true},
};
#define SCENARIOS (sizeof scenarios / sizeof scenarios[0])

struct session {
    uint64_t seed;
    unsigned index;
    const struct scenario *scenario;
    struct rng rng;
    struct sim_provider provider;
    struct script script;
    struct heard heard;
    struct stt_stream *stream;
    struct stt_stream_config config;
    int64_t now_us, frame_us;
    uint64_t spoken, taken;      /* samples: by the clock, by the stream */
    unsigned frame_ms, audio_ms; /* of the next frame */
    int flush_percent, mute_percent;
    bool ended;
    uint32_t segment, rev;
    char committed[SIM_TEXT_MAX]; /* of the open segment */
    int64_t end_ms, final_most_ms;
    uint64_t settled, partials, calls;
    uint64_t breaks;    /* flushes, and audio that did not come for long */
    int64_t rotated_us; /* when its second call was opened */
    uint64_t quiet_from, quiet_to, billed, allocations;
    uint64_t billed_from, allocations_from; /* when it has become quiet */
    jmp_buf broken;
    char why[256];
};

static bool trace;

/* A rule is broken: the session ends here. */
#define HOLD(s, expr)                                                                              \
    do {                                                                                           \
        if (!(expr))                                                                               \
            session_break(s, #expr, __FILE__, __LINE__);                                           \
    } while (0)

#define TRACE(s, format, ...)                                                                      \
    do {                                                                                           \
        if (trace)                                                                                 \
            fprintf(stderr, "%.3f " format "\n", (double)(s)->now_us / 1e6, __VA_ARGS__);          \
    } while (0)

static void session_break(void *ctx, const char *what, const char *file, int line)
{
    struct session *s = ctx;
    snprintf(s->why, sizeof s->why, "%s:%d: %s at %.3f s", strrchr(file, '/') + 1, line, what,
             (double)s->now_us / 1e6);
    longjmp(s->broken, 1);
}

/* Operations of the stream. */

static int op_open(void *ctx, uint32_t id, char *config, size_t len)
{
    struct session *s = ctx;
    mem_free(config);
    HOLD(s, len > 0);
    if (++s->calls == 2)
        s->rotated_us = s->now_us;
    return wire_open(&s->provider, id);
}

static int op_send(void *ctx, uint32_t id, struct stt_block *block)
{
    struct session *s = ctx;
    const struct sim_call *call = sim_find(&s->provider, id);
    int status = wire_send(&s->provider, id, block);
    uint64_t pace =
        STT_PACE_BURST_MS + STT_PACE_SPEED * (uint64_t)(s->now_us - call->opened_us) / 1000;
    HOLD(s, call->audio <= (pace + 1) * RATE / 1000);
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
    return wire_cancel(&s->provider, id);
}

static void check_final(struct session *s, const struct stt_transcript *t)
{
    HOLD(s, t->tentative[0] == '\0' && t->committed[0] != '\0');
    heard_final(&s->heard, t, s->provider.told);
    int64_t length_ms = t->end_ms - t->start_ms;
    s->final_most_ms = length_ms > s->final_most_ms ? length_ms : s->final_most_ms;
    HOLD(s, s->final_most_ms <= STT_SEGMENT_OVER_MS + SEGMENT_SLACK_MS);
    s->segment++;
    s->rev = 0;
    s->committed[0] = '\0';
    s->end_ms = t->end_ms;
}

static void op_transcript(void *ctx, const struct stt_transcript *t)
{
    struct session *s = ctx;
    size_t before = strlen(s->committed);
    TRACE(s, "%s segment %u rev %u [%lld, %lld] %zu words%s \"%s\" + \"%s\"",
          t->final ? "final" : "partial", t->segment, t->rev, (long long)t->start_ms,
          (long long)t->end_ms, t->words_len, t->spliced ? " spliced" : "", t->committed,
          t->tentative);
    HOLD(s, t->segment == s->segment && t->rev == s->rev + 1);
    HOLD(s, t->start_ms >= s->end_ms && t->end_ms >= t->start_ms);
    HOLD(s, (uint64_t)t->end_ms * RATE / 1000 <= stt_stream_received(s->stream));
    HOLD(s, t->final || !t->spliced);
    s->rev = t->rev;
    if (t->final) {
        check_final(s, t);
        return;
    }
    HOLD(s, strncmp(t->committed, s->committed, before) == 0);
    HOLD(s, strlen(t->committed) < sizeof s->committed);
    strcpy(s->committed, t->committed);
    s->partials++;
}

static void op_settled(void *ctx, uint64_t samples)
{
    struct session *s = ctx;
    HOLD(s, samples > s->settled && samples <= stt_stream_received(s->stream));
    TRACE(s, "settled %.3f", (double)samples / RATE);
    s->settled = samples;
}

static void op_health(void *ctx, enum stt_health health, int grpc_status, const char *details,
                      uint32_t retry_after_ms)
{
    struct session *s = ctx;
    HOLD(s, details != NULL && health != STT_HEALTH_REFUSED);
}

static void on_give(void *ctx, struct stt_event *event)
{
    struct session *s = ctx;
    stt_stream_event(s->stream, event, s->now_us);
}

/* The client. */

static bool between_words(const struct session *s, uint64_t position)
{
    size_t next = script_find(s->script.words, s->script.len, position);
    return next == s->script.len || s->script.words[next].start >= position;
}

static void session_give(struct session *s)
{
    while (s->taken < s->spoken) {
        size_t room = stt_stream_room(s->stream) / 2;
        uint64_t n = s->spoken - s->taken;
        n = n < room ? n : room;
        n = n < 8000 ? n : 8000;
        if (n == 0)
            return;
        const void *audio = wire_audio(&s->provider, s->taken * 2, n * 2);
        HOLD(s, stt_stream_audio(s->stream, audio, n * 2, s->now_us) == STATUS_OK);
        s->taken += n;
    }
}

static void session_frame(struct session *s)
{
    uint64_t n = (uint64_t)s->audio_ms * RATE / 1000;
    int64_t wait_ms = s->frame_ms;
    /* The network pauses, then all comes at once. */
    if (rng_below(&s->rng, 1000) == 0)
        wait_ms *= s->scenario->stalls ? rng_range(&s->rng, 2, 15000 / s->frame_ms) : 20;
    s->breaks += wait_ms >= BREAK_MS;
    s->audio_ms = (unsigned)wait_ms;
    s->spoken = s->spoken + n < s->script.samples ? s->spoken + n : s->script.samples;
    s->frame_us = s->now_us + wait_ms * 1000 + rng_range(&s->rng, -10000, 10000);
    session_give(s);
    if (between_words(s, s->taken)) {
        if (rng_below(&s->rng, 1000) < (uint64_t)s->flush_percent) {
            s->breaks++;
            stt_stream_flush(s->stream, s->now_us);
        }
        if (rng_below(&s->rng, 1000) < (uint64_t)s->mute_percent) {
            s->breaks++;
            s->frame_us += rng_range(&s->rng, 1000, 25000) * 1000;
        }
    }
    if (s->spoken == s->script.samples)
        s->provider.calm = true;
}

/* While nobody speaks for long, nothing may grow. */
static void quiet_check(struct session *s)
{
    const struct stt_stream *stream = s->stream;
    uint64_t settled_in = s->quiet_from + 30 * RATE;
    if (s->taken < settled_in || s->taken > s->quiet_to)
        return;
    s->allocations = mem_allocations();
    s->billed = stt_stream_billed_ms(stream);
    if (s->allocations_from == 0) {
        s->allocations_from = s->allocations;
        s->billed_from = s->billed;
    }
    HOLD(s, stream->ring.cap <= 256 && stream->marks.frames.cap <= 1024 &&
                stream->marks.blocks.cap <= 256);
    HOLD(s, stream->legs_len <= 2 && stt_segment_empty(&stream->segment));
    HOLD(s, stream->received - stream->settled <= 10 * RATE);
}

static void session_check(struct session *s)
{
    uint64_t received = stt_stream_received(s->stream);
    HOLD(s, received == s->taken && stt_stream_settled(s->stream) == s->settled);
    HOLD(s, received - s->settled <= (uint64_t)s->config.ring_ms * RATE / 1000);
    if (s->quiet_to > 0)
        quiet_check(s);
}

/* The next moment at which something happens. */
static int64_t session_next(const struct session *s, int64_t due)
{
    if (s->spoken < s->script.samples && s->frame_us < due)
        due = s->frame_us;
    if (s->provider.heap_len > 0 && s->provider.heap[0].at_us < due)
        due = s->provider.heap[0].at_us;
    return due;
}

/* Runs to the end: the script is spoken, then everything owed comes within two minutes. */
static void session_loop(struct session *s)
{
    int64_t due = 0, deadline = INT64_MAX;
    while (stt_stream_settled(s->stream) < s->script.samples) {
        int64_t at = session_next(s, due);
        HOLD(s, at != INT64_MAX);
        s->now_us = at > s->now_us ? at : s->now_us;
        s->provider.now_us = s->now_us;
        s->provider.shown = s->stream->legs[0].call;
        if (s->provider.heap_len > 0 && s->provider.heap[0].at_us <= s->now_us)
            wire_step(&s->provider);
        else if (s->spoken < s->script.samples && s->frame_us <= s->now_us)
            session_frame(s);
        session_give(s);
        if (s->taken == s->script.samples && !s->ended) {
            stt_stream_end(s->stream, s->now_us);
            s->ended = true;
        }
        due = stt_stream_tick(s->stream, s->now_us);
        session_give(s);
        HOLD(s, due > s->now_us);
        session_check(s);
        if (s->provider.calm && deadline == INT64_MAX)
            deadline = s->now_us + 120 * 1000000 +
                       (int64_t)(s->script.samples - s->settled) * 1000000 / RATE;
        HOLD(s, s->now_us < deadline);
    }
    HOLD(s, s->ended && !stt_stream_segment_open(s->stream));
}

/* How the session is set up. */

static void session_manner(struct session *s)
{
    const struct scenario *c = s->scenario;
    struct sim_manner *m = &s->provider.manner;
    struct rng *r = &s->rng;
    *m = (struct sim_manner){
        .truthful = true,
        .whole = true,
        .revise = s->config.agreement == 1 ? 0 : (int)rng_below(r, 40),
        .shrink = (int)rng_below(r, 20),
        .split = rng_below(r, 2) ? (int)rng_below(r, 6) : 0,
        .late_final = c->late ? 60 : (int)rng_below(r, 50),
        .late_most_ms = c->late ? 10000 : 4000,
        .pause = (int)rng_range(r, 300, c->steady ? 800 : 1500),
        .stable = (int)rng_below(r, 50),
        .times = rng_below(r, 2),
        .exact = rng_below(r, 2),
        .grain_ms = (int[]){0, 0, 10, 100}[rng_below(r, 4)],
        .plain = (int[]){0, 50, 100}[rng_below(r, 3)],
        .idle_ms = rng_below(r, 2) ? 10000 : 5500,
        .final_every_ms = c->withheld ? 60000 : 0,
    };
    if (c->cuts) {
        m->cut_low_ms = 20000;
        m->cut_high_ms = rng_below(r, 2) ? 300000 : 60000;
    }
    if (c->loses) {
        m->hole_ms = (int)rng_range(r, 20000, 200000);
        m->hole_long_ms = (int[]){0, 2000, 9000}[rng_below(r, 3)];
    }
    if (c->rough) {
        m->slow_sent = (int)rng_below(r, 10);
        m->lose_close = (int)rng_below(r, 30);
        m->lose_final = (int)rng_below(r, 15);
        m->full = (int)rng_below(r, 20);
        m->open_fail = (int)rng_below(r, 20);
    }
}

static void session_configure(struct session *s)
{
    struct rng *r = &s->rng;
    bool steady = s->scenario->steady || s->scenario->quiet;
    s->config = (struct stt_stream_config){
        .rate = RATE,
        .language = "en-US",
        .partials = steady || rng_below(r, 8) != 0,
        .agreement = steady ? 2 : (unsigned)rng_range(r, 1, 3),
        .block_ms = steady || rng_below(r, 2) ? 100 : (uint32_t)rng_range(r, 2, 20) * 20,
        .idle_close_ms = steady ? 8000 : (uint32_t)rng_range(r, 2000, 9000),
        .silence_close_ms = steady || rng_below(r, 4) ? 4000 : 0,
        .ring_ms = steady || rng_below(r, 2) ? 30000 : (uint32_t)rng_range(r, 15000, 40000),
        .stream_soft_ms = 240000,
        .stream_hard_ms = 290000,
        .seed = rng_next(r),
    };
    if (s->scenario->rotates) {
        s->config.stream_soft_ms = (uint32_t)rng_range(r, 10000, 60000);
        s->config.stream_hard_ms = s->config.stream_soft_ms + (uint32_t)rng_range(r, 3000, 30000);
        /* A call has to outlive what it may have to hear again. */
        if (s->config.stream_hard_ms < s->config.ring_ms)
            s->config.stream_hard_ms = s->config.ring_ms;
    }
    s->frame_ms = (unsigned[]){20, 60, 100, 100, 250}[steady ? 2 : rng_below(r, 5)];
    s->audio_ms = s->frame_ms;
    s->flush_percent = s->scenario->rough && rng_below(r, 2) ? (int)rng_below(r, 10) : 0;
    s->mute_percent = s->scenario->rough && rng_below(r, 3) == 0 ? (int)rng_below(r, 10) : 0;
}

static void session_script(struct session *s, uint64_t minutes)
{
    static const struct script_talk talks[] = {
        {.sentence = 10, .brief = 2, .repeat = 2},
        {.sentence = 6, .brief = 2, .repeat = 2, .monologue = 2, .silence = 1},
        {.brief = 4, .repeat = 4, .silence = 1},
    };
    static const struct script_talk talks_on = {.sentence = 2, .repeat = 4, .monologue = 6};
    struct script *script = &s->script;
    const struct script_talk *talk = &talks[s->scenario->steady ? 0 : rng_below(&s->rng, 3)];
    talk = s->scenario->talks_on ? &talks_on : talk;
    *script = (struct script){.rng = &s->rng, .rate = RATE, .samples = minutes * 60 * RATE};
    script->at = (uint64_t)rng_range(&s->rng, 0, 3 * RATE);
    if (s->scenario->quiet) {
        script->samples = (2 * 60 + 4) * 60 * RATE;
        s->quiet_from = 2 * 60 * RATE;
        s->quiet_to = s->quiet_from + (uint64_t)2 * 3600 * RATE;
        script_fill(script, talk, s->quiet_from);
        script->at = s->quiet_to;
    }
    script_fill(script, talk, script->samples);
    s->heard.script = script;
    s->provider.words = script->words;
    s->provider.words_len = script->len;
}

static void session_init(struct session *s, uint64_t minutes)
{
    struct sim_provider *p = &s->provider;
    s->segment = 1;
    s->now_us = s->frame_us = 1000000;
    rng_init(&s->rng, s->seed ^ (0x9e3779b97f4a7c15u * (s->index + 1)));
    p->rng = &s->rng;
    p->rate = RATE;
    p->tag = "";
    p->now_us = s->now_us;
    p->trace = trace;
    p->give = on_give;
    p->fail = session_break;
    p->ctx = s;
    session_configure(s);
    session_manner(s);
    p->room = (unsigned)rng_below(&s->rng, SCRIPT_ROOMS);
    session_script(s, minutes);
    if (p->manner.hole_ms > 0)
        sim_push(p, (struct sim_event){.at_us = s->now_us + sim_us(p, 5000, p->manner.hole_ms),
                                       .kind = SIM_HOLE});
}

/* What happened is added up; what went wrong is told. */
static void session_count(const struct session *s, struct totals *t)
{
    const struct heard *h = &s->heard;
    t->sessions++;
    t->broken += s->why[0] != '\0';
    t->words += s->script.len;
    t->lost += h->lost;
    t->added += h->added;
    t->wrong += h->wrong;
    t->timed += h->timed;
    t->off += h->off;
    t->off_most_ms = h->off_most_ms > t->off_most_ms ? h->off_most_ms : t->off_most_ms;
    t->guess_most_ms = h->guess_most_ms > t->guess_most_ms ? h->guess_most_ms : t->guess_most_ms;
    t->final_most_ms = s->final_most_ms > t->final_most_ms ? s->final_most_ms : t->final_most_ms;
    t->finals += h->finals_len;
    t->partials += s->partials;
    t->calls += s->calls;
    t->ends += s->provider.ends;
    t->resets += s->provider.resets;
    t->spoken_ms += s->taken * 1000 / RATE;
    t->billed_ms += stt_stream_billed_ms(s->stream);
}

static bool session_failed(const struct session *s)
{
    const struct heard *h = &s->heard;
    return s->why[0] != '\0' || h->lost + h->added + h->wrong + h->off > 0;
}

static void session_tell(const struct session *s, uint64_t minutes)
{
    const struct heard *h = &s->heard;
    const struct sim_manner *m = &s->provider.manner;
    printf("FAIL %s: %" PRIu64 " lost %" PRIu64 " added %" PRIu64 " wrong of %" PRIu64
           " words, %" PRIu64 " times off by up to %" PRId64 " ms%s%s%s%s; %s\n"
           "     times %d exact %d grain %d pause %d split %d ring %u soft %u hard %u silence %u "
           "agreement %u\n"
           "     SEED=%" PRIu64 " SESSION=%u VIRTUAL_MINUTES=%" PRIu64
           " TRACE=1 build/bin/sim_rotation\n",
           s->scenario->name, h->lost, h->added, h->wrong, s->script.len, h->off, h->off_most_ms,
           s->why[0] != '\0' ? "; " : "", s->why, h->first[0] != '\0' ? "; " : "", h->first,
           s->why[0] != '\0' ? "broken" : "ran to its end", m->times, m->exact, m->grain_ms,
           m->pause, m->split, s->config.ring_ms, s->config.stream_soft_ms,
           s->config.stream_hard_ms, s->config.silence_close_ms, s->config.agreement, s->seed,
           s->index, minutes);
}

static uint64_t pauses(const struct script *script)
{
    uint64_t n = 0;
    for (size_t i = 1; i < script->len; i++)
        n += script->words[i].start - script->words[i - 1].end >= (uint64_t)PAUSE_MS * RATE / 1000;
    return n;
}

/* Calls follow each other for a reason, and hear little twice. */
static void cost_check(struct session *s)
{
    uint64_t spoken_ms = s->taken * 1000 / RATE, ends = s->provider.ends;
    /* A call is replaced for its age, and before the audio without a final fills the ring. */
    uint64_t age_ms = s->config.stream_soft_ms * 9 / 10, full_ms = s->config.ring_ms * 3 / 4 - 5000;
    uint64_t rotations = spoken_ms / (s->scenario->steady || age_ms < full_ms ? age_ms : full_ms);
    uint64_t most = 3 + 2 * (ends + rotations) + s->breaks + pauses(&s->script);
    /* What one hears again is no more than what is kept for it. */
    uint64_t again_ms = (uint64_t)s->config.ring_ms * STT_RING_KEEP_PERCENT / 100;
    uint64_t most_ms = spoken_ms + (most - ends) * again_ms + ends * s->config.ring_ms;
    TRACE(s, "calls %" PRIu64 " of %" PRIu64 ", billed %" PRIu64 " of %" PRIu64 " ms", s->calls,
          most, stt_stream_billed_ms(s->stream), most_ms);
    /* A call that cannot catch up is given up and tried again. */
    HOLD(s, s->calls <= (s->scenario->rough ? 2 * most : most));
    HOLD(s, stt_stream_billed_ms(s->stream) <= most_ms);
}

/* Two hours of silence cost next to nothing. */
static void quiet_end(struct session *s)
{
    uint64_t billed_ms = s->billed - s->billed_from;
    uint64_t allocations = s->allocations - s->allocations_from;
    TRACE(s, "silence: %" PRIu64 " ms billed, %" PRIu64 " allocations", billed_ms, allocations);
    HOLD(s, billed_ms <= QUIET_BILLED_MS);
#ifndef SOTTO_SANITIZED
    /* There every block of audio is asked of the allocator. */
    HOLD(s, allocations <= QUIET_ALLOCATIONS);
#endif
}

static bool session_run(struct session *s, uint64_t minutes, struct totals *totals)
{
    static const struct stt_stream_ops ops = {op_open,       op_send,    op_finish, op_cancel,
                                              op_transcript, op_settled, op_health, NULL};
    session_init(s, minutes);
    const struct sim_manner *m = &s->provider.manner;
    const struct heard_times times = {.words = m->times,
                                      .exact = m->exact,
                                      .within_ms = 50 + m->grain_ms / 2,
                                      .guess_ms = GUESS_MS};
    int status = stt_stream_create(&s->stream, &s->config, &ops, s);
    assert(status == STATUS_OK);
    if (setjmp(s->broken) == 0) {
        session_loop(s);
        heard_end(&s->heard, &times);
        cost_check(s);
        if (s->quiet_to > 0)
            quiet_end(s);
    }
    session_count(s, totals);
    stt_stream_destroy(s->stream);
    heard_deinit(&s->heard);
    sim_provider_deinit(&s->provider);
    return !session_failed(s);
}

static uint64_t setting(int argc, char **argv, int index, const char *name, uint64_t otherwise)
{
    const char *text = argc > index ? argv[index] : getenv(name);
    return text != NULL && text[0] != '\0' ? strtoull(text, NULL, 10) : otherwise;
}

/* Which scenario a session plays; NULL: none now. */
static const struct scenario *scenario_of(uint64_t index)
{
    const char *name = getenv("SCENARIO");
    const struct scenario *scenario = &scenarios[index % SCENARIOS];
    return name == NULL || strcmp(name, scenario->name) == 0 ? scenario : NULL;
}

int main(int argc, char **argv)
{
    uint64_t seed = setting(argc, argv, 1, "SEED", rng_seed());
    uint64_t sessions = setting(argc, argv, 2, "SESSIONS", 400);
    uint64_t minutes = setting(argc, argv, 3, "VIRTUAL_MINUTES", 10);
    uint64_t only = setting(0, argv, 4, "SESSION", UINT64_MAX);
    bool over = false;
    uint64_t tell_most = setting(0, argv, 4, "TELL", 12);
    const char *scale = getenv("SOTTO_SIM_SCALE");
    if (scale != NULL && strtod(scale, NULL) > 0)
        sessions = (uint64_t)((double)sessions * strtod(scale, NULL)) + 1;
    sessions = only != UINT64_MAX ? only + 1 : sessions;
    trace = getenv("TRACE") != NULL;
    struct totals totals[SCENARIOS] = {0};
    int64_t *rotated_us = mem_calloc(sessions, sizeof *rotated_us);
    struct session *s = mem_alloc(sizeof *s);
    size_t rotated = 0, failed = 0;
    printf("seed %" PRIu64 " sessions %" PRIu64 " minutes %" PRIu64 "\n", seed, sessions, minutes);
    fflush(stdout);
    for (uint64_t i = only != UINT64_MAX ? only : 0; i < sessions; i++) {
        const struct scenario *scenario = scenario_of(i);
        if (scenario == NULL)
            continue;
        *s = (struct session){.seed = seed, .index = (unsigned)i, .scenario = scenario};
        if (!session_run(s, minutes, &totals[scenario - scenarios])) {
            totals[scenario - scenarios].failed++;
            if (failed++ < tell_most || s->why[0] != '\0')
                session_tell(s, minutes);
        }
        if (scenario->steady && s->rotated_us > 0)
            rotated_us[rotated++] = s->rotated_us;
        fflush(stdout);
    }
    for (size_t i = 0; i < SCENARIOS; i++) {
        totals_tell(scenarios[i].name, &totals[i]);
        over = totals_fail(&totals[i], scenarios[i].budget) || over;
    }
    if (rotated >= SPREAD_LEAST) {
        unsigned most = spread_most(rotated_us, rotated);
        printf("of %zu sessions %u rotate within the same second at most\n", rotated, most);
        over = over || most > rotated / 5;
    }
    printf("%s", over ? "FAIL\n" : "");
    mem_free(rotated_us);
    mem_free(s);
    return over;
}
