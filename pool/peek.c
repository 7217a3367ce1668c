/*
 * libcurl 7.88 tells nobody how many streams a peer allows, nor that it has said GOAWAY: it queues
 * or connects anew, silently. So this program's definition of the function by which libcurl hands
 * received bytes to libnghttp2 stands before the library's, and looks afterwards at what the
 * session has learnt, for the connection that is being run on this thread.
 *
 * Threads: the caller's, one a session.
 */
#include "base/log.h"
#include "pool/internal.h"
#include <assert.h>
#include <dlfcn.h>
#include <nghttp2/nghttp2.h>

typedef ssize_t recv_fn(nghttp2_session *session, const uint8_t *bytes, size_t len);

static recv_fn *recv_bytes;
static _Thread_local struct pool__conn *running;

static void recv_find(void)
{
    *(void **)&recv_bytes = dlsym(RTLD_NEXT, "nghttp2_session_mem_recv");
    assert(recv_bytes != NULL);
}

ssize_t nghttp2_session_mem_recv(nghttp2_session *session, const uint8_t *bytes, size_t len)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, recv_find);
    ssize_t taken = recv_bytes(session, bytes, len);
    if (running != NULL) {
        running->streams_allowed =
            nghttp2_session_get_remote_settings(session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
        running->going_away = nghttp2_session_check_request_allowed(session) == 0;
    }
    return taken;
}

void pool__peek_check(void)
{
    if (dlsym(RTLD_DEFAULT, "nghttp2_session_mem_recv") != (void *)nghttp2_session_mem_recv)
        LOG_WARN(LOG_POOL, 0, "libcurl hides what HTTP/2 says", "reason=%s",
                 LOG_Q("the symbol is not exported"));
}

void pool__peek_begin(struct pool__conn *conn)
{
    assert(running == NULL);
    running = conn;
}

void pool__peek_end(void)
{
    running = NULL;
}
