#include "bench/sim_ear.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/status.h"
#include "bench/audio.h"
#include "bench/script.h"
#include "bench/sim_audit.h"
#include "bench/sim_latency.h"
#include <assert.h>
#include <string.h>

#define TEXT_BYTES_MAX    4096 /* of a transcript: SCRIPT_WORDS_MAX words of the lexicon */
#define UNSURE_WORDS      2    /* at the end of an interim, when there are more */
#define STABILITY_STABLE  0.9f
#define STABILITY_UNSURE  0.1f
#define FINAL_CONFIDENCE  0.9f
#define NOTHING_MISHEARD  UINT16_MAX
#define LANGUAGE_FALLBACK "en"

/* A word that was heard, in samples of the stream. */
struct heard_word {
    uint64_t start, end;
    uint16_t word;
};

/* A response that waits for its time, and for those before it; words behind it. */
struct waiting {
    struct waiting *next;
    int64_t due_us;
    bool final;
    unsigned len;
    struct heard_word words[];
};

/* What is being said: a span of one utterance, until its final. */
struct segment {
    bool open;
    uint32_t session, utterance;
    uint8_t place;       /* of the word under way */
    bool counted;        /* that word's middle was heard: it is the last of `words` */
    uint64_t word_start; /* of the word under way */
    uint64_t start, end; /* of the first and the last block of speech */
    uint64_t partial_at; /* the next interim result is due when so much was heard */
    uint16_t misheard;   /* the wrong word that stood last in the newest wrong interim */
    unsigned len;
    struct heard_word words[SCRIPT_WORDS_MAX];
};

struct sim_ear {
    struct sim_ear_config config;
    struct local_speech_config request;
    const char *language; /* of the words */
    struct rng latency_rng, error_rng;
    struct audio_reader reader;
    struct segment segment;
    bool finished;
    struct waiting *first, **last;
    unsigned waiting;
    /* What sim_ear_next() lent. */
    struct buf texts[2], word_text;
    struct local_speech_result results[2];
    struct local_speech_word words[SCRIPT_WORDS_MAX];
};

int sim_ear_create(struct sim_ear **out, const struct sim_ear_config *config,
                   const struct local_speech_config *request, uint64_t stream_seed)
{
    struct sim_ear *ear = mem_calloc(1, sizeof *ear);
    if (ear == NULL)
        return STATUS_NOMEM;
    ear->config = *config;
    ear->request = *request;
    bool scripted = script_word_text(0, request->language) != NULL;
    ear->language = scripted ? ear->request.language : LANGUAGE_FALLBACK;
    /* Apart, so that errors do not depend on which latencies were drawn. */
    rng_init(&ear->latency_rng, stream_seed);
    rng_init(&ear->error_rng, ~stream_seed);
    audio_reader_init(&ear->reader, (unsigned)request->rate);
    ear->last = &ear->first;
    for (int i = 0; i < 2; i++)
        buf_init(&ear->texts[i], TEXT_BYTES_MAX);
    buf_init(&ear->word_text, TEXT_BYTES_MAX);
    *out = ear;
    return STATUS_OK;
}

static void queue_clear(struct sim_ear *ear)
{
    while (ear->first != NULL) {
        struct waiting *waiting = ear->first;
        ear->first = waiting->next;
        mem_free(waiting);
    }
    ear->last = &ear->first;
    ear->waiting = 0;
}

void sim_ear_destroy(struct sim_ear *ear)
{
    if (ear == NULL)
        return;
    queue_clear(ear);
    for (int i = 0; i < 2; i++)
        buf_deinit(&ear->texts[i]);
    buf_deinit(&ear->word_text);
    mem_free(ear);
}

static uint64_t ms_to_samples(const struct sim_ear *ear, uint32_t ms)
{
    return (uint64_t)ms * ear->reader.rate / 1000;
}

static int64_t samples_to_us(const struct sim_ear *ear, uint64_t samples)
{
    return (int64_t)(samples * 1000000 / ear->reader.rate);
}

/* Queues the segment's words as they stand; what is heard now is answered `now_us` + latency. */
static void segment_answer(struct sim_ear *ear, bool final, int64_t now_us)
{
    const struct segment *segment = &ear->segment;
    if (segment->len == 0)
        return;
    size_t bytes = segment->len * sizeof segment->words[0];
    struct waiting *waiting = mem_alloc(sizeof *waiting + bytes);
    if (waiting == NULL)
        return;
    *waiting = (struct waiting){
        .due_us = now_us + sim_latency_draw_us(ear->config.latency, &ear->latency_rng),
        .final = final,
        .len = segment->len,
    };
    memcpy(waiting->words, segment->words, bytes);
    *ear->last = waiting;
    ear->last = &waiting->next;
    ear->waiting++;
}

/*
 * Another word than the right one, and than the one before: an error that is said twice running is
 * one that a server may commit, and then its final cannot be what was said. Chance would do that
 * once in some thousand utterances, and a run would count it as the server's loss.
 */
static uint16_t mishear(struct sim_ear *ear, uint16_t right)
{
    unsigned words = script_lexicon_len();
    unsigned other = (unsigned)rng_below(&ear->error_rng, words - 1);
    uint16_t wrong = (uint16_t)((right + 1 + other) % words);
    if (wrong == ear->segment.misheard)
        wrong = (uint16_t)((right + 1 + (other + 1) % (words - 1)) % words);
    ear->segment.misheard = wrong;
    return wrong;
}

/* An interim result; its last word is now and then another one. */
static void segment_partial(struct sim_ear *ear, int64_t now_us)
{
    struct segment *segment = &ear->segment;
    if (segment->len == 0 || ear->waiting >= SIM_EAR_QUEUE_MAX)
        return;
    struct heard_word *tail = &segment->words[segment->len - 1];
    uint16_t right = tail->word;
    if (rng_unit(&ear->error_rng) < ear->config.tail_error)
        tail->word = mishear(ear, right);
    segment_answer(ear, false, now_us);
    tail->word = right;
}

static void segment_close(struct sim_ear *ear, int64_t now_us)
{
    segment_answer(ear, true, now_us);
    ear->segment.open = false;
}

static void segment_open(struct sim_ear *ear, const struct audio_block *block, uint64_t start)
{
    struct segment *segment = &ear->segment;
    segment->open = true;
    segment->session = block->session;
    segment->utterance = block->utterance;
    segment->place = block->place;
    segment->counted = false;
    segment->word_start = segment->start = start;
    segment->partial_at = start + ms_to_samples(ear, ear->config.partial_ms);
    segment->misheard = NOTHING_MISHEARD;
    segment->len = 0;
}

/* The block is not of the utterance, or goes back in it, or begins a word past the longest span. */
static bool segment_ends(const struct sim_ear *ear, const struct audio_block *block, uint64_t start)
{
    const struct segment *segment = &ear->segment;
    if (block->utterance != segment->utterance || block->session != segment->session ||
        block->place < segment->place)
        return true;
    return ear->config.utterance_max_ms != 0 && block->place != segment->place &&
           start - segment->start >= ms_to_samples(ear, ear->config.utterance_max_ms);
}

/* A block of the word under way, or of the next. Places only grow, so there is room. */
static void segment_hear(struct sim_ear *ear, const struct audio_block *block, uint64_t start)
{
    struct segment *segment = &ear->segment;
    segment->end = ear->reader.samples;
    if (block->place != segment->place) {
        segment->place = block->place;
        segment->counted = false;
        segment->word_start = start;
    }
    if (block->middle && !segment->counted) {
        assert(segment->len < SCRIPT_WORDS_MAX);
        segment->counted = true;
        segment->words[segment->len++] = (struct heard_word){
            .start = segment->word_start,
            .word = (uint16_t)script_utterance_word(ear->config.seed, block->session,
                                                    block->utterance, block->place),
        };
    }
    if (segment->counted)
        segment->words[segment->len - 1].end = segment->end;
}

static void speech_hear(struct sim_ear *ear, const struct audio_block *block, int64_t now_us)
{
    struct segment *segment = &ear->segment;
    uint64_t start = ear->reader.samples - ear->reader.rate / 100;
    if (segment->open && segment_ends(ear, block, start))
        segment_close(ear, now_us);
    if (!segment->open)
        segment_open(ear, block, start);
    segment_hear(ear, block, start);
    if (!ear->request.interim || ear->config.partial_ms == 0 || segment->end < segment->partial_at)
        return;
    segment->partial_at += ms_to_samples(ear, ear->config.partial_ms);
    segment_partial(ear, now_us);
}

static void block_hear(struct sim_ear *ear, const struct audio_block *block, int64_t now_us)
{
    if (ear->config.audit != NULL)
        sim_audit_heard(ear->config.audit, block);
    /* Another script's words are noise; so is a place that no script has. */
    bool speech = block->utterance != 0 && block->place < SCRIPT_WORDS_MAX &&
                  block->seed == (uint16_t)ear->config.seed;
    if (speech)
        speech_hear(ear, block, now_us);
    else if (ear->segment.open &&
             ear->reader.samples - ear->segment.end >= ms_to_samples(ear, ear->config.endpoint_ms))
        segment_close(ear, now_us);
}

void sim_ear_hear(struct sim_ear *ear, const void *pcm, size_t bytes, int64_t now_us)
{
    assert(!ear->finished);
    const uint8_t *at = pcm, *end = at + bytes;
    uint64_t skipped = ear->reader.skipped;
    while (at < end) {
        struct audio_block block;
        bool found;
        at += audio_reader_feed(&ear->reader, at, (size_t)(end - at), &found, &block);
        if (found)
            block_hear(ear, &block, now_us);
    }
    if (ear->config.audit != NULL && ear->reader.skipped > skipped)
        sim_audit_skipped(ear->config.audit, (ear->reader.skipped - skipped) * sizeof(int16_t));
}

void sim_ear_finish(struct sim_ear *ear, int64_t now_us)
{
    assert(!ear->finished);
    ear->finished = true;
    if (ear->config.lose_last_final)
        queue_clear(ear);
    else if (ear->segment.open)
        segment_close(ear, now_us + (int64_t)ear->config.late_final_ms * 1000);
    ear->segment.open = false;
}

int64_t sim_ear_due_us(const struct sim_ear *ear)
{
    return ear->first == NULL ? INT64_MAX : ear->first->due_us;
}

bool sim_ear_done(const struct sim_ear *ear)
{
    return ear->finished && ear->first == NULL;
}

int64_t sim_ear_heard_ms(const struct sim_ear *ear)
{
    return samples_to_us(ear, ear->reader.samples) / 1000;
}

/* Appends a word as it stands in a text: punctuation only when it was asked for. */
static void word_write(const struct sim_ear *ear, const struct waiting *waiting, unsigned at,
                       struct buf *out)
{
    const char *word = script_word_text(waiting->words[at].word, ear->language);
    bool sentence = ear->request.punctuation;
    script_word_write(word, sentence && at == 0, out);
    if (sentence && waiting->final && at + 1 == waiting->len)
        buf_putc(out, '.');
}

/* One result of words [from, to), the space before a later part's first word included. */
static void result_write(struct sim_ear *ear, const struct waiting *waiting, unsigned from,
                         unsigned to, struct local_speech_result *out)
{
    struct buf *text = &ear->texts[out - ear->results];
    buf_reset(text);
    for (unsigned i = from; i < to; i++) {
        if (i > 0)
            buf_putc(text, ' ');
        word_write(ear, waiting, i, text);
    }
    *out = (struct local_speech_result){
        .transcript = buf_status(text) == STATUS_OK ? text->data : "",
        .end_us = samples_to_us(ear, waiting->words[to - 1].end),
        .language = ear->request.language,
    };
}

static size_t interim_write(struct sim_ear *ear, const struct waiting *waiting)
{
    unsigned stable = waiting->len > UNSURE_WORDS ? waiting->len - UNSURE_WORDS : 0;
    size_t results = 0;
    if (stable > 0) {
        result_write(ear, waiting, 0, stable, &ear->results[results]);
        ear->results[results++].stability = STABILITY_STABLE;
    }
    result_write(ear, waiting, stable, waiting->len, &ear->results[results]);
    ear->results[results++].stability = STABILITY_UNSURE;
    return results;
}

/* The words' texts stand in one buffer, each with its own end, so they are pointed at when all are
 * written: until then it may move. */
static size_t words_write(struct sim_ear *ear, const struct waiting *waiting)
{
    buf_reset(&ear->word_text);
    for (unsigned i = 0; i < waiting->len; i++) {
        word_write(ear, waiting, i, &ear->word_text);
        buf_putc(&ear->word_text, '\0');
    }
    if (buf_status(&ear->word_text) != STATUS_OK)
        return 0;
    const char *text = ear->word_text.data;
    for (unsigned i = 0; i < waiting->len; i++) {
        ear->words[i] = (struct local_speech_word){
            .text = text,
            .start_us = samples_to_us(ear, waiting->words[i].start),
            .end_us = samples_to_us(ear, waiting->words[i].end),
            .confidence = ear->request.word_confidence ? FINAL_CONFIDENCE : 0,
        };
        text += strlen(text) + 1;
    }
    return waiting->len;
}

static size_t final_write(struct sim_ear *ear, const struct waiting *waiting)
{
    struct local_speech_result *result = &ear->results[0];
    result_write(ear, waiting, 0, waiting->len, result);
    result->final = true;
    result->confidence = FINAL_CONFIDENCE;
    if (ear->request.word_times || ear->request.word_confidence) {
        result->words = ear->words;
        result->words_len = words_write(ear, waiting);
    }
    return 1;
}

bool sim_ear_next(struct sim_ear *ear, int64_t now_us, struct local_speech_response *out)
{
    struct waiting *waiting = ear->first;
    if (waiting == NULL || waiting->due_us > now_us)
        return false;
    ear->first = waiting->next;
    if (ear->first == NULL)
        ear->last = &ear->first;
    ear->waiting--;
    *out = (struct local_speech_response){
        .results = ear->results,
        .results_len = waiting->final ? final_write(ear, waiting) : interim_write(ear, waiting),
    };
    mem_free(waiting);
    return true;
}
