/*
 * Shared by the files of translate: words of a text and the commit policy.
 *
 * Threads: pure functions, any thread. Memory: what a function gives is freed with mem_free().
 */
#pragma once

#include "translate/limits.h"
#include "translate/translate.h"
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

/* Why an answer is no translation: X(NAME, "name"). */
#define TRANSLATE__FAULT_MAP(X)                                                                    \
    X(SOUND, "sound")                                                                              \
    X(EMPTY, "empty")                                                                              \
    X(LONG, "too long")                                                                            \
    X(CUT, "cut")                                                                                  \
    X(ECHO, "not translated")                                                                      \
    X(FOREIGN, "in another script")                                                                \
    X(TALK, "talk about itself")                                                                   \
    X(MARKUP, "markup")                                                                            \
    X(REPLY, "a reply")                                                                            \
    X(OBEDIENT, "did as the speaker said")

enum translate__fault {
#define X(name, text) TRANSLATE__##name,
    TRANSLATE__FAULT_MAP(X)
#undef X
};
const char *translate__fault_name(enum translate__fault fault);
/*
 * Judges a whole answer by what it has in common with the prompt's text; `out` is SOUND when
 * nothing speaks against it. Where the lists of phrases do not know a language, the rules that need
 * them are left out: a good translation must not be lost. STATUS_NOMEM, STATUS_LIMIT.
 */
int translate__judge(const struct translate_prompt *prompt, const char *answer,
                     enum translate__fault *out);
/* True while the text so far of an answer may still turn out to be no translation: it begins like
 * talk or repeats the source, or the source is one that models tend to obey or reply to. */
bool translate__doubtful(const struct translate_prompt *prompt, const char *text);
/* Runs of white space become one blank, none stays at the ends. */
void translate__squeeze(char *text);
/* As of utf8_fold_word(), runs of spaces one, with one before and behind (gives, mem_free). NULL:
 * out of memory. */
char *translate__fold(const char *text, size_t len);
/* Appends a text that stays on its line, whatever it holds. */
void translate__line_write(struct buf *out, const char *text);
/* Most of it is in scripts without spaces. */
bool translate__is_unspaced_text(const char *text);
/* The most code points a translation may have. */
size_t translate__answer_letters_max(const char *text);

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
/* Leaves out the last `words` tentative words. */
void translate__view_mask(struct translate__view *view, size_t words);
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

/* Two texts one behind the other, with a space between where one belongs (gives, mem_free). NULL:
 * out of memory. */
char *translate__join(const char *left, const char *right);

/* A revision of the source and its whole translation. */
struct translate__heard {
    char *source, *answer; /* owned */
};

/*
 * A segment's translation while the segment is spoken. Zero-initialised is the start.
 *
 * Words are committed when successive answers agree on them and the source words that the answers
 * have in common are themselves committed: a word that two answers owe to the same guess of the
 * recogniser is none. A revision whose source and whole translation are committed is not sent
 * again: requests ask for what follows it.
 */
struct translate__draft {
    struct translate__heard heard;  /* what the next answer is compared with */
    struct translate__heard anchor; /* translated and committed for good */
    char *lead;                     /* translation that the request in flight continues, or NULL */
};
void translate__draft_deinit(struct translate__draft *draft);

/* Fills text, before and before_target: of `text` what is not yet translated. They borrow from
 * `text` and the draft. `whole`: all of it. */
void translate__draft_ask(struct translate__draft *draft, const char *text, bool whole,
                          struct translate_ask *ask);
/* The whole text that an answer to the request in flight stands for (gives, mem_free). NULL: out of
 * memory. */
char *translate__draft_whole(const struct translate__draft *draft, const char *answer);

struct translate__partial {
    const char *committed;      /* as shown */
    const char *asked, *answer; /* source text, and its translation as it came */
    const char *newest;         /* source text of the newest revision … */
    size_t settled;             /* … and how many bytes of it are committed */
    enum translate_stability stability;
};
/* STATUS_NOMEM, STATUS_LIMIT: nothing has changed. */
int translate__draft_partial(struct translate__draft *draft,
                             const struct translate__partial *partial, struct translate__view *out);
