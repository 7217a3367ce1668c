/*
 * Whom a connection comes from: the network address that counts, and whether a proxy may speak for
 * it. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* IPv6 as it is; IPv4 as ::ffff:a.b.c.d, from an IPv6 socket too. */
struct peers_address {
    uint8_t bytes[16];
};

/* STATUS_UNSUPPORTED: neither IPv4 nor IPv6. */
int peers_address_from(struct peers_address *out, const struct sockaddr *address);
/* "192.0.2.1", "192.0.2.1:80", "2001:db8::1", "[2001:db8::1]:80". STATUS_INVALID. */
int peers_address_parse(struct peers_address *out, const char *text, size_t len);
bool peers_address_loopback(const struct peers_address *address);
/* What is counted: all of an IPv4 address, the first 64 bits of an IPv6 one. */
struct peers_address peers_address_network(const struct peers_address *address);

/* Those whose word is taken: "127.0.0.1, 10.0.0.0/8, 2001:db8::/32". */
struct peers_proxies {
    struct peers_proxy {
        struct peers_address address;
        uint8_t bits; /* that must agree, of 128 */
    } of[16];
    unsigned len;
};

/* STATUS_INVALID: not such a list; STATUS_LIMIT: too long. */
int peers_proxies_parse(struct peers_proxies *out, const char *text);
bool peers_proxies_have(const struct peers_proxies *proxies, const struct peers_address *address);
/*
 * The client that a proxy speaks for: the last address of `header` that is no proxy itself, since
 * those before it may be of the client's own invention. `header` is the value of X-Forwarded-For or
 * of Forwarded (RFC 7239: for=…). STATUS_NOT_FOUND: none, or it hides.
 */
int peers_forwarded(const struct peers_proxies *proxies, const char *header,
                    struct peers_address *out);
