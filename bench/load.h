/*
 * The load generator: thousands of sessions on one ring and one thread, open loop. What is due is
 * sent when it is due, whatever the server does; a socket that does not take it is counted as
 * blocked and its audio is sent as soon as it does.
 *
 * Threads: load_run() is one thread's. Memory: configuration is borrowed.
 */
#pragma once

#include "base/hist.h"
#include "bench/load_voice.h"
#include <stdbool.h>
#include <stdint.h>

struct judge;

enum load_storm { LOAD_STORM_NONE, LOAD_STORM_START, LOAD_STORM_END, LOAD_STORM_RECONNECT };

struct load_config {
    const char *host; /* numeric */
    unsigned port;
    const char *token; /* NULL: none */
    bool tls;
    const char *ca_file; /* NULL: the system's authorities */
    unsigned sessions;   /* that stream audio */
    unsigned silent;     /* connected and started besides, sending no audio */
    unsigned classes;    /* that the sessions are spread over; 0: they name none */
    struct load_voice_config voice;
    unsigned jitter_ms; /* each frame is sent up to so much later than the pace says (per session
                           a phase within frame_ms, per frame half of this either way) */
    const char *source;
    const char *const *targets; /* NULL-terminated */
    bool grammar, partials;
    const char *stability; /* low, medium or high; NULL: the server's own */
    unsigned ramp_s;       /* sessions start evenly over it */
    unsigned warmup_s;     /* from the ramp's end to the window */
    unsigned seconds;      /* the window */
    unsigned drain_s;      /* after it, at most, for what is owed */
    enum load_storm storm; /* START: all at once; END: session.end of all at once; RECONNECT: in the
                              middle of the window all sockets are cut and opened again */
    unsigned slow_readers; /* of the sessions: read 1 KB a second */
    unsigned vanishing;    /* of the sessions: cut without a word at a random time of the window */
    unsigned greedy; /* of the sessions: `greed` times as many target languages and no pauses */
    unsigned greed;
    unsigned teachers;         /* that watch on /v1/monitor, from the ramp's end on */
    unsigned slow_teachers;    /* of them: read half of what there is */
    bool teachers_of_class;    /* each watches one class; else all */
    unsigned teachers_open;    /* sessions of which each wants every final */
    const char *teacher_token; /* NULL: none */
    bool resume;               /* a lost socket is followed by another one */
    double cuts_minute;        /* of a socket, at random bytes of either direction; 0: none */
    unsigned audio_s; /* every session says so much, then ends; 0: all end with the window */
    bool quiet;
};

struct load_sum {
    /* In the window. */
    struct hist send_late; /* µs: due to handed to the kernel; frames that were blocked left out */
    struct hist own_lag;   /* µs: how long completions and timers waited for this thread */
    uint64_t frames_sent, frames_blocked, bytes_sent, bytes_received;
    /* In the whole run. */
    uint64_t sockets_failed;  /* connect or upgrade failed */
    uint64_t sockets_cut;     /* by ourselves, on purpose */
    uint64_t teachers_failed; /* connect or upgrade of a teacher failed; it tries again */
    unsigned teachers_status; /* HTTP, of the last such answer; 0: there was none */
    uint64_t ends_unheard;    /* the socket broke when session.ended was on its way, so that the
                                 session   is not there any more */
    unsigned started;
    double seconds; /* of the window as it was */
    bool interrupted;
};

struct load_hooks {
    /* The window begins, ends. */
    void (*on_window)(void *ctx, bool begins);
    /* Once a second, for progress. */
    void (*on_second)(void *ctx, unsigned elapsed_s, unsigned total_s, unsigned started);
    void *ctx;
};

/* STATUS_IO with the reason on stderr: io_uring or descriptors are missing. SIGINT ends a run early
 * and in order. */
int load_run(const struct load_config *config, struct judge *judge, const struct load_hooks *hooks,
             struct load_sum *out);
