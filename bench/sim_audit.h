/*
 * What a simulated recogniser tells the audit (bench/sim_ear.h).
 *
 * Threads: one owner.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct audio_block;
struct sim_audit;

/* A block was heard. When memory fails it stays uncounted. */
void sim_audit_heard(struct sim_audit *audit, const struct audio_block *block);
/* So much audio was no block. */
void sim_audit_skipped(struct sim_audit *audit, uint64_t bytes);
