/*
 * JSON from others, read with jansson.
 *
 * jansson 2.14's reader looks away when it has no memory for the next byte of a string and goes on
 * without it: a text that lacks a letter, a name that is another name. So its memory is
 * mem_alloc(), and what was read while that failed is thrown away.
 *
 * Threads: any but a loop's.
 */
#pragma once

#include <jansson.h>
#include <stddef.h>

/*
 * `flags` are json_loadb()'s. *out is the caller's (json_decref), NULL when it fails:
 * STATUS_TRUNCATED (a text cut off), STATUS_PROTOCOL (none at all), STATUS_NOMEM.
 */
int json_read(const char *text, size_t len, size_t flags, json_t **out);
/* The same; of a text that is no JSON `error` tells where and why, as jansson says it. */
int json_read_told(const char *text, size_t len, size_t flags, json_t **out, json_error_t *error);
