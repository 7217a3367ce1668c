/*
 * The offline chat completions API's texts: requests read, answers, event streams and errors
 * written. https://platform.openai.com/docs/api-reference/chat
 *
 * Threads: pure functions, any thread. Memory: a request that was read is freed with
 * local_chat_question_deinit().
 */
#pragma once

#include "base/buf.h"
#include "local/limits.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum local_chat_kind { LOCAL_CHAT_TRANSLATE, LOCAL_CHAT_GRAMMAR };

/* What a request asks for. */
struct local_chat_question {
    enum local_chat_kind kind;
    char source[LOCAL_CHAT_TAG_BYTES]; /* of a grammar request: the language */
    char target[LOCAL_CHAT_TAG_BYTES]; /* of a grammar request: of its explanations, or "" */
    char model[LOCAL_CHAT_MODEL_BYTES];
    char *text; /* mem_free */
    bool stream, include_usage;
    uint32_t max_tokens;    /* 0: no limit */
    uint32_t prompt_tokens; /* estimate */
};

/* An error as the API tells it; `type` and `code` are constants. */
struct local_chat_fault {
    unsigned status;
    const char *type;
    const char *code;  /* NULL: null */
    const char *param; /* NULL: null */
    char message[LOCAL_CHAT_FAULT_BYTES];
};

/* 0, or STATUS_INVALID with `fault` filled. */
int local_chat_question_read(const char *body, size_t len, struct local_chat_question *out,
                             struct local_chat_fault *fault);
void local_chat_question_deinit(struct local_chat_question *question);
void local_chat_fault_set(struct local_chat_fault *fault, unsigned status, const char *code,
                          const char *format, ...) __attribute__((format(printf, 4, 5)));

struct local_chat_reply {
    const char *id;   /* "chatcmpl-…" */
    int64_t created;  /* seconds since 1970 */
    const char *text; /* the answer, UTF-8 */
};

/* Appends a completion: one JSON object, or its events when the question asks for a stream. Text
 * past the question's max_tokens is cut at a word and finish_reason is "length". */
int local_chat_reply_write(const struct local_chat_question *question,
                           const struct local_chat_reply *reply, struct buf *out);
int local_chat_fault_write(const struct local_chat_fault *fault, struct buf *out);
int local_chat_models_write(int64_t created, struct buf *out);
/* Estimate of tokens in UTF-8 text. */
uint32_t local_chat_text_tokens(const char *text, size_t len);
