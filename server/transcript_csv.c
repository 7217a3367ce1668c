/* RFC 4180: a line for each message, lines end in CR LF, every text in quotes. */
#include "base/buf.h"
#include "base/status.h"
#include "server/transcript_internal.h"
#include <jansson.h>
#include <stdbool.h>
#include <string.h>

int transcript__csv_begin(struct buf *out)
{
    return buf_puts(
        out, "session,name,started_at,seq,segment,kind,lang,start_ms,end_ms,text,by,failed\r\n");
}

/* Programs that open tables take a cell that begins so for a formula, and learners say what they
 * like. Full-width forms count too. */
static bool is_formula(const char *text)
{
    static const char *const wide[] = {"\uff1d", "\uff0b", "\uff0d", "\uff20"};
    text += strspn(text, " ");
    if (*text != '\0' && strchr("=+-@\t\r\n|%", *text) != NULL)
        return true;
    for (size_t i = 0; i < sizeof wide / sizeof wide[0]; i++)
        if (strncmp(text, wide[i], strlen(wide[i])) == 0)
            return true;
    return false;
}

static void put_text(struct buf *out, const char *text)
{
    buf_puts(out, is_formula(text) ? ",\"'" : ",\"");
    for (size_t len; *text != '\0'; text += len) {
        len = strcspn(text, "\"");
        buf_append(out, text, len);
        if (text[len] == '"') {
            buf_puts(out, "\"\"");
            len++;
        }
    }
    buf_putc(out, '"');
}

static void put_number(struct buf *out, const json_t *value)
{
    if (json_is_integer(value))
        buf_printf(out, ",%lld", (long long)json_integer_value(value));
    else
        buf_putc(out, ',');
}

int transcript__csv_row(struct transcript *transcript, const struct store_row *row, struct buf *out)
{
    static const struct {
        const char *name, *text;
    } kinds[] = {[STORE_TRANSCRIPT] = {"transcript", "committed"},
                 [STORE_TRANSLATION] = {"translation", "committed"},
                 [STORE_GRAMMAR] = {"grammar", "corrected"},
                 [STORE_NOTE] = {"note", "note"}};
    json_t *message;
    int status = transcript__parse(row, &message);
    if (status != STATUS_OK)
        return status == STATUS_INVALID ? buf_status(out) : status;
    const char *lang = row->kind == STORE_TRANSLATION ? row->lang
                       : row->kind == STORE_NOTE      ? ""
                                                      : transcript->source;
    buf_puts(out, transcript->session);
    put_text(out, transcript->name);
    buf_printf(out, ",%s,%llu,%u,%s", transcript->started_at, (unsigned long long)row->seq,
               row->segment, kinds[row->kind].name);
    put_text(out, lang);
    put_number(out, json_object_get(message, "start_ms"));
    put_number(out, json_object_get(message, "end_ms"));
    put_text(out, transcript__text(message, kinds[row->kind].text));
    put_text(out, transcript__text(message, "by"));
    put_text(out, transcript__text(message, "failed"));
    json_decref(message);
    return buf_puts(out, "\r\n");
}
