/*
 * Writes to a transcript store as a server does, and reads what is there: for tests that kill the
 * writer, and for measuring.
 *
 *   sotto-test-store write FILE NAME SESSIONS FINALS   prints "session seq" for each
 * acknowledgement sotto-test-store verify FILE NAME SESSIONS         prints "session seq" for each
 * session's last sotto-test-store load FILE SESSIONS PER_SECOND SECONDS   prints figures; 0 a
 * second: all it can
 *
 * Exit status 0; 1: wrong, the reason on standard error.
 */
#include "base/clock.h"
#include "base/hist.h"
#include "base/log.h"
#include "base/status.h"
#include "server/server.h"
#include "server/store.h"
#include "server/store_query.h"
#include <inttypes.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define SESSIONS_MAX 10000
#define WINDOW       4
#define BODY_BYTES   700 /* a final transcript with the times of its words */

static struct writer {
    struct store *store;
    bool prints;
    int failures;
    sem_t answered; /* a post for each answer, for who has asked for one alone */
    struct msg *answer;
    _Atomic uint64_t acked[SESSIONS_MAX]; /* tickets, by session; released with `waits` */
    _Atomic int64_t put_us[SESSIONS_MAX]; /* relaxed: when the last one was put */
    struct hist waits;                    /* the store's thread */
} writer;

static void fail(const char *what, uint64_t session, long long is)
{
    fprintf(stderr, "session %" PRIu64 ": %s (%lld)\n", session, what, is);
    exit(1);
}

/* Directory ids of the sessions are 1 and up. */
static void on_done(const struct store_done *done)
{
    uint64_t i = done->msg.session - 1;
    if (done->status != STATUS_OK)
        fail("not stored", i, done->status);
    hist_add(&writer.waits,
             done->done_us - atomic_load_explicit(&writer.put_us[i], memory_order_relaxed));
    atomic_store_explicit(&writer.acked[i], done->ticket, memory_order_release);
    if (!writer.prints)
        return;
    char line[64];
    int len = snprintf(line, sizeof line, "%" PRIu64 " %" PRIu64 "\n", i, done->ticket);
    if (write(STDOUT_FILENO, line, (size_t)len) != len)
        exit(1);
}

static void on_answer(void *ctx, struct msg *msg)
{
    if (msg->kind == FRONT_STORED) {
        on_done((struct store_done *)msg);
        msg->free_fn(msg);
        return;
    }
    writer.answer = msg;
    sem_post(&writer.answered);
}

static void open_store(const char *path)
{
    const struct store_config config = {.path = path,
                                        .sync_full = getenv("STORE_NORMAL") == NULL,
                                        .group_ms = 5,
                                        .resume_ms = 120000,
                                        .post = on_answer};
    sem_init(&writer.answered, 0, 0);
    if (store_open(&writer.store, &config) != STATUS_OK)
        exit(1);
}

static const char *name_of(const char *name, uint64_t i)
{
    static char text[STORE_NAME_BYTES];
    snprintf(text, sizeof text, "%s-%" PRIu64, name, i);
    return text;
}

static void begin(const char *name, uint64_t i)
{
    const struct store_ref ref = {.session = name_of(name, i), .owner_epoch = 1};
    const struct store_session session = {.class_name = "7b",
                                          .name = "",
                                          .subject = "",
                                          .source = "en-US",
                                          .rate = 16000,
                                          .settings = "{}",
                                          .token = {1}};
    if (store_begin(writer.store, &ref, &session) != STATUS_OK)
        fail("cannot begin", i, 0);
}

static size_t body_of(char *out, uint64_t i, uint64_t seq)
{
    int len =
        snprintf(out, BODY_BYTES, "{\"session\":%" PRIu64 ",\"seq\":%" PRIu64 ",\"x\":\"", i, seq);
    memset(out + len, 'a' + (int)((i + seq) % 26), BODY_BYTES - (size_t)len);
    return BODY_BYTES;
}

static void put(const char *name, uint64_t i, uint64_t seq)
{
    static const char usage[] =
        "{\"audio_ms\":61440,\"stt_ms\":60800,\"requests\":41,\"tokens_in\":9210,\"cached\":7168}";
    char body[BODY_BYTES];
    const struct store_ref ref = {
        .session = name_of(name, i), .owner_epoch = 1, .to = i + 1, .ticket = seq};
    const struct store_message message = {.seq = seq,
                                          .kind = STORE_TRANSCRIPT,
                                          .segment = (uint32_t)seq,
                                          .lang = "",
                                          .body = body,
                                          .body_len = body_of(body, i, seq),
                                          .usage = usage};
    atomic_store_explicit(&writer.put_us[i], clock_mono_us(), memory_order_relaxed);
    if (store_put(writer.store, &ref, &message) != STATUS_OK)
        fail("cannot put", i, (long long)seq);
}

static void wait_for(uint64_t session, uint64_t ticket)
{
    while (atomic_load_explicit(&writer.acked[session], memory_order_acquire) < ticket)
        nanosleep(&(struct timespec){.tv_nsec = 20000}, NULL);
}

/* A session has at most WINDOW finals that are not stored yet, so that groups stay small. */
static int write_finals(const char *path, const char *name, uint64_t sessions, uint64_t finals)
{
    writer.prints = true;
    open_store(path);
    for (uint64_t i = 0; i < sessions; i++)
        begin(name, i);
    for (uint64_t seq = 1; seq <= finals / sessions; seq++)
        for (uint64_t i = 0; i < sessions; i++) {
            wait_for(i, seq > WINDOW ? seq - WINDOW : 0);
            put(name, i, seq);
        }
    store_close(writer.store);
    return 0;
}

static void check_rows(const struct store_page *page, uint64_t i, uint64_t *seq)
{
    char body[BODY_BYTES];
    for (size_t n = 0; n < page->rows_len; n++) {
        const struct store_row *row = &page->rows[n];
        if (row->seq != ++*seq)
            fail("a final is missing", i, (long long)*seq);
        if (row->body_len != body_of(body, i, *seq) || memcmp(row->body, body, BODY_BYTES) != 0)
            fail("a final is not what was put", i, (long long)*seq);
    }
}

static uint64_t last_seq(const char *name, uint64_t i)
{
    uint64_t seq = 0;
    bool more;
    do {
        const struct store_query query = {.question = STORE_MESSAGES,
                                          .session = name_of(name, i),
                                          .after_seq = seq,
                                          .limit = 500};
        if (store_query(writer.store, 1, &query) != STATUS_OK)
            fail("cannot ask", i, 0);
        sem_wait(&writer.answered);
        const struct store_page *page = (struct store_page *)writer.answer;
        if (page->status == STATUS_OK)
            check_rows(page, i, &seq);
        else if (page->status != STATUS_NOT_FOUND)
            fail("cannot read", i, page->status);
        more = page->more;
        writer.answer->free_fn(writer.answer);
    } while (more);
    return seq;
}

/* Who claims the session afterwards is told the same. */
static void check_claim(const char *name, uint64_t i, uint64_t seq)
{
    const struct store_claimant claimant = {
        .session = name_of(name, i), .subject = "", .token = {1}, .next = {1}};
    if (store_claim(writer.store, 1, &claimant) != STATUS_OK)
        fail("cannot claim", i, 0);
    sem_wait(&writer.answered);
    const struct store_claim *claim = (struct store_claim *)writer.answer;
    if (claim->status != STATUS_OK || claim->seq != seq || claim->owner_epoch != 2)
        fail("claimed otherwise", i, claim->status);
    writer.answer->free_fn(writer.answer);
}

static int verify(const char *path, const char *name, uint64_t sessions)
{
    open_store(path);
    for (uint64_t i = 0; i < sessions; i++) {
        uint64_t seq = last_seq(name, i);
        printf("%" PRIu64 " %" PRIu64 "\n", i, seq);
        if (seq > 0)
            check_claim(name, i, seq);
    }
    store_close(writer.store);
    return 0;
}

static int64_t cpu_us(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* CPU of the store's threads: this one paces the load, and sleeps for it. */
static int64_t store_cpu_us(void)
{
    return cpu_us(CLOCK_PROCESS_CPUTIME_ID) - cpu_us(CLOCK_THREAD_CPUTIME_ID);
}

static void report(const struct store_stats *before, int64_t took_us, int64_t busy_us)
{
    struct store_stats stats;
    store_stats(writer.store, &stats);
    stats.writes -= before->writes;
    stats.commits -= before->commits;
    double writes = (double)stats.writes;
    printf("writes=%" PRIu64 " commits=%" PRIu64 " writes_per_s=%.0f cpu_us_per_write=%.1f "
           "core_percent=%.2f wait_p50_ms=%.2f wait_p99_ms=%.2f wait_max_ms=%.2f file_mb=%.1f\n",
           stats.writes, stats.commits, writes * 1e6 / (double)took_us, (double)busy_us / writes,
           100.0 * (double)busy_us / (double)took_us,
           (double)hist_quantile(&writer.waits, 0.5) / 1000,
           (double)hist_quantile(&writer.waits, 0.99) / 1000, (double)writer.waits.max / 1000,
           (double)stats.file_bytes / 1e6);
}

/* Each session waits for its final before it puts the next. */
static int load(const char *path, uint64_t sessions, double per_second, double seconds)
{
    open_store(path);
    for (uint64_t i = 0; i < sessions; i++)
        begin("load", i);
    /* A write of its own is stored after they are. */
    put("load", 0, 1);
    wait_for(0, 1);
    struct store_stats before;
    store_stats(writer.store, &before);
    int64_t started_us = clock_mono_us(), began_cpu_us = store_cpu_us();
    int64_t end_us = started_us + (int64_t)(seconds * 1e6);
    uint64_t n = 1;
    for (; clock_mono_us() < end_us; n++) {
        uint64_t i = n % sessions, seq = n / sessions + 1;
        int64_t due_us = per_second > 0 ? started_us + (int64_t)((double)n * 1e6 / per_second) : 0;
        int64_t early_us = due_us - clock_mono_us();
        if (early_us > 0)
            nanosleep(&(struct timespec){.tv_sec = early_us / 1000000,
                                         .tv_nsec = early_us % 1000000 * 1000},
                      NULL);
        wait_for(i, seq - 1);
        put("load", i, seq);
    }
    for (uint64_t i = 0; i < sessions && i < n; i++)
        wait_for(i, (n - 1 - i) / sessions + 1);
    report(&before, clock_mono_us() - started_us, store_cpu_us() - began_cpu_us);
    store_close(writer.store);
    return 0;
}

int main(int argc, char **argv)
{
    uint64_t sessions = 0;
    if (argc == 6 || argc == 5)
        sessions = strtoull(argv[strcmp(argv[1], "load") == 0 ? 3 : 4], NULL, 10);
    if (sessions >= 1 && sessions <= SESSIONS_MAX) {
        if (argc == 6 && strcmp(argv[1], "write") == 0)
            return write_finals(argv[2], argv[3], sessions, strtoull(argv[5], NULL, 10));
        if (argc == 5 && strcmp(argv[1], "verify") == 0)
            return verify(argv[2], argv[3], sessions);
        if (argc == 6 && strcmp(argv[1], "load") == 0)
            return load(argv[2], sessions, strtod(argv[4], NULL), strtod(argv[5], NULL));
    }
    fputs("usage: sotto-test-store write FILE NAME SESSIONS FINALS | verify FILE NAME SESSIONS |\n"
          "       load FILE SESSIONS PER_SECOND SECONDS\n",
          stderr);
    return 1;
}
