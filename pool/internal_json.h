/* Shared by the chat codec's files only: keeps jansson out of the folder's other headers. */
#pragma once

#include "pool/chat.h"
#include "pool/chat_provider.h"
#include <jansson.h>

/* A JSON string: text as it is but for what RFC 8259 section 7 demands. */
void chat__json_string(struct buf *out, const char *text);
/* UTF-8 of at most CHAT_REQUEST_STRING_MAX bytes; NULL counts as such. */
bool chat__text_ok(const char *text);

/* Readers of an API's own answers; NULL: chat completions. */
typedef int chat__answer_read(const json_t *root, struct chat_answer *out);
void chat__reader_set_answer(struct chat_reader *reader, chat__answer_read *read);

/* What chat_error_read() does, for a body that has been parsed. */
void chat__error_from(const json_t *root, struct chat_error *out);
