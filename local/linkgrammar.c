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

static void linkage_read(Linkage linkage, struct link_parse *out)
{
    size_t words = linkage_get_num_words(linkage);
    out->len = words < LINK_WORDS_MAX ? words : LINK_WORDS_MAX;
    for (size_t i = 0; i < out->len; i++) {
        out->words[i] = (struct link_word){.subject = -1};
        out->words[i].start = (uint32_t)linkage_get_word_byte_start(linkage, i);
        out->words[i].end = (uint32_t)linkage_get_word_byte_end(linkage, i);
        word_read(linkage_get_word(linkage, i), &out->words[i]);
    }
    for (size_t i = 0; i < linkage_get_num_links(linkage); i++) {
        bool verb_first;
        size_t left = linkage_get_link_lword(linkage, i);
        size_t right = linkage_get_link_rword(linkage, i);
        if (left >= out->len || right >= out->len ||
            !is_subject_link(linkage_get_link_label(linkage, i), &verb_first))
            continue;
        if (verb_first)
            out->words[left].subject = (int)right;
        else
            out->words[right].subject = (int)left;
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
