#include "say/source_internal.h"

#include <assert.h>

unsigned source_rate(const struct source *source)
{
    return source->rate;
}

int source_read(struct source *source, int16_t *samples, size_t count)
{
    assert(count > 0);
    return source->ops->read(source, samples, count);
}

void source_stop(struct source *source)
{
    if (source->ops->stop != NULL)
        source->ops->stop(source);
}

void source_close(struct source *source, void (*on_closed)(void *ctx), void *ctx)
{
    source->ops->close(source, on_closed, ctx);
}
