/* The bounds of stt, with units. */
#pragma once

/* A call's blocks that were given to the client and have no SENT event yet. */
#define STT_CALL_BLOCKS_MAX 16
/* Commands waiting for the stt thread, all sessions together. */
#define STT_COMMANDS_MAX 65536
/* Commands the stt thread takes before it looks at the completion queue again. */
#define STT_COMMANDS_PER_TURN 256
/* Completions it takes before it looks for commands again. */
#define STT_EVENTS_PER_TURN 64
/* When so many commands come in so long, the thread looks for more by itself instead of being woken
 * for each. */
#define STT_LINGER_COMMANDS 4
#define STT_LINGER_US       1000
#define STT_CHANNELS_MAX    256
#define STT_STREAMS_MAX     1000 /* on one channel; Google's own bound is 100 */
/* Bytes a call may have written ahead of the connection before SENT waits for it. */
#define STT_WRITE_BUFFER_BYTES (16 << 10)
/* A connection with calls on which nothing is received for so long is pinged, and given up after
 * one third more. */
#define STT_KEEPALIVE_MS           30000
#define STT_KEEPALIVE_TIMEOUT_PART 3
/* A call that waits so long for its stream, on a connection where others have theirs and nobody got
 * one meanwhile, is past what the peer grants. Headers need no round trip: they leave within
 * milliseconds. It is believed after a second look. */
#define STT_CAP_WAIT_MS 250
#define STT_CAP_LOOK_MS 20
/* What a peer grants is believed so long. */
#define STT_CAP_KEEP_MS 1800000
/* A channel that is not needed is closed after so long without a call. */
#define STT_CHANNEL_IDLE_MS 60000
/* Between attempts to connect: the first pause, and the longest. */
#define STT_RECONNECT_MS     500
#define STT_RECONNECT_MAX_MS 5000
/* The breaker of a provider opens when so many calls failed unanswered within the window, and more
 * than were answered; or when so many in a row were refused for what is configured. */
#define STT_BREAKER_WINDOW_MS 5000
#define STT_BREAKER_TROUBLES  20
#define STT_BREAKER_REFUSALS  5
/* A call that ends unanswered at this age has not failed: its speaker may have been silent. */
#define STT_BREAKER_YOUNG_MS 10000
/* It stays open so long at first, twice as long each time the probes fail, at most MAX; longer when
 * the API asks for it. With wrong configuration always the same. */
#define STT_BREAKER_OUTAGE_MS    500
#define STT_BREAKER_QUOTA_MS     2000
#define STT_BREAKER_MAX_MS       20000
#define STT_BREAKER_ASKED_MAX_MS 60000
#define STT_BREAKER_CONFIG_MS    30000
/* Then so many calls go through; when nothing is heard of them for so long, twice as many. */
#define STT_BREAKER_PROBES   3
#define STT_BREAKER_PROBE_MS 2000
/* Those who wait come back over half as long again, and this. */
#define STT_BREAKER_SPREAD_MS 250
/* Text from the API that is kept of a closed call, bytes. */
#define STT_DETAILS_MAX 1024
/* A file that holds a bearer token or a key, bytes. */
#define STT_TOKEN_BYTES_MAX 16384
#define STT_TOKEN_READ_MS   1000 /* between looks into it */
/* What a service account signs for itself holds so long, and is made anew before. */
#define STT_JWT_SECONDS  3600
#define STT_CA_BYTES_MAX (4 << 20)

/* One message from the API. */
#define STT_RESPONSE_BYTES_MAX   (1 << 20)
#define STT_RESPONSE_RESULTS_MAX 64
#define STT_RESPONSE_WORDS_MAX   8192        /* over all results */
#define STT_RESPONSE_TEXT_MAX    (256 << 10) /* bytes of all strings */
/* First request of a call: limits of the API. */
#define STT_CONFIG_BYTES_MAX        (256 << 10)
#define STT_CONFIG_LANGUAGES_MAX    3    /* alternative languages */
#define STT_CONFIG_PHRASES_MAX      5000 /* over all contexts */
#define STT_CONFIG_SET_PHRASES_MAX  1200 /* of google_v2, in one set */
#define STT_CONFIG_PHRASE_CHARS_MAX 100
/* Audio of one message, bytes: the smaller of what v1 and v2 take. */
#define STT_BLOCK_BYTES_MAX 15360
