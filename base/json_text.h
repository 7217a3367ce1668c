/*
 * JSON text, written without building it first: half of what a worker does is this.
 *
 * A value or key that follows the `{` or `[` it belongs to is written as the first, any other with
 * a comma before it. Errors are the buffer's.
 *
 * Threads: any.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

#define JSON_INT_CHARS 20 /* of a number, with its sign */

/* Writes at most JSON_INT_CHARS at `at`; returns what follows. */
char *json_print_unsigned(char *at, uint64_t value);
char *json_print_int(char *at, int64_t value);

/* A string; NULL and what is no UTF-8 is "". */
void json_put_text(struct buf *out, const char *text);
/* `"key":`, of at most 32 bytes that need no escape. */
void json_put_key(struct buf *out, const char *key);
/* A field of an object. */
void json_set_int(struct buf *out, const char *key, int64_t value);
void json_set_text(struct buf *out, const char *key, const char *text);
void json_set_bool(struct buf *out, const char *key, bool value);
void json_set_texts(struct buf *out, const char *key, const char *const *texts, unsigned len);
/* Begins an object or a list under `key`; its closing character ends it. */
void json_set_open(struct buf *out, const char *key, char open);
/* Begins an object in a list. */
void json_list_object(struct buf *out);
