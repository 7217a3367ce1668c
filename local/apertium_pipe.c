#include "local/apertium_pipe.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/status.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Copies the word at `*at` to `to`; NULL: only a shell could read it. */
static char *word_copy(const char **at, char *to)
{
    const char *from = *at;
    if (*from == '\'') {
        const char *close = strchr(from + 1, '\'');
        if (close == NULL)
            return NULL;
        memcpy(to, from + 1, (size_t)(close - from - 1));
        to += close - from - 1;
        from = close + 1;
    } else {
        size_t len = strcspn(from, " \t\r\n|");
        for (size_t i = 0; i < len; i++) {
            if (strchr(";&<>()`*?~\\\"'#!{}[]", from[i]) != NULL)
                return NULL;
        }
        memcpy(to, from, len);
        to += len;
        from += len;
    }
    *to++ = '\0';
    *at = from;
    return to;
}

static int stage_end(struct apertium_mode *mode, size_t *args)
{
    if (*args == 0)
        return STATUS_UNSUPPORTED;
    mode->argv[mode->stages++][*args] = NULL;
    *args = 0;
    return 0;
}

static int stage_add(struct apertium_mode *mode, size_t *args, char *word)
{
    static char end_at_nul[] = "-z", no_marks[] = "-n";
    if (strcmp(word, "$2") == 0)
        return 0;
    if (strcmp(word, "$1") == 0)
        word = no_marks;
    if (mode->stages == APERTIUM_STAGES_MAX || *args + 2 >= APERTIUM_ARGS_MAX || word[0] == '$')
        return STATUS_UNSUPPORTED;
    mode->argv[mode->stages][(*args)++] = word;
    if (*args == 1)
        mode->argv[mode->stages][(*args)++] = end_at_nul;
    return 0;
}

static int mode_parse(struct apertium_mode *mode, const char *at)
{
    char *to = mode->block;
    size_t args = 0;
    for (;;) {
        int status;
        at += strspn(at, " \t\r\n");
        if (*at == '\0')
            return stage_end(mode, &args);
        if (*at == '|') {
            at++;
            status = stage_end(mode, &args);
        } else {
            char *word = to;
            to = word_copy(&at, word);
            status = to != NULL ? stage_add(mode, &args, word) : STATUS_UNSUPPORTED;
        }
        if (status != 0)
            return status;
    }
}

static int file_read(const char *path, char *out, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return STATUS_NOT_FOUND;
    ssize_t n = read(fd, out, size - 1);
    close(fd);
    if (n < 0)
        return STATUS_IO;
    out[n] = '\0';
    return (size_t)n == size - 1 ? STATUS_LIMIT : 0;
}

int apertium_mode_read(const char *path, struct apertium_mode *out)
{
    char text[APERTIUM_MODE_BYTES];
    struct apertium_mode mode = {0};
    int status = file_read(path, text, sizeof text);
    if (status != 0)
        return status;
    /* Every word ends with a NUL where the text has at least a separator or its end. */
    mode.block = mem_alloc(strlen(text) + 1);
    if (mode.block == NULL)
        return STATUS_NOMEM;
    status = mode_parse(&mode, text);
    if (status != 0)
        mem_free(mode.block);
    else
        *out = mode;
    return status;
}

void apertium_mode_free(struct apertium_mode *mode)
{
    mem_free(mode->block);
    *mode = (struct apertium_mode){0};
}

/* Our threads block every signal; the programs must not inherit that, nor an ignored SIGPIPE. */
static int stage_spawn(pid_t *pid, char *const argv[], int in, int out)
{
    static char locale[] = "LC_ALL=C.UTF-8";
    char path[1024];
    const char *parent = getenv("PATH");
    snprintf(path, sizeof path, "PATH=%s",
             parent != NULL ? parent : "/usr/local/bin:/usr/bin:/bin");
    char *env[] = {path, locale, NULL};
    sigset_t none, all;
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    sigemptyset(&none);
    sigfillset(&all);
    if (posix_spawn_file_actions_init(&actions) != 0)
        return STATUS_NOMEM;
    if (posix_spawnattr_init(&attr) != 0) {
        posix_spawn_file_actions_destroy(&actions);
        return STATUS_NOMEM;
    }
    int failed = posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
    failed |= posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    failed |= posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    failed |= posix_spawnattr_setsigmask(&attr, &none);
    failed |= posix_spawnattr_setsigdefault(&attr, &all);
    failed |= posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    if (failed == 0)
        failed = posix_spawnp(pid, argv[0], &actions, &attr, argv, env);
    posix_spawnattr_destroy(&attr);
    posix_spawn_file_actions_destroy(&actions);
    return failed == 0 ? 0 : STATUS_UNAVAILABLE;
}

/* The stages from `in` to a descriptor that reads the last one's output, which is `*out`; takes
 * `in`. */
static int stages_spawn(struct apertium_pipe *pipe, const struct apertium_mode *mode, int in,
                        int *out)
{
    for (size_t i = 0; i < mode->stages; i++) {
        int link[2];
        if (pipe2(link, O_CLOEXEC) != 0) {
            close(in);
            return STATUS_IO;
        }
        int status = stage_spawn(&pipe->pids[i], mode->argv[i], in, link[1]);
        close(in);
        close(link[1]);
        in = link[0];
        if (status != 0) {
            close(in);
            return status;
        }
        pipe->pids_len = i + 1;
    }
    *out = in;
    return 0;
}

static void stages_kill(struct apertium_pipe *pipe)
{
    for (size_t i = 0; i < pipe->pids_len; i++)
        kill(pipe->pids[i], SIGKILL);
    for (size_t i = 0; i < pipe->pids_len; i++) {
        while (waitpid(pipe->pids[i], NULL, 0) < 0 && errno == EINTR)
            continue;
    }
    pipe->pids_len = 0;
}

int apertium_pipe_start(struct apertium_pipe *pipe, const struct apertium_mode *mode)
{
    int first[2], out;
    assert(pipe->pids_len == 0 && mode->stages > 0);
    if (pipe2(first, O_CLOEXEC) != 0)
        return STATUS_IO;
    int status = stages_spawn(pipe, mode, first[0], &out);
    if (status != 0) {
        close(first[1]);
        stages_kill(pipe);
        return status;
    }
    pipe->in = first[1];
    pipe->out = out;
    fcntl(pipe->in, F_SETFL, O_NONBLOCK);
    fcntl(pipe->out, F_SETFL, O_NONBLOCK);
    pipe->starts++;
    return 0;
}

void apertium_pipe_stop(struct apertium_pipe *pipe)
{
    if (pipe->pids_len == 0)
        return;
    close(pipe->in);
    close(pipe->out);
    stages_kill(pipe);
}

/* Reads what is there. 1: the answer is whole, 0: not yet. */
static int answer_read(struct apertium_pipe *pipe, struct buf *answer)
{
    char bytes[4096];
    ssize_t n = read(pipe->out, bytes, sizeof bytes);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : STATUS_CLOSED;
    if (n == 0)
        return STATUS_CLOSED;
    const char *end = memchr(bytes, '\0', (size_t)n);
    size_t len = end != NULL ? (size_t)(end - bytes) : (size_t)n;
    if (len > 0 && buf_append(answer, bytes, len) != 0)
        return STATUS_LIMIT;
    if (end == NULL)
        return 0;
    /* Bytes behind the end belong to no request. */
    return end + 1 == bytes + n ? 1 : STATUS_PROTOCOL;
}

static int question_write(struct apertium_pipe *pipe, const struct buf *question, size_t *sent)
{
    ssize_t n = write(pipe->in, question->data + *sent, question->len - *sent);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : STATUS_CLOSED;
    *sent += (size_t)n;
    return 0;
}

static int exchange(struct apertium_pipe *pipe, const struct buf *question, int64_t deadline_us,
                    struct buf *answer)
{
    size_t sent = 0;
    int status = 0;
    while (status == 0) {
        bool more = sent < question->len;
        struct pollfd fds[2] = {{.fd = pipe->out, .events = POLLIN},
                                {.fd = more ? pipe->in : -1, .events = POLLOUT}};
        int64_t left_ms = (deadline_us - clock_mono_us() + 999) / 1000;
        if (left_ms <= 0)
            return STATUS_TIMEOUT;
        int ready = poll(fds, 2, (int)left_ms);
        if (ready < 0 && errno != EINTR)
            return STATUS_IO;
        if (ready > 0 && fds[1].revents != 0)
            status = question_write(pipe, question, &sent);
        if (ready > 0 && status == 0 && fds[0].revents != 0)
            status = answer_read(pipe, answer);
    }
    return status == 1 ? 0 : status;
}

int apertium_pipe_ask(struct apertium_pipe *pipe, const char *text, size_t len,
                      unsigned deadline_ms, struct buf *answer)
{
    assert(pipe->pids_len > 0 && answer->len == 0);
    struct buf question;
    char mark[32];
    /* The empty blank keeps the last word's analysis from waiting for what follows; the numbered
     * one tells this answer from that to another request. Both pass through unchanged. */
    int mark_len = snprintf(mark, sizeof mark, "[][%u]", ++pipe->sequence);
    buf_init(&question, len + sizeof mark);
    buf_append(&question, text, len);
    buf_append(&question, mark, (size_t)mark_len + 1);
    int status = buf_status(&question);
    if (status == 0)
        status = exchange(pipe, &question, clock_mono_us() + (int64_t)deadline_ms * 1000, answer);
    buf_deinit(&question);
    if (status != 0)
        return status;
    size_t tail = (size_t)mark_len;
    if (answer->len < tail || memcmp(answer->data + answer->len - tail, mark, tail) != 0)
        return STATUS_PROTOCOL;
    answer->len -= tail;
    answer->data[answer->len] = '\0';
    return 0;
}
