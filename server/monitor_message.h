/*
 * What a client of sotto.monitor.v1 says, parsed, and the answers that need nothing of the board
 * (sotto.v1 §7).
 *
 * Threads: parsing and scopes on workers, answers any. Memory: a message owns an arena that holds
 * its strings; monitor_message_free() ends both.
 */
#pragma once

#include "server/limits.h"
#include "server/monitor_limits.h"
#include <stddef.h>
#include <stdint.h>

struct arena;
struct board_scope;
struct out;
struct token_claims;

enum monitor_message_kind {
    MONITOR_MESSAGE_BAD,     /* not a message; `problem` says why */
    MONITOR_MESSAGE_UNKNOWN, /* a type nobody knows; `problem` names it */
    MONITOR_MESSAGE_WATCH,
    MONITOR_MESSAGE_HISTORY,
    MONITOR_MESSAGE_FLAG,
};

struct monitor_message {
    enum monitor_message_kind kind;
    const char *code;       /* error code for BAD and UNKNOWN, else "" */
    const char *problem;    /* what to tell the client; in the arena or static */
    const char *token;      /* WATCH; "" when not sent */
    const char *class_name; /* WATCH: this class only; "" all it may see */
    char sessions[MONITOR_SESSIONS_MAX][SESSION_NAME_BYTES]; /* WATCH: watched closely, distinct */
    unsigned sessions_len;
    char session[SESSION_NAME_BYTES]; /* HISTORY, FLAG; "" when it was no id */
    uint32_t segment;                 /* FLAG */
    uint32_t before_segment;          /* HISTORY; 0: from the newest */
    uint32_t limit;                   /* HISTORY: segments, 1–MONITOR_HISTORY_MAX */
    const char *note;                 /* FLAG: NFC, 1–MONITOR_NOTE_BYTES_MAX bytes */
    struct arena *arena;
};

/* Parses one text message. Never fails: what is wrong is a kind. NULL only when out of memory. */
struct monitor_message *monitor_message_parse(const char *text, size_t len);
/* NULL is nothing. */
void monitor_message_free(struct monitor_message *message);

/*
 * What the bearer of `claims` sees with this WATCH (gives; board_scope_free): an admin everything,
 * a teacher the classes of its token, or of these the one it names. STATUS_AUTH: a learner, or a
 * class that is not its own; STATUS_NOMEM.
 */
int monitor_message_scope(const struct monitor_message *message, const struct token_claims *claims,
                          struct board_scope **out);

/*
 * An `error` (sotto.v1 §6), its code one of error_code_find()'s, as a message for a FRONT_MONITOR
 * or a socket: a whole JSON text, one reference. `session` is what it is about, "" nothing. A fatal
 * one closes the socket behind it. NULL: out of memory.
 */
struct out *monitor_message_error(const char *code, const char *text, const char *session);
