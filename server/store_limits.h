/* The bounds of the transcript store, with units. */
#pragma once

#define STORE_QUEUE             16384      /* jobs waiting for one of the store's threads */
#define STORE_QUEUE_BYTES       (16 << 20) /* of them; who asks waits while there is more */
#define STORE_GROUP_MAX         1024       /* jobs of one transaction */
#define STORE_GROUP_ANSWERS     (8 << 20)  /* bytes read for replays within one */
#define STORE_BACKLOG_BYTES     (64 << 20) /* kept in memory while the disk takes no writes */
#define STORE_LOST_SESSIONS     1024   /* whose newest message dropped from a backlog is known */
#define STORE_REPLAY_BYTES      262144 /* messages of one answer to a read or a query */
#define STORE_ANSWER_BYTES      (16 << 20) /* an answer with its settings and transcripts */
#define STORE_PAGE_MAX          500        /* sessions or messages of one page */
#define STORE_MEMORY_MESSAGES   64         /* newest of a session, when nothing is durable */
#define STORE_CLAIM_TRANSCRIPTS 32         /* newest transcripts told to who claims a session */
#define STORE_CLAIM_MESSAGES    1024       /* newest messages looked through for finals then */
#define STORE_CLAIM_NEWEST      64         /* kinds and languages whose newest final is told then */
#define STORE_BUSY_MS           1000       /* another process may hold the file for so long */
#define STORE_BUSY_LONG_MS      10000      /* and a program that is not a server waits so long */
#define STORE_CUT_MS            50         /* readers are waited for so long to empty the log */
#define STORE_CUT_TRIES         5          /* by a program that has deleted, … */
#define STORE_CUT_GAP_MS        100        /* … and so long between two */
#define STORE_RETRY_MS          1000       /* from a failed write to the next try */
#define STORE_BEAT_MS           10000      /* an owner says that it lives this often */
#define STORE_OWNER_LATE_MS     30000      /* an owner silent for longer is dead */
#define STORE_SWEEP_MS          60000      /* between two looks for what is past retention */
#define STORE_SWEEP_GAP_MS      100        /* between two sessions forgotten by one look */
#define STORE_WAL_PAGES         8000       /* of the write-ahead log, then it is checkpointed */
#define STORE_WAL_BYTES         (64 << 20) /* it is cut to after a peak */
#define STORE_CACHE_KB          1024       /* pages in memory, one connection */
