#include "stt/credentials.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/status.h"
#include "stt/limits.h"
#include <arpa/inet.h>
#include <assert.h>
#include <ctype.h>
#include <fcntl.h>
#include <grpc/grpc_security.h>
#include <grpc/slice.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool port_valid(const char *text)
{
    unsigned port = 0;
    size_t len = strlen(text);
    if (len == 0 || len > 5)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (!isdigit((unsigned char)text[i]))
            return false;
        port = port * 10 + (unsigned)(text[i] - '0');
    }
    return port > 0 && port <= 65535;
}

bool stt__target_loopback(const char *target)
{
    assert(target != NULL);
    char host[64];
    const char *colon = strrchr(target, ':');
    if (colon == NULL || !port_valid(colon + 1) || (size_t)(colon - target) >= sizeof host)
        return false;
    memcpy(host, target, (size_t)(colon - target));
    host[colon - target] = '\0';
    struct in_addr v4;
    if (inet_pton(AF_INET, host, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 == 127;
    return strcmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0;
}

/* The file's content as text (gives); NULL when it cannot be read, is empty, or has more than
 * `bytes_max`. */
static char *file_read(const char *path, size_t bytes_max)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    char *text = mem_alloc(bytes_max + 2);
    size_t len = 0;
    ssize_t got = text != NULL ? 1 : -1;
    while (got > 0 && len <= bytes_max) {
        got = read(fd, text + len, bytes_max + 1 - len);
        len += got > 0 ? (size_t)got : 0;
    }
    close(fd);
    if (got < 0 || len == 0 || len > bytes_max) {
        mem_free(text);
        return NULL;
    }
    text[len] = '\0';
    return text;
}

/* The bearer token in a file, without the space around it (gives); NULL when there is none. */
static char *token_read(const char *path)
{
    char *text = file_read(path, STT_TOKEN_BYTES_MAX);
    if (text == NULL)
        return NULL;
    char *first = text;
    while (isspace((unsigned char)*first))
        first++;
    size_t len = strlen(first);
    while (len > 0 && isspace((unsigned char)first[len - 1]))
        len--;
    bool usable = len > 0;
    for (size_t i = 0; i < len; i++)
        usable = usable && isgraph((unsigned char)first[i]);
    char *token = usable ? mem_strndup(first, len) : NULL;
    mem_free(text);
    return token;
}

static void entry_add(struct stt_metadata *metadata, const char *key, const char *value)
{
    assert(metadata->len < sizeof metadata->entries / sizeof metadata->entries[0]);
    grpc_metadata *entry = &metadata->entries[metadata->len++];
    entry->key = grpc_slice_from_copied_string(key);
    entry->value = grpc_slice_from_copied_string(value);
}

static struct stt_metadata *metadata_create(const struct stt_credentials *credentials,
                                            const char *token)
{
    struct stt_metadata *metadata = mem_calloc(1, sizeof *metadata);
    if (metadata == NULL)
        return NULL;
    metadata->refs = 1;
    if (token != NULL) {
        char bearer[STT_TOKEN_BYTES_MAX + sizeof "Bearer "];
        snprintf(bearer, sizeof bearer, "Bearer %s", token);
        entry_add(metadata, "authorization", bearer);
    }
    const char *quota_project = credentials->quota_project;
    if (quota_project != NULL && quota_project[0] != '\0')
        entry_add(metadata, "x-goog-user-project", quota_project);
    if (credentials->request_params != NULL)
        entry_add(metadata, "x-goog-request-params", credentials->request_params);
    return metadata;
}

void stt_metadata_put(struct stt_metadata *metadata)
{
    if (metadata == NULL || --metadata->refs > 0)
        return;
    for (size_t i = 0; i < metadata->len; i++) {
        grpc_slice_unref(metadata->entries[i].key);
        grpc_slice_unref(metadata->entries[i].value);
    }
    mem_free(metadata);
}

struct stt_metadata *stt_credentials_metadata(struct stt_credentials *credentials)
{
    assert(credentials->metadata->refs > 0);
    credentials->metadata->refs++;
    return credentials->metadata;
}

static grpc_channel_credentials *channel_credentials(const struct stt_client_config *config,
                                                     bool google)
{
    if (config->plaintext)
        return stt__target_loopback(config->target) && !google ? grpc_insecure_credentials_create()
                                                               : NULL;
    if (google)
        return config->ca_file == NULL ? grpc_google_default_credentials_create(NULL) : NULL;
    if (config->ca_file == NULL)
        return grpc_ssl_credentials_create(NULL, NULL, NULL, NULL);
    char *roots = file_read(config->ca_file, STT_CA_BYTES_MAX);
    grpc_channel_credentials *made =
        roots != NULL ? grpc_ssl_credentials_create(roots, NULL, NULL, NULL) : NULL;
    mem_free(roots);
    return made;
}

static bool text_copy(char **out, const char *text)
{
    if (text == NULL)
        return true;
    *out = mem_strdup(text);
    return *out != NULL;
}

/* Of a metadata value. */
static bool value_valid(const char *text)
{
    for (; text != NULL && *text != '\0'; text++)
        if (!isgraph((unsigned char)*text))
            return false;
    return true;
}

int stt_credentials_init(struct stt_credentials *credentials,
                         const struct stt_client_config *config)
{
    *credentials = (struct stt_credentials){0};
    const char *kind = config->credentials != NULL ? config->credentials : "";
    bool google = strcmp(kind, "google") == 0;
    if (!value_valid(config->quota_project) || !value_valid(config->request_params))
        return STATUS_INVALID;
    int status = STATUS_INVALID;
    if (!google && kind[0] != '\0') {
        credentials->token = token_read(kind);
        if (credentials->token == NULL)
            goto fail;
        if (!text_copy(&credentials->token_file, kind))
            goto no_memory;
    }
    credentials->channel = channel_credentials(config, google);
    if (credentials->channel == NULL)
        goto fail;
    if (!text_copy(&credentials->quota_project, config->quota_project) ||
        !text_copy(&credentials->request_params, config->request_params))
        goto no_memory;
    credentials->metadata = metadata_create(credentials, credentials->token);
    if (credentials->metadata == NULL)
        goto no_memory;
    return 0;
no_memory:
    status = STATUS_NOMEM;
fail:
    stt_credentials_deinit(credentials);
    return status;
}

void stt_credentials_deinit(struct stt_credentials *credentials)
{
    if (credentials->channel != NULL)
        grpc_channel_credentials_release(credentials->channel);
    stt_metadata_put(credentials->metadata);
    mem_free(credentials->token_file);
    mem_free(credentials->token);
    mem_free(credentials->quota_project);
    mem_free(credentials->request_params);
    *credentials = (struct stt_credentials){0};
}

bool stt_credentials_renew(struct stt_credentials *credentials, const struct stt_metadata *used,
                           int64_t now_us)
{
    if (used != credentials->metadata)
        return true;
    /* A token refused for a thousand calls is read from its file once a second, not a thousand
     * times. */
    if (credentials->token_file == NULL ||
        (credentials->token_read_us != 0 &&
         now_us - credentials->token_read_us < STT_TOKEN_READ_MS * INT64_C(1000)))
        return false;
    credentials->token_read_us = now_us;
    char *token = token_read(credentials->token_file);
    if (token == NULL || strcmp(token, credentials->token) == 0) {
        mem_free(token);
        return false;
    }
    struct stt_metadata *metadata = metadata_create(credentials, token);
    if (metadata == NULL) {
        mem_free(token);
        return false;
    }
    stt_metadata_put(credentials->metadata);
    credentials->metadata = metadata;
    mem_free(credentials->token);
    credentials->token = token;
    LOG_INFO(LOG_STT, 0, "speech token was renewed", "file=%s", LOG_Q(credentials->token_file));
    return true;
}
