/*
 * Threads with a name (shown by ps -L and in logs).
 */
#pragma once

#include <pthread.h>

/* `name` up to 15 bytes. All signals are blocked in the new thread. Returns 0 or STATUS_NOMEM. */
int thread_start(pthread_t *thread, const char *name, void *(*run)(void *ctx), void *ctx);
/* Name of the calling thread, as given; "main" for the first. */
const char *thread_name(void);
