/*
 * What the files of the simulated chat API share: sim_chat.c reads requests, refuses and reports,
 * sim_chat_task.c lets answers wait and tells them.
 *
 * Threads: the loop's. Memory: a task belongs to its sim_chat until its answer ends, either way.
 */
#pragma once

#include "base/rng.h"
#include "bench/sim.h"
#include "bench/sim_answer.h"
#include "bench/sim_config.h"
#include "bench/sim_fault.h"
#include "bench/sim_minute.h"
#include "bench/sim_quota.h"
#include "local/h2_server.h"
#include "local/limits.h"
#include "loop/loop.h"

#define SIM_CHAT_TASK_BUCKETS 4096
#define SIM_CHAT_SECOND_US    INT64_C(1000000)

/* What strikes a request; SIM_FAULTS: nothing. */
struct sim_chat_strike {
    enum sim_fault fault;
    int64_t argument;
};

/* A request that waits for its answer, or for the rest of it. */
struct sim_chat_task {
    struct loop_timer timer;
    struct sim_chat *chat;
    struct sim_chat_task *next; /* of the bucket */
    uint64_t id;
    int64_t received_us, first_us; /* first: when the first token is told */
    struct sim_answer answer;
    struct sim_chat_strike strike;
    bool started;
};

struct sim_chat {
    struct loop *loop;
    const struct sim_config *config;
    struct sim_stats *stats;
    struct h2_server *server;
    struct sim_speech *speech; /* NULL: not told */
    struct sim_latency *first_token;
    struct sim_quota quota;
    struct sim_minute minute; /* of requests */
    struct sim_fault_plan *faults;
    uint64_t struck[SIM_FAULTS]; /* by all plans so far */
    unsigned streams;            /* SETTINGS_MAX_CONCURRENT_STREAMS told */
    int64_t opened_us;
    struct rng rng;
    uint64_t number; /* of the newest id */
    bool closing;
    void (*on_closed)(void *ctx);
    void *closed_ctx;
    struct sim_chat_task *tasks[SIM_CHAT_TASK_BUCKETS];
};

/* Takes the question; the answer comes by the loop's timers, spoiled by what strikes. */
void sim_chat_task_create(struct sim_chat *chat, uint64_t id, struct local_chat_question *question,
                          const struct sim_chat_strike *strike);
/* The stream of that id has ended before its answer. False: no task was waiting. */
bool sim_chat_task_cancel(struct sim_chat *chat, uint64_t id);
/* The HTTP/2 error code of a strike of SIM_FAULT_RST. */
uint32_t sim_chat_rst_code(const struct sim_chat_strike *strike);

/* Header fields of an answer and the texts behind them. */
struct sim_chat_fields {
    struct h2_header list[H2_ANSWER_HEADERS];
    size_t len;
    struct sim_quota_text quota;
    char request_id[40], processing_ms[24], retry_after[24];
};
void sim_chat_fields_init(struct sim_chat_fields *fields, struct sim_chat *chat, const char *type,
                          int64_t received_us);
/* An error instead of an answer. */
void sim_chat_refuse(struct sim_chat *chat, uint64_t id, unsigned status, const char *code,
                     const char *text);
