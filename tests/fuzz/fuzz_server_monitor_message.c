/* What watchers say: whatever comes, the parser answers with a kind, says why, and keeps its
 * bounds. */
#include "base/utf8.h"
#include "server/monitor_message.h"
#include <assert.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct monitor_message *message = monitor_message_parse((const char *)data, size);
    assert(message != NULL);
    bool bad = message->kind == MONITOR_MESSAGE_BAD || message->kind == MONITOR_MESSAGE_UNKNOWN;
    assert(bad == (message->code[0] != '\0') && bad == (message->problem[0] != '\0'));
    assert(utf8_valid(message->problem, strlen(message->problem)));
    assert(message->sessions_len <= MONITOR_SESSIONS_MAX);
    if (message->kind == MONITOR_MESSAGE_HISTORY || message->kind == MONITOR_MESSAGE_FLAG)
        assert(strlen(message->session) == SESSION_NAME_BYTES - 1);
    if (message->kind == MONITOR_MESSAGE_HISTORY)
        assert(message->limit >= 1 && message->limit <= MONITOR_HISTORY_MAX);
    if (message->kind == MONITOR_MESSAGE_FLAG)
        assert(message->segment > 0 && message->note[0] != '\0' &&
               strlen(message->note) <= MONITOR_NOTE_BYTES_MAX);
    monitor_message_free(message);
    return 0;
}
