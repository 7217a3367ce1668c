#include "bench/load_ring.h"

#include "base/mem.h"
#include "base/status.h"
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#define BUFFER_GROUP 0
#define OP_BITS      2

_Static_assert(LOAD_OP_CANCEL < 1 << OP_BITS, "operations fit into their bits");
_Static_assert((LOAD_RECV_BUFFERS & (LOAD_RECV_BUFFERS - 1)) == 0, "the kernel wants a power");

/* Best flags first; EINVAL means the kernel does not know one of them. With TASKRUN_FLAG the
 * kernel tells that completions wait for us to come by. */
static int ring_setup(struct io_uring *ring)
{
    static const unsigned choices[] = {
        IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_COOP_TASKRUN | IORING_SETUP_DEFER_TASKRUN |
            IORING_SETUP_TASKRUN_FLAG,
        IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG,
        IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG,
        0,
    };
    int res = -EINVAL;
    for (unsigned i = 0; i < sizeof choices / sizeof choices[0] && res == -EINVAL; i++) {
        struct io_uring_params params = {.flags = choices[i] | IORING_SETUP_CQSIZE,
                                         .cq_entries = LOAD_RING_DONE};
        res = io_uring_queue_init_params(LOAD_RING_ENTRIES, ring, &params);
    }
    return res;
}

static void *map(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

static uint8_t *buffer_at(const struct load_ring *ring, unsigned id)
{
    return ring->memory + (size_t)id * LOAD_RECV_BYTES;
}

/* The kernel wants the ring of buffers on a page of its own. */
static int buffers_setup(struct load_ring *ring)
{
    ring->buffers_bytes = LOAD_RECV_BUFFERS * sizeof(struct io_uring_buf);
    ring->buffers = map(ring->buffers_bytes);
    ring->memory = map((size_t)LOAD_RECV_BUFFERS * LOAD_RECV_BYTES);
    if (ring->buffers == NULL || ring->memory == NULL)
        return -ENOMEM;
    struct io_uring_buf_reg reg = {.ring_addr = (uint64_t)(uintptr_t)ring->buffers,
                                   .ring_entries = LOAD_RECV_BUFFERS,
                                   .bgid = BUFFER_GROUP};
    int res = io_uring_register_buf_ring(&ring->ring, &reg, 0);
    if (res < 0)
        return res;
    io_uring_buf_ring_init(ring->buffers);
    for (unsigned i = 0; i < LOAD_RECV_BUFFERS; i++)
        io_uring_buf_ring_add(ring->buffers, buffer_at(ring, i), LOAD_RECV_BYTES, (unsigned short)i,
                              io_uring_buf_ring_mask(LOAD_RECV_BUFFERS), (int)i);
    io_uring_buf_ring_advance(ring->buffers, LOAD_RECV_BUFFERS);
    return 0;
}

static void buffers_unmap(struct load_ring *ring)
{
    if (ring->buffers != NULL)
        munmap(ring->buffers, ring->buffers_bytes);
    if (ring->memory != NULL)
        munmap(ring->memory, (size_t)LOAD_RECV_BUFFERS * LOAD_RECV_BYTES);
}

int load_ring_init(struct load_ring *ring)
{
    *ring = (struct load_ring){0};
    int res = ring_setup(&ring->ring);
    if (res < 0) {
        fprintf(stderr,
                "sotto-bench: io_uring is not available (%s). The load generator needs it: look at "
                "kernel.io_uring_disabled and at the container's seccomp profile.\n",
                strerror(-res));
        return STATUS_UNSUPPORTED;
    }
    res = buffers_setup(ring);
    if (res < 0) {
        fprintf(stderr,
                "sotto-bench: io_uring takes no ring of buffers (%s); Linux 6.0 or newer is "
                "needed.\n",
                strerror(-res));
        io_uring_queue_exit(&ring->ring);
        buffers_unmap(ring);
        return res == -ENOMEM ? STATUS_NOMEM : STATUS_UNSUPPORTED;
    }
    /* Saves a look-up of the descriptor each turn; without it all works the same. */
    io_uring_register_ring_fd(&ring->ring);
    return STATUS_OK;
}

void load_ring_deinit(struct load_ring *ring)
{
    io_uring_queue_exit(&ring->ring);
    buffers_unmap(ring);
    *ring = (struct load_ring){0};
}

static struct io_uring_sqe *next_entry(struct load_ring *ring)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&ring->ring);
    while (sqe == NULL) {
        io_uring_submit(&ring->ring);
        sqe = io_uring_get_sqe(&ring->ring);
    }
    return sqe;
}

static void tag(struct io_uring_sqe *sqe, uint32_t client, enum load_op op)
{
    sqe->user_data = (uint64_t)client << OP_BITS | op;
}

void load_ring_connect(struct load_ring *ring, uint32_t client, int fd, const struct sockaddr *to,
                       unsigned to_bytes)
{
    struct io_uring_sqe *sqe = next_entry(ring);
    io_uring_prep_connect(sqe, fd, to, to_bytes);
    tag(sqe, client, LOAD_OP_CONNECT);
}

void load_ring_send(struct load_ring *ring, uint32_t client, int fd, const void *bytes, size_t len)
{
    struct io_uring_sqe *sqe = next_entry(ring);
    io_uring_prep_send(sqe, fd, bytes, len, MSG_NOSIGNAL);
    tag(sqe, client, LOAD_OP_SEND);
}

void load_ring_recv(struct load_ring *ring, uint32_t client, int fd, size_t bytes_max)
{
    struct io_uring_sqe *sqe = next_entry(ring);
    if (bytes_max == 0)
        io_uring_prep_recv_multishot(sqe, fd, NULL, 0, 0);
    else
        io_uring_prep_recv(sqe, fd, NULL, bytes_max, 0);
    /* Nothing has come yet, so the first look is in vain. */
    sqe->ioprio |= IORING_RECVSEND_POLL_FIRST;
    sqe->flags |= IOSQE_BUFFER_SELECT;
    sqe->buf_group = BUFFER_GROUP;
    tag(sqe, client, LOAD_OP_RECV);
}

void load_ring_recv_into(struct load_ring *ring, uint32_t client, int fd, void *bytes, size_t len)
{
    struct io_uring_sqe *sqe = next_entry(ring);
    io_uring_prep_recv(sqe, fd, bytes, len, 0);
    sqe->ioprio |= IORING_RECVSEND_POLL_FIRST;
    tag(sqe, client, LOAD_OP_RECV);
}

void load_ring_cancel(struct load_ring *ring, uint32_t client, int fd)
{
    struct io_uring_sqe *sqe = next_entry(ring);
    io_uring_prep_cancel_fd(sqe, fd, IORING_ASYNC_CANCEL_ALL);
    tag(sqe, client, LOAD_OP_CANCEL);
}

bool load_ring_pending(const struct load_ring *ring)
{
    return io_uring_cq_ready(&ring->ring) > 0 || (IO_URING_READ_ONCE(*ring->ring.sq.kflags) &
                                                  (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) != 0;
}

int load_ring_wait(struct load_ring *ring, unsigned count, int64_t wait_us)
{
    struct __kernel_timespec wait = {.tv_sec = wait_us / 1000000,
                                     .tv_nsec = wait_us % 1000000 * 1000};
    struct io_uring_cqe *cqe;
    int res = io_uring_submit_and_wait_timeout(&ring->ring, &cqe, count, &wait, NULL);
    /* EBUSY and EAGAIN: the kernel wants its completions taken first. */
    if (res >= 0 || res == -ETIME || res == -EINTR || res == -EBUSY || res == -EAGAIN)
        return STATUS_OK;
    fprintf(stderr, "sotto-bench: io_uring failed: %s\n", strerror(-res));
    return STATUS_IO;
}

static struct load_done done_of(const struct load_ring *ring, const struct io_uring_cqe *cqe)
{
    struct load_done done = {.client = (uint32_t)(cqe->user_data >> OP_BITS),
                             .op = (enum load_op)(cqe->user_data & ((1 << OP_BITS) - 1)),
                             .result = cqe->res,
                             .more = (cqe->flags & IORING_CQE_F_MORE) != 0};
    if (cqe->flags & IORING_CQE_F_BUFFER) {
        done.buffer = (uint16_t)(cqe->flags >> IORING_CQE_BUFFER_SHIFT);
        done.data = buffer_at(ring, done.buffer);
    }
    return done;
}

unsigned load_ring_reap(struct load_ring *ring, struct load_done out[LOAD_REAP_MAX])
{
    struct io_uring_cqe *cqes[LOAD_REAP_MAX];
    unsigned count = io_uring_peek_batch_cqe(&ring->ring, cqes, LOAD_REAP_MAX);
    for (unsigned i = 0; i < count; i++)
        out[i] = done_of(ring, cqes[i]);
    io_uring_cq_advance(&ring->ring, count);
    return count;
}

void load_ring_give_back(struct load_ring *ring, const struct load_done *done)
{
    if (done->data == NULL)
        return;
    io_uring_buf_ring_add(ring->buffers, buffer_at(ring, done->buffer), LOAD_RECV_BYTES,
                          done->buffer, io_uring_buf_ring_mask(LOAD_RECV_BUFFERS), 0);
    io_uring_buf_ring_advance(ring->buffers, 1);
}
