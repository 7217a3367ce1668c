#include "bench/sim_audit.h"

#include "base/mem.h"
#include "bench/audio.h"
#include "bench/sim_ear.h"
#include <assert.h>
#include <string.h>

#define BITMAP_BYTES_MIN 64

struct heard {
    uint8_t *bits; /* of every block number, was it heard */
    size_t bytes;
    uint32_t count, past; /* distinct blocks; one past the last number */
};

struct sim_audit {
    uint16_t seed;
    struct heard *sessions;
    size_t len;
    uint64_t repeated, skipped_bytes, strangers;
};

struct sim_audit *sim_audit_create(uint64_t seed)
{
    struct sim_audit *audit = mem_calloc(1, sizeof *audit);
    if (audit != NULL)
        audit->seed = (uint16_t)seed;
    return audit;
}

void sim_audit_destroy(struct sim_audit *audit)
{
    if (audit == NULL)
        return;
    for (size_t i = 0; i < audit->len; i++)
        mem_free(audit->sessions[i].bits);
    mem_free(audit->sessions);
    mem_free(audit);
}

/* Makes `*bytes` more than `need` by doubling, new ones zero; NULL: no memory, nothing changed. */
static void *grown(void *block, size_t *bytes, size_t need)
{
    if (need < *bytes)
        return block;
    size_t more = *bytes;
    while (more <= need)
        more = more == 0 ? BITMAP_BYTES_MIN : more * 2;
    uint8_t *new_block = mem_realloc(block, more);
    if (new_block == NULL)
        return NULL;
    memset(new_block + *bytes, 0, more - *bytes);
    *bytes = more;
    return new_block;
}

static struct heard *session_at(struct sim_audit *audit, uint32_t session)
{
    size_t bytes = audit->len * sizeof *audit->sessions;
    size_t need = (session + 1) * sizeof *audit->sessions;
    struct heard *sessions = grown(audit->sessions, &bytes, need);
    if (sessions == NULL)
        return NULL;
    audit->sessions = sessions;
    audit->len = bytes / sizeof *sessions;
    return &sessions[session];
}

void sim_audit_heard(struct sim_audit *audit, const struct audio_block *block)
{
    if (block->seed != audit->seed || block->session >= SIM_AUDIT_SESSIONS_MAX ||
        block->number >= SIM_AUDIT_BLOCKS_MAX) {
        audit->strangers++;
        return;
    }
    struct heard *heard = session_at(audit, block->session);
    uint8_t *bits = heard == NULL ? NULL : grown(heard->bits, &heard->bytes, block->number / 8);
    if (bits == NULL)
        return;
    heard->bits = bits;
    uint8_t bit = (uint8_t)(1 << block->number % 8);
    if (bits[block->number / 8] & bit) {
        audit->repeated++;
        return;
    }
    bits[block->number / 8] |= bit;
    heard->count++;
    if (block->number >= heard->past)
        heard->past = block->number + 1;
}

void sim_audit_skipped(struct sim_audit *audit, uint64_t bytes)
{
    audit->skipped_bytes += bytes;
}

void sim_audit_sum(const struct sim_audit *audit, struct sim_audit_sum *out)
{
    struct sim_audit_sum sum = {
        .repeated = audit->repeated,
        .skipped_bytes = audit->skipped_bytes,
        .strangers = audit->strangers,
    };
    for (size_t i = 0; i < audit->len; i++) {
        const struct heard *heard = &audit->sessions[i];
        sum.sessions += heard->count > 0;
        sum.blocks += heard->count;
        sum.missing += heard->past - heard->count;
    }
    *out = sum;
}
