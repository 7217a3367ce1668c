/* delete, backup and check. */
#include "base/clock.h"
#include "base/status.h"
#include "server/admin.h"
#include "server/admin_options.h"
#include "server/store_admin.h"
#include <stdio.h>
#include <string.h>

/* --- delete --- */

struct selection {
    uint64_t sessions, open;
};

static int64_t before_us(const struct admin_options *options)
{
    return clock_wall_us() - options->older_than_s * 1000000;
}

static bool is_selected(const struct admin_options *options, const struct store_about *about,
                        int64_t before)
{
    return options->older_than_s == 0 ||
           (about->ended_wall_us != 0 && about->started_wall_us < before);
}

/* What would go. */
static int count_page(const struct admin *admin, struct store_file *file, char *before,
                      struct selection *out)
{
    const struct admin_options *options = admin->options;
    struct store_page *page;
    struct store_query query = {.question =
                                    options->argument != NULL ? STORE_ABOUT : STORE_SESSIONS,
                                .session = options->argument,
                                .class_name = options->class_name,
                                .before = before,
                                .limit = HTTP_LIST_MAX};
    int status = store_file_query(file, &query, &page);
    if (status != STATUS_OK)
        return status;
    status = page->status;
    for (size_t i = 0; i < page->about_len && status == STATUS_OK; i++) {
        const struct store_about *about = &page->about[i];
        memcpy(before, about->session, STORE_NAME_BYTES);
        if (!is_selected(options, about, before_us(options)))
            continue;
        out->sessions++;
        out->open += about->ended_wall_us == 0;
    }
    if (status == STATUS_OK && page->more && page->about_len > 0)
        status = STATUS_AGAIN;
    page->msg.free_fn(&page->msg);
    return status;
}

static int count(const struct admin *admin, struct store_file *file, struct selection *out)
{
    char before[STORE_NAME_BYTES] = "";
    int status = STATUS_AGAIN;
    while (status == STATUS_AGAIN)
        status = count_page(admin, file, before, out);
    return status;
}

static bool confirmed(const struct admin *admin, const struct selection *selection)
{
    char answer[16] = "";
    fprintf(admin->err, "Delete %llu session%s with all that was said",
            (unsigned long long)selection->sessions, selection->sessions == 1 ? "" : "s");
    if (selection->open > 0)
        fprintf(admin->err, ", %llu of them still open", (unsigned long long)selection->open);
    fputs("? This cannot be undone. [y/N] ", admin->err);
    fflush(admin->err);
    return fgets(answer, sizeof answer, admin->in) != NULL &&
           (strcmp(answer, "y\n") == 0 || strcmp(answer, "yes\n") == 0);
}

static int delete_selected(const struct admin *admin, struct store_file *file)
{
    const struct admin_options *options = admin->options;
    struct store_deleted deleted = {0};
    int status;
    if (options->argument != NULL)
        status = store_admin_delete_session(file, options->argument, &deleted);
    else if (options->older_than_s > 0)
        status = store_admin_delete_before(file, before_us(options), &deleted);
    else
        status = store_admin_delete_class(file, options->class_name, &deleted);
    if (deleted.sessions > 0 || status == STATUS_OK)
        fprintf(admin->out, "Deleted %llu session%s with %llu message%s.\n",
                (unsigned long long)deleted.sessions, deleted.sessions == 1 ? "" : "s",
                (unsigned long long)deleted.messages, deleted.messages == 1 ? "" : "s");
    if (status != STATUS_OK)
        return admin_fail_store(admin, status);
    if (deleted.sessions > 0 && !deleted.scrubbed)
        fprintf(admin->err, "Traces may stay in the write-ahead log until the server's next "
                            "checkpoint; the same command later removes them.\n");
    return ADMIN_EXIT_OK;
}

int admin_delete(struct admin *admin, struct store_file *file)
{
    const struct admin_options *options = admin->options;
    struct selection selection = {0};
    int status = count(admin, file, &selection);
    if (status == STATUS_NOT_FOUND)
        return admin_fail_session(admin);
    if (status != STATUS_OK)
        return admin_fail_store(admin, status);
    if (options->dry_run) {
        fprintf(admin->out, "Would delete %llu session%s, %llu of them still open.\n",
                (unsigned long long)selection.sessions, selection.sessions == 1 ? "" : "s",
                (unsigned long long)selection.open);
        return ADMIN_EXIT_OK;
    }
    if (selection.sessions > 0 && !options->yes) {
        if (!admin->interactive)
            return admin_fail(admin, ADMIN_EXIT_USAGE,
                              "there is nobody to ask: add --yes to delete %llu session%s",
                              (unsigned long long)selection.sessions,
                              selection.sessions == 1 ? "" : "s");
        if (!confirmed(admin, &selection))
            return admin_fail(admin, ADMIN_EXIT_DECLINED, "nothing was deleted");
    }
    return delete_selected(admin, file);
}

/* --- backup --- */

struct progress {
    const struct admin *admin;
    int shown;
};

static bool on_progress(void *ctx, int done, int total)
{
    struct progress *progress = ctx;
    int percent = total > 0 ? (int)(100LL * done / total) : 100;
    if (progress->admin->interactive && percent != progress->shown)
        fprintf(progress->admin->err, "\r%3d %%", percent);
    progress->shown = percent;
    return true;
}

int admin_backup(struct admin *admin, struct store_file *file)
{
    struct progress progress = {.admin = admin, .shown = -1};
    int status = store_admin_backup(file, admin->options->argument, on_progress, &progress);
    if (admin->interactive && progress.shown >= 0)
        fputs("\r     \r", admin->err);
    if (status != STATUS_OK)
        return admin_fail_store(admin, status);
    fprintf(admin->out, "Backed up to %s.\n", admin->options->argument);
    return ADMIN_EXIT_OK;
}

/* --- check --- */

static void on_fault(void *ctx, const char *fault)
{
    const struct admin *admin = ctx;
    fprintf(admin->out, "%s%s%s\n", admin->color ? "\033[31m" : "", fault,
            admin->color ? "\033[0m" : "");
}

int admin_check(struct admin *admin, struct store_file *file)
{
    int status = store_admin_check(file, on_fault, admin);
    if (status == STATUS_INVALID)
        return admin_fail(admin, ADMIN_EXIT_DAMAGED,
                          "the store is damaged; docs/operations.md tells how to restore a backup");
    if (status != STATUS_OK)
        return admin_fail_store(admin, status);
    fprintf(admin->out, "No damage found.\n");
    return ADMIN_EXIT_OK;
}
