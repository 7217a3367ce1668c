/* The board: whatever happens, whoever reads snapshots and deltas at whatever pace ends with what a
 * naive model says, and nothing of another class is ever in them. */
#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/status.h"

#include "server/board.h"
#include "server/monitor.h"
#include "tests/check.h"
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define NAMES   24
#define CLASSES 3
#define BYTES   (1 << 20)

static const char *const classes[CLASSES] = {"class-a", "class-b", ""};

/* --- the naive model: each session's state as a JSON object --- */

struct model {
    json_t *state[NAMES];
    uint32_t serial[NAMES];
    int class_of[NAMES];
};

static void session_name(unsigned index, char out[SESSION_NAME_BYTES])
{
    snprintf(out, SESSION_NAME_BYTES, "%08x%024x", index * 2654435761u, index);
}

static struct glance_change base_change(unsigned index, uint32_t serial)
{
    struct glance_change change = {.id = 1000 + index, .serial = serial, .name = "", .source = ""};
    session_name(index, change.session);
    change.class_name = change.phase = change.text = "";
    return change;
}

static const char *text_of(struct rng *rng, char out[64])
{
    static const char *const texts[] = {"", "one \"two\"", "drei\\vier\n", "cinq \xf0\x9f\x98\x80"};
    snprintf(out, 64, "%s %u", texts[rng_below(rng, 4)], (unsigned)rng_below(rng, 3));
    return out;
}

static json_t *json_of(const struct glance_change *change)
{
    json_t *targets = json_array(), *translations = json_object(), *degraded = json_array();
    for (unsigned i = 0; i < change->targets_len; i++)
        json_array_append_new(targets, json_string(change->targets[i]));
    for (unsigned i = 0; i < change->translations_len; i++)
        json_object_set_new(translations, change->translations[i].lang,
                            json_string(change->translations[i].text));
    for (unsigned i = 0; i < change->health.degraded_len; i++)
        json_array_append_new(degraded, json_string(change->health.degraded[i]));
    return json_pack("{s:s,s:s,s:s,s:s,s:o,s:s,s:I,s:b,s:i,s:s,s:o,s:i,s:{s:i,s:i,s:o,s:i,s:i}}",
                     "session", change->session, "name", change->name, "class", change->class_name,
                     "source", change->source, "targets", targets, "phase", change->phase,
                     "audio_ms", (json_int_t)change->audio_ms, "speaking", change->speaking,
                     "segment", (int)change->segment, "text", change->text, "translations",
                     translations, "mistakes", (int)change->mistakes, "health", "lag_ms",
                     (int)change->health.lag_ms, "dropped", (int)change->health.dropped, "degraded",
                     degraded, "reconnects", (int)change->health.reconnects, "p95_ms",
                     (int)change->health.p95_ms);
}

static const char *const fields[GLANCE_FIELDS] = {"name",  "class",        "source",   "targets",
                                                  "phase", "audio_ms",     "speaking", "segment",
                                                  "text",  "translations", "mistakes", "health"};

static void fill(struct rng *rng, struct glance_change *change, char text[64], char other[64])
{
    change->name = "Zo\xc3\xab <b>";
    change->source = "en-US";
    change->targets[0] = "es";
    change->targets[1] = "ar";
    change->targets_len = 2;
    change->phase = rng_below(rng, 2) ? "live" : "held";
    change->audio_ms = (int64_t)rng_below(rng, 4) << 33;
    change->speaking = rng_below(rng, 2) != 0;
    change->segment = (uint32_t)rng_below(rng, 4);
    change->text = text_of(rng, text);
    change->translations_len = (unsigned)rng_below(rng, 3);
    change->translations[0] = (struct glance_translation){"es", text_of(rng, other)};
    change->translations[1] = (struct glance_translation){"a\"r", "x"};
    change->mistakes = (uint32_t)rng_below(rng, 3);
    change->health = (struct glance_health){.lag_ms = (uint32_t)rng_below(rng, 3),
                                            .degraded = {"speech"},
                                            .degraded_len = (unsigned)rng_below(rng, 2)};
}

static void model_apply(struct model *model, unsigned index, const struct glance_change *change)
{
    json_t *whole = json_of(change);
    if (change->has == GLANCE_ALL) {
        json_decref(model->state[index]);
        model->state[index] = json_incref(whole);
    }
    for (int i = 0; i < GLANCE_FIELDS; i++)
        if ((change->has & GLANCE_BIT(i)) != 0)
            json_object_set(model->state[index], fields[i], json_object_get(whole, fields[i]));
    json_decref(whole);
}

/* One random thing happens, to both. */
static void step(struct rng *rng, struct board *board, struct model *model)
{
    unsigned index = (unsigned)rng_below(rng, NAMES), what = (unsigned)rng_below(rng, 20);
    char text[64], other[64];
    int status;
    bool known = model->state[index] != NULL;
    struct glance_change change = base_change(index, model->serial[index]);
    fill(rng, &change, text, other);
    if (!known) {
        if (what > 5)
            return;
        change.serial = ++model->serial[index];
        model->class_of[index] = (int)rng_below(rng, CLASSES);
        change.has = GLANCE_ALL;
    } else if (what == 0) {
        change.gone = true;
    } else if (what == 1) { /* an older host of it is late: nobody listens */
        change.serial--;
        change.gone = rng_below(rng, 2) != 0;
        change.has = GLANCE_ALL;
        CHECK(!board_apply(board, &change, &status));
        return;
    } else if (what == 2) { /* restored, elsewhere, in another class even */
        change.serial = ++model->serial[index];
        change.has = GLANCE_ALL;
        model->class_of[index] = (int)rng_below(rng, CLASSES);
    } else {
        change.has = (unsigned)rng_below(rng, GLANCE_ALL) & ~GLANCE_BIT(GLANCE_CLASS);
    }
    change.class_name = classes[model->class_of[index]];
    board_apply(board, &change, &status);
    CHECK_EQ(status, STATUS_OK);
    if (change.gone) {
        json_decref(model->state[index]);
        model->state[index] = NULL;
    } else {
        model_apply(model, index, &change);
    }
}

/* --- a watcher --- */

struct watcher {
    struct board_scope *scope;
    unsigned pace; /* looks at one in so many ticks */
    uint64_t seen;
    json_t *view; /* by session */
    unsigned snapshots, deltas;
};

static json_t *parse(struct buf *text)
{
    json_t *root = NULL;
    CHECK_EQ(json_read(text->data, text->len, JSON_REJECT_DUPLICATES, &root), STATUS_OK);
    return root;
}

static void take(struct watcher *watcher, const json_t *root)
{
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(root, "sessions"), i, item)
        json_object_set(watcher->view, json_string_value(json_object_get(item, "session")), item);
    json_array_foreach(json_object_get(root, "changed"), i, item)
    {
        const char *name = json_string_value(json_object_get(item, "session"));
        json_t *state = json_object_get(watcher->view, name);
        if (state == NULL)
            json_object_set(watcher->view, name, item);
        else
            json_object_update(state, item);
    }
    json_array_foreach(json_object_get(root, "gone"), i, item)
        json_object_del(watcher->view, json_string_value(item));
}

/* The classes it does not see, as their JSON would show them. */
static void check_classes(const struct watcher *watcher, const struct buf *text)
{
    for (int i = 0; i < CLASSES; i++) {
        char marker[32];
        snprintf(marker, sizeof marker, "\"class\":\"%s\"", classes[i]);
        if (!board_scope_sees(watcher->scope, classes[i]))
            CHECK(strstr(text->data, marker) == NULL);
    }
}

static void look(struct watcher *watcher, const struct board *board, uint64_t version)
{
    struct buf text;
    bool empty = false;
    buf_init(&text, BYTES);
    int status = watcher->seen == 0
                     ? STATUS_NOT_FOUND
                     : board_delta(board, watcher->scope, watcher->seen, &text, &empty);
    if (status == STATUS_NOT_FOUND) {
        buf_reset(&text);
        CHECK_EQ(board_snapshot(board, watcher->scope, &text), STATUS_OK);
        json_object_clear(watcher->view);
        watcher->snapshots++;
    } else {
        CHECK_EQ(status, STATUS_OK);
        buf_putc(&text, '}');
        watcher->deltas++;
    }
    json_t *root = parse(&text);
    CHECK_EQ(empty, status == STATUS_OK && json_array_size(json_object_get(root, "changed")) == 0 &&
                        json_array_size(json_object_get(root, "gone")) == 0);
    check_classes(watcher, &text);
    take(watcher, root);
    json_decref(root);
    watcher->seen = version;
    buf_deinit(&text);
}

static void compare(const struct watcher *watcher, const struct model *model)
{
    size_t expected = 0;
    for (unsigned i = 0; i < NAMES; i++) {
        char name[SESSION_NAME_BYTES];
        session_name(i, name);
        json_t *have = json_object_get(watcher->view, name);
        bool seen = model->state[i] != NULL &&
                    board_scope_sees(watcher->scope, classes[model->class_of[i]]);
        expected += seen;
        CHECK(seen ? have != NULL && json_equal(have, model->state[i]) : have == NULL);
    }
    CHECK_EQ(json_object_size(watcher->view), expected);
}

static void test_random(void)
{
    static const char *const a[] = {"class-a"}, *const ab[] = {"class-b", "class-a"};
    struct watcher watchers[] = {
        {.scope = board_scope_create(true, NULL, 0), .pace = 1},
        {.scope = board_scope_create(false, a, 1), .pace = 1},
        {.scope = board_scope_create(false, ab, 2), .pace = 3},
        {.scope = board_scope_create(true, NULL, 0), .pace = 7},
        {.scope = board_scope_create(false, a, 1), .pace = 60}, /* further behind than is known */
        {.scope = board_scope_create(false, NULL, 0), .pace = 2},
    };
    struct model model = {0};
    struct rng rng;
    struct board *board = board_create(NAMES, 8);
    rng_init(&rng, 7);
    for (size_t w = 0; w < sizeof watchers / sizeof watchers[0]; w++)
        watchers[w].view = json_object();
    for (unsigned tick = 1; tick <= 1260; tick++) {
        for (uint64_t i = rng_below(&rng, 12); i > 0; i--)
            step(&rng, board, &model);
        uint64_t version = board_tick(board);
        for (size_t w = 0; w < sizeof watchers / sizeof watchers[0]; w++)
            if (tick % watchers[w].pace == 0) {
                look(&watchers[w], board, version);
                compare(&watchers[w], &model);
            }
    }
    CHECK_EQ(watchers[0].snapshots, 1);
    CHECK(watchers[4].snapshots > 3 && watchers[3].deltas > 50);
    CHECK_EQ(json_object_size(watchers[5].view), 0);
    for (size_t w = 0; w < sizeof watchers / sizeof watchers[0]; w++) {
        board_scope_free(watchers[w].scope);
        json_decref(watchers[w].view);
    }
    for (unsigned i = 0; i < NAMES; i++)
        json_decref(model.state[i]);
    board_destroy(board);
}

/* --- single rules --- */

static struct glance_change simple(unsigned index, uint32_t serial, unsigned has)
{
    struct glance_change change = base_change(index, serial);
    change.class_name = "c";
    change.has = has;
    return change;
}

static char *delta(struct board *board, uint64_t since, int *status)
{
    struct board_scope *all = board_scope_create(true, NULL, 0);
    struct buf text;
    bool empty;
    buf_init(&text, BYTES);
    *status = board_delta(board, all, since, &text, &empty);
    board_scope_free(all);
    return buf_take(&text, NULL);
}

/* Only what is another value than before is told. */
static void test_only_changes(void)
{
    struct board *board = board_create(4, 4);
    int status;
    struct glance_change change = simple(0, 1, GLANCE_ALL);
    CHECK(board_apply(board, &change, &status));
    uint64_t version = board_tick(board);
    CHECK(!board_apply(board, &change, &status));
    change.text = "hello";
    CHECK(board_apply(board, &change, &status));
    char *text = delta(board, version, &status);
    char expected[160];
    snprintf(expected, sizeof expected,
             "{\"type\":\"delta\",\"changed\":[{\"session\":\"%s\",\"text\":\"hello\"}],"
             "\"gone\":[]",
             change.session);
    CHECK_STR(text, expected);
    mem_free(text);
    board_destroy(board);
}

/* Past the sessions there may be, one more is not shown; nor is a change of one that is unknown. */
static void test_bounds(void)
{
    struct board *board = board_create(2, 1);
    struct board_session session;
    int status;
    for (unsigned i = 0; i < 3; i++) {
        struct glance_change change = simple(i, 1, GLANCE_ALL);
        CHECK_EQ(board_apply(board, &change, &status), i < 2);
        CHECK_EQ(status, i < 2 ? STATUS_OK : STATUS_LIMIT);
    }
    struct glance_change part = simple(2, 1, GLANCE_BIT(GLANCE_TEXT));
    CHECK(!board_apply(board, &part, &status));
    CHECK_EQ(board_len(board), 2);
    CHECK(board_find(board, simple(1, 1, 0).session, &session));
    CHECK_EQ(session.id, 1001);
    CHECK_STR(session.class_name, "c");
    uint64_t version = board_tick(board);
    board_clear(board);
    CHECK_EQ(board_len(board), 0);
    mem_free(delta(board, version, &status));
    CHECK_EQ(status, STATUS_NOT_FOUND);
    board_destroy(board);
}

/* Without memory for what has gone everybody is shown everything anew. */
static void test_no_memory(void)
{
    struct board *board = board_create(4, 4);
    int status;
    struct glance_change change = simple(0, 1, GLANCE_ALL);
    mem_fail_nth(1);
    CHECK(!board_apply(board, &change, &status));
    CHECK_EQ(status, STATUS_NOMEM);
    mem_fail_nth(0);
    CHECK(board_apply(board, &change, &status));
    uint64_t version = board_tick(board);
    change.gone = true;
    mem_fail_nth(1);
    CHECK(board_apply(board, &change, &status));
    mem_fail_nth(0);
    mem_free(delta(board, version, &status));
    CHECK_EQ(status, STATUS_NOT_FOUND);
    version = board_tick(board);
    char *text = delta(board, version, &status);
    CHECK_STR(text, "{\"type\":\"delta\",\"changed\":[],\"gone\":[]");
    mem_free(text);
    board_destroy(board);
}

static void test_scopes(void)
{
    static const char *const ab[] = {"a", "b"}, *const ba[] = {"b", "a"};
    struct board_scope *all = board_scope_create(true, ab, 2),
                       *first = board_scope_create(false, ab, 2),
                       *same = board_scope_create(false, ab, 2),
                       *other = board_scope_create(false, ba, 2);
    CHECK(board_scope_sees(all, "") && board_scope_sees(all, "z"));
    CHECK(board_scope_sees(first, "b") && !board_scope_sees(first, "") &&
          !board_scope_sees(first, "ab"));
    CHECK(board_scope_equal(first, same) && !board_scope_equal(first, all) &&
          !board_scope_equal(first, other));
    board_scope_free(all);
    board_scope_free(first);
    board_scope_free(same);
    board_scope_free(other);
}

int main(void)
{
    RUN(test_random);
    RUN(test_only_changes);
    RUN(test_bounds);
    RUN(test_no_memory);
    RUN(test_scopes);
    return check_done();
}
