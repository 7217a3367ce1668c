#include "local/apertium_choice.h"
#include "base/mem.h"
#include "base/status.h"
#include "local/apertium_stream.h"
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define NEAR 4 /* words to either side that make a context */

struct choice {
    const char *english; /* lemma and its first tag */
    const char *spanish; /* lemma and the tags up to the gender of a noun; all with <pl>, <ND> */
    /* Lemmas between spaces, one of which must be near; with '>' first, one of the next two, with
     * '=', the next. NULL: anywhere. */
    const char *near;
    const char *lead, *trail; /* units before and behind */
};

/* The first row that fits counts. */
static const struct choice choices[] = {
#include "local/apertium_choice.inc"
};

static size_t lemma_of(const struct apertium_stream *stream, size_t i, char out[64])
{
    const struct apertium_unit *unit = &stream->units[i];
    size_t len = 0;
    while (len < unit->len && len < 63 && stream->text[unit->at + len] != '<') {
        out[len] = (char)tolower((unsigned char)stream->text[unit->at + len]);
        len++;
    }
    out[len] = '\0';
    return len;
}

static bool near_has(const struct apertium_stream *stream, size_t i, const char *list)
{
    char lemma[64];
    size_t from = i > NEAR ? i - NEAR : 0, to = i + NEAR;
    if (list[0] != ' ') {
        from = i + 1;
        to = i + (list[0] == '>' ? 2 : 1);
    }
    for (size_t k = from; k < stream->units_len && k <= to; k++) {
        size_t len = k != i ? lemma_of(stream, k, lemma) : 0;
        for (const char *at = list; len > 0 && (at = strstr(at, lemma)) != NULL; at++) {
            if (at > list && at[-1] == ' ' && at[len] == ' ')
                return true;
        }
    }
    return false;
}

static const struct choice *choice_find(const struct apertium_stream *stream, size_t i)
{
    const struct apertium_unit *unit = &stream->units[i];
    for (size_t k = 0; k < sizeof choices / sizeof choices[0]; k++) {
        size_t len = strlen(choices[k].english);
        if (unit->len >= len &&
            strncasecmp(stream->text + unit->at, choices[k].english, len) == 0 &&
            (choices[k].near == NULL || near_has(stream, i, choices[k].near)))
            return &choices[k];
    }
    return NULL;
}

/* What of a translation's tags is not the choice's own: number, tense, person. */
static const char *inflection(const char *tags, size_t len, bool noun, size_t *out)
{
    const char *end = tags + len, *at = memchr(tags, '>', len);
    at = at != NULL ? at + 1 : end;
    static const char *const genders[] = {"<m>", "<f>", "<mf>", "<GD>"};
    for (size_t k = 0; noun && k < 4; k++) {
        size_t gender = strlen(genders[k]);
        if ((size_t)(end - at) >= gender && strncmp(at, genders[k], gender) == 0) {
            at += gender;
            break;
        }
    }
    /* A number to be determined before the one that is. */
    if (end - at > 4 && strncmp(at, "<ND>", 4) == 0)
        at += 4;
    *out = (size_t)(end - at);
    return at;
}

static void choose(const struct apertium_stream *stream, struct apertium_unit *unit,
                   const struct choice *choice)
{
    if (unit->readings_len == 0)
        return;
    const struct apertium_reading *first = &unit->readings[0];
    const char *reading = stream->text + first->at;
    size_t lemma = apertium_reading_lemma(stream, first), len;
    if (lemma == first->len)
        return;
    const char *rest = inflection(reading + lemma, first->len - lemma,
                                  strstr(choice->spanish, "<n>") != NULL, &len);
    if (strstr(choice->spanish, "<pl>") != NULL || strstr(choice->spanish, "<ND>") != NULL)
        len = 0;
    unit->lead = choice->lead;
    unit->trail = choice->trail;
    int put = snprintf(unit->put, sizeof unit->put, "%s%.*s", choice->spanish, (int)len, rest);
    if (put < 0 || (size_t)put >= sizeof unit->put)
        unit->put[0] = '\0';
    else if (isupper((unsigned char)stream->text[unit->at]))
        unit->put[0] = (char)toupper((unsigned char)unit->put[0]);
}

int apertium_choice_make(const char *text, size_t len, struct buf *out)
{
    struct apertium_stream *stream = mem_alloc(sizeof *stream);
    if (stream == NULL)
        return STATUS_NOMEM;
    bool known = apertium_stream_read(stream, text, len);
    for (size_t i = 0; known && i < stream->units_len; i++) {
        const struct choice *choice = choice_find(stream, i);
        if (choice != NULL)
            choose(stream, &stream->units[i], choice);
    }
    int status = known ? apertium_stream_write(stream, out) : buf_append(out, text, len);
    mem_free(stream);
    return status;
}
