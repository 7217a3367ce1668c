/* letters: those that the webhook did not take. */
#include "base/clock.h"
#include "base/status.h"
#include "server/admin.h"
#include "server/admin_options.h"
#include "server/config.h"
#include "server/letters.h"
#include "server/limits.h"
#include <jansson.h>
#include <string.h>

struct round {
    const struct admin *admin;
    struct letters *letters;
    struct webhook_target target;
    unsigned found, sent, failed;
};

/* NULL: all. */
static bool is_meant(const struct admin *admin, const struct webhook_dead *dead)
{
    const char *id = admin->options->argument;
    return id == NULL || strcmp(id, dead->letter.id) == 0;
}

static void print_json(const struct admin *admin, const struct webhook_dead *dead,
                       const char time[CLOCK_RFC3339_BYTES])
{
    json_t *body = json_loadb(dead->letter.body, dead->letter.body_len, 0, NULL);
    json_t *line =
        json_pack("{s:s, s:s, s:s, s:i, s:s, s:o?}", "id", dead->letter.id, "time", time, "event",
                  dead->event, "tries", (int)dead->tries, "why", dead->why, "body", body);
    if (line != NULL && json_dumpf(line, admin->out, JSON_COMPACT) == 0)
        fputc('\n', admin->out);
    json_decref(line);
}

static bool list_one(void *ctx, const struct webhook_dead *dead)
{
    struct round *round = ctx;
    char time[CLOCK_RFC3339_BYTES];
    if (!is_meant(round->admin, dead))
        return true;
    round->found++;
    clock_rfc3339(dead->wall_us, time);
    if (round->admin->options->json) {
        print_json(round->admin, dead, time);
        return true;
    }
    fprintf(round->admin->out, "%s  %s  %-13s  %2u tries  ", time, dead->letter.id, dead->event,
            dead->tries);
    admin_print_text(round->admin->out, dead->why, 0);
    fputc('\n', round->admin->out);
    return true;
}

static bool send_one(void *ctx, const struct webhook_dead *dead)
{
    struct round *round = ctx;
    struct webhook_answer answer;
    if (!is_meant(round->admin, dead))
        return true;
    round->found++;
    if (webhook_post(&round->target, &dead->letter, &answer) != STATUS_OK) {
        round->failed++;
        (void)admin_fail(round->admin, ADMIN_EXIT_FAILED, "%s: %s", dead->letter.id, answer.why);
        return true;
    }
    round->sent++;
    return letters_remove(round->letters, dead->letter.id) == STATUS_OK;
}

static bool remove_one(void *ctx, const struct webhook_dead *dead)
{
    struct round *round = ctx;
    if (!is_meant(round->admin, dead))
        return true;
    round->found++;
    return letters_remove(round->letters, dead->letter.id) == STATUS_OK;
}

/* As the server sends them. */
static int aim(const struct admin *admin, struct webhook_target *out)
{
    const struct config *config = admin->config;
    if (config->webhook_url[0] == '\0')
        return admin_fail(admin, ADMIN_EXIT_USAGE,
                          "no webhook is configured: [webhook] url says where letters go");
    const char *fault = webhook_url_fault(config->webhook_url, config->webhook_private);
    if (fault != NULL)
        return admin_fail(admin, ADMIN_EXIT_USAGE, "[webhook] url %s", fault);
    if (webhook_key_read(config->webhook_secret, &out->key) != STATUS_OK)
        return admin_fail(admin, ADMIN_EXIT_USAGE,
                          "[webhook] secret is missing or too short; is SOTTO_WEBHOOK_SECRET set?");
    out->url = config->webhook_url;
    out->ca_file = config->webhook_ca;
    out->private_ok = config->webhook_private;
    out->timeout_ms = WEBHOOK_TIMEOUT_MS;
    return ADMIN_EXIT_OK;
}

static int run_round(struct round *round)
{
    const struct admin_options *options = round->admin->options;
    bool (*each)(void *ctx, const struct webhook_dead *dead) = options->send     ? send_one
                                                               : options->remove ? remove_one
                                                                                 : list_one;
    if (letters_each(round->letters, each, round) != STATUS_OK)
        return ADMIN_EXIT_FAILED;
    if (round->found == 0 && options->argument != NULL)
        return admin_fail(round->admin, ADMIN_EXIT_NOT_FOUND,
                          "there is no letter %s; sotto-admin letters tells which there are",
                          options->argument);
    if (options->send)
        fprintf(round->admin->err, "%u sent, %u not taken\n", round->sent, round->failed);
    else if (options->remove)
        fprintf(round->admin->err, "%u removed\n", round->found);
    return round->failed > 0 ? ADMIN_EXIT_FAILED : ADMIN_EXIT_OK;
}

int admin_letters(struct admin *admin, const char *path)
{
    struct round round = {.admin = admin};
    int code = admin->options->send ? aim(admin, &round.target) : ADMIN_EXIT_OK;
    if (code == ADMIN_EXIT_OK && letters_open(&round.letters, path) != STATUS_OK)
        code = admin_fail(admin, ADMIN_EXIT_FAILED, "cannot open the letters of %s", path);
    if (code == ADMIN_EXIT_OK)
        code = run_round(&round);
    letters_close(round.letters);
    explicit_bzero(&round.target.key, sizeof round.target.key);
    return code;
}
