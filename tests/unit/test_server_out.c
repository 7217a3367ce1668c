#include "base/status.h"
#include "server/codec.h"
#include "server/event.h"
#include "server/limits.h"
#include "server/out.h"
#include "tests/check.h"

static struct out *make(enum event_kind kind, uint64_t key)
{
    struct event *event = event_create(kind);
    event->replace_key = key;
    event->committed = event->tentative = event->language = "";
    struct out *out;
    CHECK_EQ(out_create(&out, event), STATUS_OK);
    event_free(event);
    return out;
}

/* Adds one and keeps only the queue's reference. */
static struct out *add(struct out_queue *queue, enum event_kind kind, uint64_t key, bool replaces)
{
    struct out *out = make(kind, key);
    CHECK_EQ(out_queue_add(queue, out), replaces);
    out_unref(out);
    return out;
}

static void test_create(void)
{
    struct event *event = event_error("frame_too_big", "too big", 0);
    event->seq = 7;
    struct out *out;
    CHECK_EQ(out_create(&out, event), STATUS_OK);
    CHECK_EQ(out->close_code, 1009);
    CHECK_EQ(out->seq, 7);
    CHECK_EQ(out->kind, EVENT_ERROR);
    CHECK(strncmp(out->body, "\"type\":\"error\",", 15) == 0);
    CHECK_EQ(out->body[out->len - 1], '}');
    event_free(event);
    out_unref(out);
    out_unref(NULL);
}

static void test_too_large(void)
{
    static char text[EVENT_BYTES_MAX + 1];
    memset(text, 'x', EVENT_BYTES_MAX);
    struct event *event = event_create(EVENT_TRANSCRIPT);
    event->committed = text;
    event->tentative = event->language = "";
    struct out *out = NULL;
    CHECK_EQ(out_create(&out, event), STATUS_LIMIT);
    CHECK(out == NULL);
    event_free(event);
}

static void test_order_and_bytes(void)
{
    struct out_queue queue;
    out_queue_init(&queue);
    size_t bytes = 0;
    struct out *made[5];
    for (int i = 0; i < 5; i++) {
        made[i] = add(&queue, EVENT_TRANSCRIPT, 0, false);
        bytes += made[i]->len;
        CHECK_EQ(queue.bytes, bytes);
    }
    for (int i = 0; i < 5; i++) {
        CHECK(queue.head == made[i]);
        out_queue_pop(&queue);
    }
    CHECK(queue.head == NULL);
    CHECK_EQ(queue.bytes, 0);
    add(&queue, EVENT_TRANSCRIPT, 0, false);
    out_queue_clear(&queue);
}

static void test_newest_partial_wins(void)
{
    struct out_queue queue;
    out_queue_init(&queue);
    add(&queue, EVENT_TRANSCRIPT, 1, false);
    struct out *other = add(&queue, EVENT_TRANSLATION, 2, false);
    struct out *newer = add(&queue, EVENT_TRANSCRIPT, 1, true);
    CHECK(queue.head == other);
    CHECK(other->next == newer);
    /* The tail is replaced too, and the queue goes on from there. */
    struct out *newest = add(&queue, EVENT_TRANSCRIPT, 1, true);
    struct out *last = add(&queue, EVENT_TRANSCRIPT, 3, false);
    CHECK(other->next == newest && newest->next == last && last->next == NULL);
    CHECK_EQ(queue.bytes, other->len + newest->len + last->len);
    out_queue_clear(&queue);
    /* Alone in the queue. */
    add(&queue, EVENT_ACK, 9, false);
    struct out *ack = add(&queue, EVENT_ACK, 9, true);
    CHECK(queue.head == ack && queue.tail == &ack->next);
    out_queue_clear(&queue);
}

/* An acknowledgement lets the client forget audio: it must stay behind the finals of that audio. */
static void test_ack_does_not_overtake_a_final(void)
{
    struct out_queue queue;
    out_queue_init(&queue);
    add(&queue, EVENT_ACK, 9, false);
    struct out *final = add(&queue, EVENT_TRANSCRIPT, 0, false);
    struct out *ack = add(&queue, EVENT_ACK, 9, true);
    CHECK(queue.head == final);
    CHECK(final->next == ack);
    out_queue_clear(&queue);
}

int main(void)
{
    RUN(test_create);
    RUN(test_too_large);
    RUN(test_order_and_bytes);
    RUN(test_newest_partial_wins);
    RUN(test_ack_does_not_overtake_a_final);
    return check_done();
}
