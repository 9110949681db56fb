/* Every length field: the header's, a record's two, and those of tails inside a body. */
#include <string.h>

#include "corpus.h"
#include "reference.h"

static void store(uint8_t *at, uint32_t value, int bytes)
{
    for (int i = 0; i < bytes; i++) {
        at[i] = (uint8_t)(value >> 8 * i);
    }
}

/* One value in one place: as it is, and with the checks made right again. */
static void with_value(const golden *from, uint8_t *data, uint32_t at, uint32_t value, int bytes)
{
    store(data + at, value, bytes);
    judge(data, from->size, EITHER);
    reference_seal(data, from->size);
    judge(data, from->size, EITHER);
    memcpy(data + at, from->bytes + at, (size_t)bytes);
    data[3] = from->bytes[3];
    if (from->size >= 20) {
        memcpy(data + from->size - 4, from->bytes + from->size - 4, 4);
    }
}

void family_outer(const golden *from)
{
    uint8_t *data = exact_copy(from->bytes, from->size);

    for (uint32_t length = 0; length < 65536; length++) {
        if (corpus_takes(length, from->size)) {
            with_value(from, data, 4, length, 2);
            memcpy(data, from->bytes, from->size); /* a shorter length has put its CRC into the middle */
        }
    }
    exact_free(data);
}

/* All values for the length at an offset, 8, 16 or 32 bits wide; of the wide one also those above 65,535. */
static void inner(const golden *from, uint8_t *data, uint32_t at, int bytes)
{
    static const uint32_t huge[] = {0x10000u,    0x10004u,    0x7ffffff8u, 0x7ffffffcu, 0x80000000u,
                                    0x80000004u, 0xfffffff0u, 0xfffffff4u, 0xfffffff8u, 0xfffffffcu, 0xffffffffu};

    if (at + (uint32_t)bytes > from->size) {
        return;
    }
    for (uint32_t value = 0; value < (bytes == 1 ? 256u : 65536u); value++) {
        if (bytes == 1 || corpus_takes(value, from->size)) {
            with_value(from, data, at, value, bytes);
        }
    }
    for (size_t i = 0; bytes == 4 && i < sizeof huge / sizeof huge[0]; i++) {
        with_value(from, data, at, huge[i], bytes);
    }
}

void family_inner(const golden *from)
{
    uint8_t *data;
    const uint32_t end = from->size - ((from->bytes[2] & FLIGHT_FLAG_CHECKED) != 0 ? 4u : 0u);
    uint32_t at = 16u + ((from->bytes[2] & FLIGHT_FLAG_CRITICAL) != 0 ? 8u : 0u);
    flight_record record;
    int bytes;

    if ((from->bytes[2] & FLIGHT_FLAG_BATCH) == 0) {
        return;
    }
    data = exact_copy(from->bytes, from->size);
    while (at < end && (bytes = reference_record(from->bytes + at, end - at, &record)) > 0) {
        const uint32_t fixed = flight_layout_bytes(record.layout);

        inner(from, data, at + 1, 1);
        if (data[at + 1] != 255) { /* make it say that a length follows, then give it all lengths */
            data[at + 1] = 255;
        }
        inner(from, data, at + 4, 4);
        data[at + 1] = from->bytes[at + 1];
        if (record.body_bytes > fixed) { /* the tail's length */
            inner(from, data, (uint32_t)(record.body - from->bytes) + fixed, 2);
        }
        at += (uint32_t)bytes;
    }
    exact_free(data);
}
