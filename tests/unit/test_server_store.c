#include "base/clock.h"
#include "server/store_limits.h"
#include "server/store_query.h"
#include "tests/unit/store_kit.h"

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static void test_what_is_put_is_read(void)
{
    struct kit kit;
    kit_enter();
    kit_open(&kit, kit_path);
    CHECK(store_durable(kit.store));
    CHECK_EQ(kit_begin(&kit, A), STATUS_OK);
    CHECK_EQ(kit_put(&kit, A, 1, 1, "one"), STATUS_OK);
    struct store_ref ref = kit_ref(A, 1, 3);
    struct store_message translation = {.seq = 2,
                                        .kind = STORE_TRANSLATION,
                                        .segment = 1,
                                        .lang = "es",
                                        .body = "uno, not this",
                                        .body_len = 3,
                                        .wall_us = -5};
    CHECK_EQ(store_put(kit.store, &ref, &translation), STATUS_OK);
    CHECK_EQ(kit_done(&kit, 3), STATUS_OK);

    struct store_replay *replay = kit_read(&kit, A, 1, 0);
    CHECK_EQ(replay->status, STATUS_OK);
    CHECK_EQ(replay->msg.session, 7);
    CHECK_EQ(replay->rows_len, 2);
    CHECK(!replay->more);
    CHECK_EQ(replay->lost_to, 0);
    CHECK_EQ(replay->rows[0].seq, 1);
    CHECK_EQ(replay->rows[0].kind, STORE_TRANSCRIPT);
    CHECK_STR(replay->rows[0].body, "one");
    CHECK_EQ(replay->rows[1].seq, 2);
    CHECK_EQ(replay->rows[1].kind, STORE_TRANSLATION);
    CHECK_EQ(replay->rows[1].segment, 1);
    CHECK_STR(replay->rows[1].lang, "es");
    CHECK_STR(replay->rows[1].body, "uno");
    CHECK_EQ(replay->rows[1].body_len, 3);
    CHECK_EQ(replay->rows[1].wall_us, -5);
    kit_free(replay);
    replay = kit_read(&kit, A, 1, 1);
    CHECK_EQ(replay->rows_len, 1);
    kit_free(replay);
    replay = kit_read(&kit, A, 1, 2);
    CHECK_EQ(replay->rows_len, 0);
    kit_free(replay);
    kit_close(&kit);
    CHECK_EQ(kit_stored(A), 2);
    kit_leave();
}

static void put_later(struct kit *kit, const char *session, uint64_t to, uint64_t seq)
{
    struct store_ref ref = {.session = session, .owner_epoch = 1, .to = to, .ticket = seq};
    struct store_message message = kit_final(seq, "later");
    CHECK_EQ(store_put(kit->store, &ref, &message), STATUS_OK);
}

/* What queues while the thread is held up is one transaction and one answer a session. */
static void test_a_group_is_one_commit(void)
{
    struct kit kit;
    struct store_stats before, after;
    kit_enter();
    kit_open(&kit, kit_path);
    CHECK_EQ(kit_begin(&kit, A), STATUS_OK);
    CHECK_EQ(kit_begin(&kit, B), STATUS_OK);
    kit.hold = true;
    put_later(&kit, A, 21, 1);
    sem_wait(&kit.held);
    kit.hold = false;
    store_stats(kit.store, &before);
    for (uint64_t seq = 2; seq <= 101; seq++) {
        put_later(&kit, A, 21, seq);
        put_later(&kit, B, 22, seq - 1);
    }
    sem_post(&kit.go);
    static const uint64_t tickets[][2] = {{21, 1}, {21, 101}, {22, 100}};
    for (int i = 0; i < 3; i++) {
        struct store_done *done = kit_answer(&kit, FRONT_STORED);
        CHECK_EQ(done->msg.session, tickets[i][0]);
        CHECK_EQ(done->ticket, tickets[i][1]);
        CHECK_EQ(done->status, STATUS_OK);
        CHECK(done->done_us > 0);
        kit_free(done);
    }
    store_stats(kit.store, &after);
    CHECK_EQ(after.commits - before.commits, 1);
    CHECK_EQ(after.writes - before.writes, 200);
    CHECK_EQ(after.queued, 0);
    CHECK(after.file_bytes > 0 && after.commit_max_us >= after.commit_last_us);
    kit_close(&kit);
    CHECK_EQ(kit_stored(A), 101);
    CHECK_EQ(kit_stored(B), 100);
    kit_leave();
}

/* A read between two writes of one group sees the first and not the second. */
static void test_a_read_has_its_place(void)
{
    struct kit kit;
    kit_enter();
    kit_open(&kit, kit_path);
    CHECK_EQ(kit_begin(&kit, A), STATUS_OK);
    kit.hold = true;
    put_later(&kit, A, 21, 1);
    sem_wait(&kit.held);
    kit.hold = false;
    put_later(&kit, A, 21, 2);
    struct store_ref ref = {.session = A, .owner_epoch = 1, .to = 30, .ticket = 77};
    CHECK_EQ(store_read(kit.store, &ref, 0), STATUS_OK);
    put_later(&kit, A, 21, 3);
    sem_post(&kit.go);
    kit_free(kit_answer(&kit, FRONT_STORED));
    struct store_replay *replay = kit_answer(&kit, FRONT_REPLAY);
    CHECK_EQ(replay->rows_len, 2);
    CHECK_EQ(replay->ticket, 77);
    kit_free(replay);
    struct store_done *done = kit_answer(&kit, FRONT_STORED);
    CHECK_EQ(done->ticket, 3);
    kit_free(done);
    kit_close(&kit);
    kit_leave();
}

/* A new process takes the session; what the old one has in flight changes nothing. */
static void test_the_old_owner_is_fenced(void)
{
    struct kit old, new;
    struct store_stats stats;
    kit_enter();
    kit_open(&old, kit_path);
    kit_open(&new, kit_path);
    CHECK_EQ(kit_begin(&old, A), STATUS_OK);
    CHECK_EQ(kit_put(&old, A, 1, 1, "of the old"), STATUS_OK);
    struct store_claim *claim = kit_claim(&new, A, 1, 2);
    CHECK_EQ(claim->status, STATUS_OK);
    CHECK_EQ(claim->owner_epoch, 2);
    CHECK_EQ(claim->epoch, 2);
    CHECK_EQ(claim->seq, 1);
    kit_free(claim);
    CHECK_EQ(kit_put(&old, A, 1, 2, "too late"), STATUS_FENCED);
    struct store_ref ref = kit_ref(A, 1, 10);
    CHECK_EQ(store_end(old.store, &ref, "ended", NULL, 5), STATUS_OK);
    CHECK_EQ(kit_done(&old, 10), STATUS_FENCED);
    struct store_replay *replay = kit_read(&old, A, 1, 0);
    CHECK_EQ(replay->status, STATUS_FENCED);
    CHECK_EQ(replay->rows_len, 0);
    kit_free(replay);
    CHECK_EQ(kit_put(&new, A, 2, 2, "of the new"), STATUS_OK);
    replay = kit_read(&new, A, 2, 0);
    CHECK_EQ(replay->rows_len, 2);
    CHECK_STR(replay->rows[1].body, "of the new");
    kit_free(replay);
    store_stats(old.store, &stats);
    CHECK_EQ(stats.fenced, 2);
    /* And back again: the later claim owns. */
    CHECK_EQ(kit_claim_status(&old, A, 2, 3), STATUS_OK);
    CHECK_EQ(kit_put(&new, A, 2, 3, "fenced now"), STATUS_FENCED);
    CHECK_EQ(kit_put(&old, A, 3, 3, "owner again"), STATUS_OK);
    kit_close(&old);
    kit_close(&new);
    CHECK_EQ(kit_stored(A), 3);
    kit_leave();
}

static void test_tokens_that_claim(void)
{
    struct kit kit;
    struct store_stats stats;
    struct store_ref ref = kit_ref(A, 1, 2);
    kit_enter();
    kit_open(&kit, kit_path);
    CHECK_EQ(kit_begin(&kit, A), STATUS_OK);
    CHECK_EQ(kit_claim_status(&kit, A, 9, 2), STATUS_AUTH);
    struct store_claim *other = kit_claim_by(&kit, "eve", A, (const uint8_t[]){1, 2});
    CHECK_EQ(other->status, STATUS_AUTH); /* somebody else's access token beside a stolen one */
    kit_free(other);
    CHECK_EQ(kit_claim_status(&kit, B, 1, 2), STATUS_AUTH);
    CHECK_EQ(kit_claim_status(&kit, "", 1, 2), STATUS_AUTH);
    CHECK_EQ(kit_claim_status(&kit, A A, 1, 2), STATUS_AUTH);
    /* A refused claim has not taken anything. */
    CHECK_EQ(store_tokens(kit.store, &ref, kit_hash(1), kit_hash(2)), STATUS_OK);
    CHECK_EQ(kit_done(&kit, 2), STATUS_OK);
    /* The next is good as long as nobody has used it, and so is the current one. */
    CHECK_EQ(kit_claim_status(&kit, A, 2, 3), STATUS_OK);
    CHECK_EQ(kit_claim_status(&kit, A, 1, 4), STATUS_AUTH);
    CHECK_EQ(kit_claim_status(&kit, A, 2, 4), STATUS_OK);
    CHECK_EQ(kit_claim_status(&kit, A, 3, 5), STATUS_AUTH);
    CHECK_EQ(kit_claim_status(&kit, A, 4, 5), STATUS_OK);
    /* The client has shown the new one: it alone is left. */
    ref.owner_epoch = 4;
    CHECK_EQ(store_tokens(kit.store, &ref, kit_hash(5), NULL), STATUS_OK);
    CHECK_EQ(kit_done(&kit, 2), STATUS_OK);
    CHECK_EQ(kit_claim_status(&kit, A, 4, 6), STATUS_AUTH);
    CHECK_EQ(store_end(kit.store, &ref, "ended", "{}", 5), STATUS_OK);
    CHECK_EQ(kit_done(&kit, 2), STATUS_OK);
    CHECK_EQ(kit_claim_status(&kit, A, 5, 6), STATUS_AUTH);
    store_stats(kit.store, &stats);
    CHECK_EQ(stats.claims, 3);
    CHECK_EQ(stats.claims_refused, 9);
    kit_close(&kit);
    kit_leave();
}

/* A client that missed the end comes back for it, for resume_ms. */
static void test_an_end_that_was_missed(void)
{
    struct kit kit;
    struct store_ref ref = kit_ref(A, 1, 3);
    kit_enter();
    kit_open(&kit, kit_path);
    CHECK_EQ(kit_begin(&kit, A), STATUS_OK);
    CHECK_EQ(kit_put(&kit, A, 1, 1, "the last"), STATUS_OK);
    CHECK_EQ(store_end(kit.store, &ref, "idle", NULL, clock_wall_us()), STATUS_OK);
    CHECK_EQ(kit_done(&kit, 3), STATUS_OK);
    CHECK_EQ(kit_claim_status(&kit, A, 9, 2), STATUS_AUTH);
    struct store_claim *claim = kit_claim(&kit, A, 1, 2);
    CHECK_EQ(claim->status, STATUS_OK);
    CHECK_STR(claim->end_reason, "idle");
    CHECK_EQ(claim->seq, 1);
    kit_free(claim);
    ref = kit_ref(A, 2, 4);
    CHECK_EQ(store_end(kit.store, &ref, "idle", NULL, clock_wall_us() - 60000000), STATUS_OK);
    CHECK_EQ(kit_done(&kit, 4), STATUS_OK);
    CHECK_EQ(kit_claim_status(&kit, A, 1, 2), STATUS_AUTH);
    kit_close(&kit);
    kit_leave();
}

static void put_kind(struct kit *kit, uint64_t seq, enum store_kind kind, uint32_t segment,
                     const char *lang)
{
    struct store_ref ref = kit_ref(A, 1, seq + 1);
    struct store_message message = kit_final(seq, "x");
    message.kind = kind;
    message.segment = segment;
    message.lang = lang;
    message.mistakes = (uint32_t)seq * 3;
    message.usage = seq == 2 ? "{\"audio_ms\":5}" : NULL;
    CHECK_EQ(store_put(kit->store, &ref, &message), STATUS_OK);
    CHECK_EQ(kit_done(kit, seq + 1), STATUS_OK);
}

static void check_newest(const struct store_claim *claim, enum store_kind kind, const char *lang,
                         uint32_t segment)
{
    int found = 0;
    for (size_t i = 0; i < claim->newest_len; i++)
        if (claim->newest[i].kind == kind && strcmp(claim->newest[i].lang, lang) == 0) {
            CHECK_EQ(claim->newest[i].segment, segment);
            found++;
        }
    CHECK_EQ(found, 1);
}

static void test_a_claim_tells_all(void)
{
    struct kit kit;
    kit_enter();
    kit_open(&kit, kit_path);
    CHECK_EQ(kit_begin(&kit, A), STATUS_OK);
    uint64_t seq = 0;
    for (uint32_t segment = 1; segment <= STORE_CLAIM_TRANSCRIPTS + 3; segment++) {
        put_kind(&kit, ++seq, STORE_TRANSCRIPT, segment, "");
        if (segment < 30)
            put_kind(&kit, ++seq, STORE_TRANSLATION, segment, "es");
    }
    put_kind(&kit, ++seq, STORE_TRANSLATION, 12, "fr");
    put_kind(&kit, ++seq, STORE_GRAMMAR, 20, "");
    struct store_ref ref = kit_ref(A, 1, 200);
    CHECK_EQ(store_settings(kit.store, &ref, "{\"targets\":[\"fr\"]}"), STATUS_OK);
    CHECK_EQ(kit_done(&kit, 200), STATUS_OK);

    struct store_claim *claim = kit_claim(&kit, A, 1, 2);
    CHECK_EQ(claim->status, STATUS_OK);
    CHECK_EQ(claim->msg.session, 9);
    CHECK_STR(claim->session, A);
    CHECK_STR(claim->end_reason, "");
    CHECK_STR(claim->class_name, "7b");
    CHECK_STR(claim->name, "Ana");
    CHECK_STR(claim->subject, "ana@school");
    CHECK_STR(claim->source, "en-US");
    CHECK_STR(claim->settings, "{\"targets\":[\"fr\"]}");
    CHECK_STR(claim->usage, "{\"audio_ms\":5}");
    CHECK_EQ(claim->rate, 16000);
    CHECK_EQ(claim->started_wall_us, 1000000);
    CHECK_EQ(claim->seq, seq);
    CHECK_EQ(claim->mistakes, seq * 3);
    /* Of the newest transcript, not of what came after it. */
    CHECK_EQ(claim->settled_samples, (seq - 2) * 1600);
    CHECK(claim->settled_exact);
    CHECK_EQ(claim->newest_len, 4);
    check_newest(claim, STORE_TRANSCRIPT, "", STORE_CLAIM_TRANSCRIPTS + 3);
    check_newest(claim, STORE_TRANSLATION, "es", 29);
    check_newest(claim, STORE_TRANSLATION, "fr", 12);
    check_newest(claim, STORE_GRAMMAR, "", 20);
    CHECK_EQ(claim->transcripts_len, STORE_CLAIM_TRANSCRIPTS);
    for (size_t i = 0; i < claim->transcripts_len; i++)
        CHECK_EQ(claim->transcripts[i].segment, i + 4);
    kit_free(claim);
    kit_close(&kit);
    kit_leave();
}

static void test_replay_in_pages(void)
{
    struct kit kit;
    static char body[100001];
    memset(body, 'x', sizeof body - 1);
    kit_enter();
    kit_open(&kit, kit_path);
    CHECK_EQ(kit_begin(&kit, A), STATUS_OK);
    for (uint64_t seq = 1; seq <= 7; seq++)
        CHECK_EQ(kit_put(&kit, A, 1, seq, body), STATUS_OK);
    uint64_t after = 0;
    for (bool more = true; more;) {
        struct store_replay *replay = kit_read(&kit, A, 1, after);
        more = replay->more;
        CHECK_EQ(replay->rows_len, after < 6 ? 2 : 1);
        for (size_t i = 0; i < replay->rows_len; i++) {
            CHECK_EQ(replay->rows[i].seq, ++after);
            CHECK_EQ(replay->rows[i].body_len, sizeof body - 1);
        }
        kit_free(replay);
    }
    CHECK_EQ(after, 7);
    kit_close(&kit);
    kit_leave();
}

static void test_in_memory(void)
{
    struct kit kit;
    struct store_ref ref = kit_ref(A, 2, 500);
    kit_open(&kit, "");
    CHECK(!store_durable(kit.store));
    CHECK_EQ(kit_begin(&kit, A), STATUS_OK);
    for (uint64_t seq = 1; seq <= STORE_MEMORY_MESSAGES + 6; seq++)
        CHECK_EQ(kit_put(&kit, A, 1, seq, "kept for a while"), STATUS_OK);
    struct store_replay *replay = kit_read(&kit, A, 1, 2);
    CHECK_EQ(replay->rows_len, STORE_MEMORY_MESSAGES);
    CHECK_EQ(replay->rows[0].seq, 7);
    CHECK_EQ(replay->lost_to, 6);
    kit_free(replay);
    CHECK_EQ(kit_claim_status(&kit, A, 1, 2), STATUS_OK);
    struct store_query query = {.question = STORE_MESSAGES, .session = A, .limit = 500};
    CHECK_EQ(store_query(kit.store, 4, &query), STATUS_OK);
    struct store_page *page = kit_answer(&kit, FRONT_STORE_PAGE);
    CHECK_EQ(page->rows_len, STORE_MEMORY_MESSAGES);
    kit_free(page);
    CHECK_EQ(store_end(kit.store, &ref, "ended", NULL, 5), STATUS_OK);
    CHECK_EQ(kit_done(&kit, 500), STATUS_OK);
    CHECK_EQ(store_query(kit.store, 4, &query), STATUS_OK);
    page = kit_answer(&kit, FRONT_STORE_PAGE);
    CHECK_EQ(page->status, STATUS_NOT_FOUND);
    kit_free(page);
    kit_close(&kit);
}

static struct store_page *ask(struct kit *kit, const struct store_query *query)
{
    CHECK_EQ(store_query(kit->store, 4, query), STATUS_OK);
    return kit_answer(kit, FRONT_STORE_PAGE);
}

static void check_list(struct kit *kit, struct store_query query, const char *wanted, bool more)
{
    char got[16] = "";
    query.question = STORE_SESSIONS;
    struct store_page *page = ask(kit, &query);
    CHECK_EQ(page->status, STATUS_OK);
    CHECK_EQ(page->more, more);
    for (size_t i = 0; i < page->about_len; i++)
        got[i] = page->about[i].session[0];
    CHECK_STR(got, wanted);
    kit_free(page);
}

static void test_questions(void)
{
    struct kit kit;
    kit_enter();
    kit_open(&kit, kit_path);
    static const char *const names[] = {A, B, "cc", "dd", "ee"};
    for (int i = 0; i < 5; i++)
        CHECK_EQ(kit_begin_at(&kit, names[i], i % 2 ? "8a" : "7b", i), STATUS_OK);
    for (uint64_t seq = 1; seq <= 3; seq++)
        CHECK_EQ(kit_put(&kit, A, 1, seq, "said"), STATUS_OK);
    struct store_ref ref = kit_ref(A, 1, 50);
    CHECK_EQ(store_end(kit.store, &ref, "idle", "{\"audio_ms\":9}", 99), STATUS_OK);
    CHECK_EQ(kit_done(&kit, 50), STATUS_OK);

    check_list(&kit, (struct store_query){.limit = 10}, "edcba", false);
    check_list(&kit, (struct store_query){.limit = 2}, "ed", true);
    check_list(&kit, (struct store_query){.limit = 3, .before = "dd"}, "cba", false);
    check_list(&kit, (struct store_query){.limit = 10, .class_name = "8a"}, "db", false);
    check_list(&kit, (struct store_query){.limit = 1, .class_name = "7b", .before = "ee"}, "c",
               true);
    check_list(&kit, (struct store_query){.limit = 9, .class_name = "none"}, "", false);
    check_list(&kit, (struct store_query){.limit = 2, .subject = "ana@school"}, "ed", true);
    check_list(&kit, (struct store_query){.limit = 9, .subject = "ana@school", .class_name = "8a"},
               "db", false);
    check_list(&kit, (struct store_query){.limit = 9, .subject = "eve"}, "", false);

    struct store_query about = {.question = STORE_ABOUT, .session = A};
    struct store_page *page = ask(&kit, &about);
    CHECK_EQ(page->status, STATUS_OK);
    CHECK_EQ(page->about_len, 1);
    CHECK_EQ(page->about->seq, 3);
    CHECK_EQ(page->about->segments, 3);
    CHECK_EQ(page->about->ended_wall_us, 99);
    CHECK_STR(page->about->end_reason, "idle");
    CHECK_STR(page->about->usage, "{\"audio_ms\":9}");
    kit_free(page);
    about.session = "nobody";
    page = ask(&kit, &about);
    CHECK_EQ(page->status, STATUS_NOT_FOUND);
    kit_free(page);

    struct store_query messages = {
        .question = STORE_MESSAGES, .session = A, .after_seq = 1, .limit = 1};
    page = ask(&kit, &messages);
    CHECK_EQ(page->rows_len, 1);
    CHECK_EQ(page->rows[0].seq, 2);
    CHECK(page->more);
    kit_free(page);
    messages.after_seq = 2;
    page = ask(&kit, &messages);
    CHECK_EQ(page->rows_len, 1);
    CHECK(!page->more);
    CHECK_EQ(page->about_len, 1);
    kit_free(page);
    kit_close(&kit);
    kit_leave();
}

/* Rows as seq and segment: "4:2 ". */
static void check_segments(struct kit *kit, uint32_t before, uint32_t limit, const char *wanted,
                           bool more)
{
    char got[128] = "";
    size_t len = 0;
    struct store_query query = {
        .question = STORE_SEGMENTS, .session = A, .before_segment = before, .limit = limit};
    struct store_page *page = ask(kit, &query);
    CHECK_EQ(page->status, STATUS_OK);
    CHECK_EQ(page->about_len, 1);
    CHECK_STR(page->about->class_name, "7b");
    CHECK_EQ(page->more, more);
    for (size_t i = 0; i < page->rows_len && len < sizeof got; i++)
        len += (size_t)snprintf(got + len, sizeof got - len, "%u:%u ", (unsigned)page->rows[i].seq,
                                page->rows[i].segment);
    CHECK_STR(got, wanted);
    kit_free(page);
}

/* Segments come whole, however late their translations and notes came. */
static void test_segments(void)
{
    static const struct {
        enum store_kind kind;
        uint32_t segment;
        const char *lang;
    } said[] = {{STORE_TRANSCRIPT, 1, ""},    {STORE_TRANSCRIPT, 2, ""},
                {STORE_TRANSLATION, 1, "es"}, {STORE_TRANSLATION, 2, "es"},
                {STORE_GRAMMAR, 1, ""},       {STORE_TRANSCRIPT, 3, ""},
                {STORE_NOTE, 1, ""},          {STORE_TRANSCRIPT, 4, ""}};
    struct kit kit;
    kit_enter();
    kit_open(&kit, kit_path);
    CHECK_EQ(kit_begin(&kit, A), STATUS_OK);
    check_segments(&kit, 0, 5, "", false);
    for (uint64_t i = 0; i < sizeof said / sizeof said[0]; i++)
        put_kind(&kit, i + 1, said[i].kind, said[i].segment, said[i].lang);
    check_segments(&kit, 0, 2, "8:4 6:3 ", true);
    check_segments(&kit, 3, 1, "2:2 4:2 ", true);
    check_segments(&kit, 2, 10, "1:1 3:1 5:1 7:1 ", false);
    check_segments(&kit, 0, 100, "8:4 6:3 2:2 4:2 1:1 3:1 5:1 7:1 ", false);
    check_segments(&kit, 1, 10, "", false);
    struct store_query nobody = {.question = STORE_SEGMENTS, .session = B, .limit = 1};
    struct store_page *page = ask(&kit, &nobody);
    CHECK_EQ(page->status, STATUS_NOT_FOUND);
    kit_free(page);
    kit_close(&kit);
    kit_leave();
}

/* What is too much for one answer is cut between two segments. */
static void test_segments_too_long(void)
{
    static char body[STORE_REPLAY_BYTES / 5];
    struct kit kit;
    kit_enter();
    kit_open(&kit, kit_path);
    CHECK_EQ(kit_begin(&kit, A), STATUS_OK);
    memset(body, 'x', sizeof body - 1);
    for (uint64_t seq = 1; seq <= 8; seq++) {
        struct store_message message = kit_final(seq, body);
        message.segment = (uint32_t)(seq + 1) / 2;
        message.kind = seq % 2 ? STORE_TRANSCRIPT : STORE_GRAMMAR;
        struct store_ref ref = kit_ref(A, 1, seq + 1);
        CHECK_EQ(store_put(kit.store, &ref, &message), STATUS_OK);
        CHECK_EQ(kit_done(&kit, seq + 1), STATUS_OK);
    }
    check_segments(&kit, 0, 10, "7:4 8:4 5:3 6:3 ", true);
    check_segments(&kit, 4, 10, "5:3 6:3 3:2 4:2 ", true);
    check_segments(&kit, 2, 10, "1:1 2:1 ", false);
    kit_close(&kit);
    kit_leave();
}

int main(void)
{
    RUN(test_what_is_put_is_read);
    RUN(test_a_group_is_one_commit);
    RUN(test_a_read_has_its_place);
    RUN(test_the_old_owner_is_fenced);
    RUN(test_tokens_that_claim);
    RUN(test_an_end_that_was_missed);
    RUN(test_a_claim_tells_all);
    RUN(test_replay_in_pages);
    RUN(test_in_memory);
    RUN(test_questions);
    RUN(test_segments);
    RUN(test_segments_too_long);
    return check_done();
}
