#include "server/pages.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/status.h"
#include "server/pages_embedded.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PREFIX "/web/"
#define LETTERS                                                                                    \
    "abcdefghijklmnopqrstuvwxyz"                                                                   \
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"                                                                   \
    "0123456789_-."

struct pages {
    int folder; /* -1: what the program holds */
};

static const struct {
    const char *path, *name;
} entrances[] = {{"/", "index.html"}, {"/monitor", "monitor.html"}};

static const struct {
    const char *ending, *type;
} types[] = {
    {".html", "text/html; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".mjs", "text/javascript; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".json", "application/json"},
    {".webmanifest", "application/manifest+json"},
    {".svg", "image/svg+xml"},
    {".png", "image/png"},
    {".ico", "image/vnd.microsoft.icon"},
    {".woff2", "font/woff2"},
    {".txt", "text/plain; charset=utf-8"},
    {"LICENSE", "text/plain; charset=utf-8"},
};

int pages_open(struct pages **out, const char *folder)
{
    struct pages *pages = mem_alloc(sizeof *pages);
    if (pages == NULL)
        return STATUS_NOMEM;
    pages->folder = -1;
    if (folder[0] != '\0') {
        pages->folder = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (pages->folder < 0) {
            LOG_ERROR(LOG_MAIN, 0, "no folder with the web pages", "web_path=%s error=%s hint=%s",
                      LOG_Q(folder), LOG_Q(strerror(errno)),
                      LOG_Q("without web_path the pages inside the program are served"));
            mem_free(pages);
            return STATUS_NOT_FOUND;
        }
        LOG_INFO(LOG_MAIN, 0, "serving the web pages from a folder", "web_path=%s", LOG_Q(folder));
    }
    *out = pages;
    return STATUS_OK;
}

void pages_close(struct pages *pages)
{
    if (pages != NULL && pages->folder >= 0)
        close(pages->folder);
    mem_free(pages);
}

/* --- names --- */

/* NULL: not a kind of file that is served. */
static const char *type_of(const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        size_t ending = strlen(types[i].ending);
        if (len >= ending && strcmp(name + len - ending, types[i].ending) == 0)
            return types[i].type;
    }
    return NULL;
}

/* Parts with a slash between them, none empty, none hidden: `..` is not among them. */
static bool is_plain(const char *name)
{
    for (const char *at = name;; at++) {
        size_t len = strspn(at, LETTERS);
        if (len == 0 || at[0] == '.')
            return false;
        at += len;
        if (at[0] != '/')
            return at[0] == '\0';
    }
}

bool pages_cover(const char *path)
{
    bool covers = strncmp(path, PREFIX, strlen(PREFIX)) == 0;
    for (size_t i = 0; i < sizeof entrances / sizeof entrances[0]; i++)
        covers = covers || strcmp(path, entrances[i].path) == 0;
    return covers;
}

int pages_name(const char *path, char out[PAGE_NAME_BYTES])
{
    const char *name = strncmp(path, PREFIX, strlen(PREFIX)) == 0 ? path + strlen(PREFIX) : NULL;
    for (size_t i = 0; i < sizeof entrances / sizeof entrances[0]; i++) {
        if (strcmp(path, entrances[i].path) == 0)
            name = entrances[i].name;
        else if (name != NULL && strcmp(name, entrances[i].name) == 0)
            return STATUS_NOT_FOUND; /* one thing, one address */
    }
    if (name == NULL || strlen(name) >= PAGE_NAME_BYTES || !is_plain(name) || type_of(name) == NULL)
        return STATUS_NOT_FOUND;
    memcpy(out, name, strlen(name) + 1);
    return STATUS_OK;
}

/* --- files --- */

static int get_embedded(const char *name, struct page *out)
{
    for (const struct page_embedded *file = pages_embedded; file->name != NULL; file++) {
        if (strcmp(file->name, name) != 0)
            continue;
        assert(strlen(file->etag) < sizeof out->etag);
        *out = (struct page){.bytes = file->begin, .len = (size_t)(file->end - file->begin)};
        memcpy(out->etag, file->etag, strlen(file->etag) + 1);
        return STATUS_OK;
    }
    return STATUS_NOT_FOUND;
}

/* One part of the name after the other, and no symbolic link: nothing outside is ever opened.
 * -1: there is no such file. */
static int open_below(int folder, const char *name)
{
    char part[PAGE_NAME_BYTES];
    int at = dup(folder);
    while (at >= 0) {
        size_t len = strcspn(name, "/");
        bool last = name[len] == '\0';
        snprintf(part, sizeof part, "%.*s", (int)len, name);
        /* Not to wait for whoever writes to a pipe. */
        int flags = last ? O_RDONLY | O_NONBLOCK : O_PATH | O_DIRECTORY;
        int next = openat(at, part, flags | O_NOFOLLOW | O_CLOEXEC);
        close(at);
        if (last)
            return next;
        at = next;
        name += len + 1;
    }
    return -1;
}

static int read_file(int file, struct page *out)
{
    struct stat stat;
    if (fstat(file, &stat) != 0 || !S_ISREG(stat.st_mode))
        return STATUS_NOT_FOUND;
    if (stat.st_size > PAGE_BYTES_MAX)
        return STATUS_LIMIT;
    *out = (struct page){.owned = mem_alloc((size_t)stat.st_size + 1)};
    if (out->owned == NULL)
        return STATUS_NOMEM;
    out->bytes = out->owned;
    /* What an editor has cut off meanwhile is not there. */
    for (ssize_t len = 1; len > 0 && out->len < (size_t)stat.st_size; out->len += (size_t)len) {
        len = read(file, out->owned + out->len, (size_t)stat.st_size - out->len);
        if (len < 0)
            len = 0;
    }
    return STATUS_OK;
}

static void make_etag(struct page *page)
{
    unsigned char hash[SHA256_DIGEST_LENGTH];
    SHA256((const unsigned char *)page->bytes, page->len, hash);
    size_t at = 0;
    page->etag[at++] = '"';
    for (int i = 0; i < 16; i++, at += 2)
        snprintf(page->etag + at, 3, "%02x", hash[i]);
    memcpy(page->etag + at, "\"", 2);
}

static int get_file(int folder, const char *name, struct page *out)
{
    int file = open_below(folder, name);
    if (file < 0)
        return STATUS_NOT_FOUND;
    int status = read_file(file, out);
    close(file);
    if (status == STATUS_OK)
        make_etag(out);
    return status;
}

int pages_get(const struct pages *pages, const char *path, struct page *out)
{
    char name[PAGE_NAME_BYTES];
    int status = pages_name(path, name);
    if (status == STATUS_OK)
        status = pages->folder < 0 ? get_embedded(name, out) : get_file(pages->folder, name, out);
    if (status == STATUS_OK)
        out->type = type_of(name);
    return status;
}
