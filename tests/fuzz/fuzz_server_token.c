/* Tokens: whatever comes is refused for a reason, but for what was signed with our key. */
#include "base/status.h"
#include "server/token.h"
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct token_keys *make_keys(void)
{
    char folder[] = "/tmp/sotto-fuzz-XXXXXX", path[64], why[TOKEN_WHY_BYTES];
    struct token_rules rules = {.audience = "sotto", .age_s = 86400};
    struct token_keys *keys = NULL;
    if (mkdtemp(folder) == NULL)
        abort();
    snprintf(path, sizeof path, "%s/a.hs256", folder);
    umask(077);
    FILE *file = fopen(path, "w");
    fputs("an HMAC secret of 32 bytes or so", file);
    fclose(file);
    int status = token_keys_load(&keys, folder, &rules, why);
    assert(status == STATUS_OK);
    unlink(path);
    rmdir(folder);
    return keys;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct token_keys *keys;
    struct token_claims *claims = NULL;
    const char *why = NULL;
    if (keys == NULL)
        keys = make_keys();
    int status = token_verify(keys, (const char *)data, size, 1800000000, &claims, &why);
    if (status == STATUS_OK) {
        /* Of the corpus; nobody else has the key. */
        assert(claims->subject[0] != '\0' && claims->expires_s > 1800000000 - TOKEN_LEEWAY_S);
        assert(claims->classes_len <= TOKEN_CLASSES_MAX);
        token_claims_free(claims);
    } else {
        assert(claims == NULL && why != NULL && why[0] != '\0');
    }
    return 0;
}
