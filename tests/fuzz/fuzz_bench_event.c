/* The bench's scanner against a whole parser: what jansson accepts, it accepts and reads alike. */
#include "base/status.h"
#include "bench/judge_event.h"
#include <assert.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned depth_of(const json_t *value)
{
    unsigned deepest = 0;
    const char *key;
    json_t *child;
    size_t i;
    json_object_foreach((json_t *)value, key, child)
    {
        unsigned depth = depth_of(child) + 1;
        deepest = depth > deepest ? depth : deepest;
    }
    json_array_foreach(value, i, child)
    {
        unsigned depth = depth_of(child) + 1;
        deepest = depth > deepest ? depth : deepest;
    }
    return deepest;
}

static void check_text(const json_t *object, const char *key, struct judge_text text)
{
    const json_t *value = json_object_get(object, key);
    if (!json_is_string(value))
        return;
    assert(json_string_length(value) == text.len);
    assert(memcmp(json_string_value(value), text.data, text.len) == 0);
}

static void check_position(const json_t *object, const char *key, int64_t position)
{
    const json_t *value = json_object_get(object, key);
    if (json_is_integer(value) && llabs(json_integer_value(value)) < 1LL << 52)
        assert(position == (json_integer_value(value) >= 0 ? json_integer_value(value) : -1));
}

static void check_lat(const json_t *object, const struct judge_event *event)
{
    const json_t *audio = json_object_get(json_object_get(object, "lat"), "audio");
    double ms = json_number_value(audio);
    if (json_is_number(audio) && ms >= 0 && ms < 1e9)
        assert(event->has_lat && fabs((double)event->audio_us - ms * 1000) <= 1 + ms * 1e-9);
}

static void check_alike(const json_t *object, const struct judge_event *event)
{
    check_text(object, "committed", event->committed);
    check_text(object, "tentative", event->tentative);
    check_text(object, "corrected", event->corrected);
    check_text(object, "lang", event->lang);
    check_text(object, "code", event->code);
    check_text(object, "message", event->message);
    check_position(object, "end_ms", event->end_ms);
    check_position(object, "audio_samples", event->audio_samples);
    check_lat(object, event);
    if (json_is_boolean(json_object_get(object, "final")))
        assert(event->final == json_is_true(json_object_get(object, "final")));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *scratch = malloc(size + 1);
    struct judge_event event;
    int status = judge_event_parse((const char *)data, size, scratch, &event);
    /* Of a key that comes twice parsers may take either value. */
    json_t *object = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
    /* jansson lets a NUL pass between tokens, which is no JSON. */
    bool strange = size > 0 && memchr(data, '\0', size) != NULL;
    if (!strange && json_is_object(object) && depth_of(object) < JUDGE_SCAN_DEPTH_MAX) {
        assert(status == STATUS_OK);
        check_alike(object, &event);
    }
    json_decref(object);
    free(scratch);
    return 0;
}
