#include "server/codec.h"

#include "base/buf.h"
#include "base/lat.h"
#include "base/utf8.h"
#include "server/event.h"
#include <assert.h>
#include <stdbool.h>
#include <string.h>

/* --- JSON, without building it first: half of what a worker does is this --- */

#define INT_CHARS_MAX 20
#define KEY_CHARS_MAX 32

static char *print_unsigned(char *at, uint64_t value)
{
    char digits[INT_CHARS_MAX];
    size_t len = 0;
    do
        digits[len++] = (char)('0' + value % 10);
    while ((value /= 10) > 0);
    while (len > 0)
        *at++ = digits[--len];
    return at;
}

static char *print_int(char *at, int64_t value)
{
    if (value < 0)
        *at++ = '-';
    return print_unsigned(at, value < 0 ? -(uint64_t)value : (uint64_t)value);
}

static void put_escape(struct buf *out, unsigned char c)
{
    static const char hex[] = "0123456789ABCDEF", named[] = "\"\"\\\\\bb\ff\nn\rr\tt";
    char text[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
    for (size_t i = 0; i < sizeof named - 1; i += 2) {
        if (named[i] != (char)c)
            continue;
        text[1] = named[i + 1];
        buf_append(out, text, 2);
        return;
    }
    buf_append(out, text, sizeof text);
}

/* What reaches us is NFC already: text that is not UTF-8 is our bug, and "" only hides it from the
 * client. */
static void put_text(struct buf *out, const char *text)
{
    text = text != NULL ? text : "";
    size_t len = strlen(text), plain = 0;
    if (!utf8_valid(text, len))
        len = 0;
    buf_putc(out, '"');
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        buf_append(out, text + plain, i - plain);
        put_escape(out, c);
        plain = i + 1;
    }
    buf_append(out, text + plain, len - plain);
    buf_putc(out, '"');
}

/* A value other than the first of its object or list is led by a comma. */
static bool is_first(const struct buf *out)
{
    return out->len > 0 && (out->data[out->len - 1] == '{' || out->data[out->len - 1] == '[');
}

static void put_key(struct buf *out, const char *key)
{
    char text[KEY_CHARS_MAX + 4], *at = text;
    size_t len = strlen(key);
    assert(len <= KEY_CHARS_MAX);
    if (!is_first(out))
        *at++ = ',';
    *at++ = '"';
    memcpy(at, key, len);
    at += len;
    *at++ = '"';
    *at++ = ':';
    buf_append(out, text, (size_t)(at - text));
}

static void set_int(struct buf *out, const char *key, int64_t value)
{
    char text[INT_CHARS_MAX + 1];
    put_key(out, key);
    buf_append(out, text, (size_t)(print_int(text, value) - text));
}

static void set_text(struct buf *out, const char *key, const char *text)
{
    put_key(out, key);
    put_text(out, text);
}

static void set_bool(struct buf *out, const char *key, bool value)
{
    put_key(out, key);
    buf_puts(out, value ? "true" : "false");
}

/* Begins an object or a list under `key`; its closing character ends it. */
static void set_open(struct buf *out, const char *key, char open)
{
    put_key(out, key);
    buf_putc(out, open);
}

static void list_object(struct buf *out)
{
    buf_puts(out, is_first(out) ? "{" : ",{");
}

static void set_texts(struct buf *out, const char *key, const char *const *texts, unsigned len)
{
    set_open(out, key, '[');
    for (unsigned i = 0; i < len; i++) {
        if (i > 0)
            buf_putc(out, ',');
        put_text(out, texts[i]);
    }
    buf_putc(out, ']');
}

/* --- the bodies --- */

static void write_choices(struct buf *out, const struct client_settings *settings)
{
    set_text(out, "source", settings->source);
    set_texts(out, "targets", (const char *const *)settings->targets, settings->targets_len);
    set_int(out, "rate", settings->rate);
    set_bool(out, "grammar", settings->grammar);
    set_bool(out, "partials", settings->partials);
    set_text(out, "stability", stability_name(settings->stability));
    if (settings->explain_in[0] != '\0')
        set_text(out, "explain_in", settings->explain_in);
}

static void write_settings(struct buf *out, const struct client_settings *settings)
{
    write_choices(out, settings);
    set_int(out, "vocabulary", settings->vocabulary_len);
    set_int(out, "glossary", settings->glossary_len);
    if (settings->class_name[0] != '\0')
        set_text(out, "class", settings->class_name);
    if (settings->name[0] != '\0')
        set_text(out, "name", settings->name);
}

static void write_started(struct buf *out, const struct event *event)
{
    const struct event_limits *limits = &event->limits;
    set_text(out, "session", event->session);
    set_int(out, "epoch", event->epoch);
    set_int(out, "open_segment", event->open_segment);
    if (event->resume_token != NULL) {
        set_text(out, "resume_token", event->resume_token);
    } else {
        put_key(out, "resume_token");
        buf_puts(out, "null");
    }
    set_int(out, "audio_samples", (int64_t)event->audio_samples);
    set_bool(out, "durable", event->durable);
    set_text(out, "started_at", event->started_at);
    write_settings(out, &event->settings);
    set_open(out, "limits", '{');
    set_int(out, "frame_bytes_max", limits->frame_bytes_max);
    set_int(out, "audio_speed_max", limits->audio_speed_max);
    set_int(out, "idle_ms", limits->idle_ms);
    set_int(out, "session_ms", limits->session_ms);
    set_int(out, "targets_max", limits->targets_max);
    set_int(out, "resume_ms", limits->resume_ms);
    set_int(out, "flush_ms", limits->flush_ms);
    set_int(out, "drain_ms", limits->drain_ms);
    buf_putc(out, '}');
}

static void write_updated(struct buf *out, const struct event *event)
{
    write_settings(out, &event->settings);
}

static void write_ack(struct buf *out, const struct event *event)
{
    set_int(out, "audio_samples", (int64_t)event->audio_samples);
}

static void write_words(struct buf *out, const struct event *event)
{
    set_open(out, "words", '[');
    for (size_t i = 0; i < event->words_len; i++) {
        list_object(out);
        set_text(out, "w", event->words[i].text);
        set_int(out, "start_ms", event->words[i].start_ms);
        set_int(out, "end_ms", event->words[i].end_ms);
        buf_putc(out, '}');
    }
    buf_putc(out, ']');
}

static void write_span(struct buf *out, const struct event *event)
{
    set_bool(out, "final", event->final);
    set_text(out, "committed", event->committed);
    set_text(out, "tentative", event->tentative);
    set_int(out, "start_ms", event->start_ms);
    set_int(out, "end_ms", event->end_ms);
    if (event->spliced)
        set_bool(out, "spliced", true);
}

static void write_transcript(struct buf *out, const struct event *event)
{
    set_int(out, "segment", event->segment);
    set_int(out, "rev", event->rev);
    write_span(out, event);
    set_text(out, "language", event->language);
    if (event->words_len > 0)
        write_words(out, event);
}

static void write_translation(struct buf *out, const struct event *event)
{
    set_int(out, "segment", event->segment);
    set_int(out, "rev", event->rev);
    set_int(out, "source_rev", event->source_rev);
    set_text(out, "lang", event->language);
    write_span(out, event);
    if (event->failed != NULL)
        set_text(out, "failed", event->failed);
}

static void write_edits(struct buf *out, const struct event *event)
{
    set_open(out, "edits", '[');
    for (size_t i = 0; i < event->edits_len; i++) {
        const struct event_edit *edit = &event->edits[i];
        list_object(out);
        set_int(out, "start", edit->start);
        set_int(out, "end", edit->end);
        set_text(out, "from", edit->from);
        set_text(out, "to", edit->to);
        set_text(out, "kind", edit->kind);
        set_text(out, "message", edit->message);
        buf_putc(out, '}');
    }
    buf_putc(out, ']');
}

static void write_grammar(struct buf *out, const struct event *event)
{
    set_int(out, "segment", event->segment);
    set_int(out, "rev", event->rev);
    set_int(out, "source_rev", event->source_rev);
    set_bool(out, "final", event->final);
    set_text(out, "corrected", event->corrected);
    write_edits(out, event);
    if (event->failed != NULL)
        set_text(out, "failed", event->failed);
}

static void write_note(struct buf *out, const struct event *event)
{
    set_int(out, "segment", event->segment);
    set_text(out, "note", event->note);
    set_text(out, "by", event->by);
}

static void write_flushed(struct buf *out, const struct event *event)
{
    if (event->id != NULL && event->id[0] != '\0')
        set_text(out, "id", event->id);
    set_int(out, "audio_samples", (int64_t)event->audio_samples);
    if (event->timeout)
        set_bool(out, "timeout", true);
}

static void write_health(struct buf *out, const struct event *event)
{
    set_texts(out, "what", event->what, event->what_len);
    set_text(out, "reason", event->reason);
    if (event->retry_after_ms > 0)
        set_int(out, "retry_after_ms", event->retry_after_ms);
}

static void write_goaway(struct buf *out, const struct event *event)
{
    set_text(out, "reason", event->reason);
    set_int(out, "within_ms", event->within_ms);
}

static void write_usage(struct buf *out, const struct event_usage *usage)
{
    buf_putc(out, '{');
    set_int(out, "audio_ms", (int64_t)usage->audio_ms);
    set_int(out, "stt_ms", (int64_t)usage->stt_ms);
    set_int(out, "requests", (int64_t)usage->requests);
    set_int(out, "tokens_in", (int64_t)usage->tokens_in);
    set_int(out, "tokens_out", (int64_t)usage->tokens_out);
    set_int(out, "cached", (int64_t)usage->cached);
    if (usage->currency != NULL) {
        uint64_t micros = (usage->cost_nanos + 500) / 1000;
        buf_printf(out, ",\"cost\":%llu.%06llu", (unsigned long long)(micros / 1000000),
                   (unsigned long long)(micros % 1000000));
        set_text(out, "currency", usage->currency);
    }
    buf_putc(out, '}');
}

static void write_ended(struct buf *out, const struct event *event)
{
    set_text(out, "reason", event->reason);
    put_key(out, "usage");
    write_usage(out, &event->usage);
}

static void write_error(struct buf *out, const struct event *event)
{
    set_text(out, "code", event->code);
    set_text(out, "message", event->message);
    set_bool(out, "retryable", event->retryable);
    if (event->retry_after_ms > 0)
        set_int(out, "retry_after_ms", event->retry_after_ms);
    set_bool(out, "fatal", event->fatal);
}

static const struct {
    const char *type;
    void (*write)(struct buf *out, const struct event *event);
} writers[] = {
    [EVENT_STARTED] = {"session.started", write_started},
    [EVENT_UPDATED] = {"session.updated", write_updated},
    [EVENT_ACK] = {"audio.ack", write_ack},
    [EVENT_TRANSCRIPT] = {"transcript", write_transcript},
    [EVENT_TRANSLATION] = {"translation", write_translation},
    [EVENT_GRAMMAR] = {"grammar", write_grammar},
    [EVENT_NOTE] = {"note", write_note},
    [EVENT_FLUSHED] = {"audio.flushed", write_flushed},
    [EVENT_DEGRADED] = {"session.degraded", write_health},
    [EVENT_RESTORED] = {"session.restored", write_health},
    [EVENT_GOAWAY] = {"session.goaway", write_goaway},
    [EVENT_ENDED] = {"session.ended", write_ended},
    [EVENT_ERROR] = {"error", write_error},
};

int codec_event_write(const struct event *event, struct buf *out)
{
    assert((size_t)event->kind < sizeof writers / sizeof writers[0]);
    /* The opening brace is codec_splice()'s, in front of what only the front knows. */
    buf_puts(out, "\"type\":");
    put_text(out, writers[event->kind].type);
    writers[event->kind].write(out, event);
    return buf_puts(out, "}");
}

/* --- for the store --- */

static void write_vocabulary(struct buf *out, const struct client_settings *settings)
{
    set_texts(out, "vocabulary", (const char *const *)settings->vocabulary,
              settings->vocabulary_len);
    set_open(out, "glossary", '[');
    for (unsigned i = 0; i < settings->glossary_len; i++) {
        const struct glossary_entry *entry = &settings->glossary[i];
        list_object(out);
        set_text(out, "from", entry->from);
        set_text(out, "to", entry->to);
        set_text(out, "lang", entry->lang);
        buf_putc(out, '}');
    }
    buf_putc(out, ']');
}

static void write_since(struct buf *out, const struct client_settings *settings)
{
    set_open(out, "since", '[');
    for (unsigned i = 0; i < settings->targets_len; i++)
        buf_printf(out, i > 0 ? ",%u" : "%u", settings->targets_since[i]);
    buf_putc(out, ']');
    set_int(out, "grammar_since", settings->grammar_since);
}

int codec_settings_write(const struct client_settings *settings, struct buf *out)
{
    buf_puts(out, "{\"type\":\"session.start\"");
    write_choices(out, settings);
    write_vocabulary(out, settings);
    write_since(out, settings);
    set_text(out, "class", settings->class_name);
    set_text(out, "name", settings->name);
    return buf_putc(out, '}');
}

int codec_usage_write(const struct event_usage *usage, struct buf *out)
{
    write_usage(out, usage);
    return buf_status(out);
}

/* --- the head --- */

static char *print_text(char *at, const char *text)
{
    size_t len = strlen(text);
    memcpy(at, text, len);
    return at + len;
}

/* Milliseconds with one decimal. */
static char *print_tenths(char *at, int64_t us)
{
    assert(us >= 0);
    uint64_t tenths = ((uint64_t)us + 50) / 100;
    at = print_unsigned(at, tenths / 10);
    *at++ = '.';
    *at++ = (char)('0' + tenths % 10);
    return at;
}

static char *print_lat(char *at, const struct lat *lat)
{
    static const struct {
        const char *key;
        enum lat_part part;
    } parts[] = {{",\"upstream\":", LAT_UPSTREAM},
                 {",\"queue\":", LAT_QUEUE},
                 {",\"hold\":", LAT_HOLD},
                 {",\"store\":", LAT_STORE},
                 {",\"server\":", LAT_SERVER}};
    at = print_tenths(print_text(at, "\"lat\":{\"audio\":"), lat->last_us - lat->start_us);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        at = print_tenths(print_text(at, parts[i].key), lat->part_us[parts[i].part]);
    return print_text(at, "},");
}

char *codec_splice(char *body, uint64_t seq, int64_t t_ms, const struct lat *lat)
{
    char head[CODEC_HEAD_MAX], *at = print_text(head, "{\"t_ms\":");
    at = print_int(at, t_ms);
    *at++ = ',';
    if (seq > 0) {
        at = print_unsigned(print_text(at, "\"seq\":"), seq);
        *at++ = ',';
    }
    if (lat != NULL)
        at = print_lat(at, lat);
    size_t len = (size_t)(at - head);
    assert(len < CODEC_HEAD_MAX);
    return memcpy(body - len, head, len);
}
