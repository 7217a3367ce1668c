#include "bench/capacity_source.h"

#include "base/status.h"
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* A run that lost more, percent, or that added more, ms, did not carry its sessions: it is
 * overloaded and its costs are too small. */
#define DELIVERY_MIN   99.9
#define SERVER_P99_MAX 20

void capacity_source_init(struct capacity_source *source)
{
    *source = (struct capacity_source){.cost = {
#define X(name, key, value, unit, help) [CAPACITY_COST_##name] = value,
                                           CAPACITY_COST_MAP(X)
#undef X
                                       }};
    snprintf(source->where, sizeof source->where, "nothing measured here: built-in costs");
}

static double number(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

static void measured(struct capacity_source *source, enum capacity_cost cost, double value)
{
    if (!isfinite(value) || value < 0)
        return;
    source->cost[cost] = value;
    source->origin[cost] = CAPACITY_MEASURED;
}

static bool carried(const json_t *run)
{
    const json_t *figures = json_object_get(run, "figures");
    return json_is_true(json_object_get(run, "chosen")) &&
           !json_is_string(json_object_get(run, "void")) &&
           !json_is_string(json_object_get(run, "error")) &&
           !json_is_string(json_object_get(run, "without")) &&
           number(figures, "delivery") >= DELIVERY_MIN &&
           !(number(figures, "server_p99") > SERVER_P99_MAX);
}

/* Whether `run` answers the question better than `best`. */
static bool better(const json_t *run, const json_t *best, const struct capacity_pick *pick)
{
    if (best == NULL)
        return true;
    double speaking = number(run, "speaking"), best_speaking = number(best, "speaking");
    double sessions = number(run, "sessions"), best_sessions = number(best, "sessions");
    if (pick->speaking >= 0) {
        double gap = fabs(speaking - pick->speaking);
        double best_gap = fabs(best_speaking - pick->speaking);
        if (gap != best_gap)
            return gap < best_gap;
    } else if (speaking != best_speaking) {
        return speaking > best_speaking;
    }
    if (pick->sessions > 0)
        return fabs(sessions - pick->sessions) < fabs(best_sessions - pick->sessions);
    return sessions > best_sessions;
}

static void take_run(struct capacity_source *source, const json_t *run, const char *path)
{
    const json_t *figures = json_object_get(run, "figures");
    double sessions = number(run, "sessions"), speaking = number(run, "speaking");
    const json_t *server =
        json_object_get(json_object_get(json_object_get(run, "result"), "probe"), "server");
    double idle = number(server, "rss_idle_bytes");
    measured(source, CAPACITY_COST_CPU, number(figures, "cpu_ms"));
    /* Percent of one thread to milliseconds a second. */
    measured(source, CAPACITY_COST_LOOP, number(figures, "loop_busy") * 10 / sessions);
    measured(source, CAPACITY_COST_RSS, number(figures, "memory_session_kb"));
    measured(source, CAPACITY_COST_AUDIO, number(figures, "bytes_in"));
    measured(source, CAPACITY_COST_EVENTS, number(figures, "bytes_out"));
    measured(source, CAPACITY_COST_REQUESTS, number(figures, "requests_minute"));
    measured(source, CAPACITY_COST_TOKENS, number(figures, "tokens_minute"));
    measured(source, CAPACITY_COST_FINALS, number(figures, "finals_minute"));
    source->idle_mb = idle > 0 ? idle / 1e6 : 0;
    snprintf(source->where, sizeof source->where, "measured: %s, %.0f sessions, %.0f %% speaking",
             path, sessions, speaking * 100);
}

int capacity_source_file(struct capacity_source *source, const char *path,
                         const struct capacity_pick *pick, char error[CAPACITY_ERROR_BYTES])
{
    json_error_t problem;
    json_t *root = json_load_file(path, 0, &problem);
    if (root == NULL) {
        snprintf(error, CAPACITY_ERROR_BYTES, "%s: %s", path, problem.text);
        return problem.line < 0 ? STATUS_IO : STATUS_INVALID;
    }
    const json_t *runs = json_object_get(root, "runs"), *run, *best = NULL;
    size_t i;
    json_array_foreach(runs, i, run) if (carried(run) && number(run, "sessions") > 0 &&
                                         better(run, best, pick)) best = run;
    int status = STATUS_OK;
    if (!json_is_array(runs)) {
        snprintf(error, CAPACITY_ERROR_BYTES, "%s: not a results.json of make bench", path);
        status = STATUS_INVALID;
    } else if (best == NULL) {
        snprintf(error, CAPACITY_ERROR_BYTES,
                 "%s: no run that is not void, delivered %g %% and added at most %d ms", path,
                 DELIVERY_MIN, SERVER_P99_MAX);
        status = STATUS_NOT_FOUND;
    } else {
        take_run(source, best, path);
    }
    json_decref(root);
    return status;
}
