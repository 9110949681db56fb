/* Batches: records one after another, all of one channel. A record is
 *
 *     byte 0      layout; its highest bit says 64-bit sizes
 *          1      words: a quarter of the body's bytes; 255 = the length follows as 32 bits
 *          2 3    age
 *     (4 bytes    body bytes, a multiple of 4 above 1,016, where words is 255)
 *          ...    body
 *
 * Each value has exactly one way to be written, and only that one is accepted. */
#include "flight_layouts.h"
#include "flight_slots.h"

#define SECONDS_FROM_MS 0x8000u    /* from here on the age is in seconds */
#define SECONDS_FIRST 32u          /* 32,768 ms */
#define SECONDS_LAST 0x7ffeu       /* 9 hours and 6 minutes; the next value means unknown */

uint32_t flight_layout_bytes(uint8_t layout)
{
    return flight_fixed_bytes(layout);
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

uint16_t flight_age_since(uint32_t stamp_ms, uint32_t now_ms)
{
    return flight_age_of(stamp_ms, now_ms);
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
    if (*body_bytes <= FLIGHT_SHORT_BODY_BYTES || *body_bytes > FLIGHT_MAX_FRAME_BYTES || (*body_bytes & 3u) != 0) {
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
    if (head_bytes == 0 || body_bytes > data_bytes - head_bytes) {
        return FLIGHT_ERROR_RECORD;
    }
    fixed_bytes = flight_fixed_bytes(data[0]);
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
