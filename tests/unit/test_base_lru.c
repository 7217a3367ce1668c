#include "base/lru.h"
#include "base/mem.h"
#include "base/rng.h"
#include "tests/check.h"
#include <pthread.h>
#include <stdbool.h>

static int alive; /* values that were made and not freed; single-threaded tests only */

static void *text_copy(const void *value)
{
    char *copy = mem_strdup(value);
    alive += copy != NULL;
    return copy;
}

static void text_free(void *value)
{
    alive--;
    mem_free(value);
}

static const struct lru_ops ops = {text_copy, text_free};

static void put(struct lru *lru, const char *key, const char *value)
{
    size_t len;
    char *made = lru_key(&key, 1, &len);
    lru_put(lru, made, len, text_copy(value));
}

/* What is kept under the key, compared and let go. */
static bool holds(struct lru *lru, const char *key, const char *value)
{
    char *copy = lru_get(lru, key, strlen(key) + 1);
    bool same = copy != NULL ? value != NULL && strcmp(copy, value) == 0 : value == NULL;
    if (copy != NULL)
        text_free(copy);
    return same;
}

static void test_get_gives_what_was_put(void)
{
    struct lru *lru = lru_create(4, &ops);
    CHECK(holds(lru, "a", NULL));
    put(lru, "a", "1");
    put(lru, "b", "2");
    CHECK(holds(lru, "a", "1"));
    CHECK(holds(lru, "b", "2"));
    put(lru, "a", "3");
    CHECK(holds(lru, "a", "3"));
    CHECK_EQ(alive, 2);
    lru_destroy(lru);
    CHECK_EQ(alive, 0);
    lru_destroy(NULL);
}

static void test_longest_unused_is_forgotten(void)
{
    struct lru *lru = lru_create(3, &ops);
    put(lru, "a", "1");
    put(lru, "b", "2");
    put(lru, "c", "3");
    CHECK(holds(lru, "a", "1"));
    put(lru, "b", "2");
    put(lru, "d", "4");
    CHECK(holds(lru, "c", NULL));
    CHECK(holds(lru, "a", "1"));
    put(lru, "e", "5");
    CHECK(holds(lru, "b", NULL));
    CHECK_EQ(alive, 3);
    lru_destroy(lru);
    CHECK_EQ(alive, 0);
}

static void test_one_entry(void)
{
    struct lru *lru = lru_create(1, &ops);
    put(lru, "a", "1");
    put(lru, "b", "2");
    CHECK(holds(lru, "a", NULL));
    CHECK(holds(lru, "b", "2"));
    lru_destroy(lru);
}

static void test_key_keeps_parts_apart(void)
{
    size_t one, two, three;
    char *a = lru_key((const char *const[]){"ab", "c"}, 2, &one);
    char *b = lru_key((const char *const[]){"a", "bc"}, 2, &two);
    char *c = lru_key((const char *const[]){"", "abc"}, 2, &three);
    CHECK_EQ(one, 5);
    CHECK(one == two && two == three);
    CHECK(memcmp(a, b, one) != 0 && memcmp(b, c, one) != 0);
    CHECK(memcmp(a, "ab\0c", 5) == 0);
    mem_free(a);
    mem_free(b);
    mem_free(c);
}

/* Against the plainest model: an array in order of use. */
static void test_against_a_model(void)
{
    enum { ENTRIES = 16, KEYS = 40 };
    int model[ENTRIES], values[KEYS] = {0}, len = 0;
    char key[8], value[16];
    struct rng rng;
    struct lru *lru = lru_create(ENTRIES, &ops);
    rng_init(&rng, 4);
    for (int i = 0; i < 20000; i++) {
        int k = (int)rng_below(&rng, KEYS), at = 0;
        bool puts = rng_below(&rng, 2) == 0;
        snprintf(key, sizeof key, "k%d", k);
        while (at < len && model[at] != k)
            at++;
        if (puts)
            values[k] = i;
        snprintf(value, sizeof value, "%d", values[k]);
        if (puts)
            put(lru, key, value);
        else
            CHECK(holds(lru, key, at < len ? value : NULL));
        if (at == len && !puts)
            continue;
        if (at == len)
            at = len < ENTRIES ? len++ : ENTRIES - 1;
        memmove(model + 1, model, (size_t)at * sizeof model[0]);
        model[0] = k;
    }
    CHECK_EQ(alive, ENTRIES);
    lru_destroy(lru);
    CHECK_EQ(alive, 0);
}

static void test_without_memory(void)
{
    for (unsigned nth = 1; nth <= 3; nth++) {
        mem_fail_nth(nth);
        CHECK(lru_create(4, &ops) == NULL);
    }
    mem_fail_nth(0);
    struct lru *lru = lru_create(4, &ops);
    put(lru, "a", "1");
    mem_fail_nth(1);
    CHECK(lru_get(lru, "a", 2) == NULL);
    mem_fail_nth(0);
    CHECK(holds(lru, "a", "1"));
    lru_destroy(lru);
}

static void *plain_copy(const void *value)
{
    return mem_strdup(value);
}

static const struct lru_ops plain_ops = {plain_copy, mem_free};

static void *hammer(void *arg)
{
    struct lru *lru = arg;
    struct rng rng;
    rng_init(&rng, (uint64_t)(uintptr_t)&rng);
    for (int i = 0; i < 5000; i++) {
        char text[8];
        const char *key = text;
        size_t len;
        snprintf(text, sizeof text, "%d", (int)rng_below(&rng, 64));
        char *copy = lru_get(lru, text, strlen(text) + 1);
        if (copy != NULL && strcmp(copy, text) != 0)
            return lru;
        mem_free(copy);
        char *made = lru_key(&key, 1, &len);
        lru_put(lru, made, len, plain_copy(text));
    }
    return NULL;
}

static void test_threads(void)
{
    pthread_t threads[4];
    struct lru *lru = lru_create(16, &plain_ops);
    for (int i = 0; i < 4; i++)
        CHECK_EQ(pthread_create(&threads[i], NULL, hammer, lru), 0);
    for (int i = 0; i < 4; i++) {
        void *wrong = NULL;
        pthread_join(threads[i], &wrong);
        CHECK(wrong == NULL);
    }
    lru_destroy(lru);
}

int main(void)
{
    RUN(test_get_gives_what_was_put);
    RUN(test_longest_unused_is_forgotten);
    RUN(test_one_entry);
    RUN(test_key_keeps_parts_apart);
    RUN(test_against_a_model);
    RUN(test_without_memory);
    RUN(test_threads);
    return check_done();
}
