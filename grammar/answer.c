#include "base/json.h"
#include "base/mem.h"
#include "base/status.h"
#include "base/utf8.h"
#include "grammar/internal.h"
#include "grammar/limits.h"
#include "pool/chat_provider.h"
#include <assert.h>
#include <string.h>

static const char *string_of(const json_t *object, const char *key, bool *ok)
{
    const json_t *value = json_object_get(object, key);
    if (value == NULL)
        return "";
    *ok = *ok && json_is_string(value);
    return json_is_string(value) ? json_string_value(value) : "";
}

/* Told edits are texts, not more than anyone would read, and there are none that change something
 * when `same` says that nothing changed: then one of the two is not what the model meant. */
static bool edits_ok(const json_t *edits, bool same)
{
    size_t i;
    const json_t *edit;
    if (edits == NULL)
        return true;
    if (!json_is_array(edits) || json_array_size(edits) > GRAMMAR_EDITS_MAX)
        return false;
    json_array_foreach(edits, i, edit)
    {
        bool ok = json_is_object(edit);
        const char *from = string_of(edit, "from", &ok);
        const char *to = string_of(edit, "to", &ok);
        string_of(edit, "kind", &ok);
        string_of(edit, "message", &ok);
        if (!ok || (same && strcmp(from, to) != 0))
            return false;
    }
    return true;
}

static enum grammar_kind kind_of(const char *name)
{
    for (int kind = 0; kind <= GRAMMAR_PUNCTUATION; kind++) {
        if (strcmp(name, grammar_kind_name((enum grammar_kind)kind)) == 0)
            return (enum grammar_kind)kind;
    }
    return GRAMMAR_OTHER;
}

/* A text without the white space at its ends. */
struct slice {
    const char *at;
    size_t len;
};

static struct slice trimmed(const char *text)
{
    size_t len = strlen(text);
    while (len > 0 && strchr(" \t\r\n", text[len - 1]) != NULL)
        len--;
    size_t skip = strspn(text, " \t\r\n");
    return (struct slice){text + (skip < len ? skip : len), skip < len ? len - skip : 0};
}

static bool is_inner(unsigned char c)
{
    return c >= 0x80 || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* True when `part` stands in `whole` as whole words. */
static bool stands_in(struct slice part, struct slice whole)
{
    for (size_t at = 0; part.len > 0 && at + part.len <= whole.len; at++) {
        if (memcmp(whole.at + at, part.at, part.len) != 0)
            continue;
        bool left = at == 0 || !is_inner((unsigned char)whole.at[at - 1]) ||
                    !is_inner((unsigned char)part.at[0]);
        size_t end = at + part.len;
        bool right = end == whole.len || !is_inner((unsigned char)whole.at[end]) ||
                     !is_inner((unsigned char)part.at[part.len - 1]);
        if (left && right)
            return true;
    }
    return false;
}

static unsigned likeness(const char *found, const char *told)
{
    struct slice a = trimmed(found), b = trimmed(told);
    if (a.len == 0 && b.len == 0)
        return 0;
    if (a.len == b.len && memcmp(a.at, b.at, a.len) == 0)
        return 3;
    return stands_in(a, b) || stands_in(b, a) ? 1 : 0;
}

/* The told edit most like the one found; of equals one not used before, then the first. -1: none is
 * like it. */
static int told_pick(const struct grammar_edit *found, const json_t *told, const bool *used)
{
    unsigned best = 0;
    int pick = -1;
    for (size_t i = 0; i < json_array_size(told); i++) {
        bool ok = true;
        const json_t *edit = json_array_get(told, i);
        unsigned score = likeness(found->from, string_of(edit, "from", &ok)) +
                         likeness(found->to, string_of(edit, "to", &ok));
        score = score > 0 ? score * 2 + !used[i] : 0;
        if (score > best) {
            best = score;
            pick = (int)i;
        }
    }
    return pick;
}

/* One line, as long as a reader's patience. */
static char *message_of(const char *text)
{
    size_t len = strlen(text);
    if (len > GRAMMAR_MESSAGE_BYTES_MAX) {
        len = GRAMMAR_MESSAGE_BYTES_MAX;
        while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80)
            len--;
    }
    char *message = utf8_nfc(text, len);
    for (char *at = message; at != NULL && *at != '\0'; at++)
        *at = (unsigned char)*at < ' ' ? ' ' : *at;
    return message;
}

/* Kinds and messages of what the model told; its spans and texts are not believed. */
static int explain(struct grammar_result *result, const json_t *told, bool *all)
{
    *all = told != NULL || result->edits_len == 0;
    bool used[GRAMMAR_EDITS_MAX] = {false};
    for (size_t i = 0; told != NULL && i < result->edits_len; i++) {
        struct grammar_edit *edit = &result->edits[i];
        int pick = told_pick(edit, told, used);
        *all = *all && pick >= 0;
        if (pick < 0)
            continue;
        bool ok = true;
        used[pick] = true;
        const json_t *from = json_array_get(told, (size_t)pick);
        char *message = message_of(string_of(from, "message", &ok));
        if (message == NULL)
            return STATUS_NOMEM;
        mem_free(edit->message);
        edit->message = message;
        edit->kind = kind_of(string_of(from, "kind", &ok));
    }
    return 0;
}

/* White space at the ends is the source's, inside it is blanks: a model adds line ends that no one
 * spoke. */
static char *restored(const char *corrected, const char *source)
{
    struct slice middle = trimmed(corrected), spoken = trimmed(source);
    size_t head = (size_t)(spoken.at - source), tail = strlen(source) - head - spoken.len;
    char *out = mem_alloc(head + middle.len + tail + 1);
    if (out == NULL)
        return NULL;
    memcpy(out, source, head);
    for (size_t i = 0; i < middle.len; i++) {
        char c = middle.at[i];
        out[head + i] = (unsigned char)c < ' ' ? ' ' : c;
    }
    memcpy(out + head + middle.len, spoken.at + spoken.len, tail);
    out[head + middle.len + tail] = '\0';
    return out;
}

static int read_corrected(const struct grammar_prompt *prompt, const json_t *told, const char *text,
                          struct grammar_result *out)
{
    char *nfc = utf8_nfc(text, strlen(text));
    char *corrected = nfc != NULL ? restored(nfc, prompt->text) : NULL;
    struct grammar_result result = {0};
    int status = corrected != NULL ? STATUS_OK : STATUS_NOMEM;
    if (status == 0)
        status = grammar_diff(prompt->text, corrected, &result);
    if (status == 0 && !edits_ok(told, result.edits_len == 0))
        status = STATUS_PROTOCOL;
    bool all_told = false;
    if (status == 0)
        status = explain(&result, told, &all_told);
    if (status == 0)
        status = grammar__judge(prompt->text, &result, all_told);
    mem_free(nfc);
    mem_free(corrected);
    if (status != 0)
        grammar_result_free(&result);
    else
        *out = result;
    return status;
}

/* The corrected text and nothing else: edits have neither kind nor message. */
static int read_plain(const struct grammar_prompt *prompt, const char *text, size_t len,
                      struct grammar_result *out)
{
    char *corrected = mem_strndup(text, len);
    if (corrected == NULL)
        return STATUS_NOMEM;
    int status = read_corrected(prompt, NULL, corrected, out);
    mem_free(corrected);
    return status;
}

int grammar_answer_read(const struct grammar_prompt *prompt, const char *text, size_t len,
                        struct grammar_result *out)
{
    assert(prompt->text != NULL);
    if (len > GRAMMAR_ANSWER_BYTES_MAX)
        return STATUS_PROTOCOL;
    if (!chat_api_follows(prompt->api))
        return read_plain(prompt, text, len, out);
    json_t *top;
    int status = json_read(text, len, JSON_REJECT_DUPLICATES, &top);
    if (status != STATUS_OK)
        return status == STATUS_NOMEM ? STATUS_NOMEM : STATUS_PROTOCOL;
    status = STATUS_PROTOCOL;
    const json_t *corrected = json_object_get(top, "corrected");
    const json_t *edits = json_object_get(top, "edits");
    if (json_is_string(corrected) && edits_ok(edits, false))
        status = read_corrected(prompt, edits, json_string_value(corrected), out);
    json_decref(top);
    return status;
}
