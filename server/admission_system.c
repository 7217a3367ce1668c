#include "server/admission_system.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define COUNT_SAMPLES 10
#define FOLDER        "/proc/self/fd"

static bool read_line(const char *path, char *out, size_t bytes)
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return false;
    bool got = fgets(out, (int)bytes, file) != NULL;
    fclose(file);
    if (got)
        out[strcspn(out, "\n")] = '\0';
    return got;
}

/* "0::/system.slice/sotto.service" of version 2, in a line of its own. */
static bool group_of(const char *self, char *out, size_t bytes)
{
    FILE *file = fopen(self, "re");
    char line[PATH_MAX];
    bool found = false;
    while (file != NULL && !found && fgets(line, sizeof line, file) != NULL)
        found = strncmp(line, "0::/", 4) == 0;
    if (file != NULL)
        fclose(file);
    if (!found)
        return false;
    line[strcspn(line, "\n")] = '\0';
    int len = snprintf(out, bytes, "%s", line + 3);
    return len > 0 && (size_t)len < bytes;
}

static uint64_t group_limit(const char *groups, const char *group)
{
    char path[2 * PATH_MAX], text[64];
    int len = snprintf(path, sizeof path, "%s%s/memory.max", groups, group);
    if (len < 0 || (size_t)len >= sizeof path || !read_line(path, text, sizeof text))
        return UINT64_MAX;
    char *end;
    errno = 0;
    unsigned long long limit = strtoull(text, &end, 10);
    return end == text || errno != 0 ? UINT64_MAX : limit; /* "max" */
}

static uint64_t memory_max(const char *groups, const char *self)
{
    uint64_t least = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    char group[PATH_MAX];
    if (!group_of(self, group, sizeof group))
        return least;
    /* Every group above has a say; the root has no file. Inside a container the path may begin at
     * its own root: then only that is found. */
    for (;;) {
        uint64_t limit = group_limit(groups, group);
        if (limit < least)
            least = limit;
        char *slash = strrchr(group, '/');
        if (slash == NULL)
            return least;
        *slash = '\0';
    }
}

void admission_system_init(struct admission_system *system, const char *groups, const char *self)
{
    struct rlimit limit;
    *system = (struct admission_system){.memory_max_bytes = memory_max(groups, self)};
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
        system->descriptors_max = limit.rlim_cur;
}

static uint64_t count_entries(void)
{
    DIR *folder = opendir(FOLDER);
    uint64_t count = 0;
    while (folder != NULL && readdir(folder) != NULL)
        count++;
    if (folder != NULL)
        closedir(folder);
    return count > 3 ? count - 3 : 0; /* ".", ".." and the folder itself */
}

uint64_t admission_system_descriptors(struct admission_system *system)
{
    struct stat stat_of;
    if (stat(FOLDER, &stat_of) == 0 && stat_of.st_size > 0)
        return system->descriptors = (uint64_t)stat_of.st_size;
    if (system->count_in == 0) {
        system->descriptors = count_entries();
        system->count_in = COUNT_SAMPLES;
    }
    system->count_in--;
    return system->descriptors;
}
