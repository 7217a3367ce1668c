#include "base/recycle.h"

#include "base/limits.h"
#include "base/mem.h"
#include <assert.h>
#include <pthread.h>
#include <stdbool.h>

#ifdef SOTTO_SANITIZED
enum { KEEPS = false };
#else
enum { KEEPS = true };
#endif

struct kept {
    struct kept *next;
};

struct shelf {
    size_t bytes; /* 0: free for a size */
    size_t used;  /* bytes of all that is kept */
    size_t lent;  /* objects taken on this thread, less those given on it */
    struct kept *first;
};

static _Thread_local struct {
    bool registered;
    struct shelf shelves[RECYCLE_SIZES];
} store;

static pthread_key_t key;
static pthread_once_t key_once = PTHREAD_ONCE_INIT;

static void store_free(void *unused)
{
    for (size_t i = 0; i < RECYCLE_SIZES; i++) {
        struct shelf *shelf = &store.shelves[i];
        while (shelf->first != NULL) {
            struct kept *next = shelf->first->next;
            mem_free(shelf->first);
            shelf->first = next;
        }
        *shelf = (struct shelf){0};
    }
    store.registered = false;
}

static void key_create(void)
{
    int error = pthread_key_create(&key, store_free);
    assert(error == 0);
}

/* Has the thread's end free what it keeps. */
static bool store_register(void)
{
    if (!store.registered) {
        pthread_once(&key_once, key_create);
        store.registered = pthread_setspecific(key, &store) == 0;
    }
    return store.registered;
}

static struct shelf *shelf_of(size_t bytes)
{
    for (size_t i = 0; i < RECYCLE_SIZES; i++) {
        struct shelf *shelf = &store.shelves[i];
        if (shelf->bytes == bytes)
            return shelf;
        if (shelf->bytes == 0) {
            shelf->bytes = bytes;
            return shelf;
        }
    }
    return NULL;
}

void *recycle_take(size_t bytes)
{
    assert(bytes >= sizeof(struct kept));
    struct shelf *shelf = shelf_of(bytes);
    if (shelf != NULL && shelf->first != NULL) {
        if (mem_fails())
            return NULL;
        shelf->lent++;
        struct kept *kept = shelf->first;
        shelf->first = kept->next;
        shelf->used -= bytes;
        return kept;
    }
    void *object = mem_alloc(bytes);
    if (shelf != NULL && object != NULL)
        shelf->lent++;
    return object;
}

void recycle_give(void *object, size_t bytes)
{
    if (object == NULL)
        return;
    struct shelf *shelf = shelf_of(bytes);
    bool wanted = shelf != NULL && shelf->lent > 0;
    if (wanted)
        shelf->lent--;
    if (KEEPS && wanted && shelf->used + bytes <= RECYCLE_BYTES && store_register()) {
        struct kept *kept = object;
        kept->next = shelf->first;
        shelf->first = kept;
        shelf->used += bytes;
        return;
    }
    mem_free(object);
}
