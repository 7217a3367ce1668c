/* Slips that show without a parse, or that a parser takes for right. Each rule is narrow: what it
 * finds is wrong in any sentence a learner is likely to say. */
#include "local/english.h"
#include "local/slip.h"
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define LEN(array) (sizeof(array) / sizeof((array)[0]))

typedef const struct slip_sentence *sentence_t;

static void rule_article_sound(sentence_t s, size_t i, struct slip_list *out)
{
    if (!slip_word_in(s, i, " a an ") || i + 1 >= s->len || s->words[i].mark != 0)
        return;
    const struct slip_word *next = &s->words[i + 1];
    const char *right = english_article(next->low);
    bool open = english_class(next->low) == 0 ||
                slip_word_in(s, i + 1, " only hour already eight eleven eighteen quite really ");
    bool letters = next->end - next->start < 2 || isupper((unsigned char)s->text[next->start + 1]);
    if (strcmp(s->words[i].low, right) == 0 || !open || letters || next->low[0] == '\'' ||
        (unsigned char)next->low[0] >= 0x80)
        return;
    slip_message(slip_add(out, s, i, 1, right), SLIP_ARTICLE,
                 right[1] == 'n' ? "Use '%s' before '%s': it begins with a vowel sound."
                                 : "Use '%s' before '%s': it begins with a consonant sound.",
                 right, next->low);
}

static void rule_regularised(sentence_t s, size_t i, struct slip_list *out)
{
    char right[LOCAL_GRAMMAR_WORD_BYTES];
    bool noun;
    if (!english_regularised(s->words[i].low, right, &noun))
        return;
    if (noun)
        slip_message(slip_add(out, s, i, 1, right), SLIP_NUMBER,
                     "The plural is '%1$s', not '%2$s'.", right, s->words[i].low);
    else
        slip_message(slip_add(out, s, i, 1, right), SLIP_TENSE,
                     "The past form is '%1$s', not '%2$s'.", right, s->words[i].low);
}

static void rule_comparative(sentence_t s, size_t i, struct slip_list *out)
{
    char right[LOCAL_GRAMMAR_WORD_BYTES];
    if (!slip_word_is(s, i, "more") || i + 1 >= s->len ||
        !english_comparative(s->words[i + 1].low, right))
        return;
    if (i + 2 == s->len || slip_word_is(s, i + 2, "than"))
        slip_message(slip_add(out, s, i, 2, right), SLIP_OTHER,
                     "Short adjectives take -er: '%s', not 'more %s'.", right, s->words[i + 1].low);
}

static void rule_modal_to(sentence_t s, size_t i, struct slip_list *out)
{
    if (i == 0 || i + 2 >= s->len || !slip_word_is(s, i + 1, "to") ||
        !slip_word_in(s, i,
                      " can could must should would may might can't couldn't mustn't shouldn't ") ||
        (english_class(s->words[i - 1].low) & WORD_PRONOUN) == 0 || slip_word_is(s, i - 1, "there"))
        return;
    slip_message(slip_add(out, s, i, 2, s->words[i].low), SLIP_OTHER,
                 "After '%s' there is no 'to': '%s %s'.", s->words[i].low, s->words[i].low,
                 s->words[i + 2].low);
}

/* "I am agree": agree is a verb of its own. */
static void rule_agree(sentence_t s, size_t i, struct slip_list *out)
{
    if (i == 0 || !slip_word_in(s, i, " am is are was were ") ||
        !(slip_word_in(s, i + 1, " agree disagree ") ||
          (slip_word_is(s, i + 1, "not") && slip_word_is(s, i + 2, "agree"))))
        return;
    char right[LOCAL_GRAMMAR_WORD_BYTES];
    bool past = slip_word_in(s, i, " was were ");
    if (slip_word_is(s, i + 1, "not") && !past) {
        snprintf(right, sizeof right, "%s %s", slip_word_is(s, i, "is") ? "doesn't" : "don't",
                 s->words[i + 2].low);
        slip_message(slip_add(out, s, i, 3, right), SLIP_OTHER,
                     "'%s' is a verb of its own: say '%s'.", s->words[i + 2].low, right);
        return;
    }
    snprintf(right, sizeof right, "%s%s", s->words[i + 1].low,
             past                       ? "d"
             : slip_word_is(s, i, "is") ? "s"
                                        : "");
    slip_message(slip_add(out, s, i, 2, right), SLIP_OTHER,
                 "'%s' is a verb of its own: say '%s', without '%s'.", s->words[i + 1].low, right,
                 s->words[i].low);
}

struct preposition {
    const char *before, *wrong, *after; /* words between spaces; after "": any */
    const char *right;                  /* "": none is needed */
};

static const struct preposition prepositions[] = {
    {" depend depends depended depending ", " of from ", "", "on"},
    {" listen listens listened listening ", " at ", "", "to"},
    {" arrive arrives arrived arriving ", " to ",
     " the my a an our your his her this that school work ", "at"},
    {" married ", " with ", " him her me you my a an the someone ", "to"},
    {" interested ", " on at for about ", "", "in"},
    {" good bad better terrible great ", " in ",
     " math maths english spanish french sports football tennis chess cooking swimming singing "
     "drawing "
     "dancing science history ",
     "at"},
    {" different ", " of ", "", "from"},
    {" afraid scared ", " from ", "", "of"},
    {" discuss discussed discussing ", " about ", "", ""},
    {" enter entered ", " to ", " the a my our this that ", ""},
    {" go goes went come comes came going coming get gets got ", " to ",
     " here there downtown upstairs downstairs ", ""},
    {"", " in at ", " monday tuesday wednesday thursday friday saturday sunday ", "on"},
    {" think thinks thinking thought ", " in ", " you me him her them us ", "about"},
    {" consists consist consisted ", " on ", "", "of"},
    {" proud ", " for from ", " you him her me my them us ", "of"},
};

static void rule_preposition(sentence_t s, size_t i, struct slip_list *out)
{
    for (size_t k = 0; k < LEN(prepositions); k++) {
        const struct preposition *p = &prepositions[k];
        bool before = p->before[0] == '\0' ||
                      (i > 0 && slip_word_in(s, i - 1, p->before) && s->words[i - 1].mark == 0);
        if (!before || !slip_word_in(s, i, p->wrong) || slip_word_is(s, i, p->right) ||
            (p->after[0] != '\0' && !slip_word_in(s, i + 1, p->after)) || i + 1 >= s->len)
            continue;
        const char *lead = i > 0 ? s->words[i - 1].low : "";
        if (p->before[0] == '\0')
            slip_message(slip_add(out, s, i, 1, p->right), SLIP_PREPOSITION,
                         "With days of the week use '%s'.", p->right);
        else if (p->right[0] != '\0')
            slip_message(slip_add(out, s, i, 1, p->right), SLIP_PREPOSITION,
                         "Say '%s %s', not '%s %s'.", lead, p->right, lead, s->words[i].low);
        else
            slip_message(slip_add(out, s, i - 1, 2, lead), SLIP_PREPOSITION,
                         "'%s' needs no '%s' here.", lead, s->words[i].low);
        return;
    }
}

static void rule_go_home(sentence_t s, size_t i, struct slip_list *out)
{
    if (slip_word_in(s, i, " go goes went going come comes came coming gone return returned ") &&
        slip_word_is(s, i + 1, "to") && slip_word_is(s, i + 2, "home") &&
        (i + 3 == s->len || s->words[i + 2].mark != 0 || english_class(s->words[i + 3].low) != 0))
        slip_message(slip_add(out, s, i, 2, s->words[i].low), SLIP_PREPOSITION,
                     "Say '%s home', without 'to'.", s->words[i].low);
}

/* "since three years": since takes a point in time. */
static void rule_since(sentence_t s, size_t i, struct slip_list *out)
{
    if (!slip_word_is(s, i, "since") || i + 2 >= s->len)
        return;
    size_t unit = i + 2;
    bool count = (english_class(s->words[i + 1].low) & WORD_NUMBER) != 0 ||
                 slip_word_in(s, i + 1, " many several a one ");
    if (slip_word_is(s, i + 1, "a") && slip_word_in(s, i + 2, " few couple long "))
        unit += slip_word_is(s, i + 2, "couple") ? 2 : 1;
    if (count &&
        slip_word_in(s, unit,
                     " years year months month weeks week days day hours hour minutes time ") &&
        !slip_word_is(s, unit + 1, "ago"))
        slip_message(slip_add(out, s, i, 1, "for"), SLIP_PREPOSITION,
                     "Use 'for' with a length of time, 'since' with a point in time.");
}

static const char uncountable[] =
    " information advice homework furniture luggage equipment knowledge traffic ";

static void rule_uncountable(sentence_t s, size_t i, struct slip_list *out)
{
    char one[LOCAL_GRAMMAR_WORD_BYTES];
    static const char plural[] =
        " informations advices homeworks furnitures luggages equipments knowledges moneys ";
    if (slip_word_in(s, i, plural)) {
        snprintf(one, sizeof one, "%.*s", (int)strlen(s->words[i].low) - 1, s->words[i].low);
        size_t first = i;
        char text[LOCAL_GRAMMAR_EDIT_BYTES];
        snprintf(text, sizeof text, "%s", one);
        if (i > 0 && slip_word_in(s, i - 1, " a an ")) {
            first = i - 1;
            snprintf(text, sizeof text, "some %s", one);
        } else if (i > 0 && slip_word_in(s, i - 1, " many these those ")) {
            first = i - 1;
            const char *before = slip_word_is(s, i - 1, "many")    ? "much"
                                 : slip_word_is(s, i - 1, "these") ? "this"
                                                                   : "that";
            snprintf(text, sizeof text, "%s %s", before, one);
        }
        slip_message(slip_add(out, s, first, i - first + 1, text), SLIP_NUMBER,
                     "'%s' cannot be counted: it has no plural.", one);
    } else if (slip_word_in(s, i, " a an ") && slip_word_in(s, i + 1, uncountable) &&
               (i + 2 == s->len || s->words[i + 1].mark != 0 ||
                (english_class(s->words[i + 2].low) & ~(unsigned)WORD_OTHER) != 0)) {
        slip_message(slip_add(out, s, i, 1, "some"), SLIP_ARTICLE,
                     "'%s' cannot be counted: no 'a' before it.", s->words[i + 1].low);
    }
}

/* "doesn't has", "didn't went", "does he likes": the auxiliary carries the form already. */
static void rule_after_do(sentence_t s, size_t i, struct slip_list *out)
{
    char base[LOCAL_GRAMMAR_WORD_BYTES];
    if ((english_class(s->words[i].low) & WORD_DO) == 0 || s->words[i].mark != 0)
        return;
    size_t verb = i + 1;
    bool no = strstr(s->words[i].low, "n't") != NULL;
    if (!no && slip_word_in(s, verb, " i you he she it we they "))
        verb++;
    else if (!no)
        return;
    if (verb >= s->len || !english_verb_base(s->words[verb].low, base) ||
        strcmp(base, s->words[verb].low) == 0)
        return;
    bool past = english_verb_is_past(s->words[verb].low) && strcmp(base, "be") != 0;
    if (slip_word_is(s, verb, "has") || past)
        slip_message(slip_add(out, s, verb, 1, base), SLIP_TENSE,
                     "After '%s' use the base form '%s', not '%s'.", s->words[i].low, base,
                     s->words[verb].low);
}

/* "I can't finds": only for verbs whose forms are known, for a noun may follow a can. */
static void rule_after_modal(sentence_t s, size_t i, struct slip_list *out)
{
    char base[LOCAL_GRAMMAR_WORD_BYTES];
    if (i == 0 || (english_class(s->words[i].low) & WORD_MODAL) == 0 || i + 1 >= s->len ||
        (english_class(s->words[i - 1].low) & WORD_PRONOUN) == 0 ||
        !english_verb_irregular(s->words[i + 1].low, base))
        return;
    slip_message(slip_add(out, s, i + 1, 1, base), SLIP_TENSE,
                 "After '%s' use the base form '%s', not '%s'.", s->words[i].low, base,
                 s->words[i + 1].low);
}

/* "I am go": a parser takes go for what systems are. */
static void rule_be_base(sentence_t s, size_t i, struct slip_list *out)
{
    char form[LOCAL_GRAMMAR_WORD_BYTES];
    if (i == 0 || !slip_word_in(s, i, " am is are was were ") ||
        !slip_word_in(s, i - 1, " i you he she it we they ") ||
        !slip_word_in(s, i + 1,
                      " go come eat drink live play study learn speak walk sleep make take buy "
                      "wait think listen cook ") ||
        !english_verb_ing(s->words[i + 1].low, form))
        return;
    slip_message(slip_add(out, s, i + 1, 1, form), SLIP_TENSE,
                 "After '%s' use the -ing form '%s', not '%s'.", s->words[i].low, form,
                 s->words[i + 1].low);
}

static void rule_listen(sentence_t s, size_t i, struct slip_list *out)
{
    char text[LOCAL_GRAMMAR_EDIT_BYTES];
    if (!slip_word_in(s, i, " listen listens listened listening ") ||
        !slip_word_in(s, i + 1, " music songs radio podcasts me him her us them "))
        return;
    snprintf(text, sizeof text, "%s to", s->words[i].low);
    slip_message(slip_add(out, s, i, 1, text), SLIP_PREPOSITION, "Say '%s %s'.", text,
                 s->words[i + 1].low);
}

static void rule_weather(sentence_t s, size_t i, struct slip_list *out)
{
    char text[LOCAL_GRAMMAR_EDIT_BYTES];
    if (i != 0 || s->end == '?' || !slip_word_in(s, 0, " is was ") ||
        !slip_word_in(s, 1, " raining snowing "))
        return;
    snprintf(text, sizeof text, "it %s", s->words[0].low);
    slip_message(slip_add(out, s, 0, 1, text), SLIP_OTHER, "The subject is missing: '%1$s'.", text);
}

static void rule_much(sentence_t s, size_t i, struct slip_list *out)
{
    if (slip_word_is(s, i, "much") && i + 1 < s->len && s->words[i].mark == 0 &&
        english_class(s->words[i + 1].low) == 0 && english_is_plural(s->words[i + 1].low) &&
        !slip_word_in(s, i + 1,
                      " news thanks physics mathematics politics economics always perhaps less "))
        slip_message(slip_add(out, s, i, 1, "many"), SLIP_NUMBER,
                     "Use 'many' with what can be counted: '%s'.", s->words[i + 1].low);
}

/* "I am student". Only callings, which a parser may take for names of stuff. */
static void rule_calling(sentence_t s, size_t i, struct slip_list *out)
{
    static const char callings[] =
        " teacher doctor student engineer nurse lawyer driver waiter waitress actor actress "
        "dentist farmer singer writer programmer policeman secretary mechanic pilot ";
    char text[LOCAL_GRAMMAR_EDIT_BYTES];
    if (!slip_word_in(s, i, callings) || i == 0 ||
        !slip_word_in(s, i - 1, " am is was i'm he's she's you're ") ||
        (i + 1 < s->len && s->words[i].mark == 0 && english_class(s->words[i + 1].low) == 0))
        return;
    const char *article = english_article(s->words[i].low);
    snprintf(text, sizeof text, "%s %s", article, s->words[i].low);
    slip_message(slip_add(out, s, i, 1, text), SLIP_ARTICLE, "A calling needs an article: '%1$s'.",
                 text);
}

/* "why she is crying", said as a whole: a parser takes it for a part of something. */
static void rule_asking_order(sentence_t s, size_t i, struct slip_list *out)
{
    char text[LOCAL_GRAMMAR_EDIT_BYTES];
    if (i != 0 || !slip_word_in(s, 0, " why where what ") ||
        !slip_word_in(s, 1, " i you he she it we they ") ||
        !slip_word_in(s, 2, " am is are was were ") || s->len < 4)
        return;
    size_t len = strlen(s->words[3].low);
    for (size_t k = 3; k < s->len; k++) {
        if (english_aux(s->words[k].low))
            return;
    }
    if (len < 5 || strcmp(s->words[3].low + len - 3, "ing") != 0)
        return;
    snprintf(text, sizeof text, "%s %s", s->words[2].low,
             strcmp(s->words[1].low, "i") == 0 ? "I" : s->words[1].low);
    slip_message(slip_add(out, s, 1, 2, text), SLIP_WORD_ORDER,
                 "In a question '%s' comes before '%s'.", s->words[2].low, s->words[1].low);
}

static void plural_add(sentence_t s, size_t noun, struct slip_list *out)
{
    char plural[LOCAL_GRAMMAR_WORD_BYTES];
    const char *low = s->words[noun].low;
    if (english_class(low) == 0 && !english_is_plural(low) && english_toggle_s(low, plural) &&
        strcmp(low, "people") != 0)
        slip_message(slip_add(out, s, noun, 1, plural), SLIP_NUMBER,
                     "Use the plural '%1$s', not '%2$s'.", plural, low);
}

/* "one of my friend", "how many brother do you": a parser lets both pass. */
static void rule_plural(sentence_t s, size_t i, struct slip_list *out)
{
    if (slip_word_is(s, i, "one") && slip_word_is(s, i + 1, "of") &&
        slip_word_in(s, i + 2, " my your his her our their the these those ") && i + 3 < s->len &&
        (i + 4 == s->len || english_class(s->words[i + 4].low) != 0) &&
        !slip_word_in(s, i + 3,
                      " family team class group staff crew children people men women best "))
        plural_add(s, i + 3, out);
    /* "I have two brother": number and noun as one name, to the parser. */
    if (i > 0 && slip_word_in(s, i - 1, " have has had are were ") &&
        slip_word_in(s, i, " two three four five six seven eight nine ten ") && i + 1 < s->len &&
        (i + 2 == s->len ||
         (english_class(s->words[i + 2].low) & (WORD_PREPOSITION | WORD_JOINING)) != 0) &&
        !slip_word_in(s, i + 1,
                      " hundred thousand million billion dozen percent fish sheep deer people each "
                      "left more o'clock today now tomorrow here there too people's aircraft "))
        plural_add(s, i + 1, out);
    if (slip_word_is(s, i, "how") && slip_word_is(s, i + 1, "many") && i + 3 < s->len &&
        slip_word_in(s, i + 3, " do does did are have has can "))
        plural_add(s, i + 2, out);
}

/* A word that something is done to follows it, or that stands somewhere: "bought", "in". */
static bool leads_noun(sentence_t s, size_t i)
{
    static const char linking[] =
        " be is are am was were been become becomes became by like next "
        "change play start stop help "
        "like love hate prefer enjoy open close work walk talk stay call visit answer phone cook ";
    char base[LOCAL_GRAMMAR_WORD_BYTES];
    const char *low = s->words[i].low;
    if (slip_word_in(s, i, " in on at with for from near into have has had having "))
        return true;
    return s->words[i].mark == 0 && !slip_word_in(s, i, linking) && english_class(low) == 0 &&
           english_verb_base(low, base) && english_is_verb(base) && !english_is_plural(low);
}

/* "we watched film", "in small village": one of what is counted, and nothing says which. */
static void rule_bare_noun(sentence_t s, size_t i, struct slip_list *out)
{
    static const char the[] = " airport kitchen station cinema toilet door window city ";
    static const char fixed[] = " bed table hand school phone foot ";
    char text[LOCAL_GRAMMAR_EDIT_BYTES];
    size_t first = i;
    bool ends = i + 1 == s->len || s->words[i].mark != 0 ||
                ((english_class(s->words[i + 1].low) &
                  (WORD_PREPOSITION | WORD_JOINING | WORD_OTHER)) != 0 &&
                 !slip_word_in(s, i + 1, " to by after "));
    if (!english_is_counted(s->words[i].low) || !ends || slip_word_in(s, i, fixed) ||
        isupper((unsigned char)s->text[s->words[i].start]))
        return;
    while (first > 0 && english_is_adjective(s->words[first - 1].low) &&
           s->words[first - 1].mark == 0)
        first--;
    if (first == 0 || s->words[first - 1].mark != 0 || !leads_noun(s, first - 1))
        return;
    const char *article = slip_word_in(s, i, the) ? "the" : english_article(s->words[first].low);
    snprintf(text, sizeof text, "%s %s", article, s->words[first].low);
    slip_message(slip_add(out, s, first, 1, text), SLIP_ARTICLE,
                 "A singular noun needs an article: '%1$s'.", text);
}

static void rule_interesting(sentence_t s, size_t i, struct slip_list *out)
{
    if (i > 0 && slip_word_is(s, i, "interesting") && slip_word_is(s, i + 1, "in") &&
        (slip_word_in(s, i - 1, " am are i'm you're we're ") ||
         (slip_word_in(s, i - 1, " very really ") && i > 1 &&
          slip_word_in(s, i - 2, " am are i'm you're we're "))))
        slip_message(slip_add(out, s, i, 1, "interested"), SLIP_OTHER,
                     "You are 'interested', a thing is 'interesting'.");
}

struct agreement {
    const char *subject;
    const char *pairs[8][2]; /* wrong, right */
};

static const struct agreement agreements[] = {
    {" i ",
     {{"is", "am"},
      {"are", "am"},
      {"has", "have"},
      {"does", "do"},
      {"doesn't", "don't"},
      {"hasn't", "haven't"}}},
    {" he she it ",
     {{"are", "is"},
      {"am", "is"},
      {"have", "has"},
      {"do", "does"},
      {"don't", "doesn't"},
      {"haven't", "hasn't"},
      {"aren't", "isn't"}}},
    {" we they you ",
     {{"is", "are"},
      {"am", "are"},
      {"was", "were"},
      {"has", "have"},
      {"doesn't", "don't"},
      {"hasn't", "haven't"},
      {"isn't", "aren't"},
      {"wasn't", "weren't"}}},
};

static const char *agreement_find(sentence_t s, size_t subject, size_t verb)
{
    for (size_t k = 0; k < LEN(agreements); k++) {
        if (!slip_word_in(s, subject, agreements[k].subject))
            continue;
        for (size_t p = 0; p < 8 && agreements[k].pairs[p][0] != NULL; p++) {
            if (slip_word_is(s, verb, agreements[k].pairs[p][0]))
                return agreements[k].pairs[p][1];
        }
    }
    return NULL;
}

/* A clause that a pronoun begins, or the question that turns it round. "He and I are" is none: the
 * word before tells. */
static void rule_pronoun_verb(sentence_t s, size_t i, struct slip_list *out)
{
    bool begins = i == 0 || slip_word_in(s, i - 1, " because but when while although then ") ||
                  s->words[i - 1].mark != 0;
    if (!begins || i + 1 >= s->len || s->words[i].mark != 0)
        return;
    const char *right = agreement_find(s, i, i + 1);
    size_t subject = i, verb = i + 1;
    if (right == NULL && i <= 1) {
        /* Do it, have it: not questions. */
        size_t at = i == 0 && (english_class(s->words[0].low) & WORD_ASKING) != 0 ? 1 : 0;
        bool order = at == 0 && slip_word_is(s, 1, "it") && !slip_word_in(s, 0, " are is was ");
        verb = at;
        subject = at + 1;
        if (i == 0 && subject + 1 < s->len && !order && s->words[at].mark == 0 &&
            (english_class(s->words[at].low) & (WORD_BE | WORD_DO | WORD_HAVE)) != 0)
            right = agreement_find(s, subject, verb);
        if (slip_word_is(s, verb, "has") && slip_word_is(s, subject, "you"))
            right = "have";
    }
    if (right != NULL)
        slip_message(slip_add(out, s, verb, 1, right), SLIP_AGREEMENT,
                     "With '%s' use '%s', not '%s'.",
                     strcmp(s->words[subject].low, "i") == 0 ? "I" : s->words[subject].low, right,
                     s->words[verb].low);
}

void slip_rules(const struct slip_sentence *sentence, struct slip_list *out)
{
    typedef void rule_fn(sentence_t s, size_t i, struct slip_list * out);
    static rule_fn *const rules[] = {
        rule_uncountable,   rule_pronoun_verb, rule_after_do,    rule_after_modal,
        rule_be_base,       rule_listen,       rule_calling,     rule_asking_order,
        rule_plural,        rule_bare_noun,    rule_interesting, rule_weather,
        rule_much,          rule_agree,        rule_modal_to,    rule_comparative,
        rule_go_home,       rule_preposition,  rule_since,       rule_regularised,
        rule_article_sound,
    };
    for (size_t k = 0; k < LEN(rules); k++) {
        for (size_t i = 0; i < sentence->len; i++)
            rules[k](sentence, i, out);
    }
}
