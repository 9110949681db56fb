/* The ring against a model of it: a sequence of operations, read from bytes, is done on both and compared. */
#ifndef RING_MODEL_H
#define RING_MODEL_H

#include <stddef.h>
#include <stdint.h>

/* Returns null, or what differed. */
const char *ring_model_run(const uint8_t *operations, size_t bytes);

#endif
