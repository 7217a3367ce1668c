/*
 * The parts of a speech stream, shared by stream.c (audio in, clock), legs.c (calls) and results.c
 * (text out).
 *
 * A leg is a span of audio one call is to hear to its end: flush, rotation and idleness end it and
 * begin the next. Legs form a queue; only the head's results are shown, later ones are held. A leg
 * survives its calls: when one fails, the next is opened on what is not settled.
 *
 * Threads and memory: as stt/stream.h.
 */
#pragma once

#include "base/buf.h"
#include "base/rng.h"
#include "stt/choice.h"
#include "stt/marks.h"
#include "stt/ring.h"
#include "stt/segment.h"
#include "stt/silence.h"
#include "stt/stream.h"
#include "stt/stream_limits.h"

struct stt_response;
struct stt_response_word;

#define STT_OPEN_END UINT64_MAX

enum stt_leg_state {
    STT_LEG_WAITING,   /* no call: awaits audio, its turn or the end of a backoff */
    STT_LEG_OPEN,      /* its call takes audio */
    STT_LEG_FINISHING, /* half-closed: the last results and CLOSED are awaited */
    STT_LEG_DONE,      /* heard to its end; awaits being the head */
};

/* One result, in the session's audio. */
struct stt_heard {
    struct stt_heard *next;
    bool final;
    char *text;
    size_t stable_len;
    uint64_t end;
    uint64_t base; /* of the call: what word times count from */
    const char *language;
    const struct stt_response_word *words;
    size_t words_len;
    int64_t at_us;  /* received from the provider */
    int64_t now_us; /* received by this stream */
};

struct stt_leg {
    enum stt_leg_state state;
    uint32_t call;
    unsigned provider;  /* of its call */
    uint64_t base;      /* first sample of the call, or of the one to be opened */
    uint64_t end;       /* STT_OPEN_END: not known yet */
    uint64_t resume;    /* where the next leg begins */
    uint64_t next;      /* first sample that was not given to the call */
    uint64_t sent;      /* position after the last SENT */
    uint64_t catch_up;  /* audio received when the call was opened */
    uint64_t replay_to; /* end of the segment that was open when the call was opened; 0: none */
    uint64_t final_to;  /* end of the call's last final */
    uint64_t heard_to;  /* farthest end of what the call has said while it was the head */
    uint64_t broken; /* audio broke off inside speech here: no call before there is more; 0: not */
    unsigned unsent;
    bool answered;   /* the call has had a response */
    bool finish_due; /* the client could not take the half-close yet */
    bool at_final;   /* its newest result was a final: a good place to rotate */
    bool retried;    /* its end has not come once already */
    bool hands_over; /* the next leg hears the same, to replace it */
    int64_t opened_us;
    int64_t event_us;  /* newest event */
    int64_t passed_us; /* newest block given to the call */
    int64_t moved_us;  /* newest SENT, or block given while none was under way */
    int64_t finished_us;
    int64_t first_sent_us;
    int64_t soft_us, hard_us; /* ages at which the call rotates: at a final, regardless */
    int64_t pace;             /* samples that may be sent now */
    int64_t pace_us;
    struct stt_heard *held, *held_last;
    unsigned held_finals, held_notes; /* finals, hypotheses; of these the newest is shown */
    uint64_t held_end;                /* of the newest held final */
};

/* What was last shown of the open segment. */
struct stt_shown {
    uint32_t rev; /* 0: nothing yet */
    struct buf committed, tentative;
};

struct stt_stream {
    struct stt_stream_config config;
    struct stt_stream_ops ops;
    void *ctx;
    struct rng rng;
    char language[STT_LANGUAGE_BYTES];
    char **vocabulary;
    size_t vocabulary_len;
    bool ended, refused, degraded;
    int64_t due_us;

    /* Audio. */
    uint64_t received; /* samples, the pending ones included */
    uint64_t settled;
    uint64_t wanted; /* audio before it gets no leg any more; STT_OPEN_END: nor later audio */
    struct stt_silence silence;
    uint64_t slept;            /* position at which it fell asleep */
    uint64_t slept_from;       /* a little before: no pre-roll begins earlier */
    uint64_t flushed;          /* position of a flush while asleep: no pre-roll begins before */
    uint64_t rested;           /* audio before it was heard: alone it is worth no call */
    uint64_t skipped;          /* samples of silence that got no leg, before the newest sleep */
    uint64_t billed;           /* samples given to calls */
    struct stt_block *pending; /* is being filled, its first pending_len bytes are */
    uint32_t pending_len;
    uint32_t block_bytes;
    int64_t pending_us; /* its first byte */
    int64_t audio_us;   /* newest audio */
    struct stt_ring ring;
    struct stt_marks marks;

    /* Calls. */
    struct stt_leg legs[STT_LEGS_MAX];
    size_t legs_len;
    uint32_t next_call;
    uint32_t cancels[STT_CANCELS_MAX];
    size_t cancels_len;
    bool again;        /* the client was full: retry soon */
    unsigned failures; /* successive, without a response between them */
    struct stt_choice choice;
    unsigned provider; /* of the newest call */
    int64_t retry_us;  /* no call is opened before */
    int64_t hand_us;   /* no next call is opened beside one that works before */

    /* Text. */
    struct stt_segment segment;
    uint32_t number;
    uint64_t final_end;  /* end of the provider's last final */
    uint64_t shown_end;  /* end of the last segment */
    uint64_t start, end; /* of the open segment */
    uint64_t heard_end;  /* farthest end of a hypothesis */
    uint64_t quiet_end;  /* end of the newest one that had no words which are not final */
    int64_t heard_us;    /* newest result with words */
    bool started;
    char heard_language[STT_LANGUAGE_BYTES];
    struct lat lat; /* of the newest hypothesis */
    struct stt_shown shown;
    struct buf scratch;
};

static inline uint64_t stt__samples(const struct stt_stream *stream, int64_t ms)
{
    return (uint64_t)ms * stream->config.rate / 1000;
}

static inline int64_t stt__ms(const struct stt_stream *stream, uint64_t samples)
{
    return (int64_t)(samples * 1000 / stream->config.rate);
}

/* So much of the audio that may be kept is. */
static inline bool stt__ring_holds(const struct stt_stream *stream, unsigned percent)
{
    uint64_t ring = stt__samples(stream, stream->config.ring_ms);
    return stream->received - stream->settled >= ring * percent / 100;
}

/* stream.c */
/* The first request of a call: gives `len` bytes, mem_free; NULL: out of memory. */
char *stt__config_write(const struct stt_stream *stream, const struct stt_provider *provider,
                        size_t *len);

/* legs.c */
/* Opens, feeds, finishes what can be; everything due by `now_us`. Lowers stream->due_us. */
void stt__legs_run(struct stt_stream *stream, int64_t now_us);
/* The audio before `position` is to be heard to its end by its call; later audio goes to another.
 */
void stt__legs_cut(struct stt_stream *stream, uint64_t position);
/* A leg behind the last, from `base` on. */
struct stt_leg *stt__legs_add(struct stt_stream *stream, uint64_t base);
struct stt_leg *stt__legs_find(struct stt_stream *stream, uint32_t call);
void stt__leg_on_sent(struct stt_stream *stream, struct stt_leg *leg, const struct stt_event *event,
                      int64_t now_us);
void stt__leg_on_closed(struct stt_stream *stream, struct stt_leg *leg,
                        const struct stt_event *event, int64_t now_us);
void stt__leg_on_answer(struct stt_stream *stream, struct stt_leg *leg, int64_t now_us);
/* Its call is over or given up: the leg starts anew from what is not settled. */
void stt__leg_rewind(struct stt_stream *stream, struct stt_leg *leg);
void stt__leg_cancel(struct stt_stream *stream, struct stt_leg *leg);
/* An error the API put into a response, or one of our own. */
void stt__leg_fail(struct stt_stream *stream, struct stt_leg *leg, int grpc_status,
                   const char *details, int64_t now_us);
/* Cancels every call and forgets every leg. */
void stt__legs_drop(struct stt_stream *stream);
static inline void stt__due(struct stt_stream *stream, int64_t at_us)
{
    stream->due_us = at_us < stream->due_us ? at_us : stream->due_us;
}

/* hand.c */
enum stt_hand {
    STT_HAND_ANEW,   /* little was heard that the next call has to hear again: it begins at once */
    STT_HAND_BESIDE, /* the next call catches up before it takes over */
    STT_HAND_CUT,    /* too much was: the call has to say what it has, and the next goes on there */
};

/* Sets when the leg's call is to be replaced. */
void stt__hand_limits(struct stt_stream *stream, struct stt_leg *leg);
/* The head's call is old; `rests`: between two finals. */
bool stt__hand_wanted(const struct stt_stream *stream, bool rests, int64_t now_us);
/* The leg's call has said nothing final for so long that it has to be made to. */
bool stt__hand_overdue(const struct stt_stream *stream, const struct stt_leg *leg);
enum stt_hand stt__hand_way(const struct stt_stream *stream);
/* Opens the next call beside the head's, when it can. */
void stt__hand_begin(struct stt_stream *stream, int64_t now_us);
/* The next call replaces the head's. */
void stt__hand_take(struct stt_stream *stream, int64_t now_us);
/* Ends a hand-over when the next call has caught up: true. */
bool stt__hand_run(struct stt_stream *stream, int64_t now_us);
/* The next call is given up, the head's goes on. */
void stt__hand_drop(struct stt_stream *stream);
static inline bool stt__hand_open(const struct stt_stream *stream)
{
    return stream->legs_len > 1 && stream->legs[0].hands_over &&
           stream->legs[0].end == STT_OPEN_END;
}

/* rest.c */
/* With no open hypothesis, audio the provider has had for long is silence: true when some was. */
bool stt__rest_settle(struct stt_stream *stream, const struct stt_leg *leg, int64_t now_us);
/* No audio comes. Where it broke off inside speech, or where a word may just begin, the call is
 * given up, and the next hears all that is not final when the audio goes on. False: not so. */
bool stt__rest_hold(struct stt_stream *stream, struct stt_leg *leg, int64_t now_us);
/* The leg waits for that, or is over without a call. */
bool stt__rest_holds(struct stt_stream *stream, struct stt_leg *leg, int64_t now_us);
/* The call is to say what it owes. A word may begin where the audio stops: the next call hears the
 * end of it too. */
void stt__rest_close(struct stt_stream *stream, struct stt_leg *leg);

/* held.c */
/* Keeps a copy of a result of a later leg: every final, and hypotheses for when their words came.
 * STATUS_LIMIT, STATUS_NOMEM. */
int stt__held_add(struct stt_leg *leg, const struct stt_heard *from);
void stt__held_forget(struct stt_leg *leg);

/* results.c */
/* STATUS_NOMEM: the call has to be replayed. */
int stt__results_response(struct stt_stream *stream, struct stt_leg *leg,
                          const struct stt_event *event, int64_t now_us);
/* The leg has become the head: shows what it has had so far. It fails when there is no memory. */
void stt__results_head(struct stt_stream *stream, struct stt_leg *leg, int64_t now_us);
/* A call begins to say what the head's audio is, from its base on. */
void stt__results_rebase(struct stt_stream *stream, const struct stt_leg *leg);
/* Nothing more will be heard of the open segment: the newest hypothesis becomes its final. */
void stt__results_promote(struct stt_stream *stream, int64_t at_us, int64_t now_us);
void stt__settle(struct stt_stream *stream, uint64_t position);
/* Settles audio of segments that were ended by us when too much of it is kept. */
void stt__results_settle_long(struct stt_stream *stream, const struct stt_leg *head);
