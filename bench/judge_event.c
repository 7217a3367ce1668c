#include "bench/judge_event.h"

#include "base/status.h"
#include <assert.h>

static int64_t to_us(double ms)
{
    return ms > 0 && ms < 1e12 ? (int64_t)(ms * 1000 + 0.5) : 0;
}

/* After the opening brace of `lat`. */
static bool read_lat(struct judge_scan *scan, struct judge_event *out)
{
    const struct {
        const char *name;
        int64_t *us;
    } parts[] = {{"audio", &out->audio_us},
                 {"upstream", &out->upstream_us},
                 {"queue", &out->queue_us},
                 {"hold", &out->hold_us},
                 {"server", &out->server_us}};
    struct judge_text key;
    struct judge_value value;
    if (judge_scan_take(scan, '}'))
        return true;
    do {
        if (!judge_scan_key(scan, &key) || !judge_scan_value(scan, &value))
            return false;
        for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
            if (judge_text_is(key, parts[i].name))
                *parts[i].us = to_us(value.number);
        out->has_lat = true;
    } while (judge_scan_take(scan, ','));
    return judge_scan_take(scan, '}');
}

static enum judge_event_type type_of(struct judge_text name)
{
    static const struct {
        const char *name;
        enum judge_event_type type;
    } types[] = {
        {"transcript", JUDGE_EVENT_TRANSCRIPT},   {"translation", JUDGE_EVENT_TRANSLATION},
        {"grammar", JUDGE_EVENT_GRAMMAR},         {"audio.ack", JUDGE_EVENT_ACK},
        {"session.started", JUDGE_EVENT_STARTED}, {"session.degraded", JUDGE_EVENT_DEGRADED},
        {"session.goaway", JUDGE_EVENT_GOAWAY},   {"session.restored", JUDGE_EVENT_RESTORED},
        {"session.ended", JUDGE_EVENT_ENDED},     {"error", JUDGE_EVENT_ERROR},
    };
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (judge_text_is(name, types[i].name))
            return types[i].type;
    return JUDGE_EVENT_OTHER;
}

static void store_text(struct judge_event *out, struct judge_text key, struct judge_text text)
{
    const struct {
        const char *name;
        struct judge_text *to;
    } texts[] = {{"committed", &out->committed}, {"tentative", &out->tentative},
                 {"corrected", &out->corrected}, {"lang", &out->lang},
                 {"code", &out->code},           {"message", &out->message},
                 {"session", &out->session},     {"resume_token", &out->resume_token}};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (judge_text_is(key, texts[i].name))
            *texts[i].to = text;
    if (judge_text_is(key, "type"))
        out->type = type_of(text);
    else if (judge_text_is(key, "failed"))
        out->failed = true;
}

static int64_t to_position(double number)
{
    return number >= 0 && number < 0x1p53 ? (int64_t)number : -1;
}

static uint32_t to_number(double number)
{
    return number > 0 && number < 0x1p32 ? (uint32_t)number : 0;
}

static void store_number(struct judge_event *out, struct judge_text key, double number)
{
    if (judge_text_is(key, "segment"))
        out->segment = to_number(number);
    else if (judge_text_is(key, "start_ms"))
        out->start_ms = to_position(number);
    else if (judge_text_is(key, "end_ms"))
        out->end_ms = to_position(number);
    else if (judge_text_is(key, "audio_samples"))
        out->audio_samples = to_position(number);
    else if (judge_text_is(key, "seq"))
        out->seq = number > 0 && number < 0x1p53 ? (uint64_t)number : 0;
    else if (judge_text_is(key, "epoch"))
        out->epoch = to_number(number);
    else if (judge_text_is(key, "open_segment"))
        out->open_segment = to_number(number);
    else if (judge_text_is(key, "retry_after_ms"))
        out->retry_after_ms = to_position(number);
    else if (judge_text_is(key, "within_ms"))
        out->within_ms = to_position(number);
}

static void store(struct judge_event *out, struct judge_text key, const struct judge_value *value)
{
    if (value->kind == '"') {
        store_text(out, key, value->text);
    } else if (value->kind == '0') {
        store_number(out, key, value->number);
    } else if (judge_text_is(key, "final")) {
        out->final = value->truth;
    } else if (judge_text_is(key, "fatal")) {
        out->fatal = value->truth;
    }
}

static bool read_member(struct judge_scan *scan, struct judge_event *out)
{
    struct judge_text key;
    struct judge_value value;
    if (!judge_scan_key(scan, &key))
        return false;
    if (judge_text_is(key, "lat") && judge_scan_take(scan, '{'))
        return read_lat(scan, out);
    if (!judge_scan_value(scan, &value))
        return false;
    store(out, key, &value);
    return true;
}

int judge_event_parse(const char *text, size_t len, char *scratch, struct judge_event *out)
{
    assert(text != NULL && scratch != NULL);
    const struct judge_text none = {"", 0};
    struct judge_scan scan = {text, text + len, scratch};
    *out = (struct judge_event){.committed = none,
                                .tentative = none,
                                .corrected = none,
                                .lang = none,
                                .code = none,
                                .message = none,
                                .session = none,
                                .resume_token = none,
                                .start_ms = -1,
                                .end_ms = -1,
                                .audio_samples = -1,
                                .retry_after_ms = -1,
                                .within_ms = -1};
    if (!judge_scan_take(&scan, '{'))
        return STATUS_INVALID;
    if (!judge_scan_take(&scan, '}')) {
        do {
            if (!read_member(&scan, out))
                return STATUS_INVALID;
        } while (judge_scan_take(&scan, ','));
        if (!judge_scan_take(&scan, '}'))
            return STATUS_INVALID;
    }
    return judge_scan_done(&scan) ? STATUS_OK : STATUS_INVALID;
}
