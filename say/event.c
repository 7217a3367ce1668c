#include "say/event.h"

#include "base/buf.h"
#include "base/status.h"
#include <assert.h>
#include <jansson.h>
#include <string.h>

static const struct {
    const char *name;
    enum event_type type;
} types[] = {
    {"session.started", EVENT_STARTED},
    {"transcript", EVENT_TRANSCRIPT},
    {"translation", EVENT_TRANSLATION},
    {"grammar", EVENT_GRAMMAR},
    {"audio.ack", EVENT_ACK},
    {"audio.flushed", EVENT_FLUSHED},
    {"note", EVENT_NOTE},
    {"session.degraded", EVENT_DEGRADED},
    {"session.restored", EVENT_RESTORED},
    {"session.goaway", EVENT_GOAWAY},
    {"session.ended", EVENT_ENDED},
    {"error", EVENT_ERROR},
};

/* Past this JSON numbers are no longer exact; nothing here needs them. */
#define NUMBER_MAX ((int64_t)1 << 53)

static enum event_type type_of(const char *name)
{
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (strcmp(name, types[i].name) == 0)
            return types[i].type;
    }
    return EVENT_OTHER;
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "";
}

static int64_t number_of(const json_t *object, const char *key, int64_t absent)
{
    const json_t *value = json_object_get(object, key);
    if (!json_is_number(value))
        return absent;
    double number = json_number_value(value);
    return number > NUMBER_MAX ? NUMBER_MAX : number < -NUMBER_MAX ? -NUMBER_MAX : (int64_t)number;
}

static uint64_t count_of(const json_t *object, const char *key)
{
    int64_t value = number_of(object, key, 0);
    return value > 0 ? (uint64_t)value : 0;
}

int event_parse(struct event *event, const char *text, size_t len)
{
    json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(root) || !json_is_string(json_object_get(root, "type"))) {
        json_decref(root);
        return STATUS_PROTOCOL;
    }
    const char *lang = text_of(root, "lang");
    *event = (struct event){
        .root = root,
        .type = type_of(text_of(root, "type")),
        .segment = count_of(root, "segment"),
        .open_segment = count_of(root, "open_segment"),
        .seq = count_of(root, "seq"),
        .epoch = (uint32_t)count_of(root, "epoch"),
        .final = json_is_true(json_object_get(root, "final")),
        .fatal = json_is_true(json_object_get(root, "fatal")),
        .committed = text_of(root, "committed"),
        .tentative = text_of(root, "tentative"),
        .lang = *lang != '\0' ? lang : text_of(root, "language"),
        .failed = text_of(root, "failed"),
        .note = text_of(root, "note"),
        .by = text_of(root, "by"),
        .code = text_of(root, "code"),
        .message = text_of(root, "message"),
        .reason = text_of(root, "reason"),
        .session = text_of(root, "session"),
        .resume_token = text_of(root, "resume_token"),
        .start_ms = number_of(root, "start_ms", 0),
        .end_ms = number_of(root, "end_ms", 0),
        .retry_after_ms = number_of(root, "retry_after_ms", -1),
        .within_ms = number_of(root, "within_ms", 0),
        .drain_ms = number_of(json_object_get(root, "limits"), "drain_ms", 0),
        .resume_ms = number_of(json_object_get(root, "limits"), "resume_ms", 0),
        .audio_samples = count_of(root, "audio_samples"),
        .edits_count = json_array_size(json_object_get(root, "edits")),
    };
    return STATUS_OK;
}

void event_deinit(struct event *event)
{
    json_decref(event->root);
    event->root = NULL;
}

void event_edit(const struct event *event, size_t index, struct event_edit *out)
{
    assert(index < event->edits_count);
    const json_t *edit = json_array_get(json_object_get(event->root, "edits"), index);
    *out = (struct event_edit){.from = text_of(edit, "from"),
                               .to = text_of(edit, "to"),
                               .kind = text_of(edit, "kind"),
                               .message = text_of(edit, "message")};
}

void event_what(const struct event *event, struct buf *out)
{
    const json_t *what = json_object_get(event->root, "what");
    const json_t *item;
    size_t i;
    json_array_foreach(what, i, item)
    {
        const char *name = json_string_value(item);
        buf_puts(out, i > 0 ? ", " : "");
        buf_puts(out, name != NULL ? name : "");
    }
}
