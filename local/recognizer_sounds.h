/*
 * How an English word that no dictionary has is probably spoken: the rules a child learns first.
 * Names of other languages come out as an English reader would say them.
 *
 * Threads: pure functions, any thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* The word's phones as the CMU dictionary writes them, "T AH M B OW L OW". Letters of ASCII only,
 * an apostrophe is passed over. False: other characters, no sound, or longer than `cap`. */
bool local_sounds_of(const char *word, char *out, size_t cap);
