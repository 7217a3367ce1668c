/*
 * What a reader sees of one segment in one language, revision after revision: how many words were
 * taken back, and whether committed ones were.
 *
 * Threads: one owner. Memory: a view keeps the words of the newest revision as hashes.
 */
#pragma once

#include "bench/judge_event.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JUDGE_SHOWN_MAX 512 /* words of a revision; those behind are not looked at */

/* The words of one revision, folded. */
struct judge_shown {
    size_t len, committed;   /* words, the first of them committed */
    uint32_t committed_last; /* the last committed one by itself: tentative text may prolong it */
    uint32_t words[JUDGE_SHOWN_MAX];
};

void judge_shown_read(struct judge_shown *shown, struct judge_text committed,
                      struct judge_text tentative);

struct judge_view {
    uint32_t segment; /* 0: empty */
    uint16_t len, cap, committed;
    uint32_t committed_last;
    uint32_t erased; /* words taken back so far */
    uint32_t *words;
    int64_t *since_us; /* since when each word stands where it is */
    int64_t begun_us;  /* when the segment was first heard of */
    int64_t shown_us;  /* when something new was shown last; 0: nothing yet */
};

void judge_view_deinit(struct judge_view *view);
/* Forgets what was seen, keeps the memory. */
void judge_view_begin(struct judge_view *view, uint32_t segment, int64_t now_us);
/* The next revision: words erased are those behind the common beginning of old and new (normalised
 * erasure: Arivazhagan et al. 2020, divided by the words of the final). *broken: committed words
 * are not at their place any more. STATUS_NOMEM: the view is as it was. */
int judge_view_show(struct judge_view *view, const struct judge_shown *shown, int64_t now_us,
                    bool *broken);
