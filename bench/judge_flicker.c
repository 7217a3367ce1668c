#include "bench/judge_flicker.h"

#include "base/mem.h"
#include "base/status.h"
#include "bench/judge_words.h"
#include <assert.h>
#include <string.h>

#define JOINED_BYTES_MAX 256 /* of a word that is half committed */

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static void read_words(struct judge_shown *shown, struct judge_text text)
{
    struct judge_text word;
    size_t at = 0;
    uint32_t hash;
    while (shown->len < JUDGE_SHOWN_MAX &&
           (hash = judge_words_next(text.data, text.len, &at, &word)) != 0)
        shown->words[shown->len++] = hash;
}

/* Committed and tentative text stand behind each other without a separator, so a word may begin in
 * one and end in the other. Shows that word, and returns what is behind it. */
static struct judge_text read_joined(struct judge_shown *shown, struct judge_text committed,
                                     struct judge_text tentative)
{
    char joined[JOINED_BYTES_MAX];
    size_t head = 0, tail = 0;
    while (head < committed.len && !is_space(committed.data[committed.len - 1 - head]))
        head++;
    while (tail < tentative.len && !is_space(tentative.data[tail]))
        tail++;
    struct judge_text first = {committed.data + committed.len - head, head};
    struct judge_text rest = {tentative.data + tail, tentative.len - tail};
    if (head == 0 || tail == 0 || head + tail > sizeof joined)
        return tentative;
    memcpy(joined, first.data, head);
    memcpy(joined + head, tentative.data, tail);
    uint32_t hash = judge_words_hash((struct judge_text){joined, head + tail});
    if (judge_words_hash(first) != 0) {
        if (shown->len < JUDGE_SHOWN_MAX)
            shown->words[shown->len - 1] = hash;
    } else if (hash != 0 && shown->len < JUDGE_SHOWN_MAX) {
        shown->words[shown->len++] = hash;
    }
    return rest;
}

void judge_shown_read(struct judge_shown *shown, struct judge_text committed,
                      struct judge_text tentative)
{
    shown->len = 0;
    read_words(shown, committed);
    shown->committed = shown->len;
    shown->committed_last = shown->len > 0 ? shown->words[shown->len - 1] : 0;
    read_words(shown, read_joined(shown, committed, tentative));
}

void judge_view_deinit(struct judge_view *view)
{
    mem_free(view->words);
    mem_free(view->since_us);
    *view = (struct judge_view){0};
}

void judge_view_begin(struct judge_view *view, uint32_t segment, int64_t now_us)
{
    view->segment = segment;
    view->len = view->committed = 0;
    view->erased = 0;
    view->begun_us = now_us;
    view->shown_us = 0;
}

/* The word at `place` of the committed ones, by itself. */
static uint32_t committed_word(const uint32_t *words, size_t committed, uint32_t last, size_t place)
{
    return place + 1 == committed ? last : words[place];
}

static bool extends(const struct judge_view *view, const struct judge_shown *shown)
{
    if (shown->committed < view->committed)
        return false;
    for (size_t i = 0; i < view->committed; i++)
        if (committed_word(view->words, view->committed, view->committed_last, i) !=
            committed_word(shown->words, shown->committed, shown->committed_last, i))
            return false;
    return true;
}

static int grow(struct judge_view *view, size_t len)
{
    if (len <= view->cap)
        return STATUS_OK;
    size_t cap = len + len / 2;
    uint32_t *words = mem_realloc(view->words, cap * sizeof *words);
    if (words == NULL)
        return STATUS_NOMEM;
    view->words = words;
    int64_t *since_us = mem_realloc(view->since_us, cap * sizeof *since_us);
    if (since_us == NULL)
        return STATUS_NOMEM;
    view->since_us = since_us;
    view->cap = (uint16_t)cap;
    return STATUS_OK;
}

int judge_view_show(struct judge_view *view, const struct judge_shown *shown, int64_t now_us,
                    bool *broken)
{
    assert(shown->len <= JUDGE_SHOWN_MAX && shown->committed <= shown->len);
    if (grow(view, shown->len) != STATUS_OK)
        return STATUS_NOMEM;
    size_t common = 0;
    while (common < view->len && common < shown->len && view->words[common] == shown->words[common])
        common++;
    view->erased += (uint32_t)(view->len - common);
    if (common < shown->len || common < view->len)
        view->shown_us = now_us;
    for (size_t i = common; i < shown->len; i++)
        view->since_us[i] = now_us;
    *broken = !extends(view, shown);
    memcpy(view->words + common, shown->words + common,
           (shown->len - common) * sizeof *view->words);
    view->len = (uint16_t)shown->len;
    view->committed = (uint16_t)shown->committed;
    view->committed_last = shown->committed_last;
    return STATUS_OK;
}
