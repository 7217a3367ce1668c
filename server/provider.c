#include "server/provider.h"

#include "base/status.h"
#include "server/config.h"
#include <stdarg.h>
#include <string.h>

/* One line for the operator; returns STATUS_INVALID. */
static int __attribute__((format(printf, 2, 3))) complain(FILE *err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("sotto: [stt] ", err);
    vfprintf(err, format, args);
    fputc('\n', err);
    va_end(args);
    return STATUS_INVALID;
}

static int endpointing_parse(const char *text, enum stt_endpointing *out)
{
    static const char *const names[] = {[STT_ENDPOINTING_STANDARD] = "standard",
                                        [STT_ENDPOINTING_SHORT] = "short",
                                        [STT_ENDPOINTING_SUPERSHORT] = "supershort"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(names[i], text) == 0) {
            *out = (enum stt_endpointing)i;
            return STATUS_OK;
        }
    return STATUS_INVALID;
}

static int init_wire(struct provider *provider, const struct config *config, FILE *err)
{
    struct stt_provider *stt = &provider->stt;
    stt->wire = stt_wire_find(config->stt_api);
    if (stt->wire == NULL)
        return complain(err, "api must be google_v1, google_v2 or riva, not \"%s\"",
                        config->stt_api);
    if (endpointing_parse(config->stt_endpointing, &stt->endpointing) != STATUS_OK)
        return complain(err, "endpointing must be standard, short or supershort, not \"%s\"",
                        config->stt_endpointing);
    if (stt->endpointing != STT_ENDPOINTING_STANDARD && !stt->wire->endpointing)
        return complain(err, "api %s has no endpointing; set it to standard, or use google_v2",
                        stt->wire->name);
    stt->model = config->stt_model;
    stt->boost = (float)config->stt_boost;
    return STATUS_OK;
}

static int init_target(struct provider *provider, const struct config *config, FILE *err)
{
    const struct stt_wire *wire = provider->stt.wire;
    const char *target = config->stt_target, *location = config->stt_location;
    /* Without a recognizer no request names a location: the target says it. */
    if (wire->recognizer && !stt_wire_target_serves(wire, target, location))
        return complain(err,
                        "target %s does not serve location %s; leave target empty, or set location "
                        "to the one in its name",
                        target, location);
    if (target[0] != '\0') {
        size_t len = strlen(target);
        if (len >= sizeof provider->target)
            return STATUS_LIMIT;
        memcpy(provider->target, target, len + 1);
        return STATUS_OK;
    }
    int status = stt_wire_target(wire, location, provider->target, sizeof provider->target);
    if (status != STATUS_INVALID)
        return status;
    if (wire->host == NULL)
        return complain(err, "api %s needs a target; set it to HOST:PORT of your server",
                        wire->name);
    return complain(err, "api %s has no host for location \"%s\"; set location to one of: %s",
                    wire->name, location,
                    wire->locations != NULL ? wire->locations : "global, us, eu, or a region");
}

static int init_recognizer(struct provider *provider, const struct config *config, FILE *err)
{
    if (!provider->stt.wire->recognizer)
        return STATUS_OK;
    if (config->stt_project[0] == '\0')
        return complain(err,
                        "api %s needs a project; set it to the id of your Google Cloud project",
                        provider->stt.wire->name);
    int status =
        stt_wire_recognizer(config->stt_project, config->stt_location, config->stt_recognizer,
                            provider->recognizer, sizeof provider->recognizer);
    if (status == STATUS_INVALID)
        return complain(err, "project, location and recognizer must be names of letters, digits "
                             "and -_.: each");
    if (status != STATUS_OK)
        return status;
    provider->stt.recognizer = provider->recognizer;
    return stt_wire_request_params(provider->recognizer, provider->request_params,
                                   sizeof provider->request_params);
}

int provider_init(struct provider *provider, const struct config *config, FILE *err)
{
    *provider = (struct provider){0};
    int status = init_wire(provider, config, err);
    if (status == STATUS_OK)
        status = init_target(provider, config, err);
    if (status == STATUS_OK)
        status = init_recognizer(provider, config, err);
    if (status == STATUS_LIMIT)
        return complain(err, "target, project, location or recognizer is too long");
    return status;
}
