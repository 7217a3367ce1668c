/* The bench's reading of the monitor against a whole parser: as many entries, the same sessions. */
#include "base/status.h"
#include "bench/judge_monitor.h"
#include <assert.h>
#include <jansson.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_session(const json_t *entry, struct judge_text session)
{
    const json_t *value = json_object_get(entry, "session");
    if (!json_is_string(value))
        return;
    assert(json_string_length(value) == session.len);
    assert(memcmp(json_string_value(value), session.data, session.len) == 0);
}

static void check_alike(const json_t *object, const struct judge_monitor *monitor)
{
    const json_t *changed = json_object_get(object, "changed");
    const json_t *finals = json_object_get(object, "finals");
    if (json_object_get(object, "sessions") == NULL && json_is_array(changed)) {
        assert(json_array_size(changed) == monitor->glances_len);
        for (size_t i = 0; i < monitor->glances_len; i++)
            check_session(json_array_get(changed, i), monitor->glances[i].session);
    }
    for (size_t i = 0; i < monitor->finals_len; i++) {
        const json_t *seq = json_object_get(json_array_get(finals, i), "seq");
        check_session(json_array_get(finals, i), monitor->finals[i].session);
        if (json_is_integer(seq) && json_integer_value(seq) > 0 &&
            json_integer_value(seq) < 1LL << 52)
            assert((json_int_t)monitor->finals[i].seq == json_integer_value(seq));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct judge_monitor monitor;
    char *scratch = malloc(size + 1);
    int status = judge_monitor_parse(&monitor, (const char *)data, size, scratch);
    json_t *object = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
    if (status == STATUS_OK && object != NULL)
        check_alike(object, &monitor);
    json_decref(object);
    free(scratch);
    return 0;
}
