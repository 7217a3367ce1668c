/* Levels from a command line, and any text quoted for a line of the log: no quote, control
 * character or end of line gets out of it. */
#include "base/log.h"
#include "base/status.h"
#include "tests/fuzz/fuzz_kit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = mem_strndup((const char *)data, size);
    if (log_configure(text) != STATUS_OK)
        assert(log_configure("info,stt=debug") == STATUS_OK && log_on(LOG_STT, LOG_LEVEL_DEBUG));
    const char *quoted = LOG_Q(text);
    size_t len = strlen(quoted);
    assert(len >= 2 && quoted[0] == '"' && quoted[len - 1] == '"');
    for (size_t i = 1; i + 1 < len; i++) {
        assert((unsigned char)quoted[i] >= 0x20 && quoted[i] != 0x7f && quoted[i] != '"');
        if (quoted[i] == '\\')
            assert(++i + 1 < len);
    }
    mem_free(text);
    return 0;
}
