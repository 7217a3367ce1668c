#include "bench/judge_watch.h"

#include "base/mem.h"
#include "base/status.h"
#include "bench/judge_internal.h"
#include "bench/load_name.h"
#include <assert.h>
#include <stdio.h>

#define SECOND_US   1000000
#define GRACE_US    SECOND_US      /* a teacher sees it within, or it counts as not seen */
#define STARTED_US  (2 * GRACE_US) /* so old, a session stands in every snapshot */
#define SPREAD      7919           /* a prime: neighbours name sessions far from each other's */
#define OPEN_FINALS 3              /* of a segment, until a host has heard that somebody listens */

/* What one teacher has seen of one session. */
struct judge_seen {
    bool present;
    uint32_t number; /* of the newest text that the learner was shown as well; 0: none yet */
    uint32_t segment, ahead_segment;
    uint64_t ahead;   /* a text that the learner has not been shown yet */
    int64_t ahead_us; /* 0: none */
};

struct judge_named {
    uint32_t place; /* of the session */
    uint64_t base;  /* the learner's seq when it was named */
    uint64_t seq;   /* the newest that came; 0: none yet */
};

struct judge_watcher {
    struct judge *judge;
    uint32_t index;
    int class_number;
    char class_text[LOAD_CLASS_BYTES];
    bool slow, seeing;
    struct judge_seen *seen; /* by place of the session */
    uint32_t seen_len;
    struct judge_named named[JUDGE_WATCH_NAMED_MAX];
    unsigned named_len;
    int64_t second_us; /* when the present second began */
    unsigned second_deltas;
};

static struct judge_watch_sum *sum_of(const struct judge_watcher *watcher)
{
    return &watcher->judge->sum.watch;
}

struct judge_watcher *judge_watcher_open(struct judge *judge, int class_number, bool slow)
{
    assert(judge->config.watched);
    struct judge_watcher *watcher = mem_calloc(1, sizeof *watcher);
    if (watcher == NULL)
        return NULL;
    if (!judge__grow((void **)&judge->watchers, judge->watchers_len, &judge->watchers_cap,
                     sizeof(struct judge_watcher *))) {
        mem_free(watcher);
        return NULL;
    }
    watcher->judge = judge;
    watcher->index = judge->watchers_len;
    watcher->class_number = class_number;
    watcher->slow = slow;
    if (class_number != JUDGE_WATCH_ALL)
        load_name_class_text((unsigned)class_number, watcher->class_text);
    judge->watchers[judge->watchers_len++] = watcher;
    judge->sum.watch.teachers++;
    judge->sum.watch.slow += slow;
    return watcher;
}

void judge__watcher_destroy(struct judge_watcher *watcher)
{
    mem_free(watcher->seen);
    mem_free(watcher);
}

/* -- texts -- */

static struct judge_seen *seen_of(struct judge_watcher *watcher, uint32_t place)
{
    uint32_t len = watcher->seen_len;
    if (place < len)
        return &watcher->seen[place];
    uint32_t more = place + 1 > 2 * len ? place + 1 : 2 * len;
    struct judge_seen *grown = mem_realloc(watcher->seen, more * sizeof *grown);
    if (grown == NULL) {
        watcher->judge->incomplete = true;
        return NULL;
    }
    memset(grown + len, 0, (more - len) * sizeof *grown);
    watcher->seen = grown;
    watcher->seen_len = more;
    return &grown[place];
}

static bool counts(const struct judge_watcher *watcher, const struct judge_session *session)
{
    return !watcher->slow && !session->excused;
}

/* The teacher sees text `number` since then, and with it all before. */
static void reach(struct judge_watcher *watcher, const struct judge_session *session,
                  struct judge_seen *seen, uint32_t number, int64_t now_us)
{
    uint32_t from = seen->number > 0 ? seen->number + 1 : number + 1;
    for (; from <= number && counts(watcher, session); from++) {
        const struct judge_told *told = judge_told_at(&session->told, from);
        if (told == NULL)
            sum_of(watcher)->unseen++;
        else if (judge__in_window(watcher->judge, told->at_us))
            hist_add(&sum_of(watcher)->stale, now_us > told->at_us ? now_us - told->at_us : 0);
    }
    if (number > seen->number)
        seen->number = number;
}

/* What came before the learner's message has the learner's by now. */
static void settle(struct judge_watcher *watcher, const struct judge_session *session,
                   struct judge_seen *seen)
{
    if (seen->ahead_us == 0)
        return;
    uint32_t number = judge_told_find(&session->told, seen->ahead_segment, seen->ahead);
    if (number > 0)
        reach(watcher, session, seen, number, seen->ahead_us);
    else
        sum_of(watcher)->unmatched += counts(watcher, session);
    seen->ahead_us = 0;
}

static void check_class(struct judge_watcher *watcher, const struct judge_session *session,
                        struct judge_text class_name)
{
    unsigned classes = watcher->judge->config.classes;
    if (watcher->class_number == JUDGE_WATCH_ALL)
        return;
    bool own = load_name_class(session->number, classes) == (unsigned)watcher->class_number;
    bool told = class_name.len == 0 || judge_text_is(class_name, watcher->class_text);
    sum_of(watcher)->foreign += !own || !told;
}

static void see(struct judge_watcher *watcher, const struct judge_glance *glance, int64_t now_us)
{
    struct judge_seen *seen =
        glance->place != JUDGE_NOWHERE ? seen_of(watcher, glance->place) : NULL;
    if (seen == NULL)
        return;
    const struct judge_session *session = watcher->judge->sessions[glance->place];
    check_class(watcher, session, glance->class_name);
    seen->present = true;
    if (glance->segment > 0)
        seen->segment = glance->segment;
    if (!glance->has_text)
        return;
    settle(watcher, session, seen);
    uint32_t number = judge_told_find(&session->told, seen->segment, glance->text);
    if (number > 0) {
        reach(watcher, session, seen, number, now_us);
    } else if (glance->text != JUDGE_MONITOR_HASH) { /* nothing is shown of a segment that begins */
        seen->ahead = glance->text;
        seen->ahead_segment = seen->segment;
        seen->ahead_us = now_us;
    }
}

/* The teacher sees the session no more: what it should have seen by now it has not. */
static void leave(struct judge_watcher *watcher, uint32_t place, int64_t now_us)
{
    struct judge_seen *seen = &watcher->seen[place];
    const struct judge_session *session = watcher->judge->sessions[place];
    settle(watcher, session, seen);
    for (uint32_t number = seen->number; number > 0 && number < session->told.len; number++) {
        const struct judge_told *told = judge_told_at(&session->told, number + 1);
        bool late = told == NULL || now_us - told->at_us > GRACE_US;
        sum_of(watcher)->unseen += late && counts(watcher, session);
    }
    *seen = (struct judge_seen){0};
}

/* -- finals -- */

static struct judge_named *named_at(struct judge_watcher *watcher, uint32_t place)
{
    for (unsigned i = 0; i < watcher->named_len; i++)
        if (watcher->named[i].place == place)
            return &watcher->named[i];
    return NULL;
}

static void take_final(struct judge_watcher *watcher, const struct judge_durable *final)
{
    struct judge_watch_sum *sum = sum_of(watcher);
    struct judge_named *named = named_at(watcher, final->place);
    if (named == NULL || final->seq == 0)
        return;
    if (named->seq >= final->seq) {
        sum->finals_repeated++;
        return;
    }
    if (named->seq > 0)
        sum->finals_missing += final->seq - named->seq - 1;
    named->seq = final->seq;
    sum->finals++;
}

/* No final of it is to come any more. When none has come at all, those do not count which may have
 * been stored before the session's host heard that somebody listens. */
static void end_named(struct judge_watcher *watcher, struct judge_named *named)
{
    const struct judge_session *session = watcher->judge->sessions[named->place];
    uint64_t from = named->seq > 0 ? named->seq : named->base + OPEN_FINALS;
    if (session->seq > from)
        sum_of(watcher)->finals_missing += session->seq - from;
    *named = watcher->named[--watcher->named_len];
}

unsigned judge_watcher_name(struct judge_watcher *watcher, unsigned count,
                            char ids[][JUDGE_WATCH_ID_BYTES])
{
    const struct judge *judge = watcher->judge;
    assert(count <= JUDGE_WATCH_NAMED_MAX);
    watcher->named_len = 0;
    for (uint32_t i = 0; i < watcher->seen_len && watcher->named_len < count; i++) {
        uint32_t place = (uint32_t)(((uint64_t)watcher->index * SPREAD + i) % watcher->seen_len);
        const struct judge_session *session =
            watcher->seen[place].present ? judge->sessions[place] : NULL;
        if (session == NULL || session->excused || session->closed)
            continue;
        memcpy(ids[watcher->named_len], session->id, JUDGE_WATCH_ID_BYTES);
        watcher->named[watcher->named_len++] =
            (struct judge_named){.place = place, .base = session->seq};
    }
    return watcher->named_len;
}

/* -- messages -- */

/* What lives and is not in it. */
static void check_snapshot(struct judge_watcher *watcher, int64_t now_us)
{
    const struct judge *judge = watcher->judge;
    for (uint32_t place = 0; place < judge->sessions_len; place++) {
        const struct judge_session *session = judge->sessions[place];
        bool own = watcher->class_number == JUDGE_WATCH_ALL ||
                   load_name_class(session->number, judge->config.classes) ==
                       (unsigned)watcher->class_number;
        bool present = place < watcher->seen_len && watcher->seen[place].present;
        bool lives = session->started && !session->closed && session->lost_us == 0 &&
                     now_us - session->started_us > STARTED_US;
        sum_of(watcher)->missing += own && lives && !present && !session->excused;
    }
}

static void on_snapshot(struct judge_watcher *watcher, const struct judge_monitor *message,
                        size_t len, int64_t now_us)
{
    struct judge_watch_sum *sum = sum_of(watcher);
    sum->snapshots++;
    sum->snapshot_bytes_max = len > sum->snapshot_bytes_max ? len : sum->snapshot_bytes_max;
    sum->seeing += !watcher->seeing && !watcher->slow;
    watcher->seeing = true;
    for (uint32_t place = 0; place < watcher->seen_len; place++)
        watcher->seen[place].present = false;
    for (uint32_t i = 0; i < message->glances_len; i++)
        see(watcher, &message->glances[i], now_us);
    for (uint32_t place = 0; place < watcher->seen_len; place++)
        if (!watcher->seen[place].present)
            watcher->seen[place] = (struct judge_seen){0};
    if (!watcher->slow)
        check_snapshot(watcher, now_us);
}

static void count_delta(struct judge_watcher *watcher, const struct judge_monitor *message,
                        size_t len, int64_t now_us)
{
    struct judge_watch_sum *sum = sum_of(watcher);
    if (!judge__in_window(watcher->judge, now_us))
        return;
    if (watcher->slow) {
        sum->slow_deltas++;
        return;
    }
    sum->deltas++;
    sum->delta_bytes += len;
    sum->changes += message->glances_len;
    if (now_us - watcher->second_us >= SECOND_US) {
        watcher->second_us = now_us;
        watcher->second_deltas = 0;
    }
    watcher->second_deltas++;
    if (watcher->second_deltas > sum->second_max)
        sum->second_max = watcher->second_deltas;
}

static void on_delta(struct judge_watcher *watcher, const struct judge_monitor *message, size_t len,
                     int64_t now_us)
{
    count_delta(watcher, message, len, now_us);
    for (uint32_t i = 0; i < message->glances_len; i++)
        see(watcher, &message->glances[i], now_us);
    for (uint32_t i = 0; i < message->finals_len; i++)
        take_final(watcher, &message->finals[i]);
    for (uint32_t i = 0; i < message->gone_len; i++) {
        uint32_t place = message->gone[i].place;
        struct judge_named *named = named_at(watcher, place);
        if (place < watcher->seen_len)
            leave(watcher, place, now_us);
        if (named != NULL)
            end_named(watcher, named);
    }
}

static void on_error(struct judge_watcher *watcher, struct judge_text code,
                     struct judge_text message)
{
    struct judge_watch_sum *sum = sum_of(watcher);
    if (sum->errors++ == 0)
        snprintf(sum->first_error, sizeof sum->first_error, "%.*s: %.*s", (int)code.len, code.data,
                 (int)message.len, message.data);
}

enum judge_watch_heard judge_watcher_heard(struct judge_watcher *watcher, const char *text,
                                           size_t len, int64_t now_us)
{
    static const struct judge_text code = {"unreadable", 10};
    static const struct judge_text words = {"a message of the monitor is not as documented", 45};
    const struct judge_monitor *message;
    int status = judge__board_read(watcher->judge, text, len, &message);
    if (status == STATUS_NOMEM) {
        watcher->judge->incomplete = true;
        return JUDGE_WATCH_OTHER;
    }
    if (status != STATUS_OK) {
        on_error(watcher, code, words);
        return JUDGE_WATCH_OTHER;
    }
    switch (message->type) {
    case JUDGE_MONITOR_SNAPSHOT:
        on_snapshot(watcher, message, len, now_us);
        return JUDGE_WATCH_SNAPSHOT;
    case JUDGE_MONITOR_DELTA: on_delta(watcher, message, len, now_us); return JUDGE_WATCH_DELTA;
    case JUDGE_MONITOR_ERROR: on_error(watcher, message->code, message->message); break;
    case JUDGE_MONITOR_OTHER: break;
    }
    return JUDGE_WATCH_OTHER;
}

void judge_watcher_closed(struct judge_watcher *watcher, bool expected, int64_t now_us)
{
    struct judge_watch_sum *sum = sum_of(watcher);
    for (uint32_t place = 0; expected && place < watcher->seen_len; place++)
        if (watcher->seen[place].present)
            leave(watcher, place, now_us);
    while (expected && !watcher->slow && watcher->named_len > 0)
        end_named(watcher, &watcher->named[0]);
    watcher->named_len = 0;
    if (watcher->seen_len > 0)
        memset(watcher->seen, 0, watcher->seen_len * sizeof *watcher->seen);
    sum->closed += !expected && !watcher->slow;
    sum->slow_closed += !expected && watcher->slow;
}
