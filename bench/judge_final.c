#include "bench/judge_internal.h"

#include "bench/judge_words.h"
#include "bench/script.h"

/*
 * Every word of the lexicon has one translation and no two words of a language are the same, so
 * comparing the numbers of the words is comparing with script_translate() of the transcript, case
 * and punctuation aside.
 */
bool judge__translation_right(const struct judge_session *session,
                              const struct judge_segment *segment, struct judge_text text,
                              const char *language)
{
    const uint16_t *words = session->words + segment->words_at;
    struct judge_text word;
    size_t at = 0, len = 0;
    while (judge_words_next(text.data, text.len, &at, &word) != 0) {
        if (len == segment->words_len || judge_words_find(word, language) != words[len])
            return false;
        len++;
    }
    return len == segment->words_len;
}

/* Takes the words that should stand for one of the transcript; false: others do. */
static bool take_words(struct judge_text text, size_t *at, const char *expected)
{
    struct judge_text want = {expected, __builtin_strlen(expected)}, word;
    size_t want_at = 0;
    uint32_t hash;
    while ((hash = judge_words_next(want.data, want.len, &want_at, &word)) != 0)
        if (judge_words_next(text.data, text.len, at, &word) != hash)
            return false;
    return true;
}

bool judge__correction_right(const struct judge_session *session,
                             const struct judge_segment *segment, struct judge_text text)
{
    const uint16_t *words = session->words + segment->words_at;
    const char *source = session->judge->config.source;
    struct judge_text word;
    size_t at = 0;
    for (unsigned i = 0; i < segment->words_len; i++) {
        if (words[i] == JUDGE_WORD_UNKNOWN) {
            /* Not the script's, so it is not known what it should become. */
            if (judge_words_next(text.data, text.len, &at, &word) == 0)
                return false;
            continue;
        }
        const char *expected = script_word_correction(words[i]);
        if (expected == NULL)
            expected = script_word_text(words[i], source);
        if (!take_words(text, &at, expected))
            return false;
    }
    return judge_words_next(text.data, text.len, &at, &word) == 0;
}
