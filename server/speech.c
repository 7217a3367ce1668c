#include "server/speech.h"

#include "base/log.h"
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

int speech_start(struct server *server)
{
    const struct config *config = server->config;
    const struct stt_client_config provider = {
        .wire = server->provider.stt.wire,
        .request_params = or_null(server->provider.request_params),
        .target = server->provider.target,
        .plaintext = config->stt_plaintext,
        .ca_file = or_null(config->stt_ca),
        .credentials = config->stt_credentials,
        .quota_project = or_null(config->stt_quota_project),
        .channels_max = (unsigned)config->stt_channels,
        .streams_per_channel = (unsigned)config->stt_streams_per_channel,
        .open_timeout_ms = OPEN_TIMEOUT_MS,
    };
    int status =
        stt_client_create(&server->stt, &(struct stt_providers){&provider, 1}, on_event, server);
    if (status != STATUS_OK)
        LOG_ERROR(
            LOG_STT, 0, "cannot use the speech API as configured",
            "target=%s plaintext=%d status=%s hint=%s", server->provider.target,
            config->stt_plaintext, status_name(status),
            LOG_Q("plaintext is for loopback targets only; check [stt] target, ca, credentials"));
    return status;
}

int speech_open(struct server *server, uint64_t session, uint32_t call, char *config, size_t len)
{
    const struct stt_request request = {.bytes = config, .len = len};
    int status = stt_client_open(server->stt, session, call, &request);
    if (status != STATUS_OK)
        mem_free(config);
    return status;
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
