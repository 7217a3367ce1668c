/* What the simulated model says, and how it is told. */
#include "base/mem.h"
#include "base/status.h"
#include "bench/script.h"
#include "bench/sim_answer.h"
#include "tests/check.h"
#include <jansson.h>

static struct local_chat_question question(enum local_chat_kind kind, const char *text)
{
    struct local_chat_question q = {.kind = kind, .source = "en-US", .target = "es", .model = "m"};
    q.text = mem_strdup(text);
    q.prompt_tokens = 50;
    return q;
}

static struct sim_answer answer_of(struct local_chat_question q)
{
    struct sim_answer answer;
    if (sim_answer_init(&answer, &q, 7, 1000) != 0)
        abort();
    CHECK(q.text == NULL);
    return answer;
}

/* All words of an utterance of the script, in a language. */
static char *spoken(const char *language)
{
    struct buf out;
    struct script_span span = {.seed = 1, .session = 2, .utterance = 3, .sentence = true};
    span.len = script_utterance_len(1, 2, 3);
    buf_init(&out, 4096);
    CHECK_EQ(script_span_write(&span, language, &out), 0);
    size_t len;
    char *text = buf_take(&out, &len);
    buf_deinit(&out);
    return text;
}

static void test_translation(void)
{
    char *english = spoken("en-US"), *spanish = spoken("es");
    struct sim_answer answer = answer_of(question(LOCAL_CHAT_TRANSLATE, english));
    CHECK_STR(answer.text, spanish);
    CHECK_EQ(answer.len, strlen(spanish));
    CHECK(answer.tokens > 10);
    sim_answer_deinit(&answer);
    mem_free(english);
    mem_free(spanish);
}

static void test_any_text_is_answered(void)
{
    struct sim_answer answer =
        answer_of(question(LOCAL_CHAT_TRANSLATE, "Zyx \"qux\", 12 \xf0\x9f\x98\x80!"));
    CHECK_STR(answer.text, "Zyx \"qux\", 12 \xf0\x9f\x98\x80!");
    sim_answer_deinit(&answer);
    answer = answer_of(question(LOCAL_CHAT_TRANSLATE, ""));
    CHECK_STR(answer.text, "");
    sim_answer_deinit(&answer);
    struct local_chat_question q = question(LOCAL_CHAT_TRANSLATE, "good morning");
    snprintf(q.target, sizeof q.target, "xx");
    answer = answer_of(q);
    CHECK_STR(answer.text, "good morning");
    sim_answer_deinit(&answer);
}

/* A mistake of the script and what it should be. */
static const char *mistake(const char **right)
{
    for (unsigned word = 0; word < script_lexicon_len(); word++) {
        *right = script_word_correction(word);
        if (*right != NULL)
            return script_word_text(word, "en");
    }
    abort();
}

static void test_grammar(void)
{
    const char *right, *wrong = mistake(&right);
    char text[128], expected[128];
    snprintf(text, sizeof text, "Zyx \"%s\", and %s.", wrong, wrong);
    snprintf(expected, sizeof expected, "Zyx \"%s\", and %s.", right, right);
    text[5] = (char)(text[5] - 'a' + 'A');
    expected[5] = (char)(expected[5] - 'a' + 'A');
    struct sim_answer answer = answer_of(question(LOCAL_CHAT_GRAMMAR, text));
    json_t *root = json_loads(answer.text, 0, NULL);
    json_t *edits = json_object_get(root, "edits"), *edit = json_array_get(edits, 1);
    CHECK_STR(json_string_value(json_object_get(root, "corrected")), expected);
    CHECK_EQ(json_array_size(edits), 2);
    CHECK_STR(json_string_value(json_object_get(edit, "from")), wrong);
    CHECK_STR(json_string_value(json_object_get(edit, "to")), right);
    CHECK(json_is_string(json_object_get(edit, "kind")));
    CHECK(json_is_string(json_object_get(edit, "message")));
    json_decref(root);
    sim_answer_deinit(&answer);
}

static void test_grammar_right_text(void)
{
    const char *texts[] = {"Zyx qux.", "", "  \"...\" "};
    for (size_t i = 0; i < 3; i++) {
        struct sim_answer answer = answer_of(question(LOCAL_CHAT_GRAMMAR, texts[i]));
        json_t *root = json_loads(answer.text, 0, NULL);
        CHECK_STR(json_string_value(json_object_get(root, "corrected")), texts[i]);
        CHECK_EQ(json_array_size(json_object_get(root, "edits")), 0);
        json_decref(root);
        sim_answer_deinit(&answer);
    }
}

/* The mistakes are those of English. */
static void test_grammar_other_language(void)
{
    const char *right, *wrong = mistake(&right);
    struct local_chat_question q = question(LOCAL_CHAT_GRAMMAR, wrong);
    snprintf(q.source, sizeof q.source, "es");
    struct sim_answer answer = answer_of(q);
    CHECK(strstr(answer.text, right) == NULL);
    sim_answer_deinit(&answer);
}

static void test_whole(void)
{
    struct buf out;
    buf_init(&out, 1 << 20);
    struct sim_answer answer = answer_of(question(LOCAL_CHAT_TRANSLATE, "zyx qux wox vyx nyx"));
    CHECK_EQ(sim_answer_write(&answer, &out), 0);
    json_t *root = json_loads(out.data, 0, NULL);
    json_t *choice = json_array_get(json_object_get(root, "choices"), 0);
    CHECK_STR(json_string_value(json_object_get(choice, "finish_reason")), "stop");
    CHECK_EQ(
        json_integer_value(json_object_get(json_object_get(root, "usage"), "completion_tokens")),
        answer.tokens);
    json_decref(root);

    sim_answer_limit(&answer, answer.tokens / 2);
    buf_reset(&out);
    CHECK_EQ(sim_answer_write(&answer, &out), 0);
    root = json_loads(out.data, 0, NULL);
    choice = json_array_get(json_object_get(root, "choices"), 0);
    CHECK_STR(json_string_value(json_object_get(choice, "finish_reason")), "length");
    CHECK_STR(json_string_value(json_object_get(json_object_get(choice, "message"), "content")),
              "zyx qux");
    json_decref(root);
    sim_answer_deinit(&answer);
    buf_deinit(&out);
}

/* What a client reads from events: the text, and the events told apart. */
struct heard {
    char text[512], finish[32];
    int events, words, usage_tokens;
    bool done;
};

static void heard_event(struct heard *heard, const char *json, size_t len)
{
    if (len == 6 && memcmp(json, "[DONE]", 6) == 0) {
        heard->done = true;
        return;
    }
    json_t *root = json_loadb(json, len, 0, NULL);
    CHECK(root != NULL);
    CHECK_STR(json_string_value(json_object_get(root, "object")), "chat.completion.chunk");
    json_t *choice = json_array_get(json_object_get(root, "choices"), 0);
    const char *content =
        json_string_value(json_object_get(json_object_get(choice, "delta"), "content"));
    const char *finish = json_string_value(json_object_get(choice, "finish_reason"));
    json_t *usage = json_object_get(root, "usage");
    heard->events++;
    if (content != NULL && content[0] != '\0') {
        heard->words++;
        strcat(heard->text, content);
    }
    if (finish != NULL)
        snprintf(heard->finish, sizeof heard->finish, "%s", finish);
    if (json_is_object(usage))
        heard->usage_tokens = (int)json_integer_value(json_object_get(usage, "completion_tokens"));
    json_decref(root);
}

static void hear(struct heard *heard, struct buf *events)
{
    const char *at = events->data, *end;
    for (; at != NULL && *at != '\0'; at = end + 2) {
        end = strstr(at, "\n\n");
        CHECK(end != NULL && strncmp(at, "data: ", 6) == 0);
        if (end == NULL)
            return;
        heard_event(heard, at + 6, (size_t)(end - at) - 6);
    }
    buf_reset(events);
}

static void test_stream(void)
{
    static const char text[] = "zyx \"qux\" wox vyx, nyx \xc3\xb1yx";
    struct heard heard = {0};
    struct buf out;
    struct local_chat_question q = question(LOCAL_CHAT_TRANSLATE, text);
    q.stream = q.include_usage = true;
    struct sim_answer answer = answer_of(q);
    buf_init(&out, 1 << 20);

    CHECK_EQ(sim_answer_stream(&answer, 1, &out), 0);
    hear(&heard, &out);
    CHECK_STR(heard.text, "zyx");
    CHECK_EQ(heard.events, 2); /* the role, the first word */
    CHECK_EQ(sim_answer_told(&answer), 1);

    CHECK_EQ(sim_answer_stream(&answer, 1, &out), 0);
    CHECK_EQ(out.len, 0);

    CHECK_EQ(sim_answer_stream(&answer, 4, &out), 0);
    hear(&heard, &out);
    CHECK(sim_answer_told(&answer) >= 4);
    CHECK(!heard.done && !answer.done && heard.usage_tokens == 0);

    CHECK_EQ(sim_answer_stream(&answer, UINT32_MAX, &out), 0);
    hear(&heard, &out);
    CHECK_STR(heard.text, text);
    CHECK_EQ(heard.words, 6);
    CHECK_STR(heard.finish, "stop");
    CHECK_EQ(heard.usage_tokens, answer.tokens);
    CHECK(heard.done && answer.done);
    sim_answer_deinit(&answer);
    buf_deinit(&out);
}

static void test_stream_cut(void)
{
    struct heard heard = {0};
    struct buf out;
    struct local_chat_question q = question(LOCAL_CHAT_TRANSLATE, "zyx qux wox vyx nyx");
    q.stream = true;
    q.max_tokens = 3;
    struct sim_answer answer = answer_of(q);
    buf_init(&out, 1 << 20);
    CHECK_EQ(sim_answer_stream(&answer, UINT32_MAX, &out), 0);
    hear(&heard, &out);
    CHECK_STR(heard.text, "zyx qux wox");
    CHECK_STR(heard.finish, "length");
    CHECK_EQ(heard.usage_tokens, 0); /* not asked for */
    CHECK(heard.done);
    sim_answer_deinit(&answer);
    buf_deinit(&out);
}

static void test_stream_of_nothing(void)
{
    struct heard heard = {0};
    struct buf out;
    struct local_chat_question q = question(LOCAL_CHAT_TRANSLATE, "");
    q.stream = true;
    struct sim_answer answer = answer_of(q);
    buf_init(&out, 1 << 20);
    CHECK_EQ(sim_answer_stream(&answer, 1, &out), 0);
    hear(&heard, &out);
    CHECK_STR(heard.text, "");
    CHECK_STR(heard.finish, "stop");
    CHECK(heard.done && answer.done);
    sim_answer_deinit(&answer);
    buf_deinit(&out);
}

static void test_no_memory(void)
{
    for (unsigned nth = 1; nth < 8; nth++) {
        struct sim_answer answer;
        struct local_chat_question q = question(LOCAL_CHAT_GRAMMAR, "zyx qux");
        q.stream = true;
        mem_fail_nth(nth);
        int status = sim_answer_init(&answer, &q, 1, 1);
        mem_fail_nth(0);
        CHECK(q.text == NULL);
        CHECK(status == 0 || status == STATUS_NOMEM);
        CHECK(nth > 1 || status == STATUS_NOMEM);
        if (status == 0)
            sim_answer_deinit(&answer);
    }
}

int main(void)
{
    RUN(test_translation);
    RUN(test_any_text_is_answered);
    RUN(test_grammar);
    RUN(test_grammar_right_text);
    RUN(test_grammar_other_language);
    RUN(test_whole);
    RUN(test_stream);
    RUN(test_stream_cut);
    RUN(test_stream_of_nothing);
    RUN(test_no_memory);
    return check_done();
}
