/* A stream that goes on where another was broken off, and what a client that comes back is told. */
#include "stt/stream_internal.h"

#include "base/status.h"
#include <assert.h>

int stt_stream_past(struct stt_stream *stream, const struct stt_transcript *final, bool exact)
{
    assert(final->final && stream->received == stream->config.first_sample &&
           final->start_ms <= final->end_ms);
    int status = stt_segment_past(&stream->segment, final->committed, (uint32_t) final->start_ms,
                                  (uint32_t) final->end_ms);
    /* Where it begins within what was said, nobody knows with which word. */
    if (!exact || stt__samples(stream, final->start_ms) < stream->config.first_sample)
        stt_segment_blurred(&stream->segment);
    stream->shown_end = stream->heard_end = stt__samples(stream, final->end_ms);
    return status;
}

bool stt_stream_restate(struct stt_stream *stream)
{
    const char *committed = stt_segment_text(&stream->segment);
    const char *tentative = stt_segment_tentative(&stream->segment);
    if (!stream->started || stream->shown.rev == 0 ||
        (committed[0] == '\0' && tentative[0] == '\0'))
        return false;
    struct stt_transcript transcript = {
        .segment = stream->number,
        .rev = stream->shown.rev,
        .committed = committed,
        .tentative = tentative,
        .start_ms = stt__ms(stream, stream->start),
        .end_ms = stt__ms(stream, stream->end),
        .language = stream->heard_language[0] != '\0' ? stream->heard_language : stream->language,
    };
    stream->ops.transcript(stream->ctx, &transcript);
    return true;
}

void stt_stream_handover(struct stt_stream *stream, struct durations *handover)
{
    stream->config.handover = handover;
}
