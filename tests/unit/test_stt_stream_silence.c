/*
 * Sessions that fall silent and speak again. The audio is a function of its position, so every
 * sample that is sent is checked; the provider hears an utterance on the call that hears its middle
 * and makes it final a second after its end, or at the half-close.
 */
#include "base/durations.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/status.h"
#include "stt/client.h"
#include "stt/codec.h"
#include "stt/stream.h"
#include "stt/stream_limits.h"
#include "tests/check.h"

#define RATE       8000
#define MS         (RATE / 1000)
#define FRAME_MS   100
#define CALLS      4096
#define UTTERANCES 512
#define CLOSE_MS   4000

struct utterance {
    uint64_t start, end;
    unsigned heard; /* calls that were given its middle */
    bool shown;     /* in a final */
};

struct call {
    bool opened, finished, over;
    uint64_t base, next, sent, final_to;
    int64_t finished_us;
};

struct world {
    struct stt_stream *stream;
    int64_t now_us;
    uint64_t position; /* of the next sample the client has */
    int noise;         /* amplitude */
    int voice;         /* amplitude */
    struct utterance utterances[UTTERANCES];
    unsigned utterances_len, next_shown;
    struct call calls[CALLS];
    unsigned calls_len; /* the last number + 1 */
    uint64_t settled, sent_ms;
    struct durations handover;
    bool lazy;    /* makes nothing final but at the end */
    int close_ms; /* from half-close to the end of the call */
    int close_status;
};

static struct world world;

static int16_t sample_at(uint64_t position)
{
    uint64_t mixed = (position + 1) * 0x9e3779b97f4a7c15;
    int sample = world.noise > 0 ? (int)(mixed >> 40) % (2 * world.noise + 1) - world.noise : 0;
    for (unsigned i = world.utterances_len; i-- > 0;) {
        const struct utterance *u = &world.utterances[i];
        if (position >= u->end)
            break;
        if (position >= u->start)
            sample += position / (RATE / 400) % 2 ? world.voice : -world.voice;
    }
    return (int16_t)sample;
}

static int on_open(void *ctx, uint32_t call, char *config, size_t len)
{
    mem_free(config);
    CHECK(call < CALLS);
    world.calls[call] = (struct call){.opened = true};
    world.calls_len = call + 1;
    return STATUS_OK;
}

static int on_send(void *ctx, uint32_t id, struct stt_block *block)
{
    struct call *call = &world.calls[id];
    uint32_t samples = block->bytes / 2;
    CHECK(call->opened && !call->finished);
    if (call->next == 0)
        call->base = call->next = call->sent = call->final_to = block->first_sample;
    CHECK_EQ(block->first_sample, call->next);
    unsigned wrong = 0;
    for (uint32_t i = 0; i < samples; i++) {
        int16_t sample;
        memcpy(&sample, block->pcm + 2 * i, 2);
        wrong += sample != sample_at(call->next + i);
    }
    CHECK_EQ(wrong, 0);
    call->next += samples;
    world.sent_ms += samples / MS;
    return STATUS_OK;
}

static int on_finish(void *ctx, uint32_t id)
{
    world.calls[id].finished = true;
    world.calls[id].finished_us = world.now_us;
    return STATUS_OK;
}

static int on_cancel(void *ctx, uint32_t id)
{
    world.calls[id].over = true;
    return STATUS_OK;
}

/* Every utterance once, in order, within the times of its segment. */
static void on_transcript(void *ctx, const struct stt_transcript *t)
{
    const char *text = t->committed;
    while (t->final && *text != '\0') {
        while (*text == ' ')
            text++;
        char *end;
        unsigned number = (unsigned)strtoul(text + 1, &end, 10);
        CHECK_EQ(number, world.next_shown);
        struct utterance *u = &world.utterances[number % UTTERANCES];
        CHECK(!u->shown);
        u->shown = true;
        world.next_shown = number + 1;
        text = end;
    }
}

static void on_settled(void *ctx, uint64_t samples)
{
    CHECK(samples > world.settled);
    world.settled = samples;
}

static void on_health(void *ctx, enum stt_health health, int status, const char *details,
                      uint32_t retry_ms)
{
}

static void begin(uint32_t close_ms)
{
    static const struct stt_stream_ops ops = {
        .open = on_open,
        .send = on_send,
        .finish = on_finish,
        .cancel = on_cancel,
        .transcript = on_transcript,
        .settled = on_settled,
        .health = on_health,
    };
    const struct stt_stream_config config = {
        .handover = &world.handover,
        .rate = RATE,
        .language = "en-US",
        .partials = true,
        .agreement = 2,
        .block_ms = 100,
        .idle_close_ms = 8000,
        .silence_close_ms = close_ms,
        .ring_ms = 30000,
        .stream_soft_ms = 240000,
        .stream_hard_ms = 290000,
        .seed = 7,
    };
    world = (struct world){.now_us = 1000000, .noise = 20, .voice = 2000, .close_ms = 150};
    CHECK_EQ(stt_stream_create(&world.stream, &config, &ops, NULL), STATUS_OK);
}

static void give(uint32_t id, struct stt_event event)
{
    event.call = id;
    event.at_us = world.now_us;
    stt_stream_event(world.stream, &event, world.now_us);
}

/* What the call has heard and not said yet, as one result. */
static void call_say(uint32_t id, bool final)
{
    struct call *call = &world.calls[id];
    char text[2048] = "";
    size_t len = 0;
    uint64_t end = 0;
    for (unsigned i = 0; i < world.utterances_len; i++) {
        const struct utterance *u = &world.utterances[i];
        uint64_t middle = (u->start + u->end) / 2;
        if (middle < call->final_to || middle < call->base || middle >= call->next)
            continue;
        len += (size_t)snprintf(text + len, sizeof text - len, "%su%u", len > 0 ? " " : "", i);
        end = u->end < call->next ? u->end : call->next;
    }
    if (len == 0)
        return;
    struct stt_result result = {.is_final = final,
                                .transcript = text,
                                .language = "",
                                .result_end_us = (int64_t)((end - call->base) * 1000000 / RATE)};
    struct stt_response response = {.error_message = "", .results = &result, .results_len = 1};
    if (final)
        call->final_to = end;
    give(id, (struct stt_event){.kind = STT_EVENT_RESPONSE, .response = &response});
}

/* A pause of a second is behind the newest utterance the call has heard. */
static bool call_paused(const struct call *call)
{
    for (unsigned i = 0; i < world.utterances_len; i++)
        if (world.utterances[i].start < call->next &&
            world.utterances[i].end + 1000 * MS > call->next)
            return false;
    return true;
}

static void calls_run(void)
{
    for (uint32_t id = 1; id < world.calls_len; id++) {
        struct call *call = &world.calls[id];
        if (!call->opened || call->over)
            continue;
        /* Frames are as long as blocks, so all blocks are. */
        while (call->sent < call->next) {
            call->sent += FRAME_MS * MS;
            give(id, (struct stt_event){.kind = STT_EVENT_SENT, .end_sample = call->sent});
        }
        bool ends = call->finished && world.now_us >= call->finished_us + world.close_ms * 1000;
        bool done = world.lazy && call_paused(call);
        if (ends || (!call->finished && !done))
            call_say(id, ends ? world.close_status == 0 : call_paused(call));
        if (!ends)
            continue;
        call->over = true;
        char details[] = "over";
        give(id, (struct stt_event){.kind = STT_EVENT_CLOSED,
                                    .grpc_status = world.close_status,
                                    .details = details});
    }
}

/* Time passes without audio. */
static void wait_ms(unsigned ms)
{
    for (unsigned i = 0; i < ms / 10; i++) {
        world.now_us += 10000;
        calls_run();
        stt_stream_tick(world.stream, world.now_us);
    }
}

/* The client sends `ms` of audio in real time: silence, or one utterance. */
static void audio_ms(unsigned ms, bool utterance)
{
    static int16_t pcm[FRAME_MS * MS];
    if (utterance) {
        CHECK(world.utterances_len < UTTERANCES);
        world.utterances[world.utterances_len++] =
            (struct utterance){.start = world.position, .end = world.position + ms * MS};
    }
    for (unsigned i = 0; i < ms / FRAME_MS; i++) {
        world.now_us += FRAME_MS * 1000;
        for (int k = 0; k < FRAME_MS * MS; k++)
            pcm[k] = sample_at(world.position++);
        CHECK(stt_stream_room(world.stream) >= sizeof pcm);
        CHECK_EQ(stt_stream_audio(world.stream, pcm, sizeof pcm, world.now_us), STATUS_OK);
        calls_run();
        stt_stream_tick(world.stream, world.now_us);
    }
}

static void quiet(unsigned ms)
{
    audio_ms(ms, false);
}

static void say(unsigned ms)
{
    audio_ms(ms, true);
}

static unsigned calls_live(void)
{
    unsigned live = 0;
    for (unsigned i = 1; i < world.calls_len; i++)
        live += world.calls[i].opened && !world.calls[i].over;
    return live;
}

static struct call *newest(void)
{
    return &world.calls[world.calls_len - 1];
}

/* The session ends: all that was said has been shown, once, and all is settled. */
static void end(void)
{
    stt_stream_end(world.stream, world.now_us);
    for (int i = 0; i < 300 && world.settled < world.position; i++)
        wait_ms(100);
    CHECK_EQ(world.settled, world.position);
    CHECK_EQ(world.next_shown, world.utterances_len);
    stt_stream_destroy(world.stream);
}

static void test_silence_closes_the_call_and_is_not_billed(void)
{
    begin(CLOSE_MS);
    say(1500);
    quiet(CLOSE_MS + 3500);
    CHECK(stt_stream_asleep(world.stream));
    wait_ms(200);
    CHECK_EQ(calls_live(), 0);
    uint64_t billed = stt_stream_billed_ms(world.stream);
    CHECK_EQ(billed, world.sent_ms);
    CHECK(billed <= 1500 + CLOSE_MS + 3500);
    quiet(60000);
    CHECK_EQ(stt_stream_billed_ms(world.stream), billed);
    CHECK_EQ(world.calls_len, 2);
    uint64_t all = 1500 + CLOSE_MS + 3500 + 60000;
    CHECK(stt_stream_skipped_ms(world.stream) + billed + STT_PREROLL_MS + FRAME_MS >= all);
    end();
}

static void test_the_onset_is_whole(void)
{
    begin(CLOSE_MS);
    quiet(10000);
    CHECK(stt_stream_asleep(world.stream));
    say(1000);
    CHECK(!stt_stream_asleep(world.stream));
    CHECK_EQ(calls_live(), 1);
    uint64_t start = world.utterances[0].start;
    CHECK(newest()->base + 300 * MS <= start);
    CHECK(newest()->base + (STT_PREROLL_MS + FRAME_MS) * MS >= start);
    quiet(3000);
    CHECK_EQ(world.next_shown, 1);
    end();
}

/* A pre-roll was complete long before it is sent: it has waited for somebody to speak. */
static void test_a_preroll_is_no_slow_handover(void)
{
    struct durations_sum before = {0}, after = {0};
    begin(CLOSE_MS);
    quiet(10000);
    durations_read(&world.handover, &before);
    say(1000);
    durations_read(&world.handover, &after);
    CHECK(after.count > before.count);
    CHECK_EQ(after.counts[DURATIONS_BUCKET_500000], before.counts[DURATIONS_BUCKET_500000]);
    CHECK_EQ(after.counts[DURATIONS_BUCKET_1000000], before.counts[DURATIONS_BUCKET_1000000]);
    end();
}

static void test_settled_follows_the_silence(void)
{
    begin(CLOSE_MS);
    quiet(10000);
    for (int i = 0; i < 100; i++) {
        quiet(100);
        CHECK(world.settled + (STT_PREROLL_MS + FRAME_MS) * MS >= world.position);
        CHECK(world.settled + 500 * MS <= world.position);
    }
    end();
}

/* Two hours of silence, in a room or with the microphone off, then speech. */
static void test_hours_of_silence_grow_nothing(void)
{
    for (int noise = 0; noise <= 20; noise += 20) {
        begin(CLOSE_MS);
        world.noise = noise;
        say(1500);
        quiet(20000);
        CHECK(stt_stream_asleep(world.stream));
        uint64_t held = stt_blocks_held_bytes(), allocations = mem_allocations();
        quiet(2 * 3600 * 1000);
        CHECK_EQ(stt_blocks_held_bytes(), held);
        CHECK(held <= 2 * (STT_PREROLL_MS + 3 * FRAME_MS) * MS);
        /* Blocks alone, which come from a slab: nothing else is asked for. */
        CHECK(mem_allocations() - allocations <= 2 * 36000 + 8);
        CHECK_EQ(world.calls_len, 2);
        CHECK(stt_stream_billed_ms(world.stream) < 20000);
        say(1500);
        CHECK_EQ(world.calls_len, 3);
        CHECK(newest()->base + 300 * MS <= world.utterances[1].start);
        quiet(3000);
        CHECK_EQ(world.next_shown, 2);
        end();
    }
}

static void test_flush_asleep_is_answered_at_once(void)
{
    begin(CLOSE_MS);
    quiet(10000);
    stt_stream_flush(world.stream, world.now_us);
    CHECK_EQ(world.settled, world.position);
    CHECK_EQ(calls_live(), 0);
    quiet(200);
    say(1000);
    /* There is no audio before the flush any more. */
    CHECK_EQ(newest()->base, world.utterances[0].start - 200 * MS);
    quiet(100);
    end();
}

/* What has just begun, too short to be sure of, is not thrown away by a flush. */
static void test_flush_in_a_beginning_streams_it(void)
{
    begin(CLOSE_MS);
    quiet(10000);
    unsigned calls = world.calls_len;
    /* Too short to wake. */
    world.utterances[world.utterances_len++] =
        (struct utterance){.start = world.position, .end = world.position + 60 * MS};
    quiet(100);
    CHECK(stt_stream_asleep(world.stream));
    stt_stream_flush(world.stream, world.now_us);
    CHECK_EQ(world.calls_len, calls + 1);
    wait_ms(1000);
    CHECK_EQ(world.settled, world.position);
    CHECK_EQ(world.next_shown, 1);
    end();
}

static void test_end_asleep(void)
{
    begin(CLOSE_MS);
    say(1000);
    quiet(10000);
    unsigned calls = world.calls_len;
    stt_stream_end(world.stream, world.now_us);
    CHECK_EQ(world.settled, world.position);
    CHECK_EQ(world.calls_len, calls);
    end();
}

/* Speech goes on before the call that was half-closed has ended. */
static void test_speech_while_the_last_call_drains(void)
{
    begin(CLOSE_MS);
    world.close_ms = 3000;
    say(1000);
    while (!stt_stream_asleep(world.stream))
        quiet(100);
    quiet(1500);
    CHECK_EQ(calls_live(), 1);
    say(1000);
    CHECK_EQ(calls_live(), 2);
    /* What lies between is left out. */
    CHECK(newest()->base > world.calls[world.calls_len - 2].next);
    CHECK(newest()->base + (STT_PREROLL_MS + FRAME_MS) * MS >= world.utterances[1].start);
    quiet(2000);
    say(1000);
    quiet(5000);
    CHECK_EQ(world.next_shown, 3);
    end();
}

/* The call fails while it is half-closed: nothing was owed, and nothing is lost. */
static void test_a_failed_close(void)
{
    begin(CLOSE_MS);
    world.close_status = 14;
    say(1000);
    quiet(CLOSE_MS + 3000);
    CHECK(stt_stream_asleep(world.stream));
    quiet(3000);
    world.close_status = 0;
    say(1000);
    quiet(20000);
    CHECK_EQ(world.next_shown, 2);
    CHECK(stt_stream_asleep(world.stream));
    CHECK_EQ(calls_live(), 0);
    end();
}

/* Words that are awaited keep it awake, and so do words where the gate hears nobody. */
static void test_what_is_owed_keeps_it_awake(void)
{
    begin(CLOSE_MS);
    world.noise = 4;
    world.voice = 5;
    quiet(2000);
    for (int i = 0; i < 20; i++) {
        say(1500);
        quiet(2500);
        CHECK(!stt_stream_asleep(world.stream));
    }
    CHECK(world.next_shown >= 19);
    quiet(4 * CLOSE_MS);
    CHECK(!stt_stream_asleep(world.stream));
    /* Not even then does it stream a microphone that is off. */
    world.noise = 0;
    quiet(20000);
    CHECK(stt_stream_asleep(world.stream));
    end();
}

/* A recogniser that leaves its words open is made to decide. */
static void test_words_left_open_are_closed(void)
{
    begin(CLOSE_MS);
    world.lazy = true;
    quiet(3500);
    say(1500);
    quiet(CLOSE_MS + 1500);
    CHECK(!stt_stream_asleep(world.stream));
    CHECK(stt_stream_segment_open(world.stream));
    quiet(STT_SETTLE_MS - 500);
    CHECK(stt_stream_asleep(world.stream));
    CHECK_EQ(world.next_shown, 1);
    quiet(5000);
    say(1500);
    quiet(500);
    end();
}

static void test_hints(void)
{
    begin(CLOSE_MS);
    quiet(3500); /* the room becomes known */
    say(1500);
    quiet(500);
    stt_stream_hint(world.stream, false, world.position);
    quiet(1000);
    CHECK(stt_stream_asleep(world.stream));
    stt_stream_hint(world.stream, false, world.position);
    say(1000);
    CHECK(!stt_stream_asleep(world.stream));
    quiet(10000);
    CHECK(stt_stream_asleep(world.stream));
    unsigned calls = world.calls_len;
    world.noise = 0;
    for (int i = 0; i < 300; i++) {
        stt_stream_hint(world.stream, true, world.position);
        quiet(100);
    }
    CHECK_EQ(world.calls_len, calls);
    end();
}

static void test_never_when_switched_off(void)
{
    begin(0);
    world.noise = 0;
    say(1000);
    quiet(60000);
    CHECK(!stt_stream_asleep(world.stream));
    CHECK_EQ(stt_stream_billed_ms(world.stream), 61000);
    CHECK_EQ(stt_stream_skipped_ms(world.stream), 0);
    end();
}

/* Whatever the pauses, hints, flushes and ends of calls: each utterance once, and in the end half
 * of the silence not billed. */
static void test_random_sessions(void)
{
    uint64_t silence_ms = 0, skipped_ms = 0;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct rng rng;
        rng_init(&rng, seed);
        begin((uint32_t)rng_range(&rng, 1000, 6000));
        world.close_ms = (int)rng_range(&rng, 10, 4000);
        world.noise = (int)rng_range(&rng, 0, 60);
        for (int i = 0; i < 40; i++) {
            unsigned pause = (unsigned)rng_range(&rng, 3, rng_below(&rng, 3) == 0 ? 300 : 40) * 100;
            for (unsigned ms = 0; ms < pause; ms += 300) {
                quiet(300);
                if (rng_below(&rng, 20) == 0)
                    stt_stream_hint(world.stream, rng_below(&rng, 2) == 0, world.position);
                if (rng_below(&rng, 50) == 0)
                    stt_stream_flush(world.stream, world.now_us);
            }
            silence_ms += pause;
            say((unsigned)rng_range(&rng, 3, 40) * 100);
        }
        skipped_ms += stt_stream_skipped_ms(world.stream);
        end();
        if (world.next_shown != world.utterances_len)
            fprintf(stderr, "seed %llu\n", (unsigned long long)seed);
    }
    CHECK(skipped_ms * 2 > silence_ms);
}

int main(void)
{
    RUN(test_silence_closes_the_call_and_is_not_billed);
    RUN(test_the_onset_is_whole);
    RUN(test_a_preroll_is_no_slow_handover);
    RUN(test_settled_follows_the_silence);
    RUN(test_hours_of_silence_grow_nothing);
    RUN(test_flush_asleep_is_answered_at_once);
    RUN(test_flush_in_a_beginning_streams_it);
    RUN(test_end_asleep);
    RUN(test_speech_while_the_last_call_drains);
    RUN(test_a_failed_close);
    RUN(test_what_is_owed_keeps_it_awake);
    RUN(test_words_left_open_are_closed);
    RUN(test_hints);
    RUN(test_never_when_switched_off);
    RUN(test_random_sessions);
    return check_done();
}
