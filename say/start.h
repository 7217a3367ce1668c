/*
 * The session.start message.
 *
 * Threads: any. Pure.
 */
#pragma once

#include <stddef.h>

struct options;
struct resume;

/* Of a new session, or (`resume` has one) of one that goes on. Its length, 0 when a text in it is
 * not UTF-8 or it exceeds `cap`. Not terminated. */
size_t start_message(const struct options *options, unsigned rate, const struct resume *resume,
                     char *out, size_t cap);
