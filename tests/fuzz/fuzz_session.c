/*
 * Whole sessions: the bytes are a script of what the client, the speech API, the chat API, the
 * store and the clock do to the production core, one action after the other. After each of them
 * every promise to the client holds (tests/sim/promise.h), and so do the session's own bounds.
 *
 * The first bytes are the settings, then each action is a byte and its operands. With TRACE in the
 * environment it tells the story.
 */
#include "base/log.h"
#include "stt/codec.h"
#include "tests/fuzz/session_world.h"
#include <fcntl.h>

/* --- the client --- */

static const char *const langs[] = {"es", "de", "fr", "pt-BR", "zh", "ja", "ru", "it", "nl", "pl"};

static void targets_take(struct fuzz *f, struct client_settings *settings)
{
    uint32_t first = tape_below(&f->tape, 10);
    settings->targets_len = tape_below(&f->tape, TARGETS_MAX + 1);
    for (unsigned i = 0; i < settings->targets_len; i++)
        settings->targets[i] = langs[(first + i) % 10];
}

static struct client_settings settings_take(struct fuzz *f, unsigned has)
{
    static const char *words[] = {"cat", "\u00e9t\u00e9"};
    static struct glossary_entry glossary[] = {{"cat", "gato", "es"}, {"dog", "", ""}};
    uint32_t bits = tape_byte(&f->tape);
    struct client_settings settings = {.has = has,
                                       .source = "",
                                       .explain_in = bits & 4 ? "de" : "",
                                       .class_name = "",
                                       .name = "",
                                       .grammar = bits & 1,
                                       .partials = bits & 2,
                                       .stability = (enum stability)(1 + bits / 16 % 3)};
    if (has & HAS_TARGETS)
        targets_take(f, &settings);
    if ((has & HAS_VOCABULARY) && (bits & 8)) {
        settings.vocabulary = words;
        settings.vocabulary_len = 2;
    }
    if ((has & HAS_GLOSSARY) && (bits & 8)) {
        settings.glossary = glossary;
        settings.glossary_len = 2;
    }
    return settings;
}

static void give_audio(struct fuzz *f)
{
    static int16_t pcm[FRAME_BYTES_MAX / 2 + 2];
    size_t bytes = tape_word(&f->tape), room = session_room(f->session, f->now_us);
    bool waits = bytes > room;
    bytes = waits ? room : bytes;
    uint64_t first = f->given / 2, last = (f->given + bytes + 1) / 2;
    for (uint64_t at = first; at < last; at++)
        pcm[at - first] = sample_at(f, at);
    if (bytes > 0) {
        session_audio(f->session, (const uint8_t *)pcm + f->given % 2, bytes, f->now_us);
        f->given += f->session->ending || f->session->speech_refused ? 0 : bytes;
    }
    session_waiting(f->session, waits, f->now_us);
}

static void say(struct fuzz *f, const struct client_message *message)
{
    session_message(f->session, message, session_received(f->session), f->now_us);
}

static void give_flush(struct fuzz *f)
{
    char id[16];
    struct client_message message = {.kind = CLIENT_FLUSH, .flush_id = id};
    snprintf(id, sizeof id, "f%u", f->flush_serial++);
    if (!f->ending)
        promise_flush(&f->promise, id, session_received(f->session),
                      f->now_us + (int64_t)f->config.limits.flush_ms * MS);
    say(f, &message);
}

static void give_message(struct fuzz *f)
{
    static const enum client_kind kinds[] = {CLIENT_ACTIVITY, CLIENT_ACTIVITY, CLIENT_BAD,
                                             CLIENT_UNKNOWN, CLIENT_START};
    uint32_t bits = tape_byte(&f->tape);
    uint64_t back = tape_word(&f->tape);
    uint64_t received = session_received(f->session);
    struct client_message message = {.kind = kinds[bits % 5],
                                     .code = "bad_message",
                                     .problem = "nonsense",
                                     .flush_id = "",
                                     .speaking = bits & 64};
    message.audio_samples = bits & 128 ? received + back : back < received ? received - back : 0;
    if (message.kind == CLIENT_UNKNOWN)
        message.code = "unknown_type";
    say(f, &message);
}

static void give_update(struct fuzz *f)
{
    unsigned has = tape_byte(&f->tape) & 127;
    struct client_message message = {
        .kind = CLIENT_UPDATE, .flush_id = "", .settings = settings_take(f, has)};
    say(f, &message);
}

static void give_end(struct fuzz *f)
{
    struct client_message message = {.kind = CLIENT_END, .flush_id = ""};
    if (!f->ending)
        f->end_by_us = f->now_us + (int64_t)f->config.limits.drain_ms * MS;
    f->ending = true;
    say(f, &message);
}

/* --- the speech API --- */

static const char *const words[] = {"she",    "has",   "two",   "cats",          "and", "a",  "dog",
                                    "He,",    "goes",  "home.", "\u00e9t\u00e9", "we",  "go", "no",
                                    "\u6211", "don't", "?",     "Well"};

static const char *text_take(struct fuzz *f, char *out, size_t size)
{
    uint32_t count = tape_below(&f->tape, WORDS_MAX);
    size_t len = 0;
    out[0] = '\0';
    for (uint32_t i = 0; i < count; i++)
        len += (size_t)snprintf(out + len, size - len, "%s%s", i > 0 ? " " : "",
                                words[tape_below(&f->tape, sizeof words / sizeof words[0])]);
    return out;
}

static void give_stt(struct fuzz *f, uint32_t call, struct stt_event event)
{
    event.call = call;
    event.at_us = f->now_us;
    session_stt(f->session, &event, f->now_us);
}

/* The call a byte means: one that is open, or one that nobody knows. */
static struct fuzz_call *call_take(struct fuzz *f, uint32_t *id)
{
    uint32_t choice = tape_byte(&f->tape);
    struct fuzz_call *call = &f->calls[choice % CALLS_MAX];
    for (unsigned i = 0; i < CALLS_MAX && call->id == 0; i++)
        call = &f->calls[(choice + i) % CALLS_MAX];
    *id = call->id != 0 ? call->id : 1000 + choice;
    return call->id != 0 ? call : NULL;
}

static void give_sent(struct fuzz *f)
{
    uint32_t id;
    struct fuzz_call *call = call_take(f, &id);
    uint32_t all = tape_below(&f->tape, 4);
    if (call == NULL || call->sent >= call->given)
        return;
    uint64_t block = (uint64_t)f->config.block_ms * f->promise.rate / 1000;
    uint64_t end = all > 0 || call->sent + block > call->given ? call->given : call->sent + block;
    call->sent = end;
    give_stt(f, id, (struct stt_event){.kind = STT_EVENT_SENT, .end_sample = end});
}

struct fuzz_result {
    char text[512];
    struct stt_response_word words[4];
};

static struct stt_result result_take(struct fuzz *f, const struct fuzz_call *call,
                                     struct fuzz_result *out)
{
    uint32_t bits = tape_byte(&f->tape);
    uint64_t heard = call != NULL ? (call->sent - call->base) * 1000000 / f->promise.rate : 0;
    struct stt_result result = {.is_final = bits & 1,
                                .stability = bits & 2 ? 0.9f : 0.0f,
                                .transcript = text_take(f, out->text, sizeof out->text),
                                .language = bits & 4 ? "en-us" : ""};
    /* Mostly within what it has heard; else anything. */
    result.result_end_us = bits & 8 ? (int64_t)tape_word(&f->tape) * 1000 : (int64_t)heard;
    if (bits & 16) {
        int64_t step = result.result_end_us / 4;
        for (int i = 0; i < 4; i++)
            out->words[i] = (struct stt_response_word){words[i], i * step, (i + 1) * step};
        result.words = out->words;
        result.words_len = bits & 32 ? 4 : 2;
    }
    return result;
}

static void give_response(struct fuzz *f)
{
    static struct fuzz_result storage[3];
    struct stt_result results[3];
    uint32_t id, bits;
    struct fuzz_call *call = call_take(f, &id);
    bits = tape_byte(&f->tape);
    struct stt_response response = {.error_message = "", .results = results};
    response.results_len = bits & 3;
    for (size_t i = 0; i < response.results_len; i++)
        results[i] = result_take(f, call, &storage[i]);
    if ((bits & 12) == 12) {
        response.error_code = (int)(bits >> 4);
        response.error_message = "fuzz";
    }
    response.speech_event = bits & 16 ? (int)tape_below(&f->tape, 6) : 0;
    give_stt(f, id, (struct stt_event){.kind = STT_EVENT_RESPONSE, .response = &response});
}

static void give_closed(struct fuzz *f)
{
    char details[] = "fuzz";
    uint32_t id, status;
    struct fuzz_call *call = call_take(f, &id);
    status = tape_below(&f->tape, 17);
    struct stt_event event = {
        .kind = STT_EVENT_CLOSED, .grpc_status = (int)status, .details = details};
    event.retry_after_ms = tape_below(&f->tape, 4) * 700;
    if (call != NULL)
        *call = (struct fuzz_call){0};
    give_stt(f, id, event);
}

/* --- the chat API --- */

/* What a model says to that, read as the worker reads it. */
static void answer_read(struct fuzz *f, const struct fuzz_ask *ask, const char *said,
                        struct session_answer *answer, struct grammar_result *result, char **text)
{
    struct grammar_prompt grammar = {.model = "m", .language = "en-US", .text = ask->text};
    struct translate_prompt translate = {
        .model = "m", .source = "en-US", .target = ask->target, .text = ask->text};
    if (ask->grammar) {
        answer->status = tape_bit(&f->tape)
                             ? grammar_diff(ask->text, said, result)
                             : grammar_answer_read(&grammar, said, strlen(said), result);
        answer->result = answer->status == STATUS_OK ? result : NULL;
    } else {
        answer->status = translate_answer_read(&translate, said, strlen(said), text);
        answer->text = *text;
    }
}

static void give_answer(struct fuzz *f)
{
    static const int statuses[] = {
        STATUS_UNAVAILABLE, STATUS_PROTOCOL, STATUS_TRUNCATED, STATUS_FILTERED, STATUS_REFUSED,
        STATUS_TIMEOUT,     STATUS_BUDGET,   STATUS_NOMEM,     STATUS_FULL,     STATUS_CANCELLED};
    static char said[1024];
    uint32_t choice = tape_byte(&f->tape), bits = tape_byte(&f->tape);
    struct fuzz_ask *ask = &f->asks[(f->asks_next - 1 - choice % ASKS_MAX) % ASKS_MAX];
    struct grammar_result result = {0};
    char *text = NULL;
    if (!ask->used || ask->text == NULL)
        return;
    struct session_answer answer = {.lane = ask->lane,
                                    .ask = ask->ask,
                                    .done = true,
                                    .partial = !ask->final,
                                    .lat = ask->lat,
                                    .tokens_in = bits,
                                    .cached = bits & 128};
    lat_mark(&answer.lat, LAT_UPSTREAM, f->now_us);
    if ((bits & 3) == 3)
        answer.status = statuses[bits / 4 % 10];
    else
        answer_read(f, ask, text_take(f, said, sizeof said), &answer, &result, &text);
    /* A piece of a final that is streamed: more follows. */
    if (answer.status == STATUS_OK && !ask->grammar && ask->final && (bits & 3) == 2)
        answer.done = false;
    ask->used = !answer.done || (bits & 64);
    session_answer(f->session, &answer, f->now_us);
    grammar_result_free(&result);
    mem_free(text);
}

/* --- the clock --- */

static void check_bounds(struct fuzz *f)
{
    const struct session *session = f->session;
    uint64_t received = stt_stream_received(session->speech);
    uint64_t settled = stt_stream_settled(session->speech);
    heard_note(f);
    if (session->over || session->lost)
        return;
    assert(settled <= received);
    assert(received - settled <= (uint64_t)f->config.ring_ms * f->promise.rate / 1000);
    assert(session->speech_refused || f->ending || received == f->given / 2);
    for (unsigned i = 0; i < f->promise.flushes_len; i++)
        assert(f->promise.poor || f->now_us < f->promise.flushes[i].due_us);
    assert(!f->ending || f->promise.poor || f->now_us < f->end_by_us);
}

static void tick(struct fuzz *f)
{
    int64_t due_us = session_tick(f->session, f->now_us);
    assert(due_us > f->now_us);
    assert(due_us == INT64_MAX || !session_over(f->session));
    f->due_us = due_us;
    check_bounds(f);
}

/* Time passes, and what is due in it is done when it is due. */
static void pass(struct fuzz *f, int64_t us)
{
    int64_t until_us = f->now_us + us;
    tick(f);
    for (int i = 0; i < 10000 && f->due_us <= until_us; i++) {
        f->now_us = f->due_us;
        tick(f);
    }
    assert(f->due_us > until_us);
    f->now_us = until_us;
    tick(f);
}

static void give_time(struct fuzz *f)
{
    uint32_t bits = tape_byte(&f->tape);
    static const int64_t steps_ms[] = {1, 20, 150, 1500};
    pass(f, steps_ms[bits & 3] * (1 + (bits >> 2)) * MS);
}

/* --- coming back --- */

static void attach(struct fuzz *f, bool first)
{
    struct session_attach socket = {
        .resume_token = "t", .attach = ++f->attaches, .first = first, .durable = true};
    f->held = false;
    session_attach(f->session, &socket, f->now_us);
    for (unsigned i = 0; i < f->missed_len; i++) {
        if (!f->promise.over)
            promise_event(&f->promise, f->missed[i]);
        event_free(f->missed[i]);
    }
    f->missed_len = 0;
    if (!first)
        session_restate(f->session, f->now_us);
}

static void give_hold(struct fuzz *f)
{
    if (f->held) {
        attach(f, false);
        return;
    }
    f->held = true;
    session_hold(f->session, f->now_us);
    f->given &= ~1ull; /* half a sample is lost with its socket */
}

/* Names and places of what it owes, as the store tells them. */
static struct session_restore restore_of(struct fuzz *f, const struct client_settings *settings,
                                         struct session_final *finals)
{
    struct session_restore restore = {.epoch = f->promise.epoch + 1,
                                      .seq = f->seq,
                                      .age_us = f->now_us - f->began_us,
                                      .settled_samples = f->settled,
                                      .settled_exact = f->settled_exact,
                                      .finals = finals,
                                      .grammar_done = newest_of(f, "")->segment};
    for (uint32_t back = f->finals < FINALS_MAX ? f->finals : FINALS_MAX; back > 0; back--)
        finals[restore.finals_len++] = f->kept[(f->finals - back + 1) % FINALS_MAX];
    for (unsigned i = 0; i < settings->targets_len; i++)
        restore.targets_done[i] = newest_of(f, settings->targets[i])->segment;
    return restore;
}

/* The process is killed; another goes on with what the store has. */
static void give_restart(struct fuzz *f)
{
    if (f->ending || session_over(f->session) || f->settings == NULL || f->promise.poor)
        return;
    session_destroy(f->session);
    f->session = NULL;
    memset(f->calls, 0, sizeof f->calls);
    for (unsigned i = 0; i < ASKS_MAX; i++)
        f->asks[i].used = false;
    struct client_message *message = client_message_parse(f->settings, strlen(f->settings));
    assert(message != NULL && message->kind == CLIENT_START);
    struct session_final finals[FINALS_MAX];
    struct session_restore restore = restore_of(f, &message->settings, finals);
    struct session_start start = {.id = 1,
                                  .name = "fuzz",
                                  .subject = "",
                                  .restore = &restore,
                                  .message = message,
                                  .seed = f->speech};
    assert(session_create(&f->session, &start, &f->config, &ops, f, f->now_us) == STATUS_OK);
    client_message_free(message);
    attach(f, false);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void config_take(struct fuzz *f)
{
    struct tape *tape = &f->tape;
    uint32_t bits = tape_byte(tape);
    f->promise.rate = bits & 1 ? 8000 : 16000;
    f->config = (struct session_config){
        .limits = {.frame_bytes_max = FRAME_BYTES_MAX,
                   .audio_speed_max = AUDIO_SPEED_MAX,
                   .idle_ms = bits & 2 ? 20000 : 300000,
                   .session_ms = bits & 4 ? 60000 : 14400000,
                   .targets_max = TARGETS_MAX,
                   .flush_ms = 500 + 250 * (bits >> 6),
                   .drain_ms = 300 + 900 * (bits >> 6)},
        .punctuation = true,
        .block_ms = 20 + 20 * tape_below(tape, 10),
        .agreement = 1 + (bits >> 3 & 3),
        .idle_close_ms = 1500 + 100 * tape_below(tape, 64),
        .silence_close_ms = bits & 32 ? 3000 : 0,
        .ring_ms = 4000 + 100 * tape_byte(tape),
        .stream_soft_ms = 5000 + 1000 * tape_below(tape, 64),
        .translate_gap_ms = 100 * tape_below(tape, 8),
        .grammar_gap_ms = 100 * tape_below(tape, 8),
        .partial_words = 1 + tape_below(tape, 3),
        .eager = tape_bit(tape),
        .final_deadline_ms = 500 + 10 * tape_byte(tape),
        .partial_deadline_ms = 500,
        .ack_ms = 50 * tape_below(tape, 16),
    };
    f->config.stream_hard_ms = f->config.stream_soft_ms + 5000;
}

static int begin(struct fuzz *f)
{
    struct client_message message = {.kind = CLIENT_START, .flush_id = ""};
    message.settings = settings_take(f, 127);
    message.settings.source = "en-US";
    message.settings.rate = f->promise.rate;
    struct session_start start = {
        .id = 1, .name = "fuzz", .subject = "", .message = &message, .seed = f->speech};
    int status = session_create(&f->session, &start, &f->config, &ops, f, f->now_us);
    if (status == STATUS_OK)
        attach(f, true);
    return status;
}

/* One of the next allocations fails, and some behind it. */
static void give_shortage(struct fuzz *f)
{
    f->promise.poor = true;
    mem_fail_from(1 + tape_byte(&f->tape), 1 + tape_below(&f->tape, 40));
}

/* Only a client that is there can do these. */
static bool is_client(uint32_t what)
{
    return what <= 2 || (what >= 13 && what <= 15);
}

static void act(struct fuzz *f)
{
    uint32_t what = tape_below(&f->tape, 20);
    if (f->held && is_client(what))
        return;
    switch (what) {
    case 0:
    case 1:
    case 2: give_audio(f); break;
    case 3:
    case 4: give_sent(f); break;
    case 5:
    case 6:
    case 7: give_response(f); break;
    case 8:
    case 9: give_answer(f); break;
    case 10:
    case 11: give_time(f); break;
    case 12: give_closed(f); break;
    case 13: give_flush(f); break;
    case 14: give_update(f); break;
    case 15: give_message(f); break;
    case 16: f->refuse = (uint8_t)tape_byte(&f->tape); break;
    case 17: f->healthy = tape_byte(&f->tape); break;
    case 18: give_hold(f); break;
    default:
        switch (tape_below(&f->tape, 6)) {
        case 0:
            if (!f->held)
                give_end(f);
            break;
        case 1: session_goaway(f->session, 100 * tape_byte(&f->tape), f->now_us); break;
        case 2: session_storage(f->session, tape_bit(&f->tape), "full", f->now_us); break;
        case 3: give_shortage(f); break;
        case 4: give_restart(f); break;
        default: break;
        }
    }
}

/* Whatever has happened, it comes to an end in time. */
static void end(struct fuzz *f)
{
    mem_fail_nth(0);
    f->refuse = 0;
    if (f->held)
        attach(f, false);
    if (!session_over(f->session))
        give_end(f);
    for (int i = 0; i < 40 && !session_over(f->session); i++)
        pass(f, 500 * MS);
    assert(session_over(f->session) && f->promise.over);
}

/* What is short of memory says so, a thousand times a second. */
static void log_quiet(void)
{
    static bool done;
    if (!done)
        assert(log_init(LOG_LEVEL_ERROR, open("/dev/null", O_WRONLY | O_CLOEXEC)) == STATUS_OK);
    done = true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz *f = calloc(1, sizeof *f);
    log_quiet();
    f->tape = (struct tape){data, size};
    f->now_us = f->began_us = 5000000;
    f->healthy = UINT32_MAX;
    snprintf(f->promise.who, sizeof f->promise.who, "%zu bytes", size);
    config_take(f);
    for (int i = 0; i < 8; i++)
        f->speech = f->speech << 8 | tape_byte(&f->tape);
    assert(begin(f) == STATUS_OK);
    for (int i = 0; i < STEPS_MAX && f->tape.left > 0 && !session_over(f->session); i++) {
        act(f);
        tick(f);
    }
    end(f);
    session_destroy(f->session);
    for (unsigned i = 0; i < ASKS_MAX; i++)
        free(f->asks[i].text);
    for (unsigned i = 0; i < FINALS_MAX; i++)
        free((char *)f->kept[i].text);
    free(f->settings);
    promise_deinit(&f->promise);
    free(f);
    return 0;
}
