/* The same events whether the stream comes whole or in pieces; the first byte chooses the pieces'
 * size. */
#include "base/status.h"
#include "pool/sse.h"
#include <stdint.h>
#include <stdlib.h>

static int mix_event(void *ctx, const char *name, const char *data, size_t len)
{
    uint64_t *hash = ctx;
    for (; *name != '\0'; name++)
        *hash = (*hash ^ (unsigned char)*name) * 0x100000001B3u;
    for (size_t i = 0; i <= len; i++)
        *hash = (*hash ^ (unsigned char)data[i]) * 0x100000001B3u;
    return STATUS_OK;
}

static uint64_t run(const uint8_t *data, size_t size, size_t step)
{
    uint64_t hash = 0xCBF29CE484222325u;
    struct sse sse;
    sse_init(&sse, mix_event, &hash);
    for (size_t at = 0; at < size; at += step)
        sse_feed(&sse, data + at, size - at < step ? size - at : step);
    hash ^= (uint64_t)(int64_t)sse.status;
    sse_deinit(&sse);
    return hash;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 1 && run(data + 1, size - 1, size) != run(data + 1, size - 1, 1 + data[0] % 16))
        abort();
    return 0;
}
