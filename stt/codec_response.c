#include "stt/codec_response.h"

#include "base/mem.h"
#include "base/status.h"
#include "base/utf8.h"
#include "stt/limits.h"
#include <assert.h>
#include <string.h>

/* Where a walk stands; the pointers are NULL while it only counts. */
struct stt_walk {
    const struct stt_response_fields *fields;
    struct stt_result *results;
    struct stt_response_word *words;
    char *text;
    size_t results_len;
    size_t words_len;
    size_t text_len;
    bool alternative; /* the result has had one */
};

int stt__walk_message(struct stt_walk *walk, struct stt_pb_reader inside, stt_field_fn *fn,
                      void *into)
{
    struct stt_pb_field field;
    int more;
    while ((more = stt__pb_next(&inside, &field)) > 0) {
        int status = fn(walk, &field, into);
        if (status != 0)
            return status;
    }
    return more;
}

int stt__walk_text(struct stt_walk *walk, struct stt_pb_reader inside, const char **text)
{
    size_t len = (size_t)(inside.end - inside.at);
    if (len == 0) {
        *text = "";
        return 0;
    }
    /* U+0000 is valid UTF-8, but would cut a C string short. */
    if (memchr(inside.at, 0, len) != NULL || !utf8_valid(inside.at, len))
        return STATUS_PROTOCOL;
    if (walk->text_len + len + 1 > STT_RESPONSE_TEXT_MAX)
        return STATUS_LIMIT;
    *text = "not copied yet";
    if (walk->text != NULL) {
        char *copy = walk->text + walk->text_len;
        memcpy(copy, inside.at, len);
        copy[len] = '\0';
        *text = copy;
    }
    walk->text_len += len + 1;
    return 0;
}

int stt__walk_word(struct stt_walk *walk, struct stt_pb_reader inside, struct stt_result *result)
{
    if (walk->words_len == STT_RESPONSE_WORDS_MAX)
        return STATUS_LIMIT;
    struct stt_response_word word = {.text = ""};
    int status = stt__walk_message(walk, inside, walk->fields->word, &word);
    if (status != 0)
        return status;
    if (walk->words != NULL) {
        walk->words[walk->words_len] = word;
        if (result->words_len == 0)
            result->words = &walk->words[walk->words_len];
    }
    walk->words_len++;
    result->words_len++;
    return 0;
}

int stt__walk_alternative(struct stt_walk *walk, struct stt_pb_reader inside,
                          struct stt_result *result)
{
    if (walk->alternative)
        return 0;
    walk->alternative = true;
    return stt__walk_message(walk, inside, walk->fields->alternative, result);
}

int stt__walk_result(struct stt_walk *walk, struct stt_pb_reader inside)
{
    if (walk->results_len == STT_RESPONSE_RESULTS_MAX)
        return STATUS_LIMIT;
    walk->alternative = false;
    struct stt_result result = {.transcript = "", .language = ""};
    int status = stt__walk_message(walk, inside, walk->fields->result, &result);
    if (status != 0)
        return status;
    if (walk->results != NULL)
        walk->results[walk->results_len] = result;
    walk->results_len++;
    return 0;
}

int stt__response_read(const struct stt_response_fields *fields, const void *bytes, size_t len,
                       struct stt_response **out)
{
    assert(out != NULL && (bytes != NULL || len == 0));
    if (len > STT_RESPONSE_BYTES_MAX)
        return STATUS_LIMIT;
    static const uint8_t nothing[1];
    const uint8_t *first = bytes != NULL ? bytes : nothing;
    struct stt_pb_reader reader = {first, first + len};
    struct stt_response head = {.error_message = ""};
    struct stt_walk count = {.fields = fields};
    int status = stt__walk_message(&count, reader, fields->response, &head);
    if (status != 0)
        return status;

    size_t results_bytes = count.results_len * sizeof(struct stt_result);
    size_t words_bytes = count.words_len * sizeof(struct stt_response_word);
    char *block = mem_alloc(sizeof head + results_bytes + words_bytes + count.text_len);
    if (block == NULL)
        return STATUS_NOMEM;
    struct stt_response *response = (struct stt_response *)block;
    struct stt_walk fill = {.fields = fields,
                            .results = (struct stt_result *)(block + sizeof head),
                            .words =
                                (struct stt_response_word *)(block + sizeof head + results_bytes),
                            .text = block + sizeof head + results_bytes + words_bytes};
    *response = (struct stt_response){.error_message = ""};
    status = stt__walk_message(&fill, reader, fields->response, response);
    assert(status == 0 && fill.text_len == count.text_len);
    assert(fill.results_len == count.results_len && fill.words_len == count.words_len);
    response->results = fill.results;
    response->results_len = fill.results_len;
    *out = response;
    return 0;
}

void stt_response_free(struct stt_response *response)
{
    mem_free(response);
}
