/* The command line of sotto-local, an argument a line. */
#include "base/status.h"
#include "local/options.h"
#include "tests/fuzz/fuzz_kit.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_lines lines = {0};
    struct options options;
    char *said = NULL;
    size_t said_len = 0;
    FILE *err = open_memstream(&said, &said_len);
    fuzz_lines_add(&lines, "sotto-local");
    fuzz_lines_take(&lines, data, size);
    char *owned[FUZZ_LINES_MAX + 1];
    memcpy(owned, lines.at, sizeof owned); /* getopt puts arguments in another order */
    int status = options_read(&options, lines.len, lines.at, err);
    fclose(err);
    assert((status == STATUS_OK) == (said_len == 0));
    free(said);
    memcpy(lines.at, owned, sizeof owned);
    fuzz_lines_free(&lines);
    return 0;
}
