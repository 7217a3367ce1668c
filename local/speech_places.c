#include "local/speech_places.h"

#include "base/status.h"
#include <assert.h>
#include <string.h>

void local_place_open(struct local_places *places, struct local_place *place)
{
    place->next = places->all;
    if (place->next != NULL)
        place->next->prev = place;
    places->all = place;
}

/* -- waiting -- */

static void place_wait(struct local_places *places, struct local_place *place, int64_t now_us)
{
    place->waiting = true;
    place->wait_us = now_us;
    place->wait_next = NULL;
    place->wait_prev = places->wait_last;
    if (places->wait_last != NULL)
        places->wait_last->wait_next = place;
    else
        places->wait_first = place;
    places->wait_last = place;
    places->waiting++;
}

static void place_wait_no_more(struct local_places *places, struct local_place *place)
{
    if (!place->waiting)
        return;
    place->waiting = false;
    places->waiting--;
    if (place->wait_prev != NULL)
        place->wait_prev->wait_next = place->wait_next;
    else
        places->wait_first = place->wait_next;
    if (place->wait_next != NULL)
        place->wait_next->wait_prev = place->wait_prev;
    else
        places->wait_last = place->wait_prev;
}

static void place_get(struct local_places *places, struct local_place *place,
                      struct local_recognizer *recognizer, int64_t now_us)
{
    bool waited = place->waiting;
    assert(place->held == NULL && recognizer != NULL);
    place_wait_no_more(places, place);
    place->held = recognizer;
    place->spoke_us = now_us;
    if (waited)
        places->on_given(place);
}

/* -- giving and taking -- */

static void places_hand(struct local_places *places, struct local_recognizer *recognizer,
                        int64_t now_us)
{
    if (places->wait_first != NULL)
        place_get(places, places->wait_first, recognizer, now_us);
    else
        places->free[places->free_len++] = recognizer;
}

void local_place_give(struct local_places *places, struct local_place *place, int64_t now_us)
{
    struct local_recognizer *recognizer = place->held;
    place->held = NULL;
    if (recognizer == NULL)
        return;
    if (place->heir != NULL && place->heir->held == NULL)
        place_get(places, place->heir, recognizer, now_us);
    else
        places_hand(places, recognizer, now_us);
}

/* A decoder whose speaker has been silent for too long, its stream still open. */
static struct local_recognizer *places_reclaim(struct local_places *places, int64_t now_us)
{
    for (struct local_place *other = places->all; other != NULL; other = other->next) {
        bool kept = now_us - other->spoke_us < (int64_t)LOCAL_PLACE_KEPT_MS * 1000;
        if (other->held == NULL || other->busy || kept)
            continue;
        struct local_recognizer *recognizer = other->held;
        other->held = NULL;
        return recognizer;
    }
    return NULL;
}

void local_places_look(struct local_places *places, int64_t now_us)
{
    while (places->wait_first != NULL) {
        struct local_recognizer *recognizer = places_reclaim(places, now_us);
        if (recognizer == NULL)
            return;
        place_get(places, places->wait_first, recognizer, now_us);
    }
}

/* One that is free, or that nobody needs. */
static struct local_recognizer *places_pick(struct local_places *places, int64_t now_us)
{
    if (places->free_len > 0)
        return places->free[--places->free_len];
    return places->created < places->decoders ? NULL : places_reclaim(places, now_us);
}

int local_place_take(struct local_places *places, struct local_place *place, int64_t now_us,
                     bool *create)
{
    *create = false;
    if (place->held != NULL)
        return 0;
    if (place->waiting) {
        if (now_us - place->wait_us < places->wait_max_us)
            return STATUS_AGAIN;
        place_wait_no_more(places, place);
        return STATUS_LIMIT;
    }
    if (place->elder != NULL && place->elder->held != NULL && !place->elder->busy) {
        local_place_give(places, place->elder, now_us);
        return 0;
    }
    /* Whoever waits, waits for what is given: nothing is free. */
    struct local_recognizer *recognizer =
        places->wait_first == NULL ? places_pick(places, now_us) : NULL;
    if (recognizer != NULL) {
        place_get(places, place, recognizer, now_us);
        return 0;
    }
    if (places->created < places->decoders) {
        places->created++;
        *create = true;
        return 0;
    }
    if (places->waiting == places->waiting_max)
        return STATUS_LIMIT;
    place_wait(places, place, now_us);
    return STATUS_AGAIN;
}

void local_place_created(struct local_places *places, struct local_place *place,
                         struct local_recognizer *recognizer, int64_t now_us)
{
    assert(places->created > 0);
    if (recognizer == NULL)
        places->created--;
    else if (place->held == NULL)
        place->held = recognizer;
    else
        places_hand(places, recognizer, now_us); /* its elder was faster */
}

/* -- heirs -- */

static void place_disown(struct local_place *place)
{
    if (place->heir != NULL)
        place->heir->elder = NULL;
    if (place->elder != NULL)
        place->elder->heir = NULL;
    place->heir = place->elder = NULL;
}

void local_place_close(struct local_places *places, struct local_place *place, int64_t now_us)
{
    place_wait_no_more(places, place);
    local_place_give(places, place, now_us);
    place_disown(place);
    if (place->prev != NULL)
        place->prev->next = place->next;
    else
        places->all = place->next;
    if (place->next != NULL)
        place->next->prev = place->prev;
}

/* FNV-1a by words. 0: a level without sound, which is everybody's. */
static uint64_t mark_of(const void *audio, size_t bytes)
{
    const uint8_t *at = audio;
    uint64_t hash = 14695981039346656037u, first = 0, differs = 0;
    if (bytes < sizeof first)
        return 0;
    memcpy(&first, at, sizeof first);
    for (size_t i = 0; i + sizeof first <= bytes; i += sizeof first) {
        uint64_t word;
        memcpy(&word, at + i, sizeof word);
        differs |= word ^ first;
        hash = (hash ^ word) * 1099511628211u;
    }
    hash ^= hash >> 32;
    return differs == 0 ? 0 : hash | 1;
}

static bool place_has_heard(const struct local_place *place, uint64_t mark)
{
    for (unsigned i = 0; i < LOCAL_PLACE_MESSAGES; i++)
        if (place->heard[i] == mark)
            return true;
    return false;
}

static void place_find_elder(struct local_places *places, struct local_place *place, uint64_t mark)
{
    for (struct local_place *other = places->all; other != NULL; other = other->next) {
        if (other == place || other->heir != NULL || !place_has_heard(other, mark))
            continue;
        other->heir = place;
        place->elder = other;
        return;
    }
}

void local_place_hear(struct local_places *places, struct local_place *place, const void *audio,
                      size_t bytes)
{
    uint64_t mark = mark_of(audio, bytes);
    if (mark == 0)
        return;
    if (!place->told)
        place_find_elder(places, place, mark);
    place->told = true;
    place->heard[place->heard_next++ % LOCAL_PLACE_MESSAGES] = mark;
}
