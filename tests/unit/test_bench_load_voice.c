/* When sessions speak, and that their audio says so. */
#include "bench/audio.h"
#include "bench/load_voice.h"
#include "bench/script.h"
#include "tests/check.h"

static const struct load_voice_config standard = {
    .seed = 1,
    .rate = 8000,
    .frame_ms = 100,
    .cycle_ms = 6000,
    .pause_ms = 900,
    .speaking = 1.0,
    .turn_cycles = 3,
};

/* Reads the next frame; its blocks, `frame_ms / 10` of them. */
static void frame_read(struct load_voice *voice, struct audio_block *blocks, bool *speaking)
{
    static int16_t pcm[48000];
    load_voice_frame(voice, pcm, speaking);
    struct audio_reader reader;
    audio_reader_init(&reader, voice->config->rate);
    size_t bytes = load_voice_frame_bytes(voice->config), count = 0;
    for (size_t at = 0; at < bytes;) {
        bool found;
        at += audio_reader_feed(&reader, (uint8_t *)pcm + at, bytes - at, &found, &blocks[count]);
        count += found;
    }
    CHECK_EQ(count, voice->config->frame_ms / AUDIO_BLOCK_MS);
}

/* Follows one session and holds what it hears against load_voice_ended(). */
struct follower {
    struct load_voice voice;
    uint32_t utterance, ended; /* last seen in audio, last told */
    unsigned places, middles;
    int64_t start_ms, end_ms;
    uint32_t number;
};

static void follow_block(struct follower *f, const struct audio_block *block)
{
    int64_t at_ms = (int64_t)block->number * AUDIO_BLOCK_MS;
    CHECK_EQ(block->number, f->number);
    f->number++;
    CHECK_EQ(block->session, f->voice.session);
    if (block->utterance == 0)
        return;
    if (block->utterance != f->utterance) {
        CHECK_EQ(block->utterance, f->utterance + 1);
        f->utterance = block->utterance;
        f->places = f->middles = 0;
        f->start_ms = at_ms;
        if (f->utterance == 1)
            CHECK_EQ(at_ms, f->voice.phase_ms);
    }
    /* The word before goes on, or the next begins. */
    CHECK(block->place == f->places || block->place + 1u == f->places);
    f->places = block->place + 1u;
    f->middles += block->middle;
    f->end_ms = at_ms + AUDIO_BLOCK_MS;
}

static void follow_frame(struct follower *f)
{
    int64_t from = (int64_t)f->voice.next_frame * f->voice.config->frame_ms;
    int64_t to = from + f->voice.config->frame_ms;
    struct audio_block blocks[100];
    bool speaking, heard = false;
    frame_read(&f->voice, blocks, &speaking);
    struct load_utterance told;
    bool ended = load_voice_ended(&f->voice, from, to, &told);
    CHECK(!ended || told.number == f->ended + 1);
    for (unsigned i = 0; i < f->voice.config->frame_ms / AUDIO_BLOCK_MS; i++) {
        heard |= blocks[i].utterance != 0;
        follow_block(f, &blocks[i]);
        if (ended && f->end_ms == told.end_ms && f->ended != told.number) {
            f->ended = told.number;
            CHECK_EQ(told.number, f->utterance);
            CHECK_EQ(told.start_ms, f->start_ms);
            CHECK_EQ(told.words, f->places);
            CHECK_EQ(told.words, f->middles);
            CHECK_EQ(told.words,
                     script_utterance_len(f->voice.config->seed, f->voice.session, told.number));
            CHECK_EQ(told.end_ms - told.start_ms,
                     f->voice.config->cycle_ms - f->voice.config->pause_ms);
            CHECK(told.end_ms > from && told.end_ms <= to);
        }
    }
    CHECK_EQ(heard, speaking);
    CHECK(!ended || f->ended == told.number);
}

static void follow(const struct load_voice_config *config, uint32_t session, unsigned utterances)
{
    struct follower f = {0};
    load_voice_init(&f.voice, config, session);
    unsigned frames =
        2 * (utterances + config->turn_cycles + 1) * config->cycle_ms / config->frame_ms;
    for (unsigned i = 0; i < frames; i++)
        follow_frame(&f);
    CHECK(f.ended >= utterances);
    CHECK(f.ended + 1 >= f.utterance); /* none ended untold */
}

static void every_utterance_is_said_and_told_once(void)
{
    for (uint32_t session = 0; session < 60; session++) {
        follow(&standard, session, 5);
        struct load_voice_config config = standard;
        config.speaking = 0.6;
        follow(&config, session, 5);
        config.speaking = 0.7; /* turns do not fall on multiples of the cycle */
        config.frame_ms = 40;
        follow(&config, session, 5);
        config.speaking = 1;
        config.pause_ms = 0; /* one utterance ends where the next begins, amid a frame */
        config.frame_ms = 170;
        follow(&config, session, 5);
    }
}

static void words_share_the_time_evenly(void)
{
    struct load_voice voice;
    load_voice_init(&voice, &standard, 3);
    unsigned blocks_of[SCRIPT_WORDS_MAX] = {0};
    for (unsigned i = 0; i < 130; i++) {
        struct audio_block blocks[10];
        bool speaking;
        frame_read(&voice, blocks, &speaking);
        for (int b = 0; b < 10; b++)
            if (blocks[b].utterance == 1)
                blocks_of[blocks[b].place]++;
    }
    unsigned words = script_utterance_len(1, 3, 1);
    for (unsigned place = 0; place < words; place++)
        CHECK(blocks_of[place] >= 510 / words && blocks_of[place] <= 510 / words + 1);
}

static void phases_are_spread_over_the_cycle(void)
{
    unsigned tenth[10] = {0};
    for (uint32_t session = 0; session < 1000; session++) {
        struct load_voice voice;
        load_voice_init(&voice, &standard, session);
        CHECK(voice.phase_ms >= 0 && voice.phase_ms < 6000);
        CHECK_EQ(voice.phase_ms % AUDIO_BLOCK_MS, 0);
        tenth[voice.phase_ms / 600]++;
    }
    for (int i = 0; i < 10; i++)
        CHECK(tenth[i] >= 90 && tenth[i] <= 110);
}

/* Of 1,000 sessions the asked share is in its turn at any time; 85 % of a turn is heard. */
static void share_speaks(double share)
{
    static struct load_voice voices[1000];
    struct load_voice_config config = standard;
    config.speaking = share;
    config.frame_ms = AUDIO_BLOCK_MS;
    for (uint32_t session = 0; session < 1000; session++)
        load_voice_init(&voices[session], &config, session + 17);
    /* Utterances that were under way at the start are not said: look after the first cycle. */
    for (uint32_t second = 6; second < 120; second++) {
        unsigned speaking = 0;
        for (int i = 0; i < 1000; i++) {
            int16_t pcm[80];
            bool speaks;
            voices[i].next_frame = second * 1000 / AUDIO_BLOCK_MS;
            load_voice_frame(&voices[i], pcm, &speaks);
            speaking += speaks;
        }
        double off = speaking / 850.0 - share;
        CHECK(off > -0.03 && off < 0.03);
    }
}

static void share_of_sessions_speaks_at_any_time(void)
{
    share_speaks(0);
    share_speaks(0.25);
    share_speaks(0.6);
    share_speaks(0.7);
    share_speaks(1);
}

int main(void)
{
    RUN(every_utterance_is_said_and_told_once);
    RUN(words_share_the_time_evenly);
    RUN(phases_are_spread_over_the_cycle);
    RUN(share_of_sessions_speaks_at_any_time);
    return check_done();
}
