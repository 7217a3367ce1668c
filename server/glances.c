#include "server/glances.h"

#include "base/arena.h"
#include "base/log.h"
#include "base/mailbox.h"
#include "base/mem.h"
#include "base/status.h"
#include "server/event.h"
#include "server/front.h"
#include "server/glance.h"
#include "server/host.h"
#include "server/monitor.h"
#include "server/out.h"
#include "server/server.h"
#include "server/session.h"
#include <assert.h>
#include <string.h>

#define MS 1000LL
/* Between two looks at what no event tells of. */
#define LOOK_US (300 * MS)
/* A full monitor is tried again after this. */
#define SEND_AGAIN_US (10 * MS)
/* Sessions of one message; the rest goes in the next. */
#define CHANGES_MAX       512
#define CHANGES_BYTES_MAX (8 << 20)

/* A host that has ended. */
struct glances_gone {
    struct glances_gone *next;
    uint64_t id;
    uint32_t serial;
    char session[SESSION_NAME_BYTES];
};

/* What is told once the store has decided a ticket: a final, or that a note is stored. */
struct glances_owed {
    struct glances_owed *next;
    uint64_t ticket;
    struct monitor_flagged *flagged; /* NULL: `msg` is a final */
    struct msg *msg;
};

static struct front *front_of_timer(struct loop_timer *timer, size_t offset)
{
    return (struct front *)((char *)timer - offset);
}

static void plain_free(struct msg *msg)
{
    mem_free(msg);
}

void glances_init(struct glances *glances)
{
    *glances = (struct glances){0};
    glances->changed_tail = &glances->changed;
    glances->unsent_tail = &glances->unsent;
}

/* --- to the monitor --- */

static void on_send_timer(struct loop_timer *timer);

static void send_later(struct front *front)
{
    loop_timer_start(front->loop, &front->glances.send_timer,
                     loop_now_us(front->loop) + SEND_AGAIN_US, on_send_timer);
}

/* False: the monitor is full. */
static bool try_send(struct front *front, struct msg *msg)
{
    int status = monitor_send(front->server->monitor, msg);
    if (status == STATUS_FULL)
        return false;
    if (status != STATUS_OK)
        msg->free_fn(msg); /* it stops: nobody watches any more */
    return true;
}

static void on_send_timer(struct loop_timer *timer)
{
    struct front *front = front_of_timer(timer, offsetof(struct front, glances.send_timer));
    struct glances *glances = &front->glances;
    while (glances->unsent != NULL) {
        struct msg *msg = glances->unsent;
        struct msg *next = msg->next;
        msg->next = NULL;
        if (!try_send(front, msg)) {
            msg->next = next;
            send_later(front);
            return;
        }
        glances->unsent = next;
    }
    glances->unsent_tail = &glances->unsent;
}

void glances_send(struct front *front, struct msg *msg)
{
    struct glances *glances = &front->glances;
    assert(msg->next == NULL);
    if (glances->unsent == NULL && try_send(front, msg))
        return;
    *glances->unsent_tail = msg;
    glances->unsent_tail = &msg->next;
    if (!loop_timer_armed(&glances->send_timer))
        send_later(front);
}

/* --- what has changed --- */

static void on_tell_timer(struct loop_timer *timer);

static void tell_soon(struct front *front)
{
    struct glances *glances = &front->glances;
    int64_t now_us = loop_now_us(front->loop), due_us = glances->told_us + MONITOR_TICK_MS * MS;
    if (!loop_timer_armed(&glances->tell_timer))
        loop_timer_start(front->loop, &glances->tell_timer, due_us > now_us ? due_us : now_us,
                         on_tell_timer);
}

static void list_add(struct front *front, struct glance *glance)
{
    struct glances *glances = &front->glances;
    if (!glances->watched || !glance->begun || glance->changed == 0)
        return;
    if (glance->link == NULL) {
        glance->next = NULL;
        glance->link = glances->changed_tail;
        *glances->changed_tail = glance;
        glances->changed_tail = &glance->next;
    }
    tell_soon(front);
}

static void list_remove(struct front *front, struct glance *glance)
{
    struct glances *glances = &front->glances;
    if (glance->link == NULL)
        return;
    *glance->link = glance->next;
    if (glance->next != NULL)
        glance->next->link = glance->link;
    else
        glances->changed_tail = glance->link;
    glance->next = NULL;
    glance->link = NULL;
}

static struct host *host_of(struct glance *glance)
{
    return (struct host *)((char *)glance - offsetof(struct host, glance));
}

static void glances_msg_free(struct msg *msg)
{
    struct monitor_glances *told = (struct monitor_glances *)msg;
    if (told->arena != NULL)
        arena_destroy(told->arena);
    mem_free(told);
}

/* As many as wait, and fit one message. */
static size_t count_changes(const struct glances *glances)
{
    size_t len = 0;
    for (const struct glance *glance = glances->changed; glance != NULL && len < CHANGES_MAX;
         glance = glance->next)
        len++;
    for (const struct glances_gone *gone = glances->gone; gone != NULL && len < CHANGES_MAX;
         gone = gone->next)
        len++;
    return len;
}

/* With room for `room` changes. NULL: out of memory. */
static struct monitor_glances *told_create(struct front *front, size_t room)
{
    struct monitor_glances *told = mem_calloc(1, sizeof *told);
    if (told == NULL)
        return NULL;
    told->msg = (struct msg){.kind = MONITOR_GLANCES, .free_fn = glances_msg_free};
    told->front = front->index;
    told->round = front->glances.round;
    told->arena = arena_create(CHANGES_BYTES_MAX);
    if (told->arena != NULL)
        told->changes = arena_alloc(told->arena, (room + 1) * sizeof *told->changes);
    if (told->changes == NULL) {
        glances_msg_free(&told->msg);
        return NULL;
    }
    return told;
}

static struct glance_change *change_of(struct monitor_glances *told, const char *session,
                                       uint64_t id, uint32_t serial)
{
    struct glance_change *change = &told->changes[told->len];
    *change = (struct glance_change){.id = id, .serial = serial};
    memcpy(change->session, session, sizeof change->session);
    return change;
}

static void put_gone(struct glances *glances, struct monitor_glances *told, size_t room)
{
    while (glances->gone != NULL && told->len < room) {
        struct glances_gone *gone = glances->gone;
        change_of(told, gone->session, gone->id, gone->serial)->gone = true;
        told->len++;
        glances->gone = gone->next;
        mem_free(gone);
    }
}

static void put_changed(struct front *front, struct monitor_glances *told, size_t room)
{
    struct glances *glances = &front->glances;
    while (glances->changed != NULL && told->len < room) {
        struct glance *glance = glances->changed;
        struct host *host = host_of(glance);
        struct glance_change *change = change_of(told, host->name, host->id, host->serial);
        unsigned has = glance->changed;
        if (glance_write(glance, session_settings(host->session), has, told->arena, change) !=
            STATUS_OK)
            return; /* the next message has an arena of its own */
        told->len++;
        glance_told(glance, has);
        list_remove(front, glance);
    }
}

static bool is_behind(const struct glances *glances)
{
    return glances->owes_all || glances->changed != NULL || glances->gone != NULL;
}

/* While the monitor is behind, what changes is gathered. */
static void tell(struct front *front)
{
    struct glances *glances = &front->glances;
    glances->told_us = loop_now_us(front->loop);
    if (glances->unsent != NULL) {
        tell_soon(front);
        return;
    }
    while (is_behind(glances)) {
        size_t room = count_changes(glances);
        struct monitor_glances *told = told_create(front, room);
        if (told == NULL) {
            tell_soon(front);
            return;
        }
        put_changed(front, told, room);
        put_gone(glances, told, room);
        if (told->len == 0 && glances->changed != NULL) { /* no memory for its texts */
            glances_msg_free(&told->msg);
            tell_soon(front);
            return;
        }
        told->all = glances->owes_all && glances->changed == NULL;
        glances->owes_all = glances->owes_all && !told->all;
        glances_send(front, &told->msg);
        if (glances->unsent != NULL && is_behind(glances)) {
            tell_soon(front);
            return;
        }
    }
}

static void on_tell_timer(struct loop_timer *timer)
{
    tell(front_of_timer(timer, offsetof(struct front, glances.tell_timer)));
}

/* --- hosts --- */

static void look(struct host *host)
{
    struct session *session = host->session;
    const struct glance_look look = {.phase = session_over(session)     ? "ended"
                                              : session_ending(session) ? "ending"
                                              : host->conn != NULL      ? "live"
                                                                        : "held",
                                     .audio_ms = session_audio_ms(session),
                                     .speaking =
                                         session_speaking(session, loop_now_us(host->front->loop))};
    glance_look(&host->glance, &look);
}

void glances_event(struct host *host, const struct event *event)
{
    if (event->kind == EVENT_STARTED)
        look(host);
    glance_event(&host->glance, event);
    list_add(host->front, &host->glance);
}

void glances_look(struct host *host)
{
    look(host);
    list_add(host->front, &host->glance);
}

void glances_leave(struct host *host)
{
    list_remove(host->front, &host->glance);
}

void glances_arrive(struct host *host)
{
    host->glance.changed = GLANCE_ALL;
    glances_look(host);
}

static void on_look_timer(struct loop_timer *timer)
{
    struct front *front = front_of_timer(timer, offsetof(struct front, glances.look_timer));
    for (uint32_t i = 0; i < front->slots_len; i++)
        if (front->hosts[i] != NULL)
            glances_look(front->hosts[i]);
    loop_timer_start(front->loop, timer, loop_now_us(front->loop) + LOOK_US, on_look_timer);
}

/* --- finals and notes, once they are stored --- */

static void owe(struct host *host, const struct glances_owed *what)
{
    struct glances_owed *owed = mem_alloc(sizeof *owed), **link = &host->owed;
    if (owed == NULL) {
        what->msg->free_fn(what->msg);
        return;
    }
    *owed = *what;
    owed->next = NULL;
    while (*link != NULL)
        link = &(*link)->next;
    *link = owed;
}

/* What was owed for tickets up to `ticket` is told: `status` is the store's word on them. */
static void pay(struct host *host, uint64_t ticket, int status)
{
    for (struct glances_owed **link = &host->owed; *link != NULL;) {
        struct glances_owed *owed = *link;
        if (owed->ticket > ticket) {
            link = &owed->next;
            continue;
        }
        if (owed->flagged != NULL)
            owed->flagged->status = status;
        *link = owed->next;
        glances_send(host->front, owed->msg);
        mem_free(owed);
    }
}

void glances_stored(struct host *host, int status)
{
    if (host->owed != NULL)
        pay(host, host->stored, status);
}

void glances_final(struct host *host, const struct out *out)
{
    if (!host->detailed || out->seq == 0)
        return;
    struct monitor_final *final = mem_alloc(sizeof *final + out->len);
    if (final == NULL)
        return; /* the watcher sees that a seq is missing */
    *final = (struct monitor_final){.seq = out->seq, .len = out->len};
    final->msg = (struct msg){.kind = MONITOR_FINAL, .free_fn = plain_free};
    memcpy(final->session, host->name, sizeof final->session);
    memcpy(final->body, out->body, out->len);
    if (out->ticket <= host->stored)
        glances_send(host->front, &final->msg);
    else
        owe(host, &(struct glances_owed){.ticket = out->ticket, .msg = &final->msg});
}

static void gone_add(struct host *host)
{
    struct glances *glances = &host->front->glances;
    struct glances_gone *gone = mem_alloc(sizeof *gone);
    if (gone == NULL) {
        LOG_WARN(LOG_FRONT, host->id, "watchers are not told of an end: out of memory", "name=%s",
                 host->name);
        return;
    }
    *gone = (struct glances_gone){.next = glances->gone, .id = host->id, .serial = host->serial};
    memcpy(gone->session, host->name, sizeof gone->session);
    glances->gone = gone;
    tell_soon(host->front);
}

void glances_end(struct host *host)
{
    struct front *front = host->front;
    /* What the store has got is stored, unless it was somebody else's to say. */
    for (struct glances_owed *owed = host->owed, *next; owed != NULL; owed = next) {
        next = owed->next;
        if (owed->flagged != NULL)
            owed->flagged->status = STATUS_UNAVAILABLE;
        if (owed->flagged == NULL && (host->fenced || host->broken))
            owed->msg->free_fn(owed->msg);
        else
            glances_send(front, owed->msg);
        mem_free(owed);
    }
    host->owed = NULL;
    list_remove(front, &host->glance);
    if (front->glances.watched && host->glance.begun)
        gone_add(host);
    glance_deinit(&host->glance);
}

/* --- the mailbox --- */

static void forget_changes(struct front *front)
{
    struct glances *glances = &front->glances;
    while (glances->changed != NULL)
        list_remove(front, glances->changed);
    for (struct glances_gone *gone = glances->gone, *next; gone != NULL; gone = next) {
        next = gone->next;
        mem_free(gone);
    }
    glances->gone = NULL;
    loop_timer_stop(&glances->tell_timer);
    loop_timer_stop(&glances->look_timer);
}

void glances_on_watch(struct front *front, struct msg *msg)
{
    struct glances *glances = &front->glances;
    const struct front_watch *watch = (const struct front_watch *)msg;
    forget_changes(front);
    glances->watched = glances->owes_all = watch->on;
    glances->round = watch->round;
    msg->free_fn(msg);
    if (!glances->watched)
        return;
    for (uint32_t i = 0; i < front->slots_len; i++)
        if (front->hosts[i] != NULL)
            glances_arrive(front->hosts[i]);
    loop_timer_stop(&glances->tell_timer);
    loop_timer_start(front->loop, &glances->look_timer, loop_now_us(front->loop) + LOOK_US,
                     on_look_timer);
    tell(front);
}

void glances_on_detail(struct host *host, struct msg *msg)
{
    bool on = ((const struct front_detail *)msg)->on;
    struct monitor_detail *answer = on ? mem_calloc(1, sizeof *answer) : NULL;
    host->detailed = on;
    msg->free_fn(msg);
    if (answer == NULL)
        return;
    answer->msg = (struct msg){.kind = MONITOR_DETAIL, .free_fn = plain_free};
    memcpy(answer->session, host->name, sizeof answer->session);
    answer->serial = host->serial;
    glances_send(host->front, &answer->msg);
}

/* The answer to a flag (gives); NULL: out of memory, and the teacher hears nothing. */
static struct monitor_flagged *flagged_create(const struct front_flag *flag, int status)
{
    struct monitor_flagged *flagged = mem_calloc(1, sizeof *flagged);
    if (flagged == NULL)
        return NULL;
    flagged->msg =
        (struct msg){.kind = MONITOR_FLAGGED, .session = flag->watcher, .free_fn = plain_free};
    flagged->segment = flag->segment;
    flagged->status = status;
    return flagged;
}

void glances_on_flag(struct host *host, struct msg *msg)
{
    const struct front_flag *flag = (const struct front_flag *)msg;
    struct front *front = host->front;
    struct monitor_flagged *flagged = flagged_create(flag, STATUS_OK);
    const struct session_note note = {.segment = flag->segment, .text = flag->note, .by = flag->by};
    int status = host->broken || host->fenced
                     ? STATUS_NOT_FOUND
                     : session_note(host->session, &note, loop_now_us(front->loop));
    if (flagged != NULL) {
        memcpy(flagged->session, host->name, sizeof flagged->session);
        flagged->status = status;
        if (status == STATUS_OK)
            owe(host, &(struct glances_owed){
                          .ticket = host->ticket, .flagged = flagged, .msg = &flagged->msg});
        else
            glances_send(front, &flagged->msg);
    }
    msg->free_fn(msg);
    host_run(host);
}

void glances_on_flag_lost(struct front *front, struct msg *msg)
{
    struct monitor_flagged *flagged =
        flagged_create((const struct front_flag *)msg, STATUS_NOT_FOUND);
    if (flagged != NULL)
        glances_send(front, &flagged->msg);
    msg->free_fn(msg);
}

void glances_forget(struct front *front)
{
    struct glances *glances = &front->glances;
    forget_changes(front);
    glances->watched = false;
    loop_timer_stop(&glances->send_timer);
    while (glances->unsent != NULL) {
        struct msg *msg = glances->unsent;
        glances->unsent = msg->next;
        msg->next = NULL;
        msg->free_fn(msg);
    }
    glances->unsent_tail = &glances->unsent;
}
