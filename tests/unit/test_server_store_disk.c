/* Disks that are full, files that are damaged, foreign, of another version, or not ours to write.
 */
#include "server/store_apply.h"
#include "server/store_backlog.h"
#include "server/store_db.h"
#include "server/store_internal.h"
#include "tests/unit/store_kit.h"
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

/* From here on no file of this process grows past `bytes`; RLIM_INFINITY: as before. */
static void limit_files(rlim_t bytes)
{
    struct rlimit limit;
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = bytes;
    CHECK_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static rlim_t wal_bytes(void)
{
    char name[160];
    struct stat file;
    snprintf(name, sizeof name, "%s-wal", kit_path);
    return stat(name, &file) == 0 ? (rlim_t)file.st_size : 0;
}

static void wait_until_it_writes(struct kit *kit)
{
    struct store_stats stats;
    for (int i = 0; i < 1000; i++) {
        store_stats(kit->store, &stats);
        if (!stats.failing)
            return;
        CHECK(mailbox_wait(kit->inbox, 10) == NULL);
    }
    CHECK(!"the store never recovered");
}

static void check_rows(struct store_replay *replay, uint64_t first, uint64_t last)
{
    CHECK_EQ(replay->status, STATUS_OK);
    CHECK_EQ(replay->lost_to, 0);
    CHECK_EQ(replay->rows_len, last - first + 1);
    for (size_t i = 0; i < replay->rows_len; i++)
        CHECK_EQ(replay->rows[i].seq, first + i);
    kit_free(replay);
}

/* Told at once, kept in order, read as if stored, written when there is room again. */
static void test_full_then_free(void)
{
    struct kit kit;
    struct store_stats stats;
    kit_enter();
    kit_open(&kit, kit_path);
    CHECK_EQ(kit_begin(&kit, A), STATUS_OK);
    CHECK_EQ(kit_put(&kit, A, 1, 1, "before"), STATUS_OK);
    limit_files(wal_bytes());
    CHECK_EQ(kit_put(&kit, A, 1, 2, "while full"), STATUS_IO);
    CHECK_EQ(kit_begin(&kit, B), STATUS_IO);
    CHECK_EQ(kit_put(&kit, B, 1, 1, "while full"), STATUS_IO);
    CHECK_EQ(kit_put(&kit, A, 1, 3, "while full"), STATUS_IO);
    store_stats(kit.store, &stats);
    CHECK(stats.failing && stats.failed_commits > 0);
    CHECK(strstr(stats.problem, kit_path) != NULL);
    CHECK(stats.backlog_bytes > 0);
    CHECK_EQ(kit_stored(A), 1);
    CHECK_EQ(kit_stored(B), -1);
    check_rows(kit_read(&kit, A, 1, 0), 1, 3);
    check_rows(kit_read(&kit, B, 1, 0), 1, 1);
    /* Who does not own the session learns it even now. */
    struct store_replay *replay = kit_read(&kit, A, 9, 0);
    CHECK_EQ(replay->status, STATUS_FENCED);
    kit_free(replay);
    CHECK_EQ(kit_claim_status(&kit, A, 1, 2), STATUS_IO);
    limit_files(RLIM_INFINITY);
    wait_until_it_writes(&kit);
    CHECK_EQ(kit_stored(A), 3);
    CHECK_EQ(kit_stored(B), 1);
    CHECK_EQ(kit_put(&kit, A, 1, 4, "after"), STATUS_OK);
    CHECK_EQ(kit_claim_status(&kit, A, 1, 2), STATUS_OK);
    store_stats(kit.store, &stats);
    CHECK(!stats.failing);
    CHECK_STR(stats.problem, "");
    CHECK_EQ(stats.backlog_bytes, 0);
    CHECK_EQ(stats.dropped, 0);
    kit_close(&kit);
    CHECK_EQ(kit_stored(A), 4);
    kit_leave();
}

/* The last chance is the end: what fits then is stored. */
static void test_closing_tries_again(void)
{
    struct kit kit;
    kit_enter();
    kit_open(&kit, kit_path);
    CHECK_EQ(kit_begin(&kit, A), STATUS_OK);
    limit_files(wal_bytes());
    CHECK_EQ(kit_put(&kit, A, 1, 1, "while full"), STATUS_IO);
    limit_files(RLIM_INFINITY);
    kit_close(&kit);
    CHECK_EQ(kit_stored(A), 1);

    kit_open(&kit, kit_path);
    limit_files(0);
    CHECK_EQ(kit_put(&kit, A, 1, 2, "never stored"), STATUS_IO);
    kit_close(&kit);
    limit_files(RLIM_INFINITY);
    CHECK_EQ(kit_stored(A), 1);
    kit_leave();
}

static void check_refused(const char *path, enum store_db_use use, int wanted, const char *said)
{
    struct store_db *db = NULL;
    char problem[STORE_PROBLEM_BYTES] = "";
    CHECK_EQ(store_db_open(&db, path, use, problem), wanted);
    CHECK(db == NULL);
    CHECK(strstr(problem, path) != NULL);
    if (strstr(problem, said) == NULL)
        CHECK_STR(problem, said);
}

static void write_file(const char *path, const char *bytes, size_t len)
{
    FILE *file = fopen(path, "w");
    CHECK(file != NULL && fwrite(bytes, 1, len, file) == len);
    fclose(file);
}

static void test_what_is_no_store(void)
{
    struct kit kit;
    char path[160], text[3000];
    kit_enter();
    snprintf(path, sizeof path, "%s/no/such/folder.db", kit_folder);
    check_refused(path, STORE_DB_SERVE, STATUS_AUTH, "folder exists");
    check_refused(path, STORE_DB_READ, STATUS_NOT_FOUND, "name the store's file");
    snprintf(path, sizeof path, "%s/text", kit_folder);
    memset(text, 'x', sizeof text);
    write_file(path, text, sizeof text);
    check_refused(path, STORE_DB_SERVE, STATUS_INVALID, "move it away");
    CHECK_EQ(kit_try_open(&kit, path), STATUS_INVALID);
    kit_close(&kit);
    snprintf(path, sizeof path, "%s/empty", kit_folder);
    write_file(path, "", 0);
    check_refused(path, STORE_DB_READ, STATUS_INVALID, "another program");
    snprintf(path, sizeof path, "%s/other", kit_folder);
    sqlite3 *other;
    CHECK_EQ(sqlite3_open(path, &other), SQLITE_OK);
    CHECK_EQ(sqlite3_exec(other, "CREATE TABLE t (x)", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(other);
    check_refused(path, STORE_DB_SERVE, STATUS_INVALID, "another program");
    kit_leave();
}

static void test_a_newer_store(void)
{
    struct kit kit;
    sqlite3 *raw;
    kit_enter();
    kit_open(&kit, kit_path);
    kit_close(&kit);
    CHECK_EQ(sqlite3_open(kit_path, &raw), SQLITE_OK);
    CHECK_EQ(sqlite3_exec(raw, "PRAGMA user_version = 99", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(raw);
    check_refused(kit_path, STORE_DB_SERVE, STATUS_INVALID, "store of version 99");
    check_refused(kit_path, STORE_DB_READ, STATUS_INVALID, "store of version 99");
    kit_leave();
}

/* Schemas as they were, each with what a server of that version has left. */
#define SCHEMA_1                                                                                   \
    "CREATE TABLE sessions ("                                                                      \
    " key INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, class TEXT NOT NULL,"                      \
    " name TEXT NOT NULL, subject TEXT NOT NULL, source TEXT NOT NULL, rate INTEGER NOT NULL,"     \
    " settings TEXT NOT NULL, usage TEXT NOT NULL DEFAULT '', started_us INTEGER NOT NULL,"        \
    " ended_us INTEGER, end_reason TEXT NOT NULL DEFAULT '', owner_epoch INTEGER NOT NULL,"        \
    " epoch INTEGER NOT NULL DEFAULT 1, token BLOB NOT NULL, next_token BLOB) STRICT;"             \
    "CREATE INDEX sessions_class ON sessions(class);"                                              \
    "CREATE INDEX sessions_subject ON sessions(subject);"                                          \
    "CREATE INDEX sessions_started ON sessions(started_us);"                                       \
    "CREATE TABLE messages ("                                                                      \
    " session INTEGER NOT NULL, seq INTEGER NOT NULL, kind INTEGER NOT NULL,"                      \
    " segment INTEGER NOT NULL, lang TEXT NOT NULL, body TEXT NOT NULL,"                           \
    " wall_us INTEGER NOT NULL, settled INTEGER NOT NULL, exact INTEGER NOT NULL,"                 \
    " PRIMARY KEY (session, seq)) STRICT, WITHOUT ROWID;"

static const char version_1[] =
    SCHEMA_1 "PRAGMA application_id = 0x536f7474; PRAGMA user_version = 1;"
             "INSERT INTO sessions VALUES (1, '" A "', '7b', 'Ana', '" KIT_SUBJECT
             "', 'en-US', 16000, '{}', '', 5,"
             " NULL, '', 3, 2,"
             " x'0101010101010101010101010101010101010101010101010101010101010101', NULL);"
             "INSERT INTO messages VALUES (1, 1, 1, 1, '', 'of version 1', 6, 160, 1);";

static void test_migration(void)
{
    struct kit kit;
    sqlite3 *raw;
    kit_enter();
    CHECK_EQ(sqlite3_open(kit_path, &raw), SQLITE_OK);
    CHECK_EQ(sqlite3_exec(raw, version_1, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(raw);
    check_refused(kit_path, STORE_DB_READ, STATUS_INVALID,
                  "start this version of sotto on it once");
    kit_open(&kit, kit_path);
    struct store_claim *claim = kit_claim(&kit, A, 1, 2);
    CHECK_EQ(claim->status, STATUS_OK);
    CHECK_EQ(claim->owner_epoch, 4);
    CHECK_EQ(claim->epoch, 3);
    CHECK_EQ(claim->transcripts_len, 1);
    kit_free(claim);
    CHECK_EQ(kit_put(&kit, A, 4, 2, "of now"), STATUS_OK);
    kit_close(&kit);
    CHECK_EQ(kit_stored(A), 2);
    kit_leave();
}

/* Two sessions that spoke at the same time, of which one's clock was set back; messages lay by
 * session. */
static const char version_3[] =
    SCHEMA_1 "CREATE TABLE owners (key INTEGER PRIMARY KEY, beat_us INTEGER NOT NULL) STRICT;"
             "ALTER TABLE sessions ADD COLUMN owner INTEGER NOT NULL DEFAULT 0;"
             "CREATE INDEX sessions_open ON sessions(owner) WHERE ended_us IS NULL;"
             "ALTER TABLE messages ADD COLUMN usage TEXT;"
             "PRAGMA application_id = 0x536f7474; PRAGMA user_version = 3;"
             "INSERT INTO sessions VALUES (1, '" A "', '7b', 'Ana', '" KIT_SUBJECT
             "', 'en-US', 16000, '{}', '{\"audio_ms\":1}', 5, NULL, '', 3, 2,"
             " x'0101010101010101010101010101010101010101010101010101010101010101', NULL, 0);"
             "INSERT INTO sessions VALUES (2, '" B "', '7b', 'Ben', '" KIT_SUBJECT
             "', 'en-US', 16000, '{}', '', 5, NULL, '', 1, 1,"
             " x'0202020202020202020202020202020202020202020202020202020202020202', NULL, 0);"
             "INSERT INTO messages VALUES"
             " (1, 1, 1, 1, '', 'first', 100, 1600, 1, '{\"audio_ms\":100}'),"
             " (1, 2, 2, 1, 'es', 'primera ñ', 300, 0, 0, NULL),"
             " (1, 3, 1, 2, '', 'second', 500, 4800, 0, '{\"audio_ms\":300}'),"
             " (1, 4, 2, 2, 'es', 'segunda', 450, 0, 0, NULL),"
             " (2, 1, 1, 1, '', 'other', 200, 3200, 1, '{\"audio_ms\":200}'),"
             " (2, 2, 1, 2, '', 'more', 400, 6400, 1, NULL);";

/* What a query answers, as one text. */
static void ask_raw(const char *sql, char *out, size_t bytes)
{
    sqlite3 *raw;
    sqlite3_stmt *statement;
    CHECK_EQ(sqlite3_open(kit_path, &raw), SQLITE_OK);
    CHECK_EQ(sqlite3_prepare_v2(raw, sql, -1, &statement, NULL), SQLITE_OK);
    CHECK_EQ(sqlite3_step(statement), SQLITE_ROW);
    snprintf(out, bytes, "%s", (const char *)sqlite3_column_text(statement, 0));
    sqlite3_finalize(statement);
    sqlite3_close(raw);
}

static void check_replay(struct kit *kit, const char *session, uint32_t owner_epoch,
                         const char *const bodies[])
{
    struct store_replay *replay = kit_read(kit, session, owner_epoch, 0);
    CHECK_EQ(replay->status, STATUS_OK);
    for (size_t i = 0; i < replay->rows_len; i++) {
        CHECK_EQ(replay->rows[i].seq, i + 1);
        CHECK(bodies[i] != NULL && strlen(bodies[i]) == replay->rows[i].body_len &&
              memcmp(replay->rows[i].body, bodies[i], replay->rows[i].body_len) == 0);
    }
    CHECK(bodies[replay->rows_len] == NULL);
    kit_free(replay);
}

/* Messages lie by time afterwards; what is read of a session is what it was. */
static void test_migration_of_version_3(void)
{
    struct kit kit;
    sqlite3 *raw;
    char text[256];
    kit_enter();
    CHECK_EQ(sqlite3_open(kit_path, &raw), SQLITE_OK);
    CHECK_EQ(sqlite3_exec(raw, version_3, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(raw);
    kit_open(&kit, kit_path);
    check_replay(&kit, A, 3,
                 (const char *const[]){"first", "primera ñ", "second", "segunda", NULL});
    check_replay(&kit, B, 1, (const char *const[]){"other", "more", NULL});
    struct store_claim *claim = kit_claim(&kit, A, 1, 2);
    CHECK_EQ(claim->status, STATUS_OK);
    CHECK_EQ(claim->seq, 4);
    CHECK_EQ(claim->settled_samples, 4800);
    CHECK(!claim->settled_exact);
    CHECK_STR(claim->usage, "{\"audio_ms\":300}");
    CHECK_EQ(claim->mistakes, 0); /* nobody counted them */
    CHECK_EQ(claim->transcripts_len, 2);
    CHECK_EQ(claim->newest_len, 2);
    kit_free(claim);
    claim = kit_claim(&kit, B, 2, 3);
    CHECK_EQ(claim->seq, 2);
    CHECK(claim->settled_samples == 6400 && claim->settled_exact);
    CHECK_STR(claim->usage, "{\"audio_ms\":200}");
    kit_free(claim);
    CHECK_EQ(kit_put(&kit, A, 4, 4, "once more"), STATUS_OK); /* it is there: nothing happens */
    CHECK_EQ(kit_put(&kit, A, 4, 5, "of now"), STATUS_OK);
    check_replay(&kit, A, 4,
                 (const char *const[]){"first", "primera ñ", "second", "segunda", "of now", NULL});
    kit_close(&kit);
    ask_raw("SELECT group_concat(session || '.' || seq, ' ') FROM"
            " (SELECT session, seq FROM messages ORDER BY key)",
            text, sizeof text);
    CHECK_STR(text, "1.1 2.1 1.2 2.2 1.4 1.3 1.5");
    ask_raw("SELECT count(*) FROM sqlite_schema WHERE name = 'messages_3'", text, sizeof text);
    CHECK_STR(text, "0");
    ask_raw("SELECT lang || body || wall_us FROM messages WHERE session = 1 AND seq = 2", text,
            sizeof text);
    CHECK_STR(text, "esprimera ñ300");
    kit_leave();
}

/* Makes `page` of the file nonsense. */
static void damage(int page)
{
    char junk[4096];
    memset(junk, 0xaa, sizeof junk);
    int fd = open(kit_path, O_WRONLY);
    CHECK_EQ(pwrite(fd, junk, sizeof junk, (off_t)(page - 1) * 4096), (ssize_t)sizeof junk);
    close(fd);
}

static int root_page(const char *table)
{
    sqlite3 *raw;
    sqlite3_stmt *statement;
    CHECK_EQ(sqlite3_open(kit_path, &raw), SQLITE_OK);
    sqlite3_prepare_v2(raw, "SELECT rootpage FROM sqlite_schema WHERE name = ?1", -1, &statement,
                       NULL);
    sqlite3_bind_text(statement, 1, table, -1, SQLITE_STATIC);
    CHECK_EQ(sqlite3_step(statement), SQLITE_ROW);
    int page = sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(raw);
    return page;
}

static void make_store(void)
{
    struct kit kit;
    kit_open(&kit, kit_path);
    CHECK_EQ(kit_begin(&kit, A), STATUS_OK);
    CHECK_EQ(kit_put(&kit, A, 1, 1, "sound"), STATUS_OK);
    kit_close(&kit);
}

static void test_a_damaged_file(void)
{
    struct kit kit;
    kit_enter();
    make_store();
    CHECK_EQ(truncate(kit_path, 5000), 0);
    CHECK_EQ(kit_try_open(&kit, kit_path), STATUS_INVALID);
    kit_close(&kit);
    CHECK_EQ(unlink(kit_path), 0);
    make_store();
    damage(root_page("owners"));
    CHECK_EQ(kit_try_open(&kit, kit_path), STATUS_INVALID);
    kit_close(&kit);
    kit_leave();
}

/* It goes on, in memory, and says so. */
static void test_damage_met_while_running(void)
{
    struct kit kit;
    struct store_stats stats;
    kit_enter();
    make_store();
    damage(root_page("messages"));
    kit_open(&kit, kit_path);
    CHECK_EQ(kit_begin(&kit, B), STATUS_OK);
    CHECK_EQ(kit_put(&kit, B, 1, 1, "kept"), STATUS_IO);
    CHECK_EQ(kit_put(&kit, B, 1, 2, "kept"), STATUS_IO);
    store_stats(kit.store, &stats);
    CHECK(stats.failing);
    CHECK(strstr(stats.problem, "damaged") != NULL && strstr(stats.problem, kit_path) != NULL);
    struct store_replay *replay = kit_read(&kit, B, 1, 0);
    CHECK_EQ(replay->status, STATUS_IO);
    CHECK_EQ(replay->rows_len, 2);
    kit_free(replay);
    CHECK_EQ(kit_claim_status(&kit, A, 1, 2), STATUS_IO);
    kit_close(&kit);
    kit_leave();
}

/* The writer's own functions, without its thread. */
static void bare_open(struct store *store)
{
    *store = (struct store){.path = kit_path, .config = {.path = kit_path, .sync_full = true}};
    pthread_mutex_init(&store->lock, NULL);
    CHECK_EQ(store_disk_open(store), STATUS_OK);
}

/* A server starts on a full disk, and stores when it is not full any more. */
static void test_opening_on_a_full_disk(void)
{
    struct store store;
    kit_enter();
    make_store();
    limit_files(0);
    bare_open(&store);
    CHECK(store.writer.failing && !store.writer.damaged);
    CHECK(store.stats.failing);
    store_disk_retry(&store, true);
    CHECK(store.writer.failing);
    int wait_ms = store_duty_wait_ms(&store);
    CHECK(wait_ms > 0 && wait_ms <= STORE_RETRY_MS);
    store_disk_retry(&store, false); /* not yet */
    limit_files(RLIM_INFINITY);
    store_disk_retry(&store, false);
    CHECK(store.writer.failing);
    store_disk_retry(&store, true);
    CHECK(!store.writer.failing && !store.stats.failing);
    store_disk_close(&store);
    CHECK_EQ(kit_stored(A), 1);
    kit_leave();
}

static void test_a_file_that_is_taken_away(void)
{
    struct store store;
    kit_enter();
    bare_open(&store);
    store_disk_check(&store);
    CHECK(!store.writer.failing);
    CHECK_EQ(unlink(kit_path), 0);
    write_file(kit_path, "", 0);
    store_disk_check(&store);
    CHECK(store.writer.failing && store.writer.damaged);
    CHECK(strstr(store.stats.problem, "removed or replaced") != NULL);
    CHECK_EQ(store_duty_wait_ms(&store), -1);
    store_disk_close(&store);
    kit_leave();
}

/* As a user who may only read it. */
static int open_as_nobody(void)
{
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        struct store_db *db;
        char problem[STORE_PROBLEM_BYTES] = "";
        if (geteuid() == 0 && setresuid(65534, 65534, 65534) != 0)
            _exit(100);
        int status = store_db_open(&db, kit_path, STORE_DB_SERVE, problem);
        _exit(strstr(problem, kit_path) != NULL ? -status : 101);
    }
    int exit_status = 0;
    CHECK_EQ(waitpid(child, &exit_status, 0), child);
    return -WEXITSTATUS(exit_status);
}

static void test_a_file_that_is_only_to_be_read(void)
{
    kit_enter();
    make_store();
    struct stat file;
    CHECK_EQ(stat(kit_path, &file), 0);
    CHECK_EQ(file.st_mode & 0777, 0600);
    CHECK_EQ(chmod(kit_folder, 0555), 0);
    CHECK_EQ(chmod(kit_path, 0444), 0);
    CHECK_EQ(open_as_nobody(), STATUS_AUTH);
    CHECK_EQ(chmod(kit_folder, 0700), 0);
    kit_leave();
}

static struct store_job *make_put(const char *session, uint64_t seq, const char *body, size_t len)
{
    struct store_job model = {.kind = STORE_JOB_PUT, .owner_epoch = 1, .put = kit_final(seq, "")};
    model.put.body = body;
    model.put.body_len = len;
    snprintf(model.session, sizeof model.session, "%s", session);
    struct store_job *job = store_job_create(&model);
    CHECK(job != NULL);
    return job;
}

/* Stores a job as the writer does; one that the disk refuses goes to the backlog. */
static bool bare_write(struct store *store, struct store_job *job)
{
    struct store_db *db = store->writer.db;
    int rc = store_db_begin(db);
    if (rc == SQLITE_OK)
        rc = store_apply(db, store->writer.owner, job);
    if (rc == SQLITE_OK)
        rc = store_db_commit(db);
    if (rc == SQLITE_OK) {
        CHECK_EQ(job->status, STATUS_OK);
        store_job_free(job);
        return true;
    }
    store_disk_failed(store, rc);
    store_db_rollback(db);
    store_backlog_add(&store->writer.backlog, job);
    return false;
}

/* The log has no room, the file has: the log is copied into it and begins anew. */
static void test_a_log_that_cannot_grow(void)
{
    struct store store;
    kit_enter();
    make_store();
    bare_open(&store);
    uint64_t seq = 1;
    while (wal_bytes() < 200000)
        CHECK(bare_write(&store, make_put(A, ++seq, "again", 5)));
    limit_files(wal_bytes());
    CHECK(!bare_write(&store, make_put(A, ++seq, "once more", 9)));
    store_disk_retry(&store, true);
    CHECK(!store.writer.failing && store.writer.backlog.bytes == 0);
    CHECK(bare_write(&store, make_put(A, ++seq, "there is room", 13)));
    limit_files(RLIM_INFINITY);
    store_disk_close(&store);
    CHECK_EQ(kit_stored(A), (int)seq);
    kit_leave();
}

/* Messages give way, beginnings do not, and what was lost is known. */
static void test_a_full_backlog(void)
{
    static char body[1 << 20];
    memset(body, 'x', sizeof body);
    struct store_backlog backlog;
    struct store_rows rows;
    CHECK_EQ(store_backlog_init(&backlog), STATUS_OK);
    CHECK_EQ(store_rows_init(&rows), STATUS_OK);
    struct store_job model = {
        .kind = STORE_JOB_BEGIN,
        .session = B,
        .begin = {.class_name = "", .name = "", .subject = "", .source = "", .settings = ""}};
    store_backlog_add(&backlog, make_put(A, 1, "first", 5));
    store_backlog_add(&backlog, store_job_create(&model));
    uint64_t seq = 1;
    while (backlog.dropped == 0)
        store_backlog_add(&backlog, make_put(B, seq++, body, sizeof body));
    CHECK_EQ(seq - 1, STORE_BACKLOG_BYTES / sizeof body);
    CHECK(backlog.bytes <= STORE_BACKLOG_BYTES);
    store_backlog_add(&backlog, make_put(B, seq++, body, sizeof body));
    CHECK(backlog.bytes <= STORE_BACKLOG_BYTES);
    CHECK(store_backlog_begins(&backlog, B));
    CHECK(!store_backlog_begins(&backlog, A));
    CHECK_EQ(store_backlog_lost(&backlog, A), 1);
    CHECK(store_backlog_lost(&backlog, B) > 0);
    uint64_t lost = store_backlog_lost(&backlog, B);
    CHECK_EQ(store_backlog_read(&backlog, B, 0, &rows), STATUS_FULL);
    CHECK_EQ(rows.rows[0].seq, lost + 1);
    struct store_walk walk = store_backlog_walk(&backlog);
    CHECK_EQ(store_backlog_next(&walk)->kind, STORE_JOB_BEGIN);
    for (uint64_t next = lost + 1; next < seq; next++)
        CHECK_EQ(store_backlog_next(&walk)->put.seq, next);
    CHECK(store_backlog_next(&walk) == NULL);
    store_backlog_stored(&backlog, 2);
    walk = store_backlog_walk(&backlog);
    CHECK_EQ(store_backlog_next(&walk)->put.seq, lost + 2);
    store_rows_deinit(&rows);
    store_backlog_deinit(&backlog);
}

int main(void)
{
    signal(SIGXFSZ, SIG_IGN);
    RUN(test_a_file_that_is_only_to_be_read);
    RUN(test_full_then_free);
    RUN(test_closing_tries_again);
    RUN(test_what_is_no_store);
    RUN(test_a_newer_store);
    RUN(test_migration);
    RUN(test_migration_of_version_3);
    RUN(test_a_damaged_file);
    RUN(test_damage_met_while_running);
    RUN(test_opening_on_a_full_disk);
    RUN(test_a_file_that_is_taken_away);
    RUN(test_a_log_that_cannot_grow);
    RUN(test_a_full_backlog);
    return check_done();
}
