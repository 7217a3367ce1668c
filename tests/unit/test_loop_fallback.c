/* io_uring forbidden by a seccomp filter, as Docker's default profile does: epoll, with the reason.
 */
#include "tests/unit/loop_kit.h"

#include "base/log.h"
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static int forbid_io_uring(int error)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof code / sizeof code[0], .filter = code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return -1;
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

static void on_end(struct loop_timer *timer)
{
    loop_stop(timer->loop);
}

static void child(int error, const char *word)
{
    struct loop_timer timer = {0};
    struct loop *loop = NULL;
    CHECK_EQ(forbid_io_uring(error), 0);
    CHECK_EQ(loop_create(&loop, LOOP_URING), STATUS_UNSUPPORTED);
    CHECK(loop == NULL);
    CHECK_EQ(loop_create(&loop, LOOP_AUTO), STATUS_OK);
    CHECK_STR(loop_backend_name(loop), "epoll");
    CHECK(strstr(loop_backend_reason(loop), word) != NULL);
    loop_timer_start(loop, &timer, loop_now_us(loop) + 1000, on_end);
    loop_run(loop);
    loop_destroy(loop);
}

/* The filter cannot be taken off again, so each case is a process of its own. */
static void in_child(int error, const char *word)
{
    int status = -1;
    pid_t pid = fork();
    if (pid == 0) {
        child(error, word);
        _exit(check_failed == 0 ? 0 : 1);
    }
    CHECK(pid > 0);
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void test_eperm(void)
{
    in_child(EPERM, "EPERM");
}

static void test_enosys(void)
{
    in_child(ENOSYS, "ENOSYS");
}

static void test_eacces(void)
{
    in_child(EACCES, "EACCES");
}

int main(void)
{
    RUN(test_eperm);
    RUN(test_enosys);
    RUN(test_eacces);
    return check_done();
}
