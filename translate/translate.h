/*
 * Translation: when to ask, what to ask, how to read the answer, what may be shown.
 *
 * A lane is one target language of one session, without I/O: sources and answers in, requests and
 * messages out, time passed in. Requests are built and answers read by pure functions. Invariants:
 * finals of a lane come in segment order, exactly one a segment; nothing of a segment follows its
 * final; committed text only grows; an answer to a superseded revision is never shown once the last
 * revision is known.
 *
 * Threads: a lane on the session's front thread; translate_request_write() and
 * translate_answer_read() on workers; the cache on any thread.
 *
 * Memory: arguments of ops are borrowed for the call. An op may answer or fail the request at once,
 * from within; it must not give sources to the lane, tick or destroy it.
 */
#pragma once

#include "base/buf.h"
#include "base/lat.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct chat_api;

/* What is shown besides committed words: low shows all there is, medium leaves out the last words
 * of a text that goes on, high shows nothing else. */
enum translate_stability {
    TRANSLATE_STABILITY_LOW = 1,
    TRANSLATE_STABILITY_MEDIUM,
    TRANSLATE_STABILITY_HIGH
};

/*
 * A session's glossary and vocabulary for one target language. Immutable and counted: any thread;
 * NULL stands for none.
 */
struct translate_terms;
struct translate_term {
    const char *from, *to; /* to NULL: a word of the vocabulary */
};
/* Copies. STATUS_NOMEM. */
int translate_terms_create(struct translate_terms **out, const struct translate_term *list,
                           size_t len);
struct translate_terms *translate_terms_ref(struct translate_terms *terms);
void translate_terms_unref(struct translate_terms *terms);
/* `out` gets lines for the prompt with the entries that occur in the text (gives, mem_free), NULL
 * when none does: what does not occur costs nothing. STATUS_NOMEM. */
int translate_terms_match(const struct translate_terms *terms, const char *text, char **out);

/* What the learner said: a revision of a segment in the source language. Text is borrowed. */
struct translate_source {
    uint32_t segment, rev;
    bool final;
    const char *text;     /* committed + tentative */
    size_t committed_len; /* bytes of the former; of a final all are, whatever this says */
    enum translate_stability stability; /* 0: medium */
    int64_t start_ms, end_ms;
    struct lat lat;
};

/* A request to be sent. Text is borrowed for the call. */
struct translate_ask {
    uint32_t ask; /* unique in the lane */
    uint32_t segment, source_rev;
    bool final;
    bool again;                  /* the first answer was none */
    const char *source, *target; /* languages */
    const char *text;            /* what is to be translated */
    /* The end of what was said before it and how that was translated; NULL: the text is whole. */
    const char *before, *before_target;
    struct translate_terms *terms; /* the lane knows none: its owner may add them */
    int64_t deadline_us;
    struct lat lat;
};

/* A message for the learner. Text is borrowed for the call. */
struct translate_show {
    uint32_t segment, rev, source_rev;
    const char *lang;
    bool final, spliced;
    const char *committed, *tentative;
    const char *failed; /* NULL, or deadline budget refused truncated filtered upstream */
    int64_t start_ms, end_ms;
    struct lat lat;
};

struct translate_ops {
    /* 0: an answer or a failure will come, once; else none comes and the lane counts it as a
     * failure. */
    int (*ask)(void *ctx, const struct translate_ask *ask);
    void (*cancel)(void *ctx, uint32_t ask);
    void (*show)(void *ctx, const struct translate_show *show);
};

struct translate_config {
    const char *source, *target; /* copied */
    bool partials;
    /* As in struct turns_config, and each answer is shown as it is, nothing of it committed: naive
     * re-translation, for measuring. */
    bool eager;
    uint32_t partial_gap_ms; /* least time between two partial requests */
    uint32_t partial_words;  /* a new one when so many words changed since the last asked */
    uint32_t final_deadline_ms, partial_deadline_ms;
    /* The API cannot go on behind a translation: every request asks for all of a text, and what is
     * said before it is the last segment. */
    bool whole;
};

struct translate_lane;

int translate_lane_create(struct translate_lane **out, const struct translate_config *config,
                          const struct translate_ops *ops, void *ctx);
/* Cancels what is in flight; answers that still come must not reach the lane. */
void translate_lane_destroy(struct translate_lane *lane);
/* Segments from `segment` on are taken, earlier ones are not this lane's (a target added in
 * mid-session). */
void translate_lane_source(struct translate_lane *lane, const struct translate_source *source,
                           int64_t now_us);
/* The text so far of a streamed final, or a whole partial. */
void translate_lane_answer(struct translate_lane *lane, uint32_t ask, const char *text, bool done,
                           const struct lat *lat, int64_t now_us);
/* status: negative enum status; the lane tries a final once more when that can help and time
 * allows. */
void translate_lane_failed(struct translate_lane *lane, uint32_t ask, int status,
                           const struct lat *lat, int64_t now_us);
/* Runs what is due: deadlines, paced partials. Returns the next due time in microseconds, INT64_MAX
 * for none; asked again after every source and answer. */
int64_t translate_lane_tick(struct translate_lane *lane, int64_t now_us);
/* Oldest segment whose final source has come and whose final has not been shown yet; 0 when nothing
 * is owed. */
uint32_t translate_lane_owed(const struct translate_lane *lane);
/* Everything owed is shown now, as failed for want of room: for a lane that has to go. */
void translate_lane_give_up(struct translate_lane *lane, int64_t now_us);
/* Shows once more, as it stands, what was shown of segments whose final is still to come: to a
 * reader who may have missed it. */
void translate_lane_restate(struct translate_lane *lane);
const char *translate_lane_target(const struct translate_lane *lane);

/* Worker side. */
struct translate_prompt {
    const struct chat_api *api; /* pool/chat_provider.h; NULL: OpenAI's */
    const char *model, *source, *target, *text;
    const char *before, *before_target; /* as in struct translate_ask */
    const char *terms;                  /* of translate_terms_match(), or NULL */
    bool again;
    bool stream;
    const char *max_tokens_field;
};
/* Appends a chat-completions body whose system prompt's first line is
 * "[sotto:translate v1 source=en-US target=es]". `cost` gets the estimate in tokens. */
int translate_request_write(const struct translate_prompt *prompt, struct buf *body,
                            uint32_t *cost);
/* True for a final of at least `stream_words` words (0: none): a shorter one's answer is whole
 * about as soon as a stream would show something worth reading, at a fraction of the cost. */
bool translate_is_streamed(const char *text, uint64_t stream_words);
/* Judges a whole answer: 0, or STATUS_FILTERED for an empty one, an echo of the source in another
 * language, or an answer instead of a translation. `out` gets the trimmed text (gives, mem_free).
 */
int translate_answer_read(const struct translate_prompt *prompt, const char *text, size_t len,
                          char **out);

/* Answers by languages, terms that occur, what stands before, and the text with its white space
 * normalised; shared by all sessions, bounded, any thread. */
struct translate_cache;
struct translate_cache *translate_cache_create(size_t entries_max);
void translate_cache_destroy(struct translate_cache *cache);
/* Gives a copy or NULL. */
char *translate_cache_get(struct translate_cache *cache, const struct translate_prompt *prompt);
void translate_cache_put(struct translate_cache *cache, const struct translate_prompt *prompt,
                         const char *answer);
