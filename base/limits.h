/* The bounds of base, with units. */
#pragma once

#define LOG_QUEUE_LINES   4096 /* lines waiting for the writer */
#define LOG_LINE_MAX      1024 /* bytes a line, cut beyond */
#define LOG_QUOTED_MAX    256  /* bytes of a quoted value */
#define LOG_REPEAT_PER_S  10   /* lines a second from one call site */
#define ARENA_BLOCK_BYTES 1024 /* first block of an arena; each live session keeps one */

#define TURNS_SEGMENTS_MAX  32        /* segments of a lane whose final is still owed */
#define TURNS_TRIES_MAX     2         /* requests for one final */
#define TURNS_EAGER_MAX     32        /* partial requests in flight where none is replaced */
#define TURNS_RETRY_PERCENT 25        /* least share of a final's deadline left for another try */
#define RECYCLE_SIZES       8         /* sizes of which a thread keeps freed objects */
#define RECYCLE_BYTES       (2 << 20) /* kept of each size, a thread */
#define SLAB_SIZES          8         /* sizes of objects that share chunks */
#define SLAB_CHUNK_BYTES    (1 << 20) /* asked of the system at once; a power of two */
#define SLAB_CHUNKS_MAX     16384     /* of one size */
#define SLAB_OBJECT_MAX     65536     /* bytes; larger ones come from the allocator */
