/* Two scrapes of /metrics, parted by an empty line: figures, none of them read past a text. */
#include "bench/capacity_source.h"
#include "bench/probe.h"
#include "tests/fuzz/fuzz_kit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct probe_hist hist;
    struct capacity_source source;
    double value = 0;
    const uint8_t *half = memmem(data, size, "\n\n", 2);
    size_t len = half != NULL ? (size_t)(half - data) + 1 : size;
    char *before = mem_strndup((const char *)data, len);
    char *after = mem_strndup((const char *)data + len, size - len);
    probe_metric_hist(before, after, "lag", &hist);
    probe_metric_hist("", before, "lag", &hist);
    assert(hist.present || hist.count == 0);
    probe_metric(before, "lag_bucket{le=\"1\"}", &value);
    (void)probe_metric_total(after, "x");
    (void)probe_metric_label_max(before, after, "x");
    capacity_source_init(&source);
    (void)capacity_source_scrapes(&source, before, after, 1);
    mem_free(before);
    mem_free(after);
    return 0;
}
