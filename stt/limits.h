/* The bounds of stt, with units. */
#pragma once

/* A call's blocks that were given to the client and have no SENT event yet. */
#define STT_CALL_BLOCKS_MAX 16
/* Commands waiting for the stt thread, all sessions together. */
#define STT_COMMANDS_MAX 65536
/* Commands the stt thread takes before it looks at the completion queue again. */
#define STT_COMMANDS_PER_TURN 256
#define STT_CHANNELS_MAX      256
#define STT_STREAMS_MAX       1000 /* on one channel; Google's own bound is 100 */
/* Calls that wait for their channel to connect are closed as UNAVAILABLE past open_timeout_ms,
 * looked at so often. */
#define STT_OPEN_CHECK_MS 100
/* Text from the API that is kept of a closed call, bytes. */
#define STT_DETAILS_MAX 1024
/* A file that holds a bearer token, bytes. */
#define STT_TOKEN_BYTES_MAX 16384
#define STT_CA_BYTES_MAX    (4 << 20)

/* One message from the API. */
#define STT_RESPONSE_BYTES_MAX   (1 << 20)
#define STT_RESPONSE_RESULTS_MAX 64
#define STT_RESPONSE_WORDS_MAX   8192        /* over all results */
#define STT_RESPONSE_TEXT_MAX    (256 << 10) /* bytes of all strings */
/* First request of a call: limits of the API. */
#define STT_CONFIG_BYTES_MAX        (256 << 10)
#define STT_CONFIG_LANGUAGES_MAX    3    /* alternative languages */
#define STT_CONFIG_PHRASES_MAX      5000 /* over all contexts */
#define STT_CONFIG_PHRASE_CHARS_MAX 100
/* Audio of one message, bytes: the smaller of what v1 and v2 take. */
#define STT_BLOCK_BYTES_MAX 15360
