#include "bench/load_start.h"

#include "base/status.h"
#include "bench/judge.h"
#include "bench/load_name.h"
#include "bench/script.h"
#include <assert.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GREEDY_MAX 8 /* target languages, docs/protocol.md */

static bool same_language(const char *a, const char *b)
{
    size_t len = strcspn(a, "-");
    return len == strcspn(b, "-") && strncmp(a, b, len) == 0;
}

static bool has_language(json_t *targets, const char *tag)
{
    size_t i;
    json_t *value;
    json_array_foreach(targets, i, value)
    {
        if (same_language(json_string_value(value), tag))
            return true;
    }
    return false;
}

static json_t *target_list(const struct load_config *config, unsigned times)
{
    json_t *targets = json_array();
    unsigned count = 0;
    for (; config->targets[count] != NULL; count++)
        json_array_append_new(targets, json_string(config->targets[count]));
    unsigned want = count * times < GREEDY_MAX ? count * times : GREEDY_MAX;
    for (const char *const *tag = script_languages(); *tag != NULL && count < want; tag++) {
        if (same_language(*tag, config->source) || has_language(targets, *tag))
            continue;
        json_array_append_new(targets, json_string(*tag));
        count++;
    }
    return targets;
}

static int write_start(const struct load_config *config, unsigned times, struct buf *out)
{
    json_t *start = json_pack("{s:s, s:s, s:o, s:i, s:b, s:b}", "type", "session.start", "source",
                              config->source, "targets", target_list(config, times), "rate",
                              (int)config->voice.rate, "grammar", config->grammar, "partials",
                              config->partials);
    if (config->stability != NULL)
        json_object_set_new(start, "stability", json_string(config->stability));
    if (config->token != NULL)
        json_object_set_new(start, "token", json_string(config->token));
    char *text = json_dumps(start, JSON_COMPACT);
    json_decref(start);
    if (text == NULL)
        return STATUS_NOMEM;
    buf_init(out, LOAD_START_MAX);
    int status = buf_puts(out, text);
    free(text);
    return status;
}

int load_start_init(struct load_field *field)
{
    const struct load_config *config = field->config;
    int status = write_start(config, 1, &field->start);
    if (status == STATUS_OK)
        status = write_start(config, config->greed > 0 ? config->greed : 1, &field->start_greedy);
    return status;
}

void load_start_deinit(struct load_field *field)
{
    buf_deinit(&field->start);
    buf_deinit(&field->start_greedy);
}

size_t load_start_bytes_max(const struct load_field *field)
{
    size_t len =
        field->start.len > field->start_greedy.len ? field->start.len : field->start_greedy.len;
    return len + LOAD_START_NAME_BYTES + LOAD_RESUME_BYTES;
}

/* Names and classes need no escape. */
static size_t add_name(const struct load_config *config, const struct buf *start, uint32_t number,
                       char *out, size_t cap)
{
    char class_text[LOAD_CLASS_BYTES] = "";
    bool classes = config->classes > 0;
    assert(start->len > 2 && start->data[start->len - 1] == '}');
    if (classes)
        load_name_class_text(load_name_class(number, config->classes), class_text);
    int len = snprintf(out, cap, "%.*s,\"name\":\"%s\"%s%s%s}", (int)start->len - 1, start->data,
                       load_name_first(config->voice.seed, number), classes ? ",\"class\":\"" : "",
                       class_text, classes ? "\"" : "");
    assert(len > 0 && (size_t)len < cap);
    return (size_t)len;
}

size_t load_start_message(const struct load_field *field, const struct load_client *client,
                          uint32_t number, char out[LOAD_START_BYTES])
{
    char named[LOAD_START_MAX + LOAD_START_NAME_BYTES];
    const struct buf *start = client->role == LOAD_GREEDY ? &field->start_greedy : &field->start;
    if (!client->begun)
        return add_name(field->config, start, number, out, LOAD_START_BYTES);
    size_t len = add_name(field->config, start, number, named, sizeof named);
    return load_resume_message(&client->resume, judge_session_seq(client->judged), named, len, out,
                               LOAD_START_BYTES);
}
