/*
 * Threads with a name (shown by ps -L and in logs).
 */
#pragma once

#include <pthread.h>

/* `name` up to 15 bytes. All signals are blocked in the new thread. Returns 0 or STATUS_NOMEM. */
int thread_start(pthread_t *thread, const char *name, void *(*run)(void *ctx), void *ctx);
/* Name of the calling thread, as given; "main" for the first. */
const char *thread_name(void);
/*
 * For threads that wait for work and do a little of it at a time: asks the kernel to run the
 * calling thread soon and briefly. Where such threads share a core, each then waits microseconds
 * for its turn instead of the milliseconds of ordinary time slices. sched_setattr(2),
 * sched_runtime, honoured by Linux 6.12 and later; elsewhere nothing changes.
 */
void thread_prompt(void);
/*
 * For such a thread with a long stretch of work, called between two pieces of it: offers the core
 * to others that wait, five times a millisecond. The kernel by itself would look only at its next
 * tick, milliseconds later.
 */
void thread_give_way(void);
