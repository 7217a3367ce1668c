/*
 * The listening sockets: one a front, on one port (SO_REUSEPORT), so that the kernel spreads
 * connections.
 *
 * Threads: main, before the fronts start.
 */
#pragma once

#include "server/limits.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/* "127.0.0.1:8080", "[::1]:8080", "localhost:8080". STATUS_INVALID; STATUS_AUTH, with `out` filled,
 * beyond loopback, which wants keys and TLS (server/start.h). */
int listen_parse(const char *text, struct sockaddr_storage *out);
/* What listen_open() made. */
struct listening {
    int sockets[FRONTS_MAX];
    uint16_t port;
    bool shared; /* somebody listens there already, whose place is to be taken over */
};

/*
 * Opens `count` sockets (the caller's to close) on `address`; port 0 is chosen by the kernel.
 * STATUS_IO with errno set, and nothing open. A port on which anybody listens already is refused,
 * another sotto included, unless `takeover`: then another process of the same user may be there,
 * and new connections are spread over both.
 */
int listen_open(const struct sockaddr_storage *address, unsigned count, bool takeover,
                struct listening *out);

/*
 * Of a port's group the kernel gives every new connection to one of the `count` sockets from
 * `first` on, counted in the order in which they began to listen; to any of the group when there is
 * none at the place it chose. So a process that is to end, whose n sockets come first, sends
 * everybody to its successor. Connections and handshakes that a socket has got already stay with
 * it. When a socket is closed the last one takes its place. `fd` is any socket of the group.
 * STATUS_IO: the kernel cannot (before Linux 4.5).
 */
int listen_divert(int fd, unsigned first, unsigned count);
/* Back to spreading them evenly. */
void listen_undivert(int fd);
/* Sockets that listen where `fd` does, less `own`; 0 when it cannot be told. */
unsigned listen_others(int fd, unsigned own);
