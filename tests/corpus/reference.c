#include "reference.h"

#include <string.h>

static uint8_t check_of[16][256];
static uint32_t crc_of[256];

void reference_start(void)
{
    for (unsigned byte = 0; byte < 16; byte++) {
        for (unsigned value = 0; value < 256; value++) {
            for (unsigned bit = 0; bit < 8; bit++) {
                if (byte != 3 && (value >> bit & 1) != 0) {
                    check_of[byte][value] ^= (uint8_t)(0x80 | ((8 * byte + bit) ^ 24));
                }
            }
        }
    }
    for (uint32_t value = 0; value < 256; value++) {
        uint32_t sum = value;

        for (int bit = 0; bit < 8; bit++) {
            sum = (sum >> 1) ^ ((sum & 1) != 0 ? 0x82f63b78u : 0);
        }
        crc_of[value] = sum;
    }
}

uint8_t reference_check(const uint8_t *header)
{
    uint8_t check = 0;

    for (int byte = 0; byte < 16; byte++) {
        check ^= check_of[byte][header[byte]];
    }
    return check;
}

uint32_t reference_crc(const uint8_t *data, size_t bytes)
{
    uint32_t sum = 0xffffffffu;

    for (size_t i = 0; i < bytes; i++) {
        sum = (sum >> 8) ^ crc_of[(sum ^ data[i]) & 0xff];
    }
    return ~sum;
}

static uint32_t number(const uint8_t *at, int bytes)
{
    uint32_t value = 0;

    for (int i = bytes; i-- > 0;) {
        value = value << 8 | at[i];
    }
    return value;
}

static size_t size_said(const uint8_t *data)
{
    return 16 + number(data + 4, 2) + ((data[2] & 0x20) != 0 ? 4 : 0);
}

void reference_seal(uint8_t *data, size_t bytes)
{
    size_t size;

    if (bytes < 16) {
        return;
    }
    data[3] = reference_check(data);
    size = size_said(data);
    if ((data[2] & 0x20) != 0 && size <= bytes) {
        const uint32_t crc = reference_crc(data, size - 4);

        for (int i = 0; i < 4; i++) {
            data[size - 4 + (size_t)i] = (uint8_t)(crc >> 8 * i);
        }
    }
}

int reference_decode(const uint8_t *data, size_t bytes, uint32_t limit_bytes, flight_frame *frame)
{
    size_t size;

    if (bytes >= 1 && data[0] >> 4 != 0xf) {
        return FLIGHT_ERROR_MAGIC;
    }
    if (bytes < 16) {
        return 0;
    }
    if (data[3] != reference_check(data)) {
        return FLIGHT_ERROR_CHECK;
    }
    if ((data[0] & 15) != 1) {
        return FLIGHT_ERROR_VERSION;
    }
    if (data[1] < 1 || data[1] > 21) {
        return FLIGHT_ERROR_TYPE;
    }
    if ((data[2] | FLIGHT_FLAGS_SUPPORTED) != FLIGHT_FLAGS_SUPPORTED) {
        return FLIGHT_ERROR_FLAGS;
    }
    if (number(data + 8, 4) > 0x3fffffff || number(data + 12, 4) > 0x3fffffff) {
        return FLIGHT_ERROR_NUMBER;
    }
    size = size_said(data);
    if (size > limit_bytes || size > 65536) {
        return FLIGHT_ERROR_LENGTH;
    }
    if (size > bytes) {
        return 0;
    }
    if ((data[2] & 0x20) != 0 && reference_crc(data, size - 4) != number(data + size - 4, 4)) {
        return FLIGHT_ERROR_CRC;
    }
    memset(frame, 0, sizeof *frame);
    frame->payload = data + 16;
    frame->payload_bytes = number(data + 4, 2);
    frame->seq = number(data + 8, 4);
    frame->ack = number(data + 12, 4);
    frame->channel = (uint16_t)number(data + 6, 2);
    frame->type = data[1];
    frame->flags = data[2];
    return (int)size;
}

/* Bytes of the fixed part by layout, as the specification lists them; 0 where there is no such layout. */
static uint32_t fixed_bytes(unsigned layout)
{
    static const uint8_t narrow[] = {0, 20, 12, 28, 4, 4, 16, 4, 8, 8};
    static const uint8_t wide[] = {0, 36, 16, 40};

    if (layout < sizeof narrow) {
        return narrow[layout];
    }
    return layout >= 128 && layout - 128 < sizeof wide ? wide[layout - 128] : 0;
}

int reference_record(const uint8_t *data, size_t bytes, flight_record *record)
{
    uint64_t head = 4;
    uint64_t body;
    uint32_t age;

    if (bytes == 0) {
        return 0;
    }
    if (bytes < 4) {
        return FLIGHT_ERROR_RECORD;
    }
    body = (uint64_t)data[1] * 4;
    if (data[1] == 255) {
        if (bytes < 8) {
            return FLIGHT_ERROR_RECORD;
        }
        head = 8;
        body = number(data + 4, 4);
        if (body % 4 != 0 || body / 4 < 255) {
            return FLIGHT_ERROR_RECORD;
        }
    }
    age = number(data + 2, 2);
    if (head + body > bytes || body > 65536 || fixed_bytes(data[0]) == 0 || body < fixed_bytes(data[0]) ||
        (age > 0x7fff && age < 0x8000 + 32)) {
        return FLIGHT_ERROR_RECORD;
    }
    memset(record, 0, sizeof *record);
    record->body = data + head;
    record->body_bytes = (uint32_t)body;
    record->layout = data[0];
    record->age_ms = age == 0xffff ? FLIGHT_AGE_NONE : age;
    if (age > 0x7fff && age != 0xffff) {
        record->age_ms = age == 0x8020 ? 32768 : (age & 0x7fff) * 1000;
    }
    return (int)(head + body);
}
