#include "stt/failure.h"

#include "stt/codec_protobuf.h"
#include "stt/stream_limits.h"
#include <assert.h>
#include <stddef.h>
#include <string.h>

/* Which of a rule's two remedies counts. */
enum condition {
    ALWAYS,
    LIVED,      /* a call that never worked is not at a limit of its age */
    IDLE,       /* nor is a call that is refused its audio at once */
    FEW,        /* not many failures yet */
    EXPIRED,    /* credentials that worked, refused once: a new call reads them again */
    UNSUSPECTED /* calls have worked, or this is the first that hints at wrong credentials */
};

struct rule {
    int status;
    const char *text; /* part of the details; NULL: any */
    enum condition condition;
    enum stt_remedy met, unmet;
};

/* The first that fits; statuses that are not here are retried. Texts are those of Speech-to-Text,
 * v1 beside OUT_OF_RANGE, v2 beside ABORTED. */
static const struct rule rules[] = {
    {STT_CODE_OUT_OF_RANGE, "Audio Timeout", IDLE, STT_REMEDY_REOPEN, STT_REMEDY_RETRY},
    {STT_CODE_OUT_OF_RANGE, NULL, LIVED, STT_REMEDY_REPLACE, STT_REMEDY_RETRY},
    {STT_CODE_ABORTED, "no more client requests", IDLE, STT_REMEDY_REOPEN, STT_REMEDY_RETRY},
    {STT_CODE_ABORTED, NULL, LIVED, STT_REMEDY_REPLACE, STT_REMEDY_RETRY},
    {STT_CODE_OK, NULL, LIVED, STT_REMEDY_REPLACE, STT_REMEDY_RETRY},
    {STT_CODE_RESOURCE_EXHAUSTED, NULL, ALWAYS, STT_REMEDY_HOLD, STT_REMEDY_HOLD},
    {STT_CODE_INTERNAL, NULL, FEW, STT_REMEDY_RETRY, STT_REMEDY_HOLD},
    /* Where IAM or the recognizer is wrong, some calls are just cancelled. */
    {STT_CODE_CANCELLED, NULL, UNSUSPECTED, STT_REMEDY_RETRY, STT_REMEDY_REFUSE},
    {STT_CODE_UNAUTHENTICATED, NULL, EXPIRED, STT_REMEDY_RETRY, STT_REMEDY_REFUSE},
    {STT_CODE_INVALID_ARGUMENT, NULL, ALWAYS, STT_REMEDY_REFUSE, STT_REMEDY_REFUSE},
    {STT_CODE_NOT_FOUND, NULL, ALWAYS, STT_REMEDY_REFUSE, STT_REMEDY_REFUSE},
    {STT_CODE_PERMISSION_DENIED, NULL, ALWAYS, STT_REMEDY_REFUSE, STT_REMEDY_REFUSE},
    {STT_CODE_FAILED_PRECONDITION, NULL, ALWAYS, STT_REMEDY_REFUSE, STT_REMEDY_REFUSE},
    {STT_CODE_UNIMPLEMENTED, NULL, ALWAYS, STT_REMEDY_REFUSE, STT_REMEDY_REFUSE},
};

static bool condition_met(enum condition condition, const struct stt_failure_past *past)
{
    switch (condition) {
    case ALWAYS: return true;
    case LIVED: return past->lived;
    case IDLE: return past->lived || !past->fed;
    case FEW: return past->failures < STT_INTERNAL_TRIES;
    case EXPIRED: return past->worked && past->denied == 0;
    case UNSUSPECTED: return past->worked || past->denied == 0;
    }
    return false;
}

enum stt_remedy stt_failure_remedy(const struct stt_failure *failure,
                                   const struct stt_failure_past *past)
{
    assert(failure->details != NULL);
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        const struct rule *rule = &rules[i];
        if (rule->status != failure->status ||
            (rule->text != NULL && strstr(failure->details, rule->text) == NULL))
            continue;
        return condition_met(rule->condition, past) ? rule->met : rule->unmet;
    }
    return STT_REMEDY_RETRY;
}

int64_t stt_failure_backoff_ms(enum stt_remedy remedy, unsigned failures, uint32_t retry_after_ms,
                               struct rng *rng)
{
    assert(remedy == STT_REMEDY_RETRY || remedy == STT_REMEDY_HOLD);
    bool hold = remedy == STT_REMEDY_HOLD;
    int64_t ms = hold ? STT_BACKOFF_QUOTA_MS : STT_BACKOFF_MS;
    int64_t max = hold ? STT_BACKOFF_QUOTA_MAX_MS : STT_BACKOFF_MAX_MS;
    for (unsigned i = 0; i < failures && ms < max; i++)
        ms = ms * (hold ? STT_BACKOFF_QUOTA_PERCENT : STT_BACKOFF_PERCENT) / 100;
    ms = ms < max ? ms : max;
    int64_t asked =
        retry_after_ms < STT_RETRY_AFTER_MAX_MS ? retry_after_ms : STT_RETRY_AFTER_MAX_MS;
    ms = ms > asked ? ms : asked;
    return ms + rng_range(rng, 0, ms / 4);
}

bool stt_failure_trouble(int status, enum stt_trouble *out)
{
    switch (status) {
    case STT_CODE_UNKNOWN:
    case STT_CODE_DEADLINE_EXCEEDED:
    case STT_CODE_INTERNAL:
    case STT_CODE_UNAVAILABLE: *out = STT_TROUBLE_OUTAGE; return true;
    case STT_CODE_RESOURCE_EXHAUSTED: *out = STT_TROUBLE_QUOTA; return true;
    case STT_CODE_NOT_FOUND:
    case STT_CODE_PERMISSION_DENIED:
    case STT_CODE_FAILED_PRECONDITION:
    case STT_CODE_UNIMPLEMENTED:
    case STT_CODE_UNAUTHENTICATED: *out = STT_TROUBLE_CONFIG; return true;
    default: return false;
    }
}

/* google.protobuf.Any: true and its value when it holds a message of that type. */
static bool any_is(struct stt_pb_reader any, const char *type, struct stt_pb_reader *value)
{
    struct stt_pb_field field;
    bool is = false, has = false;
    size_t type_len = strlen(type);
    while (stt__pb_next(&any, &field) > 0) {
        size_t len =
            field.tag == PB_TAG(1, PB_LEN) ? (size_t)(field.inside.end - field.inside.at) : 0;
        if (field.tag == PB_TAG(1, PB_LEN))
            is = len >= type_len && memcmp(field.inside.end - type_len, type, type_len) == 0;
        if (field.tag == PB_TAG(2, PB_LEN)) {
            *value = field.inside;
            has = true;
        }
    }
    return is && has;
}

static uint32_t retry_info_ms(struct stt_pb_reader info)
{
    struct stt_pb_field field;
    int64_t us = 0;
    while (stt__pb_next(&info, &field) > 0)
        if (field.tag == PB_TAG(1, PB_LEN) && stt__pb_duration(field.inside, &us) != 0)
            return 0;
    if (us <= 0)
        return 0;
    int64_t ms = (us + 999) / 1000;
    return ms < STT_RETRY_AFTER_MAX_MS ? (uint32_t)ms : STT_RETRY_AFTER_MAX_MS;
}

uint32_t stt_failure_retry_after_ms(const uint8_t *bytes, size_t len)
{
    struct stt_pb_reader status = {bytes, bytes + len}, info;
    struct stt_pb_field field;
    while (stt__pb_next(&status, &field) > 0)
        if (field.tag == PB_TAG(3, PB_LEN) && any_is(field.inside, "/google.rpc.RetryInfo", &info))
            return retry_info_ms(info);
    return 0;
}
