/* The dictionary without words nobody wants to read by mishearing. */
#include "local/recognizer_words.h"
#include "tests/check.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool fit(const char *word)
{
    return local_word_fit(word, strlen(word));
}

static void test_words(void)
{
    static const char *const gone[] = {"shit", "shitty", "fucking", "bitches", "sex", "ass"};
    static const char *const stay[] = {"sick",       "city",     "assistant", "assume",
                                       "class",      "cocktail", "title",     "exercise",
                                       "dictionary", "niggling", "essex"};
    for (size_t i = 0; i < sizeof gone / sizeof gone[0]; i++)
        CHECK(!fit(gone[i]));
    for (size_t i = 0; i < sizeof stay / sizeof stay[0]; i++)
        CHECK(fit(stay[i]));
}

static void test_file(void)
{
    char path[] = "/tmp/test_local_words.XXXXXX", read_back[256] = "";
    int made = mkstemp(path);
    static const char text[] = "sick S IH K\nshit SH IH T\nread R EH D\nread(2) R IY D\nsex(2) X\n";
    CHECK_EQ(write(made, text, sizeof text - 1), (ssize_t)sizeof text - 1);
    close(made);
    int fd = local_words_open(path);
    CHECK(fd >= 0);
    CHECK(pread(fd, read_back, sizeof read_back - 1, 0) > 0);
    CHECK_STR(read_back, "sick S IH K\nread R EH D\nread(2) R IY D\n");
    close(fd);
    unlink(path);
    CHECK(local_words_open(path) < 0);
}

int main(void)
{
    RUN(test_words);
    RUN(test_file);
    return check_done();
}
