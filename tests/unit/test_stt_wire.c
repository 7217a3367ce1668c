#include "base/status.h"
#include "stt/limits.h"
#include "stt/wire.h"
#include "tests/check.h"
#include <stdint.h>

static const struct stt_wire *const wires[] = {&stt_wire_google_v1, &stt_wire_google_v2,
                                               &stt_wire_riva};

static void test_find(void)
{
    for (size_t i = 0; i < 3; i++)
        CHECK(stt_wire_find(wires[i]->name) == wires[i]);
    CHECK(stt_wire_find("google") == NULL);
    CHECK(stt_wire_find("") == NULL);
}

/* A block goes out on any wire, as it is. */
static void test_blocks_fit(void)
{
    for (size_t i = 0; i < 3; i++)
        CHECK(wires[i]->audio_bytes_max >= STT_BLOCK_BYTES_MAX);
    CHECK_EQ(stt_wire_google_v2.audio_bytes_max, 15360);
}

static void test_audio_head(void)
{
    const struct {
        uint32_t bytes;
        size_t len;
        uint8_t rest[STT_AUDIO_HEAD_MAX];
    } rows[] = {{0, 2, {0}},
                {4, 2, {4}},
                {127, 2, {0x7f}},
                {128, 3, {0x80, 0x01}},
                {3200, 3, {0x80, 0x19}},
                {15360, 3, {0x80, 0x78}},
                {16384, 4, {0x80, 0x80, 0x01}},
                {UINT32_MAX, 6, {0xff, 0xff, 0xff, 0xff, 0x0f}}};
    const uint8_t tags[] = {0x12, 0x2a, 0x12};
    for (size_t i = 0; i < 3 * sizeof rows / sizeof rows[0]; i++) {
        uint8_t head[STT_AUDIO_HEAD_MAX];
        CHECK_EQ(stt_wire_audio_head(wires[i % 3], rows[i / 3].bytes, head), rows[i / 3].len);
        CHECK_EQ(head[0], tags[i % 3]);
        CHECK(memcmp(head + 1, rows[i / 3].rest, rows[i / 3].len - 1) == 0);
    }
}

static void test_target(void)
{
    const struct {
        const struct stt_wire *wire;
        const char *location, *target; /* NULL: there is none */
    } rows[] = {
        {&stt_wire_google_v1, "global", "speech.googleapis.com:443"},
        {&stt_wire_google_v1, "us", "us-speech.googleapis.com:443"},
        {&stt_wire_google_v1, "eu", "eu-speech.googleapis.com:443"},
        {&stt_wire_google_v1, "us-central1", NULL},
        {&stt_wire_google_v1, "", NULL},
        {&stt_wire_google_v1, "e", NULL},
        {&stt_wire_google_v2, "global", "speech.googleapis.com:443"},
        {&stt_wire_google_v2, "us-central1", "us-central1-speech.googleapis.com:443"},
        {&stt_wire_google_v2, "eu.evil.example/", NULL},
        {&stt_wire_riva, "global", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char target[64] = "";
        int status = stt_wire_target(rows[i].wire, rows[i].location, target, sizeof target);
        CHECK_EQ(status, rows[i].target != NULL ? STATUS_OK : STATUS_INVALID);
        if (status == STATUS_OK)
            CHECK_STR(target, rows[i].target);
    }
    char little[8];
    CHECK_EQ(stt_wire_target(&stt_wire_google_v1, "eu", little, sizeof little), STATUS_LIMIT);
}

static void test_target_serves(void)
{
    const struct {
        const char *target, *location;
        bool serves;
    } rows[] = {
        {"speech.googleapis.com:443", "global", true},
        {"speech.googleapis.com:443", "eu", false},
        {"eu-speech.googleapis.com:443", "eu", true},
        {"EU-Speech.GoogleAPIs.com", "eu", true},
        {"eu-speech.googleapis.com:443", "global", false},
        {"eu-speech.googleapis.com:443", "us", false},
        {"us-central1-speech.googleapis.com:443", "us", false},
        {"us-central1-speech.googleapis.com:443", "us-central1", true},
        {"127.0.0.1:50051", "eu", true}, /* who knows */
        {"proxy.example:443", "global", true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        CHECK_EQ(stt_wire_target_serves(&stt_wire_google_v2, rows[i].target, rows[i].location),
                 rows[i].serves);
    CHECK(stt_wire_target_serves(&stt_wire_riva, "speech.googleapis.com:443", "eu"));
}

static void test_recognizer(void)
{
    char path[64];
    CHECK_EQ(stt_wire_recognizer("p", "global", "_", path, sizeof path), STATUS_OK);
    CHECK_STR(path, "projects/p/locations/global/recognizers/_");
    CHECK_EQ(stt_wire_recognizer("example.com:p-1", "eu", "r.2", path, sizeof path), STATUS_OK);
    CHECK_STR(path, "projects/example.com:p-1/locations/eu/recognizers/r.2");
    CHECK_EQ(stt_wire_recognizer("", "eu", "_", path, sizeof path), STATUS_INVALID);
    CHECK_EQ(stt_wire_recognizer("p", "", "_", path, sizeof path), STATUS_INVALID);
    CHECK_EQ(stt_wire_recognizer("p", "eu", "", path, sizeof path), STATUS_INVALID);
    CHECK_EQ(stt_wire_recognizer("p/locations/us", "eu", "_", path, sizeof path), STATUS_INVALID);
    CHECK_EQ(stt_wire_recognizer("p", "eu", "_", path, 37), STATUS_LIMIT);
    CHECK_EQ(stt_wire_recognizer("p", "eu", "_", path, 38), STATUS_OK);
}

static void test_request_params(void)
{
    char params[128];
    CHECK_EQ(stt_wire_request_params("projects/p:q/locations/eu/recognizers/_", params, 128), 0);
    CHECK_STR(params, "recognizer=projects%2Fp%3Aq%2Flocations%2Feu%2Frecognizers%2F_");
    for (size_t bytes = 1; bytes <= strlen("recognizer=a%2Fb"); bytes++)
        CHECK_EQ(stt_wire_request_params("a/b", params, bytes), STATUS_LIMIT);
    CHECK_EQ(stt_wire_request_params("a/b", params, strlen("recognizer=a%2Fb") + 1), STATUS_OK);
    CHECK_STR(params, "recognizer=a%2Fb");
}

/* As far as the API's own patience with age and silence goes. */
static void test_patience(void)
{
    CHECK_EQ(stt_wire_rotate_ms(&stt_wire_google_v1, 300000), 300000);
    CHECK_EQ(stt_wire_rotate_ms(&stt_wire_google_v1, 304000), 300000);
    CHECK_EQ(stt_wire_rotate_ms(&stt_wire_google_v2, 240000), 240000);
    CHECK_EQ(stt_wire_rotate_ms(&stt_wire_google_v2, 300000), 295000);
    CHECK_EQ(stt_wire_rotate_ms(&stt_wire_riva, 240000), UINT32_MAX);
    CHECK_EQ(stt_wire_idle_ms(&stt_wire_google_v1, 8000), 8000);
    CHECK_EQ(stt_wire_idle_ms(&stt_wire_google_v1, 12000), 9500);
    CHECK_EQ(stt_wire_idle_ms(&stt_wire_google_v2, 8000), 4500);
    CHECK_EQ(stt_wire_idle_ms(&stt_wire_google_v2, 4000), 4000);
    CHECK_EQ(stt_wire_idle_ms(&stt_wire_riva, 60000), 60000);
}

int main(void)
{
    RUN(test_find);
    RUN(test_blocks_fit);
    RUN(test_audio_head);
    RUN(test_target);
    RUN(test_target_serves);
    RUN(test_recognizer);
    RUN(test_request_params);
    RUN(test_patience);
    return check_done();
}
