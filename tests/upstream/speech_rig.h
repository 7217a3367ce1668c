/*
 * A speech client, a scripted server on loopback, and what is seen between them.
 */
#pragma once

#include "base/buf.h"
#include "base/clock.h"
#include "base/mailbox.h"
#include "base/mem.h"
#include "base/status.h"
#include "stt/client.h"
#include "stt/limits.h"
#include "stt/wire.h"
#include "tests/check.h"
#include "tests/upstream/speech_server.h"
#include <sched.h>
#include <stdatomic.h>

#define WAIT_MS      20000
#define BLOCK_BYTES  3200 /* 100 ms at 16 kHz */
#define BLOCK_FRAMES (BLOCK_BYTES / 2)

/* A client, a server, and the events in between. */
struct rig {
    struct speech_server *server;
    struct stt_client *client;
    struct mailbox *events;
    char target[64];
};

/* Off the main thread there is no counting of checks: what fails there ends the program. */
#define NEED(expr)                                                                                 \
    do {                                                                                           \
        if (!(expr)) {                                                                             \
            fprintf(stderr, "%s:%d: NEED(%s)\n", __FILE__, __LINE__, #expr);                       \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

static inline void on_event(void *ctx, struct stt_event *event)
{
    struct rig *rig = ctx;
    NEED(mailbox_send(rig->events, &event->msg) == 0);
}

static inline struct stt_client_config client_config(const struct rig *rig)
{
    return (struct stt_client_config){.target = rig->target,
                                      .plaintext = true,
                                      .channels_max = 4,
                                      .streams_per_channel = 80,
                                      .open_timeout_ms = 10000};
}

static inline void rig_start(struct rig *rig, const struct speech_server_config *server)
{
    *rig = (struct rig){.events = mailbox_create(16384, NULL, NULL)};
    CHECK_EQ(speech_server_create(&rig->server, server), 0);
    snprintf(rig->target, sizeof rig->target, "127.0.0.1:%u", speech_server_port(rig->server));
}

static inline void rig_connect(struct rig *rig, const struct stt_client_config *config)
{
    const struct stt_providers providers = {config, 1};
    CHECK_EQ(stt_client_create(&rig->client, &providers, on_event, rig), 0);
}

static inline void rig_up(struct rig *rig, const struct speech_server_config *server)
{
    rig_start(rig, server);
    struct stt_client_config config = client_config(rig);
    rig_connect(rig, &config);
}

static inline void rig_down(struct rig *rig)
{
    stt_client_destroy(rig->client);
    speech_server_destroy(rig->server);
    mailbox_destroy(rig->events);
}

static inline void event_free(struct stt_event *event)
{
    event->msg.free_fn(&event->msg);
}

/* The next event, or the end of the program: nothing else would come. */
static inline struct stt_event *event_next(struct rig *rig)
{
    struct msg *msg = mailbox_wait(rig->events, WAIT_MS);
    if (msg == NULL) {
        fprintf(stderr, "no event came\n");
        abort();
    }
    return (struct stt_event *)msg;
}

/* Skips other events of the call; checks that it ends so. */
static inline void expect_closed(struct rig *rig, uint64_t session, uint32_t call, int grpc_status,
                                 const char *details)
{
    for (;;) {
        struct stt_event *event = event_next(rig);
        CHECK_EQ(event->msg.session, session);
        CHECK_EQ(event->call, call);
        bool closed = event->kind == STT_EVENT_CLOSED;
        if (closed) {
            CHECK_EQ(event->grpc_status, grpc_status);
            if (details != NULL)
                CHECK_STR(event->details, details);
        }
        event_free(event);
        if (closed)
            return;
    }
}

static inline void expect_silence(struct rig *rig)
{
    CHECK(mailbox_recv(rig->events) == NULL);
}

static inline struct stt_request request_make(unsigned provider)
{
    struct stt_recognition_config config = {
        .rate = 16000, .language = "en-US", .word_offsets = true, .interim_results = true};
    struct buf out;
    buf_init(&out, STT_CONFIG_BYTES_MAX);
    CHECK_EQ(stt_wire_google_v1.config_write(&config, &out), 0);
    struct stt_request request = {.provider = provider};
    request.bytes = buf_take(&out, &request.len);
    return request;
}

static inline void open_call(struct rig *rig, uint64_t session, uint32_t call)
{
    const struct stt_request request = request_make(0);
    CHECK_EQ(stt_client_open(rig->client, session, call, &request), 0);
}

static inline struct stt_block *block_make(uint64_t index)
{
    int16_t pcm[BLOCK_FRAMES];
    for (int i = 0; i < BLOCK_FRAMES; i++)
        pcm[i] = (int16_t)i;
    return stt_block_create(pcm, sizeof pcm, index * BLOCK_FRAMES);
}

static inline void send_block(struct rig *rig, uint64_t session, uint32_t call, uint64_t index)
{
    struct stt_block *block = block_make(index);
    CHECK_EQ(stt_client_send(rig->client, session, call, block), 0);
    stt_block_unref(block);
}

/* Waits for what other threads will surely do; a step is a look, not a nap. */
#define UNTIL(condition)                                                                           \
    do {                                                                                           \
        int64_t until_us__ = clock_mono_us() + WAIT_MS * INT64_C(1000);                            \
        while (!(condition) && clock_mono_us() < until_us__)                                       \
            sched_yield();                                                                         \
        CHECK(condition);                                                                          \
    } while (0)

static inline struct stt_client_stats stats_of(struct rig *rig)
{
    struct stt_client_stats stats;
    stt_client_stats(rig->client, &stats);
    return stats;
}

static inline struct speech_server_stats served(struct rig *rig)
{
    struct speech_server_stats stats;
    speech_server_stats(rig->server, &stats);
    return stats;
}

/* Sends `blocks` as fast as credit allows and half-closes; counts what comes until CLOSED. */
struct tally {
    unsigned sent, partials, finals;
    uint64_t end_sample;
    int64_t final_end_us;
    int status;
    char text[4096]; /* finals, joined */
};

static inline void tally_response(struct tally *tally, const struct stt_response *response)
{
    for (size_t i = 0; i < response->results_len; i++) {
        const struct stt_result *result = &response->results[i];
        if (!result->is_final) {
            tally->partials++;
            continue;
        }
        tally->finals++;
        CHECK(result->result_end_us > tally->final_end_us);
        tally->final_end_us = result->result_end_us;
        size_t len = strlen(tally->text);
        snprintf(tally->text + len, sizeof tally->text - len, "%s", result->transcript);
        CHECK(result->words_len > 0);
    }
}

static inline struct tally run_call(struct rig *rig, uint64_t session, uint32_t call,
                                    unsigned blocks)
{
    struct tally tally = {.status = -1};
    unsigned next = 0;
    int64_t at_us = 0;
    open_call(rig, session, call);
    while (tally.status < 0) {
        while (next < blocks && next - tally.sent < STT_CALL_BLOCKS_MAX) {
            send_block(rig, session, call, next++);
            if (next == blocks)
                CHECK_EQ(stt_client_finish(rig->client, session, call), 0);
        }
        struct stt_event *event = event_next(rig);
        CHECK_EQ(event->msg.session, session);
        CHECK_EQ(event->call, call);
        CHECK(event->at_us <= clock_mono_us());
        if (event->kind == STT_EVENT_SENT) {
            CHECK_EQ(event->end_sample, tally.end_sample + BLOCK_FRAMES);
            CHECK(event->at_us >= at_us);
            at_us = event->at_us;
            tally.end_sample = event->end_sample;
            tally.sent++;
        } else if (event->kind == STT_EVENT_RESPONSE) {
            tally_response(&tally, event->response);
        } else {
            tally.status = event->grpc_status;
        }
        event_free(event);
    }
    return tally;
}
