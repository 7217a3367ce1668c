/*
 * Chat completions codec: request bodies, whole answers and server-sent events. Pure: bytes in,
 * events out, the same events at every split of the input.
 * https://platform.openai.com/docs/api-reference/chat
 *
 * Threads: workers only (JSON never runs on a loop). Memory: as said at each call.
 */
#pragma once

#include "base/buf.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct chat_api;

struct chat_request {
    const struct chat_api *api; /* pool/chat_provider.h; NULL: OpenAI's */
    const char *model;
    const char *system; /* its first line names the kind of request */
    const char *user;
    bool stream;
    bool include_usage;           /* stream_options.include_usage */
    unsigned max_tokens;          /* 0: not sent */
    const char *max_tokens_field; /* NULL: the API's */
    double temperature;           /* < 0: not sent */
    const char *schema_name;      /* response_format json_schema, with `schema`; NULL: none */
    const char *schema;           /* JSON text of the schema */
    bool json_object;             /* response_format json_object instead */
    /* For APIs that follow no instructions: they get these beside `user`. */
    const char *source, *target; /* BCP-47 tags; target NULL: a correction */
    const char *context;         /* what was said before, not to be translated; NULL: none */
};

/* Appends the body in the API's own format. STATUS_INVALID for text that is not UTF-8;
 * STATUS_UNSUPPORTED for a language that the API does not know. */
int chat_request_write(const struct chat_request *request, struct buf *out);
/* What it takes of the API's budget: tokens of the prompt and of all of the answer's allowance, as
 * providers count them, or characters where those are billed. */
uint32_t chat_request_cost(const struct chat_request *request);

enum chat_finish { CHAT_OPEN, CHAT_STOP, CHAT_LENGTH, CHAT_FILTER, CHAT_REFUSED, CHAT_ERROR };

struct chat_reader;

struct chat_result {
    enum chat_finish finish;
    const char *text; /* content so far, NUL-terminated; borrowed until the next call */
    size_t len;
    uint32_t prompt_tokens, completion_tokens, cached_tokens; /* 0 when not told */
    const char *error_code; /* error.code, else error.type, else ""; borrowed */
    const char *error_message;
};

/* `stream`: server-sent events; else one JSON body. NULL: out of memory. At most CHAT_ANSWER_MAX
 * bytes of content. */
struct chat_reader *chat_reader_create(bool stream);
void chat_reader_destroy(struct chat_reader *reader);
void chat_reader_reset(struct chat_reader *reader);
/* Bytes of the body. STATUS_PROTOCOL: not what an API of this kind sends; STATUS_LIMIT: larger than
 * allowed. Sticky. */
int chat_reader_feed(struct chat_reader *reader, const void *bytes, size_t len);
/* The body has ended: 0 when the answer is whole (finish stop), else STATUS_TRUNCATED (no finish,
 * or length), STATUS_FILTERED, STATUS_UNAVAILABLE (an error object), STATUS_PROTOCOL. */
int chat_reader_end(struct chat_reader *reader);
void chat_reader_result(const struct chat_reader *reader, struct chat_result *out);

/* An error body of any provider's make: code, message and field, as far as they can be found; HTML
 * gives "". */
struct chat_error {
    char code[64];
    char message[200];
    char param[32]; /* the field it is about */
    bool quota;     /* insufficient_quota and its kin: never retried */
};
void chat_error_read(const void *body, size_t len, struct chat_error *out);
/* Estimate of tokens in a text, by script. */
uint32_t chat_tokens_estimate(const char *text, size_t len);
