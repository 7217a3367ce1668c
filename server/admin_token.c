/* token: mints one with a key of the server's. */
#include "base/clock.h"
#include "base/status.h"
#include "server/admin.h"
#include "server/admin_options.h"
#include "server/config.h"
#include "server/secret.h"
#include "server/token.h"

static int mint(struct admin *admin, const struct token_keys *keys)
{
    const struct admin_options *options = admin->options;
    int64_t now_s = clock_wall_us() / 1000000;
    struct token_claims claims = {.subject = options->subject,
                                  .id = "",
                                  .role = options->role,
                                  .classes = options->classes,
                                  .classes_len = options->classes_len,
                                  .expires_s = now_s + options->ttl_s};
    char *token;
    int status = token_mint(keys, options->kid, &claims, now_s, &token);
    if (status == STATUS_NOT_FOUND)
        return admin_fail(admin, ADMIN_EXIT_FAILED, "%s",
                          options->kid != NULL
                              ? "there is no key of that name, or it is only a public one"
                              : "none of the keys can sign: they are public ones");
    if (status == STATUS_INVALID)
        return admin_fail(admin, ADMIN_EXIT_USAGE,
                          "the server would not take such a token: a learner has --sub and one "
                          "--class, a teacher --sub and classes, and names are UTF-8");
    if (status != STATUS_OK)
        return admin_fail(admin, ADMIN_EXIT_FAILED, "%s", status_text(status));
    fprintf(admin->out, "%s\n", token);
    secret_free(token);
    return ADMIN_EXIT_OK;
}

int admin_token(struct admin *admin)
{
    const struct config *config = admin->config;
    const char *folder = admin->options->keys != NULL ? admin->options->keys : config->auth_keys;
    struct token_rules rules = {.audience = config->auth_audience,
                                .age_s = (uint32_t)config->auth_token_age_s};
    struct token_keys *keys;
    char why[TOKEN_WHY_BYTES];
    if (folder[0] == '\0')
        return admin_fail(admin, ADMIN_EXIT_USAGE,
                          "the configuration names no keys; name their folder with --keys FOLDER");
    if (token_keys_load(&keys, folder, &rules, why) != STATUS_OK)
        return admin_fail(admin, ADMIN_EXIT_FAILED, "%s", why);
    int code = mint(admin, keys);
    token_keys_unref(keys);
    return code;
}
