/*
 * sotto.v1 as JSON: bodies of events. Runs on workers only; pure.
 *
 * A body is finished but for what is known only when it is handed to the socket: seq, t_ms and lat,
 * which the front writes into the space left in front of it (codec_splice()).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct buf;
struct client_settings;
struct event;
struct event_usage;
struct lat;

/* Appends everything after the spliced fields: `"type":"transcript",…}`. STATUS_NOMEM,
 * STATUS_LIMIT. */
int codec_event_write(const struct event *event, struct buf *out);

/* A session.start of these settings, all of them: as the store keeps them and
 * client_message_parse() reads them. */
int codec_settings_write(const struct client_settings *settings, struct buf *out);
/* As `usage` of session.ended. */
int codec_usage_write(const struct event_usage *usage, struct buf *out);

/* Bytes to keep free in front of a body. */
#define CODEC_HEAD_MAX 256

/*
 * Writes `{"seq":4,"t_ms":120,"lat":{…},` right before `body` (which has CODEC_HEAD_MAX writable
 * bytes before it) and returns where the message now begins. seq 0 and lat NULL are left out.
 */
char *codec_splice(char *body, uint64_t seq, int64_t t_ms, const struct lat *lat);
