/* sotto-admin: looks after what a sotto server has stored. */
#include "base/log.h"
#include "base/status.h"
#include "server/admin.h"
#include "server/admin_options.h"
#include "server/config.h"
#include "server/secret.h"
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool wants_color(const struct admin_options *options)
{
    const char *none = getenv("NO_COLOR"), *term = getenv("TERM");
    return !options->no_color && isatty(STDOUT_FILENO) && (none == NULL || none[0] == '\0') &&
           (term == NULL || strcmp(term, "dumb") != 0);
}

/* As the server reads it, for where its store and its keys are. What it would warn of is the
 * server's affair; errors are told. */
static int load_config(struct config_set **set, const struct admin_options *options)
{
    char *args[] = {"sotto-admin", "--config", (char *)options->config, NULL};
    int argc = options->config != NULL ? 3 : 1;
    FILE *nowhere = fopen("/dev/null", "we");
    int status = STATUS_IO;
    if (nowhere != NULL) {
        status = config_load(set, argc, args, environ, nowhere);
        fclose(nowhere);
    }
    return status == STATUS_OK ? status : config_load(set, argc, args, environ, stderr);
}

static int run(const struct admin_options *options)
{
    struct config_set *set;
    if (load_config(&set, options) != STATUS_OK)
        return ADMIN_EXIT_USAGE;
    struct admin admin = {.options = options,
                          .config = config_get(set),
                          .in = stdin,
                          .out = stdout,
                          .err = stderr,
                          .color = wants_color(options),
                          .interactive = isatty(STDIN_FILENO) && isatty(STDERR_FILENO)};
    int code = admin_run(&admin);
    config_free(set);
    return code;
}

int main(int argc, char **argv)
{
    struct admin_options options;
    char error[ADMIN_ERROR_BYTES];
    setlocale(LC_CTYPE, "");
    secret_no_dumps();
    log_set_level(LOG_LEVEL_WARN);
    if (admin_options_parse(&options, argc, argv, error) != STATUS_OK) {
        fprintf(stderr, "sotto-admin: %s\n", error);
        return ADMIN_EXIT_USAGE;
    }
    switch (options.command) {
    case ADMIN_HELP: admin_options_help(stdout); return ADMIN_EXIT_OK;
    case ADMIN_VERSION: puts("sotto-admin " SOTTO_VERSION); return ADMIN_EXIT_OK;
    case ADMIN_LIST:
    case ADMIN_SHOW:
    case ADMIN_EXPORT:
    case ADMIN_DELETE:
    case ADMIN_BACKUP:
    case ADMIN_CHECK:
    case ADMIN_TOKEN:
    case ADMIN_LETTERS: break;
    }
    return run(&options);
}
