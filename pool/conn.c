/* One connection: its multi handle, keeping it warm, opening it again. */
#include "base/log.h"
#include "base/mem.h"
#include "base/status.h"
#include "pool/internal.h"
#include <assert.h>

static void conn_on_care(struct loop_timer *timer);

static struct pool__conn *conn_of_care(struct loop_timer *timer)
{
    return (struct pool__conn *)((char *)timer - offsetof(struct pool__conn, care));
}

static void conn_set_state(struct pool__conn *conn, enum pool__conn_state state)
{
    /* Nothing becomes cold again; only a GET's answer makes a connection warm, where there is one.
     */
    assert(state != CONN_COLD &&
           (state != CONN_WARM || conn->getting || conn->pool->config.on_demand));
    assert(conn->state != CONN_RETIRING);
    LOG_TRACE(LOG_POOL, 0, "connection state", "conn=%llu from=%d to=%d",
              (unsigned long long)conn->serial, conn->state, state);
    conn->state = state;
}

static void care_at(struct pool__conn *conn, int64_t due_us)
{
    loop_timer_start(conn->pool->loop, &conn->care, due_us, conn_on_care);
}

static void care_keep_warm(struct pool__conn *conn)
{
    unsigned keepalive_ms = conn->pool->config.keepalive_ms;
    if (keepalive_ms > 0)
        care_at(conn, conn->used_us + (int64_t)keepalive_ms * 1000);
}

static void conn_on_care(struct loop_timer *timer)
{
    struct pool__conn *conn = conn_of_care(timer);
    int64_t now_us = loop_now_us(conn->pool->loop);
    if (conn->state == CONN_WARM && !conn->unread && !conn->reset_unsent) {
        if (conn->pool->config.keepalive_ms == 0)
            return;
        if (conn->in_flight > 0)
            conn->used_us = now_us;
        if (now_us - conn->used_us < (int64_t)conn->pool->config.keepalive_ms * 1000) {
            care_keep_warm(conn);
            return;
        }
    }
    pool__conn_warm(conn);
}

int pool__conn_add(struct pool__conn *conn, struct pool__slot *slot)
{
    slot->conn = conn;
    slot->streams = 0;
    slot->finished = slot->barred = false;
    slot->error[0] = '\0';
    if (curl_multi_add_handle(conn->multi, slot->easy) != CURLM_OK)
        return STATUS_NOMEM;
    conn->kicked = true;
    conn->unread = conn->reset_unsent = false;
    if (slot->exchange != NULL) {
        conn->in_flight++;
        conn->waiting++;
        conn->used_us = loop_now_us(conn->pool->loop);
    }
    return STATUS_OK;
}

/*
 * libcurl 7.88 queues RST_STREAM when a handle is removed, but only the connection's next frame
 * takes it along. Often that is the newer revision's request; when nothing follows, the GET does
 * it.
 */
static void conn_reset_later(struct pool__conn *conn)
{
    int64_t due_us = loop_now_us(conn->pool->loop) + POOL_RESET_WAIT_MS * 1000;
    if (conn->state != CONN_WARM || conn->getting || conn->upstream->plain || conn->pool->closing)
        return;
    conn->reset_unsent = true;
    if (!loop_timer_armed(&conn->care) || conn->care.due_us > due_us)
        care_at(conn, due_us);
}

void pool__conn_remove(struct pool__slot *slot)
{
    struct pool__conn *conn = slot->conn;
    CURLMcode code = curl_multi_remove_handle(conn->multi, slot->easy);
    assert(code == CURLM_OK);
    if (slot->exchange == NULL)
        return;
    assert(conn->in_flight > 0);
    conn->in_flight--;
    if (slot->streams == 0)
        conn->waiting--;
    else if (!slot->finished)
        conn_reset_later(conn);
}

void pool__conn_warm(struct pool__conn *conn)
{
    if (conn->getting || conn->pool->closing || conn->state == CONN_RETIRING)
        return;
    loop_timer_stop(&conn->care);
    if (conn->pool->config.on_demand) {
        /* libcurl connects when a request comes. */
        conn->unread = conn->reset_unsent = false;
        conn_set_state(conn, CONN_WARM);
        conn->tried = true;
        pool__ready_check(conn->pool);
        return;
    }
    /* After a failure the old connection is not to be trusted, however alive it looks. */
    curl_easy_setopt(conn->own->easy, CURLOPT_FRESH_CONNECT, conn->state == CONN_DOWN ? 1L : 0L);
    conn->getting = true;
    if (conn->state != CONN_WARM)
        conn_set_state(conn, CONN_WARMING);
    if (pool__conn_add(conn, conn->own) != STATUS_OK) {
        conn->getting = false;
        conn_set_state(conn, CONN_DOWN);
        care_at(conn, loop_now_us(conn->pool->loop) + POOL_REWARM_MAX_MS * 1000);
        return;
    }
    pool__pump_later(conn->pool);
}

void pool__conn_opens(struct pool__conn *conn)
{
    conn->going_away = false;
    conn->streams_allowed = UINT32_MAX;
    if (conn->state == CONN_WARM)
        conn_set_state(conn, CONN_WARMING);
}

void pool__conn_suspect(struct pool__conn *conn)
{
    if (conn->state != CONN_WARM)
        return;
    conn_set_state(conn, CONN_WARMING);
    pool__conn_warm(conn);
}

void pool__conn_hurry(struct pool__conn *conn)
{
    int64_t soon_us = loop_now_us(conn->pool->loop) + POOL_REWARM_WANTED_MS * 1000;
    if (conn->state == CONN_DOWN && conn->care.due_us > soon_us)
        care_at(conn, soon_us);
}

void pool__conn_idle_readable(struct pool__conn *conn)
{
    if (conn->in_flight > 0 || conn->getting || conn->state != CONN_WARM)
        return;
    if (pool__sockets_dead(conn)) {
        LOG_DEBUG(LOG_POOL, 0, "idle connection closed by the peer", "conn=%llu",
                  (unsigned long long)conn->serial);
        pool__conn_suspect(conn);
        return;
    }
    conn->unread = true;
    care_at(conn, loop_now_us(conn->pool->loop) + POOL_IDLE_READ_MS * 1000);
}

static void conn_up(struct pool__conn *conn, long http_status, bool opened)
{
    long version = 0;
    curl_easy_getinfo(conn->own->easy, CURLINFO_HTTP_VERSION, &version);
    conn->multiplex = version >= CURL_HTTP_VERSION_2_0;
    conn->streams_max = conn->multiplex ? conn->upstream->config.streams_per_connection : 1;
    if (!conn->multiplex && !conn->upstream->plain)
        LOG_WARN(LOG_POOL, 0, "upstream speaks no HTTP/2: one request at a time", "conn=%llu",
                 (unsigned long long)conn->serial);
    if (http_status == 401 || http_status == 403)
        LOG_ERROR(LOG_POOL, 0, "upstream refuses the credentials", "status=%ld", http_status);
    if (conn->failures > 0)
        LOG_INFO(LOG_POOL, 0, "upstream connection is back", "conn=%llu failures=%u",
                 (unsigned long long)conn->serial, conn->failures);
    conn->failures = 0;
    conn->used_us = loop_now_us(conn->pool->loop);
    conn_set_state(conn, CONN_WARM);
    conn->getting = false;
    care_keep_warm(conn);
    pool__conn_settle(conn, opened);
}

static void conn_down(struct pool__conn *conn, CURLcode result)
{
    int64_t wait_ms = POOL_REWARM_MIN_MS << (conn->failures < 8 ? conn->failures : 8);
    if (wait_ms > POOL_REWARM_MAX_MS)
        wait_ms = POOL_REWARM_MAX_MS;
    wait_ms -= rng_range(&conn->pool->rng, 0, wait_ms / 4);
    conn->failures++;
    conn->getting = false;
    conn_set_state(conn, CONN_DOWN);
    const char *why = conn->own->error[0] != '\0' ? conn->own->error : curl_easy_strerror(result);
    LOG_WARN(LOG_POOL, 0, "upstream connection failed", "conn=%llu url=%s error=%s retry_ms=%lld",
             (unsigned long long)conn->serial, conn->upstream->config.account.url, LOG_Q(why),
             (long long)wait_ms);
    care_at(conn, loop_now_us(conn->pool->loop) + wait_ms * 1000);
}

/* The GET has ended: any answer at all shows that the connection works. */
static void conn_on_get(struct pool__conn *conn, CURLcode result)
{
    long http_status = 0, connects = 0;
    curl_easy_getinfo(conn->own->easy, CURLINFO_RESPONSE_CODE, &http_status);
    curl_easy_getinfo(conn->own->easy, CURLINFO_NUM_CONNECTS, &connects);
    POOL_COUNT(conn->pool, connects_total, (uint64_t)connects);
    pool__conn_remove(conn->own);
    if (result == CURLE_OK && http_status > 0)
        conn_up(conn, http_status, connects > 0);
    else
        conn_down(conn, result);
    conn->tried = true;
    pool__ready_check(conn->pool);
    pool__pump_later(conn->pool);
}

static void conn_reap(struct pool__conn *conn)
{
    CURLMsg *msg;
    int left;
    while ((msg = curl_multi_info_read(conn->multi, &left)) != NULL) {
        if (msg->msg != CURLMSG_DONE)
            continue;
        /* `msg` does not outlive the removal of its handle. */
        CURLcode result = msg->data.result;
        struct pool__slot *slot = NULL;
        curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, (char **)&slot);
        if (slot == conn->own)
            conn_on_get(conn, result);
        else
            pool__exchange_done(slot, result);
    }
}

static bool conn_clock_is_due(const struct pool__conn *conn)
{
    return loop_timer_armed(&conn->clock) && conn->clock.due_us <= loop_now_us(conn->pool->loop);
}

void pool__conn_ready(struct pool__conn *conn, curl_socket_t fd, int events)
{
    int running;
    struct pool *pool = conn->pool;
    assert(!pool->in_turn);
    pool->in_turn = true;
    conn->kicked = false;
    pool__peek_begin(conn);
    curl_multi_socket_action(conn->multi, fd, events, &running);
    /* libcurl asks for "at once" by a timeout of 0: a few of them are cheaper here than in turns of
     * their own. */
    for (int round = 0; round < POOL_AT_ONCE_ROUNDS && conn_clock_is_due(conn); round++)
        curl_multi_socket_action(conn->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    pool__peek_end();
    pool__dirty_flush(pool);
    /* Before its requests look for another place; after it, because only now it may be warm. */
    pool__conn_leave(conn);
    conn_reap(conn);
    pool__conn_leave(conn);
    pool->in_turn = false;
}

void pool__conn_kick(struct pool__conn *conn)
{
    if (conn->kicked)
        pool__conn_ready(conn, CURL_SOCKET_TIMEOUT, 0);
}

static void conn_on_clock(struct loop_timer *timer)
{
    struct pool__conn *conn =
        (struct pool__conn *)((char *)timer - offsetof(struct pool__conn, clock));
    pool__conn_ready(conn, CURL_SOCKET_TIMEOUT, 0);
}

static int conn_set_clock(CURLM *multi, long timeout_ms, void *ctx)
{
    struct pool__conn *conn = ctx;
    if (timeout_ms < 0) {
        loop_timer_stop(&conn->clock);
        return 0;
    }
    int64_t due_us = loop_now_us(conn->pool->loop) + (int64_t)timeout_ms * 1000;
    return loop_timer_start(conn->pool->loop, &conn->clock, due_us, conn_on_clock) == 0 ? 0 : -1;
}

static int conn_init(struct pool__conn *conn)
{
    bool plain = conn->upstream->plain || conn->pool->config.on_demand;
    conn->multi = curl_multi_init();
    conn->own = pool__slot_create(conn->upstream, true);
    if (conn->multi == NULL || conn->own == NULL)
        return STATUS_NOMEM;
    curl_multi_setopt(conn->multi, CURLMOPT_SOCKETFUNCTION, pool__socket_watch);
    curl_multi_setopt(conn->multi, CURLMOPT_SOCKETDATA, conn);
    curl_multi_setopt(conn->multi, CURLMOPT_TIMERFUNCTION, conn_set_clock);
    curl_multi_setopt(conn->multi, CURLMOPT_TIMERDATA, conn);
    curl_multi_setopt(conn->multi, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX);
    /* At its limit libcurl would queue without a word. One more than there ever is: a request that
     * finds no connection asks to open one, and is told to go elsewhere (sockets.c). */
    curl_multi_setopt(conn->multi, CURLMOPT_MAX_HOST_CONNECTIONS, plain ? 1L : 2L);
    curl_multi_setopt(conn->multi, CURLMOPT_MAXCONNECTS, 1L);
    curl_multi_setopt(conn->multi, CURLMOPT_MAX_CONCURRENT_STREAMS,
                      (long)conn->upstream->config.streams_per_connection + 1);
    return STATUS_OK;
}

struct pool__conn *pool__conn_create(struct pool__upstream *upstream, unsigned place)
{
    struct pool *pool = upstream->pool;
    struct pool__conn *conn = mem_calloc(1, sizeof *conn);
    if (conn == NULL)
        return NULL;
    conn->pool = pool;
    conn->upstream = upstream;
    conn->place = place;
    conn->serial = ++pool->serials;
    conn->streams_max = upstream->plain ? 1 : upstream->config.streams_per_connection;
    conn->streams_allowed = UINT32_MAX;
    conn->next = pool->conns;
    pool->conns = conn;
    if (conn_init(conn) == STATUS_OK)
        return conn;
    pool__conn_destroy(conn);
    return NULL;
}

static void conn_stop(struct pool__conn *conn)
{
    loop_timer_stop(&conn->care);
    loop_timer_stop(&conn->age);
    if (conn->getting)
        pool__conn_remove(conn->own);
    conn->getting = false;
}

void pool__conn_retire(struct pool__conn *conn)
{
    conn_stop(conn);
    conn_set_state(conn, CONN_RETIRING);
    pool__pump_later(conn->pool);
}

void pool__conn_destroy(struct pool__conn *conn)
{
    assert(conn->in_flight == 0);
    conn_stop(conn);
    pool__slot_destroy(conn->own);
    /* Closes its sockets, which are looked for on the list. */
    if (conn->multi != NULL)
        curl_multi_cleanup(conn->multi);
    /* A socket that libcurl forgot to report must not be waited for. */
    pool__sockets_drop(conn);
    loop_timer_stop(&conn->clock);
    struct pool__conn **link = &conn->pool->conns;
    while (*link != conn)
        link = &(*link)->next;
    *link = conn->next;
    mem_free(conn);
}
