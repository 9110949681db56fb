/* The core on a bare machine: its own self-test, known answers, then random cases whose hashes are compared between
 * machines. The exit status is 0, or 1 with a line that says which case failed. */
#include "target.h"

work work_a, work_b, work_c;

static uint32_t total;

int fail(const char *name, uint32_t number)
{
    rt_text("FAILED ");
    rt_text(name);
    rt_text(" ");
    rt_number(number);
    rt_text("\n");
    return 1;
}

void report(const char *name, uint32_t cases, uint32_t hash)
{
    rt_text(name);
    rt_text(" ");
    rt_number(cases);
    rt_text(" ");
    rt_hex(hash);
    rt_text("\n");
    total += cases;
}

int rt_main(void)
{
    static uint32_t scratch[FLIGHT_SELFTEST_BYTES / 4];
    const int step = flight_selftest(scratch);

    if (step != 0) {
        return fail("selftest", (uint32_t)step);
    }
    report("selftest", 1, flight_version());
#ifndef SELFTEST_ONLY
    if (known_answers() != 0 || corpus() != 0 || delta() != 0) {
        return 1;
    }
#endif
    report("total", total, 0);
    return 0;
}
