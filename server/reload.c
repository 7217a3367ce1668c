#include "server/reload.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/status.h"
#include "server/auth.h"
#include "server/config.h"
#include "server/server.h"
#include "server/tls.h"
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* A value that fronts read, now or before: kept until all have ended. */
struct retired {
    struct retired *next;
    char text[];
};

struct reload {
    struct server *server;
    const struct config_set *first;
    struct config_set *read; /* by the last reload, owned; NULL: none yet */
    struct retired *retired;
};

/* What has been read and checked, and is not used yet. */
struct fresh {
    struct config_set *set;
    struct token_keys *keys;
    struct tls_pair *pair;
    struct retired *origins;
};

/* Options that take effect at once; all others are read at the start only. */
static const char *const live[] = {
    "[server] log",    "[server] origins", "[auth] keys", "[auth] token_age_s",
    "[auth] audience", "[tls] cert",       "[tls] key",
};

static bool is_live(const char *option)
{
    for (size_t i = 0; i < sizeof live / sizeof live[0]; i++)
        if (strcmp(live[i], option) == 0)
            return true;
    return false;
}

int reload_create(struct reload **out, struct server *server, const struct config_set *set)
{
    struct reload *reload = mem_calloc(1, sizeof *reload);
    if (reload == NULL)
        return STATUS_NOMEM;
    reload->server = server;
    reload->first = set;
    *out = reload;
    return STATUS_OK;
}

void reload_destroy(struct reload *reload)
{
    if (reload == NULL)
        return;
    for (struct retired *each = reload->retired, *next; each != NULL; each = next) {
        next = each->next;
        mem_free(each);
    }
    config_free(reload->read);
    mem_free(reload);
}

static void fresh_free(struct fresh *fresh)
{
    token_keys_unref(fresh->keys);
    tls_pair_free(fresh->pair);
    mem_free(fresh->origins);
    config_free(fresh->set);
}

/* Keys and TLS may be changed, but who connects may count on their being there. */
static bool keeps_promises(const struct reload *reload, const struct config *config)
{
    bool keys = config->auth_keys[0] != '\0', tls = config->tls_cert[0] != '\0';
    if (!auth_open(reload->server->auth) && !keys) {
        LOG_ERROR(LOG_MAIN, 0, "token keys cannot be given up by a reload", "option=%s",
                  LOG_Q("[auth] keys"));
        return false;
    }
    if ((reload->server->tls != NULL) != tls) {
        LOG_ERROR(LOG_MAIN, 0, "TLS begins and ends with a restart only", "option=%s",
                  LOG_Q("[tls] cert"));
        return false;
    }
    return true;
}

static bool read_all(struct reload *reload, struct fresh *fresh)
{
    const struct config_set *old = reload->read != NULL ? reload->read : reload->first;
    if (config_reload(&fresh->set, old, stderr) != STATUS_OK)
        return false;
    const struct config *config = config_get(fresh->set);
    size_t bytes = strlen(config->origins) + 1;
    fresh->origins = mem_alloc(sizeof *fresh->origins + bytes);
    if (fresh->origins == NULL)
        return false;
    memcpy(fresh->origins->text, config->origins, bytes);
    if (!keeps_promises(reload, config) || auth_load(config, &fresh->keys) != STATUS_OK ||
        tls_load(config, &fresh->pair) != STATUS_OK)
        return false;
    /* The last that can fail, and it changes nothing then. */
    if (log_configure(config->log) == STATUS_OK)
        return true;
    LOG_ERROR(LOG_MAIN, 0, "log must be like info or info,stt=debug", "log=%s", LOG_Q(config->log));
    return false;
}

/* Takes `origins`. */
static void use_origins(struct reload *reload, struct retired *origins)
{
    struct server *server = reload->server;
    if (strcmp(origins->text, atomic_load(&server->origins)) == 0) {
        mem_free(origins);
        return;
    }
    origins->next = reload->retired;
    reload->retired = origins;
    /* Release: whoever reads the pointer reads the text. */
    atomic_store_explicit(&server->origins, origins->text, memory_order_release);
}

/* Takes all of `fresh`. */
static void use_all(struct reload *reload, struct fresh *fresh)
{
    struct server *server = reload->server;
    auth_put(server->auth, fresh->keys);
    if (fresh->pair != NULL)
        tls_put(server->tls, fresh->pair);
    use_origins(reload, fresh->origins);
    config_free(reload->read);
    reload->read = fresh->set;
}

static void tell(const struct config_set *old, const struct config_set *set)
{
    size_t at = 0;
    for (const char *option; (option = config_changed(old, set, &at)) != NULL;) {
        if (is_live(option))
            LOG_INFO(LOG_MAIN, 0, "option changed", "option=%s", LOG_Q(option));
        else
            LOG_WARN(LOG_MAIN, 0, "option changed, but only a restart will use it", "option=%s",
                     LOG_Q(option));
    }
}

void reload_now(struct reload *reload)
{
    struct fresh fresh = {0};
    LOG_INFO(LOG_MAIN, 0, "reloading", "");
    if (!read_all(reload, &fresh)) {
        fresh_free(&fresh);
        LOG_ERROR(LOG_MAIN, 0, "not reloaded, nothing was changed", "");
        return;
    }
    tell(reload->read != NULL ? reload->read : reload->first, fresh.set);
    use_all(reload, &fresh);
    LOG_INFO(LOG_MAIN, 0, "reloaded", "");
}
