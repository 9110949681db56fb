/* The send store. Included by flight.h, whose rules hold here too; do not include it alone. */
#ifndef FLIGHT_STORE_H
#define FLIGHT_STORE_H

/* What happens to an event of a channel when there is no room, and how long it is kept. */
enum flight_policy {
    FLIGHT_POLICY_KEEP = 0,   /* refused when the store is full; kept until its frame is acknowledged */
    FLIGHT_POLICY_OLDEST = 1, /* lossy: the oldest lossy event goes */
    FLIGHT_POLICY_LATEST = 2, /* lossy: replaces the waiting event of its channel and key; else as OLDEST */
    FLIGHT_POLICY_CONTROL = 3 /* as KEEP, and may take the entries that are reserved for it */
};

enum flight_store_outcome {
    FLIGHT_STORE_QUEUED = 0,
    FLIGHT_STORE_REPLACED = 1,      /* it took the place of an older one, which is gone */
    FLIGHT_STORE_DROPPED_OLDEST = 2 /* queued; the oldest lossy event is gone for it */
};

/* Where an entry can be. */
enum flight_store_lists { FLIGHT_STORE_FREE, FLIGHT_STORE_LOSSY, FLIGHT_STORE_KEPT, FLIGHT_STORE_SENT, FLIGHT_STORE_LISTS };

/* Entries in their order. */
typedef struct flight_store_list {
    uint16_t first; /* index of the oldest entry */
    uint16_t last;  /* of the newest */
    uint32_t count; /* entries */
} flight_store_list;

/* Events between the ring and the acknowledgement. Belongs to the consumer's thread. Fields are for reading. At any moment
 * accepted = settled + replaced + dropped_oldest + the counts of the lists LOSSY, KEPT and SENT; all of them wrap. */
typedef struct flight_store {
    uint32_t *memory; /* the caller's */
    uint16_t *index;  /* entries by channel and key, for FLIGHT_POLICY_LATEST */
    flight_store_list lists[FLIGHT_STORE_LISTS];
    uint32_t entry_words;
    uint32_t index_mask; /* places of the index - 1 */
    uint32_t body_bytes; /* the largest body taken */
    uint32_t reserved;   /* entries that only FLIGHT_POLICY_CONTROL may take */
    uint32_t accepted;
    uint32_t settled;    /* lossy: packed; others: acknowledged */
    uint32_t replaced;
    uint32_t dropped_oldest;
    uint32_t refused_full;      /* put when there was no room */
    uint32_t refused_too_large; /* put with a body over body_bytes */
} flight_store;

/* An event on its way into the store. */
typedef struct flight_store_event {
    const void *body;    /* copied */
    uint32_t body_bytes; /* multiple of 4 */
    uint32_t stamp_ms;
    uint32_t key;        /* with FLIGHT_POLICY_LATEST: what the event is about */
    uint16_t channel;
    uint8_t layout;
    uint8_t policy;      /* FLIGHT_POLICY_... */
} flight_store_event;

/* Bytes of memory for a store of so many entries, one an event, of up to body_bytes (multiple of 4, up to 1,016).
 *
 *     if (flight_store_need(64, 48) > sizeof memory) { return 1; }
 */
size_t flight_store_need(uint32_t entries, uint32_t body_bytes);

/* Set up a store. memory: 4-aligned, flight_store_need bytes. entries: 1 to 16,384. reserved: how many of them only control
 * events may take, fewer than entries. Errors: ARGUMENT.
 *
 *     static uint32_t memory[4096 / 4];
 *     static flight_store store;
 *     if (flight_store_init(&store, memory, 48, 48, 2) != 0) { return 1; }
 */
int flight_store_init(flight_store *store, void *memory, uint32_t entries, uint32_t body_bytes, uint32_t reserved);

/* Take an event by its policy. Returns a flight_store_outcome, so the caller knows at once. Errors: ARGUMENT, FULL,
 * TOO_LARGE; both of the last are counted.
 *
 *     while (flight_ring_peek(&ring, &event) == 0) {
 *         flight_store_event to = {event.body, event.body_bytes, event.stamp_ms, 0, event.channel, event.layout,
 *                                  policy_of(event.channel)};
 *         if (flight_store_put(&store, &to) == FLIGHT_ERROR_FULL) { break; }
 *         flight_ring_release(&ring);
 *     }
 */
int flight_store_put(flight_store *store, const flight_store_event *event);

/* Write waiting events of one channel, oldest first, into out, as flight_batch_pack does. kept: 0 for the lossy ones, which
 * are settled by it, 1 for the others, which stay until frame_seq is acknowledged. Returns bytes. Errors: ARGUMENT, NO_ROOM.
 *
 *     int bytes = flight_store_pack(&store, 1, buffer + 24, room, now_ms, 16, seq, &batch);
 */
int flight_store_pack(flight_store *store, int kept, uint8_t *out, size_t capacity, uint32_t now_ms,
                      uint32_t limit_events, uint32_t frame_seq, flight_batch *batch);

/* The peer has everything below next_expected. Returns how many events that settled; the same number again settles none.
 *
 *     flight_store_ack(&store, frame.ack);
 */
uint32_t flight_store_ack(flight_store *store, uint32_t next_expected);

/* A new session: what was sent and not acknowledged waits again, in its old order, before everything else. Returns how many.
 *
 *     flight_store_rewind(&store);
 */
uint32_t flight_store_rewind(flight_store *store);

#endif
