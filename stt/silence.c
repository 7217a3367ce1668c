#include "stt/silence.h"

#include "stt/stream_limits.h"
#include <assert.h>

static uint64_t samples_of(uint32_t rate, uint64_t ms)
{
    return ms * rate / 1000;
}

/* The least that counts as somebody speaking. */
static enum stt_voice_verdict least(const struct stt_silence *silence, uint64_t end)
{
    if (silence->deaf)
        return STT_VOICE_NOISE;
    /* A hint wakes, but does not keep awake. */
    if (silence->asleep && end <= silence->hinted && !silence->distrust)
        return STT_VOICE_FAINT;
    return STT_VOICE_SPEECH;
}

void stt_silence_wake(struct stt_silence *silence, uint64_t end)
{
    assert(silence->asleep);
    silence->asleep = false;
    silence->spoken = silence->woken = end;
}

bool stt_silence_hear(struct stt_silence *silence, const int16_t *pcm, size_t samples,
                      uint32_t rate, uint64_t end)
{
    enum stt_voice_verdict verdict = stt_voice_hear(&silence->voice, pcm, samples, rate);
    bool speech = verdict >= least(silence, end), woke = silence->asleep && speech;
    if (verdict >= STT_VOICE_FAINT)
        silence->faint = end;
    if (speech)
        silence->spoken = end;
    if (woke)
        stt_silence_wake(silence, end);
    if (verdict == STT_VOICE_SPEECH)
        silence->woken_early = silence->distrust = silence->deaf = false;
    else if (woke)
        silence->woken_early = !silence->deaf;
    return woke;
}

void stt_silence_hint(struct stt_silence *silence, bool speaking, uint64_t position,
                      uint64_t received, uint32_t rate)
{
    silence->quiet_hint = !speaking;
    silence->hinted = 0;
    uint64_t hold = samples_of(rate, STT_HINT_MS);
    if (speaking && position <= received + hold && received <= position + hold)
        silence->hinted = received + hold;
}

void stt_silence_words(struct stt_silence *silence, uint64_t heard, uint32_t rate)
{
    if (heard <= silence->spoken + samples_of(rate, STT_SILENCE_TAIL_MS))
        return;
    silence->deaf = true;
    silence->spoken = heard;
}

bool stt_silence_due(const struct stt_silence *silence, uint64_t received, uint32_t rate,
                     uint32_t close_ms)
{
    assert(close_ms > 0);
    if (silence->quiet_hint && close_ms > STT_SILENCE_HINTED_MS)
        close_ms = STT_SILENCE_HINTED_MS;
    return !silence->asleep && received >= silence->spoken + samples_of(rate, close_ms);
}

void stt_silence_sleep(struct stt_silence *silence, uint64_t heard)
{
    assert(!silence->asleep);
    silence->asleep = true;
    silence->distrust = silence->distrust || (silence->woken_early && heard <= silence->woken);
    silence->woken_early = false;
}
