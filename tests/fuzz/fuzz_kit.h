/* Bytes as programs get them: as a file with a path, as a command line, as lines of text. */
#pragma once

#include "base/mem.h"
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A path under which the bytes are read until the next call. */
static inline const char *fuzz_file(const void *data, size_t size)
{
    static char path[32];
    static int fd = -1;
    if (fd < 0) {
        fd = memfd_create("fuzz", MFD_CLOEXEC);
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    }
    assert(fd >= 0 && ftruncate(fd, 0) == 0);
    assert(pwrite(fd, data, size, 0) == (ssize_t)size);
    return path;
}

#define FUZZ_LINES_MAX 64

/* Lines, each a block of its own so that a sanitizer sees reads past it; at[len] is NULL. */
struct fuzz_lines {
    char *at[FUZZ_LINES_MAX + 1];
    int len;
};

/* Appends lines up to and including one that is empty; returns the bytes used. */
static inline size_t fuzz_lines_take(struct fuzz_lines *lines, const uint8_t *data, size_t size)
{
    size_t used = 0;
    while (used < size && lines->len < FUZZ_LINES_MAX) {
        const uint8_t *end = memchr(data + used, '\n', size - used);
        size_t len = end != NULL ? (size_t)(end - data) - used : size - used;
        if (len > 0)
            lines->at[lines->len++] = mem_strndup((const char *)data + used, len);
        used += len + (end != NULL);
        if (len == 0)
            break;
    }
    return used;
}

static inline void fuzz_lines_add(struct fuzz_lines *lines, const char *text)
{
    assert(lines->len < FUZZ_LINES_MAX);
    lines->at[lines->len++] = mem_strdup(text);
}

/* "" past the last. */
static inline const char *fuzz_line(const struct fuzz_lines *lines, int i)
{
    return i < lines->len ? lines->at[i] : "";
}

static inline void fuzz_lines_free(struct fuzz_lines *lines)
{
    for (int i = 0; i < lines->len; i++)
        mem_free(lines->at[i]);
    *lines = (struct fuzz_lines){0};
}
