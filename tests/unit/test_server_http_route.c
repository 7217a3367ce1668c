#include "base/status.h"
#include "server/http_route.h"
#include "tests/check.h"

#define ID "0123456789abcdef0123456789abcdef"

static struct http_route route;
static struct http_refusal refusal;

/* Parameters are separated by '&' here; the library gives them one by one. */
static int parse(enum http_method method, const char *path, const char *query)
{
    struct http_args args = {.len = 0};
    for (size_t len; *query != '\0'; query += len + (query[len] == '&')) {
        len = strcspn(query, "&");
        CHECK(http_args_add(&args, query, len));
    }
    memset(&route, 0, sizeof route);
    memset(&refusal, 0, sizeof refusal);
    return http_route_parse(&route, method, path, &args, &refusal);
}

static void test_transcripts(void)
{
    CHECK_EQ(parse(HTTP_GET, "/v1/sessions/" ID "/transcript.srt", "lang=en,es-MX"), STATUS_OK);
    CHECK_EQ(route.endpoint, HTTP_TRANSCRIPT);
    CHECK_EQ(route.format, TRANSCRIPT_SRT);
    CHECK_STR(route.session, ID);
    CHECK_EQ(route.langs.len, 2);
    CHECK_STR(route.langs.tag[0], "en");
    CHECK_STR(route.langs.tag[1], "es-MX");
    CHECK_EQ(parse(HTTP_HEAD, "/v1/sessions/" ID "/transcript.json", "after=7&limit=20"),
             STATUS_OK);
    CHECK_EQ(route.after, 7);
    CHECK_EQ(route.limit, 20);
    CHECK_EQ(parse(HTTP_GET, "/v1/sessions/" ID "/transcript.json", ""), STATUS_OK);
    CHECK_EQ(route.limit, HTTP_LIST_DEFAULT);
}

static void test_sessions(void)
{
    CHECK_EQ(parse(HTTP_GET, "/v1/sessions", "class=Englisch 3\xc3\xbc&before=" ID), STATUS_OK);
    CHECK_EQ(route.endpoint, HTTP_SESSIONS);
    CHECK_STR(route.class_name, "Englisch 3\xc3\xbc");
    CHECK_STR(route.before, ID);
    CHECK_EQ(parse(HTTP_DELETE, "/v1/sessions/" ID, ""), STATUS_OK);
    CHECK_EQ(route.endpoint, HTTP_SESSION);
    CHECK_EQ(parse(HTTP_POST, "/v1/tokens", ""), STATUS_OK);
    CHECK_EQ(route.endpoint, HTTP_TOKENS);
}

/* A class is named in one form of Unicode, however it was typed, and may have slashes in it. */
static void test_class_names(void)
{
    CHECK_EQ(parse(HTTP_GET,
                   "/v1/classes/u\xcc\x88"
                   "ben/A/export.csv",
                   ""),
             STATUS_OK);
    CHECK_EQ(route.endpoint, HTTP_EXPORT);
    CHECK_EQ(route.format, TRANSCRIPT_CSV);
    CHECK_STR(route.class_name, "\xc3\xbc"
                                "ben/A");
    static const char *const wrong[] = {"/v1/classes//export.json",
                                        "/v1/classes/A/export.srt",
                                        "/v1/classes/A/",
                                        "/v1/classes/export.json",
                                        "/v1/classes/\xff/export.json",
                                        "/v1/classes/a\x01/export.json"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        CHECK_EQ(parse(HTTP_GET, wrong[i], ""), STATUS_NOT_FOUND);
        CHECK_EQ(refusal.status, 404);
    }
    char path[2 * NAME_BYTES_MAX] = "/v1/classes/";
    memset(path + strlen(path), 'x', NAME_BYTES_MAX);
    strcpy(path + strlen(path), "/export.json");
    CHECK_EQ(parse(HTTP_GET, path, ""), STATUS_OK);
    memcpy(path + strlen(path) - strlen("/export.json"), "x/export.json", 14);
    CHECK_EQ(parse(HTTP_GET, path, ""), STATUS_NOT_FOUND);
}

static void test_unknown_paths(void)
{
    static const char *const paths[] = {"/",
                                        "",
                                        "/v1",
                                        "/v1/session",
                                        "/v1/sessions/",
                                        "/v1/sessionsx",
                                        "/v1/tokens/",
                                        "/v1/sessions/" ID "/",
                                        "/v1/sessions/" ID "x",
                                        "/v1/sessions/" ID "/transcript",
                                        "/v1/sessions/" ID "/transcript.",
                                        "/v1/sessions/" ID "/transcript.csv",
                                        "/v1/sessions/" ID "/transcript.srt/",
                                        "/v1/sessions/0123456789ABCDEF0123456789ABCDEF",
                                        "/v1/sessions/0123456789abcdef0123456789abcde",
                                        "/v1/sessions/*"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        CHECK_EQ(parse(HTTP_GET, paths[i], ""), STATUS_NOT_FOUND);
        CHECK_EQ(refusal.status, 404);
    }
}

static void test_methods(void)
{
    CHECK_EQ(parse(HTTP_POST, "/v1/sessions", ""), STATUS_INVALID);
    CHECK_EQ(refusal.status, 405);
    CHECK_STR(refusal.allow, "GET, HEAD");
    CHECK_EQ(parse(HTTP_GET, "/v1/tokens", ""), STATUS_INVALID);
    CHECK_STR(refusal.allow, "POST");
    CHECK_EQ(parse(HTTP_OTHER, "/v1/sessions/" ID, ""), STATUS_INVALID);
    CHECK_STR(refusal.allow, "GET, HEAD, DELETE");
    /* What is not there has no methods. */
    CHECK_EQ(parse(HTTP_DELETE, "/v1/nothing", ""), STATUS_NOT_FOUND);
}

static void test_queries(void)
{
    static const char path[] = "/v1/sessions/" ID "/transcript.json";
    static const char *const wrong[] = {"after",
                                        "after=",
                                        "after=-1",
                                        "after=1x",
                                        "after=9223372036854775808",
                                        "after=99999999999999999999",
                                        "limit=0",
                                        "limit=501",
                                        "limit= 5",
                                        "limit=+5",
                                        "lang=",
                                        "lang=es,",
                                        "lang=,es",
                                        "lang=e",
                                        "lang=es,fr,de,it,pt,nl,pl,sv,da,fi",
                                        "format=srt",
                                        "limit=1&limit=1",
                                        "class=A",
                                        "=1"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        CHECK_EQ(parse(HTTP_GET, path, wrong[i]), STATUS_INVALID);
        CHECK_EQ(refusal.status, 400);
        CHECK(refusal.detail != NULL);
    }
    CHECK_EQ(parse(HTTP_GET, path, "after=9223372036854775807&limit=500"), STATUS_OK);
    CHECK(route.after == INT64_MAX);
    /* Subtitles are whole. */
    CHECK_EQ(parse(HTTP_GET, "/v1/sessions/" ID "/transcript.vtt", "limit=5"), STATUS_INVALID);
    CHECK_EQ(parse(HTTP_GET, "/v1/sessions", "before=me"), STATUS_INVALID);
    CHECK_EQ(parse(HTTP_GET, "/v1/sessions", "class="), STATUS_INVALID);
}

static void test_query_room(void)
{
    struct http_args args = {.len = 0};
    char text[HTTP_ARGS_BYTES] = {0};
    memset(text, 'a', sizeof text - 1);
    CHECK(http_args_add(&args, text, sizeof text - 1));
    CHECK(!http_args_add(&args, "", 0));
    args.len = 0;
    CHECK(!http_args_add(&args, text, sizeof text));
    CHECK(!http_args_add(&args, "a\0b", 3));
    CHECK_EQ(args.len, 0);
}

int main(void)
{
    RUN(test_transcripts);
    RUN(test_sessions);
    RUN(test_class_names);
    RUN(test_unknown_paths);
    RUN(test_methods);
    RUN(test_queries);
    RUN(test_query_room);
    return check_done();
}
