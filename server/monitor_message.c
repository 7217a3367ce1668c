#include "server/monitor_message.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/json_text.h"
#include "base/mem.h"
#include "base/status.h"
#include "base/utf8.h"
#include "server/board.h"
#include "server/event.h"
#include "server/out.h"
#include "server/token.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>

#define MESSAGE_BYTES_MAX   32768 /* strings of one message */
#define PROBLEM_BYTES_MAX   240
#define HISTORY_DEFAULT     20
#define OVER_RETRY_AFTER_MS 1000

/* The first problem wins: it is the one the client can act on. */
static void problem(struct monitor_message *message, const char *code, const char *text,
                    const char *detail)
{
    char full[PROBLEM_BYTES_MAX];
    if (message->code[0] != '\0')
        return;
    snprintf(full, sizeof full, detail[0] != '\0' ? "%s: %.80s" : "%s%s", text, detail);
    /* A cut may split a code point; the tail is dropped until what is left is valid. */
    size_t len = strlen(full);
    while (len > 0 && !utf8_valid(full, len))
        len--;
    const char *copy = arena_strndup(message->arena, full, len);
    message->kind = MONITOR_MESSAGE_BAD;
    message->code = code;
    message->problem = copy != NULL ? copy : text;
}

static const char *read_string(struct monitor_message *message, json_t *object, const char *key,
                               size_t max)
{
    json_t *value = json_object_get(object, key);
    if (value == NULL || json_is_null(value))
        return "";
    if (!json_is_string(value)) {
        problem(message, "bad_message", "must be a string", key);
        return "";
    }
    if (json_string_length(value) > max) {
        problem(message, "bad_message", "is too long", key);
        return "";
    }
    const char *copy =
        arena_strndup(message->arena, json_string_value(value), json_string_length(value));
    return copy != NULL ? copy : "";
}

static bool read_id(json_t *value, char out[SESSION_NAME_BYTES])
{
    const char *text = json_string_value(value);
    if (text == NULL || strlen(text) != SESSION_NAME_BYTES - 1 ||
        strspn(text, "0123456789abcdef") != SESSION_NAME_BYTES - 1)
        return false;
    memcpy(out, text, SESSION_NAME_BYTES);
    return true;
}

static void read_session(struct monitor_message *message, json_t *object)
{
    if (!read_id(json_object_get(object, "session"), message->session))
        problem(message, "bad_message", "session must be the id of a session", "");
}

/* A whole number of 1 to `max`; `otherwise` when it was not sent, 0: it has to be. */
static uint32_t read_count(struct monitor_message *message, json_t *object, const char *key,
                           uint32_t max, uint32_t otherwise)
{
    json_t *value = json_object_get(object, key);
    if (value == NULL && otherwise > 0)
        return otherwise;
    json_int_t count = json_integer_value(value);
    if (json_is_integer(value) && count >= 1 && count <= (json_int_t)max)
        return (uint32_t)count;
    char text[64];
    snprintf(text, sizeof text, "must be a whole number of 1 to %u", max);
    problem(message, "bad_message", text, key);
    return 1;
}

static bool has_session(const struct monitor_message *message, const char *session)
{
    for (unsigned i = 0; i < message->sessions_len; i++)
        if (strcmp(message->sessions[i], session) == 0)
            return true;
    return false;
}

static void read_sessions(struct monitor_message *message, json_t *object)
{
    json_t *list = json_object_get(object, "sessions"), *item;
    size_t index;
    if (list == NULL || json_is_null(list))
        return;
    if (!json_is_array(list) || json_array_size(list) > MONITOR_SESSIONS_MAX) {
        char text[64];
        snprintf(text, sizeof text, "sessions must be a list of at most %d ids",
                 MONITOR_SESSIONS_MAX);
        problem(message, "bad_message", text, "");
        return;
    }
    json_array_foreach(list, index, item)
    {
        char id[SESSION_NAME_BYTES];
        if (!read_id(item, id))
            problem(message, "bad_message", "sessions holds what is no id of a session", "");
        else if (!has_session(message, id))
            memcpy(message->sessions[message->sessions_len++], id, sizeof id);
    }
}

static void read_watch(struct monitor_message *message, json_t *object)
{
    if (json_string_length(json_object_get(object, "token")) > TOKEN_BYTES_MAX)
        problem(message, "unauthorized", "the token is too long", "");
    message->token = read_string(message, object, "token", TOKEN_BYTES_MAX);
    message->class_name = read_string(message, object, "class", NAME_BYTES_MAX);
    read_sessions(message, object);
}

static void read_history(struct monitor_message *message, json_t *object)
{
    read_session(message, object);
    json_t *before = json_object_get(object, "before_segment");
    if (before != NULL && !json_is_null(before))
        message->before_segment = read_count(message, object, "before_segment", INT32_MAX, 0);
    message->limit = read_count(message, object, "limit", MONITOR_HISTORY_MAX, HISTORY_DEFAULT);
}

static bool is_blank(const char *text)
{
    size_t len = strlen(text);
    uint32_t code;
    for (size_t at = 0; at < len;) {
        at += utf8_decode(text + at, len - at, &code);
        if (!utf8_is_space(code))
            return false;
    }
    return true;
}

static void read_flag(struct monitor_message *message, json_t *object)
{
    read_session(message, object);
    message->segment = read_count(message, object, "segment", INT32_MAX, 0);
    const char *note = read_string(message, object, "note", MONITOR_NOTE_BYTES_MAX);
    char *nfc = utf8_nfc(note, strlen(note));
    /* Composing may take more bytes than it was sent in (U+0344). */
    if (nfc != NULL && strlen(nfc) > MONITOR_NOTE_BYTES_MAX)
        problem(message, "bad_message", "is too long", "note");
    else if (is_blank(note))
        problem(message, "bad_message", "flag needs a note, a few words for the learner", "");
    const char *copy = nfc != NULL ? arena_strdup(message->arena, nfc) : NULL;
    message->note = copy != NULL ? copy : "";
    mem_free(nfc);
}

static const struct {
    const char *type;
    enum monitor_message_kind kind;
    void (*read)(struct monitor_message *message, json_t *object);
} types[] = {
    {"watch", MONITOR_MESSAGE_WATCH, read_watch},
    {"history", MONITOR_MESSAGE_HISTORY, read_history},
    {"flag", MONITOR_MESSAGE_FLAG, read_flag},
};

static void read_object(struct monitor_message *message, json_t *object)
{
    json_t *type = json_object_get(object, "type");
    if (!json_is_string(type)) {
        problem(message, "bad_message", "a message is a JSON object with a string \"type\"", "");
        return;
    }
    const char *name = json_string_value(type);
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (strcmp(types[i].type, name) == 0) {
            message->kind = types[i].kind;
            types[i].read(message, object);
            return;
        }
    problem(message, "unknown_type", "unknown type", name);
    message->kind = MONITOR_MESSAGE_UNKNOWN;
}

struct monitor_message *monitor_message_parse(const char *text, size_t len)
{
    unsigned failed = mem_failed();
    struct monitor_message *message = mem_calloc(1, sizeof *message);
    struct arena *arena = arena_create(MESSAGE_BYTES_MAX);
    if (message == NULL || arena == NULL) {
        mem_free(message);
        if (arena != NULL)
            arena_destroy(arena);
        return NULL;
    }
    message->arena = arena;
    message->code = message->problem = message->token = message->class_name = message->note = "";
    json_error_t error;
    json_t *root;
    if (json_read_told(text, len, JSON_REJECT_DUPLICATES, &root, &error) != STATUS_OK)
        problem(message, "bad_message", "not JSON", error.text);
    else if (!json_is_object(root))
        problem(message, "bad_message", "a message is a JSON object with a string \"type\"", "");
    else
        read_object(message, root);
    json_decref(root);
    /* What memory was short for may be bad or whole: nothing is known of it. */
    if (mem_failed() != failed) {
        monitor_message_free(message);
        return NULL;
    }
    return message;
}

void monitor_message_free(struct monitor_message *message)
{
    if (message == NULL)
        return;
    arena_destroy(message->arena);
    mem_free(message);
}

int monitor_message_scope(const struct monitor_message *message, const struct token_claims *claims,
                          struct board_scope **out)
{
    const char *named = message->class_name;
    assert(message->kind == MONITOR_MESSAGE_WATCH);
    if (claims->role != TOKEN_TEACHER && claims->role != TOKEN_ADMIN)
        return STATUS_AUTH;
    if (named[0] != '\0' && !token_claims_class(claims, named))
        return STATUS_AUTH;
    struct board_scope *scope;
    if (named[0] != '\0')
        scope = board_scope_create(false, &named, 1);
    else
        scope =
            board_scope_create(claims->role == TOKEN_ADMIN, claims->classes, claims->classes_len);
    if (scope == NULL)
        return STATUS_NOMEM;
    *out = scope;
    return STATUS_OK;
}

struct out *monitor_message_error(const char *code, const char *text, const char *session)
{
    const struct error_code *error = error_code_find(code);
    struct buf bytes;
    buf_init(&bytes, EVENT_BYTES_MAX);
    buf_putc(&bytes, '{');
    json_set_text(&bytes, "type", "error");
    json_set_text(&bytes, "code", error->name);
    json_set_text(&bytes, "message", text);
    if (session[0] != '\0')
        json_set_text(&bytes, "session", session);
    json_set_bool(&bytes, "retryable", error->retryable);
    if (error->close_code == 1013)
        json_set_int(&bytes, "retry_after_ms", OVER_RETRY_AFTER_MS);
    json_set_bool(&bytes, "fatal", error->fatal);
    buf_putc(&bytes, '}');
    struct out *out = buf_status(&bytes) == STATUS_OK ? out_again(0, bytes.data, bytes.len) : NULL;
    if (out != NULL)
        out->close_code = error->close_code;
    buf_deinit(&bytes);
    return out;
}
