/* The client's half of WebSocket: what it writes, and what it makes of a server's bytes. */
#include "base/mem.h"
#include "base/rng.h"
#include "base/status.h"
#include "bench/load_ws.h"
#include "tests/check.h"

static const char answer[] = "HTTP/1.1 101 Switching Protocols\r\n"
                             "Upgrade: websocket\r\n"
                             "sec-websocket-accept:  s3pPLMBiTxaQ9kYGzzhZRbK+xOo= \r\n"
                             "Sec-WebSocket-Protocol: sotto.v1\r\n\r\n";

/* A server's frame: never masked. */
static void server_frame(struct buf *out, unsigned first, const void *payload, size_t len)
{
    buf_putc(out, (char)first);
    if (len <= 125) {
        buf_putc(out, (char)len);
    } else if (len <= 65535) {
        buf_putc(out, 126);
        buf_putc(out, (char)(len >> 8));
        buf_putc(out, (char)len);
    } else {
        buf_putc(out, 127);
        for (int i = 7; i >= 0; i--)
            buf_putc(out, (char)((uint64_t)len >> 8 * i));
    }
    buf_append(out, payload, len);
}

static void text_frame(struct buf *out, unsigned first, const char *text)
{
    server_frame(out, first, text, strlen(text));
}

/* Messages as one text, "1:hello;9:;8=1000:;", and the status that ended the reading. */
static int drain(struct load_ws_reader *reader, struct buf *out)
{
    struct load_ws_message message;
    int status;
    while ((status = load_ws_reader_next(reader, &message)) == 1) {
        buf_printf(out, "%d", (int)message.op);
        if (message.op == LOAD_WS_CLOSE)
            buf_printf(out, "=%u", message.close_code);
        buf_putc(out, ':');
        buf_append(out, message.data, message.len);
        buf_putc(out, ';');
    }
    return status;
}

static int read_all(const void *bytes, size_t len, size_t split, struct buf *out)
{
    struct load_ws_reader reader;
    load_ws_reader_init(&reader);
    CHECK_EQ(load_ws_reader_feed(&reader, bytes, split), STATUS_OK);
    int status = drain(&reader, out);
    if (status == 0) {
        CHECK_EQ(load_ws_reader_feed(&reader, (const char *)bytes + split, len - split), STATUS_OK);
        status = drain(&reader, out);
    }
    load_ws_reader_deinit(&reader);
    return status;
}

/* What a reader says to frames that follow a good answer. */
static int read_frames(const struct buf *frames, struct buf *out)
{
    struct buf all;
    buf_init(&all, 4 << 20);
    buf_append(&all, answer, sizeof answer - 1);
    buf_append(&all, frames->data, frames->len);
    int status = read_all(all.data, all.len, all.len, out);
    buf_deinit(&all);
    return status;
}

static int read_bytes(const char *bytes, size_t len)
{
    struct buf frames, out;
    buf_init(&frames, 1 << 20);
    buf_init(&out, 1 << 20);
    buf_append(&frames, bytes, len);
    int status = read_frames(&frames, &out);
    buf_deinit(&frames);
    buf_deinit(&out);
    return status;
}
#define READ(literal) read_bytes(literal, sizeof(literal) - 1)

static void test_request(void)
{
    struct buf out;
    buf_init(&out, 4096);
    CHECK_EQ(load_ws_request("127.0.0.1", 8080, "/v1/stream", "sotto.v1", &out), STATUS_OK);
    CHECK(strncmp(out.data, "GET /v1/stream HTTP/1.1\r\n", 25) == 0);
    CHECK(strstr(out.data, "\r\nHost: 127.0.0.1:8080\r\n") != NULL);
    CHECK(strstr(out.data, "\r\nSec-WebSocket-Protocol: sotto.v1\r\n") != NULL);
    CHECK(strstr(out.data, "\r\nSec-WebSocket-Version: 13\r\n") != NULL);
    CHECK_STR(out.data + out.len - 4, "\r\n\r\n");
    buf_reset(&out);
    CHECK_EQ(load_ws_request("::1", 80, "/", "x", &out), STATUS_OK);
    CHECK(strstr(out.data, "\r\nHost: [::1]:80\r\n") != NULL);
    buf_deinit(&out);
}

/* Reads a client's frame by the letter of RFC 6455 §5.2. */
static void check_frame(const uint8_t *frame, size_t bytes, const uint8_t *payload, size_t len)
{
    size_t at = 2, told = frame[1] & 0x7F;
    CHECK_EQ(frame[0], 0x80 | LOAD_WS_BINARY);
    CHECK(frame[1] & 0x80);
    size_t wide = told == 126 ? 2 : told == 127 ? 8 : 0;
    CHECK_EQ(wide, len <= 125 ? 0 : len <= 65535 ? 2 : 8);
    for (size_t i = 0; i < wide; i++)
        told = (i == 0 ? 0 : told << 8) | frame[at++];
    CHECK_EQ(told, len);
    const uint8_t *mask = frame + at;
    at += 4;
    CHECK_EQ(at, load_ws_head_bytes(len));
    CHECK_EQ(bytes, at + len);
    size_t wrong = 0;
    for (size_t i = 0; i < len; i++)
        wrong += (frame[at + i] ^ mask[i % 4]) != payload[i];
    CHECK_EQ(wrong, 0);
}

static void test_frames(void)
{
    static const size_t lens[] = {0, 1, 7, 8, 9, 124, 125, 126, 127, 4800, 65535, 65536, 65543};
    struct rng rng;
    rng_init(&rng, 6455);
    for (unsigned i = 0; i < sizeof lens / sizeof lens[0]; i++) {
        size_t len = lens[i];
        uint8_t *payload = mem_alloc(len + 1), *frame = mem_alloc(len + LOAD_HEAD_MAX);
        for (size_t at = 0; at < len; at++)
            payload[at] = (uint8_t)rng_next(&rng);
        size_t bytes = load_ws_frame(LOAD_WS_BINARY, payload, len, (uint32_t)rng_next(&rng), frame);
        check_frame(frame, bytes, payload, len);
        /* The payload already at its place. */
        memcpy(frame + load_ws_head_bytes(len), payload, len);
        bytes = load_ws_frame(LOAD_WS_BINARY, frame + load_ws_head_bytes(len), len,
                              (uint32_t)rng_next(&rng), frame);
        check_frame(frame, bytes, payload, len);
        mem_free(payload);
        mem_free(frame);
    }
}

static void test_every_split(void)
{
    struct buf all, out;
    buf_init(&all, 1 << 20);
    buf_init(&out, 1 << 20);
    char middle[200];
    memset(middle, 'm', sizeof middle);
    buf_append(&all, answer, sizeof answer - 1);
    text_frame(&all, 0x81, "hello");
    text_frame(&all, 0x01, "one,");
    text_frame(&all, 0x89, "ping");
    text_frame(&all, 0x00, "two,");
    text_frame(&all, 0x8A, "");
    text_frame(&all, 0x80, "three");
    server_frame(&all, 0x82, middle, 126);
    text_frame(&all, 0x81, "");
    text_frame(&all, 0x88,
               "\x03\xE8"
               "bye");
    struct buf want;
    buf_init(&want, 1 << 20);
    buf_puts(&want, "1:hello;9:ping;10:;1:one,two,three;2:");
    buf_append(&want, middle, 126);
    buf_puts(&want, ";1:;8=1000:\x03\xE8"
                    "bye;");
    for (size_t split = 0; split <= all.len; split++) {
        buf_reset(&out);
        CHECK_EQ(read_all(all.data, all.len, split, &out), 0);
        CHECK_STR(out.data, want.data);
    }
    buf_deinit(&all);
    buf_deinit(&out);
    buf_deinit(&want);
}

static void test_byte_by_byte(void)
{
    struct buf all, out;
    buf_init(&all, 1 << 20);
    buf_init(&out, 1 << 20);
    buf_append(&all, answer, sizeof answer - 1);
    text_frame(&all, 0x01, "a");
    text_frame(&all, 0x80, "b");
    struct load_ws_reader reader;
    load_ws_reader_init(&reader);
    for (size_t i = 0; i < all.len; i++) {
        CHECK_EQ(load_ws_reader_feed(&reader, all.data + i, 1), STATUS_OK);
        CHECK_EQ(drain(&reader, &out), 0);
        load_ws_reader_trim(&reader);
    }
    CHECK_STR(out.data, "1:ab;");
    CHECK(reader.upgraded);
    CHECK_EQ(reader.status, 101);
    CHECK(reader.in.data == NULL && reader.parts.data == NULL);
    load_ws_reader_deinit(&reader);
    buf_deinit(&all);
    buf_deinit(&out);
}

static void test_lengths(void)
{
    static const size_t lens[] = {125, 126, 65535, 65536, LOAD_MESSAGE_MAX};
    char *payload = mem_alloc(LOAD_MESSAGE_MAX);
    memset(payload, 'x', LOAD_MESSAGE_MAX);
    struct buf frames, out;
    buf_init(&frames, 4 << 20);
    buf_init(&out, 4 << 20);
    for (unsigned i = 0; i < sizeof lens / sizeof lens[0]; i++) {
        buf_reset(&frames);
        buf_reset(&out);
        server_frame(&frames, 0x82, payload, lens[i]);
        CHECK_EQ(read_frames(&frames, &out), 0);
        CHECK_EQ(out.len, lens[i] + 3);
    }
    mem_free(payload);
    buf_deinit(&frames);
    buf_deinit(&out);
}

static void test_too_long(void)
{
    /* Announced is enough: 1 MiB and a byte, 2^63, and two fragments that are too long together. */
    CHECK_EQ(READ("\x82\x7F\0\0\0\0\0\x10\0\x01"), STATUS_PROTOCOL);
    CHECK_EQ(READ("\x82\x7F\x80\0\0\0\0\0\0\0"), STATUS_PROTOCOL);
    char *half = mem_calloc(1, LOAD_MESSAGE_MAX);
    struct buf frames, out;
    buf_init(&frames, 4 << 20);
    buf_init(&out, 4 << 20);
    server_frame(&frames, 0x02, half, LOAD_MESSAGE_MAX);
    server_frame(&frames, 0x80, half, 1);
    CHECK_EQ(read_frames(&frames, &out), STATUS_PROTOCOL);
    CHECK_EQ(out.len, 0);
    mem_free(half);
    buf_deinit(&frames);
    buf_deinit(&out);
}

static void test_broken_frames(void)
{
    CHECK_EQ(READ("\x81\x01x"), 0);
    CHECK_EQ(READ("\xC1\x01x"), STATUS_PROTOCOL); /* a reserved bit */
    CHECK_EQ(READ("\x83\x01x"), STATUS_PROTOCOL); /* a reserved kind */
    CHECK_EQ(READ("\x8B\x01x"), STATUS_PROTOCOL); /* a reserved control frame */
    CHECK_EQ(READ("\x81\x81"
                  "abcdx"),
             STATUS_PROTOCOL);                                       /* a server that masks */
    CHECK_EQ(READ("\x80\x01x"), STATUS_PROTOCOL);                    /* goes on with nothing */
    CHECK_EQ(READ("\x01\x01x\x81\x01y"), STATUS_PROTOCOL);           /* a message in a message */
    CHECK_EQ(READ("\x09\x01x"), STATUS_PROTOCOL);                    /* half a ping */
    CHECK_EQ(READ("\x89\x7E\x00\x7E"), STATUS_PROTOCOL);             /* a long ping */
    CHECK_EQ(READ("\x82\x7E\x00\x7D"), STATUS_PROTOCOL);             /* 125 in two bytes */
    CHECK_EQ(READ("\x82\x7F\0\0\0\0\0\0\xFF\xFF"), STATUS_PROTOCOL); /* 65535 in eight */
}

static void check_close(const char *payload, size_t len, const char *want)
{
    struct buf frames, out;
    buf_init(&frames, 4096);
    buf_init(&out, 4096);
    server_frame(&frames, 0x88, payload, len);
    CHECK_EQ(read_frames(&frames, &out), want == NULL ? STATUS_PROTOCOL : 0);
    if (want != NULL)
        CHECK_STR(out.data, want);
    buf_deinit(&frames);
    buf_deinit(&out);
}

static void test_close_codes(void)
{
    check_close("", 0, "8=1005:;");
    check_close("\x03", 1, NULL);
    check_close("\x03\xF0", 2, "8=1008:\x03\xF0;");
    check_close("\x03\xF5"
                "full",
                6,
                "8=1013:\x03\xF5"
                "full;");
}

static int read_answer(const char *text, unsigned *status)
{
    struct load_ws_reader reader;
    struct load_ws_message message;
    load_ws_reader_init(&reader);
    load_ws_reader_feed(&reader, text, strlen(text));
    int result = load_ws_reader_next(&reader, &message);
    *status = reader.status;
    load_ws_reader_deinit(&reader);
    return result;
}

static void test_answers(void)
{
    unsigned status;
    CHECK_EQ(read_answer("HTTP/1.1 503 Service Unavailable\r\nRetry-After: 3\r\n\r\n", &status),
             STATUS_PROTOCOL);
    CHECK_EQ(status, 503);
    CHECK_EQ(read_answer("HTTP/1.1 101 Yes\r\nUpgrade: websocket\r\n\r\n", &status),
             STATUS_PROTOCOL);
    CHECK_EQ(read_answer("HTTP/1.1 101 Yes\r\nSec-WebSocket-Accept: wrong\r\n\r\n", &status),
             STATUS_PROTOCOL);
    CHECK_EQ(read_answer("HTTP/1.1 1x1 Yes\r\n\r\n", &status), STATUS_PROTOCOL);
    CHECK_EQ(status, 0);
    CHECK_EQ(read_answer("\r\n\r\n", &status), STATUS_PROTOCOL);
    CHECK_EQ(read_answer("HTTP/1.1 101 Yes\r\n", &status), 0);
    char *endless = mem_alloc(LOAD_ANSWER_MAX + 2);
    memset(endless, 'x', LOAD_ANSWER_MAX + 1);
    endless[LOAD_ANSWER_MAX + 1] = '\0';
    CHECK_EQ(read_answer(endless, &status), STATUS_PROTOCOL);
    mem_free(endless);
}

int main(void)
{
    RUN(test_request);
    RUN(test_frames);
    RUN(test_every_split);
    RUN(test_byte_by_byte);
    RUN(test_lengths);
    RUN(test_too_long);
    RUN(test_broken_frames);
    RUN(test_close_codes);
    RUN(test_answers);
    return check_done();
}
