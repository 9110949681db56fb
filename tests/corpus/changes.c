/* Truncations, flips and bytes. */
#include <string.h>

#include "corpus.h"
#include "reference.h"

static int is_checked(const golden *from)
{
    return (from->bytes[2] & FLIGHT_FLAG_CHECKED) != 0;
}

/* Damage to the header is always refused, its check sees to that; damage behind it only where there is a CRC. */
static verdict expected(const golden *from, size_t first_bit)
{
    return is_checked(from) || first_bit < 8 * FLIGHT_HEADER_BYTES ? REFUSED : ACCEPTED;
}

void family_truncations(const golden *from)
{
    for (uint32_t bytes = 0; bytes < from->size; bytes++) {
        uint8_t *data;

        if (from->size > GOLDEN_BYTES && bytes > 64 && corpus_random(from->size) >= 256) {
            continue;
        }
        data = exact_copy(from->bytes, bytes);
        judge(data, bytes, REFUSED);
        if (bytes > FLIGHT_HEADER_BYTES + FLIGHT_TRAILER_BYTES) { /* and with a header that says so */
            const uint32_t payload = bytes - (is_checked(from) ? 20u : 16u);

            data[4] = (uint8_t)payload;
            data[5] = (uint8_t)(payload >> 8);
            judge(data, bytes, is_checked(from) ? REFUSED : EITHER);
            reference_seal(data, bytes);
            judge(data, bytes, ACCEPTED);
        }
        if (bytes > FLIGHT_HEADER_BYTES) { /* the payload on its own, cut */
            judge_payload((uint8_t)(from->bytes[2] & FLIGHT_FLAGS_SUPPORTED), from->bytes + 16, bytes - 16);
        }
        exact_free(data);
    }
}

void family_flips(const golden *from)
{
    uint8_t *data = exact_copy(from->bytes, from->size);
    const size_t bits = 8 * (size_t)from->size;

    judge(data, from->size, ACCEPTED);
    for (size_t bit = 0; bit < bits; bit++) {
        if (from->size > 4096 && bit > 200 && corpus_random((uint32_t)bits) >= 500) {
            continue;
        }
        data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        judge(data, from->size, expected(from, bit));
        reference_seal(data, from->size);
        judge(data, from->size, EITHER);
        memcpy(data, from->bytes, from->size);
    }
    exact_free(data);
}

static void pair(const golden *from, uint8_t *data, size_t a, size_t b)
{
    data[a / 8] ^= (uint8_t)(1u << a % 8);
    data[b / 8] ^= (uint8_t)(1u << b % 8);
    judge(data, from->size, expected(from, a < b ? a : b));
    data[a / 8] ^= (uint8_t)(1u << a % 8);
    data[b / 8] ^= (uint8_t)(1u << b % 8);
}

void family_pairs(const golden *from)
{
    uint8_t *data = exact_copy(from->bytes, from->size);
    const size_t bits = 8 * (size_t)from->size;

    for (size_t a = 0; from->size <= GOLDEN_BYTES && a < bits; a++) {
        for (size_t b = a + 1; b < bits; b++) {
            pair(from, data, a, b);
        }
    }
    for (int i = 0; from->size > GOLDEN_BYTES && i < (corpus.all ? 20000 : 1000); i++) {
        const size_t a = corpus_random((uint32_t)bits);
        const size_t b = corpus_random((uint32_t)bits);

        if (a != b) {
            pair(from, data, a, b);
        }
    }
    exact_free(data);
}

void family_bytes(const golden *from)
{
    static const uint8_t values[] = {0x00, 0x7f, 0x80, 0xff};
    uint8_t *data = exact_copy(from->bytes, from->size);

    for (uint32_t at = 0; at < from->size; at++) {
        if (from->size > 4096 && at > 64 && corpus_random(from->size) >= 256) {
            continue;
        }
        for (size_t i = 0; i < sizeof values; i++) {
            data[at] = values[i];
            if (data[at] != from->bytes[at]) { /* a burst of at most 8 bits never passes a CRC-32 */
                judge(data, from->size, is_checked(from) && at >= 16 ? REFUSED : EITHER);
            }
            reference_seal(data, from->size);
            judge(data, from->size, EITHER);
            memcpy(data, from->bytes, from->size);
        }
    }
    exact_free(data);
}
