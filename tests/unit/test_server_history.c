#include "base/status.h"
#include "server/codec.h"
#include "server/event.h"
#include "server/history.h"
#include "server/limits.h"
#include "server/out.h"
#include "tests/check.h"

static struct out *make(uint64_t seq, size_t text)
{
    static char filler[EVENT_BYTES_MAX];
    memset(filler, 'a', text);
    filler[text] = '\0';
    struct event *event = event_create(EVENT_TRANSLATION);
    event->seq = seq;
    event->final = true;
    event->language = event->tentative = "";
    event->committed = filler;
    struct out *out;
    CHECK_EQ(out_create(&out, event), STATUS_OK);
    event_free(event);
    return out;
}

static struct out *add(struct history *history, uint64_t seq, size_t text)
{
    struct out *out = make(seq, text);
    history_add(history, out);
    out_unref(out); /* the history's own keeps it */
    return out;
}

static void test_empty(void)
{
    struct history *history = history_create();
    CHECK_EQ(history_oldest(history), 0);
    CHECK_EQ(history_newest(history), 0);
    CHECK(history_get(history, 0) == NULL);
    CHECK(history_get(history, 1) == NULL);
    history_destroy(history);
    history_destroy(NULL);
}

static void test_keeps_the_newest(void)
{
    struct history *history = history_create();
    struct out *made[3 * HISTORY_MAX + 1];
    for (uint64_t seq = 1; seq <= 3 * HISTORY_MAX; seq++) {
        made[seq] = add(history, seq, 10);
        CHECK_EQ(history_newest(history), seq);
        CHECK_EQ(history_oldest(history), seq <= HISTORY_MAX ? 1 : seq - HISTORY_MAX + 1);
    }
    for (uint64_t seq = 2 * HISTORY_MAX + 1; seq <= 3 * HISTORY_MAX; seq++)
        CHECK(history_get(history, seq) == made[seq]);
    CHECK(history_get(history, 2 * HISTORY_MAX) == NULL);
    CHECK(history_get(history, 3 * HISTORY_MAX + 1) == NULL);
    history_destroy(history);
}

static void test_bytes_are_bounded(void)
{
    struct history *history = history_create();
    for (uint64_t seq = 1; seq <= 20; seq++)
        add(history, seq, HISTORY_BYTES_MAX / 5);
    CHECK_EQ(history_newest(history), 20);
    CHECK_EQ(history_oldest(history), 17); /* four of a fifth and their JSON fit, five do not */
    /* One that is larger than all the room is still the newest, alone. */
    struct out *big = add(history, 21, HISTORY_BYTES_MAX + 1);
    CHECK_EQ(history_oldest(history), 21);
    CHECK(history_get(history, 21) == big);
    add(history, 22, 10);
    CHECK_EQ(history_oldest(history), 22);
    history_destroy(history);
}

/* A message on its way is bytes with a length, without a terminator. */
static bool begins_with(const char *bytes, const char *text)
{
    return memcmp(bytes, text, strlen(text)) == 0;
}

/* The socket's queue and the history hold the same bytes, whoever lets go first. */
static void test_shared_with_the_queue(void)
{
    struct history *history = history_create();
    struct out_queue queue;
    out_queue_init(&queue);
    struct out *out = make(1, 5);
    history_add(history, out);
    out_queue_add(&queue, out);
    CHECK_EQ(out->refs, 3);
    out_unref(out);
    out_queue_pop(&queue);
    CHECK(history_get(history, 1) == out);
    CHECK_EQ(out->refs, 1);
    /* A replay puts it on a new socket with a new head. */
    const char *before = codec_splice(out->body, out->seq, 5, NULL);
    CHECK(begins_with(before, "{\"t_ms\":5,\"seq\":1,\"type\":\"translation\""));
    const char *again = codec_splice(out->body, out->seq, 123456, NULL);
    CHECK(begins_with(again, "{\"t_ms\":123456,\"seq\":1,\"type\":\"translation\""));
    out_queue_add(&queue, out);
    history_destroy(history);
    CHECK_EQ(queue.head->refs, 1);
    out_queue_clear(&queue);
}

int main(void)
{
    RUN(test_empty);
    RUN(test_keeps_the_newest);
    RUN(test_bytes_are_bounded);
    RUN(test_shared_with_the_queue);
    return check_done();
}
