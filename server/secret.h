/*
 * Secrets in memory and in files: read with care, zeroed after use, kept out of core dumps.
 *
 * Threads: any. Memory: what is given is ended by secret_free(), which zeroes it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define SECRET_BYTES_MAX 16384 /* a file with a secret: a key in PEM at most */
#define SECRET_WHY_BYTES 240

/*
 * The content of a regular file (gives), terminated, a line end at its end removed. STATUS_IO,
 * STATUS_INVALID (empty, too long, or others of the machine may read it when `only_ours`),
 * STATUS_NOMEM: `why` names the file and says what to do.
 */
int secret_read(const char *path, bool only_ours, char **out, size_t *len,
                char why[SECRET_WHY_BYTES]);
/* Zeroes a terminated string and frees it. NULL is nothing. */
void secret_free(char *text);
/* Zeroes `len` bytes and frees them. */
void secret_free_bytes(void *bytes, size_t len);
/* No core dumps of this process, and no debugger of the same user: its memory holds secrets. */
void secret_no_dumps(void);
