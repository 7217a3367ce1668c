#include "server/notices.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/status.h"
#include "server/alerts.h"
#include "server/config.h"
#include "server/letters.h"
#include "server/limits.h"
#include "server/server.h"
#include "server/store_path.h"
#include <pthread.h>
#include <stdio.h>

struct notices {
    struct server *server;
    struct webhook *webhook;
    struct letters *letters; /* NULL: no store to keep them; the webhook's thread */
    struct alerts alerts;    /* the same thread */
    pthread_mutex_t lock;    /* held while what the other threads own is looked at */
    bool quiet;              /* under the lock */
};

bool notices_config_ok(const struct config *config)
{
    struct webhook_key key;
    if (config->webhook_url[0] == '\0')
        return true;
    const char *fault = webhook_url_fault(config->webhook_url, config->webhook_private);
    if (fault != NULL) {
        fprintf(stderr, "sotto: [webhook] url %s\n", fault);
        return false;
    }
    if (webhook_key_read(config->webhook_secret, &key) != STATUS_OK) {
        fprintf(stderr, "sotto: [webhook] secret must be what its receiver knows, 16 to 128 bytes; "
                        "make one with: echo whsec_$(openssl rand -base64 32)\n");
        return false;
    }
    return true;
}

static void on_dead(void *ctx, const struct webhook_dead *dead)
{
    struct notices *notices = ctx;
    if (notices->letters != NULL)
        (void)letters_put(notices->letters, dead);
}

static void tell_alert(void *ctx, const char *data)
{
    (void)webhook_send(ctx, "alert", data);
}

static void on_watch(void *ctx, struct webhook *webhook, int64_t now_us)
{
    struct notices *notices = ctx;
    struct alert_facts facts;
    pthread_mutex_lock(&notices->lock);
    bool quiet = notices->quiet;
    if (!quiet)
        alerts_gather(notices->server, &facts);
    pthread_mutex_unlock(&notices->lock);
    if (!quiet)
        alerts_update(&notices->alerts, &facts, now_us, tell_alert, webhook);
}

/* Where the store is durable. */
static int open_letters(struct notices *notices)
{
    char *path, why[STORE_PATH_WHY_BYTES];
    int status = store_path_find(notices->server->config->store_path, &path, why);
    if (status != STATUS_OK)
        return status;
    if (path[0] != '\0')
        status = letters_open(&notices->letters, path);
    else
        LOG_WARN(LOG_MAIN, 0, "without a store, letters the webhook does not take are only logged",
                 "url=%s", LOG_Q(notices->server->config->webhook_url));
    mem_free(path);
    return status;
}

int notices_open(struct notices **out, struct server *server)
{
    const struct config *config = server->config;
    *out = NULL;
    if (config->webhook_url[0] == '\0')
        return STATUS_OK;
    struct notices *notices = mem_calloc(1, sizeof *notices);
    if (notices == NULL)
        return STATUS_NOMEM;
    notices->server = server;
    pthread_mutex_init(&notices->lock, NULL);
    struct webhook_config webhook = {
        .target = {.url = config->webhook_url,
                   .ca_file = config->webhook_ca,
                   .private_ok = config->webhook_private,
                   .timeout_ms = WEBHOOK_TIMEOUT_MS},
        .tries = (unsigned)config->webhook_tries,
        .dead = on_dead,
        .watch = on_watch,
        .ctx = notices,
    };
    int status = webhook_key_read(config->webhook_secret, &webhook.target.key);
    if (status == STATUS_OK)
        status = open_letters(notices);
    if (status == STATUS_OK)
        status = webhook_open(&notices->webhook, &webhook);
    if (status != STATUS_OK) {
        letters_close(notices->letters);
        pthread_mutex_destroy(&notices->lock);
        mem_free(notices);
        return status;
    }
    *out = notices;
    return STATUS_OK;
}

void notices_quiet(struct notices *notices)
{
    if (notices == NULL)
        return;
    pthread_mutex_lock(&notices->lock);
    notices->quiet = true;
    pthread_mutex_unlock(&notices->lock);
}

void notices_close(struct notices *notices)
{
    if (notices == NULL)
        return;
    webhook_close(notices->webhook, NOTICES_CLOSE_MS);
    letters_close(notices->letters);
    pthread_mutex_destroy(&notices->lock);
    mem_free(notices);
}

void notices_ended(struct notices *notices, const char *session, const char *reason,
                   const char *usage)
{
    if (notices == NULL)
        return;
    struct buf data;
    buf_init(&data, WEBHOOK_BODY_BYTES);
    buf_printf(&data, "{\"session\":\"%s\",\"reason\":\"%s\",\"usage\":%s}", session, reason,
               usage != NULL ? usage : "null");
    if (buf_status(&data) == STATUS_OK)
        (void)webhook_send(notices->webhook, "session.ended", data.data);
    buf_deinit(&data);
}

void notices_stats(struct notices *notices, struct webhook_stats *out)
{
    *out = (struct webhook_stats){0};
    if (notices != NULL)
        webhook_stats(notices->webhook, out);
}
