#include "base/status.h"

#include <assert.h>
#include <ctype.h>
#include <pthread.h>
#include <stddef.h>

#define NAME_BYTES 16

static const struct {
    int number;
    const char *name;
    const char *text;
} entries[] = {
#define X(name, number, text) {number, #name, text},
    STATUS_MAP(X)
#undef X
};

#define ENTRIES (sizeof entries / sizeof entries[0])

static char lower_names[ENTRIES][NAME_BYTES];

static void make_lower_names(void)
{
    for (size_t i = 0; i < ENTRIES; i++) {
        size_t at = 0;
        for (; entries[i].name[at] != '\0'; at++) {
            assert(at + 1 < NAME_BYTES);
            lower_names[i][at] = (char)tolower((unsigned char)entries[i].name[at]);
        }
        lower_names[i][at] = '\0';
    }
}

/* Index of a status in the table, ENTRIES when it is none of ours. */
static size_t find(int status)
{
    size_t i = 0;
    while (i < ENTRIES && entries[i].number != status)
        i++;
    return i;
}

const char *status_name(int status)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_lower_names);
    size_t i = find(status);
    return i < ENTRIES ? lower_names[i] : "unknown";
}

const char *status_text(int status)
{
    size_t i = find(status);
    return i < ENTRIES ? entries[i].text : "unknown status";
}
