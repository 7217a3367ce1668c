/* sotto-say: speaks to a sotto server from the command line. */
#include "base/mem.h"
#include "base/status.h"
#include "say/limits.h"
#include "say/options.h"
#include "say/run.h"
#include <errno.h>
#include <locale.h>
#include <stdio.h>
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

/* The first line of a file. */
static char *read_token(const char *path)
{
    char line[SAY_TOKEN_BYTES];
    FILE *file = fopen(path, "re");
    char *got = file != NULL ? fgets(line, sizeof line, file) : NULL;
    if (got == NULL || strcspn(line, "\r\n") == 0)
        fprintf(stderr, "sotto-say: --token-file %s: %s\n", path,
                file == NULL ? strerror(errno) : "there is no token in its first line");
    if (file != NULL)
        fclose(file);
    if (got == NULL || strcspn(line, "\r\n") == 0)
        return NULL;
    line[strcspn(line, "\r\n")] = '\0';
    char *token = mem_strdup(line);
    explicit_bzero(line, sizeof line);
    return token;
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
    char *token = options.token_file != NULL ? read_token(options.token_file)
                                             : take_token(&options, argc, argv);
    if (options.token_file != NULL && token == NULL)
        return SAY_EXIT_USAGE;
    if (token != NULL)
        options.token = token;
    int exit_code = run(&options);
    if (token != NULL)
        explicit_bzero(token, strlen(token));
    mem_free(token);
    return exit_code;
}
