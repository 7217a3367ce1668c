#include "tests/sim/rotation.h"
#include <inttypes.h>

/* Where words may be wrong at all, one misunderstanding may be so long. */
#define BUDGET_ONCE 40

void totals_tell(const char *name, const struct totals *t)
{
    if (t->sessions == 0)
        return;
    printf("%-10s %" PRIu64 " sessions, %" PRIu64 " failed (%" PRIu64 " broken); of %" PRIu64
           " words %" PRIu64 " lost %" PRIu64 " added %" PRIu64 " wrong; %" PRIu64
           " finals, longest %.1f s, %" PRIu64 " timed %" PRIu64 " off by up to %" PRId64
           " ms (guesses %" PRId64 "); %" PRIu64 " calls, %" PRIu64
           " ended by the provider, %" PRIu64 " resets; billed %.2f %%\n",
           name, t->sessions, t->failed, t->broken, t->words, t->lost, t->added, t->wrong,
           t->finals, (double)t->final_most_ms / 1000, t->timed, t->off, t->off_most_ms,
           t->guess_most_ms, t->calls, t->ends, t->resets,
           t->spoken_ms > 0 ? 100.0 * (double)t->billed_ms / (double)t->spoken_ms : 0);
}

bool totals_fail(const struct totals *t, unsigned budget)
{
    if (budget == 0 || t->broken > 0)
        return t->failed > 0;
    uint64_t most = t->words * budget / 100000 + BUDGET_ONCE;
    return t->lost + t->added + t->wrong > most || t->off > t->finals / 1000 + BUDGET_ONCE / 10;
}

unsigned spread_most(const int64_t *rotated_us, size_t len)
{
    unsigned most = 0;
    for (size_t i = 0; i < len; i++) {
        unsigned n = 0;
        for (size_t k = 0; k < len; k++)
            n += rotated_us[k] >= rotated_us[i] && rotated_us[k] < rotated_us[i] + 1000000;
        most = n > most ? n : most;
    }
    return most;
}
