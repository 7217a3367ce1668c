/* What a teacher sees of a session and says to it. */
#include "base/status.h"
#include "server/session_internal.h"

int session_note(struct session *session, const struct session_note *note, int64_t now_us)
{
    session->now_us = now_us;
    if (session->over || note->segment == 0 || note->segment > session->begun)
        return STATUS_NOT_FOUND;
    struct event *event = event_create(EVENT_NOTE);
    if (event != NULL) {
        event->segment = note->segment;
        event->final = true;
        event->note = event_str(event, note->text);
        event->by = event_str(event, note->by);
    }
    session__emit(session, event);
    return session->lost ? STATUS_NOMEM : STATUS_OK;
}

const struct client_settings *session_settings(const struct session *session)
{
    return session->next_arena != NULL ? &session->next : &session->settings;
}

int64_t session_audio_ms(const struct session *session)
{
    return (int64_t)(stt_stream_received(session->speech) * 1000 / session->settings.rate);
}

bool session_speaking(const struct session *session, int64_t now_us)
{
    return !session->over && stt_stream_speaking(session->speech, now_us);
}

bool session_ending(const struct session *session)
{
    return session->ending;
}
