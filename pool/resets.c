/*
 * libcurl 7.88 ends every answer that has no content-length by a RST_STREAM for a stream that is
 * closed already. Servers count resets against the rapid reset attack (CVE-2023-44487) and end the
 * connection by GOAWAY: with nghttp2's limits after 1,000 requests and 33 a second more, with
 * whatever is in flight. So this program's definition stands before the library's: resets of closed
 * streams are dropped, those of open ones say CANCEL, which is what they mean.
 *
 * Threads: the caller's, one a session.
 */
#include "base/log.h"
#include "pool/internal.h"
#include <assert.h>
#include <dlfcn.h>
#include <nghttp2/nghttp2.h>
#include <pthread.h>

typedef int submit_fn(nghttp2_session *session, uint8_t flags, int32_t stream_id,
                      uint32_t error_code);

static submit_fn *submit;

static void submit_find(void)
{
    *(void **)&submit = dlsym(RTLD_NEXT, "nghttp2_submit_rst_stream");
    assert(submit != NULL);
}

int nghttp2_submit_rst_stream(nghttp2_session *session, uint8_t flags, int32_t stream_id,
                              uint32_t error_code)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, submit_find);
    if (error_code == NGHTTP2_STREAM_CLOSED) {
        nghttp2_stream *stream = nghttp2_session_find_stream(session, stream_id);
        if (stream == NULL || nghttp2_stream_get_state(stream) == NGHTTP2_STREAM_STATE_CLOSED)
            return 0;
        error_code = NGHTTP2_CANCEL;
    }
    return submit(session, flags, stream_id, error_code);
}

/* Also what makes the linker take this file. */
void pool__resets_check(void)
{
    if (dlsym(RTLD_DEFAULT, "nghttp2_submit_rst_stream") != (void *)nghttp2_submit_rst_stream)
        LOG_WARN(LOG_POOL, 0, "libcurl resets closed streams", "reason=%s",
                 LOG_Q("the symbol is not exported"));
}
