/* Files of /proc, which name what other people call their programs. */
#include "bench/probe_proc.h"
#include "tests/fuzz/fuzz_kit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct probe_proc proc = {0};
    static struct probe_cpu cpus[PROBE_CPUS_MAX];
    char *text = mem_strndup((const char *)data, size);
    (void)probe_proc_stat(text, &proc);
    (void)probe_proc_status(text, "VmRSS");
    for (unsigned max = 1; max <= PROBE_CPUS_MAX; max += 51)
        assert(probe_cpus_parse(text, cpus, max) <= max);
    mem_free(text);
    return 0;
}
