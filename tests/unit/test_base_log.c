#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/status.h"
#include "base/thread.h"
#include "tests/check.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

static int file = -1;
static char *text; /* what the last log wrote */

static void begin(enum log_level level)
{
    file = memfd_create("log", MFD_CLOEXEC);
    CHECK_EQ(log_init(level, file), STATUS_OK);
}

/* Ends the log and reads it. */
static void end(void)
{
    log_deinit();
    off_t size = lseek(file, 0, SEEK_END);
    mem_free(text);
    text = mem_alloc((size_t)size + 1);
    CHECK_EQ(pread(file, text, (size_t)size, 0), size);
    text[size] = '\0';
    close(file);
}

static unsigned count_lines(void)
{
    unsigned lines = 0;
    for (const char *c = text; *c != '\0'; c++)
        lines += *c == '\n';
    return lines;
}

static bool has(const char *part)
{
    return strstr(text, part) != NULL;
}

static void test_format_of_a_line(void)
{
    begin(LOG_LEVEL_INFO);
    LOG_WARN(LOG_STT, 0x1f03, "stream failed", "status=%d retry_ms=%d", 14, 200);
    LOG_INFO(LOG_MAIN, 0, "started", "");
    end();
    /* "ts=2026-01-31T12:00:00.123Z" */
    CHECK(strncmp(text, "ts=20", 5) == 0 && text[26] == 'Z' && text[27] == ' ');
    char *second = strchr(text, '\n') + 1;
    second[-1] = '\0';
    CHECK_STR(text + 28, "level=warn area=stt thread=main session=1f03 msg=\"stream failed\" "
                         "status=14 retry_ms=200");
    CHECK_STR(second + 28, "level=info area=main thread=main msg=\"started\"\n");
}

static void test_quoting(void)
{
    CHECK_STR(LOG_Q("two words"), "\"two words\"");
    CHECK_STR(LOG_Q("a\"b\\c\nd\te"), "\"a\\\"b\\\\c\\nd\\u0009e\"");
    CHECK_STR(LOG_Q("\x1b[31mred\x7f"), "\"\\u001b[31mred\\u007f\"");
    CHECK_STR(LOG_Q("\xc3\xa9\xe2\x82\xac"), "\"\xc3\xa9\xe2\x82\xac\"");
    CHECK_STR(LOG_Q("\xc2\x9b"
                    "31m"),
              "\"\\u009b31m\"");
    CHECK_STR(LOG_Q("\xff"), "\"\xef\xbf\xbd\"");
    CHECK_STR(LOG_Q(""), "\"\"");
    CHECK_STR(LOG_Q(NULL), "\"\"");
}

/* Cut at every offset of a multi-byte character and of an escape: always whole, always closed. */
static void test_quoted_values_are_cut_whole(void)
{
    char big[2 * LOG_QUOTED_MAX];
    for (size_t lead = LOG_QUOTED_MAX - 12; lead < LOG_QUOTED_MAX + 4; lead++) {
        memset(big, 'x', lead);
        for (size_t i = 0; i < 4; i++)
            memcpy(big + lead + i * 4, "\xe2\x82\xac\"", 5);
        const char *quoted = LOG_Q(big);
        size_t len = strlen(quoted);
        CHECK(len <= LOG_QUOTED_MAX && len >= LOG_QUOTED_MAX - 8);
        CHECK(quoted[0] == '"' && quoted[len - 1] == '"');
        size_t tail = len - 1;
        CHECK(quoted[tail - 1] != '\\');
        CHECK((quoted[tail - 1] & 0xC0) != 0xC0);
    }
}

static void test_several_quoted_values_in_one_line(void)
{
    begin(LOG_LEVEL_INFO);
    LOG_INFO(LOG_POOL, 1, "m", "a=%s b=%s c=%s d=%s", LOG_Q("1"), LOG_Q("2"), LOG_Q("3"),
             LOG_Q("4"));
    end();
    CHECK(has("msg=\"m\" a=\"1\" b=\"2\" c=\"3\" d=\"4\"\n"));
}

static void test_nothing_begins_a_second_line(void)
{
    begin(LOG_LEVEL_INFO);
    LOG_INFO(LOG_HTTP, 0, "bad\nmessage", "raw=%s", "x\r\nts=forged\x1b[0m");
    end();
    CHECK_EQ(count_lines(), 1);
    CHECK(has("msg=\"bad\\nmessage\" raw=x??ts=forged?[0m\n"));
}

static void test_long_lines_are_cut(void)
{
    char big[3 * LOG_LINE_MAX];
    memset(big, 'y', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    begin(LOG_LEVEL_INFO);
    LOG_INFO(LOG_HTTP, 0, "open quote", "v=\"%s\"", big);
    LOG_INFO(LOG_HTTP, 0, "bare", "v=%s", big);
    end();
    CHECK_EQ(count_lines(), 2);
    char *second = strchr(text, '\n') + 1;
    CHECK(second - text <= LOG_LINE_MAX && second - text > LOG_LINE_MAX - 16);
    CHECK(memcmp(second - 9, "y\" cut=1\n", 9) == 0);
    CHECK(strlen(second) <= LOG_LINE_MAX);
    CHECK_STR(second + strlen(second) - 8, "y cut=1\n");
}

static void test_levels_and_areas(void)
{
    enum log_level level = LOG_LEVEL_TRACE;
    CHECK_EQ(log_level_parse("warn", &level), STATUS_OK);
    CHECK_EQ(level, LOG_LEVEL_WARN);
    CHECK_EQ(log_level_parse("loud", &level), STATUS_INVALID);
    CHECK_EQ(level, LOG_LEVEL_WARN);

    CHECK_EQ(log_configure("info,stt=debug,pool=error"), STATUS_OK);
    CHECK(log_on(LOG_MAIN, LOG_LEVEL_INFO) && !log_on(LOG_MAIN, LOG_LEVEL_DEBUG));
    CHECK(log_on(LOG_STT, LOG_LEVEL_DEBUG) && !log_on(LOG_STT, LOG_LEVEL_TRACE));
    CHECK(log_on(LOG_POOL, LOG_LEVEL_ERROR) && !log_on(LOG_POOL, LOG_LEVEL_WARN));
    static const char *const bad[] = {
        "", "nope", "info,", "info,stt=", "x=info", "debug,stt=x", "=debug", ",info", "INFO"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CHECK_EQ(log_configure(bad[i]), STATUS_INVALID);
        CHECK(log_on(LOG_STT, LOG_LEVEL_DEBUG) && !log_on(LOG_MAIN, LOG_LEVEL_DEBUG));
    }
    log_set_level(LOG_LEVEL_WARN);
    CHECK(!log_on(LOG_MAIN, LOG_LEVEL_INFO) && log_on(LOG_STT, LOG_LEVEL_DEBUG));
    CHECK_EQ(log_set_area("local", LOG_LEVEL_TRACE), STATUS_OK);
    CHECK(log_on(LOG_LOCAL, LOG_LEVEL_TRACE));
    CHECK_EQ(log_set_area("moon", LOG_LEVEL_TRACE), STATUS_NOT_FOUND);
    CHECK_EQ(log_configure("warn"), STATUS_OK);
    CHECK(!log_on(LOG_STT, LOG_LEVEL_INFO) && !log_on(LOG_LOCAL, LOG_LEVEL_INFO));

    begin(LOG_LEVEL_WARN);
    LOG_INFO(LOG_MAIN, 0, "quiet", "");
    LOG_ERROR(LOG_MAIN, 0, "heard", "");
    end();
    CHECK_EQ(count_lines(), 1);
    CHECK(has("heard"));
}

static void test_repeats_of_a_site_are_limited(void)
{
    struct log_site site = {0};
    begin(LOG_LEVEL_INFO);
    for (int i = 0; i < 25; i++)
        log_write(&site, LOG_STT, LOG_LEVEL_INFO, 0, "again", "i=%d", i);
    for (int i = 0; i < 25; i++)
        log_write(NULL, LOG_STT, LOG_LEVEL_INFO, 0, "unlimited", "");
    /* The second is over when the window lies in the past. */
    atomic_fetch_sub(&site.window_us, 2000000);
    log_write(&site, LOG_STT, LOG_LEVEL_INFO, 0, "again", "i=%d", 25);
    atomic_fetch_sub(&site.window_us, 2000000);
    log_write(&site, LOG_STT, LOG_LEVEL_INFO, 0, "again", "i=%d", 26);
    end();
    CHECK_EQ(count_lines(), LOG_REPEAT_PER_S + 25 + 2);
    CHECK(has("i=9\n") && !has("i=10\n"));
    CHECK(has("msg=\"again\" repeated=15 i=25\n"));
    CHECK(has("msg=\"again\" i=26\n"));
}

static void *deinit_and_close(void *ctx)
{
    log_deinit();
    close(*(int *)ctx);
    return NULL;
}

/* A reader that reads nothing blocks the writer, never the callers: what does not fit is counted,
 * then told. */
static void test_drops_are_counted_and_told(void)
{
    int ends[2];
    CHECK_EQ(pipe2(ends, O_CLOEXEC), 0);
    uint64_t before = log_dropped();
    CHECK_EQ(log_init(LOG_LEVEL_INFO, ends[1]), STATUS_OK);
    unsigned sent = 0;
    while (log_dropped() < before + 100) {
        log_write(NULL, LOG_LOOP, LOG_LEVEL_INFO, 0, "flood", "n=%u", sent);
        sent++;
    }
    CHECK(sent > LOG_QUEUE_LINES);
    uint64_t lost = log_dropped() - before;

    /* The writer ends only when its pipe is read, so this thread reads while another one ends the
     * log. */
    pthread_t thread;
    CHECK_EQ(thread_start(&thread, "ending", deinit_and_close, &ends[1]), STATUS_OK);
    FILE *stream = fdopen(ends[0], "r");
    char line[LOG_LINE_MAX + 1];
    unsigned lines = 0;
    unsigned long long told = 0;
    while (fgets(line, sizeof line, stream) != NULL) {
        char *dropped = strstr(line, "msg=\"log lines dropped\" dropped=");
        if (dropped != NULL)
            told += strtoull(strrchr(line, '=') + 1, NULL, 10);
        else
            lines++;
    }
    pthread_join(thread, NULL);
    fclose(stream);
    CHECK_EQ(lines + lost, sent);
    CHECK_EQ(told, lost);
}

static void *log_some(void *ctx)
{
    for (int i = 0; i < 200; i++)
        log_write(NULL, LOG_FRONT, LOG_LEVEL_INFO, 0, "line", "i=%d", i);
    return NULL;
}

static void test_lines_of_threads_are_whole_and_in_order(void)
{
    begin(LOG_LEVEL_INFO);
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) {
        char name[] = "t0";
        name[1] = (char)('0' + i);
        CHECK_EQ(thread_start(&threads[i], name, log_some, NULL), STATUS_OK);
    }
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    end();
    CHECK_EQ(count_lines(), 800);
    int seen[4] = {0};
    for (char *line = text; *line != '\0'; line = strchr(line, '\n') + 1) {
        char *thread = strstr(line, "thread=t");
        char *number = strstr(line, " i=");
        CHECK(thread != NULL && number != NULL);
        CHECK_EQ(strtol(number + 3, NULL, 10), seen[thread[8] - '0']++);
    }
}

static _Atomic bool stop_logging;

static void *log_until_stopped(void *ctx)
{
    while (!atomic_load(&stop_logging))
        log_write(NULL, LOG_FRONT, LOG_LEVEL_INFO, 0, "line", "");
    return NULL;
}

/* Ending the log while others log: their lines go to stderr at once, which this test sends nowhere.
 */
static void test_end_races_with_callers(void)
{
    int kept = dup(STDERR_FILENO), null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    dup2(null, STDERR_FILENO);
    pthread_t threads[2];
    atomic_store(&stop_logging, false);
    for (int i = 0; i < 2; i++)
        CHECK_EQ(thread_start(&threads[i], "racer", log_until_stopped, NULL), STATUS_OK);
    for (int i = 0; i < 20; i++) {
        CHECK_EQ(log_init(LOG_LEVEL_INFO, null), STATUS_OK);
        log_deinit();
    }
    atomic_store(&stop_logging, true);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    dup2(kept, STDERR_FILENO);
    close(kept);
    close(null);
}

static void test_without_a_writer_lines_go_out_at_once(void)
{
    int kept = dup(STDERR_FILENO);
    file = memfd_create("direct", MFD_CLOEXEC);
    dup2(file, STDERR_FILENO);
    log_set_level(LOG_LEVEL_INFO);
    LOG_INFO(LOG_MAIN, 0, "at once", "");
    dup2(kept, STDERR_FILENO);
    close(kept);
    end();
    CHECK_EQ(count_lines(), 1);
    CHECK(has("msg=\"at once\"\n"));
}

static void test_no_memory(void)
{
    unsigned nth = 1;
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    for (int status = STATUS_NOMEM; status != STATUS_OK; nth++) {
        mem_fail_nth(nth);
        status = log_init(LOG_LEVEL_INFO, null);
        mem_fail_nth(0);
        CHECK(status == STATUS_OK || status == STATUS_NOMEM);
    }
    CHECK(nth > 3);
    uint64_t before = log_dropped();
    mem_fail_nth(1);
    LOG_INFO(LOG_MAIN, 0, "lost", "");
    mem_fail_nth(0);
    CHECK_EQ(log_dropped(), before + 1);
    log_deinit();
    close(null);
}

int main(void)
{
    RUN(test_format_of_a_line);
    RUN(test_quoting);
    RUN(test_quoted_values_are_cut_whole);
    RUN(test_several_quoted_values_in_one_line);
    RUN(test_nothing_begins_a_second_line);
    RUN(test_long_lines_are_cut);
    RUN(test_levels_and_areas);
    RUN(test_repeats_of_a_site_are_limited);
    RUN(test_drops_are_counted_and_told);
    RUN(test_lines_of_threads_are_whole_and_in_order);
    RUN(test_end_races_with_callers);
    RUN(test_without_a_writer_lines_go_out_at_once);
    RUN(test_no_memory);
    mem_free(text);
    return check_done();
}
