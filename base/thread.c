#include "base/thread.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/status.h"
#include <assert.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
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

/* The kernel's least slice. */
#define SLICE_NS 100000

void thread_prompt(void)
{
    /* The first version of struct sched_attr, which glibc does not declare. */
    struct {
        uint32_t size, policy;
        uint64_t flags;
        int32_t nice;
        uint32_t priority;
        uint64_t runtime_ns, deadline_ns, period_ns;
    } attr = {.size = sizeof attr};
    _Static_assert(sizeof attr == 48, "SCHED_ATTR_SIZE_VER0");
    if (syscall(SYS_sched_getattr, 0, &attr, sizeof attr, 0) != 0 || attr.policy != SCHED_OTHER)
        return;
    attr.runtime_ns = SLICE_NS;
    attr.flags = 0;
    syscall(SYS_sched_setattr, 0, &attr, 0);
}

/* Work between two offers of the core. */
#define STRETCH_US 200

void thread_give_way(void)
{
    static _Thread_local int64_t since_us;
    int64_t now_us = clock_mono_us();
    if (now_us - since_us < STRETCH_US)
        return;
    /* After a longer time it has slept, or just waited for the core. */
    if (now_us - since_us < 10 * STRETCH_US)
        sched_yield();
    since_us = clock_mono_us();
}
