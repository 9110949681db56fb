/* The recorded sessions of spec/traces on a bare machine. trace_text is written by test_traces.py. */
#include "runtime.h"
#include "twin.h"

extern const char trace_text[];

int rt_main(void)
{
    long sessions = 0;
    const long steps = twin_replay(trace_text, &sessions);

    if (steps < 0) {
        rt_text("FAILED at line ");
        rt_number((uint32_t)(-1 - steps));
        rt_text("\n");
        return 1;
    }
    rt_text("traces ");
    rt_number((uint32_t)sessions);
    rt_text(" ");
    rt_number((uint32_t)steps);
    rt_text(" ");
    rt_number(twin_sizeof());
    rt_text("\n");
    return 0;
}
