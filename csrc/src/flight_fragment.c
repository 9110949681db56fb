/* Payloads larger than a frame. Each fragment is a frame with the flag `more` (the last one too) whose payload begins with
 *
 *     byte 0 1    number of the message, counted by its sender
 *          2 3    number of the fragment in the message, from 0
 *          4-7    bytes of the whole payload
 *
 * Type, channel and the other flags are those of the whole. Fragments of one message follow each other in order; other
 * frames may come between them, fragments of another message may not. So one buffer is enough, and the size is known and
 * checked before the first byte is kept. */
#include "flight_bytes.h"
#include "flight.h"

static uint32_t heads_bytes(uint32_t flags)
{
    return flight_frame_bytes(FLIGHT_FRAGMENT_HEAD_BYTES, (uint8_t)flags);
}

int flight_fragment_start(flight_fragmenter *fragmenter, const flight_frame *whole, uint16_t message)
{
    if (fragmenter == NULL || whole == NULL || whole->payload == NULL) {
        return FLIGHT_ERROR_ARGUMENT;
    }
    if (whole->type == FLIGHT_TYPE_HELLO) {
        return FLIGHT_ERROR_TYPE;
    }
    if (whole->flags & FLIGHT_FLAG_AUTHENTICATED) {
        return FLIGHT_ERROR_FLAGS; /* each fragment has a tag of its own */
    }
    if (whole->payload_bytes == 0 || whole->payload_bytes > FLIGHT_UNPACKED_BYTES) {
        return FLIGHT_ERROR_TOO_LARGE;
    }
    fragmenter->frame = *whole;
    fragmenter->frame.flags |= FLIGHT_FLAG_MORE;
    fragmenter->total_bytes = whole->payload_bytes;
    fragmenter->cut_bytes = 0;
    fragmenter->message = message;
    fragmenter->next = 0;
    return 0;
}

/* Bytes of the payload that the next fragment takes, 0 where not one fits. */
static uint32_t next_bytes(const flight_fragmenter *fragmenter, size_t capacity)
{
    const uint32_t left = fragmenter->total_bytes - fragmenter->cut_bytes;
    const uint32_t heads = heads_bytes(fragmenter->frame.flags);
    const uint32_t limit = capacity < FLIGHT_MAX_FRAME_BYTES ? (uint32_t)capacity : FLIGHT_MAX_FRAME_BYTES;

    if (limit <= heads) {
        return 0;
    }
    return left < limit - heads ? left : limit - heads;
}

int flight_fragment_next(flight_fragmenter *fragmenter, uint8_t *buffer, size_t capacity, uint32_t seq, uint32_t ack)
{
    flight_frame *frame;
    uint32_t bytes;
    int frame_bytes;

    if (fragmenter == NULL || buffer == NULL) {
        return FLIGHT_ERROR_ARGUMENT;
    }
    if (fragmenter->cut_bytes == fragmenter->total_bytes) {
        return 0;
    }
    bytes = next_bytes(fragmenter, capacity);
    if (bytes == 0) {
        return FLIGHT_ERROR_NO_ROOM;
    }
    frame = &fragmenter->frame;
    frame->payload_bytes = FLIGHT_FRAGMENT_HEAD_BYTES + bytes;
    frame->seq = seq;
    frame->ack = ack;
    frame_bytes = flight_frame_seal(buffer, 0, frame); /* no room: only to hear whether anything else is wrong */
    if (frame_bytes != FLIGHT_ERROR_NO_ROOM) {
        return frame_bytes;
    }
    flight_store16(buffer + FLIGHT_HEADER_BYTES, fragmenter->message);
    flight_store16(buffer + FLIGHT_HEADER_BYTES + 2, fragmenter->next);
    flight_store32(buffer + FLIGHT_HEADER_BYTES + 4, fragmenter->total_bytes);
    memcpy(buffer + FLIGHT_HEADER_BYTES + FLIGHT_FRAGMENT_HEAD_BYTES, frame->payload + fragmenter->cut_bytes, bytes);
    fragmenter->cut_bytes += bytes;
    fragmenter->next++;
    return flight_frame_seal(buffer, capacity, frame);
}

int flight_reassembly_init(flight_reassembly *reassembly, uint8_t *buffer, size_t capacity)
{
    if (reassembly == NULL || buffer == NULL || capacity == 0) {
        return FLIGHT_ERROR_ARGUMENT;
    }
    memset(reassembly, 0, sizeof *reassembly);
    reassembly->buffer = buffer;
    reassembly->capacity = capacity < FLIGHT_UNPACKED_BYTES ? (uint32_t)capacity : FLIGHT_UNPACKED_BYTES;
    return 0;
}

static void abandon(flight_reassembly *reassembly)
{
    if (reassembly->total_bytes != 0) {
        reassembly->abandoned++;
    }
    reassembly->total_bytes = 0;
}

/* The first fragment of a message: whatever was not finished never will be. */
static int begin(flight_reassembly *reassembly, const flight_frame *fragment, uint32_t total_bytes)
{
    abandon(reassembly);
    if (total_bytes == 0 || total_bytes > reassembly->capacity) {
        return FLIGHT_ERROR_TOO_LARGE;
    }
    reassembly->total_bytes = total_bytes;
    reassembly->used_bytes = 0;
    reassembly->message = flight_load16(fragment->payload);
    reassembly->next = 0;
    reassembly->channel = fragment->channel;
    reassembly->type = fragment->type;
    reassembly->flags = fragment->flags;
    return 0;
}

/* A later fragment must go on exactly where the last one ended. A foreign one does no harm to what is there. */
static int follow(flight_reassembly *reassembly, const flight_frame *fragment, uint32_t total_bytes)
{
    const uint32_t index = flight_load16(fragment->payload + 2);

    if (reassembly->total_bytes == 0 || flight_load16(fragment->payload) != reassembly->message ||
        fragment->channel != reassembly->channel || fragment->type != reassembly->type) {
        return FLIGHT_ERROR_FRAGMENT;
    }
    if (index < reassembly->next) { /* a repeat */
        return FLIGHT_ERROR_FRAGMENT;
    }
    if (index > reassembly->next || total_bytes != reassembly->total_bytes || fragment->flags != reassembly->flags) {
        abandon(reassembly);
        return FLIGHT_ERROR_FRAGMENT;
    }
    return 0;
}

/* Keep the bytes of a fragment; the whole frame when it was the last one. */
static int append(flight_reassembly *reassembly, const flight_frame *fragment, flight_frame *whole)
{
    const uint32_t bytes = fragment->payload_bytes - FLIGHT_FRAGMENT_HEAD_BYTES;

    if (bytes > reassembly->total_bytes - reassembly->used_bytes) {
        abandon(reassembly);
        return FLIGHT_ERROR_FRAGMENT;
    }
    memcpy(reassembly->buffer + reassembly->used_bytes, fragment->payload + FLIGHT_FRAGMENT_HEAD_BYTES, bytes);
    reassembly->used_bytes += bytes;
    reassembly->next++;
    if (reassembly->used_bytes < reassembly->total_bytes) {
        return 0;
    }
    reassembly->total_bytes = 0;
    *whole = *fragment;
    whole->payload = reassembly->buffer;
    whole->payload_bytes = reassembly->used_bytes;
    whole->flags = (uint8_t)(fragment->flags & ~FLIGHT_FLAG_MORE);
    return (int)reassembly->used_bytes;
}

int flight_reassembly_push(flight_reassembly *reassembly, const flight_frame *fragment, flight_frame *whole)
{
    uint32_t total_bytes;
    int problem;

    if (reassembly == NULL || fragment == NULL || whole == NULL || (fragment->flags & FLIGHT_FLAG_MORE) == 0) {
        return FLIGHT_ERROR_ARGUMENT;
    }
    if (fragment->payload_bytes <= FLIGHT_FRAGMENT_HEAD_BYTES || fragment->type == FLIGHT_TYPE_HELLO) {
        return FLIGHT_ERROR_FRAGMENT;
    }
    total_bytes = flight_load32(fragment->payload + 4);
    if (flight_load16(fragment->payload + 2) == 0) {
        problem = begin(reassembly, fragment, total_bytes);
    } else {
        problem = follow(reassembly, fragment, total_bytes);
    }
    return problem != 0 ? problem : append(reassembly, fragment, whole);
}
