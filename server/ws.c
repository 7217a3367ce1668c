#include "server/ws.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/status.h"
#include "base/utf8.h"
#include "loop/loop_uv.h"
#include "server/bearer.h"
#include "server/config.h"
#include "server/front.h"
#include "server/http.h"
#include "server/http_head.h"
#include "server/intake.h"
#include "server/monitor_limits.h"
#include "server/peers_gate.h"
#include "server/server.h"
#include "server/tls.h"
#include "server/token.h"
#include <libwebsockets.h>
#include <linux/tcp.h> /* its tcp_info tells of bytes, netinet's does not */
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define WS_BUFFER_BYTES 16384 /* one receive buffer a front */
/* One more a connection: longer messages come in pieces. With what the library adds it fits 5 KB, a
 * size class of mimalloc, and holds 100 ms of audio at 24,000 samples a second. */
#define WS_MESSAGE_BYTES 4992
#define WS_HEADER_BYTES  8192 /* of one HTTP request */
/* Requests being read at once: who sends slowly keeps a place for WS_HEADER_SECS, and past the
 * places nobody gets in. Taken when needed, 9 KB each. */
#define WS_HEADER_POOL 4096
#define WS_HEADER_SECS 5 /* for sending a whole HTTP request */

/* For a peer to answer our Close; less where it has broken the protocol, or closed first. */
#define WS_CLOSE_US (3 * LWS_US_PER_SEC)
#define WS_FAIL_US  (LWS_US_PER_SEC / 2)

/* The library keeps one of these a WebSocket and one a plain request. */
struct ws_user {
    const struct ws_ops *ops;
    void *owner;
    bool pausing;     /* reading is to stop as soon as it may */
    bool peer_closed; /* its Close has come: the library's answer is all that follows */
};

static struct front *front_of(struct lws *wsi)
{
    return lws_context_user(lws_get_context(wsi));
}

static struct loop_uv *uv_of(struct lws *wsi)
{
    return front_of(wsi)->uv;
}

void ws_want_write(struct lws *wsi)
{
    lws_callback_on_writable(wsi);
    loop_uv_kick(uv_of(wsi));
}

/*
 * The library's own way, a WRITEABLE callback for each message, costs two epoll_ctl and another
 * turn of its loop. It lets its thread write at any time when lws_send_pipe_choked() says no: then
 * nothing of an earlier message is left with it and the kernel has room.
 */
void ws_send(struct lws *wsi)
{
    const struct ws_user *user = lws_wsi_user(wsi);
    const struct ws_ops *ops = user->ops;
    char *data;
    size_t len;
    bool dead = false;
    while (!dead && !ops->is_closed(user->owner) && !user->peer_closed &&
           !lws_send_pipe_choked(wsi) && ops->next(user->owner, &data, &len)) {
        dead = lws_write(wsi, (unsigned char *)data, len, LWS_WRITE_TEXT) < 0;
        ops->sent(user->owner);
    }
    if (dead)
        ws_kill(wsi);
    else if (ops->has_output(user->owner))
        ws_want_write(wsi);
}

/*
 * A pause while TLS holds decrypted bytes would keep version 4.1.6 in a loop for ever: it puts back
 * what it has read and reads again until TLS holds nothing. So the rest of the TLS record, 16 KB at
 * most, is taken first.
 */
void ws_pause_rx(struct lws *wsi, bool pause)
{
    struct ws_user *user = lws_wsi_user(wsi);
    user->pausing = pause && tls_holds_more(lws_get_ssl(wsi));
    if (user->pausing)
        lws_callback_on_writable(wsi); /* should no other piece of the record come */
    else
        lws_rx_flow_control(wsi, pause ? 0 : 1);
    loop_uv_kick(uv_of(wsi));
}

static void pause_now(struct lws *wsi, const struct ws_user *user)
{
    if (user->owner != NULL && user->pausing)
        ws_pause_rx(wsi, true);
}

void ws_alive(struct lws *wsi)
{
    lws_validity_confirmed(wsi);
}

uint64_t ws_received(struct lws *wsi)
{
    int fd = lws_get_socket_fd(wsi), unread = 0;
    struct tcp_info info = {0};
    socklen_t len = sizeof info;
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0 ||
        ioctl(fd, FIONREAD, &unread) != 0)
        return 0;
    return info.tcpi_bytes_received - (uint64_t)unread;
}

void ws_bound_unsent(struct lws *wsi, int bytes)
{
    /* Where the system does not know it, more of what is stale waits in the kernel. */
    (void)setsockopt(lws_get_socket_fd(wsi), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &bytes, sizeof bytes);
}

void ws_kill(struct lws *wsi)
{
    lws_set_timeout(wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_ASYNC);
    loop_uv_kick(uv_of(wsi));
}

char *ws_credential(struct lws *wsi)
{
    char text[TOKEN_BYTES_MAX + 16] = "";
    const char *shown = NULL;
    size_t len = 0;
    if (lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_AUTHORIZATION) > 0) {
        if (lws_hdr_copy(wsi, text, sizeof text, WSI_TOKEN_HTTP_AUTHORIZATION) > 0)
            shown = bearer_of_authorization(text);
        len = shown != NULL ? strlen(shown) : 0;
        shown = shown != NULL ? shown : "";
    } else if (lws_hdr_copy(wsi, text, sizeof text, WSI_TOKEN_PROTOCOL) > 0) {
        shown = bearer_of_protocols(text, &len);
    }
    char *copy = shown != NULL ? mem_strndup(shown, len) : NULL;
    explicit_bzero(text, sizeof text);
    return copy;
}

static int on_receive(struct lws *wsi, const struct ws_user *user, void *in, size_t len)
{
    struct intake_piece piece = {
        .bytes = in,
        .len = len,
        .left = lws_remaining_packet_payload(wsi),
        .text = !lws_frame_is_binary(wsi),
        .first = lws_is_first_fragment(wsi) != 0,
        .last = lws_is_final_fragment(wsi) != 0,
    };
    user->ops->receive(user->owner, &piece);
    pause_now(wsi, user);
    return 0;
}

/* The library closes, or we had it close: it would wait five seconds for the peer's Close, which it
 * also does not notice when the peer broke the protocol before. */
static void on_closing(struct lws *wsi, const struct ws_user *user)
{
    bool ours = user->ops->is_closed(user->owner) && !user->peer_closed;
    user->ops->abandon(user->owner);
    lws_set_timer_usecs(wsi, ours ? WS_CLOSE_US : WS_FAIL_US);
    loop_uv_kick(uv_of(wsi));
}

/* Closes with the connection's code. Only from the library's timer: a -1 from WRITEABLE counts as a
 * broken socket, and its Close frame would never be sent. */
static int on_close_timer(struct lws *wsi, const struct ws_user *user)
{
    if (user->ops->is_closed(user->owner))
        return -1; /* on_closing(): the time is over */
    if (!user->ops->may_close(user->owner))
        return 0;
    lws_close_reason(wsi, (enum lws_close_status)user->ops->close(user->owner), NULL, 0);
    return -1;
}

/* One message a callback. The library calls back only once everything before has left, so a close
 * that waits for its turn cuts no message short. */
static int on_writeable(struct lws *wsi, const struct ws_user *user)
{
    const struct ws_ops *ops = user->ops;
    char *data;
    size_t len;
    pause_now(wsi, user);
    /* The library's own Close may still be on its way; nothing follows it. */
    if (ops->is_closed(user->owner))
        return 0;
    if (!ops->next(user->owner, &data, &len)) {
        if (ops->may_close(user->owner)) {
            lws_set_timer_usecs(wsi, 1);
            loop_uv_kick(uv_of(wsi));
        }
        return 0;
    }
    if (lws_write(wsi, (unsigned char *)data, len, LWS_WRITE_TEXT) < 0)
        return -1;
    ops->sent(user->owner);
    if (ops->has_output(user->owner))
        lws_callback_on_writable(wsi);
    return 0;
}

static bool close_code_valid(unsigned code)
{
    /* RFC 6455 §7.4.2 and the IANA registry; 1004–1006 and 1015 never travel. */
    return (code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006) ||
           (code >= 3000 && code <= 4999);
}

/* A peer that closes still reads until our Close: what waits for the socket goes before it. The
 * library keeps, in order, what the kernel does not take at once. */
static void send_rest(struct lws *wsi, const struct ws_user *user)
{
    const struct ws_ops *ops = user->ops;
    char *data;
    size_t len;
    while (!ops->is_closed(user->owner) && ops->next(user->owner, &data, &len)) {
        if (lws_write(wsi, (unsigned char *)data, len, LWS_WRITE_TEXT) < 0)
            return;
        ops->sent(user->owner);
    }
}

/* The library echoes a peer's close as it came; what RFC 6455 §5.5.1 forbids is answered properly
 * here. */
static int on_peer_close(struct lws *wsi, struct ws_user *user, const uint8_t *payload, size_t len)
{
    if (user->owner != NULL) {
        send_rest(wsi, user);
        user->peer_closed = true;
    }
    if (len == 0)
        return 0;
    unsigned code = len >= 2 ? (unsigned)payload[0] << 8 | payload[1] : 0;
    if (user->owner != NULL && code == 1000 && user->ops->goodbye != NULL)
        user->ops->goodbye(user->owner);
    if (!close_code_valid(code)) {
        lws_close_reason(wsi, LWS_CLOSE_STATUS_PROTOCOL_ERR, NULL, 0);
        return -1;
    }
    if (!utf8_valid(payload + 2, len - 2)) {
        lws_close_reason(wsi, LWS_CLOSE_STATUS_INVALID_PAYLOAD, NULL, 0);
        return -1;
    }
    return 0;
}

static int on_established(struct lws *wsi, const struct ws_ops *ops, struct ws_user *user)
{
    user->ops = ops;
    user->owner = ops->create(front_of(wsi), wsi);
    return user->owner != NULL ? 0 : -1;
}

static int on_socket(struct lws *wsi, int reason, struct ws_user *user, void *in, size_t len)
{
    switch (reason) {
    case LWS_CALLBACK_RECEIVE: return user->owner != NULL ? on_receive(wsi, user, in, len) : -1;
    case LWS_CALLBACK_SERVER_WRITEABLE: return user->owner != NULL ? on_writeable(wsi, user) : -1;
    case LWS_CALLBACK_TIMER: return user->owner != NULL ? on_close_timer(wsi, user) : 0;
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE: return on_peer_close(wsi, user, in, len);
    case LWS_CALLBACK_WS_SERVER_DROP_PROTOCOL:
        if (user->owner != NULL)
            on_closing(wsi, user);
        return 0;
    case LWS_CALLBACK_CLOSED:
        if (user->owner != NULL)
            user->ops->destroy(user->owner);
        user->owner = NULL;
        return 0;
    default: return 0;
    }
}

/* The request's headers are there until the end of the first callback. */
static int on_stream(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                     size_t len)
{
    if (reason == LWS_CALLBACK_ESTABLISHED)
        return on_established(wsi, &ws_stream_ops, user);
    return on_socket(wsi, (int)reason, user, in, len);
}

static int on_monitor(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                      size_t len)
{
    if (reason == LWS_CALLBACK_ESTABLISHED)
        return on_established(wsi, &ws_monitor_ops, user);
    return on_socket(wsi, (int)reason, user, in, len);
}

static int on_http(struct lws *wsi, enum lws_callback_reasons reason, void *user_data, void *in,
                   size_t len)
{
    struct http_reply *reply = user_data;
    switch ((int)reason) {
    case LWS_CALLBACK_OPENSSL_LOAD_EXTRA_SERVER_VERIFY_CERTS: /* user_data: the vhost's SSL_CTX */
        return tls_setup(front_of(wsi)->server->tls, user_data) == STATUS_OK ? 0 : -1;
    case LWS_CALLBACK_HTTP:
        peers_gate_arrived(front_of(wsi), wsi);
        return http_request(front_of(wsi), wsi, in, reply);
    case LWS_CALLBACK_HTTP_BODY: return http_body(reply, in, len);
    case LWS_CALLBACK_HTTP_BODY_COMPLETION: return http_body_end(reply);
    case LWS_CALLBACK_HTTP_WRITEABLE: return http_writeable(wsi, reply);
    case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
        peers_gate_arrived(front_of(wsi), wsi);
        if (strcasecmp(in, "websocket") != 0)
            return -1; /* h2c would be silent for ever */
        return http_upgrade_allowed(front_of(wsi), wsi) ? 0 : -1;
    case LWS_CALLBACK_WSI_DESTROY:
        if (peers_gate_leave(front_of(wsi), wsi))
            front_socket_gone(front_of(wsi));
        return 0;
    case LWS_CALLBACK_RAW_ADOPT: return -1;   /* CONNECT and the like */
    case LWS_CALLBACK_ESTABLISHED: return -1; /* a WebSocket of nobody's */
    case LWS_CALLBACK_CLOSED_HTTP:
    case LWS_CALLBACK_HTTP_DROP_PROTOCOL:
        if (reply != NULL)
            http_reply_free(reply);
        return 0;
    default: return lws_callback_http_dummy(wsi, reason, user_data, in, len);
    }
}

/* Added to every answer over TLS: who came by TLS once does not come without. */
static const struct lws_protocol_vhost_options hsts = {
    .next = http_head_always, .name = "strict-transport-security:", .value = "max-age=31536000"};

static const struct lws_protocols protocols[] = {
    {.name = "http", .callback = on_http, .per_session_data_size = sizeof(struct http_reply)},
    {.name = "sotto.v1",
     .callback = on_stream,
     .per_session_data_size = sizeof(struct ws_user),
     .rx_buffer_size = WS_MESSAGE_BYTES},
    {.name = "sotto.monitor.v1",
     .callback = on_monitor,
     .per_session_data_size = sizeof(struct ws_user),
     .rx_buffer_size = WS_MESSAGE_BYTES,
     .tx_packet_size = MONITOR_SEND_BYTES},
    {0},
};

static void on_lws_log(int level, const char *line)
{
    size_t len = strcspn(line, "\n");
    char text[200];
    snprintf(text, sizeof text, "%.*s", (int)len, line);
    if (level == LLL_ERR)
        LOG_DEBUG(LOG_FRONT, 0, "libwebsockets", "text=%s", LOG_Q(text));
    else
        LOG_TRACE(LOG_FRONT, 0, "libwebsockets", "text=%s", LOG_Q(text));
}

int ws_open(struct front *front)
{
    lws_set_log_level(LLL_ERR | LLL_WARN, on_lws_log);
    void *loops[] = {loop_uv_get(front->uv)};
    uint16_t ping_s = (uint16_t)front->server->config->ping_s;
    /* Borrowed by the context for its life. */
    front->keepalive = mem_calloc(1, sizeof *front->keepalive);
    if (front->keepalive == NULL)
        return STATUS_NOMEM;
    front->keepalive->secs_since_valid_ping = ping_s;
    front->keepalive->secs_since_valid_hangup = (uint16_t)(ping_s + (ping_s + 1) / 2);
    struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN_SERVER,
        .protocols = protocols,
        .user = front,
        .foreign_loops = loops,
        .pcontext = &front->lws,
        .options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS,
        .headers = http_head_always,
        .pt_serv_buf_size = WS_BUFFER_BYTES,
        .max_http_header_data2 = WS_HEADER_BYTES,
        .max_http_header_pool2 = WS_HEADER_POOL,
        .timeout_secs = WS_HEADER_SECS,
        .timeout_secs_ah_idle = WS_HEADER_SECS,
        .keepalive_timeout = WS_HEADER_SECS,
        .fd_limit_per_thread = (unsigned)front->server->config->connections_max + 64,
        .retry_and_idle_policy = front->keepalive,
        .server_string = "sotto",
        .gid = -1,
        .uid = -1,
    };
    if (front->server->tls != NULL)
        info.options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
    front->lws = lws_create_context(&info);
    if (front->lws == NULL)
        return STATUS_INTERNAL;
    loop_uv_pin("libwebsockets-evlib_uv");
    info.vhost_name = "sotto";
    if (front->server->tls != NULL) {
        info.options |= LWS_SERVER_OPTION_CREATE_VHOST_SSL_CTX;
        info.alpn = "http/1.1";
        info.headers = &hsts;
    }
    front->vhost = lws_create_vhost(front->lws, &info);
    return front->vhost != NULL ? STATUS_OK : STATUS_INTERNAL;
}

struct lws *ws_adopt(struct front *front, int fd)
{
    lws_sock_file_fd_type socket = {.sockfd = fd};
    lws_adoption_type type = LWS_ADOPT_SOCKET | LWS_ADOPT_HTTP;
    if (front->server->tls != NULL)
        type |= LWS_ADOPT_ALLOW_SSL;
    /* The library closes the descriptor when it refuses it. */
    struct lws *wsi = lws_adopt_descriptor_vhost(front->vhost, type, socket, NULL, NULL);
    loop_uv_kick(front->uv);
    return wsi;
}

void ws_close(struct front *front)
{
    lws_context_destroy(front->lws);
    loop_uv_kick(front->uv);
}
