#include "local/speech_text.h"
#include "tests/check.h"

static struct local_hypothesis words;
static char joined[512];

static const char *sentence(const char *text, bool punctuate, bool end)
{
    char copy[256], *rest = copy;
    snprintf(copy, sizeof copy, "%s", text);
    words.len = 0;
    for (char *word; (word = strsep(&rest, " ")) != NULL && word[0] != '\0';)
        snprintf(words.words[words.len++].text, LOCAL_WORD_BYTES, "%s", word);
    local_text_words(&words);
    if (punctuate)
        local_text_punctuate(&words, end);
    local_text_join(&words, 0, words.len, false, joined, sizeof joined);
    return joined;
}

static void test_i_and_names(void)
{
    CHECK_STR(sentence("on monday i'm going to spain and i will speak spanish", false, false),
              "on Monday I'm going to Spain and I will speak Spanish");
    CHECK_STR(sentence("friday's in is it", false, false), "Friday's in is it");
}

static void test_marks(void)
{
    CHECK_STR(sentence("the train is late", true, true), "The train is late.");
    CHECK_STR(sentence("where is the train", true, true), "Where is the train?");
    CHECK_STR(sentence("can you help me", true, true), "Can you help me?");
    CHECK_STR(sentence("what", true, true), "What."); /* one word says too little */
    CHECK_STR(sentence("the train", true, false), "The train");
    CHECK_STR(sentence("", true, true), "");
}

static void test_parts_join(void)
{
    sentence("one two three", false, false);
    local_text_join(&words, 1, 3, true, joined, sizeof joined);
    CHECK_STR(joined, " two three");
    local_text_join(&words, 1, 1, true, joined, sizeof joined);
    CHECK_STR(joined, "");
    local_text_join(&words, 0, 3, false, joined, 8);
    CHECK_STR(joined, "one two");
}

static void test_longest_word_keeps_its_end(void)
{
    char word[LOCAL_WORD_BYTES];
    memset(word, 'a', sizeof word - 1);
    word[sizeof word - 1] = '\0';
    words.len = 1;
    memcpy(words.words[0].text, word, sizeof word);
    local_text_punctuate(&words, true);
    CHECK_EQ(strlen(words.words[0].text), LOCAL_WORD_BYTES - 1);
}

int main(void)
{
    RUN(test_i_and_names);
    RUN(test_marks);
    RUN(test_parts_join);
    RUN(test_longest_word_keeps_its_end);
    return check_done();
}
