/* Writing the entries of delta batches. The coding is described in flight_delta.h; flight_pack.c walks over the ring. */
#include "flight_delta.h"

#include "flight_slots.h"
#include "flight_varint.h"

/* What an entry may take at most besides its values and its tail: control, age; and behind the values: a mask that is pushed
 * in before them, the length of the tail. */
#define BEFORE_VALUES_BYTES (1u + 3u)
#define BEHIND_VALUES_BYTES (2u + 3u)
#define PAIR_BYTES (2u * FLIGHT_VARINT_BYTES)

/* The head of a record on its own, by which its layout is kept from now on. Null where the record does not fit. */
static uint8_t *write_keyframe(flight_batch *batch, const uint32_t *slot, uint32_t age, uint8_t *at)
{
    const uint32_t words = flight_delta_words(flight_slot_layout(slot));
    const uint32_t bytes = flight_slot_record_bytes(slot);

    batch->delta_rest = 0;
    if (bytes > (size_t)(batch->delta_end - at)) {
        return NULL;
    }
    batch->delta_rest = bytes - FLIGHT_RECORD_HEAD_BYTES;
    batch->delta_step = batch->delta_age == FLIGHT_DELTA_NO_AGE ? 0 : age - batch->delta_age;
    batch->delta_age = age;
    if (words != 0 && batch->delta_count < FLIGHT_DELTA_LAYOUTS && flight_slot_body_bytes(slot) >= 4u * words) {
        flight_kept *kept = &batch->kept[batch->delta_count++];

        kept->fixed = flight_slot_body(slot);
        kept->mask = 0;
        kept->layout = (uint8_t)flight_slot_layout(slot);
        kept->words = (uint8_t)words;
    }
    return flight_write_record_head(at, slot, age);
}

static inline uint32_t difference(const uint32_t *word, const uint32_t *before)
{
    return flight_load32_aligned((const uint8_t *)word) - flight_load32_aligned((const uint8_t *)before);
}

static inline int same_pair(const uint32_t *a, const uint32_t *b)
{
#if UINTPTR_MAX > 0xffffffffu
    return memcmp(a, b, 8) == 0; /* one comparison of 64 bits */
#else
    return (difference(a, b) | difference(a + 1, b + 1)) == 0;
#endif
}

/* The differences of the words that changed since the last event of the layout, and in *changed which; nothing is written
 * behind last + two values. Returns where they end, null where they do not fit. Most words do not change: two at a time. */
static inline uint8_t *write_values(const uint32_t *before, const uint32_t *fixed, uint32_t words, uint8_t *at,
                                    const uint8_t *last, uint32_t *changed)
{
    const uint32_t *end = fixed + words;
    uint32_t bit = 1;
    uint32_t mask = 0;

    if ((words & 1u) != 0) { /* the first alone; behind it are pairs */
        const uint32_t only = difference(fixed++, before++);

        if (only != 0) {
            mask = 1;
            at = flight_put_varint(at, flight_zigzag(only));
        }
        bit = 2;
    }
    for (; fixed != end; fixed += 2, before += 2, bit <<= 2) {
        uint32_t low;
        uint32_t high;

        if (same_pair(fixed, before)) {
            continue;
        }
        if (FLIGHT_RARELY(at > last)) {
            return NULL;
        }
        low = difference(fixed, before);
        high = difference(fixed + 1, before + 1);
        if (low != 0) {
            mask |= bit;
            at = flight_put_varint(at, flight_zigzag(low));
        }
        if (high != 0) {
            mask |= bit << 1;
            at = flight_put_varint(at, flight_zigzag(high));
        }
    }
    *changed = mask;
    return at;
}

/* Make room for a mask in front of the values. Few bytes move: a loop costs less than the call of memmove. */
static inline uint8_t *insert_mask(uint8_t *values, uint8_t *end, uint32_t mask)
{
    const size_t bytes = mask >= 0x80u ? 2 : 1;

    for (uint8_t *from = end; from != values;) {
        from--;
        from[bytes] = *from;
    }
    flight_put_varint(values, mask);
    return end + bytes;
}

/* An entry against the last event of its layout, but for its tail. Null where it (nearly) does not fit. */
static inline uint8_t *write_entry(flight_batch *batch, flight_kept *kept, const uint32_t *slot, uint32_t age, uint8_t *out)
{
    const uint32_t *before = kept->fixed;
    const uint32_t tail_bytes = flight_slot_body_bytes(slot) - 4u * kept->words;
    const uint8_t *last = batch->delta_end - PAIR_BYTES - BEHIND_VALUES_BYTES;
    const uint32_t step = age - batch->delta_age;
    const uint32_t age_error = step - batch->delta_step;
    uint8_t *values = out + 1;
    uint8_t *at;
    uint32_t mask;

    if (FLIGHT_RARELY((size_t)(batch->delta_end - out) <
                      BEFORE_VALUES_BYTES + PAIR_BYTES + BEHIND_VALUES_BYTES + tail_bytes)) {
        batch->delta_rest = 0;
        return NULL;
    }
    batch->delta_age = age;
    batch->delta_step = step;
    batch->delta_rest = tail_bytes;
    *out = (uint8_t)(DELTA_ENTRY | (uint32_t)(kept - batch->kept));
    if (FLIGHT_RARELY((age_error & 0xffffu) != 0)) {
        *out |= DELTA_AGE;
        values = flight_put_varint(values, flight_zigzag16(age_error));
    }
    kept->fixed = flight_slot_body(slot);
    at = write_values(before, kept->fixed, kept->words, values, last - tail_bytes, &mask);
    if (FLIGHT_RARELY(at == NULL)) {
        batch->delta_rest = 0;
        return NULL;
    }
    if (mask != kept->mask) {
        *out |= DELTA_MASK;
        at = insert_mask(values, at, mask);
        kept->mask = (uint16_t)mask;
    }
    if (FLIGHT_RARELY(batch->delta_rest != 0)) {
        *out |= DELTA_TAIL;
        at = flight_put_varint(at, batch->delta_rest / 4u);
    }
    return at;
}

uint8_t *flight_delta_write(flight_batch *batch, const uint32_t *slot, uint32_t age, uint8_t *at)
{
    const uint32_t layout = flight_slot_layout(slot);
    flight_kept *kept = batch->kept;
    flight_kept *end = kept + batch->delta_count;

    for (; kept != end; kept++) {
        if (kept->layout == layout) {
            if (FLIGHT_RARELY(flight_slot_body_bytes(slot) < 4u * kept->words)) {
                break;
            }
            return write_entry(batch, kept, slot, age, at);
        }
    }
    return write_keyframe(batch, slot, age, at);
}
