/* The bounds of pool, with units. */
#pragma once

#define CHAT_REQUEST_STRING_MAX (64 * 1024)   /* bytes of one text in a request */
#define CHAT_ANSWER_MAX         (32 * 1024)   /* bytes of an answer's content */
#define CHAT_BODY_MAX           (1024 * 1024) /* bytes of an answer's body, its framing included */
#define CHAT_ERROR_BODY_MAX     (16 * 1024)   /* bytes of an error's body that are read */
#define SSE_LINE_MAX            (64 * 1024)   /* bytes of one line of an event stream */
#define SSE_EVENT_MAX           (64 * 1024)   /* bytes of one event's data */
#define SSE_NAME_MAX            32            /* bytes kept of an event's name */
