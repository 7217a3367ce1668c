/* The same blocks at the same positions whether audio comes whole or in pieces; the first byte
 * chooses the rate and the pieces' size. */
#include "bench/audio.h"
#include <stdint.h>
#include <stdlib.h>

static void mix(uint64_t *hash, uint64_t value)
{
    *hash = (*hash ^ value) * 0x100000001B3u;
}

static uint64_t run(const uint8_t *data, size_t size, unsigned rate, size_t step)
{
    uint64_t hash = 0xCBF29CE484222325u;
    struct audio_reader reader;
    audio_reader_init(&reader, rate);
    for (size_t at = 0; at < size;) {
        size_t end = size - at < step ? size : at + step;
        while (at < end) {
            bool found;
            struct audio_block block;
            size_t taken = audio_reader_feed(&reader, data + at, end - at, &found, &block);
            if (taken == 0 || taken > end - at)
                abort();
            at += taken;
            if (!found)
                continue;
            mix(&hash, reader.samples);
            mix(&hash, (uint64_t)block.session << 32 | block.number);
            mix(&hash, (uint64_t)block.utterance << 32 | block.place);
        }
    }
    mix(&hash, reader.samples);
    if (reader.samples != size / 2 || reader.skipped > reader.samples)
        abort();
    return hash;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    unsigned rate = data[0] & 0x80 ? 8000 : 16000;
    if (run(data + 1, size - 1, rate, size) != run(data + 1, size - 1, rate, 1 + data[0] % 128))
        abort();
    return 0;
}
