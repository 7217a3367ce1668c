/* The bounds of server, with units. Those a client meets are announced in session.started.limits or
 * in docs/protocol.md. */
#pragma once

#define FRAME_BYTES_MAX     65536  /* a WebSocket message, text or audio */
#define FRAME_FRAGMENTS_MAX 1024   /* fragments of one message */
#define BAD_MESSAGES_MAX    10     /* in a row, then the session ends */
#define TEXTS_PER_S_MAX     50     /* text messages; faster ones are read more slowly */
#define TEXTS_BURST         200    /* of them at any speed (server/intake.h) */
#define FRAMES_PER_S_MAX    1000   /* fragments and whole messages; likewise */
#define FRAMES_BURST        5000   /* of them at any speed */
#define CONTROL_BYTES_PER_S 8192   /* of pings, pongs and the like; a flood is closed */
#define CONTROL_BYTES_BURST 131072 /* of them at any speed */
#define FLOOD_LOOK_MS       2000   /* between two looks for such a flood */
#define START_WAIT_MS       5000   /* from the upgrade to session.start */
#define TARGETS_MAX         8      /* target languages a session */
#define VOCABULARY_MAX      500    /* phrases a session */
#define GLOSSARY_MAX        500    /* entries a session */
#define PHRASE_BYTES_MAX    100    /* a phrase of vocabulary or glossary */
#define SESSION_NAME_BYTES  33     /* a session's public id: 32 hexadecimal digits */
#define END_REASON_BYTES    32     /* why a session ended, a word */
#define RESUME_TOKEN_BYTES  44     /* 256 random bits in base64url */
#define NAME_BYTES_MAX      200    /* name and class */
#define SETTINGS_BYTES_MAX  131072 /* arena of one session.start or session.update */
#define FLUSHES_MAX         4      /* audio.flush outstanding */
#define FLUSH_ID_BYTES_MAX  64     /* audio.flush id */
#define AUDIO_BURST_MS      10000  /* audio taken at any speed before audio_speed_max applies */
#define AUDIO_SPEED_MAX     2      /* times real time */
#define AUDIO_FAST_MS       5000   /* of continuous stop before audio_too_fast is said */
#define AUDIO_PENDING_BYTES (2 * FRAME_BYTES_MAX) /* received, waiting for room */
#define OUT_BYTES_MAX       1048576 /* queued to one socket; past it the socket is closed */
#define ENCODING_MAX        1024    /* events of one connection at the workers; likewise */
#define EVENT_BYTES_MAX     262144  /* one serialised event */
#define FRONTS_MAX          64      /* front threads */
#define FRONT_INBOX         32768   /* messages waiting for one front */
#define WORKER_QUEUE        16384   /* jobs waiting for one worker */
#define OUTBOX_MAX          65536   /* jobs a loop holds while workers are behind */
#define HTTP_BODY_MAX       262144  /* answer of an HTTP endpoint */
#define SHED_OVER_MS        5000    /* partials come again for so long: session.restored */
#define SHED_FORGET_MS      15000   /* nothing was shed for so long: likewise */
#define STOP_CUT_MS         500     /* before stop_ms is over sockets are cut */
#define STOP_GOAWAY_MS      1000    /* before it is over the last session has to have gone */
#define STOP_LINGER_MS      1500    /* with a successor: connections are accepted for so long yet */
#define STOP_QUIET_MS          300    /* and until none has come for so long */
#define STOP_ANSWER_MS         1000   /* after that, for requests that are being answered */
#define ADMISSION_SAMPLE_MS    200    /* between two looks at the signals of admission */
#define ADMISSION_WINDOW       10     /* samples of which the median is a loop's lag: 2 s */
#define ADMISSION_LOW          0.8    /* load below which a signal that was over is calm again */
#define ADMISSION_CALM         10     /* samples in a row it has to be */
#define ADMISSION_WAIT_MS      3000   /* a session waits for its turn so long, else it is refused */
#define ADMISSION_BURST        32     /* sessions that may start at once after a pause */
#define ADMISSION_STARTS_MIN   50     /* starts a second, however late the loops are */
#define ADMISSION_LATE_US      20000  /* p99 of loop lag from which starts become fewer */
#define ADMISSION_RETRY_MS     2000   /* mean of retry_after_ms where nothing is over */
#define ADMISSION_RETRY_MS_MAX 60000  /* the longest mean */
#define WEBHOOK_QUEUE          1024   /* letters waiting; past it the oldest are given up */
#define WEBHOOK_BODY_BYTES     16384  /* a letter */
#define WEBHOOK_TIMEOUT_MS     10000  /* for one try */
#define WEBHOOK_PAUSE_MAX_MS   300000 /* between two tries of a letter */
#define WEBHOOK_ASKED_MAX_MS   3600000 /* the same, as Retry-After may ask */
#define WEBHOOK_WATCH_MS       1000    /* between two looks for alerts */
#define ALERT_OVER_MS          30000   /* gone for so long: the alert is over */
#define NOTICES_CLOSE_MS       1000    /* at the end of the process, for letters that wait */
#define LETTERS_MAX            10000   /* dead letters kept */
#define LETTERS_BUSY_MS        5000    /* the store's file may be locked for so long */
#define PEERS_IDLE_MAX         16384   /* addresses remembered that hold nothing */
#define PEERS_HEADER_BYTES     512 /* of Forwarded or X-Forwarded-For; a longer one says nothing */
