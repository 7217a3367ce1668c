#include "tests/upstream/speech_rig.h"

#include "base/thread.h"
#include "stt/breaker.h"
#include "stt/channel.h"
#include <arpa/inet.h>
#include <grpc/grpc.h>
#include <semaphore.h>
#include <sys/socket.h>
#include <unistd.h>

static void test_block(void)
{
    struct stt_block *block = block_make(7);
    CHECK_EQ(block->bytes, BLOCK_BYTES);
    CHECK_EQ(block->first_sample, 7 * BLOCK_FRAMES);
    CHECK_EQ(block->pcm[2], 1);
    CHECK(stt_block_ref(block) == block);
    CHECK_EQ(atomic_load(&block->refs), 2);
    stt_block_unref(block);
    CHECK_EQ(atomic_load(&block->refs), 1);
    stt_block_unref(block);
    stt_block_unref(NULL);
    int16_t pcm[2] = {0};
    mem_fail_nth(1);
    CHECK(stt_block_create(pcm, sizeof pcm, 0) == NULL);
    mem_fail_nth(0);
}

static void test_call(void)
{
    struct rig rig;
    rig_up(&rig, &(struct speech_server_config){.words = "to be or not", .final_every_ms = 1500});
    struct tally tally = run_call(&rig, 0x100000001, 1, 40);
    CHECK_EQ(tally.status, 0);
    CHECK_EQ(tally.sent, 40);
    CHECK_EQ(tally.finals, 3);
    CHECK(tally.partials >= 30);
    CHECK_EQ(tally.final_end_us, 4000000);
    CHECK_STR(tally.text, "to be or not to be or not to be or not to be");
    expect_silence(&rig);

    CHECK_EQ(served(&rig).audio_bytes, 40 * BLOCK_BYTES);
    CHECK_EQ(served(&rig).messages, 41);
    CHECK_EQ(served(&rig).half_closes, 1);
    CHECK_EQ(served(&rig).protocol_errors, 0);
    uint8_t request[512];
    struct stt_request sent = request_make(0);
    CHECK_EQ(speech_server_request(rig.server, request, sizeof request), sent.len);
    CHECK(memcmp(request, sent.bytes, sent.len) == 0);
    mem_free(sent.bytes);

    struct stt_client_stats stats = stats_of(&rig);
    CHECK_EQ(stats.calls_open, 0);
    CHECK_EQ(stats.calls_total, 1);
    CHECK_EQ(stats.channels, 1);
    CHECK_EQ(stats.blocks_sent, 40);
    CHECK_EQ(stats.bytes_sent, 40 * BLOCK_BYTES);
    CHECK_EQ(stats.responses, tally.partials + tally.finals);
    CHECK_EQ(stats.closed_by_status[0], 1);
    CHECK_EQ(stats.waiting, 0);
    rig_down(&rig);
}

static void test_call_without_audio(void)
{
    struct rig rig;
    rig_up(&rig, &(struct speech_server_config){0});
    open_call(&rig, 1, 1);
    CHECK_EQ(stt_client_finish(rig.client, 1, 1), 0);
    CHECK_EQ(stt_client_finish(rig.client, 1, 1), 0); /* twice is once */
    expect_closed(&rig, 1, 1, GRPC_STATUS_OK, "");
    expect_silence(&rig);
    rig_down(&rig);
}

static void test_late_final(void)
{
    struct rig rig;
    rig_up(&rig, &(struct speech_server_config){.latency_ms = 5, .late_final_ms = 80});
    int64_t before_us = clock_mono_us();
    struct tally tally = run_call(&rig, 1, 1, 5);
    CHECK_EQ(tally.status, 0);
    CHECK_EQ(tally.finals, 1);
    CHECK_STR(tally.text, "word1 word2");
    CHECK(clock_mono_us() - before_us >= 85000);
    rig_down(&rig);
}

static void test_fail_open(void)
{
    struct rig rig;
    rig_up(&rig, &(struct speech_server_config){.fail_open = GRPC_STATUS_INVALID_ARGUMENT});
    open_call(&rig, 1, 1);
    expect_closed(&rig, 1, 1, GRPC_STATUS_INVALID_ARGUMENT, "scripted refusal");
    CHECK_EQ(stats_of(&rig).closed_by_status[GRPC_STATUS_INVALID_ARGUMENT], 1);
    expect_silence(&rig);
    rig_down(&rig);
}

static void test_fail_mid_stream(void)
{
    struct rig rig;
    rig_up(&rig, &(struct speech_server_config){.fail_status = GRPC_STATUS_OUT_OF_RANGE,
                                                .fail_after_ms = 300});
    open_call(&rig, 1, 1);
    for (int i = 0; i < 5; i++)
        send_block(&rig, 1, 1, (uint64_t)i);
    expect_closed(&rig, 1, 1, GRPC_STATUS_OUT_OF_RANGE,
                  "Exceeded maximum allowed stream duration of 305 seconds.");
    /* The session did not know yet. */
    send_block(&rig, 1, 1, 5);
    CHECK_EQ(stt_client_finish(rig.client, 1, 1), 0);
    CHECK_EQ(stt_client_cancel(rig.client, 1, 1), 0);
    struct tally tally = {0};
    speech_server_script(rig.server, &(struct speech_server_config){0});
    tally = run_call(&rig, 1, 2, 3);
    CHECK_EQ(tally.status, 0);
    expect_silence(&rig);
    rig_down(&rig);
}

static void test_fail_in_response(void)
{
    struct rig rig;
    rig_up(&rig, &(struct speech_server_config){.fail_status = GRPC_STATUS_OUT_OF_RANGE,
                                                .fail_after_messages = 2,
                                                .fail_in_response = true});
    open_call(&rig, 1, 1);
    send_block(&rig, 1, 1, 0);
    send_block(&rig, 1, 1, 1);
    expect_closed(&rig, 1, 1, GRPC_STATUS_OUT_OF_RANGE,
                  "Exceeded maximum allowed stream duration of 305 seconds.");
    rig_down(&rig);
}

static void test_stream_limit(void)
{
    struct rig rig;
    rig_up(&rig, &(struct speech_server_config){.stream_limit_ms = 50});
    open_call(&rig, 1, 1);
    expect_closed(&rig, 1, 1, GRPC_STATUS_OUT_OF_RANGE, NULL);
    rig_down(&rig);
}

static void test_drop(void)
{
    struct rig rig;
    rig_up(&rig, &(struct speech_server_config){.mute = true});
    open_call(&rig, 1, 1);
    open_call(&rig, 2, 1);
    send_block(&rig, 1, 1, 0);
    UNTIL(served(&rig).messages == 3);
    speech_server_drop(rig.server);
    unsigned closed = 0;
    while (closed < 2) {
        struct stt_event *event = event_next(&rig);
        if (event->kind == STT_EVENT_CLOSED) {
            CHECK_EQ(event->grpc_status, GRPC_STATUS_UNAVAILABLE);
            closed++;
        }
        event_free(event);
    }
    speech_server_script(rig.server, &(struct speech_server_config){0});
    CHECK_EQ(run_call(&rig, 1, 2, 3).status, 0);
    rig_down(&rig);
}

static void test_cancel(void)
{
    struct rig rig;
    rig_up(&rig, &(struct speech_server_config){.mute = true});
    struct stt_block *block = block_make(0);
    open_call(&rig, 1, 1);
    for (int i = 0; i < STT_CALL_BLOCKS_MAX; i++)
        CHECK_EQ(stt_client_send(rig.client, 1, 1, block), 0);
    CHECK_EQ(stt_client_cancel(rig.client, 1, 1), 0);
    expect_closed(&rig, 1, 1, GRPC_STATUS_CANCELLED, NULL);
    expect_silence(&rig);
    /* Neither the queue nor gRPC keeps a block of a call that is over. */
    UNTIL(atomic_load(&block->refs) == 1);
    stt_block_unref(block);
    UNTIL(served(&rig).calls_open == 0);
    rig_down(&rig);
}

/* A peer that does not read: SENT stops soon, and with it the sender. */
static void test_flow_control(void)
{
    struct rig rig;
    rig_up(&rig, &(struct speech_server_config){.deaf = true});
    open_call(&rig, 1, 1);
    unsigned given = 0, sent = 0;
    struct msg *msg;
    do {
        while (given - sent < STT_CALL_BLOCKS_MAX && given < 200)
            send_block(&rig, 1, 1, given++);
        msg = mailbox_wait(rig.events, 200);
        if (msg != NULL) {
            sent += ((struct stt_event *)msg)->kind == STT_EVENT_SENT;
            msg->free_fn(msg);
        }
    } while (msg != NULL);
    /* HTTP/2 lends 64 KB a stream; gRPC takes somewhat more than STT_WRITE_BUFFER_BYTES beyond it.
     */
    CHECK(sent >= 65535 / BLOCK_BYTES);
    CHECK(sent <= 2 * 65535 / BLOCK_BYTES);
    CHECK_EQ(stt_client_cancel(rig.client, 1, 1), 0);
    expect_closed(&rig, 1, 1, GRPC_STATUS_CANCELLED, NULL);
    rig_down(&rig);
}

static void test_nobody_listens(void)
{
    struct rig rig;
    rig_start(&rig, &(struct speech_server_config){0});
    speech_server_destroy(rig.server);
    rig.server = NULL;
    struct stt_client_config config = client_config(&rig);
    rig_connect(&rig, &config);
    open_call(&rig, 1, 1);
    expect_closed(&rig, 1, 1, GRPC_STATUS_UNAVAILABLE, NULL);
    rig_down(&rig);
}

/* A peer that takes connections and never says a word of HTTP/2. */
static void test_open_timeout(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    CHECK_EQ(bind(fd, (struct sockaddr *)&address, len), 0);
    CHECK_EQ(listen(fd, 8), 0);
    CHECK_EQ(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    struct rig rig = {.events = mailbox_create(64, NULL, NULL)};
    snprintf(rig.target, sizeof rig.target, "127.0.0.1:%u", ntohs(address.sin_port));
    struct stt_client_config config = client_config(&rig);
    config.open_timeout_ms = 60;
    rig_connect(&rig, &config);
    int64_t before_us = clock_mono_us();
    open_call(&rig, 1, 1);
    open_call(&rig, 2, 1);
    UNTIL(stats_of(&rig).waiting == 2);
    expect_closed(&rig, 1, 1, GRPC_STATUS_DEADLINE_EXCEEDED, NULL);
    expect_closed(&rig, 2, 1, GRPC_STATUS_DEADLINE_EXCEEDED, NULL);
    CHECK(clock_mono_us() - before_us >= 60000);
    CHECK_EQ(stats_of(&rig).waiting, 0);
    rig_down(&rig);
    close(fd);
}

static void test_streams_exhausted(void)
{
    struct rig rig;
    rig_start(&rig, &(struct speech_server_config){0});
    struct stt_client_config config = client_config(&rig);
    config.channels_max = 2;
    config.streams_per_channel = 2;
    rig_connect(&rig, &config);
    for (uint64_t session = 1; session <= 5; session++)
        open_call(&rig, session, 1);
    expect_closed(&rig, 5, 1, GRPC_STATUS_RESOURCE_EXHAUSTED, NULL);
    CHECK_EQ(stats_of(&rig).channels, 2);
    CHECK_EQ(stats_of(&rig).calls_open, 4);
    for (uint64_t session = 1; session <= 4; session++) {
        CHECK_EQ(stt_client_finish(rig.client, session, 1), 0);
        expect_closed(&rig, session, 1, GRPC_STATUS_OK, NULL);
    }
    /* Streams are free again. */
    CHECK_EQ(run_call(&rig, 5, 2, 2).status, 0);
    CHECK_EQ(stats_of(&rig).channels, 2);
    rig_down(&rig);
}

/* The API may allow fewer streams than we were told: calls past them go to other channels, without
 * a word to their sessions, and lose nothing. */
static void narrow_peer(unsigned cap, unsigned calls)
{
    struct rig rig;
    rig_start(&rig, &(struct speech_server_config){.streams_max = cap, .mute = true});
    struct stt_client_config config = client_config(&rig);
    config.channels_max = 16;
    rig_connect(&rig, &config);
    for (uint64_t session = 1; session <= calls; session++) {
        open_call(&rig, session, 1);
        send_block(&rig, session, 1, 0);
        send_block(&rig, session, 1, 1);
    }
    UNTIL(served(&rig).calls_open == calls && stats_of(&rig).waiting == 0);
    UNTIL(stats_of(&rig).blocks_sent == 2 * calls);
    UNTIL(served(&rig).messages == 3 * calls);
    unsigned used = cap < config.streams_per_channel ? cap : config.streams_per_channel;
    CHECK_EQ(stats_of(&rig).providers[0].cap, used);
    CHECK_EQ(stats_of(&rig).channels, stt__channels_needed(calls, used));
    if (cap >= config.streams_per_channel)
        CHECK_EQ(stats_of(&rig).moved, 0);
    else
        CHECK(stats_of(&rig).moved >= calls - used);
    for (uint64_t session = 1; session <= calls; session++)
        CHECK_EQ(stt_client_cancel(rig.client, session, 1), 0);
    UNTIL(stats_of(&rig).closed_by_status[GRPC_STATUS_CANCELLED] == calls);
    CHECK_EQ(stats_of(&rig).calls_open, 0);
    rig_down(&rig);
}

static void test_narrow_peers(void)
{
    narrow_peer(1, 6);
    narrow_peer(2, 9);
    narrow_peer(100, 170);
}

/* What the pool is for: none of a thousand waits behind the hundred that a connection may have. */
static void test_thousand_streams(void)
{
    struct rig rig;
    rig_start(&rig, &(struct speech_server_config){.streams_max = 100, .mute = true});
    struct stt_client_config config = client_config(&rig);
    config.channels_max = 32;
    rig_connect(&rig, &config);
    for (uint64_t session = 1; session <= 1000; session++)
        open_call(&rig, session, 1);
    UNTIL(served(&rig).calls_open == 1000);
    UNTIL(stats_of(&rig).waiting == 0);
    CHECK_EQ(stats_of(&rig).channels, 13 + 1);
    CHECK_EQ(stats_of(&rig).moved, 0);
    CHECK_EQ(stats_of(&rig).providers[0].cap, 80);
    rig_down(&rig);
}

/* With no channel left to move to, it is said. */
static void test_narrow_peer_without_channels(void)
{
    struct rig rig;
    rig_start(&rig, &(struct speech_server_config){.streams_max = 1, .mute = true});
    struct stt_client_config config = client_config(&rig);
    config.channels_max = 1;
    rig_connect(&rig, &config);
    open_call(&rig, 1, 1);
    UNTIL(served(&rig).calls == 1);
    open_call(&rig, 2, 1);
    UNTIL(stats_of(&rig).waiting == 1);
    expect_closed(&rig, 2, 1, GRPC_STATUS_RESOURCE_EXHAUSTED, NULL);
    CHECK_EQ(stats_of(&rig).waiting, 0);
    CHECK_EQ(stats_of(&rig).calls_open, 1);
    rig_down(&rig);
}

/* A session may give up while its call is between two channels. */
static void test_cancelled_while_moving(void)
{
    struct rig rig;
    rig_start(&rig, &(struct speech_server_config){.streams_max = 1, .mute = true});
    struct stt_client_config config = client_config(&rig);
    config.channels_max = 1;
    rig_connect(&rig, &config);
    open_call(&rig, 1, 1);
    UNTIL(served(&rig).calls == 1);
    for (uint32_t call = 1; call <= 20; call++) {
        open_call(&rig, 2, call);
        int64_t until_us = clock_mono_us() + call * 50;
        while (clock_mono_us() < until_us && call < 20)
            sched_yield();
        if (call == 20)
            UNTIL(stats_of(&rig).moved > 0);
        CHECK_EQ(stt_client_cancel(rig.client, 2, call), 0);
        struct stt_event *event = event_next(&rig);
        CHECK_EQ(event->kind, STT_EVENT_CLOSED);
        CHECK(event->grpc_status == GRPC_STATUS_CANCELLED ||
              event->grpc_status == GRPC_STATUS_RESOURCE_EXHAUSTED);
        event_free(event);
    }
    rig_down(&rig);
}

/* GOAWAY: what is open goes on where it is, what is new goes elsewhere, and the old channel ends
 * with its last call. */
static void test_goaway(void)
{
    struct rig rig;
    rig_start(&rig, &(struct speech_server_config){.age_ms = 700, .mute = true});
    struct stt_client_config config = client_config(&rig);
    rig_connect(&rig, &config);
    open_call(&rig, 1, 1);
    UNTIL(served(&rig).calls_open == 1);
    UNTIL(stats_of(&rig).draining == 1);
    UNTIL(stats_of(&rig).channels == 1);
    send_block(&rig, 1, 1, 0);
    UNTIL(served(&rig).messages == 2);
    struct stt_event *sent = event_next(&rig);
    CHECK_EQ(sent->kind, STT_EVENT_SENT);
    event_free(sent);
    speech_server_script(rig.server, &(struct speech_server_config){0});
    CHECK_EQ(run_call(&rig, 2, 1, 3).status, 0);
    CHECK_EQ(stt_client_cancel(rig.client, 1, 1), 0);
    expect_closed(&rig, 1, 1, GRPC_STATUS_CANCELLED, NULL);
    UNTIL(stats_of(&rig).draining == 0);
    rig_down(&rig);
}

/* A peer that greets and then falls silent, as a machine does that was switched off. */
static void test_dead_peer(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    CHECK_EQ(bind(fd, (struct sockaddr *)&address, len), 0);
    CHECK_EQ(listen(fd, 8), 0);
    CHECK_EQ(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    struct rig rig = {.events = mailbox_create(64, NULL, NULL)};
    snprintf(rig.target, sizeof rig.target, "127.0.0.1:%u", ntohs(address.sin_port));
    struct stt_client_config config = client_config(&rig);
    config.keepalive_ms = 300;
    rig_connect(&rig, &config);
    int peer = accept(fd, NULL, NULL);
    static const uint8_t settings[9] = {0, 0, 0, 4, 0, 0, 0, 0, 0}; /* RFC 9113, 6.5: none */
    CHECK_EQ(write(peer, settings, sizeof settings), sizeof settings);
    open_call(&rig, 1, 1);
    send_block(&rig, 1, 1, 0);
    int64_t before_us = clock_mono_us();
    expect_closed(&rig, 1, 1, GRPC_STATUS_UNAVAILABLE, NULL);
    /* A third of the time for the answer to the ping, then it is over. */
    CHECK(clock_mono_us() - before_us < 4000000);
    rig_down(&rig);
    close(peer);
    close(fd);
}

/* google.rpc.Status with a google.rpc.RetryInfo of 7.5 s, behind a detail of another kind. */
static const uint8_t retry_info[] = "\x08\x08"
                                    "\x12\x05quota"
                                    "\x1a\x10\x0a\x0cx/y.Whatever\x12\x00"
                                    "\x1a\x36\x0a\x28type.googleapis.com/google.rpc.RetryInfo"
                                    "\x12\x0a\x0a\x08\x08\x07\x10\x80\xca\xb5\xee\x01";

static void test_retry_info(void)
{
    struct rig rig;
    rig_up(&rig, &(struct speech_server_config){.fail_open = GRPC_STATUS_RESOURCE_EXHAUSTED,
                                                .status_details = retry_info,
                                                .status_details_len = sizeof retry_info - 1});
    open_call(&rig, 1, 1);
    struct stt_event *event = event_next(&rig);
    CHECK_EQ(event->kind, STT_EVENT_CLOSED);
    CHECK_EQ(event->grpc_status, GRPC_STATUS_RESOURCE_EXHAUSTED);
    CHECK_EQ(event->retry_after_ms, 7500);
    event_free(event);
    rig_down(&rig);
}

/* A provider that fails for everybody is left alone, answers come from here, and it is found again
 * when it works. */
static void test_breaker(void)
{
    struct rig rig;
    rig_up(&rig, &(struct speech_server_config){.fail_open = GRPC_STATUS_UNAVAILABLE});
    CHECK_EQ(stt_client_healthy(rig.client), 1);
    for (uint32_t call = 1; call <= STT_BREAKER_TROUBLES; call++) {
        open_call(&rig, 1, call);
        expect_closed(&rig, 1, call, GRPC_STATUS_UNAVAILABLE, "scripted refusal");
    }
    CHECK_EQ(stt_client_healthy(rig.client), 0);
    CHECK_EQ(stats_of(&rig).providers[0].breaker, STT_BREAKER_OPEN);
    speech_server_script(rig.server, &(struct speech_server_config){0});
    open_call(&rig, 1, 100);
    struct stt_event *event = event_next(&rig);
    CHECK_EQ(event->kind, STT_EVENT_CLOSED);
    CHECK_EQ(event->grpc_status, GRPC_STATUS_UNAVAILABLE);
    CHECK(event->retry_after_ms > 0 &&
          event->retry_after_ms <= STT_BREAKER_OUTAGE_MS * 3 / 2 + STT_BREAKER_SPREAD_MS);
    event_free(event);
    CHECK_EQ(served(&rig).calls, STT_BREAKER_TROUBLES);
    CHECK_EQ(stats_of(&rig).providers[0].held_off, 1);
    UNTIL(stt_client_healthy(rig.client) == 1);
    CHECK_EQ(run_call(&rig, 1, 101, 3).status, GRPC_STATUS_OK);
    CHECK_EQ(stats_of(&rig).providers[0].breaker, STT_BREAKER_CLOSED);
    CHECK_EQ(stats_of(&rig).providers[0].trips, 1);
    rig_down(&rig);
}

/* Calls that have worked and end together are no trouble; nor is being full. */
static void test_breaker_is_fair(void)
{
    struct rig rig;
    rig_start(&rig, &(struct speech_server_config){0});
    struct stt_client_config config = client_config(&rig);
    config.channels_max = 1;
    config.streams_per_channel = 40;
    rig_connect(&rig, &config);
    for (uint64_t session = 1; session <= 40; session++) {
        open_call(&rig, session, 1);
        for (unsigned block = 0; block < 10; block++)
            send_block(&rig, session, 1, block);
    }
    for (unsigned answered = 0; answered < 40;) {
        struct stt_event *event = event_next(&rig);
        answered += event->kind == STT_EVENT_RESPONSE &&
                    event->response->results[0].is_final == 0 &&
                    event->response->results[0].result_end_us >= 1000000;
        event_free(event);
    }
    for (uint64_t session = 101; session <= 160; session++)
        open_call(&rig, session, 1);
    UNTIL(stats_of(&rig).closed_by_status[GRPC_STATUS_RESOURCE_EXHAUSTED] == 60);
    speech_server_drop(rig.server);
    UNTIL(stats_of(&rig).closed_by_status[GRPC_STATUS_UNAVAILABLE] == 40);
    CHECK_EQ(stats_of(&rig).providers[0].trips, 0);
    rig_down(&rig);
}

/* Each provider has channels and a breaker of its own. */
static void test_two_providers(void)
{
    struct rig first, second;
    rig_start(&first, &(struct speech_server_config){.fail_open = GRPC_STATUS_PERMISSION_DENIED});
    rig_start(&second, &(struct speech_server_config){0});
    struct stt_client_config configs[] = {client_config(&first), client_config(&second)};
    const struct stt_providers providers = {configs, 2};
    CHECK_EQ(stt_client_create(&first.client, &providers, on_event, &first), 0);
    CHECK_EQ(stt_client_healthy(first.client), 3);
    for (uint32_t call = 1; call <= STT_BREAKER_REFUSALS + 1; call++) {
        open_call(&first, 1, call);
        expect_closed(&first, 1, call, GRPC_STATUS_PERMISSION_DENIED, NULL);
    }
    CHECK_EQ(served(&first).calls, STT_BREAKER_REFUSALS);
    CHECK_EQ(stt_client_healthy(first.client), 2);
    struct stt_request request = request_make(1);
    CHECK_EQ(stt_client_open(first.client, 2, 1, &request), 0);
    UNTIL(served(&second).calls == 1);
    CHECK_EQ(stt_client_finish(first.client, 2, 1), 0);
    expect_closed(&first, 2, 1, GRPC_STATUS_OK, NULL);
    CHECK_EQ(stats_of(&first).providers_len, 2);
    CHECK_EQ(stats_of(&first).providers[1].calls_total, 1);
    CHECK_EQ(stats_of(&first).channels, 2);
    speech_server_destroy(second.server);
    mailbox_destroy(second.events);
    rig_down(&first);
}

static void test_malformed_response(void)
{
    struct rig rig;
    rig_up(&rig, &(struct speech_server_config){.malformed = true});
    open_call(&rig, 1, 1);
    send_block(&rig, 1, 1, 0);
    expect_closed(&rig, 1, 1, GRPC_STATUS_INTERNAL, status_text(STATUS_PROTOCOL));
    rig_down(&rig);
}

static void test_destroy_with_calls(void)
{
    struct rig rig;
    rig_up(&rig, &(struct speech_server_config){.mute = true});
    for (uint64_t session = 1; session <= 30; session++) {
        open_call(&rig, session, 1);
        send_block(&rig, session, 1, 0);
    }
    stt_client_destroy(rig.client);
    unsigned closed = 0;
    struct msg *msg;
    while ((msg = mailbox_recv(rig.events)) != NULL) {
        struct stt_event *event = (struct stt_event *)msg;
        if (event->kind == STT_EVENT_CLOSED) {
            CHECK_EQ(event->grpc_status, GRPC_STATUS_CANCELLED);
            closed++;
        }
        event_free(event);
    }
    CHECK_EQ(closed, 30);
    rig.client = NULL;
    rig_down(&rig);
}

/* The stt thread is held up in a callback: what does not fit is refused, and the caller keeps what
 * it gave. */
static sem_t held, gate;

static void on_event_gated(void *ctx, struct stt_event *event)
{
    if (event->kind == STT_EVENT_SENT) {
        sem_post(&held);
        sem_wait(&gate);
    }
    event_free(event);
}

static void test_mailbox_full(void)
{
    struct rig rig;
    rig_start(&rig, &(struct speech_server_config){.mute = true});
    struct stt_client_config config = client_config(&rig);
    sem_init(&held, 0, 0);
    sem_init(&gate, 0, 0);
    CHECK_EQ(
        stt_client_create(&rig.client, &(struct stt_providers){&config, 1}, on_event_gated, NULL),
        0);
    open_call(&rig, 1, 1);
    send_block(&rig, 1, 1, 0);
    sem_wait(&held);
    unsigned taken = 0;
    while (taken <= STT_COMMANDS_MAX && stt_client_finish(rig.client, 2, 1) == 0)
        taken++;
    CHECK_EQ(taken, STT_COMMANDS_MAX);
    struct stt_block *block = block_make(1);
    CHECK_EQ(stt_client_send(rig.client, 1, 1, block), STATUS_FULL);
    CHECK_EQ(atomic_load(&block->refs), 1);
    stt_block_unref(block);
    struct stt_request request = request_make(0);
    CHECK_EQ(stt_client_open(rig.client, 3, 1, &request), STATUS_FULL);
    mem_free(request.bytes);
    CHECK_EQ(stt_client_cancel(rig.client, 1, 1), STATUS_FULL);
    sem_post(&gate);
    rig_down(&rig);
    sem_destroy(&held);
    sem_destroy(&gate);
}

static void on_closed_gated(void *ctx, struct stt_event *event)
{
    (void)ctx;
    bool closed = event->kind == STT_EVENT_CLOSED;
    event_free(event);
    if (closed) {
        sem_post(&held);
        sem_wait(&gate);
    }
}

static void *destroy_run(void *client)
{
    stt_client_destroy(client);
    return NULL;
}

/* What is still queued when the last call has ended must not put the thread to sleep for good. */
static void test_destroy_with_commands(void)
{
    struct rig rig;
    rig_start(&rig, &(struct speech_server_config){.fail_open = GRPC_STATUS_INVALID_ARGUMENT});
    struct stt_client_config config = client_config(&rig);
    sem_init(&held, 0, 0);
    sem_init(&gate, 0, 0);
    CHECK_EQ(
        stt_client_create(&rig.client, &(struct stt_providers){&config, 1}, on_closed_gated, NULL),
        0);
    open_call(&rig, 1, 1);
    sem_wait(&held);
    CHECK_EQ(stt_client_finish(rig.client, 1, 1), 0);
    CHECK_EQ(stt_client_cancel(rig.client, 1, 1), 0);
    pthread_t destroyer;
    CHECK_EQ(thread_start(&destroyer, "destroyer", destroy_run, rig.client), 0);
    UNTIL(stt_client_finish(rig.client, 1, 1) != 0);
    for (int i = 0; i < 1000; i++) /* it has yet to say that it stops */
        sched_yield();
    sem_post(&gate);
    pthread_join(destroyer, NULL);
    rig.client = NULL;
    rig_down(&rig);
    sem_destroy(&held);
    sem_destroy(&gate);
}

static void test_no_memory(void)
{
    struct rig rig;
    rig_up(&rig, &(struct speech_server_config){0});
    struct stt_request request = request_make(0);
    for (unsigned nth = 1; nth <= 2; nth++) {
        mem_fail_nth(nth);
        CHECK_EQ(stt_client_open(rig.client, 1, 1, &request), STATUS_NOMEM);
    }
    struct stt_block *block = block_make(0);
    mem_fail_nth(1);
    CHECK_EQ(stt_client_send(rig.client, 1, 1, block), STATUS_NOMEM);
    CHECK_EQ(atomic_load(&block->refs), 1);
    mem_fail_nth(1);
    CHECK_EQ(stt_client_finish(rig.client, 1, 1), STATUS_NOMEM);
    mem_fail_nth(0);
    stt_block_unref(block);
    mem_free(request.bytes);
    rig_down(&rig);
}

/* Four senders, fifty sessions each, every one with its own order; one block is shared by all. */
#define SENDERS       4
#define SENDER_CALLS  50
#define SENDER_BLOCKS 12

struct sender {
    struct rig *rig;
    struct stt_block *shared;
    struct stt_request request; /* is copied for each call */
    unsigned number;
    pthread_t thread;
};

static struct stt_request request_copy(const struct stt_request *request)
{
    struct stt_request copy = {.bytes = mem_alloc(request->len), .len = request->len};
    NEED(copy.bytes != NULL);
    memcpy(copy.bytes, request->bytes, request->len);
    return copy;
}

static void *sender_run(void *ctx)
{
    struct sender *sender = ctx;
    struct stt_client *client = sender->rig->client;
    uint64_t first = sender->number * 1000;
    for (unsigned i = 0; i < SENDER_CALLS; i++) {
        struct stt_request request = request_copy(&sender->request);
        NEED(stt_client_open(client, first + i, 1, &request) == 0);
    }
    for (unsigned block = 0; block < SENDER_BLOCKS; block++)
        for (unsigned i = 0; i < SENDER_CALLS; i++)
            NEED(stt_client_send(client, first + i, 1, sender->shared) == 0);
    for (unsigned i = 0; i < SENDER_CALLS; i++)
        NEED(stt_client_finish(client, first + i, 1) == 0);
    return NULL;
}

static void test_many_senders(void)
{
    struct rig rig;
    rig_up(&rig, &(struct speech_server_config){.latency_ms = 1});
    struct stt_block *shared = block_make(0);
    struct stt_request request = request_make(0);
    struct sender senders[SENDERS];
    for (unsigned i = 0; i < SENDERS; i++) {
        senders[i] =
            (struct sender){.rig = &rig, .shared = shared, .request = request, .number = i};
        CHECK_EQ(thread_start(&senders[i].thread, "sender", sender_run, &senders[i]), 0);
    }
    unsigned closed = 0, sent = 0, finals = 0;
    while (closed < SENDERS * SENDER_CALLS) {
        struct stt_event *event = event_next(&rig);
        sent += event->kind == STT_EVENT_SENT;
        if (event->kind == STT_EVENT_RESPONSE)
            finals += event->response->results[0].is_final;
        if (event->kind == STT_EVENT_CLOSED) {
            CHECK_EQ(event->grpc_status, 0);
            closed++;
        }
        event_free(event);
    }
    for (unsigned i = 0; i < SENDERS; i++)
        pthread_join(senders[i].thread, NULL);
    CHECK_EQ(sent, SENDERS * SENDER_CALLS * SENDER_BLOCKS);
    CHECK_EQ(finals, SENDERS * SENDER_CALLS);
    CHECK_EQ(served(&rig).audio_bytes,
             (uint64_t)SENDERS * SENDER_CALLS * SENDER_BLOCKS * BLOCK_BYTES);
    CHECK(stats_of(&rig).channels <= stt__channels_needed(SENDERS * SENDER_CALLS, 80));
    mem_free(request.bytes);
    UNTIL(atomic_load(&shared->refs) == 1);
    stt_block_unref(shared);
    rig_down(&rig);
}

int main(void)
{
    RUN(test_block);
    RUN(test_call);
    RUN(test_call_without_audio);
    RUN(test_late_final);
    RUN(test_fail_open);
    RUN(test_fail_mid_stream);
    RUN(test_fail_in_response);
    RUN(test_stream_limit);
    RUN(test_drop);
    RUN(test_cancel);
    RUN(test_flow_control);
    RUN(test_nobody_listens);
    RUN(test_open_timeout);
    RUN(test_streams_exhausted);
    RUN(test_narrow_peers);
    RUN(test_thousand_streams);
    RUN(test_narrow_peer_without_channels);
    RUN(test_cancelled_while_moving);
    RUN(test_goaway);
    RUN(test_dead_peer);
    RUN(test_retry_info);
    RUN(test_breaker);
    RUN(test_breaker_is_fair);
    RUN(test_two_providers);
    RUN(test_malformed_response);
    RUN(test_destroy_with_calls);
    RUN(test_mailbox_full);
    RUN(test_destroy_with_commands);
    RUN(test_no_memory);
    RUN(test_many_senders);
    return check_done();
}
