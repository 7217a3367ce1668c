/* A list of proxies, a newline, and what a proxy says of whom it forwards: the address that counts
 * is none of the proxies. */
#include "base/status.h"
#include "server/peers_address.h"
#include "tests/fuzz/fuzz_kit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct peers_proxies proxies = {0};
    struct peers_address client;
    const uint8_t *line = memchr(data, '\n', size);
    size_t len = line != NULL ? (size_t)(line - data) : 0;
    char *list = mem_strndup((const char *)data, len);
    size_t skip = line != NULL ? len + 1 : 0;
    char *header = mem_strndup((const char *)data + skip, size - skip);
    int status = peers_proxies_parse(&proxies, list);
    assert(status == STATUS_OK || proxies.len == 0);
    status = peers_forwarded(&proxies, header, &client);
    assert(status == STATUS_OK || status == STATUS_NOT_FOUND);
    if (status == STATUS_OK) {
        assert(!peers_proxies_have(&proxies, &client));
        struct peers_address network = peers_address_network(&client);
        assert(memcmp(&network, &client, 8) == 0);
    }
    mem_free(list);
    mem_free(header);
    return 0;
}
