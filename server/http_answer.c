#include "server/http_answer.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/status.h"
#include "loop/loop_uv.h"
#include "server/directory.h"
#include "server/front.h"
#include "server/http_work.h"
#include "server/metrics.h"
#include "server/peers_gate.h"
#include "server/secret.h"
#include "server/server.h"
#include <assert.h>
#include <libwebsockets.h>
#include <stdio.h>
#include <string.h>

/* The work is at rest here, or on a worker. */
struct http_answer {
    struct http_answer *next, **before; /* the front's others */
    struct front *front;
    struct lws *wsi;
    uint64_t id; /* 0 until the whole request is here */
    struct http_work *work;
    struct store_page *page; /* the store's answer to it, come ahead of it or after it */
    struct buf body;         /* of the request */
    size_t sent;             /* of the piece in work->out */
    bool head_only, whole_length, close;
    bool head_sent, ended;
};

static struct http_answer *find(struct front *front, uint64_t id)
{
    struct http_answer *answer = front->answers;
    while (answer != NULL && answer->id != id)
        answer = answer->next;
    return answer;
}

static void want_write(struct http_answer *answer)
{
    lws_callback_on_writable(answer->wsi);
    loop_uv_kick(answer->front->uv);
}

/* A client that takes nothing, and a store that does not answer, are not waited for for ever. */
static void set_timeout(struct http_answer *answer)
{
    lws_set_timeout(answer->wsi, PENDING_TIMEOUT_HTTP_CONTENT, HTTP_STALL_S);
}

/* --- out to a worker --- */

static void submit(struct http_answer *answer)
{
    struct http_work *work = answer->work;
    answer->work = NULL;
    answer->sent = 0;
    int status = outbox_submit(&answer->front->outbox, answer->id, &work->job);
    if (status == STATUS_OK)
        return;
    /* The piece before has been sent: what was begun cannot be completed. */
    LOG_WARN(LOG_HTTP, answer->id, "request lost", "status=%s", status_name(status));
    answer->work = work;
    work->last = true;
    work->broken = answer->head_sent;
    if (!work->broken)
        http_work_refuse(work, 503, "the server is busy; try again");
    want_write(answer);
}

/* On to the next piece, once this one is gone and the page for the next is there. */
static void go_on(struct http_answer *answer)
{
    struct http_work *work = answer->work;
    if (work == NULL || work->last || answer->page == NULL || answer->sent < work->out.len ||
        (work->has_head && !answer->head_sent))
        return;
    work->page = answer->page;
    answer->page = NULL;
    buf_reset(&work->out);
    submit(answer);
}

/* --- life --- */

static struct http_work *make_work(struct http_answer *answer, const struct http_ask *ask)
{
    struct http_work *work = http_work_create(answer->front->server);
    if (work == NULL)
        return NULL;
    work->method = ask->method;
    work->route = *ask->route;
    snprintf(work->known, sizeof work->known, "%s", ask->known);
    if (ask->credential != NULL && (work->credential = mem_strdup(ask->credential)) == NULL) {
        http_work_free(work);
        return NULL;
    }
    return work;
}

int http_answer_create(struct http_answer **out, struct front *front, struct lws *wsi,
                       const struct http_ask *ask)
{
    struct http_answer *answer = mem_calloc(1, sizeof *answer);
    if (answer == NULL)
        return STATUS_NOMEM;
    *answer = (struct http_answer){
        .front = front, .wsi = wsi, .head_only = ask->method == HTTP_HEAD, .close = ask->http_1_0};
    if ((answer->work = make_work(answer, ask)) == NULL) {
        mem_free(answer);
        return STATUS_NOMEM;
    }
    buf_init(&answer->body, HTTP_POST_BYTES_MAX);
    answer->next = front->answers;
    answer->before = &front->answers;
    if (answer->next != NULL)
        answer->next->before = &answer->next;
    front->answers = answer;
    set_timeout(answer);
    *out = answer;
    metrics_add(METRIC_HTTP_REQUESTS, 1);
    if (ask->body_len == 0)
        http_answer_body_end(answer);
    return STATUS_OK;
}

void http_answer_destroy(struct http_answer *answer)
{
    *answer->before = answer->next;
    if (answer->next != NULL)
        answer->next->before = answer->before;
    if (answer->id != 0)
        directory_remove(answer->front->server->directory, answer->id);
    if (answer->work != NULL)
        http_work_free(answer->work);
    if (answer->page != NULL)
        answer->page->msg.free_fn(&answer->page->msg);
    secret_free_bytes(answer->body.data, answer->body.cap);
    mem_free(answer);
}

int http_answer_body(struct http_answer *answer, const void *bytes, size_t len)
{
    /* The library counts what was announced, so more cannot come; it tells of an empty body, too.
     */
    if (len == 0)
        return 0;
    return answer->work != NULL && buf_append(&answer->body, bytes, len) == STATUS_OK ? 0 : -1;
}

/* Only a whole request takes a place among those under way: who sends its body slowly keeps nobody
 * out. */
void http_answer_body_end(struct http_answer *answer)
{
    struct front *front = answer->front;
    struct http_work *work = answer->work;
    if (work == NULL || answer->id != 0 || work->last)
        return;
    work->body = buf_take(&answer->body, &work->body_len);
    if (directory_add(front->server->directory, DIRECTORY_REQUEST, front->index, &answer->id) !=
        STATUS_OK) {
        http_work_refuse(work, 503, "as many requests as may be are under way; try again");
        want_write(answer);
        return;
    }
    work->job.msg.session = answer->id;
    submit(answer);
}

/* --- in from the workers and the store --- */

void http_on_work(struct front *front, struct http_work *work)
{
    struct http_answer *answer = find(front, work->job.msg.session);
    if (answer == NULL) {
        http_work_free(work);
        return;
    }
    assert(answer->work == NULL);
    answer->work = work;
    if (work->stranger)
        peers_failed(front->server->peers, peers_gate_hold(answer->wsi), loop_now_us(front->loop));
    if (work->out.len > 0 || work->has_head || work->last)
        want_write(answer);
    else
        go_on(answer);
}

void http_on_page(struct front *front, struct store_page *page)
{
    struct http_answer *answer = find(front, page->msg.session);
    if (answer == NULL || answer->page != NULL) {
        page->msg.free_fn(&page->msg);
        return;
    }
    answer->page = page;
    go_on(answer);
}

/* --- out to the socket --- */

static int write_bytes(struct http_answer *answer, const char *bytes, size_t len, bool framed)
{
    unsigned char block[LWS_PRE + HTTP_WRITE_BYTES + 32];
    size_t at = LWS_PRE;
    if (framed)
        at += (size_t)snprintf((char *)block + at, 16, "%zx\r\n", len);
    memcpy(block + at, bytes, len);
    at += len;
    if (framed) {
        memcpy(block + at, "\r\n", 2);
        at += 2;
    }
    return lws_write(answer->wsi, block + LWS_PRE, at - LWS_PRE, LWS_WRITE_HTTP) < 0 ? -1 : 0;
}

static int write_head(struct http_answer *answer)
{
    struct http_head head = answer->work->head;
    answer->whole_length = head.len != HTTP_LENGTH_UNKNOWN;
    head.close = answer->close;
    answer->head_sent = true;
    if (head.status >= 400)
        metrics_add(METRIC_HTTP_REFUSED, 1);
    return http_head_send(answer->wsi, &head);
}

static int write_piece(struct http_answer *answer)
{
    const struct buf *out = &answer->work->out;
    size_t len = out->len - answer->sent;
    if (len > HTTP_WRITE_BYTES)
        len = HTTP_WRITE_BYTES;
    bool framed = !answer->whole_length && !answer->close;
    int result = write_bytes(answer, out->data + answer->sent, len, framed);
    answer->sent += len;
    return result;
}

/* Everything has left: the chunk that says so, if the body came in chunks. */
static int write_end(struct http_answer *answer)
{
    static const char end[] = "0\r\n\r\n";
    answer->ended = true;
    if (answer->head_only || answer->whole_length || answer->close)
        return 1;
    want_write(answer);
    return write_bytes(answer, end, sizeof end - 1, false);
}

int http_answer_writeable(struct http_answer *answer, bool *close)
{
    struct http_work *work = answer->work;
    int result = 0;
    *close = answer->close;
    if (answer->ended)
        return 1;
    if (work == NULL)
        return 0;
    if (work->broken)
        return -1;
    set_timeout(answer);
    if (work->has_head && !answer->head_sent)
        result = write_head(answer);
    else if (answer->head_only && answer->head_sent)
        return write_end(answer);
    else if (answer->sent < work->out.len)
        result = write_piece(answer);
    else if (work->last)
        return write_end(answer);
    else
        go_on(answer);
    if (result == 0 && answer->work != NULL &&
        (answer->sent < work->out.len || work->last || answer->head_only))
        want_write(answer);
    else if (result == 0)
        go_on(answer);
    return result;
}
