/*
 * Answers to questions about what is stored, from one connection.
 *
 * Threads: the connection's owner.
 */
#pragma once

#include "server/store_db.h"
#include "server/store_job.h"

/* Fills `answer`: status, rows and sessions. Gives SQLite's result code, for who keeps count of
 * the disk's failures; the answer's status is then STATUS_IO. */
int store_page_fill(struct store_db *db, const struct store_query *query,
                    struct store_page_answer *answer);
