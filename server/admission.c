#include "server/admission.h"

#include "server/limits.h"
#include <assert.h>
#include <stddef.h>

static const struct {
    const char *label, *text;
    bool measured;
} reasons[ADMISSION_REASONS] = {
#define X(name, label, measured, text) [ADMISSION_##name] = {label, text, measured},
    ADMISSION_MAP(X)
#undef X
        [ADMISSION_TURN] = {"turn", "too many sessions are being started", true},
};

double admission_load(const struct admission_reading *reading)
{
    return reading->limit > 0 ? reading->value / reading->limit : 0;
}

void admission_judge(struct admission_state *state, const struct admission_signals *signals)
{
    state->load = 0;
    for (int i = 0; i < ADMISSION_SIGNALS; i++) {
        double load = admission_load(&signals->of[i]);
        if (load > state->load)
            state->load = load;
        if (load >= 1) {
            state->over[i] = true;
            state->calm[i] = 0;
        } else if (!reasons[i].measured) {
            state->over[i] = false;
        } else if (load >= ADMISSION_LOW) {
            state->calm[i] = 0;
        } else if (state->over[i] && ++state->calm[i] >= ADMISSION_CALM) {
            state->over[i] = false;
        }
    }
}

int admission_over(const struct admission_state *state)
{
    for (int i = 0; i < ADMISSION_SIGNALS; i++)
        if (reasons[i].measured && state->over[i])
            return i;
    return ADMISSION_NONE;
}

const char *admission_label(int reason)
{
    assert(reason >= 0 && reason < ADMISSION_REASONS);
    return reasons[reason].label;
}

const char *admission_text(int reason)
{
    assert(reason >= 0 && reason < ADMISSION_REASONS);
    return reasons[reason].text;
}

void admission_pace_init(struct admission_pace *pace, uint32_t most, int64_t now_us)
{
    assert(most > 0);
    *pace = (struct admission_pace){
        .at_us = now_us, .gap_us = 1000000 / most, .served = ADMISSION_BURST};
}

/* What is not used is kept for a burst, and no more. */
static void advance(struct admission_pace *pace, int64_t now_us)
{
    double most = (double)pace->issued + ADMISSION_BURST;
    if (now_us <= pace->at_us)
        return;
    pace->served += (double)(now_us - pace->at_us) / (double)pace->gap_us;
    pace->at_us = now_us;
    if (pace->served > most)
        pace->served = most;
}

/* From now until a number's turn. */
static int64_t turn_in_us(const struct admission_pace *pace, uint64_t number)
{
    double ahead = (double)number - pace->served;
    /* Never so soon that a rounding error makes the asker spin. */
    return ahead <= 0 ? 0 : 1 + (int64_t)(ahead * (double)pace->gap_us);
}

int64_t admission_wait_us(struct admission_pace *pace, int64_t now_us)
{
    advance(pace, now_us);
    return turn_in_us(pace, pace->issued + 1);
}

uint64_t admission_number(struct admission_pace *pace, int64_t now_us)
{
    if (admission_wait_us(pace, now_us) > ADMISSION_WAIT_MS * 1000LL)
        return 0;
    return ++pace->issued;
}

int64_t admission_turn(struct admission_pace *pace, uint64_t number, int64_t now_us)
{
    assert(number > 0);
    advance(pace, now_us);
    int64_t in_us = turn_in_us(pace, number);
    if (in_us > ADMISSION_WAIT_MS * 1000LL) {
        pace->issued--;
        return INT64_MAX;
    }
    return now_us + (in_us < ADMISSION_SAMPLE_MS * 1000LL ? in_us : ADMISSION_SAMPLE_MS * 1000LL);
}

void admission_adjust(struct admission_pace *pace, int64_t lag_us, uint32_t most, int64_t now_us)
{
    assert(most > 0);
    int64_t shortest_us = 1000000 / most, longest_us = 1000000 / ADMISSION_STARTS_MIN;
    advance(pace, now_us);
    if (lag_us > 5 * ADMISSION_LATE_US)
        pace->gap_us *= 2;
    else if (lag_us > ADMISSION_LATE_US)
        pace->gap_us += pace->gap_us / 4;
    else
        pace->gap_us -= (pace->gap_us + 6) / 7;
    if (pace->gap_us > longest_us)
        pace->gap_us = longest_us;
    if (pace->gap_us < shortest_us)
        pace->gap_us = shortest_us;
}

uint32_t admission_retry_ms(double load, uint32_t refused, uint32_t starts_per_second,
                            uint32_t random)
{
    assert(starts_per_second > 0);
    double over = load > 1 ? load - 1 : 0;
    /* Those who were refused before have to be served first. */
    double mean_ms = ADMISSION_RETRY_MS * (1 + over) + 1000.0 * refused / starts_per_second;
    if (mean_ms > ADMISSION_RETRY_MS_MAX)
        mean_ms = ADMISSION_RETRY_MS_MAX;
    return (uint32_t)(mean_ms * (0.5 + (double)random / UINT32_MAX));
}

int64_t admission_p99_us(const struct durations_sum *now, const struct durations_sum *before)
{
    static const int64_t bounds_us[DURATIONS_LEN] = {
#define X(us, seconds) us,
        DURATIONS_MAP(X)
#undef X
            [DURATIONS_REST] = 20000000};
    uint64_t slower = (now->count - before->count) / 100;
    if (slower < 2)
        slower = 2;
    uint64_t seen = 0;
    for (int i = DURATIONS_LEN; i-- > 0;) {
        seen += now->counts[i] - before->counts[i];
        if (seen > slower)
            return bounds_us[i];
    }
    return 0;
}

int64_t admission_median(const int64_t *samples)
{
    int64_t sorted[ADMISSION_WINDOW];
    for (int i = 0; i < ADMISSION_WINDOW; i++) {
        int at = i;
        for (; at > 0 && sorted[at - 1] > samples[i]; at--)
            sorted[at] = sorted[at - 1];
        sorted[at] = samples[i];
    }
    return sorted[ADMISSION_WINDOW / 2];
}
