/*
 * What one client may take of the server: connections and sessions at a time, connections whose
 * request has not come whole among them, handshakes a second, failed tokens a minute, by network
 * address (an IPv4 address, or the /64 of an IPv6 one, which one subscriber has to himself), and
 * sessions by the subject of a token. Who reaches a cap is refused; the others do not notice.
 *
 * Addresses that are believed to forward for others (`proxies`) are not counted themselves: what
 * they say in Forwarded or X-Forwarded-For is (server/peers_address.h). Loopback is not counted
 * unless told.
 *
 * The table is bounded: there is room for every connection and session there can be and for
 * PEERS_IDLE_MAX more, of which those seen longest ago are forgotten first.
 *
 * Threads: any, under one short lock. A hold is a number that its holder gives back once.
 */
#pragma once

#include "server/peers_address.h"
#include <stdbool.h>
#include <stdint.h>

struct buf;
struct peers;

#define PEERS_MAP(X)                                                                               \
    X(CONNECTIONS, "connections", "too many connections are open from this address")               \
    X(UNFINISHED, "unfinished",                                                                    \
      "too many connections of this address have not asked for anything")                          \
    X(SESSIONS, "sessions", "too many sessions are open from this address")                        \
    X(HANDSHAKES, "handshakes", "too many connections were begun from this address")               \
    X(FAILURES, "failures", "too many tokens of this address were refused")                        \
    X(SUBJECT, "subject", "too many sessions are open with this token's subject")

enum peers_reason {
    PEERS_OK,
#define X(name, label, text) PEERS_##name,
    PEERS_MAP(X)
#undef X
        PEERS_REASONS
};

/* 0: no cap. */
struct peers_config {
    uint32_t connections, sessions; /* at a time */
    uint32_t unfinished;            /* connections of which no whole request has come yet */
    uint32_t handshakes;            /* a second, as many at once */
    uint32_t failures;              /* a minute */
    uint32_t subject_sessions;      /* at a time, of one token subject */
};

/* `live_max`: connections and sessions there can be together. NULL: out of memory. */
struct peers *peers_create(const struct peers_config *config, uint32_t live_max);
void peers_destroy(struct peers *peers);

/* What is held by who takes a place; 0: nothing is counted, and giving it back does nothing. */
typedef uint32_t peers_hold;

/*
 * A connection begins: counts a handshake and takes a place among the connections of `address` and
 * among the unfinished ones. PEERS_OK, and `*hold` until peers_arrived() and peers_disconnect();
 * else a reason of the address's caps.
 */
int peers_connect(struct peers *peers, const struct peers_address *address, int64_t now_us,
                  peers_hold *hold);
/* Its request has come whole, or never will: once. */
void peers_arrived(struct peers *peers, peers_hold hold);
void peers_disconnect(struct peers *peers, peers_hold hold);
/* A session begins on the connection that has `hold`: takes a place among those of its address,
 * which outlives the connection. PEERS_OK, and `*taken` until peers_leave(); PEERS_SESSIONS. */
int peers_enter(struct peers *peers, peers_hold hold, peers_hold *taken);
/* The same by the subject of its token: PEERS_SUBJECT. */
int peers_enter_subject(struct peers *peers, const char *subject, peers_hold *taken);
void peers_leave(struct peers *peers, peers_hold taken);
/* A token of the connection that has `hold` was refused. PEERS_FAILURES: once too often, until the
 * minute is over its address is refused by peers_connect(). */
int peers_failed(struct peers *peers, peers_hold hold, int64_t now_us);

/* "connections" …, what a client is told. `reason` above PEERS_OK. */
const char *peers_label(int reason);
const char *peers_text(int reason);
/* After how long the refused may try again. */
uint32_t peers_retry_ms(int reason);
/* Counts a refusal that was told to a client. */
void peers_count(struct peers *peers, int reason);
/* Addresses and subjects that hold something now. */
uint32_t peers_live(struct peers *peers);
/* Appends its metrics. */
void peers_report(struct peers *peers, struct buf *out);
