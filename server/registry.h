/*
 * Which session of this process has which public id: where a client that comes back is sent.
 *
 * Threads: any; one short lock.
 */
#pragma once

#include <stdint.h>

struct registry;

/* NULL: out of memory. */
struct registry *registry_create(uint32_t sessions_max);
void registry_destroy(struct registry *registry);
/* `name`, 32 hexadecimal digits, stands for directory id `id` now; returns the one it stood for
 * before, 0: none. */
uint64_t registry_put(struct registry *registry, const char *name, uint64_t id);
/* 0: not here. */
uint64_t registry_get(struct registry *registry, const char *name);
/* Forgets `name` if it still stands for `id`. */
void registry_remove(struct registry *registry, const char *name, uint64_t id);
