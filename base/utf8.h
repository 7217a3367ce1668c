/*
 * UTF-8: validation (RFC 3629: no surrogates, no overlongs, nothing past U+10FFFF), code points,
 * NFC (libutf8proc).
 *
 * Threads: pure functions, any thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Incremental validator; zero-initialised is the start state. */
struct utf8_check {
    uint32_t need;  /* continuation bytes awaited */
    uint32_t lower; /* bounds of the next continuation byte */
    uint32_t upper;
};

/* False at the first byte that cannot be continued to valid text. */
bool utf8_check_feed(struct utf8_check *check, const void *bytes, size_t len);
/* True when no code point is half read. */
bool utf8_check_done(const struct utf8_check *check);

bool utf8_valid(const void *bytes, size_t len);
/* Code points in valid text. */
size_t utf8_count(const char *text, size_t len);
/* Byte offset of the `index`th code point of valid text; `len` when there are fewer. */
size_t utf8_offset(const char *text, size_t len, size_t index);
/* Decodes one code point of valid text at `text`; returns its length in bytes (0 at the end). */
static inline size_t utf8_decode(const char *text, size_t len, uint32_t *code);
/* Writes up to 4 bytes; returns how many. */
size_t utf8_encode(uint32_t code, char out[4]);
/* NFC copy (gives, mem_free) of any bytes; invalid sequences become U+FFFD, NUL too. NULL: out of
 * memory. */
char *utf8_nfc(const char *text, size_t len);
/* The form words are compared in: NFC, case-folded, punctuation removed (gives, mem_free). NULL:
 * out of memory. */
char *utf8_fold_word(const char *text, size_t len);
/* True for letters, digits, marks, and apostrophe or hyphen: what a word is made of. */
static inline bool utf8_is_word(uint32_t code);
static inline bool utf8_is_space(uint32_t code);
/* What utf8_fold_word() drops. */
static inline bool utf8_is_punctuation(uint32_t code);

/* --- most text is ASCII: it needs no look into Unicode's tables --- */

enum utf8_class { UTF8_WORD = 1, UTF8_SPACE = 2, UTF8_PUNCTUATION = 4 };
extern const uint8_t utf8__ascii[0x80]; /* sets of enum utf8_class */

/* The same answers for any text and any code point. */
size_t utf8__decode(const char *text, size_t len, uint32_t *code);
bool utf8__is_word(uint32_t code);
bool utf8__is_space(uint32_t code);
bool utf8__is_punctuation(uint32_t code);

static inline size_t utf8_decode(const char *text, size_t len, uint32_t *code)
{
    if (len == 0 || (unsigned char)text[0] >= 0x80)
        return utf8__decode(text, len, code);
    *code = (unsigned char)text[0];
    return 1;
}

static inline bool utf8_is_word(uint32_t code)
{
    return code < 0x80 ? (utf8__ascii[code] & UTF8_WORD) != 0 : utf8__is_word(code);
}

static inline bool utf8_is_space(uint32_t code)
{
    return code < 0x80 ? (utf8__ascii[code] & UTF8_SPACE) != 0 : utf8__is_space(code);
}

static inline bool utf8_is_punctuation(uint32_t code)
{
    return code < 0x80 ? (utf8__ascii[code] & UTF8_PUNCTUATION) != 0 : utf8__is_punctuation(code);
}
