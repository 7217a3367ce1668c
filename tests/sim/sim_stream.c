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
#include "stt/limits.h"
#include "stt/stream_limits.h"
#include "tests/sim/stream_provider.h"
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
    struct sim_word *words;
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

static uint16_t audio_table[2 * 65536];

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
    struct sim_provider *p = &s->provider;
    mem_free(config);
    HOLD(s, len > 0);
    if (!p->calm && sim_chance(p, 2))
        return STATUS_FULL;
    struct sim_call *call = sim_find(p, 0);
    HOLD(s, call != NULL);
    *call = (struct sim_call){.id = id, .opened_us = s->now_us};
    call->transport_us = call->out_us = s->now_us;
    TRACE(s, "open call %u", id);
    s->totals->calls++;
    unsigned alive = 0;
    for (size_t i = 0; i < SIM_CALLS_MAX; i++)
        alive += p->calls[i].id != 0 && !p->calls[i].dead;
    HOLD(s, alive <= STT_CALLS_MAX + 2); /* a closed call is known to the stream a little later */
    struct sim_event fault = {.kind = SIM_FAULT, .call = id, .at_us = s->now_us};
    if (p->manner.refuses && s->now_us > 60 * 1000000 && sim_chance(p, 20)) {
        fault.status = sim_chance(p, 50) ? 3 : 7;
        sim_push(p, fault);
    } else if (s->now_us < p->down_until_us || sim_chance(p, p->manner.open_fail)) {
        fault.status = s->now_us < p->down_until_us ? p->down_status : sim_status(p);
        fault.at_us += sim_us(p, 0, 500);
        sim_push(p, fault);
    } else if (p->manner.life_ms > 0) {
        fault.status = sim_status(p);
        fault.at_us += (int64_t)(rng_lognormal(&s->rng, p->manner.life_ms, 1.0) * 1000);
        sim_push(p, fault);
    }
    return STATUS_OK;
}

static int op_send(void *ctx, uint32_t id, struct stt_block *block)
{
    struct session *s = ctx;
    struct sim_provider *p = &s->provider;
    struct sim_call *call = sim_find(p, id);
    HOLD(s, call != NULL);
    if (!p->calm && sim_chance(p, p->manner.full))
        return STATUS_FULL;
    HOLD(s, ++call->unsent <= STT_CALL_BLOCKS_MAX);
    HOLD(s, block->bytes > 0 && block->bytes <= STT_BLOCK_BYTES_MAX);
    uint64_t n = block->bytes / 2, first = block->first_sample;
    HOLD(s, memcmp(block->pcm, &audio_table[first & 0xffff], n < 4 ? n * 2 : 8) == 0);
    HOLD(s, memcmp(block->pcm + 2 * (n - 1), &audio_table[(first + n - 1) & 0xffff], 2) == 0);
    if (!call->begun) {
        call->begun = true;
        call->base = call->given = call->heard_to = call->final_to = first;
        while (call->final_words < p->words_len && p->words[call->final_words].middle < first)
            call->final_words++;
        call->heard_words = call->final_words;
    }
    HOLD(s, first == call->given);
    HOLD(s, first >= s->settled || first + n > s->settled);
    call->given += n;
    call->audio += n;
    uint64_t pace =
        STT_PACE_BURST_MS + STT_PACE_SPEED * (uint64_t)(s->now_us - call->opened_us) / 1000;
    HOLD(s, call->audio <= (pace + 1) * SIM_MS);
    int64_t delay = sim_us(p, 0, 20);
    if (!p->calm && sim_chance(p, p->manner.slow_sent))
        delay = sim_chance(p, 3) ? sim_us(p, 9000, 12000) : sim_us(p, 100, 1500);
    call->transport_us = (call->transport_us > s->now_us ? call->transport_us : s->now_us) + delay;
    sim_push(p, (struct sim_event){.at_us = call->transport_us,
                                   .kind = SIM_BLOCK,
                                   .call = id,
                                   .first = first,
                                   .end = first + n});
    return STATUS_OK;
}

static int op_finish(void *ctx, uint32_t id)
{
    struct session *s = ctx;
    struct sim_call *call = sim_find(&s->provider, id);
    HOLD(s, call != NULL);
    if (!s->provider.calm && sim_chance(&s->provider, s->provider.manner.full))
        return STATUS_FULL;
    TRACE(s, "finish call %u", id);
    call->finishing = true;
    int64_t at = call->transport_us > s->now_us ? call->transport_us : s->now_us;
    sim_push(&s->provider, (struct sim_event){.at_us = at, .kind = SIM_FINISH, .call = id});
    return STATUS_OK;
}

static int op_cancel(void *ctx, uint32_t id)
{
    struct session *s = ctx;
    struct sim_call *call = sim_find(&s->provider, id);
    if (!s->provider.calm && sim_chance(&s->provider, s->provider.manner.full))
        return STATUS_FULL;
    TRACE(s, "cancel call %u", id);
    s->totals->cancels++;
    if (call == NULL || call->dead)
        return STATUS_OK;
    sim_close(&s->provider, call, 1, sim_us(&s->provider, 0, 5));
    return STATUS_OK;
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
        HOLD(s, s->words[s->next_word].middle >= samples);
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

/* The provider's events. */

static void give_event(struct session *s, uint32_t call, enum stt_event_kind kind,
                       struct stt_event event)
{
    event.call = call;
    event.kind = kind;
    event.at_us = s->now_us;
    stt_stream_event(s->stream, &event, s->now_us);
}

static void on_close(struct session *s, struct sim_call *call, int status)
{
    struct sim_provider *p = &s->provider;
    char details[] = "sim";
    if ((status == 1 && p->failures > 0) ||
        (status == 16 && (p->failures > 0 || !p->ever_answered)))
        status = 14;
    /* An unasked-for OK that crosses our half-close would look like a provider with nothing to say.
     */
    if (status == 0 && call->broken && call->finishing)
        status = 14;
    p->failures += status == 1 || status == 16;
    p->faults[status]++;
    TRACE(s, "closed call %u status %d", call->id, status);
    uint32_t id = call->id;
    call->id = 0;
    give_event(s, id, STT_EVENT_CLOSED,
               (struct stt_event){.grpc_status = status, .details = details});
}

static void on_deliver(struct session *s, struct sim_call *call, struct sim_reply *reply)
{
    struct sim_provider *p = &s->provider;
    struct stt_response *response = &reply->response;
    response->results = reply->results;
    for (size_t i = 0; i < response->results_len; i++)
        TRACE(s, "call %u %s to %.3f \"%s\"", call->id,
              reply->results[i].is_final ? "FINAL" : "hyp",
              (double)call->base / SIM_RATE + (double)reply->results[i].result_end_us / 1e6,
              reply->results[i].transcript);
    for (size_t i = 0; !p->manner.truthful && i < response->results_len; i++)
        sim_twist(p, &reply->results[i]);
    if ((response->error_code == 1 || response->error_code == 16) &&
        (p->failures > 0 || !p->ever_answered))
        response->error_code = 14;
    if (response->error_code != 0) {
        p->failures += response->error_code == 1 || response->error_code == 16;
    } else {
        p->failures = 0;
        p->ever_answered = true;
    }
    give_event(s, call->id, STT_EVENT_RESPONSE, (struct stt_event){.response = response});
}

static void session_provider(struct session *s)
{
    struct sim_provider *p = &s->provider;
    struct sim_event event = sim_pop(p);
    struct sim_call *call = sim_find(p, event.call);
    p->now_us = s->now_us;
    if (call != NULL) {
        switch (event.kind) {
        case SIM_BLOCK:
            if (call->dead)
                break;
            HOLD(s, !call->finished && call->unsent > 0);
            call->unsent--;
            sim_hear(p, call, event.end);
            give_event(s, call->id, STT_EVENT_SENT, (struct stt_event){.end_sample = event.end});
            break;
        case SIM_FINISH: sim_on_finish(p, call); break;
        case SIM_DECODE: sim_on_decode(p, call); break;
        case SIM_FAULT: sim_on_fault(p, call, event.status); break;
        case SIM_DELIVER: on_deliver(s, call, event.reply); break;
        case SIM_CLOSE: on_close(s, call, event.status); break;
        }
    }
    mem_free(event.reply);
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
        int status = stt_stream_audio(s->stream, &audio_table[s->taken & 0xffff], n * 2, s->now_us);
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
    if (!p->calm && p->manner.open_fail > 0 && rng_below(&s->rng, 3000) == 0) {
        static const int statuses[] = {14, 8, 13, 4};
        p->down_until_us = s->now_us + rng_range(&s->rng, 1000, 40000) * 1000;
        p->down_status = statuses[rng_below(&s->rng, 4)];
    }
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
            session_provider(s);
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

static void script_create(struct session *s, uint64_t samples)
{
    uint64_t at = (uint64_t)rng_range(&s->rng, 0, 3000) * SIM_MS;
    int talk = (int)rng_range(&s->rng, 0, 3); /* 0: without a pause */
    size_t n = 0;
    s->words = mem_calloc(SIM_WORDS_MAX, sizeof(*s->words));
    while (n < SIM_WORDS_MAX) {
        uint64_t len = (uint64_t)rng_range(&s->rng, 120, 600) * SIM_MS;
        if (at + len >= samples)
            break;
        s->words[n++] = (struct sim_word){.start = at, .middle = at + len / 2, .end = at + len};
        at += len + (uint64_t)rng_range(&s->rng, 0, 120) * SIM_MS;
        if (talk > 0 && rng_below(&s->rng, 8) == 0)
            at += (uint64_t)rng_range(&s->rng, 300, 2500) * SIM_MS;
        if (talk > 1 && rng_below(&s->rng, 60) == 0)
            at += (uint64_t)rng_range(&s->rng, 5000, 60000) * SIM_MS;
    }
    s->provider.words = s->words;
    s->provider.words_len = n;
    s->length = samples;
}

static void session_manner(struct session *s)
{
    struct rng *r = &s->rng;
    struct sim_manner *m = &s->provider.manner;
    static const unsigned frames[] = {20, 60, 100, 100, 250};
    static const int lives[] = {0, 0, 90000, 20000, 4000};
    m->truthful = rng_below(r, 4) != 0;
    m->life_ms = lives[rng_below(r, 5)];
    m->open_fail = rng_below(r, 3) == 0 ? (int)rng_below(r, 50) : 0;
    m->revise = s->config.agreement > 1 || !m->truthful ? (int)rng_below(r, 60) : 0;
    m->shrink = (int)rng_below(r, 30);
    m->split = rng_below(r, 2) ? (int)rng_below(r, 10) : 0;
    m->slow_sent = rng_below(r, 3) == 0 ? (int)rng_below(r, 10) : 0;
    m->lose_close = rng_below(r, 4) == 0 ? 30 : 0;
    m->lose_final = rng_below(r, 3) == 0 ? 30 : 0;
    m->late_final = (int)rng_below(r, 50);
    m->full = rng_below(r, 3) == 0 ? (int)rng_below(r, 20) : 0;
    m->refuses = rng_below(r, 20) == 0;
    m->pause = (int)rng_range(r, 300, 1500);
    m->stable = (int)rng_below(r, 50);
    s->frame_ms = frames[rng_below(r, 5)];
    s->flush_percent = rng_below(r, 3) == 0 ? (int)rng_below(r, 20) : 0;
    s->mute_percent = rng_below(r, 3) == 0 ? (int)rng_below(r, 10) : 0;
}

static void session_configure(struct session *s)
{
    struct rng *r = &s->rng;
    uint32_t soft = rng_below(r, 2) ? 240000 : (uint32_t)rng_range(r, 5000, 40000);
    s->config = (struct stt_stream_config){
        .rate = SIM_RATE,
        .language = "en-US",
        .model = "",
        .partials = rng_below(r, 8) != 0,
        .agreement = (unsigned)rng_range(r, 1, 3),
        .block_ms = (uint32_t)rng_range(r, 2, 20) * 20,
        .idle_close_ms = (uint32_t)rng_range(r, 1500, 9000),
        .ring_ms = (uint32_t)rng_range(r, 10000, 40000),
        .stream_soft_ms = soft,
        .stream_hard_ms = soft + (uint32_t)rng_range(r, 3000, 50000),
        .seed = rng_next(r),
    };
}

static void session_run(uint64_t seed, unsigned index, uint64_t minutes, struct totals *totals)
{
    static const struct stt_stream_ops ops = {op_open,       op_send,    op_finish, op_cancel,
                                              op_transcript, op_settled, op_health};
    struct session *s = mem_calloc(1, sizeof(*s));
    s->seed = seed;
    s->index = index;
    s->totals = totals;
    s->segment = 1;
    s->now_us = s->frame_us = 1000000;
    rng_init(&s->rng, seed ^ (0x9e3779b97f4a7c15u * (index + 1)));
    s->provider.rng = &s->rng;
    s->provider.rate = SIM_RATE;
    s->provider.tag = "";
    session_configure(s);
    session_manner(s);
    script_create(s, minutes * 60 * SIM_RATE);
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
    mem_free(s->words);
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
    for (size_t i = 0; i < sizeof(audio_table) / sizeof(audio_table[0]); i++)
        audio_table[i] = (uint16_t)i;
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
