#include "base/mem.h"
#include "base/status.h"
#include "base/utf8.h"
#include "translate/internal.h"
#include "translate/limits.h"
#include "translate/translate.h"
#include <assert.h>
#include <string.h>
#include <strings.h>

/* How models begin when they talk about the text, in whatever language they were asked for. */
static const char *const talk[] = {
    "as an ai language model",   "as a large language model", "i cannot translate",
    "i can't translate",         "i'm unable to translate",   "i am unable to translate",
    "i can't assist with",       "i cannot assist with",      "i'm sorry, but i can't assist",
    "i'm sorry, but i cannot",   "here is the translation",   "here's the translation",
    "sure, here is the transla", "sure! here is the transla",
};

/* English that no translation into another language begins with. */
static const char *const talk_foreign[] = {
    "i'm sorry", "i am sorry", "sorry, ", "i apologize", "as an ai",        "i cannot ",
    "i can't ",  "sure, here", "sure! ",  "certainly! ", "of course! here",
};

static bool begins_with(const char *text, const char *const *list, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (strncasecmp(text, list[i], strlen(list[i])) == 0)
            return true;
    }
    return false;
}

static size_t base_len(const char *language)
{
    return strcspn(language, "-");
}

static bool same_base(const char *a, const char *b)
{
    return base_len(a) == base_len(b) && strncasecmp(a, b, base_len(a)) == 0;
}

/* Typographic apostrophes would hide what is looked for. */
static void plain_apostrophes(const char *text, char *out, size_t out_len)
{
    size_t used = 0;
    while (*text != '\0' && used + 1 < out_len) {
        bool curly = strncmp(text, "\u2019", 3) == 0;
        out[used++] = curly ? '\'' : *text;
        text += curly ? 3 : 1;
    }
    out[used] = '\0';
}

static bool is_talk(const struct translate_prompt *prompt, const char *answer)
{
    char start[64];
    plain_apostrophes(answer, start, sizeof start);
    if (begins_with(start, talk, sizeof talk / sizeof talk[0]))
        return true;
    return !same_base(prompt->target, "en") &&
           begins_with(start, talk_foreign, sizeof talk_foreign / sizeof talk_foreign[0]);
}

static bool may_begin(const char *text, const char *const *list, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        size_t bytes = strlen(text) < strlen(list[i]) ? strlen(text) : strlen(list[i]);
        if (strncasecmp(text, list[i], bytes) == 0)
            return true;
    }
    return false;
}

bool translate__doubtful(const struct translate_prompt *prompt, const char *text)
{
    char start[64];
    size_t len = strlen(text), said_len = strlen(prompt->text);
    plain_apostrophes(text + strspn(text, " \t\r\n\""), start, sizeof start);
    if (len > said_len * TRANSLATE_ANSWER_FACTOR + TRANSLATE_ANSWER_EXTRA)
        return true;
    if (may_begin(start, talk, sizeof talk / sizeof talk[0]))
        return true;
    if (!same_base(prompt->target, "en") &&
        may_begin(start, talk_foreign, sizeof talk_foreign / sizeof talk_foreign[0]))
        return true;
    return !same_base(prompt->source, prompt->target) &&
           strncasecmp(text, prompt->text, len < said_len ? len : said_len) == 0;
}

static int is_echo(const struct translate_prompt *prompt, const char *answer, bool *out)
{
    struct translate__words said, answered;
    *out = false;
    if (same_base(prompt->source, prompt->target))
        return 0;
    int status = translate__words_parse(prompt->text, strlen(prompt->text), &said);
    if (status != 0)
        return status;
    status = translate__words_parse(answer, strlen(answer), &answered);
    if (status == 0) {
        *out = said.len >= TRANSLATE_ECHO_WORDS && said.len == answered.len &&
               translate__words_begin(&said, &answered);
        translate__words_free(&answered);
    }
    translate__words_free(&said);
    return status;
}

static size_t space_at(const char *text, size_t len)
{
    uint32_t code;
    size_t bytes = utf8_decode(text, len, &code);
    return bytes > 0 && utf8_is_space(code) ? bytes : 0;
}

/* Runs of white space become one blank, none stays at the ends: a caption is one line. */
static void squeeze(char *text)
{
    size_t len = strlen(text), at = 0, used = 0;
    bool gap = false;
    while (at < len) {
        size_t spaces = space_at(text + at, len - at);
        if (spaces > 0) {
            gap = used > 0;
            at += spaces;
            continue;
        }
        if (gap)
            text[used++] = ' ';
        gap = false;
        text[used++] = text[at++];
        while (at < len && ((unsigned char)text[at] & 0xC0) == 0x80)
            text[used++] = text[at++];
    }
    text[used] = '\0';
}

/* Quotation marks around the whole that the speaker's text does not have. */
static void unquote(char *text, const char *source)
{
    static const char *const quotes[][2] = {
        {"\"", "\""},         {"'", "'"},           {"\u201c", "\u201d"}, {"\u201e", "\u201c"},
        {"\u2018", "\u2019"}, {"\u00ab", "\u00bb"}, {"\u300c", "\u300d"},
    };
    size_t len = strlen(text);
    for (size_t i = 0; i < sizeof quotes / sizeof quotes[0]; i++) {
        const char *open = quotes[i][0], *close = quotes[i][1];
        size_t open_len = strlen(open), close_len = strlen(close);
        if (strncmp(source, open, open_len) == 0)
            return;
        if (len < open_len + close_len || strncmp(text, open, open_len) != 0 ||
            strcmp(text + len - close_len, close) != 0)
            continue;
        text[len - close_len] = '\0';
        /* Two quotations side by side are no quoted whole. */
        if (strstr(text + open_len, open) != NULL || strstr(text + open_len, close) != NULL)
            text[len - close_len] = close[0];
        else
            memmove(text, text + open_len, len - close_len - open_len + 1);
        return;
    }
}

static int judge(const struct translate_prompt *prompt, const char *answer)
{
    bool echo;
    size_t longest = strlen(prompt->text) * TRANSLATE_ANSWER_FACTOR + TRANSLATE_ANSWER_EXTRA;
    if (answer[0] == '\0' || strlen(answer) > longest || is_talk(prompt, answer))
        return STATUS_FILTERED;
    int status = is_echo(prompt, answer, &echo);
    if (status != 0)
        return status;
    return echo ? STATUS_FILTERED : 0;
}

int translate_answer_read(const struct translate_prompt *prompt, const char *text, size_t len,
                          char **out)
{
    assert(prompt->source != NULL && prompt->target != NULL && prompt->text != NULL);
    char *answer = utf8_nfc(text, len);
    if (answer == NULL)
        return STATUS_NOMEM;
    squeeze(answer);
    unquote(answer, prompt->text);
    squeeze(answer);
    int status = judge(prompt, answer);
    if (status != 0) {
        mem_free(answer);
        return status;
    }
    *out = answer;
    return 0;
}
