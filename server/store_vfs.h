/*
 * The way to the disk for a store's file. SQLite overwrites rows that are deleted
 * (`secure_delete`), but when it moves rows between pages their old bytes stay in the unused part
 * of a page, where no later deletion finds them. On the way into the file that part is zeroed, so
 * what was deleted is in the file no more once the log is copied into it.
 *
 * Threads: any.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* The name for sqlite3_open_v2(); registers on first use. NULL: out of memory. */
const char *store_vfs(void);
/*
 * The unused bytes [from, to) of page number `page` (the first is 1): between the cell pointers
 * and the cells of a b-tree page, https://www.sqlite.org/fileformat2.html §1.6. Empty for pages of
 * other kinds.
 */
void store_vfs_unused(const uint8_t *bytes, size_t len, uint64_t page, size_t *from, size_t *to);
