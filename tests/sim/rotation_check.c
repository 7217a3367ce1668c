#include "base/mem.h"
#include "tests/sim/rotation.h"
#include "tests/sim/stream_provider.h"
#include <inttypes.h>

#define NOWHERE SIZE_MAX

static void *grow(void *at, size_t *cap, size_t len, size_t each)
{
    if (len < *cap)
        return at;
    *cap = *cap > 0 ? *cap * 2 : 1024;
    at = mem_realloc(at, *cap * each);
    assert(at != NULL);
    return at;
}

/* The next word of a text in lower case, without punctuation; false when there is none. */
static bool word_read(const char **text, char out[SIM_WORD_BYTES])
{
    size_t len = 0;
    while (**text != '\0' && len == 0) {
        while (**text == ' ')
            ++*text;
        for (; **text != '\0' && **text != ' '; ++*text)
            if (isalnum((unsigned char)**text) && len + 1 < SIM_WORD_BYTES)
                out[len++] = (char)tolower((unsigned char)**text);
    }
    out[len] = '\0';
    return len > 0;
}

void heard_final(struct heard *heard, const struct stt_transcript *final, uint64_t told)
{
    const char *text = final->committed;
    size_t from = heard->words_len;
    char word[SIM_WORD_BYTES];
    while (word_read(&text, word)) {
        heard->words =
            grow(heard->words, &heard->words_cap, heard->words_len, sizeof(*heard->words));
        struct heard_word *at = &heard->words[heard->words_len++];
        *at = (struct heard_word){.script = NOWHERE};
        strcpy(at->text, word);
    }
    size_t len = heard->words_len - from;
    heard->finals =
        grow(heard->finals, &heard->finals_cap, heard->finals_len, sizeof(*heard->finals));
    heard->finals[heard->finals_len++] = (struct heard_span){.from = from,
                                                             .len = len,
                                                             .start_ms = final->start_ms,
                                                             .end_ms = final->end_ms,
                                                             .told = told,
                                                             .timed = final->words_len == len};
    for (size_t i = 0; i < len && final->words_len == len; i++) {
        heard->words[from + i].start_ms = final->words[i].start_ms;
        heard->words[from + i].end_ms = final->words[i].end_ms;
    }
}

static bool same(const struct heard *heard, size_t i, size_t j)
{
    const char *said = heard->script->words[j].text, *text = heard->words[i].text;
    return strcmp(text, said) == 0 ||
           (isdigit((unsigned char)text[0]) && strcmp(text, script_digits(said)) == 0);
}

/* How far both go on together from (i, j); `i` is where. */
static long slide(const struct heard *heard, long i, long diagonal)
{
    while (i < (long)heard->words_len && i - diagonal < (long)heard->script->len &&
           same(heard, (size_t)i, (size_t)(i - diagonal)))
        i++;
    return i;
}

/*
 * E. W. Myers, "An O(ND) Difference Algorithm and Its Variations": the fewest words to add and to
 * leave out. `rows[d]` holds, by diagonal, how far one gets with `d` of them. Returns that number;
 * past DIFFERENCES_MAX, -1.
 */
#define DIFFERENCES_MAX 3000
static long differences(const struct heard *heard, long **rows)
{
    long n = (long)heard->words_len, m = (long)heard->script->len;
    for (long d = 0; d <= DIFFERENCES_MAX; d++) {
        rows[d] = mem_alloc((size_t)(2 * d + 1) * sizeof(**rows));
        assert(rows[d] != NULL);
        const long *was = d > 0 ? rows[d - 1] + d - 1 : NULL;
        for (long k = -d; k <= d; k += 2) {
            long i = 0;
            if (d > 0 && (k == -d || (k != d && was[k - 1] < was[k + 1])))
                i = was[k + 1];
            else if (d > 0)
                i = was[k - 1] + 1;
            i = slide(heard, i, k);
            rows[d][d + k] = i;
            if (i >= n && i - k >= m)
                return d;
        }
    }
    return -1;
}

/* Each word that was heard gets the one it is, from the last to the first. */
static void trace_back(struct heard *heard, long **rows, long d)
{
    long i = (long)heard->words_len, j = (long)heard->script->len;
    for (; d >= 0; d--) {
        long k = i - j, from = 0;
        bool down = false; /* a word of the script was left out */
        if (d > 0) {
            const long *was = rows[d - 1] + d - 1;
            down = k == -d || (k != d && was[k - 1] < was[k + 1]);
            from = down ? was[k + 1] : was[k - 1] + 1;
        }
        for (; i > from; i--, j--)
            heard->words[i - 1].script = (size_t)j - 1;
        j -= down;
        i -= d > 0 && !down;
    }
}

static void note(struct heard *heard, const char *what, const char *said, const char *meant,
                 int64_t at_ms)
{
    if (heard->first[0] == '\0')
        snprintf(heard->first, sizeof(heard->first), "%s at %.3f s, heard \"%s\", said \"%s\"",
                 what, (double)at_ms / 1000, said, meant);
}

static int64_t sample_ms(const struct heard *heard, uint64_t position)
{
    return (int64_t)(position * 1000 / heard->script->rate);
}

/* Heard [i, i_end) instead of said [j, j_end). */
static void difference(struct heard *heard, const size_t is[2], const size_t js[2])
{
    const struct script *script = heard->script;
    size_t added = is[1] - is[0], lost = js[1] - js[0], wrong = added < lost ? added : lost;
    char said[160] = "", meant[160] = "";
    if (added + lost == 0)
        return;
    for (size_t i = is[0]; i <= is[1] && i < heard->words_len && strlen(said) < 120; i++)
        strcat(strcat(said, heard->words[i].text), " ");
    for (size_t j = js[0]; j <= js[1] && j < script->len && strlen(meant) < 120; j++)
        strcat(strcat(meant, script->words[j].text), " ");
    note(heard,
         lost > added   ? "words lost"
         : added > lost ? "words added"
                        : "wrong words",
         said, meant, js[0] < script->len ? sample_ms(heard, script->words[js[0]].start) : 0);
    heard->wrong += wrong;
    heard->added += added - wrong;
    heard->lost += lost - wrong;
}

static void compare(struct heard *heard)
{
    size_t i = 0, j = 0;
    while (i < heard->words_len || j < heard->script->len) {
        size_t is[2] = {i, i}, js[2] = {j, heard->script->len};
        while (is[1] < heard->words_len && heard->words[is[1]].script == NOWHERE)
            is[1]++;
        if (is[1] < heard->words_len)
            js[1] = heard->words[is[1]].script;
        difference(heard, is, js);
        i = is[1] + 1;
        j = js[1] + 1;
    }
}

/* A bound for a time; `guess`: the provider has not told it. */
struct bound {
    const char *what;
    int64_t least_ms, most_ms;
    bool guess;
};

static bool time_holds(struct heard *heard, const struct heard_times *times, int64_t is_ms,
                       const struct bound *bound)
{
    int64_t within = bound->guess ? times->guess_ms : times->within_ms, by = 0;
    int64_t *most = bound->guess ? &heard->guess_most_ms : &heard->off_most_ms;
    if (is_ms < bound->least_ms)
        by = bound->least_ms - is_ms;
    else if (is_ms > bound->most_ms)
        by = is_ms - bound->most_ms;
    *most = by > *most ? by : *most;
    if (by <= within)
        return true;
    char said[64], meant[64];
    snprintf(said, sizeof(said), "%" PRId64 " ms", is_ms);
    snprintf(meant, sizeof(meant), "%" PRId64 " to %" PRId64 " ms", bound->least_ms,
             bound->most_ms);
    note(heard, bound->what, said, meant, is_ms);
    return false;
}

/* A final ends with or behind its last word, and before the next. */
static bool end_holds(struct heard *heard, const struct heard_span *final, bool after_guess,
                      const struct heard_times *times)
{
    const struct script *script = heard->script;
    size_t last = heard->words[final->from + final->len - 1].script;
    if (last == NOWHERE)
        return true;
    int64_t end_ms = sample_ms(heard, script->words[last].end), next_ms = INT64_MAX / 2;
    if (last + 1 < script->len)
        next_ms = sample_ms(heard, script->words[last + 1].start);
    uint64_t said = script->words[last].told;
    bool told = final->timed || (said > 0 && said <= final->told);
    told = told && !(after_guess && final->end_ms == final->start_ms);
    const struct bound bound = {"end", end_ms, times->exact && told ? end_ms : next_ms, !told};
    return time_holds(heard, times, final->end_ms, &bound);
}

/* Every word of a final is where it was said, and the first begins it. */
static bool words_hold(struct heard *heard, const struct heard_span *final, bool after_guess,
                       const struct heard_times *times)
{
    const struct heard_word *words = &heard->words[final->from];
    bool hold = true;
    for (size_t i = 0; final->timed && i < final->len; i++) {
        if (words[i].script == NOWHERE)
            continue;
        const struct sim_word *word = &heard->script->words[words[i].script];
        int64_t start = sample_ms(heard, word->start), end = sample_ms(heard, word->end);
        const struct bound of_start = {"start of a word", start, start, false};
        const struct bound of_end = {"end of a word", end, end, false};
        const struct bound first = {"start", start, start, after_guess};
        hold = time_holds(heard, times, words[i].start_ms, &of_start) && hold;
        hold = time_holds(heard, times, words[i].end_ms, &of_end) && hold;
        hold = (i > 0 || time_holds(heard, times, final->start_ms, &first)) && hold;
    }
    return hold;
}

static void check_times(struct heard *heard, const struct heard_times *times)
{
    bool after_guess = false; /* where the last one ended was not told: the next begins there */
    for (size_t i = 0; i < heard->finals_len; i++) {
        const struct heard_span *final = &heard->finals[i];
        if (final->len == 0)
            continue;
        bool hold = end_holds(heard, final, after_guess, times);
        hold = words_hold(heard, final, after_guess, times) && hold;
        heard->off += !hold;
        heard->timed += final->timed;
        after_guess = !final->timed;
    }
}

void heard_end(struct heard *heard, const struct heard_times *times)
{
    long **rows = mem_calloc(DIFFERENCES_MAX + 1, sizeof(*rows));
    assert(rows != NULL);
    long d = differences(heard, rows);
    if (d >= 0)
        trace_back(heard, rows, d);
    for (size_t i = 0; i <= DIFFERENCES_MAX; i++)
        mem_free(rows[i]);
    mem_free(rows);
    compare(heard);
    check_times(heard, times);
}

void heard_deinit(struct heard *heard)
{
    mem_free(heard->words);
    mem_free(heard->finals);
}
