/*
 * Answers about segments of speech, whatever the answers are: when to ask, in which order to show.
 *
 * Each segment whose last revision has come is owed one final, and finals are shown in segment
 * order. One whose answer is of no use (truncated, a refusal, not of its form) is asked for once
 * more when time allows; one that fails is shown as failed, by its deadline at the latest.
 * Before that, revisions are worth partial answers: at most one is asked for at a time, of the
 * newest segment's newest revision, and what is superseded is cancelled. Translation and grammar
 * are kinds of it: they know what an answer is (struct turns_kind).
 *
 * Threads: the session's front thread. Memory: struct turns is embedded by its owner; arguments of
 * the kind's functions are borrowed for the call. `ask` may answer or fail the request at once,
 * from within; it must not give sources, tick or end the turns.
 */
#pragma once

#include "base/lat.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Which source a request or an answer speaks of. */
struct turn_revision {
    uint32_t rev;
    int64_t start_ms, end_ms;
};

/* What waits to be shown; the newest replaces an older one that had no turn. The answer itself is
 * the kind's. */
struct turn_pending {
    bool set, final;
    const char *failed; /* NULL, or deadline budget refused truncated filtered upstream */
    struct turn_revision source;
    struct lat lat;
};

/* A segment between its first source and its final; the first member of the kind's own struct. */
struct turn {
    struct turn *next;
    uint32_t number;
    uint32_t rev; /* of the last message shown */
    bool closed;  /* its final source has come: a final is owed */
    struct turn_revision source;
    char *text;     /* of the newest source; NULL when there was no memory for it */
    size_t settled; /* bytes of it that will not change */
    struct lat lat; /* of the newest source, or of its last final answer */
    bool wanted;    /* the newest source deserves a partial */
    char *asked;    /* source text of the last partial asked, or NULL */
    uint32_t ask;   /* final request in flight, 0 when none */
    unsigned tries;
    int64_t deadline_us;
    struct turn_pending pending;
};

struct turn_source {
    uint32_t segment;
    struct turn_revision revision;
    bool final;
    const char *text;
    size_t settled; /* bytes at its beginning that later revisions keep; of a final: all */
    struct lat lat;
};

struct turn_ask {
    uint32_t ask; /* unique among these turns, never 0 */
    uint32_t segment, source_rev;
    bool final;
    unsigned tries; /* of a final: with this one; of a partial 0 */
    const char *text;
    int64_t deadline_us;
    struct lat lat;
};

struct turns_kind {
    size_t turn_bytes;  /* of the kind's struct */
    size_t first_words; /* words of a segment before its first partial is asked */
    size_t (*word_count)(const char *text);
    /* How many words differ when the common beginning is left out. */
    size_t (*words_changed)(const char *before, const char *after);
    /* 0: an answer or a failure will come, once; else none comes and it counts as a failure. */
    int (*ask)(void *ctx, const struct turn_ask *ask);
    void (*cancel)(void *ctx, uint32_t ask);
    /* turn->pending has its turn; turn->rev is its number. */
    void (*show)(void *ctx, struct turn *turn);
    /* The answer of a final source without words, at hand. 0 or why there is none. */
    int (*blank)(struct turn *turn, const char *text);
    /* Ends the answer that waits; there may be none. */
    void (*answer_clear)(struct turn *turn);
    /* Ends what else the kind keeps of a segment; NULL: nothing. */
    void (*turn_clear)(struct turn *turn);
};

struct turns_config {
    bool partials;
    /* For measuring: every revision is asked for at once, whatever gap and words say, and nothing
     * is cancelled by what is newer. */
    bool eager;
    uint32_t partial_gap_ms; /* least time between two partial requests */
    uint32_t partial_words;  /* a new one when so many words changed since the last asked */
    uint32_t first_words;    /* of a segment before its first one; 0: the kind's */
    uint32_t final_deadline_ms, partial_deadline_ms;
};

/* A partial request in flight; ask 0: none. */
struct turns_partial {
    uint32_t ask, segment;
    struct turn_revision source;
    int64_t deadline_us;
};

struct turns {
    const struct turns_kind *kind;
    struct turns_config config;
    void *ctx;
    struct turn *head, *tail; /* ascending numbers */
    struct turn *spare;
    size_t len;
    uint32_t floor; /* segments up to here are over */
    bool started, settling, again;
    uint32_t last_ask;
    struct turns_partial partial; /* the one in flight */
    struct turns_partial *older;  /* eager: TURNS_EAGER_MAX more of them, by ask; else NULL */
    int64_t partial_at_us;        /* earliest time of the next partial request */
};

/* STATUS_NOMEM. `kind` is borrowed for the life of the turns. */
int turns_init(struct turns *turns, const struct turns_kind *kind,
               const struct turns_config *config, void *ctx);
/* Cancels what is in flight. Harmless after a failed turns_init() of zeroed memory. */
void turns_deinit(struct turns *turns);
/* Segments from the first source's on are taken; earlier ones were somebody else's. */
void turns_source(struct turns *turns, const struct turn_source *source, int64_t now_us);

/*
 * An answer in three steps: the turn it is for (NULL: nobody waits for it any more), then
 * turns_put() and the kind's own answer beside it, then turns_settle(). `partial` tells what was
 * asked; a partial's turn ends its request and gives the revision it was about.
 */
struct turn *turns_asked(struct turns *turns, uint32_t ask, bool *partial);
struct turn_revision turns_partial_end(struct turns *turns);
/* The caller adds the answer at once. `final`: the turn's request has ended with it. */
void turns_put(struct turns *turns, struct turn *turn, bool final,
               const struct turn_revision *source, const struct lat *lat);
/* No answer, or one of no use: then asked again, else shown as failed. */
void turns_final_failed(struct turns *turns, struct turn *turn, int status, int64_t now_us);
/* Shows what has its turn and asks what is due. */
void turns_settle(struct turns *turns, int64_t now_us);
/* An answer's ledger, its hand-over to this thread booked; without one, the wait as the
 * provider's. */
struct lat turns_lat(const struct lat *lat, const struct lat *otherwise, int64_t now_us);

void turns_failed(struct turns *turns, uint32_t ask, int status, const struct lat *lat,
                  int64_t now_us);
/* Runs what is due: deadlines, paced partials. Returns the next due time in microseconds,
 * INT64_MAX for none; asked again after every source and answer. */
int64_t turns_tick(struct turns *turns, int64_t now_us);
/* Oldest segment whose final source has come and whose final has not been shown yet; 0: none. */
uint32_t turns_owed(const struct turns *turns);
/* Everything owed is shown now, as failed for want of room. */
void turns_give_up(struct turns *turns, int64_t now_us);
