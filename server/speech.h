/*
 * The way to and from the stt thread: calls are named by the session's directory id; events go to
 * the front that holds it.
 *
 * Threads: speech_open() … speech_cancel() on a front; events arrive on the stt thread.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct server;
struct stt_block;
struct stt_event;
struct stt_request;

int speech_start(struct server *server);
/* Takes the request's bytes, on failure too. */
int speech_open(struct server *server, uint64_t session, uint32_t call,
                const struct stt_request *request);
/* As stt_client_healthy(). */
unsigned speech_healthy(struct server *server);
int speech_send(struct server *server, uint64_t session, uint32_t call, struct stt_block *block);
int speech_finish(struct server *server, uint64_t session, uint32_t call);
int speech_cancel(struct server *server, uint64_t session, uint32_t call);
void speech_event_free(struct stt_event *event);
