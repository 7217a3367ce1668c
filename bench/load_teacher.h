/*
 * A teacher of the load: watches /v1/monitor, names sessions of which it wants every final, and
 * comes back a second after its socket is lost. What it sees goes to the judge.
 *
 * Threads: one owner. Memory: a teacher is embedded in load_run()'s list; its watcher is the
 * judge's.
 */
#pragma once

#include "bench/load_client.h"

#define LOAD_TEACHER_BYTES      65536 /* read at a time: a message is long */
#define LOAD_TEACHER_SLOW_BYTES 16 /* a session, in each LOAD_TEACHER_SLOW_US: half of what comes  \
                                    */
#define LOAD_TEACHER_SLOW_US       100000
#define LOAD_TEACHER_SLOW_RCVBUF   16384
#define LOAD_TEACHER_MESSAGE_BYTES (32 << 20) /* of the longest message: all sessions at once */
#define LOAD_TEACHER_AGAIN_US      1000000

struct judge_watcher;

struct load_teacher {
    struct judge_watcher *judged;
    int class_number; /* or JUDGE_WATCH_ALL */
    bool slow;
    bool named; /* sessions whose finals it wants, on this socket */
    uint8_t bytes[LOAD_TEACHER_BYTES];
};

/* STATUS_NOMEM. */
int load_teacher_init(struct load_teacher *teacher, struct load_field *field, unsigned number);
/* Bytes of the longest message it sends. */
size_t load_teacher_message_max(const struct load_config *config);
/* Its socket is upgraded: it watches. STATUS_NOMEM. */
int load_teacher_start(struct load_field *field, struct load_client *client);
/* A text message of the server. STATUS_NOMEM. */
int load_teacher_heard(struct load_field *field, struct load_client *client, const char *text,
                       size_t len);
/* Reads once. */
void load_teacher_receive(struct load_field *field, struct load_client *client);
/* Its socket is lost: whether it comes back. */
bool load_teacher_lost(struct load_field *field, const struct load_client *client);
