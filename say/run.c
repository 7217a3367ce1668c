/*
 * The session: connecting → starting → streaming → ending → over. Signals, timers, the source and
 * the connection all end in one of the on_… functions here.
 */
#include "say/run.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/status.h"
#include "loop/loop.h"
#include "loop/loop_uv.h"
#include "say/client.h"
#include "say/event.h"
#include "say/outcome.h"
#include "say/output.h"
#include "say/pace.h"
#include "say/source.h"
#include "say/start.h"
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
    struct pace pace;
    enum state state;
    bool control_sent; /* the message this state owes */
    bool starved;      /* a live source has nothing yet */
    uint64_t samples;  /* sent */
    int64_t drain_ms;
    int exit_code; /* -1: follows from the outcome */
    int signal_fd;
    struct loop_poll signals;
    struct loop_timer deadline, pace_timer;
    unsigned closing; /* parts whose on_closed is awaited */
};

static void set_state(struct run *run, enum state state)
{
    static const uint8_t allowed[] = {
        [STATE_CONNECTING] = 1 << STATE_STARTING | 1 << STATE_OVER,
        [STATE_STARTING] = 1 << STATE_STREAMING | 1 << STATE_OVER,
        [STATE_STREAMING] = 1 << STATE_ENDING | 1 << STATE_OVER,
        [STATE_ENDING] = 1 << STATE_OVER,
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

static void on_deadline(struct loop_timer *timer)
{
    struct run *run = (struct run *)((char *)timer - offsetof(struct run, deadline));
    bool ending = run->state == STATE_ENDING;
    if (run->state == STATE_OVER) {
        leave(run, -1);
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

static void on_pace(struct loop_timer *timer)
{
    struct run *run = (struct run *)((char *)timer - offsetof(struct run, pace_timer));
    client_want_write(run->client);
}

static size_t frame_samples(const struct run *run)
{
    return source_rate(run->source) * SAY_FRAME_MS / 1000;
}

/* Asks to write the next frame, now or when it is due. */
static void plan_frame(struct run *run)
{
    if (run->state != STATE_STREAMING || run->starved)
        return;
    int64_t due_us = pace_due_us(&run->pace, run->samples + frame_samples(run));
    if (due_us <= loop_now_us(run->loop))
        client_want_write(run->client);
    else if (loop_timer_start(run->loop, &run->pace_timer, due_us, on_pace) != STATUS_OK)
        leave(run, SAY_EXIT_LOST);
}

static void on_more(void *ctx)
{
    struct run *run = ctx;
    run->starved = false;
    plan_frame(run);
}

static enum client_frame write_control(struct run *run, uint8_t *out, size_t cap, size_t *len)
{
    if (run->control_sent)
        return CLIENT_NOTHING;
    run->control_sent = true;
    if (run->state == STATE_STARTING) {
        *len = start_message(run->options, source_rate(run->source), (char *)out, cap);
        assert(*len > 0); /* options were checked by building it once */
    } else {
        *len = (size_t)snprintf((char *)out, cap, "{\"type\":\"session.end\"}");
    }
    return CLIENT_TEXT;
}

static enum client_frame write_audio(struct run *run, uint8_t *out, size_t *len)
{
    int16_t samples[SAY_FRAME_SAMPLES];
    if (pace_due_us(&run->pace, run->samples + frame_samples(run)) > loop_now_us(run->loop)) {
        plan_frame(run);
        return CLIENT_NOTHING;
    }
    int got = source_read(run->source, samples, frame_samples(run));
    if (got == STATUS_AGAIN) {
        run->starved = true;
        return CLIENT_NOTHING;
    }
    if (got <= 0) {
        if (got < 0)
            output_error(&run->output, "the input broke off: %s", status_text(got));
        end_audio(run);
        return CLIENT_NOTHING;
    }
    for (int i = 0; i < got; i++) {
        out[2 * i] = (uint8_t)(samples[i] & 0xff);
        out[2 * i + 1] = (uint8_t)((uint16_t)samples[i] >> 8);
    }
    *len = (size_t)got * 2;
    run->samples += (uint64_t)got;
    output_sent(&run->output, run->samples, clock_mono_us());
    plan_frame(run);
    return CLIENT_BINARY;
}

static enum client_frame on_writable(void *ctx, uint8_t *out, size_t cap, size_t *len)
{
    struct run *run = ctx;
    switch (run->state) {
    case STATE_STARTING:
    case STATE_ENDING: return write_control(run, out, cap, len);
    case STATE_STREAMING: return write_audio(run, out, len);
    case STATE_CONNECTING:
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

static void on_started(struct run *run, const struct event *event)
{
    if (run->state != STATE_STARTING)
        return;
    set_state(run, STATE_STREAMING);
    loop_timer_stop(&run->deadline);
    run->drain_ms = event->drain_ms < SAY_DRAIN_MAX_MS ? event->drain_ms : SAY_DRAIN_MAX_MS;
    run->samples = event->audio_samples;
    pace_start(&run->pace, loop_now_us(run->loop), run->samples, source_rate(run->source),
               run->options->speed);
    plan_frame(run);
}

static void on_error(struct run *run, const struct event *event)
{
    char retry[64] = "";
    if (event->retry_after_ms >= 0)
        snprintf(retry, sizeof retry, "; try again in %" PRId64 " s",
                 (event->retry_after_ms + 999) / 1000);
    output_error(&run->output, "the server %s: %s: %s%s", event->fatal ? "refuses" : "says",
                 event->code, event->message, retry);
    if (event->fatal && strcmp(event->code, "unauthorized") == 0)
        output_error(&run->output, "give a valid token in SOTTO_TOKEN");
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
    outcome_event(&run->outcome, run->options, &event);
    output_event(&run->output, &event, text, len, now_us);
    if (event.type == EVENT_STARTED)
        on_started(run, &event);
    else if (event.type == EVENT_ERROR)
        on_error(run, &event);
    if (event.type == EVENT_ENDED && run->state != STATE_OVER) {
        set_state(run, STATE_OVER);
        set_deadline(run, 2000); /* for the server's Close */
        client_finish(run->client);
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

static void tell_end(struct run *run, const struct client_end *end)
{
    const struct say_url *url = &run->options->url;
    if (end->http_status >= 400)
        output_error(&run->output, "%s:%u refused the connection: HTTP %u", url->host, url->port,
                     end->http_status);
    else if (!end->opened && url->tls && strstr(end->text, "SSL") != NULL)
        output_error(&run->output,
                     "no secure connection to %s:%u: %s; name its certificate authority with --ca",
                     url->host, url->port, end->text);
    else if (!end->opened)
        output_error(&run->output, "cannot connect to %s:%u (%s); is the server running?",
                     url->host, url->port, *end->text != '\0' ? end->text : "no answer");
    else if (!run->outcome.refused)
        output_error(&run->output, "the connection was lost (close code %u %s)", end->close_code,
                     end->text);
}

static void on_end(void *ctx, const struct client_end *end)
{
    struct run *run = ctx;
    if (!run->outcome.ended && run->state != STATE_OVER) {
        tell_end(run, end);
        if (!run->outcome.started && refuses(end))
            run->outcome.refused = true;
    }
    leave(run, -1);
}

static void on_signal(struct loop_poll *poll, unsigned events)
{
    struct run *run = (struct run *)((char *)poll - offsetof(struct run, signals));
    struct signalfd_siginfo info;
    if (read(run->signal_fd, &info, sizeof info) != sizeof info)
        return;
    if (info.ssi_signo == SIGWINCH)
        output_resize(&run->output);
    else if (run->state == STATE_STREAMING)
        end_audio(run);
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
    if (start_message(run->options, source_rate(run->source), start, sizeof start) == 0) {
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

static void tell_empty(struct run *run)
{
    if (run->outcome.captions == 0) {
        output_error(&run->output, "no captions came; is there speech in the input?");
        return;
    }
    for (unsigned i = 0; i < run->options->targets_count; i++) {
        if (run->outcome.translations[i] == 0)
            output_error(&run->output, "no translation into %s came", run->options->targets[i]);
    }
}

int run(const struct options *options)
{
    struct run run = {.options = options, .exit_code = -1, .signal_fd = -1};
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
        loop_destroy(run.loop);
    }
    if (exit_code == SAY_EXIT_EMPTY)
        tell_empty(&run);
    output_close(&run.output);
    return exit_code;
}
