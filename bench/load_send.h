/*
 * A client's way out: its frames, as they are or by way of TLS, one operation of the kernel at a
 * time.
 *
 * Threads: one owner.
 */
#pragma once

#include "bench/load_client.h"

/* A frame behind those that wait: a WebSocket message, or bytes as they are. STATUS_NOMEM. */
int load_send_message(struct load_field *field, struct load_client *client, enum load_ws_op op,
                      const void *payload, size_t len);
int load_send_raw(struct load_field *field, struct load_client *client, const struct buf *bytes);
/* Gives the kernel the next bytes, unless it still has some or there are none. */
void load_send_next(struct load_field *field, struct load_client *client);
/* It has sent so many. */
void load_send_done(struct load_field *field, struct load_client *client, size_t len);
/* Bytes came from the socket: plain ones go into the client's reader. STATUS_PROTOCOL,
 * STATUS_NOMEM.
 */
int load_send_feed(struct load_client *client, const void *bytes, size_t len);
