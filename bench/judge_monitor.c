#include "bench/judge_monitor.h"

#include "base/mem.h"
#include "base/status.h"
#include <assert.h>

static const struct judge_text none = {"", 0};

void judge_monitor_deinit(struct judge_monitor *monitor)
{
    mem_free(monitor->glances);
    mem_free(monitor->finals);
    mem_free(monitor->gone);
    *monitor = (struct judge_monitor){0};
}

/* FNV-1a: texts are short. */
uint64_t judge_monitor_hash(uint64_t before, struct judge_text text)
{
    for (size_t i = 0; i < text.len; i++)
        before = (before ^ (unsigned char)text.data[i]) * 0x100000001b3u;
    return before;
}

static int make_room(void **list, uint32_t len, uint32_t *cap, size_t bytes)
{
    if (len < *cap)
        return STATUS_OK;
    if (len >= JUDGE_MONITOR_LIST_MAX)
        return STATUS_LIMIT;
    uint32_t more = *cap > 0 ? *cap * 2 : 16;
    void *grown = mem_realloc(*list, more * bytes);
    if (grown == NULL)
        return STATUS_NOMEM;
    *list = grown;
    *cap = more;
    return STATUS_OK;
}

static uint64_t to_whole(double number)
{
    return number > 0 && number < 0x1p53 ? (uint64_t)number : 0;
}

static void store_glance(struct judge_glance *out, struct judge_text key,
                         const struct judge_value *value)
{
    uint64_t number = value->kind == '0' ? to_whole(value->number) : 0;
    if (value->kind == '"' && judge_text_is(key, "session")) {
        out->session = value->text;
    } else if (value->kind == '"' && judge_text_is(key, "class")) {
        out->class_name = value->text;
    } else if (value->kind == '"' && judge_text_is(key, "text")) {
        out->has_text = true;
        out->text = judge_monitor_hash(JUDGE_MONITOR_HASH, value->text);
    } else if (judge_text_is(key, "segment")) {
        out->segment = number <= UINT32_MAX ? (uint32_t)number : 0;
    }
}

static void store_durable(struct judge_durable *out, struct judge_text key,
                          const struct judge_value *value)
{
    if (value->kind == '"' && judge_text_is(key, "session"))
        out->session = value->text;
    else if (value->kind == '0' && judge_text_is(key, "seq"))
        out->seq = to_whole(value->number);
}

/* The lists of a message, and what each of their entries is. */
enum list { LIST_GLANCES, LIST_FINALS, LIST_GONE };

static int read_object(struct judge_scan *scan, enum list list, void *out)
{
    struct judge_text key;
    struct judge_value value;
    if (!judge_scan_take(scan, '{'))
        return STATUS_INVALID;
    if (judge_scan_take(scan, '}'))
        return STATUS_OK;
    do {
        if (!judge_scan_key(scan, &key) || !judge_scan_value(scan, &value))
            return STATUS_INVALID;
        if (list == LIST_GLANCES)
            store_glance(out, key, &value);
        else
            store_durable(out, key, &value);
    } while (judge_scan_take(scan, ','));
    return judge_scan_take(scan, '}') ? STATUS_OK : STATUS_INVALID;
}

static int read_glance(struct judge_monitor *monitor, struct judge_scan *scan)
{
    int status = make_room((void **)&monitor->glances, monitor->glances_len, &monitor->glances_cap,
                           sizeof *monitor->glances);
    if (status != STATUS_OK)
        return status;
    struct judge_glance *glance = &monitor->glances[monitor->glances_len++];
    *glance = (struct judge_glance){.session = none, .class_name = none, .place = JUDGE_NOWHERE};
    return read_object(scan, LIST_GLANCES, glance);
}

static int read_final(struct judge_monitor *monitor, struct judge_scan *scan)
{
    int status = make_room((void **)&monitor->finals, monitor->finals_len, &monitor->finals_cap,
                           sizeof *monitor->finals);
    if (status != STATUS_OK)
        return status;
    struct judge_durable *final = &monitor->finals[monitor->finals_len++];
    *final = (struct judge_durable){.session = none, .place = JUDGE_NOWHERE};
    return read_object(scan, LIST_FINALS, final);
}

static int read_gone(struct judge_monitor *monitor, struct judge_scan *scan)
{
    struct judge_value value;
    int status = make_room((void **)&monitor->gone, monitor->gone_len, &monitor->gone_cap,
                           sizeof *monitor->gone);
    if (status != STATUS_OK)
        return status;
    if (!judge_scan_value(scan, &value) || value.kind != '"')
        return STATUS_INVALID;
    monitor->gone[monitor->gone_len++] = (struct judge_gone){value.text, JUDGE_NOWHERE};
    return STATUS_OK;
}

static int read_list(struct judge_monitor *monitor, struct judge_scan *scan, enum list list)
{
    int status = STATUS_OK;
    if (!judge_scan_take(scan, '['))
        return STATUS_INVALID;
    if (judge_scan_take(scan, ']'))
        return STATUS_OK;
    do {
        switch (list) {
        case LIST_GLANCES: status = read_glance(monitor, scan); break;
        case LIST_FINALS: status = read_final(monitor, scan); break;
        case LIST_GONE: status = read_gone(monitor, scan); break;
        }
    } while (status == STATUS_OK && judge_scan_take(scan, ','));
    if (status != STATUS_OK)
        return status;
    return judge_scan_take(scan, ']') ? STATUS_OK : STATUS_INVALID;
}

static enum judge_monitor_type type_of(struct judge_text name)
{
    if (judge_text_is(name, "delta"))
        return JUDGE_MONITOR_DELTA;
    if (judge_text_is(name, "snapshot"))
        return JUDGE_MONITOR_SNAPSHOT;
    return judge_text_is(name, "error") ? JUDGE_MONITOR_ERROR : JUDGE_MONITOR_OTHER;
}

static int read_member(struct judge_monitor *monitor, struct judge_scan *scan)
{
    struct judge_text key;
    struct judge_value value;
    if (!judge_scan_key(scan, &key))
        return STATUS_INVALID;
    if (judge_text_is(key, "changed") || judge_text_is(key, "sessions"))
        return read_list(monitor, scan, LIST_GLANCES);
    if (judge_text_is(key, "finals"))
        return read_list(monitor, scan, LIST_FINALS);
    if (judge_text_is(key, "gone"))
        return read_list(monitor, scan, LIST_GONE);
    if (!judge_scan_value(scan, &value))
        return STATUS_INVALID;
    if (value.kind == '"' && judge_text_is(key, "type"))
        monitor->type = type_of(value.text);
    else if (value.kind == '"' && judge_text_is(key, "code"))
        monitor->code = value.text;
    else if (value.kind == '"' && judge_text_is(key, "message"))
        monitor->message = value.text;
    return STATUS_OK;
}

int judge_monitor_parse(struct judge_monitor *monitor, const char *text, size_t len, char *scratch)
{
    assert(text != NULL && scratch != NULL);
    struct judge_scan scan = {text, text + len, scratch};
    int status = STATUS_OK;
    monitor->type = JUDGE_MONITOR_OTHER;
    monitor->glances_len = monitor->finals_len = monitor->gone_len = 0;
    monitor->code = monitor->message = none;
    if (!judge_scan_take(&scan, '{'))
        return STATUS_INVALID;
    if (!judge_scan_take(&scan, '}')) {
        do
            status = read_member(monitor, &scan);
        while (status == STATUS_OK && judge_scan_take(&scan, ','));
        if (status == STATUS_OK && !judge_scan_take(&scan, '}'))
            status = STATUS_INVALID;
    }
    return status != STATUS_OK || judge_scan_done(&scan) ? status : STATUS_INVALID;
}
