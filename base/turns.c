#include "base/turns.h"

#include "base/limits.h"
#include "base/mem.h"
#include "base/status.h"
#include <assert.h>
#include <string.h>

/* --- the list --- */

static void pending_clear(struct turns *turns, struct turn *turn)
{
    turns->kind->answer_clear(turn);
    turn->pending = (struct turn_pending){0};
}

static void turn_clear(struct turns *turns, struct turn *turn)
{
    pending_clear(turns, turn);
    if (turns->kind->turn_clear != NULL)
        turns->kind->turn_clear(turn);
    mem_free(turn->text);
    mem_free(turn->asked);
    memset(turn, 0, turns->kind->turn_bytes);
}

static void list_free(struct turns *turns, struct turn *turn)
{
    while (turn != NULL) {
        struct turn *next = turn->next;
        turn_clear(turns, turn);
        mem_free(turn);
        turn = next;
    }
}

/* One turn is always there, spare or in use, whatever memory there is later. */
static bool list_room(struct turns *turns)
{
    if (turns->len >= TURNS_SEGMENTS_MAX)
        return false;
    if (turns->spare == NULL)
        turns->spare = mem_calloc(1, turns->kind->turn_bytes);
    return turns->spare != NULL;
}

static struct turn *list_add(struct turns *turns, uint32_t number)
{
    struct turn *turn = turns->spare;
    assert(turn != NULL && turns->len < TURNS_SEGMENTS_MAX);
    turns->spare = turn->next;
    struct turn **at = &turns->head;
    while (*at != NULL && (*at)->number < number)
        at = &(*at)->next;
    assert(*at == NULL || (*at)->number > number);
    turn->number = number;
    turn->next = *at;
    *at = turn;
    if (turn->next == NULL)
        turns->tail = turn;
    turns->len++;
    return turn;
}

static void list_drop(struct turns *turns)
{
    struct turn *turn = turns->head;
    assert(turn != NULL && turns->len > 0 && turn->ask == 0);
    turns->head = turn->next;
    if (turns->head == NULL)
        turns->tail = NULL;
    turns->len--;
    turn_clear(turns, turn);
    turn->next = turns->spare;
    turns->spare = turn;
}

static struct turn *list_find(const struct turns *turns, uint32_t number)
{
    struct turn *turn = turns->head;
    while (turn != NULL && turn->number != number)
        turn = turn->next;
    return turn;
}

/* --- life --- */

int turns_init(struct turns *turns, const struct turns_kind *kind,
               const struct turns_config *config, void *ctx)
{
    assert(kind->turn_bytes >= sizeof(struct turn));
    *turns =
        (struct turns){.kind = kind, .config = *config, .ctx = ctx, .partial_at_us = INT64_MIN};
    if (config->eager) {
        turns->config.partial_gap_ms = turns->config.partial_words = 0;
        turns->older = mem_calloc(TURNS_EAGER_MAX, sizeof *turns->older);
        if (turns->older == NULL)
            return STATUS_NOMEM;
    }
    return list_room(turns) ? STATUS_OK : STATUS_NOMEM;
}

void turns_deinit(struct turns *turns)
{
    assert(!turns->settling);
    if (turns->partial.ask != 0)
        turns->kind->cancel(turns->ctx, turns->partial.ask);
    for (int i = 0; turns->older != NULL && i < TURNS_EAGER_MAX; i++)
        if (turns->older[i].ask != 0)
            turns->kind->cancel(turns->ctx, turns->older[i].ask);
    for (struct turn *turn = turns->head; turn != NULL; turn = turn->next) {
        if (turn->ask != 0)
            turns->kind->cancel(turns->ctx, turn->ask);
    }
    list_free(turns, turns->head);
    list_free(turns, turns->spare);
    mem_free(turns->older);
    *turns = (struct turns){0};
}

/* --- shown --- */

static void partial_cancel(struct turns *turns)
{
    uint32_t ask = turns->partial.ask;
    turns->partial.ask = 0;
    if (ask != 0)
        turns->kind->cancel(turns->ctx, ask);
}

/* Eager: requests up to `last` of that segment, of any for 0, run on, but nobody waits for them. */
static void older_forget(struct turns *turns, uint32_t segment, uint32_t last)
{
    for (int i = 0; turns->older != NULL && i < TURNS_EAGER_MAX; i++)
        if ((segment == 0 || turns->older[i].segment == segment) && turns->older[i].ask <= last)
            turns->older[i].ask = 0;
}

/* Eager: makes `partial` free for the next request. */
static void older_put(struct turns *turns)
{
    struct turns_partial *oldest = &turns->older[0];
    for (int i = 1; i < TURNS_EAGER_MAX; i++)
        if (turns->older[i].ask < oldest->ask)
            oldest = &turns->older[i];
    *oldest = turns->partial;
    turns->partial.ask = 0;
}

/* Eager: makes `ask` the partial that is looked at, if it is one. */
static void older_find(struct turns *turns, uint32_t ask)
{
    for (int i = 0; turns->older != NULL && i < TURNS_EAGER_MAX; i++) {
        if (turns->older[i].ask != ask)
            continue;
        struct turns_partial found = turns->older[i];
        turns->older[i] = turns->partial;
        turns->partial = found;
    }
}

static void partial_cancel_of(struct turns *turns, const struct turn *turn)
{
    older_forget(turns, turn->number, UINT32_MAX);
    if (turns->partial.ask == 0 || turns->partial.segment != turn->number)
        return;
    if (turns->config.eager)
        turns->partial.ask = 0;
    else
        partial_cancel(turns);
}

/* The oldest segment ends here, with or without a final. */
static void head_drop(struct turns *turns)
{
    struct turn *turn = turns->head;
    assert(turn != NULL && turn->number > turns->floor);
    partial_cancel_of(turns, turn);
    turns->floor = turn->number;
    list_drop(turns);
}

static void show(struct turns *turns, struct turn *turn, int64_t now_us)
{
    assert(turn->pending.set && turn->rev < UINT32_MAX);
    lat_mark(&turn->pending.lat, LAT_HOLD, now_us);
    turn->rev++;
    turns->kind->show(turns->ctx, turn);
    pending_clear(turns, turn);
}

/* Segments whose final source never came owe nothing: they end when a later one does. */
static void show_final(struct turns *turns, struct turn *turn, int64_t now_us)
{
    show(turns, turn, now_us);
    uint32_t number = turn->number;
    while (turns->head != NULL && turns->head->number <= number)
        head_drop(turns);
}

static bool show_next(struct turns *turns, int64_t now_us)
{
    for (struct turn *turn = turns->head; turn != NULL; turn = turn->next) {
        if (turn->pending.set && turn->pending.final) {
            show_final(turns, turn, now_us);
            return true;
        }
        if (turn->pending.set)
            show(turns, turn, now_us);
        /* What is later waits for this one's final. */
        if (turn->closed)
            break;
    }
    return false;
}

void turns_put(struct turns *turns, struct turn *turn, bool final,
               const struct turn_revision *source, const struct lat *lat)
{
    assert(!turn->pending.final);
    pending_clear(turns, turn);
    if (final)
        turn->ask = 0;
    turn->pending =
        (struct turn_pending){.set = true, .final = final, .source = *source, .lat = *lat};
}

static const char *failure_name(int status)
{
    switch (status) {
    case STATUS_TIMEOUT: return "deadline";
    case STATUS_BUDGET:
    case STATUS_FULL: return "budget";
    case STATUS_UNSUPPORTED: /* a language that the API does not know */
    case STATUS_REFUSED: return "refused";
    case STATUS_TRUNCATED: return "truncated";
    case STATUS_FILTERED: return "filtered";
    default: return "upstream";
    }
}

/* The final that cannot be had: what was committed stays, nothing is added. */
static void final_give_up(struct turns *turns, struct turn *turn, int status)
{
    turns_put(turns, turn, true, &turn->source, &turn->lat);
    turn->pending.failed = failure_name(status);
}

/* --- asked --- */

static uint32_t next_ask(struct turns *turns)
{
    if (++turns->last_ask == 0)
        turns->last_ask = 1;
    return turns->last_ask;
}

static void final_cancel(struct turns *turns, struct turn *turn)
{
    uint32_t ask = turn->ask;
    turn->ask = 0;
    if (ask != 0)
        turns->kind->cancel(turns->ctx, ask);
}

/* An answer that came and was none is asked for once more; a request that got no answer is the
 * pool's to repeat, which knows why. */
static bool final_may_retry(const struct turns *turns, const struct turn *turn, int status,
                            int64_t now_us)
{
    if (status != STATUS_PROTOCOL && status != STATUS_TRUNCATED && status != STATUS_FILTERED)
        return false;
    int64_t least_us = (int64_t)turns->config.final_deadline_ms * 10 * TURNS_RETRY_PERCENT;
    return turn->tries < TURNS_TRIES_MAX && turn->text != NULL &&
           turn->deadline_us - now_us >= least_us;
}

/* One request; 0, or why none is in flight. The turn may be gone when 0 comes back: an answer at
 * hand is given at once. */
static int final_ask(struct turns *turns, struct turn *turn, const char *text)
{
    assert(turn->closed && turn->ask == 0 && turn->tries < TURNS_TRIES_MAX);
    turn->tries++;
    turn->ask = next_ask(turns);
    struct turn_ask ask = {
        .ask = turn->ask,
        .segment = turn->number,
        .source_rev = turn->source.rev,
        .final = true,
        .tries = turn->tries,
        .text = text,
        .deadline_us = turn->deadline_us,
        .lat = turn->lat,
    };
    int status = turns->kind->ask(turns->ctx, &ask);
    if (status != STATUS_OK)
        turn->ask = 0;
    return status;
}

void turns_final_failed(struct turns *turns, struct turn *turn, int status, int64_t now_us)
{
    turn->ask = 0;
    while (final_may_retry(turns, turn, status, now_us)) {
        status = final_ask(turns, turn, turn->text);
        if (status == STATUS_OK)
            return;
    }
    final_give_up(turns, turn, status);
}

/* Makes room: the oldest segment's final fails, or it ends unheard if its source never became
 * final. */
static void head_evict(struct turns *turns, int64_t now_us)
{
    struct turn *turn = turns->head;
    if (!turn->closed) {
        head_drop(turns);
        return;
    }
    assert(!turn->pending.final);
    final_cancel(turns, turn);
    lat_mark(&turn->lat, LAT_UPSTREAM, now_us);
    final_give_up(turns, turn, STATUS_BUDGET);
    show_final(turns, turn, now_us);
}

/* NULL: no room for a partial source, which gives way to finals that are owed. */
static struct turn *turn_new(struct turns *turns, const struct turn_source *source, int64_t now_us)
{
    while (!list_room(turns)) {
        if (!source->final && turns->head->closed)
            return NULL;
        head_evict(turns, now_us);
    }
    return list_add(turns, source->segment);
}

static bool partial_due(const struct turns *turns)
{
    const struct turn *turn = turns->tail;
    return turn != NULL && !turn->closed && turn->wanted &&
           (turns->partial.ask == 0 || turns->config.eager);
}

/* Asks for the newest segment's newest revision. */
static void partial_ask(struct turns *turns, int64_t now_us)
{
    struct turn *turn = turns->tail;
    if (!partial_due(turns) || now_us < turns->partial_at_us)
        return;
    if (turns->partial.ask != 0)
        older_put(turns);
    mem_free(turn->asked);
    turn->asked = mem_strdup(turn->text);
    turn->wanted = false;
    turns->partial_at_us = now_us + (int64_t)turns->config.partial_gap_ms * 1000;
    turns->partial.ask = next_ask(turns);
    turns->partial.segment = turn->number;
    turns->partial.source = turn->source;
    turns->partial.deadline_us = now_us + (int64_t)turns->config.partial_deadline_ms * 1000;
    struct turn_ask ask = {
        .ask = turns->partial.ask,
        .segment = turn->number,
        .source_rev = turn->source.rev,
        .text = turn->text,
        .deadline_us = turns->partial.deadline_us,
        .lat = turn->lat,
    };
    lat_mark(&ask.lat, LAT_HOLD, now_us);
    if (turns->kind->ask(turns->ctx, &ask) != STATUS_OK)
        turns->partial.ask = 0;
}

/* Until nothing changes: calls back may answer at once. */
void turns_settle(struct turns *turns, int64_t now_us)
{
    turns->again = true;
    if (turns->settling)
        return;
    turns->settling = true;
    while (turns->again) {
        turns->again = false;
        while (show_next(turns, now_us)) {
        }
        partial_ask(turns, now_us);
    }
    turns->settling = false;
}

/* --- sources --- */

static void source_partial(struct turns *turns, struct turn *turn)
{
    turn->wanted = false;
    if (turn->text == NULL)
        return;
    size_t words = turns->kind->word_count(turn->text);
    if (turns->config.eager)
        turn->wanted = words > 0;
    else if (turn->asked == NULL)
        turn->wanted = words >= (turns->config.first_words > 0 ? turns->config.first_words
                                                               : turns->kind->first_words);
    else
        turn->wanted = words > 0 && turns->kind->words_changed(turn->asked, turn->text) >=
                                        turns->config.partial_words;
}

static int final_blank(struct turns *turns, struct turn *turn, const char *text)
{
    turns_put(turns, turn, true, &turn->source, &turn->lat);
    int status = turns->kind->blank(turn, text);
    if (status != STATUS_OK)
        pending_clear(turns, turn);
    return status;
}

static void source_final(struct turns *turns, struct turn *turn, const char *text, int64_t now_us)
{
    turn->closed = true;
    turn->wanted = false;
    pending_clear(turns, turn);
    partial_cancel_of(turns, turn);
    turn->deadline_us = now_us + (int64_t)turns->config.final_deadline_ms * 1000;
    bool blank = turns->kind->word_count(text) == 0;
    int status = blank ? final_blank(turns, turn, text) : final_ask(turns, turn, text);
    if (status != STATUS_OK)
        turns_final_failed(turns, turn, status, now_us);
}

void turns_source(struct turns *turns, const struct turn_source *source, int64_t now_us)
{
    assert(source->segment > 0 && source->text != NULL && !turns->settling);
    if (!source->final && !turns->config.partials)
        return;
    if (!turns->started) {
        turns->started = true;
        turns->floor = source->segment - 1;
    }
    if (source->segment <= turns->floor)
        return;
    struct turn *turn = list_find(turns, source->segment);
    if (turn == NULL)
        turn = turn_new(turns, source, now_us);
    else if (turn->closed || (source->revision.rev <= turn->source.rev && !source->final))
        return;
    if (turn == NULL)
        return;
    turn->source = source->revision;
    turn->lat = source->lat;
    lat_mark(&turn->lat, LAT_SERVER, now_us);
    mem_free(turn->text);
    turn->text = mem_strdup(source->text);
    turn->settled = source->settled;
    assert(turn->settled <= strlen(source->text));
    if (source->final)
        source_final(turns, turn, source->text, now_us);
    else
        source_partial(turns, turn);
    turns_settle(turns, now_us);
}

/* --- answers --- */

struct turn *turns_asked(struct turns *turns, uint32_t ask, bool *partial)
{
    assert(ask != 0);
    older_find(turns, ask);
    *partial = ask == turns->partial.ask;
    if (*partial) {
        struct turn *turn = list_find(turns, turns->partial.segment);
        /* It is cancelled when its segment closes or ends. */
        assert(turn != NULL && !turn->closed);
        return turn;
    }
    struct turn *turn = turns->head;
    while (turn != NULL && turn->ask != ask)
        turn = turn->next;
    return turn;
}

struct turn_revision turns_partial_end(struct turns *turns)
{
    assert(turns->partial.ask != 0);
    older_forget(turns, turns->partial.segment, turns->partial.ask);
    turns->partial.ask = 0;
    return turns->partial.source;
}

struct lat turns_lat(const struct lat *lat, const struct lat *otherwise, int64_t now_us)
{
    struct lat out = lat != NULL ? *lat : *otherwise;
    lat_mark(&out, lat != NULL ? LAT_SERVER : LAT_UPSTREAM, now_us);
    return out;
}

void turns_failed(struct turns *turns, uint32_t ask, int status, const struct lat *lat,
                  int64_t now_us)
{
    assert(status < 0);
    bool partial;
    struct turn *turn = turns_asked(turns, ask, &partial);
    if (turn == NULL)
        return;
    if (partial) {
        turns_partial_end(turns);
    } else {
        turn->lat = turns_lat(lat, &turn->lat, now_us);
        turns_final_failed(turns, turn, status, now_us);
    }
    turns_settle(turns, now_us);
}

/* --- the clock --- */

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int64_t turns_tick(struct turns *turns, int64_t now_us)
{
    assert(!turns->settling);
    if (turns->partial.ask != 0 && now_us >= turns->partial.deadline_us)
        partial_cancel(turns);
    for (struct turn *turn = turns->head; turn != NULL; turn = turn->next) {
        if (turn->ask == 0 || now_us < turn->deadline_us)
            continue;
        final_cancel(turns, turn);
        lat_mark(&turn->lat, LAT_UPSTREAM, now_us);
        final_give_up(turns, turn, STATUS_TIMEOUT);
    }
    turns_settle(turns, now_us);
    int64_t next_us = INT64_MAX;
    if (turns->partial.ask != 0)
        next_us = turns->partial.deadline_us;
    if (partial_due(turns))
        next_us = earlier(next_us, turns->partial_at_us);
    for (struct turn *turn = turns->head; turn != NULL; turn = turn->next) {
        if (turn->ask != 0)
            next_us = earlier(next_us, turn->deadline_us);
    }
    return next_us;
}

uint32_t turns_owed(const struct turns *turns)
{
    const struct turn *turn = turns->head;
    while (turn != NULL && !turn->closed)
        turn = turn->next;
    return turn != NULL ? turn->number : 0;
}

void turns_give_up(struct turns *turns, int64_t now_us)
{
    assert(!turns->settling);
    older_forget(turns, 0, UINT32_MAX);
    partial_cancel(turns);
    while (turns_owed(turns) != 0) {
        head_evict(turns, now_us);
        /* What waited behind it may be there already. */
        while (show_next(turns, now_us)) {
        }
    }
}
