/*
 * What a client may rely on (docs/protocol.md), held against every event that reaches it: seq has
 * no gap, one final a segment and thread, committed words only grow, nothing after a final, finals
 * in order, acks and flushes in order, nothing after the end. A thread is the transcript, the
 * corrections, or the translations into one language.
 *
 * Allocates with malloc(), so that a test may make the session's own memory short.
 */
#pragma once

#include "base/utf8.h"
#include "server/event.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROMISE_THREADS    32
#define PROMISE_RECENT     32 /* segments that are remembered */
#define PROMISE_LANG_BYTES 36

struct promise_said {
    uint32_t segment, rev, source_rev;
    unsigned starts; /* of the promise, when it was told last */
    bool final;
    char *folded; /* committed, as words are compared */
    char *text;   /* transcripts: all that was shown */
};

struct promise_thread {
    enum event_kind kind; /* EVENT_TRANSCRIPT … EVENT_GRAMMAR */
    char lang[PROMISE_LANG_BYTES];
    uint32_t final; /* newest segment that has one */
    struct promise_said said[PROMISE_RECENT];
};

struct promise_flush {
    char id[FLUSH_ID_BYTES_MAX + 1];
    uint64_t samples;
    int64_t due_us;
};

struct promise {
    char who[96]; /* for the story of a failure */
    int64_t now_us;
    uint32_t rate;
    uint64_t received; /* audio the session has, samples */
    bool poor;         /* memory was short: partials may be missing, the end is told by an error */
    bool started, over;
    unsigned starts; /* after each what is open is told once more */
    uint32_t epoch;
    uint64_t seq, acked;
    int64_t end_ms; /* of the newest final transcript */
    struct promise_thread threads[PROMISE_THREADS];
    unsigned threads_len;
    struct promise_flush flushes[FLUSHES_MAX];
    unsigned flushes_len;
    uint64_t events, finals;
};

#define PROMISED(p, expr)                                                                          \
    do {                                                                                           \
        if (!(expr))                                                                               \
            promise_broken(p, #expr, __LINE__);                                                    \
    } while (0)

_Noreturn static inline void promise_broken(const struct promise *p, const char *what, int line)
{
    fprintf(stderr, "FAIL promise.h:%d: %s\n  %s, event %llu, at %.3f s, seq %llu\n", line, what,
            p->who, (unsigned long long)p->events, (double)p->now_us / 1e6,
            (unsigned long long)p->seq);
    abort();
}

static inline struct promise_thread *promise_thread(struct promise *p, enum event_kind kind,
                                                    const char *lang)
{
    for (unsigned i = 0; i < p->threads_len; i++)
        if (p->threads[i].kind == kind && strcmp(p->threads[i].lang, lang) == 0)
            return &p->threads[i];
    PROMISED(p, p->threads_len < PROMISE_THREADS && strlen(lang) < PROMISE_LANG_BYTES);
    struct promise_thread *thread = &p->threads[p->threads_len++];
    thread->kind = kind;
    snprintf(thread->lang, sizeof thread->lang, "%s", lang);
    return thread;
}

static inline struct promise_said *promise_said(struct promise_thread *thread, uint32_t segment)
{
    return &thread->said[segment % PROMISE_RECENT];
}

static inline void promise_forget(struct promise_said *said)
{
    free(said->folded);
    free(said->text);
    *said = (struct promise_said){0};
}

/* Lower case, words parted by one space, ASCII's punctuation gone. */
static inline char *promise_fold(const char *text)
{
    char *out = malloc(strlen(text) + 1), *at = out;
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (c >= 0x80 || isalnum(c))
            *at++ = (char)tolower(c);
        else if (c == ' ' && at > out && at[-1] != ' ')
            *at++ = ' ';
    }
    while (at > out && at[-1] == ' ')
        at--;
    *at = '\0';
    return out;
}

static inline void promise_text(struct promise *p, struct promise_said *said,
                                const struct event *event)
{
    size_t len = said->folded != NULL ? strlen(said->folded) : 0;
    PROMISED(p, utf8_valid(event->committed, strlen(event->committed)));
    PROMISED(p, utf8_valid(event->tentative, strlen(event->tentative)));
    PROMISED(p, !event->final || event->tentative[0] == '\0');
    PROMISED(p, event->final || !event->spliced);
    PROMISED(p, event->start_ms >= 0 && event->start_ms <= event->end_ms);
    char *now = promise_fold(event->committed);
    PROMISED(p, len == 0 || strncmp(now, said->folded, len) == 0);
    /* No word grows; in scripts without spaces each character is one. */
    PROMISED(p, len == 0 || !isalnum((unsigned char)now[len]) || said->folded[len - 1] < 0);
    free(said->folded);
    said->folded = now;
}

/* A message of a thread; what was said of its segment is given back. */
static inline struct promise_said *promise_message(struct promise *p, struct promise_thread *thread,
                                                   const struct event *event)
{
    struct promise_said *said = promise_said(thread, event->segment);
    PROMISED(p, event->segment > thread->final);
    PROMISED(p,
             said->segment <= event->segment && !(said->segment == event->segment && said->final));
    if (said->segment != event->segment)
        promise_forget(said);
    PROMISED(p, event->rev > said->rev ||
                    (event->rev == said->rev && !event->final && said->starts != p->starts));
    PROMISED(p, (event->replace_key == 0) == event->final);
    PROMISED(p, event->has_lat);
    said->segment = event->segment;
    said->rev = event->rev;
    said->starts = p->starts;
    said->final = event->final;
    if (event->final)
        thread->final = event->segment;
    return said;
}

static inline void promise_transcript(struct promise *p, const struct event *event)
{
    struct promise_thread *thread = promise_thread(p, EVENT_TRANSCRIPT, "");
    PROMISED(p, event->segment == thread->final + 1);
    struct promise_said *said = promise_message(p, thread, event);
    promise_text(p, said, event);
    PROMISED(p, event->start_ms >= p->end_ms);
    PROMISED(p, (uint64_t)event->end_ms * p->rate <= p->received * 1000 + 1000 * p->rate / 1000);
    free(said->text);
    size_t len = strlen(event->committed), more = strlen(event->tentative);
    said->text = malloc(len + more + 1);
    memcpy(said->text, event->committed, len);
    memcpy(said->text + len, event->tentative, more + 1);
    if (!event->final)
        return;
    PROMISED(p, event->committed[0] != '\0');
    p->end_ms = event->end_ms;
}

/* Translations and corrections are of a source the client has seen. */
static inline void promise_source(struct promise *p, struct promise_said *said,
                                  const struct event *event)
{
    struct promise_thread *thread = promise_thread(p, EVENT_TRANSCRIPT, "");
    struct promise_said *source = promise_said(thread, event->segment);
    PROMISED(p, event->source_rev >= said->source_rev);
    PROMISED(p, !event->final || event->segment <= thread->final);
    said->source_rev = event->source_rev;
    if (source->segment != event->segment)
        return;
    PROMISED(p, event->source_rev >= 1 && (p->poor || event->source_rev <= source->rev));
    PROMISED(p, !source->final || !event->final || event->source_rev == source->rev);
}

static inline void promise_translation(struct promise *p, const struct event *event)
{
    struct promise_thread *thread = promise_thread(p, EVENT_TRANSLATION, event->language);
    struct promise_said *said = promise_message(p, thread, event);
    promise_text(p, said, event);
    promise_source(p, said, event);
    PROMISED(p, !event->final || event->failed != NULL || event->committed[0] != '\0');
    PROMISED(p, event->failed == NULL || event->final);
}

static inline void promise_grammar(struct promise *p, const struct event *event)
{
    struct promise_said *said = promise_message(p, promise_thread(p, EVENT_GRAMMAR, ""), event);
    promise_source(p, said, event);
    struct promise_said *source =
        promise_said(promise_thread(p, EVENT_TRANSCRIPT, ""), event->segment);
    bool known = source->segment == event->segment && source->rev == event->source_rev;
    uint32_t before = 0;
    for (size_t i = 0; i < event->edits_len && known; i++) {
        const struct event_edit *edit = &event->edits[i];
        size_t len = strlen(source->text), start = utf8_offset(source->text, len, edit->start);
        size_t end = utf8_offset(source->text, len, edit->end);
        PROMISED(p, edit->start >= before && edit->start <= edit->end);
        PROMISED(p, strlen(edit->from) == end - start &&
                        memcmp(edit->from, source->text + start, end - start) == 0);
        before = edit->end;
    }
}

/* An audio.flush is on its way to the session; false: it will be refused. */
static inline bool promise_flush(struct promise *p, const char *id, uint64_t samples,
                                 int64_t due_us)
{
    if (p->flushes_len == FLUSHES_MAX)
        return false;
    struct promise_flush *flush = &p->flushes[p->flushes_len++];
    *flush = (struct promise_flush){.samples = samples, .due_us = due_us};
    snprintf(flush->id, sizeof flush->id, "%s", id);
    return true;
}

static inline void promise_flushed(struct promise *p, const struct event *event)
{
    PROMISED(p, p->flushes_len > 0);
    const struct promise_flush *flush = &p->flushes[0];
    PROMISED(p, strcmp(event->id, flush->id) == 0 && event->audio_samples == flush->samples);
    p->flushes_len--;
    memmove(p->flushes, p->flushes + 1, p->flushes_len * sizeof p->flushes[0]);
}

/* A new epoch has forgotten what was not final of the open segment and those after it. */
static inline void promise_started(struct promise *p, const struct event *event)
{
    PROMISED(p, event->open_segment >= 1 && event->settings.rate == p->rate);
    if (event->epoch != p->epoch) {
        PROMISED(p, event->epoch > p->epoch);
        for (unsigned i = 0; i < p->threads_len; i++)
            for (unsigned k = 0; k < PROMISE_RECENT; k++)
                if (p->threads[i].said[k].segment >= event->open_segment ||
                    !p->threads[i].said[k].final)
                    promise_forget(&p->threads[i].said[k]);
        p->flushes_len = 0;
        p->acked = event->audio_samples < p->acked ? event->audio_samples : p->acked;
    }
    p->epoch = event->epoch;
    p->started = true;
    p->starts++;
}

static inline void promise_error(struct promise *p, const struct event *event)
{
    const struct error_code *known = error_code_find(event->code);
    PROMISED(p, event->fatal == (event->close_code != 0) && event->message[0] != '\0');
    PROMISED(p, event->fatal == known->fatal || strcmp(event->code, "bad_message") == 0);
    PROMISED(p, strcmp(event->code, "internal") != 0 || p->poor);
}

static inline void promise_kind(struct promise *p, const struct event *event)
{
    switch (event->kind) {
    case EVENT_STARTED: promise_started(p, event); break;
    case EVENT_ACK:
        PROMISED(p, event->audio_samples > p->acked && event->audio_samples <= p->received);
        p->acked = event->audio_samples;
        break;
    case EVENT_TRANSCRIPT: promise_transcript(p, event); break;
    case EVENT_TRANSLATION: promise_translation(p, event); break;
    case EVENT_GRAMMAR: promise_grammar(p, event); break;
    case EVENT_FLUSHED: promise_flushed(p, event); break;
    case EVENT_ENDED: PROMISED(p, p->flushes_len == 0 && event->close_code != 0); break;
    case EVENT_ERROR: promise_error(p, event); break;
    default: break;
    }
}

/* The client reads an event. */
static inline void promise_event(struct promise *p, const struct event *event)
{
    bool durable =
        event->final && (event->kind == EVENT_TRANSCRIPT || event->kind == EVENT_TRANSLATION ||
                         event->kind == EVENT_GRAMMAR);
    p->events++;
    PROMISED(p, !event->incomplete && !p->over);
    PROMISED(p, p->started || event->kind == EVENT_STARTED);
    PROMISED(p, event->seq == (durable ? p->seq + 1 : 0));
    p->seq += durable;
    p->finals += durable;
    promise_kind(p, event);
    p->over = event->close_code != 0;
}

/* Nobody was there to read it. */
static inline void promise_missed(struct promise *p, const struct event *event)
{
    if (event->kind == EVENT_FLUSHED)
        promise_flushed(p, event);
}

static inline void promise_deinit(struct promise *p)
{
    for (unsigned i = 0; i < p->threads_len; i++)
        for (unsigned k = 0; k < PROMISE_RECENT; k++)
            promise_forget(&p->threads[i].said[k]);
}
