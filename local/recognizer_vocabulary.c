#include "local/recognizer_vocabulary.h"

#include "base/mem.h"
#include "base/status.h"
#include <ctype.h>
#include <string.h>

/* Length of the word at `at`, 0 when it holds what no English word does. */
static size_t word_len(const char *at, const char *end)
{
    size_t len = 0;
    for (; at + len < end && at[len] != ' '; len++)
        if (!isalpha((unsigned char)at[len]) && at[len] != '\'')
            return 0;
    return len < LOCAL_WORD_BYTES ? len : 0;
}

static void vocabulary_add(struct local_vocabulary *vocabulary, const char *text, size_t len,
                           bool first)
{
    struct local_vocabulary_word *word = &vocabulary->words[vocabulary->len++];
    word->first = first;
    for (size_t i = 0; i < len; i++) {
        word->shown[i] = text[i];
        word->text[i] = (char)tolower((unsigned char)text[i]);
        vocabulary->mark = (vocabulary->mark ^ (uint8_t)text[i]) * 1099511628211u;
    }
    vocabulary->mark = (vocabulary->mark ^ ' ') * 1099511628211u | 1;
}

/* All of a phrase or nothing. */
static void vocabulary_phrase(struct local_vocabulary *vocabulary,
                              const struct local_speech_phrase *phrase)
{
    const char *end = phrase->text + phrase->len;
    size_t count = 0, from = vocabulary->len;
    uint64_t mark = vocabulary->mark;
    for (const char *at = phrase->text; at < end; count++) {
        size_t len = word_len(at, end);
        if (len == 0 || vocabulary->len == LOCAL_VOCABULARY_WORDS) {
            vocabulary->len = from;
            vocabulary->mark = mark;
            return;
        }
        vocabulary_add(vocabulary, at, len, count == 0);
        at += len;
        while (at < end && *at == ' ')
            at++;
    }
}

int local_vocabulary_create(struct local_vocabulary **out, const struct local_speech_config *config)
{
    struct local_speech_phrase *phrases = mem_alloc(LOCAL_VOCABULARY_WORDS * sizeof *phrases);
    struct local_vocabulary *vocabulary = NULL;
    int count = phrases != NULL ? local_speech_phrases_read(config, phrases, LOCAL_VOCABULARY_WORDS)
                                : STATUS_NOMEM;
    if (count > 0) {
        vocabulary = mem_calloc(1, sizeof *vocabulary +
                                       LOCAL_VOCABULARY_WORDS * sizeof vocabulary->words[0]);
        if (vocabulary == NULL)
            count = STATUS_NOMEM;
        for (int i = 0; i < count; i++)
            vocabulary_phrase(vocabulary, &phrases[i]);
    }
    mem_free(phrases);
    if (vocabulary != NULL && vocabulary->len == 0) {
        mem_free(vocabulary);
        vocabulary = NULL;
    }
    struct local_vocabulary *fit = NULL; /* pages that are not needed go back */
    if (vocabulary != NULL)
        fit = mem_realloc(vocabulary,
                          sizeof *vocabulary + vocabulary->len * sizeof vocabulary->words[0]);
    if (fit != NULL)
        vocabulary = fit;
    if (count < 0) {
        mem_free(vocabulary);
        return count;
    }
    *out = vocabulary;
    return 0;
}

void local_vocabulary_destroy(struct local_vocabulary *vocabulary)
{
    mem_free(vocabulary);
}

/* Words of the phrase that begins at `from`, when all of them stand at `at`. */
static size_t phrase_heard(const struct local_vocabulary *vocabulary, size_t from,
                           const struct local_hypothesis *words, size_t at)
{
    size_t len = 0;
    for (; from + len < vocabulary->len && (len == 0 || !vocabulary->words[from + len].first);
         len++)
        if (at + len >= words->len ||
            strcmp(words->words[at + len].text, vocabulary->words[from + len].text) != 0)
            return 0;
    return len;
}

void local_vocabulary_spell(const struct local_vocabulary *vocabulary,
                            struct local_hypothesis *words)
{
    for (size_t at = 0; at < words->len;) {
        size_t len = 0, from = 0;
        for (size_t i = 0; i < vocabulary->len; i++) {
            size_t heard = vocabulary->words[i].first ? phrase_heard(vocabulary, i, words, at) : 0;
            if (heard > len) {
                len = heard;
                from = i;
            }
        }
        for (size_t i = 0; i < len; i++)
            memcpy(words->words[at + i].text, vocabulary->words[from + i].shown, LOCAL_WORD_BYTES);
        at += len > 0 ? len : 1;
    }
}
