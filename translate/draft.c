#include "base/mem.h"
#include "base/status.h"
#include "base/utf8.h"
#include "translate/internal.h"
#include <assert.h>
#include <string.h>

/* How many last tentative words each stability leaves out. */
static const size_t masked[] = {
    [TRANSLATE_STABILITY_LOW] = 0,
    [TRANSLATE_STABILITY_MEDIUM] = TRANSLATE_MASK_WORDS,
    [TRANSLATE_STABILITY_HIGH] = SIZE_MAX,
};

static void heard_free(struct translate__heard *heard)
{
    mem_free(heard->source);
    mem_free(heard->answer);
    *heard = (struct translate__heard){0};
}

void translate__draft_deinit(struct translate__draft *draft)
{
    heard_free(&draft->heard);
    heard_free(&draft->anchor);
    mem_free(draft->lead);
    *draft = (struct translate__draft){0};
}

/* --- what is asked --- */

/* True when the text goes on behind `prefix` where a word begins, or ends there. */
static bool continues(const char *text, const char *prefix)
{
    size_t len = strlen(prefix);
    uint32_t next;
    if (len == 0 || strncmp(text, prefix, len) != 0)
        return false;
    return utf8_decode(text + len, strlen(text + len), &next) == 0 || utf8_is_space(next) ||
           translate__is_unspaced(next);
}

/* The last words, in at most TRANSLATE_CONTEXT_BYTES. */
static const char *last_words(const char *text)
{
    size_t len = strlen(text), at = 0;
    struct translate__span span;
    while (len - at > TRANSLATE_CONTEXT_BYTES && translate__word_next(text, len, &at, &span)) {
    }
    return text + at + strspn(text + at, " ");
}

void translate__draft_ask(struct translate__draft *draft, const char *text, bool whole,
                          struct translate_ask *ask)
{
    const struct translate__heard *anchor = &draft->anchor;
    ask->text = text;
    ask->before = ask->before_target = NULL;
    mem_free(draft->lead);
    draft->lead = NULL;
    if (whole || anchor->source == NULL || !continues(text, anchor->source))
        return;
    const char *rest = text + strlen(anchor->source);
    rest += strspn(rest, " ");
    if (translate__word_count(rest) == 0 || (draft->lead = mem_strdup(anchor->answer)) == NULL)
        return;
    ask->text = rest;
    ask->before = last_words(anchor->source);
    ask->before_target = last_words(anchor->answer);
}

char *translate__draft_whole(const struct translate__draft *draft, const char *answer)
{
    return draft->lead != NULL ? translate__join(draft->lead, answer) : mem_strdup(answer);
}

/* --- what is committed --- */

static size_t words_common(const struct translate__words *a, const struct translate__words *b)
{
    size_t common = 0;
    while (common < a->len && common < b->len && a->list[common].fold == b->list[common].fold)
        common++;
    return common;
}

/* How many words of `asked` begin `text`. */
static int begins_common(const struct translate__words *asked, const char *text, size_t len,
                         size_t *out)
{
    struct translate__words words;
    int status = translate__words_parse(text, len, &words);
    if (status != 0)
        return status;
    *out = words_common(asked, &words);
    translate__words_free(&words);
    return 0;
}

/* True when the source words that this answer shares with the one before are committed. */
static int rests_on_settled(const char *before, const struct translate__partial *partial, bool *out)
{
    struct translate__words asked;
    size_t shared = 0, settled = 0;
    int status = translate__words_parse(partial->asked, strlen(partial->asked), &asked);
    if (status != 0)
        return status;
    status = begins_common(&asked, before, strlen(before), &shared);
    if (status == 0)
        status = begins_common(&asked, partial->newest, partial->settled, &settled);
    translate__words_free(&asked);
    *out = status == 0 && shared <= settled;
    return status;
}

/* Takes `answer`. */
static void heard_set(struct translate__heard *heard, const char *asked, char *answer)
{
    heard_free(heard);
    *heard = (struct translate__heard){mem_strdup(asked), answer};
    if (heard->source == NULL)
        heard_free(heard);
}

/* --- what need not be asked again --- */

static int all_begin(const char *text, size_t len, const char *prefix, bool *out)
{
    struct translate__words words, begin;
    int status = translate__words_parse(text, len, &words);
    if (status != 0)
        return status;
    status = translate__words_parse(prefix, strlen(prefix), &begin);
    if (status == 0) {
        *out = translate__words_begin(&words, &begin);
        translate__words_free(&begin);
    }
    translate__words_free(&words);
    return status;
}

/* Where the text's last word ends: a full stop that a model put behind a text that went on would
 * stand in its middle. */
static size_t words_end(const char *text)
{
    size_t len = strlen(text), at = 0;
    struct translate__span span = {0};
    while (translate__word_next(text, len, &at, &span)) {
    }
    return span.end;
}

static size_t heard_bytes(const struct translate__heard *heard)
{
    return heard->source != NULL ? strlen(heard->source) + strlen(heard->answer) : 0;
}

/* `heard` becomes the anchor when it can change no more. Without memory nothing is lost but the
 * saving. */
static void anchor_try(struct translate__draft *draft, const struct translate__heard *heard,
                       const char *committed, const struct translate__partial *partial)
{
    bool done = false;
    size_t len = strlen(heard->source);
    if (len > partial->settled || !continues(partial->newest, heard->source) ||
        heard_bytes(heard) < heard_bytes(&draft->anchor) + TRANSLATE_ANCHOR_BYTES)
        return;
    if (all_begin(committed, strlen(committed), heard->answer, &done) != 0 || !done)
        return;
    bool open = words_end(heard->source) == len;
    size_t answer_len = open ? words_end(heard->answer) : strlen(heard->answer);
    struct translate__heard anchor = {mem_strdup(heard->source),
                                      mem_strndup(heard->answer, answer_len)};
    if (anchor.source == NULL || anchor.answer == NULL) {
        heard_free(&anchor);
        return;
    }
    heard_free(&draft->anchor);
    draft->anchor = anchor;
}

/* Of few words half: something is to be seen early. */
static size_t masked_words(enum translate_stability stability, const struct translate__view *view)
{
    size_t half = translate__word_count(view->tentative) / 2;
    size_t words = masked[stability != 0 ? stability : TRANSLATE_STABILITY_MEDIUM];
    return words == SIZE_MAX || words < half ? words : half;
}

/* The source has no word that may still change, so neither need the translation be held back. */
static bool is_settled(const struct translate__partial *partial)
{
    return translate__word_count(partial->newest + partial->settled) == 0 &&
           strcmp(partial->newest, partial->asked) == 0;
}

int translate__draft_partial(struct translate__draft *draft,
                             const struct translate__partial *partial, struct translate__view *out)
{
    const struct translate__heard *heard = &draft->heard;
    bool sure = false;
    assert(partial->settled <= strlen(partial->newest));
    assert(partial->stability <= TRANSLATE_STABILITY_HIGH);
    char *whole = translate__draft_whole(draft, partial->answer);
    int status = whole != NULL ? 0 : STATUS_NOMEM;
    if (status == 0 && heard->source != NULL)
        status = rests_on_settled(heard->source, partial, &sure);
    if (status == 0)
        status =
            translate__commit_partial(partial->committed, sure ? heard->answer : NULL, whole, out);
    if (status != 0) {
        mem_free(whole);
        return status;
    }
    if (sure)
        anchor_try(draft, heard, out->committed, partial);
    /* An answer that others are compared with stays until its source is committed. */
    if (sure || heard->source == NULL)
        heard_set(&draft->heard, partial->asked, whole);
    else
        mem_free(whole);
    if (partial->stability == TRANSLATE_STABILITY_HIGH || !is_settled(partial))
        translate__view_mask(out, masked_words(partial->stability, out));
    return 0;
}
