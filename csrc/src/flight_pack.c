/* Events out of the ring into a batch. One walk for both kinds of batch: what differs is how a record is written. Slots are
 * given back when the whole batch stands, so a delta batch finds the predecessor of an event in its slot. */
#include "flight_delta.h"

#include "flight_slots.h"

#define NO_CHANNEL 0x10000u /* before the first event */

/* Apart: the walk needs its registers, and entries seldom have anything that is copied. */
static FLIGHT_APART uint8_t *copy(uint8_t *to, const uint8_t *from, uint32_t bytes)
{
    flight_copy_words(to, from, bytes);
    return to + bytes;
}

/* The record of an event, or its entry in a delta batch. Returns its end, null where it does not fit. */
static inline uint8_t *write_event(flight_batch *batch, const uint32_t *slot, uint32_t bytes, uint32_t age, uint8_t *at)
{
    uint32_t rest = bytes - FLIGHT_RECORD_HEAD_BYTES;

#if FLIGHT_PACKS_DELTA
    if (batch->delta_end == NULL) {
        return copy(flight_write_record_head(at, slot, age), (const uint8_t *)(slot + 3), rest);
    }
    at = flight_delta_write(batch, slot, age, at);
    rest = batch->delta_rest;
    return FLIGHT_RARELY(rest != 0) ? copy(at, (const uint8_t *)(slot + 2) + bytes - rest, rest) : at;
#else
    (void)batch;
    return copy(flight_write_record_head(at, slot, age), (const uint8_t *)(slot + 3), rest);
#endif
}

/* batch->delta_end says which kind of batch it is: null, or anything for a delta batch. */
static FLIGHT_APART int pack(flight_ring *ring, uint8_t *out, size_t capacity, uint32_t now_ms, uint32_t limit_events,
                             flight_batch *batch)
{
    flight_cursor cursor;
    uint32_t room = capacity < FLIGHT_MAX_FRAME_BYTES ? (uint32_t)capacity : FLIGHT_MAX_FRAME_BYTES;
    uint32_t left = limit_events;
    uint32_t channel = NO_CHANNEL;
    uint8_t *at = out;

    if (ring == NULL || out == NULL) {
        return FLIGHT_ERROR_ARGUMENT;
    }
    if (batch->delta_end != NULL) { /* entries count by their bytes against its end, and whole against the largest frame */
        batch->delta_end = out + room;
        room = FLIGHT_MAX_FRAME_BYTES;
    }
    cursor = flight_cursor_start(ring);
    for (; left != 0 && !flight_cursor_at_end(&cursor); left--) {
        const uint32_t *slot = flight_cursor_slot(&cursor);
        const uint32_t bytes = flight_slot_record_bytes(slot);
        uint8_t *end;

        if (bytes > room || (flight_slot_channel(slot) != channel && channel != NO_CHANNEL)) {
            break;
        }
        end = write_event(batch, slot, bytes, flight_age_of(slot[0], now_ms), at);
        if (FLIGHT_RARELY(end == NULL)) {
            break;
        }
        channel = flight_slot_channel(slot);
        room -= bytes;
        at = end;
        flight_cursor_step(&cursor, slot);
    }
    if (left == limit_events) {
        if (left != 0 && !flight_cursor_at_end(&cursor)) {
            return FLIGHT_ERROR_NO_ROOM;
        }
        channel = 0;
    }
    flight_cursor_release(&cursor, ring);
    batch->events = limit_events - left;
    batch->channel = (uint16_t)channel;
    return (int)(at - out);
}

int flight_batch_pack(flight_ring *ring, uint8_t *out, size_t capacity, uint32_t now_ms, uint32_t limit_events,
                      flight_batch *batch)
{
    if (batch == NULL) {
        return FLIGHT_ERROR_ARGUMENT;
    }
    batch->delta_end = NULL;
    return pack(ring, out, capacity, now_ms, limit_events, batch);
}

#if FLIGHT_PACKS_DELTA
int flight_delta_pack(flight_ring *ring, uint8_t *out, size_t capacity, uint32_t now_ms, uint32_t limit_events,
                      flight_batch *batch)
{
    if (batch == NULL) {
        return FLIGHT_ERROR_ARGUMENT;
    }
    batch->delta_end = out;
    batch->delta_age = FLIGHT_DELTA_NO_AGE;
    batch->delta_count = 0;
    return pack(ring, out, capacity, now_ms, limit_events, batch);
}
#endif
