#include "bench/sim_answer.h"
#include "base/mem.h"
#include "base/status.h"
#include "bench/script.h"
#include <assert.h>
#include <ctype.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* -- JSON -- */

static int dump_bytes(const char *bytes, size_t len, void *ctx)
{
    return buf_append(ctx, bytes, len) == 0 ? 0 : -1;
}

/* Takes `value`. */
static int json_put(struct buf *out, json_t *value)
{
    int failed = value == NULL
                     ? -1
                     : json_dump_callback(value, dump_bytes, out, JSON_COMPACT | JSON_ENCODE_ANY);
    json_decref(value);
    if (failed == 0)
        return 0;
    return buf_status(out) != 0 ? buf_status(out) : STATUS_NOMEM;
}

/* -- grammar -- */

static bool is_english(const char *tag)
{
    size_t len = strcspn(tag, "-_");
    return len == 2 && strncasecmp(tag, "en", 2) == 0;
}

static bool is_mark(char c)
{
    return ispunct((unsigned char)c) && c != '\'';
}

/* A word of a text: between blanks, without the marks around it. */
struct word {
    const char *at;
    size_t len;
};

static bool word_next(const char **text, struct word *out)
{
    const char *at = *text + strspn(*text, " \t\r\n");
    size_t len = strcspn(at, " \t\r\n");
    *text = at + len;
    while (len > 0 && is_mark(at[0])) {
        at++;
        len--;
    }
    while (len > 0 && is_mark(at[len - 1]))
        len--;
    *out = (struct word){at, len};
    return at[0] != '\0';
}

/* "Goed" becomes "Went". False: the word is right. */
static bool word_correct(const struct word *word, char *out, size_t size)
{
    int found = script_word_find(word->at, word->len, "en");
    const char *right = found >= 0 ? script_word_correction((unsigned)found) : NULL;
    if (right == NULL || strlen(right) >= size)
        return false;
    memcpy(out, right, strlen(right) + 1);
    if (isupper((unsigned char)word->at[0]))
        out[0] = (char)toupper((unsigned char)out[0]);
    return true;
}

static json_t *edit(const struct word *from, const char *to)
{
    char message[160];
    snprintf(message, sizeof message, "Say \"%s\", not \"%.*s\".", to, (int)from->len, from->at);
    /* The script's learner gets past tenses and plurals wrong. */
    bool verb = from->len > 2 && memcmp(from->at + from->len - 2, "ed", 2) == 0;
    return json_pack("{s:s%,s:s,s:s,s:s}", "from", from->at, from->len, "to", to, "kind",
                     verb ? "tense" : "number", "message", message);
}

static int correct(const char *text, const char *language, struct buf *out)
{
    struct buf corrected;
    json_t *edits = json_array();
    const char *copied = text, *at = text;
    struct word word;
    buf_init(&corrected, SIM_ANSWER_BYTES_MAX);
    while (is_english(language) && word_next(&at, &word)) {
        char right[64];
        if (!word_correct(&word, right, sizeof right))
            continue;
        buf_append(&corrected, copied, (size_t)(word.at - copied));
        buf_puts(&corrected, right);
        copied = word.at + word.len;
        json_array_append_new(edits, edit(&word, right));
    }
    int status = buf_puts(&corrected, copied);
    if (status == 0)
        status = json_put(out, json_pack("{s:s,s:O}", "corrected",
                                         corrected.len > 0 ? corrected.data : "", "edits", edits));
    json_decref(edits);
    buf_deinit(&corrected);
    return status;
}

/* -- answers -- */

/* A language without a script is left as it is. */
static int translate(const struct local_chat_question *question, struct buf *out)
{
    int status = script_translate(question->text, question->source, question->target, out);
    if (status == 0 || status == STATUS_NOMEM || buf_status(out) != 0)
        return status;
    buf_reset(out);
    return buf_puts(out, question->text);
}

/* The end of the word at `at` and of the blanks before it. */
static size_t word_end(const char *text, size_t at, size_t len)
{
    while (at < len && text[at] == ' ')
        at++;
    while (at < len && text[at] != ' ')
        at++;
    return at;
}

/* Whole words of `text` that are at most `max` tokens; max 0: all. */
static size_t text_cut(const char *text, uint32_t max)
{
    size_t len = strlen(text), at = 0;
    if (max == 0 || local_chat_text_tokens(text, len) <= max)
        return len;
    for (size_t end = 0; end < len && local_chat_text_tokens(text, end) <= max;) {
        at = end;
        end = word_end(text, end, len);
    }
    return at;
}

static int head_write(struct sim_answer *answer)
{
    struct buf *head = &answer->head;
    buf_printf(head,
               "data: {\"id\":\"%s\",\"object\":\"chat.completion.chunk\",\"created\":%" PRId64
               ",\"model\":",
               answer->id, answer->created);
    int status = json_put(head, json_string(answer->question.model));
    buf_puts(head, ",");
    return status != 0 ? status : buf_status(head);
}

int sim_answer_init(struct sim_answer *answer, struct local_chat_question *question,
                    uint64_t number, int64_t created)
{
    struct buf text;
    *answer = (struct sim_answer){.question = *question, .created = created};
    question->text = NULL;
    question = &answer->question;
    assert(question->text != NULL);
    snprintf(answer->id, sizeof answer->id, "chatcmpl-sim%016" PRIx64, number);
    buf_init(&answer->head, SIM_ANSWER_BYTES_MAX);
    buf_init(&text, SIM_ANSWER_BYTES_MAX);
    int status = question->kind == LOCAL_CHAT_GRAMMAR
                     ? correct(question->text, question->source, &text)
                     : translate(question, &text);
    if (status == 0 && question->stream)
        status = head_write(answer);
    if (status == 0) {
        size_t len;
        /* An empty text is an answer too. */
        answer->text = text.len > 0 ? buf_take(&text, &len) : mem_strdup("");
        status = answer->text != NULL ? 0 : STATUS_NOMEM;
    }
    buf_deinit(&text);
    if (status == 0)
        sim_answer_limit(answer, question->max_tokens);
    else
        sim_answer_deinit(answer);
    return status;
}

void sim_answer_limit(struct sim_answer *answer, uint32_t tokens)
{
    assert(!answer->begun);
    answer->question.max_tokens = tokens;
    answer->len = text_cut(answer->text, tokens);
    answer->tokens = local_chat_text_tokens(answer->text, answer->len);
}

void sim_answer_deinit(struct sim_answer *answer)
{
    local_chat_question_deinit(&answer->question);
    mem_free(answer->text);
    answer->text = NULL;
    buf_deinit(&answer->head);
}

int sim_answer_write(const struct sim_answer *answer, struct buf *out)
{
    struct local_chat_reply reply = {
        .id = answer->id, .created = answer->created, .text = answer->text};
    return local_chat_reply_write(&answer->question, &reply, out);
}

/* -- events -- */

static void event_open(const struct sim_answer *answer, struct buf *out)
{
    buf_append(out, answer->head.data, answer->head.len);
}

static void event_close(const struct sim_answer *answer, struct buf *out)
{
    buf_puts(out, answer->question.include_usage ? ",\"usage\":null}\n\n" : "}\n\n");
}

static void event_choice(const struct sim_answer *answer, const char *delta, const char *finish,
                         struct buf *out)
{
    event_open(answer, out);
    buf_printf(out, "\"choices\":[{\"index\":0,\"delta\":%s,\"finish_reason\":%s}]", delta, finish);
    event_close(answer, out);
}

static int event_word(const struct sim_answer *answer, size_t at, size_t end, struct buf *out)
{
    event_open(answer, out);
    buf_puts(out, "\"choices\":[{\"index\":0,\"delta\":{\"content\":");
    int status = json_put(out, json_stringn(answer->text + at, end - at));
    buf_puts(out, "},\"finish_reason\":null}]");
    event_close(answer, out);
    return status;
}

static void events_end(struct sim_answer *answer, struct buf *out)
{
    const struct local_chat_question *question = &answer->question;
    bool whole = answer->text[answer->len] == '\0';
    event_choice(answer, "{}", whole ? "\"stop\"" : "\"length\"", out);
    if (question->include_usage) {
        event_open(answer, out);
        buf_printf(out,
                   "\"choices\":[],\"usage\":{\"prompt_tokens\":%" PRIu32
                   ",\"completion_tokens\":%" PRIu32 ",\"total_tokens\":%" PRIu64 "}}\n\n",
                   question->prompt_tokens, answer->tokens,
                   (uint64_t)question->prompt_tokens + answer->tokens);
    }
    buf_puts(out, "data: [DONE]\n\n");
    answer->done = true;
}

uint32_t sim_answer_told(const struct sim_answer *answer)
{
    return local_chat_text_tokens(answer->text, answer->told);
}

int sim_answer_stream(struct sim_answer *answer, uint32_t tokens, struct buf *out)
{
    assert(answer->question.stream && !answer->done);
    int status = 0;
    if (!answer->begun)
        event_choice(answer, "{\"role\":\"assistant\",\"content\":\"\"}", "null", out);
    answer->begun = true;
    while (status == 0 && answer->told < answer->len && sim_answer_told(answer) < tokens) {
        size_t end = word_end(answer->text, answer->told, answer->len);
        status = event_word(answer, answer->told, end, out);
        answer->told = end;
    }
    if (status == 0 && answer->told == answer->len)
        events_end(answer, out);
    return status != 0 ? status : buf_status(out);
}
