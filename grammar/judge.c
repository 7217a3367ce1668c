/* A model that was asked to correct may answer, obey or retell instead. Its text then still differs
 * from the source by edits, but not by a learner's. */
#include "base/status.h"
#include "base/utf8.h"
#include "grammar/internal.h"
#include "grammar/limits.h"
#include <string.h>

/* What is told as edits is more likely a correction than a text that came without them. */
static bool is_rewrite(size_t distance, size_t words, bool told)
{
    size_t most = told ? GRAMMAR_TOLD_WORDS : GRAMMAR_REWRITE_WORDS;
    if (distance >= GRAMMAR_KEPT_WORDS && distance == words)
        return true;
    return distance > most && distance * 100 > words * GRAMMAR_REWRITE_PERCENT;
}

/* Says a sentence more than the source, behind all of it: "what is this" became "what is this? A
 * pen." */
static bool adds_sentence(const struct grammar_edit *edit, uint32_t source_end, bool ended)
{
    size_t len = strlen(edit->to);
    if (edit->end != source_end || grammar__word_count(edit->to) <= grammar__word_count(edit->from))
        return false;
    for (size_t at = 0; at < len; at++) {
        bool mark = strchr(".?!", edit->to[at]) != NULL;
        if (mark && grammar__word_count(edit->to + at) > 0)
            return true;
    }
    return ended;
}

static bool is_ended(const char *source)
{
    size_t len = strlen(source);
    while (len > 0 && strchr(" \t\r\n", source[len - 1]) != NULL)
        len--;
    return len > 0 && strchr(".?!", source[len - 1]) != NULL;
}

int grammar__judge(const char *source, const struct grammar_result *result, bool told)
{
    size_t distance, words;
    int status = grammar__word_distance(source, result->corrected, &distance, &words);
    if (status != 0)
        return status;
    bool lost = grammar__word_count(source) > 0 && grammar__word_count(result->corrected) == 0;
    if (lost || result->edits_len > GRAMMAR_EDITS_MAX || is_rewrite(distance, words, told))
        return STATUS_FILTERED;
    uint32_t end = (uint32_t)utf8_count(source, strlen(source));
    bool ended = is_ended(source);
    for (size_t i = 0; i < result->edits_len; i++) {
        const struct grammar_edit *edit = &result->edits[i];
        size_t gone = grammar__word_count(edit->from), come = grammar__word_count(edit->to);
        if (come > gone + GRAMMAR_INSERT_WORDS || adds_sentence(edit, end, ended))
            return STATUS_FILTERED;
    }
    return STATUS_OK;
}
