/*
 * Shared by the files of translate: words of a text and the commit policy.
 *
 * Threads: pure functions, any thread. Memory: what a function gives is freed with mem_free().
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A word is a run without spaces that holds more than punctuation; in scripts written without
 * spaces every code point (with its marks) is one. `end` stops at the last letter, so that a comma
 * after a committed word can still become a full stop.
 */
struct translate__span {
    size_t start, end;
};

/* True for letters of scripts written without spaces. */
bool translate__is_unspaced(uint32_t code);
/* Next word at or after `*at`, which moves past it; false when there is none. Allocates nothing. */
bool translate__word_next(const char *text, size_t len, size_t *at, struct translate__span *out);
size_t translate__word_count(const char *text);
/* FNV-1a. */
uint64_t translate__hash(const char *bytes, size_t len);
/* How many words differ when the common beginning is left out: what partial pacing counts. */
size_t translate__words_changed(const char *before, const char *after);

/* A word and a hash of the form it is compared in (case-folded, without punctuation). */
struct translate__word {
    struct translate__span span;
    uint64_t fold;
};

struct translate__words {
    struct translate__word *list;
    size_t len;
};

/* STATUS_NOMEM; STATUS_LIMIT past TRANSLATE_WORDS_MAX. */
int translate__words_parse(const char *text, size_t len, struct translate__words *out);
void translate__words_free(struct translate__words *words);
/* True when `words` begins with all of `prefix`. */
bool translate__words_begin(const struct translate__words *words,
                            const struct translate__words *prefix);
/* How many words of `answer` stand for the words of `committed`: the prefix of least edit distance.
 * STATUS_NOMEM. */
int translate__words_align(const struct translate__words *committed,
                           const struct translate__words *answer, size_t *out);

struct translate_prompt;
/* True while the text so far of an answer may still turn out to be no translation
 * (translate_answer_read() would refuse it): it begins like talk about the text or repeats the
 * source. */
bool translate__doubtful(const struct translate_prompt *prompt, const char *text);

/* What is to be shown. */
struct translate__view {
    char *committed, *tentative; /* owned */
    bool spliced;                /* committed words contradict the answer */
};
void translate__view_free(struct translate__view *view);

/*
 * A partial answer: the committed text stays byte for byte; words on which `previous` (NULL: none)
 * and `answer` agree are added to it. STATUS_NOMEM, STATUS_LIMIT.
 */
int translate__commit_partial(const char *committed, const char *previous, const char *answer,
                              struct translate__view *out);
/* A final answer: itself, restyling what was committed, or spliced to the committed words it
 * contradicts. */
int translate__commit_final(const char *committed, const char *answer, struct translate__view *out);

/* Where the text of a streamed final continues the committed one; zero-initialised is the start. */
struct translate__stream {
    bool aligned;
    size_t base;      /* bytes of the committed text it continues */
    size_t skip;      /* bytes of the stream those stand for */
    uint64_t skipped; /* hash of them */
};

/* The text so far of a final: its complete words are committed. STATUS_AGAIN: nothing new to show
 * yet. */
int translate__commit_piece(struct translate__stream *stream, const char *committed,
                            const char *text, struct translate__view *out);
