/*
 * Who the load's sessions say they are: first names as a class has them, drawn by the seed, and
 * classes, over which the sessions are spread one by one.
 *
 * Threads: pure. Memory: names are constants.
 */
#pragma once

#include <stdint.h>

#define LOAD_CLASSES_MAX 1000
#define LOAD_CLASS_BYTES 8 /* "250D" and its end */
#define LOAD_NAME_BYTES  32

/* UTF-8 that needs no escape in JSON; the same for the same seed and session. */
const char *load_name_first(uint64_t seed, uint32_t session);
/* 0 … classes - 1. */
unsigned load_name_class(uint32_t session, unsigned classes);
/* "1A", "1B", … "2A", as schools call them. */
void load_name_class_text(unsigned class_number, char out[LOAD_CLASS_BYTES]);
