#include "local/linkgrammar.h"
#include "base/mem.h"
#include "base/status.h"
#include <assert.h>
#include <link-grammar/link-includes.h>
#include <locale.h>
#include <string.h>

struct link_grammar {
    Dictionary dictionary;
    Parse_Options options;
};

/* Complaints about single sentences are of no use to anyone here. */
static void on_error(lg_errinfo *info, void *ctx)
{
    (void)info;
    (void)ctx;
}

/* The library keeps its handler a thread. */
static void errors_silence(void)
{
    static _Thread_local bool silent;
    if (!silent)
        lg_error_set_handler(on_error, NULL);
    silent = true;
}

int link_grammar_create(struct link_grammar **out)
{
    assert(out != NULL);
    struct link_grammar *grammar = mem_calloc(1, sizeof *grammar);
    if (grammar == NULL)
        return STATUS_NOMEM;
    errors_silence();
    /* The library looks at the calling thread's locale while it reads the dictionary. */
    locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    locale_t before = utf8 != (locale_t)0 ? uselocale(utf8) : (locale_t)0;
    grammar->dictionary = dictionary_create_lang("en");
    if (utf8 != (locale_t)0) {
        uselocale(before);
        freelocale(utf8);
    }
    grammar->options = grammar->dictionary != NULL ? parse_options_create() : NULL;
    if (grammar->options == NULL) {
        link_grammar_destroy(grammar);
        return STATUS_UNAVAILABLE;
    }
    parse_options_set_verbosity(grammar->options, 0);
    parse_options_set_min_null_count(grammar->options, 0);
    parse_options_set_max_null_count(grammar->options, 0);
    parse_options_set_islands_ok(grammar->options, false);
    parse_options_set_spell_guess(grammar->options, 0);
    parse_options_set_linkage_limit(grammar->options, LINK_LINKAGES);
    parse_options_set_max_parse_time(grammar->options, LINK_PARSE_S);
    *out = grammar;
    return 0;
}

void link_grammar_destroy(struct link_grammar *grammar)
{
    if (grammar == NULL)
        return;
    if (grammar->options != NULL)
        parse_options_delete(grammar->options);
    if (grammar->dictionary != NULL)
        dictionary_delete(grammar->dictionary);
    mem_free(grammar);
}

/* "cats.n", "went.v-d", "goed[!<ED-WORDS>].v-d" */
static void word_read(const char *word, struct link_word *out)
{
    const char *dot = strrchr(word, '.');
    out->guessed = strstr(word, "[!") != NULL;
    if (dot == NULL || dot == word)
        return;
    out->tag = dot[1];
    out->past = strcmp(dot + 1, "v-d") == 0;
}

/* Links of the subject family are S, SI (verb first), SF, SFI, SX, SXI; capitals only count. */
static bool is_subject_link(const char *label, bool *verb_first)
{
    size_t len = strspn(label, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
    if (len == 0 || len > 3 || label[0] != 'S')
        return false;
    *verb_first = label[len - 1] == 'I';
    size_t kind = len - (*verb_first ? 1 : 0);
    return kind == 1 || (kind == 2 && (label[1] == 'F' || label[1] == 'X'));
}

/* I: an auxiliary and its verb, PP: have and its participle, W: the begin and the main word,
 * D, J, O: what an article, a preposition or a verb is followed by. */
static void role_read(const char *label, struct link_word *left, struct link_word *right,
                      int right_at)
{
    size_t len = strspn(label, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
    if (len == 1 && label[0] == 'I') {
        left->ruled = right_at;
        right->role = LINK_ROLE_BASE;
    } else if (len == 2 && strncmp(label, "PP", 2) == 0) {
        right->role = LINK_ROLE_PARTICIPLE;
    } else if (len == 1 && label[0] == 'W' && (label[1] == 'i' || label[1] == 'g')) {
        right->role = right->tag == 'v' ? LINK_ROLE_ORDER : LINK_ROLE_NONE;
    } else if (len == 1 && strchr("DJO", label[0]) != NULL) {
        right->thing = true;
        left->leading = label[0] == 'J';
    }
}

static void linkage_read(Linkage linkage, struct link_parse *out)
{
    size_t words = linkage_get_num_words(linkage);
    out->len = words < LINK_WORDS_MAX ? words : LINK_WORDS_MAX;
    for (size_t i = 0; i < out->len; i++) {
        out->words[i] = (struct link_word){.subject = -1, .ruled = -1};
        out->words[i].start = (uint32_t)linkage_get_word_byte_start(linkage, i);
        out->words[i].end = (uint32_t)linkage_get_word_byte_end(linkage, i);
        word_read(linkage_get_word(linkage, i), &out->words[i]);
    }
    for (size_t i = 0; i < linkage_get_num_links(linkage); i++) {
        bool verb_first;
        size_t left = linkage_get_link_lword(linkage, i);
        size_t right = linkage_get_link_rword(linkage, i);
        const char *label = linkage_get_link_label(linkage, i);
        if (left >= out->len || right >= out->len)
            continue;
        role_read(label, &out->words[left], &out->words[right], (int)right);
        if (!is_subject_link(label, &verb_first))
            continue;
        size_t verb = verb_first ? left : right;
        out->words[verb].subject = (int)(verb_first ? right : left);
        out->words[verb_first ? right : left].acting = true;
        out->words[verb].inverted = verb_first;
        if (out->words[verb].role == LINK_ROLE_NONE)
            out->words[verb].role = LINK_ROLE_FINITE;
    }
}

bool link_grammar_parse(struct link_grammar *grammar, const char *text, struct link_parse *out)
{
    assert(grammar != NULL && text != NULL);
    bool whole = false;
    errors_silence();
    Sentence sentence = sentence_create(text, grammar->dictionary);
    parse_options_reset_resources(grammar->options);
    if (out != NULL)
        *out = (struct link_parse){0};
    if (sentence_split(sentence, grammar->options) == 0 &&
        sentence_parse(sentence, grammar->options) > 0 &&
        sentence_num_valid_linkages(sentence) > 0 && sentence_null_count(sentence) == 0) {
        Linkage linkage = linkage_create(0, sentence, grammar->options);
        whole = linkage != NULL;
        if (whole && out != NULL) {
            out->whole = true;
            out->cost = linkage_disjunct_cost(linkage);
            linkage_read(linkage, out);
        }
        if (linkage != NULL)
            linkage_delete(linkage);
    }
    sentence_delete(sentence);
    return whole;
}

/* "does the shirt cost": a parse that takes cost for a thing leaves does without its verb. */
static bool asks_nothing(Linkage linkage, const struct link_parse *parse)
{
    for (size_t i = 0; i < parse->len; i++) {
        const char *word = linkage_get_word(linkage, i);
        bool aux = strncmp(word, "do.", 3) == 0 || strncmp(word, "does.", 5) == 0 ||
                   strncmp(word, "did.", 4) == 0;
        if (aux && parse->words[i].inverted && parse->words[i].ruled < 0)
            return true;
    }
    return false;
}

static bool sentence_read(Sentence sentence, Parse_Options options, struct link_parse *out)
{
    int len = sentence_num_valid_linkages(sentence);
    for (int i = 0; i < len && i < LINK_LINKAGES; i++) {
        Linkage linkage = linkage_create((size_t)i, sentence, options);
        if (linkage == NULL)
            break;
        struct link_parse parse = {.whole = sentence_null_count(sentence) == 0,
                                   .cost = (float)linkage_disjunct_cost(linkage)};
        linkage_read(linkage, &parse);
        bool odd = asks_nothing(linkage, &parse);
        linkage_delete(linkage);
        if (i == 0 || !odd)
            *out = parse;
        if (!odd)
            break;
    }
    return len > 0;
}

bool link_grammar_read(struct link_grammar *grammar, const char *text, int nulls,
                       struct link_parse *out)
{
    assert(grammar != NULL && text != NULL && out != NULL);
    errors_silence();
    Sentence sentence = sentence_create(text, grammar->dictionary);
    parse_options_reset_resources(grammar->options);
    parse_options_set_max_null_count(grammar->options, nulls);
    bool read = sentence_split(sentence, grammar->options) == 0 &&
                sentence_parse(sentence, grammar->options) > 0 &&
                sentence_read(sentence, grammar->options, out);
    parse_options_set_max_null_count(grammar->options, 0);
    sentence_delete(sentence);
    return read;
}
