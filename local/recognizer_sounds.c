#include "local/recognizer_sounds.h"

#include <ctype.h>
#include <string.h>

/* What follows (or comes before) a spelling for its rule to hold. */
enum place {
    ANYWHERE,
    FIRST, /* begins the word */
    LAST,  /* ends it */
    SOFT,  /* before e, i, y */
    OPEN,  /* a vowel before one consonant and the word's silent e */
    BEFORE_VOWEL
};

struct rule {
    const char *letters;
    enum place place;
    const char *phones; /* "" is silent */
};

/* The first that fits counts: longer spellings and narrower places stand above. */
static const struct rule rules[] = {
    {"tion", ANYWHERE, "SH AH N"},
    {"sion", ANYWHERE, "ZH AH N"},
    {"tch", ANYWHERE, "CH"},
    {"sch", FIRST, "SH"},
    {"igh", ANYWHERE, "AY"},
    {"eau", ANYWHERE, "OW"},
    {"dge", ANYWHERE, "JH"},
    {"ough", ANYWHERE, "OW"},
    {"augh", ANYWHERE, "AO"},
    {"ck", ANYWHERE, "K"},
    {"ch", ANYWHERE, "CH"},
    {"sh", ANYWHERE, "SH"},
    {"th", ANYWHERE, "TH"},
    {"ph", ANYWHERE, "F"},
    {"gh", FIRST, "G"},
    {"gh", ANYWHERE, ""},
    {"kn", FIRST, "N"},
    {"wr", FIRST, "R"},
    {"ps", FIRST, "S"},
    {"wh", ANYWHERE, "W"},
    {"qu", ANYWHERE, "K W"},
    {"ng", LAST, "NG"},
    {"nk", ANYWHERE, "NG K"},
    {"sc", SOFT, "S"},
    {"cc", SOFT, "K S"},
    {"zz", ANYWHERE, "Z"},
    {"ee", ANYWHERE, "IY"},
    {"ea", ANYWHERE, "IY"},
    {"ei", ANYWHERE, "EY"},
    {"ey", LAST, "IY"},
    {"ey", ANYWHERE, "EY"},
    {"eu", ANYWHERE, "UW"},
    {"ew", ANYWHERE, "UW"},
    {"er", ANYWHERE, "ER"},
    {"ir", ANYWHERE, "ER"},
    {"ur", ANYWHERE, "ER"},
    {"ar", ANYWHERE, "AA R"},
    {"or", ANYWHERE, "AO R"},
    {"ai", ANYWHERE, "EY"},
    {"ay", ANYWHERE, "EY"},
    {"au", ANYWHERE, "AO"},
    {"aw", ANYWHERE, "AO"},
    {"aa", ANYWHERE, "AA"},
    {"oo", ANYWHERE, "UW"},
    {"oa", ANYWHERE, "OW"},
    {"oi", ANYWHERE, "OY"},
    {"oy", ANYWHERE, "OY"},
    {"ou", ANYWHERE, "AW"},
    {"ow", LAST, "OW"},
    {"ow", ANYWHERE, "AW"},
    {"ie", ANYWHERE, "IY"},
    {"ia", ANYWHERE, "IY AH"},
    {"io", ANYWHERE, "IY OW"},
    {"ue", LAST, "UW"},
    {"a", OPEN, "EY"},
    {"e", OPEN, "IY"},
    {"i", OPEN, "AY"},
    {"o", OPEN, "OW"},
    {"u", OPEN, "UW"},
    {"a", LAST, "AH"},
    {"e", LAST, ""},
    {"i", LAST, "IY"},
    {"o", LAST, "OW"},
    {"u", LAST, "UW"},
    {"y", LAST, "IY"},
    {"a", ANYWHERE, "AE"},
    {"e", ANYWHERE, "EH"},
    {"i", ANYWHERE, "IH"},
    {"o", ANYWHERE, "AA"},
    {"u", ANYWHERE, "AH"},
    {"y", BEFORE_VOWEL, "Y"},
    {"y", ANYWHERE, "IH"},
    {"c", SOFT, "S"},
    {"g", SOFT, "JH"},
    {"x", FIRST, "Z"},
    {"b", ANYWHERE, "B"},
    {"c", ANYWHERE, "K"},
    {"d", ANYWHERE, "D"},
    {"f", ANYWHERE, "F"},
    {"g", ANYWHERE, "G"},
    {"h", LAST, ""},
    {"h", ANYWHERE, "HH"},
    {"j", ANYWHERE, "JH"},
    {"k", ANYWHERE, "K"},
    {"l", ANYWHERE, "L"},
    {"m", ANYWHERE, "M"},
    {"n", ANYWHERE, "N"},
    {"p", ANYWHERE, "P"},
    {"q", ANYWHERE, "K"},
    {"r", ANYWHERE, "R"},
    {"s", ANYWHERE, "S"},
    {"t", ANYWHERE, "T"},
    {"v", ANYWHERE, "V"},
    {"w", ANYWHERE, "W"},
    {"x", ANYWHERE, "K S"},
    {"z", ANYWHERE, "Z"},
};

static bool vowel(char c)
{
    return c != '\0' && strchr("aeiouy", c) != NULL;
}

/* `rest` begins behind the spelling. */
static bool place_fits(enum place place, const char *rest, bool first)
{
    switch (place) {
    case ANYWHERE: return true;
    case FIRST: return first;
    case LAST: return rest[0] == '\0';
    case SOFT: return rest[0] != '\0' && strchr("eiy", rest[0]) != NULL;
    case OPEN:
        return rest[0] != '\0' && !vowel(rest[0]) && rest[0] != 'x' && rest[0] != 'w' &&
               strcmp(rest + 1, "e") == 0;
    case BEFORE_VOWEL: return vowel(rest[0]);
    }
    return false;
}

static const struct rule *rule_for(const char *at, bool first)
{
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        size_t len = strlen(rules[i].letters);
        if (strncmp(at, rules[i].letters, len) == 0 && place_fits(rules[i].place, at + len, first))
            return &rules[i];
    }
    return NULL;
}

/* In lower case, without apostrophes, no letter twice in a row. */
static bool plain(const char *word, char *out, size_t cap)
{
    size_t len = 0;
    for (const char *c = word; *c != '\0'; c++) {
        char letter = (char)tolower((unsigned char)*c);
        if (*c == '\'')
            continue;
        if (letter < 'a' || letter > 'z' || len + 1 >= cap)
            return false;
        bool twice = len > 0 && out[len - 1] == letter && !vowel(letter) && letter != 'c';
        if (!twice)
            out[len++] = letter;
    }
    out[len] = '\0';
    return len > 0;
}

bool local_sounds_of(const char *word, char *out, size_t cap)
{
    char letters[128];
    size_t len = 0;
    if (!plain(word, letters, sizeof letters))
        return false;
    for (const char *at = letters; *at != '\0';) {
        const struct rule *rule = rule_for(at, at == letters);
        size_t phones = rule != NULL ? strlen(rule->phones) : 0;
        if (rule == NULL || len + phones + 2 > cap)
            return false;
        if (phones > 0) {
            if (len > 0)
                out[len++] = ' ';
            memcpy(out + len, rule->phones, phones);
            len += phones;
        }
        at += strlen(rule->letters);
    }
    out[len] = '\0';
    return len > 0;
}
