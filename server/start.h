/*
 * What can be told to be wrong before anything starts.
 *
 * Threads: main.
 */
#pragma once

#include <stdbool.h>

struct config;

/* Every configured file can be read and holds what it is to hold; else the reason is logged, with
 * the option's name. */
bool start_files_ok(const struct config *config);
