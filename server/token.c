#include "server/token.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/status.h"
#include "server/token_internal.h"
#include <errno.h>
#include <math.h>
#include <string.h>

/* The end of the year 9999: no time of a token is later. */
#define TIME_MAX_S 253402300799LL
/* Of the signature of the longest key that anybody uses, RSA with 16,384 bits. */
#define SIGNATURE_BYTES_MAX 2048

/* A token cut at its dots. */
struct parts {
    const char *text[3];
    size_t len[3];
};

struct reader {
    json_t *claims;
    const char *why; /* NULL while nothing is wrong */
};

/* --- base64url --- */

static int digit(unsigned char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '-' ? 62 : c == '_' ? 63 : -1;
}

int token__decode(const char *text, size_t len, unsigned char *out)
{
    uint32_t bits = 0;
    unsigned held = 0;
    int bytes = 0;
    for (size_t i = 0; i < len; i++) {
        int value = digit((unsigned char)text[i]);
        if (value < 0)
            return -1;
        bits = bits << 6 | (uint32_t)value;
        held += 6;
        if (held >= 8) {
            held -= 8;
            out[bytes++] = (unsigned char)(bits >> held);
        }
    }
    /* Six bits left: a lone digit. Others that are left must be zero. */
    return held == 6 || (bits & ((1u << held) - 1)) != 0 ? -1 : bytes;
}

/* STATUS_AUTH: none; STATUS_NOMEM: nobody knows. */
static int decode_object(const char *text, size_t len, json_t **out)
{
    unsigned char bytes[TOKEN_BYTES_MAX];
    json_t *object;
    int count = token__decode(text, len, bytes);
    if (count <= 0)
        return STATUS_AUTH;
    int status = json_read((char *)bytes, (size_t)count, JSON_REJECT_DUPLICATES, &object);
    if (status != STATUS_OK)
        return status == STATUS_NOMEM ? STATUS_NOMEM : STATUS_AUTH;
    if (!json_is_object(object)) {
        json_decref(object);
        return STATUS_AUTH;
    }
    *out = object;
    return STATUS_OK;
}

static bool split(const char *token, struct parts *parts)
{
    const char *at = token;
    for (int i = 0; i < 3; i++) {
        parts->text[i] = at;
        parts->len[i] = strcspn(at, ".");
        at += parts->len[i];
        if (parts->len[i] == 0 || (*at == '.') != (i < 2))
            return false;
        at++;
    }
    return true;
}

/* --- the header: which key --- */

/* A string, or NULL; false when it is there and is none. */
static bool optional_string(const json_t *object, const char *name, const char **out)
{
    const json_t *value = json_object_get(object, name);
    *out = json_string_value(value);
    return value == NULL || *out != NULL;
}

/* A key of the same algorithm, to spend the time that a known key would take. */
static const struct token_key *stand_in(const struct token_keys *keys, const char *algorithm)
{
    for (size_t i = 0; i < keys->len; i++)
        if (strcmp(keys->keys[i].algorithm, algorithm) == 0)
            return &keys->keys[i];
    return NULL;
}

/* The key to verify with; `*why` is set when the token is refused whatever comes of it. */
static const struct token_key *choose_key(const struct token_keys *keys, const json_t *header,
                                          const char **why)
{
    const char *algorithm, *kid;
    *why = "its header is not one of a signed token";
    if (!optional_string(header, "alg", &algorithm) || algorithm == NULL ||
        !optional_string(header, "kid", &kid) || json_object_get(header, "crit") != NULL)
        return NULL;
    const struct token_key *key = token__find(keys, kid);
    if (key == NULL) {
        *why = kid != NULL ? "no key has its id" : "it names no key, and there are several";
        return stand_in(keys, algorithm);
    }
    *why = "its algorithm is not that of the key";
    if (strcmp(key->algorithm, algorithm) != 0)
        return NULL;
    *why = NULL;
    return key;
}

static bool signature_fits(const struct token_key *key, const struct parts *parts)
{
    unsigned char bytes[SIGNATURE_BYTES_MAX];
    if (parts->len[2] / 4 * 3 + 2 > sizeof bytes)
        return false;
    return token__decode(parts->text[2], parts->len[2], bytes) == (int)key->signature_bytes;
}

static int check_signature(const struct token_key *key, const char *token, const char **why)
{
    jwt_t *jwt = NULL;
    int result = jwt_decode(&jwt, token, (const unsigned char *)key->verify, (int)key->verify_len);
    bool same = result == 0 && jwt_get_alg(jwt) == key->alg;
    jwt_free(jwt);
    if (same)
        return STATUS_OK;
    *why = "its signature is wrong";
    return result == ENOMEM ? STATUS_NOMEM : STATUS_AUTH;
}

/* --- what it says --- */

static void refuse(struct reader *reader, const char *why)
{
    if (reader->why == NULL)
        reader->why = why;
}

/* Seconds since 1970 (RFC 7519 §2, NumericDate: fractions are allowed); `otherwise` when it is not
 * there. */
static int64_t read_time(struct reader *reader, const char *name, int64_t otherwise)
{
    const json_t *value = json_object_get(reader->claims, name);
    if (value == NULL)
        return otherwise;
    double seconds = json_number_value(value);
    if (!json_is_number(value) || !isfinite(seconds) || seconds < 0 || seconds > TIME_MAX_S) {
        refuse(reader, "a time in it is no time");
        return otherwise;
    }
    return (int64_t)seconds;
}

static const char *read_name(struct reader *reader, const json_t *value, const char *why)
{
    const char *text = json_string_value(value);
    if (text == NULL || text[0] == '\0' || json_string_length(value) > TOKEN_NAME_MAX) {
        refuse(reader, why);
        return "";
    }
    return text;
}

static void check_times(struct reader *reader, const struct token_keys *keys, int64_t now_s,
                        int64_t *expires_s)
{
    int64_t expires = read_time(reader, "exp", -1);
    int64_t begins = read_time(reader, "nbf", 0);
    int64_t issued = read_time(reader, "iat", -1);
    if (expires < 0)
        refuse(reader, "it has no exp");
    if (keys->age_s > 0 && issued < 0)
        refuse(reader, "it has no iat, which token_age_s needs");
    if (keys->age_s > 0 && issued + keys->age_s < expires)
        expires = issued + keys->age_s;
    if (now_s >= expires + TOKEN_LEEWAY_S)
        refuse(reader, "it has expired");
    if (begins > now_s + TOKEN_LEEWAY_S || issued > now_s + TOKEN_LEEWAY_S)
        refuse(reader, "it is not valid yet");
    *expires_s = expires;
}

static void check_audience(struct reader *reader, const char *audience)
{
    json_t *value = json_object_get(reader->claims, "aud"), *one;
    if (value == NULL || audience[0] == '\0')
        return;
    bool found = json_is_string(value) && strcmp(json_string_value(value), audience) == 0;
    size_t i;
    json_array_foreach(value, i, one)
    {
        const char *text = json_string_value(one);
        found = found || (text != NULL && strcmp(text, audience) == 0);
    }
    if (!found)
        refuse(reader, "it is for another audience");
}

/* Fills `names`, which the caller copies; strings stay jansson's. */
static size_t read_classes(struct reader *reader, enum token_role role,
                           const char *names[TOKEN_CLASSES_MAX])
{
    static const char wrong[] = "its class is neither a name nor a list of names";
    json_t *value = json_object_get(reader->claims, "class"), *one;
    size_t len = 0, i;
    if (value == NULL)
        return 0;
    if (json_is_string(value)) {
        names[0] = read_name(reader, value, wrong);
        return 1;
    }
    if (!json_is_array(value) || json_array_size(value) > TOKEN_CLASSES_MAX) {
        refuse(reader, wrong);
        return 0;
    }
    json_array_foreach(value, i, one) names[len++] = read_name(reader, one, wrong);
    if (role == TOKEN_LEARNER && len > 1)
        refuse(reader, "a learner is of one class");
    return len;
}

static int read_claims(json_t *object, const struct token_keys *keys, int64_t now_s,
                       struct token_claims **out, const char **why)
{
    struct reader reader = {.claims = object};
    const char *names[TOKEN_CLASSES_MAX];
    struct token_claims claims = {.id = "", .classes = names};
    claims.subject = read_name(&reader, json_object_get(object, "sub"), "it has no sub");
    const char *role = json_string_value(json_object_get(object, "role"));
    if (role == NULL || !token_role_parse(role, &claims.role))
        refuse(&reader, "its role is not learner, teacher or admin");
    json_t *id = json_object_get(object, "jti");
    if (id != NULL)
        claims.id = read_name(&reader, id, "its jti is no name");
    claims.classes_len = read_classes(&reader, claims.role, names);
    check_times(&reader, keys, now_s, &claims.expires_s);
    check_audience(&reader, keys->audience);
    if (reader.why != NULL) {
        *why = reader.why;
        return STATUS_AUTH;
    }
    *out = token_claims_copy(&claims);
    return *out != NULL ? STATUS_OK : STATUS_NOMEM;
}

int token_verify(const struct token_keys *keys, const char *token, size_t len, int64_t now_s,
                 struct token_claims **out, const char **why)
{
    char text[TOKEN_BYTES_MAX + 1];
    struct parts parts;
    *why = "it is no token";
    if (len > TOKEN_BYTES_MAX || memchr(token, '\0', len) != NULL)
        return STATUS_AUTH;
    memcpy(text, token, len);
    text[len] = '\0';
    if (!split(text, &parts))
        return STATUS_AUTH;
    json_t *object;
    int status = decode_object(parts.text[0], parts.len[0], &object);
    if (status != STATUS_OK)
        return status;
    const char *problem;
    const struct token_key *key = choose_key(keys, object, &problem);
    json_decref(object);
    if (key != NULL && !signature_fits(key, &parts)) {
        key = NULL;
        problem = problem != NULL ? problem : "its signature is of another length";
    }
    status = key != NULL ? check_signature(key, text, why) : STATUS_AUTH;
    if (problem != NULL) {
        *why = problem;
        return STATUS_AUTH;
    }
    if (status != STATUS_OK)
        return status;
    *why = "its claims are no JSON object";
    status = decode_object(parts.text[1], parts.len[1], &object);
    if (status != STATUS_OK)
        return status;
    status = read_claims(object, keys, now_s, out, why);
    json_decref(object);
    return status;
}

/* --- claims --- */

/* Copies `text` to `*at` and moves on. */
static const char *pack(char **at, const char *text)
{
    size_t bytes = strlen(text) + 1;
    char *copy = memcpy(*at, text, bytes);
    *at += bytes;
    return copy;
}

struct token_claims *token_claims_copy(const struct token_claims *claims)
{
    size_t bytes = strlen(claims->subject) + strlen(claims->id) + 2;
    for (size_t i = 0; i < claims->classes_len; i++)
        bytes += strlen(claims->classes[i]) + 1;
    struct token_claims *copy =
        mem_alloc(sizeof *copy + claims->classes_len * sizeof(char *) + bytes);
    if (copy == NULL)
        return NULL;
    const char **classes = (const char **)(copy + 1);
    char *at = (char *)(classes + claims->classes_len);
    *copy = *claims;
    copy->classes = classes;
    copy->subject = pack(&at, claims->subject);
    copy->id = pack(&at, claims->id);
    for (size_t i = 0; i < claims->classes_len; i++)
        classes[i] = pack(&at, claims->classes[i]);
    return copy;
}

void token_claims_free(struct token_claims *claims)
{
    mem_free(claims);
}

bool token_claims_class(const struct token_claims *claims, const char *class_name)
{
    if (claims->role == TOKEN_ADMIN)
        return true;
    for (size_t i = 0; i < claims->classes_len; i++)
        if (strcmp(claims->classes[i], class_name) == 0)
            return true;
    return false;
}

static const char *const role_names[] = {
    [TOKEN_LEARNER] = "learner", [TOKEN_TEACHER] = "teacher", [TOKEN_ADMIN] = "admin"};

const char *token_role_name(enum token_role role)
{
    return role_names[role];
}

bool token_role_parse(const char *text, enum token_role *out)
{
    for (int role = TOKEN_LEARNER; role <= TOKEN_ADMIN; role++)
        if (strcmp(role_names[role], text) == 0) {
            *out = (enum token_role)role;
            return true;
        }
    return false;
}
