/*
 * What the system tells of this process: memory against the limit of its control groups and the
 * machine, descriptors against theirs.
 *
 * Threads: one, which owns the struct.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct admission_system {
    uint64_t memory_max_bytes; /* the lowest of the groups' memory.max and the machine's memory */
    uint64_t descriptors_max;  /* RLIMIT_NOFILE */
    uint64_t descriptors;      /* when last counted */
    unsigned count_in;         /* samples until they are counted again, where counting is dear */
};

/* Reads the limits. `groups` is the folder of the control groups' tree, `self` the file that names
 * ours: "/sys/fs/cgroup", "/proc/self/cgroup". */
void admission_system_init(struct admission_system *system, const char *groups, const char *self);
/* Open descriptors now; Linux before 6.2 has to count them, and then they are some samples old. */
uint64_t admission_system_descriptors(struct admission_system *system);
