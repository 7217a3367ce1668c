#include "base/rng.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

static uint64_t rotate(uint64_t x, int by)
{
    return (x << by) | (x >> (64 - by));
}

/* splitmix64 spreads the seed, so that close seeds give unrelated sequences and 0 is a good one. */
void rng_init(struct rng *rng, uint64_t seed)
{
    for (int i = 0; i < 4; i++) {
        seed += 0x9e3779b97f4a7c15;
        uint64_t z = seed;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        rng->s[i] = z ^ (z >> 31);
    }
}

uint64_t rng_next(struct rng *rng)
{
    uint64_t *s = rng->s;
    uint64_t result = rotate(s[1] * 5, 7) * 9;
    uint64_t carry = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= carry;
    s[3] = rotate(s[3], 45);
    return result;
}

uint64_t rng_below(struct rng *rng, uint64_t n)
{
    assert(n > 0);
    /* The low half of the product tells whether this draw belongs to the biased remainder. */
    uint64_t reject_below = -n % n;
    for (;;) {
        unsigned __int128 product = (unsigned __int128)rng_next(rng) * n;
        if ((uint64_t)product >= reject_below)
            return (uint64_t)(product >> 64);
    }
}

int64_t rng_range(struct rng *rng, int64_t lo, int64_t hi)
{
    assert(lo <= hi);
    uint64_t span = (uint64_t)hi - (uint64_t)lo + 1;
    uint64_t offset = span == 0 ? rng_next(rng) : rng_below(rng, span);
    return (int64_t)((uint64_t)lo + offset);
}

double rng_unit(struct rng *rng)
{
    return (double)(rng_next(rng) >> 11) * 0x1p-53;
}

double rng_lognormal(struct rng *rng, double median, double sigma)
{
    assert(median > 0 && sigma >= 0);
    /* Box-Muller; 1 - u keeps the logarithm's argument above 0. */
    double radius = sqrt(-2 * log(1 - rng_unit(rng)));
    return median * exp(sigma * radius * cos(2 * M_PI * rng_unit(rng)));
}

void rng_secure(void *out, size_t len)
{
    unsigned char *at = out;
    while (len > 0) {
        ssize_t got = getrandom(at, len, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            /* Tokens from anything weaker would be worse than no server. */
            perror("getrandom");
            abort();
        }
        at += got;
        len -= (size_t)got;
    }
}

uint64_t rng_seed(void)
{
    uint64_t seed;
    rng_secure(&seed, sizeof seed);
    return seed;
}
