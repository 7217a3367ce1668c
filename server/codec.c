#include "server/codec.h"

#include "base/buf.h"
#include "base/json_text.h"
#include "base/lat.h"
#include "server/event.h"
#include <assert.h>
#include <stdbool.h>
#include <string.h>

/* --- the bodies --- */

static void write_choices(struct buf *out, const struct client_settings *settings)
{
    json_set_text(out, "source", settings->source);
    json_set_texts(out, "targets", (const char *const *)settings->targets, settings->targets_len);
    json_set_int(out, "rate", settings->rate);
    json_set_bool(out, "grammar", settings->grammar);
    json_set_bool(out, "partials", settings->partials);
    json_set_text(out, "stability", stability_name(settings->stability));
    if (settings->explain_in[0] != '\0')
        json_set_text(out, "explain_in", settings->explain_in);
}

static void write_settings(struct buf *out, const struct client_settings *settings)
{
    write_choices(out, settings);
    json_set_int(out, "vocabulary", settings->vocabulary_len);
    json_set_int(out, "glossary", settings->glossary_len);
    if (settings->class_name[0] != '\0')
        json_set_text(out, "class", settings->class_name);
    if (settings->name[0] != '\0')
        json_set_text(out, "name", settings->name);
}

static void write_started(struct buf *out, const struct event *event)
{
    const struct event_limits *limits = &event->limits;
    json_set_text(out, "session", event->session);
    json_set_int(out, "epoch", event->epoch);
    json_set_int(out, "open_segment", event->open_segment);
    if (event->resume_token != NULL) {
        json_set_text(out, "resume_token", event->resume_token);
    } else {
        json_put_key(out, "resume_token");
        buf_puts(out, "null");
    }
    json_set_int(out, "audio_samples", (int64_t)event->audio_samples);
    json_set_bool(out, "durable", event->durable);
    json_set_text(out, "started_at", event->started_at);
    write_settings(out, &event->settings);
    json_set_open(out, "limits", '{');
    json_set_int(out, "frame_bytes_max", limits->frame_bytes_max);
    json_set_int(out, "audio_speed_max", limits->audio_speed_max);
    json_set_int(out, "idle_ms", limits->idle_ms);
    json_set_int(out, "session_ms", limits->session_ms);
    json_set_int(out, "targets_max", limits->targets_max);
    json_set_int(out, "resume_ms", limits->resume_ms);
    json_set_int(out, "flush_ms", limits->flush_ms);
    json_set_int(out, "drain_ms", limits->drain_ms);
    buf_putc(out, '}');
}

static void write_updated(struct buf *out, const struct event *event)
{
    write_settings(out, &event->settings);
}

static void write_ack(struct buf *out, const struct event *event)
{
    json_set_int(out, "audio_samples", (int64_t)event->audio_samples);
}

static void write_words(struct buf *out, const struct event *event)
{
    json_set_open(out, "words", '[');
    for (size_t i = 0; i < event->words_len; i++) {
        json_list_object(out);
        json_set_text(out, "w", event->words[i].text);
        json_set_int(out, "start_ms", event->words[i].start_ms);
        json_set_int(out, "end_ms", event->words[i].end_ms);
        buf_putc(out, '}');
    }
    buf_putc(out, ']');
}

static void write_span(struct buf *out, const struct event *event)
{
    json_set_bool(out, "final", event->final);
    json_set_text(out, "committed", event->committed);
    json_set_text(out, "tentative", event->tentative);
    json_set_int(out, "start_ms", event->start_ms);
    json_set_int(out, "end_ms", event->end_ms);
    if (event->spliced)
        json_set_bool(out, "spliced", true);
}

static void write_transcript(struct buf *out, const struct event *event)
{
    json_set_int(out, "segment", event->segment);
    json_set_int(out, "rev", event->rev);
    write_span(out, event);
    json_set_text(out, "language", event->language);
    if (event->words_len > 0)
        write_words(out, event);
}

static void write_translation(struct buf *out, const struct event *event)
{
    json_set_int(out, "segment", event->segment);
    json_set_int(out, "rev", event->rev);
    json_set_int(out, "source_rev", event->source_rev);
    json_set_text(out, "lang", event->language);
    write_span(out, event);
    if (event->failed != NULL)
        json_set_text(out, "failed", event->failed);
}

static void write_edits(struct buf *out, const struct event *event)
{
    json_set_open(out, "edits", '[');
    for (size_t i = 0; i < event->edits_len; i++) {
        const struct event_edit *edit = &event->edits[i];
        json_list_object(out);
        json_set_int(out, "start", edit->start);
        json_set_int(out, "end", edit->end);
        json_set_text(out, "from", edit->from);
        json_set_text(out, "to", edit->to);
        json_set_text(out, "kind", edit->kind);
        json_set_text(out, "message", edit->message);
        buf_putc(out, '}');
    }
    buf_putc(out, ']');
}

static void write_grammar(struct buf *out, const struct event *event)
{
    json_set_int(out, "segment", event->segment);
    json_set_int(out, "rev", event->rev);
    json_set_int(out, "source_rev", event->source_rev);
    json_set_bool(out, "final", event->final);
    json_set_text(out, "corrected", event->corrected);
    write_edits(out, event);
    if (event->failed != NULL)
        json_set_text(out, "failed", event->failed);
}

static void write_note(struct buf *out, const struct event *event)
{
    json_set_int(out, "segment", event->segment);
    json_set_text(out, "note", event->note);
    json_set_text(out, "by", event->by);
}

static void write_flushed(struct buf *out, const struct event *event)
{
    if (event->id != NULL && event->id[0] != '\0')
        json_set_text(out, "id", event->id);
    json_set_int(out, "audio_samples", (int64_t)event->audio_samples);
    if (event->timeout)
        json_set_bool(out, "timeout", true);
}

static void write_health(struct buf *out, const struct event *event)
{
    json_set_texts(out, "what", event->what, event->what_len);
    json_set_text(out, "reason", event->reason);
    if (event->retry_after_ms > 0)
        json_set_int(out, "retry_after_ms", event->retry_after_ms);
}

static void write_goaway(struct buf *out, const struct event *event)
{
    json_set_text(out, "reason", event->reason);
    json_set_int(out, "within_ms", event->within_ms);
}

static void write_usage(struct buf *out, const struct event_usage *usage)
{
    buf_putc(out, '{');
    json_set_int(out, "audio_ms", (int64_t)usage->audio_ms);
    json_set_int(out, "stt_ms", (int64_t)usage->stt_ms);
    json_set_int(out, "requests", (int64_t)usage->requests);
    json_set_int(out, "tokens_in", (int64_t)usage->tokens_in);
    json_set_int(out, "tokens_out", (int64_t)usage->tokens_out);
    json_set_int(out, "cached", (int64_t)usage->cached);
    if (usage->currency != NULL) {
        uint64_t micros = (usage->cost_nanos + 500) / 1000;
        buf_printf(out, ",\"cost\":%llu.%06llu", (unsigned long long)(micros / 1000000),
                   (unsigned long long)(micros % 1000000));
        json_set_text(out, "currency", usage->currency);
    }
    buf_putc(out, '}');
}

static void write_ended(struct buf *out, const struct event *event)
{
    json_set_text(out, "reason", event->reason);
    json_put_key(out, "usage");
    write_usage(out, &event->usage);
}

static void write_error(struct buf *out, const struct event *event)
{
    json_set_text(out, "code", event->code);
    json_set_text(out, "message", event->message);
    json_set_bool(out, "retryable", event->retryable);
    if (event->retry_after_ms > 0)
        json_set_int(out, "retry_after_ms", event->retry_after_ms);
    json_set_bool(out, "fatal", event->fatal);
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
    json_put_text(out, writers[event->kind].type);
    writers[event->kind].write(out, event);
    return buf_puts(out, "}");
}

/* --- for the store --- */

static void write_vocabulary(struct buf *out, const struct client_settings *settings)
{
    json_set_texts(out, "vocabulary", (const char *const *)settings->vocabulary,
                   settings->vocabulary_len);
    json_set_open(out, "glossary", '[');
    for (unsigned i = 0; i < settings->glossary_len; i++) {
        const struct glossary_entry *entry = &settings->glossary[i];
        json_list_object(out);
        json_set_text(out, "from", entry->from);
        json_set_text(out, "to", entry->to);
        json_set_text(out, "lang", entry->lang);
        buf_putc(out, '}');
    }
    buf_putc(out, ']');
}

static void write_since(struct buf *out, const struct client_settings *settings)
{
    json_set_open(out, "since", '[');
    for (unsigned i = 0; i < settings->targets_len; i++)
        buf_printf(out, i > 0 ? ",%u" : "%u", settings->targets_since[i]);
    buf_putc(out, ']');
    json_set_int(out, "grammar_since", settings->grammar_since);
}

int codec_settings_write(const struct client_settings *settings, struct buf *out)
{
    buf_puts(out, "{\"type\":\"session.start\"");
    write_choices(out, settings);
    write_vocabulary(out, settings);
    write_since(out, settings);
    json_set_text(out, "class", settings->class_name);
    json_set_text(out, "name", settings->name);
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
    at = json_print_unsigned(at, tenths / 10);
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
    /* What is told again, as to a client that comes back, has nothing to measure from. */
    static const struct lat none;
    if (lat->start_us == 0)
        lat = &none;
    at = print_tenths(print_text(at, "\"lat\":{\"audio\":"), lat->last_us - lat->start_us);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        at = print_tenths(print_text(at, parts[i].key), lat->part_us[parts[i].part]);
    return print_text(at, "},");
}

char *codec_splice(char *body, uint64_t seq, int64_t t_ms, const struct lat *lat)
{
    char head[CODEC_HEAD_MAX], *at = print_text(head, "{\"t_ms\":");
    at = json_print_int(at, t_ms);
    *at++ = ',';
    if (seq > 0) {
        at = json_print_unsigned(print_text(at, "\"seq\":"), seq);
        *at++ = ',';
    }
    if (lat != NULL)
        at = print_lat(at, lat);
    size_t len = (size_t)(at - head);
    assert(len < CODEC_HEAD_MAX);
    return memcpy(body - len, head, len);
}
