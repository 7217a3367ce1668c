/* The simulated recogniser: the words of exactly the span it hears, in time and in order. */
#include "base/buf.h"
#include "base/rng.h"
#include "base/status.h"
#include "bench/audio.h"
#include "bench/load_voice.h"
#include "bench/script.h"
#include "bench/sim_ear.h"
#include "bench/sim_latency.h"
#include "tests/check.h"

#define RATE          8000
#define BLOCK_SAMPLES (RATE / 100)
#define SECONDS       40
#define BLOCKS        (SECONDS * 100)
#define FAR_US        (INT64_MAX / 2)
#define SESSION       7

static const struct load_voice_config speech = {
    .seed = 5,
    .rate = RATE,
    .frame_ms = 100,
    .cycle_ms = 6000,
    .pause_ms = 900,
    .speaking = 1,
    .turn_cycles = 3,
};
static int16_t pcm[BLOCKS * BLOCK_SAMPLES];
static struct load_voice voice;
static struct sim_latency *latency; /* 100 ms */

/* A stream under test and what it answered. */
struct stream {
    struct sim_ear *ear;
    struct buf log;    /* every result in a line */
    struct buf finals; /* their texts, a space behind each */
    unsigned responses, final_count;
    int64_t last_end_us, last_final_us;
    struct local_speech_word words[SCRIPT_WORDS_MAX];
    size_t words_len;
};

static struct local_speech_config request_plain(void)
{
    struct local_speech_config request = {.rate = RATE, .interim = true};
    snprintf(request.language, sizeof request.language, "en-US");
    return request;
}

static struct sim_ear_config config_plain(void)
{
    return (struct sim_ear_config){
        .seed = speech.seed, .partial_ms = 250, .endpoint_ms = 300, .latency = latency};
}

static void stream_open(struct stream *stream, const struct sim_ear_config *config,
                        const struct local_speech_config *request)
{
    memset(stream, 0, sizeof *stream);
    buf_init(&stream->log, 4 << 20);
    buf_init(&stream->finals, 1 << 20);
    CHECK_EQ(sim_ear_create(&stream->ear, config, request, 42), STATUS_OK);
}

static void stream_close(struct stream *stream)
{
    sim_ear_destroy(stream->ear);
    buf_deinit(&stream->log);
    buf_deinit(&stream->finals);
}

static void stream_note(struct stream *stream, const struct local_speech_response *response)
{
    stream->responses++;
    CHECK(response->results_len == 1 || response->results_len == 2);
    for (size_t i = 0; i < response->results_len; i++) {
        const struct local_speech_result *result = &response->results[i];
        buf_printf(&stream->log, "%d %.1f %.1f %lld [%s]%s", result->final,
                   (double)result->stability, (double)result->confidence, (long long)result->end_us,
                   result->transcript, i + 1 < response->results_len ? " + " : "\n");
        CHECK(result->end_us > stream->last_final_us);
        stream->last_end_us = result->end_us;
        if (!result->final)
            continue;
        CHECK_EQ(response->results_len, 1);
        stream->final_count++;
        stream->last_final_us = result->end_us;
        buf_printf(&stream->finals, "%s ", result->transcript);
        /* Of the words only the times are kept: their texts are lent. */
        stream->words_len = result->words_len;
        if (result->words_len > 0)
            memcpy(stream->words, result->words, result->words_len * sizeof *result->words);
    }
    CHECK_EQ(buf_status(&stream->log), STATUS_OK);
}

static void stream_take(struct stream *stream, int64_t now_us)
{
    struct local_speech_response response;
    while (sim_ear_next(stream->ear, now_us, &response))
        stream_note(stream, &response);
}

/* Hears bytes [from, to) of the session's audio, in 100 ms messages or at random cuts; now is the
 * audio's own time. */
static void stream_hear(struct stream *stream, size_t from, size_t to, struct rng *cuts)
{
    while (from < to) {
        size_t piece = cuts == NULL ? 2 * RATE / 10 : 1 + rng_below(cuts, 4000);
        size_t end = piece < to - from ? from + piece : to;
        int64_t now_us = (int64_t)end * 1000000 / (2 * RATE);
        stream_take(stream, now_us);
        sim_ear_hear(stream->ear, (const uint8_t *)pcm + from, end - from, now_us);
        from = end;
    }
}

static void stream_finish(struct stream *stream)
{
    sim_ear_finish(stream->ear, FAR_US - 10000000);
    stream_take(stream, FAR_US);
    CHECK(sim_ear_done(stream->ear));
    CHECK_EQ(sim_ear_due_us(stream->ear), INT64_MAX);
}

static size_t ms_bytes(int64_t ms)
{
    return (size_t)ms * RATE / 1000 * 2;
}

static struct load_utterance utterance(uint32_t number)
{
    struct load_utterance found = {0};
    for (int64_t ms = 0; ms < SECONDS * 1000 && found.number != number; ms += 100)
        load_voice_ended(&voice, ms, ms + 100, &found);
    CHECK_EQ(found.number, number);
    return found;
}

/* Words [first, first + len) of an utterance behind what `out` holds. */
static void script_write(uint32_t number, unsigned first, unsigned len, struct buf *out)
{
    struct script_span span = {
        .seed = speech.seed, .session = SESSION, .utterance = number, .first = first, .len = len};
    CHECK_EQ(script_span_write(&span, "en", out), STATUS_OK);
    buf_putc(out, ' ');
}

static void finals_are_the_script(void)
{
    struct sim_ear_config config = config_plain();
    struct local_speech_config request = request_plain();
    struct stream stream;
    stream_open(&stream, &config, &request);
    stream_hear(&stream, 0, sizeof pcm, NULL);
    CHECK_EQ(sim_ear_heard_ms(stream.ear), SECONDS * 1000);
    struct buf want;
    buf_init(&want, 1 << 20);
    for (uint32_t number = 1; number <= 5; number++)
        script_write(number, 0, utterance(number).words, &want);
    CHECK(stream.final_count >= 5);
    CHECK(strncmp(stream.finals.data, want.data, want.len) == 0);
    buf_deinit(&want);
    stream_finish(&stream);
    stream_close(&stream);
}

/* The final of an utterance is due when its endpoint was heard, after the latency. */
static void final_comes_after_the_endpoint(void)
{
    struct sim_ear_config config = config_plain();
    struct local_speech_config request = request_plain();
    request.interim = false;
    struct load_utterance first = utterance(1);
    struct stream stream;
    stream_open(&stream, &config, &request);
    stream_hear(&stream, 0, ms_bytes(first.end_ms + 290), NULL);
    CHECK_EQ(sim_ear_due_us(stream.ear), INT64_MAX);
    sim_ear_hear(stream.ear, (uint8_t *)pcm + ms_bytes(first.end_ms + 290), ms_bytes(10), 1000000);
    CHECK_EQ(sim_ear_due_us(stream.ear), 1100000);
    stream_take(&stream, 1099999);
    CHECK_EQ(stream.final_count, 0);
    stream_take(&stream, 1100000);
    CHECK_EQ(stream.final_count, 1);
    CHECK_EQ(stream.last_final_us, first.end_ms * 1000);
    stream_close(&stream);
}

/* Every 250 ms of an utterance; the last two words unsure, with the space before them. */
static void interims_split_stable_and_unsure(void)
{
    struct sim_ear_config config = config_plain();
    struct local_speech_config request = request_plain();
    struct load_utterance first = utterance(1);
    struct stream stream;
    stream_open(&stream, &config, &request);
    sim_ear_hear(stream.ear, pcm, ms_bytes(first.end_ms), 0);
    struct local_speech_response response;
    unsigned interims = 0, split = 0;
    struct buf want;
    buf_init(&want, 4096);
    script_write(1, 0, first.words, &want);
    while (sim_ear_next(stream.ear, FAR_US, &response)) {
        char text[2000] = "";
        for (size_t i = 0; i < response.results_len; i++) {
            const struct local_speech_result *result = &response.results[i];
            CHECK(!result->final && result->confidence == 0 && result->words_len == 0);
            CHECK(result->stability == (i + 1 == response.results_len ? 0.1f : 0.9f));
            CHECK_STR(result->language, "en-US");
            CHECK_EQ(result->transcript[0] == ' ', i == 1);
            snprintf(text + strlen(text), sizeof text - strlen(text), "%s", result->transcript);
        }
        CHECK(strncmp(text, want.data, strlen(text)) == 0);
        CHECK(strlen(text) > 0 && want.data[strlen(text)] == ' ');
        split += response.results_len == 2;
        interims++;
    }
    /* 5,100 ms of speech; the first may come before a word's middle does. */
    CHECK(interims >= 19 && interims <= 20);
    CHECK(split >= 16);
    buf_deinit(&want);
    stream_close(&stream);
}

static void word_counts_from_its_middle(void)
{
    struct sim_ear_config config = config_plain();
    struct local_speech_config request = request_plain();
    struct load_utterance first = utterance(1);
    unsigned blocks = 510, begin = 3 * blocks / first.words, end = 4 * blocks / first.words;
    int64_t middle_ms = first.start_ms + 10 * (int64_t)(begin + (end - begin) / 2);
    struct buf want;
    buf_init(&want, 4096);
    for (int heard = 0; heard < 2; heard++) {
        struct stream stream;
        stream_open(&stream, &config, &request);
        stream_hear(&stream, 0, ms_bytes(middle_ms + 10 * heard), NULL);
        stream_finish(&stream);
        buf_reset(&want);
        script_write(1, 0, 3 + (unsigned)heard, &want);
        CHECK_STR(stream.finals.data, want.data);
        CHECK_EQ(stream.last_final_us / 1000,
                 heard ? middle_ms + 10 : first.start_ms + 10 * (int64_t)begin);
        stream_close(&stream);
    }
    buf_deinit(&want);
}

static void results_do_not_depend_on_messages(void)
{
    struct sim_ear_config config = config_plain();
    struct local_speech_config request = request_plain();
    config.tail_error = 0.3;
    struct stream whole, cut;
    stream_open(&whole, &config, &request);
    stream_hear(&whole, 0, sizeof pcm, NULL);
    stream_finish(&whole);
    CHECK(whole.responses > 100);
    struct rng rng;
    rng_init(&rng, 1);
    for (int round = 0; round < 25; round++) {
        stream_open(&cut, &config, &request);
        stream_hear(&cut, 0, sizeof pcm, &rng);
        stream_finish(&cut);
        CHECK_EQ(cut.responses, whole.responses);
        CHECK_STR(cut.log.data, whole.log.data);
        stream_close(&cut);
    }
    stream_close(&whole);
}

/* Streams cut between blocks, anywhere in a word too: every word in one stream's final, once. */
static void cut_streams_answer_every_word_once(void)
{
    struct sim_ear_config config = config_plain();
    struct local_speech_config request = request_plain();
    struct stream whole;
    stream_open(&whole, &config, &request);
    stream_hear(&whole, 0, sizeof pcm, NULL);
    stream_finish(&whole);
    struct rng rng;
    rng_init(&rng, 2);
    struct buf all;
    buf_init(&all, 1 << 20);
    for (int round = 0; round < 200; round++) {
        buf_reset(&all);
        for (size_t at = 0; at < sizeof pcm;) {
            size_t end = at + 2 * BLOCK_SAMPLES * (1 + rng_below(&rng, 700));
            if (end > sizeof pcm)
                end = sizeof pcm;
            struct stream part;
            stream_open(&part, &config, &request);
            stream_hear(&part, at, end, &rng);
            stream_finish(&part);
            if (part.finals.len > 0)
                buf_append(&all, part.finals.data, part.finals.len);
            stream_close(&part);
            at = end;
        }
        CHECK_STR(all.data, whole.finals.data);
    }
    buf_deinit(&all);
    stream_close(&whole);
}

/* Audio that does not begin with a block: positions count from the stream's own first sample. */
static void positions_count_what_came_before(void)
{
    struct sim_ear_config config = config_plain();
    struct local_speech_config request = request_plain();
    request.word_times = true;
    struct load_utterance first = utterance(1);
    size_t from = ms_bytes(first.start_ms) - 2 * BLOCK_SAMPLES * 3 + 2 * 33;
    struct stream stream;
    stream_open(&stream, &config, &request);
    stream_hear(&stream, from, ms_bytes(first.end_ms + 1000), NULL);
    stream_finish(&stream);
    int64_t lead = ((int64_t)ms_bytes(first.start_ms) - (int64_t)from) / 2; /* samples */
    CHECK_EQ(stream.final_count, 1);
    CHECK_EQ(stream.last_final_us, (lead + 5100 * RATE / 1000) * 1000000 / RATE);
    CHECK_EQ(stream.words_len, first.words);
    for (unsigned i = 0; i < stream.words_len; i++) {
        CHECK_EQ(stream.words[i].start_us, (lead + i * 510 / first.words * 80) * 1000000 / RATE);
        CHECK_EQ(stream.words[i].end_us,
                 (lead + (i + 1) * 510 / first.words * 80) * 1000000 / RATE);
    }
    stream_close(&stream);
}

static void words_stand_as_in_the_text(void)
{
    struct sim_ear_config config = config_plain();
    struct local_speech_config request = request_plain();
    request.punctuation = request.word_times = request.word_confidence = true;
    request.interim = false;
    snprintf(request.language, sizeof request.language, "fr-CA");
    struct load_utterance first = utterance(1);
    struct sim_ear *ear;
    CHECK_EQ(sim_ear_create(&ear, &config, &request, 1), STATUS_OK);
    sim_ear_hear(ear, pcm, ms_bytes(first.end_ms + 500), 0);
    struct local_speech_response response;
    CHECK(sim_ear_next(ear, FAR_US, &response));
    const struct local_speech_result *result = &response.results[0];
    CHECK(result->final && result->confidence == 0.9f && result->stability == 0);
    struct script_span span = {.seed = speech.seed,
                               .session = SESSION,
                               .utterance = 1,
                               .len = first.words,
                               .sentence = true};
    struct buf want, joined;
    buf_init(&want, 4096);
    buf_init(&joined, 4096);
    CHECK_EQ(script_span_write(&span, "fr", &want), STATUS_OK);
    CHECK_STR(result->transcript, want.data);
    CHECK_EQ(result->words_len, first.words);
    for (size_t i = 0; i < result->words_len; i++) {
        CHECK(result->words[i].confidence == 0.9f);
        buf_printf(&joined, i > 0 ? " %s" : "%s", result->words[i].text);
    }
    CHECK_STR(joined.data, want.data);
    buf_deinit(&want);
    buf_deinit(&joined);
    sim_ear_destroy(ear);
}

static void unknown_language_is_english(void)
{
    struct sim_ear_config config = config_plain();
    struct local_speech_config request = request_plain();
    struct stream english, other;
    stream_open(&english, &config, &request);
    snprintf(request.language, sizeof request.language, "xx-YY");
    stream_open(&other, &config, &request);
    stream_hear(&english, 0, sizeof pcm, NULL);
    stream_hear(&other, 0, sizeof pcm, NULL);
    CHECK(english.finals.len > 100);
    CHECK_STR(other.finals.data, english.finals.data);
    stream_close(&english);
    stream_close(&other);
}

/* As often as asked the last word of an interim is another one, never of a final. */
static void last_words_are_wrong_as_often_as_asked(void)
{
    struct sim_ear_config config = config_plain();
    struct local_speech_config request = request_plain();
    struct stream right, wrong;
    stream_open(&right, &config, &request);
    config.tail_error = 0.5;
    stream_open(&wrong, &config, &request);
    stream_hear(&right, 0, sizeof pcm, NULL);
    stream_hear(&wrong, 0, sizeof pcm, NULL);
    CHECK_EQ(right.responses, wrong.responses);
    CHECK_STR(right.finals.data, wrong.finals.data);
    unsigned differ = 0;
    char *a = right.log.data, *b = wrong.log.data;
    for (unsigned line = 0; line < right.responses; line++) {
        size_t a_len = strcspn(a, "\n"), b_len = strcspn(b, "\n");
        bool same = a_len == b_len && memcmp(a, b, a_len) == 0;
        CHECK(same || a[0] == '0');
        differ += !same;
        a += a_len + 1;
        b += b_len + 1;
    }
    CHECK(differ > right.responses / 3 && differ < right.responses * 2 / 3);
    stream_close(&right);
    stream_close(&wrong);
}

/* Or a server that trusts what was heard twice would commit it. A short interval, so that many
 * interims end at the same word: by chance some would be the same wrong one. */
static void wrong_words_are_not_said_twice_running(void)
{
    struct sim_ear_config config = config_plain();
    struct local_speech_config request = request_plain();
    config.partial_ms = 20;
    config.tail_error = 1;
    struct stream stream;
    stream_open(&stream, &config, &request);
    stream_hear(&stream, 0, sizeof pcm, NULL);
    unsigned compared = 0;
    for (char *line = stream.log.data, *next; (next = strchr(line, '\n') + 1)[0] != '\0';
         line = next) {
        const char *text = strchr(line, '['), *then = strchr(next, '[');
        size_t len = strcspn(text, "\n");
        bool interims = line[0] == '0' && next[0] == '0';
        CHECK(!interims || strncmp(text, then, len + 1) != 0);
        compared += interims;
    }
    CHECK(compared > 1000);
    stream_close(&stream);
}

static void long_speech_is_cut(void)
{
    struct sim_ear_config config = config_plain();
    struct local_speech_config request = request_plain();
    struct stream whole, cut;
    stream_open(&whole, &config, &request);
    config.utterance_max_ms = 2000;
    stream_open(&cut, &config, &request);
    stream_hear(&whole, 0, sizeof pcm, NULL);
    stream_hear(&cut, 0, sizeof pcm, NULL);
    stream_finish(&whole);
    stream_finish(&cut);
    CHECK(cut.final_count >= 2 * whole.final_count);
    CHECK_STR(cut.finals.data, whole.finals.data);
    stream_close(&whole);
    stream_close(&cut);
}

/* Whatever the latencies draw: in order; what is due later holds back what follows. */
static void results_keep_their_order(void)
{
    struct sim_latency *wild = NULL;
    char error[200];
    CHECK_EQ(sim_latency_parse("uniform:0:3000", &wild, error, sizeof error), STATUS_OK);
    struct sim_ear_config config = config_plain();
    struct local_speech_config request = request_plain();
    struct stream calm, late;
    stream_open(&calm, &config, &request);
    config.latency = wild;
    stream_open(&late, &config, &request);
    stream_hear(&calm, 0, sizeof pcm, NULL);
    stream_hear(&late, 0, sizeof pcm, NULL);
    stream_finish(&calm);
    stream_finish(&late);
    CHECK_STR(late.log.data, calm.log.data);
    stream_close(&calm);
    stream_close(&late);
    sim_latency_destroy(wild);
}

static void full_queue_keeps_finals(void)
{
    struct sim_ear_config config = config_plain();
    struct local_speech_config request = request_plain();
    config.partial_ms = 10;
    struct stream taken, kept;
    stream_open(&taken, &config, &request);
    stream_open(&kept, &config, &request);
    stream_hear(&taken, 0, sizeof pcm, NULL);
    stream_finish(&taken);
    sim_ear_hear(kept.ear, pcm, sizeof pcm, 0);
    stream_finish(&kept);
    CHECK(taken.responses > 1000);
    CHECK_EQ(kept.responses - kept.final_count, SIM_EAR_QUEUE_MAX);
    CHECK_STR(kept.finals.data, taken.finals.data);
    stream_close(&taken);
    stream_close(&kept);
}

static void last_final_may_be_late_or_lost(void)
{
    struct sim_ear_config config = config_plain();
    struct local_speech_config request = request_plain();
    request.interim = false;
    config.late_final_ms = 2000;
    size_t bytes = ms_bytes(utterance(1).end_ms - 1000);
    struct sim_ear *ear;
    CHECK_EQ(sim_ear_create(&ear, &config, &request, 1), STATUS_OK);
    sim_ear_hear(ear, pcm, bytes, 0);
    sim_ear_finish(ear, 1000000);
    CHECK(!sim_ear_done(ear));
    CHECK_EQ(sim_ear_due_us(ear), 3100000);
    sim_ear_destroy(ear);
    config.lose_last_final = true;
    CHECK_EQ(sim_ear_create(&ear, &config, &request, 1), STATUS_OK);
    sim_ear_hear(ear, pcm, bytes, 0);
    sim_ear_finish(ear, 1000000);
    CHECK(sim_ear_done(ear));
    sim_ear_destroy(ear);
}

/* Says blocks of one utterance's word, the middle in the second of three. */
static void word_hear(struct stream *stream, uint32_t session, uint32_t number, uint8_t place)
{
    for (int i = 0; i < 3; i++) {
        int16_t block_pcm[BLOCK_SAMPLES];
        struct audio_block block = {.session = session,
                                    .seed = (uint16_t)speech.seed,
                                    .utterance = number,
                                    .place = place,
                                    .middle = i == 1};
        audio_block_write(&block, RATE, block_pcm);
        sim_ear_hear(stream->ear, block_pcm, sizeof block_pcm, 0);
    }
}

/* Without any silence between them: another session's, another utterance's words, and the same
 * again, are segments of their own. */
static void what_does_not_follow_is_another_segment(void)
{
    struct sim_ear_config config = config_plain();
    struct local_speech_config request = request_plain();
    struct stream stream;
    stream_open(&stream, &config, &request);
    word_hear(&stream, SESSION, 1, 0);
    word_hear(&stream, SESSION, 1, 1);
    word_hear(&stream, SESSION, 1, 4); /* the two between were lost */
    word_hear(&stream, SESSION, 2, 5);
    word_hear(&stream, SESSION + 1, 2, 6);
    word_hear(&stream, SESSION + 1, 2, 6);
    word_hear(&stream, SESSION + 1, 2, 3);
    stream_finish(&stream);
    const int64_t ends_ms[] = {90, 120, 180, 210};
    const unsigned words[] = {3, 1, 1, 1}; /* a word whose middle comes twice is one word */
    CHECK_EQ(stream.final_count, sizeof ends_ms / sizeof *ends_ms);
    char *line = stream.log.data;
    for (size_t i = 0; i < stream.final_count; i++) {
        CHECK_EQ(strtoll(line + strlen("1 0.0 0.9 "), NULL, 10), ends_ms[i] * 1000);
        unsigned spaces = 0;
        for (line = strchr(line, '['); *line != '\n'; line++)
            spaces += *line == ' ';
        CHECK_EQ(spaces + 1, words[i]);
        line++;
    }
    stream_close(&stream);
}

/* Places no script has, words that go back, other sessions amid a stream: nothing breaks. */
static void nonsense_is_survived(void)
{
    struct sim_ear_config config = config_plain();
    struct local_speech_config request = request_plain();
    config.audit = sim_audit_create(config.seed);
    struct stream stream;
    stream_open(&stream, &config, &request);
    struct rng rng;
    rng_init(&rng, 9);
    for (int i = 0; i < 20000; i++) {
        int16_t block_pcm[BLOCK_SAMPLES];
        struct audio_block block = {
            .session = (uint32_t)rng_below(&rng, 1 << 24),
            .number = (uint32_t)rng_next(&rng) >> rng_below(&rng, 32),
            .seed = (uint16_t)(config.seed + (rng_below(&rng, 9) == 0)),
            .utterance = (uint32_t)rng_below(&rng, 4),
            .place = (uint8_t)rng_below(&rng, 128),
            .middle = rng_below(&rng, 2) == 1,
        };
        if (rng_below(&rng, 10) > 0)
            block.session = 3;
        audio_block_write(&block, RATE, block_pcm);
        sim_ear_hear(stream.ear, block_pcm, 1 + rng_below(&rng, sizeof block_pcm), i * 10000);
        sim_ear_hear(stream.ear, block_pcm, sizeof block_pcm, i * 10000);
        stream_take(&stream, i * 10000);
    }
    stream_finish(&stream);
    CHECK(stream.final_count > 100);
    stream_close(&stream);
    sim_audit_destroy(config.audit);
}

static void audit_counts_what_was_heard(void)
{
    struct sim_ear_config config = config_plain();
    struct local_speech_config request = request_plain();
    config.audit = sim_audit_create(config.seed);
    struct sim_audit_sum sum;
    sim_audit_sum(config.audit, &sum);
    CHECK_EQ(sum.blocks + sum.sessions + sum.missing, 0);
    struct stream stream;
    stream_open(&stream, &config, &request);
    stream_hear(&stream, 0, ms_bytes(10000), NULL);
    stream_hear(&stream, ms_bytes(10500), ms_bytes(20000), NULL); /* 50 blocks are lost */
    stream_close(&stream);
    stream_open(&stream, &config, &request);
    stream_hear(&stream, ms_bytes(19000), ms_bytes(21000), NULL);    /* 100 come again */
    stream_hear(&stream, ms_bytes(9995) + 2, ms_bytes(10100), NULL); /* ten of the lost, late */
    stream_close(&stream);
    sim_audit_sum(config.audit, &sum);
    CHECK_EQ(sum.sessions, 1);
    CHECK_EQ(sum.blocks, 2060);
    CHECK_EQ(sum.missing, 40);
    CHECK_EQ(sum.repeated, 100);
    CHECK_EQ(sum.skipped_bytes, ms_bytes(5) - 2);
    CHECK_EQ(sum.strangers, 0);
    sim_audit_destroy(config.audit);
}

static void audit_knows_strangers(void)
{
    struct sim_ear_config config = config_plain();
    struct local_speech_config request = request_plain();
    config.audit = sim_audit_create(++config.seed);
    struct stream stream;
    stream_open(&stream, &config, &request);
    stream_hear(&stream, 0, ms_bytes(10000), NULL);
    stream_finish(&stream);
    CHECK_EQ(stream.responses, 0);
    stream_close(&stream);
    struct sim_audit_sum sum;
    sim_audit_sum(config.audit, &sum);
    CHECK_EQ(sum.strangers, 1000);
    CHECK_EQ(sum.blocks, 0);
    sim_audit_destroy(config.audit);
}

int main(void)
{
    char error[200];
    bool speaking;
    CHECK_EQ(sim_latency_parse("100", &latency, error, sizeof error), STATUS_OK);
    load_voice_init(&voice, &speech, SESSION);
    for (size_t at = 0; at < sizeof pcm; at += load_voice_frame_bytes(&speech))
        load_voice_frame(&voice, (uint8_t *)pcm + at, &speaking);
    RUN(finals_are_the_script);
    RUN(final_comes_after_the_endpoint);
    RUN(interims_split_stable_and_unsure);
    RUN(word_counts_from_its_middle);
    RUN(results_do_not_depend_on_messages);
    RUN(cut_streams_answer_every_word_once);
    RUN(positions_count_what_came_before);
    RUN(words_stand_as_in_the_text);
    RUN(unknown_language_is_english);
    RUN(last_words_are_wrong_as_often_as_asked);
    RUN(wrong_words_are_not_said_twice_running);
    RUN(long_speech_is_cut);
    RUN(results_keep_their_order);
    RUN(full_queue_keeps_finals);
    RUN(last_final_may_be_late_or_lost);
    RUN(what_does_not_follow_is_another_segment);
    RUN(nonsense_is_survived);
    RUN(audit_counts_what_was_heard);
    RUN(audit_knows_strangers);
    sim_latency_destroy(latency);
    return check_done();
}
