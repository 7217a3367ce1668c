#include "stt/stream_internal.h"

#include "base/mem.h"
#include "base/status.h"
#include "base/utf8.h"
#include "stt/client.h"
#include "stt/codec.h"
#include <assert.h>
#include <string.h>
#include <strings.h>

/* Nearest sample, so that a provider's time for a sample gives that sample back. */
static uint64_t result_samples(const struct stt_stream *stream, int64_t us)
{
    return us <= 0 ? 0 : ((uint64_t)us * stream->config.rate + 500000) / 1000000;
}

void stt__settle(struct stt_stream *stream, uint64_t position)
{
    assert(position <= stream->received);
    if (position <= stream->settled)
        return;
    uint64_t keep = stt__samples(stream, STT_MARKS_KEEP_MS);
    stream->settled = position;
    stt_ring_trim(&stream->ring, position);
    if (position > keep)
        stt_marks_trim(&stream->marks, position - keep);
    stream->ops.settled(stream->ctx, position);
}

void stt__results_forget(struct stt_leg *leg)
{
    while (leg->held != NULL) {
        struct stt_heard *heard = leg->held;
        leg->held = heard->next;
        mem_free(heard);
    }
    leg->held_last = NULL;
    leg->held_finals = 0;
    leg->held_end = 0;
}

/* Words of a final in the session's time, NFC; `texts` holds them. NULL without memory or words. */
static struct stt_word *words_map(const struct stt_stream *stream, const struct stt_heard *heard,
                                  struct buf *texts)
{
    assert(heard->final && texts->len == 0);
    struct stt_word *words = NULL;
    if (heard->words_len > 0 && !stream->segment.spliced && stream->segment.carried == 0)
        words = mem_calloc(heard->words_len, sizeof(*words));
    for (size_t i = 0; words != NULL && i < heard->words_len; i++) {
        const struct stt_response_word *from = &heard->words[i];
        char *nfc = utf8_nfc(from->text, strlen(from->text));
        words[i].start_ms = stt__ms(stream, heard->base + result_samples(stream, from->start_us));
        words[i].end_ms = stt__ms(stream, heard->base + result_samples(stream, from->end_us));
        if (nfc != NULL)
            buf_append(texts, nfc, strlen(nfc) + 1);
        if (nfc == NULL || buf_status(texts) != STATUS_OK) {
            mem_free(words);
            words = NULL;
        }
        mem_free(nfc);
    }
    const char *text = texts->data;
    for (size_t i = 0; words != NULL && i < heard->words_len; i++) {
        words[i].text = text;
        text += strlen(text) + 1;
    }
    return words;
}

static void lat_stamp(struct stt_stream *stream, const struct stt_heard *heard, uint64_t end,
                      int64_t now_us)
{
    stt_marks_stamp(&stream->marks, end, &stream->lat);
    if (stream->lat.start_us == 0)
        return;
    lat_mark(&stream->lat, LAT_UPSTREAM, heard->at_us);
    lat_mark(&stream->lat, LAT_SERVER, heard->now_us);
    lat_mark(&stream->lat, LAT_HOLD, now_us);
}

static void segment_show(struct stt_stream *stream, bool final, const struct stt_heard *heard)
{
    assert(stream->start <= stream->end && stream->end <= stream->received);
    struct buf texts;
    buf_init(&texts, STT_HYPOTHESIS_BYTES_MAX * 4);
    struct stt_word *words = final ? words_map(stream, heard, &texts) : NULL;
    const char *language =
        stream->heard_language[0] != '\0' ? stream->heard_language : stream->language;
    struct stt_transcript transcript = {
        .segment = stream->number,
        .rev = ++stream->shown.rev,
        .final = final,
        .spliced = final && stream->segment.spliced,
        .committed = stt_segment_text(&stream->segment),
        .tentative = stt_segment_tentative(&stream->segment),
        .start_ms = stt__ms(stream, stream->start),
        .end_ms = stt__ms(stream, stream->end),
        .language = language,
        .words = words,
        .words_len = words != NULL ? heard->words_len : 0,
        .lat = stream->lat,
    };
    stream->ops.transcript(stream->ctx, &transcript);
    mem_free(words);
    buf_deinit(&texts);
}

/* Shows the open segment when its text is not what was shown last. */
static void segment_update(struct stt_stream *stream, const struct stt_heard *heard)
{
    struct stt_shown *shown = &stream->shown;
    const char *committed = stt_segment_text(&stream->segment);
    const char *tentative = stt_segment_tentative(&stream->segment);
    const char *was = shown->committed.data != NULL ? shown->committed.data : "";
    const char *was_tentative = shown->tentative.data != NULL ? shown->tentative.data : "";
    if (!stream->config.partials ||
        (strcmp(committed, was) == 0 && strcmp(tentative, was_tentative) == 0))
        return;
    buf_reset(&shown->committed);
    buf_reset(&shown->tentative);
    buf_puts(&shown->committed, committed);
    buf_puts(&shown->tentative, tentative);
    segment_show(stream, false, heard);
}

/* The final is out, or there is nothing to show: the next segment begins. */
static void segment_next(struct stt_stream *stream, bool carry)
{
    stt_segment_next(&stream->segment, carry);
    stream->segment.agreement = stream->config.agreement;
    stream->number++;
    stream->started = false;
    stream->shown.rev = 0;
    stream->heard_language[0] = '\0';
    buf_reset(&stream->shown.committed);
    buf_reset(&stream->shown.tentative);
}

/* Where the open segment begins: never before the last one's end, nor before the call's audio. */
static uint64_t segment_start(const struct stt_stream *stream, const struct stt_heard *heard)
{
    uint64_t floor = stream->final_end > heard->base ? stream->final_end : heard->base;
    uint64_t start;
    if (heard->words_len > 0) {
        start = heard->base + result_samples(stream, heard->words[0].start_us);
    } else {
        int64_t guess_ms = (int64_t)stt_segment_words(&stream->segment) * STT_START_WORD_MS;
        if (guess_ms > STT_START_GUESS_MS)
            guess_ms = STT_START_GUESS_MS;
        uint64_t guess = stt__samples(stream, guess_ms);
        start = heard->end > guess ? heard->end - guess : 0;
    }
    start = start > floor ? start : floor;
    return start < heard->end ? start : heard->end;
}

/* The API writes tags in lower case: where it is the language asked for, that spelling is kept. */
static void segment_language(struct stt_stream *stream, const char *language)
{
    if (language == NULL || language[0] == '\0' || strlen(language) >= STT_LANGUAGE_BYTES)
        return;
    stream->heard_language[0] = '\0';
    if (strcasecmp(language, stream->language) != 0)
        memcpy(stream->heard_language, language, strlen(language) + 1);
}

static void segment_place(struct stt_stream *stream, const struct stt_heard *heard)
{
    bool timed = heard->final && heard->words_len > 0 && stream->segment.carried == 0;
    if (!stream->started || timed)
        stream->start = segment_start(stream, heard);
    if (stream->start > heard->end)
        stream->start = heard->end;
    stream->started = true;
    stream->end = heard->end;
    segment_language(stream, heard->language);
}

static int apply_interim(struct stt_stream *stream, const struct stt_leg *leg,
                         const struct stt_heard *heard, int64_t now_us)
{
    if (heard->end <= stream->final_end)
        return STATUS_OK;
    /* A replay hears the open segment from its beginning: what is shown stays until it has caught
     * up. */
    if (stream->started && heard->end < leg->replay_to)
        return STATUS_OK;
    int status = stt_segment_hypothesis(&stream->segment, heard->text, heard->stable_len);
    if (status != STATUS_OK)
        return status;
    if (heard->end > stream->heard_end)
        stream->heard_end = heard->end;
    stream->heard_us = stt_segment_silent(&stream->segment) ? stream->heard_us : now_us;
    if (stt_segment_empty(&stream->segment) && stream->shown.rev == 0)
        return STATUS_OK;
    if (stt_segment_empty(&stream->segment))
        stream->started = false;
    else
        segment_place(stream, heard);
    lat_stamp(stream, heard, heard->end, now_us);
    segment_update(stream, heard);
    return STATUS_OK;
}

static int apply_final(struct stt_stream *stream, struct stt_leg *leg,
                       const struct stt_heard *heard, int64_t now_us)
{
    if (heard->end <= stream->final_end)
        return STATUS_OK;
    bool beyond = stream->heard_end > heard->end;
    int status = stt_segment_final(&stream->segment, heard->text);
    if (status != STATUS_OK)
        return status;
    lat_stamp(stream, heard, heard->end, now_us);
    stream->heard_us = stt_segment_silent(&stream->segment) ? stream->heard_us : now_us;
    if (stt_segment_empty(&stream->segment)) {
        if (stream->shown.rev > 0)
            segment_update(stream, heard);
        stream->started = false;
        stt_segment_next(&stream->segment, beyond);
    } else {
        segment_place(stream, heard);
        segment_show(stream, true, heard);
        segment_next(stream, beyond);
    }
    leg->at_final = true;
    stream->final_end = heard->end;
    stt__settle(stream, heard->end);
    return STATUS_OK;
}

static int heard_apply(struct stt_stream *stream, struct stt_leg *leg,
                       const struct stt_heard *heard, int64_t now_us)
{
    assert(leg == &stream->legs[0] && heard->end <= leg->next && heard->base == leg->base);
    return heard->final ? apply_final(stream, leg, heard, now_us)
                        : apply_interim(stream, leg, heard, now_us);
}

/* One block: the struct, words, and every string. */
static struct stt_heard *heard_copy(const struct stt_heard *from)
{
    size_t words_bytes = from->words_len * sizeof(*from->words);
    size_t bytes = sizeof(*from) + words_bytes + strlen(from->text) + 1;
    const char *language = from->language != NULL ? from->language : "";
    bytes += strlen(language) + 1;
    for (size_t i = 0; i < from->words_len; i++)
        bytes += strlen(from->words[i].text) + 1;
    struct stt_heard *copy = mem_alloc(bytes);
    if (copy == NULL)
        return NULL;
    *copy = *from;
    struct stt_response_word *words = (struct stt_response_word *)(copy + 1);
    char *text = (char *)words + words_bytes;
    copy->next = NULL;
    copy->words = words;
    copy->text = text;
    text = stpcpy(text, from->text) + 1;
    copy->language = text;
    text = stpcpy(text, language) + 1;
    for (size_t i = 0; i < from->words_len; i++) {
        words[i] = from->words[i];
        words[i].text = text;
        text = stpcpy(text, from->words[i].text) + 1;
    }
    return copy;
}

/* Keeps a result of a later leg: every final, and the newest hypothesis after it. */
static int heard_hold(struct stt_leg *leg, const struct stt_heard *from)
{
    if (leg->held_finals >= STT_HELD_FINALS_MAX)
        return STATUS_LIMIT;
    struct stt_heard *copy = heard_copy(from);
    if (copy == NULL)
        return STATUS_NOMEM;
    struct stt_heard *last = leg->held_last;
    if (last != NULL && !last->final) {
        struct stt_heard **link = &leg->held;
        while (*link != last)
            link = &(*link)->next;
        *link = copy;
        mem_free(last);
    } else if (last != NULL) {
        last->next = copy;
    } else {
        leg->held = copy;
    }
    leg->held_last = copy;
    leg->held_finals += copy->final ? 1 : 0;
    if (copy->final)
        leg->held_end = copy->end;
    return STATUS_OK;
}

static int heard_take(struct stt_stream *stream, struct stt_leg *leg, const struct stt_heard *heard)
{
    /* What would be passed over when it has its turn must not take the place of what is held: a
     * final that comes twice, the newest hypothesis. */
    if (leg != &stream->legs[0] && (heard->end <= stream->final_end || heard->end <= leg->held_end))
        return STATUS_OK;
    if (leg != &stream->legs[0])
        return heard_hold(leg, heard);
    return heard_apply(stream, leg, heard, heard->now_us);
}

/* Position after the result; the newest audio the provider has had when it does not say. */
static uint64_t result_end(const struct stt_stream *stream, const struct stt_leg *leg,
                           const struct stt_result *result)
{
    uint64_t end = leg->base + result_samples(stream, result->result_end_us);
    if (result->result_end_us <= 0)
        end = leg->sent;
    return end < leg->next ? end : leg->next;
}

/* Adds an interim piece to the hypothesis in `scratch`. */
static void result_join(struct stt_stream *stream, const struct stt_leg *leg,
                        const struct stt_result *result, struct stt_heard *heard)
{
    bool stable =
        heard->stable_len == stream->scratch.len && result->stability * 100 >= STT_STABLE_PERCENT;
    if (stream->scratch.len == 0) {
        heard->words = result->words;
        heard->words_len = result->words_len;
        heard->language = result->language;
    }
    buf_puts(&stream->scratch, result->transcript);
    uint64_t end = result_end(stream, leg, result);
    heard->end = end > heard->end ? end : heard->end;
    if (stable)
        heard->stable_len = stream->scratch.len;
}

int stt__results_response(struct stt_stream *stream, struct stt_leg *leg,
                          const struct stt_event *event, int64_t now_us)
{
    const struct stt_response *response = event->response;
    struct stt_heard blank = {.base = leg->base, .at_us = event->at_us, .now_us = now_us};
    struct stt_heard interim = blank;
    bool interims = false;
    assert(response != NULL);
    buf_reset(&stream->scratch);
    for (size_t i = 0; i < response->results_len; i++) {
        const struct stt_result *result = &response->results[i];
        if (!result->is_final) {
            result_join(stream, leg, result, &interim);
            interims = true;
            continue;
        }
        struct stt_heard final = blank;
        final.final = true;
        final.text = (char *)result->transcript;
        final.end = result_end(stream, leg, result);
        final.language = result->language;
        final.words = result->words;
        final.words_len = result->words_len;
        int status = heard_take(stream, leg, &final);
        if (status != STATUS_OK)
            return status;
        buf_reset(&stream->scratch);
        interim = blank;
        interims = false;
    }
    if (!interims || buf_status(&stream->scratch) != STATUS_OK)
        return buf_status(&stream->scratch);
    interim.text = stream->scratch.data != NULL ? stream->scratch.data : (char *)"";
    return heard_take(stream, leg, &interim);
}

int stt__results_release(struct stt_stream *stream, struct stt_leg *leg, int64_t now_us)
{
    assert(leg == &stream->legs[0]);
    int status = STATUS_OK;
    for (const struct stt_heard *heard = leg->held; heard != NULL && status == STATUS_OK;
         heard = heard->next)
        status = heard_apply(stream, leg, heard, now_us);
    stt__results_forget(leg);
    return status;
}

void stt__results_promote(struct stt_stream *stream, int64_t at_us, int64_t now_us)
{
    /* Without memory for the rest the committed words are the final. */
    stt_segment_promote(&stream->segment);
    if (!stt_segment_empty(&stream->segment)) {
        struct stt_heard heard = {.final = true, .at_us = at_us, .now_us = now_us};
        lat_stamp(stream, &heard, stream->end, now_us);
        segment_show(stream, true, &heard);
        stream->final_end = stream->end;
        segment_next(stream, false);
    }
    stt_segment_next(&stream->segment, false);
}
