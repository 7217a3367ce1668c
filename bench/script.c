#include "bench/script.h"

#include "base/buf.h"
#include "base/status.h"
#include "bench/script_lexicon.h"
#include <assert.h>
#include <string.h>
#include <threads.h>

/* A word is drawn from the third of the lexicon that is its place's turn, so that neighbours differ
 * without a look at what was drawn before. */
#define CLASSES        3
#define REPEAT_ONE_IN  16  /* of the places that may repeat, every second one: 3 % of all */
#define SLOTS          512 /* of a language's hash table, a power of two */
#define WORD_BYTES_MAX 32
#define SALT_LEN       0x6c656e677468
#define SALT_REPEAT    0x726570656174
#define UNKNOWN        (-1)

_Static_assert(SCRIPT_LEXICON_LEN % CLASSES == 0, "thirds are equal");
_Static_assert(SCRIPT_LEXICON_LEN<0xff && SLOTS> 2 * SCRIPT_LEXICON_LEN, "slots hold bytes");
_Static_assert(SCRIPT_SAID_MAX <= SCRIPT_WORDS_MAX, "an utterance has room");

static const char *const languages[SCRIPT_LEXICON_LANGUAGES + 1] = {"en", "es", "fr", "de", NULL};

/* Word + 1 by the hash of its letters; 0: free. */
static uint8_t slots[SCRIPT_LEXICON_LANGUAGES][SLOTS];
static once_flag slots_once = ONCE_FLAG_INIT;

static int language_index(const char *tag)
{
    if (tag == NULL || tag[0] == '\0' || tag[1] == '\0')
        return UNKNOWN;
    if (tag[2] != '\0' && tag[2] != '-' && tag[2] != '_')
        return UNKNOWN;
    for (int i = 0; i < SCRIPT_LEXICON_LANGUAGES; i++)
        if ((tag[0] | 0x20) == languages[i][0] && (tag[1] | 0x20) == languages[i][1])
            return i;
    return UNKNOWN;
}

/* Length of the letter at `text`, 0 when there is none. Letters are ASCII's and those that UTF-8
 * writes behind a byte C3 (U+00C0 … U+00FF), but for the two signs among them. */
static size_t letter_len(const char *text, size_t len)
{
    unsigned char first = len > 0 ? (unsigned char)text[0] : 0;
    unsigned char second = len > 1 ? (unsigned char)text[1] : 0;
    if ((first | 0x20) >= 'a' && (first | 0x20) <= 'z')
        return 1;
    if (first == 0xc3 && second >= 0x80 && second <= 0xbf && second != 0x97 && second != 0xb7)
        return 2;
    return 0;
}

/* The last byte of a letter in the small form: capitals lie 0x20 below, but ß has none. */
static unsigned char letter_small(unsigned char byte, size_t letter)
{
    if (letter == 1)
        return byte | 0x20;
    return byte < 0x9f ? byte + 0x20 : byte;
}

/* Finds the letters of a word with other things around it; *inner bytes from the returned offset.
 * What has other things between its letters is one word still. */
static size_t word_trim(const char *text, size_t len, size_t *inner)
{
    size_t from = 0;
    while (from < len && letter_len(text + from, len - from) == 0)
        from++;
    size_t end = from;
    for (size_t at = from; at < len;) {
        size_t letter = letter_len(text + at, len - at);
        at += letter > 0 ? letter : 1;
        if (letter > 0)
            end = at;
    }
    *inner = end - from;
    return from;
}

/* Writes the letters in small form; false when it is not a word of letters only or too long. */
static bool word_small(const char *text, size_t len, char out[WORD_BYTES_MAX])
{
    if (len == 0 || len > WORD_BYTES_MAX)
        return false;
    for (size_t at = 0; at < len;) {
        size_t letter = letter_len(text + at, len - at);
        if (letter == 0)
            return false;
        memcpy(out + at, text + at, letter);
        at += letter;
        out[at - 1] = (char)letter_small((unsigned char)text[at - 1], letter);
    }
    return true;
}

static unsigned letters_slot(const char *letters, size_t len)
{
    uint32_t hash = 0x811c9dc5;
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ (unsigned char)letters[i]) * 0x01000193;
    return (hash ^ hash >> 16) % SLOTS;
}

static void slots_build(void)
{
    for (int language = 0; language < SCRIPT_LEXICON_LANGUAGES; language++) {
        for (unsigned word = 0; word < SCRIPT_LEXICON_LEN; word++) {
            const char *text = script_lexicon[word].text[language];
            unsigned slot = letters_slot(text, strlen(text));
            while (slots[language][slot] != 0)
                slot = (slot + 1) % SLOTS;
            slots[language][slot] = (uint8_t)(word + 1);
        }
    }
}

static int letters_find(const char *letters, size_t len, int language)
{
    call_once(&slots_once, slots_build);
    const uint8_t *table = slots[language];
    for (unsigned slot = letters_slot(letters, len); table[slot] != 0; slot = (slot + 1) % SLOTS) {
        const char *text = script_lexicon[table[slot] - 1].text[language];
        if (strncmp(text, letters, len) == 0 && text[len] == '\0')
            return table[slot] - 1;
    }
    return UNKNOWN;
}

/* A word that is letters only. */
static int word_find(const char *text, size_t len, int language)
{
    char small[WORD_BYTES_MAX];
    return word_small(text, len, small) ? letters_find(small, len, language) : UNKNOWN;
}

unsigned script_lexicon_len(void)
{
    return SCRIPT_LEXICON_LEN;
}

const char *script_word_text(unsigned word, const char *language)
{
    assert(word < SCRIPT_LEXICON_LEN);
    int index = language_index(language);
    return index == UNKNOWN ? NULL : script_lexicon[word].text[index];
}

int script_word_find(const char *text, size_t len, const char *language)
{
    int index = language_index(language);
    if (index == UNKNOWN)
        return UNKNOWN;
    size_t inner;
    size_t from = word_trim(text, len, &inner);
    return word_find(text + from, inner, index);
}

const char *script_word_correction(unsigned word)
{
    assert(word < SCRIPT_LEXICON_LEN);
    return script_lexicon[word].correction;
}

const char *const *script_languages(void)
{
    return languages;
}

static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return x ^ (x >> 31);
}

static uint64_t draw(uint64_t seed, uint32_t session, uint32_t utterance, uint64_t salt)
{
    uint64_t who = (uint64_t)session << 32 | utterance;
    return mix(mix(mix(seed + 0x9e3779b97f4a7c15) ^ who) + salt);
}

unsigned script_utterance_len(uint64_t seed, uint32_t session, uint32_t utterance)
{
    unsigned lengths = SCRIPT_SAID_MAX - SCRIPT_SAID_MIN + 1;
    return SCRIPT_SAID_MIN + draw(seed, session, utterance, SALT_LEN) % lengths;
}

unsigned script_utterance_word(uint64_t seed, uint32_t session, uint32_t utterance, unsigned place)
{
    assert(place < SCRIPT_WORDS_MAX);
    /* Only odd places repeat, so what they repeat was drawn itself. */
    if (place % 2 == 1 && draw(seed, session, utterance, SALT_REPEAT + place) % REPEAT_ONE_IN == 0)
        place--;
    uint64_t in_class = draw(seed, session, utterance, place) % (SCRIPT_LEXICON_LEN / CLASSES);
    return (unsigned)in_class * CLASSES + place % CLASSES;
}

static bool letter_is_large(const char *text, size_t letter)
{
    return letter_small((unsigned char)text[letter - 1], letter) != (unsigned char)text[letter - 1];
}

void script_word_write(const char *text, bool large, struct buf *out)
{
    size_t len = strlen(text);
    size_t letter = letter_len(text, len);
    assert(letter > 0);
    unsigned char last = (unsigned char)text[letter - 1];
    if (large)
        last -= 0x20; /* no word begins with ß or ÿ, which have no capital there */
    if (letter == 2)
        buf_putc(out, text[0]);
    buf_putc(out, (char)last);
    buf_append(out, text + letter, len - letter);
}

int script_span_write(const struct script_span *span, const char *language, struct buf *out)
{
    int index = language_index(language);
    if (index == UNKNOWN)
        return STATUS_NOT_FOUND;
    for (unsigned i = 0; i < span->len; i++) {
        unsigned word =
            script_utterance_word(span->seed, span->session, span->utterance, span->first + i);
        if (i > 0)
            buf_putc(out, ' ');
        script_word_write(script_lexicon[word].text[index], span->sentence && i == 0, out);
    }
    if (span->sentence && span->len > 0)
        buf_putc(out, '.');
    return buf_status(out);
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

int script_translate(const char *text, const char *source, const char *target, struct buf *out)
{
    int from = language_index(source), to = language_index(target);
    if (from == UNKNOWN || to == UNKNOWN)
        return STATUS_NOT_FOUND;
    while (*text != '\0') {
        size_t len = 0;
        while (text[len] != '\0' && !is_space(text[len]))
            len++;
        size_t inner;
        size_t at = word_trim(text, len, &inner);
        int word = word_find(text + at, inner, from);
        buf_append(out, text, at);
        if (word == UNKNOWN)
            buf_append(out, text + at, inner);
        else
            script_word_write(script_lexicon[word].text[to],
                              letter_is_large(text + at, letter_len(text + at, inner)), out);
        at += inner;
        for (; is_space(text[len]); len++)
            ;
        buf_append(out, text + at, len - at);
        text += len;
    }
    return buf_status(out);
}
