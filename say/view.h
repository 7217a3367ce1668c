/*
 * What the reader sees: finals as lines, the sentence being spoken as one line that is painted
 * again in place.
 *
 * Threads: one owner. Pure: renders into a buffer. Memory: plain struct, no clean-up.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct buf;
struct event;

struct view {
    bool live;             /* a terminal: partials are painted */
    bool color;            /* ANSI attributes */
    unsigned width;        /* columns; may be changed between events */
    bool painted;          /* the partial line is on the screen */
    uint64_t last_caption; /* segment of the caption line printed last */
    uint64_t partial;      /* segment of the partial line; 0: a line of our own */
};

/* Appends what the event adds to the screen to `out`; nothing for events without a place on it. */
void view_event(struct view *view, const struct event *event, struct buf *out);
/* A line of our own. */
void view_notice(struct view *view, const char *text, struct buf *out);
/* A line of our own about what is going on: painted in place of the partial line. */
void view_status(struct view *view, const char *text, struct buf *out);
/* Partial text from `segment` on is not valid any more. */
void view_void(struct view *view, uint64_t segment, struct buf *out);
/* Takes the partial line off the screen. */
void view_clear(struct view *view, struct buf *out);
