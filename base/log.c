#include "base/log.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/mailbox.h"
#include "base/mem.h"
#include "base/status.h"
#include "base/thread.h"
#include "base/utf8.h"
#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SECOND_US    1000000
#define BATCH_BYTES  (64 * 1024) /* lines joined into one write */
#define QUOTED_SLOTS 8           /* LOG_Q results one line can hold, the message's included */
#define FOLLOWS      (-1)        /* an area without a level of its own */
#define CUT_MARK     " cut=1"

static const char *const level_names[] = {"error", "warn", "info", "debug", "trace"};
static const char *const area_names[LOG_AREAS] = {
    "main",      "loop",    "front", "session", "stt",   "pool",
    "translate", "grammar", "http",  "store",   "local",
};

#define LEVELS ((int)(sizeof level_names / sizeof level_names[0]))

struct line {
    struct msg msg;
    size_t len;
    char text[];
};

/* Levels are read and written relaxed: a change may be seen a little later by other threads. */
static _Atomic int general_level = LOG_LEVEL_INFO;
static _Atomic int area_levels[LOG_AREAS] = {FOLLOWS, FOLLOWS, FOLLOWS, FOLLOWS, FOLLOWS, FOLLOWS,
                                             FOLLOWS, FOLLOWS, FOLLOWS, FOLLOWS, FOLLOWS};
static _Atomic uint64_t dropped;

/*
 * log_deinit() takes `queue` away and waits until `users` is 0; a caller counts itself in before it
 * reads `queue`. Both sequentially consistent, so no caller holds a queue that is being destroyed.
 */
static struct mailbox *_Atomic queue;
static _Atomic unsigned users;
static pthread_t writer;
static int writer_fd = STDERR_FILENO;

static void line_free(struct msg *msg)
{
    mem_free(msg);
}

/* Writes all or gives up: a log that cannot be written has nobody to be told. */
static void write_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t wrote = write(fd, bytes, len);
        if (wrote > 0) {
            bytes += wrote;
            len -= (size_t)wrote;
        } else if (wrote < 0 && errno == EAGAIN) {
            struct pollfd pollfd = {.fd = fd, .events = POLLOUT};
            poll(&pollfd, 1, -1);
        } else if (wrote == 0 || errno != EINTR) {
            return;
        }
    }
}

static void put_head(struct buf *out, enum log_area area, enum log_level level)
{
    char stamp[CLOCK_RFC3339_BYTES];
    clock_rfc3339(clock_wall_us(), stamp);
    buf_printf(out, "ts=%s level=%s area=%s thread=%s", stamp, level_names[level], area_names[area],
               thread_name());
}

static void write_dropped(int fd, uint64_t count)
{
    struct buf out;
    buf_init(&out, LOG_LINE_MAX);
    put_head(&out, LOG_MAIN, LOG_LEVEL_WARN);
    buf_printf(&out, " msg=\"log lines dropped\" dropped=%llu\n", (unsigned long long)count);
    if (buf_status(&out) == STATUS_OK)
        write_all(fd, out.data, out.len);
    buf_deinit(&out);
}

/* One write takes as many lines as are there. */
static void *writer_main(void *ctx)
{
    struct mailbox *mailbox = ctx;
    static char batch[BATCH_BYTES];
    static uint64_t told; /* kept over a restart, so that no drop goes untold */
    struct msg *msg = mailbox_wait(mailbox, -1);
    while (msg != NULL) {
        size_t used = 0;
        while (msg != NULL && used + LOG_LINE_MAX <= sizeof batch) {
            struct line *line = (struct line *)msg;
            memcpy(batch + used, line->text, line->len);
            used += line->len;
            mem_free(line);
            msg = mailbox_recv(mailbox);
        }
        write_all(writer_fd, batch, used);
        uint64_t now = atomic_load_explicit(&dropped, memory_order_relaxed);
        if (now != told)
            write_dropped(writer_fd, now - told);
        told = now;
        if (msg == NULL)
            msg = mailbox_wait(mailbox, -1);
    }
    return NULL;
}

int log_init(enum log_level level, int fd)
{
    assert(atomic_load(&queue) == NULL && fd >= 0);
    struct mailbox *mailbox = mailbox_create(LOG_QUEUE_LINES, NULL, NULL);
    if (mailbox == NULL)
        return STATUS_NOMEM;
    writer_fd = fd;
    int status = thread_start(&writer, "log", writer_main, mailbox);
    if (status != STATUS_OK) {
        mailbox_destroy(mailbox);
        return status;
    }
    log_set_level(level);
    atomic_store(&queue, mailbox);
    return STATUS_OK;
}

void log_deinit(void)
{
    struct mailbox *mailbox = atomic_exchange(&queue, NULL);
    if (mailbox == NULL)
        return;
    while (atomic_load(&users) > 0)
        sched_yield();
    mailbox_close(mailbox);
    pthread_join(writer, NULL);
    mailbox_destroy(mailbox);
    writer_fd = STDERR_FILENO;
}

void log_set_level(enum log_level level)
{
    atomic_store_explicit(&general_level, (int)level, memory_order_relaxed);
}

static int find_name(const char *const *names, int count, const char *text, size_t len)
{
    for (int i = 0; i < count; i++) {
        if (strlen(names[i]) == len && memcmp(names[i], text, len) == 0)
            return i;
    }
    return -1;
}

int log_set_area(const char *area, enum log_level level)
{
    int found = find_name(area_names, LOG_AREAS, area, strlen(area));
    if (found < 0)
        return STATUS_NOT_FOUND;
    atomic_store_explicit(&area_levels[found], (int)level, memory_order_relaxed);
    return STATUS_OK;
}

int log_level_parse(const char *text, enum log_level *out)
{
    int found = find_name(level_names, LEVELS, text, strlen(text));
    if (found < 0)
        return STATUS_INVALID;
    *out = (enum log_level)found;
    return STATUS_OK;
}

/* One "level" or "area=level" of `len` bytes into `levels`, whose last element is the general one.
 */
static int configure_one(const char *text, size_t len, int levels[LOG_AREAS + 1])
{
    const char *equals = memchr(text, '=', len);
    const char *name = equals != NULL ? equals + 1 : text;
    int level = find_name(level_names, LEVELS, name, len - (size_t)(name - text));
    int area = LOG_AREAS;
    if (equals != NULL)
        area = find_name(area_names, LOG_AREAS, text, (size_t)(equals - text));
    if (level < 0 || area < 0)
        return STATUS_INVALID;
    levels[area] = level;
    return STATUS_OK;
}

int log_configure(const char *text)
{
    int levels[LOG_AREAS + 1];
    for (int i = 0; i < LOG_AREAS; i++)
        levels[i] = FOLLOWS;
    levels[LOG_AREAS] = atomic_load_explicit(&general_level, memory_order_relaxed);
    for (const char *at = text;; at++) {
        size_t len = strcspn(at, ",");
        if (configure_one(at, len, levels) != STATUS_OK)
            return STATUS_INVALID;
        at += len;
        if (*at == '\0')
            break;
    }
    for (int i = 0; i < LOG_AREAS; i++)
        atomic_store_explicit(&area_levels[i], levels[i], memory_order_relaxed);
    atomic_store_explicit(&general_level, levels[LOG_AREAS], memory_order_relaxed);
    return STATUS_OK;
}

bool log_on(enum log_area area, enum log_level level)
{
    int limit = atomic_load_explicit(&area_levels[area], memory_order_relaxed);
    if (limit == FOLLOWS)
        limit = atomic_load_explicit(&general_level, memory_order_relaxed);
    return (int)level <= limit;
}

uint64_t log_dropped(void)
{
    return atomic_load_explicit(&dropped, memory_order_relaxed);
}

/* False: this line is past the site's share. `repeated`: how many were withheld before it. Relaxed:
 * it is a limit on noise, and a line more or less at the turn of a second does no harm. */
static bool site_admits(struct log_site *site, uint32_t *repeated)
{
    *repeated = 0;
    if (site == NULL)
        return true;
    int64_t now = clock_mono_us();
    int64_t start = atomic_load_explicit(&site->window_us, memory_order_relaxed);
    if ((start == 0 || now - start >= SECOND_US) &&
        atomic_compare_exchange_strong_explicit(&site->window_us, &start, now, memory_order_relaxed,
                                                memory_order_relaxed)) {
        uint32_t before = atomic_exchange_explicit(&site->count, 1, memory_order_relaxed);
        if (before > LOG_REPEAT_PER_S)
            *repeated = before - LOG_REPEAT_PER_S;
        return true;
    }
    return atomic_fetch_add_explicit(&site->count, 1, memory_order_relaxed) < LOG_REPEAT_PER_S;
}

/* Appends the escaped form of one code point at `text`; returns the bytes it was read from. */
static size_t put_escaped(struct buf *out, const char *text, size_t len)
{
    uint32_t code = 0;
    size_t used = utf8_decode(text, len, &code);
    if (code == '"' || code == '\\')
        buf_printf(out, "\\%c", (char)code);
    else if (code == '\n')
        buf_puts(out, "\\n");
    else if (code < 0x20 || (code >= 0x7F && code < 0xA0) || code == 0x2028 || code == 0x2029)
        buf_printf(out, "\\u%04x", code);
    else if (code == 0xFFFD)
        buf_puts(out, "\xEF\xBF\xBD");
    else
        buf_append(out, text, used);
    return used;
}

const char *LOG_Q(const char *text)
{
    static _Thread_local char slots[QUOTED_SLOTS][LOG_QUOTED_MAX + 1];
    static _Thread_local unsigned next;
    char *slot = slots[next++ % QUOTED_SLOTS];
    /* In place of a heap buffer: the terminator and the closing quote are kept free. */
    struct buf out = {.data = slot, .cap = LOG_QUOTED_MAX + 1, .max = LOG_QUOTED_MAX - 1};
    size_t len = text != NULL ? strlen(text) : 0;
    buf_putc(&out, '"');
    for (size_t at = 0; at < len && buf_status(&out) == STATUS_OK;)
        at += put_escaped(&out, text + at, len - at);
    slot[out.len] = '"';
    slot[out.len + 1] = '\0';
    return slot;
}

/* Bytes of `text` left when it is cut to at most `max`, between code points. */
static size_t cut_at(const char *text, size_t max)
{
    while (max > 0 && ((unsigned char)text[max] & 0xC0) == 0x80)
        max--;
    return max;
}

/* True when an odd number of quotes is open: escaped ones do not count. */
static bool in_quotes(const char *text, size_t len)
{
    bool inside = false;
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\\' && inside)
            i++;
        else if (text[i] == '"')
            inside = !inside;
    }
    return inside;
}

/* Ends the line: cut to the limit, its quotes closed, nothing in it that would begin another line
 * or colour it. */
static size_t finish_line(char *text, size_t len)
{
    size_t max = LOG_LINE_MAX - sizeof CUT_MARK - 1; /* the mark, a quote, the newline */
    if (len > LOG_LINE_MAX - 1) {
        len = cut_at(text, max);
        if (text[len - 1] == '\\')
            len--;
        if (in_quotes(text, len))
            text[len++] = '"';
        memcpy(text + len, CUT_MARK, sizeof CUT_MARK - 1);
        len += sizeof CUT_MARK - 1;
    }
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7F)
            text[i] = '?';
    }
    text[len++] = '\n';
    assert(len <= LOG_LINE_MAX);
    return len;
}

/* Hands the line to the writer, or writes it here when there is none. */
static void emit(const char *text, size_t len)
{
    atomic_fetch_add(&users, 1);
    struct mailbox *mailbox = atomic_load(&queue);
    if (mailbox == NULL) {
        atomic_fetch_sub(&users, 1);
        write_all(STDERR_FILENO, text, len);
        return;
    }
    struct line *line = mem_alloc(sizeof *line + len);
    if (line != NULL) {
        line->msg = (struct msg){.free_fn = line_free};
        line->len = len;
        memcpy(line->text, text, len);
    }
    if (line == NULL || mailbox_send(mailbox, &line->msg) != STATUS_OK) {
        mem_free(line);
        atomic_fetch_add_explicit(&dropped, 1, memory_order_relaxed);
    }
    atomic_fetch_sub(&users, 1);
}

void log_write(struct log_site *site, enum log_area area, enum log_level level, uint64_t session,
               const char *message, const char *fields, ...)
{
    assert((int)area >= 0 && area < LOG_AREAS && (int)level >= 0 && (int)level < LEVELS);
    uint32_t repeated;
    if (!site_admits(site, &repeated))
        return;
    /* A caller may log a failed call and then look at errno. */
    int kept_errno = errno;
    char text[LOG_LINE_MAX * 2];
    struct buf out = {.data = text, .cap = sizeof text, .max = sizeof text - 1};
    put_head(&out, area, level);
    if (session != 0)
        buf_printf(&out, " session=%llx", (unsigned long long)session);
    buf_printf(&out, " msg=%s", LOG_Q(message));
    if (repeated > 0)
        buf_printf(&out, " repeated=%u", repeated);
    if (fields != NULL && fields[0] != '\0') {
        buf_putc(&out, ' ');
        size_t room = out.cap - out.len;
        va_list args;
        va_start(args, fields);
        int len = vsnprintf(text + out.len, room, fields, args);
        va_end(args);
        if (len > 0)
            out.len += (size_t)len < room ? (size_t)len : room - 1;
    }
    emit(text, finish_line(text, out.len));
    errno = kept_errno;
}
