/* export: page by page, so that neither a long session nor a large class has to fit in memory. */
#include "base/buf.h"
#include "base/status.h"
#include "server/admin.h"
#include "server/admin_options.h"
#include "server/store_admin.h"
#include "server/transcript.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>

struct writer {
    struct admin *admin;
    struct store_file *file;
    struct transcript *transcript;
    FILE *out;
    struct buf text;
};

/* What has been made goes out. */
static int flush(struct writer *writer, int status)
{
    if (status == STATUS_OK && writer->text.len > 0 &&
        fwrite(writer->text.data, 1, writer->text.len, writer->out) != writer->text.len)
        status = STATUS_IO;
    buf_reset(&writer->text);
    return status;
}

/* STATUS_NOT_FOUND: there is no such session (any more). */
static int write_session(struct writer *writer, const char *session)
{
    uint64_t after = 0;
    bool more = true, opened = false;
    int status = STATUS_OK;
    while (more && status == STATUS_OK) {
        struct store_page *page;
        struct store_query query = {
            .question = STORE_MESSAGES, .session = session, .after_seq = after, .limit = HTTP_PAGE};
        if ((status = store_file_query(writer->file, &query, &page)) != STATUS_OK)
            return status;
        status = page->status;
        if (status == STATUS_OK && !opened)
            status = transcript_open(writer->transcript, page->about, &writer->text);
        opened = true;
        for (size_t i = 0; i < page->rows_len && status == STATUS_OK; i++) {
            status = transcript_row(writer->transcript, &page->rows[i], &writer->text);
            after = page->rows[i].seq;
        }
        more = page->more && page->rows_len > 0;
        page->msg.free_fn(&page->msg);
        status = flush(writer, status);
    }
    if (status == STATUS_OK)
        status = transcript_close(writer->transcript, NULL, &writer->text);
    return flush(writer, status);
}

/* One page of the class's sessions; `before` moves on. */
static int write_sessions(struct writer *writer, char before[STORE_NAME_BYTES], bool *more,
                          size_t *count)
{
    struct store_page *page;
    struct store_query query = {.question = STORE_SESSIONS,
                                .class_name = writer->admin->options->class_name,
                                .before = before,
                                .limit = HTTP_LIST_DEFAULT};
    int status = store_file_query(writer->file, &query, &page);
    if (status != STATUS_OK)
        return status;
    status = page->status;
    for (size_t i = 0; i < page->about_len && status == STATUS_OK; i++) {
        status = write_session(writer, page->about[i].session);
        if (status == STATUS_NOT_FOUND)
            status = STATUS_OK; /* deleted meanwhile */
        memcpy(before, page->about[i].session, STORE_NAME_BYTES);
    }
    *more = page->more && page->about_len > 0;
    *count += page->about_len;
    page->msg.free_fn(&page->msg);
    return status;
}

static int write_class(struct writer *writer)
{
    char before[STORE_NAME_BYTES] = "";
    bool more = true;
    size_t count = 0;
    int status = STATUS_OK;
    while (more && status == STATUS_OK)
        status = write_sessions(writer, before, &more, &count);
    return status == STATUS_OK && count == 0 ? STATUS_NOT_FOUND : status;
}

static int write_all(struct writer *writer)
{
    const struct admin_options *options = writer->admin->options;
    struct transcript_of of = {.format = options->format, .langs = options->langs};
    if (options->class_name[0] != '\0')
        of.class_name = options->class_name;
    int status = transcript_create(&writer->transcript, &of);
    if (status == STATUS_OK)
        status = transcript_begin(writer->transcript, &writer->text);
    if (status == STATUS_OK)
        status =
            of.class_name != NULL ? write_class(writer) : write_session(writer, options->argument);
    if (status == STATUS_OK)
        status = transcript_end(writer->transcript, &writer->text);
    return flush(writer, status);
}

static int tell(const struct writer *writer, int status)
{
    const struct admin_options *options = writer->admin->options;
    if (status == STATUS_OK)
        return ADMIN_EXIT_OK;
    if (status == STATUS_NOT_FOUND && options->argument != NULL)
        return admin_fail_session(writer->admin);
    if (status == STATUS_NOT_FOUND)
        return admin_fail(writer->admin, ADMIN_EXIT_NOT_FOUND, "class %s has no sessions",
                          options->class_name);
    if (ferror(writer->out))
        return admin_fail(writer->admin, ADMIN_EXIT_FAILED, "cannot write: %s", strerror(errno));
    return admin_fail_store(writer->admin, status);
}

int admin_export(struct admin *admin, struct store_file *file)
{
    const char *path = admin->options->output;
    struct writer writer = {.admin = admin, .file = file, .out = admin->out};
    if (path != NULL && (writer.out = fopen(path, "wxe")) == NULL)
        return admin_fail(admin, ADMIN_EXIT_FAILED, "cannot make %s: %s", path, strerror(errno));
    buf_init(&writer.text, HTTP_PAGE_BYTES_MAX);
    int code = tell(&writer, write_all(&writer));
    transcript_destroy(writer.transcript);
    buf_deinit(&writer.text);
    if (path == NULL)
        return code;
    if (fclose(writer.out) != 0 && code == ADMIN_EXIT_OK)
        code = admin_fail(admin, ADMIN_EXIT_FAILED, "cannot write %s: %s", path, strerror(errno));
    if (code != ADMIN_EXIT_OK)
        unlink(path); /* half an export looks like a whole one */
    return code;
}
