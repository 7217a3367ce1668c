/* Inboxes: bursts from threads with and without a ring, refusal, closing inside a callback; wake
 * and stop. */
#include "tests/unit/loop_kit.h"

#include "base/mailbox.h"
#include "base/mem.h"
#include "base/thread.h"
#include "loop/limits.h"
#include <assert.h>
#include <sched.h>

#define SENDERS   4
#define EACH      5000
#define PINGPONGS 2000

struct note {
    struct msg msg;
    int sender, number;
};

static struct loop_inbox inbox;
static int next_number[SENDERS];
static int received, freed;

static void note_free(struct msg *msg)
{
    freed++;
    mem_free(msg);
}

static struct note *note_new(int sender, int number)
{
    struct note *note = mem_calloc(1, sizeof *note);
    note->msg.free_fn = note_free;
    note->sender = sender;
    note->number = number;
    return note;
}

static void on_note(struct loop_inbox *box, struct msg *msg)
{
    struct note *note = (struct note *)msg;
    CHECK(loop_is_current(box->loop));
    CHECK_EQ(note->number, next_number[note->sender]);
    next_number[note->sender]++;
    mem_free(note);
    if (++received == SENDERS * EACH)
        loop_stop(box->loop);
}

static void *send_burst(void *ctx)
{
    int sender = *(int *)ctx;
    for (int i = 0; i < EACH; i++) {
        struct note *note = note_new(sender, i);
        while (mailbox_send(inbox.mailbox, &note->msg) == STATUS_FULL)
            sched_yield();
    }
    return NULL;
}

/* The mailbox is far smaller than a burst, so both its ends meet; each sender's order is kept. */
static void test_bursts_from_threads(void)
{
    pthread_t threads[SENDERS];
    int numbers[SENDERS];
    memset(next_number, 0, sizeof next_number);
    received = 0;
    CHECK_EQ(loop_inbox_open(kit_loop, &inbox, 64, on_note), STATUS_OK);
    for (int i = 0; i < SENDERS; i++) {
        numbers[i] = i;
        CHECK_EQ(thread_start(&threads[i], "sender", send_burst, &numbers[i]), 0);
    }
    kit_run();
    for (int i = 0; i < SENDERS; i++)
        pthread_join(threads[i], NULL);
    CHECK_EQ(received, SENDERS * EACH);
    loop_inbox_close(&inbox);
}

/* Two loops hand one message to and fro; every step must wake a loop that sleeps. */
static struct loop *peer_loop;
static struct loop_inbox peer_inbox;

/* Runs on both threads, so it cannot CHECK, which counts. */
static void pass_on(struct msg *msg, struct loop_inbox *to)
{
    int status = mailbox_send(to->mailbox, msg);
    assert(status == STATUS_OK);
}

static void on_ping(struct loop_inbox *box, struct msg *msg)
{
    pass_on(msg, &inbox);
}

static void on_pong(struct loop_inbox *box, struct msg *msg)
{
    if (++received < PINGPONGS) {
        pass_on(msg, &peer_inbox);
        return;
    }
    mem_free(msg);
    loop_stop(peer_loop);
    loop_stop(box->loop);
}

static void *peer_main(void *ctx)
{
    loop_run(peer_loop);
    return NULL;
}

static void ping_pong(enum loop_backend peer_backend)
{
    pthread_t thread;
    received = 0;
    if (loop_create(&peer_loop, peer_backend) != STATUS_OK)
        return;
    loop_inbox_open(kit_loop, &inbox, 8, on_pong);
    loop_inbox_open(peer_loop, &peer_inbox, 8, on_ping);
    pass_on(&note_new(0, 0)->msg, &peer_inbox);
    CHECK_EQ(thread_start(&thread, "peer", peer_main, NULL), 0);
    kit_run();
    pthread_join(thread, NULL);
    CHECK_EQ(received, PINGPONGS);
    loop_inbox_close(&inbox);
    loop_inbox_close(&peer_inbox);
    loop_destroy(peer_loop);
}

static void test_ping_pong_same_backend(void)
{
    ping_pong(kit_backend);
}

static void test_ping_pong_other_backend(void)
{
    ping_pong(kit_backend == LOOP_URING ? LOOP_EPOLL : LOOP_URING);
}

static struct loop_inbox boxes[3];

static void on_closes_all(struct loop_inbox *box, struct msg *msg)
{
    received++;
    mem_free(msg);
    for (int i = 0; i < 3; i++)
        loop_inbox_close(&boxes[i]);
    loop_stop(box->loop);
}

/* The first message closes every inbox, the running one too; what was inside is freed, not
 * delivered. */
static void test_close_inside_callback(void)
{
    received = freed = 0;
    for (int i = 0; i < 3; i++) {
        loop_inbox_open(kit_loop, &boxes[i], 8, on_closes_all);
        CHECK_EQ(mailbox_send(boxes[i].mailbox, &note_new(i, 0)->msg), STATUS_OK);
        CHECK_EQ(mailbox_send(boxes[i].mailbox, &note_new(i, 1)->msg), STATUS_OK);
    }
    kit_run();
    CHECK_EQ(received, 1);
    CHECK_EQ(freed, 5);
}

static struct loop_timer between;
static int received_before_timer;

static void on_batch_note(struct loop_inbox *box, struct msg *msg)
{
    mem_free(msg);
    if (++received == 3 * LOOP_INBOX_BATCH)
        loop_stop(box->loop);
}

static void on_between(struct loop_timer *timer)
{
    if (received_before_timer++ < 2)
        loop_timer_start(timer->loop, timer, 0, on_between);
    CHECK(received <= received_before_timer * LOOP_INBOX_BATCH);
}

/* A full mailbox takes several turns, and timers fire between them. */
static void test_batch_bound(void)
{
    received = received_before_timer = 0;
    memset(&between, 0, sizeof between);
    loop_inbox_open(kit_loop, &inbox, 4 * LOOP_INBOX_BATCH, on_batch_note);
    for (int i = 0; i < 3 * LOOP_INBOX_BATCH; i++)
        CHECK_EQ(mailbox_send(inbox.mailbox, &note_new(0, i)->msg), STATUS_OK);
    loop_timer_start(kit_loop, &between, 0, on_between);
    kit_run();
    CHECK_EQ(received, 3 * LOOP_INBOX_BATCH);
    CHECK_EQ(received_before_timer, 3);
    loop_inbox_close(&inbox);
}

static void *stop_main(void *ctx)
{
    loop_stop(ctx);
    return NULL;
}

/* Stopped by another thread, before it runs or while it sleeps; afterwards it can run again. */
static void test_stop_from_thread(void)
{
    for (int i = 0; i < 200; i++) {
        pthread_t thread;
        CHECK_EQ(thread_start(&thread, "stopper", stop_main, kit_loop), 0);
        loop_run(kit_loop);
        pthread_join(thread, NULL);
    }
    CHECK(!loop_is_current(kit_loop));
}

static void *wake_main(void *ctx)
{
    struct loop_stats stats;
    do {
        loop_wake(ctx);
        loop_stats(ctx, &stats);
    } while (stats.turns < 50);
    loop_stop(ctx);
    return NULL;
}

static void test_wake_turns_once(void)
{
    pthread_t thread;
    CHECK_EQ(thread_start(&thread, "waker", wake_main, kit_loop), 0);
    kit_run();
    pthread_join(thread, NULL);
    struct loop_stats stats;
    loop_stats(kit_loop, &stats);
    CHECK(stats.turns >= 50);
    CHECK_EQ(stats.cq_overflows, 0);
}

int main(void)
{
    RUN_BOTH(test_bursts_from_threads);
    RUN_BOTH(test_ping_pong_same_backend);
    RUN_BOTH(test_ping_pong_other_backend);
    RUN_BOTH(test_close_inside_callback);
    RUN_BOTH(test_batch_bound);
    RUN_BOTH(test_stop_from_thread);
    RUN_BOTH(test_wake_turns_once);
    return check_done();
}
