#include "local/speech_session.h"

#include "base/mem.h"
#include "base/status.h"
#include "local/recognizer_vocabulary.h"
#include "local/speech_audio.h"
#include "local/speech_text.h"
#include "local/speech_vad.h"
#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define FRAME_US 10000
/* Frames up to the verdict "speech" that belong to it: all that led to it. */
#define PREROLL LOCAL_VAD_WINDOW
#define BLOCK                                                                                      \
    25 /* frames fed to the decoder at a time, and between two looks at its words: 250 ms */
/* The first pass still changes its mind about young words, and the second pass about older ones: a
 * word told to be stable too early is shown for good and stays wrong. */
#define PARTIAL_FRAMES 30  /* between two hypotheses; the first comes at once */
#define YOUNG_FRAMES   25  /* age below which a word is left out */
#define STABLE_FRAMES  250 /* age at which an unchanged word is told to be stable */

#define SILENCE_SOFT 15 /* frames of silence that end one longer than LOCAL_UTTERANCE_SOFT_MS */
#define TAIL         20 /* frames of the silence that belong to the result */
#define RUN_FRAMES   50 /* a run's work */

/* Frames of silence that end an utterance, by enum local_speech_endpointing. */
static const uint32_t silence_frames[] = {
    [LOCAL_ENDPOINTING_STANDARD] = 50,
    [LOCAL_ENDPOINTING_SUPERSHORT] = 25,
    [LOCAL_ENDPOINTING_SHORT] = 35,
};

struct local_session {
    struct local_speech_config config;
    const struct local_session_ops *ops;
    void *ctx;
    struct local_audio *audio;
    struct local_vad vad;
    char language[36];
    struct local_vocabulary *vocabulary; /* NULL: none */

    int64_t frame; /* frames heard */
    int16_t ring[PREROLL][LOCAL_VAD_FRAME];
    int64_t settled; /* frame up to which results are out: no later one begins before it */

    bool waiting;                        /* speech has begun, no decoder yet */
    struct local_recognizer *recognizer; /* within an utterance */
    int64_t start;                       /* its first frame */
    int16_t block[BLOCK * LOCAL_VAD_FRAME];
    size_t block_frames, fed_frames;
    struct local_hypothesis shown; /* newest partial */
    size_t shown_frames;           /* fed_frames then */
    bool announced;                /* an interim result of this utterance was sent */

    bool spoke;             /* a final result was sent */
    int64_t last_speech_us; /* end of the newest speech; 0: none yet */
    bool finished;          /* no more audio comes */
    bool closed;            /* said all it will */

    /* Scratch of responses. */
    struct local_hypothesis next;
    struct local_speech_word words[LOCAL_WORDS_MAX];
    char text[2][LOCAL_WORDS_MAX * LOCAL_WORD_BYTES / 4];
};

int local_session_create(struct local_session **out, const struct local_speech_config *config,
                         const struct local_session_ops *ops, void *ctx)
{
    struct local_session *session = mem_calloc(1, sizeof *session);
    if (session == NULL)
        return STATUS_NOMEM;
    int status = local_audio_create(&session->audio, (enum local_speech_encoding)config->encoding,
                                    (uint32_t)config->rate);
    if (status != 0) {
        mem_free(session);
        return status;
    }
    status = local_vocabulary_create(&session->vocabulary, config);
    if (status != 0) {
        local_session_destroy(session);
        return status;
    }
    session->config = *config;
    session->config.recognition = session->config.recognizer = NULL; /* borrowed */
    session->ops = ops;
    session->ctx = ctx;
    for (size_t i = 0; config->language[i] != '\0'; i++)
        session->language[i] = (char)tolower((unsigned char)config->language[i]);
    *out = session;
    return 0;
}

void local_session_destroy(struct local_session *session)
{
    if (session == NULL)
        return;
    local_vocabulary_destroy(session->vocabulary);
    local_audio_destroy(session->audio);
    mem_free(session);
}

int local_session_audio(struct local_session *session, const void *audio, size_t bytes)
{
    assert(!session->finished);
    return local_audio_put(session->audio, audio, bytes);
}

int local_session_finish(struct local_session *session)
{
    assert(!session->finished);
    session->finished = true;
    return local_audio_flush(session->audio);
}

bool local_session_speaking(const struct local_session *session)
{
    return session->recognizer != NULL || session->waiting;
}

static int64_t session_us(const struct local_session *session, int64_t frame)
{
    int64_t us = frame * FRAME_US, total = local_audio_total_us(session->audio);
    return us < total ? us : total;
}

static void session_event(struct local_session *session, enum local_speech_event_type event,
                          int64_t us)
{
    struct local_speech_response response = {.event = event, .event_us = us};
    session->ops->respond(session->ctx, &response, false);
}

/* Words that stood in the hypothesis before, too, as many as `same`, and are old enough to stay. */
static size_t session_stable(const struct local_session *session, size_t *same)
{
    const struct local_hypothesis *before = &session->shown, *now = &session->next;
    size_t stable = 0;
    int64_t old_ms = ((int64_t)session->fed_frames - STABLE_FRAMES) * FRAME_US / 1000;
    *same = 0;
    while (*same < before->len && *same < now->len &&
           strcmp(before->words[*same].text, now->words[*same].text) == 0)
        ++*same;
    while (stable < *same && now->words[stable].end_ms <= old_ms)
        stable++;
    return stable;
}

/* Leaves out what has only just been heard; a first partial is better short-lived than late. */
static void session_drop_young(struct local_session *session)
{
    struct local_hypothesis *words = &session->next;
    int64_t old_ms = ((int64_t)session->fed_frames - YOUNG_FRAMES) * FRAME_US / 1000;
    while (session->announced && words->len > 0 && words->words[words->len - 1].end_ms > old_ms)
        words->len--;
}

static void session_spell(const struct local_session *session, struct local_hypothesis *words,
                          bool end)
{
    if (session->vocabulary != NULL)
        local_vocabulary_spell(session->vocabulary, words);
    local_text_words(words);
    if (session->config.punctuation)
        local_text_punctuate(words, end);
}

static void session_partial(struct local_session *session)
{
    struct local_hypothesis *words = &session->next;
    size_t same;
    if (session->announced && session->fed_frames - session->shown_frames < PARTIAL_FRAMES)
        return;
    local_recognizer_partial(session->recognizer, words);
    session_drop_young(session);
    session_spell(session, words, false);
    size_t stable = session_stable(session, &same);
    bool news = same != words->len || same != session->shown.len;
    session->shown = *words;
    if (!news || words->len == 0)
        return;
    session->shown_frames = session->fed_frames;
    struct local_speech_result results[2];
    size_t count = 0;
    int64_t start = session->start;
    int64_t now = start + (int64_t)session->fed_frames;
    if (stable > 0) {
        local_text_join(words, 0, stable, session->spoke, session->text[0],
                        sizeof session->text[0]);
        results[count++] = (struct local_speech_result){
            .transcript = session->text[0],
            .stability = 0.9f,
            .end_us = session_us(session, start + words->words[stable - 1].end_ms / 10),
            .language = session->language};
    }
    if (stable < words->len) {
        local_text_join(words, stable, words->len, session->spoke || stable > 0, session->text[1],
                        sizeof session->text[1]);
        results[count++] = (struct local_speech_result){.transcript = session->text[1],
                                                        .stability = 0.1f,
                                                        .end_us = session_us(session, now),
                                                        .language = session->language};
    }
    struct local_speech_response response = {.results = results, .results_len = count};
    session->ops->respond(session->ctx, &response, true);
    session->announced = true;
}

static int session_feed_block(struct local_session *session)
{
    size_t samples = session->block_frames * LOCAL_VAD_FRAME;
    session->fed_frames += session->block_frames;
    session->block_frames = 0;
    return samples > 0 ? local_recognizer_feed(session->recognizer, session->block, samples) : 0;
}

static int session_feed_frame(struct local_session *session, const int16_t *pcm)
{
    memcpy(session->block + session->block_frames * LOCAL_VAD_FRAME, pcm,
           LOCAL_VAD_FRAME * sizeof *pcm);
    if (++session->block_frames < BLOCK)
        return 0;
    int status = session_feed_block(session);
    if (status == 0 && session->config.interim)
        session_partial(session);
    return status;
}

/* Speech was heard at the newest frame: the utterance begins with what the ring still holds of
 * before. */
static int session_begin(struct local_session *session)
{
    session->waiting = true;
    int status = session->ops->take(session->ctx, &session->recognizer);
    if (status != 0)
        return status;
    session->waiting = false;
    status = local_recognizer_expect(session->recognizer, session->vocabulary);
    if (status == 0)
        status = local_recognizer_begin(session->recognizer);
    session->start = session->frame > PREROLL ? session->frame - PREROLL : 0;
    if (session->start < session->settled)
        session->start = session->settled;
    session->block_frames = session->fed_frames = 0;
    session->shown.len = 0;
    session->announced = false;
    if (session->config.activity_events)
        session_event(session, LOCAL_EVENT_ACTIVITY_BEGIN, session_us(session, session->start));
    for (int64_t i = session->start; status == 0 && i < session->frame; i++)
        status = session_feed_frame(session, session->ring[i % PREROLL]);
    return status;
}

static void session_word_times(struct local_session *session, int64_t end_us)
{
    const struct local_hypothesis *hypothesis = &session->next;
    bool times = session->config.word_times;
    for (size_t i = 0; i < hypothesis->len; i++) {
        const struct local_recognized *word = &hypothesis->words[i];
        int64_t start = session_us(session, session->start + word->start_ms / 10);
        int64_t end = session_us(session, session->start + word->end_ms / 10);
        session->words[i] = (struct local_speech_word){
            .text = word->text,
            .start_us = !times           ? -1
                        : start < end_us ? start
                                         : end_us,
            .end_us = !times         ? -1
                      : end < end_us ? end
                                     : end_us,
            .confidence = session->config.word_confidence ? word->confidence : 0};
    }
}

static float session_confidence(const struct local_hypothesis *hypothesis)
{
    float sum = 0;
    for (size_t i = 0; i < hypothesis->len; i++)
        sum += hypothesis->words[i].confidence;
    return sum / (float)hypothesis->len;
}

/* The decoder's last word on the utterance. What was shown is never left without a final. */
static void session_final(struct local_session *session, int64_t end_us)
{
    struct local_hypothesis *words = &session->next;
    if (words->len == 0 && session->announced)
        *words = session->shown;
    if (words->len == 0)
        return;
    session_spell(session, words, true);
    session_word_times(session, end_us);
    local_text_join(words, 0, words->len, session->spoke, session->text[0],
                    sizeof session->text[0]);
    bool listed = session->config.word_times || session->config.word_confidence;
    struct local_speech_result result = {.transcript = session->text[0],
                                         .confidence = session_confidence(words),
                                         .final = true,
                                         .end_us = end_us,
                                         .language = session->language,
                                         .words = session->words,
                                         .words_len = listed ? words->len : 0};
    struct local_speech_response response = {
        .results = &result,
        .results_len = 1,
        .billed_us = session->finished ? local_audio_total_us(session->audio) : 0};
    session->spoke = true;
    session->ops->respond(session->ctx, &response, false);
}

/* `ago`: newest frames that no longer belong to the utterance. What follows goes on as it would on
 * a stream that begins there: a client that lost this one replays from there and is told the same.
 */
static int session_end(struct local_session *session, uint32_t ago)
{
    int64_t end = session->frame - ago;
    int64_t end_us = session->finished && ago == 0 ? local_audio_total_us(session->audio)
                                                   : session_us(session, end);
    int status = session_feed_block(session);
    if (status == 0)
        status = local_recognizer_end(session->recognizer, &session->next);
    if (status != 0)
        session->next.len = 0;
    local_vad_cut(&session->vad, ago);
    session->recognizer = NULL;
    session->settled = end;
    session->last_speech_us = end_us;
    if (session->config.activity_events)
        session_event(session, LOCAL_EVENT_ACTIVITY_END, end_us);
    if (session->config.single_utterance)
        session_event(session, LOCAL_EVENT_END_OF_SINGLE_UTTERANCE, end_us);
    session_final(session, end_us);
    session->closed = session->config.single_utterance;
    session->ops->done(session->ctx);
    return status;
}

/* Speech and silence the configuration has limits for; both only between utterances. */
static void session_timeouts(struct local_session *session)
{
    int64_t now = session_us(session, session->frame);
    int64_t limit = session->last_speech_us > 0 ? session->config.end_timeout_us
                                                : session->config.start_timeout_us;
    if (limit > 0 && now - session->last_speech_us >= limit) {
        session_event(session, LOCAL_EVENT_ACTIVITY_TIMEOUT, now);
        session->closed = true;
    }
}

static uint32_t session_silence(const struct local_session *session)
{
    int64_t ms = (session->frame - session->start) * FRAME_US / 1000;
    return ms > LOCAL_UTTERANCE_SOFT_MS ? SILENCE_SOFT
                                        : silence_frames[session->config.endpointing];
}

static int session_frame(struct local_session *session, const int16_t *pcm)
{
    memcpy(session->ring[session->frame % PREROLL], pcm, sizeof session->ring[0]);
    session->frame++;
    enum local_vad_verdict verdict = local_vad_frame(&session->vad, pcm, session_silence(session));
    if (session->recognizer == NULL) {
        if (verdict == LOCAL_VAD_BEGIN)
            return session_begin(session);
        session_timeouts(session);
        return 0;
    }
    int status = session_feed_frame(session, pcm);
    if (status != 0)
        return status;
    uint32_t quiet = session->vad.quiet;
    if (verdict == LOCAL_VAD_END)
        return session_end(session, quiet > TAIL ? quiet - TAIL : 0);
    if ((session->frame - session->start) * FRAME_US >= (int64_t)LOCAL_UTTERANCE_MS_MAX * 1000)
        return session_end(session, 0);
    return 0;
}

/* The rest that fills no frame, then what is open. */
static int session_last(struct local_session *session)
{
    int16_t frame[LOCAL_VAD_FRAME] = {0};
    size_t len;
    int status = 0;
    const int16_t *samples = local_audio_samples(session->audio, &len);
    if (len > 0) {
        memcpy(frame, samples, len * sizeof *samples);
        local_audio_consume(session->audio, len);
        status = session_frame(session, frame);
    }
    if (status == 0 && session->recognizer != NULL)
        status = session_end(session, 0);
    if (status != STATUS_AGAIN)
        session->closed = true;
    return status;
}

int local_session_run(struct local_session *session)
{
    int status = session->waiting ? session_begin(session) : 0;
    for (int i = 0; status == 0 && !session->closed; i++) {
        size_t len;
        const int16_t *samples = local_audio_samples(session->audio, &len);
        if (len < LOCAL_VAD_FRAME)
            break;
        if (i == RUN_FRAMES)
            return STATUS_FULL;
        int16_t frame[LOCAL_VAD_FRAME];
        memcpy(frame, samples, sizeof frame);
        local_audio_consume(session->audio, LOCAL_VAD_FRAME);
        status = session_frame(session, frame);
    }
    if (status == 0 && session->finished && !session->closed)
        status = session_last(session);
    if (status != 0)
        return status;
    return session->closed ? STATUS_CLOSED : 0;
}
