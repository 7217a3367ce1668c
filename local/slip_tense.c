/* Tenses against a time word. A parser takes "yesterday I go" for right: its grammar knows no
 * calendar. */
#include "local/english.h"
#include "local/slip.h"
#include <stdio.h>
#include <string.h>

#define PERIODS                                                                                    \
    " night week month year summer winter spring autumn weekend monday tuesday wednesday "         \
    "thursday friday saturday sunday "
#define UNITS                                                                                      \
    " second seconds minute minutes hour hours day days week weeks month months year years "

struct marker {
    size_t first, end; /* words */
    bool past;
    bool ended; /* only what contradicts "have done" */
    char name[LOCAL_GRAMMAR_EDIT_BYTES];
};

static bool marker_at(const struct slip_sentence *s, size_t i, struct marker *out)
{
    *out = (struct marker){.first = i, .end = i + 1, .past = true};
    if (slip_word_in(s, i, " yesterday tomorrow ")) {
        out->past = slip_word_is(s, i, "yesterday");
        if (slip_word_in(s, i + 1, " morning afternoon evening night "))
            out->end++;
    } else if (slip_word_in(s, i, " last next ") && slip_word_in(s, i + 1, PERIODS)) {
        out->past = slip_word_is(s, i, "last");
        out->end++;
    } else if (slip_word_is(s, i, "when") && slip_word_in(s, i + 1, " i he she we they ") &&
               slip_word_in(s, i + 2, " was were ")) {
        size_t end = i + 3 + slip_word_in(s, i + 3, " a very ");
        if (!slip_word_in(s, end, " young little small child kid boy girl teenager baby children "))
            return false;
        out->end = end + 1;
        snprintf(out->name, sizeof out->name, "when %s was %s", s->words[i + 1].low,
                 s->words[end].low);
        return true;
    } else if (slip_word_is(s, i, "in") && i + 1 < s->len && strlen(s->words[i + 1].low) == 4 &&
               (strncmp(s->words[i + 1].low, "19", 2) == 0 ||
                strncmp(s->words[i + 1].low, "20", 2) == 0)) {
        out->ended = true;
        out->end++;
    } else if (i >= 2 && slip_word_is(s, i, "ago") && slip_word_in(s, i - 1, UNITS)) {
        out->first = i - 2;
        if (i >= 3 && slip_word_in(s, i - 3, " a "))
            out->first--;
    } else {
        return false;
    }
    size_t name = slip_word_is(s, i, "ago") ? i : out->first;
    snprintf(out->name, sizeof out->name, "%s%s%s", s->words[name].low,
             out->end > name + 1 ? " " : "", out->end > name + 1 ? s->words[name + 1].low : "");
    /* "since yesterday", "about last week", "remember last summer": no time at which something was
     * done. */
    return out->first == 0 ||
           ((english_class(s->words[out->first - 1].low) & (WORD_PREPOSITION | WORD_DETERMINER)) ==
                0 &&
            !slip_word_in(s, out->first - 1, " remember miss love like hate forget enjoy is was "));
}

/* A time word counts where it stands for the whole sentence: at its begin or end, or before another
 * clause. */
static bool marker_find(const struct slip_sentence *s, struct marker *out)
{
    for (size_t i = 0; i < s->len; i++) {
        if (marker_at(s, i, out) &&
            (out->first == 0 || out->end == s->len || s->words[out->end - 1].mark != 0 ||
             slip_word_in(s, out->first - 1, " and but so because ") ||
             slip_word_in(s, out->end, " and but so because with at in to ")))
            return true;
    }
    return false;
}

/* The word's finite verb in the parse, or NULL. */
static const struct link_word *finite_at(const struct slip_sentence *s,
                                         const struct link_parse *parse, const uint32_t *word_at,
                                         size_t i)
{
    uint32_t start = word_at[i];
    uint32_t end = start + (s->words[i].end - s->words[i].start);
    for (size_t k = 0; k < parse->len; k++) {
        const struct link_word *word = &parse->words[k];
        if (word->start >= start && word->start < end && word->subject >= 0)
            return word;
    }
    return NULL;
}

static bool is_past(const char *low, const struct link_word *verb)
{
    return verb->past || english_aux_past(low);
}

struct finite {
    size_t word;
    const struct link_word *verb;
};

/* The sentence's finite verbs; false: one of them forbids a judgement. */
static bool finites_read(const struct slip_sentence *s, const struct link_parse *parse,
                         const uint32_t *word_at, struct finite *out, size_t *len)
{
    static const char telling[] =
        " think know believe hope guess say says mean remember wonder want wants "
        "need needs can will must should may might shall let ";
    *len = 0;
    for (size_t i = 0; i < s->len; i++) {
        const struct link_word *verb = finite_at(s, parse, word_at, i);
        if (verb == NULL)
            continue;
        if (strchr(s->words[i].low, '\'') != NULL && !english_aux(s->words[i].low))
            return false;
        if (slip_word_in(s, i, telling))
            return false;
        out[(*len)++] = (struct finite){i, verb};
    }
    return *len > 0;
}

/* Leaves out those of the time words themselves: "when I was young". */
static size_t finites_beside(struct finite *finites, size_t len, const struct marker *marker)
{
    size_t kept = 0;
    for (size_t i = 0; i < len; i++) {
        if (finites[i].word < marker->first || finites[i].word >= marker->end)
            finites[kept++] = finites[i];
    }
    return kept;
}

static bool to_past(const struct slip_sentence *s, size_t i, char *out, size_t *count)
{
    static const char *const pairs[][2] = {
        {"am", "was"},       {"is", "was"},         {"are", "were"},
        {"isn't", "wasn't"}, {"aren't", "weren't"}, {"do", "did"},
        {"does", "did"},     {"don't", "didn't"},   {"doesn't", "didn't"}};
    char base[LOCAL_GRAMMAR_WORD_BYTES], form[LOCAL_GRAMMAR_WORD_BYTES];
    const char *low = s->words[i].low;
    *count = 1;
    for (size_t k = 0; k < sizeof pairs / sizeof pairs[0]; k++) {
        if (strcmp(pairs[k][0], low) == 0) {
            snprintf(out, LOCAL_GRAMMAR_WORD_BYTES, "%s", pairs[k][1]);
            return true;
        }
    }
    if (slip_word_in(s, i, " have has ") && i + 1 < s->len &&
        english_verb_base(s->words[i + 1].low, base) && english_verb_participle(base, form) &&
        strcmp(form, s->words[i + 1].low) == 0 && strcmp(base, "be") != 0) {
        *count = 2;
        return english_verb_past(base, out);
    }
    if (slip_word_in(s, i, " have has ")) {
        snprintf(out, LOCAL_GRAMMAR_WORD_BYTES, "had");
        /* "have been" and the like stay. */
        return !slip_word_in(s, i + 1, " been not never always ");
    }
    return english_class(low) == 0 && english_verb_base(low, base) &&
           english_verb_past(base, out) && strcmp(out, low) != 0;
}

static bool joined(const struct slip_sentence *s, size_t from, size_t to)
{
    bool joins = false;
    for (size_t i = from + 1; i < to; i++) {
        if (slip_word_in(s, i, " that if who which what where how why when whose "))
            return false;
        joins = joins || slip_word_in(s, i, " and but so then because ");
    }
    return joins;
}

static void past_edits(const struct slip_sentence *s, const struct marker *marker,
                       const struct finite *finites, size_t len, struct slip_list *out)
{
    char form[LOCAL_GRAMMAR_WORD_BYTES];
    size_t count;
    for (size_t i = 0; i < len; i++) {
        size_t word = finites[i].word;
        if (i > 0 && !joined(s, finites[i - 1].word, word))
            return;
        if (to_past(s, word, form, &count) && (!marker->ended || count == 2))
            slip_message(slip_add(out, s, word, count, form), SLIP_TENSE,
                         "With '%s' use the past: '%s', not '%s'.", marker->name, form,
                         s->words[word].low);
    }
}

/* "Tomorrow I went": only words for doing; "tomorrow was supposed to be" is right. */
static void future_edit(const struct slip_sentence *s, const struct marker *marker, size_t word,
                        struct slip_list *out)
{
    char base[LOCAL_GRAMMAR_WORD_BYTES], text[LOCAL_GRAMMAR_EDIT_BYTES];
    static const char doing[] =
        " go come eat drink buy see meet visit play travel work study cook call swim "
        "run drive fly leave take bring watch read write send start begin finish "
        "clean sleep walk make do ";
    struct slip_sentence probe = {.len = 1};
    if (!english_verb_base(s->words[word].low, base))
        return;
    snprintf(probe.words[0].low, sizeof probe.words[0].low, "%s", base);
    if (english_aux(s->words[word].low) || !slip_word_in(&probe, 0, doing))
        return;
    snprintf(text, sizeof text, "will %s", base);
    slip_message(slip_add(out, s, word, 1, text), SLIP_TENSE,
                 "With '%s' use the future: '%s', not '%s'.", marker->name, text,
                 s->words[word].low);
}

void slip_tense(const struct slip_sentence *sentence, const struct link_parse *parse,
                const uint32_t *word_at, struct slip_list *out)
{
    struct finite finites[LOCAL_GRAMMAR_SENTENCE_WORDS];
    struct marker marker;
    size_t len, past = 0;
    if (!parse->whole || !marker_find(sentence, &marker) ||
        !finites_read(sentence, parse, word_at, finites, &len))
        return;
    len = finites_beside(finites, len, &marker);
    for (size_t i = 0; i < len; i++)
        past += is_past(sentence->words[finites[i].word].low, finites[i].verb);
    if (marker.past && past == 0)
        past_edits(sentence, &marker, finites, len, out);
    else if (!marker.past && past == 1 && len == 1)
        future_edit(sentence, &marker, finites[0].word, out);
}
