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
