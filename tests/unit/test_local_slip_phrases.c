/* The table of phrases is sound: every pattern and right side can be read, and every message has
 * its Spanish. Then what the parts of a pattern mean. */
#include "local/slip_phrases.c"
#include "tests/check.h"

/* The next token of a pattern or a right side. */
static bool next(const char **at, char out[LOCAL_GRAMMAR_WORD_BYTES])
{
    size_t len = strcspn(*at, " ");
    if (len == 0)
        return false;
    CHECK(len < LOCAL_GRAMMAR_WORD_BYTES);
    memcpy(out, *at, len);
    out[len] = '\0';
    *at += len + ((*at)[len] == ' ');
    return true;
}

static bool right_known(const char *right, size_t words)
{
    static const char forms[] = " be was not have do adverb superlative toggle ing past part third "
                                "base one many own self poss ";
    char token[LOCAL_GRAMMAR_WORD_BYTES], spaced[LOCAL_GRAMMAR_WORD_BYTES + 2], *form;
    while (next(&right, token)) {
        if (!isdigit((unsigned char)token[0]))
            continue;
        size_t number = strtoul(token, &form, 10);
        snprintf(spaced, sizeof spaced, " %s ", form + (*form != '\0'));
        bool known = *form == '\0' || strncmp(form, ":as-", 4) == 0 || strstr(forms, spaced);
        if (number == 0 || number > words || !known)
            return false;
    }
    return true;
}

static void test_table(void)
{
    const struct slip_language *spanish = slip_language_find("es");
    for (size_t i = 0; i < LEN(phrases); i++) {
        size_t words = slip_pattern_tokens(phrases[i].pattern);
        bool sound = words > 0 && right_known(phrases[i].right, words) &&
                     slip_told(spanish, phrases[i].message) != phrases[i].message;
        CHECK(sound);
        if (!sound)
            fprintf(stderr, "  %s -> %s: %s\n", phrases[i].pattern, phrases[i].right,
                    phrases[i].message);
    }
    for (size_t i = 0; i < LEN(spellings); i++) {
        CHECK(!english_is_verb(spellings[i][0]) && !english_is_counted(spellings[i][0]));
        CHECK(strcmp(spellings[i][0], spellings[i][1]) != 0);
    }
}

static bool matches(const char *pattern, const char *text, size_t word)
{
    struct slip_sentence s;
    struct slip_look look;
    struct slip_match match;
    CHECK(slip_sentence_read(&s, text, strlen(text)));
    CHECK(slip_pattern_tokens(pattern) > 0);
    slip_look(&look, &s);
    return slip_pattern_match(&look, pattern, word, &match);
}

static void test_patterns(void)
{
    CHECK(matches("listen music", "I listen music", 1));
    CHECK(!matches("listen music", "I listen music", 0));
    CHECK(!matches("listen music", "I listen, music", 1));
    CHECK(matches("listen , music", "I listen, music", 1));
    CHECK(!matches("listen , music", "I listen music", 1));
    CHECK(matches("go ?very home", "go home", 0) && matches("go ?very home", "go very home", 0));
    CHECK(matches("go !to home", "go home", 0) && !matches("go !to", "go to", 0));
    CHECK(matches("^ i", "tired and I", 2) && !matches("^ i", "so tired I", 2));
    CHECK(matches("^^ i", "I go", 0) && !matches("^^ i", "and I", 1));
    CHECK(matches("go $", "go", 0) && matches("go $", "go, please", 0) &&
          matches("go $", "go and", 0));
    CHECK(!matches("go $", "go home", 0));
    CHECK(matches("?? go", "go?", 0) && !matches("?? go", "go", 0) && matches("!? go", "go", 0));
    CHECK(matches("@det @adj @counted @year", "the big house 1998", 0));
    CHECK(matches("@pron @third", "she works", 0) && !matches("@pron @third", "she was", 0));
}

static void test_unsound_patterns(void)
{
    static const char *const bad[] = {"",     "@nothing", "a||b",
                                      "a  b", "< a",      "a > <b",
                                      "a|$",  "a|?b",     "a b c d e f g h i j k l m n o p q"};
    for (size_t i = 0; i < LEN(bad); i++)
        CHECK_EQ(slip_pattern_tokens(bad[i]), 0);
}

static const char *mended(const char *text)
{
    static char out[256];
    struct slip_edit edits[16];
    struct slip_list list = {.edits = edits, .max = LEN(edits)};
    struct slip_sentence s;
    CHECK(slip_sentence_read(&s, text, strlen(text)));
    slip_phrases(&s, &list);
    const struct slip_edit *first = &edits[0];
    struct buf buf;
    buf_init(&buf, sizeof out);
    CHECK_EQ(slip_sentence_edited(&s, &first, list.len > 0 ? 1 : 0, &buf), 0);
    snprintf(out, sizeof out, "%s", buf.data);
    buf_deinit(&buf);
    return out;
}

static void test_right_sides(void)
{
    CHECK_STR(mended("He did a mistake."), "He made a mistake.");
    CHECK_STR(mended("She does a mistake."), "She makes a mistake.");
    CHECK_STR(mended("I live in a house big."), "I live in a big house.");
    CHECK_STR(mended("He lives in a flat old."), "He lives in an old flat.");
    CHECK_STR(mended("My parents very proud."), "My parents are very proud.");
    CHECK_STR(mended("He drives very careful."), "He drives very carefully.");
    CHECK_STR(mended("the most bad day"), "the worst day");
    CHECK_STR(mended("Wich one?"), "Which one?");
    CHECK_STR(mended("That is my pen."), "That is my pen.");
}

int main(void)
{
    RUN(test_table);
    RUN(test_patterns);
    RUN(test_unsound_patterns);
    RUN(test_right_sides);
    return check_done();
}
