/*
 * Parts of sim_rotation.c: what is spoken (rotation_script.c), the comparison of what is shown with
 * it (rotation_check.c), and what all sessions together come to (rotation_totals.c).
 */
#pragma once

#include "base/rng.h"
#include "stt/stream.h"
#include "tests/sim/stream_provider.h"

/* How somebody talks: weights of what comes next. */
struct script_talk {
    int sentence;  /* a few seconds, then a pause */
    int brief;     /* "One." "Two.", each between pauses */
    int repeat;    /* "very very good", "no. no.", a sentence said twice */
    int monologue; /* a minute or two without a pause */
    int silence;   /* nobody speaks for 5 to 60 seconds */
};

struct script {
    struct rng *rng;
    uint32_t rate;
    uint64_t samples, at; /* its length; where the next word may begin */
    struct sim_word *words;
    size_t len, cap;
};

/* Fills up to `until`, and leaves the rest to silence. */
void script_fill(struct script *script, const struct script_talk *talk, uint64_t until);
void script_deinit(struct script *script);

struct heard_word {
    char text[SIM_WORD_BYTES];
    int64_t start_ms, end_ms; /* when its final is timed */
    size_t script;            /* which word it is */
};

struct heard_span {
    size_t from, len; /* words */
    int64_t start_ms, end_ms;
    uint64_t told; /* responses before */
    bool timed;
};

/* What was shown of a script. */
struct heard {
    const struct script *script;
    struct heard_word *words;
    struct heard_span *finals;
    size_t words_len, words_cap, finals_len, finals_cap;
    /* At the end: words, and finals with word times and with times that are wrong. */
    uint64_t lost, added, wrong, timed, off;
    int64_t off_most_ms,
        guess_most_ms; /* where times were told, and where they had to be guessed */
    char first[512];   /* what went wrong first */
};

/* What times may be checked for. */
struct heard_times {
    bool words; /* the provider tells those of words */
    bool exact; /* a final ends with its last word */
    int64_t within_ms, guess_ms;
};

/* The next final. */
void heard_final(struct heard *heard, const struct stt_transcript *final, uint64_t told);
/* All finals are out: compares. */
void heard_end(struct heard *heard, const struct heard_times *times);
void heard_deinit(struct heard *heard);

/* Of all sessions of one kind. */
struct totals {
    uint64_t sessions, failed, broken, words, lost, added, wrong, finals, partials, timed, off,
        calls, ends, resets, spoken_ms, billed_ms;
    int64_t off_most_ms, guess_most_ms, final_most_ms;
};

void totals_tell(const char *name, const struct totals *totals);
/* Rules hold always; of 100,000 words `budget` may be wrong, 0: none, nor a time. */
bool totals_fail(const struct totals *totals, unsigned budget);
/* Of sessions that began together, how many rotate within one second, at most. */
unsigned spread_most(const int64_t *rotated_us, size_t len);
