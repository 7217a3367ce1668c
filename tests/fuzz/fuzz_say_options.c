/* The command line of sotto-say, an argument a line; the first is read as an address too. */
#include "base/status.h"
#include "say/options.h"
#include "tests/fuzz/fuzz_kit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_lines lines = {0};
    static struct options options;
    struct say_url url;
    char error[256] = "";
    fuzz_lines_add(&lines, "sotto-say");
    fuzz_lines_take(&lines, data, size);
    if (lines.len > 1 && options_parse_url(&url, lines.at[1]) == STATUS_OK)
        assert(url.host[0] != '\0' && url.path[0] == '/');
    char *owned[FUZZ_LINES_MAX + 1];
    memcpy(owned, lines.at, sizeof owned); /* getopt puts arguments in another order */
    int status = options_parse(&options, lines.len, lines.at, "token", error);
    assert(status == STATUS_OK || (error[0] != '\0' && strlen(error) < sizeof error));
    memcpy(lines.at, owned, sizeof owned);
    fuzz_lines_free(&lines);
    return 0;
}
