/* Memory that runs out at every place in turn: a call says so and takes nothing, an answer still
 * comes. */
#include "base/mem.h"
#include "server/store_apply.h"
#include "server/store_page.h"
#include "tests/unit/store_kit.h"

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

#define PLACES_MAX 1000

/* Calls until nothing fails any more; the last call took place. */
#define UNTIL_IT_WORKS(call)                                                                       \
    do {                                                                                           \
        int status__ = STATUS_NOMEM;                                                               \
        for (unsigned n = 1; status__ == STATUS_NOMEM && n < PLACES_MAX; n++) {                    \
            mem_fail_nth(n);                                                                       \
            status__ = (call);                                                                     \
            mem_fail_nth(0);                                                                       \
        }                                                                                          \
        CHECK_EQ(status__, STATUS_OK);                                                             \
    } while (0)

static void test_opening(void)
{
    struct kit kit = {.inbox = mailbox_create(64, NULL, NULL)};
    struct store_config config = kit_config(&kit, kit_path);
    kit_enter();
    UNTIL_IT_WORKS(store_open(&kit.store, &config));
    kit_close(&kit);
    kit_leave();
}

/* A refused call is not answered, the one that is taken is, once. */
static void test_calls(void)
{
    struct kit kit;
    kit_enter();
    kit_open(&kit, kit_path);
    const struct store_session begin = {
        .class_name = "", .name = "", .subject = "", .source = "", .settings = "{}", .token = {1}};
    const struct store_message message = kit_final(1, "said");
    struct store_ref ref = kit_ref(A, 1, 1);
    UNTIL_IT_WORKS(store_begin(kit.store, &ref, &begin));
    CHECK_EQ(kit_done(&kit, 1), STATUS_OK);
    ref.ticket = 2;
    UNTIL_IT_WORKS(store_put(kit.store, &ref, &message));
    CHECK_EQ(kit_done(&kit, 2), STATUS_OK);
    UNTIL_IT_WORKS(store_read(kit.store, &ref, 0));
    struct store_replay *replay = kit_answer(&kit, FRONT_REPLAY);
    CHECK_EQ(replay->rows_len, 1);
    kit_free(replay);
    const struct store_query query = {.question = STORE_ABOUT, .session = A};
    UNTIL_IT_WORKS(store_query(kit.store, 3, &query));
    kit_free(kit_answer(&kit, FRONT_STORE_PAGE));
    const struct store_claimant claimant = {.session = A, .subject = "", .token = {1}, .next = {1}};
    UNTIL_IT_WORKS(store_claim(kit.store, 3, &claimant));
    kit_free(kit_answer(&kit, FRONT_CLAIMED));
    CHECK(mailbox_recv(kit.inbox) == NULL);
    kit_close(&kit);
    kit_leave();
}

static struct store_db *bare_open(void)
{
    struct store_db *db = NULL;
    char problem[STORE_PROBLEM_BYTES];
    CHECK_EQ(store_db_open(&db, "", STORE_DB_SERVE, problem), STATUS_OK);
    return db;
}

static void apply_write(struct store_db *db, struct store_job model)
{
    memcpy(model.session, A, sizeof A);
    model.owner_epoch = 1;
    struct store_job *job = store_job_create(&model);
    CHECK_EQ(store_apply(db, 1, job), SQLITE_OK);
    CHECK_EQ(job->status, STATUS_OK);
    store_job_free(job);
}

/* Applies a job with an answer, as often as it says that there is no memory. */
static struct store_job *apply_until_it_works(struct store_db *db, enum store_job_kind kind)
{
    struct store_job model = {.kind = kind, .session = A, .owner_epoch = 1, .to = 5};
    if (kind == STORE_JOB_CLAIM) {
        model.claim.subject = "";
        memset(model.claim.current, 1, STORE_HASH_BYTES);
    }
    struct store_job *job = NULL;
    int status = STATUS_NOMEM;
    for (unsigned n = 1; status == STATUS_NOMEM && n < PLACES_MAX; n++) {
        if (job != NULL)
            store_job_free(job);
        job = store_job_create(&model);
        mem_fail_nth(n);
        CHECK_EQ(store_apply(db, 1, job), SQLITE_OK);
        mem_fail_nth(0);
        status = job->status;
        CHECK(n > 1 || status == STATUS_NOMEM);
    }
    CHECK_EQ(status, STATUS_OK);
    return job;
}

static void test_answers(void)
{
    struct store_db *db = bare_open();
    struct store_job begin = {.kind = STORE_JOB_BEGIN,
                              .begin = {.class_name = "7b", .settings = "{}", .source = "en"}};
    memset(begin.begin.token, 1, STORE_HASH_BYTES);
    apply_write(db, begin);
    for (uint64_t seq = 1; seq <= 40; seq++)
        apply_write(db, (struct store_job){.kind = STORE_JOB_PUT, .put = kit_final(seq, "said")});
    struct store_job *job = apply_until_it_works(db, STORE_JOB_READ);
    store_apply_replay(job, 0);
    CHECK_EQ(job->answer.replay->replay.rows_len, 40);
    store_job_free(job);
    job = apply_until_it_works(db, STORE_JOB_CLAIM);
    /* The tries without memory have taken nothing. */
    CHECK_EQ(job->answer.claim->claim.owner_epoch, 2);
    CHECK_EQ(job->answer.claim->claim.transcripts_len, 32);
    store_job_free(job);

    const struct store_query query = {.question = STORE_MESSAGES, .session = A, .limit = 100};
    int status = STATUS_NOMEM;
    for (unsigned n = 1; status == STATUS_NOMEM && n < PLACES_MAX; n++) {
        struct store_page_answer *answer = store_page_create(1);
        mem_fail_nth(n);
        CHECK_EQ(store_page_fill(db, &query, answer), SQLITE_OK);
        mem_fail_nth(0);
        status = answer->page.status;
        CHECK(status != STATUS_OK || answer->page.rows_len == 40);
        kit_free(answer);
    }
    CHECK_EQ(status, STATUS_OK);
    store_db_close(db);
}

int main(void)
{
    RUN(test_opening);
    RUN(test_calls);
    RUN(test_answers);
    return check_done();
}
