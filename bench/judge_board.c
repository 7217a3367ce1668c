/*
 * Messages of the monitor, read once: what many teachers get is byte for byte the same, and reading
 * it again for each of them would cost the bench more than all its sessions. And which session an
 * id belongs to.
 */
#include "bench/judge_internal.h"

#include "base/mem.h"
#include "base/status.h"
#include <assert.h>

#define MESSAGE_BYTES_MAX (64 << 20)

/* -- sessions by id -- */

static uint32_t *slot_of(const struct judge_board *board, struct judge_session *const *sessions,
                         struct judge_text id)
{
    uint32_t mask = board->ids_cap - 1;
    uint32_t at = (uint32_t)judge_monitor_hash(JUDGE_MONITOR_HASH, id) & mask;
    while (board->ids[at] != 0 && !judge_text_is(id, sessions[board->ids[at] - 1]->id))
        at = (at + 1) & mask;
    return &board->ids[at];
}

static void put_id(struct judge *judge, uint32_t place)
{
    const char *id = judge->sessions[place]->id;
    struct judge_text text = {id, strlen(id)};
    *slot_of(&judge->board, judge->sessions, text) = place + 1;
}

void judge__board_name(struct judge *judge, struct judge_session *session, struct judge_text id)
{
    struct judge_board *board = &judge->board;
    if (id.len == 0 || id.len >= sizeof session->id || judge_text_is(id, session->id))
        return;
    if (board->ids_cap < 4 * judge->sessions_len) {
        uint32_t cap = board->ids_cap > 0 ? board->ids_cap : 64;
        while (cap < 4 * judge->sessions_len)
            cap *= 2;
        uint32_t *ids = mem_calloc(cap, sizeof *ids);
        if (ids == NULL) {
            judge->incomplete = true;
            return;
        }
        mem_free(board->ids);
        board->ids = ids;
        board->ids_cap = cap;
        for (uint32_t place = 0; place < judge->sessions_len; place++)
            if (judge->sessions[place]->id[0] != '\0')
                put_id(judge, place);
    }
    /* A session keeps its id for life, so none has to be taken out. */
    assert(session->id[0] == '\0');
    memcpy(session->id, id.data, id.len);
    put_id(judge, session->place);
}

static uint32_t place_of(const struct judge *judge, struct judge_text id)
{
    if (judge->board.ids_cap == 0)
        return JUDGE_NOWHERE;
    uint32_t found = *slot_of(&judge->board, judge->sessions, id);
    return found > 0 ? found - 1 : JUDGE_NOWHERE;
}

void judge__tell(struct judge_session *session, const struct judge_event *event, int64_t now_us)
{
    uint64_t committed = judge_monitor_hash(JUDGE_MONITOR_HASH, event->committed);
    struct judge_told told = {.text = judge_monitor_hash(committed, event->tentative),
                              .at_us = now_us,
                              .segment = event->segment};
    if (judge_told_add(&session->told, &told) != STATUS_OK)
        session->judge->incomplete = true;
}

/* -- messages -- */

static void resolve(const struct judge *judge, struct judge_monitor *message)
{
    for (uint32_t i = 0; i < message->glances_len; i++)
        message->glances[i].place = place_of(judge, message->glances[i].session);
    for (uint32_t i = 0; i < message->finals_len; i++)
        message->finals[i].place = place_of(judge, message->finals[i].session);
    for (uint32_t i = 0; i < message->gone_len; i++)
        message->gone[i].place = place_of(judge, message->gone[i].session);
}

static int read_page(struct judge *judge, struct judge_page *page, const char *text, size_t len)
{
    page->read = false;
    if (page->scratch == NULL)
        buf_init(&page->bytes, MESSAGE_BYTES_MAX);
    buf_reset(&page->bytes);
    if (page->scratch_cap <= len) {
        char *scratch = mem_realloc(page->scratch, 2 * len + 1);
        if (scratch == NULL)
            return STATUS_NOMEM;
        page->scratch = scratch;
        page->scratch_cap = 2 * len + 1;
    }
    if (buf_append(&page->bytes, text, len) != STATUS_OK)
        return STATUS_NOMEM;
    int status = judge_monitor_parse(&page->message, page->bytes.data, len, page->scratch);
    if (status != STATUS_OK)
        return status;
    resolve(judge, &page->message);
    page->read = true;
    return STATUS_OK;
}

int judge__board_read(struct judge *judge, const char *text, size_t len,
                      const struct judge_monitor **out)
{
    struct judge_board *board = &judge->board;
    for (unsigned i = 0; i < JUDGE_PAGES; i++) {
        const struct judge_page *page = &board->pages[i];
        if (page->read && page->bytes.len == len && memcmp(page->bytes.data, text, len) == 0) {
            *out = &page->message;
            return STATUS_OK;
        }
    }
    struct judge_page *page = &board->pages[board->next++ % JUDGE_PAGES];
    *out = &page->message;
    return read_page(judge, page, text, len);
}

void judge__board_deinit(struct judge_board *board)
{
    for (unsigned i = 0; i < JUDGE_PAGES; i++) {
        struct judge_page *page = &board->pages[i];
        if (page->scratch != NULL)
            buf_deinit(&page->bytes);
        mem_free(page->scratch);
        judge_monitor_deinit(&page->message);
    }
    mem_free(board->ids);
}
