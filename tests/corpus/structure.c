/* Every value of the small header fields, the ends of the numbers, and bytes lost, doubled, swapped and invented. */
#include <string.h>

#include "corpus.h"
#include "reference.h"

static void both(uint8_t *data, size_t bytes)
{
    judge(data, bytes, EITHER);
    reference_seal(data, bytes);
    judge(data, bytes, EITHER);
}

void family_headers(const golden *from)
{
    static const uint32_t numbers[] = {0,           1,           0x3fffffffu, 0x40000000u,
                                       0x7fffffffu, 0x80000000u, 0xc0000000u, 0xffffffffu};
    uint8_t *data = exact_copy(from->bytes, from->size);

    for (uint32_t at = 0; at < FLIGHT_HEADER_BYTES; at++) {
        for (uint32_t value = 0; value < 256; value++) {
            data[at] = (uint8_t)value;
            both(data, from->size);
            memcpy(data, from->bytes, from->size);
        }
    }
    for (uint32_t at = 8; at < FLIGHT_HEADER_BYTES; at += 4) {
        for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
            for (uint32_t byte = 0; byte < 4; byte++) {
                data[at + byte] = (uint8_t)(numbers[i] >> 8 * byte);
            }
            both(data, from->size);
            memcpy(data, from->bytes, from->size);
        }
    }
    exact_free(data);
}

static int sampled(const golden *from)
{
    return from->size > GOLDEN_BYTES && corpus_random(from->size) >= 64;
}

/* The frame with `bytes` of `what` in the place of `lost` bytes at `at`. */
static void edit(const golden *from, uint32_t at, uint32_t lost, const uint8_t *what, uint32_t bytes)
{
    const uint32_t size = from->size - lost + bytes;
    uint8_t *data = exact(size);

    memcpy(data, from->bytes, at);
    if (bytes != 0) {
        memcpy(data + at, what, bytes);
    }
    memcpy(data + at + bytes, from->bytes + at + lost, from->size - at - lost);
    both(data, size);
    if (size >= 20 && size - 20 < 65536) { /* with the length that it has now, so that the payload is looked at */
        const uint32_t payload = size - ((data[2] & FLIGHT_FLAG_CHECKED) != 0 ? 20u : 16u);

        data[4] = (uint8_t)payload;
        data[5] = (uint8_t)(payload >> 8);
        both(data, size);
    }
    exact_free(data);
}

void family_edits(const golden *from)
{
    const uint8_t odd[2] = {FLIGHT_FIRST_BYTE, 0x5a};

    for (uint32_t at = 0; at < from->size; at++) {
        uint8_t swapped[2];

        if (sampled(from)) {
            continue;
        }
        edit(from, at, 1, odd, 0);
        edit(from, at, 0, odd, 2);
        edit(from, at, 0, from->bytes + at, 1);
        edit(from, at, 1, odd, 1);
        if (at + 4 <= from->size) { /* a whole word lost, doubled */
            edit(from, at, 4, odd, 0);
            edit(from, at, 0, from->bytes + at, 4);
        }
        if (at + 2 <= from->size) {
            swapped[0] = from->bytes[at + 1];
            swapped[1] = from->bytes[at];
            edit(from, at, 2, swapped, 2);
        }
    }
}
