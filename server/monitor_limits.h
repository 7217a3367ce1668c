/* The bounds of the monitor, with units. */
#pragma once

#define MONITORS_MAX              500   /* sockets that watch */
#define MONITOR_MESSAGE_BYTES_MAX 16384 /* a message from one */
#define MONITOR_TEXTS_PER_S       20    /* messages from one; faster ones are read more slowly */
#define MONITOR_TEXTS_BURST       100   /* of them at any speed (server/intake.h) */
#define MONITOR_UNSENT_BYTES                                                                       \
    16384 /* in the kernel for one: past it the last message is not taken */
#define MONITOR_SEND_BYTES                                                                         \
    262144 /* given to the kernel at once; the library by itself sends a few KB a turn */
#define MONITOR_TICK_MS        100  /* between two messages of what has changed, at least */
#define MONITOR_GATHER_MS      1000 /* fronts tell what they have within this, or are passed over */
#define MONITOR_INBOX          32768      /* messages waiting for the monitor */
#define MONITOR_SESSIONS_MAX   8          /* sessions named in one watch */
#define MONITOR_NOTE_BYTES_MAX 2000       /* a teacher's note */
#define MONITOR_MESSAGE_BYTES  (32 << 20) /* a snapshot or delta */
#define MONITOR_ASKS_MAX       2          /* histories of one watcher under way */
#define MONITOR_HISTORY_MAX    100        /* segments of one answer */
#define MONITOR_QUEUE_BYTES                                                                        \
    1048576                   /* finals and answers waiting for a watcher; past it it is closed */
#define MONITOR_GONE_MAX 4096 /* ended sessions remembered for watchers that are behind */
