#include "stt/words.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/status.h"
#include "base/utf8.h"
#include "stt/stream_limits.h"
#include <assert.h>
#include <stdint.h>
#include <string.h>

void stt_words_clear(struct stt_words *words)
{
    for (size_t i = 0; i < words->len; i++)
        mem_free(words->at[i].text);
    words->len = 0;
}

void stt_words_deinit(struct stt_words *words)
{
    stt_words_clear(words);
    mem_free(words->at);
    *words = (struct stt_words){0};
}

void stt_words_drop(struct stt_words *words, size_t len)
{
    assert(len <= words->len);
    for (size_t i = 0; i < len; i++)
        mem_free(words->at[i].text);
    if (len > 0)
        memmove(words->at, words->at + len, (words->len - len) * sizeof(*words->at));
    words->len -= len;
}

void stt_words_move(struct stt_words *to, struct stt_words *from, size_t len)
{
    assert(len <= from->len && to->len + len <= to->cap);
    if (len == 0)
        return;
    memcpy(to->at + to->len, from->at, len * sizeof(*to->at));
    memmove(from->at, from->at + len, (from->len - len) * sizeof(*from->at));
    to->len += len;
    from->len -= len;
}

int stt_words_reserve(struct stt_words *words, size_t len)
{
    if (len <= words->cap)
        return STATUS_OK;
    size_t cap = words->cap ? words->cap * 2 : 16;
    cap = cap > len ? cap : len;
    struct stt_token *at = mem_realloc(words->at, cap * sizeof(*at));
    if (at == NULL)
        return STATUS_NOMEM;
    words->at = at;
    words->cap = cap;
    return STATUS_OK;
}

/* One block holds text and fold. */
static int token_make(struct stt_token *out, const char *text, size_t text_len, const char *fold)
{
    size_t fold_len = strlen(fold);
    char *block = mem_alloc(text_len + fold_len + 2);
    if (block == NULL)
        return STATUS_NOMEM;
    memcpy(block, text, text_len);
    block[text_len] = '\0';
    memcpy(block + text_len + 1, fold, fold_len + 1);
    out->text = block;
    out->fold = block + text_len + 1;
    return STATUS_OK;
}

int stt_words_push(struct stt_words *words, const struct stt_token *token)
{
    struct stt_token copy = *token;
    if (stt_words_reserve(words, words->len + 1) != STATUS_OK ||
        token_make(&copy, token->text, strlen(token->text), token->fold) != STATUS_OK)
        return STATUS_NOMEM;
    words->at[words->len++] = copy;
    return STATUS_OK;
}

/* Scripts that put no spaces between words and whose characters stand alone. */
static bool is_ideographic(uint32_t code)
{
    return (code >= 0x2e80 && code <= 0x2fdf) || (code >= 0x3040 && code <= 0x30ff) ||
           (code >= 0x31f0 && code <= 0x31ff) || (code >= 0x3400 && code <= 0x9fff) ||
           (code >= 0xf900 && code <= 0xfaff) || (code >= 0x20000 && code <= 0x3ffff);
}

/* A run of text that may become a word. */
struct span {
    const char *text;
    size_t len;
    bool spaced;
};

/* Takes the next span off text[*at…len). False at the end. */
static bool span_next(const char *text, size_t len, size_t *at, struct span *out)
{
    uint32_t code = 0;
    size_t step;
    out->spaced = false;
    while ((step = utf8_decode(text + *at, len - *at, &code)) > 0 && utf8_is_space(code)) {
        out->spaced = true;
        *at += step;
    }
    if (step == 0)
        return false;
    size_t start = *at;
    bool alone = is_ideographic(code);
    *at += step;
    while ((step = utf8_decode(text + *at, len - *at, &code)) > 0 && !utf8_is_space(code) &&
           !is_ideographic(code) && !(alone && utf8_is_word(code)))
        *at += step;
    out->text = text + start;
    out->len = *at - start;
    return true;
}

/* State of one stt_words_parse(). */
struct parse {
    struct stt_words before;
    size_t reused; /* tokens of `before` that were moved or are gone */
    struct stt_words *out;
    struct buf lead; /* punctuation before the first word */
    size_t same;
    bool diverged;
};

/* Gives `before`'s token at this place when it reads exactly the same. */
static bool parse_reuse(struct parse *parse, const struct span *span)
{
    size_t i = parse->out->len;
    if (i >= parse->before.len || parse->lead.len > 0)
        return false;
    struct stt_token *old = &parse->before.at[i];
    if (strncmp(old->text, span->text, span->len) != 0 || old->text[span->len] != '\0')
        return false;
    parse->out->at[parse->out->len] = *old;
    old->text = NULL;
    return true;
}

/* Punctuation on its own joins the word before it, or waits for the first. */
static int parse_join(struct parse *parse, const struct span *span)
{
    if (parse->out->len == 0) {
        buf_append(&parse->lead, span->text, span->len);
        return buf_puts(&parse->lead, " ");
    }
    struct stt_token *last = &parse->out->at[parse->out->len - 1];
    struct stt_token made = *last;
    struct buf text;
    buf_init(&text, STT_HYPOTHESIS_BYTES_MAX * 4);
    buf_puts(&text, last->text);
    if (span->spaced)
        buf_putc(&text, ' ');
    int status = buf_append(&text, span->text, span->len);
    if (status == STATUS_OK)
        status = token_make(&made, text.data, text.len, last->fold);
    buf_deinit(&text);
    if (status != STATUS_OK)
        return status;
    mem_free(last->text);
    *last = made;
    return STATUS_OK;
}

static int parse_word(struct parse *parse, const struct span *span, const char *fold)
{
    struct stt_token *token = &parse->out->at[parse->out->len];
    *token = (struct stt_token){0};
    if (parse->lead.len == 0)
        return token_make(token, span->text, span->len, fold);
    buf_append(&parse->lead, span->text, span->len);
    int status = buf_status(&parse->lead);
    if (status == STATUS_OK)
        status = token_make(token, parse->lead.data, parse->lead.len, fold);
    buf_reset(&parse->lead);
    return status;
}

static int parse_span(struct parse *parse, const struct span *span, size_t end)
{
    int status = stt_words_reserve(parse->out, parse->out->len + 1);
    if (status != STATUS_OK)
        return status;
    size_t i = parse->out->len;
    bool equal = parse_reuse(parse, span);
    if (!equal) {
        char *fold = utf8_fold_word(span->text, span->len);
        if (fold == NULL)
            return STATUS_NOMEM;
        if (fold[0] == '\0') {
            mem_free(fold);
            return parse_join(parse, span);
        }
        equal = i < parse->before.len && parse->before.at[i].text != NULL &&
                strcmp(parse->before.at[i].fold, fold) == 0;
        status = parse_word(parse, span, fold);
        mem_free(fold);
        if (status != STATUS_OK)
            return status;
    }
    parse->out->at[i].end = end;
    parse->out->at[i].spaced = span->spaced;
    parse->out->len++;
    parse->diverged = parse->diverged || !equal;
    parse->same += parse->diverged ? 0 : 1;
    return STATUS_OK;
}

static bool is_ascii(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)text[i] >= 0x80)
            return false;
    return true;
}

static int parse_spans(struct parse *parse, const char *text, size_t len)
{
    struct span span;
    size_t at = 0;
    int status = STATUS_OK;
    while (status == STATUS_OK && span_next(text, len, &at, &span))
        status = parse_span(parse, &span, at);
    return status;
}

/* At most `max` bytes of valid text, cut between code points. */
static size_t text_bounded(const char *text, size_t max)
{
    size_t len = strnlen(text, max + 1);
    if (len <= max)
        return len;
    len = max;
    while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80)
        len--;
    return len;
}

static size_t count_stable(const struct stt_words *words, size_t stable_len)
{
    size_t n = 0;
    while (n < words->len && words->at[n].end <= stable_len)
        n++;
    return n;
}

int stt_words_parse(struct stt_words *words, const char *text, size_t stable_len,
                    struct stt_words_parsed *out)
{
    assert(words != NULL && text != NULL && out != NULL);
    size_t len = text_bounded(text, STT_HYPOTHESIS_BYTES_MAX);
    char *nfc = NULL;
    if (!is_ascii(text, len)) {
        char *head = stable_len > 0 && stable_len < len ? utf8_nfc(text, stable_len) : NULL;
        nfc = utf8_nfc(text, len);
        if (nfc == NULL) {
            mem_free(head);
            stt_words_clear(words);
            return STATUS_NOMEM;
        }
        stable_len = head != NULL ? strlen(head) : stable_len >= len ? SIZE_MAX : 0;
        mem_free(head);
        text = nfc;
        len = strlen(nfc);
    }
    struct parse parse = {.before = *words, .out = words};
    *words = (struct stt_words){0};
    buf_init(&parse.lead, STT_HYPOTHESIS_BYTES_MAX * 4);
    int status = parse_spans(&parse, text, len);
    if (status != STATUS_OK)
        stt_words_clear(words);
    out->same = status == STATUS_OK ? parse.same : 0;
    out->stable = count_stable(words, stable_len);
    buf_deinit(&parse.lead);
    stt_words_deinit(&parse.before);
    mem_free(nfc);
    return status;
}

size_t stt_words_common(const struct stt_token *a, size_t a_len, const struct stt_token *b,
                        size_t b_len)
{
    size_t n = 0;
    while (n < a_len && n < b_len && strcmp(a[n].fold, b[n].fold) == 0)
        n++;
    return n;
}

int stt_words_print(struct buf *text, const struct stt_token *at, size_t len, bool inner)
{
    for (size_t i = 0; i < len; i++) {
        if (at[i].spaced && (i > 0 || inner || text->len > 0))
            buf_putc(text, ' ');
        buf_puts(text, at[i].text);
    }
    return buf_status(text);
}

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
    unsigned ab = a < b ? a : b;
    return ab < c ? ab : c;
}

/* Half words: a reading of a word at its time costs less than one that was missed. */
enum { COST_NEAR = 1, COST_OTHER = 2, COST_GAP = 2 };

static unsigned swap_cost(const struct stt_token *a, const struct stt_token *b)
{
    if (strcmp(a->fold, b->fold) == 0)
        return 0;
    uint32_t apart = a->at_ms > b->at_ms ? a->at_ms - b->at_ms : b->at_ms - a->at_ms;
    return apart <= STT_WORD_APART_MS ? COST_NEAR : COST_OTHER;
}

/* Levenshtein distance over words; the best column of the last row and the best row of the last
 * column, the farther one of equals, so that a word which was replaced is not also repeated. */
static void align_window(const struct stt_token *fixed, size_t rows, const struct stt_token *heard,
                         size_t cols, struct stt_alignment *out)
{
    unsigned row[2 * STT_ALIGN_WORDS + 1];
    assert(rows <= STT_ALIGN_WORDS && cols <= 2 * STT_ALIGN_WORDS);
    for (size_t j = 0; j <= cols; j++)
        row[j] = COST_GAP * (unsigned)j;
    unsigned best_row = row[cols];
    out->covered = 0;
    for (size_t i = 1; i <= rows; i++) {
        unsigned diagonal = row[0];
        row[0] = COST_GAP * (unsigned)i;
        for (size_t j = 1; j <= cols; j++) {
            unsigned swap = diagonal + swap_cost(&fixed[i - 1], &heard[j - 1]);
            diagonal = row[j];
            row[j] = min3(swap, row[j] + COST_GAP, row[j - 1] + COST_GAP);
        }
        if (row[cols] <= best_row) {
            best_row = row[cols];
            out->covered = i;
        }
    }
    out->next = 0;
    for (size_t j = 1; j <= cols; j++)
        if (row[j] <= row[out->next])
            out->next = j;
}

void stt_words_align(const struct stt_token *fixed, size_t fixed_len, const struct stt_token *heard,
                     size_t heard_len, struct stt_alignment *out)
{
    size_t common = stt_words_common(fixed, fixed_len, heard, heard_len);
    out->clean = common == fixed_len;
    out->next = common;
    out->covered = common;
    if (common == fixed_len || common == heard_len)
        return;
    size_t rows = fixed_len - common, cols = heard_len - common;
    if (rows > STT_ALIGN_WORDS) {
        out->next = fixed_len < heard_len ? fixed_len : heard_len;
        out->covered = fixed_len;
        return;
    }
    cols = cols < rows + STT_ALIGN_WORDS ? cols : rows + STT_ALIGN_WORDS;
    align_window(fixed + common, rows, heard + common, cols, out);
    out->covered = out->next == heard_len - common ? out->covered : rows;
    out->next += common;
    out->covered += common;
}
