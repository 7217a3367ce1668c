#include "bench/load_socket.h"

#include "bench/load_cut.h"
#include "bench/load_teacher.h"
#include <errno.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

int load_socket_make(const struct load_field *field, const struct load_client *client)
{
    /* Blocking: io_uring then waits for the socket instead of answering EAGAIN. */
    int fd = socket(field->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    int on = 1, send = LOAD_SNDBUF, small = LOAD_SLOW_RCVBUF;
    int slow = LOAD_TEACHER_SLOW_RCVBUF;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &send, sizeof send);
    if (client->role == LOAD_SLOW)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    if (client->teacher != NULL && client->teacher->slow)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &slow, sizeof slow);
    return fd;
}

void load_socket_close(struct load_field *field, struct load_client *client)
{
    if (client->reset) {
        struct linger linger = {.l_onoff = 1, .l_linger = 0};
        setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    }
    if (client->abandon)
        load_cut_abandon(field, client->fd);
    else
        close(client->fd);
    client->fd = -1;
}

int64_t load_socket_pause_us(const struct load_client *client)
{
    if (client->teacher != NULL)
        return client->teacher->slow ? LOAD_TEACHER_SLOW_US : 0;
    return client->role == LOAD_SLOW ? 1000000 : 0;
}
