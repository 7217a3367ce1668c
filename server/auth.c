#include "server/auth.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/status.h"
#include "server/config.h"
#include "server/metrics.h"
#include "server/secret.h"
#include <pthread.h>
#include <string.h>

struct auth {
    pthread_mutex_t lock;
    struct token_keys *keys; /* under the lock; whoever verifies holds a reference */
    struct ticket_table *tickets;
};

/* Of whom nothing is asked. */
static const struct token_claims anybody = {
    .subject = "", .id = "", .role = TOKEN_ADMIN, .expires_s = INT64_MAX};

static int64_t now_s(void)
{
    return clock_wall_us() / 1000000;
}

int auth_load(const struct config *config, struct token_keys **out)
{
    char why[TOKEN_WHY_BYTES] = "";
    struct token_rules rules = {.audience = config->auth_audience,
                                .age_s = (uint32_t)config->auth_token_age_s};
    *out = NULL;
    if (config->auth_keys[0] == '\0')
        return STATUS_OK;
    int status = token_keys_load(out, config->auth_keys, &rules, why);
    if (status != STATUS_OK) {
        LOG_ERROR(LOG_MAIN, 0, "cannot use the token keys", "option=%s reason=%s",
                  LOG_Q("[auth] keys"), LOG_Q(why));
        return status;
    }
    secret_no_dumps();
    for (size_t i = 0; i < token_keys_len(*out); i++)
        LOG_INFO(LOG_MAIN, 0, "token key", "kid=%s", LOG_Q(token_keys_kid(*out, i)));
    return STATUS_OK;
}

struct auth *auth_create(struct token_keys *keys)
{
    struct auth *auth = mem_calloc(1, sizeof *auth);
    if (auth == NULL || (auth->tickets = ticket_table_create()) == NULL) {
        mem_free(auth);
        return NULL;
    }
    pthread_mutex_init(&auth->lock, NULL);
    auth->keys = keys;
    return auth;
}

void auth_destroy(struct auth *auth)
{
    if (auth == NULL)
        return;
    token_keys_unref(auth->keys);
    ticket_table_destroy(auth->tickets);
    pthread_mutex_destroy(&auth->lock);
    mem_free(auth);
}

void auth_put(struct auth *auth, struct token_keys *keys)
{
    pthread_mutex_lock(&auth->lock);
    struct token_keys *old = auth->keys;
    auth->keys = keys;
    pthread_mutex_unlock(&auth->lock);
    token_keys_unref(old);
}

/* A reference; NULL without keys. */
static struct token_keys *keys_now(struct auth *auth)
{
    pthread_mutex_lock(&auth->lock);
    struct token_keys *keys = auth->keys != NULL ? token_keys_ref(auth->keys) : NULL;
    pthread_mutex_unlock(&auth->lock);
    return keys;
}

bool auth_open(struct auth *auth)
{
    pthread_mutex_lock(&auth->lock);
    bool open = auth->keys == NULL;
    pthread_mutex_unlock(&auth->lock);
    return open;
}

static int check_ticket(struct auth *auth, const char *ticket, struct token_claims **out,
                        const char **why)
{
    struct token_claims *claims = ticket_redeem(auth->tickets, ticket, TICKET_CHARS, now_s());
    *why = "it is no ticket, or one that was used or is too old";
    if (claims == NULL)
        return STATUS_AUTH;
    /* Of a token that has ended since; of the time before there were keys. */
    if (now_s() - TOKEN_LEEWAY_S >= claims->expires_s || claims->subject[0] == '\0') {
        token_claims_free(claims);
        return STATUS_AUTH;
    }
    *out = claims;
    return STATUS_OK;
}

int auth_check(struct auth *auth, const char *credential, size_t len, struct token_claims **out)
{
    struct token_keys *keys = keys_now(auth);
    if (keys == NULL) {
        *out = token_claims_copy(&anybody);
        return *out != NULL ? STATUS_OK : STATUS_NOMEM;
    }
    const char *why = "";
    int status = len == TICKET_CHARS ? check_ticket(auth, credential, out, &why)
                                     : token_verify(keys, credential, len, now_s(), out, &why);
    token_keys_unref(keys);
    if (status == STATUS_AUTH) {
        metrics_add(METRIC_TOKENS_REFUSED, 1);
        LOG_DEBUG(LOG_FRONT, 0, "token refused", "reason=%s", LOG_Q(why));
    }
    return status;
}

int64_t auth_until_us(const struct token_claims *claims)
{
    if (claims->expires_s == INT64_MAX)
        return INT64_MAX;
    int64_t left_us = (claims->expires_s + TOKEN_LEEWAY_S) * 1000000 - clock_wall_us();
    return clock_mono_us() + left_us;
}

int auth_mint(struct auth *auth, const char *kid, const struct token_claims *claims, char **out)
{
    struct token_keys *keys = keys_now(auth);
    if (keys == NULL)
        return STATUS_NOT_FOUND;
    int status = token_mint(keys, kid, claims, now_s(), out);
    token_keys_unref(keys);
    return status;
}

int auth_ticket(struct auth *auth, const struct token_claims *claims, char out[TICKET_CHARS + 1])
{
    return ticket_issue(auth->tickets, claims, now_s(), out);
}
