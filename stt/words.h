/*
 * A text as a list of words that can be compared: NFC, single spaces, punctuation of its own joined
 * to its neighbour. In scripts without spaces (Han, kana) every character is a word.
 *
 * Threads: one owner at a time. Memory: stt_words_deinit() ends it; a zeroed struct is an empty
 * list.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

struct stt_token {
    char *text;  /* as shown; `fold` lives in the same block */
    char *fold;  /* the form words are compared in, never "" */
    size_t end;  /* offset after it in the normalised text */
    bool spaced; /* a space stands before it, were it not the first */
    /* Of the words of a segment: end of the audio in which it was heard first, in ms of the
     * session; its own end where `timed`. */
    bool timed;
    uint32_t at_ms;
};

struct stt_words {
    struct stt_token *at;
    size_t len, cap;
};

void stt_words_deinit(struct stt_words *words);
void stt_words_clear(struct stt_words *words);
/* Forgets the first `len`. */
void stt_words_drop(struct stt_words *words, size_t len);
/* Makes room for `len` in all. STATUS_NOMEM. */
int stt_words_reserve(struct stt_words *words, size_t len);
/* Moves the first `len` of `from` to the end of `to`, which has room for them. */
void stt_words_move(struct stt_words *to, struct stt_words *from, size_t len);

struct stt_words_parsed {
    size_t same;   /* leading words that compare equal to the ones before */
    size_t stable; /* leading words within the first `stable_len` bytes */
};

/* Replaces the list by the words of `text`, keeping unchanged ones. STATUS_NOMEM: the list is
 * empty. */
int stt_words_parse(struct stt_words *words, const char *text, size_t stable_len,
                    struct stt_words_parsed *out);
/* Appends a copy. STATUS_NOMEM: nothing was appended. */
int stt_words_push(struct stt_words *words, const struct stt_token *token);
/* Leading words of `a` and `b` that compare equal. */
size_t stt_words_common(const struct stt_token *a, size_t a_len, const struct stt_token *b,
                        size_t b_len);
/* Appends words to a text; the first gets its space only when the text is not empty or `inner`. */
int stt_words_print(struct buf *text, const struct stt_token *at, size_t len, bool inner);

struct stt_alignment {
    bool clean;     /* `heard` begins with all of `fixed` */
    size_t next;    /* first word of `heard` that continues `fixed` */
    size_t covered; /* words of `fixed` that `heard` reaches */
};
/* How a new reading continues words that are already fixed: by smallest edit distance where it
 * contradicts. */
void stt_words_align(const struct stt_token *fixed, size_t fixed_len, const struct stt_token *heard,
                     size_t heard_len, struct stt_alignment *out);
