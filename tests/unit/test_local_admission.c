/* How many decoders a machine carries, on machines made of files. */
#include "local/admission.h"
#include "local/limits.h"
#include "tests/check.h"
#include <sys/stat.h>
#include <unistd.h>

#define MB ((uint64_t)1 << 20)

static char root[] = "/tmp/admission-XXXXXX";

static void make_dirs(const char *path)
{
    char full[512];
    snprintf(full, sizeof full, "%s%s", root, path);
    for (char *slash = full + strlen(root) + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
        *slash = '\0';
        mkdir(full, 0700);
        *slash = '/';
    }
}

static void put_file(const char *path, const char *text)
{
    char full[512];
    make_dirs(path);
    snprintf(full, sizeof full, "%s%s", root, path);
    FILE *file = fopen(full, "w");
    fputs(text, file);
    fclose(file);
}

static void remove_file(const char *path)
{
    char full[512];
    snprintf(full, sizeof full, "%s%s", root, path);
    unlink(full);
}

static struct local_machine read_machine(void)
{
    struct local_machine machine;
    local_machine_read(root, &machine);
    return machine;
}

static void test_free_memory_of_the_system(void)
{
    put_file("/proc/meminfo",
             "MemTotal:  8000000 kB\nMemFree: 100 kB\nMemAvailable:    2048000 kB\n");
    struct local_machine machine = read_machine();
    CHECK_EQ(machine.memory_bytes, 2048000ull * 1024);
    CHECK(machine.cores >= 1);
}

static void test_tightest_group_counts(void)
{
    put_file("/proc/self/cgroup", "1:name=systemd:/x\n0::/school/class.slice\n");
    put_file("/sys/fs/cgroup/school/class.slice/memory.max", "max\n");
    put_file("/sys/fs/cgroup/school/class.slice/cpu.max", "max 100000\n");
    put_file("/sys/fs/cgroup/school/memory.max", "1073741824\n");
    put_file("/sys/fs/cgroup/school/memory.current", "536870912\n");
    put_file("/sys/fs/cgroup/school/memory.stat", "anon 5\ninactive_file 104857600\nslab 7\n");
    put_file("/sys/fs/cgroup/school/cpu.max", "50000 100000\n");
    struct local_machine machine = read_machine();
    CHECK_EQ(machine.memory_bytes, 612 * MB);
    CHECK(machine.cores > 0.49 && machine.cores < 0.51);
}

static void test_a_container_sees_its_limit_at_the_root(void)
{
    put_file("/proc/self/cgroup", "0::/\n");
    put_file("/sys/fs/cgroup/memory.max", "209715200\n");
    put_file("/sys/fs/cgroup/memory.current", "314572800\n");
    struct local_machine machine = read_machine();
    CHECK_EQ(machine.memory_bytes, 0); /* already over */
    remove_file("/sys/fs/cgroup/memory.max");
    CHECK_EQ(read_machine().memory_bytes, 2048000ull * 1024);
}

static void test_nothing_readable(void)
{
    struct local_machine machine;
    local_machine_read("/nonexistent", &machine);
    CHECK_EQ(machine.memory_bytes, 1024 * MB);
    CHECK(machine.cores >= 1);
}

static void test_cores_decide(void)
{
    struct local_machine machine = {.cores = 2, .memory_bytes = 64 * 1024 * MB};
    struct local_cost cost = {.core_share = 0.2, .memory_bytes = 100 * MB};
    struct local_admission admission = local_admission_compute(&machine, &cost, 1);
    CHECK_EQ(admission.by_cores, 7); /* three quarters of two cores */
    CHECK_EQ(admission.decoders, 7);
}

static void test_memory_decides(void)
{
    struct local_machine machine = {.cores = 32, .memory_bytes = 900 * MB};
    struct local_cost cost = {.core_share = 0.2, .memory_bytes = 100 * MB};
    struct local_admission admission = local_admission_compute(&machine, &cost, 1);
    CHECK_EQ(admission.by_memory, 4); /* 1,000 MB with ours, 512 kept */
    CHECK_EQ(admission.decoders, 4);
    CHECK_EQ(admission.by_cores, LOCAL_DECODERS_MAX);
    machine.memory_bytes = 7900 * MB; /* a quarter kept */
    CHECK_EQ(local_admission_compute(&machine, &cost, 1).by_memory, 60);
}

static void test_one_at_least(void)
{
    struct local_machine machine = {.cores = 0.1, .memory_bytes = 0};
    struct local_cost cost = {.core_share = 2, .memory_bytes = 100 * MB};
    CHECK_EQ(local_admission_compute(&machine, &cost, 0).decoders, 1);
}

int main(void)
{
    if (mkdtemp(root) == NULL)
        return 1;
    RUN(test_free_memory_of_the_system);
    RUN(test_tightest_group_counts);
    RUN(test_a_container_sees_its_limit_at_the_root);
    RUN(test_nothing_readable);
    RUN(test_cores_decide);
    RUN(test_memory_decides);
    RUN(test_one_at_least);
    char command[600];
    snprintf(command, sizeof command, "rm -r %s", root);
    return system(command) == 0 ? check_done() : 1;
}
