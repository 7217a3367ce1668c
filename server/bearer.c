#include "server/bearer.h"

#include "base/arena.h"
#include "base/status.h"
#include "server/auth.h"
#include "server/message.h"
#include <stdbool.h>
#include <string.h>
#include <strings.h>

const char *bearer_of_authorization(const char *value)
{
    static const char scheme[] = "Bearer ";
    if (strncasecmp(value, scheme, sizeof scheme - 1) != 0)
        return NULL;
    value += sizeof scheme - 1;
    return value + strspn(value, " ");
}

const char *bearer_of_protocols(const char *list, size_t *len)
{
    static const char prefix[] = "bearer.";
    for (const char *at = list; *at != '\0'; at += strspn(at, ", \t")) {
        size_t item = strcspn(at, ", \t");
        if (item > sizeof prefix - 1 && strncmp(at, prefix, sizeof prefix - 1) == 0) {
            *len = item - (sizeof prefix - 1);
            return at + sizeof prefix - 1;
        }
        at += item;
    }
    return NULL;
}

/* The class of the session is one of the token's; without one it is the token's only one. */
static bool class_allowed(struct client_message *message, const struct token_claims *claims)
{
    struct client_settings *settings = &message->settings;
    if (settings->class_name[0] != '\0')
        return token_claims_class(claims, settings->class_name);
    if (claims->classes_len != 1)
        return true;
    const char *copy = arena_strdup(message->arena, claims->classes[0]);
    if (copy != NULL)
        settings->class_name = copy;
    return copy != NULL;
}

void bearer_admit(struct auth *auth, struct client_message *message, const char *credential,
                  struct token_claims **out)
{
    char *own = (char *)message->token; /* in the message's arena */
    struct token_claims *claims = NULL;
    *out = NULL;
    const char *shown = credential != NULL ? credential : own;
    int status = auth_check(auth, shown, strlen(shown), &claims);
    explicit_bzero(own, strlen(own));
    if (status == STATUS_NOMEM) {
        client_message_refuse(message, "internal", "out of memory", "");
    } else if (status != STATUS_OK) {
        client_message_refuse(message, "unauthorized",
                              "a token is needed that is signed, not expired and not used up", "");
    } else if (!class_allowed(message, claims)) {
        client_message_refuse(message, "unauthorized", "the token is not for this class", "");
        token_claims_free(claims);
    } else {
        *out = claims;
    }
}
