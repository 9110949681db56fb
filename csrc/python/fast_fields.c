/* The tables of fields of fast.h, and bodies from values of Python. */
#include "fast.h"

#include <math.h>
#include <string.h>

#define NARROW_LIMIT 0xfffffffeu

int fast_fields(PyObject *tuples, unsigned int arguments, const unsigned int body_bytes[2], Field *fields)
{
    const Py_ssize_t count = PyTuple_Size(tuples);

    if (count < 0 || count > FAST_FIELDS) {
        PyErr_SetString(PyExc_ValueError, "too many fields");
        return -1;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        Field *to = &fields[i];

        if (!PyArg_ParseTuple(PyTuple_GetItem(tuples, i), "IppiLIIKKIIKK", &to->argument, &to->optional, &to->is_size,
                              &to->scale, &to->lowest, &to->form[0].offset, &to->form[0].bytes,
                              &to->form[0].highest, &to->form[0].unknown, &to->form[1].offset, &to->form[1].bytes,
                              &to->form[1].highest, &to->form[1].unknown)) {
            return -1;
        }
        if (to->argument >= arguments) {
            PyErr_SetString(PyExc_ValueError, "a field without an argument");
            return -1;
        }
        for (int wide = 0; wide < 2; wide++) {
            const unsigned int bytes = to->form[wide].bytes;

            if ((bytes != 1 && bytes != 2 && bytes != 4 && bytes != 8) ||
                to->form[wide].offset + bytes > body_bytes[wide]) {
                PyErr_SetString(PyExc_ValueError, "a field outside the body");
                return -1;
            }
        }
    }
    return (int)count;
}

/* A value as the number on the wire; `none` where it is None. Everything unusual is SLOW. */
static int number_from(const Field *field, PyObject *value, long long *number, int *none)
{
    int overflow = 0;
    double scaled;

    *none = value == Py_None;
    if (*none) {
        return field->optional ? TAKEN : SLOW;
    }
    if (field->scale == 0) {
        if (!PyLong_CheckExact(value)) {
            return SLOW;
        }
        *number = PyLong_AsLongLongAndOverflow(value, &overflow);
        return overflow != 0 ? SLOW : TAKEN;
    }
    if (PyFloat_CheckExact(value)) {
        scaled = PyFloat_AsDouble(value) * field->scale;
    } else if (PyLong_CheckExact(value)) {
        const long long whole = PyLong_AsLongLongAndOverflow(value, &overflow);

        if (overflow != 0 || whole > 0xffff || whole < -0xffff) {
            return SLOW;
        }
        scaled = (double)(whole * field->scale);
    } else {
        return SLOW;
    }
    scaled = rint(scaled); /* to even, as round() */
    if (!(scaled >= -1e9 && scaled <= 1e9)) {
        return SLOW;
    }
    *number = (long long)scaled;
    return TAKEN;
}

static void store_number(uint8_t *to, unsigned long long number, unsigned int bytes)
{
    for (; bytes > 0; bytes--) {
        *to++ = (uint8_t)number;
        number >>= 8;
    }
}

int fast_write_body(const Field *fields, unsigned int count, const unsigned int body_bytes[2], PyObject *const *values,
                    uint8_t *body, int *wide)
{
    long long numbers[FAST_FIELDS];
    int nones[FAST_FIELDS];

    for (unsigned int i = 0; i < count; i++) {
        const Field *field = &fields[i];

        if (number_from(field, values[field->argument], &numbers[i], &nones[i]) != TAKEN) {
            return SLOW;
        }
        if (field->is_size && !nones[i] && numbers[i] > (long long)NARROW_LIMIT) {
            *wide = 1;
        }
    }
    memset(body, 0, body_bytes[*wide]);
    for (unsigned int i = 0; i < count; i++) {
        const Field *field = &fields[i];
        unsigned long long number = field->form[*wide].unknown;

        if (!nones[i]) {
            if (numbers[i] < field->lowest ||
                (numbers[i] >= 0 && (unsigned long long)numbers[i] > field->form[*wide].highest)) {
                return SLOW;
            }
            number = (unsigned long long)numbers[i];
        }
        store_number(body + field->form[*wide].offset, number, field->form[*wide].bytes);
    }
    return TAKEN;
}
