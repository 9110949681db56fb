/* How much memory a set-up takes. A part of flight.h, which includes it; not to be included alone. */
#ifndef FLIGHT_NEED_H
#define FLIGHT_NEED_H

/* Memory for a stream that takes frames up to frame_bytes. */
#define FLIGHT_STREAM_BYTES(frame_bytes) (2u * (size_t)(frame_bytes))

/* What a device is going to set up. Start from {0}: a part that is zero is left out, and so are parts of later versions. */
typedef struct flight_setup {
    uint32_t frame_bytes;    /* the largest frame sent or received: 20 to FLIGHT_MAX_FRAME_BYTES; 0 = rings only */
    uint32_t slot_bytes;     /* of one slot, in both rings */
    uint16_t critical_slots; /* ring of critical events */
    uint16_t lossy_slots;    /* ring of all others */
    uint16_t window_frames;  /* frames that are kept until the peer has acknowledged them */
    uint16_t byte_stream;    /* 1: a flight_stream finds the frames (serial, USB, raw TCP); 0: they arrive whole */
} flight_setup;

/* The sum of flight_core_need, taken apart. In bytes. */
typedef struct flight_parts {
    uint32_t objects_bytes;  /* the flight_ring and flight_stream objects themselves */
    uint32_t critical_bytes; /* memory for flight_ring_init */
    uint32_t lossy_bytes;    /* memory for flight_ring_init */
    uint32_t send_bytes;     /* the buffer in which a frame is made */
    uint32_t receive_bytes;  /* buffer for flight_stream_init, or for one received frame */
    uint32_t store_bytes;    /* window_frames frames */
} flight_parts;

/* Bytes of memory that a set-up takes, to the byte: the parts' sum, without what alignment between them may add. It
 * depends on the machine's pointers. parts may be null and is written only on success. Errors: ARGUMENT (a number that
 * flight_ring_init or flight_stream_init would refuse, or a null setup), TOO_LARGE (over 2 GiB).
 *
 *     flight_setup setup = {0};
 *     flight_parts parts;
 *     setup.frame_bytes = FLIGHT_DREAMCAST_FRAME_BYTES;
 *     setup.slot_bytes = FLIGHT_DREAMCAST_SLOT_BYTES;
 *     setup.lossy_slots = FLIGHT_DREAMCAST_LOSSY_SLOTS;
 *     setup.byte_stream = 1;
 *     int bytes = flight_core_need(&setup, &parts);
 *     if (bytes < 0 || bytes > 8192) { return 1; }
 */
int flight_core_need(const flight_setup *setup, flight_parts *parts);

#endif
