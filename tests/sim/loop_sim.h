/*
 * A loop with a virtual clock and no real I/O, for code that only knows "loop/loop.h". Time moves
 * only while nothing is due; it starts at LOOP_SIM_START_US, because code takes 0 for "never".
 *
 * Threads: one. Memory: loop_destroy() ends it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct loop;
struct loop_poll;
struct loop_accept;

#define LOOP_SIM_START_US 1000000

/* `seed` decides the order of what becomes ready in one turn. STATUS_NOMEM. */
int loop_sim_create(struct loop **out, uint64_t seed);
/* Runs all that is due up to `us` on the loop's clock and leaves the clock there. loop_stop() ends
 * it early. */
void loop_sim_run_until(struct loop *loop, int64_t us);
void loop_sim_advance(struct loop *loop, int64_t us);
/* Runs turns without moving the clock until nothing is due now. */
void loop_sim_settle(struct loop *loop);
/* Inside a callback: the work took this long. */
void loop_sim_spend(struct loop *loop, int64_t us);
/* What the descriptor of `poll` would report from now on, until set again; 0: nothing. LOOP_ERR is
 * allowed. */
void loop_sim_set_ready(struct loop_poll *poll, unsigned events);
/* `fd` arrives at a listening socket. It is given to on_accept, or closed when the accept is. */
void loop_sim_connect(struct loop_accept *accept, int fd);
/* True when nothing will ever happen without a call from outside. */
bool loop_sim_idle(const struct loop *loop);
