/* What the store does by the clock, called as its thread would. */
#include "base/clock.h"
#include "server/store_internal.h"
#include "tests/unit/store_kit.h"

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define C "cccccccccccccccccccccccccccccccc"

#define DAY_US (86400 * (int64_t)1000000)

static void bare_open(struct store *store, uint32_t retention_days)
{
    *store = (struct store){.path = kit_path,
                            .config = {.path = kit_path,
                                       .sync_full = true,
                                       .resume_ms = 1000,
                                       .retention_days = retention_days}};
    pthread_mutex_init(&store->lock, NULL);
    CHECK_EQ(store_disk_open(store), STATUS_OK);
}

static void run_sql(const char *sql)
{
    sqlite3 *raw;
    CHECK_EQ(sqlite3_open(kit_path, &raw), SQLITE_OK);
    CHECK_EQ(sqlite3_exec(raw, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(raw);
}

/* Why a session ended; "": it goes on. */
static const char *end_reason(const char *session)
{
    static char reason[32];
    struct store_file *file;
    struct store_page *page;
    CHECK_EQ(store_file_open(&file, kit_path, false), STATUS_OK);
    struct store_query query = {.question = STORE_ABOUT, .session = session};
    CHECK_EQ(store_file_query(file, &query, &page), STATUS_OK);
    snprintf(reason, sizeof reason, "%s", page->about->end_reason);
    kit_free(page);
    store_file_close(file);
    return reason;
}

/* Its owner has been silent for long: the session ends, but not while others may only have slept.
 */
static void test_abandoned(void)
{
    struct kit dead, alive;
    struct store store;
    kit_enter();
    kit_open(&dead, kit_path);
    CHECK_EQ(kit_begin(&dead, A), STATUS_OK);
    kit_close(&dead);
    kit_open(&alive, kit_path);
    CHECK_EQ(kit_begin(&alive, B), STATUS_OK);
    CHECK_EQ(kit_begin(&alive, C), STATUS_OK);
    struct store_ref ref = kit_ref(C, 1, 9);
    CHECK_EQ(store_end(alive.store, &ref, "ended", NULL, 7), STATUS_OK);
    CHECK_EQ(kit_done(&alive, 9), STATUS_OK);

    bare_open(&store, 0);
    store.writer.beat_us = 0;
    store_duty_run(&store);
    CHECK_STR(end_reason(A), ""); /* its owner was here just now */
    char sql[160];
    snprintf(sql, sizeof sql,
             "UPDATE owners SET beat_us = beat_us - %lld WHERE key ="
             " (SELECT owner FROM sessions WHERE id = '" A "')",
             (STORE_OWNER_LATE_MS + 1001) * 1000ll);
    run_sql(sql);
    store.writer.beat_us = 0;
    store.writer.beat_wall_us -= 3 * STORE_BEAT_MS * 1000ll;
    store_duty_run(&store);
    CHECK_STR(end_reason(A), ""); /* this process has slept: it does not judge others */
    store.writer.beat_us = 0;
    store_duty_run(&store);
    CHECK_STR(end_reason(A), "abandoned");
    CHECK_STR(end_reason(B), "");
    CHECK_STR(end_reason(C), "ended");
    CHECK_EQ(kit_claim_status(&alive, A, 1, 2), STATUS_AUTH);
    CHECK_EQ(kit_put(&alive, B, 1, 1, "goes on"), STATUS_OK);
    int wait_ms = store_duty_wait_ms(&store);
    CHECK(wait_ms > 0 && wait_ms <= STORE_BEAT_MS);
    store_disk_close(&store);
    kit_close(&alive);
    kit_leave();
}

static void test_retention(void)
{
    struct kit kit;
    struct store store;
    int64_t now_us = clock_wall_us();
    kit_enter();
    kit_open(&kit, kit_path);
    static const char *const names[] = {A, B, C};
    const int64_t began_us[] = {now_us - 9 * DAY_US, now_us - 9 * DAY_US, now_us - 6 * DAY_US};
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(kit_begin_at(&kit, names[i], "7b", began_us[i]), STATUS_OK);
        CHECK_EQ(kit_put(&kit, names[i], 1, 1, "said"), STATUS_OK);
        struct store_ref ref = kit_ref(names[i], 1, 9);
        if (i == 1)
            continue; /* still goes on */
        CHECK_EQ(store_end(kit.store, &ref, "ended", NULL, now_us), STATUS_OK);
        CHECK_EQ(kit_done(&kit, 9), STATUS_OK);
    }
    bare_open(&store, 7);
    CHECK_EQ(store_duty_wait_ms(&store), 0);
    store_duty_run(&store);
    CHECK_EQ(kit_stored(A), -1);
    CHECK(store.writer.swept);
    CHECK(store_duty_wait_ms(&store) <= STORE_SWEEP_GAP_MS);
    store.writer.sweep_us = 0;
    store_duty_run(&store);
    CHECK(!store.writer.swept);
    CHECK(store_duty_wait_ms(&store) > STORE_SWEEP_GAP_MS);
    CHECK_EQ(kit_stored(B), 1);
    CHECK_EQ(kit_stored(C), 1);
    store_disk_close(&store);
    kit_close(&kit);
    kit_leave();
}

int main(void)
{
    RUN(test_abandoned);
    RUN(test_retention);
    return check_done();
}
