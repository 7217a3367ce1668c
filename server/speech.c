#include "server/speech.h"

#include "base/mem.h"
#include "base/status.h"
#include "server/config.h"
#include "server/server.h"
#include "stt/client.h"

/* How long a call may take to be accepted. */
#define OPEN_TIMEOUT_MS 5000

static const char *or_null(const char *text)
{
    return text[0] != '\0' ? text : NULL;
}

static void on_event(void *ctx, struct stt_event *event)
{
    event->msg.kind = FRONT_STT;
    server_post(ctx, &event->msg);
}

static struct stt_client_config client_config_of(const struct provider *provider)
{
    const struct config_provider *config = provider->config;
    return (struct stt_client_config){
        .wire = provider->stt.wire,
        .request_params = or_null(provider->request_params),
        .target = provider->target,
        .plaintext = config->plaintext,
        .ca_file = or_null(config->ca),
        .credentials = config->credentials,
        .api_key = or_null(config->api_key),
        .quota_project = or_null(config->quota_project),
        .channels_max = (unsigned)config->channels,
        .streams_per_channel = (unsigned)config->streams_per_channel,
        .open_timeout_ms = OPEN_TIMEOUT_MS,
    };
}

int speech_start(struct server *server)
{
    _Static_assert(CONFIG_PROVIDERS <= STT_PROVIDERS_MAX, "the client takes as many");
    struct stt_client_config configs[CONFIG_PROVIDERS];
    for (unsigned i = 0; i < server->providers.len; i++)
        configs[i] = client_config_of(&server->providers.list[i]);
    const struct stt_providers providers = {configs, server->providers.len};
    return stt_client_create(&server->stt, &providers, on_event, server);
}

int speech_open(struct server *server, uint64_t session, uint32_t call,
                const struct stt_request *request)
{
    int status = stt_client_open(server->stt, session, call, request);
    if (status != STATUS_OK)
        mem_free(request->bytes);
    return status;
}

unsigned speech_healthy(struct server *server)
{
    return stt_client_healthy(server->stt);
}

int speech_send(struct server *server, uint64_t session, uint32_t call, struct stt_block *block)
{
    return stt_client_send(server->stt, session, call, block);
}

int speech_finish(struct server *server, uint64_t session, uint32_t call)
{
    return stt_client_finish(server->stt, session, call);
}

int speech_cancel(struct server *server, uint64_t session, uint32_t call)
{
    return stt_client_cancel(server->stt, session, call);
}

void speech_event_free(struct stt_event *event)
{
    event->msg.free_fn(&event->msg);
}
