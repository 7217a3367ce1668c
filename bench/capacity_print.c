#include "bench/capacity_print.h"

#include "base/status.h"
#include <jansson.h>
#include <math.h>

#define CEILINGS 4 /* that are told one after the other */
#define BOLD     "\033[1m"
#define PLAIN    "\033[0m"

static const struct {
    const char *unit, *lift, *metric;
} resources[CAPACITY_RESOURCES] = {
#define X(name, text, unit, lift, metric) [CAPACITY_##name] = {unit, lift, metric},
    CAPACITY_RESOURCE_MAP(X)
#undef X
};

static const struct {
    const char *key, *unit;
} costs[CAPACITY_COSTS] = {
#define X(name, key, value, unit, help) [CAPACITY_COST_##name] = {key, unit},
    CAPACITY_COST_MAP(X)
#undef X
};

static const char *const limit_keys[CAPACITY_LIMITS] = {
#define X(name, flag, value, help) [CAPACITY_LIMIT_##name] = flag,
    CAPACITY_LIMIT_MAP(X)
#undef X
};

static const char *const origins[] = {
    [CAPACITY_BUILT_IN] = "built in", [CAPACITY_MEASURED] = "measured", [CAPACITY_GIVEN] = "given"};

/* A number with its thousands apart, up to three digits behind the point when it is small. */
static const char *shown(double value, char text[32])
{
    char digits[32];
    if (!isfinite(value)) {
        snprintf(text, 32, "no bound");
        return text;
    }
    if (value < 100 && value != floor(value)) {
        snprintf(text, 32, value < 1 ? "%.3f" : value < 10 ? "%.2f" : "%.1f", value);
        return text;
    }
    int len = snprintf(digits, sizeof digits, "%.0f", value);
    char *at = text;
    for (int i = 0; i < len && at < text + 30; i++) {
        if (i > 0 && (len - i) % 3 == 0)
            *at++ = ',';
        *at++ = digits[i];
    }
    *at = '\0';
    return text;
}

static void print_costs(const struct capacity_source *source, FILE *out)
{
    char text[32];
    fprintf(out, "Costs of a session (%s)\n", source->where);
    for (int i = 0; i < CAPACITY_COSTS; i++)
        fprintf(out, "  %-12s %12s %-6s %s\n", costs[i].key, shown(source->cost[i], text),
                costs[i].unit, origins[source->origin[i]]);
}

static void print_rows(const struct capacity_report *report, FILE *out, bool colour)
{
    double headroom = report->input->limit[CAPACITY_LIMIT_HEADROOM];
    fprintf(out, "\n%-15s %16s %16s %10s %14s\n", "resource", "usable limit", "a session",
            "sessions", "with headroom");
    for (int i = 0; i < CAPACITY_RESOURCES; i++) {
        const struct capacity_row *row = &report->answer->rows[i];
        const char *unit = resources[row->resource].unit;
        char limit[32], cost[32], sessions[32], safe[32];
        fprintf(out, "%s%-15s %9s %-6s %9s %-6s %10s %14s%s%s\n", colour && i == 0 ? BOLD : "",
                capacity_resource_name(row->resource), shown(row->limit, limit), unit,
                shown(row->cost, cost), unit, shown(row->sessions, sessions),
                shown(row->safe, safe), i == 0 ? "  <- first" : "", colour && i == 0 ? PLAIN : "");
    }
    fprintf(out,
            "Of chat budgets the server uses nine tenths; headroom leaves %.0f %% of each limit.\n",
            (1 - headroom) * 100);
}

static void print_ceilings(const struct capacity_report *report, FILE *out)
{
    const struct capacity_row *rows = report->answer->rows;
    char sessions[32], safe[32];
    fprintf(out, "\nThe answer: %s sessions, %s with headroom; %s gives way first.\n",
            shown(rows[0].sessions, sessions), shown(rows[0].safe, safe),
            capacity_resource_name(rows[0].resource));
    if (rows[0].resource == CAPACITY_REQUESTS || rows[0].resource == CAPACITY_TOKENS)
        fprintf(
            out,
            "  Past it partial translations and corrections thin out before any final is late:\n"
            "  finals alone would carry %s sessions.\n",
            shown(report->answer->finals_only, sessions));
    for (int i = 0; i < CEILINGS && i + 1 < CAPACITY_RESOURCES; i++) {
        fprintf(out, "  lift %s (%s): then %s at %s\n", capacity_resource_name(rows[i].resource),
                resources[rows[i].resource].lift, capacity_resource_name(rows[i + 1].resource),
                shown(rows[i + 1].sessions, sessions));
        if (!isfinite(rows[i + 1].sessions))
            break;
    }
}

static void print_tripwires(const struct capacity_report *report, FILE *out)
{
    char text[32];
    fprintf(out, "\nTripwires: add capacity when, of /metrics,\n");
    for (int i = 0; i < CAPACITY_RESOURCES; i++) {
        const struct capacity_row *row = &report->answer->rows[i];
        fprintf(out, "  %-15s %s >= %s\n", capacity_resource_name(row->resource),
                resources[row->resource].metric, shown(row->tripwire, text));
    }
}

static void print_end(const struct capacity_report *report, FILE *out)
{
    const double *limit = report->input->limit;
    char sessions[32], requests[32], drain[32], most[32];
    double late_s = report->end->late_s + limit[CAPACITY_LIMIT_ANSWER] / 1000;
    bool in_time = late_s * 1000 <= limit[CAPACITY_LIMIT_DEADLINE];
    fprintf(out,
            "\nEnd of a lesson: %s sessions end within %.0f s and are owed %s answers;\n"
            "  all are there after %s s, the last final %.1f s after it was asked: %s the %.1f s\n"
            "  of final_deadline_ms. At most %s may end so, by %s.\n",
            shown(report->sessions, sessions), limit[CAPACITY_LIMIT_END],
            shown(report->end->requests, requests), shown(report->end->drain_s, drain), late_s,
            in_time ? "within" : "PAST", limit[CAPACITY_LIMIT_DEADLINE] / 1000,
            shown(report->end->sessions, most), capacity_resource_name(report->end->by));
}

void capacity_print(const struct capacity_report *report, FILE *out, bool colour)
{
    print_costs(report->source, out);
    print_rows(report, out, colour);
    print_ceilings(report, out);
    print_tripwires(report, out);
    print_end(report, out);
}

static json_t *bounded(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *row_json(const struct capacity_row *row)
{
    return json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:s, s:s}", "resource",
                     capacity_resource_name(row->resource), "unit", resources[row->resource].unit,
                     "usable_limit", bounded(row->limit), "fixed", bounded(row->fixed), "cost",
                     bounded(row->cost), "sessions", bounded(row->sessions), "with_headroom",
                     bounded(row->safe), "tripwire", bounded(row->tripwire), "metric",
                     resources[row->resource].metric, "lift", resources[row->resource].lift);
}

static json_t *costs_json(const struct capacity_source *source)
{
    json_t *object = json_object();
    for (int i = 0; i < CAPACITY_COSTS; i++)
        json_object_set_new(object, costs[i].key,
                            json_pack("{s:o, s:s, s:s}", "value", bounded(source->cost[i]), "unit",
                                      costs[i].unit, "origin", origins[source->origin[i]]));
    return object;
}

static json_t *answer_json(const struct capacity_report *report)
{
    json_t *rows = json_array(), *limits = json_object();
    for (int i = 0; i < CAPACITY_RESOURCES; i++)
        json_array_append_new(rows, row_json(&report->answer->rows[i]));
    for (int i = 0; i < CAPACITY_LIMITS; i++)
        json_object_set_new(limits, limit_keys[i], bounded(report->input->limit[i]));
    const struct capacity_row *first = &report->answer->rows[0];
    const struct capacity_end *end = report->end;
    return json_pack("{s:s, s:o, s:o, s:o, s:s, s:o, s:o, s:o, s:{s:o, s:o, s:o, s:o, s:o, s:s}}",
                     "source", report->source->where, "costs", costs_json(report->source), "limits",
                     limits, "resources", rows, "first", capacity_resource_name(first->resource),
                     "sessions", bounded(first->sessions), "with_headroom", bounded(first->safe),
                     "finals_only", bounded(report->answer->finals_only), "end_of_lesson",
                     "sessions", bounded(report->sessions), "requests", bounded(end->requests),
                     "drain_s", bounded(end->drain_s), "late_s", bounded(end->late_s),
                     "sessions_in_time", bounded(end->sessions), "by",
                     capacity_resource_name(end->by));
}

int capacity_print_json(const struct capacity_report *report, FILE *out)
{
    json_t *object = answer_json(report);
    if (object == NULL)
        return STATUS_NOMEM;
    int failed = json_dumpf(object, out, JSON_INDENT(1) | JSON_REAL_PRECISION(6));
    json_decref(object);
    return failed == 0 && fputc('\n', out) != EOF ? STATUS_OK : STATUS_IO;
}
