#include "local/apertium_stream.h"
#include "base/status.h"
#include <assert.h>
#include <ctype.h>
#include <string.h>

/* The first of `marks` from `at` on that no backslash escapes. */
static size_t find(const char *text, size_t at, size_t len, const char *marks)
{
    for (; at < len; at++) {
        if (text[at] == '\\')
            at++;
        else if (text[at] != '\0' && strchr(marks, text[at]) != NULL)
            return at;
    }
    return len;
}

static bool unit_read(struct apertium_unit *unit, const char *text, size_t at, size_t end)
{
    size_t slash = find(text, at, end, "/");
    unit->at = (uint32_t)at;
    unit->len = (uint32_t)(slash - at);
    while (slash < end) {
        size_t next = find(text, slash + 1, end, "/");
        if (unit->readings_len == APERTIUM_READINGS_MAX)
            return false;
        unit->readings[unit->readings_len++] =
            (struct apertium_reading){(uint32_t)slash + 1, (uint32_t)(next - slash - 1)};
        slash = next;
    }
    return true;
}

bool apertium_stream_read(struct apertium_stream *out, const char *text, size_t len)
{
    *out = (struct apertium_stream){.text = text, .len = len};
    for (size_t at = 0; at < len;) {
        size_t open = find(text, at, len, "^");
        if (open == len)
            break;
        size_t close = find(text, open, len, "$");
        if (close == len || out->units_len == APERTIUM_UNITS_MAX)
            return false;
        struct apertium_unit *unit = &out->units[out->units_len++];
        unit->blank = (uint32_t)at;
        unit->blank_len = (uint32_t)(open - at);
        if (!unit_read(unit, text, open + 1, close))
            return false;
        at = out->tail = close + 1;
    }
    return out->units_len > 0;
}

/* One reading, the first letter of its lemma changed where that is asked for. */
static void reading_write(const struct apertium_stream *stream, const struct apertium_unit *unit,
                          const struct apertium_reading *reading, struct buf *out)
{
    char c = stream->text[reading->at];
    buf_putc(out, '/');
    if (reading->len == 0)
        return;
    if (unit->first_case == 'A')
        c = (char)toupper((unsigned char)c);
    else if (unit->first_case == 'a')
        c = (char)tolower((unsigned char)c);
    buf_putc(out, c);
    buf_append(out, stream->text + reading->at + 1, reading->len - 1);
}

int apertium_stream_write(const struct apertium_stream *stream, struct buf *out)
{
    for (size_t i = 0; i < stream->units_len; i++) {
        const struct apertium_unit *unit = &stream->units[i];
        if (unit->gone)
            continue;
        buf_append(out, stream->text + unit->blank, unit->blank_len);
        if (unit->lead != NULL)
            buf_puts(out, unit->lead);
        buf_putc(out, '^');
        buf_append(out, stream->text + unit->at, unit->len);
        if (unit->put[0] != '\0') {
            buf_putc(out, '/');
            buf_puts(out, unit->put);
        }
        for (size_t k = 0; k < unit->readings_len && unit->put[0] == '\0'; k++) {
            if ((unit->dropped >> k & 1) == 0)
                reading_write(stream, unit, &unit->readings[k], out);
        }
        buf_putc(out, '$');
        if (unit->trail != NULL)
            buf_puts(out, unit->trail);
    }
    return buf_append(out, stream->text + stream->tail, stream->len - stream->tail);
}

void apertium_stream_swap(struct apertium_stream *stream, size_t first)
{
    assert(first + 1 < stream->units_len);
    struct apertium_unit *a = &stream->units[first], *b = &stream->units[first + 1];
    struct apertium_unit was = *a;
    bool capital = isupper((unsigned char)stream->text[a->at]);
    *a = *b;
    *b = was;
    b->blank = a->blank;
    b->blank_len = a->blank_len;
    a->blank = was.blank;
    a->blank_len = was.blank_len;
    if (capital) {
        a->first_case = 'A';
        b->first_case = 'a';
    }
}

void apertium_stream_remove(struct apertium_stream *stream, size_t unit)
{
    assert(unit + 1 < stream->units_len);
    struct apertium_unit *gone = &stream->units[unit], *next = gone + 1;
    next->blank = gone->blank;
    next->blank_len = gone->blank_len;
    if (isupper((unsigned char)stream->text[gone->at]))
        next->first_case = 'A';
    gone->gone = true;
}

void apertium_stream_drop(struct apertium_unit *unit, size_t reading)
{
    assert(reading < unit->readings_len);
    uint32_t all = (1U << unit->readings_len) - 1;
    uint32_t dropped = unit->dropped | 1U << reading;
    if (dropped != all)
        unit->dropped = dropped;
}

bool apertium_reading_has(const struct apertium_stream *stream,
                          const struct apertium_reading *reading, const char *tag)
{
    const char *text = stream->text + reading->at;
    /* "do<vbdo><pres>+not<adv>": the first word's tags. */
    size_t len = find(text, 0, reading->len, "+");
    return memmem(text, len, tag, strlen(tag)) != NULL;
}

size_t apertium_reading_lemma(const struct apertium_stream *stream,
                              const struct apertium_reading *reading)
{
    return find(stream->text + reading->at, 0, reading->len, "<");
}
