#include "tests/upstream/chat_answer.h"

#include "base/mem.h"
#include "base/status.h"
#include <ctype.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define PIECES_MAX 512

static const char *const fault_names[] = {
    "none",      "500",    "503",     "429",     "quota", "400",         "rst",   "refused",
    "goaway",    "drop",   "half",    "garbage", "html",  "empty",       "stall", "silent",
    "slow-byte", "length", "refusal", "filter",  "echo",  "error-event",
};

int chat_fault_parse(const char *text, struct chat_fault_spec *out)
{
    size_t len = strcspn(text, ":@#");
    for (size_t i = 0; i < sizeof fault_names / sizeof fault_names[0]; i++) {
        if (strlen(fault_names[i]) != len || strncmp(text, fault_names[i], len) != 0)
            continue;
        *out = (struct chat_fault_spec){.fault = (enum chat_fault)i, .probability = 1, .count = -1};
        const char *argument = strchr(text, ':'), *p = strchr(text, '@'), *n = strchr(text, '#');
        if (argument != NULL)
            out->argument = (unsigned)strtoul(argument + 1, NULL, 10);
        if (p != NULL)
            out->probability = strtod(p + 1, NULL);
        if (n != NULL)
            out->count = strtoll(n + 1, NULL, 10);
        return STATUS_OK;
    }
    return STATUS_INVALID;
}

static void capitals(struct buf *out, const char *text)
{
    for (; *text != '\0'; text++)
        buf_putc(out, (char)toupper((unsigned char)*text));
}

/* "[sotto:translate v1 source=en target=es]" → "es" */
static void translate(const char *system, const char *text, bool echo, struct buf *out)
{
    const char *target = strstr(system, "target=");
    if (echo) {
        buf_puts(out, text);
        return;
    }
    if (target != NULL) {
        target += strlen("target=");
        buf_puts(out, "\xC2\xAB");
        buf_append(out, target, strcspn(target, " ]\n"));
        buf_puts(out, "\xC2\xBB ");
    }
    capitals(out, text);
}

static void correct(const char *text, struct buf *out)
{
    const char *at = strstr(text, "she have");
    struct buf fixed;
    buf_init(&fixed, 1 << 16);
    json_t *edits = json_array();
    if (at != NULL) {
        buf_append(&fixed, text, (size_t)(at - text));
        buf_puts(&fixed, "she has");
        buf_puts(&fixed, at + strlen("she have"));
        json_array_append_new(edits, json_pack("{s:s,s:s,s:s,s:s}", "from", "have", "to", "has",
                                               "kind", "agreement", "message", "she has"));
    } else {
        buf_puts(&fixed, text);
    }
    json_t *root =
        json_pack("{s:s,s:o}", "corrected", fixed.len > 0 ? fixed.data : "", "edits", edits);
    char *dump = json_dumps(root, JSON_COMPACT);
    buf_puts(out, dump);
    free(dump);
    json_decref(root);
    buf_deinit(&fixed);
}

static const char *message_of(const json_t *request, const char *role)
{
    size_t i;
    const json_t *message;
    json_array_foreach(json_object_get(request, "messages"), i, message)
    {
        const char *is = json_string_value(json_object_get(message, "role"));
        const char *content = json_string_value(json_object_get(message, "content"));
        if (is != NULL && content != NULL && strcmp(is, role) == 0)
            return content;
    }
    return "";
}

static void piece_end(struct chat_answer *answer)
{
    if (answer->pieces_len < PIECES_MAX)
        answer->pieces[answer->pieces_len++] = answer->body.len;
    else
        answer->pieces[PIECES_MAX - 1] = answer->body.len;
}

static void event_put(struct chat_answer *answer, json_t *delta, const char *finish)
{
    json_t *chunk = json_pack("{s:s,s:s,s:[{s:i,s:o,s:s?}]}", "id", "chatcmpl-t", "object",
                              "chat.completion.chunk", "choices", "index", 0, "delta", delta,
                              "finish_reason", finish);
    char *dump = json_dumps(chunk, JSON_COMPACT);
    buf_puts(&answer->body, "data: ");
    buf_puts(&answer->body, dump);
    buf_puts(&answer->body, "\n\n");
    free(dump);
    json_decref(chunk);
    piece_end(answer);
}

static const char *finish_of(enum chat_fault fault)
{
    return fault == FAULT_LENGTH ? "length" : fault == FAULT_FILTER ? "content_filter" : "stop";
}

/* A word an event, as providers do with tokens. */
static void answer_stream(struct chat_answer *answer, const char *text, enum chat_fault fault)
{
    answer->content_type = "text/event-stream";
    event_put(answer, json_pack("{s:s,s:s}", "role", "assistant", "content", ""), NULL);
    if (fault == FAULT_REFUSAL)
        event_put(answer, json_pack("{s:s}", "refusal", "I cannot help with that."), NULL);
    while (*text != '\0' && fault != FAULT_REFUSAL) {
        size_t len = strcspn(text, " ");
        len += text[len] == ' ';
        event_put(answer, json_pack("{s:s%}", "content", text, len), NULL);
        text += len;
        if (fault == FAULT_ERROR_EVENT) {
            buf_puts(&answer->body,
                     "event: error\ndata: {\"error\":{\"message\":\"overloaded\",\"type\":"
                     "\"server_error\",\"code\":null}}\n\n");
            piece_end(answer);
            return;
        }
    }
    event_put(answer, json_object(), finish_of(fault));
    buf_puts(&answer->body, "data: [DONE]\n\n");
    piece_end(answer);
}

static void answer_plain(struct chat_answer *answer, const char *text, size_t asked,
                         enum chat_fault fault)
{
    bool refused = fault == FAULT_REFUSAL;
    json_t *root =
        json_pack("{s:s,s:s,s:[{s:i,s:{s:s,s:s?,s:s?},s:s}],s:{s:i,s:i,s:i}}", "id", "chatcmpl-t",
                  "object", "chat.completion", "choices", "index", 0, "message", "role",
                  "assistant", "content", refused ? NULL : text, "refusal",
                  refused ? "I cannot help with that." : NULL, "finish_reason", finish_of(fault),
                  "usage", "prompt_tokens", (int)(asked / 4), "completion_tokens",
                  (int)(strlen(text) / 4), "total_tokens", (int)((asked + strlen(text)) / 4));
    char *dump = json_dumps(root, JSON_COMPACT);
    answer->content_type = "application/json";
    buf_puts(&answer->body, dump);
    piece_end(answer);
    free(dump);
    json_decref(root);
}

static void answer_error(struct chat_answer *answer, int status, const char *type, const char *code)
{
    answer->status = status;
    answer->content_type = "application/json";
    buf_printf(
        &answer->body,
        "{\"error\":{\"message\":\"test fault\",\"type\":\"%s\",\"param\":null,\"code\":\"%s\"}}",
        type, code);
    piece_end(answer);
}

/* True when the fault replaces the answer. */
static bool answer_fault(struct chat_answer *answer, const struct chat_fault_spec *fault)
{
    switch (fault->fault) {
    case FAULT_500: answer_error(answer, 500, "server_error", "internal"); return true;
    case FAULT_503:
        answer_error(answer, 503, "service_unavailable_error", "server_is_overloaded");
        return true;
    case FAULT_400:
        answer_error(answer, 400, "invalid_request_error", "unsupported_value");
        return true;
    case FAULT_QUOTA:
        answer_error(answer, 429, "insufficient_quota", "insufficient_quota");
        return true;
    case FAULT_429:
        answer_error(answer, 429, "requests", "rate_limit_exceeded");
        answer->retry_after_s = fault->argument;
        return true;
    case FAULT_GARBAGE:
        answer->content_type = "application/json";
        buf_puts(&answer->body, "{\"choices\": oops]");
        piece_end(answer);
        return true;
    case FAULT_HTML:
        answer->content_type = "text/html";
        buf_puts(&answer->body, "<html><body><h1>Just a moment</h1></body></html>");
        piece_end(answer);
        return true;
    case FAULT_EMPTY: answer->content_type = "application/json"; return true;
    default: return false;
    }
}

void chat_answer_make(const char *body, size_t len, const struct chat_fault_spec *fault,
                      struct chat_answer *out)
{
    *out = (struct chat_answer){.status = 200};
    buf_init(&out->body, 1 << 20);
    out->pieces = mem_calloc(PIECES_MAX, sizeof *out->pieces);
    json_t *request = json_loadb(body, len, 0, NULL);
    if (answer_fault(out, fault)) {
        json_decref(request);
        return;
    }
    if (!json_is_object(request)) {
        answer_error(out, 400, "invalid_request_error", "invalid_json");
        json_decref(request);
        return;
    }
    const char *system = message_of(request, "system"), *user = message_of(request, "user");
    struct buf text;
    buf_init(&text, 1 << 18);
    if (strncmp(system, "[sotto:grammar", 14) == 0)
        correct(user, &text);
    else
        translate(system, user, fault->fault == FAULT_ECHO, &text);
    const char *content = text.len > 0 ? text.data : "";
    if (json_is_true(json_object_get(request, "stream")))
        answer_stream(out, content, fault->fault);
    else
        answer_plain(out, content, strlen(user), fault->fault);
    buf_deinit(&text);
    json_decref(request);
}

void chat_answer_deinit(struct chat_answer *answer)
{
    buf_deinit(&answer->body);
    mem_free(answer->pieces);
    *answer = (struct chat_answer){0};
}
