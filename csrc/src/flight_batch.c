/* Batches: records one after another, all of one channel. A record is
 *
 *     byte 0      layout; its highest bit says 64-bit sizes
 *          1      words: a quarter of the body's bytes; 255 = the length follows as 32 bits
 *          2 3    age
 *     (4 bytes    body bytes, a multiple of 4 above 1,016, where words is 255)
 *          ...    body
 *
 * Each value has exactly one way to be written, and only that one is accepted. */
#include "flight_slots.h"

#define SECONDS_FROM_MS 0x8000u    /* from here on the age is in seconds */
#define SECONDS_FIRST 32u          /* 32,768 ms */
#define SECONDS_LAST 0x7ffeu       /* 9 hours and 6 minutes; the next value means unknown */

uint32_t flight_layout_bytes(uint8_t layout)
{
    switch (layout) {
    case FLIGHT_LAYOUT_MEMORY_UPDATE: return FLIGHT_MEMORY_UPDATE_BYTES;
    case FLIGHT_LAYOUT_COMPONENT_UPDATE: return FLIGHT_COMPONENT_UPDATE_BYTES;
    case FLIGHT_LAYOUT_SYSTEM_MONITORING: return FLIGHT_SYSTEM_MONITORING_BYTES;
    case FLIGHT_LAYOUT_V6R_EVENT: return FLIGHT_V6R_EVENT_BYTES;
    case FLIGHT_LAYOUT_LOG: return FLIGHT_LOG_BYTES;
    case FLIGHT_LAYOUT_FRAME_TIME: return FLIGHT_FRAME_TIME_BYTES;
    case FLIGHT_LAYOUT_PAYLOAD: return FLIGHT_PAYLOAD_BYTES;
    case FLIGHT_LAYOUT_MEMORY_UPDATE | FLIGHT_LAYOUT_WIDE: return FLIGHT_MEMORY_UPDATE_WIDE_BYTES;
    case FLIGHT_LAYOUT_COMPONENT_UPDATE | FLIGHT_LAYOUT_WIDE: return FLIGHT_COMPONENT_UPDATE_WIDE_BYTES;
    case FLIGHT_LAYOUT_SYSTEM_MONITORING | FLIGHT_LAYOUT_WIDE: return FLIGHT_SYSTEM_MONITORING_WIDE_BYTES;
#ifdef FLIGHT_TEST_LAYOUT /* 48 bytes, the event that benchmarks and tests measure with */
    case FLIGHT_TEST_LAYOUT: return 48;
#endif
    default: return 0;
    }
}

uint16_t flight_age_encode(uint32_t age_ms)
{
    if (age_ms < SECONDS_FROM_MS) {
        return (uint16_t)age_ms;
    }
    if (age_ms >= (SECONDS_LAST + 1u) * 1000u) {
        return FLIGHT_AGE_UNKNOWN;
    }
    /* age_ms / 1000 = (age_ms / 8) / 125, by the reciprocal 2^32 / 125 rounded up: exact below 2^25, no division. */
    return (uint16_t)(FLIGHT_AGE_SECONDS_FLAG | (uint32_t)(((uint64_t)(age_ms >> 3) * 34359739u) >> 32));
}

int flight_age_decode(uint16_t age, uint32_t *age_ms)
{
    const uint32_t seconds = age & ~FLIGHT_AGE_SECONDS_FLAG;

    if (age_ms == NULL) {
        return FLIGHT_ERROR_ARGUMENT;
    }
    if (age == FLIGHT_AGE_UNKNOWN) {
        *age_ms = FLIGHT_AGE_NONE;
        return 0;
    }
    if ((age & FLIGHT_AGE_SECONDS_FLAG) == 0) {
        *age_ms = age;
        return 0;
    }
    if (seconds < SECONDS_FIRST) {
        return FLIGHT_ERROR_RECORD;
    }
    /* The youngest age it can stand for: 32 s is only written from 32,768 ms on. */
    *age_ms = seconds == SECONDS_FIRST ? SECONDS_FROM_MS : seconds * 1000u;
    return 0;
}

/* The record in a slot, its age filled in. */
static inline void write_record(uint8_t *at, const uint32_t *slot, uint32_t bytes, uint16_t age)
{
    const uint32_t head = flight_load32_aligned((const uint8_t *)(slot + 2));

    flight_store32(at, head | ((uint32_t)age << 16));
    flight_copy_words(at + FLIGHT_RECORD_HEAD_BYTES, (const uint8_t *)(slot + 3), bytes - FLIGHT_RECORD_HEAD_BYTES);
}

int flight_batch_pack(flight_ring *ring, uint8_t *out, size_t capacity, uint32_t now_ms, uint32_t limit_events,
                      flight_batch *batch)
{
    flight_cursor cursor;
    uint32_t room = capacity < FLIGHT_MAX_FRAME_BYTES ? (uint32_t)capacity : FLIGHT_MAX_FRAME_BYTES;
    uint32_t used = 0;
    uint32_t events = 0;
    uint16_t channel = 0;

    if (ring == NULL || out == NULL || batch == NULL) {
        return FLIGHT_ERROR_ARGUMENT;
    }
    cursor = flight_cursor_start(ring);
    for (; events < limit_events && !flight_cursor_at_end(&cursor); events++) {
        const uint32_t *slot = flight_cursor_slot(&cursor);
        const uint32_t bytes = flight_slot_record_bytes(slot);

        if (events == 0) {
            channel = (uint16_t)slot[1];
        }
        if ((uint16_t)slot[1] != channel || bytes > room - used) {
            break;
        }
        write_record(out + used, slot, bytes, flight_age_of(slot[0], now_ms));
        used += bytes;
        flight_cursor_step(&cursor, slot);
    }
    if (events == 0) {
        channel = 0;
        if (limit_events != 0 && !flight_cursor_at_end(&cursor)) {
            return FLIGHT_ERROR_NO_ROOM;
        }
    }
    flight_cursor_release(&cursor, ring);
    batch->events = events;
    batch->channel = channel;
    return (int)used;
}

/* Bytes of the head of the record at data and, in *body_bytes, of its body; 0 for a length that is cut or not canonical. */
static uint32_t read_length(const uint8_t *data, size_t data_bytes, uint32_t *body_bytes)
{
    if (data_bytes < FLIGHT_RECORD_HEAD_BYTES) {
        return 0;
    }
    if (data[1] != RECORD_WORDS_LONG) {
        *body_bytes = 4u * data[1];
        return FLIGHT_RECORD_HEAD_BYTES;
    }
    if (data_bytes < FLIGHT_RECORD_HEAD_BYTES + 4u) {
        return 0;
    }
    *body_bytes = flight_load32(data + FLIGHT_RECORD_HEAD_BYTES);
    if (*body_bytes <= FLIGHT_SHORT_BODY_BYTES || (*body_bytes & 3u) != 0) {
        return 0;
    }
    return FLIGHT_RECORD_HEAD_BYTES + 4u;
}

int flight_batch_next(const uint8_t *data, size_t data_bytes, flight_record *record)
{
    uint32_t body_bytes = 0;
    uint32_t head_bytes;
    uint32_t fixed_bytes;
    uint32_t age_ms;

    if (data == NULL || record == NULL) {
        return FLIGHT_ERROR_ARGUMENT;
    }
    if (data_bytes == 0) {
        return 0;
    }
    head_bytes = read_length(data, data_bytes, &body_bytes);
    if (head_bytes == 0 || body_bytes > data_bytes - head_bytes || body_bytes > FLIGHT_MAX_FRAME_BYTES) {
        return FLIGHT_ERROR_RECORD;
    }
    fixed_bytes = flight_layout_bytes(data[0]);
    if (fixed_bytes == 0 || body_bytes < fixed_bytes || flight_age_decode(flight_load16(data + 2), &age_ms) != 0) {
        return FLIGHT_ERROR_RECORD;
    }
    record->body = data + head_bytes;
    record->body_bytes = body_bytes;
    record->age_ms = age_ms;
    record->layout = data[0];
    return (int)(head_bytes + body_bytes);
}

int flight_batch_count(const uint8_t *data, size_t data_bytes)
{
    flight_record record;
    int events = 0;

    while (data_bytes != 0 || data == NULL) {
        int bytes = flight_batch_next(data, data_bytes, &record);

        if (bytes < 0) {
            return bytes;
        }
        data += bytes;
        data_bytes -= (size_t)bytes;
        events++;
    }
    return events;
}

int flight_batch_skip(const uint8_t *data, size_t data_bytes, uint32_t skip_events)
{
    flight_record record;
    size_t offset = 0;

    if (data == NULL) {
        return FLIGHT_ERROR_ARGUMENT;
    }
    for (uint32_t i = 0; i < skip_events; i++) {
        int bytes = flight_batch_next(data + offset, data_bytes - offset, &record);

        if (bytes <= 0) {
            return bytes < 0 ? bytes : FLIGHT_ERROR_ARGUMENT;
        }
        offset += (size_t)bytes;
    }
    return (int)offset;
}
