/* The kinds of source behind source.h. */
#pragma once

#include "say/source.h"

struct source_ops {
    int (*read)(struct source *source, int16_t *samples, size_t count);
    void (*stop)(struct source *source);
    void (*close)(struct source *source, void (*on_closed)(void *ctx), void *ctx);
};

/* First member of each kind. */
struct source {
    const struct source_ops *ops;
    unsigned rate;
};
