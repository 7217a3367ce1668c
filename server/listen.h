/*
 * The listening sockets: one a front, on one port (SO_REUSEPORT), so that the kernel spreads
 * connections.
 *
 * Threads: main, before the fronts start.
 */
#pragma once

#include <stdint.h>
#include <sys/socket.h>

/* "127.0.0.1:8080", "[::1]:8080", "localhost:8080". STATUS_INVALID; STATUS_AUTH beyond loopback,
 * which wants token keys. */
int listen_parse(const char *text, struct sockaddr_storage *out);
/*
 * Opens `count` sockets (the caller's to close) on `address`; port 0 is chosen by the kernel. The
 * port in use goes to `*port`. STATUS_IO with errno set, and nothing open: a port on which anybody
 * listens already is refused, another sotto included.
 */
int listen_open(const struct sockaddr_storage *address, unsigned count, int *sockets,
                uint16_t *port);
