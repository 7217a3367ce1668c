/*
 * Whose pages may reach the server: a browser sends the Origin of the page with every WebSocket,
 * whoever wrote it, and with it the address of the visitor's network. Pure.
 *
 * Threads: any.
 */
#pragma once

#include <stdbool.h>

/* The page came from this server: "https://host:port" (RFC 6454 §6.2) names its scheme, and what
 * the client wrote into Host, the port included. */
bool origin_same(const char *origin, const char *host, bool tls);
/* `list`, separated by commas, holds it. "null", the Origin of pages without one, is never there:
 * every sandboxed frame and file has it. */
bool origin_listed(const char *list, const char *origin);
/* Host is localhost, 127.0.0.1 or [::1], with a port or without. */
bool origin_host_is_loopback(const char *host);
