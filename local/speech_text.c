#include "local/speech_text.h"

#include <assert.h>
#include <ctype.h>
#include <string.h>

/* Names common in everyday talk whose lower-case form is no other word. */
static const char *const names[] = {
    "monday",     "tuesday",  "wednesday", "thursday",  "friday",     "saturday",  "sunday",
    "january",    "february", "april",     "june",      "july",       "september", "october",
    "november",   "december", "english",   "spanish",   "french",     "german",    "italian",
    "portuguese", "russian",  "chinese",   "japanese",  "korean",     "arabic",    "american",
    "british",    "european", "england",   "britain",   "spain",      "france",    "germany",
    "italy",      "portugal", "russia",    "china",     "japan",      "korea",     "america",
    "europe",     "africa",   "asia",      "australia", "canada",     "mexico",    "brazil",
    "india",      "ireland",  "scotland",  "london",    "paris",      "madrid",    "barcelona",
    "berlin",     "rome",     "moscow",    "tokyo",     "washington", "christmas", "easter",
};

static const char *const questions[] = {
    "what",  "when",   "where",   "who",     "whom",    "whose",     "which",    "why",
    "how",   "do",     "does",    "did",     "is",      "are",       "am",       "was",
    "were",  "can",    "could",   "would",   "should",  "shall",     "will",     "have",
    "has",   "had",    "may",     "what's",  "where's", "who's",     "how's",    "when's",
    "isn't", "aren't", "don't",   "doesn't", "didn't",  "can't",     "couldn't", "wouldn't",
    "won't", "wasn't", "weren't", "haven't", "hasn't",  "shouldn't",
};

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static bool listed(const char *const *list, size_t count, const char *word, size_t len)
{
    for (size_t i = 0; i < count; i++)
        if (strlen(list[i]) == len && strncmp(list[i], word, len) == 0)
            return true;
    return false;
}

static void capital(char *word)
{
    word[0] = (char)toupper((unsigned char)word[0]);
}

void local_text_words(struct local_hypothesis *words)
{
    assert(words->len <= LOCAL_WORDS_MAX);
    for (size_t i = 0; i < words->len; i++) {
        char *word = words->words[i].text;
        size_t stem = strcspn(word, "'"); /* "i'm", "monday's" */
        if ((stem == 1 && word[0] == 'i') || listed(names, COUNT(names), word, stem))
            capital(word);
    }
}

void local_text_punctuate(struct local_hypothesis *words, bool end)
{
    if (words->len == 0)
        return;
    char *first = words->words[0].text;
    char *last = words->words[words->len - 1].text;
    bool question = words->len > 1 && listed(questions, COUNT(questions), first, strlen(first));
    capital(first);
    size_t len = strlen(last);
    if (end && len + 2 <= LOCAL_WORD_BYTES) {
        last[len] = question ? '?' : '.';
        last[len + 1] = '\0';
    }
}

void local_text_join(const struct local_hypothesis *words, size_t from, size_t to, bool space,
                     char *out, size_t cap)
{
    assert(from <= to && to <= words->len && cap > 0);
    size_t used = 0;
    for (size_t i = from; i < to; i++) {
        size_t len = strlen(words->words[i].text);
        bool spaced = space || i > from;
        if (used + spaced + len + 1 > cap)
            break;
        if (spaced)
            out[used++] = ' ';
        memcpy(out + used, words->words[i].text, len);
        used += len;
    }
    out[used] = '\0';
}
