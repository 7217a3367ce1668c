/* Slips that are known by their words: a table of patterns and what they should read. */
#include "local/english.h"
#include "local/slip.h"
#include "local/slip_pattern.h"
#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEN(array) (sizeof(array) / sizeof((array)[0]))

/* What a pattern (local/slip_pattern.h) should read: words, or n for its nth token as it stands,
 * n:form for another form of it; @a is a or an. */
struct phrase {
    const char *pattern, *right;
    enum slip_kind kind;
    const char *message; /* %1$s: the right words, %2$s: the wrong ones */
};

#define POSSESSIVE "my|your|his|her|our|their"
#define PERSON                                                                                     \
    "man|woman|boy|girl|person|people|teacher|friend|student|doctor|child|children|guy|lady|"      \
    "neighbour|neighbor|boss|cousin|uncle|aunt|men|women|players|friends|students|girls|boys"
#define KIN                                                                                        \
    "father|mother|dad|mum|mom|brother|sister|husband|wife|son|daughter|uncle|aunt|cousin|boss|"   \
    "teacher|grandmother|grandfather"
#define CALLING                                                                                    \
    "teacher|doctor|student|engineer|nurse|lawyer|driver|waiter|waitress|actor|actress|dentist|"   \
    "farmer|singer|writer|programmer|policeman|secretary|mechanic|pilot|cook|chef|architect|"      \
    "artist|musician|journalist|scientist|translator|manager|accountant|hairdresser|receptionist"
#define THING                                                                                      \
    "film|movie|book|lesson|class|game|story|match|party|trip|lecture|programme|show|concert|"     \
    "museum|job|news|play|exhibition"
#define MONTH "january|february|april|june|july|august|september|october|november|december"
#define PAST_ALONE                                                                                 \
    "went|ate|drank|saw|did|began|broke|chose|drove|fell|flew|forgot|gave|grew|knew|rode|rang|"    \
    "sang|spoke|stole|swam|took|threw|woke|wore|wrote|was|were"
#define POINT_IN_TIME                                                                              \
    "@year|last|monday|tuesday|wednesday|thursday|friday|saturday|sunday|yesterday|" MONTH
#define STATE_ING                                                                                  \
    "wanting|knowing|needing|believing|understanding|liking|preferring|owning|hating|belonging"
#define FEELING "tired|happy|sad|hungry|thirsty|sick|angry|busy|late|sure|afraid|sorry|ready|proud"
#define COLOUR  "red|blue|green|black|white|yellow|brown|grey|pink|orange"
#define ITS_FOLLOWED                                                                               \
    "a|the|very|not|raining|snowing|going|time|too|so|my|been|cold|hot|late|good|nice|important|"  \
    "difficult|easy|possible|true|ok|okay"
/* Verbs that are as often nouns: "I need help". */
#define NOUNS_TOO                                                                                  \
    "help|love|rest|work|play|study|travel|change|drink|dance|cook|clean|start|answer|call|visit|" \
    "plan|use|walk|talk|look|show|smile|water|order|practice|party"
#define SUPERLATIVE                                                                                \
    "best|worst|biggest|tallest|oldest|youngest|nearest|largest|cheapest|fastest|smallest|"        \
    "highest|longest|nicest|richest"
#define COMPARATIVE                                                                                \
    "better|worse|bigger|smaller|taller|older|younger|cheaper|easier|faster|nicer|happier|"        \
    "shorter|longer|higher|richer|stronger|slower|colder|hotter|warmer|more|less|rather|other"
/* Things that come in ones, without an article never alone. */
#define COUNTED                                                                                    \
    "dog|cat|car|house|flat|problem|question|idea|dream|job|appointment|meeting|party|exam|test|"  \
    "brother|sister|son|daughter|child|boyfriend|girlfriend|bike|computer|ticket|garden|boat|"     \
    "headache|fever|cough|toothache|stomachache|camera|dictionary|umbrella|pencil|map"
#define PLACE                                                                                      \
    "london|paris|madrid|berlin|rome|lisbon|vienna|moscow|tokyo|barcelona|milan|munich|dublin|"    \
    "spain|france|germany|italy|portugal|china|japan|brazil|mexico|england|ireland|scotland|"      \
    "poland|russia|turkey|greece|austria|sweden|norway|canada|america|australia|india|egypt|"      \
    "morocco|argentina|chile|peru|colombia|europe|asia|africa"
#define MASS "news|information|advice|furniture|homework|luggage|weather|traffic|money|hair|food"
#define TELL "know|knows|knew|tell|tells|told|ask|asks|asked|wonder|understand|remember|see|explain"

#define SAY              "Say '%1$s', not '%2$s'."
#define SAY_HERE         "Here one says '%1$s', not '%2$s'."
#define SAY_WITH         "The right preposition here is in '%1$s'."
#define SPELLED          "It is written '%1$s'."
#define ALONE_MESSAGE    "The verb stands alone: '%1$s', not '%2$s'."
#define NEGATE_MESSAGE   "Negate a verb with '%1$s', not '%2$s'."
#define MISSING_VERB     "The verb is missing: '%1$s'."
#define MISSING_SUBJECT  "The subject is missing: '%1$s'."
#define MISSING_END      "The preposition at the end is missing: '%1$s'."
#define TWICE_MESSAGE    "'%2$s' says it twice: '%1$s'."
#define ORDER_MESSAGE    "The order is '%1$s', not '%2$s'."
#define QUESTION_MESSAGE "In a question the verb comes first: '%1$s'."
#define ASKED_MESSAGE    "Within a sentence the order is '%1$s', not '%2$s'."
#define NEGATION_MESSAGE "One negation is enough: '%1$s', not '%2$s'."
#define SINCE_MESSAGE    "What began in the past and goes on is '%1$s', not '%2$s'."
#define STATE_MESSAGE    "This verb takes no -ing form: '%1$s', not '%2$s'."
#define IF_MESSAGE       "After 'if' there is no 'would': '%1$s', not '%2$s'."
#define PAST_MESSAGE     "The past form is '%1$s', not '%2$s'."
#define PREPOSITION_ING  "After a preposition use the -ing form: '%1$s'."
#define ONE_MESSAGE      "A singular noun needs an article: '%1$s'."
#define AND_MESSAGE      "Two subjects with 'and' are several: '%1$s', not '%2$s'."
#define MASS_MESSAGE     "It cannot be counted: say '%1$s', not '%2$s'."
#define NEEDS_DO_MESSAGE "A question needs its auxiliary: '%1$s'."
#define CALLING_MESSAGE  "A calling needs an article: '%1$s'."

static const struct phrase phrases[] = {
#include "local/slip_phrases.inc"
};

static const char *const spellings[][2] = {
#include "local/slip_spelling.inc"
};

typedef const struct slip_sentence *sentence_t;

static bool ends_with(const char *word, const char *ending)
{
    size_t len = strlen(word), n = strlen(ending);
    return len > n + 1 && strcmp(word + len - n, ending) == 0;
}

/* The form of an auxiliary that goes with a subject. */
static const char *with_subject(const char *subject, const char *form)
{
    bool i = strcmp(subject, "i") == 0;
    bool many = i || english_is_plural(subject) ||
                slip_pattern_word(subject, "you|we|they|these|those|people");
    if (strcmp(form, "be") == 0)
        return i ? "am" : many ? "are" : "is";
    if (strcmp(form, "was") == 0)
        return many && !i ? "were" : "was";
    if (strcmp(form, "not") == 0)
        return many ? "don't" : "doesn't";
    if (strcmp(form, "have") == 0)
        return many ? "have" : "has";
    if (strcmp(form, "do") == 0)
        return many ? "do" : "does";
    return NULL;
}

/* "does" of "make" is "makes": the verb `to` in the form that `low` is of its own. */
static bool same_form(const char *low, const char *to, char *out)
{
    char base[LOCAL_GRAMMAR_WORD_BYTES], made[LOCAL_GRAMMAR_WORD_BYTES];
    if (!english_verb_base(low, base))
        return false;
    if (strcmp(base, low) == 0) {
        snprintf(out, LOCAL_GRAMMAR_WORD_BYTES, "%s", to);
        return true;
    }
    if (english_verb_ing(base, made) && strcmp(made, low) == 0)
        return english_verb_ing(to, out);
    if (english_verb_past(base, made) && strcmp(made, low) == 0)
        return english_verb_past(to, out);
    if (english_verb_participle(base, made) && strcmp(made, low) == 0)
        return english_verb_participle(to, out);
    if (strcmp(to, "have") == 0)
        snprintf(out, LOCAL_GRAMMAR_WORD_BYTES, "has");
    return strcmp(to, "have") == 0 || english_toggle_s(to, out);
}

/* "these" as "this" and the like. */
static bool pair_form(const char *low, const char *form, char *out)
{
    static const struct {
        const char *form, *from, *to;
    } pairs[] = {
        {"one", "are", "is"},          {"one", "were", "was"},       {"one", "have", "has"},
        {"one", "aren't", "isn't"},    {"one", "weren't", "wasn't"}, {"many", "is", "are"},
        {"many", "am", "are"},         {"many", "was", "were"},      {"many", "has", "have"},
        {"many", "doesn't", "don't"},  {"many", "isn't", "aren't"},  {"many", "wasn't", "weren't"},
        {"many", "hasn't", "haven't"}, {"one", "these", "this"},     {"one", "those", "that"},
        {"many", "this", "these"},     {"many", "that", "those"},    {"own", "my", "mine"},
        {"own", "your", "yours"},      {"own", "our", "ours"},       {"own", "their", "theirs"},
        {"poss", "you", "your"},       {"poss", "he", "his"},        {"poss", "they", "their"},
        {"poss", "we", "our"},         {"one", "don't", "doesn't"},  {"self", "me", "myself"},
        {"self", "him", "himself"},    {"self", "her", "herself"},   {"self", "us", "ourselves"},
        {"self", "them", "themselves"}};
    for (size_t i = 0; i < LEN(pairs); i++) {
        if (strcmp(pairs[i].form, form) == 0 && strcmp(pairs[i].from, low) == 0) {
            snprintf(out, LOCAL_GRAMMAR_WORD_BYTES, "%s", pairs[i].to);
            return true;
        }
    }
    int len = (int)strlen(low) - (ends_with(low, "s") ? 1 : 0);
    snprintf(out, LOCAL_GRAMMAR_WORD_BYTES, "%.*s", len, low);
    return strcmp(form, "one") == 0;
}

/* English's forms of a word by the names that the table uses. */
static bool word_form(const char *low, const char *form, char *out)
{
    char base[LOCAL_GRAMMAR_WORD_BYTES];
    if (slip_pattern_word(form, "one|many|own|self|poss"))
        return pair_form(low, form, out);
    const char *aux = with_subject(low, form);
    if (aux != NULL) {
        snprintf(out, LOCAL_GRAMMAR_WORD_BYTES, "%s", aux);
        return true;
    }
    if (strcmp(form, "adverb") == 0)
        return english_adverb(low, out);
    if (strcmp(form, "superlative") == 0)
        return english_superlative(low, out);
    if (strcmp(form, "toggle") == 0)
        return english_toggle_s(low, out);
    if (strncmp(form, "as-", 3) == 0)
        return same_form(low, form + 3, out);
    if (!english_verb_base(low, base))
        return false;
    if (strcmp(form, "ing") == 0)
        return english_verb_ing(base, out);
    if (strcmp(form, "past") == 0)
        return english_verb_past(base, out);
    if (strcmp(form, "part") == 0)
        return english_verb_participle(base, out);
    if (strcmp(form, "third") == 0)
        return english_toggle_s(base, out);
    assert(strcmp(form, "base") == 0);
    snprintf(out, LOCAL_GRAMMAR_WORD_BYTES, "%s", base);
    return true;
}

/* One word of the right side; false: the form cannot be made. `out` is "" for nothing. */
static bool right_word(sentence_t s, const struct slip_match *match, const char *token, char *out)
{
    char *form;
    out[0] = '\0';
    if (!isdigit((unsigned char)token[0])) {
        snprintf(out, LOCAL_GRAMMAR_WORD_BYTES, "%s", token);
        return true;
    }
    size_t number = strtoul(token, &form, 10);
    assert(number > 0 && number <= SLIP_TOKENS_MAX);
    size_t at = match->at[number];
    if (at == SIZE_MAX)
        return true;
    const struct slip_word *word = &s->words[at];
    if (*form == ':')
        return word_form(word->low, form + 1, out);
    /* What moves loses a sentence's capital. */
    bool plain = at == 0 && strcmp(word->low, "i") != 0;
    snprintf(out, LOCAL_GRAMMAR_WORD_BYTES, "%.*s", (int)(word->end - word->start),
             plain ? word->low : s->text + word->start);
    return true;
}

/* The right words as a text; @a is decided by what follows. */
static bool right_text(sentence_t s, const struct slip_match *match, const char *right,
                       char out[LOCAL_GRAMMAR_EDIT_BYTES])
{
    char token[LOCAL_GRAMMAR_WORD_BYTES], word[LOCAL_GRAMMAR_WORD_BYTES];
    size_t used = 0;
    bool article = false;
    out[0] = '\0';
    while (*right != '\0') {
        size_t len = strcspn(right, " ");
        assert(len < sizeof token);
        memcpy(token, right, len);
        token[len] = '\0';
        right += len + (right[len] == ' ');
        if (strcmp(token, "@a") == 0) {
            article = true;
            continue;
        }
        if (!right_word(s, match, token, word))
            return false;
        if (word[0] == '\0')
            continue;
        const char *a = article ? english_article(word) : "";
        used += (size_t)snprintf(out + used, LOCAL_GRAMMAR_EDIT_BYTES - used, "%s%s%s%s",
                                 used > 0 ? " " : "", a, article ? " " : "", word);
        article = false;
        if (used >= LOCAL_GRAMMAR_EDIT_BYTES)
            return false;
    }
    return used > 0;
}

static void wrong_text(sentence_t s, const struct slip_match *match,
                       char out[LOCAL_GRAMMAR_EDIT_BYTES])
{
    size_t start = s->words[match->first].start, end = s->words[match->end - 1].end;
    size_t len =
        end - start < LOCAL_GRAMMAR_EDIT_BYTES ? end - start : LOCAL_GRAMMAR_EDIT_BYTES - 1;
    memcpy(out, s->text + start, len);
    out[len] = '\0';
    if (match->first == 0 && strncmp(out, "I ", 2) != 0)
        out[0] = (char)tolower((unsigned char)out[0]);
}

static void phrase_try(const struct slip_look *look, const struct phrase *phrase, size_t word,
                       struct slip_list *out)
{
    struct slip_match match;
    char right[LOCAL_GRAMMAR_EDIT_BYTES], wrong[LOCAL_GRAMMAR_EDIT_BYTES];
    sentence_t s = look->sentence;
    if (!slip_pattern_match(look, phrase->pattern, word, &match) || match.first >= match.end ||
        !right_text(s, &match, phrase->right, right))
        return;
    wrong_text(s, &match, wrong);
    if (strcmp(right, wrong) == 0)
        return;
    slip_message(slip_add(out, s, match.first, match.end - match.first, right), phrase->kind,
                 phrase->message, right, wrong);
}

static void spelling_try(sentence_t s, size_t word, struct slip_list *out)
{
    for (size_t k = 0; k < LEN(spellings); k++) {
        if (slip_word_is(s, word, spellings[k][0]))
            slip_message(slip_add(out, s, word, 1, spellings[k][1]), SLIP_SPELLING, SPELLED,
                         spellings[k][1]);
    }
}

void slip_phrases(const struct slip_sentence *sentence, struct slip_list *out)
{
    struct slip_look look;
    slip_look(&look, sentence);
    for (size_t i = 0; i < sentence->len; i++)
        spelling_try(sentence, i, out);
    for (size_t k = 0; k < LEN(phrases); k++) {
        for (size_t i = 0; i < sentence->len; i++)
            phrase_try(&look, &phrases[k], i, out);
    }
}
