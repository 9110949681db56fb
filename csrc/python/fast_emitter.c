/* The emitter of fast.h: events of one class for one channel, from Python numbers into the ring. */
#include "fast.h"

#include <string.h>

static PyObject *running_loop;
static PyObject *str_over, *str_state, *str_code, *str_loop, *str_thread, *str_soon, *str_wake;

typedef struct {
    PyObject_HEAD
    Ring *ring;
    PyObject *kind, *client, *session, *items, *driver, *queued, *slow, *report, *report_event;
    PyObject *names[FAST_FIELDS], *defaults[FAST_FIELDS];
    Field fields[FAST_FIELDS];
    unsigned int field_count, argument_count, open_count; /* arguments with a value; of them those of the caller */
    unsigned int body_bytes[2], layouts[2];
    unsigned int channel, owner, lasts_ms;
    long closed, stopped; /* states of a session that takes nothing */
    int wide, reports;
} Emitter;

/* Emitter(ring, (kind, client, session, items, driver, queued, slow, report, report_event), names, defaults, given,
 * (body_bytes, body_bytes_wide, layout, layout_wide), fields, (channel, owner, lasts_ms, closed, stopped, wide, reports)).
 * defaults holds an empty tuple for a value that must be given; given: how many of them the caller may give. */
static PyObject *emitter_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    PyObject *ring, *parts[9], *names, *defaults, *fields;
    Emitter *self;
    Py_ssize_t count;
    int found;

    (void)kwargs;
    self = (Emitter *)PyType_GenericAlloc(type, 0);
    if (self == NULL) {
        return NULL;
    }
    if (!PyArg_ParseTuple(args, "O!(OOOOOOOOO)O!O!I(IIII)O!(IIIllpp)", fast_ring_type, &ring, &parts[0], &parts[1], &parts[2],
                          &parts[3], &parts[4], &parts[5], &parts[6], &parts[7], &parts[8], &PyTuple_Type, &names,
                          &PyTuple_Type, &defaults, &self->open_count, &self->body_bytes[0], &self->body_bytes[1],
                          &self->layouts[0], &self->layouts[1], &PyTuple_Type, &fields, &self->channel, &self->owner,
                          &self->lasts_ms, &self->closed, &self->stopped, &self->wide, &self->reports)) {
        Py_DECREF(self);
        return NULL;
    }
    count = PyTuple_Size(names);
    if (count > FAST_FIELDS || count != PyTuple_Size(defaults) || self->open_count > (unsigned int)count ||
        self->body_bytes[0] > FAST_BODY_BYTES || self->body_bytes[1] > FAST_BODY_BYTES || self->owner > 255 ||
        !PyList_Check(parts[3]) || self->channel == 0) {
        Py_DECREF(self);
        PyErr_SetString(PyExc_ValueError, "an emitter of this shape is not possible");
        return NULL;
    }
    self->argument_count = (unsigned int)count;
    Py_INCREF(ring);
    self->ring = (Ring *)ring;
    for (int i = 0; i < 9; i++) {
        Py_INCREF(parts[i]);
    }
    self->kind = parts[0];
    self->client = parts[1];
    self->session = parts[2];
    self->items = parts[3];
    self->driver = parts[4];
    self->queued = parts[5];
    self->slow = parts[6];
    self->report = parts[7];
    self->report_event = parts[8];
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *value = PyTuple_GetItem(defaults, i);

        self->names[i] = PyTuple_GetItem(names, i);
        Py_INCREF(self->names[i]);
        PyUnicode_InternInPlace(&self->names[i]);
        if (!PyTuple_Check(value)) {
            Py_INCREF(value);
            self->defaults[i] = value;
        }
    }
    found = fast_fields(fields, self->argument_count, self->body_bytes, self->fields);
    if (found < 0) {
        Py_DECREF(self);
        return NULL;
    }
    self->field_count = (unsigned int)found;
    return (PyObject *)self;
}

static int emitter_traverse(PyObject *object, visitproc visit, void *arg)
{
    Emitter *self = (Emitter *)object;

    Py_VISIT(Py_TYPE(object));
    Py_VISIT(self->kind);
    Py_VISIT(self->client);
    Py_VISIT(self->session);
    Py_VISIT(self->items);
    Py_VISIT(self->driver);
    Py_VISIT(self->slow);
    Py_VISIT(self->report);
    Py_VISIT(self->report_event);
    return 0;
}

static int emitter_clear(PyObject *object)
{
    Emitter *self = (Emitter *)object;

    Py_CLEAR(self->kind);
    Py_CLEAR(self->client);
    Py_CLEAR(self->session);
    Py_CLEAR(self->items);
    Py_CLEAR(self->driver);
    Py_CLEAR(self->slow);
    Py_CLEAR(self->report);
    Py_CLEAR(self->report_event);
    return 0;
}

static void emitter_dealloc(PyObject *object)
{
    Emitter *self = (Emitter *)object;
    PyTypeObject *type = Py_TYPE(object);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);

    PyObject_GC_UnTrack(object);
    emitter_clear(object);
    Py_CLEAR(self->ring);
    Py_CLEAR(self->queued);
    for (int i = 0; i < FAST_FIELDS; i++) {
        Py_CLEAR(self->names[i]);
        Py_CLEAR(self->defaults[i]);
    }
    release(object);
    Py_DECREF(type);
}

/* An attribute that holds a small number. */
static int number_of(PyObject *object, PyObject *name, long *number)
{
    PyObject *value = PyObject_GetAttr(object, name);

    if (value == NULL) {
        return FAILED;
    }
    *number = PyLong_AsLong(value);
    Py_DECREF(value);
    return *number == -1 && PyErr_Occurred() ? FAILED : TAKEN;
}

/* Whether this is the thread and the loop of a driver that runs. */
static int own_loop(Emitter *self, PyObject *loop)
{
    PyObject *thread = PyObject_GetAttr(self->driver, str_thread), *here;
    unsigned long ident;

    if (thread == NULL) {
        return FAILED;
    }
    ident = PyLong_AsUnsignedLong(thread);
    Py_DECREF(thread);
    if (ident == (unsigned long)-1 && PyErr_Occurred()) {
        return FAILED;
    }
    if (ident != PyThread_get_thread_ident()) {
        return SLOW;
    }
    here = PyObject_CallNoArgs(running_loop);
    if (here == NULL) {
        return FAILED;
    }
    Py_DECREF(here);
    return here == loop || here == Py_None ? TAKEN : SLOW;
}

/* What Client._put() asks before it takes an event. *wake: the driver has yet to be told. */
static int may_emit(Emitter *self, int *wake)
{
    PyObject *value;
    long number;
    int found;

    *wake = 0;
    if (!self->ring->open) {
        return SLOW;
    }
    value = PyObject_GetAttr(self->driver, str_loop);
    if (value == NULL) {
        return FAILED;
    }
    found = value == Py_None ? TAKEN : own_loop(self, value);
    Py_DECREF(value);
    if (found != TAKEN) {
        return found;
    }
    if (value != Py_None) {
        value = PyObject_GetAttr(self->driver, str_soon);
        if (value == NULL) {
            return FAILED;
        }
        *wake = value == Py_None;
        Py_DECREF(value);
    }
    value = PyObject_GetAttr(self->client, str_over);
    if (value == NULL) {
        return FAILED;
    }
    Py_DECREF(value);
    if (value != Py_False) {
        return SLOW;
    }
    if (number_of(self->session, str_state, &number) == FAILED) {
        return FAILED;
    }
    if (number == self->closed || number == self->stopped) {
        return SLOW;
    }
    value = PyList_GetItem(self->items, (Py_ssize_t)self->channel - 1);
    if (value == NULL || number_of(value, str_code, &number) == FAILED) {
        return FAILED;
    }
    return number == 0 ? TAKEN : SLOW;
}

/* Whether the judgement of memory would say of these values what it said last. The fields are total, used, ..., and the
 * last is the fragmentation, which is not judged where it is unknown. */
static int is_calm(const Emitter *self, PyObject *const *values)
{
    const Ring *ring = self->ring;
    const unsigned int last = self->argument_count - 1;
    long long total, used;
    int overflow = 0;

    if (ring->calm_total < 0 || last >= FAST_FIELDS || values[0] == Py_None || values[1] == Py_None ||
        values[last] != Py_None) {
        return 0;
    }
    total = PyLong_AsLongLongAndOverflow(values[0], &overflow); /* they were checked when they were written */
    used = PyLong_AsLongLongAndOverflow(values[1], &overflow);
    return total == ring->calm_total && used <= ring->calm_used;
}

/* Put one event with these values. *told: the report that is due has nothing to say. */
static int put_values(Emitter *self, PyObject *const *values, int *told)
{
    uint8_t body[FAST_BODY_BYTES];
    uint32_t stamp_ms = 0;
    int wake, wide, found = may_emit(self, &wake);

    if (found == TAKEN) {
        wide = self->wide;
        found = fast_write_body(self->fields, self->field_count, self->body_bytes, values, body, &wide);
    }
    if (found == TAKEN) {
        found = fast_clock_ms(&stamp_ms);
    }
    if (found == TAKEN) {
        found = fast_ring_put(self->ring, (uint8_t)self->owner, (uint16_t)self->channel, (uint8_t)self->layouts[wide], stamp_ms,
                         body, self->body_bytes[wide], self->lasts_ms);
    }
    if (found == TAKEN && wake) {
        PyObject *done = PyObject_CallMethodObjArgs(self->driver, str_wake, NULL);

        if (done == NULL) {
            return FAILED;
        }
        Py_DECREF(done);
    }
    *told = !self->reports || (found == TAKEN && is_calm(self, values));
    return found;
}

/* The arguments of a call in their places: TAKEN, or SLOW where they are not all there. */
static int place_arguments(const Emitter *self, PyObject *const *args, Py_ssize_t given, PyObject *names,
                           PyObject **values)
{
    const Py_ssize_t named = names == NULL ? 0 : PyTuple_Size(names);

    if ((size_t)given > self->open_count) {
        return SLOW;
    }
    for (unsigned int i = 0; i < self->argument_count; i++) {
        values[i] = (Py_ssize_t)i < given ? args[i] : self->defaults[i];
    }
    for (Py_ssize_t n = 0; n < named; n++) {
        PyObject *name = PyTuple_GetItem(names, n);
        unsigned int i = (unsigned int)given;

        while (i < self->open_count && self->names[i] != name) {
            i++;
        }
        if (i == self->open_count) {
            return SLOW;
        }
        values[i] = args[given + n];
    }
    for (unsigned int i = 0; i < self->argument_count; i++) {
        if (values[i] == NULL) {
            return SLOW;
        }
    }
    return TAKEN;
}

/* The same call of a function in Python. */
static PyObject *call_with(PyObject *function, PyObject *const *args, Py_ssize_t given, PyObject *names)
{
    const Py_ssize_t named = names == NULL ? 0 : PyTuple_Size(names);
    PyObject *values = PyTuple_New(given), *fields = named ? PyDict_New() : NULL, *result = NULL;

    if (values != NULL && (named == 0 || fields != NULL)) {
        int good = 1;

        for (Py_ssize_t i = 0; i < given; i++) {
            Py_INCREF(args[i]);
            PyTuple_SetItem(values, i, args[i]);
        }
        for (Py_ssize_t i = 0; good && i < named; i++) {
            good = PyDict_SetItem(fields, PyTuple_GetItem(names, i), args[given + i]) == 0;
        }
        result = good ? PyObject_Call(function, values, fields) : NULL;
    }
    Py_XDECREF(values);
    Py_XDECREF(fields);
    return result;
}

static PyObject *answer(PyObject *result)
{
    Py_INCREF(result);
    return result;
}

/* emit(*values, **fields) */
static PyObject *emitter_emit(PyObject *object, PyObject *const *args, Py_ssize_t given, PyObject *names)
{
    Emitter *self = (Emitter *)object;
    PyObject *values[FAST_FIELDS];
    int told = 1, found = place_arguments(self, args, given, names, values);

    if (found == TAKEN) {
        found = put_values(self, values, &told);
    }
    if (found == FAILED) {
        return NULL;
    }
    if (found == SLOW) {
        return call_with(self->slow, args, given, names);
    }
    if (!told) {
        PyObject *reported = call_with(self->report, args, given, names);

        if (reported == NULL) {
            return NULL;
        }
        Py_DECREF(reported);
    }
    return answer(self->queued);
}

/* emit_event(event): the same of an object of the class; None where it has to go the long way. */
static PyObject *emitter_emit_event(PyObject *object, PyObject *event)
{
    Emitter *self = (Emitter *)object;
    PyObject *values[FAST_FIELDS];
    unsigned int count = 0;
    int told = 1, found = (PyObject *)Py_TYPE(event) == self->kind ? TAKEN : SLOW;

    for (; found == TAKEN && count < self->argument_count; count++) {
        values[count] = PyObject_GetAttr(event, self->names[count]);
        if (values[count] == NULL) {
            found = SLOW; /* a field that was deleted: the long way says it */
            PyErr_Clear();
            break;
        }
    }
    if (found == TAKEN) {
        found = put_values(self, values, &told);
    }
    while (count > 0) {
        count--;
        Py_DECREF(values[count]);
    }
    if (found == FAILED) {
        return NULL;
    }
    if (found == SLOW) {
        return answer(Py_None);
    }
    if (!told) {
        PyObject *reported = PyObject_CallFunctionObjArgs(self->report_event, event, NULL);

        if (reported == NULL) {
            return NULL;
        }
        Py_DECREF(reported);
    }
    return answer(self->queued);
}

/* emit_buffer(bodies, wide, start): put bodies from this index on, until one has to go the long way; where it stands. */
static PyObject *emitter_emit_buffer(PyObject *object, PyObject *args)
{
    Emitter *self = (Emitter *)object;
    Ring *ring = self->ring;
    Py_buffer bodies;
    Py_ssize_t at;
    uint32_t stamp_ms = 0, size;
    int wide, wake = 0, found;

    if (!PyArg_ParseTuple(args, "y*pn", &bodies, &wide, &at)) {
        return NULL;
    }
    size = self->body_bytes[wide];
    found = at < 0 ? SLOW : may_emit(self, &wake);
    if (found == TAKEN) {
        found = fast_clock_ms(&stamp_ms);
    }
    for (; found == TAKEN && at < bodies.len / (Py_ssize_t)size; at++) {
        const uint8_t *body = (const uint8_t *)bodies.buf + at * (Py_ssize_t)size;

        if (self->reports) {
            const unsigned int word = self->fields[0].form[wide].bytes, last = self->fields[4].form[wide].offset;
            unsigned long long total = 0, used = 0;

            for (unsigned int i = word; i > 0; i--) {
                total = total << 8 | body[i - 1];
                used = used << 8 | body[word + i - 1];
            }
            if (ring->calm_total < 0 || total != (unsigned long long)ring->calm_total ||
                used > (unsigned long long)ring->calm_used || body[last] != 0xff || body[last + 1] != 0xff) {
                break;
            }
        }
        if (fast_ring_put(ring, (uint8_t)self->owner, (uint16_t)self->channel, (uint8_t)self->layouts[wide], stamp_ms, body, size,
                     self->lasts_ms) != TAKEN) {
            break;
        }
    }
    PyBuffer_Release(&bodies);
    if (found == TAKEN && wake) {
        PyObject *done = PyObject_CallMethodObjArgs(self->driver, str_wake, NULL);

        if (done == NULL) {
            return NULL;
        }
        Py_DECREF(done);
    }
    return found == FAILED ? NULL : PyLong_FromSsize_t(at);
}

static PyMethodDef emitter_methods[] = {
    {"emit", (PyCFunction)(void (*)(void))emitter_emit, METH_FASTCALL | METH_KEYWORDS,
     "Emit one event of the fields, in their order or by name; says what became of it."},
    {"emit_event", emitter_emit_event, METH_O, NULL},
    {"emit_buffer", emitter_emit_buffer, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot emitter_slots[] = {
    {Py_tp_new, emitter_new},     {Py_tp_dealloc, emitter_dealloc}, {Py_tp_traverse, emitter_traverse},
    {Py_tp_clear, emitter_clear}, {Py_tp_methods, emitter_methods}, {0, NULL},
};

PyType_Spec fast_emitter_spec = {"flight_client._fast.Emitter", sizeof(Emitter), 0,
                                   Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC, emitter_slots};

int fast_emitter_prepare(void)
{
    PyObject *events = PyImport_ImportModule("_asyncio");

    if (events == NULL) {
        return -1;
    }
    running_loop = PyObject_GetAttrString(events, "_get_running_loop");
    Py_DECREF(events);
    str_over = PyUnicode_InternFromString("_over");
    str_state = PyUnicode_InternFromString("state");
    str_code = PyUnicode_InternFromString("code");
    str_loop = PyUnicode_InternFromString("_loop");
    str_thread = PyUnicode_InternFromString("_thread");
    str_soon = PyUnicode_InternFromString("_soon");
    str_wake = PyUnicode_InternFromString("wake");
    return running_loop == NULL || str_over == NULL || str_state == NULL || str_code == NULL ||
                   str_loop == NULL || str_thread == NULL || str_soon == NULL || str_wake == NULL
               ? -1
               : 0;
}
