#include "server/ticket.h"

#include "base/mem.h"
#include "base/rng.h"
#include "base/status.h"
#include "server/token.h"
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#define TICKET_BYTES 32

struct ticket {
    unsigned char hash[SHA256_DIGEST_LENGTH];
    int64_t until_s;
    struct token_claims *claims; /* NULL: the place is free */
};

struct ticket_table {
    pthread_mutex_t lock;
    struct ticket tickets[TICKETS_MAX];
    size_t used; /* no place from here on was ever taken */
};

static void encode(const unsigned char bytes[TICKET_BYTES], char out[TICKET_CHARS + 1])
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    unsigned bits = 0, held = 0;
    char *at = out;
    for (int i = 0; i < TICKET_BYTES; i++) {
        bits = bits << 8 | bytes[i];
        for (held += 8; held >= 6; held -= 6)
            *at++ = digits[bits >> (held - 6) & 63];
    }
    *at++ = digits[bits << (6 - held) & 63];
    *at = '\0';
}

static void hash(const char ticket[TICKET_CHARS], unsigned char out[SHA256_DIGEST_LENGTH])
{
    SHA256((const unsigned char *)ticket, TICKET_CHARS, out);
}

static void clear(struct ticket *ticket)
{
    token_claims_free(ticket->claims);
    *ticket = (struct ticket){0};
}

static bool valid(const struct ticket *ticket, int64_t now_s)
{
    return ticket->claims != NULL && now_s < ticket->until_s;
}

struct ticket_table *ticket_table_create(void)
{
    struct ticket_table *table = mem_calloc(1, sizeof *table);
    if (table != NULL)
        pthread_mutex_init(&table->lock, NULL);
    return table;
}

void ticket_table_destroy(struct ticket_table *table)
{
    if (table == NULL)
        return;
    for (size_t i = 0; i < table->used; i++)
        clear(&table->tickets[i]);
    pthread_mutex_destroy(&table->lock);
    mem_free(table);
}

/* A free place, one whose ticket is past its time first; NULL: all are taken. */
static struct ticket *find_place(struct ticket_table *table, int64_t now_s)
{
    for (size_t i = 0; i < table->used; i++)
        if (!valid(&table->tickets[i], now_s))
            return &table->tickets[i];
    return table->used < TICKETS_MAX ? &table->tickets[table->used++] : NULL;
}

int ticket_issue(struct ticket_table *table, const struct token_claims *claims, int64_t now_s,
                 char out[TICKET_CHARS + 1])
{
    unsigned char bytes[TICKET_BYTES];
    struct token_claims *copy = token_claims_copy(claims);
    if (copy == NULL)
        return STATUS_NOMEM;
    rng_secure(bytes, sizeof bytes);
    pthread_mutex_lock(&table->lock);
    struct ticket *place = find_place(table, now_s);
    if (place != NULL) {
        clear(place);
        encode(bytes, out);
        hash(out, place->hash);
        place->claims = copy;
        place->until_s = now_s + TICKET_LIFE_S;
    }
    pthread_mutex_unlock(&table->lock);
    explicit_bzero(bytes, sizeof bytes);
    if (place == NULL)
        token_claims_free(copy);
    return place != NULL ? STATUS_OK : STATUS_FULL;
}

struct token_claims *ticket_redeem(struct ticket_table *table, const char *ticket, size_t len,
                                   int64_t now_s)
{
    unsigned char wanted[SHA256_DIGEST_LENGTH];
    struct token_claims *claims = NULL;
    if (len != TICKET_CHARS)
        return NULL;
    hash(ticket, wanted);
    pthread_mutex_lock(&table->lock);
    for (size_t i = 0; i < table->used && claims == NULL; i++) {
        struct ticket *each = &table->tickets[i];
        if (each->claims == NULL || CRYPTO_memcmp(each->hash, wanted, sizeof wanted) != 0)
            continue;
        bool in_time = valid(each, now_s);
        if (in_time) {
            claims = each->claims;
            each->claims = NULL;
        }
        clear(each);
        break;
    }
    pthread_mutex_unlock(&table->lock);
    return claims;
}

size_t ticket_table_len(struct ticket_table *table, int64_t now_s)
{
    size_t len = 0;
    pthread_mutex_lock(&table->lock);
    for (size_t i = 0; i < table->used; i++)
        len += valid(&table->tickets[i], now_s) ? 1 : 0;
    pthread_mutex_unlock(&table->lock);
    return len;
}
