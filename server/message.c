#include "server/message.h"

#include "base/arena.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/status.h"
#include "base/utf8.h"
#include "server/token.h"
#include <assert.h>
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

struct parse {
    struct client_message *message;
    bool failed;
};

static const char *keep(struct parse *parse, const char *text, size_t len)
{
    char *copy = arena_strndup(parse->message->arena, text, len);
    if (copy == NULL)
        parse->failed = true;
    return copy != NULL ? copy : "";
}

/* The first problem wins: it is the one the client can act on. */
static void problem(struct parse *parse, const char *code, const char *text, const char *detail)
{
    if (parse->failed)
        return;
    parse->failed = true;
    char full[200];
    snprintf(full, sizeof full, detail[0] != '\0' ? "%s: %.80s" : "%s%s", text, detail);
    /* A cut may split a code point; the tail is dropped until what is left is valid. */
    size_t len = strlen(full);
    while (len > 0 && !utf8_valid(full, len))
        len--;
    char *copy = arena_strndup(parse->message->arena, full, len);
    parse->message->kind = CLIENT_BAD;
    parse->message->code = code;
    parse->message->problem = copy != NULL ? copy : text;
}

void client_message_refuse(struct client_message *message, const char *code, const char *text,
                           const char *detail)
{
    struct parse parse = {.message = message};
    problem(&parse, code, text, detail);
}

static const char *read_string(struct parse *parse, json_t *object, const char *key, size_t max)
{
    json_t *value = json_object_get(object, key);
    if (value == NULL || json_is_null(value))
        return "";
    if (!json_is_string(value)) {
        problem(parse, "bad_message", "must be a string", key);
        return "";
    }
    size_t len = json_string_length(value);
    if (len > max) {
        problem(parse, "bad_message", "is too long", key);
        return "";
    }
    return keep(parse, json_string_value(value), len);
}

static bool read_bool(struct parse *parse, json_t *object, const char *key, bool otherwise)
{
    json_t *value = json_object_get(object, key);
    if (value == NULL)
        return otherwise;
    if (!json_is_boolean(value))
        problem(parse, "bad_message", "must be true or false", key);
    return json_is_true(value);
}

bool language_tag_valid(const char *tag)
{
    size_t len = strlen(tag), part = 0, parts = 0;
    if (len < 2 || len > 35)
        return false;
    for (size_t i = 0; i <= len; i++) {
        if (tag[i] == '-' || tag[i] == '\0') {
            if (part == 0 || part > 8 || (parts == 0 && part != 2 && part != 3))
                return false;
            parts++;
            part = 0;
        } else if (isalpha((unsigned char)tag[i]) ||
                   (parts > 0 && isdigit((unsigned char)tag[i]))) {
            part++;
        } else {
            return false;
        }
    }
    return true;
}

bool language_same_base(const char *a, const char *b)
{
    size_t a_len = strcspn(a, "-"), b_len = strcspn(b, "-");
    return a_len == b_len && strncasecmp(a, b, a_len) == 0;
}

static const char *read_language(struct parse *parse, json_t *object, const char *key)
{
    const char *tag = read_string(parse, object, key, NAME_BYTES_MAX);
    if (tag[0] != '\0' && !language_tag_valid(tag))
        problem(parse, "unsupported_language", "is not a BCP-47 language tag", key);
    return tag;
}

static void read_targets(struct parse *parse, json_t *object)
{
    struct client_settings *settings = &parse->message->settings;
    json_t *list = json_object_get(object, "targets");
    if (list == NULL)
        return;
    settings->has |= HAS_TARGETS;
    if (!json_is_array(list)) {
        problem(parse, "bad_message", "must be a list of language tags", "targets");
        return;
    }
    if (json_array_size(list) > TARGETS_MAX) {
        char text[64];
        snprintf(text, sizeof text, "at most %d target languages a session", TARGETS_MAX);
        problem(parse, "too_many_targets", text, "");
        return;
    }
    size_t index;
    json_t *item;
    json_array_foreach(list, index, item)
    {
        const char *tag = json_is_string(item) ? json_string_value(item) : "";
        if (!language_tag_valid(tag)) {
            problem(parse, "unsupported_language", "targets holds no BCP-47 language tag", tag);
            return;
        }
        for (unsigned i = 0; i < settings->targets_len; i++)
            if (strcasecmp(settings->targets[i], tag) == 0)
                problem(parse, "bad_message", "targets names a language twice", tag);
        settings->targets[settings->targets_len++] = keep(parse, tag, strlen(tag));
    }
}

static void read_stability(struct parse *parse, json_t *object)
{
    struct client_settings *settings = &parse->message->settings;
    const char *text = read_string(parse, object, "stability", NAME_BYTES_MAX);
    if (text[0] == '\0')
        return;
    settings->has |= HAS_STABILITY;
    for (int i = STABILITY_LOW; i <= STABILITY_HIGH; i++)
        if (strcmp(text, stability_name((enum stability)i)) == 0) {
            settings->stability = (enum stability)i;
            return;
        }
    problem(parse, "bad_message", "stability must be low, medium or high, not", text);
}

static void read_vocabulary(struct parse *parse, json_t *object)
{
    struct client_settings *settings = &parse->message->settings;
    json_t *list = json_object_get(object, "vocabulary");
    if (list == NULL)
        return;
    settings->has |= HAS_VOCABULARY;
    size_t len = json_array_size(list);
    if (!json_is_array(list) || len > VOCABULARY_MAX) {
        problem(parse, "bad_message", "vocabulary must be a list of at most 500 phrases", "");
        return;
    }
    settings->vocabulary = arena_alloc(parse->message->arena, (len + 1) * sizeof(char *));
    for (size_t i = 0; i < len && settings->vocabulary != NULL; i++) {
        json_t *item = json_array_get(list, i);
        if (!json_is_string(item) || json_string_length(item) > PHRASE_BYTES_MAX) {
            problem(parse, "bad_message",
                    "vocabulary holds a phrase that is no text of ≤ 100 bytes", "");
            return;
        }
        settings->vocabulary[settings->vocabulary_len++] =
            keep(parse, json_string_value(item), json_string_length(item));
    }
}

static void read_glossary(struct parse *parse, json_t *object)
{
    struct client_settings *settings = &parse->message->settings;
    json_t *list = json_object_get(object, "glossary");
    if (list == NULL)
        return;
    settings->has |= HAS_GLOSSARY;
    size_t len = json_array_size(list);
    if (!json_is_array(list) || len > GLOSSARY_MAX) {
        problem(parse, "bad_message", "glossary must be a list of at most 500 entries", "");
        return;
    }
    settings->glossary = arena_alloc(parse->message->arena, (len + 1) * sizeof *settings->glossary);
    for (size_t i = 0; i < len && settings->glossary != NULL; i++) {
        json_t *item = json_array_get(list, i);
        if (!json_is_object(item)) {
            problem(parse, "bad_message", "a glossary entry is {\"from\",\"to\",\"lang\"}", "");
            return;
        }
        settings->glossary[settings->glossary_len++] = (struct glossary_entry){
            .from = read_string(parse, item, "from", PHRASE_BYTES_MAX),
            .to = read_string(parse, item, "to", PHRASE_BYTES_MAX),
            .lang = read_string(parse, item, "lang", NAME_BYTES_MAX),
        };
    }
}

static void read_settings(struct parse *parse, json_t *object)
{
    struct client_settings *settings = &parse->message->settings;
    read_targets(parse, object);
    if (json_object_get(object, "grammar") != NULL)
        settings->has |= HAS_GRAMMAR;
    if (json_object_get(object, "partials") != NULL)
        settings->has |= HAS_PARTIALS;
    if (json_object_get(object, "explain_in") != NULL)
        settings->has |= HAS_EXPLAIN;
    settings->grammar = read_bool(parse, object, "grammar", true);
    settings->partials = read_bool(parse, object, "partials", true);
    settings->stability = STABILITY_MEDIUM;
    read_stability(parse, object);
    settings->explain_in = read_language(parse, object, "explain_in");
    read_vocabulary(parse, object);
    read_glossary(parse, object);
}

static void check_targets(struct parse *parse)
{
    struct client_settings *settings = &parse->message->settings;
    for (unsigned i = 0; i < settings->targets_len; i++)
        if (strcasecmp(settings->targets[i], settings->source) == 0)
            problem(parse, "unsupported_language", "a target is the source language itself",
                    settings->source);
}

static void read_since(json_t *object, struct client_settings *settings)
{
    json_t *since = json_object_get(object, "since");
    for (unsigned i = 0; i < settings->targets_len; i++)
        settings->targets_since[i] = (uint32_t)json_integer_value(json_array_get(since, i));
    settings->grammar_since =
        (uint32_t)json_integer_value(json_object_get(object, "grammar_since"));
}

static void read_start(struct parse *parse, json_t *object)
{
    struct client_settings *settings = &parse->message->settings;
    settings->source = read_language(parse, object, "source");
    if (settings->source[0] == '\0')
        problem(parse, "bad_message", "session.start needs source, a BCP-47 language tag", "");
    json_t *rate = json_object_get(object, "rate");
    if (!json_is_integer(rate))
        problem(parse, "bad_message", "session.start needs rate, samples a second", "");
    else if (json_integer_value(rate) < 8000 || json_integer_value(rate) > 48000)
        problem(parse, "unsupported_rate", "rate must be 8000 to 48000 samples a second", "");
    else
        settings->rate = (uint32_t)json_integer_value(rate);
    read_settings(parse, object);
    read_since(object, settings);
    settings->class_name = read_string(parse, object, "class", NAME_BYTES_MAX);
    settings->name = read_string(parse, object, "name", NAME_BYTES_MAX);
    check_targets(parse);
}

/* What a client that comes back says of settings is not heard: the session has its own. */
static void read_resume(struct parse *parse, json_t *object)
{
    struct client_resume *resume = &parse->message->resume;
    resume->wanted = true;
    const char *session = read_string(parse, object, "session", NAME_BYTES_MAX);
    if (strlen(session) == SESSION_NAME_BYTES - 1 &&
        strspn(session, "0123456789abcdef") == SESSION_NAME_BYTES - 1)
        memcpy(resume->session, session, SESSION_NAME_BYTES);
    resume->token = read_string(parse, object, "token", NAME_BYTES_MAX);
    json_t *seq = json_object_get(object, "seq");
    if (!json_is_integer(seq) || json_integer_value(seq) < 0)
        problem(parse, "bad_message",
                "resume needs session, token and seq, the highest one you have", "");
    else
        resume->seq = (uint64_t)json_integer_value(seq);
}

static void read_token(struct parse *parse, json_t *object)
{
    json_t *token = json_object_get(object, "token");
    if (json_string_length(token) > TOKEN_BYTES_MAX)
        problem(parse, "unauthorized", "the token is too long", "");
    else
        parse->message->token = read_string(parse, object, "token", TOKEN_BYTES_MAX);
}

static void read_first(struct parse *parse, json_t *object)
{
    read_token(parse, object);
    json_t *resume = json_object_get(object, "resume");
    if (resume == NULL || json_is_null(resume))
        read_start(parse, object);
    else if (json_is_object(resume))
        read_resume(parse, resume);
    else
        problem(parse, "bad_message", "must be an object", "resume");
}

static void read_activity(struct parse *parse, json_t *object)
{
    json_t *speaking = json_object_get(object, "speaking");
    json_t *samples = json_object_get(object, "audio_samples");
    if (!json_is_boolean(speaking) || !json_is_integer(samples) ||
        json_integer_value(samples) < 0) {
        problem(parse, "bad_message", "audio.activity needs speaking and audio_samples", "");
        return;
    }
    parse->message->speaking = json_is_true(speaking);
    parse->message->audio_samples = (uint64_t)json_integer_value(samples);
}

static void read_flush(struct parse *parse, json_t *object)
{
    parse->message->flush_id = read_string(parse, object, "id", FLUSH_ID_BYTES_MAX);
}

static void read_nothing(struct parse *parse, json_t *object)
{
    (void)parse;
    (void)object;
}

static const struct {
    const char *type;
    enum client_kind kind;
    void (*read)(struct parse *parse, json_t *object);
} types[] = {
    {"session.start", CLIENT_START, read_first},
    {"session.update", CLIENT_UPDATE, read_settings},
    {"audio.activity", CLIENT_ACTIVITY, read_activity},
    {"audio.flush", CLIENT_FLUSH, read_flush},
    {"session.end", CLIENT_END, read_nothing},
};

static void read_object(struct parse *parse, json_t *object)
{
    json_t *type = json_object_get(object, "type");
    if (!json_is_string(type)) {
        problem(parse, "bad_message", "a message is a JSON object with a string \"type\"", "");
        return;
    }
    const char *name = json_string_value(type);
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (strcmp(types[i].type, name) == 0) {
            parse->message->kind = types[i].kind;
            types[i].read(parse, object);
            return;
        }
    problem(parse, "unknown_type", "unknown type", name);
    parse->message->kind = CLIENT_UNKNOWN;
}

struct client_message *client_message_parse(const char *text, size_t len)
{
    unsigned failed = mem_failed();
    struct client_message *message = mem_calloc(1, sizeof *message);
    struct arena *arena = arena_create(SETTINGS_BYTES_MAX);
    if (message == NULL || arena == NULL) {
        mem_free(message);
        if (arena != NULL)
            arena_destroy(arena);
        return NULL;
    }
    message->arena = arena;
    message->token = message->code = message->problem = message->flush_id = "";
    message->settings.source = message->settings.explain_in = "";
    message->settings.class_name = message->settings.name = message->resume.token = "";
    struct parse parse = {.message = message};
    json_error_t error;
    json_t *root;
    if (json_read_told(text, len, JSON_REJECT_DUPLICATES, &root, &error) != STATUS_OK)
        problem(&parse, "bad_message", "not JSON", error.text);
    else if (!json_is_object(root))
        problem(&parse, "bad_message", "a message is a JSON object with a string \"type\"", "");
    else
        read_object(&parse, root);
    json_decref(root);
    /* What memory was short for may be bad or whole: nothing is known of it. */
    if (mem_failed() != failed) {
        client_message_free(message);
        return NULL;
    }
    if (parse.failed && message->code[0] == '\0') {
        message->kind = CLIENT_BAD;
        message->code = "bad_message";
        message->problem = "the settings are too large";
    }
    return message;
}

void client_message_free(struct client_message *message)
{
    if (message == NULL)
        return;
    if (message->arena != NULL)
        arena_destroy(message->arena);
    mem_free(message);
}

const char *stability_name(enum stability stability)
{
    static const char *const names[] = {"", "low", "medium", "high"};
    assert(stability >= STABILITY_LOW && stability <= STABILITY_HIGH);
    return names[stability];
}
