#include "bench/sim_fault.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/status.h"
#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ENTRY_BYTES  128 /* of one fault in a list, its NUL counted */
#define CHOICE_BYTES 16  /* of a text argument, its NUL counted */
#define NUMBER_MAX   1000000000
#define SECONDS_MAX  1000000

enum when { WHEN_ALWAYS, WHEN_CHANCE, WHEN_EVERY, WHEN_FIRST, WHEN_AT, WHEN_FROM };

/* One fault of the list. */
struct entry {
    enum sim_fault fault;
    enum when when;
    double chance;
    uint64_t n;               /* of every and first */
    int64_t from_ms, till_ms; /* of at and from */
    int64_t argument;
    uint64_t occasions;
    bool spent; /* at: has struck */
};

struct sim_fault_plan {
    struct entry entries[SIM_FAULT_LIST_MAX];
    size_t len;
    uint64_t struck[SIM_FAULTS];
    char text[SIM_FAULTS][CHOICE_BYTES];
};

/* What SIM_FAULT_MAP says. `argument` is empty (none), "what" (a number that must be given),
 * "what=default" or "one|another|third". */
static const struct {
    const char *name, *argument, *help;
    enum sim_fault_side side;
} faults[] = {
#define X(name, text, side, argument, help) {text, argument, help, SIM_SIDE_##side},
    SIM_FAULT_MAP(X)
#undef X
};

const char *sim_fault_name(enum sim_fault fault)
{
    assert(fault < SIM_FAULTS);
    return faults[fault].name;
}

void sim_fault_help(FILE *out)
{
    static const char *const sides[] = {
        [SIM_SIDE_SPEECH] = "speech", [SIM_SIDE_CHAT] = "chat", [SIM_SIDE_BOTH] = "both"};
    fputs("A list of faults is FAULT[:ARGUMENT][@WHEN], separated by commas. WHEN is\n"
          "  0.05          a chance, of every request, stream or connection\n"
          "  every:N       each Nth\n"
          "  first:N       the first N\n"
          "  at:S          once, S seconds after the start\n"
          "  from:S:for:S  all of them in that time\n"
          "and without it a fault always strikes. Example: error:503@0.01,stall@every:50\n\n",
          out);
    for (int i = 0; i < SIM_FAULTS; i++) {
        char left[64];
        bool argument = faults[i].argument[0] != '\0';
        snprintf(left, sizeof left, "%s%s%s", faults[i].name, argument ? ":" : "",
                 faults[i].argument);
        fprintf(out, "  %-6s  %-28s  %s\n", sides[faults[i].side], left, faults[i].help);
    }
}

/* -- reading a list -- */

static int wrong(char *error, unsigned size, const char *entry, const char *why)
{
    snprintf(error, size, "fault '%s': %s", entry, why);
    return STATUS_INVALID;
}

/* The whole of `text` as a number of 0 … max. */
static bool real_read(const char *text, double max, double *out)
{
    char *end;
    if (text[0] < '0' || text[0] > '9')
        return false;
    double value = strtod(text, &end);
    if (*end != '\0' || !isfinite(value) || value < 0 || value > max)
        return false;
    *out = value;
    return true;
}

static bool number_read(const char *text, int64_t *out)
{
    if (text[0] == '\0' || text[strspn(text, "0123456789")] != '\0' || strlen(text) > 10)
        return false;
    int64_t value = strtoll(text, NULL, 10);
    if (value > NUMBER_MAX)
        return false;
    *out = value;
    return true;
}

static bool count_read(const char *text, uint64_t *out)
{
    int64_t value;
    if (!number_read(text, &value) || value == 0)
        return false;
    *out = (uint64_t)value;
    return true;
}

static bool seconds_read(const char *text, int64_t *out_ms)
{
    double value;
    if (!real_read(text, SECONDS_MAX, &value))
        return false;
    *out_ms = (int64_t)(value * 1000 + 0.5);
    return true;
}

/* "S:for:S", which it takes apart. */
static bool window_read(char *text, struct entry *entry)
{
    char *length = strstr(text, ":for:");
    int64_t length_ms;
    if (length == NULL)
        return false;
    *length = '\0';
    if (!seconds_read(text, &entry->from_ms) || !seconds_read(length + strlen(":for:"), &length_ms))
        return false;
    entry->till_ms = entry->from_ms + length_ms;
    return true;
}

static bool when_read(char *text, struct entry *entry)
{
    if (strncmp(text, "every:", 6) == 0) {
        entry->when = WHEN_EVERY;
        return count_read(text + 6, &entry->n);
    }
    if (strncmp(text, "first:", 6) == 0) {
        entry->when = WHEN_FIRST;
        return count_read(text + 6, &entry->n);
    }
    if (strncmp(text, "at:", 3) == 0) {
        entry->when = WHEN_AT;
        return seconds_read(text + 3, &entry->from_ms);
    }
    if (strncmp(text, "from:", 5) == 0) {
        entry->when = WHEN_FROM;
        return window_read(text + 5, entry);
    }
    entry->when = WHEN_CHANCE;
    return real_read(text, 1, &entry->chance);
}

/* The choice at `place` of "one|another"; false: there are not so many. */
static bool choice_at(const char *choices, int64_t place, char out[CHOICE_BYTES])
{
    for (; place > 0; place--) {
        choices = strchr(choices, '|');
        if (choices == NULL)
            return false;
        choices++;
    }
    size_t len = strcspn(choices, "|");
    assert(len < CHOICE_BYTES);
    memcpy(out, choices, len);
    out[len] = '\0';
    return true;
}

/* `text` NULL: none was given. */
static bool argument_read(const char *text, struct entry *entry)
{
    const char *form = faults[entry->fault].argument;
    const char *preset = strchr(form, '=');
    char choice[CHOICE_BYTES];
    if (form[0] == '\0')
        return text == NULL;
    if (strchr(form, '|') == NULL) {
        if (text == NULL)
            text = preset != NULL ? preset + 1 : "";
        return number_read(text, &entry->argument);
    }
    for (entry->argument = 0; choice_at(form, entry->argument, choice); entry->argument++) {
        if (text == NULL || strcmp(text, choice) == 0)
            return true;
    }
    return false;
}

/* A number that no wire carries would only be found out when it strikes. */
static bool argument_fits(const struct entry *entry)
{
    if (entry->fault == SIM_FAULT_ERROR)
        return entry->argument >= 400 && entry->argument <= 599;
    if (entry->fault == SIM_FAULT_STATUS)
        return entry->argument >= 1 && entry->argument <= 16;
    return true;
}

static bool name_find(const char *name, enum sim_fault *out)
{
    for (int i = 0; i < SIM_FAULTS; i++) {
        if (strcmp(faults[i].name, name) == 0) {
            *out = (enum sim_fault)i;
            return true;
        }
    }
    return false;
}

static int argument_wrong(char *error, unsigned size, const char *text, enum sim_fault fault)
{
    const char *form = faults[fault].argument;
    if (form[0] == '\0')
        return wrong(error, size, text, "takes no argument");
    snprintf(error, size, "fault '%s': its argument is '%s'", text, form);
    return STATUS_INVALID;
}

static int entry_read(const char *text, enum sim_fault_side side, struct entry *out, char *error,
                      unsigned size)
{
    char part[ENTRY_BYTES];
    struct entry entry = {0};
    snprintf(part, sizeof part, "%s", text);
    char *when = strchr(part, '@');
    if (when != NULL)
        *when++ = '\0';
    char *argument = strchr(part, ':');
    if (argument != NULL)
        *argument++ = '\0';
    if (!name_find(part, &entry.fault))
        return wrong(error, size, text, "there is none of that name; --faults lists them");
    if ((faults[entry.fault].side & side) == 0)
        return wrong(error, size, text,
                     side == SIM_SIDE_CHAT ? "only the speech API has it"
                                           : "only the chat API has it");
    if (!argument_read(argument, &entry))
        return argument_wrong(error, size, text, entry.fault);
    if (!argument_fits(&entry))
        return wrong(error, size, text,
                     entry.fault == SIM_FAULT_ERROR ? "an error's status is 400 to 599"
                                                    : "a gRPC status is 1 to 16");
    if (when != NULL && !when_read(when, &entry))
        return wrong(error, size, text,
                     "behind @ comes a chance of 0 to 1, every:N, first:N, at:S or from:S:for:S");
    *out = entry;
    return 0;
}

static int list_read(struct sim_fault_plan *plan, const char *list, enum sim_fault_side side,
                     char *error, unsigned size)
{
    int status = 0;
    for (const char *at = list; *at != '\0' && status == 0;) {
        char text[ENTRY_BYTES];
        at += strspn(at, " ");
        size_t len = strcspn(at, ",");
        size_t trimmed = len;
        while (trimmed > 0 && at[trimmed - 1] == ' ')
            trimmed--;
        snprintf(text, sizeof text, "%.*s", (int)trimmed, at);
        if (trimmed >= sizeof text)
            status = wrong(error, size, text, "too long");
        else if (plan->len == SIM_FAULT_LIST_MAX)
            status = wrong(error, size, text, "too many in one list");
        else if (trimmed > 0)
            status = entry_read(text, side, &plan->entries[plan->len], error, size);
        if (status == 0 && trimmed > 0)
            plan->len++;
        at += len + (at[len] == ',');
    }
    return status;
}

int sim_fault_plan_create(struct sim_fault_plan **out, const char *list, enum sim_fault_side side,
                          char *error, unsigned size)
{
    assert(out != NULL && list != NULL && error != NULL && size > 0);
    struct sim_fault_plan *plan = mem_calloc(1, sizeof *plan);
    if (plan == NULL) {
        snprintf(error, size, "out of memory");
        return STATUS_NOMEM;
    }
    for (int i = 0; i < SIM_FAULTS; i++) {
        if (strchr(faults[i].argument, '|') != NULL)
            choice_at(faults[i].argument, 0, plan->text[i]);
    }
    int status = list_read(plan, list, side, error, size);
    if (status != 0) {
        sim_fault_plan_destroy(plan);
        return status;
    }
    *out = plan;
    return 0;
}

void sim_fault_plan_destroy(struct sim_fault_plan *plan)
{
    mem_free(plan);
}

/* -- striking -- */

static bool entry_strikes(struct entry *entry, int64_t elapsed_ms, struct rng *rng)
{
    entry->occasions++;
    switch (entry->when) {
    case WHEN_ALWAYS: return true;
    case WHEN_CHANCE: return rng_unit(rng) < entry->chance;
    case WHEN_EVERY: return entry->occasions % entry->n == 0;
    case WHEN_FIRST: return entry->occasions <= entry->n;
    case WHEN_AT:
        if (entry->spent || elapsed_ms < entry->from_ms)
            return false;
        entry->spent = true;
        return true;
    case WHEN_FROM: return elapsed_ms >= entry->from_ms && elapsed_ms < entry->till_ms;
    }
    return false;
}

bool sim_fault_strikes(struct sim_fault_plan *plan, enum sim_fault fault, int64_t elapsed_ms,
                       struct rng *rng, int64_t *argument)
{
    const struct entry *hit = NULL;
    assert(fault < SIM_FAULTS && rng != NULL);
    for (size_t i = 0; i < plan->len; i++) {
        struct entry *entry = &plan->entries[i];
        /* An entry behind the one that strikes still sees the occasion: its own count goes on. */
        if (entry->fault == fault && hit == NULL && entry_strikes(entry, elapsed_ms, rng))
            hit = entry;
        else if (entry->fault == fault && hit != NULL)
            entry->occasions++;
    }
    if (hit == NULL)
        return false;
    plan->struck[fault]++;
    if (strchr(faults[fault].argument, '|') != NULL)
        choice_at(faults[fault].argument, hit->argument, plan->text[fault]);
    if (argument != NULL)
        *argument = hit->argument;
    return true;
}

const char *sim_fault_plan_text(const struct sim_fault_plan *plan, enum sim_fault fault)
{
    assert(fault < SIM_FAULTS);
    return plan->text[fault];
}

uint64_t sim_fault_count(const struct sim_fault_plan *plan, enum sim_fault fault)
{
    assert(fault < SIM_FAULTS);
    return plan->struck[fault];
}
