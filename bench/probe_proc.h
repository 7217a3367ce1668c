/*
 * What the kernel tells about a process and about the cores, in /proc.
 *
 * Threads: any. Memory: nothing is allocated. What cannot be read stays as it was.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROBE_CPUS_MAX 256 /* cores that are looked at */

struct probe_proc {
    int64_t cpu_ns; /* of all its threads, also of those that have ended */
    uint64_t user_ticks, system_ticks;
    uint64_t rss_bytes, threads;
    uint64_t switches_voluntary, switches_forced; /* of the threads there are */
};

/* Ticks of one core since the machine started. */
struct probe_cpu {
    uint64_t busy, stolen, total;
};

/* False: there is no such process. */
bool probe_proc_read(int pid, struct probe_proc *out);
/* Descriptors it has open; 0 when that must not be known. */
uint64_t probe_proc_descriptors(int pid);
/* Adds /proc/PID/task/…/status of all threads to the switches. */
void probe_proc_switches(int pid, struct probe_proc *out);
/* Returns the number of cores, by their number in /proc/stat. */
unsigned probe_cpus_read(struct probe_cpu *out, unsigned max);

/* -- the texts themselves -- */

/* /proc/PID/stat: user and system ticks. The name may hold spaces and parentheses. */
bool probe_proc_stat(const char *text, struct probe_proc *out);
/* The number behind "Name:" in /proc/PID/status; 0: not there. */
uint64_t probe_proc_status(const char *text, const char *name);
/* /proc/stat. */
unsigned probe_cpus_parse(const char *text, struct probe_cpu *out, unsigned max);
