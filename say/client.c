#include "say/client.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/status.h"
#include "loop/loop_uv.h"
#include <assert.h>
#include <libwebsockets.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#define MESSAGE_BYTES                                                                              \
    (SAY_FRAME_SAMPLES * 2 > SAY_START_BYTES ? SAY_FRAME_SAMPLES * 2 : SAY_START_BYTES)

#define DESTROY_TURNS 64

struct client {
    struct lws_context *context;
    struct lws *wsi;
    struct loop_uv *uv;
    const struct say_url *url;
    struct client_handler handler;
    void *ctx;
    struct client_end end;
    bool finishing, ended;
    struct buf message; /* the fragments of one event */
    uint8_t out[LWS_PRE + MESSAGE_BYTES];
};

static void end_once(struct client *client)
{
    client->wsi = NULL;
    if (client->ended)
        return;
    client->ended = true;
    client->handler.on_end(client->ctx, &client->end);
}

static void set_text(struct client *client, const char *text, size_t len)
{
    size_t room = sizeof client->end.text - 1;
    len = len < room ? len : room;
    if (len > 0)
        memcpy(client->end.text, text, len);
    client->end.text[len] = '\0';
}

static int on_receive(struct client *client, struct lws *wsi, const void *bytes, size_t len)
{
    if (lws_frame_is_binary(wsi))
        return 0;
    if (buf_append(&client->message, bytes, len) != STATUS_OK) {
        set_text(client, "the server sent an event past all bounds", 40);
        return -1;
    }
    if (!lws_is_final_fragment(wsi) || lws_remaining_packet_payload(wsi) > 0)
        return 0;
    client->handler.on_text(client->ctx, client->message.data != NULL ? client->message.data : "",
                            client->message.len);
    buf_reset(&client->message);
    return 0;
}

/* One lws_write() a callback: the next is asked for when the library has passed this one on. */
static int on_writeable(struct client *client, struct lws *wsi)
{
    size_t len = 0;
    if (client->finishing) {
        lws_close_reason(wsi, LWS_CLOSE_STATUS_NORMAL, NULL, 0);
        return -1;
    }
    enum client_frame kind =
        client->handler.on_writable(client->ctx, client->out + LWS_PRE, MESSAGE_BYTES, &len);
    if (kind == CLIENT_NOTHING)
        return 0;
    assert(len <= MESSAGE_BYTES);
    int written = lws_write(wsi, client->out + LWS_PRE, len,
                            kind == CLIENT_TEXT ? LWS_WRITE_TEXT : LWS_WRITE_BINARY);
    return written < (int)len ? -1 : 0;
}

static void on_peer_close(struct client *client, const uint8_t *in, size_t len)
{
    if (len < 2)
        return;
    client->end.close_code = (unsigned)in[0] << 8 | in[1];
    set_text(client, (const char *)in + 2, len - 2);
}

/* Data that nobody acknowledges is sent again for a quarter of an hour otherwise: a socket whose
 * network is gone is to be known as dead while the session is still held. */
static void limit_silence(struct lws *wsi)
{
    unsigned silent_ms = SAY_SILENT_MS;
    setsockopt(lws_get_socket_fd(wsi), IPPROTO_TCP, TCP_USER_TIMEOUT, &silent_ms, sizeof silent_ms);
}

static int on_lws(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                  size_t len)
{
    struct lws_context *context = lws_get_context(wsi);
    struct client *client = context != NULL ? lws_context_user(context) : NULL;
    if (client == NULL || client->ended || (client->wsi != NULL && client->wsi != wsi))
        return 0;
    switch ((int)reason) {
    case LWS_CALLBACK_CLIENT_ESTABLISHED:
        client->end.opened = true;
        limit_silence(wsi);
        client->handler.on_open(client->ctx);
        break;
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
        client->end.http_status = lws_http_client_http_response(wsi);
        if (in != NULL)
            set_text(client, in, strlen(in));
        end_once(client);
        break;
    case LWS_CALLBACK_CLIENT_RECEIVE: return on_receive(client, wsi, in, len);
    case LWS_CALLBACK_CLIENT_WRITEABLE: return on_writeable(client, wsi);
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE: on_peer_close(client, in, len); break;
    case LWS_CALLBACK_CLIENT_CLOSED: end_once(client); break;
    default: break;
    }
    return 0;
}

static const struct lws_protocols protocols[] = {
    {"sotto.v1", on_lws, 0, 65536, 0, NULL, 0},
    {NULL, NULL, 0, 0, 0, NULL, 0},
};

/* The library takes a proxy from the environment, for loopback too. */
static void forget_proxy(const char *host)
{
    if (strncmp(host, "127.", 4) == 0 || strcmp(host, "localhost") == 0 || strcmp(host, "::1") == 0)
        unsetenv("http_proxy");
}

static int create_context(struct client *client, const struct options *options)
{
    void *loops[] = {loop_uv_get(client->uv)};
    struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN,
        .protocols = protocols,
        .options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT,
        .foreign_loops = loops,
        .user = client,
        .pcontext = &client->context,
        .gid = (gid_t)-1,
        .uid = (uid_t)-1,
        .client_ssl_ca_filepath = options->ca_file,
    };
    if (options->ca_file != NULL) {
        if (access(options->ca_file, R_OK) != 0)
            return STATUS_INVALID;
        info.options |= LWS_SERVER_OPTION_DISABLE_OS_CA_CERTS;
    }
    forget_proxy(options->url.host);
    lws_set_log_level(0, NULL);
    client->context = lws_create_context(&info);
    if (client->context == NULL)
        return STATUS_UNSUPPORTED;
    loop_uv_pin("libwebsockets-evlib_uv");
    return STATUS_OK;
}

static int connect_start(struct client *client, const struct say_url *url)
{
    char host[sizeof url->host + 16];
    bool literal = strchr(url->host, ':') != NULL;
    snprintf(host, sizeof host, "%s%s%s:%u", literal ? "[" : "", url->host, literal ? "]" : "",
             url->port);
    struct lws_client_connect_info info = {
        .context = client->context,
        .address = url->host,
        .port = url->port,
        .path = url->path,
        .host = host,
        .protocol = protocols[0].name,
        .local_protocol_name = protocols[0].name,
        .ssl_connection = url->tls ? LCCSCF_USE_SSL : 0,
        .pwsi = &client->wsi,
    };
    /* NULL may come with the error callback already delivered; it is not an error of the call then.
     */
    if (lws_client_connect_via_info(&info) == NULL && !client->ended)
        return STATUS_NOMEM;
    loop_uv_kick(client->uv);
    return STATUS_OK;
}

int client_open(struct client **out, struct loop_uv *uv, const struct options *options,
                const struct client_handler *handler, void *ctx)
{
    struct client *client = mem_calloc(1, sizeof *client);
    if (client == NULL)
        return STATUS_NOMEM;
    client->uv = uv;
    client->handler = *handler;
    client->ctx = ctx;
    buf_init(&client->message, SAY_EVENT_BYTES);
    *out = client;
    client->url = &options->url;
    int status = create_context(client, options);
    if (status == STATUS_OK)
        status = connect_start(client, client->url);
    if (status != STATUS_OK) {
        client_destroy(client);
        *out = NULL;
    }
    return status;
}

int client_reopen(struct client *client)
{
    assert(client->ended && client->wsi == NULL);
    client->end = (struct client_end){0};
    client->ended = client->finishing = false;
    buf_reset(&client->message);
    return connect_start(client, client->url);
}

void client_abort(struct client *client)
{
    if (client->wsi != NULL)
        lws_set_timeout(client->wsi, PENDING_TIMEOUT_KILLED_BY_PARENT, LWS_TO_KILL_SYNC);
    end_once(client);
    loop_uv_kick(client->uv);
}

void client_want_write(struct client *client)
{
    if (client->wsi == NULL)
        return;
    lws_callback_on_writable(client->wsi);
    loop_uv_kick(client->uv);
}

void client_finish(struct client *client)
{
    client->finishing = true;
    client_want_write(client);
}

void client_destroy(struct client *client)
{
    if (client == NULL)
        return;
    client->ended = true;
    /* With a foreign loop the library ends in two calls: the first closes its handles, and the loop
     * turns until none is left before the second frees the rest. */
    if (client->context != NULL)
        lws_context_destroy(client->context);
    for (int i = 0; i < DESTROY_TURNS && uv_loop_alive(loop_uv_get(client->uv)); i++)
        uv_run(loop_uv_get(client->uv), UV_RUN_NOWAIT);
    if (client->context != NULL)
        lws_context_destroy(client->context);
    buf_deinit(&client->message);
    mem_free(client);
}
