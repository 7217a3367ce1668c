/*
 * The quotas of the simulated chat API: requests and tokens a minute, really counted.
 *
 * Each is a token bucket that holds one minute's worth, starts full and refills all the time, so a
 * client that was quiet may send a whole minute's worth at once. A request is charged when it is
 * accepted, with its prompt and all of the answer it allows (max_tokens), and nothing is given
 * back; a request that is refused is not charged.
 *
 * Threads: one owner. Time is passed in.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct h2_header;

struct sim_quota_bucket {
    int64_t limit;    /* a minute; 0: none */
    int64_t level_us; /* what is left × a minute's microseconds: whole numbers, so nothing drifts */
};

struct sim_quota {
    struct sim_quota_bucket requests, tokens;
    int64_t last_us;
};

/* A limit of 0: not counted. */
void sim_quota_init(struct sim_quota *quota, int64_t requests_minute, int64_t tokens_minute,
                    int64_t now_us);

enum sim_quota_verdict { SIM_QUOTA_TAKEN, SIM_QUOTA_NO_REQUESTS, SIM_QUOTA_NO_TOKENS };

/* Charges one request of so many tokens, or nothing. *wait_us when refused: until it would be
 * accepted if nothing else comes; -1: never, it is larger than a minute's worth. */
enum sim_quota_verdict sim_quota_take(struct sim_quota *quota, uint32_t tokens, int64_t now_us,
                                      int64_t *wait_us);
/* Whole requests or tokens that are left. */
int64_t sim_quota_left(const struct sim_quota_bucket *bucket);

/* The x-ratelimit-… fields of an answer, as the API writes them. */
#define SIM_QUOTA_HEADERS    6
#define SIM_QUOTA_TEXT_BYTES 24
struct sim_quota_text {
    char text[SIM_QUOTA_HEADERS][SIM_QUOTA_TEXT_BYTES];
};
/* Fills at most SIM_QUOTA_HEADERS fields, whose values point into `text`, and returns how many:
 * none about a limit that is not there. */
size_t sim_quota_headers(struct sim_quota *quota, int64_t now_us, struct sim_quota_text *text,
                         struct h2_header *out);
/* "6ms", "1.25s", "1m2s", "1h0m0s"; what is below a millisecond is rounded up. */
void sim_quota_duration(int64_t duration_us, char out[SIM_QUOTA_TEXT_BYTES]);
