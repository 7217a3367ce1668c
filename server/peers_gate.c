#include "server/peers_gate.h"

#include "base/log.h"
#include "base/status.h"
#include "loop/loop.h"
#include "server/config.h"
#include "server/front.h"
#include "server/limits.h"
#include "server/server.h"
#include <libwebsockets.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The library has sockets of its own: ours are known by the lowest bit. */
#define OURS       1u
#define UNFINISHED 2u /* its request is still to come */
#define HOLD_SHIFT 2

#define REFUSED_READS 16 /* of a peer that is turned away */

/* Whom `fd` is connected to. False: nobody who has an address. */
static bool address_of(int fd, struct peers_address *out)
{
    struct sockaddr_storage address;
    socklen_t len = sizeof address;
    return getpeername(fd, (struct sockaddr *)&address, &len) == 0 &&
           peers_address_from(out, (struct sockaddr *)&address) == STATUS_OK;
}

/* Nothing is waited for: what the kernel takes at once is what the peer hears. With TLS there is
 * nothing it would understand. */
static void refuse(const struct server *server, int fd, int reason)
{
    char body[256], answer[512], unread[4096];
    if (server->tls == NULL) {
        snprintf(body, sizeof body,
                 "{\"type\":\"about:blank\",\"title\":\"Too Many Requests\",\"status\":429,"
                 "\"detail\":\"%s\"}\n",
                 peers_text(reason));
        int len = snprintf(answer, sizeof answer,
                           "HTTP/1.1 429 Too Many Requests\r\n"
                           "content-type: application/problem+json\r\n"
                           "content-length: %zu\r\nretry-after: %u\r\nconnection: close\r\n\r\n%s",
                           strlen(body), peers_retry_ms(reason) / 1000, body);
        (void)send(fd, answer, (size_t)len, MSG_DONTWAIT | MSG_NOSIGNAL);
        shutdown(fd, SHUT_WR);
        /* Unread bytes would turn the close into a reset, which may overtake the answer; who sends
         * on and on has no answer to lose. */
        for (int i = 0; i < REFUSED_READS && recv(fd, unread, sizeof unread, MSG_DONTWAIT) > 0; i++)
            ;
    }
    close(fd);
}

/* Whether caps apply to `address`; not to a proxy, which speaks for others. */
static bool is_counted(const struct server *server, const struct peers_address *address)
{
    return !peers_proxies_have(&server->proxies, address) &&
           (server->config->peers_loopback || !peers_address_loopback(address));
}

bool peers_gate_accept(struct front *front, int fd, peers_hold *hold)
{
    struct server *server = front->server;
    struct peers_address address;
    *hold = 0;
    if (!address_of(fd, &address) || !is_counted(server, &address))
        return true;
    int reason = peers_connect(server->peers, &address, loop_now_us(front->loop), hold);
    if (reason == PEERS_OK)
        return true;
    peers_count(server->peers, reason);
    LOG_DEBUG(LOG_FRONT, 0, "connection refused", "reason=%s", peers_label(reason));
    refuse(server, fd, reason);
    return false;
}

static uintptr_t mark_of(struct lws *wsi)
{
    return (uintptr_t)lws_get_opaque_user_data(wsi);
}

static void mark(struct lws *wsi, peers_hold hold, unsigned bits)
{
    lws_set_opaque_user_data(wsi, (void *)((uintptr_t)hold << HOLD_SHIFT | bits));
}

peers_hold peers_gate_hold(struct lws *wsi)
{
    return (peers_hold)(mark_of(wsi) >> HOLD_SHIFT);
}

void peers_gate_keep(struct front *front, struct lws *wsi, peers_hold hold)
{
    if (wsi != NULL) {
        mark(wsi, hold, OURS | UNFINISHED);
        return;
    }
    peers_arrived(front->server->peers, hold);
    peers_disconnect(front->server->peers, hold);
}

void peers_gate_arrived(struct front *front, struct lws *wsi)
{
    if ((mark_of(wsi) & UNFINISHED) == 0)
        return;
    peers_arrived(front->server->peers, peers_gate_hold(wsi));
    mark(wsi, peers_gate_hold(wsi), OURS);
}

bool peers_gate_leave(struct front *front, struct lws *wsi)
{
    if (mark_of(wsi) == 0)
        return false;
    peers_gate_arrived(front, wsi);
    peers_disconnect(front->server->peers, peers_gate_hold(wsi));
    lws_set_opaque_user_data(wsi, NULL);
    return true;
}

/* The client that a proxy names, in the newer header or the older one. */
static bool forwarded(const struct server *server, struct lws *wsi, struct peers_address *out)
{
    char value[PEERS_HEADER_BYTES];
    if (lws_hdr_custom_copy(wsi, value, sizeof value, "forwarded:", 10) > 0)
        return peers_forwarded(&server->proxies, value, out) == STATUS_OK;
    if (lws_hdr_copy(wsi, value, sizeof value, WSI_TOKEN_X_FORWARDED_FOR) > 0)
        return peers_forwarded(&server->proxies, value, out) == STATUS_OK;
    return false;
}

int peers_gate_upgrade(struct front *front, struct lws *wsi)
{
    struct server *server = front->server;
    struct peers_address address;
    if (server->proxies.len == 0 || peers_gate_hold(wsi) != 0 ||
        !address_of(lws_get_socket_fd(wsi), &address) ||
        !peers_proxies_have(&server->proxies, &address) || !forwarded(server, wsi, &address) ||
        !is_counted(server, &address))
        return PEERS_OK;
    peers_hold hold;
    int reason = peers_connect(server->peers, &address, loop_now_us(front->loop), &hold);
    if (reason == PEERS_OK) {
        peers_gate_keep(front, wsi, hold);
        peers_gate_arrived(front, wsi);
    } else {
        peers_count(server->peers, reason);
    }
    return reason;
}
