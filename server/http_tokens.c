/* POST /v1/tokens: an admin mints tokens and tickets; others get a ticket for themselves. */
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/status.h"
#include "server/auth.h"
#include "server/http_internal.h"
#include "server/secret.h"
#include "server/server.h"
#include <stdio.h>
#include <string.h>

/* What is asked for; texts belong to the parsed body. */
struct wish {
    bool ticket, own;
    const char *kid;
    const char *classes[TOKEN_CLASSES_MAX];
    struct token_claims claims;
};

static const char *read_classes(struct wish *wish, const json_t *value)
{
    static const char wrong[] = "class is a text, or a list of at most 64 texts";
    const json_t *item;
    size_t index, len = json_is_array(value) ? json_array_size(value) : 1;
    if (len > TOKEN_CLASSES_MAX)
        return wrong;
    for (index = 0; index < len; index++) {
        item = json_is_array(value) ? json_array_get(value, index) : value;
        wish->classes[index] = json_string_value(item);
        if (wish->classes[index] == NULL)
            return wrong;
    }
    wish->claims.classes = wish->classes;
    wish->claims.classes_len = len;
    return NULL;
}

static const char *read_field(struct wish *wish, const char *key, const json_t *value)
{
    const char *text = json_string_value(value);
    if (strcmp(key, "class") == 0)
        return read_classes(wish, value);
    if (strcmp(key, "ttl_s") == 0) {
        json_int_t ttl = json_integer_value(value);
        wish->claims.expires_s = clock_wall_us() / 1000000 + ttl;
        return ttl >= 1 && ttl <= HTTP_TTL_MAX_S ? NULL : "ttl_s is a number from 1 to 86400";
    }
    if (text == NULL)
        return "the body has a field that is not known here, or of a wrong type";
    if (strcmp(key, "sub") == 0) {
        wish->claims.subject = text;
        return NULL;
    }
    if (strcmp(key, "kid") == 0) {
        wish->kid = text;
        return NULL;
    }
    if (strcmp(key, "role") == 0)
        return token_role_parse(text, &wish->claims.role) ? NULL
                                                          : "role is learner, teacher or admin";
    if (strcmp(key, "kind") != 0)
        return "the body has a field that is not known here, or of a wrong type";
    wish->ticket = strcmp(text, "ticket") == 0;
    return wish->ticket || strcmp(text, "token") == 0 ? NULL : "kind is token or ticket";
}

static const char *read_wish(struct wish *wish, json_t *root)
{
    const char *key, *wrong;
    json_t *value;
    *wish = (struct wish){.claims = {.subject = "", .id = ""}};
    wish->claims.expires_s = clock_wall_us() / 1000000 + HTTP_TTL_DEFAULT_S;
    if (!json_is_object(root))
        return "the body is one JSON object, in UTF-8, no key twice";
    json_object_foreach(root, key, value)
    {
        if ((wrong = read_field(wish, key, value)) != NULL)
            return wrong;
    }
    /* {"kind":"ticket"} and no more: for the bearer. */
    wish->own = wish->ticket && json_object_size(root) == 1;
    if (!wish->own && wish->claims.role == 0)
        return "role is missing: learner, teacher or admin";
    return NULL;
}

static int give_ticket(struct http_work *work, const struct wish *wish)
{
    char ticket[TICKET_CHARS + 1];
    int status = auth_ticket(work->server->auth, wish->own ? work->claims : &wish->claims, ticket);
    if (status == STATUS_OK)
        buf_printf(&work->out, "{\"ticket\":\"%s\",\"expires_in_s\":%d}\n", ticket, TICKET_LIFE_S);
    return status;
}

static int give_token(struct http_work *work, const struct wish *wish)
{
    char *token, expires[CLOCK_RFC3339_BYTES];
    int status = auth_mint(work->server->auth, wish->kid, &wish->claims, &token);
    if (status != STATUS_OK)
        return status;
    clock_rfc3339(wish->claims.expires_s * 1000000, expires);
    buf_printf(&work->out, "{\"token\":\"%s\",\"expires_at\":\"%s\"}\n", token, expires);
    secret_free(token);
    return STATUS_OK;
}

static void give(struct http_work *work, const struct wish *wish)
{
    if (!wish->own && work->claims->role != TOKEN_ADMIN) {
        http__forbidden(work);
        return;
    }
    int status = wish->ticket ? give_ticket(work, wish) : give_token(work, wish);
    switch (status) {
    case STATUS_OK:
        http__head(work, 201, "application/json");
        http__done(work);
        LOG_INFO(LOG_HTTP, 0, "minted", "what=%s by=%s role=%s sub=%s",
                 wish->ticket ? "ticket" : "token",
                 LOG_Q(work->claims->subject != NULL ? work->claims->subject : ""),
                 token_role_name(wish->own ? work->claims->role : wish->claims.role),
                 LOG_Q(wish->own ? "" : wish->claims.subject));
        return;
    case STATUS_NOT_FOUND:
        http_work_refuse(work, 409,
                         "no key here can sign: tokens are minted elsewhere, or kid is "
                         "not the name of one");
        return;
    case STATUS_INVALID:
        http_work_refuse(work, 400, "no such token is valid: see docs/tokens.md for what it needs");
        return;
    case STATUS_FULL:
        http_work_refuse(work, 429, "too many tickets wait to be used; try again in a minute");
        return;
    default: http__failed(work, status); return;
    }
}

void http__tokens(struct http_work *work)
{
    struct wish wish;
    json_t *root = NULL;
    (void)json_read(work->body != NULL ? work->body : "", work->body_len, JSON_REJECT_DUPLICATES,
                    &root);
    const char *wrong = read_wish(&wish, root);
    if (wrong != NULL)
        http_work_refuse(work, 400, wrong);
    else
        give(work, &wish);
    json_decref(root);
}
