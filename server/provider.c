#include "server/provider.h"

#include "base/status.h"
#include "server/config.h"
#include <stdarg.h>
#include <string.h>

static const char *const sections[CONFIG_PROVIDERS] = {"stt", "stt.2", "stt.3"};

/* Where complaints go. */
struct place {
    FILE *err;
    const char *section;
};

/* One line for the operator; returns STATUS_INVALID. */
static int __attribute__((format(printf, 2, 3)))
complain(const struct place *place, const char *format, ...)
{
    FILE *err = place->err;
    va_list args;
    va_start(args, format);
    fprintf(err, "sotto: [%s] ", place->section);
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

static int init_wire(struct provider *provider, const struct config_provider *config,
                     const struct place *place)
{
    struct stt_provider *stt = &provider->stt;
    stt->wire = stt_wire_find(config->api);
    if (stt->wire == NULL && config->api[0] == '\0')
        return complain(place, "needs an api beside its target: google_v1, google_v2 or riva");
    if (stt->wire == NULL)
        return complain(place, "api must be google_v1, google_v2 or riva, not \"%s\"", config->api);
    if (endpointing_parse(config->endpointing, &stt->endpointing) != STATUS_OK)
        return complain(place, "endpointing must be standard, short or supershort, not \"%s\"",
                        config->endpointing);
    if (stt->endpointing != STT_ENDPOINTING_STANDARD && !stt->wire->endpointing)
        return complain(place, "api %s has no endpointing; set it to standard, or use google_v2",
                        stt->wire->name);
    stt->model = config->model;
    stt->boost = (float)config->boost;
    return STATUS_OK;
}

static int init_target(struct provider *provider, const struct config_provider *config,
                       const struct place *place)
{
    const struct stt_wire *wire = provider->stt.wire;
    const char *target = config->target, *location = config->location;
    /* Without a recognizer no request names a location: the target says it. */
    if (wire->recognizer && !stt_wire_target_serves(wire, target, location))
        return complain(place,
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
        return complain(place, "api %s needs a target; set it to HOST:PORT of your server",
                        wire->name);
    return complain(place, "api %s has no host for location \"%s\"; set location to one of: %s",
                    wire->name, location,
                    wire->locations != NULL ? wire->locations : "global, us, eu, or a region");
}

static int init_recognizer(struct provider *provider, const struct config_provider *config,
                           const struct place *place)
{
    if (!provider->stt.wire->recognizer)
        return STATUS_OK;
    if (config->project[0] == '\0')
        return complain(place,
                        "api %s needs a project; set it to the id of your Google Cloud project",
                        provider->stt.wire->name);
    int status = stt_wire_recognizer(config->project, config->location, config->recognizer,
                                     provider->recognizer, sizeof provider->recognizer);
    if (status == STATUS_INVALID)
        return complain(place, "project, location and recognizer must be names of letters, digits "
                               "and -_.: each");
    if (status != STATUS_OK)
        return status;
    provider->stt.recognizer = provider->recognizer;
    return stt_wire_request_params(provider->recognizer, provider->request_params,
                                   sizeof provider->request_params);
}

static int provider_init(struct provider *provider, const struct config_provider *config,
                         const struct place *place)
{
    *provider = (struct provider){0};
    int status = init_wire(provider, config, place);
    if (status == STATUS_OK)
        status = init_target(provider, config, place);
    if (status == STATUS_OK)
        status = init_recognizer(provider, config, place);
    if (status == STATUS_LIMIT)
        return complain(place, "target, project, location or recognizer is too long");
    return status;
}

int providers_init(struct providers *providers, const struct config *config, FILE *err)
{
    *providers = (struct providers){0};
    for (unsigned i = 0; i < CONFIG_PROVIDERS; i++) {
        const struct place place = {err, sections[i]};
        const struct config_provider *section = &config->stt[i];
        if (i > 0 && section->api[0] == '\0' && section->target[0] == '\0')
            continue;
        struct provider *provider = &providers->list[providers->len];
        int status = provider_init(provider, section, &place);
        if (status != STATUS_OK)
            return status;
        provider->config = section;
        providers->stt[providers->len++] = provider->stt;
    }
    return STATUS_OK;
}

uint32_t providers_idle_ms(const struct providers *providers, uint32_t configured_ms)
{
    uint32_t least = UINT32_MAX;
    for (unsigned i = 0; i < providers->len; i++) {
        uint32_t ms = stt_wire_idle_ms(providers->stt[i].wire, configured_ms);
        least = ms < least ? ms : least;
    }
    return least;
}

uint32_t providers_rotate_ms(const struct providers *providers, uint32_t configured_ms)
{
    uint32_t least = UINT32_MAX;
    for (unsigned i = 0; i < providers->len; i++) {
        uint32_t ms = stt_wire_rotate_ms(providers->stt[i].wire, configured_ms);
        least = ms < least ? ms : least;
    }
    return least;
}
