#include "base/mem.h"
#include "base/status.h"
#include "base/thread.h"
#include "tests/check.h"

#include <signal.h>

static void *tell(void *ctx)
{
    sigset_t *mask = ctx;
    pthread_sigmask(SIG_SETMASK, NULL, mask);
    char kernel[16] = "";
    pthread_getname_np(pthread_self(), kernel, sizeof kernel);
    return mem_strdup(strcmp(kernel, thread_name()) == 0 ? thread_name() : "differs");
}

static void test_name_and_mask(void)
{
    sigset_t in_thread, before, after;
    pthread_t thread;
    void *name = NULL;
    sigemptyset(&in_thread);
    pthread_sigmask(SIG_SETMASK, NULL, &before);
    CHECK_EQ(thread_start(&thread, "fifteen-letters", tell, &in_thread), STATUS_OK);
    pthread_join(thread, &name);
    CHECK_STR(name, "fifteen-letters");
    mem_free(name);
    CHECK(sigismember(&in_thread, SIGTERM) == 1 && sigismember(&in_thread, SIGINT) == 1);
    CHECK(sigismember(&in_thread, SIGPIPE) == 1 && sigismember(&in_thread, SIGHUP) == 1);
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    for (int i = 1; i < 32; i++)
        CHECK_EQ(sigismember(&before, i), sigismember(&after, i));
}

static void test_the_first_thread_is_main(void)
{
    CHECK_STR(thread_name(), "main");
}

static void *tell_foreign(void *ctx)
{
    pthread_setname_np(pthread_self(), "library");
    return mem_strdup(thread_name());
}

static void test_a_library_thread_has_its_kernel_name(void)
{
    pthread_t thread;
    void *name = NULL;
    pthread_create(&thread, NULL, tell_foreign, NULL);
    pthread_join(thread, &name);
    CHECK_STR(name, "library");
    mem_free(name);
}

static void test_no_memory(void)
{
    pthread_t thread;
    mem_fail_nth(1);
    CHECK_EQ(thread_start(&thread, "x", tell, NULL), STATUS_NOMEM);
    mem_fail_nth(0);
}

/* Only the slice changes: priority and policy stay, whatever the kernel makes of it. */
static void *prompt(void *ctx)
{
    struct sched_param before, after;
    int policy_before, policy_after, nice_before = nice(0);
    pthread_getschedparam(pthread_self(), &policy_before, &before);
    thread_prompt();
    pthread_getschedparam(pthread_self(), &policy_after, &after);
    CHECK_EQ(policy_after, policy_before);
    CHECK_EQ(after.sched_priority, before.sched_priority);
    CHECK_EQ(nice(0), nice_before);
    return NULL;
}

static void test_prompt_keeps_the_priority(void)
{
    pthread_t thread;
    CHECK_EQ(thread_start(&thread, "prompt", prompt, NULL), 0);
    pthread_join(thread, NULL);
}

int main(void)
{
    RUN(test_name_and_mask);
    RUN(test_the_first_thread_is_main);
    RUN(test_a_library_thread_has_its_kernel_name);
    RUN(test_no_memory);
    RUN(test_prompt_keeps_the_priority);
    return check_done();
}
