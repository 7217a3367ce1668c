#include "local/recognizer.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/status.h"
#include "local/recognizer_sounds.h"
#include "local/recognizer_vocabulary.h"
#include "local/recognizer_words.h"
#include <assert.h>
#include <pocketsphinx.h>
#include <sphinxbase/err.h>
#include <sphinxbase/ngram_model.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define MODEL_DIR    "/usr/share/pocketsphinx/model/en-us"
#define FRAME_MS     10
#define CEPSTRA      13
#define PATH_BYTES   1024
#define PHONES_BYTES 512
/* How much likelier than an even share of the language a word is that was asked for: as likely as
 * "station" or "teacher" many times over, less than "the". */
#define EXPECTED_WEIGHT 100

struct local_recognizer {
    ps_decoder_t *decoder;
    mfcc_t cmn[CEPSTRA]; /* the model's own initial means */
    bool open;           /* within an utterance */
    char *dict;          /* path of the dictionary */
    uint64_t expected;   /* mark of the vocabulary; 0: none */
    bool added;          /* the dictionary holds words of it */
    unsigned learned;    /* words added so far: the language model keeps them */
};

/* Chosen by word error rate over everyday sentences of two synthetic voices (24 sentences each):
 * eight Gaussians a codebook instead of four took it from 5.5 to 4.3 %, a little less weight of the
 * language model in the first pass to 4.1 %; the cap on active states costs nothing there and
 * bounds the slowest frames. Our own endpointing decides what is decoded: were silence removed
 * inside, word times would lose it. */
static const char *const decoder_options[] = {
    "-topn", "8", "-lw", "6", "-maxhmmpf", "8000", "-remove_silence", "no", "-logfn", "/dev/null",
};

/* `fd` gets the dictionary that is read; to be closed behind ps_init(). */
static cmd_ln_t *recognizer_config(const char *dir, const char *dict, int *fd)
{
    char hmm[PATH_BYTES], lm[PATH_BYTES], filtered[64];
    snprintf(hmm, sizeof hmm, "%s/en-us", dir);
    snprintf(lm, sizeof lm, "%s/en-us.lm.bin", dir);
    if (access(hmm, R_OK) != 0 || access(lm, R_OK) != 0 || access(dict, R_OK) != 0)
        return NULL;
    *fd = local_words_open(dict);
    if (*fd < 0)
        return NULL;
    snprintf(filtered, sizeof filtered, "/proc/self/fd/%d", *fd);
    char *argv[32] = {"sotto-local", "-hmm", hmm, "-lm", lm, "-dict", filtered};
    int argc = 7;
    for (size_t i = 0; i < sizeof decoder_options / sizeof decoder_options[0]; i++)
        argv[argc++] = (char *)decoder_options[i];
    return cmd_ln_parse_r(NULL, ps_args(), argc, argv, TRUE);
}

/* The model's feature parameters were read by ps_init(), cepstral means among them. */
static void recognizer_read_cmn(struct local_recognizer *recognizer)
{
    const char *text = cmd_ln_str_r(ps_get_config(recognizer->decoder), "-cmninit");
    for (int i = 0; text != NULL && i < CEPSTRA; i++) {
        char *end;
        recognizer->cmn[i] = FLOAT2MFCC(strtof(text, &end));
        text = *end == ',' ? end + 1 : NULL;
    }
}

int local_recognizer_create(struct local_recognizer **out, const char *model_dir)
{
    err_set_logfp(NULL);
    int dictionary;
    char dict[PATH_BYTES];
    const char *dir = model_dir != NULL ? model_dir : MODEL_DIR;
    snprintf(dict, sizeof dict, "%s/cmudict-en-us.dict", dir);
    cmd_ln_t *config = recognizer_config(dir, dict, &dictionary);
    if (config == NULL)
        return STATUS_NOT_FOUND;
    struct local_recognizer *recognizer = mem_calloc(1, sizeof *recognizer);
    if (recognizer != NULL)
        recognizer->dict = mem_strdup(dict);
    if (recognizer != NULL && recognizer->dict != NULL)
        recognizer->decoder = ps_init(config);
    cmd_ln_free_r(config);
    close(dictionary);
    if (recognizer == NULL)
        return STATUS_NOMEM;
    if (recognizer->decoder == NULL) {
        int status = recognizer->dict != NULL ? STATUS_NOT_FOUND : STATUS_NOMEM;
        mem_free(recognizer->dict);
        mem_free(recognizer);
        return status;
    }
    recognizer_read_cmn(recognizer);
    *out = recognizer;
    return 0;
}

void local_recognizer_destroy(struct local_recognizer *recognizer)
{
    if (recognizer == NULL)
        return;
    ps_free(recognizer->decoder);
    mem_free(recognizer->dict);
    mem_free(recognizer);
}

/* Its speaker has gone in the middle of it. */
static void recognizer_abandon(struct local_recognizer *recognizer)
{
    if (recognizer->open)
        ps_end_utt(recognizer->decoder);
    recognizer->open = false;
}

int local_recognizer_begin(struct local_recognizer *recognizer)
{
    recognizer_abandon(recognizer);
    /* Means and noise estimates adapt while decoding; both go back to where the model starts. */
    cmn_live_set(ps_get_feat(recognizer->decoder)->cmn_struct, recognizer->cmn);
    if (ps_start_stream(recognizer->decoder) < 0 || ps_start_utt(recognizer->decoder) < 0)
        return STATUS_INTERNAL;
    recognizer->open = true;
    return 0;
}

int local_recognizer_feed(struct local_recognizer *recognizer, const int16_t *pcm, size_t samples)
{
    assert(recognizer->open);
    return ps_process_raw(recognizer->decoder, pcm, samples, FALSE, FALSE) < 0 ? STATUS_INTERNAL
                                                                               : 0;
}

/* Silence, noises and sentence marks are "<…>", "[…]" and "++…++". */
static bool word_is_filler(const char *word)
{
    return word[0] == '<' || word[0] == '[' || word[0] == '+' || word[0] == '\0';
}

/* "read(2)" is a pronunciation of "read". */
static void word_copy(const char *word, char out[LOCAL_WORD_BYTES])
{
    size_t len = strcspn(word, "(");
    if (len >= LOCAL_WORD_BYTES)
        len = LOCAL_WORD_BYTES - 1;
    memcpy(out, word, len);
    out[len] = '\0';
}

static float word_confidence(struct local_recognizer *recognizer, ps_seg_t *segment)
{
    int32 acoustic, language, order;
    int32 posterior = ps_seg_prob(segment, &acoustic, &language, &order);
    double probability = logmath_exp(ps_get_logmath(recognizer->decoder), posterior);
    return (float)(probability < 0.01 ? 0.01 : probability > 0.99 ? 0.99 : probability);
}

static void recognizer_words(struct local_recognizer *recognizer, bool final,
                             struct local_hypothesis *out)
{
    ps_seg_t *segment = ps_seg_iter(recognizer->decoder);
    out->len = 0;
    for (; segment != NULL; segment = ps_seg_next(segment)) {
        const char *word = ps_seg_word(segment);
        if (word == NULL || word_is_filler(word))
            continue;
        if (out->len == LOCAL_WORDS_MAX) {
            ps_seg_free(segment);
            return;
        }
        int first, last;
        ps_seg_frames(segment, &first, &last);
        struct local_recognized *recognized = &out->words[out->len++];
        word_copy(word, recognized->text);
        recognized->start_ms = first * FRAME_MS;
        recognized->end_ms = (last + 1) * FRAME_MS;
        recognized->confidence = final ? word_confidence(recognizer, segment) : 0;
    }
}

void local_recognizer_partial(struct local_recognizer *recognizer, struct local_hypothesis *out)
{
    assert(recognizer->open);
    recognizer_words(recognizer, false, out);
}

int local_recognizer_end(struct local_recognizer *recognizer, struct local_hypothesis *out)
{
    assert(recognizer->open);
    recognizer->open = false;
    if (ps_end_utt(recognizer->decoder) < 0)
        return STATUS_INTERNAL;
    recognizer_words(recognizer, true, out);
    return 0;
}

/* The dictionary as it is without a vocabulary. */
static int recognizer_reload(struct local_recognizer *recognizer)
{
    char path[64];
    int fd = local_words_open(recognizer->dict);
    if (fd < 0)
        return STATUS_NOT_FOUND;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int status = ps_load_dict(recognizer->decoder, path, NULL, NULL) < 0 ? STATUS_INTERNAL : 0;
    close(fd);
    return status;
}

/* `update`: the search learns of it and of those before. */
static void recognizer_add(struct local_recognizer *recognizer, const char *word,
                           const char *phones, bool update)
{
    recognizer->learned++;
    ngram_model_t *model = ps_get_lm(recognizer->decoder, ps_get_search(recognizer->decoder));
    ngram_model_add_word(model, word, EXPECTED_WEIGHT);
    ps_add_word(recognizer->decoder, word, phones, update);
}

/* A word that the dictionary has to learn, and how it is spoken. */
static bool recognizer_lacks(const struct local_recognizer *recognizer, const char *word,
                             char phones[PHONES_BYTES])
{
    char *known = ps_lookup_word(recognizer->decoder, word);
    bool lacks = known == NULL && local_word_fit(word, strlen(word)) &&
                 local_sounds_of(word, phones, PHONES_BYTES);
    ckd_free(known);
    return lacks;
}

static void recognizer_learn(struct local_recognizer *recognizer,
                             const struct local_vocabulary *vocabulary)
{
    char phones[PHONES_BYTES];
    const char *last = NULL;
    for (size_t i = 0; i < vocabulary->len; i++)
        if (recognizer_lacks(recognizer, vocabulary->words[i].text, phones))
            last = vocabulary->words[i].text;
    if (last == NULL)
        return;
    if (recognizer->learned + vocabulary->len > LOCAL_VOCABULARY_LEARNED) {
        LOG_WARN(LOG_LOCAL, 0, "expected words are not learned", "reason=%s learned=%u",
                 LOG_Q("this decoder has learned too many"), recognizer->learned);
        return;
    }
    for (size_t i = 0; i < vocabulary->len; i++) {
        const char *word = vocabulary->words[i].text;
        if (strcmp(word, last) != 0 && recognizer_lacks(recognizer, word, phones))
            recognizer_add(recognizer, word, phones, false);
    }
    recognizer_lacks(recognizer, last, phones);
    recognizer_add(recognizer, last, phones, true);
    recognizer->added = true;
}

int local_recognizer_expect(struct local_recognizer *recognizer,
                            const struct local_vocabulary *vocabulary)
{
    uint64_t mark = vocabulary != NULL ? vocabulary->mark : 0;
    if (mark == recognizer->expected)
        return 0;
    recognizer_abandon(recognizer);
    int status = recognizer->added ? recognizer_reload(recognizer) : 0;
    if (status != 0)
        return status;
    recognizer->added = false;
    recognizer->expected = mark;
    if (vocabulary != NULL)
        recognizer_learn(recognizer, vocabulary);
    return 0;
}

bool local_language_known(const char *tag)
{
    return strncasecmp(tag, "en", 2) == 0 && (tag[2] == '\0' || tag[2] == '-');
}
