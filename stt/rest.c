/*
 * Silence and audio that does not come: what is settled without a final, and what becomes of a call
 * that has nothing to hear.
 */
#include "stt/stream_internal.h"

/* How long the provider has had audio from `position` on before it counts as silence. */
static int64_t settle_us(const struct stt_stream *stream, uint64_t position)
{
    bool voice = position < stream->silence.spoken;
    return (voice ? STT_SETTLE_VOICE_MS : STT_SETTLE_MS) * 1000;
}

bool stt__rest_settle(struct stt_stream *stream, const struct stt_leg *leg, int64_t now_us)
{
    if (!stt_segment_silent(&stream->segment) || leg->base > stream->settled)
        return false;
    /* A word may begin where the audio ends. */
    uint64_t off = stt__samples(stream, STT_BROKEN_OFF_MS);
    uint64_t to = leg->sent > off ? leg->sent - off : 0;
    if (leg->end != STT_OPEN_END)
        to = leg->sent < leg->resume ? leg->sent : leg->resume;
    uint64_t from = stream->settled, step = stt__samples(stream, STT_SETTLE_STEP_MS);
    int64_t wait_us = settle_us(stream, from);
    int64_t quiet_us = stream->heard_us + wait_us;
    if (now_us < quiet_us) {
        stt__due(stream, quiet_us);
        return false;
    }
    if (from < stream->silence.spoken && to > stream->silence.spoken)
        to = stream->silence.spoken;
    uint64_t heard = stt_ring_heard(&stream->ring, from, to, now_us - wait_us);
    bool silent =
        heard - from >= step || (heard > from && heard == stt_ring_end(&stream->ring, heard));
    if (silent) {
        /* Past words may be heard again until the place is passed where they were heard first. */
        if (heard >= stream->heard_end && heard >= stream->final_end)
            stt_segment_next(&stream->segment, false, true);
        else
            stt_segment_blurred(&stream->segment);
        stt__settle(stream, heard);
    }
    const struct stt_ring_entry *next = stt_ring_find(&stream->ring, stream->settled);
    int64_t due = now_us + STT_SETTLE_STEP_MS * 1000;
    /* Less than a step comes only with more audio. */
    bool more = to >= stream->settled + step || leg->end != STT_OPEN_END;
    if (more && next != NULL && next->sent_us != 0) {
        int64_t silent_us = next->sent_us + settle_us(stream, stream->settled);
        stt__due(stream, silent_us > due ? silent_us : due);
    }
    return silent;
}

/* There was a sound so shortly before the audio stopped. */
static bool breaks_off(const struct stt_stream *stream, const struct stt_leg *leg)
{
    return stream->silence.faint + stt__samples(stream, STT_BROKEN_OFF_MS) >= leg->next;
}

bool stt__rest_hold(struct stt_stream *stream, struct stt_leg *leg, int64_t now_us)
{
    bool open = breaks_off(stream, leg) || stt_segment_silent(&stream->segment);
    /* With a full ring none may come because of that. */
    if (!open || stt__ring_holds(stream, STT_RING_FULL_PERCENT))
        return false;
    leg->broken = leg->next;
    stt__leg_rewind(stream, leg);
    stt__due(stream, now_us + 1);
    return true;
}

/* Nothing more comes: a call is to say what there is, if there is anything. */
static void unhold(struct stt_stream *stream, struct stt_leg *leg)
{
    leg->end = leg->resume = leg->broken;
    leg->broken = 0;
    if (stt_segment_silent(&stream->segment) && stream->silence.faint <= leg->base)
        leg->state = STT_LEG_DONE;
}

bool stt__rest_holds(struct stt_stream *stream, struct stt_leg *leg, int64_t now_us)
{
    int64_t until = stream->audio_us + STT_BROKEN_HOLD_MS * 1000;
    if (leg->broken == 0)
        return false;
    if (stream->received > leg->broken && leg->end > leg->broken)
        leg->broken = 0;
    else if (leg->end != STT_OPEN_END || now_us >= until)
        unhold(stream, leg);
    else
        stt__due(stream, until);
    return leg->broken != 0 || leg->state == STT_LEG_DONE;
}

void stt__rest_close(struct stt_stream *stream, struct stt_leg *leg)
{
    uint64_t from = stream->settled > leg->base ? stream->settled : leg->base;
    uint64_t off = breaks_off(stream, leg) ? 0 : stt__samples(stream, STT_BROKEN_OFF_MS);
    leg->end = stream->rested = leg->next;
    leg->resume = leg->next > from + off ? leg->next - off : from;
}
