/* The run: who opens, speaks, ends and vanishes when, and the turn that makes it happen. */
#include "bench/load.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/status.h"
#include "bench/judge.h"
#include "bench/load_client.h"
#include "bench/load_cut.h"
#include "bench/load_start.h"
#include "bench/load_teacher.h"
#include "bench/load_tls.h"
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define SECOND_US     1000000
#define TURN_GAP_US   250             /* from one wake-up to the next, at least */
#define TURN_DUES     256             /* handled before the kernel is asked again */
#define END_SPREAD_US (5 * SECOND_US) /* sessions end over so long, unless all at once */
#define JOIN_US       SECOND_US       /* for sockets to close at the very end */
#define TAIL_US       1500000         /* from the last session's end to the teachers' */
#define SPARE_FDS     64              /* besides the sockets */
#define REQUEST_MAX   2048

enum phase {
    PHASE_BEFORE, /* ramp and warm-up */
    PHASE_WINDOW,
    PHASE_DRAIN,
    PHASE_OVER
};

struct load {
    struct load_field field;
    struct load_client *clients; /* that speak, are silent, watch */
    uint32_t clients_len;
    struct load_teacher *teachers;
    const struct load_hooks *hooks;
    enum phase phase;
    int64_t begin_us, window_us, middle_us, drain_us, over_us; /* when each part begins */
    int64_t tail_us; /* teachers may go then; 0: sessions are open */
    int64_t next_second_us;
    int64_t woke_us;  /* when the last sleep ended */
    bool reconnected; /* the storm in mid-window was let loose */
    struct load_done done[LOAD_REAP_MAX];
};

static volatile sig_atomic_t interrupts;

static void on_interrupt(int number)
{
    interrupts++;
}

/* -- setting up -- */

static int write_messages(struct load_field *field)
{
    const struct load_config *config = field->config;
    buf_init(&field->request, REQUEST_MAX);
    int status =
        load_ws_request(config->host, config->port, "/v1/stream", "sotto.v1", &field->request);
    buf_init(&field->watch_request, REQUEST_MAX);
    if (status == STATUS_OK)
        status = load_ws_request(config->host, config->port, "/v1/monitor", "sotto.monitor.v1",
                                 &field->watch_request);
    if (status == STATUS_OK)
        status = load_start_init(field);
    if (status != STATUS_OK)
        return status;
    size_t frame = LOAD_HEAD_MAX + load_voice_frame_bytes(&config->voice);
    const size_t others[] = {field->request.len, field->watch_request.len,
                             load_teacher_message_max(config) + LOAD_HEAD_MAX,
                             load_start_bytes_max(field) + LOAD_HEAD_MAX,
                             LOAD_CONTROL_MAX + LOAD_HEAD_MAX};
    for (unsigned i = 0; i < sizeof others / sizeof others[0]; i++)
        frame = others[i] > frame ? others[i] : frame;
    load_frame_pool_init(&field->pool, frame);
    return STATUS_OK;
}

static int parse_address(struct load_field *field)
{
    const struct load_config *config = field->config;
    struct sockaddr_in *v4 = (struct sockaddr_in *)&field->address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&field->address;
    if (inet_pton(AF_INET, config->host, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons((uint16_t)config->port);
        field->address_bytes = sizeof *v4;
    } else if (inet_pton(AF_INET6, config->host, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons((uint16_t)config->port);
        field->address_bytes = sizeof *v6;
    } else {
        fprintf(stderr, "sotto-bench: %s is not a numeric address\n", config->host);
        return STATUS_INVALID;
    }
    return STATUS_OK;
}

static int raise_descriptors(uint32_t sockets)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return STATUS_IO;
    rlim_t need = (rlim_t)sockets + SPARE_FDS + LOAD_ABANDONED_MAX;
    if (limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    if (limit.rlim_cur >= need)
        return STATUS_OK;
    fprintf(stderr,
            "sotto-bench: %u sockets need %llu descriptors and the hard limit is %llu; raise it "
            "(ulimit -Hn, LimitNOFILE=) or ask for fewer sessions\n",
            sockets, (unsigned long long)need, (unsigned long long)limit.rlim_max);
    return STATUS_IO;
}

static enum load_role role_of(const struct load_config *config, uint32_t index)
{
    if (index >= config->sessions)
        return LOAD_SILENT;
    if (index < config->slow_readers)
        return LOAD_SLOW;
    index -= config->slow_readers;
    if (index < config->vanishing)
        return LOAD_VANISHING;
    return index - config->vanishing < config->greedy ? LOAD_GREEDY : LOAD_SPEAKER;
}

static void schedule_client(struct load *load, const struct load_client *client,
                            enum load_what what, int64_t at_us)
{
    load_schedule_push(&load->field.schedule, (struct load_due){.at_us = at_us,
                                                                .client = client->index,
                                                                .what = (uint16_t)what,
                                                                .life = client->life});
}

/* Speaking and silent sessions each open evenly over the ramp. */
static void schedule_opens(struct load *load, int64_t ramp_us)
{
    const struct load_config *config = load->field.config;
    for (uint32_t i = 0; i < config->sessions + config->silent; i++) {
        bool speaks = i < config->sessions;
        int64_t place = speaks ? i : i - config->sessions;
        int64_t of = speaks ? config->sessions : config->silent;
        schedule_client(load, &load->clients[i], LOAD_DUE_OPEN,
                        load->begin_us + ramp_us * place / of);
    }
}

/* When all sessions are there, over half of the time to the window. */
static void schedule_teachers(struct load *load, int64_t from_us)
{
    const struct load_config *config = load->field.config;
    int64_t spread_us = (int64_t)config->warmup_s * SECOND_US / 2;
    for (uint32_t i = 0; i < config->teachers; i++)
        schedule_client(load, &load->clients[config->sessions + config->silent + i], LOAD_DUE_OPEN,
                        from_us + spread_us * i / config->teachers);
}

static void plan(struct load *load)
{
    const struct load_config *config = load->field.config;
    int64_t ramp_us = config->storm == LOAD_STORM_START ? 0 : (int64_t)config->ramp_s * SECOND_US;
    int64_t window_us = (int64_t)config->seconds * SECOND_US;
    load->begin_us = clock_mono_us();
    load->window_us = load->begin_us + ramp_us + (int64_t)config->warmup_s * SECOND_US;
    load->middle_us = load->window_us + window_us / 2;
    load->drain_us = load->window_us + window_us;
    load->over_us = load->drain_us + (int64_t)config->drain_s * SECOND_US;
    load->next_second_us = load->begin_us + SECOND_US;
    load->field.now_us = load->begin_us;
    schedule_opens(load, ramp_us);
    schedule_teachers(load, load->begin_us + ramp_us);
}

static int load_init(struct load *load)
{
    struct load_field *field = &load->field;
    const struct load_config *config = field->config;
    assert(config->slow_readers + config->vanishing + config->greedy <= config->sessions);
    load->clients_len = config->sessions + config->silent + config->teachers;
    field->greedy_voice = config->voice;
    field->greedy_voice.pause_ms = 0;
    field->greedy_voice.speaking = 1;
    field->backlog_max = LOAD_BACKLOG_MS / config->voice.frame_ms;
    rng_init(&field->masks, config->voice.seed);
    int status = parse_address(field);
    if (status == STATUS_OK && config->tls)
        status = load_tls_context(&field->tls, config->ca_file);
    if (status == STATUS_OK)
        status = raise_descriptors(load->clients_len);
    if (status == STATUS_OK)
        status = write_messages(field);
    if (status == STATUS_OK)
        status = load_schedule_init(&field->schedule, load->clients_len * LOAD_DUE_A_CLIENT);
    if (status != STATUS_OK)
        return status;
    load->clients = mem_calloc(load->clients_len, sizeof *load->clients);
    load->teachers = mem_calloc(config->teachers + 1, sizeof *load->teachers);
    if (load->clients == NULL || load->teachers == NULL)
        return STATUS_NOMEM;
    uint32_t sessions = config->sessions + config->silent;
    for (uint32_t i = 0; i < sessions; i++)
        load_client_init(&load->clients[i], i, role_of(config, i));
    for (uint32_t i = 0; i < config->teachers && status == STATUS_OK; i++) {
        load_client_init(&load->clients[sessions + i], sessions + i, LOAD_TEACHER);
        load->clients[sessions + i].teacher = &load->teachers[i];
        status = load_teacher_init(&load->teachers[i], field, i);
    }
    return status;
}

static void load_deinit(struct load *load)
{
    struct load_field *field = &load->field;
    for (uint32_t i = 0; load->clients != NULL && i < load->clients_len; i++)
        load_client_deinit(field, &load->clients[i]);
    mem_free(load->clients);
    mem_free(load->teachers);
    load_schedule_deinit(&field->schedule);
    load_cut_close_all(field);
    load_tls_context_free(field->tls);
    load_frame_pool_deinit(&field->pool);
    buf_deinit(&field->request);
    buf_deinit(&field->watch_request);
    load_start_deinit(field);
}

/* -- the phases -- */

static void begin_window(struct load *load)
{
    struct load_field *field = &load->field;
    load->phase = PHASE_WINDOW;
    field->in_window = true;
    load->window_us = field->now_us;
    if (load->hooks->on_window != NULL)
        load->hooks->on_window(load->hooks->ctx, true);
    struct rng rng;
    rng_init(&rng, field->config->voice.seed + 1);
    for (uint32_t i = 0; i < load->clients_len; i++) {
        if (load->clients[i].role == LOAD_VANISHING)
            schedule_client(load, &load->clients[i], LOAD_DUE_CUT,
                            rng_range(&rng, load->window_us, load->drain_us));
    }
}

static void schedule_all(struct load *load, enum load_what what, int64_t spread_us)
{
    for (uint32_t i = 0; i < load->clients_len; i++)
        schedule_client(load, &load->clients[i], what,
                        load->field.now_us + spread_us * i / load->clients_len);
}

static void begin_drain(struct load *load)
{
    struct load_field *field = &load->field;
    if (load->phase == PHASE_WINDOW) {
        field->sum->seconds = (double)(field->now_us - load->window_us) / SECOND_US;
        if (load->hooks->on_window != NULL)
            load->hooks->on_window(load->hooks->ctx, false);
    }
    load->phase = PHASE_DRAIN;
    field->in_window = false;
    field->draining = true;
    int64_t drain_us = (int64_t)field->config->drain_s * SECOND_US;
    load->over_us = field->now_us + drain_us;
    int64_t spread_us = drain_us / 4 < END_SPREAD_US ? drain_us / 4 : END_SPREAD_US;
    if (field->config->audio_s == 0)
        schedule_all(load, LOAD_DUE_END, field->config->storm == LOAD_STORM_END ? 0 : spread_us);
}

static void tell_second(struct load *load)
{
    const struct load_hooks *hooks = load->hooks;
    int64_t now_us = load->field.now_us;
    if (now_us < load->next_second_us)
        return;
    load->next_second_us += SECOND_US;
    if (hooks->on_second != NULL)
        hooks->on_second(hooks->ctx, (unsigned)((now_us - load->begin_us) / SECOND_US),
                         (unsigned)((load->drain_us - load->begin_us) / SECOND_US),
                         load->field.sum->started);
}

/* No session has started and none will: it makes no sense to go on. */
static bool hopeless(const struct load *load)
{
    const struct load_field *field = &load->field;
    bool refused = field->connected == 0 && field->sum->sockets_failed > 0;
    return field->sum->started == 0 && field->open == 0 && (refused || field->schedule.len == 0);
}

/* All sessions have ended, and teachers had time to see it. */
static bool all_is_seen(struct load *load)
{
    const struct load_field *field = &load->field;
    if (field->open > field->watching)
        return false;
    if (load->tail_us == 0)
        load->tail_us = field->now_us + (field->watching > 0 ? TAIL_US : 0);
    return field->now_us >= load->tail_us;
}

static void advance(struct load *load)
{
    struct load_field *field = &load->field;
    if (interrupts > 0 && load->phase < PHASE_DRAIN) {
        field->sum->interrupted = true;
        begin_drain(load);
    }
    if (load->phase == PHASE_BEFORE && field->now_us >= load->window_us)
        begin_window(load);
    if (load->phase == PHASE_WINDOW && field->now_us >= load->middle_us && !load->reconnected) {
        load->reconnected = true;
        if (field->config->storm == LOAD_STORM_RECONNECT)
            schedule_all(load, LOAD_DUE_AGAIN, 0);
    }
    if (load->phase == PHASE_WINDOW && field->now_us >= load->drain_us)
        begin_drain(load);
    if (load->phase == PHASE_DRAIN &&
        (all_is_seen(load) || field->now_us >= load->over_us || interrupts > 1))
        load->phase = PHASE_OVER;
    tell_second(load);
}

static int64_t next_us(const struct load *load)
{
    const int64_t phases[] = {load->window_us, load->middle_us, load->drain_us, load->over_us,
                              load->tail_us};
    int64_t next = load->next_second_us;
    const struct load_due *due = load_schedule_first(&load->field.schedule);
    if (due != NULL && due->at_us < next)
        next = due->at_us;
    for (unsigned i = 0; i < sizeof phases / sizeof phases[0]; i++) {
        if (phases[i] > load->field.now_us && phases[i] < next)
            next = phases[i];
    }
    return next;
}

/* -- the turn -- */

static void do_due(struct load *load)
{
    struct load_field *field = &load->field;
    struct load_due due;
    for (unsigned i = 0; i < TURN_DUES && field->dues_len < LOAD_TURN_FRAMES &&
                         load_schedule_pop(&field->schedule, field->now_us, &due);
         i++)
        load_client_due(field, &load->clients[due.client], &due);
}

/* What this turn built goes to the kernel now. */
static void note_late(struct load_field *field, int64_t now_us)
{
    for (unsigned i = 0; i < field->dues_len && field->in_window; i++)
        hist_add(&field->sum->send_late, now_us - field->dues[i]);
    field->dues_len = 0;
}

static void note_lag(struct load_field *field, int64_t lag_us)
{
    if (field->in_window)
        hist_add(&field->sum->own_lag, lag_us);
}

/*
 * Completions carry no time. One that came while the last turn was at work has waited since that
 * turn began at the most; one that ended the sleep has waited since the wake-up. A late timer
 * counts too: it tells that the thread did not get the processor.
 */
static void do_done(struct load *load, int64_t since_us)
{
    struct load_field *field = &load->field;
    unsigned count = load_ring_reap(&field->ring, load->done);
    for (unsigned i = 0; i < count; i++) {
        const struct load_done *done = &load->done[i];
        load_client_done(field, &load->clients[done->client], done);
        load_ring_give_back(&field->ring, done);
        note_lag(field, clock_mono_us() - since_us);
    }
}

/*
 * Sleeps until something is due or done, but not for less than TURN_GAP_US after the last wake-up:
 * a context switch for each of ten thousand frames a second would cost more than the frames. What
 * waits meanwhile is counted as late.
 */
static int sleep_until(struct load *load, int64_t until_us, int64_t now_us)
{
    struct load_ring *ring = &load->field.ring;
    int64_t gap_us = load->woke_us + TURN_GAP_US - now_us;
    if (gap_us > 0) {
        int status = load_ring_wait(ring, LOAD_REAP_MAX, gap_us);
        now_us = clock_mono_us();
        if (status != STATUS_OK || load_ring_pending(ring) || now_us >= until_us)
            return status;
    }
    return load_ring_wait(ring, 1, until_us > now_us ? until_us - now_us : 0);
}

static int turn(struct load *load)
{
    struct load_field *field = &load->field;
    int64_t until_us = next_us(load), now_us = clock_mono_us();
    note_late(field, now_us);
    int status = sleep_until(load, until_us, now_us);
    if (status != STATUS_OK)
        return status;
    field->now_us = clock_mono_us();
    bool slept = field->now_us - load->woke_us > TURN_GAP_US;
    if (until_us > now_us && field->now_us >= until_us)
        note_lag(field, field->now_us - until_us);
    do_done(load, slept ? field->now_us : load->woke_us);
    load->woke_us = field->now_us;
    field->now_us = clock_mono_us();
    do_due(load);
    return STATUS_OK;
}

static int run(struct load *load)
{
    plan(load);
    while (load->phase != PHASE_OVER && !hopeless(load)) {
        int status = turn(load);
        if (status != STATUS_OK)
            return status;
        advance(load);
    }
    return STATUS_OK;
}

/* Sockets are still open: they are cut, and joined for a while. */
static void stop(struct load *load)
{
    struct load_field *field = &load->field;
    for (uint32_t i = 0; i < load->clients_len; i++)
        load_client_stop(field, &load->clients[i]);
    field->schedule.len = 0;
    int64_t give_up_us = clock_mono_us() + JOIN_US;
    while (field->open > 0 && field->now_us < give_up_us) {
        load->next_second_us = give_up_us;
        if (turn(load) != STATUS_OK)
            return;
    }
}

static void explain(const struct load *load)
{
    const struct load_field *field = &load->field;
    const struct load_config *config = field->config;
    if (field->sum->started > 0 || field->sum->sockets_failed == 0)
        return;
    if (field->last_status > 0)
        fprintf(stderr, "sotto-bench: %s:%u answers the upgrade with HTTP %u\n", config->host,
                config->port, field->last_status);
    else
        fprintf(stderr, "sotto-bench: cannot connect to %s:%u: %s; is sotto running there?\n",
                config->host, config->port, strerror(field->last_error));
}

static int run_with_ring(struct load *load)
{
    struct sigaction action = {.sa_handler = on_interrupt}, before;
    interrupts = 0;
    sigaction(SIGINT, &action, &before);
    int status = run(load);
    stop(load);
    sigaction(SIGINT, &before, NULL);
    load_ring_deinit(&load->field.ring);
    explain(load);
    return status == STATUS_OK && hopeless(load) ? STATUS_IO : status;
}

int load_run(const struct load_config *config, struct judge *judge, const struct load_hooks *hooks,
             struct load_sum *out)
{
    assert(config->sessions + config->silent > 0);
    struct load *load = mem_calloc(1, sizeof *load);
    if (load == NULL)
        return STATUS_NOMEM;
    *out = (struct load_sum){0};
    load->hooks = hooks;
    load->field.config = config;
    load->field.judge = judge;
    load->field.sum = out;
    int status = load_init(load);
    if (status == STATUS_OK)
        status = load_ring_init(&load->field.ring);
    if (status == STATUS_UNSUPPORTED)
        status = STATUS_IO;
    else if (status == STATUS_OK)
        status = run_with_ring(load);
    load_deinit(load);
    mem_free(load);
    return status;
}
