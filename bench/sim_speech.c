/* What every stream of the simulated speech API hears, says and suffers; the wires are elsewhere.
 */
#include "bench/sim_speech.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/status.h"
#include "bench/script.h"
#include "bench/sim_latency.h"
#include "local/limits.h"
#include <assert.h>
#include <grpc/status.h>
#include <stdio.h>
#include <string.h>

#define NEVER         INT64_MAX
#define TICK_US       100000
#define LIMIT_HOLD_US 1000000 /* a stream limit stays so long after it last struck */
#define BROKEN_MS_MAX 3000    /* frame-level faults strike within so much audio */

/* -- a stream's life -- */

static void stream_on_timer(struct loop_timer *timer);

static int64_t at(int64_t from_us, int64_t seconds)
{
    return seconds > 0 ? from_us + seconds * 1000000 : NEVER;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t stream_silent_us(const struct sim_stream *stream)
{
    if (stream->finished || stream->idle_us == NEVER)
        return NEVER;
    return stream->heard_us + stream->idle_us;
}

/* Audio moves the end of silence away with every message: the timer only ever moves closer here,
 * and one that fires too early finds nothing due and is armed anew. */
static void stream_arm(struct sim_stream *stream)
{
    int64_t due_us = earlier(stream_silent_us(stream), earlier(stream->cut_us, stream->age_us));
    if (stream->ear != NULL && !stream->mute)
        due_us = earlier(due_us, sim_ear_due_us(stream->ear));
    if (due_us == NEVER)
        return;
    if (!loop_timer_armed(&stream->timer) || due_us < stream->timer.due_us)
        loop_timer_start(stream->speech->loop, &stream->timer, due_us, stream_on_timer);
}

void sim_stream_open(struct sim_stream *stream, struct sim_speech *speech)
{
    int64_t now_us = loop_now_us(speech->loop);
    *stream = (struct sim_stream){.speech = speech,
                                  .opened_us = now_us,
                                  .heard_us = now_us,
                                  .cut_us = at(now_us, speech->config->speech_cut_s),
                                  .idle_us = at(0, speech->config->speech_idle_s),
                                  .age_us = NEVER,
                                  .broken_bytes = NEVER};
    stream->next = speech->streams;
    if (stream->next != NULL)
        stream->next->prev = stream;
    speech->streams = stream;
    if (speech->wire->connections != NULL)
        speech->stats->speech.connections = speech->wire->connections(speech);
    stream_arm(stream);
}

void sim_stream_gone(struct sim_stream *stream)
{
    struct sim_speech *speech = stream->speech;
    loop_timer_stop(&stream->timer);
    if (stream->ear != NULL) {
        sim_ear_destroy(stream->ear);
        stream->ear = NULL;
        speech->stats->speech.streams_open--;
    }
    if (stream->prev != NULL)
        stream->prev->next = stream->next;
    else
        speech->streams = stream->next;
    if (stream->next != NULL)
        stream->next->prev = stream->prev;
}

void sim_stream_end(struct sim_stream *stream, int code, const char *text)
{
    struct sim_speech *speech = stream->speech;
    sim_stream_gone(stream);
    speech->wire->end(stream, code, text);
}

static bool stream_break_protocol(struct sim_stream *stream, const char *text)
{
    stream->speech->stats->speech.protocol_errors++;
    sim_stream_end(stream, GRPC_STATUS_INVALID_ARGUMENT, text);
    return false;
}

/* -- faults -- */

static bool strikes(struct sim_speech *speech, enum sim_fault fault, int64_t *argument)
{
    int64_t elapsed_ms = (loop_now_us(speech->loop) - speech->started_us) / 1000;
    return sim_fault_strikes(speech->faults, fault, elapsed_ms, &speech->rng, argument);
}

int64_t sim_speech_age_s(struct sim_speech *speech)
{
    int64_t seconds;
    return strikes(speech, SIM_FAULT_AGE, &seconds) ? seconds : 0;
}

/* After how much audio a fault that breaks a stream in the middle strikes it: somewhere within an
 * utterance, where there is something to lose. */
static void stream_break_at(struct sim_stream *stream, int64_t ms, enum sim_fault fault,
                            int64_t how)
{
    stream->broken = fault;
    stream->broken_how = how;
    stream->broken_bytes = ms * stream->rate / 1000 * 2;
}

/* Each of them has its occasion at every stream, also where another one has struck before. */
static void stream_draw_faults(struct sim_stream *stream, struct sim_ear_config *ear)
{
    static const enum sim_fault frames[] = {SIM_FAULT_GOAWAY, SIM_FAULT_RST, SIM_FAULT_TCP_RESET};
    struct sim_speech *speech = stream->speech;
    int64_t argument;
    if (strikes(speech, SIM_FAULT_CUT, &argument))
        stream->cut_us = at(stream->opened_us, argument);
    if (strikes(speech, SIM_FAULT_IDLE, &argument))
        stream->idle_us = at(0, argument);
    if (strikes(speech, SIM_FAULT_LATE, &argument))
        ear->late_final_ms = (uint32_t)argument;
    if (strikes(speech, SIM_FAULT_NO_FINAL, &argument))
        ear->lose_last_final = true;
    if (strikes(speech, SIM_FAULT_SPEECH_MUTE, &argument))
        stream->mute = true;
    if (speech->wire->strike != NULL && strikes(speech, SIM_FAULT_AGE, &argument))
        stream->age_us = at(stream->opened_us, argument);
    if (strikes(speech, SIM_FAULT_UNAVAILABLE, &argument))
        stream_break_at(stream, argument, SIM_FAULT_UNAVAILABLE, 0);
    for (size_t i = 0; i < sizeof frames / sizeof frames[0]; i++)
        if (speech->wire->strike != NULL && strikes(speech, frames[i], &argument))
            stream_break_at(stream, (int64_t)rng_below(&speech->rng, BROKEN_MS_MAX), frames[i],
                            argument);
}

/* A reason not to take this stream at all. */
static bool stream_refused(struct sim_stream *stream)
{
    struct sim_speech *speech = stream->speech;
    int64_t limit = speech->config->speech_sessions_max, code;
    bool full = limit > 0 && speech->stats->speech.streams_open >= (uint64_t)limit;
    if (full || strikes(speech, SIM_FAULT_EXHAUSTED, &code)) {
        sim_stream_end(stream, GRPC_STATUS_RESOURCE_EXHAUSTED,
                       "Resource has been exhausted (e.g. check quota).");
        return true;
    }
    if (strikes(speech, SIM_FAULT_STATUS, &code)) {
        sim_stream_end(stream, (int)code, "A simulated refusal.");
        return true;
    }
    return false;
}

/* True: the stream is gone. */
static bool stream_broken(struct sim_stream *stream)
{
    if (stream->heard_bytes < stream->broken_bytes)
        return false;
    if (stream->broken == SIM_FAULT_UNAVAILABLE) {
        sim_stream_end(stream, GRPC_STATUS_UNAVAILABLE, "The service is currently unavailable.");
    } else {
        sim_stream_gone(stream);
        stream->speech->wire->strike(stream, stream->broken, stream->broken_how);
    }
    return true;
}

/* -- what comes -- */

static void stream_count(struct sim_speech *speech)
{
    speech->stats->speech.streams++;
    uint64_t open = ++speech->stats->speech.streams_open;
    if (open > speech->stats->speech.streams_peak)
        speech->stats->speech.streams_peak = open;
}

static bool stream_listen(struct sim_stream *stream, const struct local_speech_config *request)
{
    struct sim_speech *speech = stream->speech;
    const struct sim_config *config = speech->config;
    struct sim_ear_config ear = {.seed = (uint64_t)config->seed,
                                 .partial_ms = (uint32_t)config->partial_ms,
                                 .endpoint_ms = (uint32_t)config->endpoint_ms,
                                 .utterance_max_ms = (uint32_t)config->utterance_max_ms,
                                 .tail_error = config->tail_error,
                                 .latency = speech->latency,
                                 .audit = speech->audit};
    stream->rate = request->rate;
    stream_draw_faults(stream, &ear);
    uint64_t seed = (uint64_t)config->seed + ++speech->next_seed;
    if (sim_ear_create(&stream->ear, &ear, request, seed) != 0) {
        sim_stream_end(stream, GRPC_STATUS_INTERNAL, "Out of memory.");
        return false;
    }
    stream_count(speech);
    stream_arm(stream);
    return true;
}

bool sim_stream_config(struct sim_stream *stream, const struct local_speech_config *config)
{
    stream->speech->stats->speech.messages++;
    stream->heard_us = loop_now_us(stream->speech->loop);
    if (stream->ear != NULL)
        return stream_break_protocol(
            stream, "Malformed orchestration: 'streaming_config' may be sent only once, in the "
                    "first message.");
    struct local_refusal refusal;
    if (local_speech_config_check(&stream->speech->check, config, &refusal) != 0)
        return stream_break_protocol(stream, refusal.text);
    if (config->encoding != LOCAL_ENCODING_LINEAR16)
        return stream_break_protocol(stream, "Invalid recognition 'config': the simulator hears "
                                             "LINEAR16 only.");
    return !stream_refused(stream) && stream_listen(stream, config);
}

bool sim_stream_audio(struct sim_stream *stream, const void *pcm, size_t bytes)
{
    struct sim_speech *speech = stream->speech;
    speech->stats->speech.messages++;
    if (stream->ear == NULL)
        return stream_break_protocol(stream,
                                     "Malformed orchestration: the first message must contain "
                                     "'streaming_config', audio follows it.");
    if (bytes > LOCAL_SPEECH_AUDIO_BYTES_MAX) {
        char text[LOCAL_SPEECH_TEXT_BYTES];
        snprintf(text, sizeof text,
                 "Audio chunk can be of a maximum of %d bytes. Received audio of %zu bytes "
                 "instead.",
                 LOCAL_SPEECH_AUDIO_BYTES_MAX, bytes);
        return stream_break_protocol(stream, text);
    }
    stream->heard_us = loop_now_us(speech->loop);
    stream->heard_bytes += (int64_t)bytes;
    speech->stats->speech.audio_bytes += bytes;
    sim_ear_hear(stream->ear, pcm, bytes, stream->heard_us);
    if (stream_broken(stream))
        return false;
    stream_arm(stream);
    return true;
}

bool sim_stream_message(struct sim_stream *stream, const void *bytes, size_t len)
{
    struct local_speech_request request;
    if (local_speech_request_read(bytes, len, &request) != 0)
        return stream_break_protocol(stream, "Malformed request: not a StreamingRecognizeRequest.");
    switch (request.kind) {
    case LOCAL_REQUEST_CONFIG: return sim_stream_config(stream, &request.config);
    case LOCAL_REQUEST_AUDIO: return sim_stream_audio(stream, request.audio, request.audio_len);
    case LOCAL_REQUEST_NONE: break;
    }
    return stream_break_protocol(
        stream, "Malformed request: neither 'streaming_config' nor 'audio_content' is set.");
}

void sim_stream_finish(struct sim_stream *stream)
{
    stream->speech->stats->speech.half_closes++;
    stream->finished = true;
    if (stream->ear == NULL) {
        stream_break_protocol(stream, "Malformed request: the stream ended before "
                                      "'streaming_config' was received.");
        return;
    }
    sim_ear_finish(stream->ear, loop_now_us(stream->speech->loop));
    if (!stream->mute && sim_ear_done(stream->ear))
        sim_stream_end(stream, GRPC_STATUS_OK, "");
    else
        stream_arm(stream);
}

/* -- what goes out, and when -- */

static void stream_say(struct sim_stream *stream, int64_t now_us)
{
    struct sim_stats *stats = stream->speech->stats;
    struct local_speech_response response;
    while (sim_ear_next(stream->ear, now_us, &response)) {
        stats->speech.results++;
        for (size_t i = 0; i < response.results_len; i++)
            stats->speech.finals += response.results[i].final;
        stream->speech->wire->respond(stream, &response);
    }
}

static void stream_cut(struct sim_stream *stream)
{
    char text[LOCAL_SPEECH_TEXT_BYTES];
    snprintf(text, sizeof text, "Exceeded maximum allowed stream duration of %lld seconds.",
             (long long)((stream->cut_us - stream->opened_us) / 1000000));
    sim_stream_end(stream, GRPC_STATUS_OUT_OF_RANGE, text);
}

static void stream_on_timer(struct loop_timer *timer)
{
    struct sim_stream *stream =
        (struct sim_stream *)((char *)timer - offsetof(struct sim_stream, timer));
    int64_t now_us = loop_now_us(stream->speech->loop);
    if (stream->ear != NULL && !stream->mute) {
        stream_say(stream, now_us);
        if (sim_ear_done(stream->ear)) {
            sim_stream_end(stream, GRPC_STATUS_OK, "");
            return;
        }
    }
    if (now_us >= stream->cut_us) {
        stream_cut(stream);
        return;
    }
    if (now_us >= stream_silent_us(stream)) {
        sim_stream_end(stream, GRPC_STATUS_ABORTED,
                       "Stream timed out after receiving no more client requests.");
        return;
    }
    if (now_us >= stream->age_us) {
        stream->age_us = NEVER;
        stream->speech->wire->age(stream);
    }
    stream_arm(stream);
}

/* -- faults of the whole server -- */

static void speech_on_tick(struct loop_timer *timer)
{
    struct sim_speech *speech =
        (struct sim_speech *)((char *)timer - offsetof(struct sim_speech, tick));
    int64_t now_us = loop_now_us(speech->loop), count;
    if (strikes(speech, SIM_FAULT_STREAMS, &count)) {
        speech->limited_us = now_us;
        speech->wire->limit_streams(speech, (unsigned)count);
    } else if (speech->limited_us != 0 && now_us - speech->limited_us >= LIMIT_HOLD_US) {
        speech->limited_us = 0;
        speech->wire->limit_streams(speech, (unsigned)speech->config->speech_streams_max);
    }
    loop_timer_start(speech->loop, timer, now_us + TICK_US, speech_on_tick);
}

/* Is this fault one of the list's? */
static bool listed(const char *list, enum sim_fault fault)
{
    const char *name = sim_fault_name(fault);
    size_t len = strlen(name);
    for (const char *item = list; *item != '\0'; item += strcspn(item, ",")) {
        item += strspn(item, ", ");
        if (strncmp(item, name, len) == 0 && strchr(":@, ", item[len]) != NULL)
            return true;
    }
    return false;
}

/* gRPC core owns its frames: what it cannot be made to do is better said than left out. */
static int check_faults(const struct sim_speech *speech, const char *list, char *error,
                        unsigned size)
{
    static const enum sim_fault frames[] = {SIM_FAULT_GOAWAY, SIM_FAULT_RST, SIM_FAULT_STREAMS,
                                            SIM_FAULT_TCP_RESET};
    if (speech->wire->strike != NULL)
        return 0;
    for (size_t i = 0; i < sizeof frames / sizeof frames[0]; i++) {
        if (!listed(list, frames[i]))
            continue;
        snprintf(error, size, "the fault \"%s\" needs --speech-server h2; gRPC core has no such",
                 sim_fault_name(frames[i]));
        return STATUS_INVALID;
    }
    if (speech->server != NULL && listed(list, SIM_FAULT_AGE)) {
        snprintf(error, size, "with --speech-server grpc, \"age\" can be set only at the start");
        return STATUS_INVALID;
    }
    return 0;
}

int sim_speech_faults(struct sim_speech *speech, const char *list, char *error, unsigned size)
{
    struct sim_fault_plan *faults;
    int status = check_faults(speech, list, error, size);
    if (status == 0)
        status = sim_fault_plan_create(&faults, list, SIM_SIDE_SPEECH, error, size);
    if (status != 0)
        return status;
    if (speech->faults != NULL)
        for (int fault = 0; fault < SIM_FAULTS; fault++)
            speech->struck[fault] += sim_fault_count(speech->faults, (enum sim_fault)fault);
    sim_fault_plan_destroy(speech->faults);
    speech->faults = faults;
    if (speech->limited_us != 0)
        speech->limited_us = 1; /* the new list decides at the next tick */
    return 0;
}

/* -- the whole -- */

static bool language_known(const char *tag)
{
    return script_word_text(0, tag) != NULL;
}

static void speech_free(struct sim_speech *speech)
{
    sim_fault_plan_destroy(speech->faults);
    sim_audit_destroy(speech->audit);
    sim_latency_destroy(speech->latency);
    mem_free(speech);
}

static void list_languages(struct sim_speech *speech)
{
    size_t len = 0;
    for (const char *const *tag = script_languages(); *tag != NULL; tag++)
        len += (size_t)snprintf(speech->languages + len, sizeof speech->languages - len, "%s%s",
                                len > 0 ? ", " : "", *tag);
    speech->check = (struct local_speech_server_config){.languages = speech->languages,
                                                        .language_known = language_known};
}

static int speech_prepare(struct sim_speech *speech, char *error, unsigned size)
{
    const struct sim_config *config = speech->config;
    if (strcmp(config->speech_server, "h2") == 0)
        speech->wire = &sim_wire_h2;
    else if (strcmp(config->speech_server, "grpc") == 0)
        speech->wire = &sim_wire_grpc;
    else {
        snprintf(error, size, "[speech] server must be h2 or grpc, not \"%s\"",
                 config->speech_server);
        return STATUS_INVALID;
    }
    int status = sim_latency_parse(config->speech_latency, &speech->latency, error, size);
    if (status == 0)
        status = sim_speech_faults(speech, config->speech_faults, error, size);
    speech->audit = sim_audit_create((uint64_t)config->seed);
    if (status == 0 && speech->audit == NULL)
        status = STATUS_NOMEM;
    return status;
}

int sim_speech_open(struct sim_speech **out, struct loop *loop, const struct sim_config *config,
                    struct sim_stats *stats)
{
    char error[256] = "";
    struct sim_speech *speech = mem_calloc(1, sizeof *speech);
    if (speech == NULL)
        return STATUS_NOMEM;
    speech->loop = loop;
    speech->config = config;
    speech->stats = stats;
    speech->started_us = loop_now_us(loop);
    rng_init(&speech->rng, (uint64_t)config->seed);
    list_languages(speech);
    int status = speech_prepare(speech, error, sizeof error);
    if (status == 0 && (status = speech->wire->open(speech)) != 0)
        snprintf(error, sizeof error, "cannot listen on 127.0.0.1:%lld: %s (see --speech-port)",
                 (long long)config->speech_port, status_text(status));
    if (status != 0) {
        fprintf(stderr, "sotto-sim: %s\n", error[0] != '\0' ? error : status_text(status));
        speech_free(speech);
        return status;
    }
    if (speech->wire->limit_streams != NULL)
        loop_timer_start(loop, &speech->tick, speech->started_us, speech_on_tick);
    *out = speech;
    return 0;
}

unsigned sim_speech_port(const struct sim_speech *speech)
{
    return speech->wire->port(speech);
}

static void speech_on_closed(void *ctx)
{
    struct sim_speech *speech = ctx;
    void (*on_closed)(void *) = speech->on_closed;
    void *closed_ctx = speech->closed_ctx;
    assert(speech->streams == NULL);
    speech_free(speech);
    on_closed(closed_ctx);
}

void sim_speech_close(struct sim_speech *speech, void (*on_closed)(void *ctx), void *ctx)
{
    speech->on_closed = on_closed;
    speech->closed_ctx = ctx;
    loop_timer_stop(&speech->tick);
    speech->wire->close(speech, speech_on_closed, speech);
}

void sim_speech_report(const struct sim_speech *speech, struct buf *out)
{
    struct sim_audit_sum sum;
    const char *comma = "";
    sim_audit_sum(speech->audit, &sum);
    buf_printf(out,
               "{\"heard\": {\"sessions\": %u, \"blocks\": %llu, \"repeated\": %llu, \"missing\": "
               "%llu, \"skipped_bytes\": %llu, \"strangers\": %llu}, \"faults\": {",
               sum.sessions, (unsigned long long)sum.blocks, (unsigned long long)sum.repeated,
               (unsigned long long)sum.missing, (unsigned long long)sum.skipped_bytes,
               (unsigned long long)sum.strangers);
    for (int fault = 0; fault < SIM_FAULTS; fault++) {
        uint64_t count =
            speech->struck[fault] + sim_fault_count(speech->faults, (enum sim_fault)fault);
        if (count == 0)
            continue;
        buf_printf(out, "%s\"%s\": %llu", comma, sim_fault_name((enum sim_fault)fault),
                   (unsigned long long)count);
        comma = ", ";
    }
    buf_puts(out, "}}");
}
