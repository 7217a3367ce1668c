#include "local/admission.h"

#include "local/limits.h"
#include <assert.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Decoders get three quarters of the cores: the rest is for the chat half, the server beside us,
 * and for catching up. */
#define CORE_SHARE 0.75
/* Memory left to the system and to everything else: a quarter of what is free, half a gigabyte at
 * least. */
#define MEMORY_KEEP_SHARE 4
#define MEMORY_KEEP_MIN   ((uint64_t)512 << 20)
#define MEMORY_UNKNOWN    ((uint64_t)1 << 30)
#define NO_LIMIT          UINT64_MAX
#define PATH_BYTES        1024

static FILE *open_under(const char *root, const char *path, const char *name)
{
    char full[2 * PATH_BYTES];
    snprintf(full, sizeof full, "%s%s%s", root, path, name);
    return fopen(full, "re");
}

/* A file of one number, or "max". */
static uint64_t read_limit(const char *root, const char *path, const char *name)
{
    uint64_t value = NO_LIMIT;
    FILE *file = open_under(root, path, name);
    if (file == NULL)
        return NO_LIMIT;
    if (fscanf(file, "%" SCNu64, &value) != 1)
        value = NO_LIMIT;
    fclose(file);
    return value;
}

/* What a group leaves: its limit less what it uses, page cache that can be dropped not counted. */
static uint64_t group_memory(const char *root, const char *path)
{
    uint64_t limit = read_limit(root, path, "/memory.max");
    uint64_t used = read_limit(root, path, "/memory.current");
    if (limit == NO_LIMIT)
        return NO_LIMIT;
    if (used == NO_LIMIT)
        return limit;
    FILE *file = open_under(root, path, "/memory.stat");
    char key[64];
    uint64_t value;
    while (file != NULL && fscanf(file, "%63s %" SCNu64, key, &value) == 2)
        if (strcmp(key, "inactive_file") == 0 && value <= used)
            used -= value;
    if (file != NULL)
        fclose(file);
    return used < limit ? limit - used : 0;
}

/* CPUs a group's quota amounts to. */
static double group_cores(const char *root, const char *path)
{
    double quota = 0, period = 0, cores = 1e9;
    FILE *file = open_under(root, path, "/cpu.max");
    if (file == NULL)
        return cores;
    if (fscanf(file, "%lf %lf", &quota, &period) == 2 && quota > 0 && period > 0)
        cores = quota / period;
    fclose(file);
    return cores;
}

/* Our group of the unified hierarchy, "" when there is none. */
static void group_path(const char *root, char out[PATH_BYTES])
{
    char line[PATH_BYTES / 2];
    out[0] = '\0';
    FILE *file = open_under(root, "/proc/self/cgroup", "");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, "0::/", 4) != 0)
            continue;
        line[strcspn(line, "\n")] = '\0';
        snprintf(out, PATH_BYTES, "/sys/fs/cgroup%s", line + 3);
    }
    if (file != NULL)
        fclose(file);
}

/* Every group on the way up can be the tightest. Inside a container the root itself carries the
 * limit. */
static void machine_read_groups(const char *root, struct local_machine *machine)
{
    char path[PATH_BYTES];
    group_path(root, path);
    while (path[0] != '\0') {
        size_t len = strlen(path);
        if (len > 1 && path[len - 1] == '/')
            path[len - 1] = '\0';
        uint64_t memory = group_memory(root, path);
        double cores = group_cores(root, path);
        if (memory < machine->memory_bytes)
            machine->memory_bytes = memory;
        if (cores < machine->cores)
            machine->cores = cores;
        char *slash = strrchr(path, '/');
        if (slash == NULL || strcmp(path, "/sys/fs/cgroup") == 0)
            break;
        *slash = '\0';
    }
}

static uint64_t memory_available(const char *root)
{
    char line[256];
    uint64_t kilobytes = 0;
    FILE *file = open_under(root, "/proc/meminfo", "");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "MemAvailable: %" SCNu64, &kilobytes) == 1)
            break;
    if (file != NULL)
        fclose(file);
    return kilobytes > 0 ? kilobytes * 1024 : MEMORY_UNKNOWN;
}

void local_machine_read(const char *root, struct local_machine *out)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    int cores = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    *out = (struct local_machine){.cores = cores > 0 ? cores : 1,
                                  .memory_bytes = memory_available(root)};
    machine_read_groups(root, out);
}

static unsigned bounded(double count)
{
    if (count < 1)
        return 1;
    return count > LOCAL_DECODERS_MAX ? LOCAL_DECODERS_MAX : (unsigned)count;
}

struct local_admission local_admission_compute(const struct local_machine *machine,
                                               const struct local_cost *cost, unsigned held)
{
    assert(cost->core_share > 0 && cost->memory_bytes > 0 && machine->cores > 0);
    uint64_t total = machine->memory_bytes + held * cost->memory_bytes;
    uint64_t keep = total / MEMORY_KEEP_SHARE;
    if (keep < MEMORY_KEEP_MIN)
        keep = MEMORY_KEEP_MIN;
    uint64_t ours = total > keep ? total - keep : 0;
    struct local_admission out = {
        .by_cores = bounded(machine->cores * CORE_SHARE / cost->core_share),
        .by_memory = bounded((double)ours / (double)cost->memory_bytes),
    };
    out.decoders = out.by_cores < out.by_memory ? out.by_cores : out.by_memory;
    return out;
}
