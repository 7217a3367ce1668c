/* Lists of faults from a command line, a scenario or POST /sim/control. */
#include "base/mem.h"
#include "base/rng.h"
#include "bench/sim_fault.h"
#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void strike_all(struct sim_fault_plan *plan)
{
    struct rng rng;
    rng_init(&rng, 1);
    for (int turn = 0; turn < 8; turn++) {
        for (int i = 0; i < SIM_FAULTS; i++) {
            enum sim_fault fault = (enum sim_fault)i;
            int64_t argument = 0;
            uint64_t before = sim_fault_count(plan, fault);
            bool struck = sim_fault_strikes(plan, fault, turn * 1000, &rng, &argument);
            assert(sim_fault_count(plan, fault) == before + struck);
            assert(argument >= 0 && sim_fault_plan_text(plan, fault) != NULL);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char error[80] = "";
    char *list = mem_strndup((const char *)data, size);
    struct sim_fault_plan *plan;
    for (int side = SIM_SIDE_SPEECH; side <= SIM_SIDE_BOTH; side++) {
        error[0] = '\0';
        if (sim_fault_plan_create(&plan, list, (enum sim_fault_side)side, error, sizeof error) ==
            0) {
            assert(error[0] == '\0');
            strike_all(plan);
            sim_fault_plan_destroy(plan);
        } else {
            assert(error[0] != '\0' && strlen(error) < sizeof error);
        }
    }
    mem_free(list);
    return 0;
}
