#include "base/clock.h"
#include "base/mailbox.h"
#include "base/mem.h"
#include "base/status.h"
#include "base/thread.h"
#include "tests/check.h"

#include <sched.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define SENDERS 4
#ifdef SOTTO_SANITIZED
#define EACH 5000
#else
#define EACH 50000
#endif

struct item {
    struct msg msg;
    unsigned sender;
    unsigned number;
};

static _Atomic unsigned freed;

static void item_free(struct msg *msg)
{
    atomic_fetch_add(&freed, 1);
    mem_free(msg);
}

static struct item *item_new(unsigned sender, unsigned number)
{
    struct item *item = mem_calloc(1, sizeof *item);
    item->msg.free_fn = item_free;
    item->sender = sender;
    item->number = number;
    return item;
}

static void test_order_and_emptiness(void)
{
    struct mailbox *mailbox = mailbox_create(8, NULL, NULL);
    CHECK(mailbox_recv(mailbox) == NULL);
    for (unsigned turn = 0; turn < 20; turn++) {
        for (unsigned i = 0; i < 5; i++)
            CHECK_EQ(mailbox_send(mailbox, &item_new(0, i)->msg), STATUS_OK);
        CHECK_EQ(mailbox_len(mailbox), 5);
        for (unsigned i = 0; i < 5; i++) {
            struct item *item = (struct item *)mailbox_recv(mailbox);
            CHECK_EQ(item->number, i);
            mem_free(item);
        }
        CHECK(mailbox_recv(mailbox) == NULL);
    }
    CHECK_EQ(mailbox_refused(mailbox), 0);
    mailbox_destroy(mailbox);
}

/* Capacities 1 … 9: exactly the next power of two fits, and a refused message stays with its
 * sender. */
static void test_full_at_every_capacity(void)
{
    for (size_t capacity = 1; capacity <= 9; capacity++) {
        struct mailbox *mailbox = mailbox_create(capacity, NULL, NULL);
        size_t fits = 1;
        while (fits < capacity)
            fits *= 2;
        for (unsigned turn = 0; turn < 3; turn++) {
            for (size_t i = 0; i < fits; i++)
                CHECK_EQ(mailbox_send(mailbox, &item_new(0, 0)->msg), STATUS_OK);
            struct item *refused = item_new(0, 99);
            CHECK_EQ(mailbox_send(mailbox, &refused->msg), STATUS_FULL);
            CHECK_EQ(refused->number, 99);
            CHECK_EQ(mailbox_refused(mailbox), turn + 1);
            CHECK_EQ(mailbox_len(mailbox), fits);
            mem_free(mailbox_recv(mailbox));
            CHECK_EQ(mailbox_send(mailbox, &refused->msg), STATUS_OK);
            for (size_t i = 0; i < fits; i++)
                mem_free(mailbox_recv(mailbox));
            CHECK(mailbox_recv(mailbox) == NULL);
        }
        mailbox_destroy(mailbox);
    }
}

static void test_close_refuses_and_drains(void)
{
    struct mailbox *mailbox = mailbox_create(4, NULL, NULL);
    mailbox_send(mailbox, &item_new(0, 1)->msg);
    mailbox_close(mailbox);
    mailbox_close(mailbox);
    struct item *late = item_new(0, 2);
    CHECK_EQ(mailbox_send(mailbox, &late->msg), STATUS_CLOSED);
    CHECK_EQ(mailbox_len(mailbox), 1);
    struct item *item = (struct item *)mailbox_wait(mailbox, -1);
    CHECK(item != NULL && item->number == 1);
    mem_free(item);
    CHECK(mailbox_wait(mailbox, -1) == NULL);
    CHECK(mailbox_wait(mailbox, 1000) == NULL);
    mem_free(late);
    mailbox_destroy(mailbox);
}

static void test_destroy_frees_what_is_inside(void)
{
    struct mailbox *mailbox = mailbox_create(4, NULL, NULL);
    struct msg plain = {.kind = 1}; /* without a function of its own it is nobody's to free */
    atomic_store(&freed, 0);
    mailbox_send(mailbox, &item_new(0, 1)->msg);
    mailbox_send(mailbox, &plain);
    mailbox_send(mailbox, &item_new(0, 2)->msg);
    mailbox_destroy(mailbox);
    CHECK_EQ(atomic_load(&freed), 2);
    mailbox_destroy(NULL);
}

static void test_no_memory(void)
{
    for (unsigned nth = 1; nth <= 2; nth++) {
        mem_fail_nth(nth);
        CHECK(mailbox_create(4, NULL, NULL) == NULL);
    }
    mem_fail_nth(0);
}

static void count_wake(void *ctx)
{
    (*(int *)ctx)++;
}

static void test_wakes_only_a_parked_receiver_and_once(void)
{
    int wakes = 0;
    struct mailbox *mailbox = mailbox_create(8, count_wake, &wakes);
    struct msg messages[6] = {{0}};
    mailbox_send(mailbox, &messages[0]);
    CHECK_EQ(wakes, 0);
    CHECK(!mailbox_park(mailbox));
    mailbox_send(mailbox, &messages[1]);
    CHECK_EQ(wakes, 0);
    CHECK(mailbox_recv(mailbox) == &messages[0]);
    CHECK(mailbox_recv(mailbox) == &messages[1]);
    CHECK(mailbox_park(mailbox));
    mailbox_send(mailbox, &messages[2]);
    mailbox_send(mailbox, &messages[3]);
    CHECK_EQ(wakes, 1);
    CHECK(mailbox_recv(mailbox) == &messages[2]);
    CHECK(mailbox_recv(mailbox) == &messages[3]);
    CHECK(mailbox_park(mailbox));
    CHECK(mailbox_recv(mailbox) == NULL); /* ends the announcement */
    mailbox_send(mailbox, &messages[4]);
    CHECK_EQ(wakes, 1);
    CHECK(mailbox_recv(mailbox) == &messages[4]);
    CHECK(mailbox_park(mailbox));
    mailbox_close(mailbox);
    CHECK_EQ(wakes, 2);
    mailbox_destroy(mailbox);
}

static void test_deferred_wakes(void)
{
    enum { BOXES = 40 };
    int wakes[BOXES] = {0};
    struct mailbox *boxes[BOXES];
    struct msg messages[2 * BOXES + 2] = {{0}};
    for (int i = 0; i < BOXES; i++) {
        boxes[i] = mailbox_create(4, count_wake, &wakes[i]);
        CHECK(mailbox_park(boxes[i]));
    }
    mailbox_defer_wakes(true);
    mailbox_send(boxes[0], &messages[0]);
    mailbox_send(boxes[0], &messages[1]);
    CHECK_EQ(wakes[0], 0);
    mailbox_wake_deferred();
    mailbox_wake_deferred();
    CHECK_EQ(wakes[0], 1);

    /* More than can be put off are woken at once, and each exactly once in all. */
    CHECK(mailbox_recv(boxes[0]) == &messages[0]);
    CHECK(mailbox_recv(boxes[0]) == &messages[1]);
    CHECK(mailbox_park(boxes[0]));
    wakes[0] = 0;
    for (int i = 0; i < BOXES; i++)
        mailbox_send(boxes[i], &messages[i]);
    CHECK_EQ(wakes[0], 0);
    CHECK_EQ(wakes[BOXES - 1], 1);

    /* A receiver that has looked by itself, or is gone, is not woken. */
    CHECK(mailbox_recv(boxes[1]) == &messages[1]);
    mailbox_destroy(boxes[2]);
    mailbox_defer_wakes(false);
    CHECK_EQ(wakes[1], 0);
    CHECK_EQ(wakes[2], 0);
    for (int i = 0; i < BOXES; i++) {
        CHECK_EQ(wakes[i], i == 1 || i == 2 ? 0 : 1);
        if (i != 2)
            mailbox_destroy(boxes[i]);
    }
}

/* A thread that puts wakes off and then waits does not wait for an answer to what nobody heard. */
static void *answer(void *ctx)
{
    struct mailbox **boxes = ctx;
    struct msg *msg = mailbox_wait(boxes[0], -1);
    CHECK_EQ(mailbox_send(boxes[1], msg), 0);
    return NULL;
}

static void test_wait_wakes_deferred(void)
{
    struct mailbox *boxes[] = {mailbox_create(4, NULL, NULL), mailbox_create(4, NULL, NULL)};
    pthread_t thread;
    struct msg msg = {0};
    CHECK_EQ(thread_start(&thread, "answer", answer, boxes), 0);
    mailbox_defer_wakes(true);
    for (int i = 0; i < 100; i++) /* lets the other side fall asleep, most of the time */
        sched_yield();
    mailbox_send(boxes[0], &msg);
    CHECK(mailbox_wait(boxes[1], 30000) == &msg);
    mailbox_defer_wakes(false);
    pthread_join(thread, NULL);
    mailbox_destroy(boxes[0]);
    mailbox_destroy(boxes[1]);
}

/* A receiver may end a mailbox as soon as the last send has returned, while the wake is still owed.
 */
struct ending {
    struct mailbox *mailbox;
    struct msg msg;
    _Atomic bool sent;
};

static void *send_then_wake(void *ctx)
{
    struct ending *ending = ctx;
    mailbox_defer_wakes(true);
    mailbox_send(ending->mailbox, &ending->msg);
    atomic_store(&ending->sent, true);
    mailbox_defer_wakes(false);
    return NULL;
}

static void test_destroyed_before_the_wake(void)
{
    for (int i = 0; i < EACH / 50; i++) {
        int *wakes = mem_calloc(1, sizeof *wakes);
        struct ending ending = {.mailbox = mailbox_create(2, count_wake, wakes)};
        pthread_t thread;
        CHECK(mailbox_park(ending.mailbox));
        CHECK_EQ(thread_start(&thread, "sender", send_then_wake, &ending), 0);
        while (!atomic_load(&ending.sent))
            sched_yield();
        mailbox_destroy(ending.mailbox);
        CHECK(*wakes <= 1);
        mem_free(wakes); /* nobody looks at it from here on */
        pthread_join(thread, NULL);
    }
}

static void test_wait_times_out(void)
{
    struct mailbox *mailbox = mailbox_create(2, NULL, NULL);
    CHECK(mailbox_wait(mailbox, 0) == NULL);
    int64_t before = clock_mono_us();
    CHECK(mailbox_wait(mailbox, 20) == NULL);
    CHECK(clock_mono_us() - before >= 20000);
    struct msg msg = {0};
    mailbox_send(mailbox, &msg);
    CHECK(mailbox_wait(mailbox, 0) == &msg);
    mailbox_destroy(mailbox);
}

struct sender {
    struct mailbox *mailbox;
    unsigned number;
    unsigned sent;
    pthread_t thread;
};

static void *send_all(void *ctx)
{
    struct sender *sender = ctx;
    for (unsigned i = 0; i < EACH; i++) {
        struct item *item = item_new(sender->number, i);
        int status;
        while ((status = mailbox_send(sender->mailbox, &item->msg)) == STATUS_FULL)
            sched_yield();
        if (status != STATUS_OK) {
            mem_free(item);
            break;
        }
        sender->sent++;
    }
    return NULL;
}

static void start_senders(struct sender *senders, struct mailbox *mailbox)
{
    for (unsigned i = 0; i < SENDERS; i++) {
        senders[i] = (struct sender){.mailbox = mailbox, .number = i};
        CHECK_EQ(thread_start(&senders[i].thread, "sender", send_all, &senders[i]), STATUS_OK);
    }
}

static unsigned join_senders(struct sender *senders)
{
    unsigned sent = 0;
    for (unsigned i = 0; i < SENDERS; i++) {
        pthread_join(senders[i].thread, NULL);
        sent += senders[i].sent;
    }
    return sent;
}

/* Takes one message; true when its sender's messages come in order, none twice, none missing. */
static bool take(struct msg *msg, unsigned *next)
{
    struct item *item = (struct item *)msg;
    bool in_order = item->number == next[item->sender];
    next[item->sender] = item->number + 1;
    mem_free(item);
    return in_order;
}

/* A small ring is full and empty all the time, so senders and the sleeping receiver race at every
 * message. */
static void test_many_senders_keep_order(void)
{
    for (size_t capacity = 1; capacity <= 256; capacity *= 16) {
        struct mailbox *mailbox = mailbox_create(capacity, NULL, NULL);
        struct sender senders[SENDERS];
        unsigned next[SENDERS] = {0};
        start_senders(senders, mailbox);
        for (unsigned i = 0; i < SENDERS * EACH; i++) {
            /* Half a minute without a message is a lost wake. */
            struct msg *msg = mailbox_wait(mailbox, 30000);
            CHECK(msg != NULL);
            if (msg == NULL)
                break;
            CHECK(take(msg, next));
        }
        CHECK_EQ(join_senders(senders), SENDERS * EACH);
        CHECK(mailbox_recv(mailbox) == NULL);
        mailbox_destroy(mailbox);
    }
}

static void *receive_all(void *ctx)
{
    struct sender *receiver = ctx;
    unsigned next[SENDERS] = {0};
    struct msg *msg;
    while ((msg = mailbox_wait(receiver->mailbox, -1)) != NULL) {
        /* Checks belong to the main thread; what is out of order is not counted. */
        receiver->sent += take(msg, next);
    }
    return NULL;
}

/* Closed in the middle of the sending: what was taken arrives, to the last message, and no later
 * one does. */
static void test_close_races_with_senders(void)
{
    for (unsigned turn = 0; turn < 50; turn++) {
        struct mailbox *mailbox = mailbox_create(16, NULL, NULL);
        struct sender senders[SENDERS], receiver = {.mailbox = mailbox};
        CHECK_EQ(thread_start(&receiver.thread, "receiver", receive_all, &receiver), STATUS_OK);
        start_senders(senders, mailbox);
        for (unsigned i = 0; i < turn * 20; i++)
            sched_yield();
        mailbox_close(mailbox);
        unsigned sent = join_senders(senders);
        pthread_join(receiver.thread, NULL);
        CHECK_EQ(receiver.sent, sent);
        CHECK_EQ(mailbox_len(mailbox), 0);
        mailbox_destroy(mailbox);
    }
}

static void signal_eventfd(void *ctx)
{
    uint64_t one = 1;
    if (write(*(int *)ctx, &one, sizeof one) != sizeof one)
        abort();
}

/* The way a loop uses it: sleep in the kernel only after a successful park, woken by a descriptor.
 */
static void test_park_and_wake_through_a_descriptor(void)
{
    int fd = eventfd(0, EFD_CLOEXEC);
    struct mailbox *mailbox = mailbox_create(64, signal_eventfd, &fd);
    struct sender senders[SENDERS];
    unsigned next[SENDERS] = {0}, got = 0;
    start_senders(senders, mailbox);
    while (got < SENDERS * EACH) {
        struct msg *msg = mailbox_recv(mailbox);
        if (msg != NULL) {
            CHECK(take(msg, next));
            got++;
        } else if (mailbox_park(mailbox)) {
            uint64_t wakes;
            CHECK(read(fd, &wakes, sizeof wakes) == sizeof wakes);
        }
    }
    CHECK_EQ(join_senders(senders), SENDERS * EACH);
    mailbox_destroy(mailbox);
    close(fd);
}

int main(void)
{
    RUN(test_order_and_emptiness);
    RUN(test_full_at_every_capacity);
    RUN(test_close_refuses_and_drains);
    RUN(test_destroy_frees_what_is_inside);
    RUN(test_no_memory);
    RUN(test_wakes_only_a_parked_receiver_and_once);
    RUN(test_deferred_wakes);
    RUN(test_wait_wakes_deferred);
    RUN(test_destroyed_before_the_wake);
    RUN(test_wait_times_out);
    RUN(test_many_senders_keep_order);
    RUN(test_close_races_with_senders);
    RUN(test_park_and_wake_through_a_descriptor);
    return check_done();
}
