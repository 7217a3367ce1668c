#include "server/webhook.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mailbox.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/status.h"
#include "base/thread.h"
#include "server/limits.h"
#include <assert.h>
#include <pthread.h>
#include <string.h>

#define EVENT_BYTES 32

struct letter {
    struct msg msg;
    struct letter *next; /* of the waiting */
    char id[WEBHOOK_ID_BYTES], event[EVENT_BYTES];
    char *body;
    size_t body_len;
    int64_t wall_us, due_us;
    unsigned tries;
};

struct webhook {
    struct webhook_config config;
    struct mailbox *mailbox;
    pthread_t thread;
    struct letter *waiting; /* by when they are due; the thread's */
    unsigned waiting_len;
    struct rng rng;
    /* Relaxed: 0, or when everything has to be over. */
    _Atomic int64_t end_us;
    /* Relaxed: figures. */
    _Atomic uint64_t delivered, failed, dead, lost, queued;
};

static void letter_free(struct msg *msg)
{
    struct letter *letter = (struct letter *)msg;
    mem_free(letter->body);
    mem_free(letter);
}

/* Sending, on any thread. */

static int body_write(struct letter *letter, const char *data)
{
    struct buf body;
    char time[CLOCK_RFC3339_BYTES];
    clock_rfc3339(letter->wall_us, time);
    buf_init(&body, WEBHOOK_BODY_BYTES);
    buf_printf(&body, "{\"type\":\"%s\",\"timestamp\":\"%s\",\"data\":", letter->event, time);
    buf_puts(&body, data);
    buf_putc(&body, '}');
    int status = buf_status(&body);
    if (status == STATUS_OK)
        letter->body = buf_take(&body, &letter->body_len);
    buf_deinit(&body);
    return status;
}

static void id_write(char out[WEBHOOK_ID_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    uint8_t random[16];
    rng_secure(random, sizeof random);
    memcpy(out, "msg_", 4);
    for (size_t i = 0; i < sizeof random; i++) {
        out[4 + 2 * i] = digits[random[i] >> 4];
        out[5 + 2 * i] = digits[random[i] & 15];
    }
    out[WEBHOOK_ID_BYTES - 1] = '\0';
}

int webhook_send(struct webhook *webhook, const char *event, const char *data)
{
    assert(strlen(event) < EVENT_BYTES);
    struct letter *letter = mem_calloc(1, sizeof *letter);
    if (letter == NULL)
        return STATUS_NOMEM;
    letter->msg.free_fn = letter_free;
    letter->wall_us = clock_wall_us();
    memcpy(letter->event, event, strlen(event) + 1);
    id_write(letter->id);
    int status = body_write(letter, data);
    if (status == STATUS_OK)
        status = mailbox_send(webhook->mailbox, &letter->msg);
    if (status == STATUS_OK)
        return STATUS_OK;
    atomic_fetch_add_explicit(&webhook->lost, 1, memory_order_relaxed);
    LOG_WARN(LOG_MAIN, 0, "webhook letter is lost", "event=%s reason=%s", event,
             status_name(status));
    letter_free(&letter->msg);
    return status;
}

/* The thread's. */

static void letter_wait(struct webhook *webhook, struct letter *letter)
{
    struct letter **at = &webhook->waiting;
    while (*at != NULL && (*at)->due_us <= letter->due_us)
        at = &(*at)->next;
    letter->next = *at;
    *at = letter;
    webhook->waiting_len++;
}

static struct letter *letter_take(struct webhook *webhook)
{
    struct letter *letter = webhook->waiting;
    webhook->waiting = letter->next;
    webhook->waiting_len--;
    return letter;
}

static void letter_bury(struct webhook *webhook, struct letter *letter, const char *why)
{
    struct webhook_dead dead = {
        .letter = {.body = letter->body, .body_len = letter->body_len},
        .event = letter->event,
        .wall_us = letter->wall_us,
        .tries = letter->tries,
        .why = why,
    };
    memcpy(dead.letter.id, letter->id, sizeof dead.letter.id);
    atomic_fetch_add_explicit(&webhook->dead, 1, memory_order_relaxed);
    LOG_ERROR(LOG_MAIN, 0, "webhook letter is given up", "id=%s event=%s tries=%u reason=%s",
              letter->id, letter->event, letter->tries, LOG_Q(why));
    webhook->config.dead(webhook->config.ctx, &dead);
    letter_free(&letter->msg);
}

/* 1 s, 4 s, 16 s … 5 min, and up to a quarter more by chance; never sooner than it asked for. */
static int64_t pause_us(struct webhook *webhook, unsigned tries, uint32_t asked_ms)
{
    int64_t wait_ms = 1000;
    for (unsigned i = 1; i < tries && wait_ms < WEBHOOK_PAUSE_MAX_MS; i++)
        wait_ms *= 4;
    if (wait_ms > WEBHOOK_PAUSE_MAX_MS)
        wait_ms = WEBHOOK_PAUSE_MAX_MS;
    if (asked_ms > wait_ms)
        wait_ms = asked_ms < WEBHOOK_ASKED_MAX_MS ? asked_ms : WEBHOOK_ASKED_MAX_MS;
    return wait_ms * 1000 + rng_range(&webhook->rng, 0, wait_ms * 250);
}

static void letter_try(struct webhook *webhook, struct letter *letter, bool last)
{
    struct webhook_letter post = {.body = letter->body, .body_len = letter->body_len};
    struct webhook_answer answer;
    memcpy(post.id, letter->id, sizeof post.id);
    letter->tries++;
    int status = webhook_post(&webhook->config.target, &post, &answer);
    if (status == STATUS_OK) {
        atomic_fetch_add_explicit(&webhook->delivered, 1, memory_order_relaxed);
        letter_free(&letter->msg);
        return;
    }
    atomic_fetch_add_explicit(&webhook->failed, 1, memory_order_relaxed);
    if (last || status == STATUS_CLOSED || letter->tries >= webhook->config.tries) {
        letter_bury(webhook, letter, answer.why);
        return;
    }
    int64_t wait_us = pause_us(webhook, letter->tries, answer.retry_after_ms);
    LOG_WARN(LOG_MAIN, 0, "webhook letter was not taken",
             "id=%s event=%s tries=%u retry_ms=%lld reason=%s", letter->id, letter->event,
             letter->tries, (long long)(wait_us / 1000), LOG_Q(answer.why));
    letter->due_us = clock_mono_us() + wait_us;
    letter_wait(webhook, letter);
}

/* What is in the mailbox joins what waits. With too many waiting the oldest is given up: who does
 * not answer for so long is told by sotto-admin later. */
static void mailbox_empty(struct webhook *webhook, struct msg *msg)
{
    for (; msg != NULL; msg = mailbox_recv(webhook->mailbox)) {
        struct letter *letter = (struct letter *)msg;
        letter->due_us = clock_mono_us();
        letter_wait(webhook, letter);
        if (webhook->waiting_len > WEBHOOK_QUEUE)
            letter_bury(webhook, letter_take(webhook), "too many letters wait");
    }
}

static int wait_ms(const struct webhook *webhook, int64_t watch_us)
{
    int64_t due_us = watch_us;
    if (webhook->waiting != NULL && webhook->waiting->due_us < due_us)
        due_us = webhook->waiting->due_us;
    int64_t left_us = due_us - clock_mono_us();
    return left_us > 0 ? (int)(left_us / 1000 + 1) : 0;
}

/* The process ends: no more waiting. */
static void finish(struct webhook *webhook, int64_t end_us)
{
    mailbox_empty(webhook, mailbox_recv(webhook->mailbox));
    while (webhook->waiting != NULL) {
        struct letter *letter = letter_take(webhook);
        if (clock_mono_us() < end_us)
            letter_try(webhook, letter, true);
        else
            letter_bury(webhook, letter, "the server stopped before it could be sent");
    }
}

static void *run(void *ctx)
{
    struct webhook *webhook = ctx;
    int64_t watch_us = clock_mono_us() + WEBHOOK_WATCH_MS * 1000;
    int64_t end_us;
    while ((end_us = atomic_load_explicit(&webhook->end_us, memory_order_relaxed)) == 0) {
        mailbox_empty(webhook, mailbox_wait(webhook->mailbox, wait_ms(webhook, watch_us)));
        if (clock_mono_us() >= watch_us) {
            watch_us = clock_mono_us() + WEBHOOK_WATCH_MS * 1000;
            webhook->config.watch(webhook->config.ctx, webhook, clock_mono_us());
        }
        if (webhook->waiting != NULL && webhook->waiting->due_us <= clock_mono_us())
            letter_try(webhook, letter_take(webhook), false);
        atomic_store_explicit(&webhook->queued, webhook->waiting_len, memory_order_relaxed);
    }
    finish(webhook, end_us);
    return NULL;
}

/* Life. */

int webhook_open(struct webhook **out, const struct webhook_config *config)
{
    assert(config->dead != NULL && config->watch != NULL && config->tries > 0);
    struct webhook *webhook = mem_calloc(1, sizeof *webhook);
    if (webhook == NULL)
        return STATUS_NOMEM;
    webhook->config = *config;
    webhook->config.target.give_up_us = &webhook->end_us;
    rng_init(&webhook->rng, rng_seed());
    webhook->mailbox = mailbox_create(WEBHOOK_QUEUE, NULL, NULL);
    if (webhook->mailbox == NULL ||
        thread_start(&webhook->thread, "webhook", run, webhook) != STATUS_OK) {
        if (webhook->mailbox != NULL)
            mailbox_destroy(webhook->mailbox);
        mem_free(webhook);
        return STATUS_NOMEM;
    }
    *out = webhook;
    return STATUS_OK;
}

void webhook_close(struct webhook *webhook, unsigned within_ms)
{
    if (webhook == NULL)
        return;
    int64_t end_us = clock_mono_us() + (int64_t)within_ms * 1000;
    atomic_store_explicit(&webhook->end_us, end_us, memory_order_relaxed);
    mailbox_close(webhook->mailbox);
    pthread_join(webhook->thread, NULL);
    mailbox_destroy(webhook->mailbox);
    explicit_bzero(&webhook->config.target.key, sizeof webhook->config.target.key);
    mem_free(webhook);
}

void webhook_stats(struct webhook *webhook, struct webhook_stats *out)
{
    *out = (struct webhook_stats){
        .delivered = atomic_load_explicit(&webhook->delivered, memory_order_relaxed),
        .failed = atomic_load_explicit(&webhook->failed, memory_order_relaxed),
        .dead = atomic_load_explicit(&webhook->dead, memory_order_relaxed),
        .lost = atomic_load_explicit(&webhook->lost, memory_order_relaxed),
        .waiting = atomic_load_explicit(&webhook->queued, memory_order_relaxed) +
                   mailbox_len(webhook->mailbox),
    };
}
