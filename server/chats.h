/*
 * The APIs that translate and correct, as [chat] and [grammar] of the configuration name them: one
 * for both, or one each.
 *
 * Threads: filled before the others start, unchanged afterwards but for the atomics.
 * Memory: its strings are the configuration's or constants; it points into itself and stays where
 * it was filled.
 */
#pragma once

#include "pool/chat_provider.h"
#include "pool/pool.h"
#include <stdbool.h>
#include <stdio.h>

struct client_message;
struct config;

enum chats_side { CHATS_TRANSLATE, CHATS_GRAMMAR, CHATS_SIDES };

/* How one side is asked. */
struct chat_side {
    struct chat_api api;
    const char *model;
    bool json_schema; /* grammar: the API takes one */
};

struct chats {
    _Atomic unsigned unwanted[CHATS_SIDES]; /* learnt while it runs, by any worker */
    struct chat_side side[CHATS_SIDES];
    struct pool_config pool[CHATS_SIDES];
    unsigned pools; /* 1: the first serves both sides */
    bool corrects;  /* somebody does */
};

/* STATUS_INVALID: `err` got one line that says what to do. */
int chats_init(struct chats *chats, const struct config *config, FILE *err);

/* What a client's start or update asks of them that they cannot: a start into a language that they
 * do not know becomes CLIENT_BAD, corrections that nobody makes are switched off. */
void chats_check(const struct chats *chats, struct client_message *message);
