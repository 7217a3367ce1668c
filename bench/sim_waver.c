#include "bench/sim_waver.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/status.h"
#include "bench/script.h"
#include "bench/sim_answer.h"
#include <assert.h>
#include <string.h>

#define WAVER_WORDS 3

static uint64_t hash_of(const char *text)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (; *text != '\0'; text++)
        hash = (hash ^ (unsigned char)*text) * 0x100000001b3u;
    return hash;
}

static bool is_sentence(const char *text)
{
    size_t len = strlen(text);
    return len == 0 || strchr(".?!", text[len - 1]) != NULL;
}

/* Where the last words begin. */
static const char *tail_of(const char *text)
{
    const char *at = text + strlen(text);
    for (int words = 0; at > text; at--)
        if (at[-1] == ' ' && ++words == WAVER_WORDS)
            break;
    return at;
}

int sim_answer_waver(struct sim_answer *answer, double share)
{
    const struct local_chat_question *question = &answer->question;
    if (question->kind != LOCAL_CHAT_TRANSLATE || is_sentence(question->text) || share <= 0)
        return STATUS_OK;
    struct rng rng;
    struct buf text;
    rng_init(&rng, hash_of(question->text));
    buf_init(&text, SIM_ANSWER_BYTES_MAX);
    const char *at = tail_of(answer->text);
    buf_append(&text, answer->text, (size_t)(at - answer->text));
    while (*at != '\0') {
        size_t len = strcspn(at, " "), blanks = strspn(at + len, " ");
        unsigned word = (unsigned)rng_below(&rng, script_lexicon_len());
        const char *other = script_word_text(word, question->target);
        if (other != NULL && (double)rng_below(&rng, 1000) < share * 1000)
            buf_puts(&text, other);
        else
            buf_append(&text, at, len);
        buf_append(&text, at + len, blanks);
        at += len + blanks;
    }
    size_t len;
    char *wavering = buf_status(&text) == 0 && text.len > 0 ? buf_take(&text, &len) : NULL;
    buf_deinit(&text);
    if (wavering == NULL)
        return answer->text[0] == '\0' ? STATUS_OK : STATUS_NOMEM;
    mem_free(answer->text);
    answer->text = wavering;
    sim_answer_limit(answer, question->max_tokens);
    return STATUS_OK;
}
