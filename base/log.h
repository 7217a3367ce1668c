/*
 * Structured log: one logfmt line an event on stderr, written by a thread of its own from a bounded
 * mailbox, so no caller ever blocks; what does not fit is counted and reported.
 *
 *   LOG_WARN(LOG_STT, id, "stream failed", "status=%d retry_ms=%d", status, ms);
 *   ts=2026-01-31T12:00:00.123Z level=warn area=stt thread=stt session=1f03 msg="stream failed"
 *      status=14 retry_ms=200                                             (on one line)
 *
 * Never a token or a transcript below debug. The `fields` format makes key=value pairs ("" for
 * none); values with spaces or quotes are the caller's to quote with LOG_Q(text). Repeats of one
 * call site past LOG_REPEAT_PER_S lines a second are counted and reported as `repeated=N` with the
 * next line.
 *
 * Threads: any after log_init(); before it (and after log_deinit()) lines are written at once.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum log_level {
    LOG_LEVEL_ERROR,
    LOG_LEVEL_WARN,
    LOG_LEVEL_INFO,
    LOG_LEVEL_DEBUG,
    LOG_LEVEL_TRACE
};
enum log_area {
    LOG_MAIN,
    LOG_LOOP,
    LOG_FRONT,
    LOG_SESSION,
    LOG_STT,
    LOG_POOL,
    LOG_TRANSLATE,
    LOG_GRAMMAR,
    LOG_HTTP,
    LOG_STORE,
    LOG_LOCAL,
    LOG_AREAS
};

/* One per call site, for the repeat limit. */
struct log_site {
    _Atomic int64_t window_us;
    _Atomic uint32_t count;
};

/* Starts the writer. `fd` stays the caller's. */
int log_init(enum log_level level, int fd);
/* Writes what is queued and stops the writer. */
void log_deinit(void);
void log_set_level(enum log_level level);
/* One area at a level of its own: log_set_area("stt", LOG_LEVEL_TRACE). STATUS_NOT_FOUND for
 * unknown names. */
int log_set_area(const char *area, enum log_level level);
/* "error" … "trace"; STATUS_INVALID otherwise. */
int log_level_parse(const char *text, enum log_level *out);
/* Reads "info" or "info,stt=debug,pool=trace". STATUS_INVALID leaves the levels as they were. */
int log_configure(const char *text);
bool log_on(enum log_area area, enum log_level level);
/* Lines dropped because the writer was behind. */
uint64_t log_dropped(void);
void log_write(struct log_site *site, enum log_area area, enum log_level level, uint64_t session,
               const char *message, const char *fields, ...) __attribute__((format(printf, 6, 7)));
/* Quotes and escapes `text` for a logfmt value; a rotating thread-local buffer, cut at
 * LOG_QUOTED_MAX bytes. */
const char *LOG_Q(const char *text);

#define LOG_AT(level, area, session, ...)                                                          \
    do {                                                                                           \
        static struct log_site log_site__;                                                         \
        if (log_on((area), (level)))                                                               \
            log_write(&log_site__, (area), (level), (session), __VA_ARGS__);                       \
    } while (0)
#define LOG_ERROR(area, session, ...) LOG_AT(LOG_LEVEL_ERROR, area, session, __VA_ARGS__)
#define LOG_WARN(area, session, ...)  LOG_AT(LOG_LEVEL_WARN, area, session, __VA_ARGS__)
#define LOG_INFO(area, session, ...)  LOG_AT(LOG_LEVEL_INFO, area, session, __VA_ARGS__)
#define LOG_DEBUG(area, session, ...) LOG_AT(LOG_LEVEL_DEBUG, area, session, __VA_ARGS__)
#define LOG_TRACE(area, session, ...) LOG_AT(LOG_LEVEL_TRACE, area, session, __VA_ARGS__)
