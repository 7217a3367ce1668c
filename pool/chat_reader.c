#include "base/json.h"
#include "base/mem.h"
#include "base/status.h"
#include "pool/chat.h"
#include "pool/internal_json.h"
#include "pool/limits.h"
#include "pool/sse.h"
#include <assert.h>
#include <string.h>

/* What the body turned out to be; a server may answer plain JSON to a request for a stream. */
enum body_kind { BODY_UNKNOWN, BODY_JSON, BODY_EVENTS };

struct chat_reader {
    bool stream;
    bool done; /* [DONE], or an error: what follows means nothing */
    bool ended;
    enum body_kind kind;
    enum chat_finish finish;
    int status; /* sticky */
    size_t fed, events;
    struct sse sse;
    struct buf body; /* BODY_JSON */
    struct buf text;
    uint32_t prompt_tokens, completion_tokens, cached_tokens;
    struct chat_error error;
    chat__answer_read *answer; /* of an API that does not speak chat completions; else NULL */
};

static uint32_t u32_at(const json_t *object, const char *key)
{
    json_int_t value = json_integer_value(json_object_get(object, key));
    return value < 0 ? 0 : value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
}

static void usage_take(struct chat_reader *reader, const json_t *usage)
{
    if (!json_is_object(usage))
        return;
    reader->prompt_tokens = u32_at(usage, "prompt_tokens");
    reader->completion_tokens = u32_at(usage, "completion_tokens");
    reader->cached_tokens =
        u32_at(json_object_get(usage, "prompt_tokens_details"), "cached_tokens");
}

static int finish_take(struct chat_reader *reader, const json_t *reason)
{
    static const struct {
        const char *name;
        enum chat_finish finish;
    } reasons[] = {
        {"stop", CHAT_STOP},
        {"eos_token", CHAT_STOP},
        {"stop_sequence", CHAT_STOP},
        {"end_turn", CHAT_STOP},
        {"length", CHAT_LENGTH},
        {"max_tokens", CHAT_LENGTH},
        {"content_filter", CHAT_FILTER},
    };
    if (reason == NULL || json_is_null(reason))
        return STATUS_OK;
    if (!json_is_string(reason))
        return STATUS_PROTOCOL;
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
        if (strcmp(json_string_value(reason), reasons[i].name) == 0) {
            if (reader->finish != CHAT_REFUSED)
                reader->finish = reasons[i].finish;
            return STATUS_OK;
        }
    return STATUS_PROTOCOL; /* tool_calls and the like: nobody asked for them */
}

/* `message` of a whole answer or `delta` of a piece. */
static int message_take(struct chat_reader *reader, const json_t *message)
{
    if (message == NULL || json_is_null(message))
        return STATUS_OK;
    if (!json_is_object(message))
        return STATUS_PROTOCOL;
    const json_t *refusal = json_object_get(message, "refusal");
    if (json_is_string(refusal) && json_string_length(refusal) > 0)
        reader->finish = CHAT_REFUSED;
    const json_t *content = json_object_get(message, "content");
    if (content == NULL || json_is_null(content))
        return STATUS_OK;
    if (!json_is_string(content))
        return STATUS_PROTOCOL;
    size_t len = json_string_length(content);
    if (len > 0 && reader->finish != CHAT_OPEN && reader->finish != CHAT_REFUSED)
        return STATUS_PROTOCOL; /* content after its finish_reason */
    int status = buf_append(&reader->text, json_string_value(content), len);
    return status == STATUS_OK || status == STATUS_NOMEM ? status : STATUS_LIMIT;
}

static int choices_take(struct chat_reader *reader, const json_t *choices)
{
    if (!json_is_array(choices))
        return STATUS_PROTOCOL;
    size_t index;
    json_t *choice;
    json_array_foreach(choices, index, choice)
    {
        if (!json_is_object(choice))
            return STATUS_PROTOCOL;
        if (json_integer_value(json_object_get(choice, "index")) != 0)
            continue;
        const char *key = reader->kind == BODY_EVENTS ? "delta" : "message";
        int status = message_take(reader, json_object_get(choice, key));
        if (status == STATUS_OK)
            status = finish_take(reader, json_object_get(choice, "finish_reason"));
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

static void error_take(struct chat_reader *reader, const json_t *root)
{
    chat__error_from(root, &reader->error);
    reader->finish = CHAT_ERROR;
    reader->done = true;
}

/* The API's own kind of answer: what is there is whole. */
static int answer_take(struct chat_reader *reader, const json_t *root)
{
    struct chat_answer answer = {0};
    int status = reader->answer(root, &answer);
    if (status != STATUS_OK)
        return status;
    reader->prompt_tokens = answer.used;
    reader->finish = CHAT_STOP;
    status = buf_append(&reader->text, answer.text, strlen(answer.text));
    return status == STATUS_OK || status == STATUS_NOMEM ? status : STATUS_LIMIT;
}

static int object_take(struct chat_reader *reader, const json_t *root)
{
    if (!json_is_object(root))
        return STATUS_PROTOCOL;
    const json_t *error = json_object_get(root, "error");
    const char *object = json_string_value(json_object_get(root, "object"));
    bool has_error = error != NULL && !json_is_null(error);
    if (has_error || (object != NULL && strcmp(object, "error") == 0)) {
        error_take(reader, root);
        return STATUS_OK;
    }
    if (reader->answer != NULL)
        return answer_take(reader, root);
    usage_take(reader, json_object_get(root, "usage"));
    return choices_take(reader, json_object_get(root, "choices"));
}

static int reader_on_event(void *ctx, const char *name, const char *data, size_t len)
{
    struct chat_reader *reader = ctx;
    reader->events++;
    if (reader->done)
        return STATUS_OK;
    if (len == 6 && memcmp(data, "[DONE]", 6) == 0) {
        reader->done = true;
        return STATUS_OK;
    }
    json_t *root;
    int status = json_read(data, len, 0, &root);
    if (strcmp(name, "error") == 0) {
        error_take(reader, root);
        status = STATUS_OK;
    } else if (root != NULL) {
        status = object_take(reader, root);
    } else if (status == STATUS_TRUNCATED) {
        status = STATUS_PROTOCOL; /* the event is whole, its JSON is not */
    }
    json_decref(root);
    return status;
}

struct chat_reader *chat_reader_create(bool stream)
{
    struct chat_reader *reader = mem_calloc(1, sizeof *reader);
    if (reader == NULL)
        return NULL;
    reader->stream = stream;
    sse_init(&reader->sse, reader_on_event, reader);
    buf_init(&reader->body, CHAT_BODY_MAX);
    buf_init(&reader->text, CHAT_ANSWER_MAX);
    return reader;
}

void chat__reader_set_answer(struct chat_reader *reader, chat__answer_read *read)
{
    reader->answer = read;
}

void chat_reader_destroy(struct chat_reader *reader)
{
    if (reader == NULL)
        return;
    sse_deinit(&reader->sse);
    buf_deinit(&reader->body);
    buf_deinit(&reader->text);
    mem_free(reader);
}

void chat_reader_reset(struct chat_reader *reader)
{
    assert(reader != NULL);
    sse_reset(&reader->sse);
    buf_reset(&reader->body);
    buf_reset(&reader->text);
    reader->done = reader->ended = false;
    reader->kind = BODY_UNKNOWN;
    reader->finish = CHAT_OPEN;
    reader->status = STATUS_OK;
    reader->fed = reader->events = 0;
    reader->prompt_tokens = reader->completion_tokens = reader->cached_tokens = 0;
    reader->error = (struct chat_error){0};
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The first byte that is no space tells JSON; a stream's first byte may be a comment's ':' or a
 * byte order mark. */
static void reader_detect(struct chat_reader *reader, char c)
{
    if (c == '{')
        reader->kind = BODY_JSON;
    else if (reader->stream)
        reader->kind = BODY_EVENTS;
    else
        reader->status = STATUS_PROTOCOL;
}

int chat_reader_feed(struct chat_reader *reader, const void *bytes, size_t len)
{
    assert(reader != NULL && (bytes != NULL || len == 0));
    const char *at = bytes;
    bool too_long = len > CHAT_BODY_MAX - reader->fed;
    if (too_long)
        len = CHAT_BODY_MAX - reader->fed;
    reader->fed += len;
    while (reader->status == STATUS_OK && reader->kind == BODY_UNKNOWN && len > 0) {
        if (is_space(*at)) {
            at++;
            len--;
        } else {
            reader_detect(reader, *at);
        }
    }
    if (reader->status == STATUS_OK && len > 0) {
        if (reader->kind == BODY_EVENTS)
            reader->status = sse_feed(&reader->sse, at, len);
        else
            reader->status = buf_append(&reader->body, at, len);
    }
    if (reader->status == STATUS_OK && too_long)
        reader->status = STATUS_LIMIT;
    return reader->status;
}

static int reader_load(struct chat_reader *reader)
{
    json_t *root;
    int status = json_read(reader->body.data, reader->body.len, 0, &root);
    if (status == STATUS_OK)
        status = object_take(reader, root);
    json_decref(root);
    return status;
}

int chat_reader_end(struct chat_reader *reader)
{
    assert(reader != NULL);
    if (reader->status != STATUS_OK || reader->ended)
        return reader->status;
    reader->ended = true;
    if (reader->kind == BODY_JSON)
        reader->status = reader_load(reader);
    else if (reader->kind == BODY_EVENTS && reader->events == 0)
        reader->status = STATUS_PROTOCOL;
    if (reader->status != STATUS_OK)
        return reader->status;
    switch (reader->finish) {
    case CHAT_STOP: break;
    case CHAT_OPEN:
    case CHAT_LENGTH: reader->status = STATUS_TRUNCATED; break;
    case CHAT_FILTER:
    case CHAT_REFUSED: reader->status = STATUS_FILTERED; break;
    case CHAT_ERROR: reader->status = STATUS_UNAVAILABLE; break;
    }
    return reader->status;
}

void chat_reader_result(const struct chat_reader *reader, struct chat_result *out)
{
    assert(reader != NULL && out != NULL);
    *out = (struct chat_result){
        .finish = reader->finish,
        .text = reader->text.len > 0 ? reader->text.data : "",
        .len = reader->text.len,
        .prompt_tokens = reader->prompt_tokens,
        .completion_tokens = reader->completion_tokens,
        .cached_tokens = reader->cached_tokens,
        .error_code = reader->error.code,
        .error_message = reader->error.message,
    };
}
