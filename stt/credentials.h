/*
 * Inside stt: who we are to the API and how it proves who it is.
 *
 * Threads: the stt thread (created and destroyed on the one that owns the client, before and after
 * it runs).
 */
#pragma once

#include "stt/client.h"
#include <grpc/grpc.h>

/* What every call sends as metadata; shared by calls, ended with the last. */
struct stt_metadata {
    unsigned refs;
    size_t len;
    grpc_metadata entries[4];
};

struct stt_credentials {
    grpc_channel_credentials *channel;
    struct stt_metadata *metadata; /* of calls from now on */
    char *token_file;              /* NULL: calls carry no token */
    char *token;                   /* as it was last read */
    char *quota_project;
    char *request_params;
    char *api_key;
    int64_t token_read_us;
};

/* True for "127.x.y.z:port", "[::1]:port" and "localhost:port". */
bool stt__target_loopback(const char *target);

/* STATUS_INVALID: *why says what cannot be used and what to do; STATUS_NOMEM. */
int stt_credentials_init(struct stt_credentials *credentials,
                         const struct stt_client_config *config, const char **why);
void stt_credentials_deinit(struct stt_credentials *credentials);
/* A reference for a new call. */
struct stt_metadata *stt_credentials_metadata(struct stt_credentials *credentials);
void stt_metadata_put(struct stt_metadata *metadata);
/* The API refused `used`. True when the token is another one by now, so that a new attempt may
 * succeed. */
bool stt_credentials_renew(struct stt_credentials *credentials, const struct stt_metadata *used,
                           int64_t now_us);
