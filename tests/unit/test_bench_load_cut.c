/* Which byte a socket is cut at. */
#include "bench/load_cut.h"

#include "tests/check.h"
#include <fcntl.h>
#include <unistd.h>

static struct load_config config = {.voice = {.rate = 24000, .frame_ms = 100}, .cuts_minute = 6};
static struct load_field field;
static struct load_client client;

static void begin(void)
{
    field = (struct load_field){.config = &config};
    client = (struct load_client){.life = 1};
    rng_init(&client.jitter, 9);
}

/* Of many, both directions come, and no more than a frame is left to send. */
static void test_arm(void)
{
    unsigned in = 0, out = 0;
    begin();
    for (int i = 0; i < 1000; i++) {
        client.cut_in = client.cut_out = 0;
        load_cut_arm(&field, &client);
        CHECK((client.cut_in > 0) != (client.cut_out > 0));
        CHECK(client.cut_out <= 4800);
        in += client.cut_in > 0;
        out += client.cut_out > 0;
    }
    CHECK(in > 400 && out > 400);
    field.draining = true;
    client.cut_in = client.cut_out = 0;
    load_cut_arm(&field, &client);
    CHECK(client.cut_in == 0 && client.cut_out == 0);
}

static void test_sent(void)
{
    begin();
    CHECK_EQ(load_cut_sends(&client, 500), 500);
    CHECK(!load_cut_sent(&client, 500));
    client.cut_out = 600;
    CHECK_EQ(load_cut_sends(&client, 500), 500);
    CHECK(!load_cut_sent(&client, 500));
    CHECK_EQ(load_cut_sends(&client, 500), 100);
    CHECK(load_cut_sent(&client, 100));
    client.cut_out = 10; /* drawn while more was on its way */
    CHECK(load_cut_sent(&client, 500));
}

static void test_received(void)
{
    size_t len = 300;
    begin();
    CHECK(!load_cut_received(&client, &len));
    client.cut_in = 400;
    CHECK(!load_cut_received(&client, &len));
    CHECK_EQ(len, 300);
    CHECK(load_cut_received(&client, &len));
    CHECK_EQ(len, 100);
    CHECK_EQ(client.cut_in, 0);
}

/* So often a minute as was asked for. */
static void test_plan(void)
{
    struct load_due due;
    begin();
    CHECK_EQ(load_schedule_init(&field.schedule, 4), 0);
    for (int i = 0; i < 2000; i++) {
        load_cut_plan(&field, &client);
        CHECK(load_schedule_pop(&field.schedule, INT64_MAX, &due));
        CHECK_EQ(due.what, LOAD_DUE_SNIP);
        field.now_us = due.at_us;
    }
    CHECK(field.now_us / 1000000 > 2000 * 10 * 9 / 10 &&
          field.now_us / 1000000 < 2000 * 10 * 11 / 10);
    load_schedule_deinit(&field.schedule);
}

/* Dead sockets stay open, so many of them. */
static void test_abandon(void)
{
    int pipes[2], first;
    begin();
    CHECK_EQ(pipe(pipes), 0);
    first = dup(pipes[0]);
    load_cut_abandon(&field, first);
    for (int i = 1; i < LOAD_ABANDONED_MAX; i++)
        load_cut_abandon(&field, dup(pipes[0]));
    CHECK(fcntl(first, F_GETFD) >= 0);
    load_cut_abandon(&field, dup(pipes[1]));
    CHECK_EQ(fcntl(first, F_GETFD), -1);
    load_cut_close_all(&field);
    close(pipes[1]);
    /* Nobody else holds the writing end. */
    CHECK_EQ(read(pipes[0], &first, sizeof first), 0);
    close(pipes[0]);
}

int main(void)
{
    RUN(test_arm);
    RUN(test_sent);
    RUN(test_received);
    RUN(test_plan);
    RUN(test_abandon);
    return check_done();
}
