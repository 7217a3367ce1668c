#include "bench/judge_internal.h"

#include "base/mem.h"
#include "base/status.h"
#include "bench/judge_words.h"
#include "bench/script.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

/* One session's script as far as it was said, what was got, and where each word of it arrived. */
struct delivery {
    uint16_t *words;
    uint32_t *utterances, *got_utterances; /* indices of session->said */
    uint32_t *places;
    size_t said, len;
};

struct fairness {
    double sum, sum_of_squares;
    uint64_t sessions;
};

static uint32_t next_utterance(const struct judge_session *session)
{
    return session->said_len > 0 ? session->said[session->said_len - 1].number + 1 : 1;
}

/* The index-th utterance said, or the one after the last. */
static void add_utterance(struct delivery *delivery, const struct judge_session *session,
                          uint32_t index, unsigned words)
{
    uint32_t number =
        index < session->said_len ? session->said[index].number : next_utterance(session);
    for (unsigned i = 0; i < words; i++, delivery->len++) {
        delivery->utterances[delivery->len] = index;
        delivery->words[delivery->len] = (uint16_t)script_utterance_word(
            session->judge->config.seed, session->number, number, i);
    }
}

/* Every word of a segment came from the utterance during which, or behind which, it ended. */
static void mark_got(struct delivery *delivery, const struct judge_session *session)
{
    uint32_t index = 0;
    for (uint32_t i = 0; i < session->segments_len; i++) {
        const struct judge_segment *segment = &session->segments[i];
        while (index + 1 < session->said_len && session->said[index + 1].start_ms < segment->end_ms)
            index++;
        for (uint32_t word = 0; word < segment->words_len; word++)
            delivery->got_utterances[segment->words_at + word] = index;
    }
}

/* The utterances that were said to their end, and the next one, which may have been begun. */
static int delivery_init(struct delivery *delivery, const struct judge_session *session)
{
    unsigned tail =
        script_utterance_len(session->judge->config.seed, session->number, next_utterance(session));
    size_t words = tail;
    for (uint32_t i = 0; i < session->said_len; i++)
        words += session->said[i].words;
    *delivery = (struct delivery){
        .words = mem_alloc(words * sizeof *delivery->words),
        .utterances = mem_alloc(words * sizeof *delivery->utterances),
        .got_utterances = mem_calloc(session->words_len + 1, sizeof *delivery->got_utterances),
        .places = mem_alloc(words * sizeof *delivery->places),
    };
    if (delivery->words == NULL || delivery->utterances == NULL ||
        delivery->got_utterances == NULL || delivery->places == NULL)
        return STATUS_NOMEM;
    for (uint32_t i = 0; i < session->said_len; i++)
        add_utterance(delivery, session, i, session->said[i].words);
    delivery->said = delivery->len;
    add_utterance(delivery, session, session->said_len, tail);
    mark_got(delivery, session);
    return STATUS_OK;
}

static void delivery_deinit(struct delivery *delivery)
{
    mem_free(delivery->words);
    mem_free(delivery->utterances);
    mem_free(delivery->got_utterances);
    mem_free(delivery->places);
}

static void note_lost(const struct judge_session *session, const struct delivery *delivery,
                      struct judge_sum *out)
{
    size_t lost = 0, first = 0;
    while (lost < delivery->said && delivery->places[lost] != JUDGE_WORD_NOWHERE)
        lost++;
    if (lost == delivery->said || out->first_lost[0] != '\0')
        return;
    uint32_t utterance = delivery->utterances[lost];
    while (delivery->utterances[first] != utterance)
        first++;
    snprintf(out->first_lost, sizeof out->first_lost, "session %u, utterance %u, word %zu: %s",
             session->number, session->said[utterance].number, lost - first + 1,
             script_word_text(delivery->words[lost], session->judge->config.source));
}

static int align(const struct judge_session *session, struct delivery *delivery,
                 struct judge_sum *out)
{
    const struct judge_words_script script = {delivery->words, delivery->utterances, delivery->said,
                                              delivery->len};
    const struct judge_words_got got = {session->words, delivery->got_utterances,
                                        session->words_len};
    struct judge_words_sum words;
    int status = judge_words_align(&script, &got, delivery->places, &words);
    if (status == STATUS_NOMEM)
        return status;
    out->words_said += delivery->said;
    out->words_lost += words.lost;
    out->words_repeated += words.repeated;
    out->words_wrong += words.wrong;
    note_lost(session, delivery, out);
    return STATUS_OK;
}

/* The segment that holds the word got at `place`. */
static const struct judge_segment *segment_of(const struct judge_session *session, uint32_t place)
{
    uint32_t low = 0, high = session->segments_len - 1;
    assert(session->segments_len > 0);
    while (low < high) {
        uint32_t middle = low + (high - low + 1) / 2;
        if (session->segments[middle].words_at <= place)
            low = middle;
        else
            high = middle - 1;
    }
    return &session->segments[low];
}

/* What of an utterance arrived whole: *transcript, and the bits of what is right in every segment
 * that holds a word of it. */
static uint16_t utterance_right(const struct judge_session *session, const uint32_t *places,
                                size_t words, bool *transcript)
{
    uint16_t right = UINT16_MAX;
    *transcript = words > 0;
    for (size_t i = 0; i < words; i++) {
        if (places[i] == JUDGE_WORD_NOWHERE) {
            *transcript = false;
            return 0;
        }
        right &= segment_of(session, places[i])->right;
    }
    return right;
}

static void count_utterance(const struct judge *judge, bool transcript, uint16_t right,
                            struct judge_sum *out)
{
    out->utterances++;
    out->kind_owed[JUDGE_TRANSCRIPT_FINAL]++;
    out->kind_got[JUDGE_TRANSCRIPT_FINAL] += transcript;
    for (unsigned i = 0; i < judge->targets_len; i++) {
        out->kind_owed[JUDGE_TRANSLATION_FINAL]++;
        out->kind_got[JUDGE_TRANSLATION_FINAL] += (right & JUDGE_RIGHT_TARGET(i)) != 0;
    }
    if (judge->config.grammar) {
        out->kind_owed[JUDGE_GRAMMAR_FINAL]++;
        out->kind_got[JUDGE_GRAMMAR_FINAL] += (right & JUDGE_RIGHT_GRAMMAR) != 0;
    }
}

static uint64_t got_of(const struct judge_sum *sum)
{
    return sum->kind_got[JUDGE_TRANSCRIPT_FINAL] + sum->kind_got[JUDGE_TRANSLATION_FINAL] +
           sum->kind_got[JUDGE_GRAMMAR_FINAL];
}

static void count_delivery(const struct judge_session *session, const struct delivery *delivery,
                           struct judge_sum *out, struct fairness *fairness)
{
    uint64_t got_before = got_of(out), said_before = out->utterances;
    size_t at = 0;
    for (uint32_t i = 0; i < session->said_len; at += session->said[i++].words) {
        bool transcript;
        if (!session->said[i].counts)
            continue;
        uint16_t right =
            utterance_right(session, delivery->places + at, session->said[i].words, &transcript);
        count_utterance(session->judge, transcript, right, out);
    }
    if (out->utterances == said_before)
        return;
    double share = (double)(got_of(out) - got_before) / (double)(out->utterances - said_before);
    fairness->sum += share;
    fairness->sum_of_squares += share * share;
    fairness->sessions++;
}

static void add_session(const struct judge_session *session, struct judge_sum *out,
                        struct fairness *fairness)
{
    struct delivery delivery;
    if (delivery_init(&delivery, session) == STATUS_OK &&
        align(session, &delivery, out) == STATUS_OK)
        count_delivery(session, &delivery, out, fairness);
    else
        out->incomplete = true;
    delivery_deinit(&delivery);
}

static double ratio(uint64_t part, uint64_t whole)
{
    return whole > 0 ? (double)part / (double)whole : 0;
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static void add_degraded(const struct judge *judge, struct judge_sum *out)
{
    int64_t *times_us = mem_alloc((judge->sessions_len + 1) * sizeof *times_us);
    size_t len = 0;
    if (times_us == NULL) {
        out->incomplete = true;
        return;
    }
    for (uint32_t i = 0; i < judge->sessions_len; i++) {
        const struct judge_session *session = judge->sessions[i];
        int64_t time_us = session->degraded_us;
        if (session->degraded > 0)
            time_us += session->heard_us - session->degraded_at_us;
        if (session->degraded > 0 || session->restored)
            times_us[len++] = time_us;
        out->sessions_restored += session->restored;
    }
    qsort(times_us, len, sizeof *times_us, compare);
    out->sessions_degraded = len;
    out->degraded_median_us = len > 0 ? times_us[len / 2] : 0;
    out->degraded_max_us = len > 0 ? times_us[len - 1] : 0;
    mem_free(times_us);
}

void judge_sum(struct judge *judge, struct judge_sum *out)
{
    struct fairness fairness = {0};
    *out = judge->sum;
    out->incomplete = judge->incomplete;
    for (uint32_t i = 0; i < judge->sessions_len; i++) {
        const struct judge_session *session = judge->sessions[i];
        if (!session->excused && (session->said_len > 0 || session->words_len > 0))
            add_session(session, out, &fairness);
    }
    add_degraded(judge, out);
    out->finals_got = got_of(out);
    out->finals_owed = out->kind_owed[JUDGE_TRANSCRIPT_FINAL] +
                       out->kind_owed[JUDGE_TRANSLATION_FINAL] +
                       out->kind_owed[JUDGE_GRAMMAR_FINAL];
    out->erasure_transcript = ratio(judge->erased_transcript, judge->shown_transcript);
    out->erasure_translation = ratio(judge->erased_translation, judge->shown_translation);
    /* Nobody got anything, or nobody spoke: all are treated alike. */
    out->jain =
        fairness.sum_of_squares > 0
            ? fairness.sum * fairness.sum / ((double)fairness.sessions * fairness.sum_of_squares)
            : 1;
}
