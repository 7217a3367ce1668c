/* Client messages: whatever comes, the parser answers with a kind and says why. */
#include "server/message.h"
#include <assert.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct client_message *message = client_message_parse((const char *)data, size);
    assert(message != NULL);
    if (message->kind == CLIENT_BAD || message->kind == CLIENT_UNKNOWN)
        assert(message->code[0] != '\0' && message->problem[0] != '\0');
    if (message->kind == CLIENT_START && message->resume.wanted) {
        assert(strlen(message->resume.session) < SESSION_NAME_BYTES);
        assert(message->resume.token != NULL && message->resume.seq <= INT64_MAX);
    } else if (message->kind == CLIENT_START) {
        assert(message->settings.rate >= 8000 && message->settings.rate <= 48000);
        assert(message->settings.targets_len <= TARGETS_MAX);
        assert(language_tag_valid(message->settings.source));
    }
    client_message_free(message);
    return 0;
}
