/*
 * A model that guesses how a cut text ends: the last words of its translation are others until more
 * is said. What flicker is measured with (bench/flicker.py).
 *
 * Threads: pure.
 */
#pragma once

struct sim_answer;

/* Each of the last three words of a translation of text that does not end a sentence becomes
 * another one with probability `share`; the same text gets the same answer. Before the first event.
 * STATUS_NOMEM: it is as it was. */
int sim_answer_waver(struct sim_answer *answer, double share);
