#include "base/status.h"
#include "tests/check.h"
#include "translate/translate.h"

static struct {
    struct translate_lane *lane;
    uint32_t asks[8], segments[8];
    const char *failed[8];
    unsigned asked, shown, cancelled;
} rig;

static int on_ask(void *ctx, const struct translate_ask *ask)
{
    rig.asks[rig.asked++] = ask->ask;
    return STATUS_OK;
}

static void on_cancel(void *ctx, uint32_t ask)
{
    rig.cancelled++;
}

static void on_show(void *ctx, const struct translate_show *show)
{
    CHECK(show->final);
    rig.segments[rig.shown] = show->segment;
    rig.failed[rig.shown++] = show->failed;
}

static void source(uint32_t segment, bool final)
{
    struct translate_source given = {
        .segment = segment, .rev = 1, .final = final, .text = "two words"};
    lat_start(&given.lat, 1000);
    translate_lane_source(rig.lane, &given, 2000);
}

/* What is owed fails, what has come and waits for its turn is shown, what is open owes nothing. */
static void test_give_up_shows_everything_owed(void)
{
    static const struct translate_ops ops = {on_ask, on_cancel, on_show};
    static const struct translate_config config = {.source = "en-US",
                                                   .target = "es",
                                                   .partials = true,
                                                   .partial_words = 2,
                                                   .final_deadline_ms = 8000,
                                                   .partial_deadline_ms = 3000};
    CHECK_EQ(translate_lane_create(&rig.lane, &config, &ops, &rig), STATUS_OK);
    source(1, true);
    source(2, true);
    source(3, true);
    source(4, false);
    CHECK_EQ(rig.asked, 4);
    translate_lane_answer(rig.lane, rig.asks[1], "dos palabras", true, NULL, 3000);
    CHECK_EQ(rig.shown, 0);
    translate_lane_give_up(rig.lane, 4000);
    CHECK_EQ(rig.shown, 3);
    for (unsigned i = 0; i < rig.shown; i++)
        CHECK_EQ(rig.segments[i], i + 1);
    CHECK_STR(rig.failed[0], "budget");
    CHECK(rig.failed[1] == NULL);
    CHECK_STR(rig.failed[2], "budget");
    CHECK_EQ(rig.cancelled, 3);
    CHECK_EQ(translate_lane_owed(rig.lane), 0);
    translate_lane_destroy(rig.lane);
}

int main(void)
{
    RUN(test_give_up_shows_everything_owed);
    return check_done();
}
