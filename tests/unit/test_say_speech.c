/* What is spoken while there is no socket: kept, given up, sent again at the right pace. */
#include "say/speech.h"

#include "base/status.h"
#include "say/limits.h"
#include "say/source_internal.h"
#include "tests/check.h"

#define RATE  8000
#define FRAME (RATE * SAY_FRAME_MS / 1000)
#define S_US  1000000LL

/* Sample i is i + 1, so that a zero is told from all of them. */
struct fake {
    struct source base;
    unsigned next, available, len;
};
static struct fake fake;
static struct speech speech;
static int16_t out[SAY_FRAME_SAMPLES];

static int fake_read(struct source *source, int16_t *samples, size_t count)
{
    struct fake *it = (struct fake *)source;
    if (it->available - it->next < count && it->available < it->len)
        return STATUS_AGAIN;
    unsigned left = it->available - it->next;
    unsigned taken = left < count ? left : (unsigned)count;
    for (unsigned i = 0; i < taken; i++)
        samples[i] = (int16_t)(++it->next);
    return (int)taken;
}

static const struct source_ops fake_ops = {.read = fake_read};

static void begin(unsigned seconds, unsigned keep_s, bool live, double speed)
{
    fake = (struct fake){.base = {.ops = &fake_ops, .rate = RATE},
                         .available = live ? 0 : seconds * RATE,
                         .len = seconds * RATE};
    CHECK_EQ(speech_init(&speech, &fake.base, keep_s, live), STATUS_OK);
    CHECK_EQ(speech_begin(&speech, 0, speed, 0), 0);
}

static void end(void)
{
    speech_deinit(&speech);
}

/* Sends all that may be sent by `now_us`; returns the samples, checks that they follow each other.
 */
static uint64_t send_due(int64_t now_us)
{
    uint64_t total = 0;
    int64_t due_us;
    for (;;) {
        speech_listen(&speech, true, now_us);
        if (speech_next(&speech, now_us, &due_us) != SPEECH_FRAME)
            return total;
        uint64_t at = speech.sent;
        size_t got = speech_take(&speech, out);
        CHECK(got > 0);
        for (size_t i = 0; i < got; i++)
            CHECK(out[i] == 0 || out[i] == (int16_t)(at + i + 1));
        total += got;
    }
}

static void test_real_time(void)
{
    int64_t due_us;
    begin(1, 10, false, 1);
    CHECK_EQ(send_due(0), 0);
    CHECK_EQ(speech_next(&speech, 0, &due_us), SPEECH_LATER);
    CHECK_EQ(due_us, 100000);
    CHECK_EQ(send_due(100000), FRAME);
    CHECK_EQ(send_due(350000), 2 * FRAME);
    CHECK_EQ(send_due(2 * S_US), 7 * FRAME);
    CHECK_EQ(speech_next(&speech, 2 * S_US, &due_us), SPEECH_OVER);
    end();
}

/* Ten seconds without a socket: speaking goes on, and the backlog comes at twice the pace. */
static void test_backlog_at_twice_the_pace(void)
{
    int64_t due_us;
    begin(60, 30, false, 1);
    CHECK_EQ(send_due(2 * S_US), 2 * RATE);
    speech_listen(&speech, false, 12 * S_US);
    CHECK_EQ(speech.keep.to, 12 * RATE);
    CHECK(speech_due(&speech, &due_us));
    CHECK_EQ(due_us, 12 * S_US + 100000);
    /* The server had heard one and a half seconds. */
    CHECK_EQ(speech_begin(&speech, 12000, 1, 12 * S_US), 0);
    CHECK_EQ(send_due(12 * S_US), 0);
    CHECK_EQ(send_due(13 * S_US), 2 * RATE);
    CHECK_EQ(send_due(20 * S_US), 14 * RATE);
    /* Nothing is left out, and from here on it is real time again. */
    send_due(25 * S_US);
    CHECK_EQ(speech.sent, 25 * RATE);
    CHECK_EQ(send_due(26 * S_US), RATE);
    end();
}

/* What a file says waits when there is no room; a microphone's oldest is given up and counted. */
static void test_bound(void)
{
    int64_t due_us;
    begin(60, 5, false, 1);
    send_due(S_US);
    speech_listen(&speech, false, 30 * S_US);
    CHECK_EQ(speech.keep.to, 5 * RATE);
    CHECK(!speech_due(&speech, &due_us));
    CHECK(!speech_full(&speech));
    CHECK_EQ(speech_begin(&speech, RATE, 1, 30 * S_US), 0);
    end();

    begin(60, 5, true, 0);
    fake.available = RATE;
    CHECK_EQ(send_due(S_US), RATE);
    keep_forget(&speech.keep, RATE / 2);
    fake.available = 20 * RATE;
    speech_more(&speech);
    speech_listen(&speech, false, 20 * S_US);
    CHECK_EQ(speech.keep.to, 20 * RATE);
    CHECK(speech_full(&speech));
    /* It wants what it acknowledged too; only what is owed and gone is counted. */
    CHECK_EQ(speech_begin(&speech, 0, 0, 20 * S_US), 15 * RATE - RATE / 2);
    CHECK_EQ(speech_take(&speech, out), FRAME);
    CHECK_EQ(out[0], 0);
    CHECK_EQ(send_due(60 * S_US), 20 * RATE - FRAME);
    end();
}

static void test_live_starves_and_goes_on(void)
{
    int64_t due_us;
    begin(10, 5, true, 0);
    CHECK_EQ(send_due(0), 0);
    CHECK_EQ(speech_next(&speech, 0, &due_us), SPEECH_STARVED);
    fake.available = FRAME;
    CHECK_EQ(send_due(0), 0);
    speech_more(&speech);
    CHECK_EQ(send_due(100000), FRAME);
    /* Interrupted: what is kept is still sent. */
    fake.available = 3 * FRAME;
    speech_more(&speech);
    speech_listen(&speech, false, 300000);
    speech_stop(&speech);
    CHECK_EQ(send_due(S_US), 2 * FRAME);
    CHECK_EQ(speech_next(&speech, S_US, &due_us), SPEECH_OVER);
    end();
}

/* A server that claims to have heard what was never said gets what comes next. */
static void test_position_past_the_end(void)
{
    begin(10, 5, false, 1);
    send_due(S_US);
    CHECK_EQ(speech_begin(&speech, 100 * RATE, 1, S_US), 0);
    CHECK_EQ(speech.sent, RATE);
    end();
}

static void test_unpaced_file_waits_without_a_socket(void)
{
    int64_t due_us;
    begin(10, 5, false, 0);
    CHECK(!speech_due(&speech, &due_us));
    speech_listen(&speech, false, S_US);
    CHECK_EQ(speech.keep.to, 0);
    CHECK_EQ(send_due(S_US), 10 * RATE);
    end();
}

int main(void)
{
    RUN(test_real_time);
    RUN(test_backlog_at_twice_the_pace);
    RUN(test_bound);
    RUN(test_live_starves_and_goes_on);
    RUN(test_position_past_the_end);
    RUN(test_unpaced_file_waits_without_a_socket);
    return check_done();
}
