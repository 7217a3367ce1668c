/*
 * One question to the chat completions API on its way: front → worker (prompt, cache) → pool →
 * worker (answer) → front.
 *
 * An ask is owned by whichever stage holds it; it ends on the worker that reads its last reply, or
 * where a full queue stops it, and the session hears of it exactly once with done or a failure.
 * Threads: ask_translate(), ask_grammar() on a front; ask_on_reply() on the upstream loop; the rest
 * on workers.
 */
#pragma once

#include "base/mailbox.h"
#include "server/session.h"
#include <stdint.h>

struct outbox;
struct pool_reply;
struct server;

/* Who asks; copied into the ask. */
struct ask_from {
    struct server *server;
    uint64_t session; /* directory id */
    uint64_t key;     /* worker order: the same for everything of a connection */
    uint32_t serial;  /* unique in the process, for pool ids */
};

/* What a front receives (FRONT_ANSWER). */
struct ask_answer {
    struct msg msg;
    struct session_answer answer;
    char *text;                    /* owned */
    struct grammar_result *result; /* owned, NULL for translations */
};

int ask_translate(struct outbox *outbox, const struct ask_from *from, uint32_t lane,
                  const struct translate_ask *ask);
int ask_grammar(struct outbox *outbox, const struct ask_from *from, uint32_t lane,
                const struct grammar_ask *ask);
void ask_cancel(const struct ask_from *from, uint32_t lane, uint32_t ask);
/* Takes the reply. */
void ask_on_reply(struct outbox *outbox, struct pool_reply *reply);
