#include "base/mem.h"
#include "base/rng.h"
#include "base/status.h"
#include "server/secret.h"
#include "server/token_internal.h"
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define ID_BYTES 16

static const struct token_key *signing_key(const struct token_keys *keys, const char *kid)
{
    for (size_t i = 0; i < keys->len; i++) {
        const struct token_key *key = &keys->keys[i];
        if (key->sign != NULL && (kid == NULL || strcmp(key->kid, kid) == 0))
            return key;
    }
    return NULL;
}

static void make_id(char out[2 * ID_BYTES + 1])
{
    unsigned char bytes[ID_BYTES];
    rng_secure(bytes, sizeof bytes);
    for (int i = 0; i < ID_BYTES; i++)
        snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

static json_t *classes_of(const struct token_claims *claims)
{
    if (claims->classes_len == 1)
        return json_string(claims->classes[0]);
    json_t *list = json_array();
    for (size_t i = 0; i < claims->classes_len; i++)
        json_array_append_new(list, json_string(claims->classes[i]));
    return list;
}

/* NULL: out of memory, or a name that is not UTF-8. */
static char *claims_text(const struct token_keys *keys, const struct token_claims *claims,
                         int64_t now_s)
{
    char id[2 * ID_BYTES + 1];
    make_id(id);
    json_t *object =
        json_pack("{s:s, s:s, s:I, s:I, s:s}", "sub", claims->subject, "role",
                  token_role_name(claims->role), "iat", (json_int_t)now_s, "exp",
                  (json_int_t)claims->expires_s, "jti", claims->id[0] != '\0' ? claims->id : id);
    if (object == NULL)
        return NULL;
    if (claims->classes_len > 0)
        json_object_set_new(object, "class", classes_of(claims));
    if (keys->audience[0] != '\0')
        json_object_set_new(object, "aud", json_string(keys->audience));
    char *text = json_dumps(object, JSON_COMPACT);
    json_decref(object);
    return text;
}

static int sign(const struct token_key *key, const char *claims, char **out)
{
    jwt_t *jwt = NULL;
    if (jwt_new(&jwt) != 0)
        return STATUS_NOMEM;
    int result = jwt_add_grants_json(jwt, claims);
    if (result == 0)
        result = jwt_add_header(jwt, "kid", key->kid);
    if (result == 0)
        result = jwt_set_alg(jwt, key->alg, (const unsigned char *)key->sign, (int)key->sign_len);
    errno = ENOMEM;
    char *text = result == 0 ? jwt_encode_str(jwt) : NULL;
    *out = text != NULL ? mem_strdup(text) : NULL;
    secret_free(text);
    jwt_free(jwt);
    return *out != NULL ? STATUS_OK : STATUS_NOMEM;
}

int token_mint(const struct token_keys *keys, const char *kid, const struct token_claims *claims,
               int64_t now_s, char **out)
{
    const struct token_key *key = signing_key(keys, kid);
    if (key == NULL)
        return STATUS_NOT_FOUND;
    char *text = claims_text(keys, claims, now_s);
    char *token = NULL;
    int status = text != NULL ? sign(key, text, &token) : STATUS_INVALID;
    mem_free(text);
    if (status != STATUS_OK)
        return status;
    /* What we would not take ourselves is not given to anybody. */
    struct token_claims *read = NULL;
    const char *why;
    status = token_verify(keys, token, strlen(token), now_s, &read, &why);
    token_claims_free(read);
    if (status != STATUS_OK) {
        secret_free(token);
        return status == STATUS_AUTH ? STATUS_INVALID : status;
    }
    *out = token;
    return STATUS_OK;
}
