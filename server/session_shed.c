/* Tells the client while partials are held back for want of budget: once, and once when it is over.
 */
#include "base/status.h"
#include "server/limits.h"
#include "server/session_internal.h"

static const char *const shed_what[2] = {"partial_translation", "partial_grammar"};

static void restore(struct session *session, unsigned kind, const char *reason)
{
    session->shed[kind].told = false;
    session__health(session, false, shed_what[kind], reason, 0);
}

void session__shed_note(struct session *session, const struct session_answer *answer)
{
    if (!answer->partial || answer->cached)
        return;
    unsigned kind = session->grammar != NULL && answer->lane == session->grammar_id;
    struct session_shed *shed = &session->shed[kind];
    if (answer->status == STATUS_BUDGET || answer->status == STATUS_FULL) {
        shed->last_us = session->now_us;
        if (!shed->told)
            session__health(session, true, shed_what[kind], "budget", 0);
        shed->told = true;
    } else if (shed->told && answer->status == STATUS_OK &&
               session->now_us - shed->last_us >= SHED_OVER_MS * (int64_t)1000) {
        restore(session, kind, "answers come again");
    }
}

int64_t session__shed_tick(struct session *session)
{
    int64_t due_us = INT64_MAX;
    for (unsigned kind = 0; kind < 2; kind++) {
        const struct session_shed *shed = &session->shed[kind];
        int64_t over_us = shed->last_us + SHED_FORGET_MS * (int64_t)1000;
        if (!shed->told)
            continue;
        if (session->now_us >= over_us)
            restore(session, kind, "nothing waits");
        else if (over_us < due_us)
            due_us = over_us;
    }
    return due_us;
}
