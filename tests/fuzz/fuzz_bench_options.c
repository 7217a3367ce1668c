/* The command line of sotto-bench run, an argument a line. */
#include "base/status.h"
#include "bench/load_options.h"
#include "tests/fuzz/fuzz_kit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_lines lines = {0};
    struct load_options options;
    char error[256] = "";
    fuzz_lines_add(&lines, "sotto-bench");
    fuzz_lines_take(&lines, data, size);
    char *owned[FUZZ_LINES_MAX + 1];
    memcpy(owned, lines.at, sizeof owned); /* getopt puts arguments in another order */
    int status = load_options_parse(&options, lines.len, lines.at, error);
    assert(status == STATUS_OK || (error[0] != '\0' && strlen(error) < sizeof error));
    memcpy(lines.at, owned, sizeof owned);
    fuzz_lines_free(&lines);
    return 0;
}
