#include "local/english.h"
#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define LEN(array) (sizeof(array) / sizeof((array)[0]))

struct class_words {
    unsigned class;
    const char *words; /* each between spaces */
};

static const struct class_words classes[] = {
    {WORD_ARTICLE | WORD_DETERMINER, " a an the "},
    {WORD_DETERMINER, " my your his her its our their this that these those some any no every each "
                      "another either neither much many few several both all more most enough "
                      "such what which whose "},
    {WORD_PRONOUN, " i you he she it we they who there everybody everyone somebody someone nobody "
                   "something nothing everything "},
    {WORD_OBJECT, " me you him her it us them myself himself herself themselves "},
    {WORD_MODAL, " can could may might must shall should will would can't couldn't mustn't "
                 "shouldn't won't wouldn't cannot needn't mightn't "},
    {WORD_DO, " do does did don't doesn't didn't "},
    {WORD_HAVE, " have has had haven't hasn't hadn't "},
    {WORD_BE, " am is are was were be been being isn't aren't wasn't weren't "},
    {WORD_PREPOSITION, " in on at to of for with from about by into over under after before since "
                       "during until without between through than as near behind "},
    {WORD_ASKING, " who what where when why how which whose whom "},
    {WORD_JOINING, " and or but because if so that when while although though then unless "},
    {WORD_NUMBER, " two three four five six seven eight nine ten eleven twelve fifteen twenty "
                  "thirty forty fifty hundred "},
    {WORD_OTHER, " yes no not very too also just only here there now never always often sometimes "
                 "really already yet still again today tomorrow yesterday tonight ago please okay "
                 "ok well oh um uh hello hi thanks thank one quite let let's gonna wanna "
                 "maybe perhaps soon later once twice everywhere home "},
};

static bool listed(const char *list, const char *word)
{
    size_t len = strlen(word);
    if (len == 0)
        return false;
    for (const char *at = list; (at = strstr(at, word)) != NULL; at++) {
        if (at > list && at[-1] == ' ' && at[len] == ' ')
            return true;
    }
    return false;
}

unsigned english_class(const char *word)
{
    unsigned class = 0;
    if (isdigit((unsigned char)word[0]))
        return strcmp(word, "1") != 0 ? WORD_NUMBER : WORD_OTHER;
    for (size_t i = 0; i < LEN(classes); i++) {
        if (listed(classes[i].words, word))
            class |= classes[i].class;
    }
    /* it's, I'm, they've: a subject with its verb. */
    if (class == 0 && strchr(word, '\'') != NULL)
        class = WORD_OTHER;
    return class;
}

bool english_aux(const char *word)
{
    return (english_class(word) & (WORD_MODAL | WORD_DO | WORD_HAVE | WORD_BE)) != 0;
}

bool english_aux_past(const char *word)
{
    return listed(
        " did didn't was wasn't were weren't had hadn't could couldn't would wouldn't should "
        "shouldn't might used ",
        word);
}

/* base, past, participle */
static const char *const irregular[][3] = {
    {"be", "was", "been"},
    {"become", "became", "become"},
    {"begin", "began", "begun"},
    {"break", "broke", "broken"},
    {"bring", "brought", "brought"},
    {"build", "built", "built"},
    {"buy", "bought", "bought"},
    {"catch", "caught", "caught"},
    {"choose", "chose", "chosen"},
    {"come", "came", "come"},
    {"cost", "cost", "cost"},
    {"cut", "cut", "cut"},
    {"do", "did", "done"},
    {"draw", "drew", "drawn"},
    {"drink", "drank", "drunk"},
    {"drive", "drove", "driven"},
    {"eat", "ate", "eaten"},
    {"fall", "fell", "fallen"},
    {"feel", "felt", "felt"},
    {"fight", "fought", "fought"},
    {"find", "found", "found"},
    {"fly", "flew", "flown"},
    {"forget", "forgot", "forgotten"},
    {"get", "got", "got"},
    {"give", "gave", "given"},
    {"go", "went", "gone"},
    {"grow", "grew", "grown"},
    {"have", "had", "had"},
    {"hear", "heard", "heard"},
    {"hit", "hit", "hit"},
    {"hold", "held", "held"},
    {"hurt", "hurt", "hurt"},
    {"keep", "kept", "kept"},
    {"know", "knew", "known"},
    {"leave", "left", "left"},
    {"lend", "lent", "lent"},
    {"let", "let", "let"},
    {"lose", "lost", "lost"},
    {"make", "made", "made"},
    {"mean", "meant", "meant"},
    {"meet", "met", "met"},
    {"pay", "paid", "paid"},
    {"put", "put", "put"},
    {"read", "read", "read"},
    {"ride", "rode", "ridden"},
    {"ring", "rang", "rung"},
    {"rise", "rose", "risen"},
    {"run", "ran", "run"},
    {"say", "said", "said"},
    {"see", "saw", "seen"},
    {"sell", "sold", "sold"},
    {"send", "sent", "sent"},
    {"show", "showed", "shown"},
    {"shut", "shut", "shut"},
    {"sing", "sang", "sung"},
    {"sit", "sat", "sat"},
    {"sleep", "slept", "slept"},
    {"speak", "spoke", "spoken"},
    {"spend", "spent", "spent"},
    {"stand", "stood", "stood"},
    {"steal", "stole", "stolen"},
    {"swim", "swam", "swum"},
    {"take", "took", "taken"},
    {"teach", "taught", "taught"},
    {"tell", "told", "told"},
    {"think", "thought", "thought"},
    {"throw", "threw", "thrown"},
    {"understand", "understood", "understood"},
    {"wake", "woke", "woken"},
    {"wear", "wore", "worn"},
    {"win", "won", "won"},
    {"write", "wrote", "written"},
};

/* singular, plural */
static const char *const plurals[][2] = {
    {"child", "children"}, {"man", "men"},       {"woman", "women"}, {"person", "people"},
    {"foot", "feet"},      {"tooth", "teeth"},   {"mouse", "mice"},  {"wife", "wives"},
    {"knife", "knives"},   {"shelf", "shelves"}, {"half", "halves"}, {"wolf", "wolves"},
};

static void put(char *out, const char *word, size_t len, const char *ending)
{
    snprintf(out, LOCAL_GRAMMAR_WORD_BYTES, "%.*s%s", (int)len, word, ending);
}

static bool vowel(char c)
{
    return c != '\0' && strchr("aeiou", c) != NULL;
}

static bool ends(const char *word, size_t len, const char *ending)
{
    size_t n = strlen(ending);
    return len > n && memcmp(word + len - n, ending, n) == 0;
}

static const char *const *irregular_find(const char *word)
{
    for (size_t i = 0; i < LEN(irregular); i++) {
        for (size_t form = 0; form < 3; form++) {
            if (strcmp(irregular[i][form], word) == 0)
                return irregular[i];
        }
    }
    return NULL;
}

/* One consonant after one vowel, in a short word: stop → stopped. */
static bool doubles(const char *base, size_t len)
{
    static const char more[] = " prefer permit admit commit occur refer control ";
    if (len < 3 || vowel(base[len - 1]) || strchr("wxyh", base[len - 1]) != NULL ||
        !vowel(base[len - 2]) || vowel(base[len - 3]))
        return false;
    return len <= 4 || listed(more, base);
}

static bool add_s(const char *word, char *out)
{
    size_t len = strlen(word);
    if (ends(word, len, "y") && !vowel(word[len - 2]))
        put(out, word, len - 1, "ies");
    else if (ends(word, len, "s") || ends(word, len, "x") || ends(word, len, "z") ||
             ends(word, len, "ch") || ends(word, len, "sh") || strcmp(word, "go") == 0 ||
             strcmp(word, "do") == 0 || strcmp(word, "potato") == 0 || strcmp(word, "tomato") == 0)
        put(out, word, len, "es");
    else
        put(out, word, len, "s");
    return true;
}

static bool take_s(const char *word, char *out)
{
    size_t len = strlen(word);
    if (len < 3 || !ends(word, len, "s") || ends(word, len, "ss") || ends(word, len, "us") ||
        ends(word, len, "is"))
        return false;
    if (ends(word, len, "ies") && len > 4)
        put(out, word, len - 3, "y");
    else if (ends(word, len, "sses") || ends(word, len, "xes") || ends(word, len, "ches") ||
             ends(word, len, "shes") || strcmp(word, "goes") == 0 || strcmp(word, "does") == 0 ||
             ends(word, len, "toes"))
        put(out, word, len - 2, "");
    else
        put(out, word, len - 1, "");
    return true;
}

bool english_toggle_s(const char *word, char *out)
{
    size_t len = strlen(word);
    if (len < 2 || len + 4 > LOCAL_GRAMMAR_WORD_BYTES)
        return false;
    for (size_t i = 0; i < LEN(plurals); i++) {
        for (size_t form = 0; form < 2; form++) {
            if (strcmp(plurals[i][form], word) == 0) {
                put(out, plurals[i][1 - form], strlen(plurals[i][1 - form]), "");
                return true;
            }
        }
    }
    for (size_t i = 0; i < len; i++) {
        if (!islower((unsigned char)word[i]) && word[i] != '-')
            return false;
    }
    return take_s(word, out) || (!ends(word, len, "s") && add_s(word, out)) ||
           (ends(word, len, "ss") && add_s(word, out));
}

bool english_is_plural(const char *word)
{
    char singular[LOCAL_GRAMMAR_WORD_BYTES];
    for (size_t i = 0; i < LEN(plurals); i++) {
        if (strcmp(plurals[i][1], word) == 0)
            return true;
    }
    return take_s(word, singular);
}

bool english_verb_past(const char *base, char *out)
{
    const char *const *verb = irregular_find(base);
    size_t len = strlen(base);
    if (len < 2 || len + 4 > LOCAL_GRAMMAR_WORD_BYTES)
        return false;
    if (verb != NULL && strcmp(verb[0], base) == 0)
        put(out, verb[1], strlen(verb[1]), "");
    else if (ends(base, len, "e"))
        put(out, base, len, "d");
    else if (ends(base, len, "y") && !vowel(base[len - 2]))
        put(out, base, len - 1, "ied");
    else if (doubles(base, len))
        snprintf(out, LOCAL_GRAMMAR_WORD_BYTES, "%s%ced", base, base[len - 1]);
    else
        put(out, base, len, "ed");
    return true;
}

bool english_verb_participle(const char *base, char *out)
{
    const char *const *verb = irregular_find(base);
    if (verb != NULL) {
        put(out, verb[2], strlen(verb[2]), "");
        return true;
    }
    return english_verb_past(base, out);
}

bool english_verb_ing(const char *base, char *out)
{
    size_t len = strlen(base);
    if (len < 2 || len + 5 > LOCAL_GRAMMAR_WORD_BYTES)
        return false;
    if (ends(base, len, "ie"))
        put(out, base, len - 2, "ying");
    else if (ends(base, len, "e") && !ends(base, len, "ee") && strcmp(base, "be") != 0)
        put(out, base, len - 1, "ing");
    else if (doubles(base, len))
        snprintf(out, LOCAL_GRAMMAR_WORD_BYTES, "%s%cing", base, base[len - 1]);
    else
        put(out, base, len, "ing");
    return true;
}

/* No word ends so: "arriv", "argu", "danc". */
static bool cut_short(const char *stem)
{
    size_t len = strlen(stem);
    return strchr("vuc", stem[len - 1]) != NULL;
}

/* A base whose form made by `make` is `word`, among the stems its ending leaves: tri-ed is of try,
 * stopp-ed of stop, call-ed of call, lik-ed of like. */
static bool stem_of(const char *word, size_t cut, bool (*make)(const char *, char *), char *out)
{
    char stem[LOCAL_GRAMMAR_WORD_BYTES], made[LOCAL_GRAMMAR_WORD_BYTES];
    size_t len = strlen(word) - cut;
    if (len < 2)
        return false;
    bool twice =
        len > 3 && word[len - 1] == word[len - 2] && strchr("bdgmnprt", word[len - 1]) != NULL;
    bool was_y = len > 2 && word[len - 1] == 'i';
    const struct {
        size_t len;
        const char *ending;
        bool likely;
    } stems[] = {{len - 1, "y", was_y}, {len - 1, "", twice}, {len, "", true}, {len, "e", true}};
    for (unsigned known = 2; known-- > 0;) {
        for (size_t i = 0; i < LEN(stems); i++) {
            put(stem, word, stems[i].len, stems[i].ending);
            bool like = known ? english_is_verb(stem) : stems[i].likely && !cut_short(stem);
            if (like && make(stem, made) && strcmp(made, word) == 0) {
                memcpy(out, stem, strlen(stem) + 1);
                return true;
            }
        }
    }
    return false;
}

bool english_verb_base(const char *word, char *out)
{
    size_t len = strlen(word);
    const char *const *verb = irregular_find(word);
    if (len < 2 || len + 4 > LOCAL_GRAMMAR_WORD_BYTES)
        return false;
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)word[i] >= 0x80)
            return false;
    }
    if (verb != NULL) {
        put(out, verb[0], strlen(verb[0]), "");
        return true;
    }
    if (ends(word, len, "ed") && stem_of(word, 2, english_verb_past, out))
        return true;
    if (ends(word, len, "ing") && stem_of(word, 3, english_verb_ing, out))
        return true;
    if (strcmp(word, "has") == 0) {
        put(out, "have", 4, "");
        return true;
    }
    if (take_s(word, out))
        return true;
    put(out, word, len, "");
    return true;
}

bool english_verb_irregular(const char *word, char *out)
{
    char third[LOCAL_GRAMMAR_WORD_BYTES];
    for (size_t i = 0; i < LEN(irregular); i++) {
        const char *base = irregular[i][0];
        add_s(base, third);
        bool past = strcmp(irregular[i][1], word) == 0 && strcmp(base, word) != 0 &&
                    strcmp(base, "be") != 0 && strcmp(base, "have") != 0;
        if (past || strcmp(third, word) == 0) {
            put(out, base, strlen(base), "");
            return true;
        }
    }
    return false;
}

bool english_verb_is_past(const char *word)
{
    static const char same[] = " cost cut hit hurt let put read shut ";
    const char *const *verb = irregular_find(word);
    size_t len = strlen(word);
    if (strcmp(word, "were") == 0)
        return true;
    if (verb != NULL)
        return strcmp(verb[1], word) == 0 && !listed(same, word);
    return len > 4 && ends(word, len, "ed") && !ends(word, len, "eed");
}

bool english_regularised(const char *word, char *out, bool *noun)
{
    static const char *const doubled[] = {"mens", "childrens", "womens", "peoples"};
    static const char right[] = " bed seed wined singed ringed payed leaved ";
    char made[LOCAL_GRAMMAR_WORD_BYTES];
    if (listed(right, word))
        return false;
    for (size_t i = 0; i < LEN(plurals); i++) {
        add_s(plurals[i][0], made);
        if (strcmp(made, word) == 0 && strcmp(plurals[i][0], "person") != 0 &&
            strcmp(plurals[i][0], "foot") != 0) {
            put(out, plurals[i][1], strlen(plurals[i][1]), "");
            *noun = true;
            return true;
        }
    }
    for (size_t i = 0; i < 3; i++) {
        if (strcmp(doubled[i], word) == 0) {
            put(out, word, strlen(word) - 1, "");
            *noun = true;
            return true;
        }
    }
    for (size_t i = 0; i < LEN(irregular); i++) {
        const char *base = irregular[i][0];
        size_t len = strlen(base);
        if (strcmp(irregular[i][1], base) == 0 ||
            ends(irregular[i][1], strlen(irregular[i][1]), "ed"))
            continue;
        if (ends(base, len, "e"))
            put(made, base, len, "d");
        else if (doubles(base, len))
            snprintf(made, sizeof made, "%s%ced", base, base[len - 1]);
        else
            put(made, base, len, "ed");
        bool plain = strncmp(word, base, len) == 0 && strcmp(word + len, "ed") == 0;
        if ((strcmp(made, word) == 0 || plain) && strcmp(base, "show") != 0) {
            put(out, irregular[i][1], strlen(irregular[i][1]), "");
            *noun = false;
            return true;
        }
    }
    return false;
}

const char *english_article(const char *word)
{
    static const char *const vowel_sound[] = {"hour", "honest", "honor", "honour", "heir"};
    static const char *const consonant_sound[] = {"uni", "use",  "user", "usual", "usu",  "eu",
                                                  "one", "once", "uk",   "ufo",   "uten", "ubiq"};
    static const char *const un_words[] = {"unim", "unin", "unid"};
    for (size_t i = 0; i < LEN(vowel_sound); i++) {
        if (strncmp(word, vowel_sound[i], strlen(vowel_sound[i])) == 0)
            return "an";
    }
    for (size_t i = 0; i < LEN(un_words); i++) {
        if (strncmp(word, un_words[i], 4) == 0)
            return "an";
    }
    for (size_t i = 0; i < LEN(consonant_sound); i++) {
        if (strncmp(word, consonant_sound[i], strlen(consonant_sound[i])) == 0)
            return "a";
    }
    if (word[0] == '8' || strcmp(word, "11") == 0 || strcmp(word, "18") == 0)
        return "an";
    return vowel(word[0]) ? "an" : "a";
}

bool english_comparative(const char *word, char *out)
{
    static const char *const adjectives[][2] = {
        {"tall", "taller"},     {"short", "shorter"},   {"big", "bigger"},
        {"small", "smaller"},   {"old", "older"},       {"young", "younger"},
        {"fast", "faster"},     {"slow", "slower"},     {"cheap", "cheaper"},
        {"good", "better"},     {"bad", "worse"},       {"easy", "easier"},
        {"hard", "harder"},     {"happy", "happier"},   {"hot", "hotter"},
        {"cold", "colder"},     {"warm", "warmer"},     {"long", "longer"},
        {"high", "higher"},     {"low", "lower"},       {"strong", "stronger"},
        {"rich", "richer"},     {"nice", "nicer"},      {"early", "earlier"},
        {"near", "nearer"},     {"large", "larger"},    {"heavy", "heavier"},
        {"new", "newer"},       {"pretty", "prettier"}, {"funny", "funnier"},
        {"better", "better"},   {"bigger", "bigger"},   {"taller", "taller"},
        {"older", "older"},     {"cheaper", "cheaper"}, {"easier", "easier"},
        {"faster", "faster"},   {"worse", "worse"},     {"smaller", "smaller"},
        {"younger", "younger"},
    };
    for (size_t i = 0; i < LEN(adjectives); i++) {
        if (strcmp(adjectives[i][0], word) == 0) {
            put(out, adjectives[i][1], strlen(adjectives[i][1]), "");
            return true;
        }
    }
    return false;
}
