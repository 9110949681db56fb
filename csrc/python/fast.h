/* flight_client._fast: the short way of events between Python numbers and the core, without Python code for each of them.
 *
 * Theory of operation
 * - A Ring (fast_ring.c) stands in front of the lossy lane of one client (flight_client/lanes.py). It takes events only while
 *   the lane's own queues are empty (`open`), so an event is either here or there and their order is never in question.
 *   Whoever needs the events as objects takes all of them out (take_all); who packs a frame with events of one channel packs
 *   from here.
 * - An Emitter (fast_emitter.c) writes events of one class for one channel. It accepts what is plainly right, under the same
 *   conditions as Client._put(), and leaves everything else to the form in Python: refusals, full queues, unusual values.
 * - A Reader (fast_reader.c) makes objects of the records that a gateway delivers, and leaves every record that is not
 *   plainly right, and every batch that is, to the form in Python too.
 * - So there is one place that words an error, and these files have none of their own for values.
 * - The bytes of a record and its place in a frame are the core's (flight_ring_put, flight_batch_pack, flight_batch_next).
 *   Where a field stands in a body comes from the tables that are generated from the spec.
 *
 * One thread at a time, as everything of a client; the GIL is kept throughout, so that a busy thread cannot take it away.
 */
#ifndef FLIGHT_FAST_H
#define FLIGHT_FAST_H

#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030B0000
#include <Python.h>

#include <structmember.h>

#include "flight.h"

#define FAST_BODY_BYTES 52u /* what a slot of the ring holds */
#define FAST_FIELDS 12
#define FAST_CLOCK_MASK 0x3fffffffu

enum { SLOW = 0, TAKEN = 1, FAILED = -1 };

typedef struct {
    PyObject_HEAD
    flight_ring ring;
    uint32_t *memory;
    uint8_t *owners; /* of each event, by its number modulo slots */
    uint8_t *sizes;  /* of each body, in the same way */
    uint32_t slots;
    uint32_t first;  /* number of the oldest event */
    unsigned int count, bytes, limit_events, limit_bytes;
    unsigned int packed, owner; /* events of the last pack(); whose events wait, unless mixed */
    unsigned int due_ms;        /* no event expires before */
    unsigned long long accepted;
    long long calm_total, calm_used; /* a report of this total, and of no more used, changes nothing */
    char open, mixed, has_due;
} Ring;

extern PyTypeObject *fast_ring_type; /* set once by the module */
extern PyType_Spec fast_ring_spec, fast_emitter_spec, fast_reader_spec;

/* Put one event: TAKEN, or SLOW where there is no room. */
int fast_ring_put(Ring *self, uint8_t owner, uint16_t channel, uint8_t layout, uint32_t stamp_ms, const uint8_t *body,
                  uint32_t body_bytes, uint32_t lasts_ms);

/* One field of a body with nothing but numbers. */
typedef struct {
    unsigned int argument; /* which value it takes */
    int optional, is_size, scale;
    long long lowest;
    struct {
        unsigned int offset, bytes;
        unsigned long long highest, unknown;
    } form[2]; /* narrow, wide */
} Field;

/* Fields out of the tuples that flight_client/quick.py makes, for bodies of these sizes: how many, or -1 with an exception. */
int fast_fields(PyObject *tuples, unsigned int arguments, const unsigned int body_bytes[2], Field *fields);

/* The body of an event with these values. *wide: the form that is asked for, then the one that it has. SLOW for all that is
 * unusual. */
int fast_write_body(const Field *fields, unsigned int count, const unsigned int body_bytes[2], PyObject *const *values,
                    uint8_t *body, int *wide);

/* flight_client/clock.py's monotonic_ms(): by the same call where a test has put another in place of time.monotonic. */
int fast_clock_ms(uint32_t *now_ms);

/* What clock and emitter look up in other modules: once, when this one is loaded. */
int fast_clock_prepare(void);
int fast_emitter_prepare(void);

#endif
