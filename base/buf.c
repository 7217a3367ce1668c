#include "base/buf.h"

#include "base/mem.h"
#include "base/status.h"
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define FIRST_CAP 64

void buf_init(struct buf *buf, size_t bytes_max)
{
    /* One byte beyond the maximum is the terminator's. */
    *buf = (struct buf){.max = bytes_max < SIZE_MAX ? bytes_max : SIZE_MAX - 1};
}

void buf_deinit(struct buf *buf)
{
    mem_free(buf->data);
    buf_init(buf, buf->max);
}

void buf_reset(struct buf *buf)
{
    buf->len = 0;
    buf->status = STATUS_OK;
    if (buf->data != NULL)
        buf->data[0] = '\0';
}

/* Makes room for `more` bytes and the terminator. */
static int reserve(struct buf *buf, size_t more)
{
    if (buf->status != STATUS_OK)
        return buf->status;
    if (more > buf->max - buf->len)
        return buf->status = STATUS_LIMIT;
    size_t need = buf->len + more + 1;
    if (need <= buf->cap)
        return STATUS_OK;
    size_t cap = buf->cap > 0 ? buf->cap : FIRST_CAP;
    while (cap < need)
        cap = cap > SIZE_MAX / 2 ? need : cap * 2;
    if (cap > buf->max + 1)
        cap = buf->max + 1;
    char *data = mem_realloc(buf->data, cap);
    if (data == NULL)
        return buf->status = STATUS_NOMEM;
    buf->data = data;
    buf->cap = cap;
    return STATUS_OK;
}

int buf_append(struct buf *buf, const void *bytes, size_t len)
{
    int status = reserve(buf, len);
    if (status != STATUS_OK)
        return status;
    if (len > 0)
        memcpy(buf->data + buf->len, bytes, len);
    buf->len += len;
    buf->data[buf->len] = '\0';
    return STATUS_OK;
}

int buf_puts(struct buf *buf, const char *text)
{
    return buf_append(buf, text, strlen(text));
}

int buf_putc(struct buf *buf, char c)
{
    return buf_append(buf, &c, 1);
}

int buf_printf(struct buf *buf, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int status = buf_vprintf(buf, format, args);
    va_end(args);
    return status;
}

int buf_vprintf(struct buf *buf, const char *format, va_list args)
{
    if (buf->status != STATUS_OK)
        return buf->status;
    va_list again;
    va_copy(again, args);
    size_t room = buf->cap - buf->len;
    int len = vsnprintf(room > 0 ? buf->data + buf->len : NULL, room, format, args);
    if (len < 0) {
        buf->status = STATUS_INVALID;
    } else if ((size_t)len > buf->max - buf->len || (size_t)len >= room) {
        /* Did not fit: undo the part that did, then print into enough room. */
        if (room > 0)
            buf->data[buf->len] = '\0';
        if (reserve(buf, (size_t)len) == STATUS_OK)
            vsnprintf(buf->data + buf->len, (size_t)len + 1, format, again);
    }
    va_end(again);
    if (buf->status == STATUS_OK)
        buf->len += (size_t)len;
    return buf->status;
}

void buf_consume(struct buf *buf, size_t len)
{
    assert(len <= buf->len);
    if (len == 0)
        return;
    memmove(buf->data, buf->data + len, buf->len - len + 1);
    buf->len -= len;
}

int buf_status(const struct buf *buf)
{
    return buf->status;
}

char *buf_take(struct buf *buf, size_t *len)
{
    int status = buf->status;
    if (status != STATUS_OK || buf->len == 0) {
        buf_deinit(buf);
        buf->status = status;
        return NULL;
    }
    char *data = buf->data;
    if (len != NULL)
        *len = buf->len;
    buf_init(buf, buf->max);
    return data;
}
