#include "bench/sim_latency.h"

#include "base/mem.h"
#include "base/rng.h"
#include "base/status.h"
#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum shape { SHAPE_FIXED, SHAPE_UNIFORM, SHAPE_LOGNORMAL, SHAPE_TRACE };

struct trace {
    int64_t *us;
    size_t len;
    atomic_size_t next; /* relaxed: draws need no order among threads */
};

struct sim_latency {
    enum shape shape;
    double a, b;         /* ms: the value; from and to; median and, without a unit, sigma */
    struct trace *trace; /* apart, since a draw moves its position */
};

static const struct {
    const char *name;
    enum shape shape;
    unsigned numbers;
    const char *form;
} shapes[] = {
    {"fixed", SHAPE_FIXED, 1, "fixed:MS"},
    {"uniform", SHAPE_UNIFORM, 2, "uniform:FROM:TO"},
    {"lognormal", SHAPE_LOGNORMAL, 2, "lognormal:MEDIAN:SIGMA"},
};

/* A number at the start of `text`, up to `end`; false: none, or not a waiting time. */
static bool number_read(const char *text, char end, double *out, const char **rest)
{
    char *stop;
    double value = strtod(text, &stop);
    /* Written so that a NaN is refused too. */
    if (stop == text || *stop != end || !(value >= 0 && value <= SIM_LATENCY_MS_MAX))
        return false;
    *out = value;
    *rest = stop;
    return true;
}

static int64_t ms_to_us(double ms)
{
    if (ms > SIM_LATENCY_MS_MAX)
        ms = SIM_LATENCY_MS_MAX;
    return (int64_t)(ms * 1000 + 0.5);
}

/* Removes white space around a line. */
static char *trim(char *line)
{
    line += strspn(line, " \t");
    line[strcspn(line, " \t\r\n")] = '\0';
    return line;
}

/* Appends a number, making room by doubling. STATUS_LIMIT, STATUS_NOMEM. */
static int trace_add(struct trace *trace, size_t *room, double ms)
{
    if (trace->len == SIM_LATENCY_TRACE_MAX)
        return STATUS_LIMIT;
    if (trace->len == *room) {
        size_t more = *room == 0 ? 256 : *room * 2;
        int64_t *us = mem_realloc(trace->us, more * sizeof *us);
        if (us == NULL)
            return STATUS_NOMEM;
        trace->us = us;
        *room = more;
    }
    trace->us[trace->len++] = ms_to_us(ms);
    return STATUS_OK;
}

static int trace_read(struct trace *trace, FILE *file, const char *path, char *error, unsigned size)
{
    char line[128];
    size_t room = 0;
    for (unsigned number = 1; fgets(line, sizeof line, file) != NULL; number++) {
        const char *text = trim(line), *rest;
        double ms;
        if (*text == '\0')
            continue;
        if (!number_read(text, '\0', &ms, &rest)) {
            snprintf(error, size, "%s:%u: \"%s\" is not a number of ms from 0 to %d", path, number,
                     text, SIM_LATENCY_MS_MAX);
            return STATUS_INVALID;
        }
        int status = trace_add(trace, &room, ms);
        if (status != STATUS_OK) {
            snprintf(error, size, "%s:%u: %s; a trace has at most %d numbers", path, number,
                     status_text(status), SIM_LATENCY_TRACE_MAX);
            return STATUS_INVALID;
        }
    }
    if (ferror(file) || trace->len == 0) {
        snprintf(error, size, "%s: %s", path,
                 ferror(file) ? strerror(errno) : "no numbers, one a line is needed");
        return STATUS_INVALID;
    }
    return STATUS_OK;
}

static int trace_open(struct sim_latency *latency, const char *path, char *error, unsigned size)
{
    latency->trace = mem_calloc(1, sizeof *latency->trace);
    if (latency->trace == NULL) {
        snprintf(error, size, "%s", status_text(STATUS_NOMEM));
        return STATUS_NOMEM;
    }
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        snprintf(error, size, "cannot read %s: %s", path, strerror(errno));
        return STATUS_INVALID;
    }
    int status = trace_read(latency->trace, file, path, error, size);
    fclose(file);
    return status;
}

/* "NAME:NUMBER" or "NAME:NUMBER:NUMBER"; a number alone is fixed. */
static int numbers_parse(struct sim_latency *latency, const char *text, char *error, unsigned size)
{
    const char *rest;
    if (number_read(text, '\0', &latency->a, &rest))
        return STATUS_OK;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        size_t name = strlen(shapes[i].name);
        if (strncmp(text, shapes[i].name, name) != 0 || text[name] != ':')
            continue;
        latency->shape = shapes[i].shape;
        char end = shapes[i].numbers == 1 ? '\0' : ':';
        if (number_read(text + name + 1, end, &latency->a, &rest) &&
            (end == '\0' || number_read(rest + 1, '\0', &latency->b, &rest)) &&
            (latency->shape != SHAPE_UNIFORM || latency->a <= latency->b) &&
            (latency->shape != SHAPE_LOGNORMAL || latency->a > 0))
            return STATUS_OK;
        snprintf(error, size, "latency \"%s\" is not %s with numbers from 0 to %d (ms)%s", text,
                 shapes[i].form, SIM_LATENCY_MS_MAX,
                 latency->shape == SHAPE_UNIFORM     ? ", FROM at most TO"
                 : latency->shape == SHAPE_LOGNORMAL ? ", MEDIAN above 0"
                                                     : "");
        return STATUS_INVALID;
    }
    snprintf(error, size,
             "latency \"%s\" is none of MS, uniform:FROM:TO, lognormal:MEDIAN:SIGMA, trace:FILE",
             text);
    return STATUS_INVALID;
}

int sim_latency_parse(const char *text, struct sim_latency **out, char *error, unsigned size)
{
    assert(text != NULL && error != NULL && size > 0);
    struct sim_latency *latency = mem_calloc(1, sizeof *latency);
    if (latency == NULL) {
        snprintf(error, size, "%s", status_text(STATUS_NOMEM));
        return STATUS_NOMEM;
    }
    int status;
    if (strncmp(text, "trace:", 6) == 0) {
        latency->shape = SHAPE_TRACE;
        status = trace_open(latency, text + 6, error, size);
    } else {
        status = numbers_parse(latency, text, error, size);
    }
    if (status != STATUS_OK) {
        sim_latency_destroy(latency);
        return status;
    }
    *out = latency;
    return STATUS_OK;
}

void sim_latency_destroy(struct sim_latency *latency)
{
    if (latency == NULL)
        return;
    if (latency->trace != NULL)
        mem_free(latency->trace->us);
    mem_free(latency->trace);
    mem_free(latency);
}

static int64_t trace_draw_us(struct trace *trace)
{
    size_t at = atomic_fetch_add_explicit(&trace->next, 1, memory_order_relaxed);
    return trace->us[at % trace->len];
}

int64_t sim_latency_draw_us(const struct sim_latency *latency, struct rng *rng)
{
    switch (latency->shape) {
    case SHAPE_FIXED: return ms_to_us(latency->a);
    case SHAPE_UNIFORM: return ms_to_us(latency->a + (latency->b - latency->a) * rng_unit(rng));
    case SHAPE_LOGNORMAL: return ms_to_us(rng_lognormal(rng, latency->a, latency->b));
    case SHAPE_TRACE: return trace_draw_us(latency->trace);
    }
    assert(false);
    return 0;
}
