/*
 * How wide text is on a terminal, and what of it is safe to show there.
 *
 * Threads: pure functions, any thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Columns of one code point: 0 for marks, 2 for wide ones. */
unsigned columns_of_code(uint32_t code);
/* Columns of valid UTF-8. */
size_t columns_of(const char *text, size_t len);
/* False for control characters and for marks that reorder what follows: text from elsewhere must
 * not steer the terminal. */
bool columns_is_safe(uint32_t code);
