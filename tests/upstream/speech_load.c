/*
 * sotto-test-speech-load TARGET STREAMS SECONDS [BLOCK_MS] [CA_FILE]: what stt/client costs.
 * Streams of 24 kHz audio, their blocks evenly spread over time; prints CPU a message, memory a
 * stream and how long a block took to reach gRPC.
 */
#include "base/buf.h"
#include "base/clock.h"
#include "base/hist.h"
#include "base/mem.h"
#include "base/status.h"
#include "stt/client.h"
#include "stt/limits.h"
#include "stt/wire.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define RATE 24000

struct load {
    struct stt_client *client;
    unsigned streams, block_ms;
    struct stt_block *block;
    uint64_t sent, refused;
};

/* On the stt thread. */
static struct hist handover;
static _Atomic uint64_t responses, closed;
static int64_t *sent_us; /* a stream's newest block */

static void on_event(void *ctx, struct stt_event *event)
{
    if (event->kind == STT_EVENT_SENT)
        hist_add(&handover, event->at_us - sent_us[event->msg.session]);
    responses += event->kind == STT_EVENT_RESPONSE;
    if (event->kind == STT_EVENT_CLOSED && closed++ == 0)
        fprintf(stderr, "closed: %d %s\n", event->grpc_status, event->details);
    event->msg.free_fn(&event->msg);
}

static int64_t cpu_us(int who)
{
    struct rusage usage;
    getrusage(who, &usage);
    return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * INT64_C(1000000) +
           usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
}

static void nap_until(int64_t at_us)
{
    struct timespec until = {at_us / 1000000, at_us % 1000000 * 1000};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
}

static void open_streams(struct load *load)
{
    struct stt_recognition_config config = {
        .rate = RATE, .language = "en-US", .interim_results = true};
    for (unsigned i = 0; i < load->streams; i++) {
        struct buf out;
        size_t len;
        buf_init(&out, STT_CONFIG_BYTES_MAX);
        stt_wire_google_v1.config_write(&config, &out);
        char *bytes = buf_take(&out, &len);
        if (stt_client_open(load->client, i, 1,
                            &(struct stt_request){.bytes = bytes, .len = len}) != 0)
            exit(1);
        nap_until(clock_mono_us() + 500);
    }
}

/* From one stream to the next that speaks, so that each has its turn and neighbours are on
 * different channels, as the blocks of a server's sessions are: else a channel's come all together.
 */
static unsigned stride(unsigned streams)
{
    unsigned step = streams * 3 / 8 + 1;
    for (;; step++) {
        unsigned a = streams, b = step;
        while (b != 0) {
            unsigned rest = a % b;
            a = b;
            b = rest;
        }
        if (a == 1)
            return step;
    }
}

/* One block for every stream in turn, the turn lasting block_ms. */
static void feed(struct load *load, int64_t until_us)
{
    unsigned step = stride(load->streams);
    int64_t step_us = load->block_ms * INT64_C(1000) / load->streams;
    int64_t next_us = clock_mono_us();
    for (unsigned stream = 0; next_us < until_us; stream = (stream + step) % load->streams) {
        nap_until(next_us);
        next_us += step_us;
        sent_us[stream] = clock_mono_us();
        if (stt_client_send(load->client, stream, 1, load->block) == 0)
            load->sent++;
        else
            load->refused++;
    }
}

static void report(const struct load *load, int64_t wall_us, int64_t own_us)
{
    printf("messages=%" PRIu64 " refused=%" PRIu64 " responses=%" PRIu64 " wall_s=%.1f\n",
           load->sent, load->refused, (uint64_t)responses, (double)wall_us / 1e6);
    printf("cpu_us_a_message=%.1f cores=%.3f\n",
           (double)own_us / (double)(load->sent > 0 ? load->sent : 1),
           (double)own_us / (double)wall_us);
    printf("handover_us p50=%" PRIu64 " p99=%" PRIu64 " max=%" PRIu64 "\n",
           hist_quantile(&handover, 0.5), hist_quantile(&handover, 0.99), handover.max);
}

int main(int argc, char **argv)
{
    if (argc < 4) {
        fprintf(stderr, "usage: %s TARGET STREAMS SECONDS [BLOCK_MS] [CA_FILE]\n", argv[0]);
        return 2;
    }
    struct load load = {.streams = (unsigned)strtoul(argv[2], NULL, 10),
                        .block_ms = argc > 4 ? (unsigned)strtoul(argv[4], NULL, 10) : 100};
    struct stt_client_config config = {.target = argv[1],
                                       .plaintext = argc<6, .ca_file = argc> 5 ? argv[5] : NULL,
                                       .channels_max = 64,
                                       .streams_per_channel = 80,
                                       .open_timeout_ms = 10000};
    uint32_t bytes = RATE * 2 / 1000 * load.block_ms;
    void *pcm = mem_calloc(1, bytes);
    sent_us = mem_calloc(load.streams + 1, sizeof *sent_us);
    load.block = stt_block_create(pcm, bytes, 0);
    if (stt_client_create(&load.client, &(struct stt_providers){&config, 1}, on_event, NULL) != 0)
        return 1;
    nap_until(clock_mono_us() + 1000000);
    int64_t seconds_us = (int64_t)strtoul(argv[3], NULL, 10) * 1000000;
    struct rusage before, after;
    int64_t idle_cpu_us = cpu_us(RUSAGE_SELF);
    getrusage(RUSAGE_SELF, &before);
    nap_until(clock_mono_us() + 5000000);
    getrusage(RUSAGE_SELF, &after);
    printf("idle: switches_a_second=%.1f cpu_us_a_second=%.0f\n",
           (double)(after.ru_nvcsw - before.ru_nvcsw) / 5,
           (double)(cpu_us(RUSAGE_SELF) - idle_cpu_us) / 5);

    size_t rss = mem_rss();
    if (load.streams > 0) {
        open_streams(&load);
        feed(&load, clock_mono_us() + 2000000);
        printf("rss_bytes_a_stream=%zu\n", (mem_rss() - rss) / load.streams);
        load.sent = 0;
        hist_reset(&handover);
        int64_t start_us = clock_mono_us();
        int64_t cpu_start = cpu_us(RUSAGE_SELF) - cpu_us(RUSAGE_THREAD);
        feed(&load, start_us + seconds_us);
        report(&load, clock_mono_us() - start_us,
               cpu_us(RUSAGE_SELF) - cpu_us(RUSAGE_THREAD) - cpu_start);
        printf("rss_bytes_a_stream=%zu allocator=%s\n", (mem_rss() - rss) / load.streams,
               mem_allocator());
    }
    struct stt_client_stats stats;
    stt_client_stats(load.client, &stats);
    printf("channels=%" PRIu64 " open=%" PRIu64 " waiting=%" PRIu64 "\n", stats.channels,
           stats.calls_open, stats.waiting);
    stt_client_destroy(load.client);
    return 0;
}
