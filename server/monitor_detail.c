/* Sessions that somebody watches closely: their hosts are asked for every durable message. */
#include "base/mem.h"
#include "base/status.h"
#include "server/monitor_internal.h"
#include "server/server.h"
#include <assert.h>
#include <string.h>

static struct monitor_detail_of *find(const struct monitor *monitor, const char *session)
{
    struct monitor_detail_of *detail = monitor->details;
    while (detail != NULL && strcmp(detail->session, session) != 0)
        detail = detail->next;
    return detail;
}

static void msg_free(struct msg *msg)
{
    mem_free(msg);
}

/* False: there was no room for it. */
static bool tell(struct monitor *monitor, uint64_t id, bool on)
{
    struct front_detail *message = mem_calloc(1, sizeof *message);
    if (message == NULL)
        return false;
    message->msg = (struct msg){.kind = FRONT_DETAIL, .session = id, .free_fn = msg_free};
    message->on = on;
    int status = monitor->config.to_host(monitor->config.ctx, &message->msg);
    if (status != STATUS_OK)
        mem_free(message);
    return status != STATUS_FULL;
}

void monitor__detail_look(struct monitor *monitor, const char *session)
{
    struct board_session found;
    struct monitor_detail_of *detail = find(monitor, session);
    if (detail == NULL)
        return;
    if (!board_find(monitor->board, session, &found)) {
        detail->id = 0;
        return;
    }
    if (detail->id == found.id && detail->serial == found.serial)
        return;
    detail->heard = false;
    detail->serial = found.serial;
    /* What did not get through is tried again with the session's next change. */
    detail->id = tell(monitor, found.id, true) ? found.id : 0;
}

bool monitor__detail_add(struct monitor *monitor, const char *session)
{
    struct monitor_detail_of *detail = find(monitor, session);
    if (detail == NULL) {
        detail = mem_calloc(1, sizeof *detail);
        if (detail == NULL)
            return false;
        memcpy(detail->session, session, sizeof detail->session);
        detail->next = monitor->details;
        monitor->details = detail;
    }
    detail->watchers++;
    monitor__detail_look(monitor, session);
    return true;
}

void monitor__detail_drop(struct monitor *monitor, const char *session)
{
    struct monitor_detail_of **link = &monitor->details;
    while (*link != NULL && strcmp((*link)->session, session) != 0)
        link = &(*link)->next;
    struct monitor_detail_of *detail = *link;
    assert(detail != NULL && detail->watchers > 0);
    if (--detail->watchers > 0)
        return;
    /* Unheard, a host goes on telling what nobody wants until it ends. */
    if (detail->id != 0)
        (void)tell(monitor, detail->id, false);
    *link = detail->next;
    mem_free(detail);
}

void monitor__detail_heard(struct monitor *monitor, const struct monitor_detail *detail)
{
    struct monitor_detail_of *of = find(monitor, detail->session);
    if (of != NULL && of->id != 0 && of->serial == detail->serial)
        of->heard = true;
}

bool monitor__detail_pending(const struct monitor *monitor, const char *session)
{
    const struct monitor_detail_of *detail = find(monitor, session);
    return detail != NULL && detail->id != 0 && !detail->heard;
}

void monitor__details_reset(struct monitor *monitor)
{
    for (struct monitor_detail_of *of = monitor->details; of != NULL; of = of->next)
        of->id = 0;
}

void monitor__details_free(struct monitor *monitor)
{
    for (struct monitor_detail_of *of = monitor->details, *next; of != NULL; of = next) {
        next = of->next;
        mem_free(of);
    }
    monitor->details = NULL;
}
