#include "server/intake.h"

#include <assert.h>

#define SECOND_US 1000000LL
/* A frame's head, and what TLS adds to a record that holds nothing else (RFC 8446 §5.2). */
#define FRAME_HEAD_BYTES (14 + 22)
/* More than that between two looks is not told apart. */
#define BYTES_LOOK_MAX (1ULL << 40)

/* A token bucket in one number, the time at which it will be full: taking a token puts it off. */
static void take_token(int64_t *full_us, unsigned per_s, int64_t now_us)
{
    if (*full_us < now_us)
        *full_us = now_us;
    *full_us += SECOND_US / per_s;
}

/* When the bucket holds a token again. */
static int64_t due_us(int64_t full_us, unsigned per_s, unsigned burst)
{
    return full_us - SECOND_US / per_s * (burst - 1);
}

static bool within_bounds(struct intake *intake, const struct intake_limits *limits,
                          const struct intake_piece *piece)
{
    intake->bytes += piece->len;
    intake->fragments += piece->left == 0 ? 1 : 0;
    return intake->bytes <= limits->bytes_max && piece->left <= limits->bytes_max - intake->bytes &&
           intake->fragments <= limits->fragments_max;
}

enum intake_verdict intake_take(struct intake *intake, const struct intake_limits *limits,
                                const struct intake_piece *piece, int64_t now_us)
{
    assert(limits->frames_per_s > 0 && limits->texts_per_s > 0);
    assert(limits->frames_burst > 0 && limits->texts_burst > 0);
    if (piece->first) {
        intake->bytes = 0;
        intake->fragments = 0;
        intake->text = piece->text;
        intake->utf8 = (struct utf8_check){0};
    }
    intake->explained += piece->len;
    if (piece->left == 0) {
        intake->explained += FRAME_HEAD_BYTES;
        take_token(&intake->frames_us, limits->frames_per_s, now_us);
    }
    if (!within_bounds(intake, limits, piece))
        return INTAKE_TOO_BIG;
    if (!intake->text)
        return INTAKE_TAKEN;
    if (!utf8_check_feed(&intake->utf8, piece->bytes, piece->len) ||
        (piece->last && !utf8_check_done(&intake->utf8)))
        return INTAKE_NOT_UTF8;
    if (piece->last) {
        intake->told = intake->told && intake->texts_us > now_us;
        take_token(&intake->texts_us, limits->texts_per_s, now_us);
    }
    return INTAKE_TAKEN;
}

int64_t intake_due_us(const struct intake *intake, const struct intake_limits *limits)
{
    int64_t frames = due_us(intake->frames_us, limits->frames_per_s, limits->frames_burst);
    int64_t texts = due_us(intake->texts_us, limits->texts_per_s, limits->texts_burst);
    return frames > texts ? frames : texts;
}

bool intake_flooded(struct intake *intake, const struct intake_limits *limits, uint64_t received,
                    int64_t now_us)
{
    uint64_t unexplained = received > intake->explained ? received - intake->explained : 0;
    uint64_t more = unexplained > intake->unexplained ? unexplained - intake->unexplained : 0;
    int64_t byte_us = SECOND_US / limits->control_bytes_per_s;
    int64_t full_us = intake->control_us < now_us ? now_us : intake->control_us;
    intake->unexplained += more;
    intake->control_us =
        full_us + (int64_t)(more < BYTES_LOOK_MAX ? more : BYTES_LOOK_MAX) * byte_us;
    return intake->control_us - now_us > limits->control_burst_bytes * byte_us;
}

bool intake_tell(struct intake *intake, const struct intake_limits *limits, int64_t now_us)
{
    if (intake->told ||
        due_us(intake->texts_us, limits->texts_per_s, limits->texts_burst) <= now_us)
        return false;
    intake->told = true;
    return true;
}
