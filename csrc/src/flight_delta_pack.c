/* Writing delta batches, straight from the ring: the predecessor of an event is still in its slot, because slots are given
 * back only when the whole batch is written. The coding is described in flight_delta.h. */
#include "flight_delta.h"

#include "flight_slots.h"
#include "flight_varint.h"

/* What an entry may take at most besides its values and its tail: control, age; and behind the values: a mask that is pushed
 * in before them, the length of the tail. */
#define BEFORE_VALUES_BYTES (1u + 3u)
#define BEHIND_VALUES_BYTES (2u + 3u)

typedef struct kept_layout {
    const uint32_t *fixed; /* of the last event of the layout, in its slot */
    uint16_t mask;         /* words that changed in its last entry */
    uint8_t layout;
    uint8_t words;
} kept_layout;

typedef struct delta_writer {
    kept_layout kept[FLIGHT_DELTA_LAYOUTS];
    uint32_t count;    /* of kept layouts */
    uint32_t foreseen; /* age of the next entry if it goes on as before; the low 16 bits count */
} delta_writer;

static inline uint32_t layout_of(const uint32_t *slot)
{
    return *(const uint8_t *)(slot + 2);
}

static kept_layout *find_kept(delta_writer *writer, uint32_t layout)
{
    kept_layout *kept = writer->kept;
    kept_layout *end = kept + writer->count;

    for (; kept != end; kept++) {
        if (kept->layout == layout) {
            return kept;
        }
    }
    return NULL;
}

/* A record on its own, by which its layout is kept from now on. Returns its bytes, 0 where they do not fit. */
static FLIGHT_APART uint32_t write_keyframe(delta_writer *writer, const uint32_t *slot, uint32_t age, uint8_t *out,
                                            uint32_t room)
{
    const uint32_t bytes = flight_slot_record_bytes(slot);
    const uint32_t words = flight_delta_words((uint8_t)layout_of(slot));

    if (bytes > room) {
        return 0;
    }
    flight_store32(out, flight_load32_aligned((const uint8_t *)(slot + 2)) | (age << 16));
    memcpy(out + 4, slot + 3, bytes - 4u);
    if (words != 0 && writer->count < FLIGHT_DELTA_LAYOUTS && flight_slot_body_bytes(slot) >= 4u * words) {
        kept_layout *kept = &writer->kept[writer->count++];

        kept->fixed = flight_slot_body(slot);
        kept->mask = 0;
        kept->layout = (uint8_t)layout_of(slot);
        kept->words = (uint8_t)words;
    }
    return bytes;
}

/* The differences of the words that changed, and in *changed which; none starts behind last. Returns where they end, null
 * where they do not fit. */
static inline uint8_t *write_values(const kept_layout *kept, const uint32_t *fixed, uint8_t *at, const uint8_t *last,
                                    uint32_t *changed)
{
    const uint32_t *before = kept->fixed;
    const uint32_t words = kept->words;
    uint32_t mask = 0;

    for (uint32_t i = 0; i < words; i++) {
        const uint32_t difference = flight_load32_aligned((const uint8_t *)(fixed + i)) -
                                    flight_load32_aligned((const uint8_t *)(before + i));

        if (difference != 0) {
            if (at > last) {
                return NULL;
            }
            mask |= 1u << i;
            at = flight_put_varint(at, flight_zigzag(difference));
        }
    }
    *changed = mask;
    return at;
}

/* Make room for a mask in front of the values: seldom, telemetry tends to change in the same words. */
static FLIGHT_APART uint8_t *insert_mask(uint8_t *values, uint8_t *end, uint32_t mask)
{
    const size_t bytes = mask >= 0x80u ? 2 : 1;

    memmove(values + bytes, values, (size_t)(end - values));
    flight_put_varint(values, mask);
    return end + bytes;
}

static FLIGHT_APART uint8_t *write_tail(uint8_t *at, const uint32_t *tail, uint32_t bytes)
{
    at = flight_put_varint(at, bytes / 4u);
    memcpy(at, tail, bytes);
    return at + bytes;
}

/* An entry against the last event of its layout. Returns its bytes, 0 where they (nearly) do not fit. */
static uint32_t write_entry(delta_writer *writer, kept_layout *kept, const uint32_t *slot, uint32_t age, uint8_t *out,
                            uint32_t room)
{
    const uint32_t *fixed = flight_slot_body(slot);
    const uint32_t tail_bytes = flight_slot_body_bytes(slot) - 4u * kept->words;
    const uint32_t age_error = age - writer->foreseen;
    uint32_t control = DELTA_ENTRY | (uint32_t)(kept - writer->kept);
    uint8_t *values = out + 1;
    uint8_t *at;
    uint32_t mask;

    if (room < BEFORE_VALUES_BYTES + FLIGHT_VARINT_BYTES + BEHIND_VALUES_BYTES + tail_bytes) {
        return 0;
    }
    if (FLIGHT_RARELY((age_error & 0xffffu) != 0)) {
        control |= DELTA_AGE;
        values = flight_put_varint(values, flight_zigzag16(age_error));
    }
    at = write_values(kept, fixed, values, out + (room - FLIGHT_VARINT_BYTES - BEHIND_VALUES_BYTES - tail_bytes), &mask);
    if (FLIGHT_RARELY(at == NULL)) {
        return 0;
    }
    if (FLIGHT_RARELY(mask != kept->mask)) {
        control |= DELTA_MASK;
        at = insert_mask(values, at, mask);
        kept->mask = (uint16_t)mask;
    }
    if (FLIGHT_RARELY(tail_bytes != 0)) {
        control |= DELTA_TAIL;
        at = write_tail(at, fixed + kept->words, tail_bytes);
    }
    kept->fixed = fixed;
    out[0] = (uint8_t)control;
    return (uint32_t)(at - out);
}

/* An event, by whichever way its layout calls for. Returns its bytes, 0 where they do not fit. */
static FLIGHT_APART uint32_t write_event(delta_writer *writer, const uint32_t *slot, uint32_t age, uint8_t *out,
                                         uint32_t room)
{
    kept_layout *kept = find_kept(writer, layout_of(slot));

    if (FLIGHT_RARELY(kept == NULL || flight_slot_body_bytes(slot) < 4u * kept->words)) {
        return write_keyframe(writer, slot, age, out, room);
    }
    return write_entry(writer, kept, slot, age, out, room);
}

int flight_delta_pack(flight_ring *ring, uint8_t *out, size_t capacity, uint32_t now_ms, uint32_t limit_events,
                      flight_batch *batch)
{
    flight_cursor cursor;
    delta_writer writer;
    uint32_t room = capacity < FLIGHT_MAX_FRAME_BYTES ? (uint32_t)capacity : FLIGHT_MAX_FRAME_BYTES;
    uint32_t records_room = FLIGHT_MAX_FRAME_BYTES;
    uint8_t *at = out;
    uint32_t events = 0;
    uint32_t channel = 0;
    uint32_t last_age = 0;

    if (ring == NULL || out == NULL || batch == NULL) {
        return FLIGHT_ERROR_ARGUMENT;
    }
    writer.count = 0;
    cursor = flight_cursor_start(ring);
    for (; events < limit_events && !flight_cursor_at_end(&cursor); events++) {
        const uint32_t *slot = flight_cursor_slot(&cursor);
        const uint32_t record_bytes = flight_slot_record_bytes(slot);
        const uint32_t age = flight_age_of(slot[0], now_ms);
        uint32_t bytes;

        if ((events != 0 && (slot[1] & 0xffffu) != channel) || record_bytes > records_room) {
            break;
        }
        bytes = write_event(&writer, slot, age, at, room);
        if (bytes == 0) {
            break;
        }
        writer.foreseen = events == 0 ? age : 2u * age - last_age;
        last_age = age;
        channel = slot[1] & 0xffffu;
        records_room -= record_bytes;
        at += bytes;
        room -= bytes;
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
