#include "local/chat_codec.h"
#include "base/mem.h"
#include "base/status.h"
#include "base/utf8.h"
#include <assert.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MODEL "sotto-local"

void local_chat_fault_set(struct local_chat_fault *fault, unsigned status, const char *code,
                          const char *format, ...)
{
    va_list args;
    *fault = (struct local_chat_fault){.status = status, .code = code};
    fault->type = status == 429   ? "requests"
                  : status == 503 ? "service_unavailable_error"
                  : status >= 500 ? "server_error"
                                  : "invalid_request_error";
    va_start(args, format);
    vsnprintf(fault->message, sizeof fault->message, format, args);
    va_end(args);
    /* A cut must not leave half a character. */
    size_t len = strlen(fault->message);
    while (len > 0 && !utf8_valid(fault->message, len))
        fault->message[--len] = '\0';
}

static int wrong(struct local_chat_fault *fault, const char *param, const char *text)
{
    local_chat_fault_set(fault, 400, NULL, "%s", text);
    fault->param = param;
    return STATUS_INVALID;
}

uint32_t local_chat_text_tokens(const char *text, size_t len)
{
    size_t ascii = 0, other = 0;
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)text[i] < 0x80)
            ascii++;
        else if (((unsigned char)text[i] & 0xc0) != 0x80)
            other++;
    }
    return (uint32_t)((ascii + 3) / 4 + (other + 1) / 2);
}

/* -- requests -- */

/* A message's text: a string, or the text parts of an array joined. NULL: neither. */
static char *content_text(const json_t *content)
{
    if (json_is_string(content))
        return mem_strdup(json_string_value(content));
    if (!json_is_array(content))
        return NULL;
    struct buf text;
    size_t index;
    json_t *part;
    buf_init(&text, H2_BODY_MAX);
    buf_puts(&text, "");
    json_array_foreach(content, index, part)
    {
        const char *type = json_string_value(json_object_get(part, "type"));
        const char *value = json_string_value(json_object_get(part, "text"));
        if (type == NULL || strcmp(type, "text") != 0 || value == NULL) {
            buf_deinit(&text);
            return NULL;
        }
        buf_puts(&text, value);
    }
    size_t len;
    char *taken = buf_take(&text, &len);
    buf_deinit(&text);
    return taken != NULL ? taken : mem_strdup("");
}

/* Copies the value of "key=value" in the marker line; false: missing or not a language tag. */
static bool marker_field(const char *line, size_t len, const char *key, char *out)
{
    const char *at = memmem(line, len, key, strlen(key));
    if (at == NULL)
        return false;
    at += strlen(key);
    size_t rest = len - (size_t)(at - line);
    size_t n = 0;
    while (n < rest && at[n] != ' ' && at[n] != ']')
        n++;
    if (n == 0 || n >= LOCAL_CHAT_TAG_BYTES)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (strchr("-_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", at[i]) ==
            NULL)
            return false;
    }
    memcpy(out, at, n);
    out[n] = '\0';
    return true;
}

static int marker_read(const char *system, struct local_chat_question *out,
                       struct local_chat_fault *fault)
{
    static const char translate[] = "[sotto:translate v1 ", grammar[] = "[sotto:grammar v1 ";
    size_t len = strcspn(system, "\r\n");
    bool ok = false;
    if (strncmp(system, translate, sizeof translate - 1) == 0) {
        out->kind = LOCAL_CHAT_TRANSLATE;
        ok = marker_field(system, len, " source=", out->source) &&
             marker_field(system, len, " target=", out->target);
    } else if (strncmp(system, grammar, sizeof grammar - 1) == 0) {
        out->kind = LOCAL_CHAT_GRAMMAR;
        ok = marker_field(system, len, " language=", out->source);
        if (!marker_field(system, len, " explain=", out->target))
            out->target[0] = '\0';
    }
    if (ok)
        return 0;
    return wrong(fault, "messages",
                 "This offline model translates and corrects only. The first line of the system "
                 "message must be \"[sotto:translate v1 source=en-US target=es]\" or "
                 "\"[sotto:grammar v1 language=en-US]\", the user message the text itself.");
}

static int message_read(const json_t *message, char **system, struct local_chat_question *out,
                        struct local_chat_fault *fault)
{
    const char *role = json_string_value(json_object_get(message, "role"));
    if (role == NULL)
        return wrong(fault, "messages", "Every message must be an object with a role.");
    char *text = content_text(json_object_get(message, "content"));
    if (text == NULL)
        return wrong(fault, "messages", "Every message must have text content.");
    out->prompt_tokens += local_chat_text_tokens(text, strlen(text)) + 4;
    if (strcmp(role, "user") == 0) {
        mem_free(out->text);
        out->text = text;
    } else if ((strcmp(role, "system") == 0 || strcmp(role, "developer") == 0) && *system == NULL) {
        *system = text;
    } else {
        mem_free(text);
    }
    return 0;
}

static int messages_read(const json_t *messages, struct local_chat_question *out,
                         struct local_chat_fault *fault)
{
    size_t index;
    json_t *message;
    char *system = NULL;
    int status = 0;
    if (!json_is_array(messages) || json_array_size(messages) == 0)
        return wrong(fault, "messages", "messages must be an array of at least one message.");
    json_array_foreach(messages, index, message)
    {
        if (status == 0)
            status = message_read(message, &system, out, fault);
    }
    if (status == 0)
        status = marker_read(system != NULL ? system : "", out, fault);
    if (status == 0 && out->text == NULL)
        status = wrong(fault, "messages", "There is no user message.");
    mem_free(system);
    return status;
}

static int limit_read(const json_t *root, struct local_chat_question *out,
                      struct local_chat_fault *fault)
{
    const char *const names[] = {"max_tokens", "max_completion_tokens"};
    for (size_t i = 0; i < 2; i++) {
        json_t *value = json_object_get(root, names[i]);
        if (value == NULL || json_is_null(value))
            continue;
        json_int_t n = json_integer_value(value);
        if (!json_is_integer(value) || n < 1)
            return wrong(fault, names[i], "The token limit must be an integer of at least 1.");
        out->max_tokens = n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
    }
    json_t *n = json_object_get(root, "n");
    if (n != NULL && !json_is_null(n) && json_integer_value(n) != 1)
        return wrong(fault, "n", "Only one choice a request is answered: n must be 1.");
    return 0;
}

static int options_read(const json_t *root, struct local_chat_question *out,
                        struct local_chat_fault *fault)
{
    const char *model = json_string_value(json_object_get(root, "model"));
    if (model == NULL || model[0] == '\0' || strlen(model) >= sizeof out->model)
        return wrong(fault, "model", "You must provide a model parameter.");
    memcpy(out->model, model, strlen(model) + 1);
    json_t *stream = json_object_get(root, "stream");
    if (stream != NULL && !json_is_boolean(stream) && !json_is_null(stream))
        return wrong(fault, "stream", "stream must be a boolean.");
    out->stream = json_is_true(stream);
    json_t *options = json_object_get(root, "stream_options");
    out->include_usage = json_is_true(json_object_get(options, "include_usage"));
    json_t *format = json_object_get(root, "response_format");
    if (format != NULL && !json_is_null(format)) {
        const char *type = json_string_value(json_object_get(format, "type"));
        if (type == NULL || (strcmp(type, "text") != 0 && strcmp(type, "json_object") != 0 &&
                             strcmp(type, "json_schema") != 0))
            return wrong(fault, "response_format",
                         "response_format.type must be text, json_object or json_schema.");
    }
    return limit_read(root, out, fault);
}

int local_chat_question_read(const char *body, size_t len, struct local_chat_question *out,
                             struct local_chat_fault *fault)
{
    json_error_t error;
    struct local_chat_question question = {0};
    assert(out != NULL && fault != NULL);
    json_t *root = json_loadb(body, len, 0, &error);
    if (!json_is_object(root)) {
        json_decref(root);
        local_chat_fault_set(fault, 400, NULL, "The body is not a JSON object: %s",
                             root == NULL ? error.text : "another kind of value");
        return STATUS_INVALID;
    }
    int status = options_read(root, &question, fault);
    if (status == 0)
        status = messages_read(json_object_get(root, "messages"), &question, fault);
    json_decref(root);
    if (status != 0)
        local_chat_question_deinit(&question);
    else
        *out = question;
    return status;
}

void local_chat_question_deinit(struct local_chat_question *question)
{
    mem_free(question->text);
    question->text = NULL;
}

/* -- answers -- */

static int dump_bytes(const char *bytes, size_t len, void *ctx)
{
    return buf_append(ctx, bytes, len) == 0 ? 0 : -1;
}

/* Takes `root`. */
static int dump(json_t *root, struct buf *out)
{
    int failed = root == NULL ? -1 : json_dump_callback(root, dump_bytes, out, JSON_COMPACT);
    json_decref(root);
    if (failed == 0)
        return 0;
    return buf_status(out) != 0 ? buf_status(out) : STATUS_NOMEM;
}

static json_t *usage(const struct local_chat_question *question, uint32_t completion)
{
    return json_pack("{s:I,s:I,s:I,s:{s:i}}", "prompt_tokens", (json_int_t)question->prompt_tokens,
                     "completion_tokens", (json_int_t)completion, "total_tokens",
                     (json_int_t)question->prompt_tokens + completion, "prompt_tokens_details",
                     "cached_tokens", 0);
}

/* Bytes of `text` within `max` tokens, cut behind a word. */
static size_t text_cut(const char *text, uint32_t max)
{
    size_t len = strlen(text);
    while (len > 0 && max > 0 && local_chat_text_tokens(text, len) > max) {
        while (len > 0 && text[len - 1] != ' ')
            len--;
        while (len > 0 && text[len - 1] == ' ')
            len--;
    }
    return len;
}

static int event(const struct local_chat_question *question, const struct local_chat_reply *reply,
                 struct buf *out, json_t *delta, const char *finish)
{
    json_t *root =
        json_pack("{s:s,s:s,s:I,s:s,s:[{s:i,s:o,s:s?}]}", "id", reply->id, "object",
                  "chat.completion.chunk", "created", (json_int_t)reply->created, "model",
                  question->model, "choices", "index", 0, "delta", delta, "finish_reason", finish);
    if (question->include_usage)
        json_object_set_new(root, "usage", json_null());
    buf_puts(out, "data: ");
    int status = dump(root, out);
    buf_puts(out, "\n\n");
    return status != 0 ? status : buf_status(out);
}

static int event_usage(const struct local_chat_question *question,
                       const struct local_chat_reply *reply, uint32_t completion, struct buf *out)
{
    json_t *root =
        json_pack("{s:s,s:s,s:I,s:s,s:[],s:o}", "id", reply->id, "object", "chat.completion.chunk",
                  "created", (json_int_t)reply->created, "model", question->model, "choices",
                  "usage", usage(question, completion));
    buf_puts(out, "data: ");
    int status = dump(root, out);
    buf_puts(out, "\n\n");
    return status;
}

static int stream_write(const struct local_chat_question *question,
                        const struct local_chat_reply *reply, size_t len, const char *finish,
                        struct buf *out)
{
    int status = event(question, reply, out,
                       json_pack("{s:s,s:s}", "role", "assistant", "content", ""), NULL);
    for (size_t at = 0; at < len && status == 0;) {
        size_t end = at;
        while (end < len && reply->text[end] == ' ')
            end++;
        while (end < len && reply->text[end] != ' ')
            end++;
        status = event(question, reply, out,
                       json_pack("{s:s%}", "content", reply->text + at, end - at), NULL);
        at = end;
    }
    if (status == 0)
        status = event(question, reply, out, json_object(), finish);
    if (status == 0 && question->include_usage)
        status = event_usage(question, reply, local_chat_text_tokens(reply->text, len), out);
    buf_puts(out, "data: [DONE]\n\n");
    return status != 0 ? status : buf_status(out);
}

int local_chat_reply_write(const struct local_chat_question *question,
                           const struct local_chat_reply *reply, struct buf *out)
{
    size_t len = text_cut(reply->text, question->max_tokens);
    const char *finish = reply->text[len] == '\0' ? "stop" : "length";
    if (question->stream)
        return stream_write(question, reply, len, finish, out);
    return dump(json_pack("{s:s,s:s,s:I,s:s,s:[{s:i,s:{s:s,s:s%,s:n},s:n,s:s}],s:o}", "id",
                          reply->id, "object", "chat.completion", "created",
                          (json_int_t)reply->created, "model", question->model, "choices", "index",
                          0, "message", "role", "assistant", "content", reply->text, len, "refusal",
                          "logprobs", "finish_reason", finish, "usage",
                          usage(question, local_chat_text_tokens(reply->text, len))),
                out);
}

int local_chat_fault_write(const struct local_chat_fault *fault, struct buf *out)
{
    return dump(json_pack("{s:{s:s,s:s,s:s?,s:s?}}", "error", "message", fault->message, "type",
                          fault->type, "param", fault->param, "code", fault->code),
                out);
}

int local_chat_models_write(int64_t created, struct buf *out)
{
    return dump(json_pack("{s:s,s:[{s:s,s:s,s:I,s:s}]}", "object", "list", "data", "id", MODEL,
                          "object", "model", "created", (json_int_t)created, "owned_by", "sotto"),
                out);
}
