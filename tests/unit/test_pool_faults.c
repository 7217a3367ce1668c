/* The pool against an upstream that misbehaves: TLS and HTTP/2 on loopback, faults on demand. */
#include "pool/internal.h"
#include "pool/limits.h"
#include "tests/unit/pool_kit.h"
#include <netinet/in.h>
#include <sys/socket.h>

static void test_stall_is_tried_elsewhere(void)
{
    struct pool_config config;
    kit_server_start((struct chat_server_config){.fault = "stall#1"});
    config = kit_defaults();
    config.stall_ms = 150;
    kit_open_warm(config);
    kit_send((struct kit_ask){.id = 1, .retries = 1, .stream = true});
    CHECK(kit_wait_finals(1));
    kit_expect_hello(1, true);
    CHECK_EQ(kit_results[1].restarts, 1);
    CHECK_EQ(kit_stats().retried, 1);
    chat_server_set_fault(kit_server, "stall#1");
    kit_send((struct kit_ask){.id = 2, .retries = 1, .cls = POOL_PARTIAL_TRANSLATION});
    CHECK(kit_wait_finals(2));
    kit_expect_failed(2, STATUS_UNAVAILABLE);
    CHECK(kit_wait(server_saw_resets, &(unsigned){2}, 2000));
    CHECK_EQ(kit_server_stats().resets, 2);
    /* Both connections were seen to hang, and have successors. */
    CHECK_EQ(kit_stats().replaced, 2);
    CHECK(kit_wait(both_warm, NULL, 2000));
    kit_close();
    kit_server_stop();
}

static void test_rate_limit_waits_and_pauses(void)
{
    kit_server_start((struct chat_server_config){.fault = "429:1#1"});
    kit_open_warm(kit_defaults());
    int64_t begin_us = clock_mono_us();
    kit_send((struct kit_ask){.id = 1, .retries = 1});
    unsigned one = 1;
    CHECK(kit_wait(server_saw_requests, &one, 2000));
    kit_wait(NULL, NULL, 50);
    kit_send((struct kit_ask){.id = 2});
    CHECK(kit_wait_finals(2));
    kit_expect_hello(1, false);
    kit_expect_hello(2, false);
    CHECK(kit_results[1].at_us - begin_us >= 1000000);
    CHECK(kit_results[2].at_us - begin_us >= 1000000);
    CHECK_EQ(kit_stats().throttled, 1);
    CHECK_EQ(kit_stats().retried, 1);
    chat_server_set_fault(kit_server, "429:7");
    kit_send((struct kit_ask){.id = 3});
    CHECK(kit_wait_finals(3));
    kit_expect_failed(3, STATUS_BUDGET);
    CHECK_EQ(kit_results[3].retry_after_ms, 7000);
    CHECK_EQ(kit_results[3].http_status, 429);
    CHECK(strstr(kit_results[3].error.data, "rate_limit_exceeded") != NULL);
    kit_close();
    kit_server_stop();
}

static void test_quota_is_never_retried(void)
{
    kit_server_start((struct chat_server_config){.fault = "quota"});
    kit_open_warm(kit_defaults());
    kit_send((struct kit_ask){.id = 1, .retries = 3});
    CHECK(kit_wait_finals(1));
    kit_expect_failed(1, STATUS_BUDGET);
    CHECK_EQ(kit_server_stats().requests, 1);
    kit_close();
    kit_server_stop();
}

static void test_server_errors(void)
{
    kit_server_start((struct chat_server_config){.fault = "500#1"});
    kit_open_warm(kit_defaults());
    kit_send((struct kit_ask){.id = 1, .retries = 2});
    CHECK(kit_wait_finals(1));
    kit_expect_hello(1, false);
    CHECK_EQ(kit_results[1].restarts, 0);
    chat_server_set_fault(kit_server, "500");
    kit_send((struct kit_ask){.id = 2, .retries = 1});
    CHECK(kit_wait_finals(2));
    kit_expect_failed(2, STATUS_UNAVAILABLE);
    CHECK_EQ(kit_results[2].http_status, 500);
    chat_server_set_fault(kit_server, "400");
    kit_send((struct kit_ask){.id = 3, .retries = 2});
    CHECK(kit_wait_finals(3));
    kit_expect_failed(3, STATUS_REFUSED);
    CHECK_EQ(kit_results[3].http_status, 400);
    CHECK_EQ(kit_server_stats().requests, 2 + 2 + 1);
    CHECK_EQ(kit_stats().retried, 2);
    kit_close();
    kit_server_stop();
}

/* Not worth a wait beyond the deadline: the failure itself is the answer, at once. */
static void test_no_retry_past_the_deadline(void)
{
    kit_server_start((struct chat_server_config){.fault = "429:5"});
    kit_open_warm(kit_defaults());
    int64_t begin_us = clock_mono_us();
    kit_send((struct kit_ask){.id = 1, .retries = 3, .deadline_ms = 2000});
    CHECK(kit_wait_finals(1));
    kit_expect_failed(1, STATUS_BUDGET);
    CHECK(kit_results[1].at_us - begin_us < 1000000);
    kit_close();
    kit_server_stop();
}

static void test_reset_streams(void)
{
    kit_server_start((struct chat_server_config){.fault = "rst#1"});
    kit_open_warm(kit_defaults());
    kit_send((struct kit_ask){.id = 1, .retries = 1});
    CHECK(kit_wait_finals(1));
    kit_expect_hello(1, false);
    CHECK_EQ(kit_stats().retried, 1);
    CHECK_EQ(kit_server_stats().connections, 2);
    chat_server_set_fault(kit_server, "refused#1");
    kit_send((struct kit_ask){.id = 2, .retries = 1});
    CHECK(kit_wait_finals(2));
    kit_expect_hello(2, false);
    /* libcurl leaves a connection that refused a stream, so the pool sends it on. */
    CHECK_EQ(kit_stats().retried, 1);
    CHECK_EQ(kit_stats().moved, 1);
    CHECK_EQ(kit_stats().handshakes_late, 0);
    kit_close();
    kit_server_stop();
}

/* A peer that refuses everything is not asked without end. */
static void test_refused_for_ever(void)
{
    kit_server_start((struct chat_server_config){.fault = "refused"});
    kit_open_warm(kit_defaults());
    kit_send((struct kit_ask){.id = 1, .retries = 1});
    CHECK(kit_wait_finals(1));
    kit_expect_failed(1, STATUS_UNAVAILABLE);
    CHECK_EQ(kit_stats().moved, POOL_MOVES_MAX);
    CHECK_EQ(kit_stats().retried, 1);
    CHECK_EQ(kit_stats().handshakes_late, 0);
    kit_close();
    kit_server_stop();
}

static void test_connection_lost_in_mid_flight(void)
{
    kit_server_start((struct chat_server_config){.fault = "drop#1", .latency_ms = 30});
    kit_open_warm(kit_defaults());
    for (unsigned id = 1; id <= 10; id++)
        kit_send((struct kit_ask){.id = id, .retries = 2});
    CHECK(kit_wait_finals(10));
    for (unsigned id = 1; id <= 10; id++)
        kit_expect_hello(id, false);
    CHECK(kit_stats().retried >= 1);
    kit_close();
    kit_server_stop();
}

static void test_goaway_moves_on(void)
{
    unsigned three = 3;
    kit_server_start((struct chat_server_config){.latency_ms = 30});
    kit_open_warm(kit_defaults());
    for (unsigned id = 1; id <= 4; id++)
        kit_send((struct kit_ask){.id = id, .retries = 2});
    CHECK(kit_wait(server_saw_requests, &(unsigned){4}, 2000));
    chat_server_set_fault(kit_server, "goaway#1");
    for (unsigned id = 5; id <= 8; id++)
        kit_send((struct kit_ask){.id = id, .retries = 2});
    CHECK(kit_wait_finals(8));
    for (unsigned id = 1; id <= 8; id++)
        kit_expect_hello(id, false);
    CHECK_EQ(kit_server_stats().goaways, 1);
    CHECK(kit_stats().moved >= 1);
    CHECK_EQ(kit_stats().retried, 0);
    CHECK_EQ(kit_stats().goaways, 1);
    CHECK_EQ(kit_stats().replaced, 1);
    kit_send((struct kit_ask){.id = 9});
    CHECK(kit_wait_finals(9));
    CHECK(kit_wait(both_warm_again, &three, 5000));
    CHECK_EQ(kit_stats().handshakes_late, 0);
    kit_close();
    kit_server_stop();
}

/* Each connection in turn is told to go, with requests in flight, for ever: no answer is lost, none
 * waits for a handshake. */
static void test_goaways_without_end(void)
{
    struct pool_config config;
    kit_server_start((struct chat_server_config){.fault = "goaway@0.05", .latency_ms = 5});
    config = kit_defaults();
    config.upstreams[0].connections = 4;
    kit_open_warm(config);
    for (unsigned id = 1; id <= 400; id++) {
        kit_send((struct kit_ask){.id = id, .retries = 5, .stream = id % 2 == 0});
        kit_wait(NULL, NULL, 2);
    }
    CHECK(kit_wait_finals(400));
    for (unsigned id = 1; id <= 400; id++)
        kit_expect_hello(id, id % 2 == 0);
    struct pool_stats stats = kit_stats();
    CHECK(stats.goaways >= 5);
    CHECK_EQ(stats.goaways, stats.replaced);
    CHECK_EQ(stats.retried + stats.handshakes_late, 0);
    kit_close();
    kit_server_stop();
}

static void test_wrong_authority(void)
{
    struct pool_config config;
    char other[64] = "/tmp/sotto-other-XXXXXX";
    close(mkstemp(other));
    struct chat_server *unused;
    CHECK_EQ(chat_server_create(&unused, &(struct chat_server_config){.cert_file = other}), 0);
    chat_server_destroy(unused);
    kit_server_start((struct chat_server_config){0});
    config = kit_defaults();
    config.upstreams[0].ca_file = other;
    kit_open_warm(config); /* ready: each has failed once */
    CHECK_EQ(kit_stats().connections, 0);
    kit_send((struct kit_ask){.id = 1, .cls = POOL_PARTIAL_TRANSLATION});
    kit_send((struct kit_ask){.id = 2, .deadline_ms = 300});
    CHECK(kit_wait_finals(2));
    kit_expect_failed(1, STATUS_UNAVAILABLE);
    kit_expect_failed(2, STATUS_UNAVAILABLE);
    CHECK_EQ(kit_server_stats().requests, 0);
    kit_close();
    kit_server_stop();
    unlink(other);
}

static void test_refused_then_the_server_appears(void)
{
    kit_server_start((struct chat_server_config){0});
    uint16_t port = chat_server_port(kit_server);
    kit_server_stop();
    kit_open_warm(kit_defaults());
    CHECK_EQ(kit_stats().connections, 0);
    kit_send((struct kit_ask){.id = 1});
    kit_wait(NULL, NULL, 100);
    kit_server_start((struct chat_server_config){.port = port});
    CHECK(kit_wait_finals(1));
    kit_expect_hello(1, false);
    CHECK(kit_wait(both_warm, NULL, 5000));
    CHECK_EQ(kit_stats().handshakes_late, 0);
    kit_close();
    kit_server_stop();
}

/* No request, no keep-warm: the end of the idle connections is seen, and the new server is warm
 * before it is needed. */
static void test_restarted_upstream_is_warm_before_it_is_needed(void)
{
    kit_server_start((struct chat_server_config){0});
    uint16_t port = chat_server_port(kit_server);
    kit_open_warm(kit_defaults());
    kit_send((struct kit_ask){.id = 1});
    CHECK(kit_wait_finals(1));
    kit_server_stop();
    CHECK(kit_wait(none_warm, NULL, 3000));
    kit_server_start((struct chat_server_config){.port = port});
    CHECK(kit_wait(both_warm, NULL, 5000));
    CHECK_EQ(kit_server_stats().requests, 0);
    kit_send((struct kit_ask){.id = 2});
    CHECK(kit_wait_finals(2));
    kit_expect_hello(2, false);
    CHECK_EQ(kit_stats().handshakes_late, 0);
    CHECK_EQ(kit_server_stats().handshakes, 2);
    kit_close();
    kit_server_stop();
}

/* The pool passes on what is not its to judge; the reader says what it is. */
static void test_bad_answers_are_the_readers(void)
{
    static const struct {
        const char *fault;
        bool stream;
        int status;
    } cases[] = {
        {"garbage", false, STATUS_PROTOCOL}, {"garbage", true, STATUS_PROTOCOL},
        {"html", false, STATUS_PROTOCOL},    {"html", true, STATUS_PROTOCOL},
        {"half", false, STATUS_TRUNCATED},   {"half", true, STATUS_TRUNCATED},
        {"length", false, STATUS_TRUNCATED}, {"length", true, STATUS_TRUNCATED},
        {"refusal", false, STATUS_FILTERED}, {"refusal", true, STATUS_FILTERED},
        {"filter", false, STATUS_FILTERED},  {"error-event", true, STATUS_UNAVAILABLE},
    };
    unsigned count = sizeof cases / sizeof cases[0];
    char text[256];
    kit_server_start((struct chat_server_config){0});
    kit_open_warm(kit_defaults());
    for (unsigned i = 0; i < count; i++) {
        chat_server_set_fault(kit_server, cases[i].fault);
        kit_send((struct kit_ask){.id = i + 1, .stream = cases[i].stream});
        CHECK(kit_wait_finals(i + 1));
        CHECK_EQ(kit_results[i + 1].kind, POOL_DONE);
        CHECK_EQ(kit_read(i + 1, cases[i].stream, text, sizeof text), cases[i].status);
    }
    kit_close();
    kit_server_stop();
}

static void test_answer_without_a_byte_is_none(void)
{
    kit_server_start((struct chat_server_config){.fault = "empty#1"});
    kit_open_warm(kit_defaults());
    kit_send((struct kit_ask){.id = 1, .retries = 1});
    CHECK(kit_wait_finals(1));
    kit_expect_hello(1, false);
    CHECK_EQ(kit_stats().retried, 1);
    kit_close();
    kit_server_stop();
}

static void test_credentials(void)
{
    kit_server_start((struct chat_server_config){.key = "another"});
    kit_open_warm(kit_defaults());
    kit_send((struct kit_ask){.id = 1, .retries = 2});
    CHECK(kit_wait_finals(1));
    kit_expect_failed(1, STATUS_REFUSED);
    CHECK_EQ(kit_results[1].http_status, 401);
    kit_close();
    kit_server_stop();
}

static void *submit_run(void *ctx)
{
    unsigned first = *(unsigned *)ctx;
    for (unsigned id = first; id < first + 200; id++) {
        kit_send((struct kit_ask){.id = id, .retries = 1, .stream = id % 2 == 0});
        if (id % 5 == 0)
            pool_cancel(kit_pool, 1000 + id % 7, id);
        pool_settle(kit_pool, 0, 100, 90);
        kit_stats();
    }
    return NULL;
}

/* Submitters on other threads, faults of several kinds: everything is answered, exactly once. */
static void test_many_threads_and_faults(void)
{
    static const char *const faults[] = {"500@0.1",   "rst@0.1",  "429@0.05",
                                         "drop@0.01", "half@0.1", "goaway@0.02"};
    kit_server_start((struct chat_server_config){.latency_ms = 3});
    kit_open_warm(kit_defaults());
    pthread_t threads[6];
    unsigned firsts[6];
    for (unsigned i = 0; i < 6; i++) {
        firsts[i] = 1 + i * 200;
        pthread_create(&threads[i], NULL, submit_run, &firsts[i]);
    }
    for (unsigned i = 0; i < 6; i++) {
        chat_server_set_fault(kit_server, faults[i]);
        kit_wait(NULL, NULL, 40);
    }
    chat_server_set_fault(kit_server, "none");
    for (unsigned i = 0; i < 6; i++)
        pthread_join(threads[i], NULL);
    CHECK(kit_wait_finals(1200));
    for (unsigned id = 1; id <= 1200; id++)
        CHECK_EQ(kit_results[id].finals, 1);
    struct pool_stats stats = kit_stats();
    CHECK_EQ(stats.done + stats.failed, 1200);
    CHECK_EQ(stats.queued, 0);
    CHECK_EQ(stats.in_flight, 0);
    CHECK(stats.cancelled > 0);
    kit_close();
    kit_server_stop();
}

/* A listener whose queue is full: whoever connects gets no answer, neither yes nor no. */
struct silent {
    int fds[4]; /* the listener, then what fills its queue */
};

static void silent_open(struct silent *silent)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    for (unsigned i = 0; i < 4; i++)
        silent->fds[i] =
            socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | (i > 0 ? SOCK_NONBLOCK : 0), 0);
    CHECK_EQ(bind(silent->fds[0], (struct sockaddr *)&address, len), 0);
    CHECK_EQ(listen(silent->fds[0], 0), 0);
    CHECK_EQ(getsockname(silent->fds[0], (struct sockaddr *)&address, &len), 0);
    for (unsigned i = 1; i < 4; i++)
        (void)connect(silent->fds[i], (struct sockaddr *)&address, len);
    snprintf(kit_url, sizeof kit_url, "https://127.0.0.1:%u/v1", ntohs(address.sin_port));
}

static void silent_close(struct silent *silent)
{
    for (unsigned i = 0; i < 4; i++)
        close(silent->fds[i]);
}

static bool both_connect(void *ctx)
{
    return kit_pool->sockets_open == 2;
}

/* An upstream that dies makes the pool connect anew, and a stop may come in that moment. */
static void test_close_while_connecting(void)
{
    struct silent silent;
    silent_open(&silent);
    kit_open(kit_defaults());
    kit_send((struct kit_ask){.id = 1});
    CHECK(kit_wait(both_connect, NULL, 1000));
    kit_close();
    kit_expect_failed(1, STATUS_CLOSED);
    silent_close(&silent);
}

static bool both_gave_up_twice(void *ctx)
{
    return kit_pool->conns->failures >= 2 && kit_pool->conns->next->failures >= 2 &&
           kit_pool->sockets_open == 0;
}

static void test_attempts_that_time_out_leave_no_socket(void)
{
    struct silent silent;
    struct pool_config config;
    silent_open(&silent);
    config = kit_defaults();
    config.connect_timeout_ms = 50;
    kit_open(config);
    CHECK(kit_wait(both_gave_up_twice, NULL, 3000));
    kit_close();
    silent_close(&silent);
}

static void run_all(void)
{
    RUN(test_stall_is_tried_elsewhere);
    RUN(test_rate_limit_waits_and_pauses);
    RUN(test_quota_is_never_retried);
    RUN(test_server_errors);
    RUN(test_no_retry_past_the_deadline);
    RUN(test_reset_streams);
    RUN(test_connection_lost_in_mid_flight);
    RUN(test_refused_for_ever);
    RUN(test_goaway_moves_on);
    RUN(test_goaways_without_end);
    RUN(test_wrong_authority);
    RUN(test_refused_then_the_server_appears);
    RUN(test_restarted_upstream_is_warm_before_it_is_needed);
    RUN(test_bad_answers_are_the_readers);
    RUN(test_answer_without_a_byte_is_none);
    RUN(test_credentials);
    RUN(test_close_while_connecting);
    RUN(test_attempts_that_time_out_leave_no_socket);
    RUN(test_many_threads_and_faults);
}

int main(void)
{
    return kit_main(run_all);
}
