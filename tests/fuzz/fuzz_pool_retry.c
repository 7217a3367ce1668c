/* Retry-After and retry-after-ms, one a line: never a negative or an endless wait. */
#include "base/rng.h"
#include "pool/limits.h"
#include "pool/retry.h"
#include "tests/fuzz/fuzz_kit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_lines lines = {0};
    struct rng rng;
    rng_init(&rng, size);
    fuzz_lines_take(&lines, data, size);
    uint32_t after_ms = retry_after_read(lines.at[0], lines.len > 1 ? lines.at[1] : NULL);
    for (int fault = RETRY_CONNECTION; fault <= RETRY_LARGE; fault++) {
        for (unsigned tries = 1; tries < 70; tries += 3) {
            int64_t us = retry_backoff_us((enum retry_fault)fault, tries, after_ms, &rng);
            assert(us >= 0 && us <= POOL_RETRY_AFTER_MAX_MS * 1000LL + 50000);
        }
    }
    fuzz_lines_free(&lines);
    return 0;
}
