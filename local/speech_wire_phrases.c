/* Phrases that are likely to be said, wherever a version of the API keeps them. */
#include "base/status.h"
#include "local/speech_wire_internal.h"
#include <assert.h>

struct phrases {
    struct local_speech_phrase *out;
    size_t len, max;
};

static void phrases_add(struct phrases *phrases, const struct local_proto_field *text, float boost)
{
    if (phrases->len < phrases->max && text->len > 0)
        phrases->out[phrases->len++] = (struct local_speech_phrase){
            .text = (const char *)text->bytes, .len = text->len, .boost = boost};
}

/* A set's boost, field 4, counts for the phrases before it, too. */
static void phrases_boost(struct phrases *phrases, size_t from, float boost)
{
    for (size_t i = from; i < phrases->len; i++)
        if (phrases->out[i].boost == 0)
            phrases->out[i].boost = boost;
}

/* SpeechContext: 1 phrases (strings), 4 boost. */
static int read_context(const struct local_proto_field *outer, struct phrases *phrases)
{
    struct local_proto_reader reader = local_proto_inner(outer);
    struct local_proto_field field;
    size_t from = phrases->len;
    float boost = 0;
    while (local_proto_next(&reader, &field)) {
        if (local_proto_is(&field, 1, LOCAL_PROTO_BYTES))
            phrases_add(phrases, &field, 0);
        else if (local_proto_is(&field, 4, LOCAL_PROTO_FIXED32))
            boost = local_proto_float(&field);
    }
    phrases_boost(phrases, from, boost);
    return reader.status;
}

/* Phrase: 1 value, 2 boost. */
static int read_phrase(const struct local_proto_field *outer, struct phrases *phrases)
{
    struct local_proto_reader reader = local_proto_inner(outer);
    struct local_proto_field field, text = {0};
    float boost = 0;
    while (local_proto_next(&reader, &field)) {
        if (local_proto_is(&field, 1, LOCAL_PROTO_BYTES))
            text = field;
        else if (local_proto_is(&field, 2, LOCAL_PROTO_FIXED32))
            boost = local_proto_float(&field);
    }
    phrases_add(phrases, &text, boost);
    return reader.status;
}

/* PhraseSet: phrases in field 2 of v1, in field 3 of v2; 4 boost. */
static int read_set(const struct local_proto_field *outer, bool v2, struct phrases *phrases)
{
    struct local_proto_reader reader = local_proto_inner(outer);
    struct local_proto_field field;
    size_t from = phrases->len;
    float boost = 0;
    while (local_proto_next(&reader, &field)) {
        if (local_proto_is(&field, v2 ? 3 : 2, LOCAL_PROTO_BYTES))
            reader.status = read_phrase(&field, phrases);
        else if (local_proto_is(&field, 4, LOCAL_PROTO_FIXED32))
            boost = local_proto_float(&field);
    }
    phrases_boost(phrases, from, boost);
    return reader.status;
}

/* v2's AdaptationPhraseSet: 2 inline_phrase_set. */
static int read_inline(const struct local_proto_field *outer, struct phrases *phrases)
{
    struct local_proto_reader reader = local_proto_inner(outer);
    struct local_proto_field field;
    while (local_proto_next(&reader, &field))
        if (local_proto_is(&field, 2, LOCAL_PROTO_BYTES))
            reader.status = read_set(&field, true, phrases);
    return reader.status;
}

/* SpeechAdaptation: 1 phrase_sets. */
static int read_adaptation(const struct local_proto_field *outer, bool v2, struct phrases *phrases)
{
    struct local_proto_reader reader = local_proto_inner(outer);
    struct local_proto_field field;
    while (local_proto_next(&reader, &field))
        if (local_proto_is(&field, 1, LOCAL_PROTO_BYTES))
            reader.status = v2 ? read_inline(&field, phrases) : read_set(&field, false, phrases);
    return reader.status;
}

int local_speech_phrases_read(const struct local_speech_config *config,
                              struct local_speech_phrase *out, size_t max)
{
    struct local_proto_reader reader =
        local_proto_read(config->recognition, config->recognition_len);
    struct local_proto_field field;
    struct phrases phrases = {.out = out, .max = max};
    bool adapted = false;
    while (local_proto_next(&reader, &field)) {
        if (local_proto_is(&field, config->v2 ? 6 : 20, LOCAL_PROTO_BYTES)) {
            /* Contexts do not count beside an adaptation. */
            if (!adapted)
                phrases.len = 0;
            adapted = true;
            reader.status = read_adaptation(&field, config->v2, &phrases);
        } else if (!config->v2 && !adapted && local_proto_is(&field, 6, LOCAL_PROTO_BYTES)) {
            reader.status = read_context(&field, &phrases);
        }
    }
    return reader.status != 0 ? reader.status : (int)phrases.len;
}
