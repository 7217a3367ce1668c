#include "stt/stream.h"

#include "base/mem.h"
#include "base/status.h"
#include "base/utf8.h"
#include "stt/client.h"
#include "stt/failure.h"
#include "stt/limits.h"
#include "stt/stream_internal.h"
#include "stt/wire.h"
#include <assert.h>
#include <string.h>

/* Audio that came longer ago says nothing of now. */
#define FRESH_US 1000000

static bool config_valid(const struct stt_stream_config *config)
{
    return config->rate >= 8000 && config->rate <= 48000 && config->language != NULL &&
           config->language[0] != '\0' && strlen(config->language) < STT_LANGUAGE_BYTES &&
           utf8_valid(config->language, strlen(config->language)) && config->agreement >= 1 &&
           config->agreement <= STT_AGREEMENT_MAX && config->block_ms >= STT_BLOCK_MS_MIN &&
           config->block_ms <= STT_BLOCK_MS_MAX && config->ring_ms >= STT_RING_MS_MIN &&
           config->ring_ms <= STT_RING_MS_MAX && config->idle_close_ms > 0 &&
           config->stream_soft_ms > 0 && config->stream_hard_ms >= config->stream_soft_ms;
}

static void vocabulary_free(char **words, size_t len)
{
    for (size_t i = 0; i < len; i++)
        mem_free(words[i]);
    mem_free(words);
}

int stt_stream_vocabulary(struct stt_stream *stream, const char *const *words, size_t len)
{
    assert(words != NULL || len == 0);
    size_t max = len < STT_CONFIG_PHRASES_MAX ? len : STT_CONFIG_PHRASES_MAX, kept = 0;
    char **copy = max > 0 ? mem_calloc(max, sizeof(*copy)) : NULL;
    if (max > 0 && copy == NULL)
        return STATUS_NOMEM;
    for (size_t i = 0; i < max; i++) {
        size_t bytes = strlen(words[i]);
        if (!utf8_valid(words[i], bytes) || bytes == 0 ||
            utf8_count(words[i], bytes) > STT_CONFIG_PHRASE_CHARS_MAX)
            continue;
        copy[kept] = mem_strdup(words[i]);
        if (copy[kept++] == NULL) {
            vocabulary_free(copy, kept);
            return STATUS_NOMEM;
        }
    }
    vocabulary_free(stream->vocabulary, stream->vocabulary_len);
    stream->vocabulary = copy;
    stream->vocabulary_len = kept;
    return STATUS_OK;
}

void stt_stream_agreement(struct stt_stream *stream, unsigned agreement)
{
    assert(agreement >= 1 && agreement <= STT_AGREEMENT_MAX);
    stream->config.agreement = agreement;
    if (stt_segment_silent(&stream->segment))
        stream->segment.agreement = agreement;
}

int stt_stream_create(struct stt_stream **out, const struct stt_stream_config *config,
                      const struct stt_stream_ops *ops, void *ctx)
{
    assert(out != NULL && config != NULL && ops != NULL);
    assert(ops->open && ops->send && ops->finish && ops->cancel && ops->transcript &&
           ops->settled && ops->health);
    if (!config_valid(config))
        return STATUS_INVALID;
    static const struct stt_provider google_v1 = {.wire = &stt_wire_google_v1};
    struct stt_stream *stream = mem_calloc(1, sizeof(*stream));
    if (stream == NULL)
        return STATUS_NOMEM;
    stream->config = *config;
    if (config->provider == NULL)
        stream->config.provider = &google_v1;
    stream->choice.len = config->providers_len > 0 ? config->providers_len : 1;
    memcpy(stream->language, config->language, strlen(config->language) + 1);
    stream->config.language = stream->language;
    stream->ops = *ops;
    stream->ctx = ctx;
    rng_init(&stream->rng, config->seed);
    stream->number = config->first_segment > 0 ? config->first_segment : 1;
    stream->received = stream->settled = stream->final_end = config->first_sample;
    stream->silence.spoken = config->first_sample;
    stream->heard_us = INT64_MIN / 2;
    uint32_t bytes = (uint32_t)(config->rate * config->block_ms / 1000 * 2);
    stream->block_bytes = bytes < STT_BLOCK_BYTES_MAX ? bytes : STT_BLOCK_BYTES_MAX;
    stt_segment_init(&stream->segment, config->agreement);
    buf_init(&stream->shown.committed, 4 * STT_HYPOTHESIS_BYTES_MAX);
    buf_init(&stream->shown.tentative, 4 * STT_HYPOTHESIS_BYTES_MAX);
    buf_init(&stream->scratch, STT_RESPONSE_TEXT_MAX);
    int status = stt_stream_vocabulary(stream, config->vocabulary, config->vocabulary_len);
    stream->config.vocabulary = NULL;
    if (status != STATUS_OK) {
        stt_stream_destroy(stream);
        return status;
    }
    *out = stream;
    return STATUS_OK;
}

void stt_stream_destroy(struct stt_stream *stream)
{
    if (stream == NULL)
        return;
    stt__legs_drop(stream);
    stt_ring_deinit(&stream->ring);
    stt_marks_deinit(&stream->marks);
    stt_segment_deinit(&stream->segment);
    buf_deinit(&stream->shown.committed);
    buf_deinit(&stream->shown.tentative);
    buf_deinit(&stream->scratch);
    stt_block_unref(stream->pending);
    vocabulary_free(stream->vocabulary, stream->vocabulary_len);
    mem_free(stream);
}

char *stt__config_write(const struct stt_stream *stream, const struct stt_provider *provider,
                        size_t *len)
{
    const struct stt_context vocabulary = {.phrases = (const char *const *)stream->vocabulary,
                                           .phrases_len = stream->vocabulary_len,
                                           .boost = provider->boost};
    const struct stt_recognition_config config = {
        .contexts = &vocabulary,
        .contexts_len = stream->vocabulary_len > 0,
        .rate = stream->config.rate,
        .language = stream->language,
        .model = provider->model,
        .recognizer = provider->recognizer,
        .endpointing = provider->endpointing,
        .punctuation = stream->config.punctuation,
        .word_offsets = true,
        .interim_results = true,
    };
    struct buf buf;
    buf_init(&buf, STT_CONFIG_BYTES_MAX);
    char *bytes = NULL;
    if (provider->wire->config_write(&config, &buf) == STATUS_OK)
        bytes = buf_take(&buf, len);
    buf_deinit(&buf);
    return bytes;
}

/* Position after the newest block. */
static uint64_t audio_end(const struct stt_stream *stream)
{
    return stt_ring_end(&stream->ring, stream->received - stream->pending_len / 2);
}

/* Where audio begins that a stream which wakes now is given: a block's first sample. */
static uint64_t preroll_start(const struct stt_stream *stream)
{
    uint64_t end = audio_end(stream);
    uint64_t preroll = stt__samples(stream, STT_PREROLL_MS);
    uint64_t from = end > preroll ? end - preroll : 0;
    from = from > stream->slept_from ? from : stream->slept_from;
    from = from > stream->flushed ? from : stream->flushed;
    const struct stt_ring_entry *entry = stt_ring_find(&stream->ring, from);
    uint64_t first = entry != NULL ? entry->block->first_sample : from;
    return first > stream->slept_from ? first : from;
}

/* No words are open, and the recogniser has had time to hear words where the gate hears nobody,
 * unless the client says so too. Words that stay open in spite of the silence are made final by the
 * half-close. */
static bool stream_owes_nothing(const struct stt_stream *stream, int64_t now_us)
{
    const struct stt_silence *silence = &stream->silence;
    uint64_t silent = audio_end(stream) - silence->spoken;
    uint64_t settle = stt__samples(stream, STT_SETTLE_MS);
    uint64_t stale = stt__samples(stream, stream->config.silence_close_ms) + settle;
    bool late = silent >= settle && now_us >= stream->heard_us + STT_SETTLE_MS * 1000;
    if (stream->legs_len > 1)
        return false;
    if (!stt_segment_silent(&stream->segment))
        return late && silent >= stale;
    return late || silence->quiet_hint;
}

/* A word may have begun that is not heard as one yet: what woke it is looked for a little before.
 */
static void stream_sleep(struct stt_stream *stream)
{
    uint64_t end = audio_end(stream), off = stt__samples(stream, STT_BROKEN_OFF_MS);
    uint64_t from = end > stream->settled + off ? end - off : stream->settled;
    if (stream->legs_len > 0 && stream->legs[0].end == STT_OPEN_END) {
        stt__legs_cut(stream, end);
        stream->legs[0].resume = from;
    }
    stt_silence_sleep(&stream->silence, stream->end);
    stream->slept = end;
    stream->slept_from = from;
    stream->wanted = STT_OPEN_END;
}

/* The audio before what woke it comes first, so that the beginning of a word is whole. */
static void stream_wake(struct stt_stream *stream)
{
    uint64_t from = preroll_start(stream);
    assert(!stream->silence.asleep && from >= stream->slept_from);
    stream->skipped += from > stream->slept ? from - stream->slept : 0;
    stream->wanted = from;
    if (stream->legs_len == 0)
        stt__settle(stream, from);
}

/* The gate hears the block that has just entered the ring. Where it never sleeps it still tells
 * what is voice: that is not taken for silence soon. */
static void stream_hear(struct stt_stream *stream, const struct stt_block *block, int64_t now_us)
{
    struct stt_silence *silence = &stream->silence;
    uint32_t rate = stream->config.rate, close_ms = stream->config.silence_close_ms;
    uint64_t end = block->first_sample + block->bytes / 2;
    const void *pcm = block->pcm;
    if (stt_silence_hear(silence, pcm, block->bytes / 2, rate, end)) {
        stream_wake(stream);
        return;
    }
    if (close_ms == 0 || !stt_silence_due(silence, end, rate, close_ms))
        return;
    stt_silence_words(silence, stream->end, rate);
    if (stt_silence_due(silence, end, rate, close_ms) && stream_owes_nothing(stream, now_us))
        stream_sleep(stream);
}

/* Asleep, all but the pre-roll is settled as soon as no call is awaited. */
static void stream_rest(struct stt_stream *stream)
{
    if (stream->silence.asleep && stream->legs_len == 0)
        stt__settle(stream, preroll_start(stream));
}

/* Runs what is due and learns when the next is. */
static void stream_run(struct stt_stream *stream, int64_t now_us)
{
    stream->due_us = INT64_MAX;
    if (stream->pending_len > 0) {
        int64_t due = stream->pending_us + (int64_t)stream->config.block_ms * 1000;
        stt__due(stream, due > now_us ? due : now_us + STT_AGAIN_MS * 1000);
    }
    stt__legs_run(stream, now_us);
    stream_rest(stream);
}

/* The pending audio becomes a block of the ring. */
static int pending_flush(struct stt_stream *stream, int64_t now_us)
{
    if (stream->pending_len == 0)
        return STATUS_OK;
    struct stt_block *block = stream->pending;
    stt_block_seal(block, stream->pending_len);
    if (stt_ring_push(&stream->ring, block) != STATUS_OK)
        return STATUS_NOMEM;
    stt_marks_block(&stream->marks, stream->received, now_us);
    stream->pending_len = 0;
    stream->pending = NULL;
    stream_hear(stream, block, now_us);
    return STATUS_OK;
}

/* Takes what fits into the pending block. */
static int pending_fill(struct stt_stream *stream, const uint8_t **pcm, size_t *bytes,
                        int64_t now_us)
{
    if (stream->pending == NULL) {
        stream->pending = stt_block_begin(stream->block_bytes, stream->received);
        if (stream->pending == NULL)
            return STATUS_NOMEM;
        stream->pending_us = now_us;
    }
    size_t n = stream->block_bytes - stream->pending_len;
    n = n < *bytes ? n : *bytes;
    memcpy(stream->pending->pcm + stream->pending_len, *pcm, n);
    stream->pending_len += (uint32_t)n;
    stream->received += n / 2;
    *pcm += n;
    *bytes -= n;
    return stream->pending_len == stream->block_bytes ? pending_flush(stream, now_us) : STATUS_OK;
}

/* Samples the ring takes. */
static uint64_t ring_room(const struct stt_stream *stream)
{
    uint64_t max = stt__samples(stream, stream->config.ring_ms);
    uint64_t held = stream->received - stream->settled;
    return held < max ? max - held : 0;
}

int stt_stream_audio(struct stt_stream *stream, const void *pcm, size_t bytes, int64_t now_us)
{
    assert(bytes % 2 == 0 && (pcm != NULL || bytes == 0));
    if (stream->ended)
        return STATUS_CLOSED;
    /* Room may have shrunk since it was asked for, because a call was opened; the ring's has not.
     */
    if (bytes > ring_room(stream) * 2)
        return STATUS_FULL;
    if (bytes == 0)
        return STATUS_OK;
    if (stream->refused) {
        stream->received += bytes / 2;
        stt__settle(stream, stream->received);
        return STATUS_OK;
    }
    stt_marks_frame(&stream->marks, stream->received + bytes / 2,
                    stt__samples(stream, STT_MARK_FRAME_MS), now_us);
    stream->audio_us = now_us;
    const uint8_t *at = pcm;
    int status = STATUS_OK;
    while (bytes > 0 && status == STATUS_OK)
        status = pending_fill(stream, &at, &bytes, now_us);
    stream_run(stream, now_us);
    return status;
}

size_t stt_stream_room(const struct stt_stream *stream)
{
    if (stream->ended)
        return 0;
    uint64_t room = ring_room(stream);
    const struct stt_leg *tail = stream->legs_len > 0 ? &stream->legs[stream->legs_len - 1] : NULL;
    /* During an outage, and while a replay catches up, the ring is the bound. */
    if (tail != NULL && tail->state == STT_LEG_OPEN && tail->next >= tail->catch_up) {
        uint64_t unsent_max = stt__samples(stream, STT_UNSENT_MS);
        uint64_t unsent = stream->received - tail->next;
        uint64_t left = unsent < unsent_max ? unsent_max - unsent : 0;
        room = room < left ? room : left;
    }
    return (size_t)room * 2;
}

static void stream_on_response(struct stt_stream *stream, struct stt_leg *leg,
                               const struct stt_event *event, int64_t now_us)
{
    const struct stt_response *response = event->response;
    if (response == NULL)
        return;
    if (response->error_code != 0) {
        stt__leg_fail(stream, leg, response->error_code, response->error_message, now_us);
        return;
    }
    stt__leg_on_answer(stream, leg, now_us);
    if (stt__results_response(stream, leg, event, now_us) != STATUS_OK)
        stt__leg_fail(stream, leg, STT_CODE_UNAVAILABLE, "a result could not be kept", now_us);
}

void stt_stream_event(struct stt_stream *stream, struct stt_event *event, int64_t now_us)
{
    assert(event != NULL);
    struct stt_leg *leg = stt__legs_find(stream, event->call);
    if (leg == NULL)
        return;
    switch (event->kind) {
    case STT_EVENT_SENT: stt__leg_on_sent(stream, leg, event, now_us); break;
    case STT_EVENT_RESPONSE: stream_on_response(stream, leg, event, now_us); break;
    case STT_EVENT_CLOSED: stt__leg_on_closed(stream, leg, event, now_us); break;
    }
    stream_run(stream, now_us);
}

/* The pre-roll is silence and nothing is owed for it; where that is not certain it is streamed. */
static void flush_asleep(struct stt_stream *stream)
{
    if (!stream->silence.asleep)
        return;
    if (stream->silence.faint <= preroll_start(stream)) {
        stream->flushed = audio_end(stream);
        return;
    }
    stt_silence_wake(&stream->silence, stream->received);
    stream_wake(stream);
}

void stt_stream_flush(struct stt_stream *stream, int64_t now_us)
{
    if (stream->refused)
        return;
    pending_flush(stream, now_us);
    flush_asleep(stream);
    if (!stream->silence.asleep &&
        (stream->settled < stream->received || !stt_segment_empty(&stream->segment)))
        stt__legs_cut(stream, stt_ring_end(&stream->ring, stream->settled));
    stream_run(stream, now_us);
}

void stt_stream_end(struct stt_stream *stream, int64_t now_us)
{
    if (stream->ended)
        return;
    stt_stream_flush(stream, now_us);
    stream->ended = true;
}

int64_t stt_stream_tick(struct stt_stream *stream, int64_t now_us)
{
    /* Audio and events have run what they made possible. */
    if (now_us < stream->due_us)
        return stream->due_us;
    int64_t block_us = (int64_t)stream->config.block_ms * 1000;
    if (stream->pending_len > 0 && now_us - stream->pending_us >= block_us)
        pending_flush(stream, now_us);
    stream_run(stream, now_us);
    return stream->due_us;
}

unsigned stt_stream_provider(const struct stt_stream *stream)
{
    return stream->provider;
}

uint64_t stt_stream_received(const struct stt_stream *stream)
{
    return stream->received;
}

uint64_t stt_stream_settled(const struct stt_stream *stream)
{
    return stream->settled;
}

uint32_t stt_stream_segment(const struct stt_stream *stream)
{
    return stream->number;
}

bool stt_stream_segment_open(const struct stt_stream *stream)
{
    return !stt_segment_empty(&stream->segment);
}

uint64_t stt_stream_billed_ms(const struct stt_stream *stream)
{
    return stream->billed * 1000 / stream->config.rate;
}

void stt_stream_hint(struct stt_stream *stream, bool speaking, uint64_t position)
{
    stt_silence_hint(&stream->silence, speaking, position, stream->received, stream->config.rate);
}

bool stt_stream_speaking(const struct stt_stream *stream, int64_t now_us)
{
    const struct stt_silence *silence = &stream->silence;
    return silence->voice.speaking && !silence->asleep && now_us - stream->audio_us < FRESH_US;
}

bool stt_stream_asleep(const struct stt_stream *stream)
{
    return stream->silence.asleep;
}

uint64_t stt_stream_skipped_ms(const struct stt_stream *stream)
{
    uint64_t skipped = stream->skipped;
    if (stream->silence.asleep && preroll_start(stream) > stream->slept)
        skipped += preroll_start(stream) - stream->slept;
    return skipped * 1000 / stream->config.rate;
}
