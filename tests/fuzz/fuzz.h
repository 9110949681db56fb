/* What fuzz targets share. A target is one file: LLVMFuzzerTestOneInput, and a first line that names the calls of
 * flight.h it is for ("needs: ..."); where flight.h lacks one of them, the target waits. */
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flight.h"

#define REQUIRE(condition)                                                          \
    do {                                                                            \
        if (!(condition)) {                                                         \
            fprintf(stderr, "%s:%d: wrong: %s\n", __FILE__, __LINE__, #condition); \
            abort();                                                                \
        }                                                                           \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

/* A heap buffer of exactly so many bytes: the sanitizer sees one byte too far. */
static inline uint8_t *exactly(const uint8_t *data, size_t bytes)
{
    uint8_t *copy = malloc(bytes + (bytes == 0));

    REQUIRE(copy != NULL);
    if (data != NULL && bytes != 0) {
        memcpy(copy, data, bytes);
    }
    return copy;
}

#endif
