#include "local/grammar.h"
#include "base/status.h"
int local_grammar_create(struct local_grammar **out)
{
    return STATUS_UNAVAILABLE;
}
void local_grammar_destroy(struct local_grammar *g)
{
}
int local_grammar_check(struct local_grammar *grammar, const char *language, const char *text,
                        struct buf *out)
{
    return STATUS_INTERNAL;
}
