/*
 * How many decoders this machine carries: cores and memory as the kernel and its control groups
 * grant them, the cost of a decoder as measured.
 *
 * Threads: pure but for reading /proc and /sys; any thread.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct local_machine {
    double cores; /* CPUs of our affinity mask, less where a control group's quota is lower */
    uint64_t memory_bytes; /* what can still be taken without swapping or being killed */
};

struct local_cost {
    double core_share;     /* of a core while someone speaks: CPU seconds a second of audio */
    uint64_t memory_bytes; /* of one decoder */
};

struct local_admission {
    unsigned decoders;
    unsigned by_cores, by_memory; /* what each would allow */
};

/* `root` is "" except in tests, where it stands before /proc and /sys. Unreadable files count as no
 * limit; a machine without readable memory figures counts as 1 GiB. */
void local_machine_read(const char *root, struct local_machine *out);
/* `held` decoders are already part of the memory in use. At least one, at most LOCAL_DECODERS_MAX.
 */
struct local_admission local_admission_compute(const struct local_machine *machine,
                                               const struct local_cost *cost, unsigned held);
