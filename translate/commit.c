#include "base/mem.h"
#include "base/status.h"
#include "base/utf8.h"
#include "translate/internal.h"
#include "translate/limits.h"
#include <assert.h>
#include <string.h>

void translate__view_free(struct translate__view *view)
{
    mem_free(view->committed);
    mem_free(view->tentative);
    *view = (struct translate__view){0};
}

static uint32_t first_code(const char *text)
{
    uint32_t code = 0;
    utf8_decode(text, strlen(text), &code);
    return code;
}

static uint32_t last_code(const char *text, size_t len)
{
    size_t at = len;
    while (at > 0 && ((unsigned char)text[at - 1] & 0xC0) == 0x80)
        at--;
    uint32_t code = 0;
    if (at > 0)
        utf8_decode(text + at - 1, len - at + 1, &code);
    return code;
}

/* Two texts that met nowhere would run together: a space parts them, unless one side is of a script
 * without spaces. */
static bool needs_space(const char *left, size_t left_len, const char *right, bool in_text)
{
    uint32_t before = last_code(left, left_len), after = first_code(right);
    if (before == 0 || after == 0 || utf8_is_space(before) || utf8_is_space(after))
        return false;
    if (translate__is_unspaced(before) || translate__is_unspaced(after))
        return false;
    return !in_text || (utf8_is_word(before) && utf8_is_word(after));
}

static size_t skip_spaces(const char *text)
{
    size_t at = 0, len = strlen(text), bytes;
    uint32_t code;
    while ((bytes = utf8_decode(text + at, len - at, &code)) > 0 && utf8_is_space(code))
        at += bytes;
    return at;
}

/* What is put together: `base` bytes of the committed text, then the answer from `from`, committed
 * up to `to`. */
struct joint {
    const char *committed;
    size_t base;
    const char *answer;
    size_t from, to;
};

static char *concat(const char *left, size_t left_len, bool space, const char *right,
                    size_t right_len)
{
    char *out = mem_alloc(left_len + space + right_len + 1);
    if (out == NULL)
        return NULL;
    memcpy(out, left, left_len);
    if (space)
        out[left_len] = ' ';
    memcpy(out + left_len + space, right, right_len);
    out[left_len + space + right_len] = '\0';
    return out;
}

char *translate__join(const char *left, const char *right)
{
    size_t len = strlen(left);
    right += len > 0 ? skip_spaces(right) : 0;
    return concat(left, len, needs_space(left, len, right, false), right, strlen(right));
}

static int join(const struct joint *joint, struct translate__view *out)
{
    const char *rest = joint->answer + joint->from;
    size_t len = joint->to - joint->from;
    assert(joint->from <= joint->to && joint->to <= strlen(joint->answer));
    if (joint->base == 0 && joint->from == 0) {
        size_t spaces = skip_spaces(rest);
        rest += spaces;
        len -= spaces < len ? spaces : len;
    }
    bool space = needs_space(joint->committed, joint->base, rest, joint->from > 0);
    struct translate__view view = {
        .committed = concat(joint->committed, joint->base, space && len > 0, rest, len),
        .tentative = concat("", 0, space && len == 0, rest + len, strlen(rest + len)),
    };
    if (view.committed == NULL || view.tentative == NULL) {
        translate__view_free(&view);
        return STATUS_NOMEM;
    }
    *out = view;
    return 0;
}

/* Where the answer goes on after its first `words` words. */
static size_t words_end(const struct translate__words *words, size_t count)
{
    assert(count <= words->len);
    return count > 0 ? words->list[count - 1].span.end : 0;
}

/* The words after the committed ones on which two answers agree. */
static int agreed_words(const struct translate__words *committed,
                        const struct translate__words *answer, size_t from, const char *previous,
                        size_t *out)
{
    struct translate__words before;
    size_t at, agreed = 0;
    int status = translate__words_parse(previous, strlen(previous), &before);
    if (status != 0)
        return status;
    status = translate__words_align(committed, &before, &at);
    while (status == 0 && at + agreed < before.len && from + agreed < answer->len &&
           before.list[at + agreed].fold == answer->list[from + agreed].fold)
        agreed++;
    translate__words_free(&before);
    if (status == 0)
        *out = agreed;
    return status;
}

static int parse_both(const char *committed, const char *answer, size_t answer_len,
                      struct translate__words *committed_out, struct translate__words *answer_out)
{
    int status = translate__words_parse(committed, strlen(committed), committed_out);
    if (status != 0)
        return status;
    status = translate__words_parse(answer, answer_len, answer_out);
    if (status != 0)
        translate__words_free(committed_out);
    return status;
}

int translate__commit_partial(const char *committed, const char *previous, const char *answer,
                              struct translate__view *out)
{
    struct translate__words base, words;
    size_t met = 0, agreed = 0;
    int status = parse_both(committed, answer, strlen(answer), &base, &words);
    if (status != 0)
        return status;
    status = translate__words_align(&base, &words, &met);
    if (status == 0 && previous != NULL)
        status = agreed_words(&base, &words, met, previous, &agreed);
    if (status == 0) {
        struct joint joint = {committed, strlen(committed), answer, words_end(&words, met),
                              words_end(&words, met + agreed)};
        status = join(&joint, out);
    }
    translate__words_free(&base);
    translate__words_free(&words);
    return status;
}

void translate__view_mask(struct translate__view *view, size_t words)
{
    size_t len = strlen(view->tentative), count = translate__word_count(view->tentative), at = 0;
    struct translate__span span = {0};
    for (; count > words; count--)
        translate__word_next(view->tentative, len, &at, &span);
    view->tentative[words == 0 ? len : span.end] = '\0';
}

int translate__commit_final(const char *committed, const char *answer, struct translate__view *out)
{
    struct translate__words base = {0}, words = {0};
    size_t met = 0;
    int status = 0;
    if (committed[0] != '\0')
        status = parse_both(committed, answer, strlen(answer), &base, &words);
    if (status != 0)
        return status;
    bool spliced = !translate__words_begin(&words, &base);
    if (spliced)
        status = translate__words_align(&base, &words, &met);
    if (status == 0) {
        struct joint joint = {committed, spliced ? strlen(committed) : 0, answer,
                              words_end(&words, met), strlen(answer)};
        status = join(&joint, out);
    }
    if (status == 0)
        out->spliced = spliced;
    translate__words_free(&base);
    translate__words_free(&words);
    return status;
}

/* Where the last word ends that no further text can change. */
static size_t complete_end(const char *text)
{
    size_t len = strlen(text), at = 0, end = 0;
    struct translate__span span;
    while (translate__word_next(text, len, &at, &span)) {
        if (at < len)
            end = span.end;
    }
    return end;
}

static int piece_align(struct translate__stream *stream, const char *committed, const char *text,
                       size_t text_len)
{
    struct translate__words base, words;
    size_t met = 0;
    int status = parse_both(committed, text, text_len, &base, &words);
    if (status != 0)
        return status;
    bool begins = translate__words_begin(&words, &base);
    if (!begins && words.len < base.len + TRANSLATE_ALIGN_AHEAD)
        status = STATUS_AGAIN;
    else
        status = translate__words_align(&base, &words, &met);
    if (status == 0)
        *stream = (struct translate__stream){
            .aligned = true, .base = strlen(committed), .skip = words_end(&words, met)};
    if (status == 0)
        stream->skipped = translate__hash(text, stream->skip);
    translate__words_free(&base);
    translate__words_free(&words);
    return status;
}

/* True when `longer` is the committed text and perhaps more words; a request sent again may tell
 * another story. */
static bool extends(const char *committed, const char *longer)
{
    size_t len = strlen(committed), longer_len = strlen(longer), at = 0;
    if (longer_len < len || memcmp(committed, longer, len) != 0)
        return false;
    struct translate__span span = {0};
    while (span.end < len && translate__word_next(longer, longer_len, &at, &span)) {
    }
    return span.end == len;
}

/* False when the text no longer begins as it did when it was aligned. */
static bool still_aligned(const struct translate__stream *stream, const char *text, size_t end)
{
    return stream->aligned && end >= stream->skip &&
           translate__hash(text, stream->skip) == stream->skipped;
}

int translate__commit_piece(struct translate__stream *stream, const char *committed,
                            const char *text, struct translate__view *out)
{
    size_t end = complete_end(text);
    for (;;) {
        bool fresh = !still_aligned(stream, text, end);
        int status = fresh ? piece_align(stream, committed, text, end) : 0;
        if (status != 0)
            return status;
        struct joint joint = {committed, stream->base, text, stream->skip, end};
        struct translate__view view;
        status = join(&joint, &view);
        if (status != 0)
            return status;
        if (extends(committed, view.committed) && strcmp(committed, view.committed) != 0) {
            *out = view;
            return 0;
        }
        bool same = extends(committed, view.committed);
        translate__view_free(&view);
        if (same || fresh)
            return STATUS_AGAIN;
        stream->aligned = false;
    }
}
