/* Edits that might be what was meant. None is right by itself: a parse decides, and the cheapest
 * that parses wins, so the costs say which slips learners make most. */
#include "local/english.h"
#include "local/slip.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEN(array) (sizeof(array) / sizeof((array)[0]))

typedef const struct slip_sentence *sentence_t;

struct swap {
    const char *from, *to;
    float cost;
    enum slip_kind kind;
    const char *message; /* of `to` and `from`; NULL: agreement, made when the subject is known */
};

static const char plural_message[] = "Use it with a plural noun.";
static const struct swap swaps[] = {
    {"is", "are", 1.0F, SLIP_AGREEMENT, NULL},
    {"are", "is", 1.0F, SLIP_AGREEMENT, NULL},
    {"am", "is", 1.1F, SLIP_AGREEMENT, NULL},
    {"am", "are", 1.1F, SLIP_AGREEMENT, NULL},
    {"is", "am", 1.2F, SLIP_AGREEMENT, NULL},
    {"are", "am", 1.2F, SLIP_AGREEMENT, NULL},
    {"was", "were", 1.0F, SLIP_AGREEMENT, NULL},
    {"were", "was", 1.0F, SLIP_AGREEMENT, NULL},
    {"has", "have", 1.0F, SLIP_AGREEMENT, NULL},
    {"have", "has", 1.0F, SLIP_AGREEMENT, NULL},
    {"do", "does", 1.0F, SLIP_AGREEMENT, NULL},
    {"does", "do", 1.0F, SLIP_AGREEMENT, NULL},
    {"don't", "doesn't", 1.0F, SLIP_AGREEMENT, NULL},
    {"doesn't", "don't", 1.0F, SLIP_AGREEMENT, NULL},
    {"isn't", "aren't", 1.0F, SLIP_AGREEMENT, NULL},
    {"aren't", "isn't", 1.0F, SLIP_AGREEMENT, NULL},
    {"wasn't", "weren't", 1.0F, SLIP_AGREEMENT, NULL},
    {"weren't", "wasn't", 1.0F, SLIP_AGREEMENT, NULL},
    {"hasn't", "haven't", 1.0F, SLIP_AGREEMENT, NULL},
    {"haven't", "hasn't", 1.0F, SLIP_AGREEMENT, NULL},
    {"there's", "there are", 1.2F, SLIP_AGREEMENT, plural_message},
    {"this", "these", 1.1F, SLIP_NUMBER, "Use '%1$s' with a plural noun."},
    {"these", "this", 1.4F, SLIP_NUMBER, "Use '%1$s' with a singular noun."},
    {"that", "those", 1.4F, SLIP_NUMBER, "Use '%1$s' with a plural noun."},
    {"those", "that", 1.2F, SLIP_NUMBER, "Use '%1$s' with a singular noun."},
    {"many", "much", 1.1F, SLIP_NUMBER, "Use 'much' with what cannot be counted."},
    {"much", "many", 1.1F, SLIP_NUMBER, "Use 'many' with what can be counted."},
    {"me", "I", 1.6F, SLIP_OTHER, "As the subject use '%1$s', not '%2$s'."},
    {"him", "he", 1.6F, SLIP_OTHER, "As the subject use '%1$s', not '%2$s'."},
    {"her", "she", 1.6F, SLIP_OTHER, "As the subject use '%1$s', not '%2$s'."},
    {"us", "we", 1.6F, SLIP_OTHER, "As the subject use '%1$s', not '%2$s'."},
    {"them", "they", 1.6F, SLIP_OTHER, "As the subject use '%1$s', not '%2$s'."},
    {"i", "me", 1.9F, SLIP_OTHER, "Use '%1$s' here: it is not the subject."},
    {"he", "him", 1.9F, SLIP_OTHER, "Use '%1$s' here: it is not the subject."},
    {"she", "her", 1.9F, SLIP_OTHER, "Use '%1$s' here: it is not the subject."},
    {"we", "us", 1.9F, SLIP_OTHER, "Use '%1$s' here: it is not the subject."},
    {"they", "them", 1.9F, SLIP_OTHER, "Use '%1$s' here: it is not the subject."},
    {"he", "his", 1.9F, SLIP_OTHER, "Before a noun use '%1$s'."},
    {"they", "their", 1.9F, SLIP_OTHER, "Before a noun use '%1$s'."},
    {"you", "your", 1.9F, SLIP_OTHER, "Before a noun use '%1$s'."},
    {"your", "you're", 1.9F, SLIP_OTHER, "It is written '%1$s'."},
    {"their", "they're", 1.9F, SLIP_OTHER, "It is written '%1$s'."},
    {"no", "don't", 1.7F, SLIP_OTHER, "Negate a verb with '%1$s', not '%2$s'."},
    {"no", "doesn't", 1.7F, SLIP_OTHER, "Negate a verb with '%1$s', not '%2$s'."},
    {"not", "don't", 1.9F, SLIP_OTHER, "Negate a verb with '%1$s', not '%2$s'."},
    {"not", "doesn't", 1.9F, SLIP_OTHER, "Negate a verb with '%1$s', not '%2$s'."},
    {"then", "than", 1.8F, SLIP_OTHER, "'Than' compares, 'then' is a time."},
};

static unsigned class_at(sentence_t s, size_t i)
{
    return i < s->len ? english_class(s->words[i].low) : 0;
}

static bool open_at(sentence_t s, size_t i)
{
    return i < s->len && class_at(s, i) == 0 && strchr(s->words[i].low, '\'') == NULL;
}

/* A name keeps its form. The sentence's first word shows nothing by its capital. */
static bool name_at(sentence_t s, size_t i)
{
    char c = s->text[s->words[i].start];
    return i > 0 && c >= 'A' && c <= 'Z';
}

static struct slip_edit *add(struct slip_list *out, sentence_t s, size_t first, size_t count,
                             const char *text, float cost)
{
    struct slip_edit *edit = slip_add(out, s, first, count, text);
    if (edit != NULL)
        edit->cost = cost;
    return edit;
}

/* `before` word `after`, as the sentence spells the word. */
static struct slip_edit *add_around(struct slip_list *out, sentence_t s, size_t i,
                                    const char *before, const char *after, float cost)
{
    char text[LOCAL_GRAMMAR_EDIT_BYTES];
    const struct slip_word *word = &s->words[i];
    /* What moves away from the begin loses its capital there, a name does not begin with one we
     * know of. */
    bool plain = i == 0 && before[0] != '\0';
    snprintf(text, sizeof text, "%s%.*s%s", before, (int)(word->end - word->start),
             plain && strcmp(word->low, "i") != 0 ? word->low : s->text + word->start, after);
    return add(out, s, i, 1, text, cost);
}

static const char spans[] = " minutes hours days weeks months years euros dollars pounds miles "
                            "kilometres kilometers metres meters times people ";

/* Words that belong to a noun stand before one, "you're" and "they're" before anything else. */
static bool swap_fits(sentence_t s, size_t i, const struct swap *swap)
{
    static const char owners[] = " his their your ", apart[] = " you're they're ";
    char to[LOCAL_GRAMMAR_WORD_BYTES + 2];
    snprintf(to, sizeof to, " %s ", swap->to);
    if (i + 1 >= s->len)
        return strstr(apart, to) == NULL && strstr(owners, to) == NULL;
    const char *next = s->words[i + 1].low;
    size_t len = strlen(next);
    bool doing = len > 4 && strcmp(next + len - 3, "ing") == 0;
    if (strstr(owners, to) != NULL)
        return open_at(s, i + 1) && !doing;
    return strstr(apart, to) == NULL || doing || english_is_adjective(next) || !open_at(s, i + 1);
}

/* "am" has its subject beside it, or a word away. */
static bool near_i(sentence_t s, size_t i)
{
    return slip_word_is(s, i + 1, "i") || (i > 0 && slip_word_is(s, i - 1, "i")) ||
           (i > 1 && slip_word_is(s, i - 2, "i"));
}

static void candidate_swaps(sentence_t s, size_t i, struct slip_list *out)
{
    for (size_t k = 0; k < LEN(swaps); k++) {
        if (!slip_word_is(s, i, swaps[k].from))
            continue;
        /* "You and he are": two subjects, though the nearer is one. */
        if (i >= 3 && slip_word_is(s, i - 2, "and") && swaps[k].message == NULL)
            continue;
        if (strcmp(swaps[k].to, "am") == 0 && !near_i(s, i))
            continue;
        /* "Either you or I am": nobody agrees on that. */
        if (i >= 2 && slip_word_in(s, i - 2, " or nor "))
            continue;
        /* "I do not need" has its negation. */
        if (slip_word_is(s, i, "not") && i > 0 && english_aux(s->words[i - 1].low))
            continue;
        /* "Ten minutes is enough": one span of time. */
        if (i >= 2 && slip_word_in(s, i, " is was ") && slip_word_in(s, i - 1, spans) &&
            (class_at(s, i - 2) & WORD_NUMBER) != 0)
            continue;
        if (!swap_fits(s, i, &swaps[k]))
            continue;
        /* "I parents got married" was "my parents": first in a sentence such a word was misheard.
         */
        if (slip_word_in(s, i, " i he she we they ") &&
            (i == 0 || (i + 1 < s->len && english_aux(s->words[i + 1].low))))
            continue;
        struct slip_edit *edit = add(out, s, i, 1, swaps[k].to, swaps[k].cost);
        if (swaps[k].message != NULL)
            slip_message(edit, swaps[k].kind, swaps[k].message, swaps[k].to, swaps[k].from);
        else if (edit != NULL)
            edit->kind = SLIP_AGREEMENT;
    }
}

/* "I am student" lacks its article, "they are student" its plural; "my parents lives" was meant of
 * several. */
static float cost_s(sentence_t s, size_t i)
{
    for (size_t back = 1; back <= 4 && back <= i; back++) {
        size_t k = i - back;
        unsigned class = class_at(s, k);
        if ((class & WORD_BE) != 0)
            return slip_word_in(s, k, " are were ") ? 1.3F : 1.8F;
        bool next = back == 1 || (back == 2 && english_is_adjective(s->words[i - 1].low));
        if ((class & WORD_DETERMINER) != 0 && next) {
            static const char one[] = " a an this that every each another ";
            static const char many[] = " these those many few several all both most more ";
            bool plural = english_is_plural(s->words[i].low);
            /* "This shoes hurt": these, rather than one of them. */
            bool shown = plural && slip_word_in(s, k, " this that ");
            return slip_word_in(s, k, plural ? one : many) && !shown ? 1.0F : 1.25F;
        }
        if ((class & ~(unsigned)WORD_OTHER) != 0)
            break;
    }
    return 1.0F;
}

/* "by bike", "from door to door": said so, though a parser may not know. */
static bool phrase_at(sentence_t s, size_t i)
{
    const char *low = s->words[i].low;
    if (i > 0 && slip_word_is(s, i - 1, "by") &&
        slip_word_in(s, i,
                     " bike bicycle bus car train plane taxi boat ship tram foot phone hand "))
        return true;
    bool before = i >= 2 && strcmp(s->words[i - 2].low, low) == 0;
    bool behind = i + 2 < s->len && strcmp(s->words[i + 2].low, low) == 0;
    return (before && slip_word_in(s, i - 1, " to by in after ")) ||
           (behind && slip_word_in(s, i + 1, " to by in after "));
}

/* "in hospital", "at school": these take no article and stay one. */
static bool placed_at(sentence_t s, size_t i)
{
    return i > 0 && slip_word_in(s, i - 1, " in at to from ") &&
           slip_word_in(s, i,
                        " hospital prison jail school bed university college church class "
                        "town court work home ");
}

static void candidate_s(sentence_t s, size_t i, struct slip_list *out)
{
    char other[LOCAL_GRAMMAR_WORD_BYTES];
    if (!open_at(s, i) || name_at(s, i) || !english_toggle_s(s->words[i].low, other))
        return;
    /* "I do not need": the form is right, whatever is wrong. */
    if (i > 1 && slip_word_is(s, i - 1, "not") && slip_word_in(s, i - 2, " do does did ") &&
        !english_is_plural(s->words[i].low))
        return;
    if (placed_at(s, i) || phrase_at(s, i))
        return;
    /* "I don't know he": the verb has the form it must have. */
    if (i > 0 && (class_at(s, i - 1) & (WORD_MODAL | WORD_DO)) != 0 &&
        english_is_verb(s->words[i].low))
        return;
    bool counted = i > 0 && (class_at(s, i - 1) & WORD_NUMBER) != 0;
    if (i > 0 && slip_word_in(s, i - 1, " one a an each every ") &&
        !english_is_plural(s->words[i].low))
        return;
    /* "three breads" is no "three bread", and "good" has no plural. */
    bool plural = english_is_plural(s->words[i].low);
    if (counted ? plural : english_is_adjective(s->words[i].low))
        return;
    struct slip_edit *edit = add(out, s, i, 1, other, counted ? 0.9F : cost_s(s, i));
    if (edit != NULL)
        edit->kind = SLIP_BY_PARSE;
}

/* The auxiliary that rules the form of word i: the nearest of three words before, past subjects and
 * adverbs. */
static size_t ruler_of(sentence_t s, size_t i)
{
    for (size_t back = 1; back <= 3 && back <= i; back++) {
        size_t k = i - back;
        if (english_aux(s->words[k].low) || slip_word_is(s, k, "to"))
            return k;
        if ((class_at(s, k) & (WORD_PRONOUN | WORD_OTHER)) == 0 ||
            (class_at(s, k) & WORD_DETERMINER) != 0)
            break;
    }
    return SIZE_MAX;
}

/* `format`: the ruling word, the right form, the wrong one. */
static void add_form(struct slip_list *out, sentence_t s, size_t i, const char *form, float cost,
                     const char *format)
{
    size_t ruler = ruler_of(s, i);
    if (strcmp(form, s->words[i].low) == 0)
        return;
    slip_message(add(out, s, i, 1, form, cost), SLIP_TENSE, format, s->words[ruler].low, form,
                 s->words[i].low);
}

static void candidate_forms(sentence_t s, size_t i, struct slip_list *out)
{
    static const char after_base[] = "After '%s' use the base form '%s', not '%s'.",
                      after_participle[] = "After '%s' use the participle '%s', not '%s'.",
                      after_ing[] = "After '%s' use the -ing form '%s', not '%s'.";
    char base[LOCAL_GRAMMAR_WORD_BYTES], form[LOCAL_GRAMMAR_WORD_BYTES];
    const char *low = s->words[i].low;
    bool verb = open_at(s, i) || slip_word_in(s, i, " been be had done ");
    size_t ruler = ruler_of(s, i);
    if (!verb || ruler == SIZE_MAX || name_at(s, i) || !english_verb_base(low, base))
        return;
    unsigned class = class_at(s, ruler);
    if ((class & (WORD_MODAL | WORD_DO)) != 0 || slip_word_is(s, ruler, "to")) {
        add_form(out, s, i, base, 0.8F, after_base);
    } else if ((class & WORD_HAVE) != 0) {
        if (english_verb_participle(base, form))
            add_form(out, s, i, form, 0.8F, after_participle);
    } else if ((class & WORD_BE) != 0 &&
               !(english_verb_participle(base, form) && strcmp(form, low) == 0)) {
        if (english_verb_ing(base, form))
            add_form(out, s, i, form, 1.2F, after_ing);
        if (english_verb_participle(base, form))
            add_form(out, s, i, form, 1.7F, after_participle);
    }
}

/* True when the noun phrase around word i has its determiner: "the best day". */
static bool led_at(sentence_t s, size_t i)
{
    while (i > 0 && open_at(s, i - 1) && s->words[i - 1].mark == 0)
        i--;
    return i > 0 && ((class_at(s, i - 1) & (WORD_DETERMINER | WORD_NUMBER)) != 0 ||
                     strstr(s->words[i - 1].low, "'s") != NULL);
}

/* "the best", "the tallest", "the same": their article is no slip. */
static bool ranked_at(sentence_t s, size_t i)
{
    size_t len = strlen(s->words[i].low);
    return slip_word_in(s, i, " worst most first last same only next other ") ||
           (len > 3 && strcmp(s->words[i].low + len - 3, "est") == 0);
}

static bool doing_at(sentence_t s, size_t i)
{
    const char *low = s->words[i].low;
    size_t len = strlen(low);
    return len > 5 && strcmp(low + len - 3, "ing") == 0;
}

static void candidate_articles(sentence_t s, size_t i, struct slip_list *out)
{
    bool led = led_at(s, i);
    const char *low = s->words[i].low;
    if (open_at(s, i) && !led && !name_at(s, i) && !placed_at(s, i) && !phrase_at(s, i) &&
        !doing_at(s, i)) {
        /* Before an adjective rather than between it and its noun. */
        float be = i > 0 && (class_at(s, i - 1) & WORD_BE) != 0 ? 0.5F : 0;
        float far = i > 0 && open_at(s, i - 1) ? 0.2F : 0;
        const char *article = english_article(low);
        if (!english_is_plural(low)) {
            char before[8];
            snprintf(before, sizeof before, "%s ", article);
            slip_message(add_around(out, s, i, before, "", 1.5F + far), SLIP_ARTICLE,
                         "A singular noun needs an article: '%s %s'.", article, low);
        }
        slip_message(add_around(out, s, i, "the ", "", 2.0F + far + be), SLIP_ARTICLE,
                     "A noun is missing its article: 'the %s'.", low);
    }
    if (slip_word_in(s, i, " very really ") && open_at(s, i + 1) && !led)
        slip_message(add_around(out, s, i, "a ", "", 1.5F), SLIP_ARTICLE,
                     "A singular noun needs an article: 'a %s %s'.", low, s->words[i + 1].low);
    /* Learners put an article too many before what takes none; before a plain singular it is the
     * rest that was misheard: "the market to near the station". */
    bool takes_none =
        i + 1 < s->len &&
        (!open_at(s, i + 1) || english_is_plural(s->words[i + 1].low) || name_at(s, i + 1));
    if ((class_at(s, i) & WORD_ARTICLE) != 0 && takes_none && !ranked_at(s, i + 1)) {
        char next[LOCAL_GRAMMAR_EDIT_BYTES];
        const struct slip_word *word = &s->words[i + 1];
        snprintf(next, sizeof next, "%.*s", (int)(word->end - word->start), s->text + word->start);
        slip_message(add(out, s, i, 2, next, low[0] == 'a' ? 1.6F : 1.9F), SLIP_ARTICLE,
                     "No article before '%s' here.", word->low);
    }
}

static void candidate_to(sentence_t s, size_t i, struct slip_list *out)
{
    static const char takes_to[] = " want wants wanted need needs needed like likes liked would "
                                   "try tries tried decide decided have has "
                                   "had hope hopes hoped going love loves loved plan plans planned "
                                   "learn learned forget forgot "
                                   "started begin began continue used able ";
    if (i > 0 && slip_word_in(s, i - 1, takes_to) && (open_at(s, i) || slip_word_is(s, i, "be")))
        slip_message(add_around(out, s, i, "to ", "", 1.2F), SLIP_OTHER, "Say '%s to %s'.",
                     s->words[i - 1].low, s->words[i].low);
}

static const char *be_for(sentence_t s, size_t i)
{
    if (slip_word_is(s, i, "i"))
        return "am";
    return slip_word_in(s, i, " we you they ") || english_is_plural(s->words[i].low) ? "are" : "is";
}

static void candidate_missing(sentence_t s, size_t i, struct slip_list *out)
{
    char text[16];
    bool pronoun = slip_word_in(s, i, " i you he she it we they ");
    bool begins = i == 0 || s->words[i - 1].mark != 0 || (class_at(s, i - 1) & WORD_JOINING) != 0;
    if (pronoun && begins && i + 1 < s->len && !english_aux(s->words[i + 1].low)) {
        snprintf(text, sizeof text, " %s", be_for(s, i));
        slip_message(add_around(out, s, i, "", text, 1.8F), SLIP_OTHER,
                     "The verb is missing: '%s%s'.",
                     slip_word_is(s, i, "i") ? "I" : s->words[i].low, text);
    }
    if (pronoun && i == 1 && (class_at(s, 0) & WORD_ASKING) != 0) {
        snprintf(text, sizeof text, "%s ", slip_word_in(s, 1, " he she it ") ? "does" : "do");
        slip_message(add_around(out, s, i, text, "", 1.7F), SLIP_WORD_ORDER,
                     "A question needs '%s' before its subject.", text[2] == 'e' ? "does" : "do");
    }
    if (i == 0 && slip_word_in(s, 0, " is was isn't wasn't "))
        slip_message(add_around(out, s, 0, "it ", "", 1.9F), SLIP_OTHER,
                     "The subject is missing: 'it %s'.", s->words[0].low);
}

static void candidate_order(sentence_t s, size_t i, struct slip_list *out)
{
    if (i + 1 >= s->len)
        return;
    char text[LOCAL_GRAMMAR_EDIT_BYTES];
    const struct slip_word *a = &s->words[i], *b = &s->words[i + 1];
    bool asks = s->end == '?' || (class_at(s, 0) & WORD_ASKING) != 0;
    bool question = asks && (class_at(s, i) & WORD_PRONOUN) != 0 && english_aux(b->low);
    if (!question)
        return;
    snprintf(text, sizeof text, "%.*s %.*s", (int)(b->end - b->start), s->text + b->start,
             (int)(a->end - a->start),
             i == 0 && strcmp(a->low, "i") != 0 ? a->low : s->text + a->start);
    slip_message(add(out, s, i, 2, text, 1.4F), SLIP_WORD_ORDER,
                 "In a question '%s' comes before '%s'.", b->low, a->low);
}

static int by_cost(const void *a, const void *b)
{
    const struct slip_edit *x = a, *y = b;
    if (x->cost != y->cost)
        return x->cost < y->cost ? -1 : 1;
    return (int)x->first - (int)y->first;
}

void slip_candidates(const struct slip_sentence *sentence, struct slip_list *out)
{
    typedef void candidate_fn(sentence_t s, size_t i, struct slip_list * out);
    /* The likeliest first: when the list is full the rest is left out. */
    static candidate_fn *const kinds[] = {candidate_swaps, candidate_s,        candidate_forms,
                                          candidate_to,    candidate_articles, candidate_missing,
                                          candidate_order};
    for (size_t k = 0; k < LEN(kinds); k++) {
        for (size_t i = 0; i < sentence->len; i++)
            kinds[k](sentence, i, out);
    }
    qsort(out->edits, out->len, sizeof out->edits[0], by_cost);
}
