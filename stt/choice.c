#include "stt/choice.h"

#include "stt/stream_limits.h"
#include <assert.h>

int stt_choice_next(const struct stt_choice *choice, unsigned healthy, int64_t now_us)
{
    assert(choice->len > 0 && choice->len <= STT_PROVIDERS_MAX);
    int best = -1, best_rank = 0;
    for (unsigned i = 0; i < choice->len; i++) {
        const struct stt_service *service = &choice->of[i];
        if (service->refused)
            continue;
        int rank = 1 + 2 * ((healthy >> i & 1) != 0) + (now_us >= service->rested_us);
        if (rank > best_rank) {
            best = (int)i;
            best_rank = rank;
        }
    }
    return best;
}

enum stt_remedy stt_choice_failed(struct stt_choice *choice, unsigned provider,
                                  const struct stt_failure *failure, struct stt_failure_past past,
                                  int64_t now_us)
{
    assert(provider < choice->len);
    struct stt_service *service = &choice->of[provider];
    past.worked = service->worked;
    past.denied = service->denied;
    enum stt_remedy remedy = stt_failure_remedy(failure, &past);
    service->denied += failure->status == STT_CODE_UNAUTHENTICATED ||
                       (failure->status == STT_CODE_CANCELLED && !service->worked);
    service->refused = service->refused || remedy == STT_REMEDY_REFUSE;
    if (remedy == STT_REMEDY_RETRY || remedy == STT_REMEDY_HOLD)
        service->failures++;
    /* Alone it has nobody to rest for. */
    if (choice->len > 1 && (remedy == STT_REMEDY_HOLD || service->failures >= STT_PROVIDER_TRIES)) {
        service->failures = 0;
        service->rested_us = now_us + STT_PROVIDER_REST_MS * INT64_C(1000);
    }
    return remedy;
}

void stt_choice_answered(struct stt_choice *choice, unsigned provider)
{
    assert(provider < choice->len);
    struct stt_service *service = &choice->of[provider];
    service->worked = true;
    service->denied = service->failures = 0;
    service->rested_us = 0;
}
