/* The same messages whether a server's bytes come whole or in pieces; the first byte chooses the
 * pieces' size, and whether they begin with an answer to the upgrade or behind it. */
#include "base/status.h"
#include "bench/load_ws.h"
#include <stdint.h>
#include <stdlib.h>

static uint64_t mix(uint64_t hash, const void *bytes, size_t len)
{
    const uint8_t *at = bytes;
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ at[i]) * 0x100000001B3u;
    return hash;
}

static uint64_t run(const uint8_t *data, size_t size, size_t step, bool upgraded)
{
    uint64_t hash = 0xCBF29CE484222325u;
    struct load_ws_reader reader;
    struct load_ws_message message;
    int status = 0;
    load_ws_reader_init(&reader);
    reader.upgraded = upgraded;
    for (size_t at = 0; at < size && status == 0; at += step) {
        load_ws_reader_feed(&reader, data + at, size - at < step ? size - at : step);
        while ((status = load_ws_reader_next(&reader, &message)) == 1) {
            hash = mix(hash, &message.op, sizeof message.op);
            hash = mix(hash, &message.close_code, sizeof message.close_code);
            hash = mix(hash, message.data, message.len);
        }
    }
    load_ws_reader_deinit(&reader);
    return mix(hash, &status, sizeof status);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    bool upgraded = data[0] & 0x80;
    if (run(data + 1, size - 1, size, upgraded) !=
        run(data + 1, size - 1, 1 + data[0] % 16, upgraded))
        abort();
    return 0;
}
