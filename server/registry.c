#include "server/registry.h"

#include "base/mem.h"
#include <assert.h>
#include <pthread.h>
#include <string.h>

/* Ids are random, so their first digits are as good as a hash. */
struct entry {
    char name[33];
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

static uint32_t home(const struct registry *registry, const char *name)
{
    uint32_t hash = 2166136261u; /* FNV-1a */
    for (const char *at = name; *at != '\0'; at++)
        hash = (hash ^ (unsigned char)*at) * 16777619u;
    return hash & registry->mask;
}

/* Its entry, or the free one where it would be. */
static struct entry *find(struct registry *registry, const char *name)
{
    for (uint32_t i = home(registry, name);; i = (i + 1) & registry->mask) {
        struct entry *entry = &registry->entries[i];
        if (entry->id == 0 || strcmp(entry->name, name) == 0)
            return entry;
    }
}

uint64_t registry_put(struct registry *registry, const char *name, uint64_t id)
{
    assert(id != 0 && strlen(name) < sizeof registry->entries[0].name);
    pthread_mutex_lock(&registry->lock);
    struct entry *entry = find(registry, name);
    uint64_t before = entry->id;
    memcpy(entry->name, name, strlen(name) + 1);
    entry->id = id;
    pthread_mutex_unlock(&registry->lock);
    return before;
}

uint64_t registry_get(struct registry *registry, const char *name)
{
    pthread_mutex_lock(&registry->lock);
    uint64_t id = find(registry, name)->id;
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
    pthread_mutex_lock(&registry->lock);
    struct entry *entry = find(registry, name);
    if (entry->id != 0 && entry->id == id) {
        entry->id = 0;
        close_gap(registry, (uint32_t)(entry - registry->entries));
    }
    pthread_mutex_unlock(&registry->lock);
}
