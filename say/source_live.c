/*
 * Raw PCM from a pipe, a terminal or a recording child. The descriptor is polled and read once for
 * each report, so it need not be non-blocking (standard input is shared with the shell). Regular
 * files cannot be polled; they are read when samples are wanted.
 */
#include "base/mem.h"
#include "base/status.h"
#include "loop/loop.h"
#include "say/limits.h"
#include "say/source_internal.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

struct source_live {
    struct source base;
    struct loop_poll poll;
    int fd;
    pid_t child; /* the recorder, 0: none; then fd is ours to close */
    bool polled, ended, broken;
    void (*on_more)(void *ctx);
    void *ctx;
    void (*on_closed)(void *ctx);
    void *closed_ctx;
    size_t len; /* bytes in `bytes` */
    uint8_t bytes[SAY_LIVE_SAMPLES * 2];
};

static struct source_live *live_of(struct source *source)
{
    return (struct source_live *)source;
}

static void read_once(struct source_live *live)
{
    ssize_t got = read(live->fd, live->bytes + live->len, sizeof live->bytes - live->len);
    if (got > 0)
        live->len += (size_t)got;
    else if (got == 0)
        live->ended = true;
    else if (errno != EINTR && errno != EAGAIN)
        live->ended = live->broken = true;
}

/* Reads on only while there is room: what is not read here waits in the pipe and stops its writer.
 */
static void set_interest(struct source_live *live)
{
    if (live->polled)
        loop_poll_modify(&live->poll, live->ended || live->len == sizeof live->bytes ? 0 : LOOP_IN);
}

static void on_ready(struct loop_poll *poll, unsigned events)
{
    struct source_live *live =
        (struct source_live *)((char *)poll - offsetof(struct source_live, poll));
    if (live->len < sizeof live->bytes)
        read_once(live);
    set_interest(live);
    live->on_more(live->ctx);
}

static int live_read(struct source *source, int16_t *samples, size_t count)
{
    struct source_live *live = live_of(source);
    while (!live->polled && !live->ended && live->len < count * 2)
        read_once(live);
    size_t available = live->len / 2;
    if (available < count && !live->ended)
        return STATUS_AGAIN;
    if (available == 0 && live->broken)
        return STATUS_IO;
    size_t taken = available < count ? available : count;
    for (size_t i = 0; i < taken; i++)
        samples[i] = (int16_t)(live->bytes[2 * i] | live->bytes[2 * i + 1] << 8);
    live->len -= taken * 2;
    memmove(live->bytes, live->bytes + taken * 2, live->len);
    set_interest(live);
    return (int)taken;
}

static void live_stop(struct source *source)
{
    struct source_live *live = live_of(source);
    live->ended = true;
    set_interest(live);
}

static void end(struct source_live *live)
{
    void (*on_closed)(void *ctx) = live->on_closed;
    void *ctx = live->closed_ctx;
    mem_free(live);
    if (on_closed != NULL)
        on_closed(ctx);
}

static void on_poll_closed(struct loop_poll *poll)
{
    end((struct source_live *)((char *)poll - offsetof(struct source_live, poll)));
}

static void live_close(struct source *source, void (*on_closed)(void *ctx), void *ctx)
{
    struct source_live *live = live_of(source);
    live->on_closed = on_closed;
    live->closed_ctx = ctx;
    if (live->polled)
        loop_poll_close(&live->poll, on_poll_closed);
    if (live->child != 0) {
        kill(live->child, SIGKILL); /* it records and nothing else: nothing to tidy up */
        waitpid(live->child, NULL, 0);
        close(live->fd);
    }
    if (!live->polled)
        end(live);
}

static const struct source_ops live_ops = {
    .read = live_read, .stop = live_stop, .close = live_close};

int source_open_fd(struct source **out, struct loop *loop, int fd, unsigned rate,
                   void (*on_more)(void *ctx), void *ctx)
{
    struct stat info;
    if (fstat(fd, &info) != 0)
        return STATUS_IO;
    struct source_live *live = mem_calloc(1, sizeof *live);
    if (live == NULL)
        return STATUS_NOMEM;
    live->base = (struct source){.ops = &live_ops, .rate = rate};
    live->fd = fd;
    live->on_more = on_more;
    live->ctx = ctx;
    live->polled = !S_ISREG(info.st_mode);
    if (live->polled) {
        int status = loop_poll_start(loop, &live->poll, fd, LOOP_IN, on_ready);
        if (status != STATUS_OK) {
            mem_free(live);
            return status;
        }
    }
    *out = &live->base;
    return STATUS_OK;
}

static int spawn_recorder(pid_t *child, int out_fd, unsigned rate)
{
    char rate_text[16];
    snprintf(rate_text, sizeof rate_text, "%u", rate);
    char *argv[] = {"arecord", "-q", "-t", "raw", "-f", "S16_LE", "-c", "1", "-r", rate_text, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    sigemptyset(&none);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, out_fd, STDOUT_FILENO);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &none); /* ours blocks SIGINT */
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    int error = posix_spawnp(child, argv[0], &actions, &attributes, argv, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    if (error == 0)
        return STATUS_OK;
    return error == ENOENT ? STATUS_NOT_FOUND : STATUS_IO;
}

int source_open_mic(struct source **out, struct loop *loop, unsigned rate,
                    void (*on_more)(void *ctx), void *ctx)
{
    int fds[2];
    pid_t child;
    if (pipe2(fds, O_CLOEXEC) != 0)
        return STATUS_IO;
    int status = spawn_recorder(&child, fds[1], rate);
    close(fds[1]);
    if (status == STATUS_OK) {
        status = source_open_fd(out, loop, fds[0], rate, on_more, ctx);
        if (status == STATUS_OK) {
            live_of(*out)->child = child;
            return STATUS_OK;
        }
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
    }
    close(fds[0]);
    return status;
}
