#include "server/admin.h"

#include "base/mem.h"
#include "base/status.h"
#include "base/utf8.h"
#include "server/admin_options.h"
#include "server/config.h"
#include "server/store_admin.h"
#include "server/store_path.h"
#include <assert.h>
#include <stdarg.h>
#include <string.h>

int admin_fail(const struct admin *admin, int code, const char *format, ...)
{
    va_list args;
    fputs("sotto-admin: ", admin->err);
    va_start(args, format);
    vfprintf(admin->err, format, args);
    va_end(args);
    fputc('\n', admin->err);
    return code;
}

int admin_fail_session(const struct admin *admin)
{
    return admin_fail(admin, ADMIN_EXIT_NOT_FOUND,
                      "there is no session %s; sotto-admin list tells which there are",
                      admin->options->argument);
}

int admin_fail_store(const struct admin *admin, int status)
{
    const char *problem = store_admin_problem();
    return admin_fail(admin, ADMIN_EXIT_FAILED, "%s",
                      problem[0] != '\0' ? problem : status_text(status));
}

static bool is_shown(uint32_t code)
{
    return code >= 0x20 && (code < 0x7f || code >= 0xa0) && (code < 0x202a || code > 0x202e) &&
           (code < 0x2066 || code > 0x2069);
}

unsigned admin_print_text(FILE *out, const char *text, unsigned columns)
{
    size_t len = strlen(text), at = 0, step;
    uint32_t code;
    unsigned written = 0;
    if (!utf8_valid(text, len))
        return 0;
    for (; (step = utf8_decode(text + at, len - at, &code)) > 0; at += step) {
        if (!is_shown(code))
            continue;
        if (columns > 0 && written == columns)
            break;
        fwrite(text + at, 1, step, out);
        written++;
    }
    return written;
}

static const struct {
    int (*run)(struct admin *admin, struct store_file *file);
    bool writes;
} commands[] = {
    [ADMIN_LIST] = {admin_list, false},     [ADMIN_SHOW] = {admin_show, false},
    [ADMIN_EXPORT] = {admin_export, false}, [ADMIN_DELETE] = {admin_delete, true},
    [ADMIN_BACKUP] = {admin_backup, false}, [ADMIN_CHECK] = {admin_check, false},
};

/* The store's file: as named, or where the server has it. */
static int find_store(struct admin *admin, char **path)
{
    char why[STORE_PATH_WHY_BYTES];
    const char *named = admin->options->store;
    int status = store_path_look(named != NULL ? named : admin->config->store_path, path, why);
    if (status != STATUS_OK)
        return admin_fail(admin, ADMIN_EXIT_FAILED, "%s",
                          status == STATUS_NOMEM ? status_text(status) : why);
    if ((*path)[0] != '\0')
        return ADMIN_EXIT_OK;
    mem_free(*path);
    return admin_fail(admin, ADMIN_EXIT_USAGE,
                      "the server keeps nothing: its [store] path is none; --store FILE names "
                      "another");
}

static int run_on_store(struct admin *admin)
{
    enum admin_command command = admin->options->command;
    struct store_file *file;
    char *path;
    int code = find_store(admin, &path);
    if (code != ADMIN_EXIT_OK)
        return code;
    if (command == ADMIN_LETTERS) {
        code = admin_letters(admin, path);
        mem_free(path);
        return code;
    }
    assert((size_t)command < sizeof commands / sizeof commands[0]);
    int status = store_file_open(&file, path, commands[command].writes);
    mem_free(path);
    if (status != STATUS_OK)
        return admin_fail_store(admin, status);
    code = commands[command].run(admin, file);
    store_file_close(file);
    return code;
}

int admin_run(struct admin *admin)
{
    int code = admin->options->command == ADMIN_TOKEN ? admin_token(admin) : run_on_store(admin);
    if ((fflush(admin->out) != 0 || ferror(admin->out)) && code == ADMIN_EXIT_OK)
        return admin_fail(admin, ADMIN_EXIT_FAILED, "cannot write all of the output");
    return code;
}
