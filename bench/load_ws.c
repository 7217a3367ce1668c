#include "bench/load_ws.h"

#include "base/status.h"
#include <assert.h>
#include <string.h>
#include <strings.h>

/* The example of RFC 6455 §1.3. The key guards against caches, not against anybody; a constant one
 * has a constant answer. */
#define KEY    "dGhlIHNhbXBsZSBub25jZQ=="
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

#define CLOSE_CODE_NONE 1005

int load_ws_request(const char *host, unsigned port, const char *path, const char *protocol,
                    struct buf *out)
{
    bool v6 = strchr(host, ':') != NULL;
    return buf_printf(out,
                      "GET %s HTTP/1.1\r\n"
                      "Host: %s%s%s:%u\r\n"
                      "Upgrade: websocket\r\n"
                      "Connection: Upgrade\r\n"
                      "Sec-WebSocket-Key: " KEY "\r\n"
                      "Sec-WebSocket-Version: 13\r\n"
                      "Sec-WebSocket-Protocol: %s\r\n"
                      "\r\n",
                      path, v6 ? "[" : "", host, v6 ? "]" : "", port, protocol);
}

size_t load_ws_head_bytes(size_t len)
{
    return len <= 125 ? 6 : len <= UINT16_MAX ? 8 : LOAD_HEAD_MAX;
}

/* `in` may be `out`; word by word, which the compiler turns into vectors. */
static void mask_bytes(const uint8_t *in, uint8_t *out, size_t len, uint32_t mask)
{
    uint64_t wide = (uint64_t)mask << 32 | mask;
    size_t at = 0;
    for (; at + sizeof wide <= len; at += sizeof wide) {
        uint64_t word;
        memcpy(&word, in + at, sizeof word);
        word ^= wide;
        memcpy(out + at, &word, sizeof word);
    }
    uint8_t bytes[sizeof mask];
    memcpy(bytes, &mask, sizeof mask);
    for (; at < len; at++)
        out[at] = in[at] ^ bytes[at % sizeof mask];
}

size_t load_ws_frame(enum load_ws_op op, const void *payload, size_t len, uint32_t mask, void *out)
{
    uint8_t *head = out;
    size_t head_bytes = load_ws_head_bytes(len);
    head[0] = (uint8_t)(0x80 | op);
    if (head_bytes == 6) {
        head[1] = (uint8_t)(0x80 | len);
    } else if (head_bytes == 8) {
        head[1] = 0x80 | 126;
        head[2] = (uint8_t)(len >> 8);
        head[3] = (uint8_t)len;
    } else {
        head[1] = 0x80 | 127;
        for (int i = 0; i < 8; i++)
            head[2 + i] = (uint8_t)((uint64_t)len >> (56 - 8 * i));
    }
    memcpy(head + head_bytes - sizeof mask, &mask, sizeof mask);
    mask_bytes(payload, head + head_bytes, len, mask);
    return head_bytes + len;
}

void load_ws_reader_init(struct load_ws_reader *reader)
{
    *reader = (struct load_ws_reader){0};
    load_ws_reader_allow(reader, LOAD_MESSAGE_MAX);
}

void load_ws_reader_allow(struct load_ws_reader *reader, size_t message_max)
{
    assert(reader->in.len == 0 && reader->parts.len == 0);
    reader->message_max = message_max;
    /* A whole message, its head, and what the socket gave behind it. */
    buf_init(&reader->in, 2 * message_max);
    buf_init(&reader->parts, message_max);
}

void load_ws_reader_deinit(struct load_ws_reader *reader)
{
    buf_deinit(&reader->in);
    buf_deinit(&reader->parts);
}

void load_ws_reader_trim(struct load_ws_reader *reader)
{
    if (reader->at == reader->in.len) {
        buf_deinit(&reader->in);
        reader->at = 0;
    }
    if (reader->fragmented == LOAD_WS_CONTINUATION)
        buf_deinit(&reader->parts);
}

int load_ws_reader_feed(struct load_ws_reader *reader, const void *bytes, size_t len)
{
    if (reader->at > 0) {
        buf_consume(&reader->in, reader->at);
        reader->at = 0;
    }
    return buf_append(&reader->in, bytes, len);
}

/* The value of a header line equals `value`; names are compared without case. */
static bool header_is(const char *head, const char *end, const char *name, const char *value)
{
    size_t name_len = strlen(name), value_len = strlen(value);
    for (const char *line = head; line < end;) {
        const char *stop = memchr(line, '\r', (size_t)(end - line));
        if (stop == NULL)
            stop = end;
        size_t len = (size_t)(stop - line);
        if (len > name_len && line[name_len] == ':' && strncasecmp(line, name, name_len) == 0) {
            const char *at = line + name_len + 1;
            while (at < stop && (*at == ' ' || *at == '\t'))
                at++;
            while (stop > at && (stop[-1] == ' ' || stop[-1] == '\t'))
                stop--;
            return (size_t)(stop - at) == value_len && memcmp(at, value, value_len) == 0;
        }
        line = stop + 2;
    }
    return false;
}

static bool status_line(const char *head, size_t len, unsigned *status)
{
    static const char version[] = "HTTP/1.1 ";
    if (len < sizeof version - 1 + 3 || memcmp(head, version, sizeof version - 1) != 0)
        return false;
    unsigned number = 0;
    for (int i = 0; i < 3; i++) {
        char c = head[sizeof version - 1 + (size_t)i];
        if (c < '0' || c > '9')
            return false;
        number = number * 10 + (unsigned)(c - '0');
    }
    *status = number;
    return true;
}

/* As load_ws_reader_next(), for the HTTP answer; 1: upgraded. */
static int read_answer(struct load_ws_reader *reader)
{
    size_t len = reader->in.len - reader->at;
    if (len == 0)
        return 0;
    const char *head = reader->in.data + reader->at;
    const char *end = memmem(head, len, "\r\n\r\n", 4);
    if (end == NULL)
        return len >= LOAD_ANSWER_MAX ? STATUS_PROTOCOL : 0;
    if (end - head > LOAD_ANSWER_MAX - 4)
        return STATUS_PROTOCOL;
    if (!status_line(head, (size_t)(end - head), &reader->status) || reader->status != 101 ||
        !header_is(head, end, "Sec-WebSocket-Accept", ACCEPT))
        return STATUS_PROTOCOL;
    reader->upgraded = true;
    reader->at += (size_t)(end - head) + 4;
    return 1;
}

struct frame {
    enum load_ws_op op;
    bool last;
    const char *data;
    size_t len;
};

/* As load_ws_reader_next(), for one frame. Lengths must be written in the shortest form (§5.2). */
static int read_frame(struct load_ws_reader *reader, struct frame *out)
{
    size_t have = reader->in.len - reader->at;
    if (have < 2)
        return 0;
    const uint8_t *bytes = (const uint8_t *)reader->in.data + reader->at;
    /* No extension is in use, so no reserved bit; a server does not mask. */
    if ((bytes[0] & 0x70) != 0 || (bytes[1] & 0x80) != 0)
        return STATUS_PROTOCOL;
    uint64_t len = bytes[1];
    size_t wide = len == 126 ? 2 : len == 127 ? 8 : 0;
    if (have < 2 + wide)
        return 0;
    if (wide > 0) {
        len = 0;
        for (size_t i = 0; i < wide; i++)
            len = len << 8 | bytes[2 + i];
        if (len <= (wide == 2 ? 125 : UINT16_MAX))
            return STATUS_PROTOCOL;
    }
    bool control = (bytes[0] & 0x08) != 0;
    bool last = (bytes[0] & 0x80) != 0;
    if (len > reader->message_max || (control && (!last || len > LOAD_CONTROL_MAX)))
        return STATUS_PROTOCOL;
    if (have < 2 + wide + len)
        return 0;
    *out = (struct frame){.op = bytes[0] & 0x0F,
                          .last = last,
                          .data = (const char *)bytes + 2 + wide,
                          .len = (size_t)len};
    reader->at += 2 + wide + (size_t)len;
    return 1;
}

static int take_control(const struct frame *frame, struct load_ws_message *out)
{
    *out = (struct load_ws_message){.op = frame->op, .data = frame->data, .len = frame->len};
    if (frame->op != LOAD_WS_CLOSE)
        return frame->op <= LOAD_WS_PONG ? 1 : STATUS_PROTOCOL;
    if (frame->len == 1)
        return STATUS_PROTOCOL;
    const uint8_t *code = (const uint8_t *)frame->data;
    out->close_code = frame->len == 0 ? CLOSE_CODE_NONE : (unsigned)(code[0] << 8 | code[1]);
    return 1;
}

/* A frame of a data message; 1: the message is whole. */
static int take_data(struct load_ws_reader *reader, const struct frame *frame,
                     struct load_ws_message *out)
{
    bool goes_on = frame->op == LOAD_WS_CONTINUATION;
    if (frame->op > LOAD_WS_BINARY || goes_on != (reader->fragmented != LOAD_WS_CONTINUATION))
        return STATUS_PROTOCOL;
    if (!goes_on && frame->last) {
        *out = (struct load_ws_message){.op = frame->op, .data = frame->data, .len = frame->len};
        return 1;
    }
    if (!goes_on) {
        reader->fragmented = frame->op;
        buf_reset(&reader->parts);
    }
    int status = buf_append(&reader->parts, frame->data, frame->len);
    if (status != STATUS_OK)
        return status == STATUS_LIMIT ? STATUS_PROTOCOL : status;
    if (!frame->last)
        return 0;
    *out = (struct load_ws_message){
        .op = reader->fragmented, .data = reader->parts.data, .len = reader->parts.len};
    reader->fragmented = LOAD_WS_CONTINUATION;
    return 1;
}

int load_ws_reader_next(struct load_ws_reader *reader, struct load_ws_message *out)
{
    if (!reader->upgraded) {
        int status = read_answer(reader);
        if (status != 1)
            return status;
    }
    for (;;) {
        struct frame frame;
        int status = read_frame(reader, &frame);
        if (status != 1)
            return status;
        status =
            frame.op >= LOAD_WS_CLOSE ? take_control(&frame, out) : take_data(reader, &frame, out);
        if (status != 0)
            return status;
    }
}
