/*
 * Inside stt: a provider's breaker at work: what it says to calls, to /metrics, to those who choose
 * a provider, and to the log.
 *
 * Threads: the stt thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct rng;
struct stt_channels;
struct stt_event;

/* 0: a call may be opened. Else how many milliseconds nobody is to ask. */
uint32_t stt_guard_ask(struct stt_channels *provider, struct rng *rng);
/* A call has had its first answer. */
void stt_guard_answer(struct stt_channels *provider);
/* A call `age_us` old ended; `closed` says how. */
void stt_guard_end(struct stt_channels *provider, const struct stt_event *closed, bool answered,
                   int64_t age_us);
