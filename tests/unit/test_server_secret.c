#include "server/secret.h"

#include "base/status.h"
#include "tests/check.h"
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

static char path[] = "/tmp/sotto-secret-XXXXXX";
static char why[SECRET_WHY_BYTES];

static void put(const char *text, size_t len, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_TRUNC);
    CHECK_EQ(write(fd, text, len), len);
    CHECK_EQ(fchmod(fd, mode), 0);
    close(fd);
}

static void check_reads(const char *text, size_t len, const char *wanted)
{
    char *secret = NULL;
    size_t got = 0;
    put(text, len, 0600);
    CHECK_EQ(secret_read(path, true, &secret, &got, why), STATUS_OK);
    CHECK_STR(secret, wanted);
    CHECK_EQ(got, strlen(wanted));
    secret_free(secret);
}

static void check_refuses(int status, bool only_ours, const char *text)
{
    char *secret = NULL;
    size_t len;
    CHECK_EQ(secret_read(path, only_ours, &secret, &len, why), status);
    CHECK(secret == NULL);
    CHECK(strstr(why, path) == why && strstr(why, text) != NULL);
}

static void test_reads(void)
{
    check_reads("secret", 6, "secret");
    check_reads("secret\n", 7, "secret");
    check_reads("secret\r\n", 8, "secret");
    check_reads("two\nlines\n\n", 11, "two\nlines\n");
    check_reads(" x ", 3, " x ");
}

static void test_refuses(void)
{
    static char large[SECRET_BYTES_MAX + 1];
    memset(large, 'x', sizeof large);
    put("", 0, 0600);
    check_refuses(STATUS_INVALID, true, "empty");
    put("\n", 1, 0600);
    check_refuses(STATUS_INVALID, true, "empty");
    put(large, sizeof large, 0600);
    check_refuses(STATUS_INVALID, true, "too long");
    put("secret", 6, 0604);
    check_refuses(STATUS_INVALID, true, "chmod o-r");
    put("secret", 6, 0602);
    check_refuses(STATUS_INVALID, false, "chmod o-w");
}

static void test_others_may_read_what_is_no_secret(void)
{
    char *text = NULL;
    size_t len;
    put("public", 6, 0644);
    CHECK_EQ(secret_read(path, false, &text, &len, why), STATUS_OK);
    secret_free(text);
    put("secret", 6, 0640);
    CHECK_EQ(secret_read(path, true, &text, &len, why), STATUS_OK);
    secret_free(text);
}

/* Neither a pipe nor a folder keeps the reader. */
static void test_no_files(void)
{
    char *text;
    size_t len;
    CHECK_EQ(secret_read("/tmp", true, &text, &len, why), STATUS_INVALID);
    CHECK_EQ(secret_read("/dev/zero", true, &text, &len, why), STATUS_INVALID);
    CHECK_EQ(secret_read("/nowhere/secret", true, &text, &len, why), STATUS_IO);
    CHECK(strstr(why, "No such file") != NULL);
    unlink(path);
    CHECK_EQ(mkfifo(path, 0600), 0);
    check_refuses(STATUS_INVALID, true, "not a file");
}

static void test_no_dumps(void)
{
    CHECK_EQ(prctl(PR_GET_DUMPABLE), 1);
    secret_no_dumps();
    CHECK_EQ(prctl(PR_GET_DUMPABLE), 0);
    prctl(PR_SET_DUMPABLE, 1);
    secret_free(NULL);
    secret_free_bytes(NULL, 7);
}

int main(void)
{
    close(mkstemp(path));
    RUN(test_reads);
    RUN(test_refuses);
    RUN(test_others_may_read_what_is_no_secret);
    RUN(test_no_files);
    RUN(test_no_dumps);
    unlink(path);
    return check_done();
}
