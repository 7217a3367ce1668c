/* The same loop tests over every backend this machine has. */
#pragma once

#include "base/status.h"
#include "loop/loop.h"
#include "tests/check.h"
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static enum loop_backend kit_backend;
/* A loop for one test; stopped by kit_watchdog() when the test hangs. */
static struct loop *kit_loop;
static struct loop_timer kit_timer;

static void kit_on_hang(struct loop_timer *timer)
{
    CHECK(!"the test did not end by itself");
    loop_stop(timer->loop);
}

static inline void kit_run(void)
{
    loop_timer_start(kit_loop, &kit_timer, loop_now_us(kit_loop) + 10 * 1000000, kit_on_hang);
    loop_run(kit_loop);
    loop_timer_stop(&kit_timer);
}

static inline bool kit_begin(enum loop_backend backend)
{
    kit_backend = backend;
    int status = loop_create(&kit_loop, backend);
    if (status == STATUS_UNSUPPORTED) {
        fprintf(stderr, "skip: no io_uring here\n");
        return false;
    }
    CHECK_EQ(status, STATUS_OK);
    return status == STATUS_OK;
}

#define RUN_BOTH(test)                                                                             \
    do {                                                                                           \
        for (int kit_b = LOOP_URING; kit_b <= LOOP_EPOLL; kit_b++) {                               \
            if (!kit_begin((enum loop_backend)kit_b))                                              \
                continue;                                                                          \
            fprintf(stderr, "%-9s", loop_backend_name(kit_loop));                                  \
            RUN(test);                                                                             \
            loop_destroy(kit_loop);                                                                \
            kit_loop = NULL;                                                                       \
        }                                                                                          \
    } while (0)

/* A connected pair, both ends non-blocking. */
static inline void kit_pair(int fds[2])
{
    int res = socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds);
    CHECK_EQ(res, 0);
}

static inline int kit_listen(struct sockaddr_in *address)
{
    socklen_t len = sizeof *address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    *address =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    CHECK_EQ(bind(fd, (struct sockaddr *)address, sizeof *address), 0);
    CHECK_EQ(listen(fd, 128), 0);
    CHECK_EQ(getsockname(fd, (struct sockaddr *)address, &len), 0);
    return fd;
}

static inline int kit_connect(const struct sockaddr_in *address)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK_EQ(connect(fd, (const struct sockaddr *)address, sizeof *address), 0);
    return fd;
}
