/* Requests of the offline chat API, and what its engines do to the text in them before they start.
 */
#include "base/buf.h"
#include "base/mem.h"
#include "local/apertium_text.h"
#include "local/chat_codec.h"
#include "local/slip.h"
#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void text_feed(const char *text)
{
    static struct slip_edit edits[LOCAL_GRAMMAR_EDITS_MAX];
    struct apertium_style style;
    struct slip_sentence sentence;
    struct buf prepared, out;
    buf_init(&prepared, 1 << 18);
    buf_init(&out, 1 << 18);
    if (apertium_text_prepare(text, true, &prepared, &style) == 0 && prepared.len > 0)
        apertium_text_finish(prepared.data, prepared.len, true, &style, &out);
    buf_reset(&out);
    if (slip_sentence_read(&sentence, text, slip_sentence_span(text, strlen(text)))) {
        struct slip_list list = {.edits = edits, .max = LOCAL_GRAMMAR_EDITS_MAX};
        slip_rules(&sentence, &list);
        slip_candidates(&sentence, &list);
        slip_sentence_parsable(&sentence, NULL, 0, &out, NULL);
        for (size_t i = 0; i < list.len; i++) {
            const struct slip_edit *edit = &list.edits[i];
            slip_sentence_edited(&sentence, &edit, 1, &out);
            buf_reset(&out);
        }
    }
    buf_deinit(&prepared);
    buf_deinit(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct local_chat_question question;
    struct local_chat_fault fault;
    struct buf out;
    buf_init(&out, 1 << 20);
    if (local_chat_question_read((const char *)data, size, &question, &fault) == 0) {
        struct local_chat_reply reply = {.id = "chatcmpl-1", .text = question.text};
        assert(local_chat_reply_write(&question, &reply, &out) == 0 || out.status != 0);
        text_feed(question.text);
        local_chat_question_deinit(&question);
    } else {
        assert(fault.status == 400 && fault.message[0] != '\0');
        local_chat_fault_write(&fault, &out);
    }
    buf_deinit(&out);
    return 0;
}
