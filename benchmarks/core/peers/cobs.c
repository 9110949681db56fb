/* COBS over the event's 48 bytes: the loops of the Python package's C module, its calls into Python being stand_in/Python.h.
 * Stuffing only: no header, no checksum. */
#include "peer.h"

#include <_cobs_ext.c>

static telemetry events[BATCH_EVENTS];
static PyObject plain, *stuffed, *unstuffed;

static int stuff(void)
{
    stand_in_next = 0;
    stuffed = cobs_encode(NULL, &plain);
    return stuffed == NULL;
}

static int unstuff(void)
{
    stand_in_next = 1;
    unstuffed = cobs_decode(NULL, stuffed);
    return unstuffed == NULL;
}

static int prepare(void)
{
    peer_events(events);
    plain.bytes = (char *)&events[0];
    plain.count = sizeof events[0];
    return stuff() || unstuff() || unstuffed->count != (Py_ssize_t)sizeof events[0] ||
           memcmp(unstuffed->bytes, &events[0], sizeof events[0]) != 0;
}

const peer_operation peer_operations[] = {
    {"core.encode1_nocrc", prepare, stuff},
    {"core.decode1_nocrc", prepare, unstuff},
};
const int peer_operations_count = 2;

void peer_values(void)
{
}
