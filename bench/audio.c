#include "bench/audio.h"

#include <assert.h>
#include <string.h>

/*
 * A block begins with MARK_SAMPLES of its mark, then NIBBLES samples of four bits each: the fields,
 * then a checksum. Values grow with amplitude and the sign alternates, so the sum of samples stays
 * near nothing. No other sample of a block is as large as its mark. The rest is filler.
 */
#define MARK_SAMPLES 2
#define FIELD_BITS   104
#define CHECK_BITS   16
#define NIBBLES      ((FIELD_BITS + CHECK_BITS) / 4)
#define HEAD_SAMPLES (MARK_SAMPLES + NIBBLES)

#define SPEECH_MARK  9472
#define SPEECH_BASE  4096
#define SPEECH_STEP  256
#define SILENCE_MARK 60
#define SILENCE_BASE 0
#define SILENCE_STEP 2

_Static_assert(HEAD_SAMPLES <= AUDIO_BLOCK_SAMPLES_MIN, "the head fits the shortest block");
_Static_assert(SPEECH_BASE + 15 * SPEECH_STEP < SPEECH_MARK, "a mark is a mark");
_Static_assert(SILENCE_BASE + 15 * SILENCE_STEP < SILENCE_MARK, "a mark is a mark");

#define TIMES_5(...)  __VA_ARGS__, __VA_ARGS__, __VA_ARGS__, __VA_ARGS__, __VA_ARGS__
#define TIMES_30(...) TIMES_5(TIMES_5(__VA_ARGS__)), TIMES_5(__VA_ARGS__)
/* 16 samples a period, 480 in all. */
#define SPEECH_PERIOD                                                                              \
    3200, 5200, 6800, 7800, 7800, 6800, 5200, 3200, -3200, -5200, -6800, -7800, -7800, -6800,      \
        -5200, -3200
#define SILENCE_PERIOD 2, 5, 8, 9, 9, 8, 5, 2, -2, -5, -8, -9, -9, -8, -5, -2
static const int16_t speech_filler[AUDIO_BLOCK_SAMPLES_MAX] = {TIMES_30(SPEECH_PERIOD)};
static const int16_t silence_filler[AUDIO_BLOCK_SAMPLES_MAX] = {TIMES_30(SILENCE_PERIOD)};

/* The fields as bits: 64 in `low`, the other 40 in `high`. */
struct fields {
    uint64_t low, high;
};

static struct fields fields_of(const struct audio_block *block)
{
    return (struct fields){
        .low = block->number | (uint64_t)block->session << 32 | (uint64_t)block->place << 56 |
               (uint64_t)block->middle << 63,
        .high = block->utterance | (uint64_t)block->seed << 24,
    };
}

static struct audio_block fields_block(struct fields fields)
{
    return (struct audio_block){
        .number = (uint32_t)fields.low,
        .session = fields.low >> 32 & 0xffffff,
        .place = fields.low >> 56 & 0x7f,
        .middle = fields.low >> 63,
        .utterance = fields.high & 0xffffff,
        .seed = (uint16_t)(fields.high >> 24),
    };
}

static uint16_t fields_check(struct fields fields)
{
    uint64_t mixed = (fields.low ^ fields.high * 0x9e3779b97f4a7c15) * 0xbf58476d1ce4e5b9;
    return (uint16_t)(mixed >> 48);
}

static void nibbles_write(int16_t *out, uint64_t bits, unsigned count, bool speech)
{
    int base = speech ? SPEECH_BASE : SILENCE_BASE, step = speech ? SPEECH_STEP : SILENCE_STEP;
    for (unsigned i = 0; i < count; i++, bits >>= 4) {
        int value = base + (int)(bits & 15) * step;
        out[i] = (int16_t)(i % 2 == 0 ? value : -value);
    }
}

/* False: these are not samples that nibbles_write() writes. */
static bool nibbles_read(const int16_t *in, unsigned count, bool speech, uint64_t *bits)
{
    int base = speech ? SPEECH_BASE : SILENCE_BASE, step = speech ? SPEECH_STEP : SILENCE_STEP;
    uint64_t read = 0;
    unsigned wrong = 0;
    for (unsigned i = 0; i < count; i++) {
        unsigned value = (unsigned)((i % 2 == 0 ? in[i] : -in[i]) - base);
        wrong |= (value & (unsigned)(step - 1)) | (value >= 16u * (unsigned)step);
        read |= (uint64_t)(value / (unsigned)step & 15) << 4 * i;
    }
    *bits = read;
    return wrong == 0;
}

size_t audio_block_write(const struct audio_block *block, unsigned rate, int16_t *out)
{
    size_t samples = rate / 100;
    assert(samples >= AUDIO_BLOCK_SAMPLES_MIN && samples <= AUDIO_BLOCK_SAMPLES_MAX);
    assert(block->session < 1u << 24 && block->utterance < 1u << 24 && block->place < 128);
    bool speech = block->utterance != 0;
    memcpy(out, speech ? speech_filler : silence_filler, samples * sizeof *out);
    int16_t mark = speech ? SPEECH_MARK : SILENCE_MARK;
    out[0] = mark;
    out[1] = (int16_t)-mark;
    struct fields fields = fields_of(block);
    out += MARK_SAMPLES;
    nibbles_write(out, fields.low, 16, speech);
    nibbles_write(out + 16, fields.high | (uint64_t)fields_check(fields) << 40, 14, speech);
    return samples;
}

/* Reads a block's head, HEAD_SAMPLES. */
static bool head_read(const int16_t *in, struct audio_block *block)
{
    bool speech = in[0] == SPEECH_MARK;
    int16_t mark = speech ? SPEECH_MARK : SILENCE_MARK;
    if (in[0] != mark || in[1] != -mark)
        return false;
    struct fields fields;
    uint64_t rest;
    in += MARK_SAMPLES;
    if (!nibbles_read(in, 16, speech, &fields.low) || !nibbles_read(in + 16, 14, speech, &rest))
        return false;
    fields.high = rest & 0xffffffffff;
    if (rest >> 40 != fields_check(fields))
        return false;
    *block = fields_block(fields);
    return (block->utterance != 0) == speech;
}

void audio_reader_init(struct audio_reader *reader, unsigned rate)
{
    assert(rate / 100 >= AUDIO_BLOCK_SAMPLES_MIN && rate / 100 <= AUDIO_BLOCK_SAMPLES_MAX);
    /* What is pending is written before it is read. */
    memset(reader, 0, offsetof(struct audio_reader, pending));
    reader->rate = rate;
}

/* Where a block may begin in `pending`, but not at its start; `len` when nowhere. */
static size_t next_mark(const struct audio_reader *reader)
{
    const int16_t *in = reader->pending;
    for (size_t at = 1; at < reader->len; at++) {
        if (in[at] != SPEECH_MARK && in[at] != SILENCE_MARK)
            continue;
        if (at + 1 == reader->len || in[at + 1] == -in[at])
            return at;
    }
    return reader->len;
}

/* `pending` is as long as a block: takes it as one, or drops what cannot begin one. */
static bool pending_read(struct audio_reader *reader, struct audio_block *block)
{
    if (head_read(reader->pending, block)) {
        reader->len = 0;
        return true;
    }
    size_t drop = next_mark(reader);
    reader->skipped += drop;
    reader->len -= drop;
    memmove(reader->pending, reader->pending + drop, reader->len * sizeof *reader->pending);
    return false;
}

/* Takes one sample's bytes at least, at most what `pending` has room for; returns how many. */
static size_t pending_take(struct audio_reader *reader, const uint8_t *pcm, size_t bytes)
{
    size_t taken = 0;
    if (reader->half) {
        uint8_t sample[2] = {reader->odd, pcm[taken++]};
        memcpy(&reader->pending[reader->len++], sample, sizeof sample);
        reader->samples++;
        reader->half = false;
    }
    size_t samples = (bytes - taken) / 2, room = reader->rate / 100 - reader->len;
    if (samples > room)
        samples = room;
    memcpy(&reader->pending[reader->len], pcm + taken, samples * 2);
    reader->len += samples;
    reader->samples += samples;
    taken += samples * 2;
    if (bytes - taken == 1 && samples < room) {
        reader->half = true;
        reader->odd = pcm[taken++];
    }
    return taken;
}

size_t audio_reader_feed(struct audio_reader *reader, const void *pcm, size_t bytes, bool *found,
                         struct audio_block *block)
{
    size_t samples = reader->rate / 100, taken = 0;
    *found = false;
    if (reader->len == 0 && !reader->half && bytes >= samples * 2) {
        int16_t head[HEAD_SAMPLES]; /* the audio need not be aligned */
        memcpy(head, pcm, sizeof head);
        if (head_read(head, block)) {
            reader->samples += samples;
            *found = true;
            return samples * 2;
        }
    }
    while (taken < bytes && !*found) {
        taken += pending_take(reader, (const uint8_t *)pcm + taken, bytes - taken);
        if (reader->len == samples)
            *found = pending_read(reader, block);
    }
    return taken;
}
