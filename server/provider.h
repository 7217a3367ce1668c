/*
 * The speech API that section [stt] of the configuration names, as stt takes it.
 *
 * Threads: filled before the others start, unchanged afterwards.
 * Memory: its strings are its own or the configuration's, and some point into itself: it stays
 * where it was filled.
 */
#pragma once

#include "stt/wire.h"
#include <stdio.h>

struct config;

#define PROVIDER_TARGET_BYTES     256
#define PROVIDER_RECOGNIZER_BYTES 512

struct provider {
    struct stt_provider stt;
    char target[PROVIDER_TARGET_BYTES];         /* host:port */
    char recognizer[PROVIDER_RECOGNIZER_BYTES]; /* "": the wire needs none */
    char request_params[2 * PROVIDER_RECOGNIZER_BYTES];
};

/* STATUS_INVALID: `err` got one line that says what to do. */
int provider_init(struct provider *provider, const struct config *config, FILE *err);
