/* Paths of requests as names of files below web/. */
#include "base/mem.h"
#include "base/status.h"
#include "server/pages.h"
#include <assert.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char name[PAGE_NAME_BYTES];
    char *path = mem_strndup((const char *)data, size);
    assert(path != NULL);
    if (pages_name(path, name) == STATUS_OK) {
        assert(pages_cover(path) && strlen(name) < sizeof name && name[0] != '\0');
        assert(name[0] != '.' && name[0] != '/' && strstr(name, "/.") == NULL);
        assert(strstr(name, "//") == NULL && strspn(name, "\\%:~ \t\n") == 0);
    }
    mem_free(path);
    return 0;
}
