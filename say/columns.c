#include "say/columns.h"

#include "base/utf8.h"
#include <utf8proc.h>

unsigned columns_of_code(uint32_t code)
{
    int width = utf8proc_charwidth((utf8proc_int32_t)code);
    return width > 0 ? (unsigned)width : 0;
}

size_t columns_of(const char *text, size_t len)
{
    size_t columns = 0, step;
    uint32_t code;
    for (size_t at = 0; (step = utf8_decode(text + at, len - at, &code)) > 0; at += step)
        columns += columns_of_code(code);
    return columns;
}

bool columns_is_safe(uint32_t code)
{
    bool control = code < 0x20 || (code >= 0x7f && code < 0xa0);
    bool reorders = (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069) ||
                    code == 0x200e || code == 0x200f || code == 0x2028 || code == 0x2029;
    return !control && !reorders;
}
