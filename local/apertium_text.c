#include "local/apertium_text.h"
#include "base/status.h"
#include "base/utf8.h"
#include <assert.h>
#include <ctype.h>
#include <string.h>
#include <utf8proc.h>

/* The stream format's own: https://wiki.apertium.org/wiki/Apertium_stream_format */
#define RESERVED "^$[]{}/\\@<>*#+~"

static bool is_blank(uint32_t code)
{
    return utf8_is_space(code) || code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0xfeff;
}

/* "i" alone or before an apostrophe, as recognisers write it. */
static bool is_pronoun_i(const char *text, size_t at, size_t len)
{
    bool starts = at == 0 || text[at - 1] == ' ';
    char next = at + 1 < len ? text[at + 1] : ' ';
    return starts && text[at] == 'i' && (next == ' ' || next == '\'' || strchr(",.?!", next));
}

static int put_code(struct buf *out, uint32_t code)
{
    char bytes[4];
    if (code < 0x80 && strchr(RESERVED, (int)code) != NULL)
        buf_putc(out, '\\');
    return buf_append(out, bytes, utf8_encode(code, bytes));
}

/* Folds blanks to one space, none at the ends. */
static int text_fold(const char *text, struct buf *out)
{
    size_t len = strlen(text);
    bool blank = false;
    for (size_t at = 0; at < len;) {
        uint32_t code;
        size_t n = utf8_decode(text + at, len - at, &code);
        if (is_blank(code)) {
            blank = out->len > 0;
        } else {
            if (blank)
                buf_putc(out, ' ');
            blank = false;
            buf_append(out, text + at, n);
        }
        at += n;
    }
    return buf_status(out);
}

int apertium_text_prepare(const char *text, bool english, struct buf *out,
                          struct apertium_style *style)
{
    assert(text != NULL && out != NULL && style != NULL);
    struct buf plain;
    if (!utf8_valid(text, strlen(text)))
        return STATUS_INVALID;
    buf_init(&plain, out->max);
    int status = text_fold(text, &plain);
    bool first = true;
    for (size_t at = 0; status == 0 && at < plain.len;) {
        uint32_t code;
        size_t n = utf8_decode(plain.data + at, plain.len - at, &code);
        if (english && is_pronoun_i(plain.data, at, plain.len))
            code = 'I';
        else if (first && utf8_is_word(code))
            code = (uint32_t)utf8proc_toupper((utf8proc_int32_t)code);
        if (utf8_is_word(code))
            first = false;
        at += n;
        status = put_code(out, code);
    }
    char last = plain.len > 0 ? plain.data[plain.len - 1] : 0;
    *style = (struct apertium_style){.capital = !first,
                                     .last = last != 0 && strchr(".?!", last) ? last : 0};
    if (status == 0 && last != 0 && strchr(".?!:;", last) == NULL) {
        style->stop_added = true;
        status = buf_putc(out, '.');
    }
    buf_deinit(&plain);
    return status;
}

/* Undoes escapes, drops marks, folds blanks, no blank before a closing mark. */
static int answer_clean(const char *answer, size_t len, struct buf *out)
{
    bool blank = false;
    for (size_t at = 0; at < len; at++) {
        char c = answer[at];
        if (c == '\\' && at + 1 < len) {
            c = answer[++at];
        } else if (strchr("*@#^$[]", c) != NULL && c != 0) {
            continue;
        } else if (c == ' ' || (c > 0 && c < 0x20)) {
            blank = out->len > 0;
            continue;
        }
        if (blank && (strchr(",.;:?!", c) == NULL || c == 0))
            buf_putc(out, ' ');
        blank = false;
        buf_putc(out, c);
    }
    return buf_status(out);
}

/* The words of a sentence that begin in English with a capital because they came first are moved:
 * "My mother likes" → "A Mi madre le gusta". None of these is ever a name within a sentence. */
static void lower_moved(char *text, size_t len)
{
    static const char *const moved[] = {
        "Mi",   "Mis",  "Tu",    "Tus",   "Su",      "Sus",     "El",       "La",
        "Los",  "Las",  "Un",    "Una",   "Nuestro", "Nuestra", "Nuestros", "Nuestras",
        "Este", "Esta", "Estos", "Estas", "Ese",     "Esa",     "Esos",     "Esas",
        "Me",   "Te",   "Se",    "Le",    "Les",     "Nos",     "Lo"};
    for (size_t at = 2; at < len; at++) {
        if (text[at - 1] != ' ' || strchr(".?!:", text[at - 2]) != NULL)
            continue;
        size_t word = 0;
        while (at + word < len && isalpha((unsigned char)text[at + word]))
            word++;
        for (size_t i = 0; i < sizeof moved / sizeof moved[0]; i++) {
            if (strlen(moved[i]) == word && strncmp(text + at, moved[i], word) == 0)
                text[at] = (char)tolower((unsigned char)text[at]);
        }
    }
}

/* Spanish opens what it closes: the last sentence gets ¿ or ¡ where it begins. */
static int put_opened(const char *text, size_t len, char mark, struct buf *out)
{
    const char *opening = mark == '?' ? "¿" : "¡";
    size_t start = 0;
    for (size_t i = 0; i + 2 < len; i++) {
        if (strchr(".?!", text[i]) != NULL && text[i + 1] == ' ')
            start = i + 2;
    }
    bool has = memmem(text + start, len - start, opening, 2) != NULL;
    buf_append(out, text, start);
    if (!has)
        buf_puts(out, opening);
    return buf_append(out, text + start, len - start);
}

int apertium_text_finish(const char *answer, size_t len, bool spanish,
                         const struct apertium_style *style, struct buf *out)
{
    struct buf clean;
    buf_init(&clean, out->max);
    int status = answer_clean(answer, len, &clean);
    if (status == 0 && style->stop_added && clean.len > 0 && clean.data[clean.len - 1] == '.')
        clean.len--;
    if (status == 0 && style->capital && clean.len > 0)
        clean.data[0] = (char)toupper((unsigned char)clean.data[0]);
    if (status == 0 && spanish && clean.len > 0)
        lower_moved(clean.data, clean.len);
    bool open = spanish && (style->last == '?' || style->last == '!') && clean.len > 1 &&
                clean.data[clean.len - 1] == style->last;
    if (status == 0 && open)
        status = put_opened(clean.data, clean.len, style->last, out);
    else if (status == 0 && clean.len > 0)
        status = buf_append(out, clean.data, clean.len);
    buf_deinit(&clean);
    return status;
}

static const char *const languages[][2] = {
    {"af", "afr"}, {"an", "arg"}, {"ar", "ara"}, {"ast", "ast"}, {"be", "bel"}, {"bg", "bul"},
    {"br", "bre"}, {"bs", "hbs"}, {"ca", "cat"}, {"crh", "crh"}, {"cs", "ces"}, {"cy", "cym"},
    {"da", "dan"}, {"de", "deu"}, {"en", "eng"}, {"eo", "epo"},  {"es", "spa"}, {"eu", "eus"},
    {"fi", "fin"}, {"fr", "fra"}, {"ga", "gle"}, {"gl", "glg"},  {"hi", "hin"}, {"hr", "hbs"},
    {"id", "ind"}, {"is", "isl"}, {"it", "ita"}, {"kk", "kaz"},  {"mk", "mkd"}, {"ms", "zlm"},
    {"mt", "mlt"}, {"nb", "nob"}, {"nl", "nld"}, {"nn", "nno"},  {"no", "nob"}, {"oc", "oci"},
    {"pl", "pol"}, {"pt", "por"}, {"ro", "ron"}, {"ru", "rus"},  {"sc", "srd"}, {"se", "sme"},
    {"sl", "slv"}, {"sr", "hbs"}, {"sv", "swe"}, {"szl", "szl"}, {"tr", "tur"}, {"tt", "tat"},
    {"uk", "ukr"}, {"ur", "urd"}};

bool apertium_language(const char *tag, char out[16])
{
    char primary[9] = "";
    size_t len = strcspn(tag, "-_");
    if (len < 2 || len >= sizeof primary)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (!isalpha((unsigned char)tag[i]))
            return false;
        primary[i] = (char)tolower((unsigned char)tag[i]);
    }
    const char *code = primary;
    for (size_t i = 0; i < sizeof languages / sizeof languages[0]; i++) {
        if (strcmp(languages[i][0], primary) == 0)
            code = languages[i][1];
    }
    memcpy(out, code, strlen(code) + 1);
    return true;
}
