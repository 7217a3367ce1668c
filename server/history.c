#include "server/history.h"

#include "base/mem.h"
#include "server/limits.h"
#include "server/out.h"
#include <assert.h>
#include <stddef.h>

struct history {
    uint64_t newest;
    unsigned first, len;
    size_t bytes;
    struct out *ring[HISTORY_MAX];
};

struct history *history_create(void)
{
    return mem_calloc(1, sizeof(struct history));
}

static void drop_oldest(struct history *history)
{
    struct out *out = history->ring[history->first];
    assert(history->len > 0 && history->bytes >= out->len);
    history->bytes -= out->len;
    history->first = (history->first + 1) % HISTORY_MAX;
    history->len--;
    out_unref(out);
}

void history_destroy(struct history *history)
{
    if (history == NULL)
        return;
    while (history->len > 0)
        drop_oldest(history);
    mem_free(history);
}

void history_add(struct history *history, struct out *out)
{
    assert(out->seq > 0 && (history->newest == 0 || out->seq == history->newest + 1));
    while (history->len == HISTORY_MAX ||
           (history->len > 0 && history->bytes + out->len > HISTORY_BYTES_MAX))
        drop_oldest(history);
    history->ring[(history->first + history->len) % HISTORY_MAX] = out_ref(out);
    history->len++;
    history->bytes += out->len;
    history->newest = out->seq;
}

uint64_t history_oldest(const struct history *history)
{
    return history->len > 0 ? history->newest - history->len + 1 : 0;
}

uint64_t history_newest(const struct history *history)
{
    return history->newest;
}

struct out *history_get(const struct history *history, uint64_t seq)
{
    uint64_t oldest = history_oldest(history);
    if (oldest == 0 || seq < oldest || seq > history->newest)
        return NULL;
    return history->ring[(history->first + (unsigned)(seq - oldest)) % HISTORY_MAX];
}
