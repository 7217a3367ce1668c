/*
 * Inside stt: reading a response, the same for all wires. A wire names its fields in one function a
 * message; the loops, the bounds and the memory are here.
 *
 * Responses are walked twice with the same code: once to count what they hold, once to fill one
 * block of exactly that size. The second walk cannot fail, since the first one has seen every byte
 * it looks at.
 *
 * Threads: pure functions, any thread.
 */
#pragma once

#include "stt/codec.h"
#include "stt/codec_protobuf.h"

struct stt_walk;

/* Takes one field into `into`, which is of the message's kind; an unknown one is left alone.
 * STATUS_PROTOCOL, STATUS_LIMIT. */
typedef int stt_field_fn(struct stt_walk *walk, const struct stt_pb_field *field, void *into);

/* The messages of a wire. */
struct stt_response_fields {
    stt_field_fn *response;    /* into struct stt_response */
    stt_field_fn *result;      /* into struct stt_result */
    stt_field_fn *alternative; /* into struct stt_result */
    stt_field_fn *word;        /* into struct stt_response_word */
};

/* As response_read() of struct stt_wire. */
int stt__response_read(const struct stt_response_fields *fields, const void *bytes, size_t len,
                       struct stt_response **out);

/* For field functions: every field of the message `inside` through `fn`. */
int stt__walk_message(struct stt_walk *walk, struct stt_pb_reader inside, stt_field_fn *fn,
                      void *into);
/* While the walk only counts, *text is just as empty, or not, as it will be. */
int stt__walk_text(struct stt_walk *walk, struct stt_pb_reader inside, const char **text);
int stt__walk_result(struct stt_walk *walk, struct stt_pb_reader inside);
/* Only the first of a result is read. */
int stt__walk_alternative(struct stt_walk *walk, struct stt_pb_reader inside,
                          struct stt_result *result);
int stt__walk_word(struct stt_walk *walk, struct stt_pb_reader inside, struct stt_result *result);
