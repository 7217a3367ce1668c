/* Subtitles: times, line breaks, order, what cannot be a cue. */
#include "say/srt.h"

#include "base/status.h"
#include "tests/check.h"
#include <unistd.h>

static char path[] = "/tmp/sotto-srt-XXXXXX";
static char content[4096];

static const char *read_back(void)
{
    FILE *file = fopen(path, "r");
    size_t len = fread(content, 1, sizeof content - 1, file);
    content[len] = '\0';
    fclose(file);
    return content;
}

static struct srt *begin(void)
{
    struct srt *srt = NULL;
    CHECK_EQ(srt_open(&srt, path), STATUS_OK);
    return srt;
}

static void test_two_cues(void)
{
    struct srt *srt = begin();
    CHECK_EQ(srt_add(srt, 500, 2345, "Hello."), STATUS_OK);
    CHECK_EQ(srt_add(srt, 3723004, 3725000, "¿Qué tal?"), STATUS_OK);
    /* On disk before it is closed. */
    CHECK_STR(read_back(), "1\n00:00:00,500 --> 00:00:02,345\nHello.\n\n"
                           "2\n01:02:03,004 --> 01:02:05,000\n¿Qué tal?\n\n");
    srt_close(srt);
}

static void test_wraps_between_words(void)
{
    struct srt *srt = begin();
    srt_add(srt, 0, 1000,
            "On Saturday we go to the market and buy fresh bread, apples and cheese.");
    CHECK_STR(read_back(), "1\n00:00:00,000 --> 00:00:01,000\n"
                           "On Saturday we go to the market and buy\n"
                           "fresh bread, apples and cheese.\n\n");
    srt_close(srt);
}

/* Wide letters count two columns; a word longer than a line stays whole. */
static void test_wraps_by_columns(void)
{
    struct srt *srt = begin();
    srt_add(srt, 0, 1000, "日本語日本語日本語日本語 日本語日本語日本語日本語");
    CHECK(strstr(read_back(), "日本語 日") == NULL);
    srt_add(srt, 2000, 3000, "Donaudampfschifffahrtsgesellschaftskapitänswitwe schlief");
    CHECK(strstr(read_back(), "witwe\nschlief") != NULL);
    srt_close(srt);
}

/* Nothing in the text can end the cue or pass for a time line. */
static void test_hostile_text(void)
{
    struct srt *srt = begin();
    srt_add(srt, 0, 1000, "one\n\n2\n00:00:09,000 --> 00:00:10,000\r\nfake\x1b");
    CHECK_STR(read_back(), "1\n00:00:00,000 --> 00:00:01,000\n"
                           "one 2 00:00:09,000 -> 00:00:10,000 fake\n\n");
    srt_close(srt);
}

static void test_empty_makes_no_cue(void)
{
    struct srt *srt = begin();
    CHECK_EQ(srt_add(srt, 0, 1000, ""), STATUS_OK);
    CHECK_EQ(srt_add(srt, 0, 1000, " \n "), STATUS_OK);
    CHECK_EQ(srt_add(srt, 0, 1000, "\xff\xfe"), STATUS_OK);
    CHECK_STR(read_back(), "");
    srt_close(srt);
}

static void test_times_stay_in_order(void)
{
    struct srt *srt = begin();
    srt_add(srt, 5000, 5000, "a");
    srt_add(srt, 4000, 4500, "b");
    CHECK_STR(read_back(), "1\n00:00:05,000 --> 00:00:05,001\na\n\n"
                           "2\n00:00:05,000 --> 00:00:05,001\nb\n\n");
    srt_close(srt);
}

static void test_cannot_write(void)
{
    struct srt *srt = NULL;
    CHECK_EQ(srt_open(&srt, "/nonexistent/x.srt"), STATUS_IO);
    CHECK(srt == NULL);
    srt_close(NULL);
    CHECK_EQ(srt_open(&srt, "/dev/full"), STATUS_OK);
    CHECK_EQ(srt_add(srt, 0, 1, "a"), STATUS_IO);
    srt_close(srt);
}

int main(void)
{
    int fd = mkstemp(path);
    CHECK(fd >= 0);
    close(fd);
    RUN(test_two_cues);
    RUN(test_wraps_between_words);
    RUN(test_wraps_by_columns);
    RUN(test_hostile_text);
    RUN(test_empty_makes_no_cue);
    RUN(test_times_stay_in_order);
    RUN(test_cannot_write);
    unlink(path);
    return check_done();
}
