/* Flags, an empty line, the environment, an empty line, sotto.ini: what is refused is explained in
 * lines that end, what is accepted can be printed and listened on. */
#include "base/status.h"
#include "server/config.h"
#include "server/listen.h"
#include "tests/fuzz/fuzz_kit.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_lines flags = {0}, environment = {0};
    struct sockaddr_storage address;
    struct config_set *set = NULL;
    char *said = NULL;
    size_t said_len = 0, used = 0;
    FILE *err = open_memstream(&said, &said_len);
    fuzz_lines_add(&flags, "sotto");
    fuzz_lines_add(&flags, "--config");
    fuzz_lines_add(&flags, "FILE");
    used += fuzz_lines_take(&flags, data, size);
    used += fuzz_lines_take(&environment, data + used, size - used);
    char *named = flags.at[2];
    flags.at[2] = (char *)fuzz_file(data + used, size - used);
    int status = config_load(&set, flags.len, flags.at, environment.at, err);
    if (status == STATUS_OK) {
        assert(listen_parse(config_get(set)->listen, &address) <= 0);
        config_print(set, err);
        config_free(set);
    }
    fclose(err);
    assert(status == STATUS_OK || (said_len > 0 && said[said_len - 1] == '\n'));
    free(said);
    flags.at[2] = named;
    fuzz_lines_free(&flags);
    fuzz_lines_free(&environment);
    return 0;
}
