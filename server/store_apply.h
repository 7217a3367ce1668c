/*
 * What each job does to the database.
 *
 * Threads: the connection's owner. Calls give SQLite's result codes; what concerns the job alone
 * is job->status: 0, STATUS_FENCED, STATUS_AUTH, STATUS_NOMEM.
 */
#pragma once

#include "server/store_db.h"
#include "server/store_job.h"

/* A write, a read or a claim, within the caller's transaction. `owner` is this process. */
int store_apply(struct store_db *db, int64_t owner, struct store_job *job);
/*
 * Fills a read's answer with what is stored after the last row it has. A session that is not there
 * with this owner_epoch is STATUS_FENCED.
 */
int store_apply_read(struct store_db *db, struct store_job *job);
/* The answer's public part from its rows: `lost` is what is known to be lost beside the gaps that
 * the rows show. */
void store_apply_replay(struct store_job *job, uint64_t lost);
/* Forgets a session with all its messages. */
int store_apply_forget(struct store_db *db, int64_t key);
