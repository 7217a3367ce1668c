#include "server/registry.h"

#include "base/mem.h"
#include <assert.h>
#include <pthread.h>
#include <string.h>

#define NAME_BYTES 16

/* Ids are random, so their first bytes are as good as a hash. */
struct entry {
    uint8_t name[NAME_BYTES];
    uint64_t id; /* 0: free */
};

struct registry {
    pthread_mutex_t lock;
    uint32_t mask;
    struct entry entries[]; /* open addressing, at most half full */
};

struct registry *registry_create(uint32_t sessions_max)
{
    uint32_t len = 2;
    while (len < 2 * (uint64_t)sessions_max)
        len *= 2;
    struct registry *registry = mem_calloc(1, sizeof *registry + len * sizeof(struct entry));
    if (registry == NULL)
        return NULL;
    pthread_mutex_init(&registry->lock, NULL);
    registry->mask = len - 1;
    return registry;
}

void registry_destroy(struct registry *registry)
{
    if (registry == NULL)
        return;
    pthread_mutex_destroy(&registry->lock);
    mem_free(registry);
}

static unsigned digit(char c)
{
    return c <= '9' ? (unsigned)(c - '0') : (unsigned)(c - 'a' + 10);
}

static void pack(const char *name, uint8_t out[NAME_BYTES])
{
    assert(strlen(name) == 2 * NAME_BYTES && strspn(name, "0123456789abcdef") == 2 * NAME_BYTES);
    for (size_t i = 0; i < NAME_BYTES; i++)
        out[i] = (uint8_t)(digit(name[2 * i]) << 4 | digit(name[2 * i + 1]));
}

static uint32_t home(const struct registry *registry, const uint8_t name[NAME_BYTES])
{
    uint32_t hash;
    memcpy(&hash, name, sizeof hash);
    return hash & registry->mask;
}

/* Its entry, or the free one where it would be. */
static struct entry *find(struct registry *registry, const uint8_t name[NAME_BYTES])
{
    for (uint32_t i = home(registry, name);; i = (i + 1) & registry->mask) {
        struct entry *entry = &registry->entries[i];
        if (entry->id == 0 || memcmp(entry->name, name, NAME_BYTES) == 0)
            return entry;
    }
}

uint64_t registry_put(struct registry *registry, const char *name, uint64_t id)
{
    uint8_t packed[NAME_BYTES];
    assert(id != 0);
    pack(name, packed);
    pthread_mutex_lock(&registry->lock);
    struct entry *entry = find(registry, packed);
    uint64_t before = entry->id;
    memcpy(entry->name, packed, sizeof packed);
    entry->id = id;
    pthread_mutex_unlock(&registry->lock);
    return before;
}

uint64_t registry_get(struct registry *registry, const char *name)
{
    uint8_t packed[NAME_BYTES];
    pack(name, packed);
    pthread_mutex_lock(&registry->lock);
    uint64_t id = find(registry, packed)->id;
    pthread_mutex_unlock(&registry->lock);
    return id;
}

/* Whoever stands behind a gap must still be found: they move up. */
static void close_gap(struct registry *registry, uint32_t gap)
{
    for (uint32_t i = (gap + 1) & registry->mask; registry->entries[i].id != 0;
         i = (i + 1) & registry->mask) {
        uint32_t want = home(registry, registry->entries[i].name);
        if (((i - want) & registry->mask) < ((i - gap) & registry->mask))
            continue;
        registry->entries[gap] = registry->entries[i];
        registry->entries[i].id = 0;
        gap = i;
    }
}

void registry_remove(struct registry *registry, const char *name, uint64_t id)
{
    uint8_t packed[NAME_BYTES];
    pack(name, packed);
    pthread_mutex_lock(&registry->lock);
    struct entry *entry = find(registry, packed);
    if (entry->id != 0 && entry->id == id) {
        entry->id = 0;
        close_gap(registry, (uint32_t)(entry - registry->entries));
    }
    pthread_mutex_unlock(&registry->lock);
}
