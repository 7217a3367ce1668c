/* A session that goes on where another process, or this one before, has left it. */
#include "base/status.h"
#include "server/session_internal.h"

/* Words behind the place where the speech API hears again are said again: they are known. */
static int past_words(struct session *session, const struct session_restore *restore)
{
    int64_t settled_ms =
        (int64_t)(restore->settled_samples * 1000 / (uint64_t)session->settings.rate);
    int status = STATUS_OK;
    for (size_t i = 0; i < restore->finals_len && status == STATUS_OK; i++) {
        const struct session_final *final = &restore->finals[i];
        if (final->end_ms <= settled_ms)
            continue;
        struct stt_transcript known = {.segment = final->segment,
                                       .final = true,
                                       .committed = final->text,
                                       .start_ms = final->start_ms,
                                       .end_ms = final->end_ms};
        status = stt_stream_past(session->speech, &known, restore->settled_exact);
    }
    return status;
}

int session__restore(struct session *session, const struct session_restore *restore)
{
    session->seq = restore->seq;
    session->mistakes = restore->mistakes;
    session->heard = true; /* it was admitted once: no room for it is a fault on the way */
    session->usage = restore->usage;
    session->billed_before_ms = restore->usage.stt_ms;
    session->acked = restore->settled_samples;
    for (size_t i = 0; i < restore->finals_len; i++) {
        const struct session_final *final = &restore->finals[i];
        session->segment = session->begun = final->segment;
        session->starts[final->segment % SESSION_STARTS].segment = final->segment;
        session->starts[final->segment % SESSION_STARTS].ms = (uint32_t) final->start_ms;
        session__lanes_restore(session, restore, final);
    }
    return past_words(session, restore);
}
