#include "server/resume.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/status.h"
#include "server/auth.h"
#include "server/conn.h"
#include "server/directory.h"
#include "server/durable.h"
#include "server/front.h"
#include "server/glances.h"
#include "server/host.h"
#include "server/message.h"
#include "server/metrics.h"
#include "server/registry.h"
#include "server/server.h"
#include <assert.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

/* A client that waits for longer comes back. */
#define RESUME_WAIT_US 5000000

/* What a connection asks for; its own. */
struct conn_resume {
    char session[SESSION_NAME_BYTES];
    uint8_t token[STORE_HASH_BYTES];
    char next[RESUME_TOKEN_BYTES];
    char subject[NAME_BYTES_MAX + 1]; /* whose token its client has */
    int64_t until_us;                 /* how long that is good */
    uint64_t seen;
};

/* A host that is asked for by another front: there as FRONT_WANTED, here, back to itself, as
 * FRONT_LEAVE, and to the other front as FRONT_ARRIVE, or as FRONT_REFUSED. */
struct host_move {
    struct msg msg;
    struct server *server;
    uint64_t conn; /* who asks */
    unsigned to;   /* its front */
    struct conn_resume what;
    struct host *host; /* ARRIVE */
};

/* --- tokens --- */

void resume_token_make(char token[RESUME_TOKEN_BYTES])
{
    uint8_t bytes[32];
    char text[4 * ((sizeof bytes + 2) / 3) + 1];
    rng_secure(bytes, sizeof bytes);
    EVP_EncodeBlock((unsigned char *)text, bytes, sizeof bytes);
    for (size_t i = 0; i < RESUME_TOKEN_BYTES - 1; i++)
        token[i] = text[i] == '+' ? '-' : text[i] == '/' ? '_' : text[i];
    token[RESUME_TOKEN_BYTES - 1] = '\0';
    explicit_bzero(bytes, sizeof bytes);
    explicit_bzero(text, sizeof text);
}

void resume_token_hash(const char *token, uint8_t hash[STORE_HASH_BYTES])
{
    _Static_assert(STORE_HASH_BYTES == SHA256_DIGEST_LENGTH, "tokens are kept as SHA-256");
    SHA256((const unsigned char *)token, strlen(token), hash);
}

/* Compared in a time that tells nothing of the token. */
static bool allowed(const struct host *host, const struct conn_resume *resume)
{
    bool now = CRYPTO_memcmp(host->token, resume->token, STORE_HASH_BYTES) == 0;
    bool next = CRYPTO_memcmp(host->token_next, resume->token, STORE_HASH_BYTES) == 0;
    return (now || (next && host->has_next)) &&
           strcmp(session_subject(host->session), resume->subject) == 0;
}

/* --- the client's side --- */

static void resume_end(struct conn *conn)
{
    mem_free(conn->resume);
    conn->resume = NULL;
}

static void refuse(struct conn *conn)
{
    metrics_add(METRIC_RESUMES_REFUSED, 1);
    resume_end(conn);
    conn_error(conn, "resume_refused",
               "there is no such session any more, or this is not its newest token: start anew");
}

/* The token that was used is valid until its client has answered over the new socket. */
static void take_token(struct host *host, const uint8_t token[STORE_HASH_BYTES])
{
    memcpy(host->token, token, sizeof host->token);
    host->has_next = false;
}

/* `host` is on this front and `resume` of `conn` is allowed to have it. */
static void attach(struct host *host, struct conn *conn)
{
    const struct conn_resume *resume = conn->resume;
    uint64_t seen = resume->seen;
    struct conn *before = host->conn;
    if (before != NULL) {
        before->host = NULL;
        host->conn = NULL;
        conn_replaced(before);
    }
    take_token(host, resume->token);
    session_allow(host->session, resume->until_us);
    resume_end(conn);
    metrics_add(METRIC_RESUMES, 1);
    LOG_INFO(LOG_SESSION, host->id, "session resumed", "name=%s seen=%llu seq=%llu", host->name,
             (unsigned long long)seen, (unsigned long long)session_seq(host->session));
    host_attach(host, &(struct host_socket){.conn = conn, .seen = seen});
}

static void claim(struct conn *conn)
{
    struct conn_resume *resume = conn->resume;
    struct store_claimant claimant = {.subject = resume->subject};
    const struct durable_from from = {.server = conn->front->server,
                                      .outbox = &conn->front->outbox,
                                      .session = resume->session,
                                      .id = conn->id};
    resume_token_make(resume->next);
    resume_token_hash(resume->next, claimant.next);
    memcpy(claimant.token, resume->token, sizeof claimant.token);
    if (durable_claim(&from, &claimant) != STATUS_OK)
        conn_busy(conn);
}

static void move_free(struct msg *msg)
{
    /* A host within has reached a front that had ended. The process ends, too, the store has its
     * session, and what it could be taken leave of is gone already. */
    mem_free(msg);
}

static void ask_front(struct conn *conn, uint64_t id)
{
    struct host_move *move = mem_calloc(1, sizeof *move);
    if (move == NULL) {
        conn_busy(conn);
        return;
    }
    move->msg = (struct msg){.kind = FRONT_WANTED, .session = id, .free_fn = move_free};
    move->server = conn->front->server;
    move->conn = conn->id;
    move->to = conn->front->index;
    move->what = *conn->resume;
    if (server_offer(move->server, &move->msg) == STATUS_OK)
        return;
    move_free(&move->msg);
    conn_busy(conn);
}

/* Where it is: here, on another front, or in the store. */
static void look(struct conn *conn)
{
    struct front *front = conn->front;
    uint64_t id = registry_get(front->server->registry, conn->resume->session);
    struct host *host = host_find(front, id);
    if (host != NULL && host->move == NULL && !host->broken) {
        if (allowed(host, conn->resume))
            attach(host, conn);
        else
            refuse(conn);
    } else if (id != 0 && (host == NULL || host->move != NULL)) {
        ask_front(conn, id);
    } else {
        claim(conn);
    }
}

void resume_begin(struct conn *conn, const struct client_resume *resume,
                  const struct token_claims *claims)
{
    if (resume->session[0] == '\0' || resume->token[0] == '\0') {
        refuse(conn);
        return;
    }
    struct loop *loop = conn->front->loop;
    conn->resume = mem_calloc(1, sizeof *conn->resume);
    if (conn->resume == NULL) {
        conn_abort(conn);
        return;
    }
    memcpy(conn->resume->session, resume->session, SESSION_NAME_BYTES);
    resume_token_hash(resume->token, conn->resume->token);
    conn->resume->seen = resume->seq;
    conn->resume->until_us = auth_until_us(claims);
    snprintf(conn->resume->subject, sizeof conn->resume->subject, "%s", claims->subject);
    conn->state = CONN_RESUMING;
    conn_wait(conn, loop_now_us(loop) + RESUME_WAIT_US);
    look(conn);
}

void resume_on_claimed(struct conn *conn, struct resume_claimed *claimed)
{
    struct host *host;
    if (conn->state != CONN_RESUMING || conn->resume == NULL) {
        claimed->msg.free_fn(&claimed->msg);
        return;
    }
    const struct host_start start = {.name = claimed->session,
                                     .subject = claimed->subject,
                                     .message = claimed->message,
                                     .restore = &claimed->restore,
                                     .wall_us = claimed->started_wall_us,
                                     .owner_epoch = claimed->owner_epoch};
    int status = claimed->status;
    if (status == STATUS_OK)
        status = host_create(&host, conn->front, &start);
    if (status == STATUS_OK) {
        struct conn_resume resume = *conn->resume;
        resume_end(conn);
        metrics_add(METRIC_RESUMES, 1);
        LOG_INFO(LOG_SESSION, host->id, "session restored", "name=%s epoch=%u seen=%llu seq=%llu",
                 host->name, claimed->restore.epoch, (unsigned long long)resume.seen,
                 (unsigned long long)claimed->restore.seq);
        session_allow(host->session, resume.until_us);
        host_attach(host, &(struct host_socket){.conn = conn,
                                                .claimed = true,
                                                .seen = resume.seen,
                                                .token = resume.next,
                                                .token_before = resume.token});
        if (claimed->end_reason[0] != '\0')
            host_ended_before(host, claimed->end_reason);
        explicit_bzero(&resume, sizeof resume);
    } else if (status == STATUS_AUTH || status == STATUS_INVALID) {
        refuse(conn);
    } else if (status == STATUS_LIMIT) {
        conn_refuse_sessions(conn);
    } else {
        conn_busy(conn);
    }
    claimed->msg.free_fn(&claimed->msg);
}

void resume_on_refused(struct conn *conn, struct msg *msg)
{
    struct host_move *move = (struct host_move *)msg;
    bool gone = move->to == UINT32_MAX;
    msg->free_fn(msg);
    if (conn->state != CONN_RESUMING || conn->resume == NULL)
        return;
    if (gone)
        look(conn); /* it has moved, or ended meanwhile */
    else
        refuse(conn);
}

void resume_drop(struct conn *conn)
{
    resume_end(conn);
}

/* --- the front that has it --- */

static void answer_refused(struct host_move *move, bool gone)
{
    move->to = gone ? UINT32_MAX : move->to;
    move->msg.kind = FRONT_REFUSED;
    move->msg.session = move->conn;
    /* Where there is no room for it the client gives up waiting and comes back. */
    if (server_offer(move->server, &move->msg) != STATUS_OK)
        move_free(&move->msg);
}

/*
 * What other threads send from now on goes to the other front, where it waits; what they have sent
 * is in this mailbox already, so a message behind it tells when the last of it has been heard.
 */
static void begin_move(struct front *front, struct host *host, struct host_move *move)
{
    struct conn *before = host->conn;
    if (before != NULL) {
        before->host = NULL;
        host->conn = NULL;
        conn_replaced(before);
        session_hold(host->session, loop_now_us(front->loop));
    }
    directory_move(front->server->directory, host->id, move->to);
    move->msg.kind = FRONT_LEAVE;
    if (front_send(front, &move->msg) == STATUS_OK) {
        host->move = move;
        take_token(host, move->what.token);
        return;
    }
    directory_move(front->server->directory, host->id, front->index);
    answer_refused(move, true);
}

void resume_on_wanted(struct front *front, struct msg *msg)
{
    struct host_move *move = (struct host_move *)msg;
    struct host *host = host_find(front, msg->session);
    if (host == NULL || host->move != NULL || host->broken || host->fenced ||
        strcmp(host->name, move->what.session) != 0)
        answer_refused(move, true);
    else if (!allowed(host, &move->what))
        answer_refused(move, false);
    else if (move->to == front->index)
        answer_refused(move, true); /* it has come here meanwhile */
    else
        begin_move(front, host, move);
}

void resume_on_leave(struct front *front, struct msg *msg)
{
    struct host_move *move = (struct host_move *)msg;
    struct host *host = host_find(front, msg->session);
    struct front *to = front->server->fronts[move->to];
    assert(host != NULL && host->move == move && host->conn == NULL);
    /* Its jobs leave in order, too. */
    bool ready = front->outbox.len == 0;
    loop_timer_stop(&host->timer);
    glances_leave(host);
    front_unbind_host(front, host->id);
    host->front = to;
    move->host = host;
    move->msg.kind = FRONT_ARRIVE;
    if (ready && front_send(to, msg) == STATUS_OK)
        return;
    move->host = NULL;
    host->front = front;
    front_bind_host(front, host->id, host);
    glances_arrive(host);
    move->msg.kind = FRONT_LEAVE;
    host_run(host);
    front_later(front, msg);
}

/* --- the front it goes to --- */

bool resume_keep(struct front *front, struct msg *msg)
{
    if (msg->session == 0 || front->stopping ||
        directory_front(front->server->directory, msg->session) != (int)front->index)
        return false;
    assert(msg->next == NULL);
    *front->kept_tail = msg;
    front->kept_tail = &msg->next;
    return true;
}

/* What came for it before it did, in order. */
static void give_kept(struct front *front, uint64_t id)
{
    struct msg **link = &front->kept;
    while (*link != NULL) {
        struct msg *msg = *link;
        if (msg->session != id) {
            link = &msg->next;
            continue;
        }
        *link = msg->next;
        if (front->kept_tail == &msg->next)
            front->kept_tail = link;
        msg->next = NULL;
        front_receive(front, msg);
        link = &front->kept; /* what was received may have changed the list */
    }
}

void resume_on_arrive(struct front *front, struct msg *msg)
{
    struct host_move *move = (struct host_move *)msg;
    struct host *host = move->host;
    struct conn *conn = front_find(front, move->conn);
    uint64_t id = host->id;
    assert(host->front == front);
    move->host = NULL;
    host->move = NULL;
    front_bind_host(front, id, host);
    session_handover(host->session, &front->handover);
    glances_arrive(host);
    msg->free_fn(msg);
    give_kept(front, id);
    host = host_find(front, id);
    bool wanted = conn != NULL && conn->state == CONN_RESUMING && conn->resume != NULL;
    bool lost = host != NULL && (host->broken || host->fenced || (front->stopping && !wanted));
    if (lost)
        host_destroy(host);
    if (host != NULL && !lost && wanted)
        attach(host, conn);
    else if (host != NULL && !lost)
        host_run(host);
    else if (wanted)
        look(conn); /* what it was is in the store */
}

void resume_forget(struct front *front)
{
    while (front->kept != NULL) {
        struct msg *msg = front->kept;
        front->kept = msg->next;
        msg->free_fn(msg);
    }
    front->kept_tail = &front->kept;
}
