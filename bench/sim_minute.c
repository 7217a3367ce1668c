#include "bench/sim_minute.h"

#include <string.h>

#define TENTH_US 100000

void sim_minute_add(struct sim_minute *minute, int64_t now_us)
{
    int64_t tenth = now_us / TENTH_US;
    if (tenth - minute->tenth >= SIM_MINUTE_SLOTS) {
        memset(minute->slots, 0, sizeof minute->slots);
        minute->last = 0;
        minute->tenth = tenth;
    }
    while (minute->tenth < tenth) {
        uint32_t *oldest = &minute->slots[++minute->tenth % SIM_MINUTE_SLOTS];
        minute->last -= *oldest;
        *oldest = 0;
    }
    minute->slots[tenth % SIM_MINUTE_SLOTS]++;
    if (++minute->last > minute->peak)
        minute->peak = minute->last;
}
