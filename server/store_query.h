/*
 * Reading what is stored: for transcripts, exports, lists and sotto-admin. Runs in pages on the
 * store's reading thread, or directly on a connection of its own (sotto-admin).
 *
 * Threads: store_query() on workers, answers go to the store's `post`; a struct store_file belongs
 * to one thread.
 */
#pragma once

#include "server/store.h"

enum store_question {
    STORE_ABOUT,    /* one session: `session` */
    STORE_MESSAGES, /* its messages: `session`, after `after_seq`, at most `limit` */
    STORE_SESSIONS, /* `class_name` ("" all), newest first, `before` a session id ("" from the
                       newest) */
    STORE_SEGMENTS, /* of `session`, the newest `limit` segments before `before_segment` (0: all
                       there are), newest first, each whole with its messages in order of seq */
};

struct store_query {
    enum store_question question;
    const char *session, *class_name, *before;
    const char *subject; /* SESSIONS: of this one only; NULL: of anybody */
    uint64_t after_seq;
    uint32_t before_segment;
    uint32_t limit; /* 1–STORE_PAGE_MAX */
};

struct store_about {
    char session[STORE_NAME_BYTES];
    const char *class_name, *name, *subject, *source, *settings, *usage, *end_reason;
    uint32_t rate, segments;
    uint64_t seq;
    int64_t started_wall_us, ended_wall_us; /* 0: not ended */
};

/* FRONT_STORE_PAGE: msg.session as asked. */
struct store_page {
    struct msg msg;
    int status; /* 0; STATUS_NOT_FOUND; STATUS_IO */
    bool more;
    struct store_about *about; /* one; SESSIONS: any number */
    size_t about_len;
    struct store_row *rows;
    size_t rows_len;
};

/* Any number may be under way; answered in order for one `to`. STATUS_NOMEM. */
int store_query(struct store *store, uint64_t to, const struct store_query *query);

/* A store's file, opened for one program: sotto-admin. */
struct store_file;
int store_file_open(struct store_file **out, const char *path, bool writes);
void store_file_close(struct store_file *file);
/* As store_query(), at once; ended by page->msg.free_fn. */
int store_file_query(struct store_file *file, const struct store_query *query,
                     struct store_page **page);
