/*
 * The caps of server/peers.h at the door: a connection is counted when it is accepted, before
 * anything is allocated for it, or, when a proxy of `[server] proxies` brings it, at its upgrade,
 * by the address that the proxy names.
 *
 * Threads: the front's own. What a connection holds is kept with its libwebsockets socket, as its
 * opaque user data, and given back when that ends.
 */
#pragma once

#include "server/peers.h"
#include <stdbool.h>

struct front;
struct lws;

/* False: its address is at a cap, `fd` was answered as far as that costs nothing, and is closed.
 * True: go on, and give `hold` to peers_gate_keep(). */
bool peers_gate_accept(struct front *front, int fd, peers_hold *hold);
/* The socket that the library made of it; NULL: it made none. */
void peers_gate_keep(struct front *front, struct lws *wsi, peers_hold hold);
/* Its first request has come whole; later ones change nothing. */
void peers_gate_arrived(struct front *front, struct lws *wsi);
/* At an upgrade: PEERS_OK, or why it is refused, which is counted. */
int peers_gate_upgrade(struct front *front, struct lws *wsi);
/* What the socket holds; 0: nothing. */
peers_hold peers_gate_hold(struct lws *wsi);
/* The socket ends. False: it was none of those that were accepted. */
bool peers_gate_leave(struct front *front, struct lws *wsi);
