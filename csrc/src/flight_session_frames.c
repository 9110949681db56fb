/* Critical frames that were packed and are not yet acknowledged; the reference is flight_client/session/device/store.py.
 *
 * A ring of slots, a frame buffer each; the events of one were packed straight into it. Slot i from the oldest has the number
 * base + i, so a new session renumbers everything by setting one. Go-back-N: a resend starts at `cursor` and runs to the end.
 */
#include "flight_session_parts.h"

#if FLIGHT_SESSION

/* The slot behind the oldest by so many; no division, which small processors do not have. */
static int32_t slot_at(const flight_session_store *store, int32_t behind)
{
    const int32_t slot = store->head + behind;

    return slot >= store->frames ? slot - store->frames : slot;
}

int flight_frames_room(const flight_session_store *store)
{
    return store->used < store->frames;
}

uint8_t *flight_frames_buffer(const flight_session_store *store, int32_t slot)
{
    return store->buffers + (uint32_t)slot * store->stride_bytes;
}

uint8_t *flight_frames_free_buffer(const flight_session_store *store)
{
    return flight_frames_buffer(store, slot_at(store, store->used));
}

/* Take the packed buffer as the newest frame; its records begin behind the critical prefix. */
void flight_frames_commit(flight_session_store *store, uint32_t record_bytes, uint32_t events, uint16_t channel,
                          int32_t counter, uint32_t now_ms)
{
    const int32_t at = slot_at(store, store->used);
    flight_session_slot *slot = &store->slots[at];
    uint8_t *prefix = flight_frames_buffer(store, at) + FLIGHT_HEADER_BYTES;

    flight_store32(prefix, (uint32_t)counter);
    flight_store32(prefix + 4, 0);
    slot->payload_bytes = (uint16_t)(FLIGHT_CRITICAL_PREFIX_BYTES + record_bytes);
    slot->events = (uint16_t)events;
    slot->channel = channel;
    slot->packed_at_ms = now_ms;
    slot->refused = 0;
    store->used++;
    store->events_held += events;
}

/* Whether a frame waits to be sent, or sent again, and the window has room for it. */
int flight_frames_to_send(const flight_session_store *store, int32_t window_frames)
{
    return store->cursor < store->used && store->cursor < window_frames;
}

/* The next slot to send: sets how long it was held and moves the cursor. Its number is base + cursor before. */
int32_t flight_frames_take(flight_session_store *store, uint32_t now_ms)
{
    const int32_t at = slot_at(store, store->cursor);
    flight_session_slot *slot = &store->slots[at];
    const int32_t held_ms = flight_max(0, flight_elapsed(now_ms, slot->packed_at_ms));

    flight_store16(flight_frames_buffer(store, at) + FLIGHT_HEADER_BYTES + 4, flight_age_encode((uint32_t)held_ms));
    slot->sent_at_ms = now_ms;
    store->cursor++;
    store->sent = flight_max(store->sent, store->cursor);
    return at;
}

/* How long the oldest frame that was sent waits for its acknowledgement; 0 when none does. */
int32_t flight_frames_oldest_wait_ms(const flight_session_store *store, uint32_t now_ms)
{
    return store->cursor != 0 ? flight_elapsed(now_ms, store->slots[store->head].sent_at_ms) : 0;
}

static void free_oldest(flight_session_store *store)
{
    const flight_session_slot *slot = &store->slots[store->head];

    store->events_held -= slot->events;
    if (slot->refused) {
        store->refused_events += slot->events;
    } else {
        store->acked_events += slot->events;
    }
    store->head = slot_at(store, 1);
    store->base++;
    store->used--;
    store->cursor -= store->cursor != 0;
    store->sent -= store->sent != 0;
}

/* Free all frames below `ack`. 0: the number acknowledges what was never sent. */
int flight_frames_acknowledge(flight_session_store *store, int32_t ack)
{
    store->acked_events = 0;
    store->refused_events = 0;
    if (ack > store->base + store->sent) {
        return 0;
    }
    while (store->base < ack) {
        free_oldest(store);
    }
    return 1;
}

static int32_t last_counter(const flight_session_store *store)
{
    const uint8_t *prefix = flight_frames_buffer(store, store->head) + FLIGHT_HEADER_BYTES;

    return flight_session_get30(prefix) + store->slots[store->head].events - 1;
}

/* Free all frames whose critical counters are at or below `mark`: they were stored before. */
void flight_frames_acknowledge_counters(flight_session_store *store, int32_t mark)
{
    store->acked_events = 0;
    store->refused_events = 0;
    while (store->used != 0 && last_counter(store) <= mark) {
        free_oldest(store);
    }
}

/* The gateway refused this frame, which was sent: its events count as refused when it is acknowledged. 0: it was already. */
int flight_frames_refuse(flight_session_store *store, int32_t seq)
{
    if (seq < store->base) {
        return 0;
    }
    store->slots[slot_at(store, seq - store->base)].refused = 1;
    return 1;
}

/* Whether this number was sent in this session. */
int flight_frames_was_sent(const flight_session_store *store, int32_t seq)
{
    return seq > 0 && seq < store->base + store->sent;
}

/* A new session: number from 1, nothing sent yet; it decides again about refusals. */
void flight_frames_renumber(flight_session_store *store)
{
    int32_t i;

    store->base = 1;
    store->cursor = 0;
    store->sent = 0;
    for (i = 0; i < store->frames; i++) {
        store->slots[i].refused = 0;
    }
}

/* A new incarnation: give the events new counters from `counter`. Returns the next free one. */
int32_t flight_frames_recount(flight_session_store *store, int32_t counter)
{
    int32_t i;

    for (i = 0; i < store->used; i++) {
        const int32_t at = slot_at(store, i);

        flight_store32(flight_frames_buffer(store, at) + FLIGHT_HEADER_BYTES, (uint32_t)counter);
        counter += store->slots[at].events;
    }
    return counter;
}

#endif
