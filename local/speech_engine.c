#include "local/speech_engine.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/status.h"
#include "base/thread.h"
#include "local/limits.h"
#include "local/recognizer.h"
#include "local/recognizer_measure.h"
#include "local/speech_places.h"
#include "local/speech_session.h"
#include <assert.h>
#include <grpc/status.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define WAIT_STEP_MS  50 /* between two looks of speech that waits for a decoder */
#define DECODER_BYTES ((uint64_t)96 << 20) /* a decoder's memory where it cannot be measured */

struct chunk {
    struct chunk *next;
    size_t len;
    uint8_t bytes[];
};

enum speaker_state {
    SPEAKER_IDLE,    /* nothing to do */
    SPEAKER_QUEUED,  /* in the run queue */
    SPEAKER_RUNNING, /* on a thread, with no lock held */
    SPEAKER_WAITING  /* speech has begun, no decoder is free */
};

/* One call. Under the engine's lock but where noted. */
struct speaker {
    struct local_engine *engine;
    struct local_call *call;
    struct local_session *session; /* the running thread's */
    struct local_place place;
    struct speaker *run_next;
    enum speaker_state state;
    bool news; /* came while running */
    struct chunk *first, *last;
    bool finish, closed;
    bool finished, ended; /* the running thread's: finish passed on, call ended */
};

struct local_engine {
    pthread_mutex_t lock;
    pthread_cond_t work;
    bool stopping;
    struct speaker *run_first, *run_last;
    struct local_places places;
    int64_t look_us; /* of the next look at who waits */
    char *model_dir;
    pthread_t threads[LOCAL_DECODE_THREADS_MAX];
    unsigned threads_len;
};

static void engine_queue(struct local_engine *engine, struct speaker *speaker)
{
    assert(speaker->state != SPEAKER_QUEUED);
    speaker->state = SPEAKER_QUEUED;
    speaker->run_next = NULL;
    if (engine->run_first == NULL)
        engine->run_first = speaker;
    else
        engine->run_last->run_next = speaker;
    engine->run_last = speaker;
    pthread_cond_signal(&engine->work);
}

static struct speaker *speaker_of(struct local_place *place)
{
    return (struct speaker *)((char *)place - offsetof(struct speaker, place));
}

/* Something came for the speaker. */
static void speaker_notify(struct speaker *speaker)
{
    bool waits =
        speaker->state == SPEAKER_WAITING && !speaker->closed && speaker->place.held == NULL;
    if (speaker->state == SPEAKER_IDLE || (speaker->state == SPEAKER_WAITING && !waits))
        engine_queue(speaker->engine, speaker);
    else
        speaker->news = true;
}

static void speaker_on_given(struct local_place *place)
{
    speaker_notify(speaker_of(place));
}

/* Those who waited for too long hear it, and silent streams lend their decoders. */
static void engine_look(struct local_engine *engine)
{
    int64_t now_us = engine->places.waiting > 0 ? clock_mono_us() : 0;
    if (engine->places.waiting == 0 || now_us < engine->look_us)
        return;
    engine->look_us = now_us + WAIT_STEP_MS * 1000;
    local_places_look(&engine->places, now_us);
    for (struct local_place *place = engine->places.wait_first; place != NULL;
         place = place->wait_next) {
        struct speaker *speaker = speaker_of(place);
        if (speaker->state == SPEAKER_WAITING &&
            now_us - place->wait_us >= engine->places.wait_max_us)
            engine_queue(engine, speaker);
    }
}

static int speaker_create_decoder(struct speaker *speaker)
{
    struct local_engine *engine = speaker->engine;
    struct local_recognizer *made = NULL;
    int status = local_recognizer_create(&made, engine->model_dir);
    if (status == 0)
        LOG_INFO(LOG_LOCAL, 0, "decoder loaded", "rss_mb=%zu", mem_rss() >> 20);
    else
        LOG_WARN(LOG_LOCAL, 0, "decoder could not be loaded", "status=%s", status_name(status));
    pthread_mutex_lock(&engine->lock);
    local_place_created(&engine->places, &speaker->place, made, clock_mono_us());
    pthread_mutex_unlock(&engine->lock);
    return status == 0 ? 0 : STATUS_LIMIT;
}

static int speaker_take(void *ctx, struct local_recognizer **out)
{
    struct speaker *speaker = ctx;
    struct local_engine *engine = speaker->engine;
    bool create = false;
    pthread_mutex_lock(&engine->lock);
    int status = local_place_take(&engine->places, &speaker->place, clock_mono_us(), &create);
    pthread_mutex_unlock(&engine->lock);
    if (status == 0 && create)
        status = speaker_create_decoder(speaker);
    if (status == 0)
        *out = speaker->place.held; /* busy: nobody takes it from a running speaker */
    return status;
}

static void speaker_done(void *ctx)
{
    struct speaker *speaker = ctx;
    pthread_mutex_lock(&speaker->engine->lock);
    speaker->place.spoke_us = clock_mono_us();
    pthread_mutex_unlock(&speaker->engine->lock);
}

static void speaker_respond(void *ctx, const struct local_speech_response *response, bool droppable)
{
    struct speaker *speaker = ctx;
    local_call_respond(speaker->call, response, droppable);
}

static const struct local_session_ops session_ops = {
    .take = speaker_take, .done = speaker_done, .respond = speaker_respond};

static void speaker_end(struct speaker *speaker, int status)
{
    char text[LOCAL_SPEECH_TEXT_BYTES];
    speaker->ended = true;
    if (status == STATUS_CLOSED) {
        local_call_end(speaker->call, GRPC_STATUS_OK, "");
    } else if (status == STATUS_LIMIT) {
        snprintf(text, sizeof text,
                 "All %u speech decoders of this machine are in use. Try again when someone has "
                 "stopped speaking, or start with more (--decoders).",
                 speaker->engine->places.decoders);
        local_call_end(speaker->call, GRPC_STATUS_RESOURCE_EXHAUSTED, text);
    } else {
        snprintf(text, sizeof text, "Recognition failed: %s.", status_text(status));
        local_call_end(speaker->call, GRPC_STATUS_INTERNAL, text);
    }
}

/* The next piece of audio, or NULL. */
static struct chunk *speaker_next(struct speaker *speaker, bool *finish, bool *closed)
{
    pthread_mutex_lock(&speaker->engine->lock);
    struct chunk *chunk = speaker->first;
    if (chunk != NULL)
        speaker->first = chunk->next;
    speaker->news = speaker->first != NULL;
    *finish = chunk == NULL && speaker->finish;
    *closed = speaker->closed;
    if (speaker->ended)
        local_place_give(&speaker->engine->places, &speaker->place, clock_mono_us());
    pthread_mutex_unlock(&speaker->engine->lock);
    return chunk;
}

/* A turn: what the session still has, then one more piece of audio. Says where the speaker goes. */
static enum speaker_state speaker_turn(struct speaker *speaker, bool *closed)
{
    bool finish;
    int status = speaker->ended ? 0 : local_session_run(speaker->session);
    if (status == STATUS_FULL)
        return SPEAKER_QUEUED;
    if (status == STATUS_AGAIN)
        return SPEAKER_WAITING;
    if (status != 0)
        speaker_end(speaker, status);
    struct chunk *chunk = speaker_next(speaker, &finish, closed);
    status = 0;
    if (chunk != NULL) {
        if (!speaker->ended)
            status = local_session_audio(speaker->session, chunk->bytes, chunk->len);
        local_call_consumed(speaker->call, chunk->len);
        mem_free(chunk);
    } else if (finish && !speaker->finished) {
        speaker->finished = true;
        if (!speaker->ended)
            status = local_session_finish(speaker->session);
    } else {
        return SPEAKER_IDLE;
    }
    if (status != 0)
        speaker_end(speaker, status);
    return SPEAKER_QUEUED;
}

static void speaker_free(struct speaker *speaker)
{
    for (struct chunk *next, *chunk = speaker->first; chunk != NULL; chunk = next) {
        next = chunk->next;
        mem_free(chunk);
    }
    local_session_destroy(speaker->session);
    mem_free(speaker);
}

/* The call is over. Under the lock; the speaker is gone afterwards, the lock held again. */
static void engine_drop(struct local_engine *engine, struct speaker *speaker)
{
    struct local_call *call = speaker->call;
    local_place_close(&engine->places, &speaker->place, clock_mono_us());
    pthread_mutex_unlock(&engine->lock);
    speaker_free(speaker);
    local_call_release(call);
    pthread_mutex_lock(&engine->lock);
}

static void engine_run(struct local_engine *engine, struct speaker *speaker)
{
    bool closed = speaker->closed;
    enum speaker_state next = SPEAKER_IDLE;
    speaker->state = SPEAKER_RUNNING;
    speaker->place.busy = true;
    speaker->news = false;
    if (!closed) {
        pthread_mutex_unlock(&engine->lock);
        next = speaker_turn(speaker, &closed);
        pthread_mutex_lock(&engine->lock);
    }
    if (speaker->closed) {
        engine_drop(engine, speaker);
        return;
    }
    speaker->place.busy = local_session_speaking(speaker->session);
    if (next == SPEAKER_IDLE && speaker->news)
        next = SPEAKER_QUEUED;
    if (next == SPEAKER_WAITING && !speaker->place.waiting)
        next = SPEAKER_QUEUED; /* was given one meanwhile */
    if (next == SPEAKER_QUEUED)
        engine_queue(engine, speaker);
    else
        speaker->state = next;
}

/* Sleeps until there is work; speech that waits is looked at again every WAIT_STEP_MS. */
static void engine_sleep(struct local_engine *engine)
{
    if (engine->places.waiting == 0) {
        pthread_cond_wait(&engine->work, &engine->lock);
        return;
    }
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += WAIT_STEP_MS * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000L;
    }
    pthread_cond_timedwait(&engine->work, &engine->lock, &until);
}

static void *engine_thread(void *ctx)
{
    struct local_engine *engine = ctx;
    pthread_mutex_lock(&engine->lock);
    while (!engine->stopping) {
        engine_look(engine);
        struct speaker *speaker = engine->run_first;
        if (speaker == NULL) {
            engine_sleep(engine);
            continue;
        }
        engine->run_first = speaker->run_next;
        engine_run(engine, speaker);
    }
    pthread_mutex_unlock(&engine->lock);
    return NULL;
}

static int engine_open(void *ctx, struct local_call *call, const struct local_speech_config *config,
                       void **handle, struct local_refusal *refusal)
{
    struct local_engine *engine = ctx;
    struct speaker *speaker = mem_calloc(1, sizeof *speaker);
    int status = speaker != NULL
                     ? local_session_create(&speaker->session, config, &session_ops, speaker)
                     : STATUS_NOMEM;
    if (status != 0) {
        mem_free(speaker);
        refusal->code = GRPC_STATUS_INTERNAL;
        snprintf(refusal->text, sizeof refusal->text, "No session: %s.", status_text(status));
        return status;
    }
    speaker->engine = engine;
    speaker->call = call;
    pthread_mutex_lock(&engine->lock);
    local_place_open(&engine->places, &speaker->place);
    pthread_mutex_unlock(&engine->lock);
    *handle = speaker;
    return 0;
}

static void engine_audio(void *handle, const void *audio, size_t bytes)
{
    struct speaker *speaker = handle;
    struct chunk *chunk = mem_alloc(sizeof *chunk + bytes);
    if (chunk == NULL) {
        local_call_end(speaker->call, GRPC_STATUS_INTERNAL, "Out of memory.");
        return;
    }
    chunk->next = NULL;
    chunk->len = bytes;
    memcpy(chunk->bytes, audio, bytes);
    pthread_mutex_lock(&speaker->engine->lock);
    if (speaker->first == NULL)
        speaker->first = chunk;
    else
        speaker->last->next = chunk;
    speaker->last = chunk;
    local_place_hear(&speaker->engine->places, &speaker->place, audio, bytes);
    speaker_notify(speaker);
    pthread_mutex_unlock(&speaker->engine->lock);
}

static void engine_finish(void *handle)
{
    struct speaker *speaker = handle;
    pthread_mutex_lock(&speaker->engine->lock);
    speaker->finish = true;
    speaker_notify(speaker);
    pthread_mutex_unlock(&speaker->engine->lock);
}

static void engine_close(void *handle)
{
    struct speaker *speaker = handle;
    pthread_mutex_lock(&speaker->engine->lock);
    speaker->closed = true;
    speaker_notify(speaker);
    pthread_mutex_unlock(&speaker->engine->lock);
}

const struct local_speech_engine_ops local_engine_ops = {
    .open = engine_open, .audio = engine_audio, .finish = engine_finish, .close = engine_close};

/* The first decoder, and what it costs. */
static int engine_measure(struct local_engine *engine, struct local_cost *cost)
{
    size_t before = mem_rss();
    struct local_recognizer *first;
    int status = local_recognizer_create(&first, engine->model_dir);
    if (status != 0)
        return status;
    engine->places.free[engine->places.free_len++] = first;
    engine->places.created = 1;
    status = local_recognizer_measure(first, &cost->core_share);
    size_t after = mem_rss();
    cost->memory_bytes = after > before ? after - before : DECODER_BYTES;
    return status;
}

static int engine_admit(struct local_engine *engine, unsigned decoders)
{
    struct local_cost cost;
    struct local_machine machine;
    int status = engine_measure(engine, &cost);
    if (status != 0)
        return status;
    local_machine_read("", &machine);
    struct local_admission admission = local_admission_compute(&machine, &cost, 1);
    unsigned admitted = decoders > 0 ? decoders : admission.decoders;
    if (admitted > LOCAL_DECODERS_MAX)
        admitted = LOCAL_DECODERS_MAX;
    engine->places.decoders = admitted;
    engine->places.waiting_max = admitted * LOCAL_PLACE_WAITING;
    double threads = machine.cores * 2;
    engine->threads_len = threads < 2 ? 2 : (unsigned)threads;
    if (engine->threads_len > LOCAL_DECODE_THREADS_MAX)
        engine->threads_len = LOCAL_DECODE_THREADS_MAX;
    if (engine->threads_len > admitted + 1)
        engine->threads_len = admitted + 1; /* one more, for streams that are silent */
    LOG_INFO(LOG_LOCAL, 0, "speech decoders admitted",
             "decoders=%u chosen=%s by_cores=%u by_memory=%u cores=%.1f core_share=%.3f "
             "memory_mb=%llu decoder_mb=%llu threads=%u",
             admitted, decoders > 0 ? "option" : "measured", admission.by_cores,
             admission.by_memory, machine.cores, cost.core_share,
             (unsigned long long)(machine.memory_bytes >> 20),
             (unsigned long long)(cost.memory_bytes >> 20), engine->threads_len);
    return 0;
}

static int engine_start(struct local_engine *engine)
{
    for (unsigned i = 0; i < engine->threads_len; i++) {
        char name[16];
        snprintf(name, sizeof name, "decode-%u", i % 100);
        int status = thread_start(&engine->threads[i], name, engine_thread, engine);
        if (status != 0) {
            engine->threads_len = i;
            return status;
        }
    }
    return 0;
}

int local_engine_create(struct local_engine **out, const struct local_engine_config *config)
{
    struct local_engine *engine = mem_calloc(1, sizeof *engine);
    if (engine == NULL)
        return STATUS_NOMEM;
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&engine->work, &attr);
    pthread_condattr_destroy(&attr);
    pthread_mutex_init(&engine->lock, NULL);
    unsigned wait_ms =
        config->place_wait_ms > 0 ? config->place_wait_ms : LOCAL_PLACE_WAIT_S * 1000;
    engine->places.wait_max_us = (int64_t)wait_ms * 1000;
    engine->places.on_given = speaker_on_given;
    int status = 0;
    if (config->model_dir != NULL) {
        engine->model_dir = mem_strdup(config->model_dir);
        status = engine->model_dir != NULL ? 0 : STATUS_NOMEM;
    }
    if (status == 0)
        status = engine_admit(engine, config->decoders);
    if (status == 0)
        status = engine_start(engine);
    else
        engine->threads_len = 0;
    if (status != 0) {
        local_engine_destroy(engine);
        return status;
    }
    *out = engine;
    return 0;
}

void local_engine_destroy(struct local_engine *engine)
{
    assert(engine->places.all == NULL);
    pthread_mutex_lock(&engine->lock);
    engine->stopping = true;
    pthread_cond_broadcast(&engine->work);
    pthread_mutex_unlock(&engine->lock);
    for (unsigned i = 0; i < engine->threads_len; i++)
        pthread_join(engine->threads[i], NULL);
    for (unsigned i = 0; i < engine->places.free_len; i++)
        local_recognizer_destroy(engine->places.free[i]);
    pthread_cond_destroy(&engine->work);
    pthread_mutex_destroy(&engine->lock);
    mem_free(engine->model_dir);
    mem_free(engine);
}

unsigned local_engine_decoders(const struct local_engine *engine)
{
    return engine->places.decoders;
}
