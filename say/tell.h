/*
 * What sotto-say tells the person when something is wrong, and what to do about it.
 *
 * Threads: one owner, the output's.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct client_end;
struct event;
struct outcome;
struct output;
struct say_url;

/* An error message of the server. */
void tell_error(struct output *output, const struct event *event);
/* The connection is over before its time; `refused`: an error message has said why. */
void tell_end(struct output *output, const struct say_url *url, bool refused,
              const struct client_end *end);
/* A durable message is missing before this one, or this one came twice. */
void tell_broken(struct output *output, uint64_t seq, bool gap);
/* A try to reconnect, the attempts-th, is awaited; `full`: audio is being given up. */
void tell_waiting(struct output *output, unsigned attempts, bool full);
/* The session ended without what was asked for. */
void tell_empty(struct output *output, const struct outcome *outcome);
