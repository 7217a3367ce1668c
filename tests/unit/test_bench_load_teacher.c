/* What a teacher of the load says, and when. */
#include "bench/load_teacher.h"

#include "base/status.h"
#include "bench/judge.h"
#include "tests/check.h"
#include <jansson.h>

static const char *const targets[] = {NULL};
static struct load_config config;
static struct load_field field;
static struct load_client client;
static struct load_teacher teacher;
static struct load_sum sum;
static struct judge *judge;

static void begin(unsigned number)
{
    config.teachers = 4;
    struct judge_config judged = {.rate = 24000,
                                  .source = "en",
                                  .targets = targets,
                                  .watched = true,
                                  .classes = config.classes};
    CHECK_EQ(judge_create(&judge, &judged), STATUS_OK);
    field = (struct load_field){.config = &config, .judge = judge, .sum = &sum};
    sum = (struct load_sum){0};
    load_frame_pool_init(&field.pool, LOAD_HEAD_MAX + load_teacher_message_max(&config));
    /* As if the kernel had bytes already, so that nothing leaves the queue. */
    client = (struct load_client){.role = LOAD_TEACHER, .teacher = &teacher, .sending = true};
    client.state = LOAD_LIVE;
    CHECK_EQ(load_teacher_init(&teacher, &field, number), STATUS_OK);
}

static void end(void)
{
    load_frame_cut(&field.pool, &client.out, 0);
    load_frame_pool_deinit(&field.pool);
    judge_destroy(judge);
}

/* The first message that waits, unmasked and taken. */
static json_t *taken(void)
{
    struct load_frame *frame = client.out.head;
    CHECK(frame != NULL && frame->bytes[0] == (0x80 | LOAD_WS_TEXT));
    size_t wide = (frame->bytes[1] & 0x7F) == 126 ? 2 : 0;
    const uint8_t *mask = frame->bytes + 2 + wide;
    char text[2048];
    size_t len = frame->len - (2 + wide + 4);
    for (size_t i = 0; i < len; i++)
        text[i] = (char)(mask[4 + i] ^ mask[i % 4]);
    json_t *object = json_loadb(text, len, 0, NULL);
    CHECK_STR(json_string_value(json_object_get(object, "type")), "watch");
    load_frame_pop(&field.pool, &client.out);
    return object;
}

static void hear(const char *text)
{
    CHECK_EQ(load_teacher_heard(&field, &client, text, strlen(text)), STATUS_OK);
}

static void test_watches_all(void)
{
    config = (struct load_config){.teachers_open = 2};
    begin(0);
    CHECK_EQ(load_teacher_start(&field, &client), STATUS_OK);
    json_t *watch = taken();
    CHECK_EQ(json_object_size(watch), 1);
    json_decref(watch);
    end();
}

static void test_watches_its_class(void)
{
    config = (struct load_config){
        .classes = 3, .teachers_of_class = true, .slow_teachers = 4, .teacher_token = "a.b.c"};
    begin(4);
    CHECK(!teacher.slow);
    CHECK_EQ(load_teacher_start(&field, &client), STATUS_OK);
    json_t *watch = taken();
    CHECK_STR(json_string_value(json_object_get(watch, "class")), "1B");
    CHECK_STR(json_string_value(json_object_get(watch, "token")), "a.b.c");
    json_decref(watch);
    end();
}

/* Sessions are named once some are seen, and once. */
static void test_names_sessions(void)
{
    static const char started[] =
        "{\"type\":\"session.started\",\"session\":\"0123456789abcdef0123456789abcdef\"}";
    static const char snapshot[] =
        "{\"type\":\"snapshot\",\"sessions\":[{\"session\":\"0123456789abcdef0123456789abcdef\"}]}";
    config = (struct load_config){.teachers_open = 2, .slow_teachers = 1};
    begin(0);
    CHECK(teacher.slow);
    hear("{\"type\":\"snapshot\",\"sessions\":[]}");
    CHECK_EQ(client.out.len, 0);
    judge_session_heard(judge_session_open(judge, 0), started, sizeof started - 1, 1);
    hear(snapshot);
    json_t *watch = taken();
    json_t *named = json_object_get(watch, "sessions");
    CHECK_EQ(json_array_size(named), 1);
    CHECK_STR(json_string_value(json_array_get(named, 0)), "0123456789abcdef0123456789abcdef");
    json_decref(watch);
    hear(snapshot);
    CHECK_EQ(client.out.len, 0);
    /* On the next socket again. */
    CHECK_EQ(load_teacher_start(&field, &client), STATUS_OK);
    json_decref(taken());
    hear(snapshot);
    json_decref(taken());
    end();
}

static void test_comes_back(void)
{
    struct judge_sum judged;
    config = (struct load_config){.teachers_open = 1};
    begin(0);
    CHECK(load_teacher_lost(&field, &client));
    client.state = LOAD_UPGRADING;
    client.reader.status = 503;
    CHECK(load_teacher_lost(&field, &client));
    CHECK_EQ(sum.teachers_failed, 1);
    CHECK_EQ(sum.teachers_status, 503);
    field.draining = true;
    CHECK(!load_teacher_lost(&field, &client));
    judge_sum(judge, &judged);
    CHECK_EQ(judged.watch.closed, 1);
    end();
}

int main(void)
{
    RUN(test_watches_all);
    RUN(test_watches_its_class);
    RUN(test_names_sessions);
    RUN(test_comes_back);
    return check_done();
}
