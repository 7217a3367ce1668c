/* What the configuration says of itself: --help, --print-config, docs/configuration.md. */
#include "server/config_internal.h"
#include <string.h>

#define HELP_COLUMNS 80
#define HELP_INDENT  8

/* Words of `text`, wrapped. */
static void put_wrapped(FILE *out, const char *text)
{
    int column = 0;
    while (*text != '\0') {
        int len = (int)strcspn(text, " ");
        if (column == 0 || column + 1 + len > HELP_COLUMNS) {
            fprintf(out, "%s%*s", column > 0 ? "\n" : "", HELP_INDENT, "");
            column = HELP_INDENT;
        } else {
            fputc(' ', out);
            column++;
        }
        fprintf(out, "%.*s", len, text);
        column += len;
        text += len;
        text += strspn(text, " ");
    }
    fputc('\n', out);
}

static void help_option(FILE *out, const struct option *option)
{
    static const char *const values[] = {
        [TEXT] = " TEXT", [SECRET] = " TEXT", [BOOL] = "", [NUMBER] = " N"};
    char name[CONFIG_NAME_BYTES], text[512];
    config__name(option, true, name);
    fprintf(out, "  %s%s\n", name, values[option->kind]);
    snprintf(text, sizeof text, option->value[0] != '\0' ? "%s (default: %s)" : "%s", option->help,
             option->value);
    put_wrapped(out, text);
}

void config_help(FILE *out)
{
    fputs("sotto - realtime speech translation over WebSocket\n\n"
          "usage: sotto [--config FILE] [options]\n\n"
          "Speech comes in at GET /v1/stream (WebSocket, subprotocol sotto.v1); captions,\n"
          "translations and grammar suggestions go out. Every option can stand in\n"
          "sotto.ini (./sotto.ini or /etc/sotto/sotto.ini), in the environment\n"
          "(SOTTO_LISTEN, SOTTO_STT_TARGET ...) or here, in rising priority.\n"
          "A key may be file:PATH, then it is what the file holds.\n\n"
          "  --config FILE         read this file instead\n"
          "  --print-config        show every value and where it came from, then exit\n"
          "  --config-reference    print the table of docs/configuration.md, then exit\n"
          "  --help, --version\n\n",
          out);
    const char *section = "";
    for (size_t i = 0; i < CONFIG_OPTIONS; i++) {
        const struct option *option = &config__options[i];
        if (strcmp(section, option->section) != 0)
            fprintf(out, "%s[%s]\n", section[0] != '\0' ? "\n" : "", option->section);
        section = option->section;
        help_option(out, option);
    }
    fputs("\nsignals: SIGTERM and SIGINT stop cleanly: what is owed is delivered in stop_ms;\n"
          "a second one stops at once.\n"
          "SIGHUP reads configuration, token keys and certificate again.\n"
          "exit status: 0 stopped cleanly, 1 could not start, 2 wrong configuration.\n",
          out);
}

void config_print(const struct config_set *set, FILE *out)
{
    const char *section = "";
    for (size_t i = 0; i < CONFIG_OPTIONS; i++) {
        if (strcmp(section, config__options[i].section) != 0)
            fprintf(out, "%s[%s]\n", section[0] != '\0' ? "\n" : "", config__options[i].section);
        section = config__options[i].section;
        const char *text = set->values[i].text;
        if (text == set->values[i].secret && text[0] != '\0')
            text = "(set)";
        /* A comment only when it begins after a space. */
        fprintf(out, "%s =%s%s ; %s\n", config__options[i].key, text[0] != '\0' ? " " : "", text,
                set->values[i].from);
    }
}

void config_reference(FILE *out)
{
    fputs("| section | key | default | flag | environment | meaning |\n|---|---|---|---|---|---|\n",
          out);
    for (size_t i = 0; i < CONFIG_OPTIONS; i++) {
        const struct option *option = &config__options[i];
        char flag[CONFIG_NAME_BYTES], variable[CONFIG_NAME_BYTES];
        config__name(option, true, flag);
        config__name(option, false, variable);
        fprintf(out, "| %s | `%s` | %s%s%s | `%s` | `%s` | %s", option->section, option->key,
                option->value[0] != '\0' ? "`" : "", option->value,
                option->value[0] != '\0' ? "`" : "", flag, variable, option->help);
        if (option->kind == NUMBER)
            fprintf(out, " (%llu to %llu)", (unsigned long long)option->lowest,
                    (unsigned long long)option->highest);
        fputs(" |\n", out);
    }
}
