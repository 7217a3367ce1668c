/*
 * A StreamingRecognize client for tests: blocking, one call at a time, on gRPC C core; its own
 * small protobuf writer and reader, so that the served messages are not judged by the code that
 * wrote them.
 */
#pragma once

#include <grpc/byte_buffer.h>
#include <grpc/byte_buffer_reader.h>
#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <grpc/slice.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct speech_client {
    grpc_channel *channel;
    grpc_completion_queue *queue;
    grpc_call *call;
    grpc_metadata_array initial, trailing;
    grpc_status_code status;
    grpc_slice details;
    grpc_byte_buffer *incoming;
    grpc_byte_buffer *outgoing; /* of a send that was not waited for */
    bool receiving, status_known;
    bool v2;
    char details_text[256];
};

struct client_word {
    char text[64];
    int64_t start_us, end_us;
};

struct client_result {
    char text[2048];
    bool final;
    float stability, confidence;
    int64_t end_us;
    char language[32];
    struct client_word words[128];
    size_t words_len;
};

struct client_response {
    struct client_result results[4];
    size_t results_len;
    int event;
    int64_t event_us, billed_us;
};

/* --- protobuf --- */

struct client_bytes {
    uint8_t data[32 * 1024];
    size_t len;
};

static inline void client_varint(struct client_bytes *out, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        out->data[out->len++] = (uint8_t)(value | 0x80);
    out->data[out->len++] = (uint8_t)value;
}

static inline void client_int(struct client_bytes *out, uint32_t field, uint64_t value)
{
    if (value == 0)
        return;
    client_varint(out, field << 3);
    client_varint(out, value);
}

static inline void client_put(struct client_bytes *out, uint32_t field, const void *bytes,
                              size_t len)
{
    client_varint(out, field << 3 | 2);
    client_varint(out, len);
    memcpy(out->data + out->len, bytes, len);
    out->len += len;
}

struct client_config {
    int encoding, rate;
    const char *language;
    bool interim, times, punctuation, activity, single;
    int start_timeout_ms, end_timeout_ms;
    bool v2;
    const char *recognizer; /* v2; NULL: a good one */
};

static inline void client_duration(struct client_bytes *out, uint32_t field, int ms)
{
    struct client_bytes *nested = calloc(1, sizeof *nested);
    client_int(nested, 1, (uint64_t)ms / 1000);
    client_int(nested, 2, (uint64_t)(ms % 1000) * 1000000);
    client_put(out, field, nested->data, nested->len);
    free(nested);
}

static inline void client_config_bytes_v2(const struct client_config *config,
                                          struct client_bytes *out)
{
    struct client_bytes *part = calloc(1, sizeof *part);
    struct client_bytes *recognition = calloc(1, sizeof *recognition);
    struct client_bytes *streaming = calloc(1, sizeof *streaming);
    const char *recognizer = config->recognizer != NULL
                                 ? config->recognizer
                                 : "projects/p/locations/global/recognizers/_";
    client_int(part, 2, config->times);
    client_int(part, 4, config->punctuation);
    client_put(recognition, 2, part->data, part->len);
    part->len = 0;
    client_int(part, 1, (uint64_t)config->encoding);
    client_int(part, 2, (uint64_t)config->rate);
    client_int(part, 3, 1);
    client_put(recognition, 8, part->data, part->len);
    if (config->language != NULL)
        client_put(recognition, 10, config->language, strlen(config->language));
    client_put(streaming, 1, recognition->data, recognition->len);
    part->len = 0;
    client_int(part, 1, config->activity);
    client_int(part, 2, config->interim);
    client_put(streaming, 2, part->data, part->len);
    out->len = 0;
    client_put(out, 3, recognizer, strlen(recognizer));
    client_put(out, 6, streaming->data, streaming->len);
    free(part);
    free(recognition);
    free(streaming);
}

static inline void client_config_bytes(const struct client_config *config, struct client_bytes *out)
{
    if (config->v2) {
        client_config_bytes_v2(config, out);
        return;
    }
    struct client_bytes *recognition = calloc(1, sizeof *recognition);
    struct client_bytes *streaming = calloc(1, sizeof *streaming);
    client_int(recognition, 1, (uint64_t)config->encoding);
    client_int(recognition, 2, (uint64_t)config->rate);
    if (config->language != NULL)
        client_put(recognition, 3, config->language, strlen(config->language));
    client_int(recognition, 8, config->times);
    client_int(recognition, 11, config->punctuation);
    client_put(streaming, 1, recognition->data, recognition->len);
    client_int(streaming, 2, config->single);
    client_int(streaming, 3, config->interim);
    client_int(streaming, 5, config->activity);
    if (config->start_timeout_ms > 0 || config->end_timeout_ms > 0) {
        recognition->len = 0;
        if (config->start_timeout_ms > 0)
            client_duration(recognition, 1, config->start_timeout_ms);
        if (config->end_timeout_ms > 0)
            client_duration(recognition, 2, config->end_timeout_ms);
        client_put(streaming, 6, recognition->data, recognition->len);
    }
    out->len = 0;
    client_put(out, 1, streaming->data, streaming->len);
    free(recognition);
    free(streaming);
}

struct client_field {
    uint32_t number;
    uint64_t value; /* varints and fixed32 */
    const uint8_t *bytes;
    size_t len;
};

/* Trusts its input: a test that feeds it something else fails loudly. */
static inline bool client_next(const uint8_t **at, const uint8_t *end, struct client_field *field)
{
    if (*at >= end)
        return false;
    uint64_t values[2] = {0};
    for (int i = 0; i < 2; i++) {
        int type = (int)(values[0] & 7);
        if (i == 1 && type == 5) {
            uint32_t bits;
            memcpy(&bits, *at, 4);
            values[1] = bits;
            *at += 4;
            break;
        }
        int shift = 0;
        do
            values[i] |= (uint64_t)(**at & 0x7f) << shift, shift += 7;
        while (*(*at)++ & 0x80);
    }
    *field = (struct client_field){.number = (uint32_t)(values[0] >> 3), .value = values[1]};
    if ((values[0] & 7) == 2) {
        field->bytes = *at;
        field->len = (size_t)values[1];
        *at += field->len;
    }
    return true;
}

#define CLIENT_EACH(field, from, size)                                                             \
    for (const uint8_t *at__ = (from), *end__ = at__ + (size); client_next(&at__, end__, &(field));)

static inline int64_t client_read_us(const struct client_field *outer)
{
    struct client_field field;
    int64_t us = 0;
    CLIENT_EACH(field, outer->bytes, outer->len)
    us += field.number == 1 ? (int64_t)field.value * 1000000 : (int64_t)field.value / 1000;
    return us;
}

static inline void client_read_text(const struct client_field *field, char *out, size_t cap)
{
    snprintf(out, cap, "%.*s", (int)field->len, (const char *)field->bytes);
}

static inline float client_float(const struct client_field *field)
{
    uint32_t bits = (uint32_t)field->value;
    float value;
    memcpy(&value, &bits, 4);
    return value;
}

static inline void client_read_word(const struct client_field *outer, struct client_word *out)
{
    struct client_field field;
    CLIENT_EACH(field, outer->bytes, outer->len)
    {
        if (field.number == 1)
            out->start_us = client_read_us(&field);
        else if (field.number == 2)
            out->end_us = client_read_us(&field);
        else if (field.number == 3)
            client_read_text(&field, out->text, sizeof out->text);
    }
}

static inline void client_read_alternative(const struct client_field *outer,
                                           struct client_result *out)
{
    struct client_field field;
    CLIENT_EACH(field, outer->bytes, outer->len)
    {
        if (field.number == 1)
            client_read_text(&field, out->text, sizeof out->text);
        else if (field.number == 2)
            out->confidence = client_float(&field);
        else if (field.number == 3 && out->words_len < 128)
            client_read_word(&field, &out->words[out->words_len++]);
    }
}

static inline void client_read_result(const struct client_field *outer, struct client_result *out)
{
    struct client_field field;
    CLIENT_EACH(field, outer->bytes, outer->len)
    {
        if (field.number == 1)
            client_read_alternative(&field, out);
        else if (field.number == 2)
            out->final = field.value != 0;
        else if (field.number == 3)
            out->stability = client_float(&field);
        else if (field.number == 4)
            out->end_us = client_read_us(&field);
        else if (field.number == 6)
            client_read_text(&field, out->language, sizeof out->language);
    }
}

static inline void client_read_response(const uint8_t *bytes, size_t len,
                                        struct client_response *out)
{
    struct client_field field;
    memset(out, 0, sizeof *out);
    CLIENT_EACH(field, bytes, len)
    {
        if (field.number == 2 && out->results_len < 4)
            client_read_result(&field, &out->results[out->results_len++]);
        else if (field.number == 4)
            out->event = (int)field.value;
        else if (field.number == 5)
            out->billed_us = client_read_us(&field);
        else if (field.number == 8)
            out->event_us = client_read_us(&field);
    }
}

static inline int64_t client_read_billed_v2(const struct client_field *outer)
{
    struct client_field field;
    int64_t us = 0;
    CLIENT_EACH(field, outer->bytes, outer->len)
    us += field.number == 6 ? client_read_us(&field) : 0;
    return us;
}

static inline void client_read_response_v2(const uint8_t *bytes, size_t len,
                                           struct client_response *out)
{
    struct client_field field;
    memset(out, 0, sizeof *out);
    CLIENT_EACH(field, bytes, len)
    {
        if (field.number == 6 && out->results_len < 4)
            client_read_result(&field, &out->results[out->results_len++]);
        else if (field.number == 3)
            out->event = (int)field.value;
        else if (field.number == 7)
            out->event_us = client_read_us(&field);
        else if (field.number == 5)
            out->billed_us = client_read_billed_v2(&field);
    }
}

/* --- the call --- */

static inline bool client_pluck(struct speech_client *client, void *tag, int timeout_ms)
{
    gpr_timespec until =
        gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_millis(timeout_ms, GPR_TIMESPAN));
    return grpc_completion_queue_pluck(client->queue, tag, until, NULL).type == GRPC_OP_COMPLETE;
}

static inline void client_batch(struct speech_client *client, grpc_op op, void *tag)
{
    if (grpc_call_start_batch(client->call, &op, 1, tag, NULL) != GRPC_CALL_OK)
        abort();
}

/* Addresses that serve as tags. */
#define CLIENT_TAG_INITIAL(client) (&(client)->initial)
#define CLIENT_TAG_STATUS(client)  (&(client)->status)
#define CLIENT_TAG_RECV(client)    (&(client)->incoming)
#define CLIENT_TAG_SEND(client)    (&(client)->call)

static inline void client_start(struct speech_client *client, const char *method)
{
    client->call = grpc_channel_create_call(client->channel, NULL, GRPC_PROPAGATE_DEFAULTS,
                                            client->queue, grpc_slice_from_copied_string(method),
                                            NULL, gpr_inf_future(GPR_CLOCK_REALTIME), NULL);
    grpc_metadata_array_init(&client->initial);
    grpc_metadata_array_init(&client->trailing);
    client_batch(client, (grpc_op){.op = GRPC_OP_SEND_INITIAL_METADATA}, CLIENT_TAG_SEND(client));
    grpc_op initial = {.op = GRPC_OP_RECV_INITIAL_METADATA};
    initial.data.recv_initial_metadata.recv_initial_metadata = &client->initial;
    client_batch(client, initial, CLIENT_TAG_INITIAL(client));
    grpc_op status = {.op = GRPC_OP_RECV_STATUS_ON_CLIENT};
    status.data.recv_status_on_client.trailing_metadata = &client->trailing;
    status.data.recv_status_on_client.status = &client->status;
    status.data.recv_status_on_client.status_details = &client->details;
    client_batch(client, status, CLIENT_TAG_STATUS(client));
    client_pluck(client, CLIENT_TAG_SEND(client), 5000);
}

static inline struct speech_client *client_open_method(unsigned port, const char *method)
{
    struct speech_client *client = calloc(1, sizeof *client);
    char address[64];
    static int number; /* distinct arguments keep gRPC from sharing one connection */
    grpc_arg arg = {.type = GRPC_ARG_INTEGER, .key = "test.channel", .value.integer = ++number};
    grpc_channel_args args = {.num_args = 1, .args = &arg};
    snprintf(address, sizeof address, "127.0.0.1:%u", port);
    grpc_init();
    grpc_channel_credentials *plain = grpc_insecure_credentials_create();
    client->channel = grpc_channel_create(address, plain, &args);
    grpc_channel_credentials_release(plain);
    client->queue = grpc_completion_queue_create_for_pluck(NULL);
    client_start(client, method);
    return client;
}

static inline struct speech_client *client_open(unsigned port)
{
    return client_open_method(port, "/google.cloud.speech.v1.Speech/StreamingRecognize");
}

static inline struct speech_client *client_open_v2(unsigned port)
{
    struct speech_client *client =
        client_open_method(port, "/google.cloud.speech.v2.Speech/StreamingRecognize");
    client->v2 = true;
    return client;
}

/* False after `timeout_ms`: then nothing more can be sent. */
static inline bool client_send_within(struct speech_client *client, const void *bytes, size_t len,
                                      int timeout_ms)
{
    grpc_slice slice = grpc_slice_from_copied_buffer(bytes, len);
    grpc_byte_buffer *message = grpc_raw_byte_buffer_create(&slice, 1);
    grpc_op op = {.op = GRPC_OP_SEND_MESSAGE};
    op.data.send_message.send_message = message;
    client_batch(client, op, CLIENT_TAG_SEND(client));
    bool sent = client_pluck(client, CLIENT_TAG_SEND(client), timeout_ms);
    grpc_slice_unref(slice);
    if (sent)
        grpc_byte_buffer_destroy(message);
    else
        client->outgoing = message;
    return sent;
}

static inline bool client_send(struct speech_client *client, const void *bytes, size_t len)
{
    return client_send_within(client, bytes, len, 20000);
}

static inline bool client_send_config(struct speech_client *client,
                                      const struct client_config *config)
{
    struct client_bytes *bytes = calloc(1, sizeof *bytes);
    client_config_bytes(config, bytes);
    bool sent = client_send(client, bytes->data, bytes->len);
    free(bytes);
    return sent;
}

static inline bool client_send_audio(struct speech_client *client, const void *audio, size_t len)
{
    struct client_bytes *bytes = calloc(1, sizeof *bytes);
    client_put(bytes, client->v2 ? 5 : 2, audio, len);
    bool sent = client_send(client, bytes->data, bytes->len);
    free(bytes);
    return sent;
}

static inline void client_half_close(struct speech_client *client)
{
    client_batch(client, (grpc_op){.op = GRPC_OP_SEND_CLOSE_FROM_CLIENT}, CLIENT_TAG_SEND(client));
    client_pluck(client, CLIENT_TAG_SEND(client), 5000);
}

/* 1: a response; 0: the call has no more; -1: none within `timeout_ms`. */
static inline int client_read(struct speech_client *client, struct client_response *out,
                              int timeout_ms)
{
    if (!client->receiving) {
        grpc_op op = {.op = GRPC_OP_RECV_MESSAGE};
        op.data.recv_message.recv_message = &client->incoming;
        client_batch(client, op, CLIENT_TAG_RECV(client));
        client->receiving = true;
    }
    if (!client_pluck(client, CLIENT_TAG_RECV(client), timeout_ms))
        return -1;
    client->receiving = false;
    if (client->incoming == NULL)
        return 0;
    grpc_byte_buffer_reader reader;
    grpc_byte_buffer_reader_init(&reader, client->incoming);
    grpc_slice slice = grpc_byte_buffer_reader_readall(&reader);
    (client->v2 ? client_read_response_v2 : client_read_response)(GRPC_SLICE_START_PTR(slice),
                                                                  GRPC_SLICE_LENGTH(slice), out);
    grpc_slice_unref(slice);
    grpc_byte_buffer_reader_destroy(&reader);
    grpc_byte_buffer_destroy(client->incoming);
    client->incoming = NULL;
    return 1;
}

/* The call's status; -1 when it does not end within `timeout_ms`. Text in details_text. */
static inline int client_status(struct speech_client *client, int timeout_ms)
{
    if (!client->status_known && !client_pluck(client, CLIENT_TAG_STATUS(client), timeout_ms))
        return -1;
    client->status_known = true;
    snprintf(client->details_text, sizeof client->details_text, "%.*s",
             (int)GRPC_SLICE_LENGTH(client->details),
             (const char *)GRPC_SLICE_START_PTR(client->details));
    return (int)client->status;
}

static inline void client_close(struct speech_client *client)
{
    grpc_call_cancel(client->call, NULL);
    client_status(client, 1000);
    client_pluck(client, CLIENT_TAG_INITIAL(client), 1000);
    if (client->receiving)
        client_pluck(client, CLIENT_TAG_RECV(client), 1000);
    if (client->incoming != NULL)
        grpc_byte_buffer_destroy(client->incoming);
    if (client->outgoing != NULL) {
        client_pluck(client, CLIENT_TAG_SEND(client), 1000);
        grpc_byte_buffer_destroy(client->outgoing);
    }
    grpc_slice_unref(client->details);
    grpc_metadata_array_destroy(&client->initial);
    grpc_metadata_array_destroy(&client->trailing);
    grpc_call_unref(client->call);
    grpc_channel_destroy(client->channel);
    grpc_completion_queue_shutdown(client->queue);
    for (;;) {
        grpc_event event = grpc_completion_queue_pluck(client->queue, client,
                                                       gpr_inf_future(GPR_CLOCK_REALTIME), NULL);
        if (event.type == GRPC_QUEUE_SHUTDOWN)
            break;
    }
    grpc_completion_queue_destroy(client->queue);
    free(client);
    grpc_shutdown();
}
