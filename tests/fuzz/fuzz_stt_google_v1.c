#include "tests/fuzz/stt_response.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_response(&stt_wire_google_v1, data, size);
}
