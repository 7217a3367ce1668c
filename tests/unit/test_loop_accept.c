/* Accepting: many connections, closing, running out of descriptors without spinning. */
#include "tests/unit/loop_kit.h"

#include <errno.h>
#include <poll.h>

#define CLIENTS 40

static struct loop_accept acceptor;
static struct loop_timer later;
static int accepted[CLIENTS], accepted_count, closed_count;
static int clients[CLIENTS];
static struct sockaddr_in address;

static void reset(void)
{
    memset(&acceptor, 0, sizeof acceptor);
    memset(&later, 0, sizeof later);
    accepted_count = closed_count = 0;
}

static void on_closed(struct loop_accept *accept)
{
    closed_count++;
    loop_stop(accept->loop);
}

static void on_client(struct loop_accept *accept, int fd)
{
    CHECK(fcntl(fd, F_GETFL) & O_NONBLOCK);
    CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    accepted[accepted_count++] = fd;
    if (accepted_count == CLIENTS)
        loop_accept_close(accept, on_closed);
}

static void test_many(void)
{
    reset();
    int listen_fd = kit_listen(&address);
    CHECK_EQ(loop_accept_start(kit_loop, &acceptor, listen_fd, on_client), STATUS_OK);
    for (int i = 0; i < CLIENTS; i++)
        clients[i] = kit_connect(&address);
    kit_run();
    CHECK_EQ(accepted_count, CLIENTS);
    CHECK_EQ(closed_count, 1);
    for (int i = 0; i < CLIENTS; i++) {
        close(accepted[i]);
        close(clients[i]);
    }
    close(listen_fd);
}

static void on_first_closes(struct loop_accept *accept, int fd)
{
    if (accepted_count > 0) { /* late, and kept */
        accepted_count++;
        close(fd);
        return;
    }
    accepted_count++;
    close(fd);
    loop_accept_close(accept, on_closed);
}

/* Five wait; the first callback closes. The others are not delivered, and none of their descriptors
 * leaks. */
static void test_close_inside_callback(void)
{
    reset();
    int listen_fd = kit_listen(&address);
    for (int i = 0; i < 5; i++)
        clients[i] = kit_connect(&address);
    int lowest = dup(0);
    close(lowest);
    loop_accept_start(kit_loop, &acceptor, listen_fd, on_first_closes);
    kit_run();
    CHECK_EQ(accepted_count, 1);
    CHECK_EQ(closed_count, 1);
    int lowest_after = dup(0);
    CHECK_EQ(lowest_after, lowest);
    close(lowest_after);
    for (int i = 0; i < 5; i++)
        close(clients[i]);
    close(listen_fd);
}

/* The same, and nobody is turned away whom the kernel has accepted already: all are delivered, or
 * still wait in the queue. */
static void test_late_ones_are_kept(void)
{
    reset();
    int listen_fd = kit_listen(&address);
    for (int i = 0; i < 5; i++)
        clients[i] = kit_connect(&address);
    loop_accept_start(kit_loop, &acceptor, listen_fd, on_first_closes);
    acceptor.keep_late = true;
    kit_run();
    CHECK_EQ(closed_count, 1);
    for (int fd; (fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK)) >= 0; accepted_count++)
        close(fd);
    CHECK_EQ(accepted_count, 5);
    for (int i = 0; i < 5; i++)
        close(clients[i]);
    close(listen_fd);
}

static void close_acceptor(struct loop_timer *timer)
{
    loop_accept_close(&acceptor, on_closed);
    CHECK_EQ(closed_count, 0);
}

static void test_close_idle(void)
{
    reset();
    int listen_fd = kit_listen(&address);
    loop_accept_start(kit_loop, &acceptor, listen_fd, on_client);
    loop_timer_start(kit_loop, &later, loop_now_us(kit_loop) + 2000, close_acceptor);
    kit_run();
    CHECK_EQ(closed_count, 1);
    CHECK_EQ(accepted_count, 0);
    close(listen_fd);
}

static struct rlimit files_before;
static int hog[4096], hog_count;

static void hog_all(void)
{
    struct rlimit few;
    getrlimit(RLIMIT_NOFILE, &files_before);
    few = files_before;
    few.rlim_cur = 256;
    setrlimit(RLIMIT_NOFILE, &few);
    int fd;
    hog_count = 0;
    while ((fd = dup(0)) >= 0)
        hog[hog_count++] = fd;
    CHECK_EQ(errno, EMFILE);
}

static void hog_release(void)
{
    while (hog_count > 0)
        close(hog[--hog_count]);
    setrlimit(RLIMIT_NOFILE, &files_before);
}

static void on_served(struct loop_accept *accept, int fd)
{
    accepted[accepted_count++] = fd;
    loop_accept_close(accept, on_closed);
}

/* The refused have been told by now (their sockets ended); with descriptors again the next one is
 * served. */
static void after_famine(struct loop_timer *timer)
{
    for (int i = 0; i < 3; i++) {
        struct pollfd end = {.fd = clients[i], .events = POLLIN};
        char byte;
        CHECK_EQ(poll(&end, 1, 0), 1);
        ssize_t got = recv(clients[i], &byte, 1, MSG_DONTWAIT);
        CHECK(got == 0 || (got < 0 && errno == ECONNRESET));
    }
    CHECK_EQ(accepted_count, 0);
    hog_release();
    clients[3] = kit_connect(&address);
}

static void test_out_of_descriptors(void)
{
    struct loop_stats stats;
    reset();
    int listen_fd = kit_listen(&address);
    for (int i = 0; i < 3; i++)
        clients[i] = kit_connect(&address);
    loop_accept_start(kit_loop, &acceptor, listen_fd, on_served);
    loop_timer_start(kit_loop, &later, loop_now_us(kit_loop) + 30000, after_famine);
    hog_all();
    kit_run();
    CHECK_EQ(accepted_count, 1);
    CHECK_EQ(closed_count, 1);
    loop_stats(kit_loop, &stats);
    CHECK(stats.turns < 20); /* 30 ms without a descriptor and without a spin */
    close(accepted[0]);
    for (int i = 0; i < 4; i++)
        close(clients[i]);
    close(listen_fd);
}

/* Served by readiness after a famine, an accept goes back to what the backend does best and still
 * works. */
static void on_each(struct loop_accept *accept, int fd)
{
    close(fd);
    if (++accepted_count == 3)
        loop_accept_close(accept, on_closed);
    else
        clients[accepted_count + 1] = kit_connect(&address);
}

static void end_famine(struct loop_timer *timer)
{
    hog_release();
    clients[1] = kit_connect(&address);
}

static void test_recovers_after_famine(void)
{
    reset();
    int listen_fd = kit_listen(&address);
    clients[0] = kit_connect(&address);
    loop_accept_start(kit_loop, &acceptor, listen_fd, on_each);
    loop_timer_start(kit_loop, &later, loop_now_us(kit_loop) + 5000, end_famine);
    hog_all();
    kit_run();
    CHECK_EQ(accepted_count, 3);
    for (int i = 0; i < 4; i++)
        close(clients[i]);
    close(listen_fd);
}

static void test_bad_descriptor(void)
{
    reset();
    CHECK_EQ(loop_accept_start(kit_loop, &acceptor, 1 << 20, on_client), STATUS_IO);
}

int main(void)
{
    RUN_BOTH(test_many);
    RUN_BOTH(test_close_inside_callback);
    RUN_BOTH(test_late_ones_are_kept);
    RUN_BOTH(test_close_idle);
    RUN_BOTH(test_out_of_descriptors);
    RUN_BOTH(test_recovers_after_famine);
    RUN_BOTH(test_bad_descriptor);
    return check_done();
}
