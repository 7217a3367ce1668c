/*
 * What the sessions of a run got, judged against what they said: latencies, delivery, words lost,
 * repeated, reordered, flicker, fairness. The judge knows the script; it never asks the server.
 *
 * Threads: one owner. Memory: a judge owns its sessions; text is borrowed for the call.
 */
#pragma once

#include "base/hist.h"
#include "bench/judge_watch.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct judge;
struct judge_session;

/* Every latency that is measured: X(NAME, "name", "what"). Audio latencies run from the time the
 * span's last audio was due to be sent (open loop: a late sender does not shorten them), and count
 * when that was in the window. STARTED and RESUMED count in the whole run: most sessions start
 * before it. */
#define JUDGE_KIND_MAP(X)                                                                          \
    X(STARTED, "started", "session.start sent to session.started")                                 \
    X(TRANSCRIPT_PARTIAL, "transcript_partial", "audio sent to partial transcript")                \
    X(TRANSCRIPT_FINAL, "transcript_final", "audio sent to final transcript")                      \
    X(TRANSLATION_PARTIAL, "translation_partial", "audio sent to partial translation")             \
    X(TRANSLATION_FINAL, "translation_final", "audio sent to final translation")                   \
    X(GRAMMAR_FINAL, "grammar_final", "audio sent to final grammar")                               \
    X(ACK, "ack", "audio sent to audio.ack")                                                       \
    X(TRANSLATION_GAP, "translation_gap", "translation shown to the next one of its segment")      \
    X(CAPTION_GAP, "caption_gap", "a caption, or the next one's first word, to that next one")     \
    X(RESUMED, "resumed", "socket lost to the session going on")                                   \
    X(TRANSLATED_WORD, "translated_word", "audio of a word sent to its translation shown for good")

enum judge_kind {
#define X(name, text, help) JUDGE_##name,
    JUDGE_KIND_MAP(X)
#undef X
        JUDGE_KINDS
};
const char *judge_kind_name(enum judge_kind kind);

struct judge_config {
    uint64_t seed;
    unsigned rate;
    const char *source;         /* language */
    const char *const *targets; /* NULL-terminated */
    bool grammar;
    bool keep_text;   /* of finals, for judge_write_text() */
    bool watched;     /* teachers watch, bench/judge_watch.h */
    unsigned classes; /* as of load_name_class(); 0: none */
    int64_t from_us,
        to_us; /* only what was sent in this window counts for latencies and delivery */
};

/* One kind of message over all sessions, microseconds. */
struct judge_latency {
    struct hist total;                                /* as measured here */
    struct hist server, upstream, queue, hold, audio; /* of `lat`; empty where there is none */
};

/* About 200 KB. Whole run, but for what is said to be of the window. */
struct judge_sum {
    struct judge_latency latency[JUDGE_KINDS];
    uint64_t utterances; /* fully spoken in the window, so each is owed a final of every kind */
    /* Transcripts, translations, corrections together. An utterance's final transcript is got when
     * every one of its words stands, in order, in final transcripts; its translation and correction
     * when those of every segment that holds one of its words are what the script says. */
    uint64_t finals_owed, finals_got;
    uint64_t kind_owed[JUDGE_KINDS], kind_got[JUDGE_KINDS];
    uint64_t finals_failed; /* of the window, delivered as failed: not counted as got */
    uint64_t words_said, words_lost, words_repeated,
        words_wrong;           /* whole run, all final transcripts */
    char first_lost[100];      /* the first word lost, or wrong in its place: where to look */
    uint64_t finals_reordered; /* segments out of order, or a second final of a kind */
    uint64_t translations_wrong, corrections_wrong; /* finals that are not what the script says */
    uint64_t committed_broken; /* committed words taken back within a segment */
    double erasure_transcript, erasure_translation; /* words erased a word of the final text */
    double jain; /* of finals got a utterance spoken in the window, over sessions that spoke */
    /* session.degraded and session.restored: sessions that heard of either, and over the former the
     * time until the latter, or until the last message. */
    uint64_t sessions_degraded, sessions_restored;
    int64_t degraded_median_us, degraded_max_us;
    uint64_t events, event_bytes, acks;
    uint64_t sessions_started, sessions_refused; /* refused: over_capacity */
    uint64_t sessions_lost;                      /* socket closed before its time, others */
    uint64_t resumes, epochs; /* sessions that went on, and those of them that lost what was not
                                 durable */
    uint64_t finals_missing, finals_repeated; /* by `seq`: gaps, and what came again */
    uint64_t errors;                          /* error messages of the server */
    char first_error[200];
    struct judge_watch_sum watch; /* of teachers */
    bool incomplete;              /* memory was short: something was not judged */
};

/* Strings of the configuration are borrowed. STATUS_NOMEM; STATUS_LIMIT: over 15 targets. */
int judge_create(struct judge **out, const struct judge_config *config);
void judge_destroy(struct judge *judge);
/* The window of what counts; may be set while running, before it begins. */
void judge_window(struct judge *judge, int64_t from_us, int64_t to_us);

/* `session`: its number in the script. NULL: no memory. */
struct judge_session *judge_session_open(struct judge *judge, uint32_t session);
/* session.start was due to be sent now. */
void judge_session_asked(struct judge_session *session, int64_t due_us);
/* A frame of audio that ends at position `end_samples` was due at `due_us`. */
void judge_session_audio(struct judge_session *session, uint64_t end_samples, int64_t due_us);
/* An utterance has been said to its end. */
struct load_utterance;
void judge_session_said(struct judge_session *session, const struct load_utterance *utterance,
                        int64_t due_us);
/* A text message of the server, whole JSON. Returns what it was, for the client's own state. */
enum judge_heard {
    JUDGE_OTHER,
    JUDGE_HEARD_STARTED,
    JUDGE_HEARD_ENDED,
    JUDGE_HEARD_FATAL,
    JUDGE_HEARD_GOAWAY
};
enum judge_heard judge_session_heard(struct judge_session *session, const char *text, size_t len,
                                     int64_t now_us);
/* The socket is gone, and the session is to go on with another. */
void judge_session_lost(struct judge_session *session, int64_t now_us);
/* The newest durable message that came. */
uint64_t judge_session_seq(const struct judge_session *session);
/* The socket is gone, and nothing more of this session comes; `expected`: the client wanted that.
 */
void judge_session_closed(struct judge_session *session, bool expected);
/* Not judged by script, delivery or latency, and not by what came before (it vanished on purpose,
 * reads too slowly on purpose). Only latencies already measured stay. */
void judge_session_excuse(struct judge_session *session);
/* Finals this session got, for fairness reports. */
uint64_t judge_session_finals(const struct judge_session *session);

/* What every session got in the end, a JSON object a line: its number, its final transcripts
 * joined, translations by language, corrections, and how many finals failed. Needs keep_text.
 * STATUS_IO. */
int judge_write_text(const struct judge *judge, FILE *out);

/* Aligns every session's words with its script and adds all up. At the end. */
void judge_sum(struct judge *judge, struct judge_sum *out);
