/*
 * The speech APIs that sections [stt], [stt.2] and [stt.3] of the configuration name, as stt takes
 * them.
 *
 * Threads: filled before the others start, unchanged afterwards.
 * Memory: its strings are its own or the configuration's, and some point into itself: it stays
 * where it was filled.
 */
#pragma once

#include "server/config.h"
#include "stt/wire.h"
#include <stdio.h>

#define PROVIDER_TARGET_BYTES     256
#define PROVIDER_RECOGNIZER_BYTES 512

struct provider {
    const struct config_provider *config;
    struct stt_provider stt;
    char target[PROVIDER_TARGET_BYTES];         /* host:port */
    char recognizer[PROVIDER_RECOGNIZER_BYTES]; /* "": the wire needs none */
    char request_params[2 * PROVIDER_RECOGNIZER_BYTES];
};

/* In order of preference. */
struct providers {
    unsigned len;
    struct provider list[CONFIG_PROVIDERS];
    struct stt_provider stt[CONFIG_PROVIDERS]; /* copies, side by side */
};

/* STATUS_INVALID: `err` got one line that says what to do. */
int providers_init(struct providers *providers, const struct config *config, FILE *err);

/* As stt_wire_idle_ms() and stt_wire_rotate_ms(), for the least patient of them. */
uint32_t providers_idle_ms(const struct providers *providers, uint32_t configured_ms);
uint32_t providers_rotate_ms(const struct providers *providers, uint32_t configured_ms);
