/*
 * libwebsockets on a front's loop: context and vhost, the callbacks of HTTP and of sotto.v1, and
 * the fixes that version 4.1.6 wants from an application (docs/conformance.md).
 *
 * Threads: the front's own; ws_open() before its loop runs.
 */
#pragma once

#include <stdbool.h>

struct front;
struct lws;

/* Makes the context and the vhost without a listening socket. STATUS_INTERNAL. */
int ws_open(struct front *front);
/* Adopts an accepted socket; NULL: the library refuses, and has closed it. */
struct lws *ws_adopt(struct front *front, int fd);
/* Starts the end of the context; front->lws is NULL once it is complete. */
void ws_close(struct front *front);
