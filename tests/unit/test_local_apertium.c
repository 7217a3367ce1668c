/* Translation: texts around the stream format, mode files, pipelines that die or hang, and the
 * installed pair itself. */
#include "base/buf.h"
#include "base/clock.h"
#include "base/status.h"
#include "local/apertium.h"
#include "local/apertium_pipe.h"
#include "local/apertium_text.h"
#include "tests/check.h"
#include <signal.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[64];

static const char *prepared(const char *text, bool english, struct apertium_style *style)
{
    static char out[1024];
    struct buf buf;
    buf_init(&buf, sizeof out - 1);
    CHECK_EQ(apertium_text_prepare(text, english, &buf, style), 0);
    snprintf(out, sizeof out, "%s", buf.data != NULL ? buf.data : "");
    buf_deinit(&buf);
    return out;
}

static const char *finished(const char *answer, bool spanish, struct apertium_style style)
{
    static char out[1024];
    struct buf buf;
    buf_init(&buf, sizeof out - 1);
    CHECK_EQ(apertium_text_finish(answer, strlen(answer), spanish, &style, &buf), 0);
    snprintf(out, sizeof out, "%s", buf.data != NULL ? buf.data : "");
    buf_deinit(&buf);
    return out;
}

static void test_prepare(void)
{
    struct apertium_style style;
    CHECK_STR(prepared("  where is\n the\tlibrary ", true, &style), "Where is the library.");
    CHECK(style.stop_added);
    CHECK_STR(prepared("i think i'm late, and i know it", true, &style),
              "I think I'm late, and I know it.");
    CHECK_STR(prepared("i gatti", false, &style), "I gatti.");
    CHECK_STR(prepared("Is it?", true, &style), "Is it?");
    CHECK(!style.stop_added);
    CHECK_EQ(style.last, '?');
    CHECK_STR(prepared("élan vital", false, &style), "Élan vital.");
    CHECK_STR(prepared(" \t\n ", true, &style), "");
    CHECK_STR(prepared("a^b$c[d]{e}/f\\g@h<i>*#+~", true, &style),
              "A\\^b\\$c\\[d\\]\\{e\\}\\/f\\\\g\\@h\\<i\\>\\*\\#\\+\\~.");
    struct buf buf;
    buf_init(&buf, 100);
    CHECK_EQ(apertium_text_prepare("\xff", true, &buf, &style), STATUS_INVALID);
    buf_deinit(&buf);
}

static void test_finish(void)
{
    CHECK_STR(finished(" Tengo  dos gatos.", true, (struct apertium_style){.stop_added = true}),
              "Tengo dos gatos");
    CHECK_STR(finished("Tengo dos gatos.", true, (struct apertium_style){.last = '.'}),
              "Tengo dos gatos.");
    CHECK_STR(finished("*xyzzy es @azul y #grande", true, (struct apertium_style){0}),
              "xyzzy es azul y grande");
    CHECK_STR(finished("cuesta \\$5 \\[o\\] \\\\ más", true, (struct apertium_style){0}),
              "cuesta $5 [o] \\ más");
    CHECK_STR(finished("Hola. Te gusta el café?", true, (struct apertium_style){.last = '?'}),
              "Hola. ¿Te gusta el café?");
    CHECK_STR(finished("¿Te gusta?", true, (struct apertium_style){.last = '?'}), "¿Te gusta?");
    CHECK_STR(
        finished("A Mi madre le gusta. Mi hermana y El Greco", true, (struct apertium_style){0}),
        "A mi madre le gusta. Mi hermana y el Greco");
    CHECK_STR(finished("I and El Greco", false, (struct apertium_style){0}), "I and El Greco");
    CHECK_STR(finished("Do you?", false, (struct apertium_style){.last = '?'}), "Do you?");
    CHECK_STR(finished("hola , amigo .", true, (struct apertium_style){0}), "hola, amigo.");
    CHECK_STR(finished("", true, (struct apertium_style){0}), "");
    /* A lone escape at the end. */
    CHECK_STR(finished("a\\", true, (struct apertium_style){0}), "a\\");
}

static void test_languages(void)
{
    char code[16];
    CHECK(apertium_language("en-US", code));
    CHECK_STR(code, "eng");
    CHECK(apertium_language("ES_mx", code));
    CHECK_STR(code, "spa");
    CHECK(apertium_language("xyz", code));
    CHECK_STR(code, "xyz");
    CHECK(!apertium_language("e", code));
    CHECK(!apertium_language("", code));
    CHECK(!apertium_language("12-x", code));
    CHECK(!apertium_language("toolonglanguage", code));
}

static void mode_write(const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s.mode", dir, name);
    FILE *file = fopen(path, "w");
    fputs(text, file);
    fclose(file);
}

static void mode_remove(const char *name)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s.mode", dir, name);
    unlink(path);
}

static int mode_status(const char *text, struct apertium_mode *mode)
{
    char path[128];
    mode_write("probe", text);
    snprintf(path, sizeof path, "%s/probe.mode", dir);
    int status = apertium_mode_read(path, mode);
    mode_remove("probe");
    return status;
}

static void test_modes(void)
{
    struct apertium_mode mode;
    CHECK_EQ(mode_status("lt-proc 'a b.bin'|tagger -g $2 'c' | gen $1 d\n", &mode), 0);
    CHECK_EQ(mode.stages, 3);
    CHECK_STR(mode.argv[0][1], "-z");
    CHECK_STR(mode.argv[0][2], "a b.bin");
    CHECK(mode.argv[0][3] == NULL);
    CHECK_STR(mode.argv[1][2], "-g");
    CHECK_STR(mode.argv[1][3], "c");
    CHECK_STR(mode.argv[2][2], "-n");
    apertium_mode_free(&mode);
    const char *const bad[] = {"",     "a |",  "| a",    "a; b",   "a > f",   "a `b`", "a $(b)",
                               "a $3", "a 'b", "a && b", "a || b", "a \"b\"", "a b*"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CHECK_EQ(mode_status(bad[i], &mode), STATUS_UNSUPPORTED);
    char many[600] = "a";
    for (unsigned i = 0; i < 30; i++)
        snprintf(many + strlen(many), sizeof many - strlen(many), " | a");
    CHECK_EQ(mode_status(many, &mode), STATUS_UNSUPPORTED);
}

static int translate(struct apertium *apertium, size_t pair, const char *text, char *out,
                     size_t size)
{
    struct buf buf;
    buf_init(&buf, 1 << 20);
    int status = apertium_translate(apertium, pair, text, &buf);
    snprintf(out, size, "%s", buf.data != NULL ? buf.data : "");
    buf_deinit(&buf);
    return status;
}

static size_t pair_of(struct apertium *apertium, const char *source, const char *target)
{
    size_t pair = 999;
    CHECK_EQ(apertium_pair_find(apertium, source, target, &pair), 0);
    return pair;
}

/* sed -z reads and writes NUL-terminated pieces: a pipeline in small. */
static void test_pipelines(void)
{
    struct apertium *apertium;
    char out[256];
    mode_write("eng-spa", "sed -u s/ello/ola/ | sed -u s/H/h/");
    mode_write("eng-deu", "tail -f /dev/null");
    mode_write("eng-fra", "sed -u q");
    mode_write("eng-ita", "no-such-program-anywhere");
    mode_write("eng-spa-tagger", "sed -u p");
    mode_write("eng-por", "sed | sh -c 'rm x'; true");
    CHECK_EQ(
        apertium_create(&apertium, &(struct apertium_config){.modes_dir = dir, .deadline_ms = 300}),
        0);
    CHECK_EQ(apertium_pairs(apertium), 4);
    CHECK_STR(apertium_pair_name(apertium, 0), "eng-deu");
    size_t spa = pair_of(apertium, "en-GB", "es-ES");
    CHECK_EQ(translate(apertium, spa, "hello there", out, sizeof out), 0);
    CHECK_STR(out, "Hola there");
    CHECK_EQ(translate(apertium, spa, "again", out, sizeof out), 0);
    CHECK_STR(out, "Again");
    CHECK_EQ(apertium_starts(apertium, spa), 1);
    /* Nothing to ask. */
    CHECK_EQ(translate(apertium, spa, "   ", out, sizeof out), 0);
    CHECK_STR(out, "");

    size_t deu = pair_of(apertium, "en", "de");
    int64_t begin_us = clock_mono_us();
    CHECK_EQ(translate(apertium, deu, "hello", out, sizeof out), STATUS_TIMEOUT);
    CHECK(clock_mono_us() - begin_us < 3000000);
    /* One that ends after every text is started anew for the next. */
    size_t fra = pair_of(apertium, "en", "fr");
    CHECK_EQ(translate(apertium, fra, "hello", out, sizeof out), 0);
    CHECK_STR(out, "Hello");
    CHECK_EQ(translate(apertium, fra, "again", out, sizeof out), 0);
    CHECK_STR(out, "Again");
    CHECK_EQ(apertium_starts(apertium, fra), 2);
    CHECK_EQ(translate(apertium, pair_of(apertium, "en", "it"), "hello", out, sizeof out),
             STATUS_UNAVAILABLE);
    size_t pair;
    CHECK_EQ(apertium_pair_find(apertium, "en", "pt", &pair), STATUS_NOT_FOUND);
    CHECK_EQ(apertium_pair_find(apertium, "es", "en", &pair), STATUS_NOT_FOUND);
    apertium_destroy(apertium);
    const char *const modes[] = {"eng-spa", "eng-deu",        "eng-fra",
                                 "eng-ita", "eng-spa-tagger", "eng-por"};
    for (unsigned i = 0; i < 6; i++)
        mode_remove(modes[i]);
}

static void test_variants(void)
{
    struct apertium *apertium;
    mode_write("spa-eng", "sed -u p");
    mode_write("spa-eng_US", "sed -u p");
    mode_write("fr-es", "sed -u p");
    CHECK_EQ(apertium_create(&apertium, &(struct apertium_config){.modes_dir = dir}), 0);
    CHECK_STR(apertium_pair_name(apertium, pair_of(apertium, "es", "en")), "spa-eng");
    CHECK_STR(apertium_pair_name(apertium, pair_of(apertium, "es-MX", "en-US")), "spa-eng_US");
    CHECK_STR(apertium_pair_name(apertium, pair_of(apertium, "es", "en-GB")), "spa-eng");
    CHECK_STR(apertium_pair_name(apertium, pair_of(apertium, "fr-CA", "es")), "fr-es");
    apertium_destroy(apertium);
    mode_remove("spa-eng");
    mode_remove("spa-eng_US");
    mode_remove("fr-es");
    CHECK_EQ(apertium_create(&apertium, &(struct apertium_config){.modes_dir = "/nonexistent"}), 0);
    CHECK_EQ(apertium_pairs(apertium), 0);
    apertium_destroy(apertium);
}

static const char *const hostile[] = {
    "^",
    "$",
    "^$",
    "[",
    "]",
    "[]",
    "][",
    "[[]]",
    "{",
    "}",
    "\\",
    "\\\\",
    "/",
    "@",
    "<",
    ">",
    "<n><sg>",
    "^cat/gato<n>$",
    "[<b>]",
    "[[/]]",
    "*",
    "#",
    "~",
    "+",
    ".[][1]",
    "[][2]",
    "a[][3]b",
    "\\^",
    "\x01\x02",
    "\xe2\x80\x8b",
    "\xef\xbb\xbf",
    "\xf0\x9f\x98\x80",
    "¿?¡!",
    "'",
    "''",
    "\"",
    "...",
    "?",
    "!!!",
    "-",
    "--",
    "I'm sure \\[it\\] {costs} $5 @ <home>",
    "<STREAMCMD:FLUSH>",
    "[<STREAMCMD:SETVAR:x>]",
    "^^^^$$$$",
};

/* Whatever goes in, the next sentence gets its own answer. */
static void test_installed_pair(void)
{
    struct apertium *apertium;
    size_t pair;
    char out[4096];
    CHECK_EQ(apertium_create(&apertium, &(struct apertium_config){.deadline_ms = 20000}), 0);
    if (apertium_pair_find(apertium, "en-US", "es", &pair) != 0) {
        fprintf(stderr, "no apertium-eng-spa here, skipped\n");
        apertium_destroy(apertium);
        return;
    }
    CHECK_EQ(translate(apertium, pair, "i have two cats", out, sizeof out), 0);
    CHECK_STR(out, "Tengo dos gatos");
    for (size_t i = 0; i < sizeof hostile / sizeof hostile[0]; i++) {
        CHECK_EQ(translate(apertium, pair, hostile[i], out, sizeof out), 0);
        CHECK_EQ(translate(apertium, pair, "the house is red.", out, sizeof out), 0);
        CHECK_STR(out, "La casa es roja.");
    }
    CHECK_EQ(apertium_starts(apertium, pair), 1);
    static char longest[APERTIUM_TEXT_MAX + 2], answer[APERTIUM_ANSWER_MAX];
    while (strlen(longest) + 12 < APERTIUM_TEXT_MAX)
        strncat(longest, "the red cat ", 13);
    CHECK_EQ(translate(apertium, pair, longest, answer, sizeof answer), 0);
    CHECK(strlen(answer) > APERTIUM_TEXT_MAX / 2);
    memset(longest, 'a', APERTIUM_TEXT_MAX + 1);
    CHECK_EQ(translate(apertium, pair, longest, answer, sizeof answer), STATUS_LIMIT);
    CHECK_EQ(translate(apertium, pair, "\xc3", out, sizeof out), STATUS_INVALID);
    apertium_destroy(apertium);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    snprintf(dir, sizeof dir, "/tmp/test_local_apertium.XXXXXX");
    CHECK(mkdtemp(dir) != NULL);
    RUN(test_prepare);
    RUN(test_finish);
    RUN(test_languages);
    RUN(test_modes);
    RUN(test_pipelines);
    RUN(test_variants);
    RUN(test_installed_pair);
    CHECK_EQ(rmdir(dir), 0);
    return check_done();
}
