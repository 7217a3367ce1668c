#include "server/codec.h"

#include "base/buf.h"
#include "base/lat.h"
#include "base/status.h"
#include "server/event.h"
#include <assert.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

/* Jansson refuses text that is not UTF-8; what reaches us is NFC already, so "" only hides a bug
 * from the client. */
static json_t *text_json(const char *text)
{
    json_t *value = text != NULL ? json_string(text) : NULL;
    return value != NULL ? value : json_string("");
}

static void set_int(json_t *object, const char *key, int64_t value)
{
    json_object_set_new(object, key, json_integer((json_int_t)value));
}

static void set_text(json_t *object, const char *key, const char *text)
{
    json_object_set_new(object, key, text_json(text));
}

static void set_bool(json_t *object, const char *key, bool value)
{
    json_object_set_new(object, key, json_boolean(value));
}

static json_t *texts_json(const char *const *texts, unsigned len)
{
    json_t *list = json_array();
    for (unsigned i = 0; i < len; i++)
        json_array_append_new(list, text_json(texts[i]));
    return list;
}

static void write_settings(json_t *object, const struct client_settings *settings)
{
    set_text(object, "source", settings->source);
    json_object_set_new(object, "targets",
                        texts_json((const char *const *)settings->targets, settings->targets_len));
    set_int(object, "rate", settings->rate);
    set_bool(object, "grammar", settings->grammar);
    set_bool(object, "partials", settings->partials);
    set_text(object, "stability", stability_name(settings->stability));
    if (settings->explain_in[0] != '\0')
        set_text(object, "explain_in", settings->explain_in);
    set_int(object, "vocabulary", settings->vocabulary_len);
    set_int(object, "glossary", settings->glossary_len);
    if (settings->class_name[0] != '\0')
        set_text(object, "class", settings->class_name);
    if (settings->name[0] != '\0')
        set_text(object, "name", settings->name);
}

static void write_started(json_t *object, const struct event *event)
{
    const struct event_limits *limits = &event->limits;
    set_text(object, "session", event->session);
    set_int(object, "epoch", event->epoch);
    set_int(object, "open_segment", event->open_segment);
    json_object_set_new(object, "resume_token", json_null());
    set_int(object, "audio_samples", (int64_t)event->audio_samples);
    set_bool(object, "durable", false);
    set_text(object, "started_at", event->started_at);
    write_settings(object, &event->settings);
    json_object_set_new(
        object, "limits",
        json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "frame_bytes_max",
                  (json_int_t)limits->frame_bytes_max, "audio_speed_max",
                  (json_int_t)limits->audio_speed_max, "idle_ms", (json_int_t)limits->idle_ms,
                  "session_ms", (json_int_t)limits->session_ms, "targets_max",
                  (json_int_t)limits->targets_max, "resume_ms", (json_int_t)limits->resume_ms,
                  "flush_ms", (json_int_t)limits->flush_ms, "drain_ms",
                  (json_int_t)limits->drain_ms));
}

static void write_updated(json_t *object, const struct event *event)
{
    write_settings(object, &event->settings);
}

static void write_ack(json_t *object, const struct event *event)
{
    set_int(object, "audio_samples", (int64_t)event->audio_samples);
}

static json_t *words_json(const struct event *event)
{
    json_t *list = json_array();
    for (size_t i = 0; i < event->words_len; i++) {
        json_t *word = json_object();
        set_text(word, "w", event->words[i].text);
        set_int(word, "start_ms", event->words[i].start_ms);
        set_int(word, "end_ms", event->words[i].end_ms);
        json_array_append_new(list, word);
    }
    return list;
}

static void write_span(json_t *object, const struct event *event)
{
    set_bool(object, "final", event->final);
    set_text(object, "committed", event->committed);
    set_text(object, "tentative", event->tentative);
    set_int(object, "start_ms", event->start_ms);
    set_int(object, "end_ms", event->end_ms);
    if (event->spliced)
        set_bool(object, "spliced", true);
}

static void write_transcript(json_t *object, const struct event *event)
{
    set_int(object, "segment", event->segment);
    set_int(object, "rev", event->rev);
    write_span(object, event);
    set_text(object, "language", event->language);
    if (event->words_len > 0)
        json_object_set_new(object, "words", words_json(event));
}

static void write_translation(json_t *object, const struct event *event)
{
    set_int(object, "segment", event->segment);
    set_int(object, "rev", event->rev);
    set_int(object, "source_rev", event->source_rev);
    set_text(object, "lang", event->language);
    write_span(object, event);
    if (event->failed != NULL)
        set_text(object, "failed", event->failed);
}

static json_t *edits_json(const struct event *event)
{
    json_t *list = json_array();
    for (size_t i = 0; i < event->edits_len; i++) {
        const struct event_edit *edit = &event->edits[i];
        json_t *item = json_object();
        set_int(item, "start", edit->start);
        set_int(item, "end", edit->end);
        set_text(item, "from", edit->from);
        set_text(item, "to", edit->to);
        set_text(item, "kind", edit->kind);
        set_text(item, "message", edit->message);
        json_array_append_new(list, item);
    }
    return list;
}

static void write_grammar(json_t *object, const struct event *event)
{
    set_int(object, "segment", event->segment);
    set_int(object, "rev", event->rev);
    set_int(object, "source_rev", event->source_rev);
    set_bool(object, "final", event->final);
    set_text(object, "corrected", event->corrected);
    json_object_set_new(object, "edits", edits_json(event));
    if (event->failed != NULL)
        set_text(object, "failed", event->failed);
}

static void write_flushed(json_t *object, const struct event *event)
{
    if (event->id != NULL && event->id[0] != '\0')
        set_text(object, "id", event->id);
    set_int(object, "audio_samples", (int64_t)event->audio_samples);
    if (event->timeout)
        set_bool(object, "timeout", true);
}

static void write_health(json_t *object, const struct event *event)
{
    json_object_set_new(object, "what", texts_json(event->what, event->what_len));
    set_text(object, "reason", event->reason);
    if (event->retry_after_ms > 0)
        set_int(object, "retry_after_ms", event->retry_after_ms);
}

static void write_goaway(json_t *object, const struct event *event)
{
    set_text(object, "reason", event->reason);
    set_int(object, "within_ms", event->within_ms);
}

static void write_ended(json_t *object, const struct event *event)
{
    const struct event_usage *usage = &event->usage;
    set_text(object, "reason", event->reason);
    json_object_set_new(
        object, "usage",
        json_pack("{s:I,s:I,s:I,s:I,s:I,s:I}", "audio_ms", (json_int_t)usage->audio_ms, "stt_ms",
                  (json_int_t)usage->stt_ms, "requests", (json_int_t)usage->requests, "tokens_in",
                  (json_int_t)usage->tokens_in, "tokens_out", (json_int_t)usage->tokens_out,
                  "cached", (json_int_t)usage->cached));
}

static void write_error(json_t *object, const struct event *event)
{
    set_text(object, "code", event->code);
    set_text(object, "message", event->message);
    set_bool(object, "retryable", event->retryable);
    if (event->retry_after_ms > 0)
        set_int(object, "retry_after_ms", event->retry_after_ms);
    set_bool(object, "fatal", event->fatal);
}

static const struct {
    const char *type;
    void (*write)(json_t *object, const struct event *event);
} writers[] = {
    [EVENT_STARTED] = {"session.started", write_started},
    [EVENT_UPDATED] = {"session.updated", write_updated},
    [EVENT_ACK] = {"audio.ack", write_ack},
    [EVENT_TRANSCRIPT] = {"transcript", write_transcript},
    [EVENT_TRANSLATION] = {"translation", write_translation},
    [EVENT_GRAMMAR] = {"grammar", write_grammar},
    [EVENT_FLUSHED] = {"audio.flushed", write_flushed},
    [EVENT_DEGRADED] = {"session.degraded", write_health},
    [EVENT_RESTORED] = {"session.restored", write_health},
    [EVENT_GOAWAY] = {"session.goaway", write_goaway},
    [EVENT_ENDED] = {"session.ended", write_ended},
    [EVENT_ERROR] = {"error", write_error},
};

static int dump_chunk(const char *bytes, size_t len, void *ctx)
{
    return buf_append(ctx, bytes, len) == STATUS_OK ? 0 : -1;
}

int codec_event_write(const struct event *event, struct buf *out)
{
    assert((size_t)event->kind < sizeof writers / sizeof writers[0]);
    json_t *object = json_object();
    if (object == NULL)
        return STATUS_NOMEM;
    set_text(object, "type", writers[event->kind].type);
    writers[event->kind].write(object, event);
    size_t before = out->len;
    int failed = json_dump_callback(object, dump_chunk, out, JSON_COMPACT);
    json_decref(object);
    if (failed != 0 || buf_status(out) != STATUS_OK)
        return buf_status(out) != STATUS_OK ? buf_status(out) : STATUS_INTERNAL;
    /* The opening brace is written anew by codec_splice(), in front of what only the front knows.
     */
    assert(out->data[before] == '{');
    memmove(out->data + before, out->data + before + 1, out->len - before);
    out->len--;
    return STATUS_OK;
}

static int splice_lat(char *out, size_t room, const struct lat *lat)
{
    const double ms = 1000.0;
    double audio = (double)(lat->last_us - lat->start_us) / ms;
    return snprintf(out, room,
                    "\"lat\":{\"audio\":%.1f,\"upstream\":%.1f,\"queue\":%.1f,\"hold\":%.1f,"
                    "\"store\":%.1f,\"server\":%.1f},",
                    audio, (double)lat->part_us[LAT_UPSTREAM] / ms,
                    (double)lat->part_us[LAT_QUEUE] / ms, (double)lat->part_us[LAT_HOLD] / ms,
                    (double)lat->part_us[LAT_STORE] / ms, (double)lat->part_us[LAT_SERVER] / ms);
}

char *codec_splice(char *body, uint64_t seq, int64_t t_ms, const struct lat *lat)
{
    char head[CODEC_HEAD_MAX];
    int len = snprintf(head, sizeof head, "{\"t_ms\":%lld,", (long long)t_ms);
    if (seq > 0)
        len += snprintf(head + len, sizeof head - (size_t)len, "\"seq\":%llu,",
                        (unsigned long long)seq);
    if (lat != NULL)
        len += splice_lat(head + len, sizeof head - (size_t)len, lat);
    assert(len > 0 && len < CODEC_HEAD_MAX);
    memcpy(body - len, head, (size_t)len);
    return body - len;
}
