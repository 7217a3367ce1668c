#include "local/grammar.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/status.h"
#include "base/utf8.h"
#include "local/english.h"
#include "local/linkgrammar.h"
#include "local/slip.h"
#include <assert.h>
#include <ctype.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Past these costs a correction is a guess, and a wrong correction is worse than none. */
#define SINGLE_COST_MAX 2.1F
#define PAIR_COST_MAX   2.2F
#define PAIR_WORDS_MAX  16
#define COST_TIE        0.35F
/* "in hotel" lacks an article rather than the plural. */
#define BARE_NOUN_COST 0.8F

struct pair {
    float cost;
    uint8_t a, b;
};

struct local_grammar {
    struct link_grammar *link;
    const struct slip_language *explain_in;
    /* One sentence's search. */
    int64_t deadline_us;
    unsigned parses;
    struct slip_sentence sentence;
    struct link_parse parse;
    uint32_t word_at[LOCAL_GRAMMAR_SENTENCE_WORDS];
    struct buf parsable;
    struct slip_edit edits[LOCAL_GRAMMAR_EDITS_MAX];
    struct pair pairs[LOCAL_GRAMMAR_PAIRS_MAX];
};

int local_grammar_create(struct local_grammar **out)
{
    assert(out != NULL);
    struct local_grammar *grammar = mem_calloc(1, sizeof *grammar);
    if (grammar == NULL)
        return STATUS_NOMEM;
    int status = link_grammar_create(&grammar->link);
    if (status != 0) {
        mem_free(grammar);
        return status;
    }
    buf_init(&grammar->parsable, 4 * LOCAL_GRAMMAR_TEXT_MAX);
    *out = grammar;
    return 0;
}

void local_grammar_destroy(struct local_grammar *grammar)
{
    if (grammar == NULL)
        return;
    buf_deinit(&grammar->parsable);
    link_grammar_destroy(grammar->link);
    mem_free(grammar);
}

/* -- one sentence -- */

static struct slip_list list_of(struct local_grammar *g)
{
    return (struct slip_list){
        .edits = g->edits, .max = LOCAL_GRAMMAR_EDITS_MAX, .language = g->explain_in};
}

static bool spent(const struct local_grammar *g)
{
    return g->parses >= LOCAL_GRAMMAR_PARSES_MAX || clock_mono_us() >= g->deadline_us;
}

/* A form that no dictionary has is no correction, and a sentence of unknown words is not judged. */
static bool trusted(const struct local_grammar *g, const struct slip_edit *const *edits, size_t len)
{
    unsigned guessed = 0;
    for (size_t i = 0; i < g->parse.len; i++) {
        const struct link_word *word = &g->parse.words[i];
        if (!word->guessed)
            continue;
        guessed++;
        for (size_t k = 0; k < len; k++) {
            uint32_t at = g->word_at[edits[k]->first];
            if (word->start >= at && word->start < at + strlen(edits[k]->text))
                return false;
        }
    }
    return guessed <= 1 || guessed * 4 <= g->sentence.len;
}

/* Parses the sentence with `edits` done. */
static bool whole_with(struct local_grammar *g, const struct slip_edit *const *edits, size_t len)
{
    buf_reset(&g->parsable);
    if (slip_sentence_parsable(&g->sentence, edits, len, &g->parsable, g->word_at) != 0)
        return false;
    g->parses++;
    return link_grammar_parse(g->link, g->parsable.data, &g->parse) && trusted(g, edits, len);
}

static bool overlap(const struct slip_edit *a, const struct slip_edit *b)
{
    return a->first < b->first + b->count && b->first < a->first + a->count;
}

/* Word of the parse that begins with the edit. */
static const struct link_word *parsed_at(const struct local_grammar *g,
                                         const struct slip_edit *edit)
{
    for (size_t i = 0; i < g->parse.len; i++) {
        if (g->parse.words[i].start >= g->word_at[edit->first])
            return &g->parse.words[i];
    }
    return NULL;
}

/* A noun made plural of one that nothing says is several. */
static bool is_bare_noun(const struct local_grammar *g, const struct slip_edit *edit)
{
    if (edit->kind != SLIP_BY_PARSE || !english_is_plural(edit->text))
        return false;
    const struct link_word *word = parsed_at(g, edit);
    const struct slip_sentence *s = &g->sentence;
    bool several = false;
    for (size_t back = 1; back <= 2 && back <= edit->first; back++) {
        size_t k = edit->first - back;
        several =
            several || (english_class(s->words[k].low) & WORD_NUMBER) != 0 ||
            slip_word_in(s, k, " these those many few several all both most more some are were ");
    }
    return word != NULL && word->tag == 'n' && !several;
}

/* The cheapest single edit that makes the sentence whole; among nearly equal ones that of the more
 * usual parse. */
static bool search_single(struct local_grammar *g, const struct slip_list *list,
                          const struct slip_edit **out)
{
    float best = 0, limit = SINGLE_COST_MAX;
    *out = NULL;
    for (size_t i = 0; i < list->len && !spent(g); i++) {
        const struct slip_edit *edit = &list->edits[i];
        if (edit->cost > limit)
            break;
        if (!whole_with(g, &edit, 1))
            continue;
        float cost = edit->cost + (is_bare_noun(g, edit) ? BARE_NOUN_COST : 0);
        float score = cost + 0.1F * g->parse.cost;
        if (*out == NULL || score < best) {
            best = score;
            limit = cost + COST_TIE;
            *out = edit;
        }
    }
    return *out != NULL;
}

static int pair_order(const void *a, const void *b)
{
    const struct pair *x = a, *y = b;
    return x->cost < y->cost ? -1 : x->cost > y->cost;
}

static bool search_pair(struct local_grammar *g, const struct slip_list *list,
                        const struct slip_edit *out[2])
{
    size_t len = 0;
    for (size_t i = 0; i < list->len; i++) {
        for (size_t k = i + 1; k < list->len; k++) {
            float cost = list->edits[i].cost + list->edits[k].cost;
            if (cost > PAIR_COST_MAX)
                break;
            if (len < LOCAL_GRAMMAR_PAIRS_MAX && !overlap(&list->edits[i], &list->edits[k]))
                g->pairs[len++] = (struct pair){cost, (uint8_t)i, (uint8_t)k};
        }
    }
    qsort(g->pairs, len, sizeof g->pairs[0], pair_order);
    for (size_t i = 0; i < len && !spent(g); i++) {
        const struct slip_edit *a = &list->edits[g->pairs[i].a], *b = &list->edits[g->pairs[i].b];
        out[0] = a->first < b->first ? a : b;
        out[1] = a->first < b->first ? b : a;
        if (whole_with(g, out, 2))
            return true;
    }
    return false;
}

/* The subject as a message names it: a sentence's capital is not the word's. */
static void subject_name(const struct local_grammar *g, const struct link_word *word,
                         char out[LOCAL_GRAMMAR_WORD_BYTES])
{
    size_t len = word->end - word->start;
    len = len < LOCAL_GRAMMAR_WORD_BYTES ? len : LOCAL_GRAMMAR_WORD_BYTES - 1;
    memcpy(out, g->parsable.data + word->start, len);
    out[len] = '\0';
    bool first = word->start == 0 && g->sentence.text[g->sentence.words[0].start] != out[0];
    if ((first || english_class(g->sentence.words[0].low) != 0) && word->start == 0 &&
        strcmp(out, "I") != 0)
        out[0] = (char)tolower((unsigned char)out[0]);
}

/* What could not be said before the parse of the whole: noun or verb, and with which subject. */
static void explain(const struct local_grammar *g, struct slip_edit *edit)
{
    if (edit->message[0] != '\0')
        return;
    const char *from = g->sentence.words[edit->first].low;
    const struct link_word *word = parsed_at(g, edit);
    if (edit->kind == SLIP_BY_PARSE && word != NULL && word->tag != 'v') {
        bool plural = english_is_plural(edit->text);
        slip_message(edit, SLIP_NUMBER,
                     plural ? "Use the plural '%1$s', not '%2$s'."
                            : "Use the singular '%1$s', not '%2$s'.",
                     edit->text, from);
        return;
    }
    if (word != NULL && word->subject >= 0) {
        char subject[LOCAL_GRAMMAR_WORD_BYTES];
        subject_name(g, &g->parse.words[word->subject], subject);
        slip_message(edit, SLIP_AGREEMENT, "With '%s' use '%s', not '%s'.", subject, edit->text,
                     from);
        return;
    }
    slip_message(edit, SLIP_AGREEMENT, "Use '%1$s' here, not '%2$s'.", edit->text, from);
}

/* -- a text: sentences one after the other, each through its stages -- */

struct outcome {
    struct buf text; /* of the sentence so far */
    json_t *edits;
};

/* An earlier stage's correction that this one corrects further is told once. */
static char *edits_merge(json_t *edits, char *from)
{
    for (size_t i = json_array_size(edits); i-- > 0;) {
        json_t *edit = json_array_get(edits, i);
        const char *to = json_string_value(json_object_get(edit, "to"));
        const char *before = json_string_value(json_object_get(edit, "from"));
        char *at = strstr(from, to);
        size_t len = strlen(to);
        bool left = at != NULL && (at == from || at[-1] == ' ');
        if (!left || (at[len] != '\0' && at[len] != ' '))
            continue;
        struct buf joined;
        buf_init(&joined, 4 * LOCAL_GRAMMAR_EDIT_BYTES);
        buf_append(&joined, from, (size_t)(at - from));
        buf_puts(&joined, before);
        buf_puts(&joined, at + len);
        char *text = buf_status(&joined) == 0 ? buf_take(&joined, &len) : NULL;
        buf_deinit(&joined);
        if (text == NULL)
            continue;
        mem_free(from);
        from = text;
        json_array_remove(edits, i);
    }
    return from;
}

static int edits_tell(const struct slip_sentence *sentence, const struct slip_edit *edit,
                      json_t *edits, size_t begin)
{
    struct buf from;
    buf_init(&from, LOCAL_GRAMMAR_TEXT_MAX);
    int status = slip_sentence_words(sentence, edit->first, edit->count, &from);
    char *text = status == 0 ? buf_take(&from, &(size_t){0}) : NULL;
    buf_deinit(&from);
    if (text == NULL)
        return STATUS_NOMEM;
    /* Only this sentence's own. */
    json_t *mine = json_array();
    while (json_array_size(edits) > begin) {
        json_array_append(mine, json_array_get(edits, begin));
        json_array_remove(edits, begin);
    }
    text = edits_merge(mine, text);
    json_array_extend(edits, mine);
    json_decref(mine);
    char to[LOCAL_GRAMMAR_EDIT_BYTES];
    memcpy(to, edit->text, sizeof to);
    if (isupper((unsigned char)text[0]))
        to[0] = (char)toupper((unsigned char)to[0]);
    json_t *told = json_pack("{s:s,s:s,s:s,s:s}", "from", text, "to", to, "kind",
                             slip_kind_name(edit->kind), "message", edit->message);
    mem_free(text);
    return json_array_append_new(edits, told) == 0 ? 0 : STATUS_NOMEM;
}

/* Does edits (in order of their place) to the sentence; its text is then `out->text`, read again.
 */
static int sentence_apply(struct local_grammar *g, const struct slip_edit *const *edits, size_t len,
                          struct outcome *out, size_t begin)
{
    struct buf text;
    buf_init(&text, 2 * LOCAL_GRAMMAR_TEXT_MAX);
    int status = slip_sentence_edited(&g->sentence, edits, len, &text);
    for (size_t i = 0; i < len && status == 0; i++)
        status = edits_tell(&g->sentence, edits[i], out->edits, begin);
    if (status != 0) {
        buf_deinit(&text);
        return status;
    }
    buf_deinit(&out->text);
    out->text = text;
    /* A correction makes a sentence at most some words longer: when it cannot be read again it
     * stays as it is. */
    return slip_sentence_read(&g->sentence, out->text.data, out->text.len) ? 0 : STATUS_LIMIT;
}

static int edit_place(const void *a, const void *b)
{
    const struct slip_edit *x = *(const struct slip_edit *const *)a;
    const struct slip_edit *y = *(const struct slip_edit *const *)b;
    return (int)x->first - (int)y->first;
}

/* Does all edits of the list that do not overlap an earlier one. */
static int apply_list(struct local_grammar *g, const struct slip_list *list, struct outcome *out,
                      size_t begin)
{
    const struct slip_edit *done[LOCAL_GRAMMAR_DONE_MAX];
    size_t len = 0;
    for (size_t i = 0; i < list->len && len < LOCAL_GRAMMAR_DONE_MAX; i++) {
        bool free_place = true;
        for (size_t k = 0; k < len; k++)
            free_place = free_place && !overlap(&list->edits[i], done[k]);
        if (free_place)
            done[len++] = &list->edits[i];
    }
    if (len == 0)
        return 0;
    qsort(done, len, sizeof done[0], edit_place);
    return sentence_apply(g, done, len, out, begin);
}

/* "it it is raining": a stutter or a mishearing; around it no edit can be told from a guess. */
static bool stutters(const struct slip_sentence *s)
{
    for (size_t i = 1; i < s->len; i++) {
        if (strcmp(s->words[i].low, s->words[i - 1].low) == 0 && s->words[i - 1].mark == 0 &&
            !slip_word_in(s, i, " very had that "))
            return true;
    }
    return false;
}

static int search(struct local_grammar *g, struct outcome *out, size_t begin, bool *whole)
{
    struct slip_list list = list_of(g);
    const struct slip_edit *found[2];
    size_t len = 0;
    slip_candidates(&g->sentence, &list);
    if (search_single(g, &list, &found[0]))
        len = 1;
    else if (g->sentence.len <= PAIR_WORDS_MAX && search_pair(g, &list, found))
        len = 2;
    *whole = len > 0;
    if (len == 0)
        return 0;
    whole_with(g, found, len);
    for (size_t i = 0; i < len; i++)
        explain(g, &g->edits[found[i] - g->edits]);
    return sentence_apply(g, found, len, out, begin);
}

/* "my brother work in a bank" parses as a long noun. True: it may be a sentence whose verb lacks
 * its form. */
static bool verbless(const struct local_grammar *g)
{
    for (size_t i = 0; i < g->parse.len; i++) {
        if (g->parse.words[i].subject >= 0)
            return false;
    }
    return g->sentence.len >= 4 && (english_class(g->sentence.words[0].low) & WORD_DETERMINER) != 0;
}

/* Looks for the one verb form that gives such a sentence its subject. */
static int search_verb(struct local_grammar *g, struct outcome *out, size_t begin)
{
    struct slip_list list = list_of(g);
    slip_candidates(&g->sentence, &list);
    for (size_t i = 0; i < list.len && !spent(g); i++) {
        const struct slip_edit *edit = &list.edits[i];
        if (edit->kind != SLIP_BY_PARSE || edit->first < 2 || !whole_with(g, &edit, 1))
            continue;
        const struct link_word *word = parsed_at(g, edit);
        if (word == NULL || word->tag != 'v' || word->subject < 0)
            continue;
        explain(g, &list.edits[i]);
        return sentence_apply(g, &edit, 1, out, begin);
    }
    return 0;
}

static int sentence_check(struct local_grammar *g, struct outcome *out)
{
    size_t begin = json_array_size(out->edits);
    struct slip_list list = list_of(g);
    if (!slip_sentence_read(&g->sentence, out->text.data, out->text.len))
        return 0;
    slip_phrases(&g->sentence, &list);
    slip_rules(&g->sentence, &list);
    int status = apply_list(g, &list, out, begin);
    if (status != 0 || spent(g))
        return status == STATUS_LIMIT ? 0 : status;
    g->parses = 0;
    bool whole = whole_with(g, NULL, 0);
    if (!whole) {
        g->sentence.by_letter = true;
        whole = whole_with(g, NULL, 0);
    }
    if (!whole && g->sentence.len > 1 && !slip_sentence_open(&g->sentence) &&
        !stutters(&g->sentence))
        status = search(g, out, begin, &whole);
    else if (whole && verbless(g))
        status = search_verb(g, out, begin);
    if (status == 0 && whole) {
        list.len = 0;
        if (whole_with(g, NULL, 0))
            slip_tense(&g->sentence, &g->parse, g->word_at, &list);
        status = apply_list(g, &list, out, begin);
    }
    return status == STATUS_LIMIT ? 0 : status;
}

static int text_check(struct local_grammar *g, const char *text, struct buf *corrected,
                      json_t *edits)
{
    size_t len = strlen(text);
    int status = 0;
    for (size_t at = 0; at < len && status == 0;) {
        struct outcome out = {.edits = edits};
        size_t span = slip_sentence_span(text + at, len - at);
        buf_init(&out.text, 2 * LOCAL_GRAMMAR_TEXT_MAX);
        status = buf_append(&out.text, text + at, span);
        if (status == 0)
            status = sentence_check(g, &out);
        if (status == 0)
            status = buf_append(corrected, out.text.data, out.text.len);
        buf_deinit(&out.text);
        at += span;
    }
    return status;
}

static int dump_bytes(const char *bytes, size_t len, void *ctx)
{
    return buf_append(ctx, bytes, len) == 0 ? 0 : -1;
}

int local_grammar_check(struct local_grammar *grammar,
                        const struct local_grammar_question *question, struct buf *out)
{
    const char *language = question->language, *text = question->text;
    assert(grammar != NULL && language != NULL && text != NULL);
    struct buf corrected;
    size_t len = strlen(text);
    if (!utf8_valid(text, len))
        return STATUS_INVALID;
    bool english = (language[0] | 0x20) == 'e' && (language[1] | 0x20) == 'n' &&
                   (language[2] == '\0' || language[2] == '-' || language[2] == '_');
    json_t *edits = json_array();
    int status = edits != NULL ? 0 : STATUS_NOMEM;
    buf_init(&corrected, 4 * LOCAL_GRAMMAR_TEXT_MAX);
    grammar->deadline_us = clock_mono_us() + (int64_t)LOCAL_GRAMMAR_BUDGET_MS * 1000;
    grammar->parses = 0;
    grammar->explain_in =
        question->explain_in != NULL ? slip_language_find(question->explain_in) : NULL;
    bool judged = english && len > 0 && len <= LOCAL_GRAMMAR_TEXT_MAX;
    if (status == 0 && judged)
        status = text_check(grammar, text, &corrected, edits);
    if (status == 0) {
        json_t *root =
            json_pack("{s:s,s:O}", "corrected", judged ? corrected.data : text, "edits", edits);
        if (root == NULL || json_dump_callback(root, dump_bytes, out, JSON_COMPACT) != 0)
            status = STATUS_NOMEM;
        json_decref(root);
    }
    buf_deinit(&corrected);
    json_decref(edits);
    return status;
}
