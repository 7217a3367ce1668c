/*
 * Status codes of every fallible call: 0 or a negative `enum status`.
 *
 * Out parameters are untouched on error. The level that decides what to do logs; nobody logs and
 * returns.
 *
 * Threads: pure functions, any thread.
 */
#pragma once

/* name, number, text */
#define STATUS_MAP(X)                                                                              \
    X(OK, 0, "ok")                                                                                 \
    X(NOMEM, -1, "out of memory")                                                                  \
    X(FULL, -2, "bounded queue is full")                                                           \
    X(AGAIN, -3, "not ready, try again")                                                           \
    X(INVALID, -4, "invalid argument or value")                                                    \
    X(NOT_FOUND, -5, "not found")                                                                  \
    X(TIMEOUT, -6, "deadline passed")                                                              \
    X(CANCELLED, -7, "cancelled")                                                                  \
    X(CLOSED, -8, "closed by the peer")                                                            \
    X(REFUSED, -9, "refused by the peer")                                                          \
    X(UNSUPPORTED, -10, "not supported here")                                                      \
    X(IO, -11, "input/output error")                                                               \
    X(PROTOCOL, -12, "peer broke the protocol")                                                    \
    X(LIMIT, -13, "a named limit was reached")                                                     \
    X(AUTH, -14, "not authorised")                                                                 \
    X(UNAVAILABLE, -15, "upstream is unavailable")                                                 \
    X(TRUNCATED, -16, "data ended early")                                                          \
    X(FILTERED, -17, "answer was filtered or refused by the model")                                \
    X(BUDGET, -18, "out of budget")                                                                \
    X(INTERNAL, -19, "internal error")                                                             \
    X(FENCED, -20, "another process has taken over")

enum status {
#define X(name, number, text) STATUS_##name = number,
    STATUS_MAP(X)
#undef X
};

/* Lower-case name ("not_found"); never NULL, "unknown" for other numbers. */
const char *status_name(int status);
/* One short English phrase; never NULL. */
const char *status_text(int status);
