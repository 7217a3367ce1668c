#include "base/json.h"

#include "base/mem.h"
#include "base/status.h"
#include <pthread.h>

static void memory_set(void)
{
    json_set_alloc_funcs(mem_alloc, mem_free);
}

int json_read(const char *text, size_t len, size_t flags, json_t **out)
{
    json_error_t error;
    return json_read_told(text, len, flags, out, &error);
}

int json_read_told(const char *text, size_t len, size_t flags, json_t **out, json_error_t *error)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, memory_set);
    unsigned failed = mem_failed();
    json_t *root = json_loadb(text, len, flags, error);
    bool short_of_memory = mem_failed() != failed;
    if (short_of_memory) {
        json_decref(root);
        root = NULL;
    }
    *out = root;
    if (root != NULL)
        return STATUS_OK;
    if (short_of_memory || json_error_code(error) == json_error_out_of_memory)
        return STATUS_NOMEM;
    bool cut = json_error_code(error) == json_error_premature_end_of_input;
    return cut ? STATUS_TRUNCATED : STATUS_PROTOCOL;
}
