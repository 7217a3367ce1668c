/* A scenario of sotto-sim and, from its first line, a latency: a sentence says what is wrong, and
 * what is right can be drawn from. */
#include "base/rng.h"
#include "bench/sim_config.h"
#include "bench/sim_latency.h"
#include "tests/fuzz/fuzz_kit.h"

static void check_latency(const char *text)
{
    char error[128] = "";
    struct sim_latency *latency;
    struct rng rng;
    rng_init(&rng, 1);
    if (sim_latency_parse(text, &latency, error, sizeof error) != 0) {
        assert(error[0] != '\0');
        return;
    }
    for (int i = 0; i < 8; i++) {
        int64_t us = sim_latency_draw_us(latency, &rng);
        assert(us >= 0 && us <= SIM_LATENCY_MS_MAX * 1000LL);
    }
    sim_latency_destroy(latency);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char error[128] = "", trace[64];
    struct sim_config config;
    struct fuzz_lines lines = {0};
    const char *path = fuzz_file(data, size);
    sim_config_init(&config);
    assert(sim_config_file(&config, path, error, sizeof error) == 0 || error[0] != '\0');
    sim_config_deinit(&config);
    snprintf(trace, sizeof trace, "trace:%s", path);
    check_latency(trace);
    fuzz_lines_take(&lines, data, size);
    if (strncmp(fuzz_line(&lines, 0), "trace:", 6) != 0)
        check_latency(fuzz_line(&lines, 0));
    fuzz_lines_free(&lines);
    return 0;
}
