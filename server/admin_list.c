/* list and show. */
#include "base/buf.h"
#include "base/clock.h"
#include "base/status.h"
#include "server/admin.h"
#include "server/admin_options.h"
#include "server/store_admin.h"
#include "server/transcript.h"
#include <stdio.h>
#include <string.h>

#define CLASS_COLUMNS 16
#define NAME_COLUMNS  20

/* "2026-11-21 05:19"; UTC, as everything the server writes. */
static void print_time(FILE *out, int64_t wall_us)
{
    char text[CLOCK_RFC3339_BYTES];
    clock_rfc3339(wall_us, text);
    text[10] = ' ';
    fprintf(out, "%.16s", text);
}

static void print_cell(FILE *out, const char *text, unsigned columns)
{
    for (unsigned written = admin_print_text(out, text, columns); written < columns; written++)
        fputc(' ', out);
}

static void print_line(const struct admin *admin, const struct store_about *about)
{
    FILE *out = admin->out;
    int64_t s = (about->ended_wall_us - about->started_wall_us) / 1000000;
    fprintf(out, "%s  ", about->session);
    print_time(out, about->started_wall_us);
    if (about->ended_wall_us == 0)
        fprintf(out, "  %s%8s%s  ", admin->color ? "\033[32m" : "", "open",
                admin->color ? "\033[0m" : "");
    else
        fprintf(out, "  %2lld:%02lld:%02lld  ", (long long)(s / 3600), (long long)(s / 60 % 60),
                (long long)(s % 60));
    fprintf(out, "%8u  ", about->segments);
    print_cell(out, about->class_name, CLASS_COLUMNS);
    fputs("  ", out);
    admin_print_text(out, about->name, NAME_COLUMNS);
    fputc('\n', out);
}

static void print_heading(const struct admin *admin)
{
    if (!admin->options->json)
        fprintf(admin->out, "%s%-32s  %-16s  %8s  %8s  %-*s  %s%s\n", admin->color ? "\033[1m" : "",
                "SESSION", "BEGAN (UTC)", "LASTED", "SEGMENTS", CLASS_COLUMNS, "CLASS", "NAME",
                admin->color ? "\033[0m" : "");
}

static int print_json(const struct admin *admin, const struct store_about *about)
{
    struct buf text;
    buf_init(&text, HTTP_PAGE_BYTES_MAX);
    int status = transcript_write_about(about, &text);
    if (status == STATUS_OK)
        fprintf(admin->out, "%s\n", text.data);
    buf_deinit(&text);
    return status;
}

static int print_page(const struct admin *admin, const struct store_page *page)
{
    int status = page->status;
    for (size_t i = 0; i < page->about_len && status == STATUS_OK; i++) {
        if (admin->options->json)
            status = print_json(admin, &page->about[i]);
        else
            print_line(admin, &page->about[i]);
    }
    return status;
}

int admin_list(struct admin *admin, struct store_file *file)
{
    const struct admin_options *options = admin->options;
    char before[STORE_NAME_BYTES] = "";
    uint32_t left = options->limit > 0 ? options->limit : UINT32_MAX;
    bool more = true;
    print_heading(admin);
    while (more && left > 0) {
        struct store_page *page;
        struct store_query query = {.question = STORE_SESSIONS,
                                    .class_name = options->class_name,
                                    .subject =
                                        options->subject[0] != '\0' ? options->subject : NULL,
                                    .before = before,
                                    .limit = left < HTTP_LIST_MAX ? left : HTTP_LIST_MAX};
        int status = store_file_query(file, &query, &page);
        if (status != STATUS_OK)
            return admin_fail_store(admin, status);
        status = print_page(admin, page);
        more = page->more && page->about_len > 0;
        left -= (uint32_t)page->about_len;
        if (page->about_len > 0)
            memcpy(before, page->about[page->about_len - 1].session, sizeof before);
        page->msg.free_fn(&page->msg);
        if (status != STATUS_OK)
            return admin_fail_store(admin, status);
    }
    if (more && !options->json)
        fprintf(admin->err, "There are more: --limit 0 lists all.\n");
    return ADMIN_EXIT_OK;
}

/* --- show --- */

static void print_field(const struct admin *admin, const char *name, const char *text)
{
    if (text == NULL || text[0] == '\0')
        return;
    fprintf(admin->out, "%s%-10s%s ", admin->color ? "\033[1m" : "", name,
            admin->color ? "\033[0m" : "");
    admin_print_text(admin->out, text, 0);
    fputc('\n', admin->out);
}

static void print_about(const struct admin *admin, const struct store_about *about)
{
    char time[CLOCK_RFC3339_BYTES], numbers[64];
    print_field(admin, "session", about->session);
    print_field(admin, "class", about->class_name);
    print_field(admin, "name", about->name);
    print_field(admin, "subject", about->subject);
    clock_rfc3339(about->started_wall_us, time);
    print_field(admin, "began", time);
    if (about->ended_wall_us != 0)
        clock_rfc3339(about->ended_wall_us, time);
    print_field(admin, "ended", about->ended_wall_us != 0 ? time : "not yet");
    print_field(admin, "reason", about->end_reason);
    print_field(admin, "source", about->source);
    snprintf(numbers, sizeof numbers, "%u segments, %llu messages", about->segments,
             (unsigned long long)about->seq);
    print_field(admin, "said", numbers);
    print_field(admin, "settings", about->settings);
    print_field(admin, "usage", about->usage);
}

int admin_show(struct admin *admin, struct store_file *file)
{
    struct store_page *page;
    struct store_query query = {.question = STORE_ABOUT, .session = admin->options->argument};
    int code = ADMIN_EXIT_OK, status = store_file_query(file, &query, &page);
    if (status == STATUS_NOT_FOUND)
        return admin_fail_session(admin);
    if (status != STATUS_OK)
        return admin_fail_store(admin, status);
    if (!admin->options->json)
        print_about(admin, page->about);
    else if (print_json(admin, page->about) != STATUS_OK)
        code = admin_fail(admin, ADMIN_EXIT_FAILED, "out of memory");
    page->msg.free_fn(&page->msg);
    return code;
}
