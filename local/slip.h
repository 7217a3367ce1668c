/*
 * A learner's slips: a sentence taken apart into words, edits of it, and where edits come from:
 * rules that need no parser (slip_rules), candidates that a parser must confirm (slip_candidates),
 * tenses that contradict a time word (slip_tense).
 *
 * Threads: pure functions, any thread. Memory: a sentence borrows its text.
 */
#pragma once

#include "base/buf.h"
#include "local/limits.h"
#include "local/linkgrammar.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct slip_word {
    uint32_t start, end; /* bytes of the text, without punctuation around */
    char mark;           /* , ; : right behind it, or 0 */
    char low[LOCAL_GRAMMAR_WORD_BYTES];
};

struct slip_sentence {
    const char *text;
    size_t text_len;
    char end;       /* . ? ! or 0 */
    bool by_letter; /* for the parser, whose dictionary has "an user": "an" before every vowel */
    size_t len;
    struct slip_word words[LOCAL_GRAMMAR_SENTENCE_WORDS];
};

enum slip_kind {
    SLIP_AGREEMENT,
    SLIP_ARTICLE,
    SLIP_TENSE,
    SLIP_NUMBER,
    SLIP_PREPOSITION,
    SLIP_WORD_ORDER,
    SLIP_SPELLING,
    SLIP_OTHER,
    SLIP_BY_PARSE /* agreement or number: the parse of the corrected sentence tells */
};

/* `count` words from `first` on are to read `text`. */
struct slip_edit {
    uint8_t first, count;
    enum slip_kind kind;
    float cost;                           /* the less usual the slip, the higher */
    const struct slip_language *language; /* of the message */
    char text[LOCAL_GRAMMAR_EDIT_BYTES];
    char
        message[LOCAL_GRAMMAR_MESSAGE_BYTES]; /* "" for agreement: made when the subject is known */
};

struct slip_list {
    struct slip_edit *edits;
    size_t len, max;
    const struct slip_language *language;
};

/* The language that messages are told in: of a BCP-47 tag; NULL: none of ours, so English. */
const struct slip_language *slip_language_find(const char *tag);
/* An English message, with the same conversions, in the language; itself where there is none. */
const char *slip_told(const struct slip_language *language, const char *english)
    __attribute__((format_arg(2)));

const char *slip_kind_name(enum slip_kind kind);

/* Takes one sentence apart. False: too long, or nothing a corrector should touch. */
bool slip_sentence_read(struct slip_sentence *out, const char *text, size_t len);
/* Bytes of the first sentence of `text`, its end mark and the blanks behind it counted. */
size_t slip_sentence_span(const char *text, size_t len);
/* Appends the sentence as the parser wants it: capital, full stop, with `edits` done. `word_at`
 * (may be NULL) gets where each of the sentence's words, or the edit in its place, begins. */
int slip_sentence_parsable(const struct slip_sentence *sentence,
                           const struct slip_edit *const *edits, size_t edits_len, struct buf *out,
                           uint32_t *word_at);
/* Appends the sentence's own text with `edits` (in order, not overlapping) done, capitals kept. */
int slip_sentence_edited(const struct slip_sentence *sentence, const struct slip_edit *const *edits,
                         size_t edits_len, struct buf *out);
/* Appends words first … first+count-1 as they stand. */
int slip_sentence_words(const struct slip_sentence *sentence, size_t first, size_t count,
                        struct buf *out);
/* True when `word` of the sentence (false past its end) is in `list`, words between spaces. */
bool slip_word_in(const struct slip_sentence *sentence, size_t word, const char *list);
bool slip_word_is(const struct slip_sentence *sentence, size_t word, const char *low);
/* Ends like something that goes on: "I go to the". */
bool slip_sentence_open(const struct slip_sentence *sentence);

/* Adds an edit; does nothing when the list is full, the text too long or words have a mark between.
 * Returns it or NULL. */
struct slip_edit *slip_add(struct slip_list *list, const struct slip_sentence *sentence,
                           size_t first, size_t count, const char *text);
/* `format` is English: what is told is slip_told() of it. */
void slip_message(struct slip_edit *edit, enum slip_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Known by their words, without a parser. */
void slip_phrases(const struct slip_sentence *sentence, struct slip_list *out);
void slip_rules(const struct slip_sentence *sentence, struct slip_list *out);
/* In order of their cost. */
void slip_candidates(const struct slip_sentence *sentence, struct slip_list *out);
/* `parse` is that of the sentence without edits. */
void slip_tense(const struct slip_sentence *sentence, const struct link_parse *parse,
                const uint32_t *word_at, struct slip_list *out);
