/* Letters of the webhook: secrets, signatures, where they may go, and what becomes of those that
 * nobody takes. */
#include "base/clock.h"
#include "base/status.h"
#include "server/webhook.h"
#include "tests/check.h"
#include <pthread.h>
#include <string.h>

/* The example of the Standard Webhooks specification. */
static void test_signature(void)
{
    struct webhook_key key;
    struct webhook_letter letter = {.id = "msg_loFOjxBNrRLzqYUf",
                                    .body = "{\"event_type\":\"ping\",\"data\":{\"success\":true}}",
                                    .body_len = 45};
    char signature[WEBHOOK_SIGNATURE_BYTES];
    CHECK_EQ(webhook_key_read("whsec_plJ3nmyCDGBKInavdOK15jsl", &key), 0);
    CHECK_EQ(key.len, 18);
    webhook_sign(&key, &letter, 1731705121, signature);
    CHECK_STR(signature, "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0=");
    webhook_sign(&key, &letter, 1731705122, signature);
    CHECK(strcmp(signature, "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0=") != 0);
}

static void test_secrets(void)
{
    static const char *const bad[] = {
        "",
        "too short",
        "whsec_",
        "whsec_c2hvcnQ=",
        "whsec_not base64 at all!!!!!!!",
        "whsec_plJ3nmyCDGBKInavdOK15js", /* cut */
    };
    struct webhook_key key;
    char longest[WEBHOOK_KEY_MAX + 2];
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CHECK_EQ(webhook_key_read(bad[i], &key), STATUS_INVALID);
    CHECK_EQ(webhook_key_read("sixteen letters!", &key), 0);
    CHECK(key.len == 16 && memcmp(key.bytes, "sixteen letters!", 16) == 0);
    /* 32 bytes, with one and with no character for the end. */
    CHECK_EQ(webhook_key_read("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", &key), 0);
    CHECK(key.len == 32 && key.bytes[31] == 31);
    memset(longest, 'x', sizeof longest);
    longest[WEBHOOK_KEY_MAX] = '\0';
    CHECK_EQ(webhook_key_read(longest, &key), 0);
    longest[WEBHOOK_KEY_MAX] = 'x';
    longest[WEBHOOK_KEY_MAX + 1] = '\0';
    CHECK_EQ(webhook_key_read(longest, &key), STATUS_INVALID);
}

static void test_urls(void)
{
    CHECK(webhook_url_fault("https://hooks.example.com/sotto?a=b", false) == NULL);
    CHECK(webhook_url_fault("https://10.0.0.7/", false) == NULL); /* judged when it is posted to */
    CHECK(webhook_url_fault("http://127.0.0.1:9000/", true) == NULL);
    CHECK(webhook_url_fault("http://[::1]/", true) == NULL);
    CHECK(webhook_url_fault("http://127.0.0.1:9000/", false) != NULL);
    CHECK(webhook_url_fault("http://hooks.example.com/", true) != NULL);
    CHECK(webhook_url_fault("https://user:word@hooks.example.com/", false) != NULL);
    CHECK(webhook_url_fault("ftp://hooks.example.com/", true) != NULL);
    CHECK(webhook_url_fault("hooks.example.com", true) != NULL);
    CHECK(webhook_url_fault("", true) != NULL);
}

static void test_private_addresses_are_refused(void)
{
    static const char *const urls[] = {
        "https://127.0.0.1:1/",         "https://10.1.2.3:1/",
        "https://192.168.0.9:1/",       "https://172.31.0.1:1/",
        "https://169.254.169.254/",     "https://100.64.0.1:1/",
        "https://0.0.0.0:1/",           "https://[::1]:1/",
        "https://[fe80::1]:1/",         "https://[fd00::1]:1/",
        "https://[::ffff:10.0.0.1]:1/", "https://[64:ff9b::a00:1]:1/",
        "https://localhost:1/",
    };
    const struct webhook_letter letter = {.id = "msg_1", .body = "{}", .body_len = 2};
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        struct webhook_target target = {
            .url = urls[i], .ca_file = "", .key = {.len = 16}, .timeout_ms = 2000};
        struct webhook_answer answer;
        CHECK_EQ(webhook_post(&target, &letter, &answer), STATUS_UNAVAILABLE);
        CHECK_EQ(answer.http_status, 0);
        CHECK(strstr(answer.why, "private") != NULL);
    }
}

/* What the webhook said of letters it gave up. */
struct grave {
    pthread_mutex_t lock;
    unsigned dead, tries;
    char why[WEBHOOK_WHY_BYTES], body[128], event[32];
};

static void bury(void *ctx, const struct webhook_dead *dead)
{
    struct grave *grave = ctx;
    pthread_mutex_lock(&grave->lock);
    grave->dead++;
    grave->tries = dead->tries;
    snprintf(grave->why, sizeof grave->why, "%s", dead->why);
    snprintf(grave->body, sizeof grave->body, "%.*s", (int)dead->letter.body_len,
             dead->letter.body);
    snprintf(grave->event, sizeof grave->event, "%s", dead->event);
    CHECK_EQ(strlen(dead->letter.id), WEBHOOK_ID_BYTES - 1);
    CHECK(dead->wall_us > clock_wall_us() - 60000000);
    pthread_mutex_unlock(&grave->lock);
}

static void look(void *ctx, struct webhook *webhook, int64_t now_us)
{
}

/* Nobody may be asked; letters end as dead ones, each once. */
static void test_letters_are_given_up(void)
{
    struct grave grave = {.lock = PTHREAD_MUTEX_INITIALIZER};
    struct webhook_config config = {
        .target = {.url = "https://127.0.0.1:1/",
                   .ca_file = "",
                   .key = {.len = 16},
                   .timeout_ms = 1000},
        .tries = 1,
        .dead = bury,
        .watch = look,
        .ctx = &grave,
    };
    struct webhook *webhook = NULL;
    struct webhook_stats stats;
    char large[32000];
    CHECK_EQ(webhook_open(&webhook, &config), 0);
    CHECK_EQ(webhook_send(webhook, "session.ended", "{\"session\":\"x\"}"), 0);
    memset(large, 'x', sizeof large);
    large[sizeof large - 1] = '\0';
    CHECK_EQ(webhook_send(webhook, "alert", large), STATUS_LIMIT);
    CHECK_EQ(webhook_send(webhook, "alert", "{}"), 0);
    webhook_stats(webhook, &stats);
    CHECK_EQ(stats.lost, 1);
    CHECK_EQ(stats.delivered, 0);
    webhook_close(webhook, 1000);
    CHECK_EQ(grave.dead, 2);
    CHECK_EQ(grave.tries, 1);
    CHECK_STR(grave.event, "alert");
    CHECK(strstr(grave.body, "{\"type\":\"alert\",\"timestamp\":\"20") == grave.body);
    CHECK(strstr(grave.body, "Z\",\"data\":{}}") != NULL);
    CHECK(strstr(grave.why, "private") != NULL);
}

/* At the end nothing is waited for: what was to be tried again later is given up. */
static void test_the_end_waits_for_nothing(void)
{
    struct grave grave = {.lock = PTHREAD_MUTEX_INITIALIZER};
    struct webhook_config config = {
        .target = {.url = "https://127.0.0.1:1/",
                   .ca_file = "",
                   .key = {.len = 16},
                   .timeout_ms = 1000},
        .tries = 20,
        .dead = bury,
        .watch = look,
        .ctx = &grave,
    };
    struct webhook *webhook = NULL;
    CHECK_EQ(webhook_open(&webhook, &config), 0);
    for (unsigned i = 0; i < 50; i++)
        CHECK_EQ(webhook_send(webhook, "alert", "{}"), 0);
    webhook_close(webhook, 0);
    CHECK_EQ(grave.dead, 50);
}

int main(void)
{
    RUN(test_signature);
    RUN(test_secrets);
    RUN(test_urls);
    RUN(test_private_addresses_are_refused);
    RUN(test_letters_are_given_up);
    RUN(test_the_end_waits_for_nothing);
    return check_done();
}
