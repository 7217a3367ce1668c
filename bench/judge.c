#include "bench/judge_internal.h"

#include "base/mem.h"
#include "base/status.h"
#include "bench/judge_words.h"
#include "bench/load_voice.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>

#define JUDGE_TEXT_BYTES (1 << 22) /* of a session's finals of one kind */
#define CAPTION_GAP_US   1000000   /* longer ones are looked at: did somebody speak? */

const char *judge_kind_name(enum judge_kind kind)
{
    static const char *const names[] = {
#define X(name, text, help) [JUDGE_##name] = text,
        JUDGE_KIND_MAP(X)
#undef X
    };
    assert(kind < JUDGE_KINDS);
    return names[kind];
}

int judge_create(struct judge **out, const struct judge_config *config)
{
    assert(config->rate > 0 && config->source != NULL && config->targets != NULL);
    struct judge *judge = mem_calloc(1, sizeof *judge);
    if (judge == NULL)
        return STATUS_NOMEM;
    judge->config = *config;
    while (config->targets[judge->targets_len] != NULL)
        judge->targets_len++;
    if (judge->targets_len > JUDGE_TARGETS_MAX) {
        mem_free(judge);
        return STATUS_LIMIT;
    }
    *out = judge;
    return STATUS_OK;
}

/* What is needed only while messages come. */
static void session_forget(struct judge_session *session)
{
    for (unsigned i = 0; i <= session->judge->targets_len; i++)
        for (unsigned view = 0; view < JUDGE_VIEWS; view++)
            judge_view_deinit(&session->lanes[i].views[view]);
    judge_frames_deinit(&session->frames);
}

static void text_deinit(struct judge_session *session)
{
    for (unsigned i = 0; i <= session->judge->targets_len; i++)
        buf_deinit(&session->lanes[i].text);
    buf_deinit(&session->corrected);
}

static void session_destroy(struct judge_session *session)
{
    session_forget(session);
    text_deinit(session);
    judge_told_deinit(&session->told);
    mem_free(session->said);
    mem_free(session->segments);
    mem_free(session->words);
    mem_free(session);
}

void judge_destroy(struct judge *judge)
{
    if (judge == NULL)
        return;
    for (uint32_t i = 0; i < judge->sessions_len; i++)
        session_destroy(judge->sessions[i]);
    for (uint32_t i = 0; i < judge->watchers_len; i++)
        judge__watcher_destroy(judge->watchers[i]);
    judge__board_deinit(&judge->board);
    mem_free(judge->watchers);
    mem_free(judge->sessions);
    mem_free(judge->scratch);
    mem_free(judge);
}

void judge_window(struct judge *judge, int64_t from_us, int64_t to_us)
{
    assert(from_us <= to_us);
    judge->config.from_us = from_us;
    judge->config.to_us = to_us;
}

bool judge__grow(void **list, uint32_t len, uint32_t *cap, size_t bytes)
{
    if (len < *cap)
        return true;
    uint32_t more = *cap > 0 ? *cap * 2 : 16;
    void *grown = mem_realloc(*list, more * bytes);
    if (grown == NULL)
        return false;
    *list = grown;
    *cap = more;
    return true;
}

struct judge_session *judge_session_open(struct judge *judge, uint32_t session)
{
    size_t lanes = judge->targets_len + 1;
    struct judge_session *opened = mem_calloc(1, sizeof *opened + lanes * sizeof opened->lanes[0]);
    if (opened == NULL)
        return NULL;
    if (!judge__grow((void **)&judge->sessions, judge->sessions_len, &judge->sessions_cap,
                     sizeof(struct judge_session *))) {
        mem_free(opened);
        return NULL;
    }
    opened->judge = judge;
    opened->number = session;
    opened->place = judge->sessions_len;
    for (size_t i = 0; i < lanes; i++)
        buf_init(&opened->lanes[i].text, JUDGE_TEXT_BYTES);
    buf_init(&opened->corrected, JUDGE_TEXT_BYTES);
    judge->sessions[judge->sessions_len++] = opened;
    return opened;
}

void judge_session_asked(struct judge_session *session, int64_t due_us)
{
    session->asked = true;
    session->asked_us = due_us;
}

void judge_session_audio(struct judge_session *session, uint64_t end_samples, int64_t due_us)
{
    if (judge_frames_add(&session->frames, end_samples, due_us) != STATUS_OK)
        session->judge->incomplete = true;
}

bool judge__in_window(const struct judge *judge, int64_t due_us)
{
    return due_us >= judge->config.from_us && due_us < judge->config.to_us;
}

void judge_session_said(struct judge_session *session, const struct load_utterance *utterance,
                        int64_t due_us)
{
    if (!judge__grow((void **)&session->said, session->said_len, &session->said_cap,
                     sizeof *session->said)) {
        session->judge->incomplete = true;
        return;
    }
    session->said[session->said_len++] =
        (struct judge_said){.number = utterance->number,
                            .words = (uint16_t)utterance->words,
                            .counts = judge__in_window(session->judge, due_us),
                            .start_ms = utterance->start_ms};
}

/* Books a latency that began at `due_us`. */
static void measure(struct judge_session *session, enum judge_kind kind, int64_t us,
                    const struct judge_event *event)
{
    struct judge_latency *latency = &session->judge->sum.latency[kind];
    hist_add(&latency->total, us);
    if (!event->has_lat)
        return;
    hist_add(&latency->audio, event->audio_us);
    hist_add(&latency->upstream, event->upstream_us);
    hist_add(&latency->queue, event->queue_us);
    hist_add(&latency->hold, event->hold_us);
    hist_add(&latency->server, event->server_us);
}

/* The audio before sample `position` was due in the window; *due_us is when. */
static bool due_in_window(const struct judge_session *session, int64_t position, int64_t *due_us)
{
    return position >= 0 && judge_frames_due(&session->frames, (uint64_t)position, due_us) &&
           judge__in_window(session->judge, *due_us);
}

static int64_t position_of(const struct judge_session *session, int64_t end_ms)
{
    return end_ms >= 0 ? end_ms * session->judge->config.rate / 1000 : -1;
}

static void measure_audio(struct judge_session *session, enum judge_kind kind, int64_t position,
                          const struct judge_event *event, int64_t now_us)
{
    int64_t due_us;
    if (!session->excused && due_in_window(session, position, &due_us))
        measure(session, kind, now_us - due_us, event);
}

static void on_ack(struct judge_session *session, const struct judge_event *event, int64_t now_us)
{
    session->judge->sum.acks++;
    measure_audio(session, JUDGE_ACK, event->audio_samples, event, now_us);
}

/* What was shown of segments that are not final any more begins anew. */
static void forget_open(struct judge_session *session, uint32_t open_segment)
{
    for (unsigned i = 0; i <= session->judge->targets_len; i++) {
        for (unsigned v = 0; v < JUDGE_VIEWS; v++) {
            struct judge_view *view = &session->lanes[i].views[v];
            if (view->segment >= open_segment)
                judge_view_deinit(view);
        }
    }
}

static void go_on(struct judge_session *session, const struct judge_event *event, int64_t now_us)
{
    struct judge_sum *sum = &session->judge->sum;
    sum->resumes++;
    if (session->lost_us != 0)
        measure(session, JUDGE_RESUMED, now_us - session->lost_us, event);
    if (event->epoch == session->epoch)
        return;
    sum->epochs++;
    forget_open(session, event->open_segment);
}

static void on_started(struct judge_session *session, const struct judge_event *event,
                       int64_t now_us)
{
    struct judge *judge = session->judge;
    if (!session->started)
        judge->sum.sessions_started++;
    if (!session->started && session->asked && !session->excused)
        measure(session, JUDGE_STARTED, now_us - session->asked_us, event);
    else if (session->started)
        go_on(session, event, now_us);
    if (!session->started)
        session->started_us = now_us;
    if (judge->config.watched)
        judge__board_name(judge, session, event->session);
    session->started = true;
    session->refused = false;
    session->epoch = event->epoch;
    session->lost_us = 0;
}

static void on_error(struct judge_session *session, struct judge_text code,
                     struct judge_text message, bool fatal)
{
    struct judge_sum *sum = &session->judge->sum;
    if (sum->errors++ == 0)
        snprintf(sum->first_error, sizeof sum->first_error, "%.*s: %.*s", (int)code.len, code.data,
                 (int)message.len, message.data);
    if (fatal && judge_text_is(code, "over_capacity") && !session->refused) {
        session->refused = true;
        sum->sessions_refused++;
    }
}

/* A final is one of its kind and in order of the segments. False: it is not, and is not used. */
static bool final_in_order(struct judge_session *session, uint32_t *newest, uint32_t segment)
{
    if (segment <= *newest) {
        session->judge->sum.finals_reordered += !session->excused;
        return false;
    }
    *newest = segment;
    return true;
}

/* Words are spoken at an even pace, so a word's place tells when its audio ended. */
static void measure_words(struct judge_session *session, const struct judge_view *view,
                          const struct judge_event *event)
{
    struct hist *hist = &session->judge->sum.latency[JUDGE_TRANSLATED_WORD].total;
    int64_t due_us;
    for (int64_t i = 0; i < view->len && event->start_ms >= 0; i++) {
        int64_t end_ms = event->start_ms + (event->end_ms - event->start_ms) * (i + 1) / view->len;
        if (due_in_window(session, position_of(session, end_ms), &due_us))
            hist_add(hist, view->since_us[i] > due_us ? view->since_us[i] - due_us : 0);
    }
}

/* From one translation that changed what is seen to the next; the first one's begins when the first
 * words of the transcript were seen. */
static void measure_gap(struct judge_session *session, unsigned lane, int64_t before_us,
                        const struct judge_view *view)
{
    struct judge *judge = session->judge;
    const struct judge_view *said = &session->lanes[0].views[view->segment % JUDGE_VIEWS];
    if (before_us == 0 && said->segment == view->segment)
        before_us = said->begun_us;
    if (lane > 0 && before_us != 0 && view->shown_us > before_us &&
        judge__in_window(judge, before_us))
        hist_add(&judge->sum.latency[JUDGE_TRANSLATION_GAP].total, view->shown_us - before_us);
}

/* What the reader of a lane sees now. */
static void show(struct judge_session *session, unsigned lane, const struct judge_event *event,
                 int64_t now_us)
{
    struct judge *judge = session->judge;
    struct judge_view *view = &session->lanes[lane].views[event->segment % JUDGE_VIEWS];
    bool broken = false;
    if (session->excused || event->failed || event->segment == 0)
        return;
    if (view->segment != event->segment)
        judge_view_begin(view, event->segment, now_us);
    int64_t before_us = view->shown_us;
    judge_shown_read(&judge->shown, event->committed, event->tentative);
    if (judge_view_show(view, &judge->shown, now_us, &broken) != STATUS_OK) {
        judge->incomplete = true;
        return;
    }
    measure_gap(session, lane, before_us, view);
    if (event->final && lane > 0)
        measure_words(session, view, event);
    judge->sum.committed_broken += broken;
    if (event->final && lane == 0) {
        judge->erased_transcript += view->erased;
        judge->shown_transcript += view->len;
    } else if (event->final) {
        judge->erased_translation += view->erased;
        judge->shown_translation += view->len;
    }
}

static bool keep_words(struct judge_session *session, struct judge_text text)
{
    struct judge_text word;
    size_t at = 0;
    while (judge_words_next(text.data, text.len, &at, &word) != 0) {
        if (!judge__grow((void **)&session->words, session->words_len, &session->words_cap,
                         sizeof *session->words))
            return false;
        session->words[session->words_len++] =
            judge_words_find(word, session->judge->config.source);
    }
    return true;
}

static void keep_transcript(struct judge_session *session, const struct judge_event *event)
{
    uint32_t words_at = session->words_len;
    if (!keep_words(session, event->committed) ||
        !judge__grow((void **)&session->segments, session->segments_len, &session->segments_cap,
                     sizeof *session->segments)) {
        session->judge->incomplete = true;
        session->words_len = words_at;
        return;
    }
    session->segments[session->segments_len++] =
        (struct judge_segment){.number = event->segment,
                               .words_at = words_at,
                               .words_len = (uint16_t)(session->words_len - words_at),
                               .end_ms = event->end_ms};
}

/* The final transcript of a segment; most likely one of the newest. */
static struct judge_segment *find_segment(struct judge_session *session, uint32_t number)
{
    for (uint32_t i = session->segments_len; i > 0; i--) {
        struct judge_segment *segment = &session->segments[i - 1];
        if (segment->number == number)
            return segment;
        if (segment->number < number)
            return NULL;
    }
    return NULL;
}

/* The reader waits from one caption to the next, or only since somebody speaks again. */
static void measure_caption_gap(struct judge_session *session, const struct judge_event *event,
                                int64_t now_us)
{
    int64_t from_us = session->caption_us, spoken_us;
    session->caption_us = now_us;
    if (from_us == 0 || session->excused || !judge__in_window(session->judge, from_us))
        return;
    int64_t position = position_of(session, event->start_ms);
    if (now_us - from_us > CAPTION_GAP_US && position >= 0 &&
        judge_frames_due(&session->frames, (uint64_t)position, &spoken_us) && spoken_us > from_us)
        from_us = spoken_us;
    if (now_us > from_us)
        hist_add(&session->judge->sum.latency[JUDGE_CAPTION_GAP].total, now_us - from_us);
}

static void keep_text(struct judge_session *session, struct buf *to, struct judge_text text)
{
    if (!session->judge->config.keep_text || text.len == 0)
        return;
    if (to->len > 0)
        buf_putc(to, ' ');
    buf_append(to, text.data, text.len);
    if (buf_status(to) != STATUS_OK)
        session->judge->incomplete = true;
}

static void on_transcript(struct judge_session *session, const struct judge_event *event,
                          int64_t now_us)
{
    if (session->judge->config.watched)
        judge__tell(session, event, now_us);
    if (event->final && !final_in_order(session, &session->lanes[0].final_segment, event->segment))
        return;
    show(session, 0, event, now_us);
    measure_caption_gap(session, event, now_us);
    if (event->final)
        keep_text(session, &session->lanes[0].text, event->committed);
    if (event->final) {
        keep_transcript(session, event);
        session->finals++;
    }
    measure_audio(session, event->final ? JUDGE_TRANSCRIPT_FINAL : JUDGE_TRANSCRIPT_PARTIAL,
                  position_of(session, event->end_ms), event, now_us);
}

static void count_failed(struct judge_session *session, int64_t end_ms)
{
    int64_t due_us;
    session->failed++;
    if (!session->excused && due_in_window(session, position_of(session, end_ms), &due_us))
        session->judge->sum.finals_failed++;
}

int judge__target(const struct judge *judge, struct judge_text lang)
{
    for (unsigned i = 0; i < judge->targets_len; i++)
        if (judge_text_is(lang, judge->config.targets[i]))
            return (int)i;
    return -1;
}

static void judge_translation(struct judge_session *session, unsigned target,
                              const struct judge_event *event)
{
    struct judge *judge = session->judge;
    struct judge_segment *segment = find_segment(session, event->segment);
    session->finals++;
    if (segment != NULL &&
        judge__translation_right(session, segment, event->committed, judge->config.targets[target]))
        segment->right |= (uint16_t)JUDGE_RIGHT_TARGET(target);
    else
        judge->sum.translations_wrong += !session->excused;
}

static void on_translation(struct judge_session *session, const struct judge_event *event,
                           int64_t now_us)
{
    int target = judge__target(session->judge, event->lang);
    if (target < 0)
        return;
    unsigned lane = (unsigned)target + 1;
    if (event->final &&
        !final_in_order(session, &session->lanes[lane].final_segment, event->segment))
        return;
    if (event->failed) {
        count_failed(session, event->end_ms);
        return;
    }
    show(session, lane, event, now_us);
    if (event->final) {
        judge_translation(session, (unsigned)target, event);
        keep_text(session, &session->lanes[lane].text, event->committed);
    }
    measure_audio(session, event->final ? JUDGE_TRANSLATION_FINAL : JUDGE_TRANSLATION_PARTIAL,
                  position_of(session, event->end_ms), event, now_us);
}

/* Grammar messages carry no time: theirs is the transcript's. */
static void on_grammar(struct judge_session *session, const struct judge_event *event,
                       int64_t now_us)
{
    struct judge *judge = session->judge;
    if (!event->final || !final_in_order(session, &session->grammar_segment, event->segment))
        return;
    struct judge_segment *segment = find_segment(session, event->segment);
    int64_t end_ms = segment != NULL ? segment->end_ms : -1;
    if (event->failed) {
        count_failed(session, end_ms);
        return;
    }
    session->finals++;
    keep_text(session, &session->corrected, event->corrected);
    if (segment != NULL && judge__correction_right(session, segment, event->corrected))
        segment->right |= (uint16_t)JUDGE_RIGHT_GRAMMAR;
    else
        judge->sum.corrections_wrong += !session->excused;
    measure_audio(session, JUDGE_GRAMMAR_FINAL, position_of(session, end_ms), event, now_us);
}

static bool scratch_fits(struct judge *judge, size_t len)
{
    if (len <= judge->scratch_cap && judge->scratch != NULL)
        return true;
    char *scratch = mem_realloc(judge->scratch, len + len / 2 + 256);
    if (scratch == NULL)
        return false;
    judge->scratch = scratch;
    judge->scratch_cap = len + len / 2 + 256;
    return true;
}

static void on_degraded(struct judge_session *session, bool restored, int64_t now_us)
{
    if (!restored) {
        if (session->degraded++ == 0)
            session->degraded_at_us = now_us;
    } else if (session->degraded > 0 && --session->degraded == 0) {
        session->degraded_us += now_us - session->degraded_at_us;
        session->restored = true;
    }
}

/* False: it came before, or stands beside what is durable and is not told twice. */
static bool is_news(struct judge_session *session, const struct judge_event *event)
{
    struct judge_sum *sum = &session->judge->sum;
    if (event->seq == 0)
        return true;
    if (event->seq <= session->seq) {
        sum->finals_repeated++;
        return false;
    }
    sum->finals_missing += event->seq - session->seq - 1;
    session->seq = event->seq;
    return true;
}

enum judge_heard judge_session_heard(struct judge_session *session, const char *text, size_t len,
                                     int64_t now_us)
{
    static const struct judge_text code = {"unreadable", 10};
    static const struct judge_text message = {"a message of the server is not JSON", 35};
    struct judge *judge = session->judge;
    struct judge_event event;
    judge->sum.events++;
    judge->sum.event_bytes += len;
    session->heard_us = now_us;
    if (!scratch_fits(judge, len)) {
        judge->incomplete = true;
        return JUDGE_OTHER;
    }
    if (judge_event_parse(text, len, judge->scratch, &event) != STATUS_OK) {
        on_error(session, code, message, false);
        return JUDGE_OTHER;
    }
    if (!is_news(session, &event))
        return JUDGE_OTHER;
    switch (event.type) {
    case JUDGE_EVENT_STARTED: on_started(session, &event, now_us); return JUDGE_HEARD_STARTED;
    case JUDGE_EVENT_ACK: on_ack(session, &event, now_us); break;
    case JUDGE_EVENT_TRANSCRIPT: on_transcript(session, &event, now_us); break;
    case JUDGE_EVENT_TRANSLATION: on_translation(session, &event, now_us); break;
    case JUDGE_EVENT_GRAMMAR: on_grammar(session, &event, now_us); break;
    case JUDGE_EVENT_ERROR:
        on_error(session, event.code, event.message, event.fatal);
        return event.fatal ? JUDGE_HEARD_FATAL : JUDGE_OTHER;
    case JUDGE_EVENT_DEGRADED: on_degraded(session, false, now_us); break;
    case JUDGE_EVENT_RESTORED: on_degraded(session, true, now_us); break;
    case JUDGE_EVENT_GOAWAY: return JUDGE_HEARD_GOAWAY;
    case JUDGE_EVENT_ENDED: return JUDGE_HEARD_ENDED;
    case JUDGE_EVENT_OTHER: break;
    }
    return JUDGE_OTHER;
}

void judge_session_lost(struct judge_session *session, int64_t now_us)
{
    if (session->lost_us == 0)
        session->lost_us = now_us;
}

uint64_t judge_session_seq(const struct judge_session *session)
{
    return session->seq;
}

void judge_session_closed(struct judge_session *session, bool expected)
{
    if (!expected && !session->closed && !session->refused)
        session->judge->sum.sessions_lost++;
    session->closed = true;
    session_forget(session);
}

void judge_session_excuse(struct judge_session *session)
{
    session->excused = true;
}

uint64_t judge_session_finals(const struct judge_session *session)
{
    return session->finals;
}
