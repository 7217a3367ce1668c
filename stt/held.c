/* What a call has said while an earlier one is shown: it waits in the call's leg. */
#include "stt/stream_internal.h"

#include "base/mem.h"
#include "base/status.h"
#include "stt/codec.h"
#include <string.h>

void stt__held_forget(struct stt_leg *leg)
{
    while (leg->held != NULL) {
        struct stt_heard *heard = leg->held;
        leg->held = heard->next;
        mem_free(heard);
    }
    leg->held_last = NULL;
    leg->held_finals = leg->held_notes = 0;
    leg->held_end = 0;
}

/* One block: the struct, words, and every string. */
static struct stt_heard *heard_copy(const struct stt_heard *from)
{
    size_t words_bytes = from->words_len * sizeof(*from->words);
    size_t bytes = sizeof(*from) + words_bytes + strlen(from->text) + 1;
    const char *language = from->language != NULL ? from->language : "";
    bytes += strlen(language) + 1;
    for (size_t i = 0; i < from->words_len; i++)
        bytes += strlen(from->words[i].text) + 1;
    struct stt_heard *copy = mem_alloc(bytes);
    if (copy == NULL)
        return NULL;
    *copy = *from;
    struct stt_response_word *words = (struct stt_response_word *)(copy + 1);
    char *text = (char *)words + words_bytes;
    copy->next = NULL;
    copy->words = words;
    copy->text = text;
    text = stpcpy(text, from->text) + 1;
    copy->language = text;
    text = stpcpy(text, language) + 1;
    for (size_t i = 0; i < from->words_len; i++) {
        words[i] = from->words[i];
        words[i].text = text;
        text = stpcpy(text, from->words[i].text) + 1;
    }
    return copy;
}

int stt__held_add(struct stt_leg *leg, const struct stt_heard *from)
{
    if (leg->held_finals >= STT_HELD_FINALS_MAX)
        return STATUS_LIMIT;
    struct stt_heard *copy = heard_copy(from);
    if (copy == NULL)
        return STATUS_NOMEM;
    struct stt_heard *last = leg->held_last;
    bool full = leg->held_notes >= STT_HELD_NOTES_MAX;
    if (full && last != NULL && !last->final) {
        struct stt_heard **link = &leg->held;
        while (*link != last)
            link = &(*link)->next;
        *link = copy;
        mem_free(last);
    } else if (last != NULL) {
        last->next = copy;
    } else {
        leg->held = copy;
    }
    leg->held_last = copy;
    leg->held_finals += copy->final ? 1 : 0;
    leg->held_notes += copy->final || full ? 0 : 1;
    if (copy->final)
        leg->held_end = copy->end;
    return STATUS_OK;
}
