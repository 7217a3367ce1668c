/* The first byte chooses the kind of event, lines are its texts: JSON comes of it, and a parser
 * reads the same texts out of it. */
#include "base/buf.h"
#include "base/utf8.h"
#include "server/codec.h"
#include "server/event.h"
#include "tests/fuzz/fuzz_kit.h"
#include <jansson.h>

static void fill(struct event *event, const struct fuzz_lines *lines)
{
    event->committed = event->corrected = event->session = event->reason = fuzz_line(lines, 0);
    event->tentative = event->message = event->code = event->id = fuzz_line(lines, 1);
    event->language = event->started_at = event->failed = fuzz_line(lines, 2);
    event->settings.source = event->settings.name = fuzz_line(lines, 0);
    event->settings.explain_in = event->settings.class_name = fuzz_line(lines, 1);
    event->settings.stability = STABILITY_LOW;
    event->usage.currency = event->language;
    event->what_len = (unsigned)lines->len < 4 ? (unsigned)lines->len : 4;
    for (unsigned i = 0; i < event->what_len; i++)
        event->what[i] = lines->at[i];
}

static void check(const char *json, const struct event *event)
{
    json_error_t error;
    json_t *object = json_loads(json, JSON_REJECT_DUPLICATES, &error), *text;
    assert(json_is_object(object));
    text = json_object_get(object, "committed");
    if (text != NULL && utf8_valid(event->committed, strlen(event->committed)))
        assert(strcmp(json_string_value(text), event->committed) == 0);
    json_decref(object);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_lines lines = {0};
    struct event *event = event_create(size > 0 ? data[0] % (EVENT_ERROR + 1) : EVENT_ACK);
    struct buf out;
    fuzz_lines_take(&lines, data + (size > 0), size - (size > 0));
    fill(event, &lines);
    buf_init(&out, 1 << 24);
    for (int i = 0; i < CODEC_HEAD_MAX; i++)
        buf_putc(&out, ' ');
    assert(codec_event_write(event, &out) == 0);
    check(codec_splice(out.data + CODEC_HEAD_MAX, size, (int64_t)size, &event->lat), event);
    buf_deinit(&out);
    event_free(event);
    fuzz_lines_free(&lines);
    return 0;
}
