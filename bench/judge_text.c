/* What the sessions got in the end, written down to be compared with another run. */
#include "bench/judge_internal.h"

#include "base/status.h"
#include <jansson.h>

static json_t *text_of(const struct buf *text)
{
    return json_stringn_nocheck(text->data != NULL ? text->data : "", text->len);
}

static json_t *session_text(const struct judge_session *session)
{
    const struct judge *judge = session->judge;
    json_t *translations = json_object();
    for (unsigned i = 0; i < judge->targets_len; i++)
        json_object_set_new(translations, judge->config.targets[i],
                            text_of(&session->lanes[i + 1].text));
    return json_pack("{s:i, s:o, s:o, s:o, s:i, s:I}", "session", (int)session->number, "text",
                     text_of(&session->lanes[0].text), "translations", translations, "corrected",
                     text_of(&session->corrected), "failed", (int)session->failed, "finals",
                     (json_int_t)session->seq);
}

int judge_write_text(const struct judge *judge, FILE *out)
{
    int status = STATUS_OK;
    for (uint32_t i = 0; i < judge->sessions_len && status == STATUS_OK; i++) {
        json_t *line = session_text(judge->sessions[i]);
        if (line == NULL || json_dumpf(line, out, JSON_COMPACT) != 0 || fputc('\n', out) == EOF)
            status = STATUS_IO;
        json_decref(line);
    }
    return status;
}
