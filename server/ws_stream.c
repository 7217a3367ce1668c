/* A WebSocket of sotto.v1, whose owner is a connection (server/conn.h). */
#include "server/conn.h"
#include "server/ws.h"

/* The request's headers are there until the end of the callback that calls this. */
static void *create(struct front *front, struct lws *wsi)
{
    struct conn *conn = conn_create(front, wsi);
    if (conn != NULL)
        conn->credential = ws_credential(wsi);
    return conn;
}

static void receive(void *conn, const struct intake_piece *piece)
{
    conn_receive(conn, piece);
}

static bool next(void *conn, char **data, size_t *len)
{
    return conn_next(conn, data, len);
}

static void sent(void *conn)
{
    conn_sent(conn);
}

static bool has_output(const void *conn)
{
    return conn_has_output(conn);
}

static bool may_close(const void *conn)
{
    return conn_may_close(conn);
}

static int close_now(void *owner)
{
    struct conn *conn = owner;
    conn->state = CONN_CLOSED;
    return conn->close_code;
}

static void abandon(void *conn)
{
    conn_abandon(conn);
}

static bool is_closed(const void *conn)
{
    return ((const struct conn *)conn)->state == CONN_CLOSED;
}

static void goodbye(void *conn)
{
    ((struct conn *)conn)->goodbye = true;
}

static void destroy(void *conn)
{
    conn_destroy(conn);
}

const struct ws_ops ws_stream_ops = {.create = create,
                                     .receive = receive,
                                     .next = next,
                                     .sent = sent,
                                     .has_output = has_output,
                                     .may_close = may_close,
                                     .close = close_now,
                                     .abandon = abandon,
                                     .is_closed = is_closed,
                                     .goodbye = goodbye,
                                     .destroy = destroy};
