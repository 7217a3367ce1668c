/*
 * The smallest test kit: a failed check prints file, line and both sides, and the program's exit status is 1.
 */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Atomic int check_failed; /* atomic: a test may check on a thread of its own */
static _Atomic int check_count;

#define CHECK(expr)                                                                                \
    do {                                                                                           \
        check_count++;                                                                             \
        if (!(expr)) {                                                                             \
            fprintf(stderr, "%s:%d: CHECK(%s)\n", __FILE__, __LINE__, #expr);                      \
            check_failed++;                                                                        \
        }                                                                                          \
    } while (0)
#define CHECK_EQ(a, b)                                                                             \
    do {                                                                                           \
        long long check_a__ = (long long)(a), check_b__ = (long long)(b);                          \
        check_count++;                                                                             \
        if (check_a__ != check_b__) {                                                              \
            fprintf(stderr, "%s:%d: %s is %lld, %s is %lld\n", __FILE__, __LINE__, #a, check_a__,  \
                    #b, check_b__);                                                                \
            check_failed++;                                                                        \
        }                                                                                          \
    } while (0)
#define CHECK_STR(a, b)                                                                            \
    do {                                                                                           \
        const char *check_a__ = (a), *check_b__ = (b);                                             \
        check_count++;                                                                             \
        if (check_a__ == NULL || check_b__ == NULL || strcmp(check_a__, check_b__) != 0) {         \
            fprintf(stderr, "%s:%d: %s is \"%s\", expected \"%s\"\n", __FILE__, __LINE__, #a,      \
                    check_a__ ? check_a__ : "(null)", check_b__ ? check_b__ : "(null)");           \
            check_failed++;                                                                        \
        }                                                                                          \
    } while (0)
#define RUN(test)                                                                                  \
    do {                                                                                           \
        int check_before__ = check_failed;                                                         \
        test();                                                                                    \
        fprintf(stderr, "%s %s\n", check_failed == check_before__ ? "ok  " : "FAIL", #test);       \
    } while (0)

static inline int check_done(void)
{
    fprintf(stderr, "%d checks, %d failed\n", check_count, check_failed);
    return check_failed == 0 && check_count > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
