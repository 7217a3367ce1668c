/*
 * Hosts that nobody is attached to, and hosts on their way from one front to another: whatever is
 * broken, fenced or without memory meanwhile, none stays for good and no message is lost. Two
 * fronts without sockets or threads; the test carries what is in their mailboxes.
 */
#include "server/resume.h"

#include "base/json.h"
#include "base/worker.h"
#include "server/auth.h"
#include "server/config.h"
#include "server/conn.h"
#include "server/conn_job.h"
#include "server/directory.h"
#include "server/durable.h"
#include "server/front.h"
#include "server/host.h"
#include "server/message.h"
#include "server/out.h"
#include "server/registry.h"
#include "server/server.h"
#include "tests/oom.h"
#include "tests/sim/loop_sim.h"
#include "tests/unit/session_kit.h"

#define SESSIONS 4
#define MAILBOX  4
#define MANY     100000 /* allocations: all of them */

static struct rig {
    struct config config;
    struct server server;
    struct front fronts[2];
    struct host *host; /* on front 0 */
    struct conn conn;  /* on front 1, whose client asks for it */
} rig;

static void front_begin(struct front *front, unsigned index)
{
    *front = (struct front){.server = &rig.server, .index = index};
    CHECK_EQ(loop_sim_create(&front->loop, 1 + index), STATUS_OK);
    outbox_init(&front->outbox, front->loop, rig.server.workers);
    front->inbox.mailbox = mailbox_create(MAILBOX, NULL, NULL);
    front->kept_tail = &front->kept;
    front->slots_len = directory_slots(rig.server.directory);
    front->conns = mem_calloc(front->slots_len, sizeof(struct conn *));
    front->hosts = mem_calloc(front->slots_len, sizeof(struct host *));
    rig.server.fronts[index] = front;
}

static void front_end(struct front *front)
{
    resume_forget(front);
    loop_timer_stop(&front->again_timer);
    outbox_deinit(&front->outbox);
    mailbox_destroy(front->inbox.mailbox);
    loop_destroy(front->loop);
    mem_free(front->conns);
    mem_free(front->hosts);
}

/* A session on front 0, held. */
static void begin(void)
{
    struct kit kit;
    kit_init(&kit);
    memset(&rig, 0, sizeof rig);
    rig.config.resume_ms = 120000;
    rig.server.config = &rig.config;
    rig.server.session_config = kit.config;
    rig.server.peers = peers_create(&(struct peers_config){0}, SESSIONS);
    rig.server.directory = directory_create(SESSIONS, SESSIONS);
    rig.server.registry = registry_create(SESSIONS);
    rig.server.workers = worker_pool_create(0, 1);
    rig.server.fronts_len = 2;
    front_begin(&rig.fronts[0], 0);
    front_begin(&rig.fronts[1], 1);
    struct client_message message = {.kind = CLIENT_START, .settings = kit.settings};
    struct host_start start = {.subject = "", .message = &message};
    CHECK_EQ(host_create(&rig.host, &rig.fronts[0], &start), STATUS_OK);
    resume_token_hash("token", rig.host->token);
}

static uint32_t sessions(void)
{
    return directory_count(rig.server.directory, DIRECTORY_SESSION);
}

static void end(void)
{
    for (int i = 0; i < 2; i++)
        for (uint32_t slot = 0; slot < rig.fronts[i].slots_len; slot++)
            if (rig.fronts[i].hosts[slot] != NULL)
                host_destroy(rig.fronts[i].hosts[slot]);
    front_end(&rig.fronts[0]);
    front_end(&rig.fronts[1]);
    worker_pool_destroy(rig.server.workers);
    registry_destroy(rig.server.registry);
    directory_destroy(rig.server.directory);
    peers_destroy(rig.server.peers);
}

/* One message of the mailbox. */
static void step(struct front *front)
{
    struct msg *msg = mailbox_recv(front->inbox.mailbox);
    CHECK(msg != NULL);
    if (msg != NULL)
        front_receive(front, msg);
}

static void msg_free(struct msg *msg)
{
    mem_free(msg);
}

/* The store's word that another process has the session. */
static struct msg *fencing(void)
{
    struct store_done *done = mem_calloc(1, sizeof *done);
    done->msg = (struct msg){.kind = FRONT_STORED, .session = rig.host->id, .free_fn = msg_free};
    done->status = STATUS_FENCED;
    return &done->msg;
}

/* An event of the host that could not be written. */
static void lose_an_event(void)
{
    struct conn_body *body = mem_calloc(1, sizeof *body);
    body->status = STATUS_NOMEM;
    rig.host->encoding++;
    host_on_body(rig.host, body);
}

static void conn_begin(void)
{
    rig.conn = (struct conn){.front = &rig.fronts[1]};
    CHECK_EQ(directory_add(rig.server.directory, DIRECTORY_CONNECTION, 1, &rig.conn.id), STATUS_OK);
    front_bind(&rig.fronts[1], rig.conn.id, &rig.conn);
}

static void conn_end(void)
{
    loop_timer_stop(&rig.conn.timer);
    resume_drop(&rig.conn);
    front_unbind(&rig.fronts[1], rig.conn.id);
    directory_remove(rig.server.directory, rig.conn.id);
}

/* The client of front 1 asks; front 0 has heard of it, and what comes from now on waits at front
 * 1. The client has gone again. */
static void begin_move(void)
{
    struct client_resume resume = {.token = "token"};
    struct token_claims claims = {.subject = ""};
    memcpy(resume.session, rig.host->name, sizeof resume.session);
    conn_begin();
    resume_begin(&rig.conn, &resume, &claims);
    step(&rig.fronts[0]);
    CHECK(rig.host->move != NULL);
    conn_end();
}

static void test_a_held_one_that_is_broken_goes(void)
{
    begin();
    lose_an_event();
    CHECK_EQ(sessions(), 1); /* not from within what broke it */
    loop_sim_settle(rig.fronts[0].loop);
    CHECK_EQ(sessions(), 0);
    end();
}

static void test_one_that_moves_arrives(void)
{
    begin();
    begin_move();
    step(&rig.fronts[0]);
    step(&rig.fronts[1]);
    CHECK_EQ(sessions(), 1);
    CHECK(host_find(&rig.fronts[1], rig.host->id) == rig.host && rig.host->move == NULL);
    CHECK(host_find(&rig.fronts[0], rig.host->id) == NULL);
    end();
}

static void test_one_that_is_broken_while_it_moves_goes(void)
{
    begin();
    begin_move();
    lose_an_event();
    loop_sim_settle(rig.fronts[0].loop);
    CHECK_EQ(sessions(), 1); /* it is on its way */
    step(&rig.fronts[0]);
    step(&rig.fronts[1]);
    CHECK_EQ(sessions(), 0);
    end();
}

static void test_one_that_is_fenced_while_it_moves_goes(void)
{
    begin();
    begin_move();
    front_receive(&rig.fronts[0], fencing()); /* was sent before */
    CHECK_EQ(sessions(), 1);
    step(&rig.fronts[0]);
    step(&rig.fronts[1]);
    CHECK_EQ(sessions(), 0);
    end();
}

/* What comes ahead of the host waits for it, whatever memory there is. */
static void test_nothing_is_lost_on_the_way(void)
{
    begin();
    begin_move();
    CHECK_EQ(server_offer(&rig.server, fencing()), STATUS_OK);
    mem_fail_from(1, MANY);
    step(&rig.fronts[1]);
    mem_fail_nth(0);
    CHECK_EQ(sessions(), 1);
    step(&rig.fronts[0]);
    step(&rig.fronts[1]);
    CHECK_EQ(sessions(), 0);
    end();
}

/* The other front's mailbox is full: it is tried again. */
static void test_a_move_waits_for_room(void)
{
    begin();
    begin_move();
    for (int i = 0; i < MAILBOX; i++) {
        struct msg *probe = mem_calloc(1, sizeof *probe);
        *probe = (struct msg){.kind = FRONT_PROBE, .free_fn = msg_free};
        CHECK_EQ(front_send(&rig.fronts[1], probe), STATUS_OK);
    }
    mem_fail_from(1, MANY);
    step(&rig.fronts[0]);
    mem_fail_nth(0);
    CHECK(host_find(&rig.fronts[0], rig.host->id) == rig.host);
    for (int i = 0; i < MAILBOX; i++)
        step(&rig.fronts[1]);
    loop_sim_run_until(rig.fronts[0].loop, loop_now_us(rig.fronts[0].loop) + 10000);
    step(&rig.fronts[1]);
    CHECK(host_find(&rig.fronts[1], rig.host->id) == rig.host);
    CHECK_EQ(sessions(), 1);
    end();
}

static void static_free(struct msg *msg)
{
    (void)msg;
}

/* A session of the store that is read without memory is there another time. */
static void test_a_claim_without_memory_is_put_off(void)
{
    static const char hello[] = "\"type\":\"transcript\",\"segment\":7,\"rev\":3,\"final\":true,"
                                "\"committed\":\"Hello.\",\"start_ms\":100,\"end_ms\":900,"
                                "\"language\":\"en-US\"}";
    struct store_row rows[] = {
        {.seq = 9,
         .kind = STORE_TRANSCRIPT,
         .segment = 7,
         .body = hello,
         .body_len = sizeof hello - 1},
        {.seq = 10,
         .kind = STORE_TRANSCRIPT,
         .segment = 8,
         .body = hello,
         .body_len = sizeof hello - 1},
    };
    begin();
    conn_begin();
    struct store_claim claim = {
        .msg = {.kind = FRONT_CLAIMED, .session = rig.conn.id, .free_fn = static_free},
        .subject = "",
        .settings = "{\"type\":\"session.start\",\"source\":\"en-US\",\"targets\":[\"es\"],"
                    "\"rate\":16000}",
        .usage = "{\"audio_ms\":900,\"tokens_in\":11}",
        .end_reason = "",
        .transcripts = rows,
        .transcripts_len = 2};
    json_t *json; /* jansson's memory is ours from now on */
    CHECK_EQ(json_read("{}", 2, 0, &json), STATUS_OK);
    json_decref(json);
    for (struct oom oom = {.len = 1}; oom_next(&oom);) {
        durable_on_answer(&rig.server, &claim.msg);
        bool failed = oom_end(&oom);
        struct resume_claimed *claimed =
            (struct resume_claimed *)mailbox_recv(rig.fronts[1].inbox.mailbox);
        CHECK(claimed != NULL || failed);
        if (claimed == NULL)
            continue; /* its client gives up waiting and comes back */
        CHECK_EQ(claimed->status, failed ? STATUS_NOMEM : STATUS_OK);
        if (claimed->status == STATUS_OK) {
            CHECK_EQ(claimed->restore.finals_len, 2);
            CHECK_STR(claimed->restore.finals[1].text, "Hello.");
            CHECK_EQ(claimed->restore.usage.tokens_in, 11);
        }
        claimed->msg.free_fn(&claimed->msg);
    }
    rows[1].body = "nonsense}";
    rows[1].body_len = strlen(rows[1].body);
    durable_on_answer(&rig.server, &claim.msg);
    struct resume_claimed *claimed =
        (struct resume_claimed *)mailbox_recv(rig.fronts[1].inbox.mailbox);
    CHECK_EQ(claimed->status, STATUS_INVALID);
    claimed->msg.free_fn(&claimed->msg);
    conn_end();
    end();
}

int main(void)
{
    RUN(test_a_held_one_that_is_broken_goes);
    RUN(test_one_that_moves_arrives);
    RUN(test_one_that_is_broken_while_it_moves_goes);
    RUN(test_one_that_is_fenced_while_it_moves_goes);
    RUN(test_nothing_is_lost_on_the_way);
    RUN(test_a_move_waits_for_room);
    RUN(test_a_claim_without_memory_is_put_off);
    return check_done();
}
