#include "server/alerts.h"

#include "pool/breaker.h"
#include "server/http.h"
#include "server/limits.h"
#include "server/server.h"
#include "server/store.h"
#include "server/upstream.h"
#include "stt/breaker.h"
#include "stt/client.h"
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static const struct {
    const char *name, *help;
    int64_t hold_us;
} kinds[ALERTS] = {
#define X(name, text, hold_ms, help) [ALERT_##name] = {text, help, hold_ms * 1000ll},
    ALERTS_MAP(X)
#undef X
};

static void tell_one(unsigned i, bool raised, const char *detail,
                     void (*tell)(void *ctx, const char *data), void *ctx)
{
    json_t *root = json_pack("{s:s, s:s, s:s, s:s}", "alert", kinds[i].name, "state",
                             raised ? "raised" : "over", "help", kinds[i].help, "detail", detail);
    char *text = root != NULL ? json_dumps(root, JSON_COMPACT) : NULL;
    if (text != NULL)
        tell(ctx, text);
    free(text);
    json_decref(root);
}

void alerts_update(struct alerts *alerts, const struct alert_facts *facts, int64_t now_us,
                   void (*tell)(void *ctx, const char *data), void *ctx)
{
    for (unsigned i = 0; i < ALERTS; i++) {
        bool changing = facts->on[i] != alerts->state[i].told;
        if (!changing) {
            alerts->state[i].since_us = 0;
            continue;
        }
        if (alerts->state[i].since_us == 0)
            alerts->state[i].since_us = now_us;
        int64_t hold_us = facts->on[i] ? kinds[i].hold_us : ALERT_OVER_MS * 1000ll;
        if (now_us - alerts->state[i].since_us < hold_us)
            continue;
        alerts->state[i].told = facts->on[i];
        alerts->state[i].since_us = 0;
        tell_one(i, facts->on[i], facts->detail[i], tell, ctx);
    }
}

static void __attribute__((format(printf, 3, 4)))
put_fact(struct alert_facts *out, enum alert alert, const char *format, ...)
{
    va_list args;
    out->on[alert] = true;
    va_start(args, format);
    vsnprintf(out->detail[alert], sizeof out->detail[alert], format, args);
    va_end(args);
}

static void gather_chat(struct server *server, struct alert_facts *out)
{
    static const enum alert alerts[] = {[POOL_TROUBLE_OUTAGE] = ALERT_CHAT_DOWN,
                                        [POOL_TROUBLE_QUOTA] = ALERT_CHAT_QUOTA,
                                        [POOL_TROUBLE_CREDENTIALS] = ALERT_CHAT_KEY};
    struct pool_stats pool;
    struct loop_stats loop;
    upstream_stats(server->upstream, &pool, &loop);
    for (uint64_t i = 0; i < pool.upstreams_len; i++)
        if (pool.upstreams[i].breaker != POOL_BREAKER_CLOSED)
            put_fact(out, alerts[pool.upstreams[i].trouble], "upstream %llu",
                     (unsigned long long)i + 1);
}

static void gather_speech(struct server *server, struct alert_facts *out)
{
    struct stt_client_stats stats;
    stt_client_stats(server->stt, &stats);
    for (unsigned i = 0; i < stats.providers_len; i++)
        if (stats.providers[i].breaker != STT_BREAKER_CLOSED)
            put_fact(out, ALERT_SPEECH_DOWN, "provider %u", i + 1);
}

void alerts_gather(struct server *server, struct alert_facts *out)
{
    *out = (struct alert_facts){0};
    gather_chat(server, out);
    gather_speech(server, out);
    struct store_stats store;
    store_stats(server->store, &store);
    if (store.failing)
        put_fact(out, ALERT_STORE_FAILING, "%s", store.problem);
    const char *why = http_not_ready(server);
    if (why != NULL)
        put_fact(out, ALERT_NOT_READY, "%s", why);
}
