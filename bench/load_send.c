#include "bench/load_send.h"

#include "base/status.h"
#include "bench/load_cut.h"
#include "bench/load_tls.h"
#include <assert.h>
#include <string.h>

#define PLAIN_BYTES 16384 /* of a TLS record */

static void frame_done(struct load_field *field, struct load_client *client)
{
    field->sum->frames_sent += client->out.head->audio && field->in_window;
    load_frame_pop(&field->pool, &client->out);
}

/* With TLS a frame is done when it has been encrypted. */
static bool next_encrypted(struct load_field *field, struct load_client *client, const void **bytes,
                           size_t *len)
{
    struct load_frame *frame = client->out.head;
    if (load_tls_next(client->tls, bytes, len))
        return true;
    if (frame == NULL || !load_tls_ready(client->tls) ||
        load_tls_write(client->tls, frame->bytes, frame->len) != STATUS_OK)
        return false;
    frame_done(field, client);
    return load_tls_next(client->tls, bytes, len);
}

static bool next_plain(const struct load_client *client, const void **bytes, size_t *len)
{
    const struct load_frame *frame = client->out.head;
    if (frame == NULL)
        return false;
    *bytes = frame->bytes + frame->sent;
    *len = frame->len - frame->sent;
    return true;
}

void load_send_next(struct load_field *field, struct load_client *client)
{
    const void *bytes;
    size_t len;
    if (client->sending || !(client->tls != NULL ? next_encrypted(field, client, &bytes, &len)
                                                 : next_plain(client, &bytes, &len)))
        return;
    client->sending = true;
    client->in_flight++;
    load_ring_send(&field->ring, client->index, client->fd, bytes, load_cut_sends(client, len));
}

void load_send_done(struct load_field *field, struct load_client *client, size_t len)
{
    struct load_frame *frame = client->out.head;
    field->sum->bytes_sent += field->in_window ? len : 0;
    if (client->tls != NULL) {
        load_tls_sent(client->tls, len);
        return;
    }
    frame->sent += (uint32_t)len;
    if (frame->sent == frame->len)
        frame_done(field, client);
}

int load_send_raw(struct load_field *field, struct load_client *client, const struct buf *bytes)
{
    assert(bytes->len <= field->pool.frame_bytes);
    struct load_frame *frame = load_frame_push(&field->pool, &client->out);
    if (frame == NULL)
        return STATUS_NOMEM;
    memcpy(frame->bytes, bytes->data, bytes->len);
    frame->len = (uint32_t)bytes->len;
    load_send_next(field, client);
    return STATUS_OK;
}

int load_send_message(struct load_field *field, struct load_client *client, enum load_ws_op op,
                      const void *payload, size_t len)
{
    assert(load_ws_head_bytes(len) + len <= field->pool.frame_bytes);
    struct load_frame *frame = load_frame_push(&field->pool, &client->out);
    if (frame == NULL)
        return STATUS_NOMEM;
    uint32_t mask = (uint32_t)rng_next(&field->masks);
    frame->len = (uint32_t)load_ws_frame(op, payload, len, mask, frame->bytes);
    load_send_next(field, client);
    return STATUS_OK;
}

int load_send_feed(struct load_client *client, const void *bytes, size_t len)
{
    if (client->tls == NULL)
        return load_ws_reader_feed(&client->reader, bytes, len);
    char plain[PLAIN_BYTES];
    int got, status = load_tls_receive(client->tls, bytes, len);
    while (status == STATUS_OK && (got = load_tls_read(client->tls, plain, sizeof plain)) != 0)
        status = got < 0 ? got : load_ws_reader_feed(&client->reader, plain, (size_t)got);
    return status;
}
