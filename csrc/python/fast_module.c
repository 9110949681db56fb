/* The module flight_client._fast: its three types (fast.h). */
#include "fast.h"

PyTypeObject *fast_ring_type;

static struct PyModuleDef module_def = {PyModuleDef_HEAD_INIT, "_fast", NULL, -1, NULL, NULL, NULL, NULL, NULL};

static int add_type(PyObject *module, PyType_Spec *spec, PyTypeObject **kept)
{
    PyObject *type = PyType_FromSpec(spec);
    int found = type == NULL ? -1 : PyModule_AddType(module, (PyTypeObject *)type);

    if (found == 0 && kept != NULL) {
        *kept = (PyTypeObject *)type; /* and keeps the reference: the module is never unloaded */
        return 0;
    }
    Py_XDECREF(type);
    return found;
}

PyMODINIT_FUNC PyInit__fast(void)
{
    PyObject *module = PyModule_Create(&module_def);

    if (module != NULL &&
        (fast_clock_prepare() != 0 || fast_emitter_prepare() != 0 ||
         add_type(module, &fast_ring_spec, &fast_ring_type) != 0 ||
         add_type(module, &fast_emitter_spec, NULL) != 0 || add_type(module, &fast_reader_spec, NULL) != 0)) {
        Py_CLEAR(module);
    }
    return module;
}
