/*
 * What a client of the load keeps to go on with its session on another socket (sotto.v1 §5), and
 * when it tries. Its audio is made from session number and position, so none is kept.
 *
 * Threads: one owner. Pure: time and randomness are passed in.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOAD_SESSION_BYTES 33
#define LOAD_TOKEN_BYTES   64
#define LOAD_RESUME_BYTES  256 /* the `resume` member of session.start */
#define LOAD_RETRY_MS      100 /* before the first try; doubled each time, jittered */
#define LOAD_RETRY_MAX_MS  3000
#define LOAD_HOLD_MS       120000 /* after so long the session is lost */

struct rng;

struct load_resume {
    char session[LOAD_SESSION_BYTES], token[LOAD_TOKEN_BYTES]; /* "": there is none yet */
    uint64_t position; /* sample to send from, of the newest session.started */
    int64_t lost_us;   /* since when there is no session on a socket; 0: there is one */
    uint32_t retry_ms; /* the server's wish, 0: none */
    uint16_t attempts; /* since the server last did something for the session */
    bool refused;      /* by an error that another try does not mend */
};

/* session.started. False: it cannot be read, or holds no ticket. */
bool load_resume_started(struct load_resume *resume, const char *text, size_t len);
/* A fatal error: whether another socket may be tried, and when. */
void load_resume_refused(struct load_resume *resume, const char *text, size_t len);
/* session.goaway: a random time of the notice, µs; not its end, for something may still be owed. */
int64_t load_resume_leave_us(const char *text, size_t len, struct rng *rng);
/* A socket that ended with this code (0: without) may be followed by another one. */
bool load_resume_code(unsigned close_code);
/* The socket is gone. Microseconds until the next try; negative: it is too late. */
int64_t load_resume_wait_us(struct load_resume *resume, int64_t now_us, struct rng *rng);
/* Writes the start message again with the member `resume`; returns its length. `cap`: at least
 * `start_len` + LOAD_RESUME_BYTES. */
size_t load_resume_message(const struct load_resume *resume, uint64_t seq, const char *start,
                           size_t start_len, char *out, size_t cap);
