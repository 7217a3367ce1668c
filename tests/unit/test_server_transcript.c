#include "base/buf.h"
#include "base/mem.h"
#include "base/status.h"
#include "server/transcript.h"
#include "tests/check.h"
#include <jansson.h>
#include <stdbool.h>

#define STARTED_US 1795238364778000 /* 2026-11-21T05:19:24.778Z */

static const struct store_about about = {.session = "e202f65116bc99b1fc092ad88ea3d211",
                                         .class_name = "A",
                                         .name = "Ana \"B\"",
                                         .subject = "ana",
                                         .source = "en-US",
                                         .settings = "{\"targets\":[\"es\",\"fr\"]}",
                                         .usage = "{\"audio_ms\":5}",
                                         .end_reason = "client",
                                         .rate = 16000,
                                         .segments = 2,
                                         .seq = 5,
                                         .started_wall_us = STARTED_US,
                                         .ended_wall_us = STARTED_US + 60000000};

static struct transcript *transcript;
static struct buf out;

static void begin(enum transcript_format format, const char *langs, const char *class_name)
{
    struct transcript_of of = {.format = format, .class_name = class_name};
    if (langs[0] != '\0')
        CHECK_EQ(transcript_langs_parse(&of.langs, langs, strlen(langs)), STATUS_OK);
    buf_init(&out, 1 << 20);
    CHECK_EQ(transcript_create(&transcript, &of), STATUS_OK);
    CHECK_EQ(transcript_begin(transcript, &out), STATUS_OK);
}

static void finish(void)
{
    CHECK_EQ(transcript_end(transcript, &out), STATUS_OK);
    transcript_destroy(transcript);
}

static void row(const struct store_row *of, const char *body)
{
    struct store_row copy = *of;
    copy.body = body;
    copy.body_len = strlen(body);
    copy.lang = copy.lang != NULL ? copy.lang : "";
    CHECK_EQ(transcript_row(transcript, &copy, &out), STATUS_OK);
}

/* A final of a segment, as it is stored. */
static void put(uint64_t seq, uint32_t segment, const char *lang, int start_ms, const char *text)
{
    char body[512];
    json_t *quoted = json_string(text);
    char *json = json_dumps(quoted, JSON_ENCODE_ANY);
    snprintf(body, sizeof body,
             "\"type\":\"x\",\"segment\":%u,\"committed\":%s,\"tentative\":\"\",\"start_ms\":%d,"
             "\"end_ms\":%d}",
             segment, json, start_ms, start_ms + 1500);
    free(json);
    json_decref(quoted);
    row(&(struct store_row){.seq = seq,
                            .kind = lang[0] != '\0' ? STORE_TRANSLATION : STORE_TRANSCRIPT,
                            .segment = segment,
                            .lang = lang,
                            .wall_us = STARTED_US},
        body);
}

static void rows(void)
{
    CHECK_EQ(transcript_open(transcript, &about, &out), STATUS_OK);
    put(1, 1, "", 100, "She have three cats.");
    put(2, 2, "", 3661000, "Good <b>bye</b> & {x} --> all");
    put(3, 1, "es", 100, "Tiene tres gatos.");
    row(&(struct store_row){.seq = 4, .kind = STORE_GRAMMAR, .segment = 1, .wall_us = STARTED_US},
        "\"type\":\"grammar\",\"segment\":1,\"corrected\":\"She has three cats.\",\"edits\":[]}");
    put(5, 2, "es", 3661000, "Adi\xc3\xb3s\n\n\ttodos");
    CHECK_EQ(transcript_close(transcript, NULL, &out), STATUS_OK);
}

static void render(enum transcript_format format, const char *langs)
{
    begin(format, langs, NULL);
    rows();
    finish();
}

static void test_srt(void)
{
    render(TRANSCRIPT_SRT, "");
    CHECK_STR(out.data, "1\n00:00:00,100 --> 00:00:01,600\nShe have three cats.\n\n"
                        "2\n01:01:01,000 --> 01:01:02,500\nGood \u2039b\u203abye\u2039/b\u203a & "
                        "(x) --\u203a all\n");
    buf_deinit(&out);
    render(TRANSCRIPT_SRT, "es,en");
    CHECK_STR(out.data, "1\n00:00:00,100 --> 00:00:01,600\nTiene tres gatos.\nShe have three cats."
                        "\n\n2\n01:01:01,000 --> 01:01:02,500\nAdi\xc3\xb3s todos\nGood "
                        "\u2039b\u203abye\u2039/b\u203a & (x) --\u203a all\n");
    buf_deinit(&out);
}

static void test_vtt(void)
{
    render(TRANSCRIPT_VTT, "en-GB");
    CHECK_STR(out.data, "WEBVTT\n\n1\n00:00:00.100 --> 00:00:01.600\nShe have three cats.\n\n"
                        "2\n01:01:01.000 --> 01:01:02.500\nGood &lt;b&gt;bye&lt;/b&gt; &amp; {x} "
                        "--&gt; all\n");
    buf_deinit(&out);
}

static void test_txt(void)
{
    render(TRANSCRIPT_TXT, "en,es");
    CHECK_STR(out.data,
              "[00:00:00] She have three cats.\n           Tiene tres gatos.\n"
              "[01:01:01] Good <b>bye</b> & {x} --> all\n           Adi\xc3\xb3s todos\n");
    buf_deinit(&out);
}

/* Nothing was said in that language: a file without cues, not a broken one. */
static void test_language_nobody_asked_for(void)
{
    render(TRANSCRIPT_SRT, "fr");
    CHECK_EQ(out.len, 0);
    buf_deinit(&out);
    render(TRANSCRIPT_VTT, "fr");
    CHECK_STR(out.data, "WEBVTT\n\n");
    buf_deinit(&out);
}

/* A target of the source's own language is a translation, not what was spoken. */
static void test_exact_tag_wins(void)
{
    begin(TRANSCRIPT_TXT, "en-GB", NULL);
    CHECK_EQ(transcript_open(transcript, &about, &out), STATUS_OK);
    put(1, 1, "", 0, "color");
    put(2, 1, "en-GB", 0, "colour");
    put(3, 2, "en-GB", 2000, "grey");
    put(4, 2, "", 2000, "gray");
    CHECK_EQ(transcript_close(transcript, NULL, &out), STATUS_OK);
    finish();
    CHECK_STR(out.data, "[00:00:00] colour\n[00:00:02] grey\n");
    buf_deinit(&out);
}

/* Whatever times are stored, no cue begins before the last one has ended, or lasts no time. */
static void test_cues_never_overlap(void)
{
    begin(TRANSCRIPT_SRT, "", NULL);
    CHECK_EQ(transcript_open(transcript, &about, &out), STATUS_OK);
    put(1, 1, "", 1000, "a");
    put(2, 2, "", 1000, "b");
    put(3, 3, "", 0, "c");
    put(4, 4, "", 9000, "");
    put(5, 5, "", 9000, " \xc2\xa0 ");
    put(6, 6, "", 9000, "d");
    CHECK_EQ(transcript_close(transcript, NULL, &out), STATUS_OK);
    finish();
    CHECK_STR(out.data,
              "1\n00:00:01,000 --> 00:00:02,500\na\n\n2\n00:00:02,500 --> 00:00:02,501\nb\n"
              "\n3\n00:00:02,501 --> 00:00:02,502\nc\n\n4\n00:00:09,000 --> "
              "00:00:10,500\nd\n");
    buf_deinit(&out);
}

/* A translation may come as late as a lane may owe one; what is kept meanwhile is bounded. */
static void test_late_translations(void)
{
    char text[32];
    begin(TRANSCRIPT_TXT, "es", NULL);
    CHECK_EQ(transcript_open(transcript, &about, &out), STATUS_OK);
    for (unsigned i = 1; i <= 1000; i++) {
        snprintf(text, sizeof text, "s%u", i);
        put(2 * i, i, "", (int)i * 2000, text);
        snprintf(text, sizeof text, "t%u", i - 40);
        if (i > 40)
            put(2 * i + 1, i - 40, "es", (int)(i - 40) * 2000, text);
    }
    put(5000, 1, "es", 0, "too late");
    CHECK_EQ(transcript_close(transcript, NULL, &out), STATUS_OK);
    finish();
    unsigned lines = 0;
    for (const char *at = out.data; (at = strchr(at, '\n')) != NULL; at++)
        lines++;
    CHECK_EQ(lines, 960);
    CHECK(strstr(out.data, "] t1\n") != NULL && strstr(out.data, "] t960\n") != NULL);
    CHECK(strstr(out.data, "too late") == NULL);
    buf_deinit(&out);
}

static void test_json(void)
{
    render(TRANSCRIPT_JSON, "");
    json_t *root = json_loads(out.data, 0, NULL);
    CHECK(root != NULL);
    CHECK_STR(json_string_value(json_object_get(root, "session")), about.session);
    CHECK_STR(json_string_value(json_object_get(root, "name")), about.name);
    CHECK_STR(json_string_value(json_object_get(root, "started_at")), "2026-11-21T05:19:24.778Z");
    CHECK_EQ(json_array_size(json_object_get(root, "targets")), 2);
    CHECK_EQ(json_integer_value(json_object_get(json_object_get(root, "usage"), "audio_ms")), 5);
    CHECK(json_object_get(root, "subject") == NULL);
    CHECK(json_object_get(root, "next") == NULL);
    json_t *messages = json_object_get(root, "messages");
    CHECK_EQ(json_array_size(messages), 5);
    json_t *first = json_array_get(messages, 0);
    CHECK_EQ(json_integer_value(json_object_get(first, "seq")), 1);
    CHECK_STR(json_string_value(json_object_get(first, "committed")), "She have three cats.");
    CHECK_STR(json_string_value(json_object_get(first, "at")), "2026-11-21T05:19:24.778Z");
    json_decref(root);
    buf_deinit(&out);
    render(TRANSCRIPT_JSON, "es");
    root = json_loads(out.data, 0, NULL);
    CHECK_EQ(json_array_size(json_object_get(root, "messages")), 2);
    json_decref(root);
    buf_deinit(&out);
}

static void test_json_next(void)
{
    begin(TRANSCRIPT_JSON, "", NULL);
    CHECK_EQ(transcript_open(transcript, &about, &out), STATUS_OK);
    CHECK_EQ(transcript_close(transcript, "/v1/x?after=\"5\"", &out), STATUS_OK);
    finish();
    json_t *root = json_loads(out.data, 0, NULL);
    CHECK_STR(json_string_value(json_object_get(root, "next")), "/v1/x?after=\"5\"");
    CHECK_EQ(json_array_size(json_object_get(root, "messages")), 0);
    json_decref(root);
    buf_deinit(&out);
}

/* A session that has not ended and used nothing yet. */
static void test_json_of_a_live_session(void)
{
    struct store_about live = about;
    live.usage = live.end_reason = NULL;
    live.settings = "not JSON";
    live.ended_wall_us = 0;
    buf_init(&out, 1 << 20);
    CHECK_EQ(transcript_write_about(&live, &out), STATUS_OK);
    json_t *root = json_loads(out.data, 0, NULL);
    CHECK(json_is_null(json_object_get(root, "ended_at")));
    CHECK(json_is_null(json_object_get(root, "usage")));
    CHECK_EQ(json_array_size(json_object_get(root, "targets")), 0);
    json_decref(root);
    buf_deinit(&out);
}

static void test_json_of_a_class(void)
{
    begin(TRANSCRIPT_JSON, "", "A \"1\"");
    rows();
    rows();
    finish();
    json_t *root = json_loads(out.data, 0, NULL);
    CHECK(root != NULL);
    CHECK_STR(json_string_value(json_object_get(root, "class")), "A \"1\"");
    json_t *sessions = json_object_get(root, "sessions");
    CHECK_EQ(json_array_size(sessions), 2);
    CHECK_EQ(json_array_size(json_object_get(json_array_get(sessions, 1), "messages")), 5);
    json_decref(root);
    buf_deinit(&out);
    begin(TRANSCRIPT_JSON, "", "A");
    finish();
    root = json_loads(out.data, 0, NULL);
    CHECK_EQ(json_array_size(json_object_get(root, "sessions")), 0);
    json_decref(root);
    buf_deinit(&out);
}

static void test_csv(void)
{
    begin(TRANSCRIPT_CSV, "es", "A");
    rows();
    finish();
    CHECK_STR(out.data,
              "session,name,started_at,seq,segment,kind,lang,start_ms,end_ms,text,by,failed\r\n"
              "e202f65116bc99b1fc092ad88ea3d211,\"Ana \"\"B\"\"\",2026-11-21T05:19:24.778Z,3,1,"
              "translation,\"es\",100,1600,\"Tiene tres gatos.\",\"\",\"\"\r\n"
              "e202f65116bc99b1fc092ad88ea3d211,\"Ana \"\"B\"\"\",2026-11-21T05:19:24.778Z,5,2,"
              "translation,\"es\",3661000,3662500,\"Adi\xc3\xb3s\n\n\ttodos\",\"\",\"\"\r\n");
    buf_deinit(&out);
}

/* What a learner says must not become a formula in the teacher's table. */
static void test_csv_formulas(void)
{
    static const char *const formulas[] = {"=1+1",
                                           "+1",
                                           "-1",
                                           "@SUM(A1)",
                                           "\t=1",
                                           "  =1",
                                           "\r=1",
                                           "|calc",
                                           "%0",
                                           "\xef\xbc\x9d"
                                           "1"};
    for (size_t i = 0; i < sizeof formulas / sizeof formulas[0]; i++) {
        begin(TRANSCRIPT_CSV, "", "A");
        CHECK_EQ(transcript_open(transcript, &about, &out), STATUS_OK);
        put(1, 1, "", 0, formulas[i]);
        char expected[64];
        snprintf(expected, sizeof expected, ",\"'%s\",", formulas[i]);
        CHECK(strstr(out.data, expected) != NULL);
        finish();
        buf_deinit(&out);
    }
}

/* One message that cannot be read costs none of the others. */
static void test_unreadable_row(void)
{
    for (enum transcript_format format = TRANSCRIPT_CSV; format < TRANSCRIPT_FORMATS; format++) {
        begin(format, "", NULL);
        CHECK_EQ(transcript_open(transcript, &about, &out), STATUS_OK);
        row(&(struct store_row){.seq = 1, .kind = STORE_TRANSCRIPT, .segment = 1}, "garbage");
        put(2, 2, "", 0, "still here");
        CHECK_EQ(transcript_close(transcript, NULL, &out), STATUS_OK);
        finish();
        CHECK(strstr(out.data, "still here") != NULL);
        buf_deinit(&out);
    }
}

static void test_langs(void)
{
    struct transcript_langs langs;
    CHECK_EQ(transcript_langs_parse(&langs, "", 0), STATUS_INVALID);
    CHECK_EQ(transcript_langs_parse(&langs, "es,", 3), STATUS_INVALID);
    CHECK_EQ(transcript_langs_parse(&langs, "e\0s", 3), STATUS_INVALID);
    CHECK_EQ(transcript_langs_parse(&langs, "aa,ab,ac,ad,ae,af,ag,ah,ai,aj", 29), STATUS_LIMIT);
    CHECK_EQ(transcript_langs_parse(&langs, "aa,ab,ac,ad,ae,af,ag,ah,ai", 26), STATUS_OK);
    CHECK_EQ(langs.len, TRANSCRIPT_LANGS_MAX);
}

static void test_file_names(void)
{
    char name[TRANSCRIPT_NAME_BYTES];
    struct transcript_of of = {.format = TRANSCRIPT_SRT};
    struct store_about other = about;
    transcript_file_name(&of, &about, name);
    CHECK_STR(name, "sotto-Ana-B-2026-11-21.srt");
    other.name = "\"/../\r\nX";
    transcript_file_name(&of, &other, name);
    CHECK_STR(name, "sotto-X-2026-11-21.srt");
    other.name = "";
    transcript_file_name(&of, &other, name);
    CHECK_STR(name, "sotto-2026-11-21.srt");
    of = (struct transcript_of){.format = TRANSCRIPT_CSV, .class_name = "\xc3\xbc"};
    transcript_file_name(&of, NULL, name);
    CHECK_STR(name, "sotto.csv");
    char longest[NAME_BYTES_MAX + 1] = {0};
    memset(longest, 'x', NAME_BYTES_MAX);
    other.name = longest;
    of = (struct transcript_of){.format = TRANSCRIPT_JSON};
    transcript_file_name(&of, &other, name);
    CHECK(strlen(name) < TRANSCRIPT_NAME_BYTES);
    CHECK(strstr(name, "x-2026-11-21.json") != NULL);
}

/* Every allocation of ours may fail: a status, and nothing is leaked or written twice. */
static void test_no_memory(void)
{
    for (unsigned nth = 1; nth < 30; nth++) {
        struct transcript_of of = {.format = TRANSCRIPT_SRT};
        struct store_row line = {.seq = 1, .kind = STORE_TRANSCRIPT, .segment = 1, .lang = ""};
        line.body = "\"committed\":\"x\",\"start_ms\":0,\"end_ms\":5}";
        line.body_len = strlen(line.body);
        struct transcript *made = NULL;
        buf_init(&out, 1 << 16);
        mem_fail_nth(nth);
        int status = transcript_create(&made, &of);
        status = status == STATUS_OK ? transcript_begin(made, &out) : status;
        status = status == STATUS_OK ? transcript_open(made, &about, &out) : status;
        status = status == STATUS_OK ? transcript_row(made, &line, &out) : status;
        status = status == STATUS_OK ? transcript_close(made, NULL, &out) : status;
        mem_fail_nth(0);
        CHECK(status == STATUS_OK || status == STATUS_NOMEM);
        CHECK(nth > 1 || status == STATUS_NOMEM);
        transcript_destroy(made);
        buf_deinit(&out);
    }
}

int main(void)
{
    RUN(test_srt);
    RUN(test_vtt);
    RUN(test_txt);
    RUN(test_language_nobody_asked_for);
    RUN(test_exact_tag_wins);
    RUN(test_cues_never_overlap);
    RUN(test_late_translations);
    RUN(test_json);
    RUN(test_json_next);
    RUN(test_json_of_a_live_session);
    RUN(test_json_of_a_class);
    RUN(test_csv);
    RUN(test_csv_formulas);
    RUN(test_unreadable_row);
    RUN(test_langs);
    RUN(test_file_names);
    RUN(test_no_memory);
    return check_done();
}
