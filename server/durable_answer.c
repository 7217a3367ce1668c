/* What the store answers, as a front wants it. */
#include "server/durable.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/status.h"
#include "server/message.h"
#include "server/monitor.h"
#include "server/out.h"
#include "server/server.h"
#include "server/store_query.h"
#include <stdio.h>
#include <string.h>

#define CLAIM_BYTES_MAX 1048576 /* texts of the finals a session goes on behind */

static void replayed_free(struct msg *msg)
{
    struct resume_replayed *replayed = (struct resume_replayed *)msg;
    for (struct out *out = replayed->head, *next; out != NULL; out = next) {
        next = out->next;
        out->next = NULL;
        out_unref(out);
    }
    mem_free(replayed);
}

static void claimed_free(struct msg *msg)
{
    struct resume_claimed *claimed = (struct resume_claimed *)msg;
    client_message_free(claimed->message);
    if (claimed->arena != NULL)
        arena_destroy(claimed->arena);
    mem_free(claimed);
}

struct resume_replayed *durable_replayed_create(uint64_t id, int status)
{
    struct resume_replayed *replayed = mem_calloc(1, sizeof *replayed);
    if (replayed == NULL)
        return NULL;
    replayed->msg = (struct msg){.kind = FRONT_REPLAY, .session = id, .free_fn = replayed_free};
    replayed->status = status;
    return replayed;
}

struct resume_claimed *durable_claimed_create(uint64_t id, int status)
{
    struct resume_claimed *claimed = mem_calloc(1, sizeof *claimed);
    if (claimed == NULL)
        return NULL;
    claimed->msg = (struct msg){.kind = FRONT_CLAIMED, .session = id, .free_fn = claimed_free};
    claimed->status = status;
    return claimed;
}

static void on_replay(struct server *server, const struct store_replay *from)
{
    struct resume_replayed *replayed = durable_replayed_create(from->msg.session, from->status);
    if (replayed == NULL)
        return; /* the client is not answered and comes back */
    struct out **tail = &replayed->head;
    replayed->more = from->more;
    replayed->lost_to = from->lost_to;
    for (size_t i = 0; i < from->rows_len; i++) {
        const struct store_row *row = &from->rows[i];
        if ((*tail = out_again(row->seq, row->body, row->body_len)) == NULL)
            break;
        tail = &(*tail)->next;
    }
    server_post(server, &replayed->msg);
}

static uint64_t json_count(const json_t *object, const char *key)
{
    json_int_t value = json_integer_value(json_object_get(object, key));
    return value > 0 ? (uint64_t)value : 0;
}

/* What cannot be read counts from nothing again; what there is no memory for must not. */
static int read_usage(const char *text, struct event_usage *usage)
{
    json_t *object = NULL;
    int status = json_read(text, strlen(text), 0, &object);
    double cost = json_number_value(json_object_get(object, "cost"));
    *usage = (struct event_usage){
        .audio_ms = json_count(object, "audio_ms"),
        .stt_ms = json_count(object, "stt_ms"),
        .requests = json_count(object, "requests"),
        .tokens_in = json_count(object, "tokens_in"),
        .tokens_out = json_count(object, "tokens_out"),
        .cached = json_count(object, "cached"),
        .cost_nanos = cost > 0 ? (uint64_t)(cost * 1e9 + 0.5) : 0,
    };
    json_decref(object);
    return status == STATUS_NOMEM ? status : STATUS_OK;
}

static const char *json_text(struct arena *arena, const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return arena_strdup(arena, text != NULL ? text : "");
}

/* A body lacks its opening brace: what only the front knows stands there. STATUS_NOMEM: it may be
 * read another time; STATUS_INVALID. */
static int read_final(struct arena *arena, const struct store_row *row, struct session_final *out)
{
    struct buf text;
    buf_init(&text, EVENT_BYTES_MAX + 1);
    buf_putc(&text, '{');
    buf_append(&text, row->body, row->body_len);
    json_t *object = NULL;
    int status = buf_status(&text);
    if (status == STATUS_OK)
        status = json_read(text.data, text.len, 0, &object);
    *out = (struct session_final){
        .segment = row->segment,
        .rev = (uint32_t)json_count(object, "rev"),
        .text = json_text(arena, object, "committed"),
        .language = json_text(arena, object, "language"),
        .start_ms = (int64_t)json_count(object, "start_ms"),
        .end_ms = (int64_t)json_count(object, "end_ms"),
    };
    if (status == STATUS_OK && (out->text == NULL || out->language == NULL))
        status = STATUS_NOMEM;
    if (status == STATUS_OK && out->start_ms > out->end_ms)
        status = STATUS_INVALID;
    json_decref(object);
    buf_deinit(&text);
    return status == STATUS_OK || status == STATUS_NOMEM ? status : STATUS_INVALID;
}

static void read_newest(const struct store_claim *from, const struct client_settings *settings,
                        struct session_restore *restore)
{
    for (size_t i = 0; i < from->newest_len; i++) {
        const struct store_newest *newest = &from->newest[i];
        if (newest->kind == STORE_GRAMMAR)
            restore->grammar_done = newest->segment;
        for (unsigned j = 0; j < settings->targets_len && newest->kind == STORE_TRANSLATION; j++)
            if (strcmp(settings->targets[j], newest->lang) == 0)
                restore->targets_done[j] = newest->segment;
    }
}

static int read_claim(const struct store_claim *from, struct resume_claimed *claimed)
{
    claimed->message = client_message_parse(from->settings, strlen(from->settings));
    claimed->arena = arena_create(CLAIM_BYTES_MAX);
    if (claimed->message == NULL || claimed->arena == NULL)
        return STATUS_NOMEM;
    if (claimed->message->kind != CLIENT_START)
        return STATUS_INVALID;
    size_t len = from->transcripts_len;
    struct session_final *finals = arena_alloc(claimed->arena, (len + 1) * sizeof *finals);
    if (finals == NULL)
        return STATUS_NOMEM;
    int64_t age_us = clock_wall_us() - from->started_wall_us;
    claimed->restore = (struct session_restore){.epoch = from->epoch,
                                                .seq = from->seq,
                                                .age_us = age_us > 0 ? age_us : 0,
                                                .settled_samples = from->settled_samples,
                                                .settled_exact = from->settled_exact,
                                                .mistakes = from->mistakes,
                                                .finals = finals,
                                                .finals_len = len};
    int status = read_usage(from->usage, &claimed->restore.usage);
    read_newest(from, &claimed->message->settings, &claimed->restore);
    if (from->end_reason[0] != '\0') { /* what was not had by then is not asked for again */
        memset(claimed->restore.targets_done, 0xff, sizeof claimed->restore.targets_done);
        claimed->restore.grammar_done = UINT32_MAX;
    }
    for (size_t i = 0; i < len && status == STATUS_OK; i++)
        status = read_final(claimed->arena, &from->transcripts[i], &finals[i]);
    return status;
}

static void on_claim(struct server *server, const struct store_claim *from)
{
    struct resume_claimed *claimed = durable_claimed_create(from->msg.session, from->status);
    if (claimed == NULL)
        return; /* the client gives up waiting and comes back */
    snprintf(claimed->session, sizeof claimed->session, "%s", from->session);
    if (from->status == STATUS_OK) {
        snprintf(claimed->subject, sizeof claimed->subject, "%s", from->subject);
        snprintf(claimed->end_reason, sizeof claimed->end_reason, "%s", from->end_reason);
        claimed->owner_epoch = from->owner_epoch;
        claimed->started_wall_us = from->started_wall_us;
        claimed->status = read_claim(from, claimed);
    }
    if (claimed->status == STATUS_INVALID)
        LOG_ERROR(LOG_SESSION, 0, "a stored session cannot be read", "session=%s", from->session);
    server_post(server, &claimed->msg);
}

void durable_on_answer(void *ctx, struct msg *msg)
{
    struct server *server = ctx;
    switch ((enum front_msg)msg->kind) {
    case FRONT_REPLAY: on_replay(server, (const struct store_replay *)msg); break;
    case FRONT_CLAIMED: on_claim(server, (const struct store_claim *)msg); break;
    case FRONT_STORE_PAGE:
        if (msg->session == MONITOR_ASKER)
            monitor_page(server->monitor, (struct store_page *)msg);
        else
            server_post(server, msg);
        return;
    default: server_post(server, msg); return;
    }
    msg->free_fn(msg);
}
