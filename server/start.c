#include "server/start.h"

#include "base/log.h"
#include "base/status.h"
#include "server/config.h"
#include "server/listen.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define LINE_MAX_BYTES 256

/* True when a line of `file` begins with `mark`; any first byte will do for NULL. */
static bool holds(FILE *file, const char *mark)
{
    char line[LINE_MAX_BYTES];
    while (fgets(line, sizeof line, file) != NULL)
        if (mark == NULL || strncmp(line, mark, strlen(mark)) == 0)
            return true;
    return false;
}

static bool file_ok(const char *option, const char *path, const char *mark)
{
    if (path[0] == '\0')
        return true;
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        LOG_ERROR(LOG_MAIN, 0, "cannot read a configured file", "option=%s file=%s error=%s",
                  LOG_Q(option), LOG_Q(path), LOG_Q(strerror(errno)));
        return false;
    }
    errno = 0;
    bool ok = holds(file, mark);
    if (!ok)
        LOG_ERROR(LOG_MAIN, 0, "a configured file is not usable", "option=%s file=%s error=%s",
                  LOG_Q(option), LOG_Q(path),
                  LOG_Q(errno != 0     ? strerror(errno)
                        : mark != NULL ? "there is no certificate in it"
                                       : "it is empty"));
    fclose(file);
    return ok;
}

bool start_files_ok(const struct config *config)
{
    static const char pem[] = "-----BEGIN ";
    static const char *const options[CONFIG_PROVIDERS][2] = {{"[stt] ca", "[stt] credentials"},
                                                             {"[stt.2] ca", "[stt.2] credentials"},
                                                             {"[stt.3] ca", "[stt.3] credentials"}};
    for (unsigned i = 0; i < CONFIG_PROVIDERS; i++) {
        const struct config_provider *provider = &config->stt[i];
        bool google = strcmp(provider->credentials, "google") == 0;
        if (!file_ok(options[i][0], provider->ca, pem) ||
            !file_ok(options[i][1], google ? "" : provider->credentials, NULL))
            return false;
    }
    return file_ok("[chat] ca", config->chat_ca, pem);
}

bool start_listen_ok(const struct config *config, struct sockaddr_storage *address)
{
    int status = listen_parse(config->listen, address);
    bool keys = config->auth_keys[0] != '\0', tls = config->tls_cert[0] != '\0';
    if (status == STATUS_INVALID) {
        LOG_ERROR(LOG_MAIN, 0, "listen is not ADDRESS:PORT", "listen=%s", LOG_Q(config->listen));
        return false;
    }
    if (status == STATUS_OK || (keys && tls))
        return true;
    const char *missing = keys ? "[tls] cert" : tls ? "[auth] keys" : "[auth] keys and [tls] cert";
    if (config->insecure) {
        LOG_WARN(LOG_MAIN, 0, "listening beyond loopback, insecure as told",
                 "listen=%s missing=%s risk=%s", config->listen, LOG_Q(missing),
                 LOG_Q(keys ? "tokens and speech can be read on the way"
                            : "anybody who reaches this address may speak and read"));
        return true;
    }
    LOG_ERROR(LOG_MAIN, 0, "refusing to listen beyond loopback", "listen=%s missing=%s hint=%s",
              config->listen, LOG_Q(missing),
              LOG_Q("set them (docs/tokens.md), or listen on 127.0.0.1 with a proxy in front; "
                    "insecure = yes does without"));
    return false;
}
