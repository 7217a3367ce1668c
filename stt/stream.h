/*
 * A session's speech stream, without I/O: audio in, segments out, over as many calls as it takes.
 *
 * It coalesces audio into blocks, keeps what is not yet final, opens a call at the first audio,
 * reopens it after an end or a failure and replays, maps result times to the session's own audio
 * clock, and cuts provider results into segments (stt/segment.h) with a committed prefix that only
 * grows. Segments count 1, 2, 3 …; each gets exactly one final. A segment whose hypothesis was
 * taken back before any word was committed shows empty text and keeps its number for the next
 * words: it is not open, and nothing is owed for it.
 *
 * Threads: the session's front thread. Time is passed in (microseconds of the loop's clock).
 * Memory: ops arguments are borrowed for the call unless said otherwise. ops must not call into the
 * stream, getters aside.
 */
#pragma once

#include "base/lat.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct stt_stream;
struct durations;
struct stt_block;
struct stt_event;
struct stt_provider; /* stt/wire.h */

struct stt_word {
    const char *text; /* within the event's storage */
    int64_t start_ms, end_ms;
};

/* One revision of one segment; strings are NFC UTF-8, borrowed for the call. */
struct stt_transcript {
    uint32_t segment;
    uint32_t rev; /* grows within the segment, from 1 */
    bool final;
    bool spliced;                 /* the provider's final contradicted committed words */
    const char *committed;        /* final: the whole text */
    const char *tentative;        /* final: "" */
    int64_t start_ms, end_ms;     /* the session's audio */
    const char *language;         /* BCP-47 */
    const struct stt_word *words; /* finals, when the provider sent times */
    size_t words_len;
    /* Of a final: where a stream that is made anew has to begin, and whether words were settled
     * only by their age, so that it begins at some place among those of the finals. */
    uint64_t settled;
    bool settled_exact;
    struct lat lat; /* stamped up to the receipt of the response and the time held here */
};

enum stt_health {
    STT_HEALTH_OK,       /* results flow again */
    STT_HEALTH_DEGRADED, /* retrying; retry_after_ms tells when, 0: at once with another provider */
    STT_HEALTH_REFUSED,  /* a configuration error: no retry until the session is started anew */
};

struct stt_stream_ops {
    /* Open a call with stt_stream_provider(); `config` is given: mem_free'd by the receiver, when
     * it fails too. A failure counts as UNAVAILABLE. */
    int (*open)(void *ctx, uint32_t call, char *config, size_t len);
    /* Takes its own reference. STATUS_FULL: kept and tried at the next tick. */
    int (*send)(void *ctx, uint32_t call, struct stt_block *block);
    int (*finish)(void *ctx, uint32_t call);
    int (*cancel)(void *ctx, uint32_t call);
    void (*transcript)(void *ctx, const struct stt_transcript *transcript);
    /* Nothing more is owed for audio before `samples`. */
    void (*settled)(void *ctx, uint64_t samples);
    void (*health)(void *ctx, enum stt_health health, int grpc_status, const char *details,
                   uint32_t retry_after_ms);
    /* Providers that may be asked now, as bits: 1 << place. NULL: all. */
    unsigned (*healthy)(void *ctx);
};

struct stt_stream_config {
    uint32_t rate;        /* 8000–48000 */
    const char *language; /* BCP-47; copied */
    /* How its calls are spoken, in order of preference; borrowed for the life of the stream. NULL:
     * google_v1's defaults. */
    const struct stt_provider *provider;
    unsigned providers_len; /* 0: one */
    bool punctuation;
    /* Show hypotheses. They are asked for in any case, to tell speech from silence. */
    bool partials;
    /* Successive hypotheses that must agree before words are committed: low 1, medium 2, high 3.
     * Words the provider calls stable are committed at once. */
    unsigned agreement;
    uint32_t block_ms; /* coalescing: 100 by default, 20–400 */
    /* Half-close a call that has had no audio for so long (< 10 s for v1); reopened lazily. */
    uint32_t idle_close_ms;
    /* Nobody has spoken for so long and no words are awaited: the call is half-closed, and what
     * follows is not streamed until somebody speaks (stt/silence.h); 0: never. */
    uint32_t silence_close_ms;
    uint32_t ring_ms;                        /* bound of audio not yet final */
    uint32_t stream_soft_ms, stream_hard_ms; /* rotation: at the next final, regardless */
    uint64_t seed;                           /* jitter */
    /* Where a session that is taken up again goes on: position of its first sample, number of its
     * first segment (0: 1). */
    uint64_t first_sample;
    uint32_t first_segment;
    /* Words to expect; copied, those past the API's bounds left out. */
    const char *const *vocabulary;
    size_t vocabulary_len;
    /* Gets, for each block, the time from its completion to its acceptance by the transport,
     * replays not counted; borrowed for the life of the stream, may be NULL. */
    struct durations *handover;
};

/* STATUS_INVALID, STATUS_NOMEM. */
int stt_stream_create(struct stt_stream **out, const struct stt_stream_config *config,
                      const struct stt_stream_ops *ops, void *ctx);
/* Cancels its calls (events that still come for them are ignored by stt_stream_event's caller). */
void stt_stream_destroy(struct stt_stream *stream);

/*
 * Of a stream made anew, before its first audio: the finals that reach past first_sample, in order.
 * Their words are heard again, and are not told again. `exact` as in struct stt_transcript of the
 * last of them. STATUS_NOMEM.
 */
int stt_stream_past(struct stt_stream *stream, const struct stt_transcript *final, bool exact);
/* Tells the open segment once more, as it was told last. False: there is nothing of it. */
bool stt_stream_restate(struct stt_stream *stream);
/* Blocks are timed elsewhere from now on: `handover` as in struct stt_stream_config. */
void stt_stream_handover(struct stt_stream *stream, struct durations *handover);

/* PCM s16le, `bytes` even, received at `now_us`. Takes a copy. Never more than stt_stream_room()
 * bytes. */
int stt_stream_audio(struct stt_stream *stream, const void *pcm, size_t bytes, int64_t now_us);
/* Bytes that fit now; 0: stop reading the socket until it grows (checked after every event and
 * tick). */
size_t stt_stream_room(const struct stt_stream *stream);
/* An event of one of its calls; borrowed. Unknown calls are ignored. */
void stt_stream_event(struct stt_stream *stream, struct stt_event *event, int64_t now_us);
/*
 * Everything received so far is to become final soon: sends what is coalesced and half-closes the
 * call; later audio goes to a new one. settled() reaches the flush position when the last final
 * before it is out.
 */
void stt_stream_flush(struct stt_stream *stream, int64_t now_us);
/* Same, and no audio comes after it. */
void stt_stream_end(struct stt_stream *stream, int64_t now_us);
/* The client's opinion whether somebody speaks at `position` of its audio. It makes the gate of
 * silence quicker, and can neither lose speech nor keep silence streamed. */
void stt_stream_hint(struct stt_stream *stream, bool speaking, uint64_t position);
/* How many hypotheses must agree, 1–STT_AGREEMENT_MAX, from the next segment on. */
void stt_stream_agreement(struct stt_stream *stream, unsigned agreement);
/* Words to expect from the next call on. STATUS_NOMEM: the old ones stay. */
int stt_stream_vocabulary(struct stt_stream *stream, const char *const *words, size_t len);
/* Runs what is due; returns the next due time in microseconds, INT64_MAX for none. */
int64_t stt_stream_tick(struct stt_stream *stream, int64_t now_us);

/* The place of the provider of the newest call in order of preference. */
unsigned stt_stream_provider(const struct stt_stream *stream);
/* Samples received, settled, and whether a segment is open (its number, else the next one's). */
uint64_t stt_stream_received(const struct stt_stream *stream);
uint64_t stt_stream_settled(const struct stt_stream *stream);
uint32_t stt_stream_segment(const struct stt_stream *stream);
bool stt_stream_segment_open(const struct stt_stream *stream);
/* Milliseconds of audio sent to the API, replays included: what is billed. */
uint64_t stt_stream_billed_ms(const struct stt_stream *stream);
/* Somebody speaks in the audio that has just come. */
bool stt_stream_speaking(const struct stt_stream *stream, int64_t now_us);
/* Nobody has spoken for a while and nothing is streamed; milliseconds of audio that never were. */
bool stt_stream_asleep(const struct stt_stream *stream);
uint64_t stt_stream_skipped_ms(const struct stt_stream *stream);
