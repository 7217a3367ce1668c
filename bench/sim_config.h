/*
 * What a simulation is: a scenario file (INI) and flags over it.
 *
 * Threads: filled before anything starts, then read-only. Memory: sim_config_deinit() frees.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct sim_latency;

/* X(section, key, field, kind, default, help); flags are --section-key, but for section "sim":
 * --key. Kinds: TEXT, NUMBER, REAL, BOOL. */
#define SIM_CONFIG_TABLE(X)                                                                        \
    X("sim", "seed", seed, NUMBER, "1",                                                            \
      "of the script and of all chance; the bench's must be the same")                             \
    X("sim", "dir", dir, TEXT, "/tmp/sotto-sim",                                                   \
      "gets cert.pem, by which clients trust the chat API")                                        \
    X("sim", "seconds", seconds, NUMBER, "0", "ends after so long; 0: until told to stop")         \
    X("speech", "port", speech_port, NUMBER, "8455", "0: any free one")                            \
    X("speech", "server", speech_server, TEXT, "h2",                                               \
      "h2 (libnghttp2: cheap, frame-level faults) or grpc (gRPC core: statuses, connection age)")  \
    X("speech", "latency", speech_latency, TEXT, "120", "audio heard to result sent, ms")          \
    X("speech", "partial-ms", partial_ms, NUMBER, "250", "of audio between interim results")       \
    X("speech", "endpoint-ms", endpoint_ms, NUMBER, "300", "silence that ends an utterance")       \
    X("speech", "utterance-max-ms", utterance_max_ms, NUMBER, "0",                                 \
      "longer speech is cut; 0: never")                                                            \
    X("speech", "tail-error", tail_error, REAL, "0.1",                                             \
      "share of interim results with a wrong last word")                                           \
    X("speech", "streams-max", speech_streams_max, NUMBER, "100", "of a connection")               \
    X("speech", "sessions-max", speech_sessions_max, NUMBER, "0",                                  \
      "streams at once, then RESOURCE_EXHAUSTED; 0: no limit")                                     \
    X("speech", "cut-s", speech_cut_s, NUMBER, "305",                                              \
      "age at which every stream ends with OUT_OF_RANGE; 0: never")                                \
    X("speech", "idle-s", speech_idle_s, NUMBER, "10", "without audio a stream ends; 0: never")    \
    X("speech", "faults", speech_faults, TEXT, "", "see --faults")                                 \
    X("chat", "port", chat_port, NUMBER, "8456", "0: any free one")                                \
    X("chat", "first-token", chat_first_token, TEXT, "150", "request read to first token, ms")     \
    X("chat", "tokens-s", chat_tokens_s, NUMBER, "100",                                            \
      "tokens a second after the first; 0: all at once")                                           \
    X("chat", "waver", chat_waver, REAL, "0",                                                      \
      "share of a translation's last words that are others until more is said")                    \
    X("chat", "streams-max", chat_streams_max, NUMBER, "100", "of a connection")                   \
    X("chat", "requests-minute", requests_minute, NUMBER, "0", "quota, answered by 429; 0: none")  \
    X("chat", "tokens-minute", tokens_minute, NUMBER, "0", "quota, answered by 429; 0: none")      \
    X("chat", "key", chat_key, TEXT, "", "bearer token asked for; empty: none")                    \
    X("chat", "faults", chat_faults, TEXT, "", "see --faults")

struct sim_config {
#define SIM_CONFIG_FIELD_TEXT(field)              char *field;
#define SIM_CONFIG_FIELD_NUMBER(field)            int64_t field;
#define SIM_CONFIG_FIELD_REAL(field)              double field;
#define SIM_CONFIG_FIELD_BOOL(field)              bool field;
#define X(section, key, field, kind, value, help) SIM_CONFIG_FIELD_##kind(field)
    SIM_CONFIG_TABLE(X)
#undef X
};

void sim_config_init(struct sim_config *config);
void sim_config_deinit(struct sim_config *config);
/* An INI file over what is there. STATUS_NOT_FOUND, STATUS_INVALID with file:line and a sentence.
 */
int sim_config_file(struct sim_config *config, const char *path, char *error, unsigned size);
/* One value by "section", "key". STATUS_INVALID with a sentence. */
int sim_config_set(struct sim_config *config, const char *section, const char *key,
                   const char *value, char *error, unsigned size);
