#include "local/speech_engine.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/status.h"
#include "base/thread.h"
#include "local/limits.h"
#include "local/recognizer.h"
#include "local/recognizer_measure.h"
#include "local/speech_session.h"
#include <assert.h>
#include <errno.h>
#include <grpc/status.h>
#include <pthread.h>
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
    struct speaker *next, *prev;   /* all speakers */
    struct speaker *run_next;
    enum speaker_state state;
    bool news; /* came while running */
    struct chunk *first, *last;
    bool finish, closed;
    bool finished, ended; /* the running thread's: finish passed on, call ended */
    struct local_recognizer *held;
    int64_t spoke_us; /* end of the newest utterance */
    int64_t wait_us;  /* since when it waits for a decoder; 0: it does not */
};

struct local_engine {
    pthread_mutex_t lock;
    pthread_cond_t work;
    bool stopping;
    struct speaker *speakers;
    struct speaker *run_first, *run_last;
    unsigned waiting;
    char *model_dir;
    struct local_recognizer *free[LOCAL_DECODERS_MAX];
    unsigned free_len;
    unsigned created, decoders;
    unsigned place_wait_ms;
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

static void engine_wake_waiting(struct local_engine *engine)
{
    if (engine->waiting == 0)
        return;
    for (struct speaker *speaker = engine->speakers; speaker != NULL; speaker = speaker->next)
        if (speaker->state == SPEAKER_WAITING)
            engine_queue(engine, speaker);
    engine->waiting = 0;
}

/* Something came for the speaker. */
static void speaker_notify(struct speaker *speaker)
{
    if (speaker->state == SPEAKER_IDLE)
        engine_queue(speaker->engine, speaker);
    else if (speaker->state == SPEAKER_WAITING && speaker->closed) {
        speaker->engine->waiting--;
        engine_queue(speaker->engine, speaker);
    } else
        speaker->news = true;
}

static void speaker_give(struct speaker *speaker)
{
    struct local_engine *engine = speaker->engine;
    if (speaker->held == NULL)
        return;
    engine->free[engine->free_len++] = speaker->held;
    speaker->held = NULL;
    engine_wake_waiting(engine);
}

/* A decoder whose speaker has been silent for too long, its stream still open. */
static struct local_recognizer *engine_reclaim(struct local_engine *engine, int64_t now_us)
{
    for (struct speaker *other = engine->speakers; other != NULL; other = other->next) {
        bool resting = other->state == SPEAKER_IDLE || other->state == SPEAKER_QUEUED;
        if (other->held == NULL || !resting || local_session_speaking(other->session))
            continue;
        if (now_us - other->spoke_us < (int64_t)LOCAL_PLACE_KEPT_MS * 1000)
            continue;
        struct local_recognizer *recognizer = other->held;
        other->held = NULL;
        return recognizer;
    }
    return NULL;
}

/* A decoder that exists, or the right to make one (*create). */
static struct local_recognizer *engine_pick(struct local_engine *engine, bool *create)
{
    if (engine->free_len > 0)
        return engine->free[--engine->free_len];
    if (engine->created < engine->decoders) {
        engine->created++;
        *create = true;
        return NULL;
    }
    return engine_reclaim(engine, clock_mono_us());
}

static int speaker_create_decoder(struct speaker *speaker, struct local_recognizer **out)
{
    struct local_engine *engine = speaker->engine;
    int status = local_recognizer_create(out, engine->model_dir);
    if (status == 0) {
        LOG_INFO(LOG_LOCAL, 0, "decoder loaded", "rss_mb=%zu", mem_rss() >> 20);
        return 0;
    }
    LOG_WARN(LOG_LOCAL, 0, "decoder could not be loaded", "status=%s", status_name(status));
    pthread_mutex_lock(&engine->lock);
    engine->created--;
    pthread_mutex_unlock(&engine->lock);
    return STATUS_LIMIT;
}

static int speaker_take(void *ctx, struct local_recognizer **out)
{
    struct speaker *speaker = ctx;
    struct local_engine *engine = speaker->engine;
    bool create = false;
    pthread_mutex_lock(&engine->lock);
    if (speaker->held == NULL)
        speaker->held = engine_pick(engine, &create);
    struct local_recognizer *recognizer = speaker->held;
    pthread_mutex_unlock(&engine->lock);
    if (create) {
        int status = speaker_create_decoder(speaker, &recognizer);
        if (status != 0)
            return status;
        pthread_mutex_lock(&engine->lock);
        speaker->held = recognizer;
        pthread_mutex_unlock(&engine->lock);
    }
    if (recognizer != NULL) {
        speaker->wait_us = 0;
        *out = recognizer;
        return 0;
    }
    int64_t now_us = clock_mono_us();
    if (speaker->wait_us == 0)
        speaker->wait_us = now_us;
    return now_us - speaker->wait_us < (int64_t)engine->place_wait_ms * 1000 ? STATUS_AGAIN
                                                                             : STATUS_LIMIT;
}

static void speaker_done(void *ctx)
{
    struct speaker *speaker = ctx;
    pthread_mutex_lock(&speaker->engine->lock);
    speaker->spoke_us = clock_mono_us();
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
                 speaker->engine->decoders);
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
        speaker_give(speaker);
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
    speaker_give(speaker);
    if (speaker->prev != NULL)
        speaker->prev->next = speaker->next;
    else
        engine->speakers = speaker->next;
    if (speaker->next != NULL)
        speaker->next->prev = speaker->prev;
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
    if (next == SPEAKER_IDLE && speaker->news)
        next = SPEAKER_QUEUED;
    if (next == SPEAKER_QUEUED)
        engine_queue(engine, speaker);
    else
        speaker->state = next;
    if (next == SPEAKER_WAITING)
        engine->waiting++;
}

/* Sleeps until there is work; speech that waits is looked at again every WAIT_STEP_MS. */
static void engine_sleep(struct local_engine *engine)
{
    if (engine->waiting == 0) {
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
    if (pthread_cond_timedwait(&engine->work, &engine->lock, &until) == ETIMEDOUT)
        engine_wake_waiting(engine);
}

static void *engine_thread(void *ctx)
{
    struct local_engine *engine = ctx;
    pthread_mutex_lock(&engine->lock);
    while (!engine->stopping) {
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
    speaker->next = engine->speakers;
    if (speaker->next != NULL)
        speaker->next->prev = speaker;
    engine->speakers = speaker;
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
    engine->free[engine->free_len++] = first;
    engine->created = 1;
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
    engine->decoders = decoders > 0 ? decoders : admission.decoders;
    if (engine->decoders > LOCAL_DECODERS_MAX)
        engine->decoders = LOCAL_DECODERS_MAX;
    double threads = machine.cores * 2;
    engine->threads_len = threads < 2 ? 2 : (unsigned)threads;
    if (engine->threads_len > LOCAL_DECODE_THREADS_MAX)
        engine->threads_len = LOCAL_DECODE_THREADS_MAX;
    if (engine->threads_len > engine->decoders + 1)
        engine->threads_len = engine->decoders + 1; /* one more, for streams that are silent */
    LOG_INFO(LOG_LOCAL, 0, "speech decoders admitted",
             "decoders=%u chosen=%s by_cores=%u by_memory=%u cores=%.1f core_share=%.3f "
             "memory_mb=%llu decoder_mb=%llu threads=%u",
             engine->decoders, decoders > 0 ? "option" : "measured", admission.by_cores,
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
    engine->place_wait_ms = config->place_wait_ms > 0 ? config->place_wait_ms : LOCAL_PLACE_WAIT_MS;
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
    assert(engine->speakers == NULL);
    pthread_mutex_lock(&engine->lock);
    engine->stopping = true;
    pthread_cond_broadcast(&engine->work);
    pthread_mutex_unlock(&engine->lock);
    for (unsigned i = 0; i < engine->threads_len; i++)
        pthread_join(engine->threads[i], NULL);
    for (unsigned i = 0; i < engine->free_len; i++)
        local_recognizer_destroy(engine->free[i]);
    pthread_cond_destroy(&engine->work);
    pthread_mutex_destroy(&engine->lock);
    mem_free(engine->model_dir);
    mem_free(engine);
}

unsigned local_engine_decoders(const struct local_engine *engine)
{
    return engine->decoders;
}
