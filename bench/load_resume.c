#include "bench/load_resume.h"

#include "base/rng.h"
#include "base/status.h"
#include "bench/judge_event.h"
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#define SCRATCH_BYTES 8192 /* messages that are read here are short */

static bool parse(const char *text, size_t len, char scratch[SCRATCH_BYTES],
                  struct judge_event *event)
{
    return len <= SCRATCH_BYTES && judge_event_parse(text, len, scratch, event) == STATUS_OK;
}

static bool copy(char *to, size_t cap, struct judge_text from)
{
    if (from.len == 0 || from.len >= cap)
        return false;
    memcpy(to, from.data, from.len);
    to[from.len] = '\0';
    return true;
}

bool load_resume_started(struct load_resume *resume, const char *text, size_t len)
{
    char scratch[SCRATCH_BYTES];
    struct judge_event event;
    resume->lost_us = 0;
    resume->retry_ms = 0;
    resume->position = 0;
    if (!parse(text, len, scratch, &event))
        return false;
    if (event.audio_samples > 0)
        resume->position = (uint64_t)event.audio_samples;
    if (copy(resume->session, sizeof resume->session, event.session) &&
        copy(resume->token, sizeof resume->token, event.resume_token))
        return true;
    resume->session[0] = resume->token[0] = '\0';
    return false;
}

void load_resume_refused(struct load_resume *resume, const char *text, size_t len)
{
    char scratch[SCRATCH_BYTES];
    struct judge_event event;
    bool passing =
        parse(text, len, scratch, &event) &&
        (judge_text_is(event.code, "over_capacity") || judge_text_is(event.code, "internal"));
    resume->refused = !passing;
    if (passing && event.retry_after_ms > 0 && event.retry_after_ms < LOAD_HOLD_MS)
        resume->retry_ms = (uint32_t)event.retry_after_ms;
}

int64_t load_resume_leave_us(const char *text, size_t len, struct rng *rng)
{
    char scratch[SCRATCH_BYTES];
    struct judge_event event;
    if (!parse(text, len, scratch, &event) || event.within_ms <= 0)
        return 0;
    return rng_range(rng, 0, event.within_ms * 1000 / 5 * 4);
}

bool load_resume_code(unsigned close_code)
{
    switch (close_code) {
    case 0:
    case 1001: /* going away */
    case 1005: /* no code */
    case 1011: /* trouble of the server */
    case 1012: /* restarting */
    case 1013: /* at capacity */ return true;
    default: return false;
    }
}

int64_t load_resume_wait_us(struct load_resume *resume, int64_t now_us, struct rng *rng)
{
    if (resume->lost_us == 0)
        resume->lost_us = now_us;
    if (resume->refused || now_us - resume->lost_us > (int64_t)LOAD_HOLD_MS * 1000)
        return -1;
    int64_t ms = (int64_t)LOAD_RETRY_MS << (resume->attempts < 8 ? resume->attempts : 8);
    ms = ms < LOAD_RETRY_MAX_MS ? ms : LOAD_RETRY_MAX_MS;
    int64_t wait_us = rng_range(rng, ms * 500, ms * 1000);
    int64_t least_us = (int64_t)resume->retry_ms * 1000;
    resume->attempts += resume->attempts < UINT16_MAX;
    resume->retry_ms = 0;
    return wait_us > least_us ? wait_us : least_us;
}

size_t load_resume_message(const struct load_resume *resume, uint64_t seq, const char *start,
                           size_t start_len, char *out, size_t cap)
{
    assert(start_len > 2 && start[start_len - 1] == '}' && cap >= start_len + LOAD_RESUME_BYTES);
    int len = snprintf(out, cap,
                       "%.*s,\"resume\":{\"session\":\"%s\",\"token\":\"%s\",\"seq\":%" PRIu64 "}}",
                       (int)start_len - 1, start, resume->session, resume->token, seq);
    assert(len > 0 && (size_t)len < cap);
    return (size_t)len;
}
