/*
 * The capacity answer: what each resource allows, which gives way first, and when to add more.
 * Costs of a session times sessions against limits; all of it linear, so a point measured near the
 * load in question gives the best answer.
 *
 * Threads: any, one at a time; capacity_compute() and capacity_burst() are pure, capacity_main()
 * reads files and a server's /metrics. Memory: no ownership passes.
 */
#pragma once

#include <stdbool.h>

/* What one session costs: X(NAME, "key", default, "unit", "help"); flags are --cost-KEY. The
 * defaults were measured by `make bench` at 1,000 sessions that all speak. */
#define CAPACITY_COST_MAP(X)                                                                       \
    X(CPU, "cpu", 0.82, "ms/s", "the server's CPU time a second")                                  \
    X(LOOP, "loop", 0.53, "ms/s", "time of the busiest loop a second")                             \
    X(RSS, "rss", 265, "KB", "resident memory, the idle server's not counted")                     \
    X(AUDIO, "audio", 48000, "B/s", "audio received, and sent on to the speech API")               \
    X(EVENTS, "events", 1500, "B/s", "messages sent to the client")                                \
    X(REQUESTS, "requests", 66, "1/min", "requests to the chat API")                               \
    X(TOKENS, "tokens", 13600, "1/min", "tokens of them, questions and answers")                   \
    X(FINALS, "finals", 20, "1/min", "of the requests, those for finals")                          \
    X(STREAMS, "streams", 1, "", "streams of the speech API")                                      \
    X(DESCRIPTORS, "descriptors", 1, "", "sockets")

/* What there is: X(NAME, "flag", default, "help"). 0 as a default: this machine's. */
#define CAPACITY_LIMIT_MAP(X)                                                                      \
    X(REQUESTS, "requests-minute", 4500, "the chat API's limit")                                   \
    X(TOKENS, "tokens-minute", 1800000, "the chat API's limit")                                    \
    X(CORES, "cores", 0, "cores for the server; this machine's by default")                        \
    X(FRONTS, "fronts", 1, "front threads of the server")                                          \
    X(MEMORY, "memory-mb", 0, "memory for the server; half of this machine's by default")          \
    X(BANDWIDTH, "bandwidth-mbit", 1000, "of the network, each way")                               \
    X(DESCRIPTORS, "descriptors", 0, "open files the server may have; the hard limit by default")  \
    X(STREAMS, "speech-streams", 300, "streams at once the speech API allows")                     \
    X(CHAT_STREAMS, "chat-streams", 1600, "chat connections x streams of the server")              \
    X(HEADROOM, "headroom", 0.7, "share of a limit to live with")                                  \
    X(IDLE, "idle-mb", 34, "memory of the server without sessions")                                \
    X(ANSWER, "answer-ms", 1000, "the chat API takes for an answer")                               \
    X(END, "end-s", 10, "a lesson's sessions all end within")                                      \
    X(DEADLINE, "final-deadline-ms", 10000, "the server's, for a final")

enum capacity_cost {
#define X(name, key, value, unit, help) CAPACITY_COST_##name,
    CAPACITY_COST_MAP(X)
#undef X
        CAPACITY_COSTS
};

enum capacity_limit {
#define X(name, flag, value, help) CAPACITY_LIMIT_##name,
    CAPACITY_LIMIT_MAP(X)
#undef X
        CAPACITY_LIMITS
};

/* What can run out: X(NAME, "name", "unit", "lift", "metric"): how to have more of it, and what in
 * /metrics tells, in the unit of the limit. */
#define CAPACITY_RESOURCE_MAP(X)                                                                   \
    X(REQUESTS, "chat requests", "1/min", "a higher quota; a longer partial_gap_ms",               \
      "60 * rate(sotto_pool_sent_total[1m])")                                                      \
    X(TOKENS, "chat tokens", "1/min", "a higher quota; a longer partial_gap_ms",                   \
      "60 * rate(sotto_pool_tokens_in_total[1m]) + 60 * rate(sotto_pool_tokens_out_total[1m])")    \
    X(CPU, "CPU", "ms/s", "more cores", "1000 * rate(sotto_cpu_seconds_total[1m])")                \
    X(LOOP, "busiest loop", "ms/s", "more fronts, on cores of their own",                          \
      "1000 * max(rate(sotto_loop_busy_seconds_total[1m]))")                                       \
    X(MEMORY, "memory", "MB", "more memory; a shorter ring_ms", "sotto_rss_bytes / 1e6")           \
    X(BANDWIDTH, "bandwidth", "Mbit/s", "a faster network; audio at 16 kHz",                       \
      "8e-6 * (rate(sotto_audio_bytes_total[1m]) + rate(sotto_event_bytes_total[1m]))")            \
    X(DESCRIPTORS, "descriptors", "", "LimitNOFILE", "sotto_connections")                          \
    X(STREAMS, "speech streams", "", "a higher quota, or another region beside",                   \
      "sotto_stt_calls")                                                                           \
    X(CHAT_STREAMS, "chat streams", "", "more chat connections", "sotto_pool_in_flight")

enum capacity_resource {
#define X(name, text, unit, lift, metric) CAPACITY_##name,
    CAPACITY_RESOURCE_MAP(X)
#undef X
        CAPACITY_RESOURCES
};

struct capacity_input {
    double cost[CAPACITY_COSTS];
    double limit[CAPACITY_LIMITS];
};

struct capacity_row {
    enum capacity_resource resource;
    double limit;    /* what the server can use of it: budgets keep a tenth as a margin */
    double fixed;    /* taken without any session */
    double cost;     /* a session */
    double sessions; /* that fit; INFINITY when a session costs nothing of it */
    double safe;     /* with headroom */
    double tripwire; /* the metric's value at which to add */
};

struct capacity_answer {
    struct capacity_row rows[CAPACITY_RESOURCES]; /* what gives way first stands first */
    double
        finals_only; /* sessions for whose finals the chat budgets are enough, without partials */
};

void capacity_compute(const struct capacity_input *input, struct capacity_answer *out);

/* All sessions of a lesson end together, and each is owed its last finals at once. */
struct capacity_end {
    double requests;           /* owed */
    double drain_s;            /* until the last of them is answered, from the first end */
    double late_s;             /* the longest that one waits for budget or a stream */
    double sessions;           /* that may end together with every final in time */
    enum capacity_resource by; /* what holds them up */
};

void capacity_burst(const struct capacity_input *input, double sessions, struct capacity_end *out);

const char *capacity_resource_name(enum capacity_resource resource);

/* `sotto-bench capacity …`: parses arguments, prints, returns the exit status. */
int capacity_main(int argc, char **argv);
