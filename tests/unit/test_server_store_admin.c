#include "base/rng.h"
#include "server/store_admin.h"
#include "tests/unit/store_kit.h"
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define C "cccccccccccccccccccccccccccccccc"

static struct store_file *file_open(bool writes)
{
    struct store_file *file = NULL;
    CHECK_EQ(store_file_open(&file, kit_path, writes), STATUS_OK);
    return file;
}

/* Places where `word` stands in the store's file or its log. */
static int traces(const char *word)
{
    static const char *const suffixes[] = {"", "-wal"};
    int found = 0;
    for (int i = 0; i < 2; i++) {
        char name[160];
        struct stat info;
        snprintf(name, sizeof name, "%s%s", kit_path, suffixes[i]);
        int fd = open(name, O_RDONLY);
        if (fd < 0 || fstat(fd, &info) != 0 || info.st_size == 0)
            continue;
        char *bytes = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        CHECK(bytes != MAP_FAILED);
        for (char *at = bytes;
             (at = memmem(at, (size_t)(bytes + info.st_size - at), word, strlen(word))) != NULL;
             at++)
            found++;
        munmap(bytes, (size_t)info.st_size);
    }
    return found;
}

/* The server goes on meanwhile, and finds its session gone. */
static void test_delete_a_session(void)
{
    struct kit kit;
    struct store_deleted deleted;
    kit_enter();
    kit_open(&kit, kit_path);
    CHECK_EQ(kit_begin(&kit, A), STATUS_OK);
    CHECK_EQ(kit_begin(&kit, B), STATUS_OK);
    CHECK_EQ(kit_put(&kit, A, 1, 1, "marmalade"), STATUS_OK);
    CHECK_EQ(kit_put(&kit, A, 1, 2, "marmalade"), STATUS_OK);
    CHECK_EQ(kit_put(&kit, B, 1, 1, "porridge"), STATUS_OK);
    struct store_file *file = file_open(true);
    CHECK(traces("marmalade") > 0);
    CHECK_EQ(store_admin_delete_session(file, A, &deleted), STATUS_OK);
    CHECK_EQ(deleted.sessions, 1);
    CHECK_EQ(deleted.messages, 2);
    CHECK(deleted.scrubbed);
    CHECK_EQ(traces("marmalade"), 0);
    CHECK_EQ(traces(A), 0);
    CHECK(traces("porridge") > 0);
    CHECK_EQ(store_admin_delete_session(file, A, &deleted), STATUS_NOT_FOUND);
    CHECK(strstr(store_admin_problem(), A) != NULL);
    CHECK_EQ(kit_put(&kit, A, 1, 3, "marmalade"), STATUS_FENCED);
    CHECK_EQ(kit_claim_status(&kit, A, 1, 2), STATUS_AUTH);
    CHECK_EQ(kit_put(&kit, B, 1, 2, "more"), STATUS_OK);
    store_file_close(file);
    kit_close(&kit);
    CHECK_EQ(kit_stored(A), -1);
    CHECK_EQ(kit_stored(B), 2);
    CHECK_EQ(traces("marmalade"), 0);
    kit_leave();
}

/* Who reads an older state keeps the log, and the deletion says so. */
static void test_a_reader_in_the_way(void)
{
    struct kit kit;
    struct store_deleted deleted;
    sqlite3 *reader;
    bool scrubbed = false;
    kit_enter();
    kit_open(&kit, kit_path);
    CHECK_EQ(kit_begin(&kit, A), STATUS_OK);
    CHECK_EQ(kit_put(&kit, A, 1, 1, "marmalade"), STATUS_OK);
    CHECK_EQ(sqlite3_open(kit_path, &reader), SQLITE_OK);
    CHECK_EQ(sqlite3_exec(reader, "BEGIN; SELECT * FROM messages", NULL, NULL, NULL), SQLITE_OK);
    struct store_file *file = file_open(true);
    CHECK_EQ(store_admin_delete_session(file, A, &deleted), STATUS_OK);
    CHECK_EQ(deleted.sessions, 1);
    CHECK(!deleted.scrubbed);
    CHECK(traces("marmalade") > 0);
    CHECK_EQ(kit_begin(&kit, B), STATUS_OK); /* the server was not kept from writing */
    CHECK_EQ(sqlite3_exec(reader, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    CHECK_EQ(store_admin_scrub(file, &scrubbed), STATUS_OK);
    CHECK(scrubbed);
    CHECK_EQ(traces("marmalade"), 0);
    sqlite3_close(reader);
    store_file_close(file);
    kit_close(&kit);
    kit_leave();
}

static void on_fault(void *ctx, const char *fault)
{
    CHECK(fault[0] != '\0');
    ++*(int *)ctx;
}

#define SESSIONS 40
#define FINALS   60

/* Pages that split and were rewritten while many sessions spoke must not remember either. */
static void test_no_trace_among_many(void)
{
    struct kit kit;
    struct rng rng;
    uint64_t seq[SESSIONS] = {0};
    char names[SESSIONS][STORE_NAME_BYTES], word[16], body[1200];
    struct store_deleted deleted;
    rng_init(&rng, 1);
    kit_enter();
    kit_open(&kit, kit_path);
    for (int i = 0; i < SESSIONS; i++) {
        snprintf(names[i], sizeof names[i], "session-%02d", i);
        CHECK_EQ(kit_begin(&kit, names[i]), STATUS_OK);
    }
    for (int n = 0; n < SESSIONS * FINALS; n++) {
        size_t i = rng_below(&rng, SESSIONS);
        int len = snprintf(body, sizeof body, "word%02zu", i);
        while (len < (int)rng_below(&rng, 1100))
            len += snprintf(body + len, sizeof body - (size_t)len, " word%02zu", i);
        struct store_ref ref = {.session = names[i], .owner_epoch = 1, .to = 0};
        struct store_message message = kit_final(++seq[i], body);
        CHECK_EQ(store_put(kit.store, &ref, &message), STATUS_OK);
    }
    CHECK_EQ(kit_begin(&kit, "the last, so that all is stored"), STATUS_OK);
    struct store_file *file = file_open(true);
    for (int i = 0; i < SESSIONS; i += 7) {
        CHECK_EQ(store_admin_delete_session(file, names[i], &deleted), STATUS_OK);
        CHECK_EQ(deleted.messages, seq[i]);
        CHECK(deleted.scrubbed);
        snprintf(word, sizeof word, "word%02d", i);
        CHECK_EQ(traces(word), 0);
    }
    CHECK(traces("word01") > 0);
    int faults = 0;
    CHECK_EQ(store_admin_check(file, on_fault, &faults), STATUS_OK);
    store_file_close(file);
    kit_close(&kit);
    kit_leave();
}

static void test_delete_many(void)
{
    struct kit kit;
    struct store_deleted deleted;
    kit_enter();
    kit_open(&kit, kit_path);
    CHECK_EQ(kit_begin_at(&kit, A, "7b", 100), STATUS_OK);
    CHECK_EQ(kit_begin_at(&kit, B, "8a", 200), STATUS_OK);
    CHECK_EQ(kit_begin_at(&kit, C, "8a", 300), STATUS_OK);
    CHECK_EQ(kit_put(&kit, C, 1, 1, "said"), STATUS_OK);
    struct store_ref ref = kit_ref(A, 1, 9);
    CHECK_EQ(store_end(kit.store, &ref, "ended", NULL, 400), STATUS_OK);
    CHECK_EQ(kit_done(&kit, 9), STATUS_OK);
    struct store_file *file = file_open(true);
    CHECK_EQ(store_admin_delete_before(file, 100, &deleted), STATUS_OK);
    CHECK_EQ(deleted.sessions, 0);
    CHECK_EQ(store_admin_delete_before(file, 301, &deleted), STATUS_OK);
    CHECK_EQ(deleted.sessions, 1); /* those that go on stay */
    CHECK_EQ(store_admin_delete_class(file, "7b", &deleted), STATUS_OK);
    CHECK_EQ(deleted.sessions, 0);
    CHECK_EQ(store_admin_delete_class(file, "8a", &deleted), STATUS_OK);
    CHECK_EQ(deleted.sessions, 2);
    CHECK_EQ(deleted.messages, 1);
    store_file_close(file);
    kit_close(&kit);
    kit_leave();
}

struct progress {
    struct kit *kit;
    int calls, stop_at;
    uint64_t seq;
};

/* The server stores a final between any two steps of the backup. */
static bool on_progress(void *ctx, int done, int total)
{
    struct progress *progress = ctx;
    CHECK(done >= 0 && done <= total && total > 0);
    if (progress->kit != NULL) {
        progress->seq++;
        CHECK_EQ(kit_put(progress->kit, A, 1, progress->seq, "meanwhile"), STATUS_OK);
    }
    return ++progress->calls != progress->stop_at;
}

static void test_backup(void)
{
    struct kit kit;
    static char body[60001];
    char copy[160];
    kit_enter();
    kit_open(&kit, kit_path);
    memset(body, 'x', sizeof body - 1);
    CHECK_EQ(kit_begin(&kit, A), STATUS_OK);
    for (uint64_t seq = 1; seq <= 60; seq++)
        CHECK_EQ(kit_put(&kit, A, 1, seq, body), STATUS_OK);
    struct store_file *file = file_open(false);
    snprintf(copy, sizeof copy, "%s/copy.db", kit_folder);
    struct progress progress = {.kit = &kit, .stop_at = 2, .seq = 60};
    CHECK_EQ(store_admin_backup(file, copy, on_progress, &progress), STATUS_CANCELLED);
    CHECK(access(copy, F_OK) != 0);
    progress = (struct progress){.kit = &kit, .seq = progress.seq};
    CHECK_EQ(store_admin_backup(file, copy, on_progress, &progress), STATUS_OK);
    CHECK(progress.calls >= 3);
    CHECK_EQ(store_admin_backup(file, copy, NULL, NULL), STATUS_REFUSED);
    CHECK(strstr(store_admin_problem(), copy) != NULL);
    store_file_close(file);
    kit_close(&kit);
    CHECK_EQ(kit_stored(A), (int)progress.seq);
    struct stat info;
    CHECK_EQ(stat(copy, &info), 0);
    CHECK_EQ(info.st_mode & 0777, 0600);
    /* The copy is the store as it was when the backup began, and a server can go on with it. */
    snprintf(kit_path, sizeof kit_path, "%s/copy.db", kit_folder);
    CHECK_EQ(kit_stored(A), 62);
    kit_open(&kit, kit_path);
    CHECK_EQ(kit_put(&kit, A, 1, 63, "after"), STATUS_OK);
    kit_close(&kit);
    kit_leave();
}

static void test_check(void)
{
    struct kit kit;
    int faults = 0;
    char junk[4096];
    memset(junk, 0xaa, sizeof junk);
    kit_enter();
    kit_open(&kit, kit_path);
    CHECK_EQ(kit_begin(&kit, A), STATUS_OK);
    kit_close(&kit);
    struct store_file *file = file_open(false);
    CHECK_EQ(store_admin_check(file, on_fault, &faults), STATUS_OK);
    CHECK_EQ(faults, 0);
    store_file_close(file);
    int fd = open(kit_path, O_WRONLY);
    CHECK_EQ(pwrite(fd, junk, sizeof junk, 4096), (ssize_t)sizeof junk);
    close(fd);
    file = file_open(false);
    CHECK_EQ(store_admin_check(file, on_fault, &faults), STATUS_INVALID);
    CHECK(faults > 0);
    CHECK(strstr(store_admin_problem(), "damaged") != NULL);
    store_file_close(file);
    kit_leave();
}

int main(void)
{
    RUN(test_delete_a_session);
    RUN(test_a_reader_in_the_way);
    RUN(test_no_trace_among_many);
    RUN(test_delete_many);
    RUN(test_backup);
    RUN(test_check);
    return check_done();
}
