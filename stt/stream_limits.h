/* The bounds of a session's speech stream, with units. */
#pragma once

/* Spans of audio that await their call's end: flushes, rotations, idle closes. */
#define STT_LEGS_MAX 8
/* Calls of one session at a time: one that takes audio, the others drain. */
#define STT_CALLS_MAX 3
/* Finals of a later call that wait for an earlier call's end; past it the later call is replayed.
 */
#define STT_HELD_FINALS_MAX 64
/* Its hypotheses that wait too, for when their words came. */
#define STT_HELD_NOTES_MAX 64
/* Calls whose cancel the client could not take yet. */
#define STT_CANCELS_MAX 8

/* Blocks: milliseconds of audio each. */
#define STT_BLOCK_MS_MIN 20
#define STT_BLOCK_MS_MAX 400
/* Bound of ring_ms. */
#define STT_RING_MS_MIN 2000
#define STT_RING_MS_MAX 120000
/* Audio that was never sent, on a call that takes it: past this the socket is not read. */
#define STT_UNSENT_MS 2000
/* Pace of a call: audio may run ahead of the clock by the burst, and refills at so many times real
 * time. */
#define STT_PACE_SPEED    3
#define STT_PACE_BURST_MS 1000

/* Silence: the provider has had the audio for so long and has no hypothesis. Chirp needs 2.4 s for
 * a one-word utterance. */
#define STT_SETTLE_MS 2500
/* The same where somebody was heard to speak: a final may still come. */
#define STT_SETTLE_VOICE_MS 20000
/* Silence is settled in steps of at least this much audio. */
#define STT_SETTLE_STEP_MS 250
/* Audio before the block that woke a stream which it is given too: what it took to be sure that
 * somebody speaks (0.1–0.3 s), and half a second for what began too softly to be noticed. */
#define STT_PREROLL_MS 800
/* A client's hint that somebody speaks holds for so long, and is too old or too early past that. */
#define STT_HINT_MS 2000
/* After its hint that nobody does, so long without speech is enough to sleep. */
#define STT_SILENCE_HINTED_MS 1000
/* A recogniser's result may end so long after the last sound of speech; past that it has heard
 * words where the gate heard nobody. */
#define STT_SILENCE_TAIL_MS 3000
/* Stamps are kept so long behind the settled position, for results that come late. */
#define STT_MARKS_KEEP_MS 5000
/* Frames shorter than this share a stamp. */
#define STT_MARK_FRAME_MS 10

/* A call that was finished and is silent for so long is cancelled; it is never waited for longer
 * than the total. */
#define STT_DRAIN_MS       12000
#define STT_DRAIN_TOTAL_MS 20000
/* It is replayed, once, when somebody spoke so long after its last word. */
#define STT_DRAIN_OWED_MS 1000
/* Where audio stops so soon after speech, the network may have stopped inside a word: the call that
 * is closed is not asked for its final before more audio comes, or this long after the last. */
#define STT_BROKEN_OFF_MS  300
#define STT_BROKEN_HOLD_MS 20000
/* A call that accepts no block for so long is dead. */
#define STT_STALL_MS 10000
/* After a refused hand-over (STATUS_FULL). */
#define STT_AGAIN_MS 10
/* Audio accepted for so long without a failure ends an outage. */
#define STT_HEALTHY_MS 1000
/* Waits before a call is opened again: first, growth in percent, bound. */
#define STT_BACKOFF_MS            100
#define STT_BACKOFF_PERCENT       130
#define STT_BACKOFF_MAX_MS        10000
#define STT_BACKOFF_QUOTA_MS      1000
#define STT_BACKOFF_QUOTA_PERCENT 200
#define STT_BACKOFF_QUOTA_MAX_MS  30000
/* Successive failures with INTERNAL that are tried again soon; then the longer waits apply. */
#define STT_INTERNAL_TRIES 5
/* With several providers: so many failures in a row send a session to the next; the one that failed
 * is not asked again before. */
#define STT_PROVIDER_TRIES   3
#define STT_PROVIDER_REST_MS 60000
/* The longest wait the API may ask for. */
#define STT_RETRY_AFTER_MAX_MS 120000
/* The soft limit of a call is moved by up to so many percent either way, so that sessions do not
 * rotate together. */
#define STT_ROTATE_JITTER_PERCENT 6

/* A segment so long, or with so many words, ends after its last sentence or pause; past the longer
 * bounds wherever its words are committed. A pause is told by when words came, and none ends after
 * fewer words. */
#define STT_SEGMENT_LONG_MS    12000
#define STT_SEGMENT_LONG_WORDS 30
#define STT_SEGMENT_OVER_MS    20000
#define STT_SEGMENT_OVER_WORDS 50
#define STT_SEGMENT_PAUSE_MS   700
#define STT_SEGMENT_WORDS_MIN  3
/* A segment without a final for so long is closed by finishing the call. */
#define STT_SEGMENT_MS_MAX 40000
/* Audio that a call which follows hears again, though its words are final, at least; so much of the
 * ring is kept for that while the provider says nothing final, in percent. */
#define STT_OVERLAP_MS        3000
#define STT_RING_KEEP_PERCENT 60
/* Past this a segment is closed by finishing the call. */
#define STT_RING_FULL_PERCENT 85
/* With no more to be heard again than this a call is replaced at once. With more than the second,
 * in percent of its hard limit, it is finished instead. */
#define STT_HAND_SHORT_MS     1000
#define STT_HAND_HARD_PERCENT 75
/* An attempt to open the next call beside one that works is repeated after; a call that has the
 * audio is waited for until it says something; one that has not caught up is given up, also when so
 * much of the ring is full, in percent. */
#define STT_HAND_RETRY_MS     2000
#define STT_HAND_MS           3000
#define STT_HAND_MAX_MS       30000
#define STT_HAND_RING_PERCENT 95
/* Words of the past that are compared with what is heard again. */
#define STT_SEAM_WORDS 512
/* A call that says a long utterance again may change the number of its words by so many. */
#define STT_SEAM_SHIFT 8
/* So many words alike, in their places, are no chance. */
#define STT_SEAM_SURE 5
/* Times of one word from two calls differ by so much at most, where both gave word times, and where
 * one was told only by when the word came. */
#define STT_SEAM_TIMED_MS 250
#define STT_SEAM_GUESS_MS 2500
/* A word may have ended so long after the time it was given by when it came. */
#define STT_SEAM_EARLY_MS 6000
/* From the middle of a word to its end. */
#define STT_SEAM_HALF_WORD_MS 150
/* Words that are final while their audio is not settled, or that the call goes on to repeat. */
#define STT_PAST_WORDS_MAX 512
/* Between two words that a hypothesis brought at once. */
#define STT_WORD_APART_MS 600
/* Text of one hypothesis, bytes; the rest is cut. */
#define STT_HYPOTHESIS_BYTES_MAX 32768
/* Successive hypotheses that may be asked to agree. */
#define STT_AGREEMENT_MAX 16
/* Words compared around a contradiction. */
#define STT_ALIGN_WORDS 64
/* Interim pieces at least this stable are committed at once, in percent. */
#define STT_STABLE_PERCENT 80
/* Where a segment begins when no word times tell: so long before the end of its first word. */
#define STT_START_WORD_MS  400
#define STT_LANGUAGE_BYTES 36
