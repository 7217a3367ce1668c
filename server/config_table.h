/*
 * Every option, once: X(section, key, field, kind, default, lowest, highest, help).
 * Kinds: TEXT, SECRET, BOOL, NUMBER, CHOICE (`default` first, the choices in `help` after "one
 * of").
 */
#pragma once

/* A provider that is asked when those before it fail. */
#define CONFIG_FURTHER(X, section, field)                                                          \
    X(section, "api", field.api, TEXT, "", 0, 0,                                                   \
      "a further speech API, asked when those before it fail; empty: there is none")               \
    X(section, "target", field.target, TEXT, "", 0, 0, "as in [stt]")                              \
    X(section, "project", field.project, TEXT, "", 0, 0, "as in [stt]")                            \
    X(section, "location", field.location, TEXT, "global", 0, 0, "as in [stt]")                    \
    X(section, "recognizer", field.recognizer, TEXT, "_", 0, 0, "as in [stt]")                     \
    X(section, "plaintext", field.plaintext, BOOL, "false", 0, 0, "as in [stt]")                   \
    X(section, "ca", field.ca, TEXT, "", 0, 0, "as in [stt]")                                      \
    X(section, "credentials", field.credentials, TEXT, "", 0, 0, "as in [stt]")                    \
    X(section, "api_key", field.api_key, SECRET, "", 0, 0, "as in [stt]")                          \
    X(section, "quota_project", field.quota_project, TEXT, "", 0, 0, "as in [stt]")                \
    X(section, "model", field.model, TEXT, "", 0, 0, "as in [stt]")                                \
    X(section, "boost", field.boost, NUMBER, "0", 0, 100, "as in [stt]")                           \
    X(section, "endpointing", field.endpointing, TEXT, "standard", 0, 0, "as in [stt]")            \
    X(section, "channels", field.channels, NUMBER, "32", 1, 256, "as in [stt]")                    \
    X(section, "streams_per_channel", field.streams_per_channel, NUMBER, "80", 1, 100,             \
      "as in [stt]")

/* Another place where the API of [chat] is spoken. */
#define CONFIG_FURTHER_CHAT(X, section, field)                                                     \
    X(section, "url", field.url, TEXT, "", 0, 0,                                                   \
      "base of a further upstream that speaks the same API; empty: there is none")                 \
    X(section, "weight", field.weight, NUMBER, "0", 0, 100,                                        \
      "its part of the requests beside the others' weights; 0: only when those with a weight "     \
      "fail")                                                                                      \
    X(section, "key", field.key, SECRET, "", 0, 0, "as in [chat]")                                 \
    X(section, "organization", field.organization, TEXT, "", 0, 0, "as in [chat]")                 \
    X(section, "ca", field.ca, TEXT, "", 0, 0, "as in [chat]")                                     \
    X(section, "deployment", field.deployment, TEXT, "", 0, 0, "as in [chat]")                     \
    X(section, "api_version", field.api_version, TEXT, "", 0, 0, "as in [chat]")                   \
    X(section, "connections", field.connections, NUMBER, "4", 1, 64, "as in [chat]")               \
    X(section, "streams", field.streams, NUMBER, "100", 1, 1000, "as in [chat]")

#define CONFIG_TABLE(X)                                                                            \
    X("server", "listen", listen, TEXT, "127.0.0.1:8080", 0, 0,                                    \
      "address and port; beyond loopback [auth] keys and [tls] cert are needed")                   \
    X("server", "insecure", insecure, BOOL, "false", 0, 0,                                         \
      "listen beyond loopback without keys or without TLS: anybody may speak, everybody may "      \
      "listen in")                                                                                 \
    X("server", "fronts", fronts, NUMBER, "1", 1, 64,                                              \
      "front threads, each with a loop of its own")                                                \
    X("server", "workers", workers, NUMBER, "2", 1, 64, "worker threads (JSON)")                   \
    X("server", "loop", loop, TEXT, "auto", 0, 0, "event loop backend: auto, uring or epoll")      \
    X("server", "log", log, TEXT, "info", 0, 0,                                                    \
      "level (error, warn, info, debug, trace), then area=level pairs: info,stt=debug")            \
    X("server", "origins", origins, TEXT, "", 0, 0,                                                \
      "allowed Origin values, comma separated; empty: the server's own")                           \
    X("server", "connections_max", connections_max, NUMBER, "20000", 1, 1000000,                   \
      "open connections; past it HTTP 503")                                                        \
    X("server", "sessions_max", sessions_max, NUMBER, "2000", 1, 100000,                           \
      "live sessions; past it over_capacity")                                                      \
    X("server", "idle_ms", idle_ms, NUMBER, "300000", 1000, 86400000,                              \
      "a session that sends nothing for so long ends")                                             \
    X("server", "session_ms", session_ms, NUMBER, "14400000", 1000, 604800000,                     \
      "the longest a session may last")                                                            \
    X("server", "resume_ms", resume_ms, NUMBER, "120000", 0, 3600000,                              \
      "a session whose connection died is held for so long; 0: it ends")                           \
    X("server", "ping_s", ping_s, NUMBER, "30", 1, 3600,                                           \
      "a silent client is pinged after so many seconds, given up after half as many more")         \
    X("server", "flush_ms", flush_ms, NUMBER, "10000", 100, 60000, "limit of an audio.flush")      \
    X("server", "drain_ms", drain_ms, NUMBER, "10000", 100, 60000,                                 \
      "after session.end: limit for delivering what is owed")                                      \
    X("server", "stop_ms", stop_ms, NUMBER, "10000", 500, 600000,                                  \
      "from SIGTERM to the end of the process at most")                                            \
    X("server", "takeover", takeover, BOOL, "false", 0, 0,                                         \
      "a server that listens on this port already is no error: new connections are "               \
      "shared, and all come here once it is told to stop")                                         \
    X("server", "proxies", proxies, TEXT, "", 0, 0,                                                \
      "addresses of proxies, comma separated, as 10.0.0.0/8 too: their Forwarded or "              \
      "X-Forwarded-For is believed")                                                               \
    X("server", "web_path", web_path, TEXT, "", 0, 0,                                              \
      "folder the web pages are read from, for working on them; empty: those in the program")      \
    X("peers", "connections", peers_connections, NUMBER, "500", 0, 1000000,                        \
      "open connections of one address, or of one /64 of IPv6; a school may be behind "            \
      "one; 0: any number")                                                                        \
    X("peers", "unfinished", peers_unfinished, NUMBER, "200", 0, 1000000,                          \
      "of these, how many may not have sent a whole request yet; 0: any number")                   \
    X("peers", "sessions", peers_sessions, NUMBER, "250", 0, 100000,                               \
      "live sessions of one address; 0: any number")                                               \
    X("peers", "handshakes", peers_handshakes, NUMBER, "250", 0, 100000,                           \
      "connections one address may begin a second: a browser opens six for a page, and a class "   \
      "may be behind one address; 0: any number")                                                  \
    X("peers", "failures", peers_failures, NUMBER, "60", 0, 100000,                                \
      "wrong tokens of one address a minute, past which it is refused; 0: any number")             \
    X("peers", "subject_sessions", peers_subject_sessions, NUMBER, "8", 0, 100000,                 \
      "live sessions with one subject of tokens; 0: any number")                                   \
    X("peers", "loopback", peers_loopback, BOOL, "false", 0, 0,                                    \
      "connections from this machine are counted too")                                             \
    X("admission", "lag_ms", admission_lag_ms, NUMBER, "250", 0, 60000,                            \
      "no session is taken while loops are so late (p99, for a second of two); 0: however late")   \
    X("admission", "queue_ms", admission_queue_ms, NUMBER, "1000", 0, 60000,                       \
      "nor while work waits so long for a worker or for the speech thread; 0: however long")       \
    X("admission", "memory_percent", admission_memory_percent, NUMBER, "90", 0, 100,               \
      "nor while the process holds so much of its control group's or the machine's memory; "       \
      "0: all")                                                                                    \
    X("admission", "descriptors_percent", admission_descriptors_percent, NUMBER, "95", 0, 100,     \
      "nor while so many of its file descriptors are open; 0: all")                                \
    X("admission", "session_requests", admission_session_requests, NUMBER, "2", 0, 1000,           \
      "requests a minute of the chat budget that a session should find at least; 0: "              \
      "whatever")                                                                                  \
    X("admission", "starts_per_second", admission_starts_per_second, NUMBER, "500", 50, 100000,    \
      "sessions started a second at most; fewer while loops are late; others wait their "          \
      "turn")                                                                                      \
    X("auth", "keys", auth_keys, TEXT, "", 0, 0,                                                   \
      "folder of the keys that tokens are signed with (docs/tokens.md); empty: everybody may "     \
      "speak")                                                                                     \
    X("auth", "token_age_s", auth_token_age_s, NUMBER, "86400", 0, 315360000,                      \
      "a token is good for so long after its iat, whatever its exp; 0: any time")                  \
    X("auth", "audience", auth_audience, TEXT, "sotto", 0, 0,                                      \
      "a token that has aud must name it; empty: any")                                             \
    X("tls", "cert", tls_cert, TEXT, "", 0, 0,                                                     \
      "PEM file of the certificate and its chain; empty: no TLS")                                  \
    X("tls", "key", tls_key, TEXT, "", 0, 0,                                                       \
      "PEM file of its key; empty: it is in the file of the certificate")                          \
    X("webhook", "url", webhook_url, TEXT, "", 0, 0,                                               \
      "https address that is told of ends of sessions and of alerts (docs/webhooks.md); empty: "   \
      "nobody is")                                                                                 \
    X("webhook", "secret", webhook_secret, SECRET, "", 0, 0,                                       \
      "that letters are signed with: whsec_ and base64, or 16 to 128 characters")                  \
    X("webhook", "ca", webhook_ca, TEXT, "", 0, 0,                                                 \
      "PEM file of trusted roots; empty: the system's")                                            \
    X("webhook", "private", webhook_private, BOOL, "false", 0, 0,                                  \
      "the address may be of this machine or of a private network")                                \
    X("webhook", "tries", webhook_tries, NUMBER, "6", 1, 20,                                       \
      "of a letter, 1, 4, 16 … seconds apart; then it is a dead letter")                           \
    X("store", "path", store_path, TEXT, "", 0, 0,                                                 \
      "SQLite file of transcripts and sessions; empty: sotto.db in the state folder; none: in "    \
      "memory only")                                                                               \
    X("store", "sync", store_sync, TEXT, "full", 0, 0,                                             \
      "full: what was sent survives a power cut; normal: only the end of the process")             \
    X("store", "group_ms", store_group_ms, NUMBER, "5", 0, 5,                                      \
      "the longest a write waits for others to share its commit")                                  \
    X("store", "retention_days", store_retention_days, NUMBER, "0", 0, 36500,                      \
      "sessions that began so long ago are deleted; 0: never")                                     \
    X("stt", "api", stt[0].api, TEXT, "google_v1", 0, 0,                                           \
      "how the speech API is spoken to: google_v1, google_v2 or riva")                             \
    X("stt", "target", stt[0].target, TEXT, "127.0.0.1:50051", 0, 0,                               \
      "speech API, host:port (gRPC); empty: Google's host of the location")                        \
    X("stt", "project", stt[0].project, TEXT, "", 0, 0, "google_v2: project of the recognizer")    \
    X("stt", "location", stt[0].location, TEXT, "global", 0, 0,                                    \
      "google: where speech is recognised, such as global, us, eu; of google_v2 also a region")    \
    X("stt", "recognizer", stt[0].recognizer, TEXT, "_", 0, 0,                                     \
      "google_v2: a recognizer of the project; _: none, the request says all")                     \
    X("stt", "plaintext", stt[0].plaintext, BOOL, "false", 0, 0, "no TLS; loopback targets only")  \
    X("stt", "ca", stt[0].ca, TEXT, "", 0, 0, "PEM file of trusted roots; empty: the system's")    \
    X("stt", "credentials", stt[0].credentials, TEXT, "", 0, 0,                                    \
      "google (application default credentials), a file with a service account's or user's key "   \
      "(JSON) or a bearer token, or empty")                                                        \
    X("stt", "api_key", stt[0].api_key, SECRET, "", 0, 0,                                          \
      "x-goog-api-key, instead of credentials; better in SOTTO_STT_API_KEY than in a file")        \
    X("stt", "quota_project", stt[0].quota_project, TEXT, "", 0, 0, "x-goog-user-project")         \
    X("stt", "model", stt[0].model, TEXT, "", 0, 0,                                                \
      "recognition model, such as latest_long; empty: the API's default, google_v2: long")         \
    X("stt", "boost", stt[0].boost, NUMBER, "0", 0, 100,                                           \
      "weight of a session's vocabulary; google takes up to 20; 0: the API's default")             \
    X("stt", "endpointing", stt[0].endpointing, TEXT, "standard", 0, 0,                            \
      "how soon the API calls an utterance final: standard, short or supershort (google_v2, "      \
      "riva)")                                                                                     \
    X("stt", "punctuation", stt_punctuation, BOOL, "true", 0, 0, "automatic punctuation")          \
    X("stt", "channels", stt[0].channels, NUMBER, "32", 1, 256, "gRPC channels at most")           \
    X("stt", "streams_per_channel", stt[0].streams_per_channel, NUMBER, "80", 1, 100,              \
      "speech streams on one channel")                                                             \
    X("stt", "block_ms", stt_block_ms, NUMBER, "100", 20, 400, "audio coalesced into one message") \
    X("stt", "agreement", stt_agreement, NUMBER, "2", 1, 10,                                       \
      "successive hypotheses that must agree before a word is committed; low stability takes "     \
      "half "                                                                                      \
      "as many, high half as many more")                                                           \
    X("stt", "idle_close_ms", stt_idle_close_ms, NUMBER, "8000", 500, 9500,                        \
      "a stream without audio for so long is closed and reopened at the next audio")               \
    X("stt", "silence_close_ms", stt_silence_close_ms, NUMBER, "4000", 0, 600000,                  \
      "when nobody has spoken for so long nothing is streamed until somebody does; 0: never")      \
    X("stt", "ring_ms", stt_ring_ms, NUMBER, "45000", 5000, 120000,                                \
      "audio not yet final that is kept for replay")                                               \
    X("stt", "soft_ms", stt_soft_ms, NUMBER, "240000", 1000, 290000,                               \
      "age at which a stream is replaced at the next final")                                       \
    X("stt", "hard_ms", stt_hard_ms, NUMBER, "290000", 2000, 300000,                               \
      "age at which a stream is replaced regardless")                                              \
    CONFIG_FURTHER(X, "stt.2", stt[1])                                                             \
    CONFIG_FURTHER(X, "stt.3", stt[2])                                                             \
    X("chat", "provider", chat_provider, TEXT, "openai", 0, 0,                                     \
      "whose API translates: openai, azure, vllm, ollama, llama_cpp, deepl or libretranslate")     \
    X("chat", "url", chat_url, TEXT, "", 0, 0,                                                     \
      "base of the API; empty: where the provider is usually found, openai: sotto-local's")        \
    X("chat", "key", chat_key, SECRET, "", 0, 0,                                                   \
      "API key; better in SOTTO_CHAT_KEY than in a file")                                          \
    X("chat", "deployment", chat_deployment, TEXT, "", 0, 0,                                       \
      "azure: the deployment of a dated API; empty: the v1 API, where the model names it")         \
    X("chat", "api_version", chat_api_version, TEXT, "", 0, 0,                                     \
      "azure: the date of that API, such as 2024-10-21")                                           \
    X("chat", "glossary", chat_glossary, TEXT, "", 0, 0,                                           \
      "deepl: id of a glossary that holds every pair of languages that is translated")             \
    X("chat", "weight", chat_weight, NUMBER, "1", 0, 100,                                          \
      "part of the requests beside the weights of [chat.2] and [chat.3]")                          \
    X("chat", "organization", chat_organization, TEXT, "", 0, 0, "OpenAI-Organization header")     \
    X("chat", "ca", chat_ca, TEXT, "", 0, 0, "PEM file of trusted roots; empty: the system's")     \
    X("chat", "connections", chat_connections, NUMBER, "16", 1, 64,                                \
      "HTTP/2 connections kept warm")                                                              \
    X("chat", "streams", chat_streams, NUMBER, "100", 1, 1000, "requests at once on a connection") \
    X("chat", "requests_per_minute", chat_requests_per_minute, NUMBER, "4500", 0, 10000000,        \
      "the provider's limit; 0: none")                                                             \
    X("chat", "tokens_per_minute", chat_tokens_per_minute, NUMBER, "1800000", 0, 4000000000,       \
      "the provider's limit; 0: none")                                                             \
    X("chat", "connect_ms", chat_connect_ms, NUMBER, "3000", 100, 60000,                           \
      "limit of a connect with TLS")                                                               \
    X("chat", "stall_ms", chat_stall_ms, NUMBER, "5000", 100, 60000,                               \
      "a request without a byte for so long is cancelled and tried elsewhere")                     \
    X("chat", "hedge_percent", chat_hedge_percent, NUMBER, "5", 0, 100,                            \
      "of the finals at most are asked for twice when they take longer than 95 % do; 0: none")     \
    X("chat", "age_ms", chat_age_ms, NUMBER, "1800000", 0, 86400000,                               \
      "a connection is replaced before it is so old, without a break; 0: never")                   \
    X("chat", "keepalive_ms", chat_keepalive_ms, NUMBER, "60000", 0, 600000,                       \
      "an idle connection is used this often; 0: never")                                           \
    X("chat", "queue_max", chat_queue_max, NUMBER, "10000", 1, 65536, "requests waiting")          \
    X("chat", "json_schema", chat_json_schema, BOOL, "true", 0, 0,                                 \
      "the API knows response_format json_schema; else json_object is asked for")                  \
    X("chat", "max_tokens_field", chat_max_tokens_field, TEXT, "", 0, 0,                           \
      "name of the field that bounds an answer; empty: the provider's (openai: "                   \
      "max_completion_tokens)")                                                                    \
    X("chat", "system_role", chat_system_role, TEXT, "", 0, 0,                                     \
      "role of the instructions; empty: system; user: they stand before the text")                 \
    X("chat", "reasoning_effort", chat_reasoning_effort, TEXT, "", 0, 0,                           \
      "sent to models that reason, such as none or minimal; empty: not sent")                      \
    X("chat", "temperature", chat_temperature, BOOL, "true", 0, 0,                                 \
      "temperature 0 is asked for; models that reason may refuse any")                             \
    CONFIG_FURTHER_CHAT(X, "chat.2", chat_further[0])                                              \
    CONFIG_FURTHER_CHAT(X, "chat.3", chat_further[1])                                              \
    X("translate", "model", translate_model, TEXT, "", 0, 0,                                       \
      "model asked for translations; empty: the provider's (openai: gpt-4o-mini, deepl: "          \
      "latency_optimized)")                                                                        \
    X("translate", "partial_gap_ms", translate_partial_gap_ms, NUMBER, "1600", 0, 60000,           \
      "least time between two partial requests of a session and language")                         \
    X("translate", "partial_words", translate_partial_words, NUMBER, "2", 1, 100,                  \
      "changed words that are worth a new partial request")                                        \
    X("translate", "stream_words", translate_stream_words, NUMBER, "25", 0, 1000,                  \
      "finals of so many words are streamed, shorter ones asked for whole; 0: all whole")          \
    X("translate", "final_deadline_ms", translate_final_deadline_ms, NUMBER, "10000", 100, 60000,  \
      "a final translation or correction later than this is delivered as failed")                  \
    X("translate", "partial_deadline_ms", translate_partial_deadline_ms, NUMBER, "4000", 100,      \
      60000, "a partial request later than this is dropped")                                       \
    X("translate", "cache", translate_cache, NUMBER, "4096", 1, 1000000,                           \
      "answers kept, all sessions")                                                                \
    X("grammar", "provider", grammar_provider, TEXT, "same", 0, 0,                                 \
      "whose API corrects: same (as [chat]), none, openai, azure, vllm, ollama, llama_cpp or "     \
      "deepl_write; the keys up to temperature count with one of its own")                         \
    X("grammar", "url", grammar_url, TEXT, "", 0, 0, "as in [chat]")                               \
    X("grammar", "key", grammar_key, SECRET, "", 0, 0, "as in [chat]")                             \
    X("grammar", "ca", grammar_ca, TEXT, "", 0, 0, "as in [chat]")                                 \
    X("grammar", "deployment", grammar_deployment, TEXT, "", 0, 0, "as in [chat]")                 \
    X("grammar", "api_version", grammar_api_version, TEXT, "", 0, 0, "as in [chat]")               \
    X("grammar", "connections", grammar_connections, NUMBER, "4", 1, 64, "as in [chat]")           \
    X("grammar", "requests_per_minute", grammar_requests_per_minute, NUMBER, "4500", 0, 10000000,  \
      "as in [chat]")                                                                              \
    X("grammar", "tokens_per_minute", grammar_tokens_per_minute, NUMBER, "1800000", 0, 4000000000, \
      "as in [chat]")                                                                              \
    X("grammar", "json_schema", grammar_json_schema, BOOL, "true", 0, 0, "as in [chat]")           \
    X("grammar", "max_tokens_field", grammar_max_tokens_field, TEXT, "", 0, 0, "as in [chat]")     \
    X("grammar", "system_role", grammar_system_role, TEXT, "", 0, 0, "as in [chat]")               \
    X("grammar", "reasoning_effort", grammar_reasoning_effort, TEXT, "", 0, 0, "as in [chat]")     \
    X("grammar", "temperature", grammar_temperature, BOOL, "true", 0, 0, "as in [chat]")           \
    X("grammar", "model", grammar_model, TEXT, "", 0, 0,                                           \
      "model asked for corrections; empty: the provider's")                                        \
    X("grammar", "partial_gap_ms", grammar_partial_gap_ms, NUMBER, "5000", 0, 60000,               \
      "least time between two partial requests of a session")                                      \
    X("grammar", "partial_words", grammar_partial_words, NUMBER, "12", 1, 100,                     \
      "changed words that are worth a new partial request; the first one as well")                 \
    X("grammar", "cache", grammar_cache, NUMBER, "4096", 1, 1000000, "answers kept, all sessions") \
    X("price", "currency", price_currency, TEXT, "USD", 0, 0, "of the prices below")               \
    X("price", "translate_in", price_translate_in, NUMBER, "0", 0, 1000000000,                     \
      "a million tokens of translations' prompts, in thousandths of the currency; all 0: cost is " \
      "not told")                                                                                  \
    X("price", "translate_cached", price_translate_cached, NUMBER, "0", 0, 1000000000,             \
      "of these, a million the provider took from its cache")                                      \
    X("price", "translate_out", price_translate_out, NUMBER, "0", 0, 1000000000,                   \
      "a million tokens of translations")                                                          \
    X("price", "grammar_in", price_grammar_in, NUMBER, "0", 0, 1000000000,                         \
      "as translate_in, of corrections")                                                           \
    X("price", "grammar_cached", price_grammar_cached, NUMBER, "0", 0, 1000000000,                 \
      "as translate_cached, of corrections")                                                       \
    X("price", "grammar_out", price_grammar_out, NUMBER, "0", 0, 1000000000,                       \
      "as translate_out, of corrections")                                                          \
    X("bench", "without", without, TEXT, "", 0, 0,                                                 \
      "for measuring only, parts to do without, comma separated: workers, prewarm, fair-share, "   \
      "coalescing, uring")
