#include "base/mem.h"
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

/* Gives the length of what was added. */
static size_t add(struct history *history, uint64_t seq, size_t text)
{
    struct out *out = make(seq, text);
    CHECK_EQ(history_add(history, out), STATUS_OK);
    size_t len = out->len;
    out_unref(out);
    return len;
}

static bool kept(const struct history *history, uint64_t seq)
{
    size_t len;
    return history_get(history, seq, &len) != NULL;
}

static void test_empty(void)
{
    struct history *history = history_create();
    CHECK_EQ(history_oldest(history), 0);
    CHECK_EQ(history_newest(history), 0);
    CHECK(!kept(history, 0));
    CHECK(!kept(history, 1));
    history_destroy(history);
    history_destroy(NULL);
}

static void test_keeps_the_newest(void)
{
    struct history *history = history_create();
    size_t lens[3 * HISTORY_MAX + 1], len;
    for (uint64_t seq = 1; seq <= 3 * HISTORY_MAX; seq++) {
        lens[seq] = add(history, seq, seq % 7);
        CHECK_EQ(history_newest(history), seq);
        CHECK_EQ(history_oldest(history), seq <= HISTORY_MAX ? 1 : seq - HISTORY_MAX + 1);
    }
    for (uint64_t seq = 2 * HISTORY_MAX + 1; seq <= 3 * HISTORY_MAX; seq++) {
        CHECK(history_get(history, seq, &len) != NULL);
        CHECK_EQ(len, lens[seq]);
    }
    CHECK(!kept(history, 2 * HISTORY_MAX));
    CHECK(!kept(history, 3 * HISTORY_MAX + 1));
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
    add(history, 21, HISTORY_BYTES_MAX + 1);
    CHECK_EQ(history_oldest(history), 21);
    CHECK(kept(history, 21));
    add(history, 22, 10);
    CHECK_EQ(history_oldest(history), 22);
    history_destroy(history);
}

/* A message on its way is bytes with a length, without a terminator. */
static bool begins_with(const char *bytes, const char *text)
{
    return memcmp(bytes, text, strlen(text)) == 0;
}

/* What was sent is kept as it was, after the message itself has gone. */
static void test_outlives_the_message(void)
{
    struct history *history = history_create();
    struct out *out = make(1, 5);
    CHECK_EQ(history_add(history, out), STATUS_OK);
    codec_splice(out->body, out->seq, 5, NULL); /* writes before the body only */
    size_t sent_len = out->len, len;
    char *sent = calloc(1, sent_len + 1); /* a body has no terminator */
    memcpy(sent, out->body, sent_len);
    CHECK_EQ(out->refs, 1);
    out_unref(out);
    const char *body = history_get(history, 1, &len);
    CHECK_EQ(len, sent_len);
    CHECK(begins_with(body, sent));
    CHECK(begins_with(body, "\"type\":\"translation\""));
    free(sent);
    history_destroy(history);
}

/* A gap is worse than nothing: seq goes on from there. */
static void test_no_memory(void)
{
    struct history *history = history_create();
    add(history, 1, 5);
    struct out *out = make(2, 5);
    mem_fail_nth(1);
    CHECK_EQ(history_add(history, out), STATUS_NOMEM);
    out_unref(out);
    CHECK(!kept(history, 1) && !kept(history, 2));
    CHECK_EQ(history_oldest(history), 0);
    CHECK_EQ(history_newest(history), 2);
    add(history, 3, 5);
    CHECK_EQ(history_oldest(history), 3);
    CHECK(kept(history, 3));
    history_destroy(history);
}

int main(void)
{
    RUN(test_empty);
    RUN(test_keeps_the_newest);
    RUN(test_bytes_are_bounded);
    RUN(test_outlives_the_message);
    RUN(test_no_memory);
    return check_done();
}
