/*
 * The end of a server, as main drives it: its place on the port goes to a successor, its clients
 * are told to go on elsewhere, and it waits for them, but for no longer than stop_ms.
 *
 * 1. Not ready, and new WebSockets are refused (503), from the first moment.
 * 2. Where another process listens on the port, the kernel is told to send everybody to it
 *    (server/listen.h). What was queued here before, and handshakes that were under way, are still
 *    accepted and answered, for STOP_LINGER_MS and until nobody has come for STOP_QUIET_MS. Then
 * the listening sockets close, from the last to the first, so that the successor's keep their
 * place.
 * 3. Fronts tell their clients (FRONT_STOP), with deadlines spread over the time there is, and end
 *    with the last of them; what is open shortly before the end is cut.
 *
 * Threads: main.
 */
#pragma once

#include <signal.h>

struct server;

/* Returns when every front has ended; server_stop() frees the rest. A further SIGTERM or SIGINT of
 * `signals`, which are blocked, cuts it short. */
void stop_run(struct server *server, const sigset_t *signals);
/* Tells every front to end now; for a server that was never served. */
void stop_now(struct server *server);
