/* The reader of fast.h: what a gateway delivers, as objects of Python.
 *
 * A batch becomes a list of RealtimeEvent, each with the object of its event. Objects are made by their type's allocation,
 * and their slots filled through the descriptors of the class, which is what the __init__ of such a class does one by one. */
#include "fast.h"

#include <string.h>

#define HEAD_BYTES 40u /* of DELIVER, in front of the device id */
#define EVENT_SLOTS 8

/* An object of Python with slots and nothing else. */
typedef struct {
    PyTypeObject *type;
    PyObject *slots[FAST_FIELDS];
    descrsetfunc set[FAST_FIELDS];
    unsigned int count;
} Shape;

/* One layout in one of its two forms. */
typedef struct {
    Shape shape;
    PyObject *name; /* of the event */
    Field fields[FAST_FIELDS];
    unsigned int count, body_bytes, used_bytes;
    int wide;
} Plan;

typedef struct {
    PyObject_HEAD
    PyObject *slow;  /* slow(layout, body, source, channel): the event, or None for one that is left out */
    PyObject *name;  /* name_of(event) of such a one */
    Shape event;
    Plan *plans[256];
} Reader;

/* What all events of one batch have in common. */
typedef struct {
    const uint8_t *data;
    PyObject *channel, *source, *offset, *received_ms, *age; /* age: the last one that was made */
    uint32_t age_ms, held_ms;
    unsigned long long counter;
} Batch;

/* ---- objects ------------------------------------------------------------------------------------------------------ */

static void shape_clear(Shape *shape)
{
    Py_CLEAR(shape->type);
    for (unsigned int i = 0; i < shape->count; i++) {
        Py_CLEAR(shape->slots[i]);
    }
    shape->count = 0;
}

/* The slots of a class by their names. */
static int shape_of(Shape *shape, PyObject *type, PyObject *names)
{
    const Py_ssize_t count = PyTuple_Size(names);

    if (count < 0 || count > FAST_FIELDS || !PyType_Check(type)) {
        PyErr_SetString(PyExc_ValueError, "a class of this shape is not possible");
        return -1;
    }
    Py_INCREF(type);
    shape->type = (PyTypeObject *)type;
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *slot = PyObject_GetAttr(type, PyTuple_GetItem(names, i));

        if (slot == NULL) {
            return -1;
        }
        shape->slots[i] = slot;
        shape->count++;
        shape->set[i] = Py_TYPE(slot) == &PyMemberDescr_Type ? (descrsetfunc)PyType_GetSlot(Py_TYPE(slot), Py_tp_descr_set)
                                                             : NULL;
        if (shape->set[i] == NULL) {
            PyErr_SetString(PyExc_ValueError, "this class keeps its values elsewhere than in slots");
            return -1;
        }
    }
    return 0;
}

/* Fill one slot; takes the reference to the value, which may be NULL after an error. */
static int fill(const Shape *shape, PyObject *object, unsigned int slot, PyObject *value)
{
    int code;

    if (value == NULL) {
        return -1;
    }
    code = shape->set[slot](shape->slots[slot], object, value);
    Py_DECREF(value);
    return code;
}

static PyObject *again(PyObject *object)
{
    Py_INCREF(object);
    return object;
}

/* ---- numbers ------------------------------------------------------------------------------------------------------ */

static unsigned long long load(const uint8_t *from, unsigned int bytes)
{
    unsigned long long number = 0;

    for (; bytes > 0; bytes--) {
        number = number << 8 | from[bytes - 1];
    }
    return number;
}

/* The value of a field: None for "unknown". */
static PyObject *value_of(const Field *field, int wide, const uint8_t *body)
{
    const unsigned int bytes = field->form[wide].bytes;
    const unsigned long long number = load(body + field->form[wide].offset, bytes);
    long long whole = (long long)number;

    if (field->optional && number == field->form[wide].unknown) {
        return again(Py_None);
    }
    if (field->lowest < 0 && bytes < 8 && number >> (8 * bytes - 1) != 0) {
        whole -= 1LL << 8 * bytes;
    }
    if (field->scale != 0) {
        return PyFloat_FromDouble((double)whole / field->scale);
    }
    return bytes < 8 ? PyLong_FromLongLong(whole) : PyLong_FromUnsignedLongLong(number);
}

static int all_zero(const uint8_t *from, const uint8_t *end)
{
    while (from < end) {
        if (*from++ != 0) {
            return 0;
        }
    }
    return 1;
}

/* ---- events ------------------------------------------------------------------------------------------------------- */

/* The event of a plain record. */
static PyObject *plain_event(const Plan *plan, const uint8_t *body)
{
    PyObject *event = PyType_GenericAlloc(plan->shape.type, 0);

    for (unsigned int i = 0; event != NULL && i < plan->count; i++) {
        const Field *field = &plan->fields[i];

        if (fill(&plan->shape, event, field->argument, value_of(field, plan->wide, body)) != 0) {
            Py_CLEAR(event);
        }
    }
    return event;
}

/* The age of an event: its own and the time that it was held, None where either is unknown. Events of one batch mostly have
 * the same. */
static PyObject *age_of(Batch *batch, uint32_t age_ms)
{
    if (batch->age == NULL || batch->age_ms != age_ms) {
        Py_XDECREF(batch->age);
        batch->age_ms = age_ms;
        if (age_ms == FLIGHT_AGE_NONE || batch->held_ms == FLIGHT_AGE_NONE) {
            batch->age = again(Py_None);
        } else {
            batch->age = PyLong_FromUnsignedLongLong((unsigned long long)age_ms + batch->held_ms);
        }
    }
    return batch->age == NULL ? NULL : again(batch->age);
}

/* The RealtimeEvent of an event; takes the reference to it and to its name. */
static PyObject *received(const Reader *self, Batch *batch, PyObject *event, PyObject *name, uint32_t age_ms,
                          unsigned long long counter)
{
    PyObject *whole = PyType_GenericAlloc(self->event.type, 0);
    const Shape *shape = &self->event;
    int bad;

    if (whole == NULL) {
        Py_DECREF(event);
        Py_DECREF(name);
        return NULL;
    }
    bad = fill(shape, whole, 0, name);
    bad |= fill(shape, whole, 1, event);
    bad |= fill(shape, whole, 2, again(batch->channel));
    bad |= fill(shape, whole, 3, again(batch->source));
    bad |= fill(shape, whole, 4, again(batch->offset));
    bad |= fill(shape, whole, 5, again(batch->received_ms));
    bad |= fill(shape, whole, 6, age_of(batch, age_ms));
    bad |= fill(shape, whole, 7, PyLong_FromUnsignedLongLong(counter));
    if (bad) {
        Py_CLEAR(whole);
    }
    return whole;
}

/* The event that the form in Python makes of a record, and its name: NULL without an exception where it is left out. */
static PyObject *slow_event(const Reader *self, const Batch *batch, const flight_record *record, PyObject **name)
{
    PyObject *event = PyObject_CallFunction(self->slow, "iy#OO", (int)record->layout, (const char *)record->body,
                                            (Py_ssize_t)record->body_bytes, batch->source, batch->channel);

    if (event == Py_None) {
        Py_CLEAR(event);
    }
    if (event != NULL) {
        *name = PyObject_GetAttr(event, self->name);
        if (*name == NULL) {
            Py_CLEAR(event);
        }
    }
    return event;
}

/* Append what a record says. */
static int append_record(const Reader *self, Batch *batch, const flight_record *record, PyObject *found)
{
    const Plan *plan = self->plans[record->layout];
    const unsigned long long counter = batch->counter;
    PyObject *event, *name = NULL, *whole;
    int code;

    batch->counter += counter != 0;
    if (plan != NULL && record->body_bytes == plan->body_bytes &&
        all_zero(record->body + plan->used_bytes, record->body + plan->body_bytes)) {
        event = plain_event(plan, record->body);
        name = again(plan->name);
    } else {
        event = slow_event(self, batch, record, &name);
    }
    if (event == NULL) {
        Py_XDECREF(name);
        return PyErr_Occurred() ? -1 : 0;
    }
    whole = received(self, batch, event, name, record->age_ms, counter);
    if (whole == NULL) {
        return -1;
    }
    code = PyList_Append(found, whole);
    Py_DECREF(whole);
    return code;
}

/* ---- the batch ---------------------------------------------------------------------------------------------------- */

/* Whether every record of it can be read. */
static int readable(const uint8_t *data, size_t left)
{
    return left == 0 || flight_batch_count(data, left) > 0;
}

static PyObject *read_records(const Reader *self, Batch *batch, const uint8_t *data, size_t left)
{
    PyObject *found = PyList_New(0);
    flight_record record;

    while (found != NULL && left > 0) {
        const int bytes = flight_batch_next(data, left, &record);

        if (bytes <= 0) { /* it was read before: the form in Python may have lent somebody a buffer that can be written */
            PyErr_SetString(PyExc_ValueError, "the batch changed while it was read");
        }
        if (bytes <= 0 || append_record(self, batch, &record, found) != 0) {
            Py_CLEAR(found);
            break;
        }
        data += bytes;
        left -= (size_t)bytes;
    }
    Py_CLEAR(batch->age);
    return found;
}

/* read(head, start, data, records_start, end, channel, source): the events; None for a batch that cannot be read as a whole.
 * The head of DELIVER stands in `head` from `start` on, its records in `data`. */
static PyObject *reader_read(PyObject *object, PyObject *args)
{
    const Reader *self = (const Reader *)object;
    Py_buffer head, data;
    Py_ssize_t start, from, end;
    PyObject *found = NULL;
    Batch batch;

    memset(&batch, 0, sizeof batch);
    if (!PyArg_ParseTuple(args, "y*ny*nnOO", &head, &start, &data, &from, &end, &batch.channel, &batch.source)) {
        return NULL;
    }
    if (start < 0 || head.len - start < (Py_ssize_t)HEAD_BYTES || from < 0 || from > end || end > data.len) {
        PyErr_SetString(PyExc_ValueError, "the batch lies outside the buffer");
    } else {
        const uint8_t *at = (const uint8_t *)head.buf + start;

        if (flight_age_decode((uint16_t)load(at + 36, 2), &batch.held_ms) != 0 ||
            !readable((const uint8_t *)data.buf + from, (size_t)(end - from))) {
            found = again(Py_None);
        } else {
            batch.offset = PyLong_FromUnsignedLongLong(load(at, 8));
            batch.received_ms = PyLong_FromUnsignedLongLong(load(at + 16, 8));
            batch.counter = load(at + 32, 4);
            if (batch.offset != NULL && batch.received_ms != NULL) {
                found = read_records(self, &batch, (const uint8_t *)data.buf + from, (size_t)(end - from));
            }
            Py_XDECREF(batch.offset);
            Py_XDECREF(batch.received_ms);
        }
    }
    PyBuffer_Release(&head);
    PyBuffer_Release(&data);
    return found;
}

/* ---- the type ----------------------------------------------------------------------------------------------------- */

static void plan_free(Plan *plan)
{
    if (plan != NULL) {
        shape_clear(&plan->shape);
        Py_CLEAR(plan->name);
        PyMem_Free(plan);
    }
}

/* One of (layout, wide, kind, names, name, (body_bytes, body_bytes_wide), used_bytes, fields). */
static int add_plan(Reader *self, PyObject *entry)
{
    PyObject *kind, *names, *name, *fields;
    unsigned int layout, body_bytes[2], used_bytes;
    int wide, count = -1;
    Plan *plan;

    if (!PyArg_ParseTuple(entry, "IpOO!U(II)IO!", &layout, &wide, &kind, &PyTuple_Type, &names, &name, &body_bytes[0],
                          &body_bytes[1], &used_bytes, &PyTuple_Type, &fields)) {
        return -1;
    }
    if (layout > 255 || self->plans[layout] != NULL || used_bytes > body_bytes[wide]) {
        PyErr_SetString(PyExc_ValueError, "a layout of this shape is not possible");
        return -1;
    }
    plan = PyMem_Calloc(1, sizeof *plan);
    if (plan == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    self->plans[layout] = plan;
    plan->name = again(name);
    plan->wide = wide;
    plan->body_bytes = body_bytes[wide];
    plan->used_bytes = used_bytes;
    if (shape_of(&plan->shape, kind, names) == 0) {
        count = fast_fields(fields, plan->shape.count, body_bytes, plan->fields);
    }
    if (count >= 0 && (unsigned int)count != plan->shape.count) {
        PyErr_SetString(PyExc_ValueError, "a slot without a field");
        count = -1;
    }
    plan->count = count < 0 ? 0 : (unsigned int)count;
    return count < 0 ? -1 : 0;
}

/* Reader(slow, event class, its names, name of the attribute with an event's name, plans) */
static PyObject *reader_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    PyObject *slow, *event, *names, *name, *plans;
    Reader *self;
    int bad;

    (void)kwargs;
    if (!PyArg_ParseTuple(args, "OOO!UO!", &slow, &event, &PyTuple_Type, &names, &name, &PyTuple_Type, &plans)) {
        return NULL;
    }
    self = (Reader *)PyType_GenericAlloc(type, 0);
    if (self == NULL) {
        return NULL;
    }
    self->slow = again(slow);
    self->name = again(name);
    bad = shape_of(&self->event, event, names);
    if (!bad && self->event.count != EVENT_SLOTS) {
        PyErr_SetString(PyExc_ValueError, "an event with other slots than these eight");
        bad = -1;
    }
    for (Py_ssize_t i = 0; !bad && i < PyTuple_Size(plans); i++) {
        bad = add_plan(self, PyTuple_GetItem(plans, i));
    }
    if (bad) {
        Py_DECREF(self);
        return NULL;
    }
    return (PyObject *)self;
}

/* One Reader lives as long as the program: it takes no part in the collection of cycles. */
static void reader_dealloc(PyObject *object)
{
    Reader *self = (Reader *)object;
    PyTypeObject *type = Py_TYPE(object);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);

    Py_CLEAR(self->slow);
    Py_CLEAR(self->name);
    shape_clear(&self->event);
    for (unsigned int i = 0; i < 256; i++) {
        plan_free(self->plans[i]);
    }
    release(object);
    Py_DECREF(type);
}

static PyMethodDef reader_methods[] = {
    {"read", reader_read, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot reader_slots[] = {
    {Py_tp_new, reader_new},
    {Py_tp_dealloc, reader_dealloc},
    {Py_tp_methods, reader_methods},
    {0, NULL},
};

PyType_Spec fast_reader_spec = {"flight_client._fast.Reader", sizeof(Reader), 0, Py_TPFLAGS_DEFAULT, reader_slots};
