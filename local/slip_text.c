#include "base/status.h"
#include "local/english.h"
#include "local/slip.h"
#include <assert.h>
#include <ctype.h>
#include <string.h>

const char *slip_kind_name(enum slip_kind kind)
{
    static const char *const names[] = {"agreement", "article",     "tense",
                                        "number",    "preposition", "word_order",
                                        "spelling",  "other",       "agreement"};
    return names[kind];
}

static bool blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

size_t slip_sentence_span(const char *text, size_t len)
{
    size_t at = 0;
    while (at < len && blank(text[at]))
        at++;
    while (at < len) {
        bool mark = strchr(".?!", text[at]) != NULL && text[at] != '\0';
        at++;
        if (mark && (at == len || blank(text[at])))
            break;
    }
    while (at < len && blank(text[at]))
        at++;
    return at;
}

/* A typographic apostrophe is read as the plain one. */
static bool lower(const char *from, size_t len, char *out)
{
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        if (n + 1 >= LOCAL_GRAMMAR_WORD_BYTES)
            return false;
        if (i + 2 < len && memcmp(from + i, "\xe2\x80\x99", 3) == 0) {
            out[n++] = '\'';
            i += 2;
        } else {
            out[n++] = (char)tolower((unsigned char)from[i]);
        }
    }
    out[n] = '\0';
    return n > 0;
}

static bool inner(char c)
{
    return isalnum((unsigned char)c) || (unsigned char)c >= 0x80;
}

static bool word_read(struct slip_sentence *out, size_t start, size_t end)
{
    const char *text = out->text;
    size_t behind = end;
    while (start < end && !inner(text[start]))
        start++;
    while (end > start && !inner(text[end - 1]))
        end--;
    if (start == end) {
        /* A mark that stands alone belongs to the word before it. */
        if (out->len > 0 && strchr(",;:-", text[start < behind ? start : behind - 1]) != NULL)
            out->words[out->len - 1].mark = ',';
        return true;
    }
    if (out->len == LOCAL_GRAMMAR_SENTENCE_WORDS)
        return false;
    struct slip_word *word = &out->words[out->len++];
    *word = (struct slip_word){.start = (uint32_t)start, .end = (uint32_t)end};
    if (end < behind && strchr(",;:", text[end]) != NULL)
        word->mark = text[end];
    return lower(text + start, end - start, word->low);
}

bool slip_sentence_read(struct slip_sentence *out, const char *text, size_t len)
{
    out->text = text;
    out->text_len = len;
    out->len = 0;
    out->end = 0;
    out->by_letter = false;
    for (size_t at = 0; at < len;) {
        size_t start = at;
        while (at < len && !blank(text[at])) {
            /* Addresses, sums and the like are nobody's grammar. */
            if (strchr("@/\\_<>{}[]=*#^|~", text[at]) != NULL)
                return false;
            at++;
        }
        if (at > start && !word_read(out, start, at))
            return false;
        if (at > start && strchr(".?!", text[at - 1]) != NULL)
            out->end = text[at - 1];
        at += at < len ? 1 : 0;
    }
    return out->len > 0;
}

bool slip_word_is(const struct slip_sentence *sentence, size_t word, const char *low)
{
    return word < sentence->len && strcmp(sentence->words[word].low, low) == 0;
}

bool slip_word_in(const struct slip_sentence *sentence, size_t word, const char *list)
{
    if (word >= sentence->len)
        return false;
    const char *low = sentence->words[word].low;
    size_t len = strlen(low);
    for (const char *at = list; (at = strstr(at, low)) != NULL; at++) {
        if (at > list && at[-1] == ' ' && at[len] == ' ')
            return true;
    }
    return false;
}

bool slip_sentence_open(const struct slip_sentence *sentence)
{
    size_t last = sentence->len - 1;
    if (sentence->end != 0)
        return false;
    return (english_class(sentence->words[last].low) &
            (WORD_DETERMINER | WORD_PREPOSITION | WORD_JOINING | WORD_BE | WORD_MODAL | WORD_HAVE |
             WORD_ASKING)) != 0 ||
           slip_word_in(sentence, last, " very really so too more most because i he she we they ");
}

static const struct slip_edit *edit_at(const struct slip_edit *const *edits, size_t len,
                                       size_t word)
{
    for (size_t i = 0; i < len; i++) {
        if (edits[i]->first == word)
            return edits[i];
    }
    return NULL;
}

static bool asks(const struct slip_sentence *sentence)
{
    return (english_class(sentence->words[0].low) &
            (WORD_ASKING | WORD_DO | WORD_MODAL | WORD_BE)) != 0;
}

/* "i" alone or with its verb is written I wherever it stands. */
static int put_word(struct buf *out, const char *word, size_t len)
{
    bool pronoun = len > 0 && word[0] == 'i' && (len == 1 || word[1] == '\'');
    buf_putc(out, pronoun ? 'I' : word[0]);
    for (size_t i = 1; i < len; i++) {
        if (i + 2 < len && memcmp(word + i, "\xe2\x80\x99", 3) == 0) {
            buf_putc(out, '\'');
            i += 2;
        } else {
            buf_putc(out, word[i]);
        }
    }
    return buf_status(out);
}

int slip_sentence_parsable(const struct slip_sentence *sentence,
                           const struct slip_edit *const *edits, size_t edits_len, struct buf *out,
                           uint32_t *word_at)
{
    size_t begin = out->len;
    for (size_t i = 0; i < sentence->len;) {
        const struct slip_edit *edit = edit_at(edits, edits_len, i);
        const struct slip_word *word = &sentence->words[i];
        bool an = sentence->by_letter && edit == NULL && strcmp(word->low, "a") == 0 &&
                  i + 1 < sentence->len && strchr("aeiou", sentence->words[i + 1].low[0]) != NULL;
        if (i > 0)
            buf_putc(out, ' ');
        for (size_t k = i; word_at != NULL && k < i + (edit != NULL ? edit->count : 1); k++)
            word_at[k] = (uint32_t)(out->len - begin);
        if (edit != NULL)
            put_word(out, edit->text, strlen(edit->text));
        else
            put_word(out, sentence->text + word->start, word->end - word->start);
        if (an)
            buf_putc(out, 'n');
        i += edit != NULL ? edit->count : 1;
        if (sentence->words[i - 1].mark != 0 && i < sentence->len)
            buf_putc(out, ',');
    }
    if (buf_status(out) != 0 || out->len == begin)
        return buf_status(out);
    out->data[begin] = (char)toupper((unsigned char)out->data[begin]);
    return buf_putc(out, sentence->end != 0 ? sentence->end : asks(sentence) ? '?' : '.');
}

int slip_sentence_words(const struct slip_sentence *sentence, size_t first, size_t count,
                        struct buf *out)
{
    assert(count > 0 && first + count <= sentence->len);
    size_t start = sentence->words[first].start, end = sentence->words[first + count - 1].end;
    return buf_append(out, sentence->text + start, end - start);
}

int slip_sentence_edited(const struct slip_sentence *sentence, const struct slip_edit *const *edits,
                         size_t edits_len, struct buf *out)
{
    size_t at = 0;
    for (size_t i = 0; i < edits_len; i++) {
        const struct slip_edit *edit = edits[i];
        size_t start = sentence->words[edit->first].start;
        assert(start >= at);
        buf_append(out, sentence->text + at, start - at);
        size_t here = out->len;
        buf_puts(out, edit->text);
        if (isupper((unsigned char)sentence->text[start]) && buf_status(out) == 0 &&
            out->len > here)
            out->data[here] = (char)toupper((unsigned char)out->data[here]);
        at = sentence->words[edit->first + edit->count - 1].end;
    }
    return buf_append(out, sentence->text + at, sentence->text_len - at);
}

struct slip_edit *slip_add(struct slip_list *list, const struct slip_sentence *sentence,
                           size_t first, size_t count, const char *text)
{
    size_t len = strlen(text);
    assert(count > 0);
    if (list->len == list->max || len == 0 || len >= LOCAL_GRAMMAR_EDIT_BYTES ||
        first + count > sentence->len)
        return NULL;
    for (size_t i = first; i + 1 < first + count; i++) {
        if (sentence->words[i].mark != 0)
            return NULL;
    }
    struct slip_edit *edit = &list->edits[list->len++];
    edit->first = (uint8_t)first;
    edit->count = (uint8_t)count;
    edit->kind = SLIP_OTHER;
    edit->cost = 0;
    edit->language = list->language;
    edit->message[0] = '\0';
    memcpy(edit->text, text, len + 1);
    return edit;
}
