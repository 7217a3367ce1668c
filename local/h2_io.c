/* Bytes between a connection and its socket, through TLS or plain. */
#include "base/status.h"
#include "local/h2_internal.h"
#include "local/limits.h"
#include <assert.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <string.h>
#include <sys/socket.h>

int h2__io_open(struct h2_conn *conn)
{
    if (conn->server->config.plaintext)
        return 0;
    conn->ssl = SSL_new(conn->server->tls);
    if (conn->ssl == NULL || SSL_set_fd(conn->ssl, conn->fd) != 1)
        return STATUS_NOMEM;
    SSL_set_accept_state(conn->ssl);
    return 0;
}

void h2__io_close(struct h2_conn *conn)
{
    if (conn->ssl == NULL)
        return;
    ERR_clear_error();
    if (conn->ready && conn->cut == H2_CUT_NONE)
        SSL_shutdown(conn->ssl);
    ERR_clear_error();
    SSL_free(conn->ssl);
}

int h2__io_handshake(struct h2_conn *conn)
{
    /* The peer speaks first: its first bytes are all the handshake there is. */
    if (conn->ssl == NULL)
        return 0;
    ERR_clear_error();
    int n = SSL_do_handshake(conn->ssl);
    if (n == 1) {
        const unsigned char *alpn;
        unsigned alpn_len;
        SSL_get0_alpn_selected(conn->ssl, &alpn, &alpn_len);
        return alpn_len == 2 && memcmp(alpn, "h2", 2) == 0 ? 0 : STATUS_PROTOCOL;
    }
    int error = SSL_get_error(conn->ssl, n);
    if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE)
        return STATUS_PROTOCOL;
    unsigned events = error == SSL_ERROR_WANT_WRITE ? LOOP_OUT : LOOP_IN;
    if (conn->poll.events != events)
        loop_poll_modify(&conn->poll, events);
    return STATUS_AGAIN;
}

ssize_t h2__io_read(struct h2_conn *conn, uint8_t *bytes, size_t len)
{
    assert(len <= H2_READ_BYTES);
    if (conn->ssl != NULL) {
        ERR_clear_error();
        int n = SSL_read(conn->ssl, bytes, (int)len);
        if (n > 0)
            return n;
        int error = SSL_get_error(conn->ssl, n);
        bool wait = error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
        return wait ? STATUS_AGAIN : STATUS_CLOSED;
    }
    ssize_t n = recv(conn->fd, bytes, len, 0);
    if (n > 0)
        return n;
    return n < 0 && (errno == EAGAIN || errno == EINTR) ? STATUS_AGAIN : STATUS_CLOSED;
}

ssize_t h2__io_write(struct h2_conn *conn, const void *bytes, size_t len)
{
    assert(len > 0 && len <= H2_UNSENT_MAX);
    if (conn->ssl != NULL) {
        ERR_clear_error();
        int n = SSL_write(conn->ssl, bytes, (int)len);
        if (n > 0)
            return n;
        return SSL_get_error(conn->ssl, n) == SSL_ERROR_WANT_WRITE ? STATUS_AGAIN : STATUS_CLOSED;
    }
    ssize_t n = send(conn->fd, bytes, len, MSG_NOSIGNAL);
    if (n > 0)
        return n;
    return n < 0 && (errno == EAGAIN || errno == EINTR) ? STATUS_AGAIN : STATUS_CLOSED;
}
