/* Who sees which classes. */
#include "base/mem.h"
#include "server/board.h"
#include <string.h>

struct board_scope {
    bool all;
    size_t len;
    const char *classes[]; /* their texts follow */
};

struct board_scope *board_scope_create(bool all, const char *const *classes, size_t len)
{
    size_t bytes = 0;
    len = all ? 0 : len;
    for (size_t i = 0; i < len; i++)
        bytes += strlen(classes[i]) + 1;
    struct board_scope *scope = mem_alloc(sizeof *scope + len * sizeof(char *) + bytes);
    if (scope == NULL)
        return NULL;
    *scope = (struct board_scope){.all = all, .len = len};
    char *at = (char *)(scope->classes + len);
    for (size_t i = 0; i < len; i++) {
        size_t size = strlen(classes[i]) + 1;
        scope->classes[i] = memcpy(at, classes[i], size);
        at += size;
    }
    return scope;
}

void board_scope_free(struct board_scope *scope)
{
    mem_free(scope);
}

bool board_scope_sees(const struct board_scope *scope, const char *class_name)
{
    if (scope->all)
        return true;
    for (size_t i = 0; i < scope->len && class_name[0] != '\0'; i++)
        if (strcmp(scope->classes[i], class_name) == 0)
            return true;
    return false;
}

bool board_scope_equal(const struct board_scope *a, const struct board_scope *b)
{
    if (a->all != b->all || a->len != b->len)
        return false;
    for (size_t i = 0; i < a->len; i++)
        if (strcmp(a->classes[i], b->classes[i]) != 0)
            return false;
    return true;
}
