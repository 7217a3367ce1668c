/*
 * One Apertium pipeline: the programs of a mode file, each flushing at NUL, joined by pipes.
 *
 * Threads: one at a time. Memory: a struct apertium_pipe is embedded in its owner,
 * zero-initialised.
 */
#pragma once

#include "base/buf.h"
#include "local/limits.h"
#include <stddef.h>
#include <sys/types.h>

/* A mode file's programs and their arguments, NULL-terminated, all in one block. */
struct apertium_mode {
    char *block;
    char *argv[APERTIUM_STAGES_MAX][APERTIUM_ARGS_MAX];
    size_t stages;
};

/* Reads a mode file: programs joined by |, arguments plain or in quotes. $1 becomes -n (no marks at
 * unknown words), $2 nothing; -z goes to every program. STATUS_UNSUPPORTED: anything a shell would
 * have to read. */
int apertium_mode_read(const char *path, struct apertium_mode *out);
void apertium_mode_free(struct apertium_mode *mode);

struct apertium_pipe {
    pid_t pids[APERTIUM_STAGES_MAX];
    size_t pids_len;
    int in, out; /* valid when pids_len > 0 */
    unsigned starts;
    unsigned sequence; /* number of the request under way, sent along as a blank the programs pass
                          through */
};

int apertium_pipe_start(struct apertium_pipe *pipe, const struct apertium_mode *mode);
/* Kills the programs and waits for them. */
void apertium_pipe_stop(struct apertium_pipe *pipe);
/* Sends escaped text and reads its answer. After any failure the pipe must be stopped.
 * STATUS_TIMEOUT, STATUS_CLOSED, STATUS_PROTOCOL (answer to something else), STATUS_LIMIT. */
int apertium_pipe_ask(struct apertium_pipe *pipe, const char *text, size_t len,
                      unsigned deadline_ms, struct buf *answer);
