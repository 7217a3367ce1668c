/*
 * Dead letters of the webhook (server/webhook.h): a table of the store's file, written through a
 * connection of its own, because a letter dies seldom and nobody waits for it. sotto-admin lists,
 * posts and removes them while the server runs.
 *
 * They name sessions and hold no names and nothing that was said. The oldest go when there are more
 * than LETTERS_MAX.
 *
 * Threads: one owner at a time; calls wait for the disk, so never on a loop.
 */
#pragma once

#include "server/webhook.h"
#include <stdbool.h>
#include <stddef.h>

struct letters;

/* `path`: a store that is there. STATUS_IO, STATUS_NOMEM: the reason is logged. */
int letters_open(struct letters **out, const char *path);
/* NULL is nothing. */
void letters_close(struct letters *letters);
/* STATUS_IO: logged. One of the same id is replaced. */
int letters_put(struct letters *letters, const struct webhook_dead *dead);
/* Oldest first, borrowed for the call, until `each` returns false. `each` may remove the letter it
 * is given. STATUS_IO. */
int letters_each(struct letters *letters, bool (*each)(void *ctx, const struct webhook_dead *dead),
                 void *ctx);
/* STATUS_NOT_FOUND, STATUS_IO. */
int letters_remove(struct letters *letters, const char *id);
