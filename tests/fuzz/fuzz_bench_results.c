/* results.json of a bench, as capacity reads it. */
#include "base/status.h"
#include "bench/capacity_source.h"
#include "tests/fuzz/fuzz_kit.h"
#include <math.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct capacity_source source;
    struct capacity_pick pick = {.sessions = (double)(size % 3) * 100,
                                 .speaking = (double)(size % 5) / 4 - 0.25};
    char error[CAPACITY_ERROR_BYTES] = "";
    capacity_source_init(&source);
    int status = capacity_source_file(&source, fuzz_file(data, size), &pick, error);
    assert(status == STATUS_OK || error[0] != '\0');
    for (int i = 0; i < CAPACITY_COSTS; i++)
        assert(isfinite(source.cost[i]) && source.cost[i] >= 0);
    return 0;
}
