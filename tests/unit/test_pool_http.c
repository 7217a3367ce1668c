/* The pool when all goes well: warm connections, streams, pieces, cancel, budgets, queue. Real
 * sockets on loopback. */
#include "pool/limits.h"
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
    CHECK_EQ(kit_results[1].pieces, 0); /* the whole body comes with the end */
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

/* Requests at once share a connection, and the next request after them needs a new one. */
static void test_connections_on_demand(void)
{
    kit_server_start((struct chat_server_config){.latency_ms = 20});
    struct pool_config config = kit_defaults();
    config.upstreams[0].connections = 1;
    config.on_demand = true;
    kit_open(config);
    CHECK(pool_ready(kit_pool));
    CHECK_EQ(kit_server_stats().handshakes, 0);
    for (unsigned id = 1; id <= 3; id++)
        kit_send((struct kit_ask){.id = id, .stream = id == 2});
    CHECK(kit_wait_finals(3));
    for (unsigned id = 1; id <= 3; id++)
        kit_expect_hello(id, id == 2);
    CHECK_EQ(kit_server_stats().handshakes, 1);
    kit_send((struct kit_ask){.id = 4});
    CHECK(kit_wait_finals(4));
    kit_expect_hello(4, false);
    CHECK_EQ(kit_server_stats().handshakes, 2);
    CHECK_EQ(kit_server_stats().models, 0);
    CHECK_EQ(kit_stats().handshakes_late, 2);
    CHECK_EQ(kit_stats().failed + kit_stats().retried, 0);
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
    kit_server_start((struct chat_server_config){.latency_ms = 300});
    config = kit_defaults();
    config.upstreams[0].connections = 1;
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

static void test_streams_are_bounded_and_waiting_is_visible(void)
{
    struct pool_config config;
    kit_server_start((struct chat_server_config){.latency_ms = 80});
    config = kit_defaults();
    config.upstreams[0].streams_per_connection = 3;
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

/* The server allows fewer streams than we were told: what has none waits in the scheduler, where
 * it is fair and seen, not in libcurl. */
static void test_server_allows_fewer_streams(void)
{
    struct pool_config config;
    kit_server_start((struct chat_server_config){.latency_ms = 60, .streams_max = 2});
    config = kit_defaults();
    config.upstreams[0].connections = 1;
    kit_open_warm(config);
    for (unsigned id = 1; id <= 6; id++)
        kit_send((struct kit_ask){.id = id});
    unsigned waiting = 4;
    CHECK(kit_wait(is_waiting, &waiting, 1000));
    CHECK_EQ(kit_stats().in_flight, 2);
    CHECK_EQ(kit_stats().queued, 4);
    CHECK_EQ(kit_stats().streams, 2);
    CHECK(kit_wait_finals(6));
    for (unsigned id = 1; id <= 6; id++)
        kit_expect_hello(id, false);
    CHECK_EQ(kit_server_stats().connections, 1);
    kit_close();
    kit_server_stop();
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
    CHECK(kit_results[1].pieces >= 2);
    int64_t took_us = kit_results[1].at_us - begin_us;
    CHECK(took_us >= 150000 && took_us < 400000);
    CHECK(kit_wait(server_saw_resets, &one, 2000));
    CHECK_EQ(kit_stats().expired, 1);
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

static bool server_saw_handshakes(void *ctx)
{
    return kit_server_stats().handshakes >= *(unsigned *)ctx;
}

/* Requests all the time, connections that live a quarter of a second: the next is warm before the
 * last stops, answers on the way are finished, no request waits for a handshake. */
static void test_connections_are_replaced_ahead_of_age(void)
{
    struct pool_config config;
    unsigned id = 0, twelve = 12;
    kit_server_start((struct chat_server_config){.latency_ms = 20});
    config = kit_defaults();
    config.age_ms = 250;
    kit_open_warm(config);
    while (id < 1500 && kit_server_stats().handshakes < twelve) {
        kit_send((struct kit_ask){.id = ++id, .stream = id % 3 == 0});
        kit_wait(NULL, NULL, 2);
        CHECK_EQ(kit_stats().connections, 2);
    }
    CHECK(server_saw_handshakes(&twelve));
    CHECK(kit_wait_finals(id));
    for (unsigned i = 1; i <= id; i++)
        kit_expect_hello(i, i % 3 == 0);
    struct pool_stats stats = kit_stats();
    CHECK(stats.replaced >= 10);
    CHECK_EQ(stats.handshakes_late + stats.retried + stats.moved, 0);
    CHECK(stats.connects_total <= kit_server_stats().handshakes);
    CHECK(kit_server_stats().open <= 4);
    kit_close();
    kit_server_stop();
}

/* What takes longer than its connection lives is still answered on it. */
static void test_long_answer_outlives_its_connection(void)
{
    struct pool_config config;
    unsigned four = 4;
    kit_server_start((struct chat_server_config){.latency_ms = 700});
    config = kit_defaults();
    config.age_ms = 100;
    kit_open_warm(config);
    kit_send((struct kit_ask){.id = 1});
    CHECK(kit_wait(server_saw_handshakes, &four, 2000));
    CHECK_EQ(kit_finals, 0);
    CHECK(kit_wait_finals(1));
    kit_expect_hello(1, false);
    CHECK_EQ(kit_stats().retried + kit_stats().moved, 0);
    CHECK_EQ(kit_server_stats().requests, 1);
    kit_close();
    kit_server_stop();
}

/* Without a successor the old one stays. */
static void test_nothing_is_given_up_for_what_does_not_come(void)
{
    struct pool_config config;
    kit_server_start((struct chat_server_config){0});
    config = kit_defaults();
    config.age_ms = 200;
    kit_open_warm(config);
    chat_server_accept(kit_server, false);
    kit_wait(NULL, NULL, 500);
    CHECK(kit_stats().replaced >= 2);
    CHECK_EQ(kit_stats().connections, 2);
    kit_send((struct kit_ask){.id = 1});
    CHECK(kit_wait_finals(1));
    kit_expect_hello(1, false);
    kit_close();
    kit_server_stop();
}

static void test_streams_arrive_in_pieces(void)
{
    kit_server_start((struct chat_server_config){.token_ms = 15});
    kit_open_warm(kit_defaults());
    const char *text = "one two three four five six seven eight nine ten eleven twelve";
    kit_send((struct kit_ask){.id = 1, .stream = true, .text = text});
    kit_send((struct kit_ask){.id = 2, .text = text});
    CHECK(kit_wait_finals(2));
    /* 180 ms of tokens at the least. */
    CHECK(kit_results[1].pieces >= 3);
    CHECK(kit_results[1].gap_min_us >= POOL_PIECE_GAP_MS * 1000);
    CHECK_EQ(kit_results[2].pieces, 0);
    char streamed[256], whole[256];
    CHECK_EQ(kit_read(1, true, streamed, sizeof streamed), 0);
    CHECK_EQ(kit_read(2, false, whole, sizeof whole), 0);
    CHECK_STR(streamed, whole);
    kit_close();
    kit_server_stop();
}

static bool has_two_pieces(void *ctx)
{
    return kit_results[1].pieces >= 2;
}

/* What follows the first piece at once is passed on though nothing comes after it. */
static void test_held_piece_does_not_wait_for_the_next(void)
{
    kit_server_start((struct chat_server_config){.fault = "stall", .token_ms = 5});
    kit_open_warm(kit_defaults());
    kit_send((struct kit_ask){.id = 1, .stream = true, .text = "one two three four five six"});
    CHECK(kit_wait(has_two_pieces, NULL, 3000));
    CHECK_EQ(kit_finals, 0);
    CHECK(kit_results[1].gap_min_us >= POOL_PIECE_GAP_MS * 1000);
    CHECK(kit_results[1].lat.part_us[LAT_HOLD] > 0);
    kit_close();
    kit_server_stop();
}

static void test_full_queue(void)
{
    struct pool_config config;
    kit_server_start((struct chat_server_config){.latency_ms = 100});
    config = kit_defaults();
    config.upstreams[0].connections = 1;
    config.upstreams[0].streams_per_connection = 1;
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
    pool_settle(kit_pool, 0, 4000, 100);
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
    config.upstreams[0].connections = config.upstreams[0].streams_per_connection = 1;
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
        config.upstreams[0].account.url = urls[i];
        CHECK_EQ(pool_create(&pool, kit_loop, &config, kit_on_reply, NULL), STATUS_INVALID);
    }
    struct pool_config config = kit_defaults();
    config.upstreams[0].account.url = "https://127.0.0.1/v1";
    config.upstreams[0].connections = 0;
    CHECK_EQ(pool_create(&pool, kit_loop, &config, kit_on_reply, NULL), STATUS_INVALID);
    config = kit_defaults();
    config.upstreams[0].account.url = "https://127.0.0.1/v1";
    config.upstreams[0].account.key = "two\r\nlines";
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
    config.upstreams[0].connections = 1;
    config.upstreams[0].ca_file = NULL;
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

/* An nghttp2 server takes 1,000 resets and then sends GOAWAY; libcurl would reset every stream that
 * has ended. */
static void test_ended_streams_are_not_reset(void)
{
    struct pool_config config = kit_defaults();
    kit_server_start((struct chat_server_config){0});
    config.upstreams[0].account.url = kit_url;
    config.upstreams[0].connections = 1;
    kit_open_warm(config);
    for (unsigned id = 1; id <= 1300; id++)
        CHECK_EQ(kit_send((struct kit_ask){.id = id, .stream = id % 2 == 0}), 0);
    CHECK(kit_wait_finals(1300));
    CHECK_EQ(kit_server_stats().connections, 1);
    CHECK_EQ(kit_server_stats().resets, 0);
    CHECK_EQ(kit_stats().done, 1300);
    CHECK_EQ(kit_stats().retried + kit_stats().handshakes_late, 0);
    kit_close();
    kit_server_stop();
}

static void run_all(void)
{
    RUN(test_warm_before_first_request);
    RUN(test_connections_on_demand);
    RUN(test_ledger);
    RUN(test_multiplexes_on_one_connection);
    RUN(test_streams_are_bounded_and_waiting_is_visible);
    RUN(test_server_allows_fewer_streams);
    RUN(test_cancel_resets_the_stream);
    RUN(test_deadline);
    RUN(test_idle_pool_sleeps);
    RUN(test_keepalive_uses_idle_connections);
    RUN(test_connections_are_replaced_ahead_of_age);
    RUN(test_long_answer_outlives_its_connection);
    RUN(test_nothing_is_given_up_for_what_does_not_come);
    RUN(test_streams_arrive_in_pieces);
    RUN(test_held_piece_does_not_wait_for_the_next);
    RUN(test_full_queue);
    RUN(test_budget_paces);
    RUN(test_settled_tokens_come_back);
    RUN(test_cancel_while_queued);
    RUN(test_close_answers_everything);
    RUN(test_configurations_refused);
    RUN(test_plain_http_on_loopback);
    RUN(test_ended_streams_are_not_reset);
}

int main(void)
{
    return kit_main(run_all);
}
