/*
 * What one call's audio says: conversion, endpointing, utterances, responses. No I/O and no
 * threads: bytes in, responses out, a decoder asked for when speech begins.
 *
 * Threads: one owner at a time. Memory: responses are borrowed for the call.
 */
#pragma once

#include "local/recognizer.h"
#include "local/speech_wire.h"

struct local_session;

struct local_session_ops {
    /* A decoder for the utterance that begins (borrowed until done()). STATUS_AGAIN: none yet, run
     * again later; any other failure is what local_session_run() returns. */
    int (*take)(void *ctx, struct local_recognizer **out);
    /* The utterance has ended. */
    void (*done)(void *ctx);
    void (*respond)(void *ctx, const struct local_speech_response *response, bool droppable);
};

/* STATUS_INVALID for audio it cannot read, STATUS_NOMEM. */
int local_session_create(struct local_session **out, const struct local_speech_config *config,
                         const struct local_session_ops *ops, void *ctx);
/* An open utterance is dropped: its decoder is not touched again. */
void local_session_destroy(struct local_session *session);

/* Takes a copy. */
int local_session_audio(struct local_session *session, const void *audio, size_t bytes);
/* No more audio comes. */
int local_session_finish(struct local_session *session);
/*
 * Works on what came, about half a second of audio at most. 0: all done; STATUS_FULL: more to do;
 * STATUS_AGAIN: waits for a decoder; STATUS_CLOSED: the stream has said all it will (after finish,
 * or as the configuration asked); others: failed.
 */
int local_session_run(struct local_session *session);
/* Within an utterance, or about to begin one. */
bool local_session_speaking(const struct local_session *session);
