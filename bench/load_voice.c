#include "bench/load_voice.h"

#include "bench/audio.h"
#include "bench/script.h"
#include <assert.h>

/* Where a moment of a session's audio lies. */
struct moment {
    uint32_t utterance; /* 0: nobody speaks */
    int64_t start_ms;   /* of that utterance */
};

static int64_t speech_ms(const struct load_voice_config *config)
{
    return config->cycle_ms - config->pause_ms;
}

/* From one turn's start to the next: speaking for `turn_cycles`, then listening. */
static int64_t period_ms(const struct load_voice_config *config)
{
    double ms = (double)config->turn_cycles * config->cycle_ms / config->speaking;
    return (int64_t)(ms / AUDIO_BLOCK_MS + 0.5) * AUDIO_BLOCK_MS;
}

/* Utterances of the turn under way that began before the session did: they are not said. */
static int64_t unsaid(const struct load_voice *voice)
{
    int64_t cycle = voice->config->cycle_ms;
    int64_t begun = (voice->turn_ms + cycle - 1) / cycle;
    return begun < voice->config->turn_cycles ? begun : voice->config->turn_cycles;
}

/* The utterance whose cycle `at_ms` is in, its pause included. */
static struct moment moment_at(const struct load_voice *voice, int64_t at_ms)
{
    const struct load_voice_config *config = voice->config;
    if (voice->phase_ms < 0 || at_ms < voice->phase_ms)
        return (struct moment){0};
    int64_t period = period_ms(config), since = at_ms + voice->turn_ms;
    int64_t turn = since / period, cycle = since % period / config->cycle_ms;
    if (cycle >= config->turn_cycles)
        return (struct moment){0};
    return (struct moment){
        .utterance = (uint32_t)(turn * config->turn_cycles + cycle - unsaid(voice) + 1),
        .start_ms = turn * period + cycle * config->cycle_ms - voice->turn_ms,
    };
}

/* A session's place in the turns: multiples of the golden ratio, which spread any run of session
 * numbers evenly, so that close to the asked share speaks at any time. */
static double session_shift(uint64_t seed, uint32_t session)
{
    uint64_t at = (seed + session) * 0x9e3779b97f4a7c15;
    return (double)(at >> 11) * 0x1p-53;
}

void load_voice_init(struct load_voice *voice, const struct load_voice_config *config,
                     uint32_t session)
{
    assert(config->frame_ms > 0 && config->frame_ms % AUDIO_BLOCK_MS == 0);
    assert(config->cycle_ms % AUDIO_BLOCK_MS == 0 && config->pause_ms % AUDIO_BLOCK_MS == 0);
    assert(config->cycle_ms >= config->pause_ms + SCRIPT_SAID_MAX * AUDIO_BLOCK_MS);
    assert(config->frame_ms <= config->cycle_ms - config->pause_ms);
    assert(config->turn_cycles > 0 && config->speaking >= 0 && config->speaking <= 1);
    *voice = (struct load_voice){.config = config, .session = session, .phase_ms = -1};
    if (config->speaking <= 0)
        return;
    int64_t period = period_ms(config);
    int64_t blocks =
        (int64_t)(session_shift(config->seed, session) * ((double)period / AUDIO_BLOCK_MS));
    voice->turn_ms = blocks * AUDIO_BLOCK_MS;
    int64_t first = unsaid(voice);
    voice->phase_ms =
        (first < config->turn_cycles ? first * config->cycle_ms : period) - voice->turn_ms;
}

size_t load_voice_frame_bytes(const struct load_voice_config *config)
{
    return (size_t)(config->frame_ms / AUDIO_BLOCK_MS) * (config->rate / 100) * sizeof(int16_t);
}

/* Words share the utterance's blocks evenly: word i has blocks i * blocks / words and on. */
static void block_word(const struct load_voice *voice, struct audio_block *block, int64_t into_ms)
{
    const struct load_voice_config *config = voice->config;
    unsigned words = script_utterance_len(config->seed, voice->session, block->utterance);
    unsigned blocks = (unsigned)(speech_ms(config) / AUDIO_BLOCK_MS);
    unsigned at = (unsigned)(into_ms / AUDIO_BLOCK_MS);
    unsigned place = ((at + 1) * words - 1) / blocks;
    unsigned begin = place * blocks / words, end = (place + 1) * blocks / words;
    assert(at >= begin && at < end);
    block->place = (uint8_t)place;
    block->middle = at == begin + (end - begin) / 2;
}

void load_voice_frame(struct load_voice *voice, void *out, bool *speaking)
{
    const struct load_voice_config *config = voice->config;
    int64_t at_ms = (int64_t)voice->next_frame * config->frame_ms;
    int16_t *samples = out;
    *speaking = false;
    for (unsigned ms = 0; ms < config->frame_ms; ms += AUDIO_BLOCK_MS, at_ms += AUDIO_BLOCK_MS) {
        struct moment moment = moment_at(voice, at_ms);
        struct audio_block block = {
            .session = voice->session,
            .number = (uint32_t)(at_ms / AUDIO_BLOCK_MS),
            .seed = (uint16_t)config->seed,
        };
        if (moment.utterance != 0 && at_ms - moment.start_ms < speech_ms(config)) {
            block.utterance = moment.utterance;
            block_word(voice, &block, at_ms - moment.start_ms);
            *speaking = true;
        }
        samples += audio_block_write(&block, config->rate, samples);
    }
    voice->next_frame++;
}

bool load_voice_ended(const struct load_voice *voice, int64_t from_ms, int64_t to_ms,
                      struct load_utterance *out)
{
    assert(to_ms >= from_ms && to_ms - from_ms <= speech_ms(voice->config));
    /* So short a time cannot hold a whole utterance: what ends in it is under way at its start. */
    struct moment moment = moment_at(voice, from_ms);
    int64_t end_ms = moment.start_ms + speech_ms(voice->config);
    if (moment.utterance == 0 || end_ms <= from_ms || end_ms > to_ms)
        return false;
    *out = (struct load_utterance){
        .number = moment.utterance,
        .words = script_utterance_len(voice->config->seed, voice->session, moment.utterance),
        .start_ms = moment.start_ms,
        .end_ms = end_ms,
    };
    return true;
}
