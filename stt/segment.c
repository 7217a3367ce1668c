#include "stt/segment.h"

#include "base/mem.h"
#include "base/status.h"
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
    stt_words_deinit(&segment->committed);
    stt_words_deinit(&segment->carry);
    stt_words_deinit(&segment->uncovered);
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

size_t stt_segment_words(const struct stt_segment *segment)
{
    size_t heard = segment->heard.len, committed = segment->committed.len;
    return heard > committed ? heard : committed;
}

static int votes_reserve(struct stt_segment *segment, size_t len)
{
    if (len <= segment->votes_cap)
        return STATUS_OK;
    size_t cap = len + len / 2 + 16;
    uint8_t *votes = mem_realloc(segment->votes, cap);
    if (votes == NULL)
        return STATUS_NOMEM;
    segment->votes = votes;
    segment->votes_cap = cap;
    return STATUS_OK;
}

/* Parses the reading and counts agreement with the one before. */
static int segment_read(struct stt_segment *segment, const char *text, size_t stable_len,
                        size_t *stable)
{
    struct stt_words_parsed parsed;
    int status = stt_words_parse(&segment->heard, text, stable_len, &parsed);
    if (status == STATUS_OK)
        status = votes_reserve(segment, segment->heard.len);
    if (status != STATUS_OK) {
        stt_words_clear(&segment->heard);
        return status;
    }
    for (size_t i = 0; i < segment->heard.len; i++) {
        uint8_t before = i < parsed.same ? segment->votes[i] : 0;
        segment->votes[i] = before < UINT8_MAX ? before + 1 : before;
    }
    segment->carried = stt_words_common(segment->carry.at, segment->carry.len, segment->heard.at,
                                        segment->heard.len);
    *stable = parsed.stable;
    return STATUS_OK;
}

static int segment_align(struct stt_segment *segment, struct stt_alignment *out)
{
    const struct stt_words *heard = &segment->heard;
    stt_words_align(segment->committed.at, segment->committed.len, heard->at + segment->carried,
                    heard->len - segment->carried, out);
    out->next += segment->carried;
    return STATUS_OK;
}

/* After an allocation has failed the text is printed again from its words. */
static int segment_repair(struct stt_segment *segment)
{
    if (buf_status(&segment->text) == STATUS_OK)
        return STATUS_OK;
    buf_reset(&segment->text);
    return stt_words_print(&segment->text, segment->committed.at, segment->committed.len, false);
}

static int segment_commit(struct stt_segment *segment, size_t *next, size_t stable)
{
    const struct stt_words *heard = &segment->heard;
    while (*next < heard->len && (segment->votes[*next] >= segment->agreement || *next < stable)) {
        int status = stt_words_push(&segment->committed, &heard->at[*next]);
        if (status == STATUS_OK)
            status = stt_words_print(&segment->text, &heard->at[*next], 1, false);
        if (status != STATUS_OK)
            return status;
        ++*next;
    }
    return STATUS_OK;
}

int stt_segment_hypothesis(struct stt_segment *segment, const char *text, size_t stable_len)
{
    assert(text != NULL);
    size_t stable = 0;
    struct stt_alignment alignment;
    int status = segment_read(segment, text, stable_len, &stable);
    if (status != STATUS_OK)
        return status;
    segment_align(segment, &alignment);
    size_t next = alignment.next;
    buf_reset(&segment->tentative);
    status = segment_repair(segment);
    if (status == STATUS_OK)
        status = segment_commit(segment, &next, stable);
    if (status != STATUS_OK)
        return status;
    return stt_words_print(&segment->tentative, segment->heard.at + next, segment->heard.len - next,
                           segment->text.len > 0);
}

static int words_append(struct stt_words *to, const struct stt_words *from, size_t at)
{
    int status = STATUS_OK;
    for (size_t i = at; i < from->len && status == STATUS_OK; i++)
        status = stt_words_push(to, &from->at[i]);
    return status;
}

/* What was shown already and the final does not reach: carry of its own, and committed words. */
static int segment_uncover(struct stt_segment *segment, size_t covered)
{
    int status = STATUS_OK;
    stt_words_clear(&segment->uncovered);
    if (segment->heard.len == segment->carried)
        status = words_append(&segment->uncovered, &segment->carry, segment->carried);
    return status == STATUS_OK ? words_append(&segment->uncovered, &segment->committed, covered)
                               : status;
}

int stt_segment_final(struct stt_segment *segment, const char *text)
{
    assert(text != NULL);
    size_t stable = 0;
    struct stt_alignment alignment;
    int status = segment_read(segment, text, 0, &stable);
    if (status != STATUS_OK)
        return status;
    segment_align(segment, &alignment);
    status = segment_uncover(segment, alignment.covered);
    if (status == STATUS_OK)
        status = segment_repair(segment);
    if (status != STATUS_OK)
        return status;
    buf_reset(&segment->tentative);
    segment->spliced = !alignment.clean;
    if (alignment.clean) {
        buf_reset(&segment->text);
        alignment.next = segment->carried;
    }
    return stt_words_print(&segment->text, segment->heard.at + alignment.next,
                           segment->heard.len - alignment.next, false);
}

int stt_segment_promote(struct stt_segment *segment)
{
    int status = segment_repair(segment);
    if (status == STATUS_OK)
        status = buf_puts(&segment->text, stt_segment_tentative(segment));
    buf_reset(&segment->tentative);
    return status;
}

void stt_segment_next(struct stt_segment *segment, bool carry)
{
    stt_words_clear(&segment->heard);
    stt_words_clear(&segment->committed);
    stt_words_clear(&segment->carry);
    if (carry) {
        struct stt_words taken = segment->uncovered;
        segment->uncovered = segment->carry;
        segment->carry = taken;
    }
    stt_words_clear(&segment->uncovered);
    buf_reset(&segment->text);
    buf_reset(&segment->tentative);
    segment->spliced = false;
    segment->carried = 0;
}
