#include "stt/segment.h"

#include "base/mem.h"
#include "base/status.h"
#include "stt/seam.h"
#include "stt/stream_limits.h"
#include <assert.h>
#include <string.h>

#define SEGMENT_TEXT_MAX (4 * STT_HYPOTHESIS_BYTES_MAX)

void stt_segment_init(struct stt_segment *segment, unsigned agreement)
{
    assert(agreement >= 1 && agreement <= STT_AGREEMENT_MAX);
    *segment = (struct stt_segment){.agreement = agreement};
    buf_init(&segment->text, SEGMENT_TEXT_MAX);
    buf_init(&segment->tentative, SEGMENT_TEXT_MAX);
}

void stt_segment_deinit(struct stt_segment *segment)
{
    stt_words_deinit(&segment->heard);
    stt_words_deinit(&segment->noted);
    stt_words_deinit(&segment->committed);
    stt_words_deinit(&segment->past);
    buf_deinit(&segment->text);
    buf_deinit(&segment->tentative);
    mem_free(segment->votes);
    segment->votes = NULL;
}

const char *stt_segment_text(const struct stt_segment *segment)
{
    return segment->text.data != NULL ? segment->text.data : "";
}

const char *stt_segment_tentative(const struct stt_segment *segment)
{
    return segment->tentative.data != NULL ? segment->tentative.data : "";
}

bool stt_segment_empty(const struct stt_segment *segment)
{
    return segment->text.len == 0 && segment->tentative.len == 0;
}

bool stt_segment_silent(const struct stt_segment *segment)
{
    return stt_segment_empty(segment) && segment->heard.len == 0;
}

static int votes_reserve(struct stt_segment *segment, size_t len)
{
    if (len <= segment->votes_cap)
        return STATUS_OK;
    size_t cap = len + len / 2 + 16;
    struct stt_vote *votes = mem_realloc(segment->votes, cap * sizeof(*votes));
    if (votes == NULL)
        return STATUS_NOMEM;
    segment->votes = votes;
    segment->votes_cap = cap;
    return STATUS_OK;
}

/* Words that came at once are spread over the audio they came with, but not wider than speech. */
static uint32_t word_at(const struct stt_segment *segment, const struct stt_reading *reading,
                        size_t index, size_t len)
{
    uint64_t from = reading->from_ms, end = reading->at_ms;
    size_t first = segment->votes_len, rest = len - 1 - index;
    if (first > 0 && segment->votes[first - 1].at_ms > from)
        from = segment->votes[first - 1].at_ms;
    if (from >= end)
        return (uint32_t)end;
    uint64_t even = from + (end - from) * (index + 1 - first) / (len - first);
    uint64_t apart = rest * STT_WORD_APART_MS;
    return (uint32_t)(even + apart > end ? even : end - apart);
}

/* Words that were noted have their times already. Gives how many. */
static size_t votes_noted(struct stt_segment *segment, const struct stt_reading *reading,
                          const struct stt_words *words, size_t same)
{
    const struct stt_words *noted = &segment->noted;
    size_t known = stt_words_common(noted->at, noted->len, words->at, words->len);
    for (size_t i = same; i < known; i++) {
        const struct stt_token *word = &noted->at[i];
        bool before = word->at_ms < reading->from_ms;
        segment->votes[i] = (struct stt_vote){
            .at_ms = before ? (uint32_t)reading->from_ms : word->at_ms, .timed = word->timed};
    }
    return known > same ? known : same;
}

/* When each word of a reading was heard first, of those after the first `same`. */
static int votes_date(struct stt_segment *segment, const struct stt_reading *reading,
                      const struct stt_words *words, size_t same)
{
    size_t len = words->len;
    bool timed = reading->ends_ms != NULL && reading->ends_len == len;
    if (votes_reserve(segment, len) != STATUS_OK)
        return STATUS_NOMEM;
    /* Of an utterance that is over. */
    if (segment->votes_len > 0 && segment->votes[0].at_ms < reading->from_ms)
        segment->votes_len = 0;
    same = same < segment->votes_len ? same : segment->votes_len;
    segment->votes_len = votes_noted(segment, reading, words, same);
    for (size_t i = timed ? 0 : segment->votes_len; i < len; i++) {
        struct stt_vote *vote = &segment->votes[i];
        vote->at_ms = timed ? reading->ends_ms[i] : word_at(segment, reading, i, len);
        vote->timed = timed;
        vote->votes = i < segment->votes_len ? vote->votes : 0;
    }
    segment->votes_len = len > segment->votes_len ? len : segment->votes_len;
    return STATUS_OK;
}

/* The call has shown with which past word it begins: those before it are not heard again. */
static void past_place(struct stt_segment *segment, struct stt_seam *seam)
{
    if (!segment->past_gone || !seam->sure)
        return;
    size_t before = segment->past_first + seam->first;
    stt_words_drop(&segment->past, before);
    segment->past_first = 0;
    segment->past_gone = false;
    seam->covered -= seam->first;
}

/* How much of the reading is past. */
static void segment_repeat(struct stt_segment *segment, size_t same)
{
    size_t len = segment->past.len - segment->past_first, known = segment->known;
    size_t heard = segment->heard.len, near = STT_SEAM_WORDS + STT_SEAM_SHIFT;
    segment->known = segment->repeats = len > 0 ? known : 0;
    if (len == 0 || (segment->met && same >= known))
        return;
    struct stt_seam seam;
    struct stt_seam_bounds bounds = {.past_first = segment->past_first,
                                     .heard_first = known > near ? known - near : 0,
                                     .same_call = known > 0,
                                     .past_gone = segment->past_gone};
    stt_seam_find(&segment->past, &segment->heard, &bounds, &seam);
    if (!seam.found)
        seam.repeats = known < heard ? known : heard;
    past_place(segment, &seam);
    segment->repeats = seam.repeats;
    segment->covered = seam.covered;
    segment->met = seam.found && seam.repeats < heard;
    if (segment->met || seam.repeats > known)
        segment->known = seam.repeats;
}

/* Parses the reading and counts agreement with the one before. */
static int segment_read(struct stt_segment *segment, const struct stt_reading *reading,
                        size_t *stable)
{
    struct stt_words_parsed parsed;
    struct stt_words *heard = &segment->heard;
    int status = stt_words_parse(heard, reading->text, reading->stable_len, &parsed);
    if (status == STATUS_OK)
        status = votes_date(segment, reading, heard, parsed.same);
    if (status != STATUS_OK) {
        stt_words_clear(heard);
        return status;
    }
    for (size_t i = 0; i < heard->len; i++) {
        struct stt_vote *vote = &segment->votes[i];
        uint8_t before = i < parsed.same ? vote->votes : 0;
        vote->votes = before < UINT8_MAX ? before + 1 : before;
        bool ahead = vote->at_ms > reading->at_ms;
        heard->at[i].at_ms = ahead ? (uint32_t)reading->at_ms : vote->at_ms;
        heard->at[i].timed = vote->timed;
    }
    segment->noting = false;
    segment_repeat(segment, parsed.same);
    *stable = parsed.stable;
    return STATUS_OK;
}

int stt_segment_note(struct stt_segment *segment, const struct stt_reading *reading)
{
    struct stt_words words = {0}, *noted = &segment->noted;
    struct stt_words_parsed parsed;
    int status = stt_words_parse(&words, reading->text, 0, &parsed);
    size_t same = stt_words_common(noted->at, noted->len, words.at, words.len);
    /* A reading that only takes words back tells nothing. */
    bool less = same == words.len && same < noted->len;
    if (status == STATUS_OK && !less)
        status = votes_date(segment, reading, &words, 0);
    if (status != STATUS_OK || less) {
        stt_words_deinit(&words);
        return status;
    }
    for (size_t i = 0; i < words.len; i++) {
        words.at[i].at_ms = segment->votes[i].at_ms;
        words.at[i].timed = segment->votes[i].timed;
    }
    stt_words_deinit(noted);
    *noted = words;
    segment->noting = true;
    return STATUS_OK;
}

static void segment_align(const struct stt_segment *segment, size_t committed,
                          struct stt_alignment *out)
{
    const struct stt_words *heard = &segment->heard;
    stt_words_align(segment->committed.at, committed, heard->at + segment->repeats,
                    heard->len - segment->repeats, out);
    out->next += segment->repeats;
}

/* After an allocation has failed the text is printed again from its words. */
static int segment_repair(struct stt_segment *segment)
{
    if (buf_status(&segment->text) == STATUS_OK)
        return STATUS_OK;
    buf_reset(&segment->text);
    return stt_words_print(&segment->text, segment->committed.at, segment->committed.len, false);
}

/* Adds a word that was heard to those that stay. */
static int segment_keep(struct stt_segment *segment, size_t index)
{
    int status = stt_words_push(&segment->committed, &segment->heard.at[index]);
    if (status != STATUS_OK)
        return status;
    return stt_words_print(&segment->text, &segment->heard.at[index], 1, false);
}

static int segment_print_rest(struct stt_segment *segment, size_t next)
{
    buf_reset(&segment->tentative);
    return stt_words_print(&segment->tentative, segment->heard.at + next, segment->heard.len - next,
                           segment->text.len > 0);
}

int stt_segment_hypothesis(struct stt_segment *segment, const struct stt_reading *reading)
{
    assert(reading->text != NULL);
    size_t stable = 0;
    struct stt_alignment alignment;
    int status = segment_read(segment, reading, &stable);
    if (status != STATUS_OK)
        return status;
    segment_align(segment, segment->committed.len, &alignment);
    size_t next = alignment.next;
    buf_reset(&segment->tentative);
    status = segment_repair(segment);
    while (status == STATUS_OK && next < segment->heard.len &&
           (segment->votes[next].votes >= segment->agreement || next < stable)) {
        status = segment_keep(segment, next);
        next += status == STATUS_OK;
    }
    return status == STATUS_OK ? segment_print_rest(segment, next) : status;
}

/* The reading says all that was committed: its wording replaces it. */
static int segment_restyle(struct stt_segment *segment)
{
    struct stt_words words = {0};
    int status = STATUS_OK;
    for (size_t i = segment->repeats; i < segment->heard.len && status == STATUS_OK; i++)
        status = stt_words_push(&words, &segment->heard.at[i]);
    if (status != STATUS_OK) {
        stt_words_deinit(&words);
        return status;
    }
    stt_words_deinit(&segment->committed);
    segment->committed = words;
    buf_reset(&segment->text);
    return stt_words_print(&segment->text, words.at, words.len, false);
}

/* A final: what the call said behind it so far keeps its times, for the next utterance begins with
 * that. Without memory those are told anew. */
static int segment_read_final(struct stt_segment *segment, const struct stt_reading *reading)
{
    struct stt_words before = {0};
    struct stt_alignment alignment;
    size_t stable = 0, len = segment->noting ? 0 : segment->heard.len;
    for (size_t i = 0; i < len; i++)
        if (stt_words_push(&before, &segment->heard.at[i]) != STATUS_OK)
            len = i;
    int status = segment_read(segment, reading, &stable);
    struct stt_words *noted = &segment->noted;
    if (len > 0) {
        stt_words_deinit(noted);
        *noted = before;
    } else {
        stt_words_deinit(&before);
    }
    stt_words_align(segment->heard.at, segment->heard.len, noted->at, noted->len, &alignment);
    stt_words_drop(noted, alignment.next);
    return status;
}

/* The word lies before `end_ms`, as far as its time can tell. */
static bool word_over(const struct stt_token *word, uint64_t end_ms)
{
    uint64_t slack = word->timed ? STT_WORD_APART_MS : STT_SEAM_GUESS_MS;
    return word->at_ms + slack <= end_ms;
}

/* The utterance ends within what is past, and the open segment stays as it is: the next utterance
 * begins with the rest of that. */
static void segment_pass(struct stt_segment *segment, uint64_t end_ms)
{
    const struct stt_words *past = &segment->past;
    segment->past_first += segment->covered;
    /* The call does not go back behind its final; where it was silent it may have missed words. */
    while (segment->heard.len > 0 && segment->past_first < past->len &&
           word_over(&past->at[segment->past_first], end_ms))
        segment->past_first++;
    bool rest = segment->past_first < segment->past.len && segment->known > segment->heard.len;
    segment->known = rest ? segment->known - segment->heard.len : 0;
    stt_words_clear(&segment->heard);
    segment->met = false;
    segment->passed = true;
    segment->repeats = segment->covered = segment->votes_len = 0;
}

int stt_segment_pass(struct stt_segment *segment, const struct stt_reading *reading)
{
    int status = segment_read_final(segment, reading);
    if (status == STATUS_OK)
        segment_pass(segment, reading->at_ms);
    return status;
}

int stt_segment_final(struct stt_segment *segment, const struct stt_reading *reading)
{
    assert(reading->text != NULL);
    struct stt_alignment alignment;
    segment->passed = false;
    int status = segment_read_final(segment, reading);
    if (status != STATUS_OK)
        return status;
    if (segment->past.len > segment->past_first && segment->repeats == segment->heard.len) {
        segment_pass(segment, reading->at_ms);
        return STATUS_OK;
    }
    segment_align(segment, segment->committed.len, &alignment);
    status = segment_repair(segment);
    if (status != STATUS_OK)
        return status;
    segment->uncovered = segment->committed.len - alignment.covered;
    buf_reset(&segment->tentative);
    segment->spliced = !alignment.clean;
    if (alignment.clean)
        return segment_restyle(segment);
    for (size_t i = alignment.next; i < segment->heard.len && status == STATUS_OK; i++)
        status = segment_keep(segment, i);
    return status;
}

int stt_segment_promote(struct stt_segment *segment)
{
    struct stt_alignment alignment;
    segment_align(segment, segment->committed.len, &alignment);
    int status = segment_repair(segment);
    bool shown = stt_segment_tentative(segment)[0] != '\0';
    size_t end = shown ? segment->heard.len : alignment.next;
    for (size_t i = alignment.next; i < end && status == STATUS_OK; i++)
        status = segment_keep(segment, i);
    buf_reset(&segment->tentative);
    return status;
}

/* Room for `len` more, the oldest give way. */
static int past_reserve(struct stt_segment *segment, size_t len)
{
    size_t over = segment->past.len + len > STT_PAST_WORDS_MAX
                      ? segment->past.len + len - STT_PAST_WORDS_MAX
                      : 0;
    over = over < segment->past.len ? over : segment->past.len;
    stt_words_drop(&segment->past, over);
    segment->past_gone = segment->past_gone || over > 0;
    segment->past_first -= over < segment->past_first ? over : segment->past_first;
    return stt_words_reserve(&segment->past, segment->past.len + len);
}

void stt_segment_next(struct stt_segment *segment, bool carry, bool settled)
{
    struct stt_words *said = &segment->committed;
    size_t carried = carry ? segment->uncovered : 0;
    if (settled) {
        stt_words_clear(&segment->past);
        stt_words_drop(said, said->len - carried);
        segment->past_gone = segment->blurred = false;
    }
    if (said->len > STT_PAST_WORDS_MAX)
        stt_words_drop(said, said->len - STT_PAST_WORDS_MAX);
    if (said->len > 0 && past_reserve(segment, said->len) == STATUS_OK)
        stt_words_move(&segment->past, said, said->len);
    carried = carried < segment->past.len ? carried : segment->past.len;
    segment->past_first = segment->past.len - carried;
    stt_words_clear(&segment->heard);
    stt_words_clear(&segment->committed);
    buf_reset(&segment->text);
    buf_reset(&segment->tentative);
    segment->spliced = segment->met = false;
    segment->known = segment->repeats = segment->covered = segment->uncovered = segment->votes_len =
        0;
}

void stt_segment_settled(struct stt_segment *segment)
{
    /* A final without words does not tell where among them it ends. */
    if (segment->past_first == 0 && segment->past_gone)
        return;
    stt_words_drop(&segment->past, segment->past_first);
    segment->past_first = 0;
    segment->past_gone = segment->blurred = false;
}

void stt_segment_blurred(struct stt_segment *segment)
{
    segment->blurred = segment->past.len > 0;
}

void stt_segment_rebase(struct stt_segment *segment)
{
    stt_words_clear(&segment->noted);
    segment->past_gone = segment->past_gone || segment->blurred;
    segment->past_first = 0;
    segment->met = false;
    segment->known = segment->repeats = segment->covered = segment->votes_len = 0;
}

static bool ends_sentence(const char *text)
{
    static const char *const marks[] = {".",      "!",      "?",      "\u3002",
                                        "\uff01", "\uff1f", "\u0964", "\u061f"};
    size_t len = strlen(text);
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        size_t mark = strlen(marks[i]);
        if (len > mark && strcmp(text + len - mark, marks[i]) == 0)
            return true;
    }
    return false;
}

/* Time from the end of a committed word to what was heard next, or to the end of the audio. */
static uint64_t pause_after(const struct stt_segment *segment, size_t index, uint64_t at_ms)
{
    const struct stt_words *words = &segment->committed, *heard = &segment->heard;
    size_t next = segment->repeats + index + 1;
    if (index + 1 < words->len)
        at_ms = words->at[index + 1].at_ms;
    else if (next < heard->len)
        at_ms = heard->at[next].at_ms;
    return at_ms > words->at[index].at_ms ? at_ms - words->at[index].at_ms : 0;
}

size_t stt_segment_break(const struct stt_segment *segment, size_t shown, uint64_t at_ms)
{
    const struct stt_words *words = &segment->committed;
    size_t least = shown > STT_SEGMENT_WORDS_MIN ? shown : STT_SEGMENT_WORDS_MIN;
    for (size_t len = words->len; len >= least; len--)
        if (ends_sentence(words->at[len - 1].text) ||
            pause_after(segment, len - 1, at_ms) >= STT_SEGMENT_PAUSE_MS)
            return len;
    return 0;
}

int stt_segment_close(struct stt_segment *segment, size_t len)
{
    assert(len > 0 && len <= segment->committed.len);
    int status = past_reserve(segment, len < STT_PAST_WORDS_MAX ? len : STT_PAST_WORDS_MAX);
    if (status != STATUS_OK)
        return status;
    buf_reset(&segment->text);
    status = stt_words_print(&segment->text, segment->committed.at, len, false);
    if (status == STATUS_OK)
        buf_reset(&segment->tentative);
    return status;
}

void stt_segment_split(struct stt_segment *segment, size_t len)
{
    struct stt_alignment alignment;
    segment_align(segment, len, &alignment);
    size_t over = len > STT_PAST_WORDS_MAX ? len - STT_PAST_WORDS_MAX : 0;
    stt_words_drop(&segment->committed, over);
    stt_words_move(&segment->past, &segment->committed, len - over);
    segment->known = segment->repeats = alignment.next;
    segment->covered = segment->past.len - segment->past_first;
    segment->met = alignment.clean;
    buf_reset(&segment->text);
    stt_words_print(&segment->text, segment->committed.at, segment->committed.len, false);
    segment_align(segment, segment->committed.len, &alignment);
    segment_print_rest(segment, alignment.next);
}

int stt_segment_past(struct stt_segment *segment, const char *text, uint32_t start_ms,
                     uint32_t end_ms)
{
    struct stt_words words = {0};
    struct stt_words_parsed parsed;
    int status = stt_words_parse(&words, text, 0, &parsed);
    if (status == STATUS_OK)
        status = past_reserve(segment, words.len);
    for (size_t i = 0; status == STATUS_OK && i < words.len; i++) {
        words.at[i].at_ms = start_ms + (uint32_t)((end_ms - start_ms) * (i + 1) / words.len);
        status = stt_words_push(&segment->past, &words.at[i]);
    }
    stt_words_deinit(&words);
    return status;
}
