#include "translate/segment.h"
#include "base/mem.h"
#include "base/status.h"
#include "translate/limits.h"
#include <assert.h>

void translate__pending_clear(struct translate__pending *pending)
{
    translate__view_free(&pending->view);
    *pending = (struct translate__pending){0};
}

struct translate__pending *translate__pending_put(struct translate__segment *segment,
                                                  const struct translate__view *view,
                                                  const struct translate__revision *source,
                                                  const struct lat *lat)
{
    struct translate__pending *pending = &segment->pending;
    assert(!pending->final);
    translate__pending_clear(pending);
    pending->set = true;
    pending->view = *view;
    pending->source = *source;
    pending->lat = *lat;
    return pending;
}

const char *translate__segment_committed(const struct translate__segment *segment)
{
    return segment->committed != NULL ? segment->committed : "";
}

static void segment_clear(struct translate__segment *segment)
{
    translate__pending_clear(&segment->pending);
    mem_free(segment->text);
    mem_free(segment->asked);
    mem_free(segment->previous);
    mem_free(segment->committed);
    *segment = (struct translate__segment){0};
}

int translate__segments_init(struct translate__segments *segments)
{
    *segments = (struct translate__segments){0};
    segments->spare = mem_calloc(1, sizeof *segments->spare);
    return segments->spare != NULL ? 0 : STATUS_NOMEM;
}

static void list_free(struct translate__segment *segment)
{
    while (segment != NULL) {
        struct translate__segment *next = segment->next;
        segment_clear(segment);
        mem_free(segment);
        segment = next;
    }
}

void translate__segments_deinit(struct translate__segments *segments)
{
    list_free(segments->head);
    list_free(segments->spare);
    *segments = (struct translate__segments){0};
}

bool translate__segments_room(struct translate__segments *segments)
{
    if (segments->len >= TRANSLATE_SEGMENTS_MAX)
        return false;
    if (segments->spare == NULL)
        segments->spare = mem_calloc(1, sizeof *segments->spare);
    return segments->spare != NULL;
}

struct translate__segment *translate__segments_add(struct translate__segments *segments,
                                                   uint32_t number)
{
    struct translate__segment *segment = segments->spare;
    assert(segment != NULL && segments->len < TRANSLATE_SEGMENTS_MAX);
    segments->spare = segment->next;
    struct translate__segment **at = &segments->head;
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

void translate__segments_drop(struct translate__segments *segments)
{
    struct translate__segment *segment = segments->head;
    assert(segment != NULL && segments->len > 0 && segment->ask == 0);
    segments->head = segment->next;
    if (segments->head == NULL)
        segments->tail = NULL;
    segments->len--;
    segment_clear(segment);
    segment->next = segments->spare;
    segments->spare = segment;
}

struct translate__segment *translate__segments_find(const struct translate__segments *segments,
                                                    uint32_t number)
{
    struct translate__segment *segment = segments->head;
    while (segment != NULL && segment->number != number)
        segment = segment->next;
    return segment;
}

struct translate__segment *translate__segments_asking(const struct translate__segments *segments,
                                                      uint32_t ask)
{
    assert(ask != 0);
    struct translate__segment *segment = segments->head;
    while (segment != NULL && segment->ask != ask)
        segment = segment->next;
    return segment;
}
