#include "base/mem.h"
#include "tests/check.h"
#include "translate/limits.h"
#include "translate/translate.h"
#include <pthread.h>
#include <stdbool.h>

static struct translate_prompt prompt_of(const char *target, const char *text)
{
    return (struct translate_prompt){.source = "en", .target = target, .text = text};
}

static char *get(struct translate_cache *cache, const char *target, const char *text)
{
    struct translate_prompt prompt = prompt_of(target, text);
    return translate_cache_get(cache, &prompt);
}

static void put(struct translate_cache *cache, const char *target, const char *text,
                const char *answer)
{
    struct translate_prompt prompt = prompt_of(target, text);
    translate_cache_put(cache, &prompt, answer);
}

static void holds(struct translate_cache *cache, const char *text, const char *expected)
{
    char *got = get(cache, "es", text);
    if (expected == NULL)
        CHECK(got == NULL);
    else
        CHECK_STR(got, expected);
    mem_free(got);
}

static void test_put_and_get(void)
{
    struct translate_cache *cache = translate_cache_create(8);
    holds(cache, "one", NULL);
    put(cache, "es", "one", "uno");
    put(cache, "fr", "one", "un");
    put(cache, "es", "two", "dos");
    holds(cache, "one", "uno");
    holds(cache, "two", "dos");
    put(cache, "es", "one", "UNO");
    holds(cache, "one", "UNO");
    char *got = get(cache, "fr", "one");
    CHECK_STR(got, "un");
    mem_free(got);
    /* The parts of a key do not run together. */
    CHECK(get(cache, "esone", "") == NULL);
    translate_cache_destroy(cache);
}

/* Sessions share what their glossaries do not touch; a text that goes on from another is its own.
 */
static void test_terms_and_context_are_part_of_the_key(void)
{
    struct translate_cache *cache = translate_cache_create(8);
    struct translate_prompt plain = prompt_of("es", "the cat"), with = plain, after = plain;
    with.terms = "\nUse: cat = minino";
    after.before = "we saw";
    after.before_target = "vimos";
    translate_cache_put(cache, &plain, "el gato");
    translate_cache_put(cache, &with, "el minino");
    translate_cache_put(cache, &after, "al gato");
    char *a = translate_cache_get(cache, &plain), *b = translate_cache_get(cache, &with),
         *c = translate_cache_get(cache, &after);
    CHECK_STR(a, "el gato");
    CHECK_STR(b, "el minino");
    CHECK_STR(c, "al gato");
    mem_free(a);
    mem_free(b);
    mem_free(c);
    translate_cache_destroy(cache);
}

static void test_white_space_is_no_difference(void)
{
    struct translate_cache *cache = translate_cache_create(8);
    put(cache, "es", " the  cat ", "el gato");
    holds(cache, "the cat", "el gato");
    holds(cache, "The cat", NULL);
    translate_cache_destroy(cache);
}

static void test_oldest_goes(void)
{
    struct translate_cache *cache = translate_cache_create(3);
    put(cache, "es", "a", "1");
    put(cache, "es", "b", "2");
    put(cache, "es", "c", "3");
    holds(cache, "a", "1");
    put(cache, "es", "d", "4");
    holds(cache, "b", NULL);
    holds(cache, "a", "1");
    holds(cache, "c", "3");
    holds(cache, "d", "4");
    translate_cache_destroy(cache);
}

static void test_bounded(void)
{
    struct translate_cache *cache = translate_cache_create(100);
    char text[32], answer[32];
    for (int i = 0; i < 5000; i++) {
        snprintf(text, sizeof text, "text %d", i);
        snprintf(answer, sizeof answer, "answer %d", i);
        put(cache, "es", text, answer);
    }
    for (int i = 0; i < 5000; i++) {
        snprintf(text, sizeof text, "text %d", i);
        snprintf(answer, sizeof answer, "answer %d", i);
        holds(cache, text, i >= 4900 ? answer : NULL);
    }
    translate_cache_destroy(cache);
}

static void test_long_texts_are_not_kept(void)
{
    static char text[TRANSLATE_CACHE_TEXT_BYTES + 2];
    memset(text, 'x', TRANSLATE_CACHE_TEXT_BYTES);
    struct translate_cache *cache = translate_cache_create(4);
    put(cache, "es", text, "y");
    holds(cache, text, "y");
    text[TRANSLATE_CACHE_TEXT_BYTES] = 'x';
    put(cache, "es", text, "y");
    holds(cache, text, NULL);
    translate_cache_destroy(cache);
}

static void test_no_memory(void)
{
    for (unsigned nth = 1; nth <= 3; nth++) {
        mem_fail_nth(nth);
        CHECK(translate_cache_create(4) == NULL);
        mem_fail_nth(0);
    }
    struct translate_cache *cache = translate_cache_create(4);
    mem_fail_nth(1);
    put(cache, "es", "a", "1");
    mem_fail_nth(0);
    holds(cache, "a", NULL);
    put(cache, "es", "a", "1");
    for (unsigned nth = 1; nth <= 3; nth++) {
        mem_fail_nth(nth);
        CHECK(get(cache, "es", "a") == NULL);
        mem_fail_nth(0);
    }
    holds(cache, "a", "1");
    translate_cache_destroy(cache);
}

static void *churn(void *ctx)
{
    struct translate_cache *cache = ctx;
    size_t wrong = 0;
    for (int i = 0; i < 20000; i++) {
        char text[16];
        snprintf(text, sizeof text, "%d", i * 7 % 97);
        char *got = get(cache, "es", text);
        wrong += got != NULL && strcmp(got, text) != 0;
        mem_free(got);
        put(cache, "es", text, text);
    }
    return (void *)wrong;
}

static void test_any_thread(void)
{
    struct translate_cache *cache = translate_cache_create(50);
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        CHECK_EQ(pthread_create(&threads[i], NULL, churn, cache), 0);
    for (int i = 0; i < 4; i++) {
        void *wrong;
        pthread_join(threads[i], &wrong);
        CHECK(wrong == NULL);
    }
    translate_cache_destroy(cache);
}

int main(void)
{
    RUN(test_put_and_get);
    RUN(test_terms_and_context_are_part_of_the_key);
    RUN(test_white_space_is_no_difference);
    RUN(test_oldest_goes);
    RUN(test_bounded);
    RUN(test_long_texts_are_not_kept);
    RUN(test_no_memory);
    RUN(test_any_thread);
    return check_done();
}
