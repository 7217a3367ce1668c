/*
 * A session of the production core for tests: time is a variable, the speech API and the chat API
 * are the test, events are kept in the order they came.
 */
#pragma once

#include "base/mem.h"
#include "base/status.h"
#include "grammar/grammar.h"
#include "server/session_internal.h"
#include "stt/client.h"
#include "stt/codec.h"
#include "tests/check.h"
#include "translate/translate.h"

#define KIT_RATE   16000
#define KIT_EVENTS 512
#define KIT_ASKS   256
#define SECOND     1000000LL

struct kit_ask {
    uint32_t lane, ask, segment;
    bool grammar, final, cancelled;
    char target[8], text[64];
    char terms[96]; /* as the prompt would have them */
    struct lat lat;
};

struct kit {
    struct session *session;
    struct session_config config;
    struct client_settings settings; /* of the start */
    int64_t now_us, due_us;
    struct event *events[KIT_EVENTS];
    unsigned events_len;
    uint32_t call;
    unsigned calls, finished, cancelled;
    uint64_t sent;
    char opened[1024]; /* what the newest call was opened with */
    size_t opened_len;
    uint8_t heard[4096]; /* the first bytes given to the API */
    struct kit_ask asks[KIT_ASKS];
    unsigned asks_len;
    int ask_status;
};

static void kit_emit(void *ctx, struct event *event)
{
    struct kit *kit = ctx;
    CHECK(kit->events_len < KIT_EVENTS);
    kit->events[kit->events_len++] = event;
}

static int kit_open(void *ctx, uint32_t call, char *config, size_t len)
{
    struct kit *kit = ctx;
    kit->opened_len = len < sizeof kit->opened ? len : sizeof kit->opened;
    memcpy(kit->opened, config, kit->opened_len);
    mem_free(config);
    kit->call = call;
    kit->calls++;
    return STATUS_OK;
}

static int kit_send(void *ctx, uint32_t call, struct stt_block *block)
{
    struct kit *kit = ctx;
    uint64_t at = block->first_sample * 2;
    for (uint32_t i = 0; i < block->bytes && at + i < sizeof kit->heard; i++)
        kit->heard[at + i] = block->pcm[i];
    kit->sent = block->first_sample + block->bytes / 2;
    return STATUS_OK;
}

static int kit_finish(void *ctx, uint32_t call)
{
    ((struct kit *)ctx)->finished++;
    return STATUS_OK;
}

static int kit_cancel_call(void *ctx, uint32_t call)
{
    ((struct kit *)ctx)->cancelled++;
    return STATUS_OK;
}

static struct kit_ask *kit_ask_new(struct kit *kit)
{
    CHECK(kit->asks_len < KIT_ASKS);
    return &kit->asks[kit->asks_len++];
}

static int kit_translate(void *ctx, uint32_t lane, const struct translate_ask *ask)
{
    struct kit *kit = ctx;
    struct kit_ask *made = kit_ask_new(kit);
    *made = (struct kit_ask){
        .lane = lane, .ask = ask->ask, .segment = ask->segment, .final = ask->final};
    made->lat = ask->lat;
    snprintf(made->target, sizeof made->target, "%s", ask->target);
    snprintf(made->text, sizeof made->text, "%s", ask->text);
    char *terms = NULL;
    (void)translate_terms_match(ask->terms, ask->text, &terms);
    snprintf(made->terms, sizeof made->terms, "%s", terms != NULL ? terms : "");
    mem_free(terms);
    return kit->ask_status;
}

static int kit_grammar(void *ctx, uint32_t lane, const struct grammar_ask *ask)
{
    struct kit *kit = ctx;
    struct kit_ask *made = kit_ask_new(kit);
    *made = (struct kit_ask){.lane = lane,
                             .ask = ask->ask,
                             .segment = ask->segment,
                             .final = ask->final,
                             .grammar = true};
    made->lat = ask->lat;
    snprintf(made->target, sizeof made->target, "%s", ask->explain_in);
    snprintf(made->text, sizeof made->text, "%s", ask->text);
    return kit->ask_status;
}

static void kit_cancel(void *ctx, uint32_t lane, uint32_t ask)
{
    struct kit *kit = ctx;
    for (unsigned i = 0; i < kit->asks_len; i++)
        if (kit->asks[i].lane == lane && kit->asks[i].ask == ask)
            kit->asks[i].cancelled = true;
}

static const struct session_ops kit_ops = {kit_emit,    kit_open,        kit_send,
                                           kit_finish,  kit_cancel_call, kit_translate,
                                           kit_grammar, kit_cancel,      NULL};

static inline void kit_init(struct kit *kit)
{
    *kit = (struct kit){.now_us = 5 * SECOND};
    kit->config = (struct session_config){
        .limits = {.frame_bytes_max = FRAME_BYTES_MAX,
                   .audio_speed_max = AUDIO_SPEED_MAX,
                   .idle_ms = 30000,
                   .session_ms = 600000,
                   .targets_max = TARGETS_MAX,
                   .flush_ms = 5000,
                   .drain_ms = 4000},
        .block_ms = 100,
        .agreement = 2,
        .idle_close_ms = 8000,
        .ring_ms = 30000,
        .stream_soft_ms = 240000,
        .stream_hard_ms = 290000,
        .translate_gap_ms = 500,
        .grammar_gap_ms = 500,
        .partial_words = 2,
        .final_deadline_ms = 3000,
        .partial_deadline_ms = 2000,
        .ack_ms = 500,
    };
    kit->settings = (struct client_settings){.source = "en-US",
                                             .targets = {"es"},
                                             .targets_len = 1,
                                             .rate = KIT_RATE,
                                             .partials = true,
                                             .stability = STABILITY_MEDIUM,
                                             .explain_in = "",
                                             .class_name = "",
                                             .name = ""};
}

static inline int kit_create(struct kit *kit)
{
    struct client_message message = {.kind = CLIENT_START, .settings = kit->settings};
    struct session_start start = {.id = 1, .name = "kit", .message = &message, .seed = 7};
    kit->due_us = kit->now_us;
    int status = session_create(&kit->session, &start, &kit->config, &kit_ops, kit, kit->now_us);
    if (status == STATUS_OK)
        session_attach(kit->session, &(struct session_attach){.attach = 1, .first = true},
                       kit->now_us);
    return status;
}

static inline void kit_start(struct kit *kit)
{
    kit_init(kit);
    CHECK_EQ(kit_create(kit), STATUS_OK);
}

static inline void kit_end(struct kit *kit)
{
    if (kit->session != NULL)
        session_destroy(kit->session);
    for (unsigned i = 0; i < kit->events_len; i++)
        event_free(kit->events[i]);
}

static inline void kit_tick(struct kit *kit)
{
    kit->due_us = session_tick(kit->session, kit->now_us);
    CHECK(kit->due_us > kit->now_us);
}

/* Time passes, and what is due in it is done when it is due. */
static inline void kit_pass(struct kit *kit, int64_t us)
{
    int64_t until = kit->now_us + us;
    kit_tick(kit);
    while (kit->due_us <= until) {
        kit->now_us = kit->due_us;
        kit_tick(kit);
    }
    kit->now_us = until;
    kit_tick(kit);
}

/* Silence or speech, it is all the same here: `ms` of it in real time. */
static inline void kit_speak(struct kit *kit, int ms)
{
    static const uint8_t pcm[KIT_RATE / 10 * 2];
    for (; ms > 0; ms -= 100) {
        session_audio(kit->session, pcm, sizeof pcm, kit->now_us);
        kit_pass(kit, SECOND / 10);
    }
}

static inline void kit_event(struct kit *kit, struct stt_event event)
{
    event.call = kit->call;
    event.at_us = kit->now_us;
    session_stt(kit->session, &event, kit->now_us);
    kit_tick(kit);
}

/* The API accepts all it was given. */
static inline void kit_accept(struct kit *kit)
{
    kit_event(kit, (struct stt_event){.kind = STT_EVENT_SENT, .end_sample = kit->sent});
}

/* A result for the audio of the current call up to `end_ms` of it. */
static inline void kit_hear(struct kit *kit, const char *text, bool final, int64_t end_ms)
{
    struct stt_result result = {.is_final = final,
                                .result_end_us = end_ms * 1000,
                                .transcript = (char *)text,
                                .language = ""};
    struct stt_response response = {.error_message = "", .results = &result, .results_len = 1};
    kit_event(kit, (struct stt_event){.kind = STT_EVENT_RESPONSE, .response = &response});
}

static inline void kit_close(struct kit *kit, int grpc_status)
{
    kit_event(kit, (struct stt_event){.kind = STT_EVENT_CLOSED,
                                      .grpc_status = grpc_status,
                                      .details = (char *)"test"});
}

static inline void kit_message(struct kit *kit, struct client_message message)
{
    if (message.flush_id == NULL)
        message.flush_id = "";
    session_message(kit->session, &message, session_received(kit->session), kit->now_us);
    kit_tick(kit);
}

static inline void kit_flush(struct kit *kit, const char *id)
{
    kit_message(kit, (struct client_message){.kind = CLIENT_FLUSH, .flush_id = id});
}

static inline void kit_update(struct kit *kit, struct client_settings settings)
{
    settings.source = settings.class_name = settings.name = "";
    if (settings.explain_in == NULL)
        settings.explain_in = "";
    kit_message(kit, (struct client_message){.kind = CLIENT_UPDATE, .settings = settings});
}

/* The answer to the `index`th ask. */
static inline void kit_answer(struct kit *kit, unsigned index, const char *text)
{
    const struct kit_ask *ask = &kit->asks[index];
    struct grammar_result result = {0};
    struct session_answer answer = {.lane = ask->lane,
                                    .ask = ask->ask,
                                    .done = true,
                                    .partial = !ask->final,
                                    .lat = ask->lat,
                                    .text = text};
    CHECK(index < kit->asks_len);
    if (ask->grammar) {
        answer.status = grammar_diff(ask->text, text, &result);
        answer.result = answer.status == STATUS_OK ? &result : NULL;
    }
    session_answer(kit->session, &answer, kit->now_us);
    grammar_result_free(&result);
    kit_tick(kit);
}

static inline unsigned kit_count(const struct kit *kit, enum event_kind kind)
{
    unsigned count = 0;
    for (unsigned i = 0; i < kit->events_len; i++)
        count += kit->events[i]->kind == kind;
    return count;
}

/* The newest of its kind; a blank one when there is none. */
static inline const struct event *kit_last(const struct kit *kit, enum event_kind kind)
{
    static const struct event none = {.committed = "", .code = "", .id = "", .reason = ""};
    for (unsigned i = kit->events_len; i > 0; i--)
        if (kit->events[i - 1]->kind == kind)
            return kit->events[i - 1];
    CHECK(!"no such event");
    return &none;
}
