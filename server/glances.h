/*
 * A front's side of the monitor: it tells what has changed of its sessions (server/glance.h) while
 * somebody watches, gives a session's final messages to whoever looks at it closely once the store
 * has them, and puts teachers' notes into their sessions. While nobody watches it sends nothing.
 *
 * What the monitor has no room for waits here, in order, and is sent again a little later.
 *
 * Threads: the front's own.
 */
#pragma once

#include "loop/loop.h"
#include <stdbool.h>
#include <stdint.h>

struct arena;
struct event;
struct front;
struct glance;
struct glances_gone;
struct host;
struct msg;
struct out;

/* Of one front; zeroed: nobody watches. */
struct glances {
    bool watched;
    bool owes_all;  /* FRONT_WATCH has not been answered yet */
    uint32_t round; /* of the FRONT_WATCH in force */
    struct glance *changed, **changed_tail;
    struct glances_gone *gone;         /* hosts that have ended since it was told */
    struct msg *unsent, **unsent_tail; /* for the monitor, which is full */
    struct loop_timer tell_timer, look_timer, send_timer;
    int64_t told_us;
};

void glances_init(struct glances *glances);
/* The front ends. */
void glances_forget(struct front *front);
/* Takes `msg`, for the monitor. */
void glances_send(struct front *front, struct msg *msg);

/* What happens to a host: it has emitted `event` (borrowed); it has got or lost its socket; it
 * leaves this front, or is here from now on; it ends. */
void glances_event(struct host *host, const struct event *event);
void glances_look(struct host *host);
void glances_leave(struct host *host);
void glances_arrive(struct host *host);
void glances_end(struct host *host);
/* A message of the host was serialised, and the store has got it under its ticket. */
void glances_final(struct host *host, const struct out *out);
/* The host's `stored` has grown; `status`: what the store says. */
void glances_stored(struct host *host, int status);

/* Messages of the front's mailbox; all are taken. */
void glances_on_watch(struct front *front, struct msg *msg);
void glances_on_detail(struct host *host, struct msg *msg);
void glances_on_flag(struct host *host, struct msg *msg);
/* FRONT_FLAG for a host that is not here any more. */
void glances_on_flag_lost(struct front *front, struct msg *msg);
