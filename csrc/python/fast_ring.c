/* The ring of fast.h: events of several channels with their owners, in the order in which they came. */
#include "fast.h"

#include <string.h>

#define HEAD_BYTES 12u /* what the lane counts beside a body */
#define SLOT_BYTES 64u
#define MOST_SLOTS 1024u
#define CLOCK_HALF 0x20000000u

static PyMemberDef ring_members[] = {
    {"count", T_UINT, offsetof(Ring, count), READONLY, NULL},
    {"bytes", T_UINT, offsetof(Ring, bytes), READONLY, NULL},
    {"packed", T_UINT, offsetof(Ring, packed), READONLY, NULL},
    {"owner", T_UINT, offsetof(Ring, owner), READONLY, NULL},
    {"due_ms", T_UINT, offsetof(Ring, due_ms), READONLY, NULL},
    {"accepted", T_ULONGLONG, offsetof(Ring, accepted), READONLY, NULL},
    {"mixed", T_BOOL, offsetof(Ring, mixed), READONLY, NULL},
    {"has_due", T_BOOL, offsetof(Ring, has_due), READONLY, NULL},
    {"open", T_BOOL, offsetof(Ring, open), 0, NULL},
    {"limit_events", T_UINT, offsetof(Ring, limit_events), 0, NULL},
    {"calm_total", T_LONGLONG, offsetof(Ring, calm_total), 0, NULL},
    {"calm_used", T_LONGLONG, offsetof(Ring, calm_used), 0, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyObject *ring_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    unsigned int slots, limit_events, limit_bytes;
    Ring *self;

    (void)kwargs;
    if (!PyArg_ParseTuple(args, "III", &slots, &limit_events, &limit_bytes)) {
        return NULL;
    }
    slots = slots < 1 ? 1 : slots > MOST_SLOTS ? MOST_SLOTS : slots;
    self = (Ring *)PyType_GenericAlloc(type, 0);
    if (self == NULL) {
        return NULL;
    }
    self->slots = slots;
    self->memory = PyMem_Calloc(slots, SLOT_BYTES);
    self->owners = PyMem_Calloc(slots, 1);
    self->sizes = PyMem_Calloc(slots, 1);
    if (self->memory == NULL || self->owners == NULL || self->sizes == NULL) {
        Py_DECREF(self);
        return PyErr_NoMemory();
    }
    if (flight_ring_init(&self->ring, self->memory, slots, SLOT_BYTES) != 0) {
        Py_DECREF(self);
        PyErr_SetString(PyExc_ValueError, "a ring of this shape is not possible");
        return NULL;
    }
    self->limit_events = limit_events;
    self->limit_bytes = limit_bytes;
    self->calm_total = self->calm_used = -1;
    return (PyObject *)self;
}

static void ring_dealloc(PyObject *object)
{
    Ring *self = (Ring *)object;
    PyTypeObject *type = Py_TYPE(object);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);

    PyMem_Free(self->memory);
    PyMem_Free(self->owners);
    PyMem_Free(self->sizes);
    release(object);
    Py_DECREF(type);
}

/* The oldest events, so many of them, have left. */
static void ring_left(Ring *self, uint32_t events)
{
    for (; events > 0; events--) {
        self->bytes -= HEAD_BYTES + self->sizes[self->first % self->slots];
        self->first++;
        self->count--;
    }
    if (self->count == 0) {
        self->mixed = 0;
        self->has_due = 0;
    }
}

static int ring_has_room(const Ring *self, uint32_t body_bytes)
{
    return self->count < self->slots && self->count < self->limit_events &&
           self->bytes + HEAD_BYTES + body_bytes <= self->limit_bytes;
}

int fast_ring_put(Ring *self, uint8_t owner, uint16_t channel, uint8_t layout, uint32_t stamp_ms, const uint8_t *body,
                  uint32_t body_bytes, uint32_t lasts_ms)
{
    const uint32_t at = (self->first + self->count) % self->slots;

    if (!ring_has_room(self, body_bytes) ||
        flight_ring_put(&self->ring, channel, layout, stamp_ms, body, body_bytes) != 0) {
        return SLOW;
    }
    self->owners[at] = owner;
    self->sizes[at] = (uint8_t)body_bytes;
    if (self->count == 0) {
        self->owner = owner;
    } else if (self->owner != owner) {
        self->mixed = 1;
    }
    self->count++;
    self->bytes += HEAD_BYTES + body_bytes;
    self->accepted++;
    if (lasts_ms != 0) {
        const uint32_t due_ms = (stamp_ms + lasts_ms) & FAST_CLOCK_MASK;

        if (!self->has_due || ((due_ms - self->due_ms) & FAST_CLOCK_MASK) >= CLOCK_HALF) {
            self->due_ms = due_ms;
            self->has_due = 1;
        }
    }
    return TAKEN;
}

/* How many of the first events would surely fit as plain records too: as EventRing.pack() bounds a delta batch. */
static uint32_t plain_events(const Ring *self, uint32_t limit_bytes, uint32_t most_events)
{
    uint32_t largest = 0, fitting;

    for (uint32_t i = 0; i < self->count && i < most_events; i++) {
        const uint32_t size = self->sizes[(self->first + i) % self->slots];

        largest = size > largest ? size : largest;
    }
    fitting = limit_bytes / (largest + FLIGHT_RECORD_HEAD_BYTES + 4u);
    fitting = fitting < 1 ? 1 : fitting;
    return fitting < most_events ? fitting : most_events;
}

/* pack(out, offset, limit, now, max_events, delta): bytes written; `packed` says how many events that were. */
static PyObject *ring_pack(PyObject *object, PyObject *args)
{
    Ring *self = (Ring *)object;
    Py_buffer out;
    Py_ssize_t offset, limit;
    unsigned int now_ms, most_events;
    int delta, written;
    flight_batch batch;

    if (!PyArg_ParseTuple(args, "w*nnIIp", &out, &offset, &limit, &now_ms, &most_events, &delta)) {
        return NULL;
    }
    if (offset < 0 || limit < 0 || offset > out.len || limit > out.len - offset) {
        PyBuffer_Release(&out);
        PyErr_SetString(PyExc_ValueError, "offset and limit lie outside the buffer");
        return NULL;
    }
    memset(&batch, 0, sizeof batch);
    if (delta) {
        most_events = plain_events(self, (uint32_t)limit, most_events);
    }
    written = (delta ? flight_delta_pack : flight_batch_pack)(&self->ring, (uint8_t *)out.buf + offset, (size_t)limit,
                                                             now_ms, most_events, &batch);
    PyBuffer_Release(&out);
    self->packed = written > 0 ? batch.events : 0;
    ring_left(self, self->packed);
    return PyLong_FromLong(written > 0 ? written : 0);
}

/* take_all(): every event as (owner, layout, stamp_ms, body), the oldest first; none is left. */
static PyObject *ring_take_all(PyObject *object, PyObject *unused)
{
    Ring *self = (Ring *)object;
    PyObject *all = PyList_New(0);
    flight_event event;

    (void)unused;
    while (all != NULL && flight_ring_peek(&self->ring, &event) == 0) {
        PyObject *one = Py_BuildValue("(IIIy#)", (unsigned int)self->owners[self->first % self->slots],
                                      (unsigned int)event.layout, (unsigned int)event.stamp_ms, event.body,
                                      (Py_ssize_t)event.body_bytes);

        if (one == NULL || PyList_Append(all, one) != 0) {
            Py_CLEAR(all);
        } else {
            flight_ring_release(&self->ring);
            ring_left(self, 1);
        }
        Py_XDECREF(one);
    }
    return all;
}

static PyMethodDef ring_methods[] = {
    {"pack", ring_pack, METH_VARARGS, NULL},
    {"take_all", ring_take_all, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot ring_slots[] = {
    {Py_tp_new, ring_new},         {Py_tp_dealloc, ring_dealloc}, {Py_tp_members, ring_members},
    {Py_tp_methods, ring_methods}, {0, NULL},
};

PyType_Spec fast_ring_spec = {"flight_client._fast.Ring", sizeof(Ring), 0, Py_TPFLAGS_DEFAULT, ring_slots};
