/*
 * Configuration of `sotto`: sotto.ini (libinih), environment (SOTTO_…) and flags, in rising
 * priority.
 *
 * One table names every option; flags, variables, --help, --print-config and docs/configuration.md
 * all come from it. A secret may be written file:PATH. Threads: read before the other threads
 * start, unchanged afterwards. Memory: strings live as long as the config.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Parts that can be switched off to measure what they are worth: X(NAME, bit, "name"). */
#define CONFIG_OFF_MAP(X)                                                                          \
    X(WORKERS, 1, "workers")                                                                       \
    X(PREWARM, 2, "prewarm")                                                                       \
    X(FAIR_SHARE, 4, "fair-share")                                                                 \
    X(COALESCING, 8, "coalescing")                                                                 \
    X(URING, 16, "uring")

enum config_off {
#define X(name, bit, text) CONFIG_OFF_##name = bit,
    CONFIG_OFF_MAP(X)
#undef X
};

/* Sections [stt], [stt.2] and [stt.3]: who recognises speech, in order of preference. */
#define CONFIG_PROVIDERS 3

struct config_provider {
    const char *api, *target, *project, *location, *recognizer;
    bool plaintext;
    const char *ca, *credentials, *api_key, *quota_project, *model, *endpointing;
    uint64_t boost, channels, streams_per_channel;
};

/* Sections [chat.2] and [chat.3]: upstreams beside that of [chat]. */
#define CONFIG_CHAT_FURTHER 2

struct config_chat {
    const char *url, *key, *organization, *ca, *deployment, *api_version;
    uint64_t weight, connections, streams;
};

struct config {
    const char *listen;
    uint64_t fronts, workers;
    const char *loop;
    const char *log;
    const char *origins;
    bool insecure;
    uint64_t connections_max, sessions_max;
    uint64_t idle_ms, session_ms, resume_ms, flush_ms, drain_ms, ping_s;

    uint64_t stop_ms;
    bool takeover;
    const char *proxies;
    const char *web_path;
    bool peers_loopback;
    uint64_t peers_connections, peers_unfinished, peers_sessions, peers_handshakes, peers_failures;
    uint64_t peers_subject_sessions;
    uint64_t admission_lag_ms, admission_queue_ms;
    uint64_t admission_memory_percent, admission_descriptors_percent;
    uint64_t admission_session_requests, admission_starts_per_second;

    const char *auth_keys, *auth_audience;
    uint64_t auth_token_age_s;
    const char *tls_cert, *tls_key;
    const char *webhook_url, *webhook_secret, *webhook_ca;
    bool webhook_private;
    uint64_t webhook_tries;

    const char *store_path, *store_sync;
    uint64_t store_group_ms, store_retention_days;

    struct config_provider stt[CONFIG_PROVIDERS]; /* those without api are not there */
    bool stt_punctuation;
    uint64_t stt_agreement;
    uint64_t stt_block_ms, stt_idle_close_ms;
    uint64_t stt_silence_close_ms, stt_ring_ms;
    uint64_t stt_soft_ms, stt_hard_ms;

    const char *chat_url, *chat_key, *chat_organization, *chat_ca;
    uint64_t chat_weight, chat_connections, chat_streams, chat_requests_per_minute,
        chat_tokens_per_minute;
    uint64_t chat_connect_ms, chat_stall_ms, chat_keepalive_ms, chat_age_ms, chat_queue_max,
        chat_hedge_percent;
    struct config_chat chat_further[CONFIG_CHAT_FURTHER]; /* those without url are not there */
    bool chat_json_schema;
    const char *chat_max_tokens_field;
    const char *chat_provider, *chat_deployment, *chat_api_version, *chat_glossary;
    const char *chat_system_role, *chat_reasoning_effort;
    bool chat_temperature;

    const char *translate_model;
    uint64_t translate_partial_gap_ms, translate_partial_words, translate_stream_words;
    uint64_t translate_final_deadline_ms, translate_partial_deadline_ms, translate_cache;
    const char *grammar_model;
    uint64_t grammar_partial_gap_ms, grammar_partial_words, grammar_cache;
    /* Of its own API, where [grammar] names one. */
    const char *grammar_provider, *grammar_url, *grammar_key, *grammar_ca;
    const char *grammar_deployment, *grammar_api_version;
    const char *grammar_max_tokens_field, *grammar_system_role, *grammar_reasoning_effort;
    bool grammar_json_schema, grammar_temperature;
    uint64_t grammar_connections, grammar_requests_per_minute, grammar_tokens_per_minute;

    /* Of a million tokens read, of those the provider had cached, and of tokens written. */
    const char *price_currency;
    uint64_t price_translate_in, price_translate_cached, price_translate_out;
    uint64_t price_grammar_in, price_grammar_cached, price_grammar_out;

    const char *without;
    unsigned off; /* what `without` names, bits of enum config_off */
};

struct config_set;

/* What main is to do after the flags were read. */
enum config_action { CONFIG_SERVE, CONFIG_HELP, CONFIG_VERSION, CONFIG_PRINT, CONFIG_REFERENCE };

/*
 * Reads defaults, the file (--config FILE, or ./sotto.ini or /etc/sotto/sotto.ini when there), the
 * environment and the flags. STATUS_INVALID: `err` got one line that names the place and what to
 * do.
 */
int config_load(struct config_set **out, int argc, char **argv, char **environment, FILE *err);
/*
 * Reads again what can have changed since: the file and the files of secrets; environment and flags
 * stay as they were. STATUS_INVALID with the reason in `err`: `old` remains all there is.
 */
int config_reload(struct config_set **out, const struct config_set *old, FILE *err);
/* The next option, from `*at` (0 at first), whose value differs: "[server] log". NULL: no more. */
const char *config_changed(const struct config_set *old, const struct config_set *set, size_t *at);
/* Zeroes secrets where the process was given them, so that ps and /proc do not show them. After
 * config_load(), which has copied them. */
void config_hide(char **argv, char **environment);
/* Zeroes secrets. */
void config_free(struct config_set *set);
const struct config *config_get(const struct config_set *set);
enum config_action config_action(const struct config_set *set);

void config_help(FILE *out);
/* Every option as sotto.ini text with a comment that tells where its value came from; secrets are
 * masked. */
void config_print(const struct config_set *set, FILE *out);
/* The table of docs/configuration.md. */
void config_reference(FILE *out);
