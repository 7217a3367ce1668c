/* The bounds of HTTP requests and of transcripts, with units. */
#pragma once

#include "server/limits.h"

#define LANGUAGE_TAG_BYTES    36                /* a BCP-47 tag with its end */
#define TRANSCRIPT_LANGS_MAX  (TARGETS_MAX + 1) /* languages of one transcript */
#define TRANSCRIPT_CUES       64    /* segments that wait for their translations in a transcript */
#define TRANSCRIPT_NAME_BYTES 96    /* of a transcript's file name */
#define HTTP_ARGS_BYTES       1024  /* the query of a request */
#define HTTP_LIST_DEFAULT     100   /* messages or sessions of a page, unless `limit` says else */
#define HTTP_LIST_MAX         500   /* what `limit` may say */
#define HTTP_POST_BYTES_MAX   16384 /* body of a request */
#define HTTP_DISCARD_BYTES                                                                         \
    (1 << 20)                         /* of a body nobody wants; a longer one ends the connection  \
                                       */
#define HTTP_REQUESTS_MAX   256       /* answered at a time by workers; past it 503 */
#define HTTP_EXPORTS_MAX    4         /* of classes at a time; past it 429 */
#define HTTP_PAGE           500       /* messages rendered at a time */
#define HTTP_PAGE_BYTES_MAX (4 << 20) /* what becomes of them */
#define HTTP_ETAG_BYTES     128       /* If-None-Match; a longer one knows nothing of ours */
#define HTTP_RETRY_S        3         /* Retry-After of a refusal for want of room */
#define HTTP_TTL_DEFAULT_S  3600      /* a token that POST /v1/tokens mints */
#define HTTP_TTL_MAX_S      86400     /* likewise, the longest */
#define HTTP_WRITE_BYTES    16384     /* handed to a socket at a time */
#define HTTP_STALL_S        30        /* an answer of which the client takes nothing for so long */
