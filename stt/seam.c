#include "stt/seam.h"

#include "stt/stream_limits.h"
#include <assert.h>
#include <string.h>

/* Scores of the alignment. Two words that differ are rather two readings of one than a word that
 * one call has missed and another that the other has; all the more at the same time. */
enum { MATCH = 4, SAME_TIME = 1, DIFFER = -1, GAP = -3, OTHER = -4, NEVER = -10000 };

struct seam {
    const struct stt_token *past, *heard;
    size_t rows, cols;
    bool same_call, blurred;
    int best; /* 0: nothing found */
    struct stt_seam end;
};

static uint32_t apart(uint32_t a, uint32_t b)
{
    return a > b ? a - b : b - a;
}

static bool same_word(const struct stt_token *a, const struct stt_token *b)
{
    return a->fold[0] == b->fold[0] && strcmp(a->fold, b->fold) == 0;
}

/* Where it is not known that both begin together, equal words are one only at about one time. */
static bool elsewhere(const struct seam *seam, const struct stt_token *past,
                      const struct stt_token *heard)
{
    return seam->blurred && !seam->same_call &&
           apart(past->at_ms, heard->at_ms) > STT_SEAM_EARLY_MS;
}

/* A word heard so long after all of `past` is not one of them. */
static bool later(const struct seam *seam, const struct stt_token *heard)
{
    const struct stt_token *last = &seam->past[seam->rows - 1];
    uint32_t slack = last->timed && heard->timed ? STT_SEAM_TIMED_MS : STT_SEAM_GUESS_MS;
    return !seam->same_call && heard->at_ms > last->at_ms + slack;
}

/* Words that a call brings at once, when it has caught up, get their times by a guess: one that
 * goes on with a run of repeated words is repeated too. */
static bool goes_on(const struct seam *seam, size_t past, size_t heard)
{
    size_t last = seam->rows - 1;
    if (seam->past[last].timed && seam->heard[heard].timed)
        return false;
    while (past > 0 && heard > 0 && same_word(&seam->past[past - 1], &seam->heard[heard - 1])) {
        past--;
        heard--;
        if (!later(seam, &seam->heard[heard]))
            return true;
    }
    return false;
}

/* One call writes "nine", another "9". */
static bool has_digit(const struct stt_token *word)
{
    return strpbrk(word->fold, "0123456789") != NULL;
}

static int score(const struct seam *seam, size_t i, size_t j)
{
    const struct stt_token *past = &seam->past[i], *heard = &seam->heard[j];
    bool timed = past->timed && heard->timed;
    bool close =
        apart(past->at_ms, heard->at_ms) <= (timed ? STT_SEAM_TIMED_MS : STT_SEAM_GUESS_MS);
    bool equal = same_word(past, heard);
    if ((timed && equal && !close) || elsewhere(seam, past, heard))
        return NEVER;
    if (later(seam, heard) && !(equal && goes_on(seam, i, j)))
        return NEVER;
    if (equal)
        return MATCH;
    if (timed && close)
        return SAME_TIME;
    bool near = apart(past->at_ms, heard->at_ms) <= STT_WORD_APART_MS;
    return near || has_digit(past) != has_digit(heard) ? DIFFER : OTHER;
}

/* Of the alignment: how good it is so far, and with which past word it begins. */
struct cell {
    int value;
    unsigned first;
};

static struct cell better(struct cell a, struct cell b)
{
    return a.value >= b.value ? a : b;
}

/* The farther one of equals: a word that was read anew is not also repeated. */
static void seam_end(struct seam *seam, struct cell cell, size_t covered, size_t repeats)
{
    int value = cell.value;
    if (value > seam->best ||
        (value == seam->best && seam->end.found && repeats >= seam->end.repeats)) {
        seam->best = value;
        seam->end = (struct stt_seam){
            .found = true, .repeats = repeats, .covered = covered, .first = cell.first};
    }
}

/*
 * The end is where `past` ends, or where `heard` does while it has not caught up. `lead` is what a
 * leading word costs of either: nothing, where it is not known that both begin together.
 */
static void seam_align(struct seam *seam, int lead, bool whole)
{
    struct cell row[STT_SEAM_WORDS * 2 + 1];
    assert(seam->rows <= STT_SEAM_WORDS && seam->cols <= 2 * STT_SEAM_WORDS);
    for (size_t j = 0; j <= seam->cols; j++)
        row[j] = (struct cell){lead * (int)j, 0};
    for (size_t i = 1; i <= seam->rows; i++) {
        struct cell diagonal = row[0];
        row[0] = (struct cell){lead * (int)i, (unsigned)i};
        for (size_t j = 1; j <= seam->cols; j++) {
            struct cell pair = {diagonal.value + score(seam, i - 1, j - 1), diagonal.first};
            struct cell past = {row[j].value + GAP, row[j].first};
            struct cell heard = {row[j - 1].value + GAP, row[j - 1].first};
            diagonal = row[j];
            row[j] = better(better(pair, past), heard);
        }
        if (whole)
            seam_end(seam, row[seam->cols], i, seam->cols);
    }
    for (size_t j = 1; j <= seam->cols; j++)
        seam_end(seam, row[j], seam->rows, j);
}

/* Without a word in common times have to tell, where there are any: else nothing was repeated. */
static void by_time(struct seam *seam)
{
    const struct stt_token *last = &seam->past[seam->rows - 1];
    size_t n = 0, covered = 0;
    while (last->timed && n < seam->cols && seam->heard[n].timed &&
           seam->heard[n].at_ms <= last->at_ms + STT_SEAM_HALF_WORD_MS)
        n++;
    while (n > 0 && covered < seam->rows &&
           (n < seam->cols || seam->past[covered].at_ms <= seam->heard[n - 1].at_ms))
        covered++;
    seam->end = (struct stt_seam){.found = n > 0, .repeats = n, .covered = covered};
}

void stt_seam_find(const struct stt_words *past, const struct stt_words *heard,
                   const struct stt_seam_bounds *bounds, struct stt_seam *out)
{
    size_t len = past->len - bounds->past_first, from = bounds->heard_first;
    from = from < heard->len ? from : heard->len;
    *out = (struct stt_seam){.found = from == heard->len, .repeats = from};
    if (len == 0 || from == heard->len)
        return;
    size_t rows = len < STT_SEAM_WORDS ? len : STT_SEAM_WORDS, cols = heard->len - from;
    bool whole = cols <= 2 * STT_SEAM_WORDS;
    struct seam seam = {.past = past->at + past->len - rows,
                        .rows = rows,
                        .same_call = bounds->same_call,
                        .heard = heard->at + from,
                        .cols = whole ? cols : 2 * STT_SEAM_WORDS};
    seam.blurred = from > 0 || rows < len || bounds->past_gone;
    /* Where both begin together the words are the same even if none is spelled alike. */
    int least = seam.blurred ? 0 : GAP * (int)rows;
    seam.best = least;
    seam_align(&seam, seam.blurred ? 0 : GAP, whole);
    if (seam.best <= least)
        by_time(&seam);
    out->found = seam.end.found;
    out->sure = seam.end.found && seam.best >= STT_SEAM_SURE * MATCH;
    out->repeats = from + seam.end.repeats;
    out->covered = len - rows + seam.end.covered;
    out->first = len - rows + seam.end.first;
}
