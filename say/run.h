/*
 * One session from connecting to the exit code.
 *
 * Threads: the calling one, until it returns.
 */
#pragma once

struct options;

/* An `enum say_exit`, or 128 + the signal that cut it short. */
int run(const struct options *options);
