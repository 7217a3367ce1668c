#include "bench/probe_proc.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define STATUS_BYTES 4096
#define STAT_BYTES   32768 /* of /proc/stat: the cores stand first */

/* The whole file, or its first `size` - 1 bytes. */
static bool read_file(const char *path, char *text, size_t size)
{
    size_t len = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t got = 1;
    while (len + 1 < size && (got = read(fd, text + len, size - 1 - len)) > 0)
        len += (size_t)got;
    close(fd);
    text[len] = '\0';
    return got >= 0 && len > 0;
}

bool probe_proc_stat(const char *text, struct probe_proc *out)
{
    unsigned long long user, system;
    /* proc(5): the name is field 2 in parentheses, utime and stime are 14 and 15. */
    const char *after = strrchr(text, ')');
    if (after == NULL || sscanf(after + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu",
                                &user, &system) != 2)
        return false;
    out->user_ticks = user;
    out->system_ticks = system;
    return true;
}

uint64_t probe_proc_status(const char *text, const char *name)
{
    size_t len = strlen(name);
    for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, name, len) == 0 && line[len] == ':')
            return strtoull(line + len + 1, NULL, 10);
    }
    return 0;
}

/* The kernel's own clock of the process: nanoseconds, where stat has hundredths of a second. */
static int64_t cpu_ns(int pid, const struct probe_proc *proc)
{
    clockid_t clock;
    struct timespec at;
    if (clock_getcpuclockid(pid, &clock) == 0 && clock_gettime(clock, &at) == 0)
        return at.tv_sec * 1000000000LL + at.tv_nsec;
    return (int64_t)(proc->user_ticks + proc->system_ticks) * (1000000000LL / sysconf(_SC_CLK_TCK));
}

bool probe_proc_read(int pid, struct probe_proc *out)
{
    char path[64], text[STATUS_BYTES];
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    if (!read_file(path, text, sizeof text) || !probe_proc_stat(text, out))
        return false;
    out->cpu_ns = cpu_ns(pid, out);
    snprintf(path, sizeof path, "/proc/%d/status", pid);
    if (!read_file(path, text, sizeof text))
        return false;
    out->rss_bytes = probe_proc_status(text, "VmRSS") * 1024;
    out->threads = probe_proc_status(text, "Threads");
    return true;
}

/* Entries of a folder, but for itself and the one above. */
static uint64_t count_entries(const char *path)
{
    uint64_t count = 0;
    DIR *folder = opendir(path);
    if (folder == NULL)
        return 0;
    while (readdir(folder) != NULL)
        count++;
    closedir(folder);
    return count > 2 ? count - 2 : 0;
}

uint64_t probe_proc_descriptors(int pid)
{
    char path[64];
    struct stat info;
    snprintf(path, sizeof path, "/proc/%d/fd", pid);
    /* Since Linux 6.2 the folder's size is their number. */
    if (stat(path, &info) == 0 && info.st_size > 0)
        return (uint64_t)info.st_size;
    return count_entries(path);
}

void probe_proc_switches(int pid, struct probe_proc *out)
{
    char path[320], text[STATUS_BYTES];
    snprintf(path, sizeof path, "/proc/%d/task", pid);
    DIR *folder = opendir(path);
    const struct dirent *entry;
    if (folder == NULL)
        return;
    while ((entry = readdir(folder)) != NULL) {
        snprintf(path, sizeof path, "/proc/%d/task/%s/status", pid, entry->d_name);
        if (entry->d_name[0] == '.' || !read_file(path, text, sizeof text))
            continue;
        out->switches_voluntary += probe_proc_status(text, "voluntary_ctxt_switches");
        out->switches_forced += probe_proc_status(text, "nonvoluntary_ctxt_switches");
    }
    closedir(folder);
}

unsigned probe_cpus_parse(const char *text, struct probe_cpu *out, unsigned max)
{
    unsigned len = 0, number;
    for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
        /* proc(5): user nice system idle iowait irq softirq steal; guest time is in user. */
        unsigned long long t[8] = {0};
        line += *line == '\n';
        if (sscanf(line, "cpu%u %llu %llu %llu %llu %llu %llu %llu %llu", &number, &t[0], &t[1],
                   &t[2], &t[3], &t[4], &t[5], &t[6], &t[7]) != 9 ||
            strncmp(line, "cpu ", 4) == 0 || number >= max)
            continue;
        for (; len <= number; len++)
            out[len] = (struct probe_cpu){0};
        uint64_t busy = t[0] + t[1] + t[2] + t[5] + t[6];
        out[number] = (struct probe_cpu){busy, t[7], busy + t[3] + t[4] + t[7]};
    }
    return len;
}

unsigned probe_cpus_read(struct probe_cpu *out, unsigned max)
{
    char text[STAT_BYTES];
    return read_file("/proc/stat", text, sizeof text) ? probe_cpus_parse(text, out, max) : 0;
}
