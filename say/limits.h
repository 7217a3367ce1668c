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
#define SAY_KEEP_S         180    /* audio kept until the server acknowledges it */
#define SAY_KEEP_MAX_S     3600
#define SAY_REPLAY_SPEED   2      /* times real time for what piled up without a socket */
#define SAY_HOLD_MS        120000 /* a server that names no resume_ms */
#define SAY_RETRY_MS       250    /* before the first try to reconnect; doubled each time */
#define SAY_RETRY_MAX_MS   8000
#define SAY_SILENT_MS      10000 /* TCP acknowledges nothing for so long: the socket is dead */
#define SAY_FLUSH_MS       3000  /* for audio.flushed before we leave a server that goes away */
#define SAY_TOKEN_BYTES    4096
