/*
 * The generator's io_uring: connect, send, receive into buffers that all clients share, cancel.
 * What is asked is collected and given to the kernel in the call that sleeps.
 *
 * Threads: all from the one that called load_ring_init(). Memory: a result's `data` is borrowed
 * until load_ring_give_back(); bytes to send and the address until the operation is done.
 */
#pragma once

#include <liburing.h>
#include <stdbool.h>
#include <stdint.h>

#define LOAD_RING_ENTRIES 1024
#define LOAD_RING_DONE    32768 /* completions that wait without the kernel's spare list */
#define LOAD_RECV_BYTES   2048  /* of one buffer */
#define LOAD_RECV_BUFFERS 1024  /* a power of two */
#define LOAD_REAP_MAX     256   /* completions handled a turn */

enum load_op { LOAD_OP_CONNECT, LOAD_OP_SEND, LOAD_OP_RECV, LOAD_OP_CANCEL };

struct load_ring {
    struct io_uring ring;
    struct io_uring_buf_ring *buffers;
    size_t buffers_bytes; /* of the ring of buffers */
    uint8_t *memory;      /* of the buffers themselves */
};

/* An operation is done, or (more) has brought one of its results. */
struct load_done {
    uint32_t client;
    enum load_op op;
    int result; /* bytes or negative errno */
    bool more;
    const void *data; /* NULL: no buffer */
    uint16_t buffer;
};

/* STATUS_UNSUPPORTED or STATUS_NOMEM, with the reason on stderr. */
int load_ring_init(struct load_ring *ring);
/* Operations that are still under way are cancelled. */
void load_ring_deinit(struct load_ring *ring);

struct sockaddr;
void load_ring_connect(struct load_ring *ring, uint32_t client, int fd, const struct sockaddr *to,
                       unsigned to_bytes);
void load_ring_send(struct load_ring *ring, uint32_t client, int fd, const void *bytes, size_t len);
/* Once at most `bytes_max`, or, when that is 0, again and again until a result without `more`. */
void load_ring_recv(struct load_ring *ring, uint32_t client, int fd, size_t bytes_max);
/* Once at most `len`, into memory that stays the caller's; its result has no `data`. */
void load_ring_recv_into(struct load_ring *ring, uint32_t client, int fd, void *bytes, size_t len);
/* Everything of that descriptor. */
void load_ring_cancel(struct load_ring *ring, uint32_t client, int fd);

/* Completions have come that nobody has looked at. */
bool load_ring_pending(const struct load_ring *ring);
/* Gives the kernel what was asked and sleeps until `count` operations are done, at most `wait_us`.
 * A signal ends the sleep. STATUS_IO. */
int load_ring_wait(struct load_ring *ring, unsigned count, int64_t wait_us);
/* Takes at most LOAD_REAP_MAX of what is done; returns how many. */
unsigned load_ring_reap(struct load_ring *ring, struct load_done out[LOAD_REAP_MAX]);
void load_ring_give_back(struct load_ring *ring, const struct load_done *done);
