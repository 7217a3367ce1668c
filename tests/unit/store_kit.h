/*
 * What the tests of the store share: a folder of their own, a store with an inbox for its answers,
 * and short words for what a server writes.
 */
#pragma once

#include "base/mailbox.h"
#include "base/status.h"
#include "server/server.h"
#include "server/store.h"
#include "server/store_admin.h"
#include "tests/check.h"
#include <ftw.h>
#include <semaphore.h>
#include <unistd.h>

#define KIT_WAIT_MS 20000 /* for an answer; a test that waits so long has failed */

static char kit_folder[64];
static char kit_path[128];

static int kit_remove(const char *path, const struct stat *info, int kind, struct FTW *at)
{
    return remove(path);
}

static inline void kit_leave(void)
{
    nftw(kit_folder, kit_remove, 8, FTW_DEPTH | FTW_PHYS);
}

/* A new empty folder; kit_path is a file in it. */
static inline void kit_enter(void)
{
    snprintf(kit_folder, sizeof kit_folder, "/tmp/sotto-store-XXXXXX");
    CHECK(mkdtemp(kit_folder) != NULL);
    snprintf(kit_path, sizeof kit_path, "%s/sotto.db", kit_folder);
}

struct kit {
    struct store *store;
    struct mailbox *inbox;
    bool hold; /* answers wait for `go`; set before there are any */
    sem_t held, go;
};

static void kit_post(void *ctx, struct msg *msg)
{
    struct kit *kit = ctx;
    if (kit->hold) {
        sem_post(&kit->held);
        sem_wait(&kit->go);
    }
    CHECK_EQ(mailbox_send(kit->inbox, msg), STATUS_OK);
}

static inline struct store_config kit_config(struct kit *kit, const char *path)
{
    return (struct store_config){.path = path,
                                 .sync_full = true,
                                 .group_ms = 1,
                                 .resume_ms = 60000,
                                 .post = kit_post,
                                 .ctx = kit};
}

static inline int kit_try_open(struct kit *kit, const char *path)
{
    *kit = (struct kit){.inbox = mailbox_create(65536, NULL, NULL)};
    sem_init(&kit->held, 0, 0);
    sem_init(&kit->go, 0, 0);
    struct store_config config = kit_config(kit, path);
    return store_open(&kit->store, &config);
}

static inline void kit_open(struct kit *kit, const char *path)
{
    int status = kit_try_open(kit, path);
    CHECK_EQ(status, STATUS_OK);
    if (status != STATUS_OK)
        exit(check_done());
}

static inline void kit_close(struct kit *kit)
{
    if (kit->store != NULL)
        store_close(kit->store);
    mailbox_destroy(kit->inbox);
}

/* The next answer, which must be of this kind; the caller frees it. */
static inline void *kit_answer(struct kit *kit, uint32_t kind)
{
    struct msg *msg = mailbox_wait(kit->inbox, KIT_WAIT_MS);
    if (msg == NULL || msg->kind != kind) {
        fprintf(stderr, "wanted an answer of kind %u, got %d\n", kind,
                msg != NULL ? (int)msg->kind : -1);
        check_failed++;
        exit(check_done());
    }
    return msg;
}

static inline void kit_free(void *answer)
{
    ((struct msg *)answer)->free_fn(answer);
}

static inline struct store_ref kit_ref(const char *session, uint32_t owner_epoch, uint64_t ticket)
{
    return (struct store_ref){
        .session = session, .owner_epoch = owner_epoch, .to = 7, .ticket = ticket};
}

/* Waits until `ticket` is decided, and tells how. */
static inline int kit_done(struct kit *kit, uint64_t ticket)
{
    uint64_t seen = 0;
    int status = 0;
    while (seen < ticket) {
        struct store_done *done = kit_answer(kit, FRONT_STORED);
        CHECK(done->ticket > seen);
        seen = done->ticket;
        status = done->status;
        kit_free(done);
    }
    CHECK_EQ(seen, ticket);
    return status;
}

/* A token's hash is all of one byte. */
#define KIT_SUBJECT "ana@school"

static inline const uint8_t *kit_hash(uint8_t byte)
{
    static _Thread_local uint8_t hashes[8][STORE_HASH_BYTES];
    static _Thread_local unsigned next;
    uint8_t *hash = hashes[next++ % 8];
    memset(hash, byte, STORE_HASH_BYTES);
    return hash;
}

/* Begins a session with token 1 under ticket 1. */
static inline int kit_begin_at(struct kit *kit, const char *session, const char *class_name,
                               int64_t started_us)
{
    struct store_session begin = {.class_name = class_name,
                                  .name = "Ana",
                                  .subject = KIT_SUBJECT,
                                  .source = "en-US",
                                  .rate = 16000,
                                  .settings = "{\"targets\":[\"es\"]}",
                                  .started_wall_us = started_us};
    memcpy(begin.token, kit_hash(1), STORE_HASH_BYTES);
    struct store_ref ref = kit_ref(session, 1, 1);
    CHECK_EQ(store_begin(kit->store, &ref, &begin), STATUS_OK);
    return kit_done(kit, 1);
}

static inline int kit_begin(struct kit *kit, const char *session)
{
    return kit_begin_at(kit, session, "7b", 1000000);
}

static inline struct store_message kit_final(uint64_t seq, const char *body)
{
    return (struct store_message){.seq = seq,
                                  .kind = STORE_TRANSCRIPT,
                                  .segment = (uint32_t)seq,
                                  .lang = "",
                                  .body = body,
                                  .body_len = strlen(body),
                                  .wall_us = (int64_t)seq * 10,
                                  .settled_samples = seq * 1600,
                                  .settled_exact = true};
}

/* A final transcript whose number, segment and ticket are the same but for the begin's. */
static inline int kit_put(struct kit *kit, const char *session, uint32_t owner_epoch, uint64_t seq,
                          const char *body)
{
    struct store_ref ref = kit_ref(session, owner_epoch, seq + 1);
    struct store_message message = kit_final(seq, body);
    CHECK_EQ(store_put(kit->store, &ref, &message), STATUS_OK);
    return kit_done(kit, seq + 1);
}

static inline struct store_replay *kit_read(struct kit *kit, const char *session,
                                            uint32_t owner_epoch, uint64_t after)
{
    struct store_ref ref = kit_ref(session, owner_epoch, 0);
    CHECK_EQ(store_read(kit->store, &ref, after), STATUS_OK);
    return kit_answer(kit, FRONT_REPLAY);
}

static inline struct store_claim *kit_claim_by(struct kit *kit, const char *subject,
                                               const char *session, const uint8_t tokens[2])
{
    struct store_claimant claimant = {.session = session, .subject = subject};
    memcpy(claimant.token, kit_hash(tokens[0]), sizeof claimant.token);
    memcpy(claimant.next, kit_hash(tokens[1]), sizeof claimant.next);
    CHECK_EQ(store_claim(kit->store, 9, &claimant), STATUS_OK);
    return kit_answer(kit, FRONT_CLAIMED);
}

static inline struct store_claim *kit_claim(struct kit *kit, const char *session, uint8_t token,
                                            uint8_t next)
{
    return kit_claim_by(kit, KIT_SUBJECT, session, (const uint8_t[]){token, next});
}

static inline int kit_claim_status(struct kit *kit, const char *session, uint8_t token,
                                   uint8_t next)
{
    struct store_claim *claim = kit_claim(kit, session, token, next);
    int status = claim->status;
    kit_free(claim);
    return status;
}

/* How many messages the file holds of a session; -1: no such session. */
static inline int kit_stored(const char *session)
{
    struct store_file *file;
    struct store_page *page;
    if (store_file_open(&file, kit_path, false) != STATUS_OK) {
        fprintf(stderr, "%s\n", store_admin_problem());
        return -2;
    }
    int len = 0;
    struct store_query query = {.question = STORE_MESSAGES, .session = session, .limit = 500};
    for (bool more = true; more;) {
        int status = store_file_query(file, &query, &page);
        if (status != STATUS_OK) {
            len = status == STATUS_NOT_FOUND ? -1 : -2;
            break;
        }
        len += (int)page->rows_len;
        more = page->more;
        query.after_seq = more ? page->rows[page->rows_len - 1].seq : 0;
        kit_free(page);
    }
    store_file_close(file);
    return len;
}
