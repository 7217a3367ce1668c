/* What is done to the stream between Apertium's programs: taken apart and put together, readings
 * excluded by a parse, everyday Spanish preferred. */
#include "base/buf.h"
#include "base/status.h"
#include "local/apertium_choice.h"
#include "local/apertium_readings.h"
#include "local/apertium_stream.h"
#include "tests/check.h"
#include <stdio.h>
#include <string.h>

static struct apertium_stream stream;
static char out[16384];

static const char *taken(struct buf *buf)
{
    snprintf(out, sizeof out, "%.*s", (int)buf->len, buf->data != NULL ? buf->data : "");
    buf_deinit(buf);
    return out;
}

static const char *written(void)
{
    struct buf buf;
    buf_init(&buf, sizeof out - 1);
    CHECK_EQ(apertium_stream_write(&stream, &buf), 0);
    return taken(&buf);
}

static void test_same(void)
{
    static const char *const texts[] = {
        "^a/a<n>$",
        "[x] ^works/work<n><pl>/work<vblex><pri><p3><sg>$^./.<sent>$[][\n]",
        "^don't/do<vbdo><pres>+not<adv>$ ^a\\/b/a\\/b<n>$ \\^ ^c\\$/*c\\$$ tail",
        "^market<n><sg>$ ^x/$",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        CHECK(apertium_stream_read(&stream, texts[i], strlen(texts[i])));
        CHECK_STR(written(), texts[i]);
    }
}

static void test_not_a_stream(void)
{
    static char many[8 * (APERTIUM_UNITS_MAX + 2)], full[8 * (APERTIUM_READINGS_MAX + 2)];
    CHECK(!apertium_stream_read(&stream, "", 0));
    CHECK(!apertium_stream_read(&stream, "plain", 5));
    CHECK(!apertium_stream_read(&stream, "^open/open", 10));
    CHECK(!apertium_stream_read(&stream, "^open\\$", 7));
    for (size_t i = 0; i <= APERTIUM_UNITS_MAX; i++)
        memcpy(many + 5 * i, "^a/a$", 6);
    CHECK(!apertium_stream_read(&stream, many, strlen(many)));
    CHECK(apertium_stream_read(&stream, many, strlen(many) - 5));
    full[0] = '^';
    full[1] = 'a';
    for (size_t i = 0; i <= APERTIUM_READINGS_MAX; i++)
        memcpy(full + 2 + 2 * i, "/a", 3);
    size_t len = strlen(full);
    full[len] = '$';
    CHECK(!apertium_stream_read(&stream, full, len + 1));
}

static void test_changes(void)
{
    static const char text[] = "^Can/Can<n>/Can<vaux>$ ^you/prpers<prn>$  ^go/go<vblex>$.";
    CHECK(apertium_stream_read(&stream, text, sizeof text - 1));
    apertium_stream_drop(&stream.units[0], 0);
    CHECK_STR(written(), "^Can/Can<vaux>$ ^you/prpers<prn>$  ^go/go<vblex>$.");
    apertium_stream_drop(&stream.units[0], 1); /* the last stays */
    apertium_stream_drop(&stream.units[1], 0);
    CHECK_STR(written(), "^Can/Can<vaux>$ ^you/prpers<prn>$  ^go/go<vblex>$.");
    apertium_stream_swap(&stream, 0);
    CHECK_STR(written(), "^you/Prpers<prn>$ ^Can/can<vaux>$  ^go/go<vblex>$.");
    CHECK(apertium_stream_read(&stream, text, sizeof text - 1));
    apertium_stream_remove(&stream, 0);
    CHECK_STR(written(), "^you/Prpers<prn>$  ^go/go<vblex>$.");
    stream.units[1].lead = "^a/a$ ";
    stream.units[1].trail = " ^b/b$";
    snprintf(stream.units[1].put, sizeof stream.units[1].put, "x<n>");
    CHECK_STR(written(), "^a/a$ ^you/x<n>$ ^b/b$  ^go/go<vblex>$.");
    CHECK(apertium_reading_has(&stream, &stream.units[2].readings[0], "<vb"));
    CHECK_EQ(apertium_reading_lemma(&stream, &stream.units[2].readings[0]), 2);
}

static const char *chosen(const char *text)
{
    struct buf buf;
    buf_init(&buf, sizeof out - 1);
    CHECK_EQ(apertium_choice_make(text, strlen(text), &buf), 0);
    return taken(&buf);
}

static void test_choice(void)
{
    CHECK_STR(chosen("^Market<n><pl>/Lonja<n><f><pl>/Mercado<n><m><pl>$"),
              "^Market<n><pl>/Mercado<n><m><pl>$");
    CHECK_STR(chosen("^time<n><sg>/tiempo<n><m><ND><sg>$"), "^time<n><sg>/tiempo<n><m><ND><sg>$");
    CHECK_STR(chosen("^What<det>/Qué<det>$ ^time<n><sg>/tiempo<n><m><ND><sg>$"),
              "^What<det>/Qué<det>$ ^time<n><sg>/hora<n><f><sg>$");
    CHECK_STR(chosen("^play<vblex><past>/x<vblex><past>$ ^a<det>/b<det>$ ^guitar<n>/c<n>$"),
              "^play<vblex><past>/tocar<vblex><past>$ ^a<det>/b<det>$ ^guitar<n>/c<n>$");
    CHECK_STR(chosen("^play<vblex><past>/x<vblex><past>$ ^a<det>/b<det>$ ^game<n>/c<n>$"),
              "^play<vblex><past>/jugar<vblex><past>$ ^a<det>/b<det>$ ^game<n>/c<n>$");
    CHECK_STR(chosen("^at<pr>/en<pr>$ ^ten<num><sp>/diez<num><mf><sp>$"),
              "^at<pr>/a<pr>$ ^the<det><def><sp>/el<det><def><f><pl>$ "
              "^ten<num><sp>/diez<num><mf><sp>$");
    CHECK_STR(chosen("^at<pr>/en<pr>$ ^the<det>/el<det>$ ^ten<num>/diez<num>$"),
              "^at<pr>/en<pr>$ ^the<det>/el<det>$ ^ten<num>/diez<num>$");
    /* Nothing to choose from, or no stream. */
    CHECK_STR(chosen("^market<n><sg>$"), "^market<n><sg>$");
    CHECK_STR(chosen("^market<n><sg>/@market<n><sg>"), "^market<n><sg>/@market<n><sg>");
}

static const char *thinned(struct link_grammar *parser, const char *text)
{
    struct buf buf;
    buf_init(&buf, sizeof out - 1);
    CHECK_EQ(apertium_readings_thin(parser, text, strlen(text), &buf), 0);
    return taken(&buf);
}

static void test_readings(void)
{
    struct link_grammar *parser;
    if (link_grammar_create(&parser) != 0) {
        fprintf(stderr, "no link-grammar-dictionaries-en here, skipped\n");
        return;
    }
    CHECK_STR(thinned(parser,
                      "^My/My<det>$ ^father/father<n><sg>$ "
                      "^works/work<n><pl>/work<vblex><pri><p3><sg>$ ^here/here<adv>$^./.<sent>$"),
              "^My/My<det>$ ^father/father<n><sg>$ ^works/work<vblex><pri><p3><sg>$ "
              "^here/here<adv>$^./.<sent>$");
    CHECK_STR(thinned(parser, "^His/His<det>$ ^works/work<n><pl>/work<vblex><pri><p3><sg>$ "
                              "^are/be<vbser>$ ^good/good<adj>$^./.<sent>$"),
              "^His/His<det>$ ^works/work<n><pl>$ ^are/be<vbser>$ ^good/good<adj>$^./.<sent>$");
    CHECK_STR(thinned(parser, "^Can/Can<n>/Can<vaux><pres>$ ^you/prpers<prn><subj><p2>$ "
                              "^help/help<n><sg>/help<vblex><inf>/help<vblex><pres>$ "
                              "^me/prpers<prn><obj><p1>$^?/?<sent>$"),
              "^you/Prpers<prn><subj><p2>$ ^Can/can<vaux><pres>$ ^help/help<vblex><inf>$ "
              "^me/prpers<prn><obj><p1>$^?/?<sent>$");
    CHECK_STR(thinned(parser, "^Where/Where<adv>$ ^did/do<vbdo><past>$ ^you/prpers<prn><subj>$ "
                              "^go/go<vblex><inf>/go<vblex><pres>$^?/?<sent>$"),
              "^Where/Where<adv>$ ^you/prpers<prn><subj>$ ^go/go<vblex><past>$^?/?<sent>$");
    CHECK_STR(thinned(parser, "^Open/Open<adj>/Open<vblex><inf>/Open<vblex><pres>$ ^the/the<det>$ "
                              "^door/door<n><sg>$^./.<sent>$"),
              "^Open/Open<vblex><pres>$ ^the/the<det>$ ^door/door<n><sg>$^./.<sent>$");
    /* A salad is left alone, so is what is no stream. */
    static const char salad[] = "^of/of<pr>$ ^the/the<det>$ ^of/of<pr>$ ^the/the<det>$ ^of/of<pr>$";
    CHECK_STR(thinned(parser, salad), salad);
    CHECK_STR(thinned(parser, "^cut/cut<n>"), "^cut/cut<n>");
    CHECK_STR(thinned(parser, ""), "");
    link_grammar_destroy(parser);
}

int main(void)
{
    RUN(test_same);
    RUN(test_not_a_stream);
    RUN(test_changes);
    RUN(test_choice);
    RUN(test_readings);
    return check_done();
}
