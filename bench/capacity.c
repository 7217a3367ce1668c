#include "bench/capacity.h"

#include <assert.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>

/* As in pool/bucket.h: of a limit a minute nine tenths flow evenly, a tenth is there at once. */
#define BUDGET_RATE_SHARE  0.9
#define BUDGET_BURST_SHARE 0.1
/* A chat request beside its text, and the text of a token: bytes on the wire. */
#define REQUEST_BYTES 600.0
#define TOKEN_BYTES   4.0
/* Listening sockets, rings, upstream connections and files of a server without sessions. */
#define DESCRIPTORS_FIXED 200.0

const char *capacity_resource_name(enum capacity_resource resource)
{
    static const char *const names[] = {
#define X(name, text, unit, lift, metric) text,
        CAPACITY_RESOURCE_MAP(X)
#undef X
    };
    return names[resource];
}

/* The way out carries the audio on to the speech API, the client's messages and chat requests; the
 * way in carries less. */
static double session_mbit(const double *cost)
{
    double chat =
        (cost[CAPACITY_COST_REQUESTS] * REQUEST_BYTES + cost[CAPACITY_COST_TOKENS] * TOKEN_BYTES) /
        60;
    return (cost[CAPACITY_COST_AUDIO] + cost[CAPACITY_COST_EVENTS] + chat) * 8 / 1e6;
}

/* Requests under way at any moment. */
static double session_chat_streams(const struct capacity_input *input)
{
    return input->cost[CAPACITY_COST_REQUESTS] / 60 * input->limit[CAPACITY_LIMIT_ANSWER] / 1000;
}

static void fill_rows(const struct capacity_input *input, struct capacity_row *rows)
{
    const double *cost = input->cost, *limit = input->limit;
    const struct capacity_row made[CAPACITY_RESOURCES] = {
        [CAPACITY_REQUESTS] = {.limit = limit[CAPACITY_LIMIT_REQUESTS] * BUDGET_RATE_SHARE,
                               .cost = cost[CAPACITY_COST_REQUESTS]},
        [CAPACITY_TOKENS] = {.limit = limit[CAPACITY_LIMIT_TOKENS] * BUDGET_RATE_SHARE,
                             .cost = cost[CAPACITY_COST_TOKENS]},
        [CAPACITY_CPU] = {.limit = limit[CAPACITY_LIMIT_CORES] * 1000,
                          .cost = cost[CAPACITY_COST_CPU]},
        [CAPACITY_LOOP] = {.limit = limit[CAPACITY_LIMIT_FRONTS] * 1000,
                           .cost = cost[CAPACITY_COST_LOOP]},
        [CAPACITY_MEMORY] = {.limit = limit[CAPACITY_LIMIT_MEMORY],
                             .fixed = limit[CAPACITY_LIMIT_IDLE],
                             .cost = cost[CAPACITY_COST_RSS] / 1000},
        [CAPACITY_BANDWIDTH] = {.limit = limit[CAPACITY_LIMIT_BANDWIDTH],
                                .cost = session_mbit(cost)},
        [CAPACITY_DESCRIPTORS] = {.limit = limit[CAPACITY_LIMIT_DESCRIPTORS],
                                  .fixed = DESCRIPTORS_FIXED,
                                  .cost = cost[CAPACITY_COST_DESCRIPTORS]},
        [CAPACITY_STREAMS] = {.limit = limit[CAPACITY_LIMIT_STREAMS],
                              .cost = cost[CAPACITY_COST_STREAMS]},
        [CAPACITY_CHAT_STREAMS] = {.limit = limit[CAPACITY_LIMIT_CHAT_STREAMS],
                                   .cost = session_chat_streams(input)},
    };
    for (int i = 0; i < CAPACITY_RESOURCES; i++) {
        rows[i] = made[i];
        rows[i].resource = (enum capacity_resource)i;
    }
}

/* Sessions that fit beside the fixed part into `share` of the limit. */
static double fitting(const struct capacity_row *row, double share)
{
    double room = row->limit * share - row->fixed;
    if (row->cost <= 0)
        return INFINITY;
    return room > 0 ? floor(room / row->cost + 1e-9) : 0;
}

static int by_sessions(const void *a, const void *b)
{
    const struct capacity_row *x = a, *y = b;
    if (x->sessions != y->sessions)
        return x->sessions < y->sessions ? -1 : 1;
    return (int)x->resource - (int)y->resource;
}

static double finals_only(const struct capacity_input *input)
{
    const double *cost = input->cost, *limit = input->limit;
    double finals = cost[CAPACITY_COST_FINALS];
    if (finals <= 0)
        return INFINITY;
    /* A final's tokens are taken to be those of any request. */
    double tokens = cost[CAPACITY_COST_REQUESTS] > 0
                        ? finals * cost[CAPACITY_COST_TOKENS] / cost[CAPACITY_COST_REQUESTS]
                        : 0;
    double by_requests = limit[CAPACITY_LIMIT_REQUESTS] * BUDGET_RATE_SHARE / finals;
    double by_tokens =
        tokens > 0 ? limit[CAPACITY_LIMIT_TOKENS] * BUDGET_RATE_SHARE / tokens : INFINITY;
    return floor(fmin(by_requests, by_tokens) + 1e-9);
}

void capacity_compute(const struct capacity_input *input, struct capacity_answer *out)
{
    double headroom = input->limit[CAPACITY_LIMIT_HEADROOM];
    assert(headroom > 0 && headroom <= 1);
    fill_rows(input, out->rows);
    for (int i = 0; i < CAPACITY_RESOURCES; i++) {
        struct capacity_row *row = &out->rows[i];
        row->sessions = fitting(row, 1);
        row->safe = fitting(row, headroom);
        row->tripwire = row->limit * headroom;
    }
    qsort(out->rows, CAPACITY_RESOURCES, sizeof out->rows[0], by_sessions);
    out->finals_only = finals_only(input);
}

/* A pipe that takes `at_once` and then `rate` a second. */
struct pipe {
    enum capacity_resource resource;
    double at_once, rate, each; /* each: of a request */
};

/* How long the last of `requests`, which come evenly over end_s, waits for this pipe. */
static double pipe_late_s(const struct pipe *pipe, double requests, double end_s)
{
    double rest = requests * pipe->each - pipe->at_once;
    if (rest <= 0 || pipe->each <= 0)
        return 0;
    return pipe->rate > 0 ? fmax(0, rest / pipe->rate - end_s) : INFINITY;
}

static double pipe_requests(const struct pipe *pipe, double seconds)
{
    return pipe->each > 0 ? (pipe->at_once + pipe->rate * fmax(0, seconds)) / pipe->each : INFINITY;
}

/* What a session is owed when it ends: the finals of one utterance, ten of which make a minute of
 * standard speech. */
static double owed(const double *cost)
{
    return cost[CAPACITY_COST_FINALS] / 10;
}

void capacity_burst(const struct capacity_input *input, double sessions, struct capacity_end *out)
{
    const double *cost = input->cost, *limit = input->limit;
    double answer_s = limit[CAPACITY_LIMIT_ANSWER] / 1000, end_s = limit[CAPACITY_LIMIT_END];
    double patience_s = limit[CAPACITY_LIMIT_DEADLINE] / 1000 - answer_s;
    double streams = limit[CAPACITY_LIMIT_CHAT_STREAMS];
    double tokens = cost[CAPACITY_COST_REQUESTS] > 0
                        ? cost[CAPACITY_COST_TOKENS] / cost[CAPACITY_COST_REQUESTS]
                        : 0;
    const struct pipe pipes[] = {
        {CAPACITY_REQUESTS, limit[CAPACITY_LIMIT_REQUESTS] * BUDGET_BURST_SHARE,
         limit[CAPACITY_LIMIT_REQUESTS] * BUDGET_RATE_SHARE / 60, 1},
        {CAPACITY_TOKENS, limit[CAPACITY_LIMIT_TOKENS] * BUDGET_BURST_SHARE,
         limit[CAPACITY_LIMIT_TOKENS] * BUDGET_RATE_SHARE / 60, tokens},
        {CAPACITY_CHAT_STREAMS, streams, answer_s > 0 ? streams / answer_s : INFINITY, 1},
    };
    double each = owed(cost);
    *out = (struct capacity_end){.requests = sessions * each, .sessions = INFINITY};
    for (size_t i = 0; i < sizeof pipes / sizeof pipes[0]; i++) {
        double late_s = pipe_late_s(&pipes[i], out->requests, end_s);
        out->late_s = fmax(out->late_s, late_s);
        double fit = each > 0 ? pipe_requests(&pipes[i], end_s + patience_s) / each : INFINITY;
        if (patience_s < 0)
            fit = 0;
        if (fit < out->sessions) {
            out->sessions = floor(fit + 1e-9);
            out->by = pipes[i].resource;
        }
    }
    out->drain_s = sessions > 0 ? end_s + out->late_s + answer_s : 0;
}
