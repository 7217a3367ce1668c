#include "bench/judge_event.h"

#include "base/status.h"
#include "base/utf8.h"
#include <assert.h>
#include <string.h>

struct scan {
    const char *at, *end;
    char *scratch;
};

/* A value as far as it is of use: its kind by the first character, `n` for a number. */
struct value {
    char kind;
    bool truth;
    double number;
    struct judge_text text;
};

static void skip_space(struct scan *scan)
{
    while (scan->at < scan->end &&
           (*scan->at == ' ' || *scan->at == '\t' || *scan->at == '\n' || *scan->at == '\r'))
        scan->at++;
}

/* The next character that is no space is `c`: taken. */
static bool take(struct scan *scan, char c)
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

static bool read_hex4(struct scan *scan, uint32_t *code)
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
static bool read_unicode(struct scan *scan)
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

static bool read_escape(struct scan *scan)
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
static bool read_escaped(struct scan *scan, const char *start, struct judge_text *out)
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
static bool read_string(struct scan *scan, struct judge_text *out)
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

static bool read_digits(struct scan *scan, double *value, double *scale)
{
    const char *start = scan->at;
    while (scan->at < scan->end && *scan->at >= '0' && *scan->at <= '9') {
        *value = *value * 10 + (*scan->at++ - '0');
        *scale *= 10;
    }
    return scan->at > start;
}

/* Exact for integers below 2^53; exponents are read, at less care: the server writes none. */
static bool read_number(struct scan *scan, double *out)
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

static bool read_literal(struct scan *scan, const char *literal)
{
    size_t len = strlen(literal);
    if ((size_t)(scan->end - scan->at) < len || memcmp(scan->at, literal, len) != 0)
        return false;
    scan->at += len;
    return true;
}

static bool skip_nested(struct scan *scan, char open, unsigned depth);

/* Any value; of an object or list only that it is one. */
static bool read_value(struct scan *scan, struct value *out, unsigned depth)
{
    skip_space(scan);
    if (scan->at == scan->end)
        return false;
    *out = (struct value){.kind = *scan->at, .text = {"", 0}};
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

static bool read_key(struct scan *scan, struct judge_text *key)
{
    return take(scan, '"') && read_string(scan, key) && take(scan, ':');
}

static bool skip_nested(struct scan *scan, char open, unsigned depth)
{
    const char close = open == '{' ? '}' : ']';
    struct judge_text key;
    struct value value;
    if (take(scan, close))
        return true;
    do {
        if (open == '{' && !read_key(scan, &key))
            return false;
        if (!read_value(scan, &value, depth))
            return false;
    } while (take(scan, ','));
    return take(scan, close);
}

static int64_t to_us(double ms)
{
    return ms > 0 && ms < 1e12 ? (int64_t)(ms * 1000 + 0.5) : 0;
}

/* After the opening brace of `lat`. */
static bool read_lat(struct scan *scan, struct judge_event *out)
{
    const struct {
        const char *name;
        int64_t *us;
    } parts[] = {{"audio", &out->audio_us},
                 {"upstream", &out->upstream_us},
                 {"queue", &out->queue_us},
                 {"hold", &out->hold_us},
                 {"server", &out->server_us}};
    struct judge_text key;
    struct value value;
    if (take(scan, '}'))
        return true;
    do {
        if (!read_key(scan, &key) || !read_value(scan, &value, JUDGE_EVENT_DEPTH_MAX))
            return false;
        for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
            if (judge_text_is(key, parts[i].name))
                *parts[i].us = to_us(value.number);
        out->has_lat = true;
    } while (take(scan, ','));
    return take(scan, '}');
}

static enum judge_event_type type_of(struct judge_text name)
{
    static const struct {
        const char *name;
        enum judge_event_type type;
    } types[] = {
        {"transcript", JUDGE_EVENT_TRANSCRIPT},   {"translation", JUDGE_EVENT_TRANSLATION},
        {"grammar", JUDGE_EVENT_GRAMMAR},         {"audio.ack", JUDGE_EVENT_ACK},
        {"session.started", JUDGE_EVENT_STARTED}, {"session.degraded", JUDGE_EVENT_DEGRADED},
        {"session.goaway", JUDGE_EVENT_GOAWAY},   {"session.restored", JUDGE_EVENT_RESTORED},
        {"session.ended", JUDGE_EVENT_ENDED},     {"error", JUDGE_EVENT_ERROR},
    };
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (judge_text_is(name, types[i].name))
            return types[i].type;
    return JUDGE_EVENT_OTHER;
}

static void store_text(struct judge_event *out, struct judge_text key, struct judge_text text)
{
    const struct {
        const char *name;
        struct judge_text *to;
    } texts[] = {{"committed", &out->committed}, {"tentative", &out->tentative},
                 {"corrected", &out->corrected}, {"lang", &out->lang},
                 {"code", &out->code},           {"message", &out->message},
                 {"session", &out->session},     {"resume_token", &out->resume_token}};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (judge_text_is(key, texts[i].name))
            *texts[i].to = text;
    if (judge_text_is(key, "type"))
        out->type = type_of(text);
    else if (judge_text_is(key, "failed"))
        out->failed = true;
}

static int64_t to_position(double number)
{
    return number >= 0 && number < 0x1p53 ? (int64_t)number : -1;
}

static uint32_t to_number(double number)
{
    return number > 0 && number < 0x1p32 ? (uint32_t)number : 0;
}

static void store_number(struct judge_event *out, struct judge_text key, double number)
{
    if (judge_text_is(key, "segment"))
        out->segment = to_number(number);
    else if (judge_text_is(key, "start_ms"))
        out->start_ms = to_position(number);
    else if (judge_text_is(key, "end_ms"))
        out->end_ms = to_position(number);
    else if (judge_text_is(key, "audio_samples"))
        out->audio_samples = to_position(number);
    else if (judge_text_is(key, "seq"))
        out->seq = number > 0 && number < 0x1p53 ? (uint64_t)number : 0;
    else if (judge_text_is(key, "epoch"))
        out->epoch = to_number(number);
    else if (judge_text_is(key, "open_segment"))
        out->open_segment = to_number(number);
    else if (judge_text_is(key, "retry_after_ms"))
        out->retry_after_ms = to_position(number);
    else if (judge_text_is(key, "within_ms"))
        out->within_ms = to_position(number);
}

static void store(struct judge_event *out, struct judge_text key, const struct value *value)
{
    if (value->kind == '"') {
        store_text(out, key, value->text);
    } else if (value->kind == '0') {
        store_number(out, key, value->number);
    } else if (judge_text_is(key, "final")) {
        out->final = value->truth;
    } else if (judge_text_is(key, "fatal")) {
        out->fatal = value->truth;
    }
}

static bool read_member(struct scan *scan, struct judge_event *out)
{
    struct judge_text key;
    struct value value;
    if (!read_key(scan, &key))
        return false;
    if (judge_text_is(key, "lat") && take(scan, '{'))
        return read_lat(scan, out);
    if (!read_value(scan, &value, JUDGE_EVENT_DEPTH_MAX))
        return false;
    store(out, key, &value);
    return true;
}

int judge_event_parse(const char *text, size_t len, char *scratch, struct judge_event *out)
{
    assert(text != NULL && scratch != NULL);
    const struct judge_text none = {"", 0};
    struct scan scan = {text, text + len, scratch};
    *out = (struct judge_event){.committed = none,
                                .tentative = none,
                                .corrected = none,
                                .lang = none,
                                .code = none,
                                .message = none,
                                .session = none,
                                .resume_token = none,
                                .start_ms = -1,
                                .end_ms = -1,
                                .audio_samples = -1,
                                .retry_after_ms = -1,
                                .within_ms = -1};
    if (!take(&scan, '{'))
        return STATUS_INVALID;
    if (!take(&scan, '}')) {
        do {
            if (!read_member(&scan, out))
                return STATUS_INVALID;
        } while (take(&scan, ','));
        if (!take(&scan, '}'))
            return STATUS_INVALID;
    }
    skip_space(&scan);
    return scan.at == scan.end ? STATUS_OK : STATUS_INVALID;
}
