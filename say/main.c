/* sotto-say: speaks to a sotto server from the command line. */
#include "base/mem.h"
#include "base/status.h"
#include "say/options.h"
#include "say/run.h"
#include <locale.h>
#include <stdlib.h>
#include <string.h>

/* A token on the command line is shown by ps: it is taken out of there as soon as it is read. */
static char *take_token(struct options *options, int argc, char **argv)
{
    if (options->token == NULL || options->token == getenv("SOTTO_TOKEN"))
        return NULL;
    char *copy = mem_strdup(options->token);
    for (int i = 1; i < argc && copy != NULL; i++) {
        char *end = argv[i] + strlen(argv[i]);
        if (options->token >= argv[i] && options->token <= end)
            memset(argv[i] + (options->token - argv[i]), '*', (size_t)(end - options->token));
    }
    if (copy != NULL)
        options->token = copy;
    return copy;
}

int main(int argc, char **argv)
{
    struct options options;
    char error[256];
    setlocale(LC_CTYPE, "");
    if (options_parse(&options, argc, argv, getenv("SOTTO_TOKEN"), error) != STATUS_OK) {
        fprintf(stderr, "sotto-say: %s\n", error);
        return SAY_EXIT_USAGE;
    }
    if (options.help) {
        options_help(stdout);
        return SAY_EXIT_OK;
    }
    if (options.version) {
        puts("sotto-say " SOTTO_VERSION);
        return SAY_EXIT_OK;
    }
    char *token = take_token(&options, argc, argv);
    int exit_code = run(&options);
    mem_free(token);
    return exit_code;
}
