#include "say/resume.h"

#include "base/rng.h"
#include "say/event.h"
#include "say/limits.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>

bool resume_started(struct resume *resume, const struct event *event)
{
    bool known = *resume->session != '\0', lost = known && event->epoch != resume->epoch;
    snprintf(resume->session, sizeof resume->session, "%s", event->session);
    snprintf(resume->token, sizeof resume->token, "%s", event->resume_token);
    /* One that does not fit would be refused: none is better. */
    if (strlen(event->resume_token) >= sizeof resume->token)
        *resume->token = '\0';
    resume->epoch = event->epoch;
    resume->hold_ms = event->resume_ms > 0 ? event->resume_ms : SAY_HOLD_MS;
    resume->resumed += known;
    resume->lost_us = 0;
    return lost;
}

enum resume_verdict resume_event(struct resume *resume, const struct event *event)
{
    uint64_t expected = resume->seq + 1;
    /* Only a session that does something was worth going on with. */
    if (event->type != EVENT_ERROR && event->type != EVENT_GOAWAY)
        resume->attempts = 0;
    if (event->seq == 0)
        return RESUME_NEWS;
    if (event->seq < expected) {
        resume->repeats++;
        return RESUME_REPEAT;
    }
    resume->seq = event->seq;
    resume->gaps += event->seq - expected;
    return event->seq > expected ? RESUME_GAP : RESUME_NEWS;
}

void resume_lost(struct resume *resume, int64_t now_us)
{
    if (resume->lost_us == 0)
        resume->lost_us = now_us;
}

int64_t resume_wait_ms(struct resume *resume, struct rng *rng, int64_t retry_after_ms,
                       int64_t now_us)
{
    assert(resume->lost_us > 0);
    unsigned doublings = resume->attempts < 16 ? resume->attempts : 16;
    int64_t bound_ms = (int64_t)SAY_RETRY_MS << doublings;
    if (bound_ms > SAY_RETRY_MAX_MS)
        bound_ms = SAY_RETRY_MAX_MS;
    int64_t wait_ms = rng_range(rng, bound_ms / 2, bound_ms);
    if (wait_ms < retry_after_ms)
        wait_ms = retry_after_ms + rng_range(rng, 0, SAY_RETRY_MS);
    resume->attempts++;
    int64_t gone_ms = (now_us - resume->lost_us) / 1000;
    return gone_ms + wait_ms <= resume->hold_ms ? wait_ms : -1;
}

int64_t resume_leave_ms(struct rng *rng, int64_t within_ms)
{
    /* The last fifth is for what is still owed here. */
    int64_t latest_ms = within_ms > 0 ? within_ms / 5 * 4 : 0;
    return rng_range(rng, 0, latest_ms);
}

bool resume_possible(const struct resume *resume, unsigned close_code, unsigned http_status)
{
    if (*resume->session == '\0' || *resume->token == '\0')
        return false;
    if (http_status != 0 && http_status < 500 && http_status != 429 && http_status != 408)
        return http_status < 400; /* a socket that broke while the answer came */
    switch (close_code) {
    case 0:    /* it just ended */
    case 1001: /* going away */
    case 1002: /* what libwebsockets 4.1 makes of 1012 and 1013, which it does not know */
    case 1005: /* no code, no connection: RFC 6455 section 7.4.1 */
    case 1006:
    case 1011: /* trouble of the server */
    case 1012: /* restarting */
    case 1013: /* at capacity */ return true;
    default: return false;
    }
}

bool resume_passing(const struct event *event)
{
    return strcmp(event->code, "over_capacity") == 0 || strcmp(event->code, "internal") == 0;
}
