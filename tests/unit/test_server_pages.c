#include "base/log.h"
#include "base/mem.h"
#include "base/status.h"
#include "server/pages.h"
#include "server/pages_embedded.h"
#include "tests/check.h"
#include "tests/oom.h"
#include <ftw.h>
#include <stdbool.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/sotto-pages-XXXXXX";

static void put(const char *name, const char *text, size_t len)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    CHECK(file != NULL && fwrite(text, 1, len, file) == len);
    if (file != NULL)
        fclose(file);
}

static void make(const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    CHECK_EQ(mkdir(path, 0700), 0);
}

static void test_names(void)
{
    static const char *const names[][2] = {
        {"/", "index.html"},
        {"/monitor", "monitor.html"},
        {"/web/learner/page.css", "learner/page.css"},
        {"/web/audio/capture.js", "audio/capture.js"},
        {"/web/vendor/plot/LICENSE", "vendor/plot/LICENSE"},
        {"/web/shared/app-icon_2.min.svg", "shared/app-icon_2.min.svg"},
    };
    char out[PAGE_NAME_BYTES];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        CHECK(pages_cover(names[i][0]));
        CHECK_EQ(pages_name(names[i][0], out), STATUS_OK);
        CHECK_STR(out, names[i][1]);
    }
}

static void test_no_names(void)
{
    static const char *const paths[] = {"/web/",
                                        "/web",
                                        "",
                                        "//",
                                        "/monitor/",
                                        "/index.html",
                                        "/web/index.html",
                                        "/web/monitor.html",
                                        "/web/../server/http.c",
                                        "/web/..",
                                        "/web/.",
                                        "/web/a/../b.js",
                                        "/web/.git/config.js",
                                        "/web/a/.b.js",
                                        "/web//etc/hosts.txt",
                                        "/web/a//b.js",
                                        "/web/a/b.js/",
                                        "/web/a b.js",
                                        "/web/a%2e.js",
                                        "/web/a\\b.js",
                                        "/web/\xc3\xa9.js",
                                        "/web/a.c",
                                        "/web/a",
                                        "/web/a.js.bak",
                                        "/web/a\n.js",
                                        "/websocket.js",
                                        "/WEB/a.js"};
    char out[PAGE_NAME_BYTES], path[PAGE_NAME_BYTES + 16];
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        if (pages_name(paths[i], out) != STATUS_NOT_FOUND)
            fprintf(stderr, "%s\n", paths[i]);
        CHECK_EQ(pages_name(paths[i], out), STATUS_NOT_FOUND);
    }
    /* The longest there is, and one letter more. */
    snprintf(path, sizeof path, "/web/%0*d.js", PAGE_NAME_BYTES - 4, 0);
    CHECK_EQ(pages_name(path, out), STATUS_OK);
    snprintf(path, sizeof path, "/web/%0*d.js", PAGE_NAME_BYTES - 3, 0);
    CHECK_EQ(pages_name(path, out), STATUS_NOT_FOUND);
}

static void test_embedded(void)
{
    struct pages *pages;
    struct page page;
    unsigned served = 0;
    CHECK_EQ(pages_open(&pages, ""), STATUS_OK);
    for (const struct page_embedded *file = pages_embedded; file->name != NULL; file++) {
        char path[PAGE_NAME_BYTES + 8];
        snprintf(path, sizeof path, "/web/%s", file->name);
        if (strcmp(file->name, "index.html") == 0)
            strcpy(path, "/");
        if (strcmp(file->name, "monitor.html") == 0)
            strcpy(path, "/monitor");
        int status = pages_get(pages, path, &page);
        if (status != STATUS_OK)
            fprintf(stderr, "web/%s is in the program and is not served\n", file->name);
        CHECK_EQ(status, STATUS_OK);
        CHECK(page.type != NULL && page.owned == NULL);
        CHECK_EQ(page.len, file->end - file->begin);
        CHECK_STR(page.etag, file->etag);
        served++;
    }
    CHECK(served >= 2);
    CHECK_EQ(pages_get(pages, "/", &page), STATUS_OK);
    CHECK_STR(page.type, "text/html; charset=utf-8");
    CHECK(page.len > 15 && strncasecmp(page.bytes, "<!doctype html>", 15) == 0);
    CHECK_EQ(strlen(page.etag), 34);
    CHECK_EQ(pages_get(pages, "/web/nothing.js", &page), STATUS_NOT_FOUND);
    pages_close(pages);
}

static void test_folder(void)
{
    struct pages *pages;
    struct page page;
    char link[256];
    put("index.html", "<p>one", 6);
    put("empty.js", "", 0);
    make("sub");
    put("sub/a.js", "let a\n", 6);
    make("sub/folder.js");
    snprintf(link, sizeof link, "%s/sub/hosts.txt", folder);
    CHECK_EQ(symlink("/etc/hosts", link), 0);
    snprintf(link, sizeof link, "%s/etc", folder);
    CHECK_EQ(symlink("/etc", link), 0);
    snprintf(link, sizeof link, "%s/pipe.js", folder);
    CHECK_EQ(mkfifo(link, 0600), 0);
    CHECK_EQ(pages_open(&pages, folder), STATUS_OK);

    CHECK_EQ(pages_get(pages, "/", &page), STATUS_OK);
    CHECK(page.len == 6 && memcmp(page.bytes, "<p>one", 6) == 0 && page.bytes == page.owned);
    /* The same text has the same mark, wherever it comes from: sha256sum. */
    CHECK_STR(page.etag, "\"6cdd0621def911531209bd14685fc4fc\"");
    mem_free(page.owned);
    put("index.html", "<p>two", 6);
    char before[PAGE_ETAG_BYTES];
    memcpy(before, page.etag, sizeof before);
    CHECK_EQ(pages_get(pages, "/", &page), STATUS_OK);
    CHECK(strcmp(page.etag, before) != 0);
    mem_free(page.owned);
    CHECK_EQ(pages_get(pages, "/web/sub/a.js", &page), STATUS_OK);
    CHECK_STR(page.type, "text/javascript; charset=utf-8");
    mem_free(page.owned);
    CHECK_EQ(pages_get(pages, "/web/empty.js", &page), STATUS_OK);
    CHECK_EQ(page.len, 0);
    mem_free(page.owned);

    static const char *const nothing[] = {
        "/monitor",           "/web/sub/b.js",        "/web/sub/hosts.txt", "/web/etc/hosts.txt",
        "/web/sub/folder.js", "/web/index.html/a.js", "/web/pipe.js"};
    for (size_t i = 0; i < sizeof nothing / sizeof nothing[0]; i++)
        CHECK_EQ(pages_get(pages, nothing[i], &page), STATUS_NOT_FOUND);
    snprintf(link, sizeof link, "%s/long.js", folder);
    put("long.js", "", 0);
    CHECK_EQ(truncate(link, PAGE_BYTES_MAX + 1), 0);
    CHECK_EQ(pages_get(pages, "/web/long.js", &page), STATUS_LIMIT);
    pages_close(pages);
}

static void test_no_folder(void)
{
    struct pages *pages;
    CHECK_EQ(pages_open(&pages, "/nowhere/web"), STATUS_NOT_FOUND);
    CHECK_EQ(pages_open(&pages, "/etc/hosts"), STATUS_NOT_FOUND);
}

static void test_no_memory(void)
{
    struct pages *files;
    CHECK_EQ(pages_open(&files, folder), STATUS_OK);
    for (struct oom oom = {.len = 1}; oom_next(&oom);) {
        struct pages *pages = NULL;
        struct page page = {0};
        int status = pages_open(&pages, "");
        if (status == STATUS_OK)
            status = pages_get(files, "/", &page);
        bool failed = oom_end(&oom);
        CHECK_EQ(status, failed ? STATUS_NOMEM : STATUS_OK);
        mem_free(page.owned);
        pages_close(pages);
    }
    pages_close(files);
}

static int remove_one(const char *path, const struct stat *stat, int kind, struct FTW *ftw)
{
    (void)stat;
    (void)kind;
    (void)ftw;
    return remove(path);
}

int main(void)
{
    CHECK(mkdtemp(folder) != NULL);
    log_init(LOG_LEVEL_INFO, STDERR_FILENO);
    RUN(test_names);
    RUN(test_no_names);
    RUN(test_embedded);
    RUN(test_folder);
    RUN(test_no_folder);
    RUN(test_no_memory);
    log_deinit();
    nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return check_done();
}
