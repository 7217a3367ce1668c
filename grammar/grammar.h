/*
 * Grammar suggestions: when to ask, what to ask, how to read the answer.
 *
 * A lane is one session's corrections, without I/O: sources and answers in, requests and messages
 * out, time passed in. Finals come in segment order, exactly one a segment; nothing of a segment
 * follows its final.
 *
 * Threads: a lane on the session's front thread; grammar_request_write(), grammar_answer_read() and
 * grammar_diff() on workers; the cache on any thread.
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

#define GRAMMAR_KIND_MAP(X)                                                                        \
    X(OTHER, "other")                                                                              \
    X(AGREEMENT, "agreement")                                                                      \
    X(ARTICLE, "article")                                                                          \
    X(TENSE, "tense")                                                                              \
    X(NUMBER, "number")                                                                            \
    X(PREPOSITION, "preposition")                                                                  \
    X(WORD_ORDER, "word_order")                                                                    \
    X(SPELLING, "spelling")                                                                        \
    X(PUNCTUATION, "punctuation")

enum grammar_kind {
#define X(name, text) GRAMMAR_##name,
    GRAMMAR_KIND_MAP(X)
#undef X
};

struct chat_api;

struct grammar_edit {
    uint32_t start, end; /* code points of the source text */
    enum grammar_kind kind;
    char *from, *to, *message; /* owned by the result */
};

/* A correction; grammar_result_free() frees it. */
struct grammar_result {
    char *corrected;
    struct grammar_edit *edits;
    size_t edits_len;
};
void grammar_result_free(struct grammar_result *result);
const char *grammar_kind_name(enum grammar_kind kind);

struct grammar_source {
    uint32_t segment, rev;
    bool final;
    const char *text;
    struct lat lat;
};

struct grammar_ask {
    uint32_t ask;
    uint32_t segment, source_rev;
    bool final;
    const char *language, *explain_in; /* explain_in: as the lane's */
    const char *text;
    int64_t deadline_us;
    struct lat lat;
};

struct grammar_show {
    uint32_t segment, rev, source_rev;
    bool final;
    const struct grammar_result *result; /* NULL when failed */
    const char *failed;
    struct lat lat;
};

struct grammar_ops {
    int (*ask)(void *ctx, const struct grammar_ask *ask);
    void (*cancel)(void *ctx, uint32_t ask);
    void (*show)(void *ctx, const struct grammar_show *show);
};

struct grammar_config {
    const char *language; /* copied */
    bool partials, eager; /* eager: as in struct turns_config */
    uint32_t partial_gap_ms, partial_words;
    uint32_t first_words; /* of a segment before its first partial; 0: GRAMMAR_FIRST_WORDS */
    uint32_t final_deadline_ms, partial_deadline_ms;
    const char *explain_in; /* copied; language of the explanations. NULL or "": `language` */
};

struct grammar_lane;

int grammar_lane_create(struct grammar_lane **out, const struct grammar_config *config,
                        const struct grammar_ops *ops, void *ctx);
void grammar_lane_destroy(struct grammar_lane *lane);
/* From the next request on. Out of memory leaves the old one. */
void grammar_lane_explain(struct grammar_lane *lane, const char *explain_in);
void grammar_lane_source(struct grammar_lane *lane, const struct grammar_source *source,
                         int64_t now_us);
/* `result` is borrowed. */
void grammar_lane_answer(struct grammar_lane *lane, uint32_t ask,
                         const struct grammar_result *result, const struct lat *lat,
                         int64_t now_us);
void grammar_lane_failed(struct grammar_lane *lane, uint32_t ask, int status, const struct lat *lat,
                         int64_t now_us);
/* Runs what is due: deadlines, paced partials. Returns the next due time in microseconds, INT64_MAX
 * for none; asked again after every source and answer. */
int64_t grammar_lane_tick(struct grammar_lane *lane, int64_t now_us);
/* Oldest segment whose final source has come and whose final has not been shown yet; 0 when nothing
 * is owed. */
uint32_t grammar_lane_owed(const struct grammar_lane *lane);

/* Worker side. */
struct grammar_prompt {
    const struct chat_api *api; /* pool/chat_provider.h; NULL: OpenAI's */
    const char *model, *language, *text;
    const char *explain_in; /* language of the explanations; NULL: `language` */
    bool json_schema;       /* the provider's capability; else json_object is asked for */
    const char *max_tokens_field;
};
/* System prompt's first line: "[sotto:grammar v1 language=en-US]", with " explain=de" in it where
 * explanations are in another language; the user message is the text itself; the answer is JSON
 * {"corrected": "...", "edits": [{"from","to","kind","message"}]}. */
int grammar_request_write(const struct grammar_prompt *prompt, struct buf *body, uint32_t *cost);
/* Reads an answer's content strictly, or as the corrected text itself where the API follows no
 * instructions (edits then have no message); spans are recomputed by diff against the source, kinds
 * and messages matched from the answer's edits. STATUS_PROTOCOL for anything else than such JSON.
 */
int grammar_answer_read(const struct grammar_prompt *prompt, const char *text, size_t len,
                        struct grammar_result *out);
/* Word diff of two texts: edits whose spans count code points of `source`. */
int grammar_diff(const char *source, const char *corrected, struct grammar_result *out);

/* What an answer is known by. */
struct grammar_key {
    const char *language, *explain_in, *text; /* explain_in: NULL is `language` */
};

/* Answers shared by all sessions; bounded. */
struct grammar_cache;
struct grammar_cache *grammar_cache_create(size_t entries_max);
void grammar_cache_destroy(struct grammar_cache *cache);
/* 0 and a copy, or STATUS_NOT_FOUND. Any thread. */
int grammar_cache_get(struct grammar_cache *cache, const struct grammar_key *key,
                      struct grammar_result *out);
void grammar_cache_put(struct grammar_cache *cache, const struct grammar_key *key,
                       const struct grammar_result *result);
