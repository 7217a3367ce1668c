#include "base/utf8.h"

#include "base/mem.h"
#include <assert.h>
#include <string.h>
#include <utf8proc.h>

#define REPLACEMENT 0xFFFDu
/* `need` of a check that has failed: it fails for good. */
#define BROKEN UINT32_MAX

#define W UTF8_WORD
#define S UTF8_SPACE
#define P UTF8_PUNCTUATION
#define B (UTF8_WORD | UTF8_PUNCTUATION)
/* clang-format off */
const uint8_t utf8__ascii[0x80] = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, S, S, S, S, S, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
 /*    !  "  #  $  %  &  '  (  )  *  +  ,  -  .  / */
    S, P, P, P, 0, P, P, B, P, P, P, 0, P, B, P, P,
    W, W, W, W, W, W, W, W, W, W, P, P, 0, 0, 0, P,
    P, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W,
    W, W, W, W, W, W, W, W, W, W, W, P, P, P, 0, P,
    0, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W,
    W, W, W, W, W, W, W, W, W, W, W, P, 0, P, 0, 0,
};
/* clang-format on */
#undef W
#undef S
#undef P
#undef B

static bool is_continuation(unsigned char byte)
{
    return (byte & 0xC0) == 0x80;
}

/* RFC 3629 §4: the first byte fixes the length, and the bounds of the second rule out overlongs,
 * surrogates and what lies past U+10FFFF. */
static bool check_first(struct utf8_check *check, unsigned char byte)
{
    check->lower = 0x80;
    check->upper = 0xBF;
    if (byte < 0x80) {
        check->need = 0;
    } else if (byte >= 0xC2 && byte <= 0xDF) {
        check->need = 1;
    } else if (byte >= 0xE0 && byte <= 0xEF) {
        check->need = 2;
        if (byte == 0xE0)
            check->lower = 0xA0;
        else if (byte == 0xED)
            check->upper = 0x9F;
    } else if (byte >= 0xF0 && byte <= 0xF4) {
        check->need = 3;
        if (byte == 0xF0)
            check->lower = 0x90;
        else if (byte == 0xF4)
            check->upper = 0x8F;
    } else {
        return false;
    }
    return true;
}

static bool check_byte(struct utf8_check *check, unsigned char byte)
{
    if (check->need == 0)
        return check_first(check, byte);
    if (byte < check->lower || byte > check->upper)
        return false;
    check->need--;
    check->lower = 0x80;
    check->upper = 0xBF;
    return true;
}

bool utf8_check_feed(struct utf8_check *check, const void *bytes, size_t len)
{
    const unsigned char *at = bytes, *end = at + len;
    if (check->need == BROKEN)
        return false;
    while (at < end) {
        uint64_t eight;
        if (check->need == 0 && end - at >= 8) {
            memcpy(&eight, at, sizeof eight);
            if ((eight & 0x8080808080808080) == 0) {
                at += 8;
                continue;
            }
        }
        if (!check_byte(check, *at++)) {
            check->need = BROKEN;
            return false;
        }
    }
    return true;
}

bool utf8_check_done(const struct utf8_check *check)
{
    return check->need == 0;
}

bool utf8_valid(const void *bytes, size_t len)
{
    struct utf8_check check = {0};
    return utf8_check_feed(&check, bytes, len) && utf8_check_done(&check);
}

size_t utf8_count(const char *text, size_t len)
{
    size_t count = 0;
    for (size_t i = 0; i < len; i++)
        count += !is_continuation((unsigned char)text[i]);
    return count;
}

size_t utf8_offset(const char *text, size_t len, size_t index)
{
    for (size_t i = 0; i < len; i++) {
        if (!is_continuation((unsigned char)text[i]) && index-- == 0)
            return i;
    }
    return len;
}

/* Also safe on invalid text: a longest piece that began well counts as one U+FFFD. */
size_t utf8__decode(const char *text, size_t len, uint32_t *code)
{
    struct utf8_check check = {0};
    const unsigned char *bytes = (const unsigned char *)text;
    if (len == 0)
        return 0;
    *code = REPLACEMENT;
    if (!check_byte(&check, bytes[0]))
        return 1;
    static const unsigned char first_bits[] = {0x7F, 0x1F, 0x0F, 0x07};
    uint32_t value = bytes[0] & first_bits[check.need];
    size_t used = 1;
    while (check.need > 0) {
        if (used == len || !check_byte(&check, bytes[used]))
            return used;
        value = value << 6 | (bytes[used++] & 0x3F);
    }
    *code = value;
    return used;
}

size_t utf8_encode(uint32_t code, char out[4])
{
    if (code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF))
        code = REPLACEMENT;
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xC0 | code >> 6);
        out[1] = (char)(0x80 | (code & 0x3F));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (char)(0xE0 | code >> 12);
        out[1] = (char)(0x80 | (code >> 6 & 0x3F));
        out[2] = (char)(0x80 | (code & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | code >> 18);
    out[1] = (char)(0x80 | (code >> 12 & 0x3F));
    out[2] = (char)(0x80 | (code >> 6 & 0x3F));
    out[3] = (char)(0x80 | (code & 0x3F));
    return 4;
}

bool utf8__is_punctuation(uint32_t code)
{
    switch (utf8proc_category((utf8proc_int32_t)code)) {
    case UTF8PROC_CATEGORY_PC:
    case UTF8PROC_CATEGORY_PD:
    case UTF8PROC_CATEGORY_PS:
    case UTF8PROC_CATEGORY_PE:
    case UTF8PROC_CATEGORY_PI:
    case UTF8PROC_CATEGORY_PF:
    case UTF8PROC_CATEGORY_PO: return true;
    default: return false;
    }
}

/* Valid text without NUL: what is neither becomes U+FFFD, of three bytes, and comes from at least
 * one. */
static char *clean(const char *text, size_t len, bool drop_punctuation, size_t *out_len)
{
    char *out = len < SIZE_MAX / 3 ? mem_alloc(len * 3 + 1) : NULL;
    size_t used = 0;
    uint32_t code = 0;
    if (out == NULL)
        return NULL;
    for (size_t i = 0; i < len;) {
        i += utf8_decode(text + i, len - i, &code);
        if (drop_punctuation && utf8_is_punctuation(code))
            continue;
        used += utf8_encode(code != 0 ? code : REPLACEMENT, out + used);
    }
    assert(used <= len * 3);
    *out_len = used;
    return out;
}

/* Gives `text` decomposed, ordered and composed again; utf8proc's own allocation is not ours to
 * free. */
static char *compose(const char *text, size_t len, int options)
{
    const utf8proc_uint8_t *bytes = (const utf8proc_uint8_t *)text;
    utf8proc_ssize_t size = (utf8proc_ssize_t)len;
    utf8proc_ssize_t count = utf8proc_decompose(bytes, size, NULL, 0, options);
    assert(count >= 0);
    int32_t *codes = mem_calloc((size_t)count + 1, sizeof *codes);
    if (codes == NULL)
        return NULL;
    count = utf8proc_decompose(bytes, size, codes, count, options);
    /* In place: no code point needs more than its four bytes, and one more element holds the
     * terminator. */
    utf8proc_ssize_t used = utf8proc_reencode(codes, count, options);
    assert(count >= 0 && used >= 0);
    char *out = mem_realloc(codes, (size_t)used + 1);
    if (out == NULL)
        mem_free(codes);
    return out;
}

static bool plain_ascii(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)text[i] - 1u >= 0x7F)
            return false;
    }
    return true;
}

char *utf8_nfc(const char *text, size_t len)
{
    if (plain_ascii(text, len))
        return mem_strndup(text, len);
    size_t cleaned_len = 0;
    char *cleaned = clean(text, len, false, &cleaned_len);
    if (cleaned == NULL)
        return NULL;
    char *out = compose(cleaned, cleaned_len, UTF8PROC_STABLE | UTF8PROC_COMPOSE);
    mem_free(cleaned);
    return out;
}

/* Most words of most lessons. */
static char *fold_ascii(const char *text, size_t len)
{
    char *out = mem_alloc(len + 1);
    size_t used = 0;
    if (out == NULL)
        return NULL;
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        if (!utf8_is_punctuation((unsigned char)c))
            out[used++] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    }
    out[used] = '\0';
    return out;
}

/*
 * Composed before it is folded: case folding turns some marks into letters, and texts that are
 * canonically equal would fold apart. Punctuation goes before composition, so that marks on both of
 * its sides are put into order together.
 */
char *utf8_fold_word(const char *text, size_t len)
{
    if (plain_ascii(text, len))
        return fold_ascii(text, len);
    size_t cleaned_len = 0;
    char *cleaned = clean(text, len, true, &cleaned_len);
    char *composed = cleaned != NULL ? utf8_nfc(cleaned, cleaned_len) : NULL;
    mem_free(cleaned);
    if (composed == NULL)
        return NULL;
    char *out =
        compose(composed, strlen(composed), UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_CASEFOLD);
    mem_free(composed);
    return out;
}

bool utf8__is_word(uint32_t code)
{
    if (code == '\'' || code == 0x2019 || code == '-' || code == 0x2010 || code == 0x2011)
        return true;
    switch (utf8proc_category((utf8proc_int32_t)code)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO: return true;
    default: return false;
    }
}

bool utf8__is_space(uint32_t code)
{
    if ((code >= '\t' && code <= '\r') || code == 0x85)
        return true;
    switch (utf8proc_category((utf8proc_int32_t)code)) {
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP: return true;
    default: return false;
    }
}
