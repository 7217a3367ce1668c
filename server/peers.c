#include "server/peers.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/status.h"
#include "server/limits.h"
#include "server/metrics.h"
#include <assert.h>
#include <pthread.h>
#include <string.h>

#define NONE      UINT32_MAX
#define SECOND_US 1000000LL
#define MINUTE_US 60000000LL

enum kind { KIND_ADDRESS, KIND_SUBJECT };

struct entry {
    uint64_t hash;
    uint8_t key[16];
    uint8_t kind;
    uint32_t connections, sessions;
    uint32_t unfinished; /* of the connections */
    /* When the rate's allowance is whole again; each event puts it off by its share. */
    int64_t handshakes_us, failures_us;
    uint32_t chain;        /* next of the same bucket */
    uint32_t newer, older; /* among those that hold nothing */
};

struct peers {
    struct peers_config config;
    pthread_mutex_t lock;
    struct entry *entries; /* the first `len` are in use */
    uint32_t *buckets;
    uint32_t len, max, mask, live;
    uint32_t newest, oldest;
    uint64_t keys[4]; /* nobody may choose keys that meet in one bucket, or pass for another's */
    uint64_t refused[PEERS_REASONS];
};

static const struct {
    const char *label, *text;
} reasons[PEERS_REASONS] = {
#define X(name, label, text) [PEERS_##name] = {label, text},
    PEERS_MAP(X)
#undef X
};

/* --- SipHash-2-4 (Aumasson, Bernstein 2012) --- */

static uint64_t rotate(uint64_t x, int bits)
{
    return x << bits | x >> (64 - bits);
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] = rotate(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] = rotate(v[2], 32);
}

static void sip_word(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;
    sip_round(v);
    sip_round(v);
    v[0] ^= word;
}

static uint64_t sip_hash(const uint64_t key[2], const void *bytes, size_t len)
{
    uint64_t v[4] = {key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d,
                     key[0] ^ 0x6c7967656e657261, key[1] ^ 0x7465646279746573};
    const uint8_t *at = bytes;
    uint64_t word;
    for (size_t left = len; left >= 8; left -= 8, at += 8) {
        memcpy(&word, at, 8);
        sip_word(v, word);
    }
    word = 0;
    memcpy(&word, at, len % 8);
    sip_word(v, word | (uint64_t)len << 56);
    v[2] ^= 0xff;
    for (int i = 0; i < 4; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* --- the table; all under the lock --- */

static bool is_live(const struct entry *entry)
{
    return entry->connections > 0 || entry->sessions > 0;
}

static void idle_remove(struct peers *peers, uint32_t index)
{
    struct entry *entry = &peers->entries[index];
    *(entry->newer != NONE ? &peers->entries[entry->newer].older : &peers->newest) = entry->older;
    *(entry->older != NONE ? &peers->entries[entry->older].newer : &peers->oldest) = entry->newer;
}

static void idle_add(struct peers *peers, uint32_t index)
{
    struct entry *entry = &peers->entries[index];
    entry->newer = NONE;
    entry->older = peers->newest;
    *(peers->newest != NONE ? &peers->entries[peers->newest].newer : &peers->oldest) = index;
    peers->newest = index;
}

static void chain_remove(struct peers *peers, uint32_t index)
{
    uint32_t *link = &peers->buckets[peers->entries[index].hash & peers->mask];
    while (*link != index)
        link = &peers->entries[*link].chain;
    *link = peers->entries[index].chain;
}

/* A place for a new key: unused, or that of who was seen longest ago. NONE: all hold something. */
static uint32_t take_place(struct peers *peers)
{
    if (peers->len < peers->max)
        return peers->len++;
    uint32_t index = peers->oldest;
    if (index != NONE) {
        idle_remove(peers, index);
        chain_remove(peers, index);
    }
    return index;
}

/* The entry of a key, made when there is none; the newest of the idle. */
static uint32_t find(struct peers *peers, enum kind kind, const uint8_t key[16])
{
    uint64_t hash = sip_hash(peers->keys, key, 16) + kind;
    uint32_t *bucket = &peers->buckets[hash & peers->mask];
    for (uint32_t index = *bucket; index != NONE; index = peers->entries[index].chain) {
        struct entry *entry = &peers->entries[index];
        if (entry->hash != hash || entry->kind != kind || memcmp(entry->key, key, 16) != 0)
            continue;
        if (!is_live(entry)) {
            idle_remove(peers, index);
            idle_add(peers, index);
        }
        return index;
    }
    uint32_t index = take_place(peers);
    if (index == NONE)
        return NONE;
    struct entry *entry = &peers->entries[index];
    *entry = (struct entry){.hash = hash, .kind = (uint8_t)kind, .chain = *bucket};
    memcpy(entry->key, key, 16);
    *bucket = index;
    idle_add(peers, index);
    return index;
}

static peers_hold hold_take(struct peers *peers, uint32_t index, uint32_t *count)
{
    if (!is_live(&peers->entries[index])) {
        idle_remove(peers, index);
        peers->live++;
    }
    ++*count;
    return index + 1;
}

static void hold_give(struct peers *peers, uint32_t index, uint32_t *count)
{
    assert(*count > 0);
    --*count;
    if (!is_live(&peers->entries[index])) {
        idle_add(peers, index);
        peers->live--;
    }
}

static struct entry *held(struct peers *peers, peers_hold hold)
{
    assert(hold <= peers->len);
    return hold != 0 ? &peers->entries[hold - 1] : NULL;
}

/* --- life --- */

struct peers *peers_create(const struct peers_config *config, uint32_t live_max)
{
    struct peers *peers = mem_calloc(1, sizeof *peers);
    if (peers == NULL)
        return NULL;
    /* A session may hold two: its address and its subject. */
    peers->max = 2 * live_max + PEERS_IDLE_MAX;
    uint32_t buckets = 1;
    while (buckets < peers->max)
        buckets *= 2;
    peers->config = *config;
    peers->mask = buckets - 1;
    peers->newest = peers->oldest = NONE;
    rng_secure(peers->keys, sizeof peers->keys);
    peers->entries = mem_calloc(peers->max, sizeof *peers->entries);
    peers->buckets = mem_alloc(buckets * sizeof *peers->buckets);
    if (peers->entries == NULL || peers->buckets == NULL) {
        mem_free(peers->entries);
        mem_free(peers->buckets);
        mem_free(peers);
        return NULL;
    }
    memset(peers->buckets, 0xff, buckets * sizeof *peers->buckets);
    pthread_mutex_init(&peers->lock, NULL);
    return peers;
}

void peers_destroy(struct peers *peers)
{
    if (peers == NULL)
        return;
    pthread_mutex_destroy(&peers->lock);
    mem_free(peers->entries);
    mem_free(peers->buckets);
    mem_free(peers);
}

/* --- caps --- */

/* One event more at `rate` in `period_us`, all of which may come at once. False: too many. */
static bool rate_allows(int64_t *whole_us, uint32_t rate, int64_t period_us, int64_t now_us)
{
    if (rate == 0)
        return true;
    int64_t from_us = *whole_us > now_us ? *whole_us : now_us;
    int64_t then_us = from_us + period_us / rate;
    if (then_us > now_us + period_us)
        return false;
    *whole_us = then_us;
    return true;
}

static bool rate_spent(int64_t whole_us, uint32_t rate, int64_t period_us, int64_t now_us)
{
    return rate != 0 && whole_us + period_us / rate > now_us + period_us;
}

static bool reached(uint32_t count, uint32_t most)
{
    return most != 0 && count >= most;
}

static int connect_locked(struct peers *peers, uint32_t index, int64_t now_us, peers_hold *hold)
{
    const struct peers_config *config = &peers->config;
    struct entry *entry = &peers->entries[index];
    if (rate_spent(entry->failures_us, config->failures, MINUTE_US, now_us))
        return PEERS_FAILURES;
    if (!rate_allows(&entry->handshakes_us, config->handshakes, SECOND_US, now_us))
        return PEERS_HANDSHAKES;
    if (reached(entry->connections, config->connections))
        return PEERS_CONNECTIONS;
    if (reached(entry->unfinished, config->unfinished))
        return PEERS_UNFINISHED;
    entry->unfinished++;
    *hold = hold_take(peers, index, &entry->connections);
    return PEERS_OK;
}

int peers_connect(struct peers *peers, const struct peers_address *address, int64_t now_us,
                  peers_hold *hold)
{
    struct peers_address network = peers_address_network(address);
    pthread_mutex_lock(&peers->lock);
    uint32_t index = find(peers, KIND_ADDRESS, network.bytes);
    int reason = PEERS_OK;
    *hold = 0;
    if (index != NONE)
        reason = connect_locked(peers, index, now_us, hold);
    pthread_mutex_unlock(&peers->lock);
    return reason;
}

void peers_arrived(struct peers *peers, peers_hold hold)
{
    pthread_mutex_lock(&peers->lock);
    struct entry *entry = held(peers, hold);
    if (entry != NULL) {
        assert(entry->unfinished > 0 && entry->unfinished <= entry->connections);
        entry->unfinished--;
    }
    pthread_mutex_unlock(&peers->lock);
}

void peers_disconnect(struct peers *peers, peers_hold hold)
{
    pthread_mutex_lock(&peers->lock);
    struct entry *entry = held(peers, hold);
    if (entry != NULL)
        hold_give(peers, hold - 1, &entry->connections);
    pthread_mutex_unlock(&peers->lock);
}

int peers_enter(struct peers *peers, peers_hold hold, peers_hold *taken)
{
    int reason = PEERS_OK;
    *taken = 0;
    pthread_mutex_lock(&peers->lock);
    struct entry *entry = held(peers, hold);
    if (entry != NULL && reached(entry->sessions, peers->config.sessions))
        reason = PEERS_SESSIONS;
    else if (entry != NULL)
        *taken = hold_take(peers, hold - 1, &entry->sessions);
    pthread_mutex_unlock(&peers->lock);
    return reason;
}

int peers_enter_subject(struct peers *peers, const char *subject, peers_hold *taken)
{
    uint64_t key[2] = {sip_hash(peers->keys, subject, strlen(subject)),
                       sip_hash(peers->keys + 2, subject, strlen(subject))};
    int reason = PEERS_OK;
    *taken = 0;
    pthread_mutex_lock(&peers->lock);
    uint32_t index = find(peers, KIND_SUBJECT, (const uint8_t *)key);
    if (index != NONE && reached(peers->entries[index].sessions, peers->config.subject_sessions))
        reason = PEERS_SUBJECT;
    else if (index != NONE)
        *taken = hold_take(peers, index, &peers->entries[index].sessions);
    pthread_mutex_unlock(&peers->lock);
    return reason;
}

void peers_leave(struct peers *peers, peers_hold taken)
{
    pthread_mutex_lock(&peers->lock);
    struct entry *entry = held(peers, taken);
    if (entry != NULL)
        hold_give(peers, taken - 1, &entry->sessions);
    pthread_mutex_unlock(&peers->lock);
}

int peers_failed(struct peers *peers, peers_hold hold, int64_t now_us)
{
    int reason = PEERS_OK;
    pthread_mutex_lock(&peers->lock);
    struct entry *entry = held(peers, hold);
    if (entry != NULL) {
        uint32_t most = peers->config.failures;
        (void)rate_allows(&entry->failures_us, most, MINUTE_US, now_us);
        if (rate_spent(entry->failures_us, most, MINUTE_US, now_us))
            reason = PEERS_FAILURES;
    }
    pthread_mutex_unlock(&peers->lock);
    return reason;
}

/* --- words and figures --- */

const char *peers_label(int reason)
{
    assert(reason > PEERS_OK && reason < PEERS_REASONS);
    return reasons[reason].label;
}

const char *peers_text(int reason)
{
    assert(reason > PEERS_OK && reason < PEERS_REASONS);
    return reasons[reason].text;
}

uint32_t peers_retry_ms(int reason)
{
    switch ((enum peers_reason)reason) {
    case PEERS_HANDSHAKES: return 1000;
    case PEERS_UNFINISHED: return 5000; /* WS_HEADER_SECS: the time for a head */
    case PEERS_FAILURES: return 60000;
    case PEERS_CONNECTIONS:
    case PEERS_SESSIONS:
    case PEERS_SUBJECT: return 10000;
    case PEERS_OK:
    case PEERS_REASONS: break;
    }
    return 0;
}

void peers_count(struct peers *peers, int reason)
{
    assert(reason > PEERS_OK && reason < PEERS_REASONS);
    pthread_mutex_lock(&peers->lock);
    peers->refused[reason]++;
    pthread_mutex_unlock(&peers->lock);
}

uint32_t peers_live(struct peers *peers)
{
    pthread_mutex_lock(&peers->lock);
    uint32_t live = peers->live;
    pthread_mutex_unlock(&peers->lock);
    return live;
}

void peers_report(struct peers *peers, struct buf *out)
{
    pthread_mutex_lock(&peers->lock);
    uint64_t refused[PEERS_REASONS];
    memcpy(refused, peers->refused, sizeof refused);
    uint32_t live = peers->live;
    pthread_mutex_unlock(&peers->lock);
    metrics_gauge(out, "sotto_peers", "addresses and token subjects that hold something", live);
    metrics_head(out, "sotto_peers_refused_total", "counter",
                 "connections and sessions refused by a cap of one address or subject");
    for (int i = PEERS_OK + 1; i < PEERS_REASONS; i++)
        buf_printf(out, "sotto_peers_refused_total{reason=\"%s\"} %llu\n", peers_label(i),
                   (unsigned long long)refused[i]);
}
