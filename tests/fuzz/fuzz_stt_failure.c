/* google.rpc.Status with its details, as it comes in a trailer. */
#include "stt/failure.h"
#include "stt/stream_limits.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (stt_failure_retry_after_ms(data, size) > STT_RETRY_AFTER_MAX_MS)
        abort();
    return 0;
}
