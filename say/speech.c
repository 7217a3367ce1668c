#include "say/speech.h"

#include "base/status.h"
#include "say/limits.h"
#include "say/source.h"
#include <assert.h>

static size_t frame_samples(const struct speech *speech)
{
    return source_rate(speech->source) * SAY_FRAME_MS / 1000;
}

int speech_init(struct speech *speech, struct source *source, unsigned keep_s, bool live)
{
    assert(keep_s > 0);
    *speech = (struct speech){.source = source, .live = live};
    return keep_init(&speech->keep, (size_t)keep_s * source_rate(source));
}

void speech_deinit(struct speech *speech)
{
    keep_deinit(&speech->keep);
}

uint64_t speech_begin(struct speech *speech, uint64_t position, double speed, int64_t now_us)
{
    unsigned rate = source_rate(speech->source);
    double faster =
        speed > SAY_REPLAY_SPEED || (speed == 0 && !speech->live) ? speed : SAY_REPLAY_SPEED;
    /* A server cannot have heard what was never said. */
    speech->sent = position < speech->keep.to ? position : speech->keep.to;
    pace_start(&speech->replayed, now_us, speech->sent, rate, faster);
    if (!speech->begun)
        pace_start(&speech->spoken, now_us, speech->keep.to, rate, speed);
    speech->begun = true;
    return keep_missing(&speech->keep, speech->sent);
}

static bool has_backlog(const struct speech *speech)
{
    return speech->sent < speech->keep.to;
}

static int64_t spoken_us(const struct speech *speech)
{
    return pace_due_us(&speech->spoken, speech->keep.to + frame_samples(speech));
}

/* The source is to be read, when its time has come. What piles up is only of what cannot wait: a
 * microphone, or a source whose pace goes on, while there is room. */
static bool listens(const struct speech *speech, bool connected)
{
    if (!speech->begun || speech->ended || speech->starved)
        return false;
    if ((connected && !has_backlog(speech)) || speech->live)
        return true;
    return speech->spoken.speed > 0 && keep_room(&speech->keep) >= frame_samples(speech);
}

void speech_listen(struct speech *speech, bool connected, int64_t now_us)
{
    int16_t samples[SAY_FRAME_SAMPLES];
    while (listens(speech, connected) && spoken_us(speech) <= now_us) {
        int got = source_read(speech->source, samples, frame_samples(speech));
        if (got == STATUS_AGAIN) {
            speech->starved = true;
        } else if (got <= 0) {
            speech->ended = true;
            speech->status = got;
        } else {
            keep_put(&speech->keep, samples, (size_t)got);
        }
    }
}

void speech_more(struct speech *speech)
{
    speech->starved = false;
}

void speech_stop(struct speech *speech)
{
    speech->ended = true;
}

enum speech_next speech_next(const struct speech *speech, int64_t now_us, int64_t *due_us)
{
    assert(speech->begun);
    if (has_backlog(speech)) {
        uint64_t end = speech->sent + frame_samples(speech);
        *due_us = pace_due_us(&speech->replayed, end < speech->keep.to ? end : speech->keep.to);
        return *due_us <= now_us ? SPEECH_FRAME : SPEECH_LATER;
    }
    if (speech->ended)
        return SPEECH_OVER;
    *due_us = spoken_us(speech);
    return speech->starved ? SPEECH_STARVED : SPEECH_LATER;
}

size_t speech_take(struct speech *speech, int16_t *out)
{
    size_t got = keep_get(&speech->keep, speech->sent, out, frame_samples(speech));
    speech->sent += got;
    return got;
}

bool speech_due(const struct speech *speech, int64_t *due_us)
{
    if (!listens(speech, false))
        return false;
    *due_us = spoken_us(speech);
    return true;
}

bool speech_full(const struct speech *speech)
{
    return speech->live && keep_room(&speech->keep) == 0;
}
