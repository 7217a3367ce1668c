#include "base/status.h"
#include "server/admin_options.h"
#include "tests/check.h"

static struct admin_options options;
static char error[ADMIN_ERROR_BYTES];

/* Words separated by blanks. */
static int parse(const char *line)
{
    static char text[512]; /* options point into it */
    char *argv[32] = {"sotto-admin"};
    int argc = 1;
    snprintf(text, sizeof text, "%s", line);
    error[0] = '\0';
    for (char *at = text, *save; argc < 31; at = NULL) {
        argv[argc] = strtok_r(at, " ", &save);
        if (argv[argc] == NULL)
            break;
        argc++;
    }
    return admin_options_parse(&options, argc, argv, error);
}

static void test_commands(void)
{
    CHECK_EQ(parse("list"), STATUS_OK);
    CHECK_EQ(options.command, ADMIN_LIST);
    CHECK_EQ(options.limit, HTTP_LIST_DEFAULT);
    CHECK_EQ(parse("list --limit 0 --class A --sub x --json"), STATUS_OK);
    CHECK_EQ(options.limit, 0);
    CHECK_STR(options.class_name, "A");
    CHECK_EQ(parse("show abc --store f.db"), STATUS_OK);
    CHECK_STR(options.argument, "abc");
    CHECK_EQ(parse("export abc --format vtt --lang en,es"), STATUS_OK);
    CHECK_EQ(options.format, TRANSCRIPT_VTT);
    CHECK_EQ(options.langs.len, 2);
    CHECK_EQ(parse("--class A export --format csv"), STATUS_OK);
    CHECK_EQ(parse("delete --older-than 30d --yes"), STATUS_OK);
    CHECK_EQ(options.older_than_s, 30 * 86400);
    CHECK_EQ(parse("backup f.db"), STATUS_OK);
    CHECK_EQ(parse("check"), STATUS_OK);
    CHECK_EQ(parse("token --role teacher --class A --class B --ttl 12h"), STATUS_OK);
    CHECK_EQ(options.classes_len, 2);
    CHECK_EQ(options.ttl_s, 12 * 3600);
    CHECK_EQ(parse("--help"), STATUS_OK);
    CHECK_EQ(options.command, ADMIN_HELP);
    CHECK_EQ(parse("delete --version"), STATUS_OK);
    CHECK_EQ(options.command, ADMIN_VERSION);
}

/* What is refused says what to write instead; nothing is ever deleted by a slip of the pen. */
static void test_refused(void)
{
    static const char *const wrong[] = {"",
                                        "nonsense",
                                        "list x",
                                        "list --yes",
                                        "list --limit x",
                                        "list --limit",
                                        "show",
                                        "show a b",
                                        "export",
                                        "export a --class A",
                                        "export --class A --format srt",
                                        "export a --format pdf",
                                        "export a --lang e",
                                        "delete",
                                        "delete a --class A",
                                        "delete a --older-than 5d",
                                        "delete --class A --class B",
                                        "delete --older-than 5",
                                        "delete --older-than 0d",
                                        "delete --older-than d",
                                        "delete --older-than 5dd",
                                        "delete --older-than -5d",
                                        "delete --older-than 9999999d",
                                        "backup",
                                        "check --yes",
                                        "token",
                                        "token --role boss",
                                        "token --role admin --store f",
                                        "--bogus list",
                                        "list --class= --class"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        CHECK_EQ(parse(wrong[i]), STATUS_INVALID);
        CHECK(error[0] != '\0');
        if (error[0] == '\0')
            fprintf(stderr, "not refused: %s\n", wrong[i]);
    }
    CHECK_EQ(parse("delete --class="), STATUS_INVALID);
}

static void test_spans(void)
{
    int64_t s = 0;
    CHECK_EQ(admin_span_parse("90s", &s), STATUS_OK);
    CHECK_EQ(s, 90);
    CHECK_EQ(admin_span_parse("8w", &s), STATUS_OK);
    CHECK_EQ(s, 8 * 604800);
    CHECK_EQ(admin_span_parse("", &s), STATUS_INVALID);
    CHECK_EQ(admin_span_parse("5", &s), STATUS_INVALID);
    CHECK_EQ(admin_span_parse("5y", &s), STATUS_INVALID);
}

/* A long list of classes ends in an error, not beyond the list. */
static void test_many_classes(void)
{
    char *argv[2 * TOKEN_CLASSES_MAX + 8] = {"sotto-admin", "token", "--role", "teacher"};
    int argc = 4;
    for (int i = 0; i <= TOKEN_CLASSES_MAX; i++) {
        argv[argc++] = "--class";
        argv[argc++] = "A";
    }
    CHECK_EQ(admin_options_parse(&options, argc - 2, argv, error), STATUS_OK);
    CHECK_EQ(options.classes_len, TOKEN_CLASSES_MAX);
    CHECK_EQ(admin_options_parse(&options, argc, argv, error), STATUS_INVALID);
}

int main(void)
{
    RUN(test_commands);
    RUN(test_refused);
    RUN(test_spans);
    RUN(test_many_classes);
    return check_done();
}
