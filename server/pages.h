/*
 * The files of the web pages: from the program itself, where the build has put all of web/, or from
 * a folder, for who works on them ([server] web_path).
 *
 * `/` is index.html, `/monitor` is monitor.html, and everything else is under `/web/`.
 *
 * Threads: pages_open() and pages_close(): main; the rest any. A folder is read as it is asked,
 * which keeps the asking thread: it is meant for the one who has the editor open.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define PAGE_NAME_BYTES 128       /* of a file below web/, with its end */
#define PAGE_ETAG_BYTES 40        /* with quotes and its end */
#define PAGE_BYTES_MAX  (4 << 20) /* of a file in a folder */

struct pages;

struct page {
    const char *type; /* Content-Type; static */
    char etag[PAGE_ETAG_BYTES];
    const char *bytes;
    size_t len;
    char *owned; /* NULL: `bytes` live as long as the program; else theirs, for mem_free() */
};

/* `folder` "": what the program holds. STATUS_NOMEM; STATUS_NOT_FOUND, logged: no such folder. */
int pages_open(struct pages **out, const char *folder);
/* NULL is nothing. */
void pages_close(struct pages *pages);

/* Whether `path` of a request is one of theirs, be there such a file or not. */
bool pages_cover(const char *path);
/* The file's name below web/. STATUS_NOT_FOUND: it cannot be one: parts that begin with a dot,
 * kinds of file that are not served, letters other than a-z, A-Z, 0-9, _, -, . */
int pages_name(const char *path, char out[PAGE_NAME_BYTES]);
/* STATUS_NOT_FOUND, STATUS_NOMEM; STATUS_LIMIT: longer than PAGE_BYTES_MAX. */
int pages_get(const struct pages *pages, const char *path, struct page *out);
