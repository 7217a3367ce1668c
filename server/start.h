/*
 * What can be told to be wrong before anything starts.
 *
 * Threads: main.
 */
#pragma once

#include <stdbool.h>

struct config;
struct sockaddr_storage;

/* Every configured file can be read and holds what it is to hold; else the reason is logged, with
 * the option's name. */
bool start_files_ok(const struct config *config);
/* The address to listen on (also in `*address`) is one that this configuration may serve: beyond
 * loopback it wants token keys and TLS, or to be told `insecure`. Else the reason is logged. */
bool start_listen_ok(const struct config *config, struct sockaddr_storage *address);
