/* The clock of fast.h. */
#include "fast.h"

#include <time.h>

static PyObject *time_module, *real_monotonic, *str_monotonic;

int fast_clock_ms(uint32_t *now_ms)
{
    PyObject *monotonic = PyObject_GetAttr(time_module, str_monotonic), *said;
    double seconds;

    if (monotonic == NULL) {
        return FAILED;
    }
#if defined(__linux__)
    if (monotonic == real_monotonic) {
        struct timespec now;

        Py_DECREF(monotonic);
        clock_gettime(CLOCK_MONOTONIC, &now);
        seconds = (double)((long long)now.tv_sec * 1000000000LL + now.tv_nsec) / 1e9;
        *now_ms = (uint32_t)((unsigned long long)(seconds * 1000.0) & FAST_CLOCK_MASK);
        return TAKEN;
    }
#endif
    said = PyObject_CallNoArgs(monotonic);
    Py_DECREF(monotonic);
    if (said == NULL) {
        return FAILED;
    }
    seconds = PyFloat_AsDouble(said);
    Py_DECREF(said);
    if (seconds == -1.0 && PyErr_Occurred()) {
        return FAILED;
    }
    if (!(seconds >= 0.0 && seconds < 9e12)) {
        return SLOW;
    }
    *now_ms = (uint32_t)((unsigned long long)(seconds * 1000.0) & FAST_CLOCK_MASK);
    return TAKEN;
}

int fast_clock_prepare(void)
{
    time_module = PyImport_ImportModule("time");
    if (time_module == NULL) {
        return -1;
    }
    real_monotonic = PyObject_GetAttrString(time_module, "monotonic");
    str_monotonic = PyUnicode_InternFromString("monotonic");
    return real_monotonic == NULL || str_monotonic == NULL ? -1 : 0;
}
