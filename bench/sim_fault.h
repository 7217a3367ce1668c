/*
 * Faults of the simulated clouds: which there are, when they strike.
 *
 * A list is "fault[:argument][@when]" separated by commas. `when` is a probability ("@0.05", of
XX *
 * Threads: one owner. Memory: a plan owns its copies.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct rng;

/* X(NAME, "name", SIDE, "argument", "what it does") */
#define SIM_FAULT_MAP(X)                                                                           \
    X(CUT, "cut", SPEECH, "seconds=305", "OUT_OF_RANGE: the stream is too old")                    \
    X(IDLE, "idle", SPEECH, "seconds=10", "ABORTED: no audio for so long")                         \
    X(EXHAUSTED, "exhausted", SPEECH, "", "RESOURCE_EXHAUSTED on open")                            \
    X(UNAVAILABLE, "unavailable", SPEECH, "ms=3000", "UNAVAILABLE after so much audio")            \
    X(STATUS, "status", SPEECH, "code", "that gRPC status on open")                                \
    X(LATE, "late", SPEECH, "ms=2000", "the final after half-close comes so late")                 \
    X(NO_FINAL, "no-final", SPEECH, "", "nothing comes after half-close")                          \
    X(AGE, "age", SPEECH, "seconds=60", "GOAWAY: the connection is too old, streams go on")        \
    X(SPEECH_MUTE, "mute", SPEECH, "", "hears, never answers")                                     \
    X(GOAWAY, "goaway", BOTH, "", "GOAWAY with a last stream id below this one")                   \
    X(RST, "rst", BOTH, "refused|cancel|internal", "RST_STREAM")                                   \
    X(STREAMS, "streams", BOTH, "count", "SETTINGS_MAX_CONCURRENT_STREAMS")                        \
    X(TCP_RESET, "tcp-reset", BOTH, "", "the TCP connection is reset")                             \
    X(STALL, "stall", CHAT, "", "the answer stops half way")                                       \
    X(FREEZE, "freeze", CHAT, "", "the connection stays open and says nothing any more")           \
    X(DRIP, "drip", CHAT, "", "one byte a DATA frame")                                             \
    X(TRUNCATED, "truncated", CHAT, "", "JSON that ends too early")                                \
    X(GARBAGE, "garbage", CHAT, "", "bytes that are not JSON")                                     \
    X(HTML, "html", CHAT, "", "status 200 and a web page")                                         \
    X(LENGTH, "length", CHAT, "", "finish_reason length, half the text")                           \
    X(ERROR, "error", CHAT, "status=500", "an error answer with that status")                      \
    X(THROTTLE, "throttle", CHAT, "seconds=1", "429 with Retry-After")

enum sim_fault {
#define X(name, text, side, argument, help) SIM_FAULT_##name,
    SIM_FAULT_MAP(X)
#undef X
        SIM_FAULTS
};
enum sim_fault_side { SIM_SIDE_SPEECH = 1, SIM_SIDE_CHAT = 2, SIM_SIDE_BOTH = 3 };

#define SIM_FAULT_LIST_MAX 32 /* entries of a list */

const char *sim_fault_name(enum sim_fault fault);
/* For users: how a list is written, and every fault with its argument. */
void sim_fault_help(FILE *out);

struct sim_fault_plan;

/* The faults of one side. STATUS_INVALID with a sentence in error. */
int sim_fault_plan_create(struct sim_fault_plan **out, const char *list, enum sim_fault_side side,
                          char *error, unsigned size);
void sim_fault_plan_destroy(struct sim_fault_plan *plan);
/* Does this fault strike now? Each call counts as one occasion. `elapsed_ms` since the start. The
 * fault's argument is in *argument (its default when the list gives none; of text arguments the
 * place among the choices, from 0). `argument` may be NULL. */
bool sim_fault_strikes(struct sim_fault_plan *plan, enum sim_fault fault, int64_t elapsed_ms,
                       struct rng *rng, int64_t *argument);
/* The text argument with which the fault struck last; its default before. */
const char *sim_fault_plan_text(const struct sim_fault_plan *plan, enum sim_fault fault);
/* How often it has struck. */
uint64_t sim_fault_count(const struct sim_fault_plan *plan, enum sim_fault fault);
