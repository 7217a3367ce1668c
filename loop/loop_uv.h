/*
 * A foreign libuv loop that turns inside ours: libwebsockets 4.1.6 (whose only embedding is a
 * foreign uv_loop_t) runs on it. One poll on uv_backend_fd() and one timer of uv_backend_timeout();
 * uv_run(UV_RUN_NOWAIT) when either fires, so the thread sleeps only in our backend.
 * http://docs.libuv.org/en/v1.x/loop.html (uv_backend_fd)
 *
 * Threads: the loop's own, or before loop_run().
 */
#pragma once

struct loop;
struct loop_uv;
struct uv_loop_s;

int loop_uv_create(struct loop_uv **out, struct loop *loop);
/* The uv_loop_t *, for lws_context_creation_info.foreign_loops. Borrowed. */
struct uv_loop_s *loop_uv_get(struct loop_uv *uv);
/* To be called after code outside a uv callback has changed what uv waits for (a write asked for, a
 * socket adopted): re-reads the timeout and turns once, deferred. Cheap; repeated calls in a turn
 * count once. */
void loop_uv_kick(struct loop_uv *uv);
/* Every handle in it must be closed (lws_context_destroy() first). `on_closed` may be NULL; memory
 * is freed after it. */
void loop_uv_close(struct loop_uv *uv, void (*on_closed)(void *ctx), void *ctx);
/* Keeps every loaded library whose path contains `part` mapped until the process ends.
 * libwebsockets 4.1.6 unloads its libuv plugin with the context, while closes of its handles are
 * still pending in the loop: their callbacks would be gone. */
void loop_uv_pin(const char *part);
