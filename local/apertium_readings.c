#include "local/apertium_readings.h"
#include "base/mem.h"
#include "base/status.h"
#include "local/apertium_stream.h"
#include "local/slip.h"
#include <stdio.h>
#include <string.h>
#include <strings.h>

struct work {
    struct apertium_stream stream;
    struct buf plain; /* the text the stream was made from */
    uint32_t unit_at[APERTIUM_UNITS_MAX];
    struct link_parse parse;
};

static void plain_put(struct work *work, size_t at, size_t len)
{
    for (size_t end = at + len; at < end; at++) {
        if (work->stream.text[at] == '\\' && at + 1 < end)
            at++;
        buf_putc(&work->plain, work->stream.text[at]);
    }
}

static int plain_make(struct work *work)
{
    for (size_t i = 0; i < work->stream.units_len; i++) {
        const struct apertium_unit *unit = &work->stream.units[i];
        plain_put(work, unit->blank, unit->blank_len);
        work->unit_at[i] = (uint32_t)work->plain.len;
        plain_put(work, unit->at, unit->len);
    }
    return buf_status(&work->plain);
}

static bool surface_is(const struct work *work, size_t i, const char *word)
{
    const struct apertium_unit *unit = &work->stream.units[i];
    size_t len = strlen(word);
    return unit->len == len && strncasecmp(work->stream.text + unit->at, word, len) == 0;
}

static bool surface_in(const struct work *work, size_t i, const char *const *list, size_t len)
{
    for (size_t k = 0; k < len; k++) {
        if (surface_is(work, i, list[k]))
            return true;
    }
    return false;
}

static bool is_noun(const struct link_word *word)
{
    return word->tag != 0 ? strchr("nsut", word->tag) != NULL : word->thing;
}

static bool is_name(const struct link_word *word)
{
    return word->tag != 0 && strchr("fmbl", word->tag) != NULL;
}

/* A verb's reading against what its links say. */
static bool verb_excludes(const struct work *work, const struct link_word *word,
                          const struct apertium_reading *reading)
{
    const struct apertium_stream *stream = &work->stream;
    if (!apertium_reading_has(stream, reading, "<v"))
        return true;
    bool past = apertium_reading_has(stream, reading, "<past>");
    bool finite = past || apertium_reading_has(stream, reading, "<pres>") ||
                  apertium_reading_has(stream, reading, "<pri>");
    switch (word->role) {
    case LINK_ROLE_FINITE:
        if (word->ruled >= 0 && apertium_reading_has(stream, reading, "<vblex>"))
            return true;
        return !finite || past != word->past;
    case LINK_ROLE_BASE: return !apertium_reading_has(stream, reading, "<inf>");
    case LINK_ROLE_ORDER: return !apertium_reading_has(stream, reading, "<pres>");
    case LINK_ROLE_PARTICIPLE: return !apertium_reading_has(stream, reading, "<pp>");
    case LINK_ROLE_NONE: break;
    }
    return false;
}

static bool excludes(const struct work *work, const struct link_word *word,
                     const struct apertium_reading *reading)
{
    const struct apertium_stream *stream = &work->stream;
    bool adverb = apertium_reading_has(stream, reading, "<adv>");
    bool base = apertium_reading_has(stream, reading, "<inf>") ||
                apertium_reading_has(stream, reading, "<pres>") ||
                apertium_reading_has(stream, reading, "<pri>");
    bool noun = apertium_reading_has(stream, reading, "<n>");
    if (word->tag == 'v')
        return verb_excludes(work, word, reading);
    bool subject = apertium_reading_has(stream, reading, "<prn><subj>");
    if (subject || apertium_reading_has(stream, reading, "<prn><obj>"))
        return subject != word->acting;
    if (word->leading)
        return adverb || base || apertium_reading_has(stream, reading, "<adj>");
    if (is_name(word))
        return base;
    if (is_noun(word))
        return adverb || apertium_reading_has(stream, reading, "<v") ||
               apertium_reading_has(stream, reading, "<np><ant>") ||
               (word->thing && apertium_reading_has(stream, reading, "<adj>"));
    if (word->tag == 'd')
        return !apertium_reading_has(stream, reading, "<det>");
    if (word->tag == 'a')
        return base || noun || apertium_reading_has(stream, reading, "<det>");
    if (word->tag == 'e')
        return base || noun || apertium_reading_has(stream, reading, "<past>");
    if (word->tag == 'r')
        return base;
    return false;
}

static void unit_thin(struct work *work, size_t i, const struct link_word *word)
{
    struct apertium_unit *unit = &work->stream.units[i];
    const char *surface = work->stream.text + unit->at;
    static const char *const seasons[] = {"spring", "summer", "autumn", "winter"};
    static const struct link_word season = {.tag = 'n'};
    static const struct link_word greeting = {.tag = 'a'};
    if (surface_in(work, i, seasons, 4))
        word = &season;
    /* "Welcome to …" parses as an order, which nobody gives. */
    if (word->role == LINK_ROLE_ORDER && surface_is(work, i, "welcome") &&
        i + 1 < work->stream.units_len && surface_is(work, i + 1, "to"))
        word = &greeting;
    /* One word of Apertium's, which it is not where like is the verb. */
    if (word->tag == 'v' && surface_is(work, i, "like this")) {
        snprintf(unit->put, sizeof unit->put, "like<vblex><%s>",
                 word->role == LINK_ROLE_BASE ? "inf" : "pres");
        unit->trail = " ^this/this<det><dem><sg>$";
        return;
    }
    bool several = memchr(surface, ' ', unit->len) != NULL;
    bool ing = unit->len > 4 && strncasecmp(surface + unit->len - 3, "ing", 3) == 0;
    /* "She is reading": the parser's first choice is often a thing that she is. */
    if (several || (ing && word->tag != 'v'))
        return;
    size_t left = unit->readings_len;
    for (size_t k = 0; k < unit->readings_len; k++)
        left -= excludes(work, word, &unit->readings[k]);
    for (size_t k = 0; left > 0 && k < unit->readings_len; k++) {
        if (excludes(work, word, &unit->readings[k]))
            apertium_stream_drop(unit, k);
    }
}

static size_t unit_find(const struct work *work, uint32_t at)
{
    for (size_t i = 0; i < work->stream.units_len; i++) {
        if (work->unit_at[i] == at)
            return i;
    }
    return SIZE_MAX;
}

/* "did you learn" → "you learned", where its verb is one that can be put so. */
static void do_resolve(struct work *work, size_t i, size_t verb)
{
    struct apertium_unit *unit = &work->stream.units[verb];
    static const char base[] = "<vblex><inf>";
    const char *tense = surface_is(work, i, "did")    ? "<past>"
                        : surface_is(work, i, "does") ? "<pri><p3><sg>"
                                                      : "<pres>";
    for (size_t k = 0; k < unit->readings_len; k++) {
        const struct apertium_reading *reading = &unit->readings[k];
        const char *text = work->stream.text + reading->at;
        size_t lemma = apertium_reading_lemma(&work->stream, reading);
        if (reading->len != lemma + sizeof base - 1 ||
            strncmp(text + lemma, base, sizeof base - 1) != 0)
            continue;
        int len = snprintf(unit->put, sizeof unit->put, "%.*s<vblex>%s", (int)lemma, text, tense);
        if (len > 0 && (size_t)len < sizeof unit->put)
            apertium_stream_remove(&work->stream, i);
        else
            unit->put[0] = '\0';
        return;
    }
}

/* "Can you help me?" → "You can help me?"; "Is there a bank?" → "There is a bank?". */
static void asking_turn(struct work *work, uint32_t at, size_t i, const struct link_word *word)
{
    static const char *const pronouns[] = {"I", "you", "he", "she", "it", "we", "they", "there"};
    static const char *const dos[] = {"do", "does", "did"};
    static const char *const movers[] = {"can",  "could", "will", "would", "should", "must",
                                         "may",  "shall", "am",   "is",    "are",    "was",
                                         "were", "have",  "has",  "had"};
    if (i + 1 >= work->stream.units_len)
        return;
    bool pronoun = surface_in(work, i + 1, pronouns, sizeof pronouns / sizeof pronouns[0]);
    if (word->ruled >= 0 && surface_in(work, i, dos, 3)) {
        size_t verb = unit_find(work, at + work->parse.words[word->ruled].start);
        /* The rules know "how much does" as it stands. */
        if (verb != SIZE_MAX && verb > i + 1 && (i == 0 || !surface_is(work, i - 1, "how much")))
            do_resolve(work, i, verb);
    } else if (pronoun && surface_in(work, i, movers, sizeof movers / sizeof movers[0])) {
        apertium_stream_swap(&work->stream, i);
        work->unit_at[i] = work->unit_at[i + 1] = UINT32_MAX;
    }
}

static void sentence_thin(struct work *work, struct link_grammar *parser, uint32_t at, size_t len)
{
    char text[LOCAL_GRAMMAR_TEXT_MAX];
    if (len >= sizeof text)
        return;
    memcpy(text, work->plain.data + at, len);
    text[len] = '\0';
    if (!link_grammar_read(parser, text, APERTIUM_NULLS_MAX, &work->parse))
        return;
    for (size_t k = 0; k < work->parse.len; k++) {
        const struct link_word *word = &work->parse.words[k];
        size_t i = word->end > word->start ? unit_find(work, at + word->start) : SIZE_MAX;
        if (i != SIZE_MAX)
            unit_thin(work, i, word);
    }
    /* Behind the readings: places change. */
    for (size_t k = 0; k < work->parse.len; k++) {
        const struct link_word *word = &work->parse.words[k];
        size_t i = word->inverted ? unit_find(work, at + word->start) : SIZE_MAX;
        if (i != SIZE_MAX)
            asking_turn(work, at, i, word);
    }
}

/* "I" is nobody's first. */
static void ordinal_drop(struct apertium_stream *stream)
{
    for (size_t i = 0; i < stream->units_len; i++) {
        struct apertium_unit *unit = &stream->units[i];
        for (size_t k = 0; k < unit->readings_len && unit->len == 1; k++) {
            if (stream->text[unit->at] == 'I' &&
                apertium_reading_has(stream, &unit->readings[k], "<num>"))
                apertium_stream_drop(unit, k);
        }
    }
}

int apertium_readings_thin(struct link_grammar *parser, const char *text, size_t len,
                           struct buf *out)
{
    struct work *work = mem_calloc(1, sizeof *work);
    if (work == NULL)
        return STATUS_NOMEM;
    buf_init(&work->plain, LOCAL_GRAMMAR_TEXT_MAX);
    bool known = apertium_stream_read(&work->stream, text, len) && plain_make(work) == 0;
    if (known)
        ordinal_drop(&work->stream);
    for (size_t at = 0; known && at < work->plain.len;) {
        size_t span = slip_sentence_span(work->plain.data + at, work->plain.len - at);
        sentence_thin(work, parser, (uint32_t)at, span);
        at += span;
    }
    int status = known ? apertium_stream_write(&work->stream, out) : buf_append(out, text, len);
    buf_deinit(&work->plain);
    mem_free(work);
    return status;
}
