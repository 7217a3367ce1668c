/*
 * What a judge keeps. Included by judge*.c only.
 */
#pragma once

#include "base/buf.h"
#include "bench/judge.h"
#include "bench/judge_event.h"
#include "bench/judge_flicker.h"
#include "bench/judge_frames.h"
#include "bench/judge_monitor.h"
#include "bench/judge_told.h"

#define JUDGE_TARGETS_MAX 15
#define JUDGE_VIEWS       4 /* segments of a lane that are shown at a time */
#define JUDGE_PAGES       8 /* messages of the monitor that are kept */

/* Bits of judge_segment.right: the translation into target i, and the correction. */
#define JUDGE_RIGHT_TARGET(i) (1u << (i))
#define JUDGE_RIGHT_GRAMMAR   (1u << JUDGE_TARGETS_MAX)

/* A final transcript: its words are words[words_at …] of its session. */
struct judge_segment {
    uint32_t number, words_at;
    int64_t end_ms; /* -1: not told */
    uint16_t words_len, right;
};

struct judge_said {
    uint32_t number; /* of the utterance */
    uint16_t words;
    bool counts; /* ended in the window */
    int64_t start_ms;
};

/* The transcript, or one target language. */
struct judge_lane {
    uint32_t final_segment; /* the newest */
    struct buf text;        /* of finals, when it is kept */
    struct judge_view views[JUDGE_VIEWS];
};

struct judge_session {
    struct judge *judge;
    uint32_t number, place;        /* place: in the judge's list */
    char id[JUDGE_WATCH_ID_BYTES]; /* as the server calls it; "": not known, or nobody watches */
    struct judge_told_ring told;
    int64_t started_us;
    bool asked, started, refused, closed, excused;
    uint32_t epoch, failed; /* failed: finals */
    uint64_t seq;           /* of the newest durable message */
    int64_t lost_us;        /* since when it has no socket; 0: it has */
    int64_t caption_us;     /* the newest transcript message; 0: none */
    int64_t asked_us;
    struct judge_frames frames;
    struct judge_said *said;
    struct judge_segment *segments;
    uint16_t *words; /* got, as numbers of the lexicon */
    uint32_t said_len, said_cap, segments_len, segments_cap, words_len, words_cap;
    uint64_t finals;
    unsigned degraded; /* things told of as degraded and not as restored yet */
    bool restored;     /* of all of them, at least once */
    int64_t degraded_at_us, degraded_us, heard_us;
    uint32_t grammar_segment;  /* the newest final correction's */
    struct buf corrected;      /* of final corrections, when it is kept */
    struct judge_lane lanes[]; /* the transcript, then each target */
};

/* A message of the monitor that was read. */
struct judge_page {
    struct buf bytes;
    char *scratch;
    size_t scratch_cap;
    bool read;
    struct judge_monitor message;
};

struct judge_board {
    struct judge_page pages[JUDGE_PAGES];
    unsigned next;
    uint32_t *ids; /* places + 1 of sessions by their id's hash, 0: free; a power of two */
    uint32_t ids_cap;
};

struct judge {
    struct judge_config config;
    struct judge_board board;
    struct judge_watcher **watchers;
    uint32_t watchers_len, watchers_cap;
    unsigned targets_len;
    struct judge_session **sessions;
    uint32_t sessions_len, sessions_cap;
    char *scratch; /* of scratch_cap bytes, for texts with escapes */
    size_t scratch_cap;
    bool incomplete;                                /* something could not be remembered */
    uint64_t erased_transcript, erased_translation; /* words */
    uint64_t shown_transcript, shown_translation;   /* words of the finals they belong to */
    struct judge_shown shown;
    struct judge_sum sum; /* what is counted as it comes */
};

/* Makes room for one more of `bytes` each; false: no memory. */
bool judge__grow(void **list, uint32_t len, uint32_t *cap, size_t bytes);
/* Index of a source or target language; lanes[] are numbered by it plus one. -1: none. */
int judge__target(const struct judge *judge, struct judge_text lang);
/* The words of a final in any of its forms against those of its transcript. */
bool judge__translation_right(const struct judge_session *session,
                              const struct judge_segment *segment, struct judge_text text,
                              const char *language);
bool judge__correction_right(const struct judge_session *session,
                             const struct judge_segment *segment, struct judge_text text);
/* What was due then counts for latencies and delivery. */
bool judge__in_window(const struct judge *judge, int64_t due_us);

/* The session has this id from now on. */
void judge__board_name(struct judge *judge, struct judge_session *session, struct judge_text id);
/* A learner is shown a transcript, for what teachers see. */
void judge__tell(struct judge_session *session, const struct judge_event *event, int64_t now_us);
/* A message of the monitor with its sessions' places; borrowed until the next call. As
 * judge_monitor_parse(). */
int judge__board_read(struct judge *judge, const char *text, size_t len,
                      const struct judge_monitor **out);
void judge__board_deinit(struct judge_board *board);
void judge__watcher_destroy(struct judge_watcher *watcher);
