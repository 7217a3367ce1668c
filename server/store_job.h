/*
 * What one of the store's threads is asked to do, with a copy of all it needs and the answer that
 * will be given: nothing can fail for want of memory between a promise and its answer.
 *
 * Threads: one owner at a time; a mailbox hands it over. Memory: store_job_free() ends both.
 */
#pragma once

#include "server/store_query.h"
#include "server/store_rows.h"

enum store_job_kind {
    STORE_JOB_BEGIN,
    STORE_JOB_SETTINGS,
    STORE_JOB_PUT,
    STORE_JOB_TOKENS,
    STORE_JOB_END, /* up to here writes, answered by a store_done when they ask for it */
    STORE_JOB_READ,
    STORE_JOB_CLAIM,
    STORE_JOB_QUERY,
    STORE_JOB_KINDS,
};

struct store_job_tokens {
    uint8_t current[STORE_HASH_BYTES], next[STORE_HASH_BYTES];
    bool has_next;
};

struct store_job_end {
    const char *reason, *usage;
    int64_t wall_us;
};

/* Answers with the memory behind them; the public part is the first member. */
struct store_replay_answer {
    struct store_replay replay;
    struct store_rows rows;
};
struct store_claim_answer {
    struct store_claim claim;
    struct store_rows rows;
};
struct store_page_answer {
    struct store_page page;
    struct store_rows rows;
};

struct store_job {
    struct msg msg;
    struct store_job *next;
    uint64_t order; /* within a backlog */
    enum store_job_kind kind;
    char session[STORE_NAME_BYTES];
    uint32_t owner_epoch;
    uint64_t to, ticket;
    int status;
    size_t bytes; /* all that the job and its texts take */
    union {
        struct msg *msg; /* NULL: none is wanted, or it was given */
        struct store_done *done;
        struct store_replay_answer *replay;
        struct store_claim_answer *claim;
        struct store_page_answer *page;
    } answer;
    union {
        struct store_session begin;
        const char *settings;
        struct store_message put;
        struct store_job_tokens tokens;
        struct store_job_end end;
        uint64_t seq; /* read: after it */
        struct {
            uint8_t current[STORE_HASH_BYTES], next[STORE_HASH_BYTES]; /* `current` as presented */
            const char *subject;
            int64_t ended_after_us; /* a session that has ended is claimable from then on */
        } claim;
        struct store_query query;
    };
    char texts[];
};

/* A copy of `model` and of the texts it points to, with an answer if `model->to` is not 0. NULL:
 * out of memory. */
struct store_job *store_job_create(const struct store_job *model);
void store_job_free(struct store_job *job);
static inline bool store_job_writes(const struct store_job *job)
{
    return job->kind <= STORE_JOB_END;
}
/* An answer to a query, for who has no job. NULL: out of memory. */
struct store_page_answer *store_page_create(uint64_t to);
