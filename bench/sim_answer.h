/*
 * What the simulated model says to a request, and how its answer goes on the wire: in one object,
 * or as events that follow the clock.
 *
 * Threads: pure of threads, one owner an answer. Memory: sim_answer_deinit() frees.
 */
#pragma once

#include "base/buf.h"
#include "local/chat_codec.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIM_ANSWER_BYTES_MAX 262144 /* of a text, and of an answer's body */

struct sim_answer {
    struct local_chat_question question;
    char id[40];
    int64_t created; /* seconds since 1970 */
    char *text;
    size_t len;      /* of text within the question's max_tokens */
    size_t told;     /* bytes of it written as events */
    uint32_t tokens; /* of `len` bytes */
    bool begun, done;
    struct buf head; /* what each event of this answer begins with */
};

/* Takes the question (even on failure). A translation is script_translate()'s; a grammar answer is
 * the JSON that grammar/answer.c reads, with the script's mistakes corrected. `number` makes the
 * id. */
int sim_answer_init(struct sim_answer *answer, struct local_chat_question *question,
                    uint64_t number, int64_t created);
void sim_answer_deinit(struct sim_answer *answer);
/* At most so many tokens instead of the question's max_tokens; 0: all. Before the first event. */
void sim_answer_limit(struct sim_answer *answer, uint32_t tokens);

/* Appends the completion object. */
int sim_answer_write(const struct sim_answer *answer, struct buf *out);
/* Appends events, a word each, until `tokens` tokens of the text are told (the first word at once);
 * behind the last word also the finish, the usage if it was asked for, and [DONE]. Then
 * answer->done. */
int sim_answer_stream(struct sim_answer *answer, uint32_t tokens, struct buf *out);
/* Tokens told so far. */
uint32_t sim_answer_told(const struct sim_answer *answer);
