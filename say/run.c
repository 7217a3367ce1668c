/*
 * The session: connecting → starting → streaming → ending → over, and back to connecting by way of
 * waiting when the connection is lost. Signals, timers, the source and the connection all end in
 * one of the on_… functions here.
 */
#include "say/run.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/rng.h"
#include "base/status.h"
#include "loop/loop.h"
#include "loop/loop_uv.h"
#include "say/client.h"
#include "say/event.h"
#include "say/outcome.h"
#include "say/output.h"
#include "say/resume.h"
#include "say/source.h"
#include "say/speech.h"
#include "say/start.h"
#include "say/tell.h"
#include <assert.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum state {
    STATE_CONNECTING, /* until the upgrade */
    STATE_STARTING,   /* session.start is owed or sent; session.started is awaited */
    STATE_STREAMING,  /* audio */
    STATE_ENDING,     /* session.end is owed or sent; session.ended is awaited */
    STATE_LEAVING,    /* audio.flush is owed or sent: the server goes away, its answer is awaited */
    STATE_WAITING,    /* no connection; until the next try */
    STATE_OVER        /* nothing is awaited but the end of the connection */
};

struct run {
    const struct options *options;
    struct loop *loop;
    struct loop_uv *uv;
    struct client *client;
    struct source *source;
    struct output output;
    struct outcome outcome;
    struct speech speech;
    struct resume resume;
    struct rng rng;
    enum state state;
    bool control_sent;      /* the message this state owes */
    bool left;              /* we closed the connection ourselves, to go on with the next */
    bool gave_up;           /* it was said that audio is being given up */
    int64_t retry_after_ms; /* of this connection's refusal; -1: none */
    int64_t drain_ms;
    int exit_code; /* -1: follows from the outcome */
    int signal_fd;
    struct loop_poll signals;
    struct loop_timer deadline, pace_timer, retry_timer, leave_timer;
    unsigned closing; /* parts whose on_closed is awaited */
};

static void set_state(struct run *run, enum state state)
{
    static const uint8_t allowed[] = {
        [STATE_CONNECTING] = 1 << STATE_STARTING | 1 << STATE_WAITING | 1 << STATE_OVER,
        [STATE_STARTING] = 1 << STATE_STREAMING | 1 << STATE_WAITING | 1 << STATE_OVER,
        [STATE_STREAMING] =
            1 << STATE_ENDING | 1 << STATE_LEAVING | 1 << STATE_WAITING | 1 << STATE_OVER,
        [STATE_ENDING] = 1 << STATE_WAITING | 1 << STATE_OVER,
        [STATE_LEAVING] = 1 << STATE_WAITING | 1 << STATE_OVER,
        [STATE_WAITING] = 1 << STATE_CONNECTING | 1 << STATE_OVER,
        [STATE_OVER] = 0,
    };
    assert(allowed[run->state] & 1 << state);
    run->state = state;
    run->control_sent = false;
}

static void leave(struct run *run, int exit_code)
{
    if (run->state != STATE_OVER)
        set_state(run, STATE_OVER);
    if (run->exit_code < 0)
        run->exit_code = exit_code;
    loop_stop(run->loop);
}

static bool is_resuming(const struct run *run)
{
    return run->resume.lost_us > 0;
}

static void on_deadline(struct loop_timer *timer)
{
    struct run *run = (struct run *)((char *)timer - offsetof(struct run, deadline));
    bool ending = run->state == STATE_ENDING;
    if (run->state == STATE_OVER) {
        leave(run, -1);
        return;
    }
    if (run->state == STATE_LEAVING || is_resuming(run)) {
        run->left = run->state == STATE_LEAVING;
        client_abort(run->client);
        return;
    }
    output_error(&run->output,
                 ending ? "the server did not end the session in time; try again"
                        : "no answer from %s:%u in time; is that a sotto server?",
                 run->options->url.host, run->options->url.port);
    leave(run, ending ? SAY_EXIT_LOST : SAY_EXIT_CONNECT);
}

static void set_deadline(struct run *run, int64_t ms)
{
    int status = loop_timer_start(run->loop, &run->deadline, loop_now_us(run->loop) + ms * 1000,
                                  on_deadline);
    assert(status == STATUS_OK);
}

/* Audio is over: session.end, then what is owed. */
static void end_audio(struct run *run)
{
    set_state(run, STATE_ENDING);
    loop_timer_stop(&run->pace_timer);
    set_deadline(run, run->drain_ms > 0 ? run->drain_ms + SAY_DRAIN_EXTRA_MS : SAY_DRAIN_MS);
    client_want_write(run->client);
}

static void plan(struct run *run);

static void on_pace(struct loop_timer *timer)
{
    plan((struct run *)((char *)timer - offsetof(struct run, pace_timer)));
}

static void plan_at(struct run *run, int64_t due_us)
{
    if (loop_timer_start(run->loop, &run->pace_timer, due_us, on_pace) != STATUS_OK)
        leave(run, SAY_EXIT_LOST);
}

static void tell_given_up(struct run *run)
{
    if (run->gave_up || !speech_full(&run->speech))
        return;
    run->gave_up = true;
    output_error(&run->output,
                 "%u s of audio are kept and that is the bound (--keep): the oldest is given up",
                 run->options->keep_s);
}

/* Takes what is spoken, and asks to write the next frame, now or when it is due. */
static void plan(struct run *run)
{
    int64_t now_us = loop_now_us(run->loop), due_us = now_us;
    bool streaming = run->state == STATE_STREAMING;
    if (run->state == STATE_OVER)
        return;
    speech_listen(&run->speech, streaming, now_us);
    if (!streaming) {
        tell_given_up(run);
        if (speech_due(&run->speech, &due_us))
            plan_at(run, due_us);
        return;
    }
    switch (speech_next(&run->speech, now_us, &due_us)) {
    case SPEECH_FRAME: client_want_write(run->client); break;
    case SPEECH_LATER: plan_at(run, due_us); break;
    case SPEECH_STARVED: break;
    case SPEECH_OVER:
        if (run->speech.status != STATUS_OK)
            output_error(&run->output, "the input broke off: %s", status_text(run->speech.status));
        end_audio(run);
        break;
    }
}

static void on_more(void *ctx)
{
    struct run *run = ctx;
    speech_more(&run->speech);
    plan(run);
}

static enum client_frame write_control(struct run *run, uint8_t *out, size_t cap, size_t *len)
{
    if (run->control_sent)
        return CLIENT_NOTHING;
    run->control_sent = true;
    if (run->state == STATE_STARTING) {
        *len =
            start_message(run->options, source_rate(run->source), &run->resume, (char *)out, cap);
        assert(*len > 0); /* options were checked by building it once */
    } else {
        *len = (size_t)snprintf((char *)out, cap, "{\"type\":\"%s\"}",
                                run->state == STATE_LEAVING ? "audio.flush" : "session.end");
    }
    return CLIENT_TEXT;
}

static enum client_frame write_audio(struct run *run, uint8_t *out, size_t *len)
{
    int16_t samples[SAY_FRAME_SAMPLES];
    int64_t now_us = loop_now_us(run->loop), due_us;
    speech_listen(&run->speech, true, now_us);
    if (speech_next(&run->speech, now_us, &due_us) != SPEECH_FRAME) {
        plan(run);
        return CLIENT_NOTHING;
    }
    size_t got = speech_take(&run->speech, samples);
    for (size_t i = 0; i < got; i++) {
        out[2 * i] = (uint8_t)(samples[i] & 0xff);
        out[2 * i + 1] = (uint8_t)((uint16_t)samples[i] >> 8);
    }
    *len = got * 2;
    output_sent(&run->output, run->speech.sent, clock_mono_us());
    plan(run);
    return CLIENT_BINARY;
}

static enum client_frame on_writable(void *ctx, uint8_t *out, size_t cap, size_t *len)
{
    struct run *run = ctx;
    switch (run->state) {
    case STATE_STARTING:
    case STATE_ENDING:
    case STATE_LEAVING: return write_control(run, out, cap, len);
    case STATE_STREAMING: return write_audio(run, out, len);
    case STATE_CONNECTING:
    case STATE_WAITING:
    case STATE_OVER: break;
    }
    return CLIENT_NOTHING;
}

static void on_open(void *ctx)
{
    struct run *run = ctx;
    if (run->state != STATE_CONNECTING)
        return;
    set_state(run, STATE_STARTING);
    client_want_write(run->client);
}

/* The session goes on: where from, and what was lost. */
static void on_resumed(struct run *run, uint64_t missing)
{
    char text[96];
    snprintf(text, sizeof text, "connected again after %.1f s",
             (double)(loop_now_us(run->loop) - run->resume.lost_us) / 1e6);
    output_status(&run->output, text);
    if (missing > 0)
        output_error(
            &run->output,
            "%.1f s of audio were not kept any more: silence is sent for them; --keep more",
            (double)missing / source_rate(run->source));
}

static void on_started(struct run *run, const struct event *event)
{
    if (run->state != STATE_STARTING)
        return;
    set_state(run, STATE_STREAMING);
    loop_timer_stop(&run->deadline);
    run->drain_ms = event->drain_ms < SAY_DRAIN_MAX_MS ? event->drain_ms : SAY_DRAIN_MAX_MS;
    uint64_t missing = speech_begin(&run->speech, event->audio_samples, run->options->speed,
                                    loop_now_us(run->loop));
    if (is_resuming(run))
        on_resumed(run, missing);
    run->left = run->gave_up = false;
    if (resume_started(&run->resume, event))
        output_void(&run->output, event->open_segment);
    plan(run);
}

/* -- a server that goes away -- */

static void on_leave(struct loop_timer *timer)
{
    struct run *run = (struct run *)((char *)timer - offsetof(struct run, leave_timer));
    if (run->state != STATE_STREAMING)
        return;
    set_state(run, STATE_LEAVING);
    set_deadline(run, SAY_FLUSH_MS);
    client_want_write(run->client);
}

static void on_goaway(struct run *run, const struct event *event)
{
    if (!run->options->resume || *run->resume.token == '\0')
        return;
    int64_t at_us = loop_now_us(run->loop) + resume_leave_ms(&run->rng, event->within_ms) * 1000;
    if (loop_timer_start(run->loop, &run->leave_timer, at_us, on_leave) != STATUS_OK)
        leave(run, SAY_EXIT_LOST);
}

static void on_flushed(struct run *run)
{
    if (run->state != STATE_LEAVING)
        return;
    run->left = true;
    client_finish(run->client);
}

/* Refuses this connection, and another one may go on. */
static bool is_passing(const struct run *run, const struct event *event)
{
    return event->type == EVENT_ERROR && event->fatal && run->options->resume &&
           *run->resume.token != '\0' && resume_passing(event);
}

static void on_event(struct run *run, const struct event *event)
{
    switch (event->type) {
    case EVENT_STARTED: on_started(run, event); break;
    case EVENT_ACK: keep_forget(&run->speech.keep, event->audio_samples); break;
    case EVENT_FLUSHED: on_flushed(run); break;
    case EVENT_GOAWAY: on_goaway(run, event); break;
    case EVENT_ERROR:
        if (event->fatal)
            run->retry_after_ms = event->retry_after_ms;
        tell_error(&run->output, event);
        break;
    case EVENT_ENDED:
        if (run->state == STATE_OVER)
            break;
        set_state(run, STATE_OVER);
        set_deadline(run, 2000); /* for the server's Close */
        client_finish(run->client);
        break;
    default: break;
    }
}

static void on_text(void *ctx, const char *text, size_t len)
{
    struct run *run = ctx;
    struct event event;
    int64_t now_us = clock_mono_us();
    if (event_parse(&event, text, len) != STATUS_OK) {
        output_error(&run->output, "the server sent something that is no sotto.v1 event");
        return;
    }
    enum resume_verdict verdict =
        event.type == EVENT_STARTED ? RESUME_NEWS : resume_event(&run->resume, &event);
    if (verdict != RESUME_NEWS && !run->outcome.broken)
        tell_broken(&run->output, event.seq, verdict == RESUME_GAP);
    run->outcome.broken |= verdict != RESUME_NEWS;
    if (verdict != RESUME_REPEAT) {
        if (!is_passing(run, &event))
            outcome_event(&run->outcome, run->options, &event);
        output_event(&run->output, &event, text, len, now_us);
        on_event(run, &event);
    }
    event_deinit(&event);
    if (run->output.broken)
        leave(run, SAY_EXIT_USAGE);
}

/* Close codes that refuse without an error event before. */
static bool refuses(const struct client_end *end)
{
    return end->http_status >= 400 || end->close_code == 1008 || end->close_code == 1013;
}

/* -- the connection is lost -- */

static void on_retry(struct loop_timer *timer)
{
    struct run *run = (struct run *)((char *)timer - offsetof(struct run, retry_timer));
    set_state(run, STATE_CONNECTING);
    set_deadline(run, SAY_CONNECT_MS);
    run->retry_after_ms = -1;
    if (client_reopen(run->client) != STATUS_OK)
        leave(run, SAY_EXIT_LOST);
}

/* Waits for the next try; false: it is of no use any more. */
static bool wait_for_retry(struct run *run)
{
    int64_t now_us = loop_now_us(run->loop), wait_ms = 0;
    resume_lost(&run->resume, now_us);
    if (!run->left)
        wait_ms = resume_wait_ms(&run->resume, &run->rng, run->retry_after_ms, now_us);
    run->left = false;
    if (wait_ms < 0 || loop_timer_start(run->loop, &run->retry_timer, now_us + wait_ms * 1000,
                                        on_retry) != STATUS_OK)
        return false;
    set_state(run, STATE_WAITING);
    loop_timer_stop(&run->deadline);
    loop_timer_stop(&run->leave_timer);
    tell_waiting(&run->output, run->resume.attempts, speech_full(&run->speech));
    plan(run);
    return true;
}

static void on_end(void *ctx, const struct client_end *end)
{
    struct run *run = ctx;
    bool over = run->outcome.ended || run->outcome.refused || run->state == STATE_OVER;
    /* Our own Close is answered with its code. */
    unsigned code = run->state == STATE_LEAVING ? 0 : end->close_code;
    if (!over && run->options->resume &&
        resume_possible(&run->resume, code, end->opened ? 0 : end->http_status) &&
        wait_for_retry(run))
        return;
    if (!run->outcome.ended && run->state != STATE_OVER) {
        tell_end(&run->output, &run->options->url, run->outcome.refused, end);
        if (!run->outcome.started && refuses(end))
            run->outcome.refused = true;
    }
    leave(run, -1);
}

/* What was spoken is still sent, without a connection when there is one again. */
static void stop_speaking(struct run *run)
{
    speech_stop(&run->speech);
    if (run->state == STATE_WAITING || run->state == STATE_CONNECTING)
        output_error(&run->output, "interrupted; what is kept is sent when the server is back, "
                                   "unless you interrupt again");
    plan(run);
}

static void on_signal(struct loop_poll *poll, unsigned events)
{
    struct run *run = (struct run *)((char *)poll - offsetof(struct run, signals));
    struct signalfd_siginfo info;
    if (read(run->signal_fd, &info, sizeof info) != sizeof info)
        return;
    if (info.ssi_signo == SIGWINCH)
        output_resize(&run->output);
    else if (run->speech.begun && !run->speech.ended)
        stop_speaking(run);
    else
        leave(run, 128 + (int)info.ssi_signo);
}

static int watch_signals(struct run *run)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGWINCH);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    run->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (run->signal_fd < 0)
        return STATUS_IO;
    return loop_poll_start(run->loop, &run->signals, run->signal_fd, LOOP_IN, on_signal);
}

static int open_source(struct run *run)
{
    const struct options *options = run->options;
    char error[256] = "";
    int status = STATUS_OK;
    switch (options->input) {
    case SAY_INPUT_WAV: status = source_open_file(&run->source, options->file, error); break;
    case SAY_INPUT_STDIN:
        status = source_open_fd(&run->source, run->loop, STDIN_FILENO, options->rate, on_more, run);
        snprintf(error, sizeof error, "standard input cannot be read");
        break;
    case SAY_INPUT_MIC:
        status = source_open_mic(&run->source, run->loop, options->rate, on_more, run);
        snprintf(error, sizeof error, "arecord cannot be started; install alsa-utils");
        break;
    }
    if (status != STATUS_OK)
        output_error(&run->output, "%s", error);
    return status;
}

static int connect_client(struct run *run)
{
    static const struct client_handler handler = {
        .on_open = on_open, .on_text = on_text, .on_writable = on_writable, .on_end = on_end};
    int status = client_open(&run->client, run->uv, run->options, &handler, run);
    if (status == STATUS_INVALID)
        output_error(&run->output, "cannot read the CA file %s", run->options->ca_file);
    else if (status != STATUS_OK)
        output_error(&run->output, "libwebsockets cannot start; is its libuv event library "
                                   "(package libwebsockets-evlib-uv) installed?");
    return status;
}

static void on_part_closed(void *ctx)
{
    struct run *run = ctx;
    if (--run->closing == 0)
        loop_stop(run->loop);
}

static void on_signals_closed(struct loop_poll *poll)
{
    on_part_closed((char *)poll - offsetof(struct run, signals));
}

/* Everything asynchronous ends on the loop, which runs once more for it. */
static void close_parts(struct run *run)
{
    loop_timer_stop(&run->deadline);
    loop_timer_stop(&run->pace_timer);
    loop_timer_stop(&run->retry_timer);
    loop_timer_stop(&run->leave_timer);
    run->closing = 1;
    client_destroy(run->client);
    if (run->uv != NULL) {
        run->closing++;
        loop_uv_close(run->uv, on_part_closed, run);
    }
    if (run->source != NULL) {
        run->closing++;
        source_close(run->source, on_part_closed, run);
    }
    if (run->signals.loop != NULL) {
        run->closing++;
        loop_poll_close(&run->signals, on_signals_closed);
    }
    if (--run->closing > 0)
        loop_run(run->loop);
    if (run->signal_fd >= 0)
        close(run->signal_fd);
}

static int stream(struct run *run)
{
    char start[SAY_START_BYTES];
    if (watch_signals(run) != STATUS_OK || open_source(run) != STATUS_OK)
        return SAY_EXIT_USAGE;
    if (speech_init(&run->speech, run->source, run->options->keep_s,
                    run->options->input == SAY_INPUT_MIC) != STATUS_OK) {
        output_error(&run->output, "no memory for %u s of audio; --keep less",
                     run->options->keep_s);
        return SAY_EXIT_USAGE;
    }
    if (start_message(run->options, source_rate(run->source), &run->resume, start, sizeof start) ==
        0) {
        output_error(&run->output, "--name, --class and the token must be UTF-8 and not endless");
        return SAY_EXIT_USAGE;
    }
    if (loop_uv_create(&run->uv, run->loop) != STATUS_OK)
        return SAY_EXIT_CONNECT;
    set_deadline(run, SAY_CONNECT_MS);
    int status = connect_client(run);
    if (status != STATUS_OK)
        return status == STATUS_INVALID ? SAY_EXIT_USAGE : SAY_EXIT_CONNECT;
    loop_run(run->loop);
    return run->exit_code >= 0 ? run->exit_code : (int)outcome_exit(&run->outcome, run->options);
}

int run(const struct options *options)
{
    struct run run = {.options = options, .exit_code = -1, .signal_fd = -1, .retry_after_ms = -1};
    rng_init(&run.rng, rng_seed());
    log_set_level(LOG_LEVEL_ERROR);
    if (output_open(&run.output, options) != STATUS_OK) {
        output_error(&run.output, "cannot write %s", options->srt_file);
        output_close(&run.output);
        return SAY_EXIT_USAGE;
    }
    int exit_code = SAY_EXIT_CONNECT;
    if (loop_create(&run.loop, LOOP_AUTO) != STATUS_OK) {
        output_error(&run.output, "no event loop can be made here");
    } else {
        exit_code = stream(&run);
        close_parts(&run);
        speech_deinit(&run.speech);
        loop_destroy(run.loop);
    }
    if (exit_code == SAY_EXIT_EMPTY)
        tell_empty(&run.output, &run.outcome);
    output_close(&run.output);
    return exit_code;
}
