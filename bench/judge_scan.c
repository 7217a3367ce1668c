#include "bench/judge_scan.h"

#include "base/utf8.h"

static void skip_space(struct judge_scan *scan)
{
    while (scan->at < scan->end &&
           (*scan->at == ' ' || *scan->at == '\t' || *scan->at == '\n' || *scan->at == '\r'))
        scan->at++;
}

bool judge_scan_take(struct judge_scan *scan, char c)
{
    skip_space(scan);
    if (scan->at == scan->end || *scan->at != c)
        return false;
    scan->at++;
    return true;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_hex4(struct judge_scan *scan, uint32_t *code)
{
    if (scan->end - scan->at < 4)
        return false;
    *code = 0;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(*scan->at++);
        if (digit < 0)
            return false;
        *code = *code << 4 | (uint32_t)digit;
    }
    return true;
}

/* After "\u"; a surrogate pair is one code point (RFC 8259 §7). Never longer than its escape. */
static bool read_unicode(struct judge_scan *scan)
{
    uint32_t code = 0, low = 0;
    if (!read_hex4(scan, &code))
        return false;
    if (code >= 0xD800 && code <= 0xDBFF) {
        if (scan->end - scan->at < 2 || scan->at[0] != '\\' || scan->at[1] != 'u')
            return false;
        scan->at += 2;
        if (!read_hex4(scan, &low) || low < 0xDC00 || low > 0xDFFF)
            return false;
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    }
    char bytes[4];
    size_t len = utf8_encode(code, bytes);
    memcpy(scan->scratch, bytes, len);
    scan->scratch += len;
    return true;
}

static bool read_escape(struct judge_scan *scan)
{
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    if (scan->at == scan->end)
        return false;
    char c = *scan->at++;
    if (c == 'u')
        return read_unicode(scan);
    const char *found = c != '\0' ? strchr(names, c) : NULL;
    if (found == NULL)
        return false;
    *scan->scratch++ = values[found - names];
    return true;
}

/* The rest of a string whose first escape has come, into the scratch. */
static bool read_escaped(struct judge_scan *scan, const char *start, struct judge_text *out)
{
    char *copy = scan->scratch;
    size_t before = (size_t)(scan->at - start);
    memcpy(copy, start, before);
    scan->scratch += before;
    while (scan->at < scan->end && *scan->at != '"') {
        char c = *scan->at++;
        if ((unsigned char)c < 0x20)
            return false;
        if (c != '\\')
            *scan->scratch++ = c;
        else if (!read_escape(scan))
            return false;
    }
    if (scan->at == scan->end)
        return false;
    scan->at++;
    *out = (struct judge_text){copy, (size_t)(scan->scratch - copy)};
    return true;
}

/* After the opening quote. */
static bool read_string(struct judge_scan *scan, struct judge_text *out)
{
    const char *start = scan->at;
    while (scan->at < scan->end && *scan->at != '"' && *scan->at != '\\') {
        if ((unsigned char)*scan->at < 0x20)
            return false;
        scan->at++;
    }
    if (scan->at == scan->end)
        return false;
    if (*scan->at == '\\')
        return read_escaped(scan, start, out);
    *out = (struct judge_text){start, (size_t)(scan->at++ - start)};
    return true;
}

static bool read_digits(struct judge_scan *scan, double *value, double *scale)
{
    const char *start = scan->at;
    while (scan->at < scan->end && *scan->at >= '0' && *scan->at <= '9') {
        *value = *value * 10 + (*scan->at++ - '0');
        *scale *= 10;
    }
    return scan->at > start;
}

/* Exact for integers below 2^53; exponents are read, at less care: the server writes none. */
static bool read_number(struct judge_scan *scan, double *out)
{
    double value = 0, scale = 1, power = 0, unused = 1;
    bool negative = *scan->at == '-';
    scan->at += negative;
    if (!read_digits(scan, &value, &unused))
        return false;
    if (scan->at < scan->end && *scan->at == '.') {
        scan->at++;
        if (!read_digits(scan, &value, &scale))
            return false;
        value /= scale;
    }
    if (scan->at < scan->end && (*scan->at | 0x20) == 'e') {
        scan->at++;
        bool small = scan->at < scan->end && *scan->at == '-';
        scan->at += small || (scan->at < scan->end && *scan->at == '+');
        if (!read_digits(scan, &power, &unused))
            return false;
        value = small ? value / __builtin_pow(10, power) : value * __builtin_pow(10, power);
    }
    *out = negative ? -value : value;
    return true;
}

static bool read_literal(struct judge_scan *scan, const char *literal)
{
    size_t len = strlen(literal);
    if ((size_t)(scan->end - scan->at) < len || memcmp(scan->at, literal, len) != 0)
        return false;
    scan->at += len;
    return true;
}

static bool skip_nested(struct judge_scan *scan, char open, unsigned depth);

/* Any value; of an object or list only that it is one. */
static bool read_value(struct judge_scan *scan, struct judge_value *out, unsigned depth)
{
    skip_space(scan);
    if (scan->at == scan->end)
        return false;
    *out = (struct judge_value){.kind = *scan->at, .text = {"", 0}};
    switch (*scan->at) {
    case '"': scan->at++; return read_string(scan, &out->text);
    case '{':
    case '[': scan->at++; return depth > 0 && skip_nested(scan, out->kind, depth - 1);
    case 't': out->truth = true; return read_literal(scan, "true");
    case 'f': return read_literal(scan, "false");
    case 'n': return read_literal(scan, "null");
    default: out->kind = '0'; return read_number(scan, &out->number);
    }
}

bool judge_scan_key(struct judge_scan *scan, struct judge_text *key)
{
    return judge_scan_take(scan, '"') && read_string(scan, key) && judge_scan_take(scan, ':');
}

static bool skip_nested(struct judge_scan *scan, char open, unsigned depth)
{
    const char close = open == '{' ? '}' : ']';
    struct judge_text key;
    struct judge_value value;
    if (judge_scan_take(scan, close))
        return true;
    do {
        if (open == '{' && !judge_scan_key(scan, &key))
            return false;
        if (!read_value(scan, &value, depth))
            return false;
    } while (judge_scan_take(scan, ','));
    return judge_scan_take(scan, close);
}

bool judge_scan_value(struct judge_scan *scan, struct judge_value *out)
{
    return read_value(scan, out, JUDGE_SCAN_DEPTH_MAX);
}

bool judge_scan_done(struct judge_scan *scan)
{
    skip_space(scan);
    return scan->at == scan->end;
}
