#include "local/admission.h"

#include "local/limits.h"
#include <assert.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
#define TEXT_BYTES        8192

/* A small file's text, "" when it cannot be read. */
static void read_text(const char *root, const char *path, const char *name, char out[TEXT_BYTES])
{
    char full[2 * PATH_BYTES];
    snprintf(full, sizeof full, "%s%s%s", root, path, name);
    FILE *file = fopen(full, "re");
    size_t len = file != NULL ? fread(out, 1, TEXT_BYTES - 1, file) : 0;
    if (file != NULL)
        fclose(file);
    out[len] = '\0';
}

/* The number after `key` at a line's start; `otherwise` when there is none ("max" is none). */
static uint64_t number_after(const char *text, const char *key, uint64_t otherwise)
{
    size_t len = strlen(key);
    for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
        line += line[0] == '\n';
        if (strncmp(line, key, len) != 0)
            continue;
        char *end;
        uint64_t value = strtoull(line + len, &end, 10);
        return end != line + len ? value : otherwise;
    }
    return otherwise;
}

/* What a group leaves: its limit less what it uses, page cache that can be dropped not counted. */
static uint64_t group_memory(const char *root, const char *path)
{
    char text[TEXT_BYTES];
    read_text(root, path, "/memory.max", text);
    uint64_t limit = number_after(text, "", NO_LIMIT);
    if (limit == NO_LIMIT)
        return NO_LIMIT;
    read_text(root, path, "/memory.current", text);
    uint64_t used = number_after(text, "", 0);
    read_text(root, path, "/memory.stat", text);
    uint64_t cache = number_after(text, "inactive_file ", 0);
    used -= cache < used ? cache : used;
    return used < limit ? limit - used : 0;
}

/* CPUs a group's quota amounts to. */
static double group_cores(const char *root, const char *path)
{
    char text[TEXT_BYTES], *end;
    read_text(root, path, "/cpu.max", text);
    double quota = strtod(text, &end);
    double period = end != text ? strtod(end, NULL) : 0;
    return quota > 0 && period > 0 ? quota / period : 1e9;
}

/* Our group of the unified hierarchy, "" when there is none. */
static void group_path(const char *root, char out[PATH_BYTES])
{
    char text[TEXT_BYTES];
    read_text(root, "/proc/self/cgroup", "", text);
    const char *line = strncmp(text, "0::/", 4) == 0 ? text : strstr(text, "\n0::/");
    out[0] = '\0';
    if (line == NULL)
        return;
    const char *path = strchr(line, '/');
    snprintf(out, PATH_BYTES, "/sys/fs/cgroup%.*s", (int)strcspn(path, "\n"), path);
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
    char text[TEXT_BYTES];
    read_text(root, "/proc/meminfo", "", text);
    uint64_t kilobytes = number_after(text, "MemAvailable:", 0);
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
