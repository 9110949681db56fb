/* Events out of the ring into a batch. One walk for both kinds of batch: what differs is how a record is written. Slots are
 * given back when the whole batch stands, so a delta batch finds the predecessor of an event in its slot. */
#include "flight_delta.h"

#include "flight_slots.h"

/* The record in a slot, its age filled in. Returns its end. */
static inline uint8_t *write_record(uint8_t *at, const uint32_t *slot, uint32_t bytes, uint32_t age)
{
    flight_store32(at, flight_slot_record_head(slot) | (age << 16));
    flight_copy_words(at + FLIGHT_RECORD_HEAD_BYTES, (const uint8_t *)(slot + 3), bytes - FLIGHT_RECORD_HEAD_BYTES);
    return at + bytes;
}

/* room: what records may take, each counted whole. All arguments are checked, and the batch knows which kind it is. */
static FLIGHT_APART int pack(flight_ring *ring, uint8_t *out, uint32_t room, uint32_t now_ms, uint32_t limit_events,
                             flight_batch *batch)
{
    flight_cursor cursor = flight_cursor_start(ring);
    uint8_t *at = out;
    uint32_t events = 0;
    uint32_t channel = 0;

    for (; events != limit_events && !flight_cursor_at_end(&cursor); events++) {
        const uint32_t *slot = flight_cursor_slot(&cursor);
        const uint32_t bytes = flight_slot_record_bytes(slot);
        const uint32_t age = flight_age_of(slot[0], now_ms);
        uint8_t *end;

        if ((events != 0 && flight_slot_channel(slot) != channel) || bytes > room) {
            break;
        }
        end = batch->delta_end != NULL ? flight_delta_write(batch, slot, age, at) : write_record(at, slot, bytes, age);
        if (FLIGHT_RARELY(end == NULL)) {
            break;
        }
        channel = flight_slot_channel(slot);
        room -= bytes;
        at = end;
        flight_cursor_step(&cursor, slot);
    }
    if (events == 0 && limit_events != 0 && !flight_cursor_at_end(&cursor)) {
        return FLIGHT_ERROR_NO_ROOM;
    }
    flight_cursor_release(&cursor, ring);
    batch->events = events;
    batch->channel = (uint16_t)channel;
    return (int)(at - out);
}

static inline uint32_t room_of(size_t capacity)
{
    return capacity < FLIGHT_MAX_FRAME_BYTES ? (uint32_t)capacity : FLIGHT_MAX_FRAME_BYTES;
}

int flight_batch_pack(flight_ring *ring, uint8_t *out, size_t capacity, uint32_t now_ms, uint32_t limit_events,
                      flight_batch *batch)
{
    if (ring == NULL || out == NULL || batch == NULL) {
        return FLIGHT_ERROR_ARGUMENT;
    }
    batch->delta_end = NULL;
    return pack(ring, out, room_of(capacity), now_ms, limit_events, batch);
}

int flight_delta_pack(flight_ring *ring, uint8_t *out, size_t capacity, uint32_t now_ms, uint32_t limit_events,
                      flight_batch *batch)
{
    if (ring == NULL || out == NULL || batch == NULL) {
        return FLIGHT_ERROR_ARGUMENT;
    }
    batch->delta_end = out + room_of(capacity);
    batch->delta_age = FLIGHT_DELTA_NO_AGE;
    batch->delta_count = 0;
    return pack(ring, out, FLIGHT_MAX_FRAME_BYTES, now_ms, limit_events, batch);
}
