#include "local/slip_pattern.h"
#include "local/english.h"
#include <assert.h>
#include <string.h>

#define LEN(array) (sizeof(array) / sizeof((array)[0]))

typedef const struct slip_sentence *sentence_t;

/* A part of a pattern. */
struct slice {
    const char *at;
    size_t len;
};

static bool ends_with(const char *word, const char *ending)
{
    size_t len = strlen(word), n = strlen(ending);
    return len > n + 1 && strcmp(word + len - n, ending) == 0;
}

static bool is_open(const char *low)
{
    return english_class(low) == 0 && strchr(low, '\'') == NULL;
}

static bool is_ing(const char *low)
{
    return is_open(low) && ends_with(low, "ing");
}

static bool is_third(const char *low)
{
    char base[LOCAL_GRAMMAR_WORD_BYTES];
    return english_class(low) == 0 && ends_with(low, "s") && english_verb_base(low, base) &&
           strcmp(base, low) != 0 && english_is_verb(base);
}

static bool is_plural(const char *low)
{
    return is_open(low) && english_is_plural(low);
}

static bool is_year(const char *low)
{
    return strlen(low) == 4 && strspn(low, "0123456789") == 4 && (low[0] == '1' || low[0] == '2');
}

/* A class is a bit by its place here. */
static const struct {
    const char *name;
    unsigned bits; /* of english_class(), or … */
    bool (*is)(const char *low);
} classes[] = {
    {"det", WORD_DETERMINER, NULL},
    {"pron", WORD_PRONOUN, NULL},
    {"obj", WORD_OBJECT, NULL},
    {"be", WORD_BE, NULL},
    {"do", WORD_DO, NULL},
    {"have", WORD_HAVE, NULL},
    {"modal", WORD_MODAL, NULL},
    {"prep", WORD_PREPOSITION, NULL},
    {"num", WORD_NUMBER, NULL},
    {"join", WORD_JOINING, NULL},
    {"ask", WORD_ASKING, NULL},
    {"open", 0, is_open},
    {"ing", 0, is_ing},
    {"past", 0, english_verb_is_past},
    {"third", 0, is_third},
    {"verb", 0, english_is_verb},
    {"adj", 0, english_is_adjective},
    {"plural", 0, is_plural},
    {"counted", 0, english_is_counted},
    {"year", 0, is_year},
};
_Static_assert(LEN(classes) < 32, "a bit each");

/* 0: there is no such class. */
static uint32_t class_bit(struct slice name)
{
    for (size_t i = 0; i < LEN(classes); i++) {
        if (strncmp(classes[i].name, name.at, name.len) == 0 && classes[i].name[name.len] == '\0')
            return UINT32_C(1) << i;
    }
    return 0;
}

void slip_look(struct slip_look *out, const struct slip_sentence *sentence)
{
    out->sentence = sentence;
    for (size_t i = 0; i < sentence->len; i++) {
        const char *low = sentence->words[i].low;
        unsigned bits = english_class(low);
        out->classes[i] = 0;
        for (size_t k = 0; k < LEN(classes); k++) {
            bool is = classes[k].is != NULL ? classes[k].is(low) : (bits & classes[k].bits) != 0;
            out->classes[i] |= is ? UINT32_C(1) << k : 0;
        }
    }
}

/* Cuts the first part off, up to `separator`. */
static struct slice cut(struct slice *rest, char separator)
{
    const char *end = memchr(rest->at, separator, rest->len);
    struct slice part = {rest->at, end != NULL ? (size_t)(end - rest->at) : rest->len};
    size_t used = part.len + (end != NULL);
    *rest = (struct slice){rest->at + used, rest->len - used};
    return part;
}

static bool is_word(const char *low, struct slice part)
{
    return low[0] == part.at[0] && strncmp(low, part.at, part.len) == 0 && low[part.len] == '\0';
}

static bool is_one_of(const struct slip_look *look, size_t word, struct slice token)
{
    while (token.len > 0) {
        struct slice part = cut(&token, '|');
        bool class = part.at[0] == '@';
        if (class ? (look->classes[word] & class_bit((struct slice){part.at + 1, part.len - 1})) !=
                        0
                  : is_word(look->sentence->words[word].low, part))
            return true;
    }
    return false;
}

bool slip_pattern_word(const char *low, const char *words)
{
    struct slice rest = {words, strlen(words)};
    while (rest.len > 0) {
        if (is_word(low, cut(&rest, '|')))
            return true;
    }
    return false;
}

static bool begins_clause(sentence_t s, size_t word)
{
    if (word == 1 && slip_word_in(s, 0, " today tomorrow yesterday now sometimes usually then "))
        return true;
    return word == 0 || s->words[word - 1].mark != 0 ||
           slip_word_in(s, word - 1, " and but or because so that if when while although then ");
}

static bool ends_clause(sentence_t s, size_t word)
{
    return word == s->len || (word > 0 && s->words[word - 1].mark != 0) ||
           slip_word_in(s, word, " and but or because so when while although please too ");
}

static bool token_is(struct slice token, const char *text)
{
    return strlen(text) == token.len && memcmp(token.at, text, token.len) == 0;
}

static bool is_place(struct slice token)
{
    return strchr("^$,", token.at[0]) != NULL || token_is(token, "??") || token_is(token, "!?");
}

static bool place_match(sentence_t s, struct slice token, size_t word)
{
    if (token.at[0] == '?' || token.at[0] == '!')
        return (s->end == '?') == (token.at[0] == '?');
    if (token.at[0] == '$')
        return ends_clause(s, word);
    if (token.at[0] == ',')
        return word > 0 && s->words[word - 1].mark != 0;
    return token.len > 1 ? word == 0 : begins_clause(s, word);
}

/* The token's word, if it is one for words; moves on. `inside`: there is a word for it. */
static bool token_match(const struct slip_look *look, struct slice token, bool inside, size_t *word,
                        size_t *found)
{
    bool not_one = token.at[0] == '!', optional = token.at[0] == '?';
    struct slice words = {token.at + (not_one || optional), token.len - (not_one || optional)};
    bool is = inside && is_one_of(look, *word, words);
    *found = SIZE_MAX;
    if (not_one || !is)
        return not_one ? !is : optional;
    *found = (*word)++;
    return true;
}

bool slip_pattern_match(const struct slip_look *look, const char *pattern, size_t word,
                        struct slip_match *out)
{
    sentence_t s = look->sentence;
    struct slice rest = {pattern, strlen(pattern)};
    size_t number = 0, begin = word;
    bool over = false; /* a mark was asked for */
    out->first = word;
    out->end = SIZE_MAX;
    while (rest.len > 0) {
        struct slice token = cut(&rest, ' ');
        bool apart = word > begin && s->words[word - 1].mark != 0 && !over;
        assert(token.len > 0 && number < SLIP_TOKENS_MAX);
        if (token_is(token, "<"))
            out->first = word;
        else if (token_is(token, ">"))
            out->end = word;
        else if (is_place(token) ? !place_match(s, token, word)
                                 : !token_match(look, token, word < s->len && !apart, &word,
                                                &out->at[++number]))
            return false;
        over = token.at[0] == ',' || (over && token.at[0] == '<');
    }
    out->end = out->end == SIZE_MAX ? word : out->end;
    return true;
}

static bool alternatives_known(struct slice token)
{
    while (token.len > 0) {
        struct slice part = cut(&token, '|');
        if (part.len == 0 || memchr("$^<>?!", part.at[0], 6) != NULL ||
            (part.at[0] == '@' && class_bit((struct slice){part.at + 1, part.len - 1}) == 0))
            return false;
    }
    return true;
}

size_t slip_pattern_tokens(const char *pattern)
{
    struct slice rest = {pattern, strlen(pattern)};
    size_t words = 0, opens = 0, closes = 0;
    while (rest.len > 0) {
        struct slice token = cut(&rest, ' ');
        if (token.len == 0)
            return 0;
        opens += token_is(token, "<");
        closes += token_is(token, ">");
        if (token_is(token, "<") || token_is(token, ">") || is_place(token))
            continue;
        size_t skip = token.at[0] == '!' || token.at[0] == '?';
        if (!alternatives_known((struct slice){token.at + skip, token.len - skip}))
            return 0;
        words++;
    }
    return opens == closes && opens <= 1 && words <= SLIP_TOKENS_MAX ? words : 0;
}
