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

static bool graphic(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!isgraph((unsigned char)text[i]))
            return false;
    return true;
}

/* The bearer token of a file's text, without the space around it (gives); NULL when there is none.
 */
static char *token_of(const char *text)
{
    while (isspace((unsigned char)*text))
        text++;
    size_t len = strlen(text);
    while (len > 0 && isspace((unsigned char)text[len - 1]))
        len--;
    return len > 0 && graphic(text, len) ? mem_strndup(text, len) : NULL;
}

static char *token_read(const char *path)
{
    char *text = file_read(path, STT_TOKEN_BYTES_MAX);
    char *token = text != NULL ? token_of(text) : NULL;
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
    if (credentials->api_key != NULL && credentials->api_key[0] != '\0')
        entry_add(metadata, "x-goog-api-key", credentials->api_key);
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

/* TLS with the roots of `ca_file`, or the system's. */
static grpc_channel_credentials *tls_credentials(const char *ca_file)
{
    if (ca_file == NULL)
        return grpc_ssl_credentials_create(NULL, NULL, NULL, NULL);
    char *roots = file_read(ca_file, STT_CA_BYTES_MAX);
    grpc_channel_credentials *made = NULL;
    if (roots != NULL && strstr(roots, "-----BEGIN CERTIFICATE-----") != NULL)
        made = grpc_ssl_credentials_create(roots, NULL, NULL, NULL);
    mem_free(roots);
    return made;
}

/* A key file of Google's: of a service account, whose calls sign their own tokens, or of a user. */
static grpc_call_credentials *key_credentials(const char *json)
{
    grpc_call_credentials *made = grpc_service_account_jwt_access_credentials_create(
        json, gpr_time_from_seconds(STT_JWT_SECONDS, GPR_TIMESPAN), NULL);
    return made != NULL ? made : grpc_google_refresh_token_credentials_create(json, NULL);
}

static const char *init_google(struct stt_credentials *credentials,
                               const struct stt_client_config *config)
{
    if (config->plaintext)
        return "credentials = google needs TLS: turn plaintext off";
    if (config->ca_file != NULL)
        return "credentials = google comes with its own roots: leave ca empty";
    credentials->channel = grpc_google_default_credentials_create(NULL);
    return credentials->channel != NULL
               ? NULL
               : "there are no application default credentials: set GOOGLE_APPLICATION_CREDENTIALS "
                 "or run gcloud auth application-default login";
}

static const char *init_channel(struct stt_credentials *credentials,
                                const struct stt_client_config *config)
{
    if (config->plaintext && !stt__target_loopback(config->target))
        return "plaintext is for loopback targets only: turn it off";
    credentials->channel =
        config->plaintext ? grpc_insecure_credentials_create() : tls_credentials(config->ca_file);
    return credentials->channel != NULL ? NULL : "ca is not a readable file with PEM certificates";
}

static const char *init_key_file(struct stt_credentials *credentials,
                                 const struct stt_client_config *config, const char *json)
{
    if (config->plaintext)
        return "a key file in credentials needs TLS: turn plaintext off";
    grpc_call_credentials *call = key_credentials(json);
    if (call == NULL)
        return "credentials names a JSON file that is no key of a service account or user";
    grpc_channel_credentials *tls = credentials->channel;
    credentials->channel = grpc_composite_channel_credentials_create(tls, call, NULL);
    grpc_channel_credentials_release(tls);
    grpc_call_credentials_release(call);
    return NULL;
}

/* What `credentials` names is a bearer token, or a key file. */
static const char *init_file(struct stt_credentials *credentials,
                             const struct stt_client_config *config)
{
    char *text = file_read(config->credentials, STT_TOKEN_BYTES_MAX);
    if (text == NULL)
        return "credentials is not a readable file, is empty or too long";
    const char *why = NULL;
    if (text[strspn(text, " \t\r\n")] == '{') {
        why = init_key_file(credentials, config, text);
    } else {
        credentials->token = token_of(text);
        if (credentials->token == NULL)
            why = "credentials names a file that holds neither a token nor a JSON key";
    }
    mem_free(text);
    return why;
}

static const char *init_proof(struct stt_credentials *credentials,
                              const struct stt_client_config *config)
{
    const char *kind = config->credentials != NULL ? config->credentials : "";
    bool keyed = config->api_key != NULL && config->api_key[0] != '\0';
    if (keyed && kind[0] != '\0')
        return "credentials and api_key are both set: one is enough";
    if (strcmp(kind, "google") == 0)
        return init_google(credentials, config);
    const char *why = init_channel(credentials, config);
    return why != NULL || kind[0] == '\0' ? why : init_file(credentials, config);
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

static const char *values_check(const struct stt_client_config *config)
{
    if (!value_valid(config->quota_project))
        return "quota_project holds a space or another byte that no header takes";
    if (!value_valid(config->api_key))
        return "api_key holds a space or another byte that no header takes";
    return value_valid(config->request_params) ? NULL : "the recognizer cannot be a header";
}

int stt_credentials_init(struct stt_credentials *credentials,
                         const struct stt_client_config *config, const char **why)
{
    *credentials = (struct stt_credentials){0};
    *why = values_check(config);
    if (*why == NULL)
        *why = init_proof(credentials, config);
    if (*why != NULL) {
        stt_credentials_deinit(credentials);
        return STATUS_INVALID;
    }
    if (text_copy(&credentials->quota_project, config->quota_project) &&
        text_copy(&credentials->request_params, config->request_params) &&
        text_copy(&credentials->api_key, config->api_key) &&
        (credentials->token == NULL || text_copy(&credentials->token_file, config->credentials)))
        credentials->metadata = metadata_create(credentials, credentials->token);
    if (credentials->metadata != NULL)
        return 0;
    stt_credentials_deinit(credentials);
    return STATUS_NOMEM;
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
    mem_free(credentials->api_key);
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
