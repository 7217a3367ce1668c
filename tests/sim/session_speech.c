#include "tests/sim/session_sim.h"

int speech_op_open(void *ctx, uint32_t id, char *config, size_t len)
{
    struct sim *s = ctx;
    mem_free(config);
    HOLD(s, len > 0 && !s->rules.refused);
    s->totals->calls++;
    return wire_open(&s->provider, id);
}

int speech_op_send(void *ctx, uint32_t id, struct stt_block *block)
{
    struct sim *s = ctx;
    return wire_send(&s->provider, id, block);
}

int speech_op_finish(void *ctx, uint32_t id)
{
    struct sim *s = ctx;
    return wire_finish(&s->provider, id);
}

int speech_op_cancel(void *ctx, uint32_t id)
{
    struct sim *s = ctx;
    return wire_cancel(&s->provider, id);
}

static void on_give(void *ctx, struct stt_event *event)
{
    struct sim *s = ctx;
    session_stt(s->session, event, s->now_us);
}

static void on_fail(void *ctx, const char *what, const char *file, int line)
{
    sim_failed(ctx, what, file, line);
}

void speech_init(struct sim *s)
{
    struct sim_provider *p = &s->provider;
    p->rng = &s->rng;
    p->tag = s->tag;
    p->began_us = s->began_us;
    p->trace = sim_trace;
    p->give = on_give;
    p->fail = on_fail;
    p->ctx = s;
    wire_script(p, s->client.length / 2);
    wire_manner(p);
    /* Where one hearing commits, a wrong word stays. */
    if (s->client.low && p->manner.truthful)
        p->manner.revise = 0;
    p->manner.refuses = p->manner.refuses || chance(s, 7);
    if (chance(s, 7)) { /* no room for another speaker */
        p->down_until_us = s->now_us + 60000 * MS;
        p->down_status = 8;
    }
}
