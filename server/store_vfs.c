#include "server/store_vfs.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <string.h>

#define NAME       "sotto"
#define PAGE_BYTES 4096 /* of every store: SQLite's default, with which they are made */

/* Pages that are no b-tree pages begin with a page number, whose first byte is none of the kinds
 * below as long as there are fewer than 2^25 pages. Half of that leaves room for pages that are
 * still in the log. Larger files, of 64 GiB, are written as they are. */
#define FILE_BYTES_MAX (((sqlite3_int64)1 << 24) * PAGE_BYTES)

enum { INDEX_INNER = 2, TABLE_INNER = 5, INDEX_LEAF = 10, TABLE_LEAF = 13 };

/* The system's own, with another way to open files, and to write into those of stores. */
static sqlite3_vfs vfs;
static const sqlite3_vfs *system_vfs;
static sqlite3_io_methods methods;
static const sqlite3_io_methods *_Atomic system_methods;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static size_t big_endian_16(const uint8_t *bytes)
{
    return (size_t)bytes[0] << 8 | bytes[1];
}

void store_vfs_unused(const uint8_t *bytes, size_t len, uint64_t page, size_t *from, size_t *to)
{
    size_t header = page == 1 ? 100 : 0; /* behind the file's own */
    const uint8_t *at = bytes + header;
    bool inner = at[0] == INDEX_INNER || at[0] == TABLE_INNER;
    *from = *to = 0;
    if (!inner && at[0] != INDEX_LEAF && at[0] != TABLE_LEAF)
        return;
    size_t begin = header + (inner ? 12 : 8) + 2 * big_endian_16(at + 3);
    size_t end = big_endian_16(at + 5);
    if (begin < end && end <= len) {
        *from = begin;
        *to = end;
    }
}

static int write_page(sqlite3_file *file, const void *bytes, int len, sqlite3_int64 at)
{
    uint8_t copy[PAGE_BYTES];
    size_t from = 0, to = 0;
    sqlite3_int64 file_bytes = 0;
    if (len == PAGE_BYTES && at % PAGE_BYTES == 0 &&
        system_methods->xFileSize(file, &file_bytes) == SQLITE_OK && file_bytes < FILE_BYTES_MAX)
        store_vfs_unused(bytes, PAGE_BYTES, (uint64_t)at / PAGE_BYTES + 1, &from, &to);
    if (from < to) {
        memcpy(copy, bytes, PAGE_BYTES);
        memset(copy + from, 0, to - from);
        bytes = copy;
    }
    return system_methods->xWrite(file, bytes, len, at);
}

/* A file's methods are a table its pointer leads to: ours is the system's but for one entry. */
static void take_over(sqlite3_file *file)
{
    pthread_mutex_lock(&lock);
    if (system_methods == NULL) {
        methods = *file->pMethods;
        methods.xWrite = write_page;
        system_methods = file->pMethods;
    }
    if (system_methods == file->pMethods)
        file->pMethods = &methods;
    pthread_mutex_unlock(&lock);
}

static int open_file(sqlite3_vfs *self, sqlite3_filename name, sqlite3_file *file, int flags,
                     int *flags_out)
{
    int rc = system_vfs->xOpen(self, name, file, flags, flags_out);
    if (rc == SQLITE_OK && (flags & SQLITE_OPEN_MAIN_DB) != 0)
        take_over(file);
    return rc;
}

const char *store_vfs(void)
{
    pthread_mutex_lock(&lock);
    int rc = SQLITE_OK;
    if (system_vfs == NULL && (rc = sqlite3_initialize()) == SQLITE_OK) {
        system_vfs = sqlite3_vfs_find(NULL);
        vfs = *system_vfs;
        vfs.zName = NAME;
        vfs.pNext = NULL;
        vfs.xOpen = open_file;
        rc = sqlite3_vfs_register(&vfs, 0);
    }
    pthread_mutex_unlock(&lock);
    return rc == SQLITE_OK ? NAME : NULL;
}
