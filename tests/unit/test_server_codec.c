#include "base/buf.h"
#include "base/lat.h"
#include "base/status.h"
#include "server/codec.h"
#include "server/event.h"
#include "tests/check.h"
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *splice(struct buf *bytes, uint64_t seq, const struct lat *lat)
{
    return codec_splice(bytes->data + CODEC_HEAD_MAX, seq, 1234, lat);
}

/* Writes an event the way a worker and a front do together; the caller ends `bytes`. */
static json_t *whole(const struct event *event, struct buf *bytes, const struct lat *lat)
{
    static const char space[CODEC_HEAD_MAX];
    buf_init(bytes, 65536);
    buf_append(bytes, space, sizeof space);
    CHECK_EQ(codec_event_write(event, bytes), STATUS_OK);
    json_error_t error;
    json_t *object = json_loads(splice(bytes, event->seq, lat), JSON_REJECT_DUPLICATES, &error);
    CHECK(object != NULL);
    /* Jansson would have written the same, but for the head with its one decimal. */
    char *again = json_dumps(object, JSON_COMPACT);
    CHECK(again != NULL && lat == NULL ? strcmp(again, splice(bytes, event->seq, lat)) == 0
                                       : strstr(again, bytes->data + CODEC_HEAD_MAX) != NULL);
    free(again);
    return object;
}

static const char *text_of(json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static void test_transcript(void)
{
    struct event *event = event_create(EVENT_TRANSCRIPT);
    event->segment = 3;
    event->rev = 7;
    event->seq = 9;
    event->final = true;
    event->committed = event_str(event, "He said \"ñandú\"\n");
    event->tentative = "";
    event->language = "en-US";
    event->start_ms = 10;
    event->end_ms = 900;
    struct lat lat;
    lat_start(&lat, 1000);
    lat_mark(&lat, LAT_HOLD, 51000);
    lat_mark(&lat, LAT_UPSTREAM, 151000);
    struct buf bytes;
    json_t *object = whole(event, &bytes, &lat);
    CHECK_STR(text_of(object, "type"), "transcript");
    CHECK_STR(text_of(object, "committed"), "He said \"ñandú\"\n");
    CHECK_EQ(json_integer_value(json_object_get(object, "seq")), 9);
    CHECK_EQ(json_integer_value(json_object_get(object, "t_ms")), 1234);
    json_t *ledger = json_object_get(object, "lat");
    CHECK(json_number_value(json_object_get(ledger, "audio")) == 150.0);
    CHECK(json_number_value(json_object_get(ledger, "hold")) == 50.0);
    CHECK(json_number_value(json_object_get(ledger, "upstream")) == 100.0);
    CHECK(json_object_get(object, "words") == NULL);
    json_decref(object);
    buf_deinit(&bytes);
    event_free(event);
}

static void test_no_seq_no_lat(void)
{
    struct event *event = event_create(EVENT_ACK);
    event->audio_samples = 48000;
    struct buf bytes;
    json_t *object = whole(event, &bytes, NULL);
    CHECK(json_object_get(object, "seq") == NULL);
    CHECK(json_object_get(object, "lat") == NULL);
    CHECK_EQ(json_integer_value(json_object_get(object, "audio_samples")), 48000);
    json_decref(object);
    buf_deinit(&bytes);
    event_free(event);
}

/* Every character alone and amid others; the check is whole()'s. */
static void test_escapes(void)
{
    struct event *event = event_create(EVENT_ERROR);
    for (int c = 1; c < 0x80; c++) {
        char text[] = {(char)c, 'a', (char)c, (char)c, '\xc3', '\xb1', (char)c, '\0'};
        event->code = text;
        event->message = text + 6;
        struct buf bytes;
        json_t *object = whole(event, &bytes, NULL);
        CHECK_STR(text_of(object, "code"), text);
        CHECK_STR(text_of(object, "message"), text + 6);
        json_decref(object);
        buf_deinit(&bytes);
    }
    event->code = "\xc3("; /* not UTF-8 */
    event->message = NULL;
    struct buf bytes;
    json_t *object = whole(event, &bytes, NULL);
    CHECK_STR(text_of(object, "code"), "");
    CHECK_STR(text_of(object, "message"), "");
    json_decref(object);
    buf_deinit(&bytes);
    event_free(event);
}

static void test_lists(void)
{
    struct event_word words[] = {{"one", 0, 90}, {"", -5, 0}, {"{", 1, 2}, {"[", 3, INT64_MAX}};
    struct event_edit edits[] = {{0, 3, "spelling", "a", "b", "{"}, {4, 5, "case", "[", "", "c"}};
    for (size_t len = 0; len <= 4; len++) {
        struct event *event = event_create(EVENT_TRANSCRIPT);
        event->committed = "[";
        event->tentative = "{";
        event->start_ms = INT64_MIN;
        event->words = words;
        event->words_len = len;
        struct buf bytes;
        json_t *object = whole(event, &bytes, NULL);
        CHECK_EQ(json_array_size(json_object_get(object, "words")), len);
        CHECK_EQ(json_integer_value(json_object_get(object, "start_ms")), INT64_MIN);
        json_decref(object);
        buf_deinit(&bytes);
        event->kind = EVENT_GRAMMAR;
        event->edits = edits;
        event->edits_len = len / 2;
        object = whole(event, &bytes, NULL);
        CHECK_EQ(json_array_size(json_object_get(object, "edits")), len / 2);
        json_decref(object);
        buf_deinit(&bytes);
        event->kind = EVENT_DEGRADED;
        event->what[0] = event->what[1] = event->what[2] = event->what[3] = "x\n";
        event->what_len = (unsigned)len;
        object = whole(event, &bytes, NULL);
        CHECK_EQ(json_array_size(json_object_get(object, "what")), len);
        json_decref(object);
        buf_deinit(&bytes);
        event_free(event);
    }
}

static void test_note(void)
{
    struct event *event = event_create(EVENT_NOTE);
    event->segment = 3;
    event->note = "say \"an\" here\n";
    event->by = "";
    struct buf bytes;
    json_t *object = whole(event, &bytes, NULL);
    CHECK_STR(text_of(object, "type"), "note");
    CHECK_EQ(json_integer_value(json_object_get(object, "segment")), 3);
    CHECK_STR(text_of(object, "note"), "say \"an\" here\n");
    CHECK_STR(text_of(object, "by"), "");
    json_decref(object);
    buf_deinit(&bytes);
    event_free(event);
}

/* As printf has it; of two equally near it may take the other. */
static void test_head(void)
{
    char room[CODEC_HEAD_MAX + 1] = {0}, expected[CODEC_HEAD_MAX];
    for (int64_t us = 0; us < 2000000; us += us < 3000 ? 1 : 997) {
        if (us % 100 == 50)
            continue;
        struct lat lat = {.start_us = 7, .last_us = 7 + us};
        lat.part_us[LAT_HOLD] = us;
        double ms = (double)us / 1000;
        snprintf(expected, sizeof expected,
                 "{\"t_ms\":%d,\"lat\":{\"audio\":%.1f,\"upstream\":0.0,\"queue\":0.0,"
                 "\"hold\":%.1f,\"store\":0.0,\"server\":0.0},",
                 (int)us - 5, ms, ms);
        CHECK_STR(codec_splice(room + CODEC_HEAD_MAX, 0, us - 5, &lat), expected);
    }
    /* Marked since the machine started, when nothing had begun. */
    struct lat again = {.last_us = 53906491100000};
    again.part_us[LAT_SERVER] = again.last_us;
    CHECK_STR(codec_splice(room + CODEC_HEAD_MAX, 0, 5, &again),
              "{\"t_ms\":5,\"lat\":{\"audio\":0.0,\"upstream\":0.0,\"queue\":0.0,\"hold\":0.0,"
              "\"store\":0.0,\"server\":0.0},");
    struct lat most = {.start_us = 1, .last_us = INT64_MAX};
    for (int i = 0; i < LAT_PARTS; i++)
        most.part_us[i] = INT64_MAX;
    char *head = codec_splice(room + CODEC_HEAD_MAX, UINT64_MAX, INT64_MIN, &most);
    CHECK(strstr(head, "{\"t_ms\":-9223372036854775808,\"seq\":18446744073709551615,") == head);
    CHECK(head >= room + 1);
}

static void test_full(void)
{
    struct event *event = event_create(EVENT_TRANSCRIPT);
    event->committed = "some words that are longer than the room for them";
    struct buf bytes;
    buf_init(&bytes, 60);
    CHECK_EQ(codec_event_write(event, &bytes), STATUS_LIMIT);
    buf_deinit(&bytes);
    event_free(event);
}

static void test_errors(void)
{
    static const char *const fatal[] = {"start_required", "over_capacity", "frame_too_big",
                                        "unauthorized", "internal"};
    static const int closes[] = {1008, 1013, 1009, 1008, 1011};
    for (int i = 0; i < 5; i++) {
        struct event *event = event_error(fatal[i], "why", 1500);
        CHECK(event->fatal);
        CHECK_EQ(event->close_code, closes[i]);
        struct buf bytes;
        json_t *object = whole(event, &bytes, NULL);
        CHECK_STR(text_of(object, "code"), fatal[i]);
        CHECK(json_is_true(json_object_get(object, "fatal")));
        CHECK_EQ(json_integer_value(json_object_get(object, "retry_after_ms")), 1500);
        json_decref(object);
        buf_deinit(&bytes);
        event_free(event);
    }
    struct event *event = event_error("bad_message", "why", 0);
    CHECK(!event->fatal && event->close_code == 0);
    event_free(event);
}

static void test_started(void)
{
    struct event *event = event_create(EVENT_STARTED);
    event->session = "abc";
    event->started_at = "2026-01-01T00:00:00.000Z";
    event->epoch = 1;
    event->open_segment = 1;
    event->limits.targets_max = 8;
    struct client_settings settings = {.source = "en-US",
                                       .targets = {"es"},
                                       .targets_len = 1,
                                       .rate = 16000,
                                       .stability = STABILITY_LOW,
                                       .explain_in = "",
                                       .class_name = "",
                                       .name = "Ana"};
    event_copy_settings(event, &settings);
    struct buf bytes;
    json_t *object = whole(event, &bytes, NULL);
    CHECK_STR(text_of(object, "session"), "abc");
    CHECK_STR(text_of(object, "stability"), "low");
    CHECK_STR(text_of(object, "name"), "Ana");
    CHECK(json_is_false(json_object_get(object, "durable")));
    CHECK_EQ(json_integer_value(json_object_get(json_object_get(object, "limits"), "targets_max")),
             8);
    json_decref(object);
    buf_deinit(&bytes);
    event_free(event);
}

int main(void)
{
    RUN(test_transcript);
    RUN(test_no_seq_no_lat);
    RUN(test_escapes);
    RUN(test_lists);
    RUN(test_note);
    RUN(test_head);
    RUN(test_full);
    RUN(test_errors);
    RUN(test_started);
    return check_done();
}
