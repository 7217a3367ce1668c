/*
 * Subtitles and plain text: the final transcript of a segment and its translations become one cue.
 * A translation may come many segments after its transcript, so a window of cues is kept.
 */
#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/status.h"
#include "base/utf8.h"
#include "server/transcript_internal.h"
#include <assert.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

_Static_assert(TRANSCRIPT_CUES > TURNS_SEGMENTS_MAX, "a lane may owe so many segments");

static unsigned lines_of(const struct transcript *transcript)
{
    return transcript->langs.len > 0 ? transcript->langs.len : 1;
}

/* --- text --- */

/* What is not shown, or would turn the text around it. */
static bool is_hidden(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code < 0xa0) || (code >= 0x202a && code <= 0x202e) ||
           (code >= 0x2066 && code <= 0x2069);
}

static void put_code(struct buf *out, enum transcript_format format, const char *text, size_t len)
{
    bool markup = format == TRANSCRIPT_VTT || format == TRANSCRIPT_SRT;
    if (format == TRANSCRIPT_VTT && *text == '&')
        buf_puts(out, "&amp;");
    else if (format == TRANSCRIPT_VTT && *text == '<')
        buf_puts(out, "&lt;");
    else if (format == TRANSCRIPT_VTT && *text == '>')
        buf_puts(out, "&gt;");
    /* SubRip knows no escapes, and players take <b> and {\an8} for commands: lookalikes. */
    else if (markup && *text == '<')
        buf_puts(out, "\u2039");
    else if (markup && *text == '>')
        buf_puts(out, "\u203a");
    else if (format == TRANSCRIPT_SRT && *text == '{')
        buf_puts(out, "(");
    else if (format == TRANSCRIPT_SRT && *text == '}')
        buf_puts(out, ")");
    else
        buf_append(out, text, len);
}

/* One line: white space of any kind is one space, so that no line break or empty line can end a
 * cue. */
static void put_line(struct buf *out, enum transcript_format format, const char *text)
{
    size_t len = strlen(text), step;
    uint32_t code;
    bool gap = false, any = false;
    for (size_t at = 0; (step = utf8_decode(text + at, len - at, &code)) > 0; at += step) {
        if (utf8_is_space(code) || code == '\t' || code == '\n' || code == '\r') {
            gap = any;
            continue;
        }
        if (is_hidden(code))
            continue;
        if (gap)
            buf_putc(out, ' ');
        put_code(out, format, text + at, step);
        gap = false;
        any = true;
    }
    buf_putc(out, '\n');
}

/* Nothing to see in it. */
static bool is_blank(const char *text)
{
    size_t len = strlen(text), step;
    uint32_t code;
    for (size_t at = 0; (step = utf8_decode(text + at, len - at, &code)) > 0; at += step)
        if (!utf8_is_space(code) && !is_hidden(code))
            return false;
    return true;
}

static void put_time(struct buf *out, int64_t ms, const char *point)
{
    buf_printf(out, "%02lld:%02lld:%02lld%s%03lld", (long long)(ms / 3600000),
               (long long)(ms / 60000 % 60), (long long)(ms / 1000 % 60), point,
               (long long)(ms % 1000));
}

/* --- cues out --- */

static void put_times(struct transcript *transcript, const struct transcript_cue *cue,
                      struct buf *out)
{
    const char *point = transcript->format == TRANSCRIPT_SRT ? "," : ".";
    /* No two cues are shown at a time, and none for no time. */
    int64_t start =
        cue->start_ms > transcript->shown_to_ms ? cue->start_ms : transcript->shown_to_ms;
    int64_t end = cue->end_ms > start ? cue->end_ms : start + 1;
    transcript->shown_to_ms = end;
    buf_printf(out, "%s%u\n", transcript->number > 1 ? "\n" : "", transcript->number);
    put_time(out, start, point);
    buf_puts(out, " --> ");
    put_time(out, end, point);
    buf_putc(out, '\n');
}

static void put_cue(struct transcript *transcript, const struct transcript_cue *cue,
                    struct buf *out)
{
    static const char indent[] = "           "; /* as wide as "[00:00:00] " */
    bool text = transcript->format == TRANSCRIPT_TXT;
    unsigned shown = 0;
    for (unsigned i = 0; i < lines_of(transcript); i++) {
        if (cue->line[i] == NULL || is_blank(cue->line[i]))
            continue;
        if (shown++ == 0) {
            transcript->number++;
            int64_t s = cue->start_ms / 1000;
            if (text)
                buf_printf(out, "[%02lld:%02lld:%02lld] ", (long long)(s / 3600),
                           (long long)(s / 60 % 60), (long long)(s % 60));
            else
                put_times(transcript, cue, out);
        } else if (text) {
            buf_puts(out, indent);
        }
        put_line(out, transcript->format, cue->line[i]);
    }
}

static void cue_free(struct transcript_cue *cue)
{
    for (unsigned i = 0; i < TRANSCRIPT_LANGS_MAX; i++)
        mem_free(cue->line[i]);
    *cue = (struct transcript_cue){0};
}

static struct transcript_cue *cue_at(struct transcript *transcript, unsigned index)
{
    assert(index < transcript->cues_len);
    return &transcript->cues[(transcript->cues_head + index) % TRANSCRIPT_CUES];
}

static void cue_pop(struct transcript *transcript, struct buf *out)
{
    struct transcript_cue *cue = cue_at(transcript, 0);
    if (out != NULL)
        put_cue(transcript, cue, out);
    cue_free(cue);
    transcript->cues_head = (transcript->cues_head + 1) % TRANSCRIPT_CUES;
    transcript->cues_len--;
}

int transcript__cue_flush(struct transcript *transcript, struct buf *out)
{
    while (transcript->cues_len > 0)
        cue_pop(transcript, out);
    return buf_status(out);
}

void transcript__cue_drop(struct transcript *transcript)
{
    while (transcript->cues_len > 0)
        cue_pop(transcript, NULL);
    transcript->number = 0;
    transcript->shown_to_ms = 0;
}

/* --- rows in --- */

int transcript__cue_begin(struct transcript *transcript, struct buf *out)
{
    return transcript->format == TRANSCRIPT_VTT ? buf_puts(out, "WEBVTT\n\n") : buf_status(out);
}

/* The segment's cue, made when it is a new one; NULL: it has been written. */
static struct transcript_cue *cue_of(struct transcript *transcript, const struct store_row *row,
                                     struct buf *out)
{
    for (unsigned i = transcript->cues_len; i > 0; i--)
        if (cue_at(transcript, i - 1)->segment == row->segment)
            return cue_at(transcript, i - 1);
    if (transcript->cues_len > 0 && cue_at(transcript, 0)->segment > row->segment)
        return NULL;
    if (transcript->cues_len == TRANSCRIPT_CUES)
        cue_pop(transcript, out);
    transcript->cues_len++;
    struct transcript_cue *cue = cue_at(transcript, transcript->cues_len - 1);
    *cue = (struct transcript_cue){.segment = row->segment};
    return cue;
}

static int64_t time_of(const json_t *message, const char *key)
{
    json_int_t ms = json_integer_value(json_object_get(message, key));
    return ms > 0 ? ms : 0;
}

static int cue_set(struct transcript_cue *cue, unsigned index, uint8_t fits, const char *text)
{
    if (fits <= cue->fits[index])
        return STATUS_OK;
    char *copy = mem_strdup(text);
    if (copy == NULL)
        return STATUS_NOMEM;
    mem_free(cue->line[index]);
    cue->line[index] = copy;
    cue->fits[index] = fits;
    return STATUS_OK;
}

int transcript__cue_row(struct transcript *transcript, const struct store_row *row, struct buf *out)
{
    json_t *message;
    if (row->kind != STORE_TRANSCRIPT && row->kind != STORE_TRANSLATION)
        return buf_status(out);
    int status = transcript__parse(row, &message);
    if (status != STATUS_OK)
        return status == STATUS_INVALID ? buf_status(out) : status;
    struct transcript_cue *cue = cue_of(transcript, row, out);
    if (cue != NULL && (row->kind == STORE_TRANSCRIPT || cue->end_ms == 0)) {
        cue->start_ms = time_of(message, "start_ms");
        cue->end_ms = time_of(message, "end_ms");
    }
    for (unsigned i = 0; cue != NULL && i < lines_of(transcript); i++) {
        uint8_t fits = transcript__fits(transcript, row, i);
        if (fits > 0 && status == STATUS_OK)
            status = cue_set(cue, i, fits, transcript__text(message, "committed"));
    }
    json_decref(message);
    return status != STATUS_OK ? status : buf_status(out);
}
