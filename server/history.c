#include "server/history.h"

#include "base/mem.h"
#include "base/status.h"
#include "server/limits.h"
#include "server/out.h"
#include <assert.h>
#include <string.h>

/* Of an out only the body: its ledger and the room before the body would double what is kept. */
struct kept {
    size_t len;
    char body[];
};

struct history {
    uint64_t newest;
    unsigned first, len;
    size_t bytes;
    struct kept *ring[HISTORY_MAX];
};

struct history *history_create(void)
{
    return mem_calloc(1, sizeof(struct history));
}

static size_t kept_bytes(size_t len)
{
    return sizeof(struct kept) + len;
}

static void drop_oldest(struct history *history)
{
    struct kept *kept = history->ring[history->first];
    assert(history->len > 0 && history->bytes >= kept_bytes(kept->len));
    history->bytes -= kept_bytes(kept->len);
    history->first = (history->first + 1) % HISTORY_MAX;
    history->len--;
    mem_free(kept);
}

static void drop_all(struct history *history)
{
    while (history->len > 0)
        drop_oldest(history);
}

void history_destroy(struct history *history)
{
    if (history == NULL)
        return;
    drop_all(history);
    mem_free(history);
}

int history_add(struct history *history, const struct out *out)
{
    assert(out->seq > 0 && (history->newest == 0 || out->seq == history->newest + 1));
    history->newest = out->seq;
    size_t bytes = kept_bytes(out->len);
    struct kept *kept = mem_alloc(bytes);
    if (kept == NULL) {
        drop_all(history);
        return STATUS_NOMEM;
    }
    kept->len = out->len;
    memcpy(kept->body, out->body, out->len);
    while (history->len == HISTORY_MAX ||
           (history->len > 0 && history->bytes + bytes > HISTORY_BYTES_MAX))
        drop_oldest(history);
    history->ring[(history->first + history->len) % HISTORY_MAX] = kept;
    history->len++;
    history->bytes += bytes;
    return STATUS_OK;
}

uint64_t history_oldest(const struct history *history)
{
    return history->len > 0 ? history->newest - history->len + 1 : 0;
}

uint64_t history_newest(const struct history *history)
{
    return history->newest;
}

const char *history_get(const struct history *history, uint64_t seq, size_t *len)
{
    uint64_t oldest = history_oldest(history);
    if (oldest == 0 || seq < oldest || seq > history->newest)
        return NULL;
    const struct kept *kept =
        history->ring[(history->first + (unsigned)(seq - oldest)) % HISTORY_MAX];
    *len = kept->len;
    return kept->body;
}
