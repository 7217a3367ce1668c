/* Shared by the files of the session core: session.c (life, audio, clock), session_speech.c,
 * session_lanes.c, session_shed.c, session_settings.c. */
#pragma once

#include "server/session.h"
#include "stt/stream.h"

struct translate_lane;
struct grammar_lane;
struct arena;

/* Removed lanes live on until they owe nothing, so there may be more than TARGETS_MAX for a while.
 */
#define SESSION_LANES_MAX (2 * TARGETS_MAX)

/* A lane owes at most TURNS_SEGMENTS_MAX segments, so the oldest owed one is among these. */
#define SESSION_STARTS 64

struct session_lane {
    struct session *session;
    uint32_t id;  /* never reused in a session */
    bool removed; /* gets no more sources; goes when it owes nothing */
    struct translate_lane *lane;
    /* For segments from settings_from on, and for those before. */
    struct translate_terms *terms, *terms_before;
};

/* Partials that go unsent for want of budget. */
struct session_shed {
    bool told;
    int64_t last_us;
};

struct session_flush {
    char id[FLUSH_ID_BYTES_MAX + 1];
    uint64_t samples;
    int64_t deadline_us;
    uint32_t segment; /* newest segment that began before the point; UINT32_MAX until the point is
                         settled */
};

struct session {
    uint64_t id;
    char name[SESSION_NAME_BYTES];
    char *subject; /* NULL: nobody's */
    uint32_t epoch;
    const struct session_config *config;
    const struct session_ops *ops;
    void *ctx;
    int64_t now_us; /* of the event being handled */
    int64_t started_us;
    int64_t wall_us;

    struct client_settings settings; /* effective */
    struct arena *arena;             /* their strings */
    struct client_settings next;     /* from segment `next_from` on */
    struct arena *next_arena;        /* NULL: no update pending */
    uint32_t next_from;
    uint32_t settings_from; /* first segment the effective ones are for */

    struct stt_stream *speech;
    bool heard; /* the speech API has answered this session at least once */
    bool speech_degraded;
    bool speech_refused;
    bool restating;      /* the stream tells the open segment once more */
    bool speech_asleep;  /* as last counted, like the next */
    uint64_t skipped_ms; /* audio that was not streamed */
    uint32_t segment;    /* newest segment with a final transcript */
    uint32_t begun;      /* newest segment of which anything was told */
    uint64_t seq;
    uint8_t odd; /* the byte of half a sample */
    bool has_odd;
    uint32_t mistakes; /* edits of final corrections so far */

    struct session_lane lanes[SESSION_LANES_MAX];
    uint32_t lane_next;
    struct grammar_lane *grammar;
    uint32_t grammar_id;
    bool grammar_removed;
    bool translation_degraded, grammar_degraded;
    struct session_shed shed[2]; /* partial translations, partial grammar */
    /* Lanes are run when they are due or have changed, not at every frame of audio. */
    bool lanes_changed;   /* settings, a source or an answer came since they ran */
    uint32_t lanes_owed;  /* as they left it, like the next */
    int64_t lanes_due_us; /* INT64_MAX: only a change makes them run */

    struct session_flush flushes[FLUSHES_MAX];
    unsigned flushes_len;
    uint64_t acked;
    /* Where the audio of recent segments begins, by segment % SESSION_STARTS. */
    struct {
        uint32_t segment, ms;
    } starts[SESSION_STARTS];
    int64_t ack_due_us;

    int64_t idle_due_us;
    int64_t speed_since_us;   /* start of the audio clock */
    uint64_t speed_samples;   /* taken since then */
    int64_t waiting_since_us; /* 0: no audio waits */
    bool too_fast_said;
    unsigned bad_in_row;

    bool ending;
    int64_t allowed_until_us;  /* the token's end; INT64_MAX: none */
    bool expired;              /* it ends because of that */
    bool held;                 /* no socket: nobody is idle */
    bool storage_failing;      /* as the client was told */
    int64_t goaway_flush_us;   /* 0: none, or done */
    uint64_t billed_before_ms; /* by the streams before it was restored */
    char end_reason[END_REASON_BYTES];
    int end_code;
    int64_t end_deadline_us;
    bool over;
    bool lost; /* something that had to be said could not: the session ends */
    struct event_usage usage;
};

/* session.c */
void session__emit(struct session *session, struct event *event);
/* A partial that could not be made is not missed: another follows. */
void session__emit_shown(struct session *session, struct event *event, bool final);
void session__error(struct session *session, const char *code, const char *message,
                    uint32_t retry_after_ms);
void session__health(struct session *session, bool degraded, const char *what, const char *reason,
                     uint32_t retry_after_ms);

/* session_speech.c */
int session__speech_open(struct session *session, const struct session_start *start);
/* The stream itself waits for the next segment, or the next call. */
void session__speech_update(struct session *session, const struct client_settings *update);

void session__speech_close(struct session *session);
/* The client's hint whether somebody speaks. */
void session__speech_activity(struct session *session, const struct client_message *message);
/* Counts what the gate of silence has done since the last time. */
void session__speech_count(struct session *session);

/* session_restore.c */
/* Speech and lanes go on where the finals end. */
int session__restore(struct session *session, const struct session_restore *restore);

/* session_lanes.c */
/* A final of before: it is given to the lanes that still owe it. */
void session__lanes_restore(struct session *session, const struct session_restore *restore,
                            const struct session_final *final);
void session__lanes_apply(struct session *session);
void session__lanes_destroy(struct session *session);
void session__lanes_source(struct session *session, const struct stt_transcript *transcript);
int64_t session__lanes_tick(struct session *session);
/* Partial translations are told once more. */
void session__lanes_restate(struct session *session);
/* The oldest segment of which a final is still owed; 0 when nothing is. */
uint32_t session__lanes_owed(const struct session *session);
/* Nothing is owed for segments up to and including `segment`. */
bool session__lanes_settled(const struct session *session, uint32_t segment);

/* session_shed.c */
/* What became of a partial: is budget wanting, or no longer? */
void session__shed_note(struct session *session, const struct session_answer *answer);
/* Tells what is over; the next due time. */
int64_t session__shed_tick(struct session *session);

/* session_settings.c */
int session__settings_start(struct session *session, const struct client_settings *settings,
                            bool restored);
void session__settings_update(struct session *session, const struct client_settings *settings);
/* The segment that is about to be reported: an update that waits for it takes effect. */
void session__settings_segment(struct session *session, uint32_t segment);
void session__settings_free(struct session *session);
