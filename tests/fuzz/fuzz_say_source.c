/* A sound file: refused with a reason, or mono samples at a rate the server takes until its end. */
#include "base/status.h"
#include "say/limits.h"
#include "say/source.h"
#include "tests/fuzz/fuzz_kit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int16_t samples[4096];
    struct source *source;
    char error[256] = "";
    int status = source_open_file(&source, fuzz_file(data, size), error), got = 1;
    if (status != STATUS_OK) {
        assert(error[0] != '\0');
        return 0;
    }
    assert(source_rate(source) >= SAY_RATE_MIN && source_rate(source) <= SAY_RATE_MAX);
    for (int blocks = 0; got > 0 && blocks < 64; blocks++) {
        got = source_read(source, samples, 4096);
        assert(got <= 4096);
    }
    source_close(source, NULL, NULL);
    return 0;
}
