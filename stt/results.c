#include "stt/stream_internal.h"

#include "base/mem.h"
#include "base/status.h"
#include "base/utf8.h"
#include "stt/client.h"
#include "stt/codec.h"
#include "stt/failure.h"
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

static uint64_t word_end(const struct stt_stream *stream, const struct stt_heard *heard,
                         size_t index)
{
    return heard->base + result_samples(stream, heard->words[index].end_us);
}

/* The provider gave a time for each word of the reading in `segment.heard`. */
static bool words_match(const struct stt_stream *stream, const struct stt_heard *heard)
{
    return heard->words_len > 0 && heard->words_len == stream->segment.heard.len;
}

/* Which of the final's words are the segment's; none when its text is not theirs. */
static size_t words_range(const struct stt_stream *stream, const struct stt_heard *heard,
                          size_t *first)
{
    const struct stt_segment *segment = &stream->segment;
    *first = segment->repeats;
    if (segment->spliced)
        return 0;
    if (words_match(stream, heard))
        return segment->committed.len;
    return segment->repeats == 0 && segment->committed.len == segment->heard.len ? heard->words_len
                                                                                 : 0;
}

/* Words of a final in the session's time, NFC; `texts` holds them. NULL without memory or words. */
static struct stt_word *words_map(const struct stt_stream *stream, const struct stt_heard *heard,
                                  struct buf *texts, size_t *len)
{
    assert(heard->final && texts->len == 0);
    size_t first;
    *len = words_range(stream, heard, &first);
    struct stt_word *words = *len > 0 ? mem_calloc(*len, sizeof(*words)) : NULL;
    for (size_t i = 0; words != NULL && i < *len; i++) {
        const struct stt_response_word *from = &heard->words[first + i];
        char *nfc = utf8_nfc(from->text, strlen(from->text));
        words[i].start_ms = stt__ms(stream, heard->base + result_samples(stream, from->start_us));
        words[i].end_ms = stt__ms(stream, word_end(stream, heard, first + i));
        if (nfc != NULL)
            buf_append(texts, nfc, strlen(nfc) + 1);
        if (nfc == NULL || buf_status(texts) != STATUS_OK) {
            mem_free(words);
            words = NULL;
        }
        mem_free(nfc);
    }
    const char *text = texts->data;
    for (size_t i = 0; words != NULL && i < *len; i++) {
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

/* What a final that ends at `position` settles: never what the next leg is to hear again. */
static uint64_t settled_by(const struct stt_stream *stream, uint64_t position)
{
    uint64_t most = stream->legs_len > 1 ? stream->legs[1].base : stream->legs[0].resume;
    position = position < most ? position : most;
    return position > stream->settled ? position : stream->settled;
}

static void segment_show(struct stt_stream *stream, bool final, const struct stt_heard *heard)
{
    /* A stream made anew may have shown more than it has been given. */
    assert(stream->start <= stream->end &&
           (stream->end <= stream->received || stream->end <= stream->shown_end));
    struct buf texts;
    buf_init(&texts, STT_HYPOTHESIS_BYTES_MAX * 4);
    size_t words_len = 0;
    struct stt_word *words = final ? words_map(stream, heard, &texts, &words_len) : NULL;
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
        .words_len = words != NULL ? words_len : 0,
        .settled = final ? settled_by(stream, heard->end) : stream->settled,
        .settled_exact = !stream->segment.blurred,
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

/* The final is out: the next segment has a number of its own. */
static void segment_number(struct stt_stream *stream)
{
    stream->segment.agreement = stream->config.agreement;
    stream->shown_end = stream->end;
    stream->number++;
    stream->started = false;
    stream->shown.rev = 0;
    stream->heard_language[0] = '\0';
    buf_reset(&stream->shown.committed);
    buf_reset(&stream->shown.tentative);
}

/* Where the first shown word begins, without times from the provider: a guess by its end, or by the
 * end of the reading. */
static uint64_t start_guess(const struct stt_stream *stream, const struct stt_heard *heard)
{
    const struct stt_segment *segment = &stream->segment;
    uint64_t end = heard->end, word = stt__samples(stream, STT_START_WORD_MS);
    if (segment->repeats < segment->heard.len)
        end = stt__samples(stream, segment->heard.at[segment->repeats].at_ms);
    return end > word ? end - word : 0;
}

/* Where the open segment begins: never before the last one's end, nor before the call's audio. */
static uint64_t segment_start(const struct stt_stream *stream, const struct stt_heard *heard)
{
    uint64_t floor = stream->final_end > heard->base ? stream->final_end : heard->base;
    size_t first = stream->segment.repeats;
    uint64_t start;
    if (heard->words_len > 0 && (first == 0 || words_match(stream, heard)) &&
        first < heard->words_len)
        start = heard->base + result_samples(stream, heard->words[first].start_us);
    else
        start = start_guess(stream, heard);
    floor = floor > stream->shown_end ? floor : stream->shown_end;
    return start > floor ? start : floor;
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
    bool timed = heard->final && heard->words_len > 0 &&
                 (stream->segment.repeats == 0 || words_match(stream, heard));
    if (!stream->started || timed)
        stream->start = segment_start(stream, heard);
    /* Where the last segment ends is a guess when it was ended by us. */
    stream->end = heard->end > stream->shown_end ? heard->end : stream->shown_end;
    if (stream->start > stream->end)
        stream->start = stream->end;
    stream->started = true;
    segment_language(stream, heard->language);
}

/* The end of a final that may not go as far as its reading: that of its last word. */
static void segment_end_at_word(struct stt_stream *stream, const struct stt_token *last,
                                bool reading_ends)
{
    uint64_t end = stt__samples(stream, last->at_ms);
    bool beyond = stream->segment.uncovered > 0 && end > stream->end;
    if (reading_ends && !last->timed && !beyond)
        return;
    end = end < stream->end || beyond ? end : stream->end;
    stream->end = end > stream->start ? end : stream->start;
}

static void results_settle(struct stt_stream *stream, uint64_t position)
{
    stt__settle(stream, settled_by(stream, position));
}

/* Audio of segments that were ended by us is kept until the provider's final, or there would be too
 * much: a call that begins within it finds its place by the words that were said there. */
void stt__results_settle_long(struct stt_stream *stream, const struct stt_leg *head)
{
    uint64_t keep =
        stt__samples(stream, (int64_t)stream->config.ring_ms * STT_RING_KEEP_PERCENT / 100);
    uint64_t hard = stt__samples(stream, (int64_t)stream->config.stream_hard_ms / 2);
    uint64_t overlap = stt__samples(stream, STT_OVERLAP_MS);
    keep = keep < hard ? keep : hard;
    uint64_t known = stream->shown_end;
    /* Where a segment begins is a guess. */
    uint64_t start = stream->start > overlap ? stream->start - overlap : 0;
    uint64_t silent = stt_segment_empty(&stream->segment) ? stream->quiet_end : start;
    known = known > silent ? known : silent;
    known = known < head->heard_to ? known : head->heard_to;
    uint64_t most = known > overlap ? known - overlap : 0;
    uint64_t position = stream->received > keep ? stream->received - keep : 0;
    position = position < most ? position : most;
    if (position <= stream->settled)
        return;
    stt_segment_blurred(&stream->segment);
    results_settle(stream, position);
}

/* A segment so long is ended anywhere: it has to fit into the ring, and into a call, twice. */
static int64_t segment_over_ms(const struct stt_stream *stream)
{
    int64_t over = STT_SEGMENT_OVER_MS, ring = (int64_t)stream->config.ring_ms * 2 / 5;
    int64_t hard = (int64_t)stream->config.stream_hard_ms / 3;
    over = over < ring ? over : ring;
    return over < hard ? over : hard;
}

/* Long enough to be read: what is committed up to a good place becomes final. */
static void segment_break(struct stt_stream *stream, const struct stt_heard *heard, size_t shown,
                          int64_t now_us)
{
    struct stt_segment *segment = &stream->segment;
    int64_t ms = stt__ms(stream, heard->end - stream->start), over_ms = segment_over_ms(stream);
    size_t words = segment->committed.len, len = 0;
    bool over = ms >= over_ms || words >= STT_SEGMENT_OVER_WORDS;
    if (over || ms >= STT_SEGMENT_LONG_MS || words >= STT_SEGMENT_LONG_WORDS)
        len = stt_segment_break(segment, shown, (uint64_t)stt__ms(stream, heard->end));
    len = len == 0 && over ? words : len;
    if (len == 0 || stt_segment_close(segment, len) != STATUS_OK)
        return;
    struct stt_heard final = {
        .final = true, .base = heard->base, .at_us = heard->at_us, .now_us = heard->now_us};
    segment_end_at_word(stream, &segment->committed.at[len - 1], false);
    lat_stamp(stream, &final, stream->end, now_us);
    segment_show(stream, true, &final);
    stt_segment_split(segment, len);
    segment_number(stream);
    if (!stt_segment_empty(segment))
        segment_place(stream, heard);
}

/* Times of the reading's words in ms of the session. */
#define ENDS_MAX 512
static struct stt_reading reading_of(const struct stt_stream *stream, const struct stt_leg *leg,
                                     const struct stt_heard *heard, uint32_t ends[ENDS_MAX])
{
    uint64_t from = heard->base > leg->final_to ? heard->base : leg->final_to;
    struct stt_reading reading = {.text = heard->text,
                                  .stable_len = heard->stable_len,
                                  .from_ms = (uint64_t)stt__ms(stream, from),
                                  .at_ms = (uint64_t)stt__ms(stream, heard->end)};
    if (heard->words_len == 0 || heard->words_len > ENDS_MAX)
        return reading;
    for (size_t i = 0; i < heard->words_len; i++)
        ends[i] = (uint32_t)stt__ms(stream, word_end(stream, heard, i));
    reading.ends_ms = ends;
    reading.ends_len = heard->words_len;
    return reading;
}

/* Its audio is final, by the provider, or by us for so long that no guessed time can be wrong. */
static bool heard_past(const struct stt_stream *stream, const struct stt_heard *heard)
{
    return heard->end <= stream->final_end ||
           heard->end + stt__samples(stream, STT_SEAM_GUESS_MS) <= stream->shown_end;
}

static int apply_interim(struct stt_stream *stream, const struct stt_leg *leg,
                         const struct stt_heard *heard, int64_t now_us)
{
    if (heard->end <= leg->final_to)
        return STATUS_OK;
    /* What is final, or shown, is heard again: it stays until the call has caught up. */
    uint32_t ends[ENDS_MAX];
    struct stt_reading reading = reading_of(stream, leg, heard, ends);
    if (heard_past(stream, heard) || (stream->started && heard->end < leg->replay_to)) {
        stream->heard_us = heard->text[0] != '\0' ? now_us : stream->heard_us;
        return stt_segment_note(&stream->segment, &reading);
    }
    size_t shown = stream->segment.committed.len;
    int status = stt_segment_hypothesis(&stream->segment, &reading);
    if (status != STATUS_OK)
        return status;
    if (heard->end > stream->heard_end)
        stream->heard_end = heard->end;
    stream->heard_us = stt_segment_silent(&stream->segment) ? stream->heard_us : now_us;
    if (stt_segment_empty(&stream->segment))
        stream->quiet_end = heard->end;
    if (stt_segment_empty(&stream->segment) && stream->shown.rev == 0)
        return STATUS_OK;
    if (stt_segment_empty(&stream->segment))
        stream->started = false;
    else
        segment_place(stream, heard);
    segment_break(stream, heard, shown, now_us);
    lat_stamp(stream, heard, heard->end, now_us);
    segment_update(stream, heard);
    return STATUS_OK;
}

/* All of it was shown before, or was nothing. */
static void final_empty(struct stt_stream *stream, const struct stt_heard *heard)
{
    if (stream->shown.rev > 0)
        segment_update(stream, heard);
    stream->started = false;
}

/* The open segment, which lies behind it, stays as it is; where nothing more comes for it, it is
 * owed until the call is over. */
static void final_pass(struct stt_stream *stream, const struct stt_leg *leg,
                       const struct stt_heard *heard)
{
    if (heard->end > stream->final_end)
        stream->final_end = heard->end;
    bool owed = stream->started && heard->end >= leg->end && stream->start < heard->end;
    results_settle(stream, owed ? stream->start : heard->end);
    if (stream->settled >= heard->end)
        stt_segment_settled(&stream->segment);
    if (stream->settled > heard->end || owed)
        stt_segment_blurred(&stream->segment);
}

static int apply_final(struct stt_stream *stream, struct stt_leg *leg,
                       const struct stt_heard *heard, int64_t now_us)
{
    if (heard->end <= leg->final_to)
        return STATUS_OK;
    bool beyond = stream->heard_end > heard->end, past = heard_past(stream, heard);
    uint32_t ends[ENDS_MAX];
    struct stt_reading reading = reading_of(stream, leg, heard, ends);
    int status = past ? stt_segment_pass(&stream->segment, &reading)
                      : stt_segment_final(&stream->segment, &reading);
    if (status != STATUS_OK)
        return status;
    leg->final_to = heard->end;
    if (past || stream->segment.passed) {
        final_pass(stream, leg, heard);
        return STATUS_OK;
    }
    lat_stamp(stream, heard, heard->end, now_us);
    stream->heard_us = stt_segment_silent(&stream->segment) ? stream->heard_us : now_us;
    bool empty = stt_segment_empty(&stream->segment);
    if (empty) {
        final_empty(stream, heard);
    } else {
        const struct stt_words *said = &stream->segment.committed;
        segment_place(stream, heard);
        if (said->len > 0)
            segment_end_at_word(stream, &said->at[said->len - 1], true);
        segment_show(stream, true, heard);
    }
    leg->at_final = true;
    stream->final_end = heard->end;
    results_settle(stream, heard->end);
    stt_segment_next(&stream->segment, beyond, stream->settled >= heard->end);
    if (stream->settled > heard->end)
        stt_segment_blurred(&stream->segment);
    if (!empty)
        segment_number(stream);
    return STATUS_OK;
}

static int heard_apply(struct stt_stream *stream, struct stt_leg *leg,
                       const struct stt_heard *heard, int64_t now_us)
{
    assert(leg == &stream->legs[0] && heard->end <= leg->next && heard->base == leg->base);
    leg->heard_to = heard->end > leg->heard_to ? heard->end : leg->heard_to;
    return heard->final ? apply_final(stream, leg, heard, now_us)
                        : apply_interim(stream, leg, heard, now_us);
}

static int heard_take(struct stt_stream *stream, struct stt_leg *leg, const struct stt_heard *heard)
{
    /* A final that comes twice must not take the place of what is held. */
    if (leg != &stream->legs[0])
        return heard->end <= leg->held_end ? STATUS_OK : stt__held_add(leg, heard);
    return heard_apply(stream, leg, heard, heard->now_us);
}

/* Position after the result. Where the provider does not say, a hypothesis is about all the audio
 * it has had, a final about what hypotheses have reached. */
static uint64_t result_end(const struct stt_stream *stream, const struct stt_leg *leg,
                           const struct stt_result *result)
{
    uint64_t end = leg->base + result_samples(stream, result->result_end_us);
    if (result->result_end_us <= 0)
        end = result->is_final && leg->heard_to > leg->final_to ? leg->heard_to : leg->sent;
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

/* Any sign but spaces and punctuation. */
static bool result_has_words(const struct stt_result *result)
{
    return result->transcript[strspn(result->transcript, " .,!?")] != '\0';
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
        /* Of silence, and no word of where it ends. */
        if (result->result_end_us <= 0 && !result_has_words(result))
            continue;
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

void stt__results_rebase(struct stt_stream *stream, const struct stt_leg *leg)
{
    stt_segment_rebase(&stream->segment);
}

/* A hypothesis that another result follows tells when its words came. */
static int heard_note(struct stt_stream *stream, const struct stt_leg *leg,
                      const struct stt_heard *heard)
{
    uint32_t ends[ENDS_MAX];
    if (heard->end <= leg->final_to)
        return STATUS_OK;
    struct stt_reading reading = reading_of(stream, leg, heard, ends);
    return stt_segment_note(&stream->segment, &reading);
}

void stt__results_head(struct stt_stream *stream, struct stt_leg *leg, int64_t now_us)
{
    assert(leg == &stream->legs[0]);
    int status = STATUS_OK;
    stt__results_rebase(stream, leg);
    for (const struct stt_heard *heard = leg->held; heard != NULL && status == STATUS_OK;
         heard = heard->next)
        status = heard->final || heard->next == NULL ? heard_apply(stream, leg, heard, now_us)
                                                     : heard_note(stream, leg, heard);
    stt__held_forget(leg);
    if (status != STATUS_OK && leg->state != STT_LEG_WAITING)
        stt__leg_fail(stream, leg, STT_CODE_UNAVAILABLE, "out of memory", now_us);
}

void stt__results_promote(struct stt_stream *stream, int64_t at_us, int64_t now_us)
{
    struct stt_segment *segment = &stream->segment;
    struct stt_heard heard = {.final = true, .at_us = at_us, .now_us = now_us};
    /* Without memory for the rest the committed words are the final. */
    stt_segment_promote(segment);
    bool empty = stt_segment_empty(segment);
    if (!empty && segment->committed.len > 0)
        segment_end_at_word(stream, &segment->committed.at[segment->committed.len - 1], true);
    lat_stamp(stream, &heard, stream->end, now_us);
    if (empty) {
        final_empty(stream, &heard);
    } else {
        segment_show(stream, true, &heard);
        stream->final_end = stream->end;
    }
    /* A stream made anew is told in pieces what was shown long ago: the rest is heard next. */
    bool behind = stream->legs_len > 0 && stream->shown_end > stream->legs[0].resume;
    if (empty && behind)
        stt_segment_blurred(segment);
    else
        stt_segment_next(segment, false, true);
    if (!empty)
        segment_number(stream);
}
