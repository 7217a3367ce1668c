/*
 * Growable byte buffer with a stated maximum. Errors stick: after a failed append every later one
 * fails too, so a builder checks buf_status() once at its end.
 *
 * Threads: one owner at a time. Memory: buf_deinit() or buf_take() ends its life.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>

struct buf {
    char *data; /* NUL-terminated when not NULL */
    size_t len;
    size_t cap;
    size_t max;
    int status;
};

void buf_init(struct buf *buf, size_t bytes_max);
void buf_deinit(struct buf *buf);
/* Keeps the memory, forgets content and error. */
void buf_reset(struct buf *buf);
int buf_append(struct buf *buf, const void *bytes, size_t len);
int buf_puts(struct buf *buf, const char *text);
int buf_putc(struct buf *buf, char c);
int buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
int buf_vprintf(struct buf *buf, const char *format, va_list args);
/* Removes `len` bytes from the front. */
void buf_consume(struct buf *buf, size_t len);
int buf_status(const struct buf *buf);
/* Gives the bytes (mem_free) and leaves the buffer empty; NULL when empty or failed. */
char *buf_take(struct buf *buf, size_t *len);
