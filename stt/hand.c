/*
 * Rotation. With little audio after the last final, which is nearly always so, the next call simply
 * hears that again (legs.c): both calls then agree where it begins, and nothing has to be joined.
 * In the midst of long speech the call that is to be replaced goes on until the next one, opened
 * beside it, has caught up, and what both have heard is joined at a seam.
 */
#include "stt/stream_internal.h"

#include "base/status.h"
#include "stt/failure.h"
#include <assert.h>
#include <limits.h>
#include <string.h>

/* The limits, moved a little so that sessions do not rotate together; the hard one is not passed.
 */
void stt__hand_limits(struct stt_stream *stream, struct stt_leg *leg)
{
    int64_t soft = stream->config.stream_soft_ms, hard = stream->config.stream_hard_ms;
    int64_t jitter = soft * STT_ROTATE_JITTER_PERCENT / 100;
    leg->soft_us = (soft + rng_range(&stream->rng, -jitter, jitter)) * 1000;
    jitter = hard * STT_ROTATE_JITTER_PERCENT / 100;
    jitter = jitter < (hard - soft) / 2 ? jitter : (hard - soft) / 2;
    leg->hard_us = (hard - rng_range(&stream->rng, 0, jitter)) * 1000;
}

/* Age of the call as the provider may count it: by the clock or by its audio. */
static int64_t age_us(const struct stt_stream *stream, const struct stt_leg *leg, int64_t now_us)
{
    int64_t age = now_us - leg->opened_us;
    int64_t audio = stt__ms(stream, leg->next - leg->base) * 1000;
    return age > audio ? age : audio;
}

/* A segment so long, or audio so much, that the provider has to be made to decide. */
static bool segment_too_long(const struct stt_stream *stream, const struct stt_leg *leg)
{
    if (stt_segment_silent(&stream->segment))
        return false;
    int64_t max = (int64_t)stream->config.ring_ms * 3 / 4;
    max = max < STT_SEGMENT_MS_MAX ? max : STT_SEGMENT_MS_MAX;
    uint64_t since = stream->settled > leg->base ? stream->settled : leg->base;
    return stt__ms(stream, leg->next - since) >= max ||
           stt_segment_words(&stream->segment) >= STT_SEGMENT_WORDS_MAX;
}

bool stt__hand_wanted(const struct stt_stream *stream, bool rests, int64_t now_us)
{
    const struct stt_leg *head = &stream->legs[0];
    int64_t age = age_us(stream, head, now_us);
    return (rests && age >= head->soft_us) || age >= head->hard_us ||
           segment_too_long(stream, head);
}

static void leg_drop(struct stt_stream *stream, struct stt_leg *leg)
{
    stt__leg_cancel(stream, leg);
    stt__results_forget(leg);
    *leg = (struct stt_leg){0};
}

void stt__hand_drop(struct stt_stream *stream)
{
    assert(stt__hand_open(stream) && stream->legs_len == 2);
    struct stt_leg *head = &stream->legs[0];
    leg_drop(stream, &stream->legs[1]);
    stream->legs_len = 1;
    head->hands_over = false;
}

static uint64_t later_of(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

bool stt__hand_short(const struct stt_stream *stream)
{
    const struct stt_leg *head = &stream->legs[0];
    uint64_t base = later_of(stream->settled, head->base);
    /* A call must get further than the one before it. */
    int64_t most = stream->config.stream_hard_ms / 2;
    most = most < STT_HAND_SHORT_MS ? most : STT_HAND_SHORT_MS;
    return !segment_too_long(stream, head) && head->next <= base + stt__samples(stream, most);
}

bool stt__hand_begin(struct stt_stream *stream, int64_t now_us)
{
    struct stt_leg *head = &stream->legs[0];
    if (stream->legs_len != 1 || head->end != STT_OPEN_END || head->hands_over ||
        stt_choice_next(&stream->choice, UINT_MAX, now_us) < 0)
        return false;
    if (now_us < stream->hand_us || now_us < stream->retry_us) {
        stt__due(stream, later_of((uint64_t)stream->hand_us, (uint64_t)stream->retry_us));
        return false;
    }
    uint64_t base = later_of(stream->settled, head->base);
    base = later_of(base, stream->final_end);
    uint64_t overlap = stt__samples(stream, STT_OVERLAP_MS);
    base = later_of(base, head->next > overlap ? head->next - overlap : 0);
    head->hands_over = true;
    stream->legs[stream->legs_len++] =
        (struct stt_leg){.base = base, .end = STT_OPEN_END, .next = base, .sent = base};
    stream->hand_us = now_us + STT_HAND_RETRY_MS * 1000;
    return true;
}

/* It has all the audio there is, and has said as much as is shown, unless it takes too long. */
static bool next_is_ready(struct stt_stream *stream, const struct stt_leg *next, int64_t now_us)
{
    if (next->state != STT_LEG_OPEN || next->first_sent_us == 0 ||
        next->next < stt_ring_end(&stream->ring, next->next))
        return false;
    if (!stream->started || (next->held_last != NULL && next->held_last->end >= stream->end))
        return true;
    int64_t until = next->first_sent_us + STT_HAND_MS * 1000;
    if (now_us < until)
        stt__due(stream, until);
    return now_us >= until;
}

void stt__hand_run(struct stt_stream *stream, int64_t now_us)
{
    if (!stt__hand_open(stream))
        return;
    struct stt_leg *head = &stream->legs[0], *next = &stream->legs[1];
    if (!next_is_ready(stream, next, now_us)) {
        int64_t until = stream->hand_us + STT_HAND_MAX_MS * 1000;
        if (now_us >= until || head->next > next->base + stt__samples(stream, STT_HAND_AUDIO_MS)) {
            stt__hand_drop(stream);
            stream->hand_us = now_us + STT_HAND_RETRY_MS * 1000;
        } else {
            stt__due(stream, until);
        }
        return;
    }
    head->end = later_of(next->next, head->next);
    /* The more words before the seam both have heard, the surer it is found again. */
    uint64_t overlap = head->end - next->base, tail = stt__samples(stream, STT_SEAM_TAIL_MS);
    head->seam = head->end - (tail < overlap / 2 ? tail : overlap / 2);
}
