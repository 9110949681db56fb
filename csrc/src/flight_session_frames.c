/* Critical frames that were packed and are not yet acknowledged; the reference is flight_client/session/device/store.py.
 *
 * A ring of slots, a frame buffer each; the events of one were packed straight into it. Slot i from the oldest has the number
 * base + i, so a new session renumbers everything by setting one. Go-back-N: a resend starts at `cursor` and runs to the end.
 * A frame that is given up becomes a letter to the owner; its slot becomes a SKIP: it keeps its number and carries nothing. */
#include "flight_session_parts.h"

#if FLIGHT_SESSION

/* What the gateway may have of a frame. */
enum {
    NOTHING, /* it was never sent, or the gateway has said that it has not stored it */
    MAYBE,   /* it was sent, and no answer settled it */
    FOR_EVER /* it was sent to a log that is gone: no answer will settle it */
};

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
void flight_frames_commit(flight_session_store *store, const flight_packed *packed, const flight_session_out *out)
{
    const int32_t at = slot_at(store, store->used);
    flight_session_slot *slot = &store->slots[at];
    uint8_t *prefix = flight_frames_buffer(store, at) + FLIGHT_HEADER_BYTES;

    flight_store32(prefix, (uint32_t)packed->counter);
    flight_store32(prefix + 4, 0);
    slot->payload_bytes = (uint16_t)(FLIGHT_CRITICAL_PREFIX_BYTES + packed->record_bytes);
    slot->events = (uint16_t)packed->events;
    slot->channel = packed->channel;
    slot->packed_at_ms = packed->now_ms;
    slot->expires_ms = out->expires_ms;
    slot->retries = out->retries;
    slot->retry_ms = out->retry_ms;
    slot->doubt = NOTHING;
    slot->skip = 0;
    store->used++;
    store->events_held += packed->events;
}

/* How long the next frame waits because it was refused; 0 when it need not, at most longest_ms. */
int32_t flight_frames_hold_ms(const flight_session_store *store, uint32_t now_ms, int32_t longest_ms)
{
    if (store->hold_seq == 0 || store->base + store->cursor != store->hold_seq) {
        return 0;
    }
    return flight_max(0, flight_min(longest_ms, -flight_elapsed(now_ms, store->hold_until_ms)));
}

/* Whether a frame waits to be sent, or sent again, and the window has room for it. */
int flight_frames_to_send(const flight_session *session, uint32_t now_ms)
{
    const flight_session_store *store = &session->store;

    if (store->cursor >= store->used || store->cursor >= session->sender.window_frames ||
        flight_frames_hold_ms(store, now_ms, 1)) {
        return 0;
    }
    return store->cursor == 0 ||
           store->slots[slot_at(store, store->cursor)].payload_bytes <= session->sender.window_bytes - store->bytes_out;
}

/* The events leave; the number stays. The frame must not be among those that are under way. */
static void give_up(flight_session_store *store, int32_t at)
{
    flight_session_slot *slot = &store->slots[at];

    store->letter_slot = at;
    store->letter_events = slot->events;
    store->letter_sent = slot->doubt != NOTHING;
    store->events_held -= slot->events;
    slot->events = 0;
    slot->payload_bytes = 0;
    slot->skip = 1;
}

/* Give the frame at the cursor up if its time is over; only where one is to be sent. 1: there is a letter. */
int flight_frames_expire(flight_session_store *store, uint32_t now_ms)
{
    const int32_t at = slot_at(store, store->cursor);
    const flight_session_slot *slot = &store->slots[at];

    if (slot->skip || slot->expires_ms == 0 || flight_elapsed(now_ms, slot->packed_at_ms) < slot->expires_ms) {
        return 0;
    }
    give_up(store, at);
    return 1;
}

/* The next slot to send: sets how long it was held and moves the cursor. Its number is base + cursor before. */
int32_t flight_frames_take(flight_session_store *store, uint32_t now_ms)
{
    const int32_t at = slot_at(store, store->cursor);
    flight_session_slot *slot = &store->slots[at];

    if (!slot->skip) {
        const int32_t held_ms = flight_max(0, flight_elapsed(now_ms, slot->packed_at_ms));

        flight_store16(flight_frames_buffer(store, at) + FLIGHT_HEADER_BYTES + 4, flight_age_encode((uint32_t)held_ms));
        if (slot->doubt == NOTHING) {
            slot->doubt = MAYBE;
        }
    }
    slot->sent_at_ms = now_ms;
    if (store->hold_seq == store->base + store->cursor) {
        store->hold_seq = 0;
    }
    store->bytes_out += slot->payload_bytes;
    store->cursor++;
    store->sent = flight_max(store->sent, store->cursor);
    return at;
}

/* Send everything again. */
void flight_frames_rewind(flight_session_store *store)
{
    store->cursor = 0;
    store->bytes_out = 0;
}

/* A new transport: what the gateway has not acknowledged it has not stored, if its log is the one we sent to. */
void flight_frames_settled(flight_session_store *store, int same_log)
{
    int32_t i;

    store->hold_seq = 0;
    for (i = 0; i < store->frames; i++) {
        if (store->slots[i].doubt == MAYBE) {
            store->slots[i].doubt = same_log ? NOTHING : FOR_EVER;
        }
    }
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
    store->acked_events += slot->events;
    if (store->cursor != 0) {
        store->cursor--;
        store->bytes_out -= slot->payload_bytes;
    }
    store->sent -= store->sent != 0;
    store->head = slot_at(store, 1);
    store->base++;
    store->used--;
}

/* Free all frames below `ack`. 0: the number acknowledges what was never sent. */
int flight_frames_acknowledge(flight_session_store *store, int32_t ack)
{
    store->acked_events = 0;
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
    while (store->used != 0 && (store->slots[store->head].skip || last_counter(store) <= mark)) {
        free_oldest(store);
    }
}

/* Frames from this one on are no longer under way. */
static void take_back(flight_session_store *store, int32_t index)
{
    while (store->cursor > index) {
        store->cursor--;
        store->bytes_out -= store->slots[slot_at(store, store->cursor)].payload_bytes;
    }
}

/* The gateway did not store this frame, and takes nothing behind it before it got an answer for this number. again: the code
 * allows another try. The frame waits for it if it has one left; else it is given up, and there is a letter. 0: no such frame
 * is under way. */
int flight_frames_refuse(flight_session_store *store, int32_t seq, int again, uint32_t now_ms)
{
    const int32_t index = seq - store->base;
    flight_session_slot *slot;

    if (index < 0 || index >= store->sent) {
        return 0;
    }
    take_back(store, index);
    slot = &store->slots[slot_at(store, index)];
    if (slot->doubt == MAYBE) {
        slot->doubt = NOTHING;
    }
    store->hold_seq = 0;
    if (slot->skip) {
        return 1;
    }
    if (again && slot->retries != 0) {
        slot->retries--;
        store->hold_seq = seq;
        store->hold_until_ms = flight_later(now_ms, slot->retry_ms);
    } else {
        give_up(store, slot_at(store, index));
    }
    return 1;
}

int flight_session_abandon(flight_session *session)
{
    flight_session_store *store = &session->store;

    while (store->used != 0) {
        const flight_session_slot *slot = &store->slots[store->head];
        const int skipped = slot->skip;

        if (store->cursor != 0) {
            store->bytes_out -= slot->payload_bytes;
        }
        give_up(store, store->head);
        free_oldest(store);
        if (!skipped) {
            return 1;
        }
    }
    return 0;
}

/* A new session: number from 1, nothing sent yet. */
void flight_frames_renumber(flight_session_store *store)
{
    flight_frames_rewind(store);
    store->base = 1;
    store->sent = 0;
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
