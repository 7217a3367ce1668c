#include "server/transcript.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/status.h"
#include "server/message.h"
#include "server/transcript_internal.h"
#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const struct {
    const char *name, *type;
} formats[TRANSCRIPT_FORMATS] = {
    [TRANSCRIPT_JSON] = {"json", "application/json"},
    [TRANSCRIPT_CSV] = {"csv", "text/csv; charset=utf-8; header=present"},
    [TRANSCRIPT_SRT] = {"srt", "application/x-subrip; charset=utf-8"},
    [TRANSCRIPT_VTT] = {"vtt", "text/vtt; charset=utf-8"},
    [TRANSCRIPT_TXT] = {"txt", "text/plain; charset=utf-8"},
};

enum transcript_format transcript_format_find(const char *name, size_t len)
{
    enum transcript_format format = 0;
    while (format < TRANSCRIPT_FORMATS &&
           (strlen(formats[format].name) != len || memcmp(formats[format].name, name, len) != 0))
        format++;
    return format;
}

const char *transcript_format_name(enum transcript_format format)
{
    assert(format < TRANSCRIPT_FORMATS);
    return formats[format].name;
}

const char *transcript_format_type(enum transcript_format format)
{
    assert(format < TRANSCRIPT_FORMATS);
    return formats[format].type;
}

int transcript_langs_parse(struct transcript_langs *langs, const char *text, size_t len)
{
    struct transcript_langs parsed = {0};
    for (size_t at = 0; at <= len;) {
        const char *comma = memchr(text + at, ',', len - at);
        size_t tag = comma != NULL ? (size_t)(comma - text) - at : len - at;
        if (parsed.len == TRANSCRIPT_LANGS_MAX)
            return STATUS_LIMIT;
        if (tag == 0 || tag >= LANGUAGE_TAG_BYTES || memchr(text + at, '\0', tag) != NULL)
            return STATUS_INVALID;
        memcpy(parsed.tag[parsed.len], text + at, tag);
        if (!language_tag_valid(parsed.tag[parsed.len++]))
            return STATUS_INVALID;
        at += tag + 1;
    }
    *langs = parsed;
    return STATUS_OK;
}

/* --- rows --- */

uint8_t transcript__fits(const struct transcript *transcript, const struct store_row *row,
                         unsigned index)
{
    const char *lang = row->kind == STORE_TRANSLATION ? row->lang : transcript->source;
    if (transcript->langs.len == 0)
        return row->kind == STORE_TRANSLATION ? 0 : 2;
    const char *tag = transcript->langs.tag[index];
    if (strcasecmp(tag, lang) == 0)
        return 2;
    return language_same_base(tag, lang) ? 1 : 0;
}

int transcript__parse(const struct store_row *row, json_t **out)
{
    char *text = mem_alloc(row->body_len + 1);
    if (text == NULL)
        return STATUS_NOMEM;
    text[0] = '{';
    memcpy(text + 1, row->body, row->body_len);
    int status = json_read(text, row->body_len + 1, 0, out);
    mem_free(text);
    return status == STATUS_OK || status == STATUS_NOMEM ? status : STATUS_INVALID;
}

const char *transcript__text(const json_t *message, const char *key)
{
    const char *text = json_string_value(json_object_get(message, key));
    return text != NULL ? text : "";
}

/* --- JSON --- */

static int on_json(const char *bytes, size_t len, void *ctx)
{
    return buf_append(ctx, bytes, len) == STATUS_OK ? 0 : -1;
}

/* Takes `value`; NULL: out of memory. */
static int put_json(struct buf *out, json_t *value)
{
    if (value == NULL)
        return out->status = out->status != STATUS_OK ? out->status : STATUS_NOMEM;
    if (json_dump_callback(value, on_json, out, JSON_COMPACT | JSON_ENCODE_ANY) != 0 &&
        out->status == STATUS_OK)
        out->status = STATUS_NOMEM;
    json_decref(value);
    return buf_status(out);
}

static json_t *time_json(int64_t wall_us)
{
    char text[CLOCK_RFC3339_BYTES];
    if (wall_us == 0)
        return json_null();
    clock_rfc3339(wall_us, text);
    return json_string(text);
}

/* JSON text of ours that was stored; null when there is none. */
static json_t *stored_json(const char *text)
{
    json_t *value;
    return text != NULL && json_read(text, strlen(text), 0, &value) == STATUS_OK ? value
                                                                                 : json_null();
}

static json_t *targets_json(const char *settings)
{
    json_t *all = stored_json(settings), *targets = json_object_get(all, "targets");
    targets = json_is_array(targets) ? json_incref(targets) : json_array();
    json_decref(all);
    return targets;
}

static json_t *about_json(const struct store_about *about)
{
    const char *reason = about->end_reason != NULL ? about->end_reason : "";
    return json_pack("{s:s,s:s,s:s,s:s,s:o,s:i,s:o,s:o,s:s,s:i,s:I,s:o}", "session", about->session,
                     "class", about->class_name, "name", about->name, "source", about->source,
                     "targets", targets_json(about->settings), "rate", (int)about->rate,
                     "started_at", time_json(about->started_wall_us), "ended_at",
                     time_json(about->ended_wall_us), "end_reason", reason, "segments",
                     (int)about->segments, "seq", (json_int_t)about->seq, "usage",
                     stored_json(about->usage));
}

int transcript_write_about(const struct store_about *about, struct buf *out)
{
    return put_json(out, about_json(about));
}

/* The object stays open: its messages follow. */
static int json_open(struct transcript *transcript, const struct store_about *about,
                     struct buf *out)
{
    if (transcript->sessions > 1)
        buf_puts(out, ",\n");
    size_t begin = out->len;
    int status = transcript_write_about(about, out);
    if (status != STATUS_OK)
        return status;
    assert(out->len > begin && out->data[out->len - 1] == '}');
    out->data[--out->len] = '\0';
    return buf_puts(out, ",\"messages\":[");
}

static bool wanted(const struct transcript *transcript, const struct store_row *row)
{
    if (transcript->langs.len == 0 || row->kind == STORE_NOTE)
        return true;
    for (unsigned i = 0; i < transcript->langs.len; i++)
        if (transcript__fits(transcript, row, i) > 0)
            return true;
    return false;
}

static int json_row(struct transcript *transcript, const struct store_row *row, struct buf *out)
{
    char at[CLOCK_RFC3339_BYTES];
    if (!wanted(transcript, row))
        return STATUS_OK;
    clock_rfc3339(row->wall_us, at);
    buf_printf(out, "%s\n{\"seq\":%llu,\"at\":\"%s\",", transcript->messages++ > 0 ? "," : "",
               (unsigned long long)row->seq, at);
    return buf_append(out, row->body, row->body_len);
}

static int json_close(const char *next, struct buf *out)
{
    buf_puts(out, "]");
    if (next != NULL) {
        buf_puts(out, ",\"next\":");
        put_json(out, json_string(next));
    }
    return buf_puts(out, "}");
}

/* --- the life of a transcript --- */

int transcript_create(struct transcript **out, const struct transcript_of *of)
{
    struct transcript *transcript = mem_calloc(1, sizeof *transcript);
    if (transcript == NULL)
        return STATUS_NOMEM;
    transcript->format = of->format;
    transcript->langs = of->langs;
    if (of->class_name != NULL && (transcript->class_name = mem_strdup(of->class_name)) == NULL) {
        mem_free(transcript);
        return STATUS_NOMEM;
    }
    *out = transcript;
    return STATUS_OK;
}

static void forget_session(struct transcript *transcript)
{
    transcript__cue_drop(transcript);
    mem_free(transcript->name);
    mem_free(transcript->source);
    mem_free(transcript->started_at);
    transcript->name = transcript->source = transcript->started_at = NULL;
}

void transcript_destroy(struct transcript *transcript)
{
    if (transcript == NULL)
        return;
    forget_session(transcript);
    mem_free((char *)transcript->class_name);
    mem_free(transcript);
}

int transcript_begin(struct transcript *transcript, struct buf *out)
{
    switch (transcript->format) {
    case TRANSCRIPT_CSV: return transcript__csv_begin(out);
    case TRANSCRIPT_JSON:
        if (transcript->class_name == NULL)
            return STATUS_OK;
        buf_puts(out, "{\"class\":");
        put_json(out, json_string(transcript->class_name));
        return buf_puts(out, ",\"sessions\":[\n");
    case TRANSCRIPT_SRT:
    case TRANSCRIPT_VTT:
    case TRANSCRIPT_TXT:
    case TRANSCRIPT_FORMATS: break;
    }
    return transcript__cue_begin(transcript, out);
}

int transcript_open(struct transcript *transcript, const struct store_about *about, struct buf *out)
{
    char started[CLOCK_RFC3339_BYTES];
    clock_rfc3339(about->started_wall_us, started);
    forget_session(transcript);
    transcript->sessions++;
    transcript->messages = 0;
    memcpy(transcript->session, about->session, sizeof transcript->session);
    transcript->name = mem_strdup(about->name);
    transcript->source = mem_strdup(about->source);
    transcript->started_at = mem_strdup(started);
    if (transcript->name == NULL || transcript->source == NULL || transcript->started_at == NULL)
        return STATUS_NOMEM;
    return transcript->format == TRANSCRIPT_JSON ? json_open(transcript, about, out) : STATUS_OK;
}

int transcript_row(struct transcript *transcript, const struct store_row *row, struct buf *out)
{
    assert(transcript->source != NULL);
    switch (transcript->format) {
    case TRANSCRIPT_JSON: return json_row(transcript, row, out);
    case TRANSCRIPT_CSV:
        return wanted(transcript, row) ? transcript__csv_row(transcript, row, out) : STATUS_OK;
    case TRANSCRIPT_SRT:
    case TRANSCRIPT_VTT:
    case TRANSCRIPT_TXT:
    case TRANSCRIPT_FORMATS: break;
    }
    return transcript__cue_row(transcript, row, out);
}

int transcript_close(struct transcript *transcript, const char *next, struct buf *out)
{
    switch (transcript->format) {
    case TRANSCRIPT_JSON: return json_close(next, out);
    case TRANSCRIPT_CSV: return buf_status(out);
    case TRANSCRIPT_SRT:
    case TRANSCRIPT_VTT:
    case TRANSCRIPT_TXT:
    case TRANSCRIPT_FORMATS: break;
    }
    return transcript__cue_flush(transcript, out);
}

int transcript_end(struct transcript *transcript, struct buf *out)
{
    if (transcript->format != TRANSCRIPT_JSON)
        return buf_status(out);
    return buf_puts(out, transcript->class_name != NULL ? "]}\n" : "\n");
}

/* --- its name as a file --- */

static size_t put_name(char *out, size_t at, size_t room, const char *text)
{
    for (; *text != '\0' && at + 1 < room; text++) {
        bool plain = isalnum((unsigned char)*text);
        if (plain || (at > 0 && out[at - 1] != '-'))
            out[at++] = plain ? *text : '-';
    }
    out[at] = '\0';
    return at;
}

void transcript_file_name(const struct transcript_of *of, const struct store_about *about,
                          char out[TRANSCRIPT_NAME_BYTES])
{
    char day[CLOCK_RFC3339_BYTES] = "";
    if (about != NULL) {
        clock_rfc3339(about->started_wall_us, day);
        day[sizeof "2026-01-31" - 1] = '\0';
    }
    /* Some of a long name, and always the ending. */
    size_t room = TRANSCRIPT_NAME_BYTES - sizeof ".json", at = put_name(out, 0, room, "sotto-");
    const char *whose = of->class_name != NULL ? of->class_name : about != NULL ? about->name : "";
    at = put_name(out, at, room - sizeof day, whose);
    if (about != NULL) {
        at = put_name(out, at, room, "-");
        at = put_name(out, at, room, day);
    }
    for (; at > 0 && out[at - 1] == '-'; at--)
        out[at - 1] = '\0';
    snprintf(out + at, TRANSCRIPT_NAME_BYTES - at, ".%s", formats[of->format].name);
}
