/* Shared by the chat codec's files only: keeps jansson out of the folder's other headers. */
#pragma once

#include "pool/chat.h"
#include <jansson.h>

/* What chat_error_read() does, for a body that has been parsed. */
void chat__error_from(const json_t *root, struct chat_error *out);
