/*
 * Who answers: one description for each API that translates or corrects. Facts where APIs differ by
 * a word, functions where they differ in shape. pool/chat_compatible.c holds those that speak chat
 * completions, pool/chat_deepl.c and pool/chat_libretranslate.c the others; docs/providers.md tells
 * how to add one.
 *
 * Threads: constants and pure functions, any thread; what reads or writes JSON on workers only.
 */
#pragma once

#include "base/buf.h"
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct chat_account;
struct chat_error;
struct chat_reader;
struct chat_request;
struct json_t;

#define CHAT_LANGUAGE_BYTES 16 /* of an API's own name of a language, its NUL included */

enum chat_can {
    CHAT_CAN_TRANSLATE = 1,
    CHAT_CAN_CORRECT = 2,
    CHAT_CAN_FOLLOW = 4,        /* instructions; others get text and languages, nothing more */
    CHAT_CAN_STREAM = 8,        /* its answers, as server-sent events */
    CHAT_CAN_STREAM_USAGE = 16, /* knows stream_options.include_usage */
    CHAT_CAN_SCHEMA = 32,       /* response_format json_schema; else json_object is asked for */
};

/* A BCP-47 tag, or the beginning of one, and what the API calls it. */
struct chat_language {
    const char *tag, *code;
};

/* What an answer's JSON says, borrowed from it. */
struct chat_answer {
    const char *text;
    uint32_t used; /* what the API bills, in the unit of chat_request_cost(); 0: not told */
};

struct chat_provider {
    const char *name;          /* in the configuration */
    unsigned can;              /* bits of enum chat_can */
    const char *path;          /* of a request, after the base of the URL; NULL: path_write knows */
    const char *probe;         /* of the GET that keeps connections warm */
    const char *key_header;    /* NULL: the key is in the body, where there is one */
    const char *key_prefix;    /* before the key, in its header */
    const char *default_model; /* NULL: the configuration must name one; "": it has no models */
    const char *default_url;   /* NULL: the configuration must name it */
    /* A key that ends so belongs to another host; NULL: none does. */
    const char *free_suffix, *free_url;
    const char *max_tokens_field;
    /* Languages by tag; NULL: it is told the tag itself. */
    const struct chat_language *sources, *targets;
    int (*path_write)(const struct chat_account *account, bool probe, struct buf *out);
    /* Appends the body. NULL: chat completions, like the two below. */
    int (*request_write)(const struct chat_request *request, struct buf *out);
    /* STATUS_PROTOCOL: not what this API answers. */
    int (*answer_read)(const struct json_t *root, struct chat_answer *out);
    /* Corrects what chat_error_read() and the status have told. */
    void (*error_judge)(int http_status, struct chat_error *error);
};

extern const struct chat_provider chat_openai, chat_azure, chat_vllm, chat_ollama, chat_llama_cpp,
    chat_deepl, chat_deepl_write, chat_libretranslate;

/* NULL: none has this name. */
const struct chat_provider *chat_provider_find(const char *name);
/* Their names, " or " before the last, of those that can all of `can`. */
void chat_provider_names(unsigned can, struct buf *out);

/* How the API of one side, translation or grammar, is asked. Strings that are NULL or "" mean what
 * the provider says. */
struct chat_api {
    const struct chat_provider *provider; /* NULL: chat_openai */
    const char *key;                      /* for a body that holds it */
    const char *glossary;                 /* deepl: its id */
    const char *max_tokens_field;
    const char *system_role;      /* "": system; user: instructions stand before the text */
    const char *reasoning_effort; /* "": not sent */
    bool no_temperature;          /* the model takes none but its own */
    /* What the API has refused since the start, bits of enum chat_unwanted; relaxed: a hint. NULL:
     * nothing is learnt. */
    _Atomic unsigned *unwanted;
};

/* Fields of a request that some models of an API refuse. */
enum chat_unwanted {
    CHAT_NO_TEMPERATURE = 1,
    CHAT_NO_REASONING_EFFORT = 2,
    CHAT_NO_STREAM_OPTIONS = 4,
    CHAT_OTHER_MAX_TOKENS = 8, /* the bound has the other of its two names */
    CHAT_NO_SCHEMA = 16,       /* response_format json_schema; json_object is asked for instead */
    CHAT_NO_JSON_OBJECT = 32,  /* that neither: the prompt alone asks for JSON */
};

/* True for an error that says which of these fields is not wanted: requests written from now on go
 * without it. `news`: that was not known before. Any thread. */
bool chat_api_learn(const struct chat_api *api, int http_status, const struct chat_error *error,
                    bool *news);

/* False once it has refused the field of that bit. Any thread. */
bool chat_api_wants(const struct chat_api *api, enum chat_unwanted bit);
/* True when it does what a system prompt says; else it only gets text and languages. */
bool chat_api_follows(const struct chat_api *api);

/* Where requests go and who pays. */
struct chat_account {
    const struct chat_provider *provider; /* NULL: chat_openai */
    const char *url;                      /* https://host[:port][/base], no trailing slash */
    const char *key, *organization;       /* NULL or "": none */
    const char *deployment, *api_version; /* azure; NULL or "": the API that needs none */
};

/* Appends the URL of requests, or of the GET that keeps connections warm. STATUS_INVALID: a part of
 * it cannot stand in a URL. */
int chat_provider_url(const struct chat_account *account, bool probe, struct buf *out);
/* Appends one header of the account, "name: value", by its number from 0 on. STATUS_NOT_FOUND:
 * there are no more. STATUS_INVALID: its value cannot be sent. */
int chat_provider_header(const struct chat_account *account, unsigned number, struct buf *out);

/* What the API calls a language that is spoken, or translated into. The longest tag it knows that
 * `tag` begins with counts: "es-MX" is "es" where nobody knows more. STATUS_NOT_FOUND: it does not
 * know the language. */
int chat_provider_language(const struct chat_provider *provider, bool target, const char *tag,
                           char out[CHAT_LANGUAGE_BYTES]);

/* Reads the answers of this API: as chat_reader_create(). */
struct chat_reader *chat_provider_reader(const struct chat_provider *provider, bool stream);
/* As chat_error_read(), with what the status means to this API. */
void chat_provider_error(const struct chat_provider *provider, int http_status, const void *body,
                         size_t len, struct chat_error *out);
