/* So much of Python's C interface as the cobs package's C module is compiled with here. Every call is a few instructions. */
#ifndef STAND_IN_PYTHON_H
#define STAND_IN_PYTHON_H

#include <stddef.h>

typedef ptrdiff_t Py_ssize_t;
typedef struct PyObject {
    char *bytes;
    Py_ssize_t count;
} PyObject;
typedef struct Py_buffer {
    void *buf;
    Py_ssize_t len, itemsize;
    int ndim;
} Py_buffer;
typedef PyObject *(*PyCFunction)(PyObject *, PyObject *);
typedef int (*visitproc)(PyObject *, void *);
typedef struct PyMethodDef {
    const char *name;
    PyCFunction call;
    int flags;
    const char *doc;
} PyMethodDef;
typedef struct PyModuleDef {
    int head;
    const char *name, *doc;
    Py_ssize_t size;
    PyMethodDef *methods;
    void *slots;
    int (*traverse)(PyObject *, visitproc, void *);
    int (*clear)(PyObject *);
    void *free;
} PyModuleDef;

#define PyModuleDef_HEAD_INIT 0
#define METH_O 8
#define PyBUF_FORMAT 4
#define PyDoc_STRVAR(name, text) static const char name[] = text
#define PyMODINIT_FUNC static __attribute__((unused)) PyObject *
#define PyExc_TypeError NULL
#define PyExc_BufferError NULL
#define Py_VISIT(object) ((void)visit, (void)arg)
#define Py_CLEAR(object) ((object) = NULL)
#define Py_INCREF(object) ((void)(object))
#define Py_DECREF(object) ((void)(object))
#define PyUnicode_Check(object) ((object)->bytes == NULL)
#define PyObject_CheckBuffer(object) ((object)->bytes != NULL)
#define PyErr_SetString(kind, text) ((void)(text))
#define PyBuffer_Release(view) ((void)(view))
#define PyModule_GetState(module) ((void *)(module))
#define PyModule_Create(definition) ((void)(definition), (PyObject *)NULL)
#define PyErr_NewException(name, base, dict) ((PyObject *)NULL)
#define PyModule_AddObject(module, name, object) ((void)(module))

static char stand_in_memory[2][64];
static PyObject stand_in_objects[2];
static int stand_in_next; /* which of the two is made next */

static inline int PyObject_GetBuffer(PyObject *object, Py_buffer *view, int flags)
{
    (void)flags;
    view->buf = object->bytes;
    view->len = object->count;
    view->itemsize = 1;
    view->ndim = 1;
    return 0;
}

static inline PyObject *PyBytes_FromStringAndSize(const char *from, Py_ssize_t count)
{
    PyObject *made = &stand_in_objects[stand_in_next];

    if (from != NULL || count > (Py_ssize_t)sizeof stand_in_memory[0]) {
        return NULL;
    }
    made->bytes = stand_in_memory[stand_in_next];
    made->count = count;
    return made;
}

static inline char *PyBytes_AsString(PyObject *object)
{
    return object->bytes;
}

static inline int _PyBytes_Resize(PyObject **object, Py_ssize_t count)
{
    (*object)->count = count;
    return 0;
}

#endif
