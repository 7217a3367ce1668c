/*
 * What a client says, parsed: the JSON of sotto.v1 §2 turned into one struct. Parsing runs on
 * workers only.
 *
 * Memory: a message owns an arena that holds all its strings; client_message_free() ends both,
 * unless the session has taken the arena.
 */
#pragma once

#include "server/limits.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;

enum client_kind {
    CLIENT_BAD,     /* not a message; `problem` says why */
    CLIENT_UNKNOWN, /* a type nobody knows; `problem` names it */
    CLIENT_START,
    CLIENT_UPDATE,
    CLIENT_ACTIVITY,
    CLIENT_FLUSH,
    CLIENT_END,
};

enum stability { STABILITY_LOW = 1, STABILITY_MEDIUM, STABILITY_HIGH };

struct glossary_entry {
    const char *from, *to, *lang;
};

/* Which fields of struct client_settings were sent. */
enum client_has {
    HAS_TARGETS = 1 << 0,
    HAS_GRAMMAR = 1 << 1,
    HAS_PARTIALS = 1 << 2,
    HAS_STABILITY = 1 << 3,
    HAS_EXPLAIN = 1 << 4,
    HAS_VOCABULARY = 1 << 5,
    HAS_GLOSSARY = 1 << 6,
};

struct client_settings {
    unsigned has;
    const char *source; /* "" when not sent */
    const char *targets[TARGETS_MAX];
    unsigned targets_len;
    uint32_t rate; /* 0 when not sent */
    bool grammar, partials;
    enum stability stability;
    const char *explain_in; /* "" when not sent */
    const char **vocabulary;
    unsigned vocabulary_len;
    struct glossary_entry *glossary;
    unsigned glossary_len;
    const char *class_name, *name; /* "" when not sent */
    /* First segment of each target, and of grammar: what a session that is restored owes. */
    uint32_t targets_since[TARGETS_MAX], grammar_since;
};

/* session.start of a client that comes back. */
struct client_resume {
    bool wanted;
    char session[SESSION_NAME_BYTES]; /* "" when it cannot be one */
    const char *token;
    uint64_t seq;
};

struct client_message {
    enum client_kind kind;
    const char *token;               /* START; "" when not sent */
    const char *code;                /* error code for CLIENT_BAD and CLIENT_UNKNOWN */
    const char *problem;             /* what to tell the client; in the arena or static */
    struct client_settings settings; /* START, UPDATE */
    struct client_resume resume;     /* START */
    const char *flush_id;            /* FLUSH; "" when none */
    bool speaking;                   /* ACTIVITY */
    uint64_t audio_samples;          /* ACTIVITY */
    struct arena *arena;
};

/* Parses one text message. Never fails: what is wrong is a kind. NULL only when out of memory. */
struct client_message *client_message_parse(const char *text, size_t len);
/* Makes it CLIENT_BAD: "text: detail". Once it has been parsed. */
void client_message_refuse(struct client_message *message, const char *code, const char *text,
                           const char *detail);
void client_message_free(struct client_message *message);

/* "low" … "high". */
const char *stability_name(enum stability stability);
/* A well-formed BCP-47 tag as clients send it: letters, digits and hyphens, 2–35 bytes, language of
 * 2 or 3 letters. */
bool language_tag_valid(const char *tag);
/* Same language, region and script set aside: "en-US" and "en-gb". */
bool language_same_base(const char *a, const char *b);
