#include "tests/sim/resume_sim.h"

#define FRAME_MS 100

static uint64_t frame_bytes(const struct sim *s)
{
    return (uint64_t)FRAME_MS * s->provider.rate / 1000 * 2;
}

void client_init(struct sim *s)
{
    s->frame_us = s->now_us;
    s->retry_us = s->now_us;
    s->cut_us = INT64_MAX;
    s->promise.rate = s->provider.rate;
    snprintf(s->promise.who, sizeof s->promise.who, "SEED=%llu SESSION=%u",
             (unsigned long long)s->seed, s->index);
}

void client_deinit(struct sim *s)
{
    promise_deinit(&s->promise);
}

/* --- words --- */

/* The script's words come back one by one, whoever heard them: none lost, none twice, none of
 * another session. */
static void check_words(struct sim *s, const char *committed)
{
    char *text = promise_fold(committed), *save = NULL, want[32];
    for (char *word = strtok_r(text, " ", &save); word != NULL; word = strtok_r(NULL, " ", &save)) {
        snprintf(want, sizeof want, "w%s%zu", s->tag, s->next_word);
        if (strcmp(word, want) != 0)
            fprintf(stderr, "  heard %s, expected %s\n", word, want);
        HOLD(s, strcmp(word, want) == 0);
        s->next_word++;
    }
    free(text);
}

static void count_final(struct sim *s, const struct event *event)
{
    int thread = event->kind == EVENT_TRANSCRIPT ? 0 : 1;
    for (int i = 0; i < LANGS && event->kind == EVENT_TRANSLATION; i++)
        if (strcmp(resume_langs[i], event->language) == 0)
            thread = 2 + i;
    HOLD(s, event->segment == ++s->finals[thread]);
    s->totals->finals++;
    if (event->kind == EVENT_TRANSCRIPT)
        check_words(s, event->committed);
}

/* Of a translation every word says whose it is. */
static void check_translation(struct sim *s, const struct event *event)
{
    char suffix[16];
    snprintf(suffix, sizeof suffix, "q%s%s", s->tag, event->language);
    char *text = promise_fold(event->committed), *save = NULL;
    for (char *word = strtok_r(text, " ", &save); word != NULL; word = strtok_r(NULL, " ", &save)) {
        size_t len = strlen(word), more = strlen(suffix);
        HOLD(s, len > more && strcmp(word + len - more, suffix) == 0);
    }
    free(text);
}

/* --- the socket --- */

void client_lose(struct sim *s)
{
    TRACE(s, "socket %u is cut", s->socket);
    s->connected = s->started = s->end_sent = false;
    s->up_len = 0;
    server_forget(s);
    s->cut_us = INT64_MAX;
    s->retry_us = soon(s, 50, chance(s, 20) ? 20000 : 1500);
    s->totals->cuts++;
    /* The server notices at once, or when its pings are not answered. */
    if (s->session != NULL && s->attached == s->socket)
        s->detach_us = chance(s, 60) ? s->now_us : soon(s, 0, 5000);
}

static void connect_again(struct sim *s)
{
    s->retry_us = INT64_MAX;
    s->socket++;
    s->connected = true;
    s->up_us = s->down_us = s->now_us;
    s->cut_us = chance(s, 90) ? soon(s, 1, chance(s, 20) ? 300 : 20000) : INT64_MAX;
    if (s->spoken == s->length && s->totals->cuts > 0 && chance(s, 30))
        s->cut_us = INT64_MAX;
    server_connect(s, s->socket, s->promise.seq);
}

static void client_started(struct sim *s, const struct event *event)
{
    HOLD(s, event->audio_samples * 2 <= s->spoken);
    s->started = true;
    s->given = event->audio_samples * 2;
}

/* Only a session that begins can be told that there is no room for it. */
static void client_error(struct sim *s, const struct event *event)
{
    bool refused = strcmp(event->code, "over_capacity") == 0;
    HOLD(s,
         refused ? s->epoch == 1 && s->next_word == 0 : strcmp(event->code, "audio_too_fast") == 0);
    s->refused = s->refused || refused;
}

void client_hear(struct sim *s, const struct event *event)
{
    struct promise *p = &s->promise;
    TRACE(s, "client gets kind %d seq %llu %lld-%lld segment %u%s \"%s\"", event->kind,
          (unsigned long long)event->seq, (long long)event->start_ms, (long long)event->end_ms,
          event->segment, event->final ? " final" : "",
          event->committed != NULL ? event->committed : "");
    p->now_us = s->now_us;
    p->received = s->spoken / 2;
    promise_event(p, event);
    if (event->kind == EVENT_STARTED)
        client_started(s, event);
    if (event->kind == EVENT_TRANSLATION)
        check_translation(s, event);
    if (event->seq > 0)
        count_final(s, event);
    if (event->kind == EVENT_ERROR)
        client_error(s, event);
    s->ended = s->ended || event->kind == EVENT_ENDED;
}

/* --- speaking --- */

static void send_up(struct sim *s, uint64_t bytes)
{
    HOLD(s, s->up_len < QUEUE_MAX);
    int64_t at_us = soon(s, 1, chance(s, 5) ? 400 : 20);
    s->up_us = at_us > s->up_us ? at_us : s->up_us;
    s->up[(s->up_first + s->up_len++) % QUEUE_MAX] =
        (struct up){.bytes = bytes, .socket = s->socket, .at_us = s->up_us};
}

/* What was spoken and not sent goes at four times real time at most. */
static void send_audio(struct sim *s)
{
    uint64_t most = 4 * frame_bytes(s);
    while (s->given < s->spoken && most > 0) {
        uint64_t n = s->spoken - s->given;
        n = n < frame_bytes(s) ? n : frame_bytes(s);
        n = n < most ? n : most;
        n -= n > 1 && chance(s, 10) ? 1 : 0; /* a frame may end within a sample */
        send_up(s, n);
        s->given += n;
        most -= n;
    }
}

static void client_frame(struct sim *s)
{
    uint64_t left = s->length - s->spoken, n = frame_bytes(s);
    s->spoken += n < left ? n : left;
    s->frame_us += FRAME_MS * MS;
    if (s->spoken == s->length)
        s->provider.calm = true;
    if (!s->started)
        return;
    send_audio(s);
    if (s->spoken == s->length && s->given == s->spoken && !s->end_sent) {
        send_up(s, 0);
        s->end_sent = true;
    }
}

int64_t client_due(const struct sim *s)
{
    int64_t at = s->frame_us < s->retry_us ? s->frame_us : s->retry_us;
    return at < s->cut_us ? at : s->cut_us;
}

void client_step(struct sim *s)
{
    if (s->connected && s->cut_us <= s->now_us)
        client_lose(s);
    else if (!s->connected && s->retry_us <= s->now_us)
        connect_again(s);
    else if (s->frame_us <= s->now_us)
        client_frame(s);
}
