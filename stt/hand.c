/*
 * Rotation: a call is replaced while it works. The next one begins where the provider's last final
 * ended, so that both agree what comes after, and nothing has to be joined. With much to be heard
 * again it is opened beside the old one, which is shown until the next has caught up.
 */
#include "stt/stream_internal.h"

#include "base/status.h"
#include "stt/failure.h"
#include <assert.h>
#include <limits.h>
#include <string.h>

static int64_t smaller_of(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* The limits, moved a little so that sessions do not rotate together; the hard one is not passed.
 */
void stt__hand_limits(struct stt_stream *stream, struct stt_leg *leg)
{
    int64_t soft = stream->config.stream_soft_ms, hard = stream->config.stream_hard_ms;
    int64_t jitter = soft * STT_ROTATE_JITTER_PERCENT / 100;
    leg->soft_us = (soft + rng_range(&stream->rng, -jitter, jitter)) * 1000;
    jitter = smaller_of(hard * STT_ROTATE_JITTER_PERCENT / 100, (hard - soft) / 2);
    leg->hard_us = (hard - rng_range(&stream->rng, 0, jitter)) * 1000;
}

/* Age of the call as the provider may count it: by the clock or by its audio. */
static int64_t age_us(const struct stt_stream *stream, const struct stt_leg *leg, int64_t now_us)
{
    int64_t age = now_us - leg->opened_us;
    int64_t audio = stt__ms(stream, leg->next - leg->base) * 1000;
    return age > audio ? age : audio;
}

/* Audio that the call has had and that a next one would hear again. */
static int64_t again_ms(const struct stt_stream *stream, const struct stt_leg *leg)
{
    uint64_t since = stream->settled > leg->base ? stream->settled : leg->base;
    return leg->next > since ? stt__ms(stream, leg->next - since) : 0;
}

bool stt__hand_wanted(const struct stt_stream *stream, bool rests, int64_t now_us)
{
    const struct stt_leg *head = &stream->legs[0];
    int64_t age = age_us(stream, head, now_us);
    return (rests && age >= head->soft_us) || age >= head->hard_us;
}

bool stt__hand_overdue(const struct stt_stream *stream, const struct stt_leg *leg)
{
    int64_t ring = (int64_t)stream->config.ring_ms * STT_RING_FULL_PERCENT / 100;
    uint64_t since = stream->settled > leg->base ? stream->settled : leg->base;
    int64_t heard = leg->heard_to > since ? stt__ms(stream, leg->heard_to - since) : 0;
    return !stt_segment_silent(&stream->segment) && heard >= smaller_of(ring, STT_SEGMENT_MS_MAX);
}

enum stt_hand stt__hand_way(const struct stt_stream *stream)
{
    const struct stt_leg *head = &stream->legs[0];
    int64_t again = again_ms(stream, head);
    if (again <= STT_HAND_SHORT_MS)
        return STT_HAND_ANEW;
    /* A call must get further than the one before it. */
    if (again > (int64_t)stream->config.stream_hard_ms * STT_HAND_HARD_PERCENT / 100)
        return STT_HAND_CUT;
    return STT_HAND_BESIDE;
}

void stt__hand_drop(struct stt_stream *stream)
{
    assert(stt__hand_open(stream) && stream->legs_len == 2);
    struct stt_leg *next = &stream->legs[1];
    stt__leg_cancel(stream, next);
    stt__held_forget(next);
    *next = (struct stt_leg){0};
    stream->legs_len = 1;
    stream->legs[0].hands_over = false;
}

void stt__hand_begin(struct stt_stream *stream, int64_t now_us)
{
    struct stt_leg *head = &stream->legs[0];
    if (stream->legs_len != 1 || head->end != STT_OPEN_END ||
        stt_choice_next(&stream->choice, UINT_MAX, now_us) < 0)
        return;
    int64_t due_us = stream->hand_us > stream->retry_us ? stream->hand_us : stream->retry_us;
    if (now_us < due_us) {
        stt__due(stream, due_us);
        return;
    }
    uint64_t base = stream->settled > head->base ? stream->settled : head->base;
    head->hands_over = true;
    stt__legs_add(stream, base);
    stream->hand_us = now_us + STT_HAND_RETRY_MS * 1000;
}

void stt__hand_take(struct stt_stream *stream, int64_t now_us)
{
    assert(stt__hand_open(stream));
    struct stt_leg *head = &stream->legs[0];
    stt__leg_cancel(stream, head);
    stt__held_forget(head);
    *head = stream->legs[1];
    stream->legs_len = 1;
    head->replay_to = stream->started ? stream->end : 0;
    stt__results_head(stream, head, now_us);
}

/* It has all the audio there is, and has said as much as is shown, unless it takes too long. */
static bool next_is_ready(struct stt_stream *stream, const struct stt_leg *next, int64_t now_us)
{
    if (next->state != STT_LEG_OPEN || next->first_sent_us == 0 ||
        next->next < stt_ring_end(&stream->ring, next->next))
        return false;
    if (!stream->started || (next->held_last != NULL && next->held_last->end >= stream->end))
        return true;
    int64_t until = next->passed_us + STT_HAND_MS * 1000;
    if (now_us < until)
        stt__due(stream, until);
    return now_us >= until;
}

bool stt__hand_run(struct stt_stream *stream, int64_t now_us)
{
    if (!stt__hand_open(stream))
        return false;
    const struct stt_leg *next = &stream->legs[1];
    bool ready = next_is_ready(stream, next, now_us);
    if (ready)
        stt__hand_take(stream, now_us);
    int64_t until = stream->hand_us + STT_HAND_MAX_MS * 1000;
    /* While two calls hear the audio none of it is let go. */
    if (!ready && (now_us >= until || stt__ring_holds(stream, STT_HAND_RING_PERCENT))) {
        stt__hand_drop(stream);
        stream->hand_us = now_us + STT_HAND_RETRY_MS * 1000;
    } else if (!ready) {
        stt__due(stream, until);
    }
    return ready;
}
