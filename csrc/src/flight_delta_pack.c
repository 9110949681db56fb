/* Writing the entries of delta batches. The coding is described in flight_delta.h; flight_pack.c walks over the ring. */
#include "flight_delta.h"

#include "flight_slots.h"
#include "flight_varint.h"

#if FLIGHT_PACKS_DELTA

/* What an entry may take at most besides its values and its tail: control, age; and behind the values: a mask that is pushed
 * in before them, the length of the tail. */
#define BEFORE_VALUES_BYTES (1u + 3u)
#define BEHIND_VALUES_BYTES (2u + 3u)
#define PAIR_BYTES (2u * FLIGHT_VARINT_BYTES)

/* The head of a record on its own, by which its layout is kept from now on. Null where the record does not fit. */
static inline uint8_t *write_keyframe(flight_batch *batch, const uint32_t *slot, uint32_t age, uint8_t *at)
{
    const uint32_t words = flight_delta_words(flight_slot_layout(slot));
    const uint32_t bytes = flight_slot_record_bytes(slot);

    batch->delta_rest = 0;
    if (bytes > (size_t)(batch->delta_end - at)) {
        return NULL;
    }
    batch->delta_rest = bytes - FLIGHT_RECORD_HEAD_BYTES;
    batch->delta_step = batch->delta_age == FLIGHT_DELTA_NO_AGE ? 0 : batch->delta_step + age - batch->delta_age;
    batch->delta_age = (age + batch->delta_step) & 0xffffu;
    if (words != 0 && batch->delta_count < FLIGHT_DELTA_LAYOUTS && flight_slot_body_words(slot) >= words) {
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

/* What stands round the values: the mask in front of them where it is another one, the length of the tail behind them. */
static inline uint8_t *finish_entry(flight_batch *batch, flight_kept *kept, uint32_t mask, uint8_t *out, uint8_t *values,
                                    uint8_t *at)
{
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

/* The differences of the words that changed since the last event of the layout. Nothing is written behind last + two values.
 * Most words do not change: two at a time. */
static inline uint8_t *write_values(flight_batch *batch, flight_kept *kept, const uint32_t *fixed, uint8_t *out,
                                    uint8_t *values, const uint8_t *last)
{
    const uint32_t *before = kept->fixed;
    const uint32_t *end = fixed + kept->words;
    uint8_t *at = values;
    uint32_t bit = 1;
    uint32_t mask = 0;

    kept->fixed = fixed;
    if ((kept->words & 1u) != 0) { /* the first alone; behind it are pairs */
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
            batch->delta_rest = 0;
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
    return finish_entry(batch, kept, mask, out, values, at);
}

/* An entry against the last event of its layout, but for its tail. Null where it (nearly) does not fit. */
static inline uint8_t *write_entry(flight_batch *batch, flight_kept *kept, const uint32_t *slot, uint32_t tail_bytes,
                                   uint32_t age, uint8_t *out)
{
    const uint32_t age_error = age - batch->delta_age;
    const size_t room = (size_t)(batch->delta_end - out);
    uint8_t *values = out + 1;

    batch->delta_rest = 0;
    if (FLIGHT_RARELY(room < BEFORE_VALUES_BYTES + PAIR_BYTES + BEHIND_VALUES_BYTES + tail_bytes)) {
        return NULL;
    }
    batch->delta_rest = tail_bytes;
    *out = (uint8_t)(DELTA_ENTRY | (uint32_t)(kept - batch->kept));
    if (FLIGHT_RARELY((age_error & 0xffffu) != 0)) {
        *out |= DELTA_AGE;
        values = flight_put_varint(values, flight_zigzag16(age_error));
        batch->delta_step += age_error;
    }
    batch->delta_age = (age + batch->delta_step) & 0xffffu;
    return write_values(batch, kept, flight_slot_body(slot), out, values,
                        out + (room - PAIR_BYTES - BEHIND_VALUES_BYTES - tail_bytes));
}

uint8_t *flight_delta_write(flight_batch *batch, const uint32_t *slot, uint32_t age, uint8_t *at)
{
    const uint32_t layout = flight_slot_layout(slot);
    const uint32_t words = flight_slot_body_words(slot);
    flight_kept *end = batch->kept + batch->delta_count;

    for (flight_kept *kept = batch->kept; kept != end; kept++) {
        if (kept->layout == layout && words >= kept->words) {
            return write_entry(batch, kept, slot, 4u * (words - kept->words), age, at);
        }
    }
    return write_keyframe(batch, slot, age, at);
}

#endif
