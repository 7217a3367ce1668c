/* The bounds of tokens, tickets and their keys, with units. */
#pragma once

#define TOKEN_BYTES_MAX   4096 /* a token's text */
#define TOKEN_KEYS_MAX    32   /* keys at a time */
#define TOKEN_KID_MAX     64   /* bytes of a key id: letters, digits, '-', '_' and '.' */
#define TOKEN_SECRET_MIN  32   /* bytes of an HMAC secret at least, RFC 7518 §3.2 */
#define TOKEN_RSA_BITS    2048 /* of an RSA key at least, RFC 7518 §3.3 */
#define TOKEN_LEEWAY_S    30   /* clocks that differ */
#define TOKEN_CLASSES_MAX 64   /* classes of one token */
#define TOKEN_NAME_MAX    200  /* bytes of a subject, a class, a token's id */
#define TICKET_CHARS      43   /* base64url of 32 random bytes */
#define TICKET_LIFE_S     60   /* from issue to use */
#define TICKETS_MAX       4096 /* not yet used, all bearers together */
