/*
 * What is spoken, on its way to the socket: out of the source at its pace, into what is kept, and
 * from there in frames. While there is no socket speaking goes on; what piles up is sent at a
 * faster pace later.
 *
 * Threads: one owner; time is passed in. Memory: borrows the source.
 */
#pragma once

#include "say/keep.h"
#include "say/pace.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct source;

struct speech {
    struct source *source;
    struct keep keep;
    struct pace spoken;   /* when audio comes out of the source */
    struct pace replayed; /* when a backlog may be sent */
    uint64_t sent;        /* position of the next sample to send */
    bool begun;           /* the pace has been set */
    bool live;            /* the source cannot wait: its oldest is given up when too much is kept */
    bool starved;         /* it has nothing now; speech_more() tells when it has */
    bool ended;
    int status; /* of the source, when it broke off */
};

/* What the socket should do next. */
enum speech_next {
    SPEECH_FRAME,   /* take a frame now */
    SPEECH_LATER,   /* look again at `due_us` */
    SPEECH_STARVED, /* wait for speech_more() */
    SPEECH_OVER     /* all that was spoken is sent */
};

/* `keep_s`: seconds of audio that are kept. STATUS_NOMEM. */
int speech_init(struct speech *speech, struct source *source, unsigned keep_s, bool live);
void speech_deinit(struct speech *speech);
/* A session begins, or goes on, at this position of its audio: sending continues there. Returns the
 * samples that the server still wants and that are not kept any more; silence is sent for them. */
uint64_t speech_begin(struct speech *speech, uint64_t position, double speed, int64_t now_us);
/* Takes from the source what is due. `connected`: what is taken can be sent at once. */
void speech_listen(struct speech *speech, bool connected, int64_t now_us);
void speech_more(struct speech *speech);
/* Nothing more is spoken; what is kept is still sent. */
void speech_stop(struct speech *speech);
enum speech_next speech_next(const struct speech *speech, int64_t now_us, int64_t *due_us);
/* The frame that is next; `out` has room for SAY_FRAME_SAMPLES. Returns its samples. */
size_t speech_take(struct speech *speech, int16_t *out);
/* When the source gives more while there is no socket; false: when it says so, or never. */
bool speech_due(const struct speech *speech, int64_t *due_us);
/* The oldest audio of a live source is being given up. */
bool speech_full(const struct speech *speech);
