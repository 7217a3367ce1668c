#include "server/secret.h"

#include "base/mem.h"
#include "base/status.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

static int explain(char why[SECRET_WHY_BYTES], int status, const char *path, const char *text)
{
    snprintf(why, SECRET_WHY_BYTES, "%.120s: %.100s", path, text);
    return status;
}

/* A pipe or a device would keep the reader waiting, or never end. */
static int check_file(int fd, const char *path, bool only_ours, char why[SECRET_WHY_BYTES])
{
    struct stat file;
    if (fstat(fd, &file) != 0)
        return explain(why, STATUS_IO, path, strerror(errno));
    if (!S_ISREG(file.st_mode))
        return explain(why, STATUS_INVALID, path, "is not a file");
    if (file.st_mode & S_IWOTH)
        return explain(why, STATUS_INVALID, path, "anybody may write to it; chmod o-w it");
    if (only_ours && (file.st_mode & S_IROTH))
        return explain(why, STATUS_INVALID, path,
                       "anybody on this machine may read it; chmod o-r it");
    if (file.st_size > SECRET_BYTES_MAX)
        return explain(why, STATUS_INVALID, path, "is too long for a secret");
    return STATUS_OK;
}

/* At most `cap` bytes; -1 with errno set. */
static ssize_t read_all(int fd, char *out, size_t cap)
{
    size_t len = 0;
    while (len < cap) {
        ssize_t got = read(fd, out + len, cap - len);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        len += (size_t)got;
    }
    return (ssize_t)len;
}

static size_t without_line_end(const char *text, size_t len)
{
    if (len > 0 && text[len - 1] == '\n')
        len--;
    if (len > 0 && text[len - 1] == '\r')
        len--;
    return len;
}

static int read_open(int fd, const char *path, char **out, size_t *len, char why[SECRET_WHY_BYTES])
{
    size_t cap = SECRET_BYTES_MAX + 1;
    char *text = mem_alloc(cap);
    if (text == NULL)
        return explain(why, STATUS_NOMEM, path, status_text(STATUS_NOMEM));
    ssize_t got = read_all(fd, text, cap - 1);
    int status = STATUS_OK;
    if (got < 0)
        status = explain(why, STATUS_IO, path, strerror(errno));
    size_t used = got > 0 ? without_line_end(text, (size_t)got) : 0;
    if (status == STATUS_OK && used == 0)
        status = explain(why, STATUS_INVALID, path, "is empty");
    if (status != STATUS_OK) {
        secret_free_bytes(text, cap);
        return status;
    }
    text[used] = '\0';
    *out = text;
    *len = used;
    return STATUS_OK;
}

int secret_read(const char *path, bool only_ours, char **out, size_t *len,
                char why[SECRET_WHY_BYTES])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return explain(why, STATUS_IO, path, strerror(errno));
    int status = check_file(fd, path, only_ours, why);
    if (status == STATUS_OK)
        status = read_open(fd, path, out, len, why);
    close(fd);
    return status;
}

void secret_free_bytes(void *bytes, size_t len)
{
    if (bytes == NULL)
        return;
    explicit_bzero(bytes, len);
    mem_free(bytes);
}

void secret_free(char *text)
{
    if (text != NULL)
        secret_free_bytes(text, strlen(text));
}

void secret_no_dumps(void)
{
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}
