#include "base/mem.h"
#include "base/status.h"
#include "base/utf8.h"
#include "translate/internal.h"
#include "translate/phrases.h"
#include <assert.h>
#include <string.h>
#include <strings.h>

/* What the rules look at. Folded texts have a space before and behind (translate/phrases.h). */
struct matter {
    const struct translate_prompt *prompt;
    const char *answer;
    char *said_fold, *answer_fold;
    struct translate__words said, answered;
    size_t said_letters, answer_letters; /* code points */
    bool same_language, source_known, target_known;
};

static size_t base_len(const char *language)
{
    return strcspn(language, "-_");
}

static bool is_base(const char *language, const char *base)
{
    return base_len(language) == strlen(base) && strncasecmp(language, base, strlen(base)) == 0;
}

static bool is_one_of(const char *language, const char *const *bases)
{
    for (; *bases != NULL; bases++)
        if (is_base(language, *bases))
            return true;
    return false;
}

static bool same_base(const char *a, const char *b)
{
    return base_len(a) == base_len(b) && strncasecmp(a, b, base_len(a)) == 0;
}

/* --- texts --- */

char *translate__fold(const char *text, size_t len)
{
    char *folded = utf8_fold_word(text, len);
    char *out = folded != NULL ? mem_alloc(strlen(folded) + 3) : NULL;
    size_t used = 0;
    if (out != NULL) {
        out[used++] = ' ';
        for (const char *at = folded; *at != '\0'; at++) {
            char c = strchr("\t\r\n", *at) != NULL ? ' ' : *at;
            if (c != ' ' || out[used - 1] != ' ')
                out[used++] = c;
        }
        if (out[used - 1] != ' ')
            out[used++] = ' ';
        out[used] = '\0';
    }
    mem_free(folded);
    return out;
}

static bool has_one(const char *folded, const char *const *stems)
{
    for (; *stems != NULL; stems++)
        if (strstr(folded, *stems) != NULL)
            return true;
    return false;
}

static bool begins_with_one(const char *folded, const char *const *phrases)
{
    for (; *phrases != NULL; phrases++)
        if (strncmp(folded, *phrases, strlen(*phrases)) == 0)
            return true;
    return false;
}

/* True while `folded`, whose last space is not yet certain, may come to begin with one. */
static bool may_begin_with_one(const char *folded, const char *const *phrases)
{
    size_t len = strlen(folded) - 1;
    for (; *phrases != NULL; phrases++)
        if (strncmp(folded, *phrases, len < strlen(*phrases) ? len : strlen(*phrases)) == 0)
            return true;
    return false;
}

/* --- talk --- */

/* Talk begins so, unless the source speaks of the same. */
static const struct talk {
    const char *const *phrases, *const *excuses;
    bool any_source; /* whether or not its excuses are known */
} talks[] = {
    {phrases_translating, stems_translating, false},
    {phrases_machine, stems_machine, true},
    {phrases_helpless, stems_help, false},
};

static bool may_be_talk(const struct matter *matter, const struct talk *talk)
{
    return (talk->any_source || matter->source_known) && !has_one(matter->said_fold, talk->excuses);
}

static bool is_talk(const struct matter *matter)
{
    for (size_t i = 0; i < sizeof talks / sizeof talks[0]; i++)
        if (may_be_talk(matter, &talks[i]) &&
            begins_with_one(matter->answer_fold, talks[i].phrases))
            return true;
    return matter->source_known && !has_one(matter->said_fold, stems_sorry) &&
           begins_with_one(matter->answer_fold, phrases_sorry) &&
           has_one(matter->answer_fold, phrases_unable);
}

/* "Sure, here is a poem: …" is longer than what was said. */
static bool is_obliging(const struct matter *matter)
{
    return matter->source_known && matter->answer_letters > matter->said_letters * 2 + 12 &&
           !translate__is_unspaced_text(matter->prompt->text) &&
           begins_with_one(matter->answer_fold, phrases_obliging) &&
           !has_one(matter->said_fold, stems_obliging);
}

/* What speech never holds. */
static bool is_markup(const struct matter *matter)
{
    static const char *const marks[] = {"```",       "**",         "##",       "<think",
                                        "</",        "[sotto:",    "{\"",      "(Note",
                                        "(note",     "(Nota",      "(nota",    "(Translator",
                                        "(Remarque", "(Anmerkung", "(Hinweis", "(Примечание",
                                        "（注",      "(注"};
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++)
        if (strstr(matter->answer, marks[i]) != NULL &&
            strstr(matter->prompt->text, marks[i]) == NULL)
            return true;
    return false;
}

/* --- answers and obedience --- */

static bool has_question_mark(const char *text)
{
    return strpbrk(text, "?;") != NULL || strstr(text, "\u061f") != NULL ||
           strstr(text, "\uff1f") != NULL || strstr(text, "\u037e") != NULL ||
           strstr(text, "\u055e") != NULL;
}

static bool ends_in_question(const char *text)
{
    size_t len = strlen(text);
    while (len > 0 && strchr(" \"'", text[len - 1]) != NULL)
        len--;
    return (len > 0 && text[len - 1] == '?') ||
           (len >= 3 && (memcmp(text + len - 3, "\uff1f", 3) == 0));
}

/* A question is still one in another language, where those are marked. */
static bool is_reply(const struct matter *matter)
{
    static const char *const unmarked[] = {"ja", "th", "lo", "km", "my", "bo", "zh", "ko", NULL};
    return ends_in_question(matter->prompt->text) && matter->said.len >= 3 &&
           !is_one_of(matter->prompt->target, unmarked) && !has_question_mark(matter->answer);
}

static bool is_order(const char *said_fold)
{
    return has_one(said_fold, stems_forget) && has_one(said_fold, stems_orders);
}

static bool is_veto(const char *said_fold)
{
    return has_one(said_fold, stems_not) && has_one(said_fold, stems_translating);
}

/* The speaker told a machine to forget its orders, or not to translate: whoever translates that
 * speaks of orders or of translating. */
static bool is_obedient(const struct matter *matter)
{
    if (!matter->source_known || !matter->target_known)
        return false;
    if (is_order(matter->said_fold) && !has_one(matter->answer_fold, stems_orders))
        return true;
    return is_veto(matter->said_fold) && !has_one(matter->answer_fold, stems_translating);
}

/* --- echoes --- */

/* Languages in which the same words may be right in both. */
static bool are_close(const char *a, const char *b)
{
    static const char *const groups[][7] = {
        {"da", "nb", "nn", "no", "sv", NULL},
        {"es", "pt", "gl", "ca", "it", NULL},
        {"cs", "sk", NULL},
        {"hr", "sr", "bs", "sl", "mk", "bg", NULL},
        {"ru", "uk", "be", "bg", NULL},
        {"id", "ms", NULL},
        {"nl", "af", NULL},
        {"zh", "ja", "yue", NULL},
        {"hi", "ur", "mr", "ne", NULL},
        {"tr", "az", NULL},
    };
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++)
        if (is_one_of(a, groups[i]) && is_one_of(b, groups[i]))
            return true;
    return false;
}

/* Names and numbers are the same everywhere: what has capitals within a sentence, or digits. */
static size_t plain_words(const char *text, const struct translate__words *words)
{
    size_t plain = 0;
    for (size_t i = 0; i < words->len; i++) {
        const struct translate__span *span = &words->list[i].span;
        bool named = false;
        for (size_t at = span->start; at < span->end; at++)
            named = named || (text[at] >= 'A' && text[at] <= 'Z' && i > 0) ||
                    (text[at] >= '0' && text[at] <= '9');
        plain += !named;
    }
    return plain;
}

/* How many words of `words` stand in `in`, in order. */
static size_t words_kept(const struct translate__words *words, const struct translate__words *in)
{
    size_t kept = 0, at = 0;
    for (size_t i = 0; i < words->len; i++) {
        size_t j = at;
        while (j < in->len && in->list[j].fold != words->list[i].fold)
            j++;
        if (j < in->len) {
            at = j + 1;
            kept++;
        }
    }
    return kept;
}

static bool is_echo(const struct matter *matter)
{
    const struct translate_prompt *prompt = matter->prompt;
    bool close = are_close(prompt->source, prompt->target);
    size_t least = close ? 2 * TRANSLATE_ECHO_WORDS : TRANSLATE_ECHO_WORDS;
    if (matter->same_language || matter->said.len < least ||
        plain_words(prompt->text, &matter->said) < least - 1)
        return false;
    if (matter->source_known && matter->said.len < 2 * TRANSLATE_ECHO_WORDS &&
        !has_one(matter->said_fold, words_of_sentences))
        return false;
    /* All of it, and perhaps the translation behind it. */
    if (translate__words_begin(&matter->answered, &matter->said))
        return true;
    size_t kept = words_kept(&matter->said, &matter->answered);
    return !close && matter->said.len >= 2 * TRANSLATE_ECHO_WORDS &&
           kept * 100 >= matter->said.len * TRANSLATE_ECHO_PERCENT;
}

/* --- scripts --- */

enum script {
    SCRIPT_ANY,
    SCRIPT_LATIN,
    SCRIPT_GREEK,
    SCRIPT_CYRILLIC,
    SCRIPT_ARMENIAN,
    SCRIPT_HEBREW,
    SCRIPT_ARABIC,
    SCRIPT_INDIC,
    SCRIPT_THAI,
    SCRIPT_GEORGIAN,
    SCRIPT_HANGUL,
    SCRIPT_HAN
};

static enum script script_of_code(uint32_t code)
{
    static const struct {
        uint32_t first, last;
        enum script script;
    } ranges[] = {
        {'A', 'Z', SCRIPT_LATIN},          {'a', 'z', SCRIPT_LATIN},
        {0xc0, 0x24f, SCRIPT_LATIN},       {0x370, 0x3ff, SCRIPT_GREEK},
        {0x400, 0x52f, SCRIPT_CYRILLIC},   {0x531, 0x58f, SCRIPT_ARMENIAN},
        {0x591, 0x5f4, SCRIPT_HEBREW},     {0x600, 0x77f, SCRIPT_ARABIC},
        {0x900, 0xdff, SCRIPT_INDIC},      {0xe00, 0xeff, SCRIPT_THAI},
        {0x10a0, 0x10ff, SCRIPT_GEORGIAN}, {0x1100, 0x11ff, SCRIPT_HANGUL},
        {0x1780, 0x17ff, SCRIPT_THAI},     {0x1e00, 0x1eff, SCRIPT_LATIN},
        {0x3041, 0x30ff, SCRIPT_HAN},      {0x3400, 0x9fff, SCRIPT_HAN},
        {0xac00, 0xd7a3, SCRIPT_HANGUL},
    };
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++)
        if (code >= ranges[i].first && code <= ranges[i].last)
            return ranges[i].script;
    return SCRIPT_ANY;
}

/* SCRIPT_ANY where a language has several, or its tag names one. */
static enum script script_of_language(const char *language)
{
    static const struct {
        enum script script;
        const char *const languages[26];
    } scripts[] = {
        {SCRIPT_LATIN,
         {"en", "es", "fr", "de", "it", "pt", "nl", "pl", "cs", "sk", "sv", "da", "nb",
          "no", "fi", "hu", "tr", "ro", "ca", "id", "vi", "et", "lv", "lt", NULL}},
        {SCRIPT_GREEK, {"el", NULL}},
        {SCRIPT_CYRILLIC, {"ru", "uk", "be", "bg", "mk", NULL}},
        {SCRIPT_ARMENIAN, {"hy", NULL}},
        {SCRIPT_HEBREW, {"he", "yi", NULL}},
        {SCRIPT_ARABIC, {"ar", "fa", "ur", "ps", NULL}},
        {SCRIPT_INDIC, {"hi", "mr", "ne", "bn", "ta", "te", "kn", "ml", "gu", NULL}},
        {SCRIPT_THAI, {"th", "lo", "km", NULL}},
        {SCRIPT_GEORGIAN, {"ka", NULL}},
        {SCRIPT_HANGUL, {"ko", NULL}},
        {SCRIPT_HAN, {"zh", "ja", "yue", NULL}},
    };
    const char *next = language + base_len(language);
    if (*next != '\0' && base_len(next + 1) == 4 && next[1] > '9' &&
        strncasecmp(next + 1, "Han", 3) != 0)
        return SCRIPT_ANY;
    for (size_t i = 0; i < sizeof scripts / sizeof scripts[0]; i++)
        if (is_one_of(language, scripts[i].languages))
            return scripts[i].script;
    return SCRIPT_ANY;
}

/* Many letters, and none of the target's script. */
static bool is_foreign(const struct matter *matter)
{
    enum script wanted = script_of_language(matter->prompt->target);
    size_t at = 0, len = strlen(matter->answer), bytes, letters = 0, right = 0;
    uint32_t code;
    if (wanted == SCRIPT_ANY || matter->same_language)
        return false;
    while ((bytes = utf8_decode(matter->answer + at, len - at, &code)) > 0) {
        enum script script = script_of_code(code);
        letters += script != SCRIPT_ANY;
        right += script == wanted;
        at += bytes;
    }
    return letters >= TRANSLATE_FOREIGN_LETTERS && right == 0 &&
           plain_words(matter->prompt->text, &matter->said) >= 3;
}

/* --- lengths --- */

bool translate__is_unspaced_text(const char *text)
{
    size_t at = 0, len = strlen(text), bytes, unspaced = 0, letters = 0;
    uint32_t code;
    while ((bytes = utf8_decode(text + at, len - at, &code)) > 0) {
        unspaced += translate__is_unspaced(code);
        letters += !utf8_is_space(code);
        at += bytes;
    }
    return unspaced * 2 > letters;
}

size_t translate__answer_letters_max(const char *text)
{
    size_t factor =
        translate__is_unspaced_text(text) ? TRANSLATE_UNSPACED_FACTOR : TRANSLATE_ANSWER_FACTOR;
    return utf8_count(text, strlen(text)) * factor + TRANSLATE_ANSWER_EXTRA;
}

/* Words are letters where there are no spaces, so a text of either kind never loses so many. */
static bool is_cut(const struct matter *matter)
{
    bool unspaced = translate__is_unspaced_text(matter->prompt->text);
    size_t words = unspaced ? matter->said.len / 2 : matter->said.len;
    return words >= TRANSLATE_CUT_WORDS &&
           matter->answered.len * 100 < words * TRANSLATE_CUT_PERCENT;
}

/* --- the verdict --- */

static int matter_init(struct matter *matter, const struct translate_prompt *prompt,
                       const char *answer)
{
    *matter = (struct matter){
        .prompt = prompt,
        .answer = answer,
        .said_fold = translate__fold(prompt->text, strlen(prompt->text)),
        .answer_fold = translate__fold(answer, strlen(answer)),
        .said_letters = utf8_count(prompt->text, strlen(prompt->text)),
        .answer_letters = utf8_count(answer, strlen(answer)),
        .same_language = same_base(prompt->source, prompt->target),
        .source_known = is_one_of(prompt->source, phrases_known),
        .target_known = is_one_of(prompt->target, phrases_known),
    };
    int status = matter->said_fold != NULL && matter->answer_fold != NULL ? 0 : STATUS_NOMEM;
    if (status == 0)
        status = translate__words_parse(prompt->text, strlen(prompt->text), &matter->said);
    if (status == 0)
        status = translate__words_parse(answer, strlen(answer), &matter->answered);
    return status;
}

static void matter_deinit(struct matter *matter)
{
    mem_free(matter->said_fold);
    mem_free(matter->answer_fold);
    translate__words_free(&matter->said);
    translate__words_free(&matter->answered);
}

static enum translate__fault fault_of(const struct matter *matter)
{
    if (matter->answered.len == 0)
        return TRANSLATE__EMPTY;
    if (matter->answer_letters > translate__answer_letters_max(matter->prompt->text))
        return TRANSLATE__LONG;
    if (is_echo(matter))
        return TRANSLATE__ECHO;
    if (is_foreign(matter))
        return TRANSLATE__FOREIGN;
    if (is_talk(matter))
        return TRANSLATE__TALK;
    if (is_markup(matter))
        return TRANSLATE__MARKUP;
    if (is_obliging(matter) || is_reply(matter))
        return TRANSLATE__REPLY;
    if (is_obedient(matter))
        return TRANSLATE__OBEDIENT;
    return is_cut(matter) ? TRANSLATE__CUT : TRANSLATE__SOUND;
}

int translate__judge(const struct translate_prompt *prompt, const char *answer,
                     enum translate__fault *out)
{
    struct matter matter;
    int status = matter_init(&matter, prompt, answer);
    if (status == 0)
        *out = fault_of(&matter);
    matter_deinit(&matter);
    return status;
}

const char *translate__fault_name(enum translate__fault fault)
{
    static const char *const names[] = {
#define X(name, text) [TRANSLATE__##name] = text,
        TRANSLATE__FAULT_MAP(X)
#undef X
    };
    assert(fault < sizeof names / sizeof names[0]);
    return names[fault];
}

/* --- beginnings --- */

static bool repeats(const struct translate_prompt *prompt, const char *text)
{
    size_t len = strlen(text), said_len = strlen(prompt->text);
    return !same_base(prompt->source, prompt->target) &&
           strncasecmp(text, prompt->text, len < said_len ? len : said_len) == 0;
}

static bool may_become_talk(const struct matter *matter)
{
    for (size_t i = 0; i < sizeof talks / sizeof talks[0]; i++)
        if (may_be_talk(matter, &talks[i]) &&
            may_begin_with_one(matter->answer_fold, talks[i].phrases))
            return true;
    if (!matter->source_known)
        return false;
    if (!has_one(matter->said_fold, stems_sorry) &&
        may_begin_with_one(matter->answer_fold, phrases_sorry))
        return true;
    return !has_one(matter->said_fold, stems_obliging) &&
           may_begin_with_one(matter->answer_fold, phrases_obliging);
}

bool translate__doubtful(const struct translate_prompt *prompt, const char *text)
{
    size_t len = strlen(text);
    size_t head = len < TRANSLATE_HEAD_BYTES ? len : TRANSLATE_HEAD_BYTES;
    if (repeats(prompt, text) ||
        utf8_count(text, len) > translate__answer_letters_max(prompt->text))
        return true;
    while (head > 0 && head < len && ((unsigned char)text[head] & 0xc0) == 0x80)
        head--;
    struct matter matter = {
        .prompt = prompt,
        .answer = text,
        .said_fold = translate__fold(prompt->text, strlen(prompt->text)),
        .answer_fold = translate__fold(text, head),
        .source_known = is_one_of(prompt->source, phrases_known),
    };
    bool doubtful = matter.said_fold == NULL || matter.answer_fold == NULL ||
                    may_become_talk(&matter) || is_markup(&matter) ||
                    ends_in_question(prompt->text) || is_order(matter.said_fold) ||
                    is_veto(matter.said_fold);
    matter_deinit(&matter);
    return doubtful;
}
