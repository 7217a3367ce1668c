#include "grammar/segment.h"
#include "base/mem.h"
#include "base/status.h"
#include "grammar/limits.h"
#include <assert.h>

void grammar__pending_clear(struct grammar__pending *pending)
{
    grammar_result_free(&pending->result);
    *pending = (struct grammar__pending){0};
}

struct grammar__pending *grammar__pending_put(struct grammar__segment *segment,
                                              const struct grammar_result *result,
                                              uint32_t source_rev, const struct lat *lat)
{
    struct grammar__pending *pending = &segment->pending;
    assert(!pending->final);
    grammar__pending_clear(pending);
    pending->set = true;
    pending->result = *result;
    pending->source_rev = source_rev;
    pending->lat = *lat;
    return pending;
}

static void segment_clear(struct grammar__segment *segment)
{
    grammar__pending_clear(&segment->pending);
    mem_free(segment->text);
    mem_free(segment->asked);
    *segment = (struct grammar__segment){0};
}

int grammar__segments_init(struct grammar__segments *segments)
{
    *segments = (struct grammar__segments){0};
    segments->spare = mem_calloc(1, sizeof *segments->spare);
    return segments->spare != NULL ? 0 : STATUS_NOMEM;
}

static void list_free(struct grammar__segment *segment)
{
    while (segment != NULL) {
        struct grammar__segment *next = segment->next;
        segment_clear(segment);
        mem_free(segment);
        segment = next;
    }
}

void grammar__segments_deinit(struct grammar__segments *segments)
{
    list_free(segments->head);
    list_free(segments->spare);
    *segments = (struct grammar__segments){0};
}

bool grammar__segments_room(struct grammar__segments *segments)
{
    if (segments->len >= GRAMMAR_SEGMENTS_MAX)
        return false;
    if (segments->spare == NULL)
        segments->spare = mem_calloc(1, sizeof *segments->spare);
    return segments->spare != NULL;
}

struct grammar__segment *grammar__segments_add(struct grammar__segments *segments, uint32_t number)
{
    struct grammar__segment *segment = segments->spare;
    assert(segment != NULL && segments->len < GRAMMAR_SEGMENTS_MAX);
    segments->spare = segment->next;
    struct grammar__segment **at = &segments->head;
    while (*at != NULL && (*at)->number < number)
        at = &(*at)->next;
    assert(*at == NULL || (*at)->number > number);
    segment->number = number;
    segment->next = *at;
    *at = segment;
    if (segment->next == NULL)
        segments->tail = segment;
    segments->len++;
    return segment;
}

void grammar__segments_drop(struct grammar__segments *segments)
{
    struct grammar__segment *segment = segments->head;
    assert(segment != NULL && segments->len > 0 && segment->ask == 0);
    segments->head = segment->next;
    if (segments->head == NULL)
        segments->tail = NULL;
    segments->len--;
    segment_clear(segment);
    segment->next = segments->spare;
    segments->spare = segment;
}

struct grammar__segment *grammar__segments_find(const struct grammar__segments *segments,
                                                uint32_t number)
{
    struct grammar__segment *segment = segments->head;
    while (segment != NULL && segment->number != number)
        segment = segment->next;
    return segment;
}

struct grammar__segment *grammar__segments_asking(const struct grammar__segments *segments,
                                                  uint32_t ask)
{
    assert(ask != 0);
    struct grammar__segment *segment = segments->head;
    while (segment != NULL && segment->ask != ask)
        segment = segment->next;
    return segment;
}
