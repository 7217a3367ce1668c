/* The simulated backend: readiness is what the test says, sleep is addition. */
#include "tests/sim/loop_sim.h"

#include "base/mem.h"
#include "base/rng.h"
#include "base/status.h"
#include "loop/internal.h"
#include <assert.h>
#include <string.h>

#define POLLS_MAX    4096
#define CONNECTS_MAX 1024

struct sim_poll {
    struct loop_poll *poll;
    unsigned ready;
};

struct sim_connect {
    struct loop_accept *accept;
    int fd;
};

struct loop_sim {
    struct loop loop;
    int64_t clock_us;
    struct rng rng;
    uint32_t polls_count, connects_count;
    struct sim_poll polls[POLLS_MAX];
    struct sim_connect connects[CONNECTS_MAX];
};

static struct loop_sim *sim_of(const struct loop *loop)
{
    return (struct loop_sim *)loop;
}

static struct sim_poll *poll_find(struct loop_sim *sim, const struct loop_poll *poll)
{
    for (uint32_t i = 0; i < sim->polls_count; i++) {
        if (sim->polls[i].poll == poll)
            return &sim->polls[i];
    }
    return NULL;
}

static int sim_poll_start(struct loop_poll *poll)
{
    struct loop_sim *sim = sim_of(poll->loop);
    if (sim->polls_count == POLLS_MAX)
        return STATUS_FULL;
    sim->polls[sim->polls_count++] = (struct sim_poll){poll, 0};
    return STATUS_OK;
}

static int sim_poll_change(struct loop_poll *poll)
{
    assert(poll_find(sim_of(poll->loop), poll) != NULL);
    return STATUS_OK;
}

static void sim_poll_close(struct loop_poll *poll)
{
    struct loop_sim *sim = sim_of(poll->loop);
    struct sim_poll *entry = poll_find(sim, poll);
    assert(entry != NULL);
    *entry = sim->polls[--sim->polls_count];
    loop__poll_maybe_closed(poll);
}

static void sim_accept_arm(struct loop_accept *accept)
{
}

static void sim_accept_close(struct loop_accept *accept)
{
}

static bool poll_due(const struct sim_poll *entry)
{
    return entry->poll->events != 0 && (entry->ready & (entry->poll->events | LOOP_ERR)) != 0;
}

static bool anything_ready(const struct loop_sim *sim)
{
    for (uint32_t i = 0; i < sim->polls_count; i++) {
        if (poll_due(&sim->polls[i]))
            return true;
    }
    return sim->connects_count > 0;
}

static void reap_polls(struct loop_sim *sim)
{
    for (uint32_t i = 0; i < sim->polls_count; i++) {
        struct sim_poll *entry = &sim->polls[i];
        if (poll_due(entry) &&
            loop__ready(&sim->loop, LOOP__POLL_EVENT, entry->poll, (int32_t)entry->ready))
            entry->poll->in_flight++;
    }
}

/* Order among connections of one listener is kept by nobody in the kernel either. */
static void reap_connects(struct loop_sim *sim)
{
    uint32_t left = 0;
    for (uint32_t i = 0; i < sim->connects_count; i++) {
        struct sim_connect *entry = &sim->connects[i];
        if (!loop__ready(&sim->loop, LOOP__ACCEPT_EVENT, entry->accept, entry->fd))
            sim->connects[left++] = *entry;
    }
    sim->connects_count = left;
}

static void shuffle(struct loop_sim *sim)
{
    struct loop__ready *ready = sim->loop.ready;
    for (uint32_t i = sim->loop.ready_count; i > 1; i--) {
        uint32_t j = (uint32_t)rng_below(&sim->rng, i);
        struct loop__ready swap = ready[i - 1];
        ready[i - 1] = ready[j];
        ready[j] = swap;
    }
}

static bool sim_wait(struct loop *loop, int64_t timeout_us)
{
    struct loop_sim *sim = sim_of(loop);
    bool sleeps = timeout_us > 0 && !anything_ready(sim);
    if (sleeps)
        sim->clock_us += timeout_us;
    reap_polls(sim);
    reap_connects(sim);
    shuffle(sim);
    return sleeps;
}

static void sim_wake(struct loop *loop)
{
}

static int64_t sim_now_us(const struct loop *loop)
{
    return sim_of(loop)->clock_us;
}

static void sim_destroy(struct loop *loop)
{
    loop__deinit(loop);
    mem_free(loop);
}

static const struct loop_ops sim_ops = {
    .name = "simulated",
    .destroy = sim_destroy,
    .wait = sim_wait,
    .wake = sim_wake,
    .now_us = sim_now_us,
    .poll_start = sim_poll_start,
    .poll_change = sim_poll_change,
    .poll_close = sim_poll_close,
    .accept_arm = sim_accept_arm,
    .accept_close = sim_accept_close,
};

int loop_sim_create(struct loop **out, uint64_t seed)
{
    struct loop_sim *sim = mem_calloc(1, sizeof *sim);
    if (sim == NULL)
        return STATUS_NOMEM;
    sim->clock_us = LOOP_SIM_START_US;
    rng_init(&sim->rng, seed);
    int status = loop__init(&sim->loop, &sim_ops);
    if (status != STATUS_OK) {
        mem_free(sim);
        return status;
    }
    *out = &sim->loop;
    return STATUS_OK;
}

/* Whether a turn would find something to do at the present time. */
static bool due_now(struct loop_sim *sim)
{
    struct loop *loop = &sim->loop;
    int64_t due_us;
    if (loop->tasks != NULL || loop->closed_polls != NULL || loop->closed_accepts != NULL)
        return true;
    if (atomic_load(&loop->woken) || !loop__inboxes_park(loop) || anything_ready(sim))
        return true;
    return loop__timers_next(loop, &due_us) && due_us <= sim->clock_us;
}

static void run(struct loop *loop, int64_t until_us)
{
    struct loop_sim *sim = sim_of(loop);
    struct loop *before = loop__set_current(loop);
    int64_t due_us;
    assert(!loop->running);
    loop->running = true;
    bool stopped;
    while (!(stopped = atomic_exchange(&loop->stop, false))) {
        bool now = due_now(sim);
        if (!now && !(loop__timers_next(loop, &due_us) && due_us <= until_us))
            break;
        loop__turn(loop, now ? 0 : until_us - sim->clock_us);
    }
    if (!stopped && sim->clock_us < until_us)
        sim->clock_us = until_us;
    loop->now_us = sim->clock_us;
    loop->running = false;
    loop__set_current(before);
}

void loop_sim_run_until(struct loop *loop, int64_t us)
{
    assert(us >= sim_of(loop)->clock_us);
    run(loop, us);
}

void loop_sim_advance(struct loop *loop, int64_t us)
{
    assert(us >= 0);
    run(loop, sim_of(loop)->clock_us + us);
}

void loop_sim_settle(struct loop *loop)
{
    run(loop, sim_of(loop)->clock_us);
}

void loop_sim_spend(struct loop *loop, int64_t us)
{
    assert(us >= 0);
    sim_of(loop)->clock_us += us;
}

void loop_sim_set_ready(struct loop_poll *poll, unsigned events)
{
    struct sim_poll *entry = poll_find(sim_of(poll->loop), poll);
    assert(entry != NULL);
    entry->ready = events;
}

void loop_sim_connect(struct loop_accept *accept, int fd)
{
    struct loop_sim *sim = sim_of(accept->loop);
    assert(sim->connects_count < CONNECTS_MAX);
    accept->in_flight++;
    sim->connects[sim->connects_count++] = (struct sim_connect){accept, fd};
}

bool loop_sim_idle(const struct loop *loop)
{
    int64_t due_us;
    return !due_now(sim_of(loop)) && !loop__timers_next(loop, &due_us);
}
