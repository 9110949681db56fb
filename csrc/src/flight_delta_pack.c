/* Writing the entries of delta batches. The coding is described in flight_delta.h; flight_pack.c walks over the ring. */
#include "flight_delta.h"

#include "flight_slots.h"
#include "flight_varint.h"

/* What an entry may take at most besides its values and its tail: control, age; and behind the values: a mask that is pushed
 * in before them, the length of the tail. */
#define BEFORE_VALUES_BYTES (1u + 3u)
#define BEHIND_VALUES_BYTES (2u + 3u)
#define PAIR_BYTES (2u * FLIGHT_VARINT_BYTES)

/* A record on its own, by which its layout is kept from now on. Returns its end, null where it does not fit. */
static FLIGHT_APART uint8_t *write_keyframe(flight_batch *batch, const uint32_t *slot, uint32_t age, uint8_t *at)
{
    const uint32_t bytes = flight_slot_record_bytes(slot);
    const uint32_t words = flight_delta_words(flight_slot_layout(slot));

    if (bytes > (size_t)(batch->delta_end - at)) {
        return NULL;
    }
    batch->delta_step = batch->delta_age == FLIGHT_DELTA_NO_AGE ? 0 : age - batch->delta_age;
    batch->delta_age = age;
    if (words != 0 && batch->delta_count < FLIGHT_DELTA_LAYOUTS && flight_slot_body_bytes(slot) >= 4u * words) {
        flight_kept *kept = &batch->kept[batch->delta_count++];

        kept->fixed = flight_slot_body(slot);
        kept->mask = 0;
        kept->layout = (uint8_t)flight_slot_layout(slot);
        kept->words = (uint8_t)words;
    }
    flight_store32(at, flight_slot_record_head(slot) | (age << 16));
    memcpy(at + FLIGHT_RECORD_HEAD_BYTES, slot + 3, bytes - FLIGHT_RECORD_HEAD_BYTES);
    return at + bytes;
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

/* The differences of the words that changed, and in *changed which; nothing is written behind last + two values. Returns
 * where they end, null where they do not fit. Word by word would look at each of the many that do not change. */
static inline uint8_t *write_values(const flight_kept *kept, const uint32_t *fixed, uint8_t *at, const uint8_t *last,
                                    uint32_t *changed)
{
    const uint32_t *before = kept->fixed;
    const uint32_t *end = fixed + kept->words;
    uint32_t bit = 1;
    uint32_t mask = 0;

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

static FLIGHT_APART uint8_t *write_tail(uint8_t *at, const uint32_t *tail, uint32_t bytes)
{
    at = flight_put_varint(at, bytes / 4u);
    memcpy(at, tail, bytes);
    return at + bytes;
}

/* An entry against the last event of its layout. Returns its end, null where it (nearly) does not fit. */
static inline uint8_t *write_entry(flight_batch *batch, flight_kept *kept, const uint32_t *slot, uint32_t age, uint8_t *out)
{
    const uint32_t *fixed = flight_slot_body(slot);
    const uint32_t tail_bytes = flight_slot_body_bytes(slot) - 4u * kept->words;
    const size_t room = (size_t)(batch->delta_end - out);
    const uint32_t step = age - batch->delta_age;
    const uint32_t age_error = step - batch->delta_step;
    uint32_t control = DELTA_ENTRY | (uint32_t)(kept - batch->kept);
    uint8_t *values = out + 1;
    uint8_t *at;
    uint32_t mask;

    if (FLIGHT_RARELY(room < BEFORE_VALUES_BYTES + PAIR_BYTES + BEHIND_VALUES_BYTES + tail_bytes)) {
        return NULL;
    }
    if (FLIGHT_RARELY((age_error & 0xffffu) != 0)) {
        control |= DELTA_AGE;
        values = flight_put_varint(values, flight_zigzag16(age_error));
    }
    at = write_values(kept, fixed, values, out + (room - PAIR_BYTES - BEHIND_VALUES_BYTES - tail_bytes), &mask);
    if (FLIGHT_RARELY(at == NULL)) {
        return NULL;
    }
    if (mask != kept->mask) {
        control |= DELTA_MASK;
        at = insert_mask(values, at, mask);
        kept->mask = (uint16_t)mask;
    }
    if (FLIGHT_RARELY(tail_bytes != 0)) {
        control |= DELTA_TAIL;
        at = write_tail(at, fixed + kept->words, tail_bytes);
    }
    kept->fixed = fixed;
    batch->delta_age = age;
    batch->delta_step = step;
    out[0] = (uint8_t)control;
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
