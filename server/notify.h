/*
 * Tells systemd of the service's state when it asked for that (NOTIFY_SOCKET, sd_notify(3)).
 *
 * Threads: main.
 */
#pragma once

/* "READY=1", "STOPPING=1". Silent when nobody asked or listens. */
void notify_systemd(const char *state);
