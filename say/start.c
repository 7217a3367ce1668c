#include "say/start.h"

#include "say/options.h"
#include "say/resume.h"
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

static json_t *ticket(const struct resume *resume)
{
    return json_pack("{s:s, s:s, s:I}", "session", resume->session, "token", resume->token, "seq",
                     (json_int_t)resume->seq);
}

size_t start_message(const struct options *options, unsigned rate, const struct resume *resume,
                     char *out, size_t cap)
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
    if (*resume->session != '\0')
        failed |= json_object_set_new(start, "resume", ticket(resume));
    size_t len = failed == 0 ? json_dumpb(start, out, cap, JSON_COMPACT) : 0;
    json_decref(start);
    return len <= cap ? len : 0;
}
