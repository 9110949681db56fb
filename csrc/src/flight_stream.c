/* Frames out of a byte pipe. Theory of operation:
 *
 * The buffer holds a window of the stream: bytes before `start` are done with, bytes from `end` on are free. A frame may
 * start at any byte. At `start` there is either something that cannot be a frame, which is skipped byte by byte, or a
 * header whose own check is right (a candidate). A candidate is waited for until it is whole; then its CRC decides.
 *
 * Why a false candidate is skipped by one byte and not by its stated length: most false candidates are true headers
 * whose payload lost bytes on the way, and then the next frame starts inside the stated length.
 *
 * Why the work is still linear: skipping by one byte lets hostile bytes make the CRC run over the same bytes again and
 * again. So CRCs are paid for. Each byte that a CRC reaches for the first time brings CREDIT_PER_BYTE; each byte summed
 * costs one; a candidate that cannot be paid for is garbage. Damaged frames need a credit of two per byte, so honest
 * links never notice.
 *
 * Why moving bytes is linear: the rest is moved to the front only when that frees at least as many bytes as it moves.
 * If it does not, more than half the buffer is unread, which is more than one frame: there is something to read. */
#include "flight_bytes.h"
#include "flight_frame.h"

#define CREDIT_PER_BYTE 4u

int flight_stream_init(flight_stream *stream, uint8_t *buffer, size_t capacity, uint32_t limit_bytes,
                       uint8_t required_flags)
{
    if (stream == NULL || buffer == NULL || limit_bytes < FLIGHT_HEADER_BYTES + FLIGHT_TRAILER_BYTES ||
        limit_bytes > FLIGHT_MAX_FRAME_BYTES || capacity > 0x10000000u || capacity < 2 * (size_t)limit_bytes ||
        (required_flags & ~(uint32_t)FLIGHT_FLAGS_SUPPORTED)) {
        return FLIGHT_ERROR_ARGUMENT;
    }
    memset(stream, 0, sizeof *stream);
    stream->buffer = buffer;
    stream->capacity = (uint32_t)capacity;
    stream->limit_bytes = limit_bytes;
    stream->required_flags = required_flags;
    return 0;
}

/* Bring what is unread to the front of the buffer, if that frees as much as it moves. */
static void compact(flight_stream *stream)
{
    const uint32_t unread_bytes = stream->end - stream->start;

    if (unread_bytes > stream->start) {
        return;
    }
    memcpy(stream->buffer, stream->buffer + stream->start, unread_bytes);
    stream->summed_to = stream->summed_to > stream->start ? stream->summed_to - stream->start : 0;
    stream->end = unread_bytes;
    stream->start = 0;
}

size_t flight_stream_push(flight_stream *stream, const uint8_t *data, size_t bytes)
{
    size_t room_bytes;

    if (stream == NULL || data == NULL || bytes == 0) {
        return 0;
    }
    if (bytes > stream->capacity - stream->end) {
        compact(stream);
    }
    room_bytes = stream->capacity - stream->end;
    if (bytes > room_bytes) {
        bytes = room_bytes;
    }
    memcpy(stream->buffer + stream->end, data, bytes);
    stream->end += (uint32_t)bytes;
    return bytes;
}

static void skip_byte(flight_stream *stream)
{
    stream->start++;
    stream->garbage_bytes++;
}

/* Pay for a CRC over the frame at start. 0 where the credit does not reach. */
static int pay(flight_stream *stream, uint32_t frame_bytes)
{
    const uint32_t frame_end = stream->start + frame_bytes;
    const uint32_t most = 2 * CREDIT_PER_BYTE * stream->limit_bytes;

    if (frame_end > stream->summed_to) {
        stream->credit_bytes += CREDIT_PER_BYTE * (frame_end - stream->summed_to);
        stream->summed_to = frame_end;
        if (stream->credit_bytes > most) {
            stream->credit_bytes = most;
        }
    }
    if (stream->credit_bytes < frame_bytes) {
        return 0;
    }
    stream->credit_bytes -= frame_bytes;
    stream->summed_bytes += frame_bytes;
    return 1;
}

/* The candidate at start: its bytes if it is a frame, 0 if more bytes are needed, below 0 if it is garbage. */
static int judge(flight_stream *stream, flight_frame *frame)
{
    const uint8_t *at = stream->buffer + stream->start;
    const int frame_bytes = flight_frame_header(at, stream->limit_bytes, frame);

    if (frame_bytes < 0) {
        return frame_bytes;
    }
    if ((frame->flags & stream->required_flags) != stream->required_flags) {
        return FLIGHT_ERROR_FLAGS;
    }
    if ((uint32_t)frame_bytes > stream->end - stream->start) {
        return 0;
    }
    if ((frame->flags & FLIGHT_FLAG_CHECKED) == 0) {
        return frame_bytes;
    }
    if (!pay(stream, (uint32_t)frame_bytes) || flight_frame_crc(at, (uint32_t)frame_bytes) != 0) {
        return FLIGHT_ERROR_CRC;
    }
    return frame_bytes;
}

int flight_stream_next(flight_stream *stream, flight_frame *frame)
{
    flight_frame found;

    if (stream == NULL || frame == NULL) {
        return FLIGHT_ERROR_ARGUMENT;
    }
    while (stream->start < stream->end) {
        int frame_bytes;

        if (stream->buffer[stream->start] != FLIGHT_FIRST_BYTE) {
            skip_byte(stream);
            continue;
        }
        if (stream->end - stream->start < FLIGHT_HEADER_BYTES) {
            return 0;
        }
        frame_bytes = judge(stream, &found);
        if (frame_bytes >= 0) {
            if (frame_bytes > 0) {
                stream->start += (uint32_t)frame_bytes;
                *frame = found;
            }
            return frame_bytes;
        }
        skip_byte(stream);
    }
    return 0;
}

void flight_stream_give_up(flight_stream *stream)
{
    if (stream != NULL && stream->start < stream->end) {
        skip_byte(stream);
    }
}
