#include "base/thread.h"

#include "base/mem.h"
#include "base/status.h"
#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NAME_BYTES 16 /* the kernel's limit, terminator included */

struct start {
    char name[NAME_BYTES];
    void *(*run)(void *ctx);
    void *ctx;
};

static _Thread_local char own_name[NAME_BYTES];

static void *thread_main(void *arg)
{
    struct start start = *(struct start *)arg;
    mem_free(arg);
    memcpy(own_name, start.name, sizeof own_name);
    pthread_setname_np(pthread_self(), start.name);
    return start.run(start.ctx);
}

int thread_start(pthread_t *thread, const char *name, void *(*run)(void *ctx), void *ctx)
{
    assert(thread != NULL && run != NULL && strlen(name) < NAME_BYTES);
    struct start *start = mem_alloc(sizeof *start);
    if (start == NULL)
        return STATUS_NOMEM;
    *start = (struct start){.run = run, .ctx = ctx};
    snprintf(start->name, sizeof start->name, "%s", name);

    /* The mask is inherited; blocking it here leaves no moment in which the new thread could take a
     * signal. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(thread, NULL, thread_main, start);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error != 0) {
        mem_free(start);
        return STATUS_NOMEM;
    }
    return STATUS_OK;
}

const char *thread_name(void)
{
    if (own_name[0] != '\0')
        return own_name;
    /* A thread of a library, or the first one, whose kernel name is the program's. */
    if (gettid() == getpid() || pthread_getname_np(pthread_self(), own_name, NAME_BYTES) != 0)
        memcpy(own_name, "main", sizeof "main");
    return own_name;
}
