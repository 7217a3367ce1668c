#include "grammar/grammar.h"
#include "tests/sim/resume_sim.h"
#include "translate/translate.h"

const char *const resume_langs[LANGS] = {"es", "de", "fr"};

/* --- the store --- */

static void row_add(struct sim *s, struct event *event)
{
    HOLD(s, s->rows_len < ROWS_MAX && event->seq == s->rows_len + 1);
    int64_t due_us = soon(s, 0, chance(s, 10) ? 1500 : 12);
    int64_t before = s->rows_len > 0 ? s->rows[s->rows_len - 1].due_us : 0;
    s->rows[s->rows_len++] =
        (struct row){.event = event, .due_us = due_us > before ? due_us : before};
}

static void store_run(struct sim *s)
{
    while (s->stored < s->rows_len && s->rows[s->stored].due_us <= s->now_us)
        s->rows[s->stored++].stored = true;
}

/* Of a killed process what was not stored is gone. */
static void store_forget(struct sim *s)
{
    s->totals->lost_rows += s->rows_len - s->stored;
    while (s->rows_len > s->stored)
        event_free(s->rows[--s->rows_len].event);
}

/* --- the socket's queue --- */

static void queue_add(struct sim *s, struct event *event, uint32_t row)
{
    HOLD(s, s->down_len < QUEUE_MAX);
    s->down[(s->down_first + s->down_len++) % QUEUE_MAX] =
        (struct down){.event = event, .row = row, .socket = s->attached, .at_us = INT64_MAX};
}

static struct event *down_event(struct sim *s, const struct down *down)
{
    return down->row > 0 ? s->rows[down->row - 1].event : down->event;
}

void server_forget(struct sim *s)
{
    for (; s->down_len > 0; s->down_len--, s->down_first = (s->down_first + 1) % QUEUE_MAX)
        if (s->down[s->down_first].row == 0)
            event_free(s->down[s->down_first].event);
}

/* In order, and nothing final before the store has it. */
static void queue_run(struct sim *s)
{
    for (size_t i = 0; i < s->down_len; i++) {
        struct down *down = &s->down[(s->down_first + i) % QUEUE_MAX];
        if (down->at_us != INT64_MAX)
            continue;
        if (down->row > 0 && !s->rows[down->row - 1].stored)
            return;
        int64_t at_us = soon(s, 1, chance(s, 5) ? 300 : 20);
        s->down_us = at_us > s->down_us ? at_us : s->down_us;
        down->at_us = s->down_us;
    }
}

const struct event *server_next(struct sim *s)
{
    if (s->down_len == 0 || s->down[s->down_first].at_us > s->now_us || !s->connected)
        return NULL;
    return down_event(s, &s->down[s->down_first]);
}

void server_pop(struct sim *s)
{
    struct down *down = &s->down[s->down_first];
    if (down->row == 0)
        event_free(down->event);
    s->down_first = (s->down_first + 1) % QUEUE_MAX;
    s->down_len--;
}

/* --- what the session asks for --- */

static void on_emit(void *ctx, struct event *event)
{
    struct sim *s = ctx;
    uint32_t row = 0;
    if (event->seq > 0) {
        row_add(s, event);
        row = (uint32_t)s->rows_len;
    }
    bool listens = s->attached == s->socket && s->connected;
    if (event->close_code != 0) {
        s->last = event; /* kept until its client has had it */
        return;
    }
    if (listens)
        queue_add(s, event, row);
    else if (row == 0)
        event_free(event);
}

static int on_open(void *ctx, uint32_t id, char *config, size_t len)
{
    struct sim *s = ctx;
    mem_free(config);
    return wire_open(&s->provider, id);
}

static int on_send(void *ctx, uint32_t id, struct stt_block *block)
{
    return wire_send(&((struct sim *)ctx)->provider, id, block);
}

static int on_finish(void *ctx, uint32_t id)
{
    return wire_finish(&((struct sim *)ctx)->provider, id);
}

static int on_cancel_call(void *ctx, uint32_t id)
{
    return wire_cancel(&((struct sim *)ctx)->provider, id);
}

static int ask_take(struct sim *s, struct resume_ask ask, const char *text, const char *lang)
{
    for (size_t i = 0; i < ASKS_MAX; i++) {
        if (s->asks[i].used)
            continue;
        ask.used = true;
        ask.due_us = s->now_us + (int64_t)(rng_lognormal(&s->rng, s->answer_ms, 0.7) * 1000);
        ask.text = mem_strdup(text);
        snprintf(ask.lang, sizeof ask.lang, "%s", lang);
        s->asks[i] = ask;
        return STATUS_OK;
    }
    return STATUS_FULL;
}

static int on_translate(void *ctx, uint32_t lane, const struct translate_ask *ask)
{
    struct resume_ask made = {.lane = lane, .ask = ask->ask, .final = ask->final, .lat = ask->lat};
    return ask_take(ctx, made, ask->text, ask->target);
}

static int on_grammar(void *ctx, uint32_t lane, const struct grammar_ask *ask)
{
    struct resume_ask made = {
        .lane = lane, .ask = ask->ask, .final = ask->final, .lat = ask->lat, .grammar = true};
    return ask_take(ctx, made, ask->text, "");
}

static void ask_free(struct resume_ask *ask)
{
    mem_free(ask->text);
    *ask = (struct resume_ask){0};
}

static void on_cancel(void *ctx, uint32_t lane, uint32_t number)
{
    struct sim *s = ctx;
    for (size_t i = 0; i < ASKS_MAX; i++)
        if (s->asks[i].used && s->asks[i].lane == lane && s->asks[i].ask == number)
            ask_free(&s->asks[i]);
}

static const struct session_ops ops = {
    .emit = on_emit,
    .stt_open = on_open,
    .stt_send = on_send,
    .stt_finish = on_finish,
    .stt_cancel = on_cancel_call,
    .translate = on_translate,
    .grammar = on_grammar,
    .cancel = on_cancel,
};

/* --- answers --- */

static struct resume_ask *ask_next(const struct sim *s)
{
    const struct resume_ask *next = NULL;
    for (size_t i = 0; i < ASKS_MAX; i++)
        if (s->asks[i].used && (next == NULL || s->asks[i].due_us < next->due_us))
            next = &s->asks[i];
    return (struct resume_ask *)next;
}

/* Every word with whose it is, and in which language. */
static char *translate_make(struct sim *s, const struct resume_ask *ask)
{
    size_t words = 1, used = 0;
    for (const char *at = ask->text; *at != '\0'; at++)
        words += *at == ' ';
    size_t size = strlen(ask->text) + words * 16 + 16;
    char *out = mem_alloc(size);
    for (const char *at = ask->text; *at != '\0'; at += strspn(at, " ")) {
        size_t len = strcspn(at, " "), bare = len - (at[len - 1] == ',');
        used += (size_t)snprintf(out + used, size - used, "%s%.*sq%s%s", used > 0 ? " " : "",
                                 (int)bare, at, s->tag, ask->lang);
        at += len;
    }
    return out;
}

static void answer(struct sim *s)
{
    struct resume_ask *next = ask_next(s), ask = *next;
    struct session_answer answer = {
        .lane = ask.lane, .ask = ask.ask, .done = true, .partial = !ask.final, .lat = ask.lat};
    struct grammar_result result = {0};
    char *text = ask.grammar ? NULL : translate_make(s, &ask);
    *next = (struct resume_ask){0};
    lat_mark(&answer.lat, LAT_UPSTREAM, s->now_us);
    answer.text = text;
    if (ask.grammar) {
        HOLD(s, grammar_diff(ask.text, ask.text, &result) == STATUS_OK);
        answer.result = &result;
    }
    session_answer(s->session, &answer, s->now_us);
    grammar_result_free(&result);
    mem_free(text);
    ask_free(&ask);
}

/* --- the session begins, is resumed, is restored --- */

static struct client_settings settings_of(const struct sim *s)
{
    struct client_settings settings = {.has = HAS_TARGETS,
                                       .source = "en-US",
                                       .rate = s->provider.rate,
                                       .grammar = true,
                                       .partials = true,
                                       .stability = STABILITY_MEDIUM,
                                       .explain_in = "",
                                       .class_name = "",
                                       .name = "",
                                       .targets_len = LANGS,
                                       .grammar_since = 1};
    for (unsigned i = 0; i < LANGS; i++) {
        settings.targets[i] = resume_langs[i];
        settings.targets_since[i] = 1;
    }
    return settings;
}

static void restore_read(struct sim *s, struct session_restore *restore,
                         struct session_final finals[FINALS_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < s->rows_len; i++) {
        const struct event *event = s->rows[i].event;
        for (unsigned k = 0; k < LANGS && event->kind == EVENT_TRANSLATION; k++)
            if (strcmp(event->language, resume_langs[k]) == 0)
                restore->targets_done[k] = event->segment;
        if (event->kind == EVENT_GRAMMAR)
            restore->grammar_done = event->segment;
        if (event->kind != EVENT_TRANSCRIPT)
            continue;
        if (count == FINALS_MAX)
            memmove(finals, finals + 1, --count * sizeof *finals);
        finals[count++] = (struct session_final){.segment = event->segment,
                                                 .rev = event->rev,
                                                 .text = event->committed,
                                                 .language = event->language,
                                                 .start_ms = event->start_ms,
                                                 .end_ms = event->end_ms};
        restore->settled_samples = event->settled_samples;
        restore->settled_exact = event->settled_exact;
    }
    restore->finals = finals;
    restore->finals_len = count;
}

static void session_make(struct sim *s)
{
    struct session_final finals[FINALS_MAX];
    struct session_restore restore = {
        .epoch = ++s->epoch, .seq = s->rows_len, .age_us = s->now_us - s->began_us};
    struct client_message message = {.kind = CLIENT_START, .settings = settings_of(s)};
    struct session_start start = {.id = s->index + 1,
                                  .name = s->tag,
                                  .subject = "",
                                  .message = &message,
                                  .seed = rng_next(&s->rng),
                                  .restore = s->begun ? &restore : NULL};
    if (s->begun) {
        restore_read(s, &restore, finals);
        TRACE(s, "restored at %.3f%s, %zu finals",
              (double)restore.settled_samples / s->provider.rate,
              restore.settled_exact ? "" : " or so", restore.finals_len);
    }
    int status = session_create(&s->session, &start, &s->config, &ops, s, s->now_us);
    HOLD(s, status == STATUS_OK);
    s->due_us = s->now_us;
    s->kill_us = chance(s, 60) ? soon(s, 500, 60000) : INT64_MAX;
}

static void replay(struct sim *s, uint64_t seen)
{
    for (size_t i = seen; i < s->rows_len; i++) {
        queue_add(s, NULL, (uint32_t)i + 1);
        s->totals->replayed++;
    }
}

/* What is over is told last, behind all that is final, to every socket until one has had it. */
static void tell_last(struct sim *s)
{
    if (s->last == NULL || s->attached != s->socket || !s->connected || s->last_told == s->socket)
        return;
    s->last_told = s->socket;
    struct event *copy = event_create(s->last->kind);
    struct arena *arena = copy->arena;
    *copy = *s->last;
    copy->arena = arena; /* the texts are those of the one that is kept */
    queue_add(s, copy, 0);
}

void server_connect(struct sim *s, uint32_t socket, uint64_t seen)
{
    bool made = s->session == NULL, first = made && !s->begun;
    store_run(s);
    if (made)
        session_make(s);
    s->begun = true;
    HOLD(s, seen <= s->rows_len);
    s->totals->replaced += s->attached != 0;
    server_forget(s);
    s->attached = socket;
    s->detach_us = INT64_MAX;
    struct session_attach attach = {
        .resume_token = "t", .attach = ++s->attaches, .first = first, .durable = true};
    size_t rows = s->rows_len;
    session_attach(s->session, &attach, s->now_us);
    HOLD(s, s->rows_len == rows);
    replay(s, seen);
    if (!first)
        session_restate(s->session, s->now_us);
    tell_last(s);
    s->end_asked = false;
    s->arrived = session_received(s->session) * 2;
}

void server_detach(struct sim *s)
{
    TRACE(s, "the server has no socket %u", s->attached);
    s->attached = 0;
    s->detach_us = INT64_MAX;
    session_hold(s->session, s->now_us);
}

void server_kill(struct sim *s)
{
    TRACE(s, "killed with %zu messages not stored", s->rows_len - s->stored);
    bool had = s->connected;
    s->totals->restarts++;
    session_destroy(s->session);
    s->session = NULL;
    server_forget(s);
    s->attached = 0;
    s->kill_us = s->detach_us = s->due_us = INT64_MAX;
    store_run(s);
    store_forget(s);
    for (size_t i = 0; i < ASKS_MAX; i++)
        ask_free(&s->asks[i]);
    for (size_t i = 0; i < s->provider.heap_len; i++)
        sim_reply_free(s->provider.heap[i].reply);
    s->provider.heap_len = 0;
    memset(s->provider.calls, 0, sizeof s->provider.calls);
    s->provider.failures = 0;
    s->provider.ever_answered = false;
    if (had)
        client_lose(s);
}

/* --- audio --- */

void server_take(struct sim *s, const struct up *up)
{
    if (up->socket != s->attached || s->session == NULL)
        return;
    s->arrived += up->bytes;
    s->end_asked = s->end_asked || up->bytes == 0;
}

/* A message waits for the audio before it. */
static void end_give(struct sim *s)
{
    struct client_message message = {.kind = CLIENT_END, .flush_id = ""};
    s->end_asked = false;
    session_message(s->session, &message, session_received(s->session), s->now_us);
}

static void feed(struct sim *s, uint64_t from)
{
    size_t room = session_room(s->session, s->now_us);
    uint64_t n = s->arrived - from;
    n = n < room ? n : room;
    n = n < WIRE_AUDIO_MAX - 2 ? n : WIRE_AUDIO_MAX - 2;
    static uint8_t pcm[WIRE_AUDIO_MAX]; /* the provider makes its own of the same place */
    memcpy(pcm, wire_audio(&s->provider, from, n), n);
    if (n > 0)
        session_audio(s->session, pcm, n, s->now_us);
}

/* --- its clock --- */

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int64_t server_due(const struct sim *s)
{
    const struct resume_ask *ask = ask_next(s);
    int64_t at = s->stored < s->rows_len ? s->rows[s->stored].due_us : INT64_MAX;
    if (s->session == NULL)
        return at;
    at = earlier(at, s->provider.heap_len > 0 ? s->provider.heap[0].at_us : INT64_MAX);
    at = earlier(at, ask != NULL ? ask->due_us : INT64_MAX);
    at = earlier(at, earlier(s->due_us, s->detach_us));
    return session_over(s->session) ? at : earlier(at, s->kill_us);
}

void server_step(struct sim *s)
{
    struct resume_ask *ask = ask_next(s);
    if (s->session == NULL)
        return;
    if (s->detach_us <= s->now_us)
        server_detach(s);
    else if (s->kill_us <= s->now_us && !session_over(s->session))
        server_kill(s);
    else if (s->provider.heap_len > 0 && s->provider.heap[0].at_us <= s->now_us)
        wire_step(&s->provider);
    else if (ask != NULL && ask->due_us <= s->now_us)
        answer(s);
}

void server_turn(struct sim *s)
{
    store_run(s);
    if (s->session != NULL) {
        uint64_t given = session_received(s->session) * 2 + s->session->has_odd;
        bool waits = s->attached != 0 && given < s->arrived;
        if (waits)
            feed(s, given);
        else if (s->end_asked && s->attached != 0)
            end_give(s);
        session_waiting(s->session, waits, s->now_us);
        s->due_us = session_tick(s->session, s->now_us);
        if (waits && !session_over(s->session))
            s->due_us = earlier(s->due_us, s->now_us + LATE_US);
        tell_last(s);
    }
    queue_run(s);
}

static void on_give(void *ctx, struct stt_event *event)
{
    struct sim *s = ctx;
    session_stt(s->session, event, s->now_us);
}

static void on_fail(void *ctx, const char *what, const char *file, int line)
{
    sim_failed(ctx, what, file, line);
}

void server_init(struct sim *s)
{
    struct sim_provider *p = &s->provider;
    struct rng *r = &s->rng;
    p->rng = r;
    p->tag = s->tag;
    p->began_us = p->now_us = s->began_us;
    p->trace = sim_trace;
    p->give = on_give;
    p->fail = on_fail;
    p->ctx = s;
    wire_script(p, s->length / 2);
    wire_manner(p);
    p->manner.truthful = true;
    p->manner.refuses = false;
    s->answer_ms = (double)rng_range(r, 50, 1500);
    s->due_us = s->kill_us = s->detach_us = INT64_MAX;
    s->config = (struct session_config){
        .limits = {.frame_bytes_max = FRAME_BYTES_MAX,
                   .audio_speed_max = AUDIO_SPEED_MAX,
                   .idle_ms = 300000,
                   .session_ms = 14400000,
                   .targets_max = TARGETS_MAX,
                   .resume_ms = 120000,
                   .flush_ms = 5000,
                   .drain_ms = 60000},
        .punctuation = true,
        .block_ms = (uint32_t)rng_range(r, 2, 20) * 20,
        .agreement = (unsigned)rng_range(r, 2, 10),
        .idle_close_ms = (uint32_t)rng_range(r, 1500, 9000),
        .ring_ms = (uint32_t)rng_range(r, 10000, 40000),
        .stream_soft_ms = 240000,
        .stream_hard_ms = 290000,
        .translate_gap_ms = 500,
        .grammar_gap_ms = 500,
        .partial_words = 2,
        .final_deadline_ms = 60000,
        .partial_deadline_ms = 2000,
        .ack_ms = 500,
    };
}

void server_deinit(struct sim *s)
{
    if (s->session != NULL)
        session_destroy(s->session);
    server_forget(s);
    event_free(s->last);
    for (size_t i = 0; i < s->rows_len; i++)
        event_free(s->rows[i].event);
    for (size_t i = 0; i < ASKS_MAX; i++)
        ask_free(&s->asks[i]);
    sim_provider_deinit(&s->provider);
}
