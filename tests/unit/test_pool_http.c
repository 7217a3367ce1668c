/* The pool against an upstream that misbehaves: real sockets, TLS and HTTP/2 on loopback. */
#include "tests/unit/pool_kit.h"
#include <arpa/inet.h>
#include <sys/socket.h>

static void test_warm_before_first_request(void)
{
    kit_server_start((struct chat_server_config){.key = "test-key"});
    kit_open_warm(kit_defaults());
    struct chat_server_stats before = kit_server_stats();
    CHECK_EQ(before.handshakes, 2);
    CHECK_EQ(before.models, 2);
    kit_send((struct kit_ask){.id = 1});
    kit_send((struct kit_ask){.id = 2, .stream = true});
    CHECK(kit_wait_finals(2));
    kit_expect_hello(1, false);
    kit_expect_hello(2, true);
    CHECK_EQ(kit_results[1].pieces, 1);
    CHECK_EQ(kit_server_stats().handshakes, 2);
    struct pool_stats stats = kit_stats();
    CHECK_EQ(stats.handshakes_late, 0);
    CHECK_EQ(stats.connects_total, 2);
    CHECK_EQ(stats.connections, 2);
    CHECK_EQ(stats.sent, 2);
    CHECK_EQ(stats.done, 2);
    CHECK_EQ(stats.failed + stats.retried, 0);
    kit_close();
    kit_server_stop();
}

static void test_ledger(void)
{
    kit_server_start((struct chat_server_config){.latency_ms = 60});
    kit_open_warm(kit_defaults());
    int64_t begin_us = clock_mono_us();
    kit_send((struct kit_ask){.id = 1});
    CHECK(kit_wait_finals(1));
    const struct lat *lat = &kit_results[1].lat;
    CHECK(lat->part_us[LAT_UPSTREAM] >= 55000);
    int64_t sum_us = 0;
    for (int i = 0; i < LAT_PARTS; i++)
        sum_us += lat->part_us[i];
    CHECK_EQ(sum_us, lat->last_us - lat->start_us);
    CHECK(lat->last_us - begin_us <= kit_results[1].at_us - begin_us);
    CHECK(kit_stats().upstream_p99_us >= 55000);
    kit_close();
    kit_server_stop();
}

static void test_multiplexes_on_one_connection(void)
{
    struct pool_config config;
    kit_server_start((struct chat_server_config){.latency_ms = 50});
    config = kit_defaults();
    config.connections = 1;
    kit_open_warm(config);
    for (unsigned id = 1; id <= 40; id++)
        kit_send((struct kit_ask){.id = id});
    CHECK(kit_wait_finals(40));
    for (unsigned id = 1; id <= 40; id++)
        kit_expect_hello(id, false);
    struct chat_server_stats server = kit_server_stats();
    CHECK_EQ(server.connections, 1);
    CHECK_EQ(server.streams_peak, 40);
    CHECK_EQ(kit_stats().handshakes_late, 0);
    kit_close();
    kit_server_stop();
}

static bool is_waiting(void *ctx)
{
    return kit_stats().waiting_stream == *(unsigned *)ctx;
}

static void test_streams_are_bounded_and_waiting_is_visible(void)
{
    struct pool_config config;
    kit_server_start((struct chat_server_config){.latency_ms = 80});
    config = kit_defaults();
    config.streams_per_connection = 3;
    kit_open_warm(config);
    for (unsigned id = 1; id <= 10; id++)
        kit_send((struct kit_ask){.id = id});
    unsigned waiting = 4;
    CHECK(kit_wait(is_waiting, &waiting, 1000));
    CHECK_EQ(kit_stats().in_flight, 6);
    CHECK_EQ(kit_stats().queued, 4);
    CHECK(kit_wait_finals(10));
    CHECK(kit_server_stats().streams_peak <= 3);
    CHECK_EQ(kit_server_stats().connections, 2);
    CHECK_EQ(kit_stats().waiting_stream, 0);
    kit_close();
    kit_server_stop();
}

/* The server allows fewer streams than we were told: libcurl waits, and that is visible too. */
static void test_server_allows_fewer_streams(void)
{
    struct pool_config config;
    kit_server_start((struct chat_server_config){.latency_ms = 60, .streams_max = 2});
    config = kit_defaults();
    config.connections = 1;
    kit_open_warm(config);
    for (unsigned id = 1; id <= 6; id++)
        kit_send((struct kit_ask){.id = id});
    unsigned waiting = 4;
    CHECK(kit_wait(is_waiting, &waiting, 1000));
    CHECK(kit_wait_finals(6));
    for (unsigned id = 1; id <= 6; id++)
        kit_expect_hello(id, false);
    CHECK_EQ(kit_server_stats().connections, 1);
    kit_close();
    kit_server_stop();
}

static bool server_saw_requests(void *ctx)
{
    return kit_server_stats().requests >= *(unsigned *)ctx;
}

static bool server_saw_resets(void *ctx)
{
    return kit_server_stats().resets >= *(unsigned *)ctx;
}

static void test_cancel_resets_the_stream(void)
{
    unsigned one = 1;
    kit_server_start((struct chat_server_config){.fault = "silent#1"});
    kit_open_warm(kit_defaults());
    kit_send((struct kit_ask){.id = 1, .retries = 2});
    CHECK(kit_wait(server_saw_requests, &one, 2000));
    CHECK_EQ(pool_cancel(kit_pool, 1000 + 1, 99), 0); /* unknown: ignored */
    CHECK_EQ(pool_cancel(kit_pool, 5, 1), 0);         /* another session's: ignored */
    kit_wait(NULL, NULL, 30);
    CHECK_EQ(kit_finals, 0);
    CHECK_EQ(pool_cancel(kit_pool, 1000 + 1, 1), 0);
    CHECK(kit_wait_finals(1));
    kit_expect_failed(1, STATUS_CANCELLED);
    CHECK(kit_wait(server_saw_resets, &one, 2000));
    CHECK_EQ(kit_stats().cancelled, 1);
    CHECK_EQ(kit_stats().in_flight, 0);
    kit_send((struct kit_ask){.id = 2});
    CHECK(kit_wait_finals(2));
    kit_expect_hello(2, false);
    CHECK_EQ(kit_server_stats().connections, 2);
    kit_close();
    kit_server_stop();
}

static void test_deadline(void)
{
    unsigned one = 1;
    kit_server_start((struct chat_server_config){.fault = "slow-byte#1"});
    kit_open_warm(kit_defaults());
    int64_t begin_us = clock_mono_us();
    kit_send((struct kit_ask){.id = 1, .deadline_ms = 150, .retries = 2, .stream = true});
    CHECK(kit_wait_finals(1));
    kit_expect_failed(1, STATUS_TIMEOUT);
    CHECK(kit_results[1].pieces >= 3);
    int64_t took_us = kit_results[1].at_us - begin_us;
    CHECK(took_us >= 150000 && took_us < 400000);
    CHECK(kit_wait(server_saw_resets, &one, 2000));
    CHECK_EQ(kit_stats().expired, 1);
    kit_close();
    kit_server_stop();
}

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
    CHECK_EQ(kit_stats().retried, 2);
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

static bool both_warm_again(void *ctx)
{
    return kit_stats().connections == 2 && kit_server_stats().handshakes >= *(unsigned *)ctx;
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
    CHECK(kit_stats().retried >= 1);
    kit_send((struct kit_ask){.id = 9});
    CHECK(kit_wait_finals(9));
    CHECK(kit_wait(both_warm_again, &three, 5000));
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
    config.ca_file = other;
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

static bool both_warm(void *ctx)
{
    return kit_stats().connections == 2;
}

static bool none_warm(void *ctx)
{
    return kit_stats().connections == 0;
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

static void test_idle_pool_sleeps(void)
{
    struct loop_stats before, after;
    kit_server_start((struct chat_server_config){0});
    kit_open_warm(kit_defaults());
    kit_send((struct kit_ask){.id = 1});
    CHECK(kit_wait_finals(1));
    kit_wait(NULL, NULL, 1500); /* what was unread is read */
    uint64_t models = kit_server_stats().models;
    loop_stats(kit_loop, &before);
    kit_wait(NULL, NULL, 500);
    loop_stats(kit_loop, &after);
    CHECK(after.turns - before.turns <= 4);
    CHECK_EQ(kit_server_stats().models, models);
    kit_close();
    kit_server_stop();
}

static bool server_saw_models(void *ctx)
{
    return kit_server_stats().models >= *(unsigned *)ctx;
}

static void test_keepalive_uses_idle_connections(void)
{
    struct pool_config config;
    unsigned many = 8;
    kit_server_start((struct chat_server_config){0});
    config = kit_defaults();
    config.keepalive_ms = 50;
    kit_open_warm(config);
    CHECK(kit_wait(server_saw_models, &many, 3000));
    CHECK_EQ(kit_server_stats().handshakes, 2);
    CHECK_EQ(kit_stats().connections, 2);
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

static void test_streams_arrive_in_pieces(void)
{
    kit_server_start((struct chat_server_config){.token_ms = 15});
    kit_open_warm(kit_defaults());
    kit_send((struct kit_ask){.id = 1, .stream = true, .text = "one two three four five six"});
    kit_send((struct kit_ask){.id = 2, .text = "one two three four five six"});
    CHECK(kit_wait_finals(2));
    CHECK(kit_results[1].pieces >= 6);
    CHECK_EQ(kit_results[2].pieces, 1);
    kit_close();
    kit_server_stop();
}

static void test_full_queue(void)
{
    struct pool_config config;
    kit_server_start((struct chat_server_config){.latency_ms = 100});
    config = kit_defaults();
    config.connections = 1;
    config.streams_per_connection = 1;
    config.queue_max = 4;
    kit_open_warm(config);
    kit_send((struct kit_ask){.id = 7});
    kit_wait(NULL, NULL, 10);
    for (unsigned id = 1; id <= 4; id++) /* four sessions, a partial each */
        CHECK_EQ(kit_send((struct kit_ask){.id = id, .cls = POOL_PARTIAL_TRANSLATION}), 0);
    kit_wait(NULL, NULL, 10);
    kit_send((struct kit_ask){.id = 5}); /* a final takes a partial's place */
    kit_send((struct kit_ask){.id = 6, .cls = POOL_PARTIAL_TRANSLATION}); /* a partial does not */
    CHECK(kit_wait_finals(2));
    kit_expect_failed(1, STATUS_BUDGET);
    kit_expect_failed(6, STATUS_FULL);
    CHECK(kit_wait_finals(7));
    kit_expect_hello(5, false);
    kit_close();
    kit_server_stop();
}

static void test_budget_paces(void)
{
    struct pool_config config;
    kit_server_start((struct chat_server_config){0});
    config = kit_defaults();
    config.requests_per_minute = 60; /* 6 at once, then 0.9 a second */
    kit_open_warm(config);
    for (unsigned id = 1; id <= 8; id++)
        kit_send((struct kit_ask){.id = id, .cost = 300, .deadline_ms = id == 8 ? 300 : 5000});
    CHECK(kit_wait_finals(8));
    CHECK_EQ(kit_server_stats().requests, 7);
    kit_expect_failed(8, STATUS_TIMEOUT);
    int64_t first_us = kit_results[1].at_us;
    CHECK(kit_results[6].at_us - first_us < 500000);
    CHECK(kit_results[7].at_us - first_us >= 900000);
    CHECK(kit_results[7].lat.part_us[LAT_QUEUE] >= 900000);
    kit_close();
    kit_server_stop();
}

static void test_settled_tokens_come_back(void)
{
    struct pool_config config;
    kit_server_start((struct chat_server_config){0});
    config = kit_defaults();
    config.tokens_per_minute = 10000; /* 4096 at once */
    kit_open_warm(config);
    kit_send((struct kit_ask){.id = 1, .cost = 4000});
    CHECK(kit_wait_finals(1));
    pool_settle(kit_pool, 4000, 100);
    kit_send((struct kit_ask){.id = 2, .cost = 3000, .deadline_ms = 500});
    kit_send((struct kit_ask){.id = 3, .cost = 5000});
    CHECK(kit_wait_finals(3));
    kit_expect_hello(2, false);
    kit_expect_failed(3, STATUS_BUDGET); /* more than the bucket ever holds */
    kit_close();
    kit_server_stop();
}

static void test_cancel_while_queued(void)
{
    struct pool_config config;
    kit_server_start((struct chat_server_config){.latency_ms = 100});
    config = kit_defaults();
    config.connections = config.streams_per_connection = 1;
    kit_open_warm(config);
    kit_send((struct kit_ask){.id = 1});
    kit_send((struct kit_ask){.id = 2});
    CHECK_EQ(pool_cancel(kit_pool, 1002, 2), 0);
    CHECK(kit_wait_finals(2));
    kit_expect_hello(1, false);
    kit_expect_failed(2, STATUS_CANCELLED);
    CHECK_EQ(kit_server_stats().requests, 1);
    kit_close();
    kit_server_stop();
}

static void test_close_answers_everything(void)
{
    kit_server_start((struct chat_server_config){.fault = "silent"});
    kit_open_warm(kit_defaults());
    for (unsigned id = 1; id <= 30; id++)
        kit_send((struct kit_ask){.id = id});
    CHECK(kit_wait(server_saw_requests, &(unsigned){30}, 2000));
    kit_send((struct kit_ask){.id = 31}); /* still in the mailbox */
    kit_close();
    for (unsigned id = 1; id <= 31; id++)
        kit_expect_failed(id, STATUS_CLOSED);
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

static void test_configurations_refused(void)
{
    static const char *const urls[] = {"http://api.example.com/v1",
                                       "ftp://127.0.0.1/v1",
                                       "https://127.0.0.1/v1/",
                                       "http://127.0.0.1.example.com/v1",
                                       "http://localhost@example.com/v1",
                                       "http://127.0.0.1:80@example.com/v1",
                                       "https://",
                                       ""};
    struct pool *pool = NULL;
    CHECK_EQ(loop_create(&kit_loop, kit_backend), 0);
    for (unsigned i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        struct pool_config config = kit_defaults();
        config.base_url = urls[i];
        CHECK_EQ(pool_create(&pool, kit_loop, &config, kit_on_reply, NULL), STATUS_INVALID);
    }
    struct pool_config config = kit_defaults();
    config.base_url = "https://127.0.0.1/v1";
    config.connections = 0;
    CHECK_EQ(pool_create(&pool, kit_loop, &config, kit_on_reply, NULL), STATUS_INVALID);
    config = kit_defaults();
    config.base_url = "https://127.0.0.1/v1";
    config.api_key = "two\r\nlines";
    CHECK_EQ(pool_create(&pool, kit_loop, &config, kit_on_reply, NULL), STATUS_INVALID);
    CHECK(pool == NULL);
    loop_destroy(kit_loop);
}

/* The smallest HTTP/1.1 server: one connection at a time, every request answered by the same whole
 * answer. */
static void *plain_run(void *ctx)
{
    static const char answer[] =
        "{\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"plain\"},"
        "\"finish_reason\":\"stop\"}]}";
    int listen_fd = *(int *)ctx, fd;
    char text[4096], head[128];
    size_t head_len = (size_t)snprintf(
        head, sizeof head, "HTTP/1.1 200 OK\r\ncontent-length: %zu\r\n\r\n", strlen(answer));
    while ((fd = accept(listen_fd, NULL, NULL)) >= 0) {
        size_t len = 0;
        for (ssize_t got; (got = read(fd, text + len, sizeof text - 1 - len)) > 0;) {
            len += (size_t)got;
            text[len] = '\0';
            const char *end = strstr(text, "\r\n\r\n");
            bool post = strncmp(text, "POST", 4) == 0;
            if (end == NULL || (post && text[len - 1] != '}'))
                continue; /* a body of ours ends so */
            if (write(fd, head, head_len) < 0 || write(fd, answer, strlen(answer)) < 0)
                break;
            len = 0;
        }
        close(fd);
    }
    return NULL;
}

static void test_plain_http_on_loopback(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    pthread_t thread;
    CHECK_EQ(bind(fd, (struct sockaddr *)&address, len), 0);
    CHECK_EQ(listen(fd, 8), 0);
    CHECK_EQ(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    pthread_create(&thread, NULL, plain_run, &fd);
    snprintf(kit_url, sizeof kit_url, "http://127.0.0.1:%u/v1", ntohs(address.sin_port));
    struct pool_config config = kit_defaults();
    config.connections = 1;
    config.ca_file = NULL;
    kit_open_warm(config);
    char text[64];
    for (unsigned id = 1; id <= 5; id++)
        kit_send((struct kit_ask){.id = id});
    CHECK(kit_wait_finals(5));
    for (unsigned id = 1; id <= 5; id++) {
        CHECK_EQ(kit_read(id, false, text, sizeof text), 0);
        CHECK_STR(text, "plain");
    }
    CHECK_EQ(kit_stats().connects_total, 1);
    CHECK_EQ(kit_stats().handshakes_late, 0);
    kit_close();
    shutdown(fd, SHUT_RDWR);
    pthread_join(thread, NULL);
    close(fd);
}

static void *submit_run(void *ctx)
{
    unsigned first = *(unsigned *)ctx;
    for (unsigned id = first; id < first + 200; id++) {
        kit_send((struct kit_ask){.id = id, .retries = 1, .stream = id % 2 == 0});
        if (id % 5 == 0)
            pool_cancel(kit_pool, 1000 + id % 7, id);
        pool_settle(kit_pool, 100, 90);
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

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    static const enum loop_backend backends[] = {LOOP_URING, LOOP_EPOLL};
    for (unsigned i = 0; i < 2; i++) {
        struct loop *probe;
        kit_backend = backends[i];
        if (loop_create(&probe, kit_backend) != 0) {
            fprintf(stderr, "skip: backend %u is not available\n", i);
            continue;
        }
        fprintf(stderr, "on %s\n", loop_backend_name(probe));
        loop_destroy(probe);
        RUN(test_warm_before_first_request);
        RUN(test_ledger);
        RUN(test_multiplexes_on_one_connection);
        RUN(test_streams_are_bounded_and_waiting_is_visible);
        RUN(test_server_allows_fewer_streams);
        RUN(test_cancel_resets_the_stream);
        RUN(test_deadline);
        RUN(test_stall_is_tried_elsewhere);
        RUN(test_rate_limit_waits_and_pauses);
        RUN(test_quota_is_never_retried);
        RUN(test_server_errors);
        RUN(test_no_retry_past_the_deadline);
        RUN(test_reset_streams);
        RUN(test_connection_lost_in_mid_flight);
        RUN(test_goaway_moves_on);
        RUN(test_wrong_authority);
        RUN(test_refused_then_the_server_appears);
        RUN(test_restarted_upstream_is_warm_before_it_is_needed);
        RUN(test_idle_pool_sleeps);
        RUN(test_keepalive_uses_idle_connections);
        RUN(test_bad_answers_are_the_readers);
        RUN(test_answer_without_a_byte_is_none);
        RUN(test_streams_arrive_in_pieces);
        RUN(test_full_queue);
        RUN(test_budget_paces);
        RUN(test_settled_tokens_come_back);
        RUN(test_cancel_while_queued);
        RUN(test_close_answers_everything);
        RUN(test_credentials);
        RUN(test_configurations_refused);
        RUN(test_plain_http_on_loopback);
        RUN(test_many_threads_and_faults);
    }
    unlink(kit_cert);
    return check_done();
}
