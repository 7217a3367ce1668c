/* Audio from a microphone in blocks, a byte before each for its length and a hint: the gate sleeps
 * and wakes only forwards, and wakes at speech whatever the client says. */
#include "stt/silence.h"
#include "tests/fuzz/fuzz_kit.h"

enum { RATE = 8000, BLOCK_MAX = 800 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct stt_silence gate = {0};
    uint64_t end = 0;
    while (size > 1) {
        uint8_t what = *data++;
        int16_t pcm[BLOCK_MAX];
        size_t samples = 80 + (what & 7) * 100, most = --size / 2;
        samples = samples < most ? samples : most;
        memcpy(pcm, data, samples * 2);
        data += samples * 2;
        size -= samples * 2;
        end += samples;
        bool slept = gate.asleep, woke = stt_silence_hear(&gate, pcm, samples, RATE, end);
        assert(!woke || (slept && !gate.asleep && gate.woken <= end));
        assert(gate.spoken <= end && (slept || !gate.asleep));
        if (what & 8)
            stt_silence_hint(&gate, what & 16, end - (what & 32 ? samples : 0), end, RATE);
        if (what & 64)
            stt_silence_words(&gate, end, RATE);
        if (!gate.asleep && stt_silence_due(&gate, end, RATE, what & 128 ? 100 : 2000))
            stt_silence_sleep(&gate, end);
    }
    return 0;
}
