/* The monitor's thread, between fronts that this test plays: who is told what, in how many messages
 * at a time, and what it costs a watcher that does not read. */
#include "base/arena.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/status.h"
#include "server/board.h"
#include "server/monitor.h"
#include "server/monitor_message.h"
#include "server/out.h"
#include "server/server.h"
#include "server/store_query.h"
#include "tests/check.h"
#include <stdio.h>
#include <string.h>

#define FRONTS  2
#define WAIT_MS 5000 /* for what must come; a failure only */

/* Connections of front 0 are even. */
static const uint64_t ann = 100, ben = 102, cid = 101;

struct world {
    struct monitor *monitor;
    struct mailbox *front[FRONTS], *hosts, *questions;
    uint32_t round;
    struct out *last; /* what front_next() gave */
};

struct question {
    struct msg msg;
    char session[SESSION_NAME_BYTES];
    uint32_t before_segment, limit;
};

static void msg_free(struct msg *msg)
{
    mem_free(msg);
}

/* --- the monitor's ways out --- */

static int to_front(void *ctx, unsigned front, struct msg *msg)
{
    return mailbox_send(((struct world *)ctx)->front[front], msg);
}

static int to_host(void *ctx, struct msg *msg)
{
    return msg->session == 666 ? STATUS_NOT_FOUND : mailbox_send(((struct world *)ctx)->hosts, msg);
}

static int front_of(void *ctx, uint64_t watcher)
{
    return (int)(watcher % FRONTS);
}

static int query(void *ctx, const struct store_query *asked)
{
    struct question *question = mem_calloc(1, sizeof *question);
    CHECK_EQ(asked->question, STORE_SEGMENTS);
    question->msg.free_fn = msg_free;
    snprintf(question->session, sizeof question->session, "%s", asked->session);
    question->before_segment = asked->before_segment;
    question->limit = asked->limit;
    return mailbox_send(((struct world *)ctx)->questions, &question->msg);
}

static void world_begin(struct world *world)
{
    *world = (struct world){.hosts = mailbox_create(64, NULL, NULL),
                            .questions = mailbox_create(64, NULL, NULL)};
    for (int i = 0; i < FRONTS; i++)
        world->front[i] = mailbox_create(1024, NULL, NULL);
    const struct monitor_config config = {.fronts = FRONTS,
                                          .sessions_max = 64,
                                          .tick_ms = 10,
                                          .to_front = to_front,
                                          .to_host = to_host,
                                          .front_of = front_of,
                                          .query = query,
                                          .ctx = world};
    CHECK_EQ(monitor_create(&world->monitor, &config), STATUS_OK);
}

static void world_end(struct world *world)
{
    monitor_stop(world->monitor);
    monitor_free(world->monitor);
    out_unref(world->last);
    for (int i = 0; i < FRONTS; i++)
        mailbox_destroy(world->front[i]);
    mailbox_destroy(world->hosts);
    mailbox_destroy(world->questions);
}

/* --- what fronts say --- */

static void tell(struct world *world, uint32_t kind, uint64_t id)
{
    struct msg *msg = mem_calloc(1, sizeof *msg);
    *msg = (struct msg){.kind = kind, .session = id, .free_fn = msg_free};
    CHECK_EQ(monitor_send(world->monitor, msg), STATUS_OK);
}

static void ask_free(struct msg *msg)
{
    struct monitor_ask *ask = (struct monitor_ask *)msg;
    monitor_message_free(ask->message);
    board_scope_free(ask->scope);
    mem_free(ask);
}

/* `class_name` NULL: an admin's. */
static void say(struct world *world, uint64_t id, const char *class_name, const char *text)
{
    struct monitor_ask *ask = mem_calloc(1, sizeof *ask);
    ask->message = monitor_message_parse(text, strlen(text));
    bool watch = ask->message->kind == MONITOR_MESSAGE_WATCH;
    ask->msg = (struct msg){
        .kind = watch ? MONITOR_WATCH : MONITOR_ASK, .session = id, .free_fn = ask_free};
    if (watch)
        ask->scope = board_scope_create(class_name == NULL, &class_name, 1);
    snprintf(ask->by, sizeof ask->by, "teacher");
    CHECK_EQ(monitor_send(world->monitor, &ask->msg), STATUS_OK);
}

static const char *name_of(unsigned index)
{
    static char names[4][SESSION_NAME_BYTES];
    snprintf(names[index], sizeof names[index], "%032x", index + 10);
    return names[index];
}

static void glances_free(struct msg *msg)
{
    struct monitor_glances *glances = (struct monitor_glances *)msg;
    mem_free(glances->changes);
    arena_destroy(glances->arena);
    mem_free(glances);
}

/* Session `index`, whose class is that of its number; `text` NULL: it has gone. */
struct glance {
    unsigned index, has;
    const char *text;
};
static const char *const class_of[4] = {"a", "b", "a", ""};

static void glances(struct world *world, uint32_t front, bool all, const struct glance *list,
                    size_t len)
{
    struct monitor_glances *message = mem_calloc(1, sizeof *message);
    message->msg = (struct msg){.kind = MONITOR_GLANCES, .free_fn = glances_free};
    message->front = front;
    message->round = world->round;
    message->all = all;
    message->arena = arena_create(4096);
    message->changes = mem_calloc(len + 1, sizeof *message->changes);
    message->len = len;
    for (size_t i = 0; i < len; i++) {
        struct glance_change *change = &message->changes[i];
        *change = (struct glance_change){.id = 500 + list[i].index,
                                         .serial = 1,
                                         .gone = list[i].text == NULL,
                                         .has = list[i].has,
                                         .name = "n",
                                         .source = "en",
                                         .phase = "live",
                                         .class_name = class_of[list[i].index]};
        memcpy(change->session, name_of(list[i].index), SESSION_NAME_BYTES);
        change->text = list[i].text != NULL ? arena_strdup(message->arena, list[i].text) : "";
    }
    CHECK_EQ(monitor_send(world->monitor, &message->msg), STATUS_OK);
}

static void text_is(struct world *world, unsigned index, const char *text)
{
    glances(world, 0, false, &(struct glance){index, GLANCE_BIT(GLANCE_TEXT), text}, 1);
}

/* Both fronts hear that somebody watches, and front 0 has all four sessions. */
static void gather(struct world *world)
{
    static const struct glance all[4] = {
        {0, GLANCE_ALL, "t0"}, {1, GLANCE_ALL, "t1"}, {2, GLANCE_ALL, "t2"}, {3, GLANCE_ALL, "t3"}};
    for (unsigned i = 0; i < FRONTS; i++) {
        struct front_watch *watch = (struct front_watch *)mailbox_wait(world->front[i], WAIT_MS);
        CHECK(watch != NULL && watch->msg.kind == FRONT_WATCH && watch->on);
        world->round = watch->round;
        watch->msg.free_fn(&watch->msg);
    }
    glances(world, 0, true, all, 4);
    glances(world, 1, true, NULL, 0);
}

/* --- what fronts hear --- */

/* The next message for watchers of a front, parsed; `to` of them, up to two. */
static json_t *front_next(struct world *world, unsigned front, uint64_t to[2])
{
    json_t *root = NULL;
    struct front_monitor *message =
        (struct front_monitor *)mailbox_wait(world->front[front], WAIT_MS);
    to[0] = to[1] = 0;
    CHECK(message != NULL && message->msg.kind == FRONT_MONITOR);
    if (message == NULL)
        return NULL;
    CHECK(message->len == 1 || message->len == 2);
    for (size_t i = 0; i < message->len && i < 2; i++)
        to[i] = message->watchers[i];
    CHECK_EQ(json_read(message->out->body, message->out->len, 0, &root), STATUS_OK);
    out_unref(world->last);
    world->last = out_ref(message->out);
    message->msg.free_fn(&message->msg);
    return root;
}

/* It is for `id` alone, which takes it when `takes`. */
static json_t *next_of(struct world *world, uint64_t id, bool takes)
{
    uint64_t to[2];
    json_t *root = front_next(world, (unsigned)(id % FRONTS), to);
    CHECK_EQ(to[0], id);
    CHECK_EQ(to[1], 0);
    if (takes)
        tell(world, MONITOR_TAKEN, id);
    return root;
}

static const char *type_of(const json_t *root)
{
    return json_string_value(json_object_get(root, "type"));
}

/* Names of the sessions in a list of states as digits, "" none. */
static const char *sessions_of(const json_t *root, const char *key)
{
    static char out[16];
    size_t i, len = 0;
    json_t *item;
    json_array_foreach(json_object_get(root, key), i, item)
    {
        const char *name =
            json_string_value(json_is_string(item) ? item : json_object_get(item, "session"));
        for (unsigned j = 0; j < 4 && len < sizeof out - 1; j++)
            if (strcmp(name, name_of(j)) == 0)
                out[len++] = (char)('0' + j);
    }
    out[len] = '\0';
    return out;
}

static const char *text_at(const json_t *root, size_t index)
{
    json_t *item = json_array_get(json_object_get(root, "changed"), index);
    return json_string_value(json_object_get(item, "text"));
}

static void expect(struct world *world, uint64_t id, const char *type, const char *key,
                   const char *sessions)
{
    json_t *root = next_of(world, id, true);
    CHECK_STR(type_of(root), type);
    CHECK_STR(sessions_of(root, key), sessions);
    json_decref(root);
}

/* --- tests --- */

static void test_snapshot_and_deltas(void)
{
    struct world world;
    world_begin(&world);
    say(&world, ann, NULL, "{\"type\":\"watch\"}");
    gather(&world);
    expect(&world, ann, "snapshot", "sessions", "0123");
    static const struct glance some[] = {{2, GLANCE_BIT(GLANCE_TEXT), "t2"}, /* nothing new */
                                         {1, GLANCE_BIT(GLANCE_TEXT), "new"},
                                         {0, 0, NULL}};
    glances(&world, 0, false, some, 3);
    json_t *root = next_of(&world, ann, true);
    CHECK_STR(type_of(root), "delta");
    CHECK_STR(sessions_of(root, "changed"), "1");
    CHECK_STR(text_at(root, 0), "new");
    CHECK_EQ(json_object_size(json_array_get(json_object_get(root, "changed"), 0)), 2);
    CHECK_STR(sessions_of(root, "gone"), "0");
    CHECK(json_object_get(root, "finals") == NULL);
    json_decref(root);
    /* The last one goes: fronts are told, and what they still say of this round is nobody's. */
    tell(&world, MONITOR_LEAVE, ann);
    for (unsigned i = 0; i < FRONTS; i++) {
        struct front_watch *watch = (struct front_watch *)mailbox_wait(world.front[i], WAIT_MS);
        CHECK(watch != NULL && watch->msg.kind == FRONT_WATCH && !watch->on);
        watch->msg.free_fn(&watch->msg);
    }
    glances(&world, 0, true, &(struct glance){3, GLANCE_ALL, "late"}, 1);
    say(&world, ann, NULL, "{\"type\":\"watch\"}");
    gather(&world);
    expect(&world, ann, "snapshot", "sessions", "0123");
    world_end(&world);
}

/* One message for those who see the same; nothing of another class for who does not. */
static void test_shared_by_scope(void)
{
    struct world world;
    uint64_t to[2];
    world_begin(&world);
    say(&world, ann, "a", "{\"type\":\"watch\"}");
    say(&world, ben, "a", "{\"type\":\"watch\"}");
    say(&world, cid, "b", "{\"type\":\"watch\"}");
    gather(&world);
    json_t *root = front_next(&world, 0, to);
    CHECK(to[0] + to[1] == ann + ben);
    CHECK_STR(sessions_of(root, "sessions"), "02");
    json_decref(root);
    tell(&world, MONITOR_TAKEN, ann);
    tell(&world, MONITOR_TAKEN, ben);
    expect(&world, cid, "snapshot", "sessions", "1");
    text_is(&world, 3, "nobody's");
    text_is(&world, 1, "b's");
    expect(&world, cid, "delta", "changed", "1");
    text_is(&world, 2, "a's");
    root = front_next(&world, 0, to);
    CHECK(to[0] + to[1] == ann + ben);
    CHECK_STR(sessions_of(root, "changed"), "2");
    json_decref(root);
    world_end(&world);
}

/* Who does not take its message is passed over, others are not, and it hears the newest at once. */
static void test_slow(void)
{
    struct world world;
    world_begin(&world);
    say(&world, ann, "a", "{\"type\":\"watch\"}");
    say(&world, cid, "a", "{\"type\":\"watch\"}");
    gather(&world);
    json_decref(next_of(&world, ann, false));
    json_decref(next_of(&world, cid, true));
    text_is(&world, 0, "one");
    expect(&world, cid, "delta", "changed", "0");
    static const struct glance more[] = {{0, GLANCE_BIT(GLANCE_TEXT), "two"},
                                         {2, GLANCE_BIT(GLANCE_TEXT), "other"}};
    glances(&world, 0, false, more, 2);
    expect(&world, cid, "delta", "changed", "20");
    tell(&world, MONITOR_TAKEN, ann);
    json_t *root = next_of(&world, ann, true);
    CHECK_STR(sessions_of(root, "changed"), "20");
    CHECK_STR(text_at(root, 1), "two");
    json_decref(root);
    world_end(&world);
}

static void watch_closely(struct world *world, uint64_t id, const char *class_name, unsigned index)
{
    char text[128];
    snprintf(text, sizeof text, "{\"type\":\"watch\",\"sessions\":[\"%s\"]}", name_of(index));
    say(world, id, class_name, text);
}

/* The host of a session is asked for everything. */
static void hear_detail(struct world *world, unsigned index, bool on)
{
    struct front_detail *detail = (struct front_detail *)mailbox_wait(world->hosts, WAIT_MS);
    CHECK(detail != NULL && detail->msg.kind == FRONT_DETAIL && detail->on == on);
    CHECK_EQ(detail->msg.session, 500 + index);
    detail->msg.free_fn(&detail->msg);
}

static void answer_detail(struct world *world, unsigned index)
{
    struct monitor_detail *detail = mem_calloc(1, sizeof *detail);
    detail->msg = (struct msg){.kind = MONITOR_DETAIL, .free_fn = msg_free};
    memcpy(detail->session, name_of(index), SESSION_NAME_BYTES);
    detail->serial = 1;
    CHECK_EQ(monitor_send(world->monitor, &detail->msg), STATUS_OK);
}

static void final_of(struct world *world, unsigned index, uint64_t seq, size_t padding)
{
    struct monitor_final *final = mem_calloc(1, sizeof *final + padding + 64);
    final->msg = (struct msg){.kind = MONITOR_FINAL, .free_fn = msg_free};
    memcpy(final->session, name_of(index), SESSION_NAME_BYTES);
    final->seq = seq;
    final->len = (size_t)snprintf(final->body, 64, "\"type\":\"transcript\"");
    memset(final->body + final->len, ' ', padding);
    final->len += padding;
    final->body[final->len++] = '}';
    CHECK_EQ(monitor_send(world->monitor, &final->msg), STATUS_OK);
}

static void test_finals(void)
{
    struct world world;
    world_begin(&world);
    watch_closely(&world, ann, "a", 0);
    watch_closely(&world, cid, "b", 0); /* not its class */
    gather(&world);
    hear_detail(&world, 0, true);
    expect(&world, ann, "snapshot", "sessions", "02");
    expect(&world, cid, "snapshot", "sessions", "1");
    for (int seq = 1; seq <= 2; seq++) {
        final_of(&world, 0, (uint64_t)seq, 0);
        json_t *root = next_of(&world, ann, true), *finals = json_object_get(root, "finals");
        json_t *final = json_array_get(finals, 0);
        CHECK_EQ(json_array_size(finals), 1);
        CHECK_EQ(json_integer_value(json_object_get(final, "seq")), seq);
        CHECK_STR(json_string_value(json_object_get(final, "session")), name_of(0));
        CHECK_STR(type_of(final), "transcript");
        json_decref(root);
    }
    text_is(&world, 1, "b's");
    json_t *root = next_of(&world, cid, true);
    CHECK(json_object_get(root, "finals") == NULL);
    json_decref(root);
    tell(&world, MONITOR_LEAVE, cid);
    tell(&world, MONITOR_LEAVE, ann);
    hear_detail(&world, 0, false);
    world_end(&world);
}

/* Finals wait in full for who is slow, and past their bound the socket is closed. */
static void test_finals_bound(void)
{
    struct world world;
    world_begin(&world);
    watch_closely(&world, ann, "a", 0);
    gather(&world);
    hear_detail(&world, 0, true);
    json_decref(next_of(&world, ann, false));
    size_t each = MONITOR_QUEUE_BYTES / 16;
    for (unsigned i = 1; i <= 16; i++)
        final_of(&world, 0, i, each);
    json_t *root = next_of(&world, ann, false);
    CHECK_STR(type_of(root), "error");
    CHECK_STR(json_string_value(json_object_get(root, "code")), "over_capacity");
    CHECK_EQ(world.last->close_code, 1013);
    json_decref(root);
    /* It comes back. */
    struct front_watch *off = (struct front_watch *)mailbox_wait(world.front[0], WAIT_MS);
    CHECK(off != NULL && off->msg.kind == FRONT_WATCH && !off->on);
    off->msg.free_fn(&off->msg);
    off = (struct front_watch *)mailbox_wait(world.front[1], WAIT_MS);
    off->msg.free_fn(&off->msg);
    hear_detail(&world, 0, false);
    say(&world, ann, "a", "{\"type\":\"watch\"}");
    gather(&world);
    expect(&world, ann, "snapshot", "sessions", "02");
    world_end(&world);
}

static void page_free(struct msg *msg)
{
    struct store_page *page = (struct store_page *)msg;
    mem_free(page->about);
    mem_free(page->rows);
    mem_free(page);
}

static void answer_page(struct world *world, const char *class_name, int status)
{
    static const char transcript[] = "\"type\":\"transcript\",\"committed\":\"x\"}",
                      translation[] = "\"type\":\"translation\"}", note[] = "\"type\":\"note\"}";
    const struct store_row rows[] = {
        {9, STORE_TRANSCRIPT, 5, "", transcript, sizeof transcript - 1, 0},
        {10, STORE_TRANSLATION, 5, "es", translation, sizeof translation - 1, 0},
        {11, STORE_TRANSLATION, 5, "ar", translation, sizeof translation - 1, 0},
        {40, STORE_NOTE, 5, "", note, sizeof note - 1, 0},
        {41, STORE_NOTE, 5, "", note, sizeof note - 1, 0},
        {7, STORE_TRANSCRIPT, 4, "", transcript, sizeof transcript - 1, 0},
    };
    struct store_page *page = mem_calloc(1, sizeof *page);
    page->msg = (struct msg){.kind = FRONT_STORE_PAGE, .free_fn = page_free};
    page->status = status;
    page->more = true;
    page->about = mem_calloc(1, sizeof *page->about);
    page->about[0].class_name = class_name;
    page->about_len = status == STATUS_OK;
    page->rows = mem_alloc(sizeof rows);
    memcpy(page->rows, rows, sizeof rows);
    page->rows_len = sizeof rows / sizeof rows[0];
    monitor_page(world->monitor, page);
}

static void ask_history(struct world *world, uint64_t id, unsigned index)
{
    char text[160];
    snprintf(text, sizeof text,
             "{\"type\":\"history\",\"session\":\"%s\",\"before_segment\":6,\"limit\":2}",
             name_of(index));
    say(world, id, NULL, text);
}

static void hear_question(struct world *world, unsigned index)
{
    struct question *question = (struct question *)mailbox_wait(world->questions, WAIT_MS);
    CHECK(question != NULL);
    CHECK_STR(question->session, name_of(index));
    CHECK_EQ(question->before_segment, 6);
    CHECK_EQ(question->limit, 2);
    question->msg.free_fn(&question->msg);
}

static void expect_error(struct world *world, uint64_t id, const char *code)
{
    json_t *root = next_of(world, id, true);
    CHECK_STR(type_of(root), "error");
    CHECK_STR(json_string_value(json_object_get(root, "code")), code);
    CHECK_EQ(world->last->close_code, 0);
    json_decref(root);
}

static void check_history(const json_t *root)
{
    json_t *segments = json_object_get(root, "segments"), *newest = json_array_get(segments, 1);
    CHECK_STR(type_of(root), "history");
    CHECK(json_is_true(json_object_get(root, "more")));
    CHECK_EQ(json_array_size(segments), 2);
    CHECK_EQ(json_integer_value(json_object_get(json_array_get(segments, 0), "segment")), 4);
    CHECK_EQ(json_integer_value(json_object_get(newest, "segment")), 5);
    CHECK_EQ(json_array_size(json_object_get(newest, "notes")), 2);
    json_t *translations = json_object_get(newest, "translations");
    CHECK_EQ(json_integer_value(json_object_get(json_object_get(translations, "ar"), "seq")), 11);
    CHECK_STR(
        json_string_value(json_object_get(json_object_get(newest, "transcript"), "committed")),
        "x");
    CHECK(json_object_get(newest, "grammar") == NULL);
}

static void test_history(void)
{
    struct world world;
    world_begin(&world);
    watch_closely(&world, ann, "a", 0);
    gather(&world);
    json_decref(next_of(&world, ann, true));
    hear_detail(&world, 0, true);
    /* Of another session at once, of this one when nothing more can be missed. */
    ask_history(&world, ann, 0);
    ask_history(&world, ann, 1);
    hear_question(&world, 1);
    ask_history(&world, ann, 2);
    expect_error(&world, ann, "rate_limited");
    answer_detail(&world, 0);
    hear_question(&world, 0);
    answer_page(&world, "b", STATUS_OK);
    expect_error(&world, ann, "not_found");
    answer_page(&world, "a", STATUS_OK);
    json_t *root = next_of(&world, ann, true);
    check_history(root);
    json_decref(root);
    ask_history(&world, ann, 2);
    ask_history(&world, ann, 2);
    hear_question(&world, 2);
    hear_question(&world, 2);
    answer_page(&world, "", STATUS_NOT_FOUND);
    expect_error(&world, ann, "not_found");
    answer_page(&world, "", STATUS_IO);
    expect_error(&world, ann, "storage");
    world_end(&world);
}

static void flag(struct world *world, unsigned index)
{
    char text[160];
    snprintf(text, sizeof text,
             "{\"type\":\"flag\",\"session\":\"%s\",\"segment\":3,\"note\":\"well said\"}",
             name_of(index));
    say(world, ann, NULL, text);
}

static void answer_flag(struct world *world, int status)
{
    struct monitor_flagged *flagged = mem_calloc(1, sizeof *flagged);
    flagged->msg = (struct msg){.kind = MONITOR_FLAGGED, .session = ann, .free_fn = msg_free};
    memcpy(flagged->session, name_of(0), SESSION_NAME_BYTES);
    flagged->segment = 3;
    flagged->status = status;
    CHECK_EQ(monitor_send(world->monitor, &flagged->msg), STATUS_OK);
}

static void test_flag(void)
{
    struct world world;
    world_begin(&world);
    say(&world, ann, "a", "{\"type\":\"watch\"}");
    gather(&world);
    json_decref(next_of(&world, ann, true));
    flag(&world, 1); /* another class */
    expect_error(&world, ann, "not_found");
    flag(&world, 0);
    struct front_flag *asked = (struct front_flag *)mailbox_wait(world.hosts, WAIT_MS);
    CHECK(asked != NULL && asked->msg.kind == FRONT_FLAG && asked->msg.session == 500);
    CHECK_EQ(asked->segment, 3);
    CHECK_EQ(asked->watcher, ann);
    CHECK_STR(asked->note, "well said");
    CHECK_STR(asked->by, "teacher");
    asked->msg.free_fn(&asked->msg);
    answer_flag(&world, STATUS_OK);
    json_t *root = next_of(&world, ann, true);
    CHECK_STR(type_of(root), "flagged");
    CHECK_EQ(json_integer_value(json_object_get(root, "segment")), 3);
    json_decref(root);
    answer_flag(&world, STATUS_NOT_FOUND);
    expect_error(&world, ann, "not_found");
    answer_flag(&world, STATUS_IO);
    expect_error(&world, ann, "storage");
    world_end(&world);
}

static void test_what_makes_no_sense(void)
{
    struct world world;
    world_begin(&world);
    flag(&world, 0); /* before any watch */
    json_t *root = next_of(&world, ann, false);
    CHECK_STR(json_string_value(json_object_get(root, "code")), "start_required");
    CHECK_EQ(world.last->close_code, 1008);
    json_decref(root);
    say(&world, ann, NULL, "{\"type\":\"watch\"}");
    gather(&world);
    json_decref(next_of(&world, ann, true));
    say(&world, ann, NULL, "{\"type\":\"dance\"}");
    expect_error(&world, ann, "unknown_type");
    say(&world, ann, NULL, "[");
    expect_error(&world, ann, "bad_message");
    world_end(&world);
}

int main(void)
{
    RUN(test_snapshot_and_deltas);
    RUN(test_shared_by_scope);
    RUN(test_slow);
    RUN(test_finals);
    RUN(test_finals_bound);
    RUN(test_history);
    RUN(test_flag);
    RUN(test_what_makes_no_sense);
    return check_done();
}
