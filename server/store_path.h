/*
 * Where the store is. Threads: main. Memory: gives a string (mem_free).
 */
#pragma once

#include <stddef.h>

#define STORE_PATH_WHY_BYTES 512

/*
 * The file that `configured` ([store] path) means: "none" is "", in memory; "" is sotto.db in
 * $STATE_DIRECTORY as systemd sets it, else in $XDG_STATE_HOME/sotto, else in
 * ~/.local/state/sotto, which is made with mode 0700. STATUS_NOT_FOUND, STATUS_IO: `why` gets a
 * line that says what to do; STATUS_NOMEM.
 */
int store_path_find(const char *configured, char **out, char why[STORE_PATH_WHY_BYTES]);
/* The same without making a folder: for programs that only look. */
int store_path_look(const char *configured, char **out, char why[STORE_PATH_WHY_BYTES]);
