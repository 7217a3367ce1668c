#include "server/stop.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mailbox.h"
#include "base/mem.h"
#include "base/status.h"
#include "server/config.h"
#include "server/front.h"
#include "server/listen.h"
#include "server/server.h"
#include <assert.h>
#include <stdatomic.h>
#include <time.h>

#define POLL_US  20000
#define RETRY_US 1000

struct stop {
    struct server *server;
    int64_t begun_us, quiet_us; /* when it began; when the last connection came */
    uint64_t accepted;
    unsigned listening; /* sockets that are open yet */
    unsigned others;    /* of a successor on the same port */
    bool hurried;
};

static void order_free(struct msg *msg)
{
    mem_free(msg);
}

static void pause_us(long us)
{
    nanosleep(&(struct timespec){.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000}, NULL);
}

static void tell(struct front *front, enum front_msg kind)
{
    struct msg *msg = mem_calloc(1, sizeof *msg);
    assert(msg != NULL);
    *msg = (struct msg){.kind = kind, .free_fn = order_free};
    int status;
    while ((status = front_send(front, msg)) == STATUS_FULL)
        pause_us(RETRY_US);
    if (status != STATUS_OK)
        mem_free(msg);
}

static void tell_all(struct server *server, enum front_msg kind)
{
    for (unsigned i = 0; i < server->fronts_len; i++)
        tell(server->fronts[i], kind);
}

static bool all_ended(const struct server *server)
{
    for (unsigned i = 0; i < server->fronts_len; i++)
        if (!atomic_load_explicit(&server->fronts[i]->ended, memory_order_acquire))
            return false;
    return true;
}

static uint64_t accepted(const struct server *server)
{
    uint64_t count = 0;
    for (unsigned i = 0; i < server->fronts_len; i++)
        count += atomic_load_explicit(&server->fronts[i]->accepted, memory_order_relaxed);
    return count;
}

static void divert(struct stop *stop, unsigned first, unsigned count)
{
    if (stop->others > 0 &&
        listen_divert(stop->server->fronts[0]->listen_fd, first, count) != STATUS_OK)
        LOG_WARN(LOG_FRONT, 0, "cannot send new connections to the successor", "first=%u", first);
}

/* One listening socket fewer. Ours come first in the order of the port's group; the last of all
 * takes the place of the one that closes. The index is that of a successor's socket before and
 * after, and after the last close of none, so that the kernel spreads connections again. */
static void close_last(struct stop *stop)
{
    unsigned index = stop->listening - 1;
    struct front *front = stop->server->fronts[index];
    divert(stop, index > 0 ? index + 1 : stop->others, 1);
    tell(front, FRONT_UNLISTEN);
    while (!atomic_load_explicit(&front->unlistened, memory_order_acquire) &&
           !atomic_load_explicit(&front->ended, memory_order_acquire))
        pause_us(RETRY_US);
    stop->listening--;
}

/* Whether nobody comes to our sockets any more, as far as can be told. */
static bool is_quiet(struct stop *stop, int64_t now_us)
{
    uint64_t count = accepted(stop->server);
    if (count != stop->accepted)
        stop->quiet_us = now_us;
    stop->accepted = count;
    if (stop->others == 0 || stop->hurried)
        return true;
    int64_t most_us = (int64_t)stop->server->config->stop_ms * 1000 / 2;
    return now_us - stop->begun_us >= most_us ||
           (now_us - stop->begun_us >= STOP_LINGER_MS * 1000LL &&
            now_us - stop->quiet_us >= STOP_QUIET_MS * 1000LL);
}

static void begin(struct stop *stop)
{
    struct server *server = stop->server;
    /* Relaxed: readers only need to see it soon. */
    atomic_store_explicit(&server->stopping, true, memory_order_relaxed);
    stop->listening = server->fronts_len;
    stop->others = listen_others(server->fronts[0]->listen_fd, server->fronts_len);
    if (stop->others > 0)
        LOG_INFO(LOG_FRONT, 0, "new connections go to the successor", "sockets=%u", stop->others);
    divert(stop, server->fronts_len, stop->others);
    tell_all(server, FRONT_STOP);
}

static void hurry(struct stop *stop, int number)
{
    LOG_WARN(LOG_MAIN, 0, "told again: stopping at once", "signal=%d", number);
    stop->hurried = true;
    while (stop->listening > 0)
        close_last(stop);
    tell_all(stop->server, FRONT_HURRY);
}

void stop_run(struct server *server, const sigset_t *signals)
{
    const struct timespec poll = {.tv_nsec = POLL_US * 1000L};
    int64_t now_us = clock_mono_us();
    struct stop stop = {.server = server, .begun_us = now_us, .quiet_us = now_us};
    begin(&stop);
    while (!all_ended(server)) {
        int number =
            stop.listening == 0 || stop.others > 0 ? sigtimedwait(signals, NULL, &poll) : 0;
        if ((number == SIGTERM || number == SIGINT) && !stop.hurried)
            hurry(&stop, number);
        if (is_quiet(&stop, clock_mono_us()))
            while (stop.listening > 0)
                close_last(&stop);
    }
}

void stop_now(struct server *server)
{
    if (all_ended(server))
        return;
    /* Relaxed: readers only need to see it soon. */
    atomic_store_explicit(&server->stopping, true, memory_order_relaxed);
    tell_all(server, FRONT_STOP);
    tell_all(server, FRONT_UNLISTEN);
    tell_all(server, FRONT_HURRY);
}
