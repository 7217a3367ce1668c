/*
 * libcurl's sockets on our loop. A connection's socket stays watched while no transfer uses it, so
 * that its end is seen before a request finds out.
 */
#include "base/mem.h"
#include "base/status.h"
#include "pool/internal.h"
#include <assert.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

/* Unlike the descriptor's number it is never given again; 0: not a socket. */
static uint64_t cookie_of(int fd)
{
    uint64_t cookie = 0;
    socklen_t len = sizeof cookie;
    return getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len) == 0 ? cookie : 0;
}

static struct pool__socket *socket_create(struct pool__conn *conn, int fd, bool ours)
{
    struct pool__socket *socket = mem_calloc(1, sizeof *socket);
    if (socket == NULL)
        return NULL;
    socket->conn = conn;
    socket->pool = conn->pool;
    socket->poll.fd = fd;
    socket->ours = ours;
    socket->cookie = cookie_of(fd);
    socket->next = conn->sockets;
    conn->sockets = socket;
    conn->pool->sockets_open++;
    return socket;
}

static void socket_on_closed(struct loop_poll *poll)
{
    struct pool__socket *socket = (struct pool__socket *)poll;
    struct pool *pool = socket->pool; /* the connection may be gone */
    mem_free(socket);
    assert(pool->sockets_open > 0);
    pool->sockets_open--;
    if (pool->closing)
        pool__pump_later(pool);
}

static void socket_drop(struct pool__socket *socket)
{
    struct pool__socket **link = &socket->conn->sockets;
    while (*link != socket)
        link = &(*link)->next;
    *link = socket->next;
    if (socket->started)
        loop_poll_close(&socket->poll, socket_on_closed);
    else
        socket_on_closed(&socket->poll);
}

static struct pool__socket *socket_find(struct pool__conn *conn, int fd)
{
    struct pool__socket *socket = conn->sockets;
    while (socket != NULL && socket->poll.fd != fd)
        socket = socket->next;
    return socket;
}

static void socket_on_ready(struct loop_poll *poll, unsigned events)
{
    struct pool__socket *socket = (struct pool__socket *)poll;
    struct pool__conn *conn = socket->conn;
    if (socket->idle) {
        /* Unread bytes would be reported again and again: enough to know that there are some. */
        loop_poll_modify(poll, 0);
        pool__conn_idle_readable(conn);
        return;
    }
    int flags = (events & LOOP_IN ? CURL_CSELECT_IN : 0) |
                (events & LOOP_OUT ? CURL_CSELECT_OUT : 0) |
                (events & LOOP_ERR ? CURL_CSELECT_ERR : 0);
    pool__conn_ready(conn, poll->fd, flags);
}

static int socket_set(struct pool__socket *socket, unsigned events)
{
    struct loop *loop = socket->conn->pool->loop;
    if (!socket->started) {
        int status = loop_poll_start(loop, &socket->poll, socket->poll.fd, events, socket_on_ready);
        socket->started = status == STATUS_OK;
        return status;
    }
    return socket->poll.events == events ? STATUS_OK : loop_poll_modify(&socket->poll, events);
}

int pool__socket_watch(CURL *easy, curl_socket_t fd, int what, void *ctx, void *assigned)
{
    struct pool__conn *conn = ctx;
    struct pool__socket *socket = assigned != NULL ? assigned : socket_find(conn, fd);
    if (what == CURL_POLL_REMOVE) {
        if (socket == NULL)
            return 0;
        socket->idle = true;
        /* libcurl 7.88 to 8.1 closes a socket that was still connecting without our callback, and
         * only then says that it need not be watched. */
        if (!socket->ours || cookie_of(fd) != socket->cookie)
            socket_drop(socket);
        else if (socket->started)
            socket_set(socket, LOOP_IN);
        return 0;
    }
    if (socket == NULL)
        socket = socket_create(conn, fd, false);
    if (socket == NULL)
        return -1;
    curl_multi_assign(conn->multi, fd, socket);
    socket->idle = false;
    unsigned events = (what & CURL_POLL_IN ? LOOP_IN : 0u) | (what & CURL_POLL_OUT ? LOOP_OUT : 0u);
    return socket_set(socket, events) == STATUS_OK ? 0 : -1;
}

/*
 * Connections are opened by their own GET. A request that libcurl finds none for, because the peer
 * has just said GOAWAY or closed, moves to another instead of waiting here for a handshake. What
 * speaks no HTTP/2 may close after each answer, so there a request may open one.
 */
static bool opens_none(const struct pool__slot *slot)
{
    return slot->exchange != NULL && slot->conn->multiplex && !slot->pool->config.on_demand;
}

curl_socket_t pool__socket_open(void *ctx, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct pool__slot *slot = ctx;
    if (opens_none(slot)) {
        slot->barred = true;
        return CURL_SOCKET_BAD;
    }
    if (slot->exchange == NULL)
        pool__conn_opens(slot->conn);
    int fd = socket(address->family, address->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
                    address->protocol);
    if (fd < 0)
        return CURL_SOCKET_BAD;
    if (socket_create(slot->conn, fd, true) == NULL) {
        close(fd);
        return CURL_SOCKET_BAD;
    }
    return fd;
}

/* The descriptor's number may be reused at once: tracking goes first. */
int pool__socket_close(void *ctx, curl_socket_t fd)
{
    struct pool *pool = ctx;
    for (struct pool__conn *conn = pool->conns; conn != NULL; conn = conn->next) {
        struct pool__socket *socket = socket_find(conn, fd);
        if (socket != NULL) {
            socket_drop(socket);
            break;
        }
    }
    return close(fd);
}

void pool__sockets_drop(struct pool__conn *conn)
{
    while (conn->sockets != NULL)
        socket_drop(conn->sockets);
}

bool pool__sockets_dead(const struct pool__conn *conn)
{
    for (const struct pool__socket *socket = conn->sockets; socket != NULL; socket = socket->next) {
        struct tcp_info info = {0};
        socklen_t len = sizeof info;
        if (!socket->ours || getsockopt(socket->poll.fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0)
            continue;
        if (info.tcpi_state != TCP_ESTABLISHED)
            return true;
    }
    return false;
}
