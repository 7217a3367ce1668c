#include "server/admin_options.h"

#include "base/status.h"
#include <assert.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static const char help_text[] =
    "NAME\n"
    "  sotto-admin - looks after what a sotto server has stored\n"
    "\n"
    "SYNOPSIS\n"
    "  sotto-admin list [--class CLASS] [--sub SUBJECT] [--limit N] [--json]\n"
    "  sotto-admin show SESSION [--json]\n"
    "  sotto-admin export SESSION [--format json|srt|vtt|txt|csv] [--lang TAGS] [--output FILE]\n"
    "  sotto-admin export --class CLASS [--format json|csv] [--lang TAGS] [--output FILE]\n"
    "  sotto-admin delete SESSION | --class CLASS | --older-than SPAN [--yes] [--dry-run]\n"
    "  sotto-admin backup FILE\n"
    "  sotto-admin check\n"
    "  sotto-admin token --role ROLE [--class CLASS]... [--sub SUBJECT] [--ttl SPAN] [--kid KID]\n"
    "  sotto-admin letters [LETTER] [--send | --remove] [--json]\n"
    "\n"
    "DESCRIPTION\n"
    "  Works on the file of the store itself, beside a running server or without one.\n"
    "\n"
    "  list    Sessions, newest first.\n"
    "  show    One session: when, whose, what it used.\n"
    "  export  What was said, as subtitles, text or data. With --lang en,es a cue has a\n"
    "          line for each; without it, what was spoken.\n"
    "  delete  Forgets sessions and all they said, for good. Asks first on a terminal;\n"
    "          elsewhere it wants --yes. --dry-run only counts. A session that is still\n"
    "          going on loses what it has said so far.\n"
    "  backup  Copies the store while the server runs. FILE must not exist.\n"
    "  check   Reads the whole file and looks for damage.\n"
    "  token   Mints a token with a key of the server and prints it.\n"
    "  letters What the webhook did not take, oldest first. --send posts it now, one letter\n"
    "          or all, and forgets what was taken; --remove forgets one unsent.\n"
    "\n"
    "OPTIONS\n"
    "  --config FILE      the server's configuration; as the server finds it when not named\n"
    "  --store FILE       the store, instead of the one the configuration names\n"
    "  --keys FOLDER      the keys of tokens, likewise\n"
    "  --class CLASS      of one class; of a token: may be repeated\n"
    "  --sub SUBJECT      of one learner, as in the token's sub\n"
    "  --limit N          so many at most (100); 0: all\n"
    "  --format FORMAT    of an export: json (the default), srt, vtt, txt or csv\n"
    "  --lang TAGS        languages of an export, such as es or en,es\n"
    "  --output FILE      instead of standard output; it must not exist\n"
    "  --older-than SPAN  ended, and begun so long ago: 90m, 12h, 30d, 8w\n"
    "  --role ROLE        of a token: learner, teacher or admin\n"
    "  --ttl SPAN         how long a token is good (1h)\n"
    "  --kid KID          the key it is signed with; the first that can sign\n"
    "  --json             data instead of a table\n"
    "  --yes              do not ask\n"
    "  --dry-run          say what would be deleted\n"
    "  --send, --remove   of letters\n"
    "  --no-color         no colour; there is none but on a terminal (also: NO_COLOR)\n"
    "  --help, --version\n"
    "\n"
    "EXIT STATUS\n"
    "  0  done\n"
    "  1  wrong usage\n"
    "  2  it failed: the message says why\n"
    "  3  there is no such session, class or letter\n"
    "  4  check found damage\n"
    "  5  nothing was deleted: the answer was no\n"
    "\n"
    "EXAMPLES\n"
    "  sotto-admin list --class 7b\n"
    "  sotto-admin export e202f65116bc99b1fc092ad88ea3d211 --format srt --lang en,es\n"
    "  sotto-admin delete --older-than 30d --yes\n"
    "  sotto-admin token --role teacher --class 7b --sub m.lopez --ttl 12h\n";

void admin_options_help(FILE *out)
{
    fputs(help_text, out);
}

enum option_id {
    OPT_CONFIG = 256,
    OPT_STORE,
    OPT_KEYS,
    OPT_CLASS,
    OPT_SUB,
    OPT_LIMIT,
    OPT_FORMAT,
    OPT_LANG,
    OPT_OUTPUT,
    OPT_OLDER_THAN,
    OPT_ROLE,
    OPT_TTL,
    OPT_KID,
    OPT_JSON,
    OPT_YES,
    OPT_DRY_RUN,
    OPT_SEND,
    OPT_REMOVE,
    OPT_NO_COLOR,
    OPT_HELP,
    OPT_VERSION
};

static const struct option long_options[] = {
    {"config", required_argument, NULL, OPT_CONFIG},
    {"store", required_argument, NULL, OPT_STORE},
    {"keys", required_argument, NULL, OPT_KEYS},
    {"class", required_argument, NULL, OPT_CLASS},
    {"sub", required_argument, NULL, OPT_SUB},
    {"limit", required_argument, NULL, OPT_LIMIT},
    {"format", required_argument, NULL, OPT_FORMAT},
    {"lang", required_argument, NULL, OPT_LANG},
    {"output", required_argument, NULL, OPT_OUTPUT},
    {"older-than", required_argument, NULL, OPT_OLDER_THAN},
    {"role", required_argument, NULL, OPT_ROLE},
    {"ttl", required_argument, NULL, OPT_TTL},
    {"kid", required_argument, NULL, OPT_KID},
    {"json", no_argument, NULL, OPT_JSON},
    {"yes", no_argument, NULL, OPT_YES},
    {"dry-run", no_argument, NULL, OPT_DRY_RUN},
    {"send", no_argument, NULL, OPT_SEND},
    {"remove", no_argument, NULL, OPT_REMOVE},
    {"no-color", no_argument, NULL, OPT_NO_COLOR},
    {"help", no_argument, NULL, OPT_HELP},
    {"version", no_argument, NULL, OPT_VERSION},
    {NULL, 0, NULL, 0},
};

#define BIT(id) (1U << ((id)-OPT_CONFIG))

static const unsigned everywhere = BIT(OPT_CONFIG) | BIT(OPT_NO_COLOR);

/* What each command takes. */
static const struct {
    const char *name;
    enum admin_command command;
    unsigned options;
    bool argument; /* takes one besides its name */
} commands[] = {
    {"list", ADMIN_LIST,
     BIT(OPT_STORE) | BIT(OPT_CLASS) | BIT(OPT_SUB) | BIT(OPT_LIMIT) | BIT(OPT_JSON), false},
    {"show", ADMIN_SHOW, BIT(OPT_STORE) | BIT(OPT_JSON), true},
    {"export", ADMIN_EXPORT,
     BIT(OPT_STORE) | BIT(OPT_CLASS) | BIT(OPT_FORMAT) | BIT(OPT_LANG) | BIT(OPT_OUTPUT), true},
    {"delete", ADMIN_DELETE,
     BIT(OPT_STORE) | BIT(OPT_CLASS) | BIT(OPT_OLDER_THAN) | BIT(OPT_YES) | BIT(OPT_DRY_RUN), true},
    {"backup", ADMIN_BACKUP, BIT(OPT_STORE), true},
    {"check", ADMIN_CHECK, BIT(OPT_STORE), false},
    {"token", ADMIN_TOKEN,
     BIT(OPT_KEYS) | BIT(OPT_CLASS) | BIT(OPT_SUB) | BIT(OPT_ROLE) | BIT(OPT_TTL) | BIT(OPT_KID),
     false},
    {"letters", ADMIN_LETTERS, BIT(OPT_STORE) | BIT(OPT_JSON) | BIT(OPT_SEND) | BIT(OPT_REMOVE),
     true},
};

__attribute__((format(printf, 2, 3))) static int fail(char error[ADMIN_ERROR_BYTES],
                                                      const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(error, ADMIN_ERROR_BYTES, format, args);
    va_end(args);
    return STATUS_INVALID;
}

int admin_span_parse(const char *text, int64_t *out_s)
{
    static const struct {
        char unit;
        int64_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {'w', 604800}};
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 6 || strlen(text) != digits + 1)
        return STATUS_INVALID;
    int64_t number = strtol(text, NULL, 10);
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (units[i].unit != text[digits] || number == 0)
            continue;
        *out_s = number * units[i].seconds;
        return STATUS_OK;
    }
    return STATUS_INVALID;
}

static int add_class(struct admin_options *options, const char *name, char *error)
{
    if (options->classes_len == TOKEN_CLASSES_MAX)
        return fail(error, "more than %d classes", TOKEN_CLASSES_MAX);
    if (name[0] == '\0')
        return fail(error, "--class wants a name");
    options->classes[options->classes_len++] = name;
    options->class_name = name;
    return STATUS_OK;
}

static int set_limit(struct admin_options *options, const char *text, char *error)
{
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 9 || text[digits] != '\0')
        return fail(error, "--limit %s is not a number", text);
    options->limit = (uint32_t)strtoul(text, NULL, 10);
    return STATUS_OK;
}

static int set_format(struct admin_options *options, const char *text, char *error)
{
    options->format = transcript_format_find(text, strlen(text));
    return options->format < TRANSCRIPT_FORMATS
               ? STATUS_OK
               : fail(error, "--format %s: write json, srt, vtt, txt or csv", text);
}

static int set_span(int64_t *out_s, const char *name, const char *text, char *error)
{
    return admin_span_parse(text, out_s) == STATUS_OK
               ? STATUS_OK
               : fail(error, "--%s %s: write a time such as 90m, 12h, 30d or 8w", name, text);
}

static int apply(struct admin_options *options, int id, const char *value, char *error)
{
    switch ((enum option_id)id) {
    case OPT_CONFIG: options->config = value; break;
    case OPT_STORE: options->store = value; break;
    case OPT_KEYS: options->keys = value; break;
    case OPT_CLASS: return add_class(options, value, error);
    case OPT_SUB: options->subject = value; break;
    case OPT_LIMIT: return set_limit(options, value, error);
    case OPT_FORMAT: return set_format(options, value, error);
    case OPT_LANG:
        if (transcript_langs_parse(&options->langs, value, strlen(value)) != STATUS_OK)
            return fail(error, "--lang %s: write language tags such as es or en,es", value);
        break;
    case OPT_OUTPUT: options->output = value; break;
    case OPT_OLDER_THAN: return set_span(&options->older_than_s, "older-than", value, error);
    case OPT_ROLE:
        if (!token_role_parse(value, &options->role))
            return fail(error, "--role %s: write learner, teacher or admin", value);
        break;
    case OPT_TTL: return set_span(&options->ttl_s, "ttl", value, error);
    case OPT_KID: options->kid = value; break;
    case OPT_JSON: options->json = true; break;
    case OPT_YES: options->yes = true; break;
    case OPT_DRY_RUN: options->dry_run = true; break;
    case OPT_SEND: options->send = true; break;
    case OPT_REMOVE: options->remove = true; break;
    case OPT_NO_COLOR: options->no_color = true; break;
    case OPT_HELP: options->command = ADMIN_HELP; break;
    case OPT_VERSION: options->command = ADMIN_VERSION; break;
    }
    return STATUS_OK;
}

/* --- what does not go together --- */

static int check_delete(const struct admin_options *options, char *error)
{
    int ways = (options->argument != NULL) + (options->class_name[0] != '\0') +
               (options->older_than_s > 0);
    if (ways != 1)
        return fail(error, "delete what? One of: a session's id, --class CLASS, --older-than SPAN");
    return options->classes_len <= 1 ? STATUS_OK : fail(error, "one class at a time");
}

static int check_export(const struct admin_options *options, char *error)
{
    bool whole_class = options->class_name[0] != '\0';
    if ((options->argument != NULL) == whole_class || options->classes_len > 1)
        return fail(error, "export what? A session's id, or --class CLASS");
    if (whole_class && options->format != TRANSCRIPT_JSON && options->format != TRANSCRIPT_CSV)
        return fail(error, "a class is exported as json or csv; %s is of one session",
                    transcript_format_name(options->format));
    return STATUS_OK;
}

static int check_letters(const struct admin_options *options, char *error)
{
    if (options->send && options->remove)
        return fail(error, "either --send or --remove");
    if (options->remove && options->argument == NULL)
        return fail(error, "remove which letter? sotto-admin letters tells their ids");
    return STATUS_OK;
}

static int check(const struct admin_options *options, char *error)
{
    switch (options->command) {
    case ADMIN_DELETE: return check_delete(options, error);
    case ADMIN_EXPORT: return check_export(options, error);
    case ADMIN_SHOW:
        return options->argument != NULL ? STATUS_OK
                                         : fail(error, "show which session? sotto-admin list "
                                                       "tells their ids");
    case ADMIN_BACKUP:
        return options->argument != NULL ? STATUS_OK : fail(error, "backup to which file?");
    case ADMIN_LIST:
        return options->classes_len <= 1 ? STATUS_OK : fail(error, "one class at a time");
    case ADMIN_TOKEN:
        return options->role != 0 ? STATUS_OK
                                  : fail(error, "--role is missing: learner, teacher or admin");
    case ADMIN_LETTERS: return check_letters(options, error);
    case ADMIN_CHECK:
    case ADMIN_HELP:
    case ADMIN_VERSION: break;
    }
    return STATUS_OK;
}

/* The command's own options, seen as bits of `used`; its argument. */
static int take_command(struct admin_options *options, unsigned used, char **rest, int rest_len,
                        char *error)
{
    if (rest_len == 0)
        return fail(error, "no command; sotto-admin --help tells all of them");
    size_t i = 0, len = sizeof commands / sizeof commands[0];
    while (i < len && strcmp(commands[i].name, rest[0]) != 0)
        i++;
    if (i == len)
        return fail(error, "unknown command %s; sotto-admin --help tells all of them", rest[0]);
    options->command = commands[i].command;
    unsigned strange = used & ~(commands[i].options | everywhere);
    for (int id = OPT_CONFIG; strange != 0 && id <= OPT_VERSION; id++)
        if ((strange & BIT(id)) != 0)
            return fail(error, "%s takes no --%s", rest[0], long_options[id - OPT_CONFIG].name);
    if (rest_len > (commands[i].argument ? 2 : 1))
        return fail(error, "%s: %s is one too many", rest[0], rest[rest_len - 1]);
    options->argument = rest_len > 1 ? rest[1] : NULL;
    return check(options, error);
}

int admin_options_parse(struct admin_options *options, int argc, char **argv,
                        char error[ADMIN_ERROR_BYTES])
{
    int id;
    unsigned used = 0;
    assert(argc >= 1);
    *options = (struct admin_options){.command = ADMIN_LIST,
                                      .class_name = "",
                                      .subject = "",
                                      .format = TRANSCRIPT_JSON,
                                      .limit = HTTP_LIST_DEFAULT,
                                      .ttl_s = HTTP_TTL_DEFAULT_S};
    optind = 0; /* GNU: forget an earlier parse */
    while ((id = getopt_long(argc, argv, ":", long_options, NULL)) != -1) {
        if (id == '?' || id == ':')
            return fail(error, "%s %s; sotto-admin --help tells more",
                        id == '?' ? "unknown option" : "a value is missing after",
                        argv[optind - 1]);
        used |= BIT(id);
        int status = apply(options, id, optarg, error);
        if (status != STATUS_OK)
            return status;
        if (options->command == ADMIN_HELP || options->command == ADMIN_VERSION)
            return STATUS_OK;
    }
    return take_command(options, used, argv + optind, argc - optind, error);
}
