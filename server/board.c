#include "server/board.h"

#include "base/buf.h"
#include "base/json_text.h"
#include "base/mem.h"
#include "base/status.h"
#include "server/monitor.h"
#include <assert.h>
#include <string.h>

#define FRAGMENT_BYTES_MAX EVENT_BYTES_MAX

/* `,"key":value` and when it became so. */
struct fragment {
    char *text;
    size_t len;
    uint64_t version;
};

struct entry {
    struct entry *hashed;        /* next in its bucket */
    struct entry *newer, *older; /* by `changed` */
    char session[SESSION_NAME_BYTES];
    uint64_t id;
    uint32_t serial;
    char *class_name;
    uint64_t changed; /* newest of its fragments */
    struct fragment fields[GLANCE_FIELDS];
};

struct gone {
    char session[SESSION_NAME_BYTES];
    char *class_name;
    uint64_t version;
};

struct board {
    struct entry **buckets;
    size_t buckets_len; /* a power of two */
    struct entry *newest, *oldest;
    uint32_t len, sessions_max;
    struct gone *gone; /* ring: entry n is at n % gone_max */
    uint64_t gone_from, gone_to;
    uint32_t gone_max;
    uint64_t floor; /* who has seen less may have missed what has gone */
    uint64_t version;
    struct buf scratch;
};

struct board *board_create(uint32_t sessions_max, uint32_t gone_max)
{
    struct board *board = mem_calloc(1, sizeof *board);
    assert(gone_max > 0);
    if (board == NULL)
        return NULL;
    board->sessions_max = sessions_max;
    board->gone_max = gone_max;
    board->version = 1;
    board->buckets_len = 16;
    while (board->buckets_len < sessions_max)
        board->buckets_len *= 2;
    buf_init(&board->scratch, FRAGMENT_BYTES_MAX);
    board->buckets = mem_calloc(board->buckets_len, sizeof *board->buckets);
    board->gone = mem_calloc(gone_max, sizeof *board->gone);
    if (board->buckets == NULL || board->gone == NULL) {
        board_destroy(board);
        return NULL;
    }
    return board;
}

void board_destroy(struct board *board)
{
    if (board->buckets != NULL && board->gone != NULL)
        board_clear(board);
    buf_deinit(&board->scratch);
    mem_free(board->buckets);
    mem_free(board->gone);
    mem_free(board);
}

/* --- sessions by name, and in the order in which they changed --- */

/* Names are random digits, ours. */
static struct entry **bucket_of(const struct board *board, const char *session)
{
    size_t hash = 0;
    for (size_t i = 0; i < 12 && session[i] != '\0'; i++)
        hash = hash * 31 + (unsigned char)session[i];
    return &board->buckets[(hash ^ hash >> 17) & (board->buckets_len - 1)];
}

static struct entry *find(const struct board *board, const char *session)
{
    struct entry *entry = *bucket_of(board, session);
    while (entry != NULL && strcmp(entry->session, session) != 0)
        entry = entry->hashed;
    return entry;
}

static void take_out(struct board *board, struct entry *entry)
{
    *(entry->newer != NULL ? &entry->newer->older : &board->newest) = entry->older;
    *(entry->older != NULL ? &entry->older->newer : &board->oldest) = entry->newer;
    entry->newer = entry->older = NULL;
}

static void put_newest(struct board *board, struct entry *entry)
{
    entry->older = board->newest;
    *(board->newest != NULL ? &board->newest->newer : &board->oldest) = entry;
    board->newest = entry;
}

static void entry_free(struct board *board, struct entry *entry)
{
    struct entry **link = bucket_of(board, entry->session);
    while (*link != entry)
        link = &(*link)->hashed;
    *link = entry->hashed;
    take_out(board, entry);
    board->len--;
    for (int i = 0; i < GLANCE_FIELDS; i++)
        mem_free(entry->fields[i].text);
    mem_free(entry->class_name);
    mem_free(entry);
}

static int entry_make(struct board *board, const struct glance_change *change, struct entry **out)
{
    if (board->len == board->sessions_max)
        return STATUS_LIMIT;
    struct entry *entry = mem_calloc(1, sizeof *entry);
    char *class_name = mem_strdup(change->class_name);
    if (entry == NULL || class_name == NULL) {
        mem_free(entry);
        mem_free(class_name);
        return STATUS_NOMEM;
    }
    memcpy(entry->session, change->session, sizeof entry->session);
    entry->class_name = class_name;
    struct entry **bucket = bucket_of(board, entry->session);
    entry->hashed = *bucket;
    *bucket = entry;
    put_newest(board, entry);
    board->len++;
    *out = entry;
    return STATUS_OK;
}

/* --- what has gone --- */

static void gone_drop(struct board *board)
{
    struct gone *gone = &board->gone[board->gone_from++ % board->gone_max];
    board->floor = gone->version;
    mem_free(gone->class_name);
    *gone = (struct gone){0};
}

static void gone_keep(struct board *board, const struct entry *entry)
{
    if (board->gone_to - board->gone_from == board->gone_max)
        gone_drop(board);
    struct gone *gone = &board->gone[board->gone_to % board->gone_max];
    gone->class_name = mem_strdup(entry->class_name);
    if (gone->class_name == NULL) { /* nobody can be told: all are shown everything anew */
        board->floor = board->version;
        return;
    }
    memcpy(gone->session, entry->session, sizeof gone->session);
    gone->version = board->version;
    board->gone_to++;
}

static void let_go(struct board *board, struct entry *entry)
{
    gone_keep(board, entry);
    entry_free(board, entry);
}

void board_clear(struct board *board)
{
    while (board->newest != NULL)
        entry_free(board, board->newest);
    while (board->gone_from < board->gone_to)
        gone_drop(board);
    board->floor = board->version;
    assert(board->len == 0 && board->oldest == NULL);
}

/* --- fragments --- */

static void write_translations(struct buf *out, const struct glance_change *change)
{
    json_set_open(out, "translations", '{');
    for (unsigned i = 0; i < change->translations_len; i++) {
        const struct glance_translation *translation = &change->translations[i];
        if (i > 0)
            buf_putc(out, ',');
        json_put_text(out, translation->lang);
        buf_putc(out, ':');
        json_put_text(out, translation->text);
    }
    buf_putc(out, '}');
}

static void write_health(struct buf *out, const struct glance_health *health)
{
    json_set_open(out, "health", '{');
    json_set_int(out, "lag_ms", health->lag_ms);
    json_set_int(out, "dropped", health->dropped);
    json_set_texts(out, "degraded", health->degraded, health->degraded_len);
    json_set_int(out, "reconnects", health->reconnects);
    json_set_int(out, "p95_ms", health->p95_ms);
    buf_putc(out, '}');
}

static void write_field(struct buf *out, const struct glance_change *change,
                        enum glance_field field)
{
    switch (field) {
    case GLANCE_NAME: json_set_text(out, "name", change->name); break;
    case GLANCE_CLASS: json_set_text(out, "class", change->class_name); break;
    case GLANCE_SOURCE: json_set_text(out, "source", change->source); break;
    case GLANCE_TARGETS:
        json_set_texts(out, "targets", change->targets, change->targets_len);
        break;
    case GLANCE_PHASE: json_set_text(out, "phase", change->phase); break;
    case GLANCE_AUDIO_MS: json_set_int(out, "audio_ms", change->audio_ms); break;
    case GLANCE_SPEAKING: json_set_bool(out, "speaking", change->speaking); break;
    case GLANCE_SEGMENT: json_set_int(out, "segment", change->segment); break;
    case GLANCE_TEXT: json_set_text(out, "text", change->text); break;
    case GLANCE_TRANSLATIONS: write_translations(out, change); break;
    case GLANCE_MISTAKES: json_set_int(out, "mistakes", change->mistakes); break;
    case GLANCE_HEALTH: write_health(out, &change->health); break;
    case GLANCE_FIELDS: break;
    }
}

/* True: it is another one than before. */
static bool set_field(struct board *board, struct entry *entry, const struct glance_change *change,
                      enum glance_field field, int *status)
{
    struct fragment *fragment = &entry->fields[field];
    struct buf *text = &board->scratch;
    buf_reset(text);
    write_field(text, change, field);
    int written = buf_status(text);
    if (written == STATUS_OK && fragment->text != NULL && fragment->len == text->len &&
        memcmp(fragment->text, text->data, text->len) == 0)
        return false;
    char *copy = written == STATUS_OK ? mem_strndup(text->data, text->len) : NULL;
    if (copy == NULL) {
        *status = written != STATUS_OK ? written : STATUS_NOMEM;
        return false;
    }
    mem_free(fragment->text);
    *fragment = (struct fragment){.text = copy, .len = text->len, .version = board->version};
    return true;
}

/* --- changes --- */

/* The entry a change is for; NULL: it does not count, or `*status`. */
static struct entry *entry_for(struct board *board, const struct glance_change *change, int *status)
{
    struct entry *entry = find(board, change->session);
    bool whole = change->has == GLANCE_ALL;
    if (entry != NULL && change->serial != entry->serial &&
        (change->serial < entry->serial || !whole))
        return NULL;
    if (entry != NULL && whole && strcmp(entry->class_name, change->class_name) != 0) {
        let_go(board, entry); /* for those who saw it in its old class */
        entry = NULL;
    }
    if (entry == NULL && whole)
        *status = entry_make(board, change, &entry);
    return entry;
}

bool board_apply(struct board *board, const struct glance_change *change, int *status)
{
    bool changed = false;
    *status = STATUS_OK;
    if (change->gone) {
        struct entry *entry = find(board, change->session);
        if (entry == NULL || entry->serial > change->serial)
            return false;
        let_go(board, entry);
        return true;
    }
    struct entry *entry = entry_for(board, change, status);
    if (entry == NULL)
        return false;
    entry->id = change->id;
    entry->serial = change->serial;
    for (int field = 0; field < GLANCE_FIELDS; field++)
        if ((change->has & GLANCE_BIT(field)) != 0 &&
            set_field(board, entry, change, (enum glance_field)field, status))
            changed = true;
    if (changed) {
        entry->changed = board->version;
        take_out(board, entry);
        put_newest(board, entry);
    }
    return changed;
}

bool board_find(const struct board *board, const char *session, struct board_session *out)
{
    const struct entry *entry = find(board, session);
    if (entry == NULL)
        return false;
    *out = (struct board_session){
        .id = entry->id, .serial = entry->serial, .class_name = entry->class_name};
    return true;
}

uint32_t board_len(const struct board *board)
{
    return board->len;
}

uint64_t board_version(const struct board *board)
{
    return board->version;
}

uint64_t board_tick(struct board *board)
{
    return board->version++;
}

/* --- what is told --- */

static void put_state(const struct entry *entry, uint64_t since, struct buf *out)
{
    json_list_object(out);
    json_set_text(out, "session", entry->session);
    for (int i = 0; i < GLANCE_FIELDS; i++)
        if (entry->fields[i].version > since)
            buf_append(out, entry->fields[i].text, entry->fields[i].len);
    buf_putc(out, '}');
}

int board_snapshot(const struct board *board, const struct board_scope *scope, struct buf *out)
{
    buf_puts(out, "{\"type\":\"snapshot\",\"sessions\":[");
    for (const struct entry *entry = board->oldest; entry != NULL; entry = entry->newer)
        if (board_scope_sees(scope, entry->class_name))
            put_state(entry, 0, out);
    return buf_puts(out, "]}");
}

static bool is_seen(const struct board *board, const struct board_scope *scope, const char *session)
{
    const struct entry *entry = find(board, session);
    return entry != NULL && board_scope_sees(scope, entry->class_name);
}

static void put_gone(const struct board *board, const struct board_scope *scope, uint64_t since,
                     struct buf *out)
{
    bool first = true;
    for (uint64_t i = board->gone_to; i > board->gone_from; i--) {
        const struct gone *gone = &board->gone[(i - 1) % board->gone_max];
        if (gone->version <= since)
            return;
        /* It may have come back. */
        if (!board_scope_sees(scope, gone->class_name) || is_seen(board, scope, gone->session))
            continue;
        if (!first)
            buf_putc(out, ',');
        first = false;
        json_put_text(out, gone->session);
    }
}

int board_delta(const struct board *board, const struct board_scope *scope, uint64_t since,
                struct buf *out, bool *empty)
{
    if (since < board->floor)
        return STATUS_NOT_FOUND;
    buf_puts(out, "{\"type\":\"delta\",\"changed\":[");
    size_t before = out->len;
    for (const struct entry *entry = board->newest; entry != NULL && entry->changed > since;
         entry = entry->older)
        if (board_scope_sees(scope, entry->class_name))
            put_state(entry, since, out);
    bool changed = out->len != before;
    buf_puts(out, "],\"gone\":[");
    before = out->len;
    put_gone(board, scope, since, out);
    *empty = !changed && out->len == before;
    return buf_puts(out, "]");
}
