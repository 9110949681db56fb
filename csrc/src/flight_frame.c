/* Frames: sixteen bytes of header, the payload, and a CRC where the flag `checked` says so.
 *
 *     byte 0      magic (high half) and version (low half)
 *          1      type
 *          2      flags
 *          3      check over the other fifteen bytes
 *          4 5    payload bytes
 *          6 7    channel
 *          8-11   seq
 *         12-15   ack
 *
 * The header is handled as four words: word 0 is bytes 0 to 3 with byte 0 lowest, and so on. */
#include "flight_frame.h"

#include "flight_bytes.h"
#include "flight_check.h"
#include "flight_refuse.h"

/* Types are numbered without holes; the last one marks the end. */
#define LAST_TYPE FLIGHT_TYPE_RENEWED
#define WORDS_LIMIT 256u /* payloads up to here are copied inline; beyond, a library's memmove is faster */

uint8_t flight_header_check(const uint8_t header[16])
{
    const flight_words words = flight_load_header(header);

    return (uint8_t)flight_check_words(words.w0, words.w1, words.w2, words.w3);
}

uint32_t flight_frame_bytes(uint32_t payload_bytes, uint8_t flags)
{
    return FLIGHT_HEADER_BYTES + payload_bytes + ((flags & FLIGHT_FLAG_CHECKED) ? FLIGHT_TRAILER_BYTES : 0u);
}

/* What sender and receiver both insist on, in the order in which the errors are told. */
static inline int check_fields(uint32_t type, uint32_t flags, uint32_t seq, uint32_t ack)
{
    if (type - 1u >= LAST_TYPE) {
        return FLIGHT_ERROR_TYPE;
    }
    if (flags & ~(uint32_t)FLIGHT_FLAGS_SUPPORTED) {
        return FLIGHT_ERROR_FLAGS;
    }
    if ((seq | ack) >= FLIGHT_NUMBER_LIMIT) { /* the limit is a power of two */
        return FLIGHT_ERROR_NUMBER;
    }
    return 0;
}

/* Why a frame of these bytes cannot be written, if it cannot. */
static inline int check_output(size_t capacity, const flight_frame *frame)
{
    const uint32_t heads_bytes = flight_frame_bytes(0, frame->flags);
    const int problem = check_fields(frame->type, frame->flags, frame->seq, frame->ack);

    if (FLIGHT_RARELY(problem != 0)) {
        return problem;
    }
    if (FLIGHT_RARELY(frame->payload_bytes > FLIGHT_MAX_FRAME_BYTES - heads_bytes)) { /* the sum could overflow */
        return FLIGHT_ERROR_TOO_LARGE;
    }
    return FLIGHT_RARELY(heads_bytes + frame->payload_bytes > capacity) ? FLIGHT_ERROR_NO_ROOM : 0;
}

/* The CRC behind what it covers; returns the bytes of the frame. Apart, so that unchecked frames need not make the call's
 * preparations. */
static FLIGHT_APART int add_crc(uint8_t *buffer, uint32_t checked_bytes)
{
    flight_store32(buffer + checked_bytes, flight_crc32c(buffer, checked_bytes, 0));
    return (int)(checked_bytes + FLIGHT_TRAILER_BYTES);
}

/* Header and trailer round a payload that stands where it belongs. All arguments are checked already. */
static inline int seal(uint8_t *buffer, const flight_frame *frame)
{
    const uint32_t checked_bytes = FLIGHT_HEADER_BYTES + frame->payload_bytes;
    const uint32_t flags = frame->flags;
    flight_words words;

    words.w0 = FLIGHT_FIRST_BYTE | ((uint32_t)frame->type << 8) | (flags << 16);
    words.w1 = frame->payload_bytes | ((uint32_t)frame->channel << 16);
    words.w2 = frame->seq;
    words.w3 = frame->ack;
    words.w0 |= flight_check_words(words.w0, words.w1, words.w2, words.w3) << 24;
    flight_store_header(buffer, words);
    return (flags & FLIGHT_FLAG_CHECKED) != 0 ? add_crc(buffer, checked_bytes) : (int)checked_bytes;
}

int flight_frame_seal(uint8_t *buffer, size_t capacity, const flight_frame *frame)
{
    int problem;

    if (buffer == NULL || frame == NULL) {
        return FLIGHT_ERROR_ARGUMENT;
    }
    problem = check_output(capacity, frame);
    return problem != 0 ? problem : seal(buffer, frame);
}

/* Payloads are short and mostly words: then no call is worth it, unless the two overlap. */
static inline void copy_payload(uint8_t *to, const uint8_t *from, uint32_t bytes)
{
    const uintptr_t ahead = (uintptr_t)to - (uintptr_t)from;
    const uintptr_t behind = (uintptr_t)from - (uintptr_t)to;

    if (!FLIGHT_SMALL && bytes <= WORDS_LIMIT && (bytes & 3u) == 0 && (FLIGHT_ANY_ADDRESS || flight_is_aligned(from)) &&
        ahead >= bytes && behind >= bytes) {
        flight_copy_words(to, from, bytes);
    } else if (bytes != 0) {
        memmove(to, from, bytes);
    }
}

int flight_frame_encode(uint8_t *buffer, size_t capacity, const flight_frame *frame)
{
    int problem;

    if (buffer == NULL || frame == NULL || (frame->payload == NULL && frame->payload_bytes != 0)) {
        return FLIGHT_ERROR_ARGUMENT;
    }
    problem = check_output(capacity, frame);
    if (problem != 0) {
        return problem;
    }
    copy_payload(buffer + FLIGHT_HEADER_BYTES, frame->payload, frame->payload_bytes);
    return seal(buffer, frame);
}

/* The bytes of the whole frame by its header, or what is wrong with it. Both ways to decode have it inline. */
static inline int check_header(const uint8_t *data, uint32_t limit_bytes)
{
    const flight_words words = flight_load_header(data);
    uint32_t frame_bytes;
    int problem;

    if (FLIGHT_RARELY((words.w0 & 0xf0u) != FLIGHT_MAGIC)) {
        return FLIGHT_ERROR_MAGIC;
    }
    if (FLIGHT_RARELY(flight_check_differs(words.w0 >> 24, flight_check_words(words.w0, words.w1, words.w2, words.w3)))) {
        return FLIGHT_ERROR_CHECK;
    }
    if (FLIGHT_RARELY((words.w0 & 0x0fu) != FLIGHT_VERSION)) {
        return FLIGHT_ERROR_VERSION;
    }
    problem = check_fields((words.w0 >> 8) & 0xffu, (words.w0 >> 16) & 0xffu, words.w2, words.w3);
    if (FLIGHT_RARELY(problem != 0)) {
        return problem;
    }
    frame_bytes = flight_frame_bytes(words.w1 & 0xffffu, (uint8_t)(words.w0 >> 16));
    if (FLIGHT_RARELY(frame_bytes > limit_bytes || frame_bytes > FLIGHT_MAX_FRAME_BYTES)) {
        return FLIGHT_ERROR_LENGTH;
    }
    return (int)frame_bytes;
}

/* What a header says that was checked before. */
static inline void read_header(const uint8_t *data, flight_frame *frame)
{
    const flight_words words = flight_load_header(data);

    frame->payload = data + FLIGHT_HEADER_BYTES;
    frame->payload_bytes = words.w1 & 0xffffu;
    frame->seq = words.w2;
    frame->ack = words.w3;
    frame->channel = (uint16_t)(words.w1 >> 16);
    frame->type = (uint8_t)(words.w0 >> 8);
    frame->flags = (uint8_t)(words.w0 >> 16);
}

int flight_frame_header(const uint8_t *data, uint32_t limit_bytes, flight_frame *frame)
{
    const int frame_bytes = check_header(data, limit_bytes);

    if (frame_bytes > 0) {
        read_header(data, frame);
    }
    return frame_bytes;
}

static inline int has_right_crc(const uint8_t *data, uint32_t frame_bytes)
{
    const uint32_t checked_bytes = frame_bytes - FLIGHT_TRAILER_BYTES;

    return !flight_check_differs(flight_load32(data + checked_bytes), flight_crc32c(data, checked_bytes, 0));
}

int flight_frame_crc(const uint8_t *data, uint32_t frame_bytes)
{
    return has_right_crc(data, frame_bytes) ? 0 : FLIGHT_ERROR_CRC;
}

int flight_frame_decode(const uint8_t *data, size_t data_bytes, uint32_t limit_bytes, flight_frame *frame)
{
    int frame_bytes;

    if (data == NULL || frame == NULL) {
        return FLIGHT_ERROR_ARGUMENT;
    }
    if (data_bytes < FLIGHT_HEADER_BYTES) { /* too short to judge, unless the first byte already says no */
        return data_bytes != 0 && (data[0] & 0xf0u) != FLIGHT_MAGIC ? FLIGHT_ERROR_MAGIC : 0;
    }
    frame_bytes = check_header(data, limit_bytes);
    if (frame_bytes < 0) {
        return frame_bytes;
    }
    if ((size_t)frame_bytes > data_bytes) {
        return 0;
    }
    if ((data[2] & FLIGHT_FLAG_CHECKED) && !has_right_crc(data, (uint32_t)frame_bytes)) {
        return FLIGHT_ERROR_CRC;
    }
    read_header(data, frame);
    return frame_bytes;
}
