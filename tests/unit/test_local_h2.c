/* The HTTP/2 server behind a handler of its own, spoken to by a client made of the same libraries.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "base/status.h"
#include "base/thread.h"
#include "base/worker.h"
#include "local/h2_server.h"
#include "loop/loop.h"
#include "tests/check.h"
#include "tests/unit/h2_kit.h"
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>

struct fixture {
    struct loop *loop;
    struct h2_server *server;
    struct loop_inbox inbox;
    struct msg quiesce, stop;
    sem_t quiet;
    pthread_t thread;
    struct worker_pool *workers;
    char dir[64], ca[96];
    _Atomic unsigned requests, cancels;
    _Atomic uint64_t held; /* the last request to /hold */
};

/* Answers /echo with the body, from another thread. */
struct echo_job {
    struct job job;
    struct fixture *f;
    uint64_t id;
    size_t len;
    char body[];
};

static void echo_free(struct msg *msg)
{
    mem_free(msg);
}

static void echo_run(struct job *run)
{
    struct echo_job *job = (struct echo_job *)run;
    struct h2_header type = {"content-type", "text/plain"};
    h2_server_answer(job->f->server, job->id,
                     &(struct h2_answer){.status = 200,
                                         .headers = &type,
                                         .headers_len = 1,
                                         .body = job->body,
                                         .body_len = job->len});
    mem_free(job);
}

static void echo(struct fixture *f, const struct h2_request *request)
{
    struct echo_job *job = mem_calloc(1, sizeof *job + request->body_len + 1);
    job->job.msg.free_fn = echo_free;
    job->job.run = echo_run;
    job->f = f;
    job->id = request->id;
    job->len = request->body_len;
    memcpy(job->body, request->body, request->body_len);
    if (worker_pool_submit(f->workers, request->id, &job->job) != 0)
        abort();
}

static void on_request(void *ctx, const struct h2_request *request)
{
    struct fixture *f = ctx;
    struct h2_answer plain = {.status = request->refused};
    f->requests++;
    if (request->refused != 0) {
        h2_server_answer(f->server, request->id, &plain);
    } else if (strcmp(request->path, "/echo") == 0) {
        echo(f, request);
    } else if (strcmp(request->path, "/hold") == 0) {
        f->held = request->id;
    } else if (strcmp(request->path, "/pieces") == 0) {
        h2_server_answer(
            f->server, request->id,
            &(struct h2_answer){.status = 200, .body = "one ", .body_len = 4, .more = true});
        h2_server_write(f->server, request->id, "two ", 4, false);
        h2_server_write(f->server, request->id, "three", 5, true);
    } else if (strcmp(request->path, "/flood") == 0) {
        /* More than a peer that takes nothing may be owed. */
        static char bytes[65536];
        h2_server_answer(f->server, request->id, &(struct h2_answer){.status = 200, .more = true});
        for (unsigned i = 0; i < 20; i++)
            h2_server_write(f->server, request->id, bytes, sizeof bytes, false);
    } else if (strcmp(request->path, "/reset") == 0) {
        h2_server_reset(f->server, request->id, 0x7);
    } else {
        const char *type = h2_request_header(request, "content-type");
        plain.status = type != NULL && strcmp(type, "application/json") == 0 ? 204 : 400;
        h2_server_answer(f->server, request->id, &plain);
    }
}

static void on_cancel(void *ctx, uint64_t id)
{
    struct fixture *f = ctx;
    f->cancels++;
}

static void on_closed(void *ctx)
{
    struct fixture *f = ctx;
    loop_stop(f->loop);
}

static void on_stop(struct loop_inbox *inbox, struct msg *msg)
{
    struct fixture *f = (struct fixture *)((char *)inbox - offsetof(struct fixture, inbox));
    if (msg == &f->quiesce)
        sem_post(&f->quiet);
    else
        h2_server_close(f->server, on_closed, f);
}

static void *run(void *ctx)
{
    loop_run(((struct fixture *)ctx)->loop);
    return NULL;
}

static struct fixture *fixture_create(struct h2_server_config config)
{
    struct fixture *f = mem_calloc(1, sizeof *f);
    signal(SIGPIPE, SIG_IGN);
    sem_init(&f->quiet, 0, 0);
    snprintf(f->dir, sizeof f->dir, "/tmp/test_local_h2.XXXXXX");
    CHECK(mkdtemp(f->dir) != NULL);
    snprintf(f->ca, sizeof f->ca, "%s/cert.pem", f->dir);
    config.host = "127.0.0.1";
    config.cert_dir = f->dir;
    config.ops.on_request = on_request;
    config.ops.on_cancel = on_cancel;
    config.ctx = f;
    f->workers = worker_pool_create(2, 4096);
    CHECK_EQ(loop_create(&f->loop, LOOP_AUTO), 0);
    CHECK_EQ(loop_inbox_open(f->loop, &f->inbox, 2, on_stop), 0);
    CHECK_EQ(h2_server_open(&f->server, f->loop, &config), 0);
    CHECK_EQ(thread_start(&f->thread, "h2", run, f), 0);
    return f;
}

static void fixture_destroy(struct fixture *f)
{
    /* The loop's last submit must have returned before its mailbox goes. */
    CHECK_EQ(mailbox_send(f->inbox.mailbox, &f->quiesce), 0);
    while (sem_wait(&f->quiet) != 0)
        continue;
    worker_pool_destroy(f->workers);
    sem_destroy(&f->quiet);
    CHECK_EQ(mailbox_send(f->inbox.mailbox, &f->stop), 0);
    pthread_join(f->thread, NULL);
    loop_inbox_close(&f->inbox);
    loop_destroy(f->loop);
    unlink(f->ca);
    rmdir(f->dir);
    mem_free(f);
}

static void test_certificate_names(void)
{
    struct fixture *f = fixture_create((struct h2_server_config){0});
    const char *const names[] = {"localhost", "127.0.0.1", "::1"};
    for (unsigned i = 0; i < 3; i++) {
        struct h2_kit *kit = h2_kit_open(h2_server_port(f->server), f->ca, names[i]);
        CHECK(kit != NULL);
        if (kit != NULL)
            h2_kit_close(kit);
    }
    CHECK(h2_kit_open(h2_server_port(f->server), f->ca, "example.org") == NULL);
    fixture_destroy(f);
}

static void test_answers(void)
{
    struct fixture *f = fixture_create((struct h2_server_config){0});
    struct h2_kit *kit = h2_kit_open(h2_server_port(f->server), f->ca, "localhost");
    struct h2_kit_stream *echoed = h2_kit_request(kit, "POST", "/echo", "hello", 5);
    struct h2_kit_stream *pieces = h2_kit_request(kit, "GET", "/pieces", NULL, 0);
    struct h2_kit_stream *none = h2_kit_request(kit, "GET", "/", NULL, 0);
    struct h2_kit_stream *head = h2_kit_request(kit, "HEAD", "/pieces", NULL, 0);
    struct h2_kit_stream *reset = h2_kit_request(kit, "GET", "/reset", NULL, 0);
    CHECK(h2_kit_finish(kit));
    CHECK_EQ(kit->peer_streams_max, 100);
    CHECK_EQ(echoed->status, 200);
    CHECK_STR(echoed->body, "hello");
    CHECK_STR(echoed->type, "text/plain");
    CHECK_STR(pieces->body, "one two three");
    CHECK_EQ(pieces->error_code, 0);
    CHECK_EQ(none->status, 204);
    CHECK_EQ(head->status, 200);
    CHECK_EQ(head->len, 0);
    CHECK_EQ(reset->error_code, 7);
    h2_kit_close(kit);
    fixture_destroy(f);
}

static void test_thousand_multiplexed(void)
{
    struct fixture *f = fixture_create((struct h2_server_config){0});
    struct h2_kit *kit = h2_kit_open(h2_server_port(f->server), f->ca, "localhost");
    static char bodies[1000][2048];
    for (unsigned i = 0; i < 1000; i++) {
        memset(bodies[i], 'a' + (int)(i % 26), sizeof bodies[i]);
        snprintf(bodies[i], 16, "%u:", i);
        h2_kit_request(kit, "POST", "/echo", bodies[i], 64 + i);
    }
    CHECK(h2_kit_finish(kit));
    unsigned right = 0;
    for (unsigned i = 0; i < 1000; i++)
        right += kit->streams[i].status == 200 && kit->streams[i].len == 64 + i &&
                 memcmp(kit->streams[i].body, bodies[i], 64 + i) == 0;
    CHECK_EQ(right, 1000);
    CHECK_EQ(f->requests, 1000);
    CHECK_EQ(f->cancels, 0);
    h2_kit_close(kit);
    fixture_destroy(f);
}

static void test_body_limit(void)
{
    struct fixture *f = fixture_create((struct h2_server_config){.body_max = 10000});
    struct h2_kit *kit = h2_kit_open(h2_server_port(f->server), f->ca, "localhost");
    static char bytes[4 << 20];
    struct h2_kit_stream *fits = h2_kit_request(kit, "POST", "/echo", bytes, 10000);
    struct h2_kit_stream *over = h2_kit_request(kit, "POST", "/echo", bytes, 10001);
    struct h2_kit_stream *huge = h2_kit_request(kit, "POST", "/echo", bytes, sizeof bytes);
    CHECK(h2_kit_finish(kit));
    CHECK_EQ(fits->status, 200);
    CHECK_EQ(fits->len, 10000);
    CHECK_EQ(over->status, 413);
    /* It is answered before it has come, and not read to its end. */
    CHECK_EQ(huge->status, 413);
    CHECK(huge->sent < sizeof bytes);
    h2_kit_close(kit);
    fixture_destroy(f);
}

static void test_header_limit(void)
{
    struct fixture *f = fixture_create((struct h2_server_config){0});
    struct h2_kit *kit = h2_kit_open(h2_server_port(f->server), f->ca, "localhost");
    static char path[20000];
    memset(path, 'a', sizeof path - 1);
    path[0] = '/';
    struct h2_kit_stream *large = h2_kit_request(kit, "GET", path, NULL, 0);
    struct h2_kit_stream *next = h2_kit_request(kit, "GET", "/", NULL, 0);
    CHECK(h2_kit_finish(kit));
    CHECK_EQ(large->status, 431);
    CHECK_EQ(next->status, 204);
    h2_kit_close(kit);
    fixture_destroy(f);
}

static void test_reset_cancels(void)
{
    struct fixture *f = fixture_create((struct h2_server_config){0});
    struct h2_kit *kit = h2_kit_open(h2_server_port(f->server), f->ca, "localhost");
    struct h2_kit_stream *held = h2_kit_request(kit, "GET", "/hold", NULL, 0);
    struct h2_kit_stream *other = h2_kit_request(kit, "GET", "/", NULL, 0);
    while (!other->closed && h2_kit_turn(kit))
        continue;
    uint64_t id = f->held;
    CHECK(h2_server_alive(f->server, id));
    nghttp2_submit_rst_stream(kit->session, 0, held->id, NGHTTP2_CANCEL);
    other = h2_kit_request(kit, "GET", "/", NULL, 0);
    while (!other->closed && h2_kit_turn(kit))
        continue;
    CHECK_EQ(f->cancels, 1);
    CHECK(!h2_server_alive(f->server, id));
    /* Its answer comes too late and reaches nobody, least of all the slot's next owner. */
    held = h2_kit_request(kit, "GET", "/hold", NULL, 0);
    CHECK_EQ(h2_server_answer(f->server, id, &(struct h2_answer){.status = 500}), 0);
    other = h2_kit_request(kit, "POST", "/echo", "x", 1);
    while (!other->closed && h2_kit_turn(kit))
        continue;
    CHECK(!held->closed);
    h2_kit_close(kit);
    fixture_destroy(f);
}

static void test_unread_answer_is_bounded(void)
{
    struct fixture *f = fixture_create((struct h2_server_config){0});
    struct h2_kit *kit = h2_kit_open(h2_server_port(f->server), f->ca, "localhost");
    /* Twenty times 64 KiB at once: the answer is given up when it owes more than a MiB. */
    struct h2_kit_stream *flood = h2_kit_request(kit, "GET", "/flood", NULL, 0);
    CHECK(h2_kit_finish(kit));
    CHECK_EQ(flood->error_code, NGHTTP2_INTERNAL_ERROR);
    CHECK_EQ(f->cancels, 1);
    h2_kit_close(kit);
    fixture_destroy(f);
}

static void test_stream_limit(void)
{
    struct fixture *f = fixture_create((struct h2_server_config){.streams_max = 4});
    struct h2_kit *kit = h2_kit_open(h2_server_port(f->server), f->ca, "localhost");
    for (unsigned i = 0; i < 4; i++)
        h2_kit_request(kit, "GET", "/hold", NULL, 0);
    struct h2_kit_stream *fifth = h2_kit_request(kit, "GET", "/", NULL, 0);
    while (!fifth->closed && h2_kit_turn(kit))
        continue;
    CHECK_EQ(fifth->error_code, NGHTTP2_REFUSED_STREAM);
    h2_kit_close(kit);
    fixture_destroy(f);
}

static void test_connection_limit(void)
{
    struct fixture *f = fixture_create((struct h2_server_config){.connections_max = 1});
    struct h2_kit *one = h2_kit_open(h2_server_port(f->server), f->ca, "localhost");
    CHECK(one != NULL);
    CHECK(h2_kit_open(h2_server_port(f->server), f->ca, "localhost") == NULL);
    struct h2_kit_stream *still = h2_kit_request(one, "GET", "/", NULL, 0);
    CHECK(h2_kit_finish(one));
    CHECK_EQ(still->status, 204);
    h2_kit_close(one);
    fixture_destroy(f);
}

/* The peer closes: read gives end or an error, never a timeout. */
static bool closed_by_peer(int fd)
{
    char bytes[4096];
    ssize_t n;
    while ((n = read(fd, bytes, sizeof bytes)) > 0 || (n < 0 && errno == EINTR))
        continue;
    return n == 0 || errno == ECONNRESET;
}

static void test_garbage(void)
{
    struct fixture *f = fixture_create((struct h2_server_config){.handshake_ms = 300});
    unsigned port = h2_server_port(f->server);
    int fd = h2_kit_connect(port);
    CHECK(write(fd, "GET / HTTP/1.1\r\nhost: x\r\n\r\n", 27) == 27);
    CHECK(closed_by_peer(fd));
    close(fd);
    /* Says nothing: the handshake's deadline ends it. */
    fd = h2_kit_connect(port);
    CHECK(closed_by_peer(fd));
    close(fd);
    /* TLS, then anything but HTTP/2. */
    struct h2_kit *kit = h2_kit_open(port, f->ca, "localhost");
    CHECK(SSL_write(kit->ssl, "this is no HTTP/2 preface, nor anything like one", 48) == 48);
    uint8_t bytes[4096];
    int n;
    do {
        ERR_clear_error();
        errno = 0;
        n = SSL_read(kit->ssl, bytes, sizeof bytes);
    } while (n > 0 || errno == EINTR);
    CHECK(SSL_get_error(kit->ssl, n) != SSL_ERROR_WANT_READ);
    h2_kit_close(kit);
    /* And it still serves. */
    kit = h2_kit_open(port, f->ca, "localhost");
    struct h2_kit_stream *stream = h2_kit_request(kit, "GET", "/", NULL, 0);
    CHECK(h2_kit_finish(kit));
    CHECK_EQ(stream->status, 204);
    h2_kit_close(kit);
    fixture_destroy(f);
}

static void test_without_alpn(void)
{
    struct fixture *f = fixture_create((struct h2_server_config){0});
    SSL_CTX *tls = SSL_CTX_new(TLS_client_method());
    SSL *ssl = SSL_new(tls);
    int fd = h2_kit_connect(h2_server_port(f->server));
    uint8_t byte;
    SSL_set_fd(ssl, fd);
    CHECK(SSL_connect(ssl) != 1 || SSL_read(ssl, &byte, 1) <= 0);
    SSL_free(ssl);
    SSL_CTX_free(tls);
    close(fd);
    ERR_clear_error();
    fixture_destroy(f);
}

static void test_idle_connection_is_told_and_closed(void)
{
    struct fixture *f = fixture_create((struct h2_server_config){.idle_ms = 200});
    struct h2_kit *kit = h2_kit_open(h2_server_port(f->server), f->ca, "localhost");
    struct h2_kit_stream *stream = h2_kit_request(kit, "GET", "/", NULL, 0);
    CHECK(h2_kit_finish(kit));
    CHECK_EQ(stream->status, 204);
    while (h2_kit_turn(kit))
        continue;
    CHECK(kit->goaway);
    h2_kit_close(kit);
    fixture_destroy(f);
}

static void test_close_with_work_open(void)
{
    struct fixture *f = fixture_create((struct h2_server_config){0});
    struct h2_kit *kit = h2_kit_open(h2_server_port(f->server), f->ca, "localhost");
    for (unsigned i = 0; i < 10; i++)
        h2_kit_request(kit, "GET", "/hold", NULL, 0);
    h2_kit_request(kit, "GET", "/", NULL, 0);
    while (kit->open > 10 && h2_kit_turn(kit))
        continue;
    fixture_destroy(f);
    while (h2_kit_turn(kit))
        continue;
    CHECK(kit->gone);
    h2_kit_close(kit);
}

static void test_bad_addresses(void)
{
    struct loop *loop;
    struct h2_server *server = NULL;
    struct h2_server_config config = {.cert_dir = "/tmp", .ops.on_request = on_request};
    CHECK_EQ(loop_create(&loop, LOOP_AUTO), 0);
    config.host = "not an address";
    CHECK_EQ(h2_server_open(&server, loop, &config), STATUS_INVALID);
    config.host = "127.0.0.1";
    config.port = 70000;
    CHECK_EQ(h2_server_open(&server, loop, &config), STATUS_INVALID);
    config.port = 0;
    config.cert_dir = "/proc/nowhere";
    CHECK_EQ(h2_server_open(&server, loop, &config), STATUS_IO);
    CHECK(server == NULL);
    loop_destroy(loop);
}

int main(void)
{
    RUN(test_certificate_names);
    RUN(test_answers);
    RUN(test_thousand_multiplexed);
    RUN(test_body_limit);
    RUN(test_header_limit);
    RUN(test_reset_cancels);
    RUN(test_unread_answer_is_bounded);
    RUN(test_stream_limit);
    RUN(test_connection_limit);
    RUN(test_garbage);
    RUN(test_without_alpn);
    RUN(test_idle_connection_is_told_and_closed);
    RUN(test_close_with_work_open);
    RUN(test_bad_addresses);
    return check_done();
}
