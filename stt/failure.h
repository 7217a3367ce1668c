/*
 * What is done about a call that ended: one table from the status and the text the speech API gives
 * to a remedy, and the pauses between attempts. Pure functions, any thread.
 * https://grpc.io/docs/guides/status-codes/
 */
#pragma once

#include "base/rng.h"
#include "stt/breaker.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* google.rpc.Code, as far as they differ for us. */
enum stt_code {
    STT_CODE_OK = 0,
    STT_CODE_CANCELLED = 1,
    STT_CODE_UNKNOWN = 2,
    STT_CODE_INVALID_ARGUMENT = 3,
    STT_CODE_DEADLINE_EXCEEDED = 4,
    STT_CODE_NOT_FOUND = 5,
    STT_CODE_PERMISSION_DENIED = 7,
    STT_CODE_RESOURCE_EXHAUSTED = 8,
    STT_CODE_FAILED_PRECONDITION = 9,
    STT_CODE_ABORTED = 10,
    STT_CODE_OUT_OF_RANGE = 11,
    STT_CODE_UNIMPLEMENTED = 12,
    STT_CODE_INTERNAL = 13,
    STT_CODE_UNAVAILABLE = 14,
    STT_CODE_UNAUTHENTICATED = 16,
};

/* How a call ended. */
struct stt_failure {
    int status;              /* enum stt_code, or another number of google.rpc.Code */
    const char *details;     /* the API's words or ours, never NULL */
    uint32_t retry_after_ms; /* asked for by the API; 0: nothing said */
};

/* What is known of the call and of those before it. */
struct stt_failure_past {
    bool fed;          /* the call was given audio */
    bool lived;        /* it was answered, or took audio for STT_HEALTHY_MS */
    bool worked;       /* a call of the session was answered: credentials and settings are right */
    unsigned denied;   /* statuses since then that hint at wrong credentials */
    unsigned failures; /* successive ones, without an answer between them */
};

enum stt_remedy {
    STT_REMEDY_REPLACE, /* the API's own limits: a new call at once, no failure */
    STT_REMEDY_REOPEN,  /* it heard nothing for too long: a new call when there is audio, no failure
                         */
    STT_REMEDY_RETRY,   /* a new call after a pause */
    STT_REMEDY_HOLD,    /* the API is asked too much: a longer pause */
    STT_REMEDY_REFUSE,  /* configuration: trying again cannot help */
};

enum stt_remedy stt_failure_remedy(const struct stt_failure *failure,
                                   const struct stt_failure_past *past);

/* The pause before attempt number `failures` + 1, with jitter on top; never shorter than what the
 * API asked for, up to STT_RETRY_AFTER_MAX_MS. Only for RETRY and HOLD. */
int64_t stt_failure_backoff_ms(enum stt_remedy remedy, unsigned failures, uint32_t retry_after_ms,
                               struct rng *rng);

/* Whether an end like this, of a call without an answer, speaks against the provider; *out says
 * how. */
bool stt_failure_trouble(int status, enum stt_trouble *out);

/* The pause that an encoded google.rpc.Status asks for by a google.rpc.RetryInfo among its details;
 * 0: it does not, or is malformed. At most STT_RETRY_AFTER_MAX_MS.
 * https://github.com/googleapis/googleapis/blob/master/google/rpc/error_details.proto */
uint32_t stt_failure_retry_after_ms(const uint8_t *bytes, size_t len);
