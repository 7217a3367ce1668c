/*
 * Random sessions of the production core (server/session*.c with the speech stream and the lanes)
 * in virtual time, four at once: a client that speaks, floods, falls silent, flushes, changes its
 * mind, talks nonsense and leaves; a speech and a chat provider with every fault. What reaches the
 * client is held against every rule of sotto.v1 (session_rules.c).
 *
 * SEED, SESSIONS, VIRTUAL_MINUTES (environment or arguments in that order); SESSION runs one of
 * them; SOTTO_SIM_SCALE multiplies the number of sessions; TRACE tells the story.
 */
#include "tests/sim/session_sim.h"
#include <inttypes.h>

#define GROUP      4
#define AFTER_OVER 200 /* things that still happen to a session that is over */
#define ROOM_RETRY 20  /* ms: as the connection asks again while audio waits */
#define CHUNK_MAX  65535

bool sim_trace;

static const struct session_ops session_ops = {
    .emit = rules_event,
    .stt_open = speech_op_open,
    .stt_send = speech_op_send,
    .stt_finish = speech_op_finish,
    .stt_cancel = speech_op_cancel,
    .translate = chat_op_translate,
    .grammar = chat_op_grammar,
    .cancel = chat_op_cancel,
};

_Noreturn void sim_failed(const struct sim *s, const char *what, const char *file, int line)
{
    fprintf(stderr,
            "FAIL %s:%d: %s\n  SEED=%" PRIu64
            " SESSION=%u at %.3f s: finals %u grammar %u seq %" PRIu64
            " next word %zu received %" PRIu64 " settled %" PRIu64 " acked %" PRIu64 "\n",
            file, line, what, s->seed, s->index, (double)(s->now_us - s->began_us) / 1e6,
            s->rules.final[KIND_TRANSCRIPT], s->rules.final[KIND_GRAMMAR], s->rules.seq,
            s->rules.next_word, s->session != NULL ? session_received(s->session) : 0,
            s->session != NULL ? stt_stream_settled(s->session->speech) : 0, s->rules.acked);
    exit(1);
}

/* --- messages --- */

static void random_targets(struct sim *s, struct client_settings *settings)
{
    unsigned first = (unsigned)rng_below(&s->rng, LANGS);
    settings->targets_len =
        (unsigned)rng_below(&s->rng, chance(s, s->client.greedy ? 90 : 15) ? TARGETS_MAX + 1 : 4);
    for (unsigned i = 0; i < settings->targets_len; i++)
        settings->targets[i] = sim_langs[(first + i) % LANGS];
}

static void random_settings(struct sim *s, struct client_settings *settings, unsigned has)
{
    *settings = (struct client_settings){.has = has,
                                         .source = "",
                                         .explain_in = "",
                                         .class_name = "",
                                         .name = "",
                                         .stability = STABILITY_MEDIUM};
    if (has & HAS_TARGETS)
        random_targets(s, settings);
    settings->grammar = (has & HAS_GRAMMAR) && chance(s, 60);
    settings->partials = (has & HAS_PARTIALS) && chance(s, 80);
    if (has & HAS_STABILITY)
        settings->stability = (enum stability)rng_range(
            &s->rng, s->client.low ? STABILITY_LOW : STABILITY_MEDIUM, STABILITY_HIGH);
}

static struct client_message *message_add(struct sim *s, enum client_kind kind)
{
    struct client *c = &s->client;
    if (c->waiting_len == 16)
        return NULL;
    struct client_message *message = &c->waiting[c->waiting_len];
    *message = (struct client_message){.kind = kind, .code = "", .problem = "", .flush_id = ""};
    c->waiting_samples[c->waiting_len] = session_received(s->session) + (c->spoken - c->given) / 2;
    c->waiting_len++;
    s->rules.input_us = s->now_us;
    return message;
}

static void say_flush(struct sim *s)
{
    struct client *c = &s->client;
    struct client_message *message = message_add(s, CLIENT_FLUSH);
    if (message == NULL)
        return;
    char *id = c->waiting_ids[c->serial++ % 16];
    snprintf(id, sizeof c->waiting_ids[0], chance(s, 90) ? "f%u" : "", c->serial);
    message->flush_id = id;
}

static void say_update(struct sim *s)
{
    unsigned has = (unsigned)rng_below(&s->rng, 16); /* HAS_TARGETS … HAS_STABILITY */
    struct client_message *message = message_add(s, CLIENT_UPDATE);
    if (message == NULL)
        return;
    random_settings(s, &message->settings, has);
    if ((has & HAS_TARGETS) && message->settings.targets_len > 0 && chance(s, 3))
        message->settings.targets[0] = "en-us";
}

static void say_nonsense(struct sim *s)
{
    struct client_message *message = message_add(s, chance(s, 50) ? CLIENT_BAD : CLIENT_UNKNOWN);
    if (message == NULL)
        return;
    message->code = message->kind == CLIENT_BAD ? "bad_message" : "unknown_type";
    message->problem = "nonsense";
}

static void client_act(struct sim *s)
{
    struct client *c = &s->client;
    uint64_t dice = rng_below(&s->rng, 100);
    c->act_us = s->now_us + rng_range(&s->rng, 1, 2 * c->act_ms) * MS;
    for (int more = chance(s, 5) ? 6 : 1; more > 0 && dice < 40; more--)
        say_flush(s);
    for (int more = chance(s, 5) ? 5 : 1; more > 0 && dice >= 40 && dice < 80; more--)
        say_update(s);
    for (int more = chance(s, 3) ? 12 : 1; more > 0 && dice >= 80 && dice < 92; more--)
        say_nonsense(s);
    if (dice >= 92)
        message_add(s, dice < 96 ? CLIENT_ACTIVITY : CLIENT_START);
}

/* What is due to be said about it is noted first: the session answers at once. */
static void expect(struct sim *s, const char *code)
{
    s->rules.expected_errors++;
    s->rules.expected_code = code;
}

static void update_expect(struct sim *s, const struct client_settings *update)
{
    struct setting *told = &s->rules.told;
    if (update->has & HAS_TARGETS) {
        told->langs = 0;
        for (unsigned i = 0; i < update->targets_len; i++)
            told->langs |= 1u << rules_lang(update->targets[i]);
    }
    if (update->has & HAS_GRAMMAR)
        told->grammar = update->grammar;
    if (update->has & HAS_PARTIALS)
        told->partials = update->partials;
    s->rules.expected_updates++;
    s->totals->updates++;
}

static bool update_valid(const struct client_settings *update)
{
    for (unsigned i = 0; i < update->targets_len; i++)
        if (rules_lang(update->targets[i]) < 0)
            return false;
    return true;
}

/* From the next segment on: never one that has been shown, and not later. */
static void update_note(struct sim *s)
{
    struct rules *r = &s->rules;
    const struct session *session = s->session;
    uint32_t number = stt_stream_segment(session->speech);
    struct setting setting = r->told;
    setting.from = session->next_arena != NULL ? session->next_from : number;
    TRACE(s, "update from %u: langs %x grammar %d partials %d", setting.from, setting.langs,
          setting.grammar, setting.partials);
    HOLD(s, setting.from > r->newest && setting.from <= number + 1);
    HOLD(s, r->settings_len < SETTINGS_MAX);
    r->settings[r->settings_len++] = setting;
}

static void flush_expect(struct sim *s, const struct client_message *message, uint64_t samples)
{
    struct rules *r = &s->rules;
    if (r->end_us != 0)
        return;
    s->totals->flushes++;
    if (r->flushes_len == FLUSHES_MAX) {
        expect(s, "rate_limited");
        return;
    }
    struct pending_flush *flush = &r->flushes[r->flushes_len++];
    *flush = (struct pending_flush){.samples = samples, .asked_us = s->now_us};
    snprintf(flush->id, sizeof flush->id, "%s", message->flush_id);
}

static void end_expect(struct sim *s, int64_t within_us)
{
    if (s->rules.end_us != 0)
        return;
    s->rules.end_us = s->now_us;
    s->rules.end_by_us = s->now_us + within_us;
}

static void message_give(struct sim *s, const struct client_message *message, uint64_t samples)
{
    struct client *c = &s->client;
    bool bad = message->kind == CLIENT_BAD || message->kind == CLIENT_UNKNOWN;
    bool update = message->kind == CLIENT_UPDATE && update_valid(&message->settings);
    c->bad_in_row = bad ? c->bad_in_row + 1 : 0;
    if (bad)
        expect(s, message->code);
    else if (update)
        update_expect(s, &message->settings);
    else if (message->kind == CLIENT_UPDATE || message->kind == CLIENT_START)
        expect(s, "bad_message");
    else if (message->kind == CLIENT_FLUSH)
        flush_expect(s, message, samples);
    else if (message->kind == CLIENT_END)
        end_expect(s, s->config.limits.drain_ms * MS);
    session_message(s->session, message, samples, s->now_us);
    if (update)
        update_note(s);
}

/* --- the connection: audio as far as there is room, then the messages that came after it --- */

static bool feed_audio(struct sim *s)
{
    struct client *c = &s->client;
    uint64_t n = c->spoken - c->given, room = n > 0 ? session_room(s->session, s->now_us) : 0;
    n = n < room ? n : room;
    n = n < CHUNK_MAX ? n : CHUNK_MAX;
    if (n == 0) {
        s->totals->pushed_back += c->spoken > c->given;
        return false;
    }
    if (c->odd && n > 3 && chance(s, 30))
        n = 1 + rng_below(&s->rng, n);
    const void *bytes = wire_audio(&s->provider, c->given, n);
    c->given += n;
    s->rules.input_us = s->now_us;
    session_audio(s->session, bytes, n, s->now_us);
    return true;
}

static bool feed_message(struct sim *s)
{
    struct client *c = &s->client;
    if (c->waiting_len == 0 ||
        (c->spoken - c->given > 1 && session_received(s->session) < c->waiting_samples[0]))
        return false;
    struct client_message message = c->waiting[0];
    uint64_t samples = c->waiting_samples[0];
    c->waiting_len--;
    memmove(c->waiting, c->waiting + 1, c->waiting_len * sizeof c->waiting[0]);
    memmove(c->waiting_samples, c->waiting_samples + 1,
            c->waiting_len * sizeof c->waiting_samples[0]);
    message_give(s, &message, samples);
    return true;
}

static void sim_turn(struct sim *s)
{
    while (!s->rules.over && (feed_audio(s) || feed_message(s)))
        ;
    bool waiting = s->client.spoken - s->client.given > 1;
    if (waiting)
        s->rules.input_us = s->now_us;
    session_waiting(s->session, waiting, s->now_us);
    int64_t due = session_tick(s->session, s->now_us);
    HOLD(s, due > s->now_us && (!s->rules.over || due == INT64_MAX));
    rules_step(s);
    if (due != INT64_MAX)
        due += rng_range(&s->rng, 0, LATE_US);
    if (waiting && !s->rules.over && s->now_us + ROOM_RETRY * MS < due)
        due = s->now_us + ROOM_RETRY * MS;
    s->due_us = due;
}

/* --- the client --- */

static void client_frame(struct sim *s)
{
    struct client *c = &s->client;
    uint64_t n = sim_samples(s, (int64_t)c->frame_ms * c->speed / 100) * 2;
    int64_t wait_ms = c->frame_ms;
    if (c->late == 0 && rng_below(&s->rng, 1000) == 0)
        c->late = 20; /* a pause of the network, then all at once */
    if (c->late > 0 && --c->late > 0) {
        c->late_bytes += n;
        c->frame_us += wait_ms * MS;
        return;
    }
    n += c->late_bytes;
    c->late_bytes = 0;
    if (rng_below(&s->rng, 1000) < (uint64_t)c->mute)
        wait_ms += rng_range(&s->rng, 1000, 25000);
    if (c->odd)
        n -= rng_below(&s->rng, 2);
    wire_outage(&s->provider);
    c->spoken = c->spoken + n < c->length ? c->spoken + n : c->length;
    c->frame_us += wait_ms * MS;
    s->rules.input_us = s->now_us;
    if (c->spoken < c->length)
        return;
    s->provider.calm = true;
    c->frame_us = INT64_MAX;
    c->stuck_by_us = s->now_us + 120000 * MS +
                     (int64_t)((c->length - c->given) / 2 * 1000 / s->provider.rate) * MS;
}

static void client_leave(struct sim *s)
{
    struct client *c = &s->client;
    bool all = c->spoken == c->length && c->given == c->length;
    HOLD(s, all || s->rules.over || c->stuck_by_us == 0 || s->now_us < c->stuck_by_us);
    if (c->stopped || s->rules.over)
        return;
    if (c->how == END_SCRIPT ? !all : s->now_us < c->stop_us)
        return;
    c->stopped = true;
    c->act_us = INT64_MAX;
    if (c->how == END_GOAWAY) {
        int64_t within_ms = rng_range(&s->rng, 500, 20000);
        s->rules.goaway = true;
        s->totals->goaways++;
        int64_t drain_ms = s->config.limits.drain_ms;
        end_expect(s, (within_ms < drain_ms ? within_ms : drain_ms) * MS);
        session_shutdown(s->session, (uint32_t)within_ms, s->now_us);
    } else if (c->how == END_DESTROY) {
        s->totals->destroyed++;
        s->done = true;
    } else if (c->how == END_NEVER) {
        c->frame_us = INT64_MAX;
    } else if (message_add(s, CLIENT_END) == NULL) {
        c->stopped = false;
        c->stop_us = s->now_us + 100 * MS;
    } else if (chance(s, 20)) {
        c->act_us = s->now_us + 1000 * MS; /* some go on talking */
    } else {
        c->frame_us = INT64_MAX;
    }
}

static void client_init(struct sim *s, uint64_t minutes)
{
    static const unsigned frames[] = {20, 60, 100, 100, 250};
    static const unsigned speeds[] = {100, 100, 100, 100, 150, 400};
    static const int acts[] = {300, 2000, 10000, 30000, 1000000};
    static const enum client_end hows[10] = {
        [4] = END_EARLY, [5] = END_NEVER, [6] = END_DESTROY, [7] = END_GOAWAY};
    struct client *c = &s->client;
    struct rng *r = &s->rng;
    c->length = (minutes * 60 * s->provider.rate) * 2;
    c->frame_ms = frames[rng_below(r, 5)];
    c->speed = speeds[rng_below(r, 6)];
    c->mute = rng_below(r, 3) == 0 ? (int)rng_below(r, 10) : 0;
    c->act_ms = acts[rng_below(r, 5)];
    c->odd = chance(s, 40);
    c->greedy = chance(s, 5);
    c->low = chance(s, 20);
    c->how = hows[s->index % 10];
    c->stop_us = s->now_us + rng_range(r, 0, (int64_t)minutes * 60000) * MS;
    c->frame_us = s->now_us;
    c->act_us = s->now_us + rng_range(r, 0, c->act_ms) * MS;
}

/* --- virtual time --- */

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t speech_due(const struct sim *s)
{
    return s->provider.heap_len > 0 ? s->provider.heap[0].at_us : INT64_MAX;
}

static int64_t client_due(const struct sim *s)
{
    const struct client *c = &s->client;
    return s->rules.over ? INT64_MAX : earlier(c->frame_us, c->act_us);
}

static int64_t sim_next(const struct sim *s)
{
    int64_t at = earlier(earlier(s->due_us, client_due(s)), earlier(speech_due(s), chat_due(s)));
    if (!s->client.stopped && !s->rules.over && s->client.how != END_SCRIPT)
        at = earlier(at, s->client.stop_us);
    return at;
}

/* One thing happens, and the session has its turn. */
static void sim_step(struct sim *s)
{
    struct client *c = &s->client;
    int64_t at = sim_next(s);
    HOLD(s, at != INT64_MAX);
    s->now_us = s->provider.now_us = at > s->now_us ? at : s->now_us;
    if (speech_due(s) <= s->now_us)
        wire_step(&s->provider);
    else if (chat_due(s) <= s->now_us)
        chat_step(s);
    else if (client_due(s) <= s->now_us && c->frame_us <= s->now_us)
        client_frame(s);
    else if (client_due(s) <= s->now_us)
        client_act(s);
    client_leave(s);
    if (!s->done)
        sim_turn(s);
}

static void config_init(struct sim *s)
{
    struct rng *r = &s->rng;
    uint32_t soft = rng_below(r, 2) ? 240000 : (uint32_t)rng_range(r, 5000, 40000);
    bool hasty = s->client.how == END_NEVER;
    s->config = (struct session_config){
        .limits = {.frame_bytes_max = FRAME_BYTES_MAX,
                   .audio_speed_max = AUDIO_SPEED_MAX,
                   .idle_ms = hasty ? (uint32_t)rng_range(r, 5000, 30000) : 300000,
                   .session_ms = chance(s, 12) ? (uint32_t)rng_range(r, 10000, 600000) : 14400000,
                   .targets_max = TARGETS_MAX,
                   .flush_ms = (uint32_t)rng_range(r, 3000, 15000),
                   .drain_ms = (uint32_t)rng_range(r, 300, chance(s, 50) ? 2000 : 20000)},
        .punctuation = true,
        .block_ms = (uint32_t)rng_range(r, 2, 20) * 20,
        .agreement = (unsigned)rng_range(r, 2, 10), /* 1 believes every slip of the provider */
        .idle_close_ms = (uint32_t)rng_range(r, 1500, 9000),
        .ring_ms = (uint32_t)rng_range(r, 10000, 40000),
        .stream_soft_ms = soft,
        .stream_hard_ms = soft + (uint32_t)rng_range(r, 3000, 50000),
        .translate_gap_ms = (uint32_t)rng_range(r, 0, 1500),
        .grammar_gap_ms = (uint32_t)rng_range(r, 0, 3000),
        .partial_words = (uint32_t)rng_range(r, 1, 4),
        .eager = chance(s, 10),
        .final_deadline_ms = (uint32_t)rng_range(r, 1000, 10000),
        .partial_deadline_ms = (uint32_t)rng_range(r, 500, 4000),
        .ack_ms = (uint32_t)rng_range(r, 50, 1000),
    };
}

static void sim_begin(struct sim *s, uint64_t minutes)
{
    static const uint32_t rates[] = {8000, 11025, 16000, 16000, 48000};
    static const char *const tags[] = {"a", "b", "c", "d"};
    struct client_message start = {.kind = CLIENT_START};
    rng_init(&s->rng, s->seed ^ (0x9e3779b97f4a7c15u * (s->index + 1)));
    s->now_us = s->began_us = rng_range(&s->rng, 1000, 2000000);
    snprintf(s->tag, sizeof s->tag, "%s", tags[s->index % GROUP]);
    s->provider.rate = rates[rng_below(&s->rng, 5)];
    client_init(s, minutes);
    config_init(s);
    speech_init(s);
    chat_init(s);
    random_settings(s, &start.settings, HAS_TARGETS | HAS_GRAMMAR | HAS_PARTIALS | HAS_STABILITY);
    start.settings.source = "en-US";
    start.settings.rate = s->provider.rate;
    rules_init(s, &start.settings);
    struct session_start by = {
        .id = s->index + 1, .name = s->tag, .message = &start, .seed = rng_next(&s->rng)};
    HOLD(s, session_create(&s->session, &by, &s->config, &session_ops, s, s->now_us) == STATUS_OK);
    session_attach(s->session, &(struct session_attach){.attach = 1, .first = true}, s->now_us);
    HOLD(s, s->rules.started);
    s->due_us = s->now_us;
}

static void sim_end(struct sim *s)
{
    struct totals *t = s->totals;
    t->sessions++;
    t->words += s->rules.next_word;
    t->virtual_s += (uint64_t)(s->now_us - s->began_us) / 1000000;
    session_destroy(s->session);
    chat_abandoned(s);
    s->session = NULL;
    rules_deinit(s);
    chat_deinit(s);
    sim_provider_deinit(&s->provider);
    mem_free(s);
}

/* Sessions side by side: the one whose next thing comes first has its turn. */
static void group_run(struct sim **sims, size_t len)
{
    unsigned after[GROUP] = {0};
    for (;;) {
        struct sim *next = NULL;
        size_t at = 0;
        for (size_t i = 0; i < len; i++)
            if (sims[i] != NULL && (next == NULL || sim_next(sims[i]) < sim_next(next)))
                next = sims[at = i];
        if (next == NULL)
            return;
        sim_step(next);
        after[at] += next->rules.over;
        next->done = next->done || after[at] > AFTER_OVER ||
                     (next->rules.over && sim_next(next) == INT64_MAX);
        if (!next->done)
            continue;
        sim_end(next);
        sims[at] = NULL;
    }
}

/* --- runs --- */

static void totals_print(const struct totals *t)
{
    static const char *const errors[] = {"idle",    "too long", "capacity",     "nonsense",
                                         "refused", "too fast", "rate limited", "unknown"};
    static const char *const failed[] = {"deadline",  "budget",   "refused",
                                         "truncated", "filtered", "upstream"};
    printf("%" PRIu64 " sessions, %" PRIu64 " virtual minutes, %" PRIu64 " events, %" PRIu64
           " words\nfinals %" PRIu64 " %" PRIu64 " %" PRIu64 ", partials %" PRIu64 " %" PRIu64
           " %" PRIu64 ", spliced %" PRIu64 "\n",
           t->sessions, t->virtual_s / 60, t->events, t->words, t->finals[0], t->finals[1],
           t->finals[2], t->partials[0], t->partials[1], t->partials[2], t->spliced);
    printf("asks %" PRIu64 ", refused %" PRIu64 ", cancelled %" PRIu64 ", late %" PRIu64
           "; calls %" PRIu64 ", degraded %" PRIu64 ", pushed back %" PRIu64 "\n",
           t->asks, t->refused_asks, t->cancels, t->late_answers, t->calls, t->degraded,
           t->pushed_back);
    printf("flushes %" PRIu64 ", timeouts %" PRIu64 "; updates %" PRIu64 "; ended %" PRIu64
           ", late %" PRIu64 "; destroyed %" PRIu64 ", goaway %" PRIu64 "\n",
           t->flushes, t->flush_timeouts, t->updates, t->ended, t->ended_late, t->destroyed,
           t->goaways);
    for (int i = 0; i < 8; i++)
        printf("%s %" PRIu64 ", ", errors[i], t->errors[i]);
    for (int i = 0; i < 6; i++)
        printf("%s %" PRIu64 "%s", failed[i], t->failed[i], i < 5 ? ", " : "\n");
}

/* A run that met none of these has tested nothing. */
static bool totals_met(const struct totals *t)
{
    bool met = t->spliced > 0 && t->late_answers > 0 && t->flush_timeouts > 0 && t->updates > 0 &&
               t->ended > 0 && t->ended_late > 0 && t->destroyed > 0 && t->goaways > 0;
    for (int i = 0; i < 8; i++)
        met = met && t->errors[i] > 0;
    for (int i = 0; i < 6; i++)
        met = met && t->failed[i] > 0;
    return met;
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
    uint64_t only = setting(0, argv, 4, "SESSION", UINT64_MAX);
    const char *scale = getenv("SOTTO_SIM_SCALE");
    sim_trace = getenv("TRACE") != NULL;
    if (scale != NULL && strtod(scale, NULL) > 0)
        sessions = (uint64_t)((double)sessions * strtod(scale, NULL)) + 1;
    printf("SEED=%" PRIu64 " SESSIONS=%" PRIu64 " VIRTUAL_MINUTES=%" PRIu64 "\n", seed, sessions,
           minutes);
    fflush(stdout);
    struct totals totals = {0};
    for (uint64_t i = 0; i < sessions; i += GROUP) {
        struct sim *sims[GROUP] = {NULL};
        for (uint64_t k = i; k < i + GROUP && k < sessions; k++) {
            if (only != UINT64_MAX && only != k)
                continue;
            struct sim *s = sims[k - i] = mem_calloc(1, sizeof *s);
            s->seed = seed;
            s->index = (unsigned)k;
            s->totals = &totals;
            sim_begin(s, minutes);
        }
        group_run(sims, GROUP);
    }
    totals_print(&totals);
    return only != UINT64_MAX || sessions < 200 || totals_met(&totals) ? 0 : 1;
}
