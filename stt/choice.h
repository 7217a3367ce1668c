/*
 * Which provider a session's next call goes to: the first in order of preference that its breaker
 * lets through, has not refused this session, and has not just failed it several times. A session
 * so goes on elsewhere in the middle of a sentence, and comes back with the next call it opens once
 * the provider has rested, at its next rotation.
 *
 * Threads: pure state of one owner.
 */
#pragma once

#include "stt/client.h"
#include "stt/failure.h"

/* How a provider has served the session. */
struct stt_service {
    bool refused;      /* the session cannot be had with it */
    bool worked;       /* it has answered a call */
    unsigned denied;   /* since then, statuses that hint at wrong credentials */
    unsigned failures; /* since then, or since it was last sent to rest */
    int64_t rested_us; /* not before, while there is another */
};

struct stt_choice {
    unsigned len;
    struct stt_service of[STT_PROVIDERS_MAX];
};

/* The provider to open a call with; -1: every one has refused. `healthy`: bits of those whose
 * breaker lets calls through; when it is none, one is named all the same. */
int stt_choice_next(const struct stt_choice *choice, unsigned healthy, int64_t now_us);
/* A call ended by something other than its finish. Of `past` worked and denied are known here. */
enum stt_remedy stt_choice_failed(struct stt_choice *choice, unsigned provider,
                                  const struct stt_failure *failure, struct stt_failure_past past,
                                  int64_t now_us);
void stt_choice_answered(struct stt_choice *choice, unsigned provider);
