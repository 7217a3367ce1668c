/* What the test upstream answers, without I/O. */
#pragma once

#include "base/buf.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum chat_fault {
    FAULT_NONE,
    FAULT_500,
    FAULT_503,
    FAULT_429,
    FAULT_QUOTA,
    FAULT_400,
    FAULT_RST,
    FAULT_REFUSED,
    FAULT_GOAWAY,
    FAULT_DROP,
    FAULT_HALF,
    FAULT_GARBAGE,
    FAULT_HTML,
    FAULT_EMPTY,
    FAULT_STALL,
    FAULT_SILENT,
    FAULT_SLOW_BYTE,
    FAULT_LENGTH,
    FAULT_REFUSAL,
    FAULT_FILTER,
    FAULT_ECHO,
    FAULT_ERROR_EVENT
};

struct chat_fault_spec {
    enum chat_fault fault;
    unsigned argument;
    double probability;
    int64_t count; /* requests it is still for; -1: all */
};

/* STATUS_INVALID for unknown names. */
int chat_fault_parse(const char *text, struct chat_fault_spec *out);

struct chat_answer {
    int status;
    const char *content_type;
    unsigned retry_after_s; /* 0: no header */
    struct buf body;
    size_t *pieces; /* ends of the parts that are sent one by one */
    size_t pieces_len;
};

/* Fills `out` (chat_answer_deinit() frees) for a request's body. */
void chat_answer_make(const char *body, size_t len, const struct chat_fault_spec *fault,
                      struct chat_answer *out);
void chat_answer_deinit(struct chat_answer *answer);
