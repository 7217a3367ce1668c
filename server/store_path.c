#include "server/store_path.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/status.h"
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FILE_NAME "sotto.db"

static const char *variable(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && value[0] == '/' ? value : NULL;
}

/* systemd's may be several, separated by colons: the first. XDG paths that are not absolute are
 * to be ignored, says their specification. */
static int folder_find(struct buf *folder)
{
    const char *state = variable("STATE_DIRECTORY"), *xdg = variable("XDG_STATE_HOME");
    const char *home = variable("HOME");
    if (state != NULL)
        return buf_append(folder, state, strcspn(state, ":"));
    if (xdg != NULL)
        return buf_printf(folder, "%s/sotto", xdg);
    return home != NULL ? buf_printf(folder, "%s/.local/state/sotto", home) : STATUS_NOT_FOUND;
}

/* With every folder above it. */
static int folder_make(char *folder)
{
    for (char *at = folder + 1;; at++) {
        if (*at != '/' && *at != '\0')
            continue;
        char end = *at;
        *at = '\0';
        int made = mkdir(folder, 0700);
        *at = end;
        if (made != 0 && errno != EEXIST)
            return STATUS_IO;
        if (end == '\0')
            return STATUS_OK;
    }
}

static int default_path(bool make, char **out, char why[STORE_PATH_WHY_BYTES])
{
    static const char hint[] = "set path in [store] to a file, or to none to keep nothing";
    struct buf folder;
    buf_init(&folder, PATH_MAX - sizeof FILE_NAME);
    int status = folder_find(&folder);
    if (status == STATUS_NOT_FOUND) {
        snprintf(why, STORE_PATH_WHY_BYTES, "there is no HOME to keep the store in; %s", hint);
    } else if (status == STATUS_OK && make && (status = folder_make(folder.data)) != STATUS_OK) {
        snprintf(why, STORE_PATH_WHY_BYTES, "cannot make the folder %.300s: %s; %s", folder.data,
                 strerror(errno), hint);
    } else if (status != STATUS_OK) {
        snprintf(why, STORE_PATH_WHY_BYTES, "the store's path is too long; %s", hint);
    }
    if (status == STATUS_OK) {
        size_t len;
        folder.max = PATH_MAX;
        status = buf_puts(&folder, "/" FILE_NAME);
        *out = status == STATUS_OK ? buf_take(&folder, &len) : NULL;
    }
    buf_deinit(&folder);
    return status;
}

static int find(const char *configured, bool make, char **out, char why[STORE_PATH_WHY_BYTES])
{
    if (configured[0] == '\0')
        return default_path(make, out, why);
    char *path = mem_strdup(strcmp(configured, "none") == 0 ? "" : configured);
    if (path == NULL)
        return STATUS_NOMEM;
    *out = path;
    return STATUS_OK;
}

int store_path_find(const char *configured, char **out, char why[STORE_PATH_WHY_BYTES])
{
    return find(configured, true, out, why);
}

int store_path_look(const char *configured, char **out, char why[STORE_PATH_WHY_BYTES])
{
    return find(configured, false, out, why);
}
