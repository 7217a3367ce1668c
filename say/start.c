#include "say/start.h"

#include "say/options.h"
#include <jansson.h>

static int set_text(json_t *object, const char *key, const char *value)
{
    return value == NULL ? 0 : json_object_set_new(object, key, json_string(value));
}

static json_t *target_list(const struct options *options)
{
    json_t *list = json_array();
    for (unsigned i = 0; i < options->targets_count; i++)
        json_array_append_new(list, json_string(options->targets[i]));
    return list;
}

size_t start_message(const struct options *options, unsigned rate, char *out, size_t cap)
{
    json_t *start = json_object();
    int failed = set_text(start, "type", "session.start");
    failed |= set_text(start, "token", options->token);
    failed |= set_text(start, "source", options->source);
    failed |= json_object_set_new(start, "targets", target_list(options));
    failed |= json_object_set_new(start, "rate", json_integer(rate));
    failed |= json_object_set_new(start, "grammar", json_boolean(options->grammar));
    failed |= json_object_set_new(start, "partials", json_boolean(options->partials));
    failed |= set_text(start, "stability", options->stability);
    failed |= set_text(start, "class", options->class_name);
    failed |= set_text(start, "name", options->name);
    size_t len = failed == 0 ? json_dumpb(start, out, cap, JSON_COMPACT) : 0;
    json_decref(start);
    return len <= cap ? len : 0;
}
