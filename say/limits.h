/* The bounds of say, with units. */
#pragma once

#define SAY_FRAME_MS      100  /* audio in one message */
#define SAY_RATE_MIN      8000 /* Hz the server takes */
#define SAY_RATE_MAX      48000
#define SAY_FRAME_SAMPLES (SAY_RATE_MAX / 1000 * SAY_FRAME_MS)
#define SAY_LIVE_SAMPLES                                                                           \
    SAY_RATE_MAX /* waiting from a pipe or microphone; then we stop reading it */
#define SAY_EVENT_BYTES    (1024 * 1024) /* one event of the server */
#define SAY_START_BYTES    16384         /* our longest text message */
#define SAY_TARGETS_MAX    16
#define SAY_CONNECT_MS     10000  /* until session.started */
#define SAY_DRAIN_MS       60000  /* for session.ended when the server names no drain_ms */
#define SAY_DRAIN_EXTRA_MS 5000   /* on top of the server's own drain_ms */
#define SAY_LINE_BYTES     65536  /* one rendering of the view */
#define SAY_CUE_COLUMNS    42     /* width of a subtitle line */
#define SAY_SPEED_MAX      1000   /* times real time; 0 is unpaced */
#define SAY_DRAIN_MAX_MS   600000 /* whatever the server names */
