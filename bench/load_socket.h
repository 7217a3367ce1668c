/*
 * A client's socket: made as its role needs it, and closed as sockets come to an end.
 *
 * Threads: one owner.
 */
#pragma once

#include "bench/load_client.h"

/* Not connected yet; negative: errno. */
int load_socket_make(const struct load_field *field, const struct load_client *client);
/* In order, with RST, or not at all. */
void load_socket_close(struct load_field *field, struct load_client *client);
/* A slow reader reads so seldom; 0: it is none. */
int64_t load_socket_pause_us(const struct load_client *client);
