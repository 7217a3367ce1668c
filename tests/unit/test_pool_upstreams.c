/* Several upstreams: their parts, failover, circuit breakers. Real sockets on loopback. */
#include "pool/internal.h"
#include "pool/limits.h"
#include "tests/unit/pool_kit.h"

/* Beside the kit's server. */
static struct chat_server *second;
static pthread_t second_thread;
static char second_url[64];

static void second_start(struct chat_server_config config)
{
    struct chat_server *first = kit_server;
    pthread_t first_thread = kit_thread;
    char first_url[64];
    memcpy(first_url, kit_url, sizeof first_url);
    kit_server_start(config);
    second = kit_server;
    second_thread = kit_thread;
    memcpy(second_url, kit_url, sizeof second_url);
    kit_server = first;
    kit_thread = first_thread;
    memcpy(kit_url, first_url, sizeof first_url);
}

static void second_stop(void)
{
    chat_server_stop(second);
    pthread_join(second_thread, NULL);
    chat_server_destroy(second);
}

static uint64_t second_requests(void)
{
    struct chat_server_stats stats;
    chat_server_stats(second, &stats);
    return stats.requests;
}

static struct pool_config two(unsigned weight, unsigned second_weight)
{
    struct pool_config config = kit_defaults();
    config.upstreams_len = 2;
    config.upstreams[1] = config.upstreams[0];
    config.upstreams[1].account.url = second_url;
    config.upstreams[0].weight = weight;
    config.upstreams[1].weight = second_weight;
    return config;
}

static void all_said_hello(unsigned first, unsigned last)
{
    for (unsigned id = first; id <= last; id++)
        kit_expect_hello(id, false);
}

static void test_parts_by_weight(void)
{
    kit_server_start((struct chat_server_config){.latency_ms = 5});
    second_start((struct chat_server_config){.latency_ms = 5});
    kit_open_warm(two(3, 1));
    CHECK_EQ(kit_stats().connections, 4);
    for (unsigned id = 1; id <= 120; id++)
        kit_send((struct kit_ask){.id = id});
    CHECK(kit_wait_finals(120));
    all_said_hello(1, 120);
    struct pool_stats stats = kit_stats();
    CHECK_EQ(stats.upstreams_len, 2);
    CHECK(stats.upstreams[0].sent >= 88 && stats.upstreams[0].sent <= 92);
    CHECK_EQ(stats.upstreams[0].sent + stats.upstreams[1].sent, 120);
    CHECK_EQ(second_requests(), stats.upstreams[1].sent);
    kit_close();
    second_stop();
    kit_server_stop();
}

static bool first_is_gone(void *ctx)
{
    return kit_stats().upstreams[0].connections == 0;
}

static bool first_is_back(void *ctx)
{
    return kit_stats().upstreams[0].connections == 2;
}

static bool breaker_is_open(void *ctx)
{
    return kit_pool->upstreams[0].breaker.state == POOL_BREAKER_OPEN;
}

static bool breaker_allows(void *ctx)
{
    return pool_breaker_allows(&kit_pool->upstreams[0].breaker, loop_now_us(kit_loop));
}

/* The one in reserve takes over what is on its way, and gives back. */
static void test_dead_upstream_is_replaced_by_the_reserve(void)
{
    kit_server_start((struct chat_server_config){.latency_ms = 40});
    second_start((struct chat_server_config){0});
    uint16_t port = chat_server_port(kit_server);
    kit_open_warm(two(1, 0));
    for (unsigned id = 1; id <= 20; id++)
        kit_send((struct kit_ask){.id = id, .retries = 2});
    CHECK(kit_wait(server_saw_requests, &(unsigned){20}, 2000));
    CHECK_EQ(second_requests(), 0);
    kit_server_stop();
    CHECK(kit_wait_finals(20));
    CHECK(kit_wait(first_is_gone, NULL, 3000));
    for (unsigned id = 21; id <= 40; id++)
        kit_send((struct kit_ask){.id = id});
    CHECK(kit_wait_finals(40));
    all_said_hello(1, 40);
    uint64_t stood_in = second_requests();
    CHECK(stood_in >= 20);
    kit_server_start((struct chat_server_config){.port = port});
    CHECK(kit_wait(first_is_back, NULL, 5000));
    CHECK(kit_wait(breaker_allows, NULL, 5000));
    kit_send((struct kit_ask){.id = 41});
    CHECK(kit_wait_finals(41));
    CHECK_EQ(second_requests(), stood_in);
    CHECK_EQ(kit_stats().handshakes_late, 0);
    kit_close();
    second_stop();
    kit_server_stop();
}

static void test_errors_of_one_are_answered_by_the_other(void)
{
    kit_server_start((struct chat_server_config){.fault = "500"});
    second_start((struct chat_server_config){0});
    kit_open_warm(two(1, 0));
    int64_t begin_us = clock_mono_us();
    for (unsigned id = 1; id <= 30; id++)
        kit_send((struct kit_ask){.id = id, .retries = 1});
    CHECK(kit_wait_finals(30));
    all_said_hello(1, 30);
    CHECK(clock_mono_us() - begin_us < 1000000); /* no wait as for one upstream */
    CHECK(breaker_is_open(NULL));
    CHECK_EQ(kit_stats().upstreams[0].trips, 1);
    uint64_t asked = kit_server_stats().requests;
    for (unsigned id = 31; id <= 40; id++)
        kit_send((struct kit_ask){.id = id});
    CHECK(kit_wait_finals(40));
    all_said_hello(31, 40);
    CHECK_EQ(kit_server_stats().requests, asked);
    /* Half open: one of many is the probe. It fails, and is answered all the same. */
    CHECK(kit_wait(breaker_allows, NULL, 3000));
    for (unsigned id = 41; id <= 50; id++)
        kit_send((struct kit_ask){.id = id, .retries = 1});
    CHECK(kit_wait_finals(50));
    all_said_hello(41, 50);
    CHECK_EQ(kit_server_stats().requests, asked + 1);
    CHECK_EQ(kit_stats().upstreams[0].trips, 2);
    chat_server_set_fault(kit_server, "none");
    CHECK(kit_wait(breaker_allows, NULL, 5000));
    kit_send((struct kit_ask){.id = 51});
    CHECK(kit_wait_finals(51));
    CHECK_EQ(kit_stats().upstreams[0].done, 1);
    CHECK_EQ(kit_pool->upstreams[0].breaker.state, POOL_BREAKER_CLOSED);
    kit_close();
    second_stop();
    kit_server_stop();
}

/* Never sent again where the quota is used up; elsewhere there may be some. */
static void test_quota_goes_to_the_other(void)
{
    kit_server_start((struct chat_server_config){.fault = "quota"});
    second_start((struct chat_server_config){0});
    kit_open_warm(two(1, 0));
    kit_send((struct kit_ask){.id = 1, .retries = 1});
    CHECK(kit_wait_finals(1));
    for (unsigned id = 2; id <= 10; id++)
        kit_send((struct kit_ask){.id = id});
    CHECK(kit_wait_finals(10));
    all_said_hello(1, 10);
    CHECK_EQ(kit_server_stats().requests, 1);
    CHECK_EQ(second_requests(), 10);
    kit_close();
    second_stop();
    kit_server_stop();
}

static bool three_wait(void *ctx)
{
    return kit_stats().queued == 3;
}

/* With no other: whoever waits is told at once, and nothing is asked for in vain. */
static void test_quota_of_the_only_one(void)
{
    struct pool_config config;
    kit_server_start((struct chat_server_config){.fault = "quota", .latency_ms = 100});
    config = kit_defaults();
    config.upstreams[0].connections = config.upstreams[0].streams_per_connection = 1;
    kit_open_warm(config);
    int64_t begin_us = clock_mono_us();
    for (unsigned id = 1; id <= 4; id++)
        kit_send((struct kit_ask){.id = id, .retries = 3});
    CHECK(kit_wait(three_wait, NULL, 1000));
    CHECK(kit_wait_finals(4));
    kit_send((struct kit_ask){.id = 5});
    CHECK(kit_wait_finals(5));
    for (unsigned id = 1; id <= 5; id++)
        kit_expect_failed(id, STATUS_BUDGET);
    CHECK(clock_mono_us() - begin_us < 1000000);
    CHECK_EQ(kit_server_stats().requests, 1);
    CHECK_EQ(kit_stats().retried, 0);
    kit_close();
    kit_server_stop();
}

static void test_pause_of_one_is_not_the_others(void)
{
    kit_server_start((struct chat_server_config){.fault = "429:5"});
    second_start((struct chat_server_config){0});
    kit_open_warm(two(1, 1));
    int64_t begin_us = clock_mono_us();
    for (unsigned id = 1; id <= 2; id++)
        kit_send((struct kit_ask){.id = id, .retries = 1});
    CHECK(kit_wait_finals(2));
    for (unsigned id = 3; id <= 40; id++)
        kit_send((struct kit_ask){.id = id, .retries = 1});
    CHECK(kit_wait_finals(40));
    all_said_hello(1, 40);
    CHECK(clock_mono_us() - begin_us < 4000000); /* it asked for five seconds */
    CHECK(kit_server_stats().requests <= 2);
    kit_close();
    second_stop();
    kit_server_stop();
}

/* What one tells of its quota is its own affair: the other takes what that one may not. */
static void test_limit_of_one_is_not_the_others(void)
{
    kit_server_start((struct chat_server_config){.latency_ms = 5, .requests_limit = 60});
    second_start((struct chat_server_config){.latency_ms = 5, .requests_limit = 60000});
    kit_open_warm(two(1, 1));
    for (unsigned id = 1; id <= 2; id++)
        kit_send((struct kit_ask){.id = id});
    CHECK(kit_wait_finals(2));
    CHECK_EQ(kit_stats().upstreams[0].requests_limit, 60);
    CHECK_EQ(kit_stats().upstreams[1].requests_limit, 60000);
    CHECK_EQ(kit_stats().requests_limit, 60060);
    for (unsigned id = 3; id <= 100; id++)
        kit_send((struct kit_ask){.id = id});
    CHECK(kit_wait_finals(100));
    all_said_hello(1, 100);
    /* Six at once, one a second. */
    CHECK(kit_server_stats().requests <= 10);
    CHECK_EQ(kit_server_stats().requests + second_requests(), 100);
    kit_close();
    second_stop();
    kit_server_stop();
}

static bool first_may_spend(void *ctx)
{
    return budget_due(&kit_pool->upstreams[0].budget, 1, loop_now_us(kit_loop)) <=
           loop_now_us(kit_loop);
}

/* Where all have spent what they told, requests wait for that, and are sent when it is there. */
static void test_limits_of_all(void)
{
    kit_server_start((struct chat_server_config){.requests_limit = 60});
    second_start((struct chat_server_config){.requests_limit = 60});
    kit_open_warm(two(1, 1));
    for (unsigned id = 1; id <= 2; id++)
        kit_send((struct kit_ask){.id = id});
    CHECK(kit_wait_finals(2));
    CHECK_EQ(kit_stats().requests_limit, 120);
    for (unsigned id = 3; id <= 30; id++)
        kit_send((struct kit_ask){.id = id, .deadline_ms = 1500});
    CHECK(kit_wait_finals(30));
    unsigned unsent = 0;
    for (unsigned id = 3; id <= 30; id++)
        unsent += kit_results[id].status == STATUS_BUDGET;
    CHECK(unsent >= 10);
    CHECK_EQ(kit_server_stats().requests + second_requests() + unsent, 30);
    CHECK(kit_wait(first_may_spend, NULL, 3000));
    kit_send((struct kit_ask){.id = 31});
    CHECK(kit_wait_finals(31));
    kit_expect_hello(31, false);
    kit_close();
    second_stop();
    kit_server_stop();
}

/* A final waits for the only upstream to come back, a partial does not. */
static void test_finals_wait_for_the_only_one(void)
{
    kit_server_start((struct chat_server_config){.fault = "500"});
    kit_open_warm(kit_defaults());
    for (unsigned id = 1; id <= POOL_BREAKER_TROUBLES; id++)
        kit_send((struct kit_ask){.id = id});
    CHECK(kit_wait_finals(POOL_BREAKER_TROUBLES));
    CHECK(breaker_is_open(NULL));
    chat_server_set_fault(kit_server, "none");
    kit_send((struct kit_ask){.id = 11});
    kit_send((struct kit_ask){.id = 12, .cls = POOL_PARTIAL_TRANSLATION});
    CHECK(kit_wait_finals(POOL_BREAKER_TROUBLES + 1));
    kit_expect_failed(12, STATUS_UNAVAILABLE);
    CHECK(kit_wait_finals(POOL_BREAKER_TROUBLES + 2));
    kit_expect_hello(11, false);
    kit_close();
    kit_server_stop();
}

/* Rotation, errors and an upstream that dies and returns, all at once. */
static void test_nothing_is_lost(void)
{
    struct pool_config config;
    kit_server_start((struct chat_server_config){.latency_ms = 10, .fault = "goaway@0.02"});
    second_start((struct chat_server_config){.latency_ms = 10, .fault = "rst@0.02"});
    uint16_t port = chat_server_port(kit_server);
    config = two(1, 1);
    config.age_ms = 300;
    kit_open_warm(config);
    for (unsigned id = 1; id <= 600; id++) {
        kit_send((struct kit_ask){.id = id, .retries = 4, .stream = id % 2 == 0});
        kit_wait(NULL, NULL, 2);
        if (id == 200)
            kit_server_stop();
        if (id == 400)
            kit_server_start((struct chat_server_config){.port = port, .latency_ms = 10});
    }
    CHECK(kit_wait_finals(600));
    for (unsigned id = 1; id <= 600; id++)
        kit_expect_hello(id, id % 2 == 0);
    struct pool_stats stats = kit_stats();
    CHECK_EQ(stats.done, 600);
    CHECK_EQ(stats.handshakes_late, 0);
    CHECK(stats.replaced >= 4);
    kit_close();
    second_stop();
    kit_server_stop();
}

static void test_all_speak_one_api(void)
{
    struct pool *pool = NULL;
    memcpy(second_url, "https://127.0.0.1/v1", 21);
    memcpy(kit_url, "https://127.0.0.1/v1", 21);
    struct pool_config config = two(1, 1);
    config.upstreams[1].account.provider = &chat_deepl;
    CHECK_EQ(loop_create(&kit_loop, kit_backend), 0);
    CHECK_EQ(pool_create(&pool, kit_loop, &config, kit_on_reply, NULL), STATUS_INVALID);
    config.upstreams_len = 0;
    CHECK_EQ(pool_create(&pool, kit_loop, &config, kit_on_reply, NULL), STATUS_INVALID);
    CHECK(pool == NULL);
    loop_destroy(kit_loop);
}

static void run_all(void)
{
    RUN(test_parts_by_weight);
    RUN(test_dead_upstream_is_replaced_by_the_reserve);
    RUN(test_errors_of_one_are_answered_by_the_other);
    RUN(test_quota_goes_to_the_other);
    RUN(test_quota_of_the_only_one);
    RUN(test_pause_of_one_is_not_the_others);
    RUN(test_limit_of_one_is_not_the_others);
    RUN(test_limits_of_all);
    RUN(test_finals_wait_for_the_only_one);
    RUN(test_nothing_is_lost);
    RUN(test_all_speak_one_api);
}

int main(void)
{
    return kit_main(run_all);
}
