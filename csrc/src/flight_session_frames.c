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

static void write_prefix(uint8_t *prefix, int32_t counter)
{
    flight_store32(prefix, (uint32_t)counter);
    flight_store32(prefix + 4, 0);
}

/* The next free slot, with what all pieces of a batch share. */
static flight_session_slot *keep(flight_session_store *store, const flight_packed *packed, const flight_session_out *out,
                                 uint32_t payload_bytes)
{
    flight_session_slot *slot = &store->slots[slot_at(store, store->used)];

    slot->payload_bytes = (uint16_t)payload_bytes;
    slot->counter = packed->counter;
    slot->span = (uint16_t)packed->events;
    slot->flags = packed->flags;
    slot->events = (uint16_t)packed->events;
    slot->channel = packed->channel;
    slot->packed_at_ms = packed->now_ms;
    slot->expires_ms = out->expires_ms;
    slot->retries = out->retries;
    slot->retry_ms = out->retry_ms;
    slot->piece = 0;
    slot->behind = 0;
    slot->doubt = NOTHING;
    slot->skip = 0;
    store->used++;
    return slot;
}

/* Take the packed buffer as the newest frame; its records begin behind the critical prefix. */
void flight_frames_commit(flight_session_store *store, const flight_packed *packed, const flight_session_out *out)
{
    write_prefix(flight_frames_free_buffer(store) + FLIGHT_HEADER_BYTES, packed->counter);
    keep(store, packed, out, FLIGHT_CRITICAL_PREFIX_BYTES + packed->record_bytes);
    store->events_held += packed->events;
}

#if FLIGHT_SESSION_PIECES
/* Take a batch that is larger than a frame, from out->large into as many slots as it takes, chunk_bytes each. The caller has
 * made sure that there are enough of them. */
void flight_frames_commit_pieces(flight_session_store *store, const flight_packed *packed, const flight_session_out *out,
                                 uint32_t chunk_bytes)
{
    const uint32_t total_bytes = FLIGHT_CRITICAL_PREFIX_BYTES + packed->record_bytes;
    uint16_t count = 0;
    uint16_t number = 0;
    uint32_t at;

    for (at = 0; at < total_bytes; at += chunk_bytes) { /* a division, which small processors do not have */
        count++;
    }
    write_prefix(out->large + FLIGHT_HEADER_BYTES, packed->counter);
    for (at = 0; at < total_bytes; at += chunk_bytes) {
        const uint32_t bytes = total_bytes - at < chunk_bytes ? total_bytes - at : chunk_bytes;
        uint8_t *payload = flight_frames_free_buffer(store) + FLIGHT_HEADER_BYTES;
        flight_session_slot *slot = keep(store, packed, out, FLIGHT_FRAGMENT_HEAD_BYTES + bytes);

        flight_write_piece_head(payload, packed->message, number, total_bytes);
        memcpy(payload + FLIGHT_FRAGMENT_HEAD_BYTES, out->large + FLIGHT_HEADER_BYTES + at, bytes);
        slot->flags |= (uint8_t)FLIGHT_FLAG_MORE;
        slot->piece = number++;
        slot->behind = (uint16_t)(count - number);
        slot->events = slot->behind != 0 ? 0 : (uint16_t)packed->events;
    }
    store->events_held += packed->events;
}
#endif

/* Whether a gateway with what was granted can take the frame at the cursor, and all pieces with it. */
int flight_frames_fit(const flight_session *session)
{
    const flight_session_store *store = &session->store;
    const int32_t at = slot_at(store, store->cursor);
    const flight_session_slot *slot = &store->slots[at];
    const int32_t count = FLIGHT_BEHIND(slot) + 1;
    int32_t total_bytes = 0;
    int32_t i;

    if (slot->skip || FLIGHT_PIECE(slot)) {
        return 1; /* the first piece was asked */
    }
    if (slot->payload_bytes > session->out.frame_room_bytes - (int32_t)FLIGHT_HEADER_BYTES - session->out.behind_bytes) {
        return 0;
    }
    if (FLIGHT_BEHIND(slot) == 0) {
        return 1;
    }
    for (i = 0; i < count; i++) {
        total_bytes += store->slots[slot_at(store, store->cursor + i)].payload_bytes;
    }
    return count <= session->sender.window_frames && total_bytes <= session->sender.window_bytes &&
           total_bytes - count * (int32_t)FLIGHT_FRAGMENT_HEAD_BYTES <= session->agreement.unpacked_out_bytes;
}

/* The slot at the cursor. */
int32_t flight_frames_next_slot(const flight_session_store *store)
{
    return slot_at(store, store->cursor);
}

#if FLIGHT_SESSION_PIECES
/* The records of the slot at the cursor are plain now. */
void flight_frames_recode(flight_session_store *store, uint32_t record_bytes)
{
    flight_session_slot *slot = &store->slots[flight_frames_next_slot(store)];

    slot->payload_bytes = (uint16_t)(FLIGHT_CRITICAL_PREFIX_BYTES + record_bytes);
    slot->flags = 0;
}
#endif

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

/* The events leave; the numbers stay. A whole frame, or a first piece, that is not among those under way. */
static void give_up(flight_session_store *store, int32_t at, uint8_t cause)
{
    int32_t more = FLIGHT_BEHIND(&store->slots[at]);

    store->letter_slot = at;
    store->letter_cause = cause;
    for (; more >= 0; more--) {
        flight_session_slot *slot = &store->slots[at];

        store->letter_events = slot->events; /* of the last piece: it has them */
        store->letter_sent = slot->doubt != NOTHING;
        slot->events = 0;
        slot->payload_bytes = 0;
        slot->flags = 0;
        slot->skip = 1;
        at = at + 1 == store->frames ? 0 : at + 1;
    }
    store->events_held -= store->letter_events;
}

/* Give the frame at the cursor up: there is a letter. */
void flight_frames_give_up(flight_session_store *store, uint8_t cause)
{
    give_up(store, flight_frames_next_slot(store), cause);
}

/* Give the frame at the cursor up if its time is over; only where one is to be sent. 1: there is a letter. */
int flight_frames_expire(flight_session_store *store, uint32_t now_ms)
{
    const int32_t at = slot_at(store, store->cursor);
    const flight_session_slot *slot = &store->slots[at];

    if (slot->skip || FLIGHT_PIECE(slot) || slot->expires_ms == 0 ||
        flight_elapsed(now_ms, slot->packed_at_ms) < slot->expires_ms) {
        return 0;
    }
    give_up(store, at, FLIGHT_DROP_EXPIRED);
    return 1;
}

/* Where the critical prefix of a whole frame, or of a first piece, stands. */
static uint8_t *prefix_of(const flight_session_store *store, int32_t at)
{
    uint8_t *payload = flight_frames_buffer(store, at) + FLIGHT_HEADER_BYTES;

#if FLIGHT_SESSION_PIECES
    if (store->slots[at].flags & FLIGHT_FLAG_MORE) {
        payload += FLIGHT_FRAGMENT_HEAD_BYTES;
    }
#endif
    return payload;
}

/* The next slot to send: sets how long it was held and moves the cursor. Its number is base + cursor before. */
int32_t flight_frames_take(flight_session_store *store, uint32_t now_ms)
{
    const int32_t at = slot_at(store, store->cursor);
    flight_session_slot *slot = &store->slots[at];

    if (!slot->skip) {
        if (!FLIGHT_PIECE(slot)) {
            const int32_t held_ms = flight_max(0, flight_elapsed(now_ms, slot->packed_at_ms));

            flight_store16(prefix_of(store, at) + 4, flight_age_encode((uint32_t)held_ms));
        }
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
    const flight_session_slot *slot = &store->slots[store->head];

    return slot->counter + slot->span - 1;
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

/* The gateway has said that it has not stored this frame, nor its pieces. */
static void settle_doubt(flight_session_store *store, int32_t index)
{
    const int32_t last = index + FLIGHT_BEHIND(&store->slots[slot_at(store, index)]);

    for (; index <= last; index++) {
        flight_session_slot *slot = &store->slots[slot_at(store, index)];

        if (slot->doubt == MAYBE) {
            slot->doubt = NOTHING;
        }
    }
}

/* The gateway did not store this frame, and takes nothing behind it before it got an answer for this number. again: the code
 * allows another try. The frame waits for it if it has one left; else it is given up, and there is a letter. 0: no such frame
 * is under way. */
int flight_frames_refuse(flight_session_store *store, int32_t seq, int again, uint32_t now_ms)
{
    int32_t index = seq - store->base;
    flight_session_slot *slot;

    if (index < 0 || index >= store->sent) {
        return 0;
    }
    index -= FLIGHT_PIECE(&store->slots[slot_at(store, index)]); /* the whole batch is refused */
    if (index < 0) {
        return 0; /* its first piece was acknowledged */
    }
    take_back(store, index);
    settle_doubt(store, index);
    slot = &store->slots[slot_at(store, index)];
    store->hold_seq = 0;
    if (slot->skip) {
        return 1;
    }
    if (again && slot->retries != 0) {
        slot->retries--;
        store->hold_seq = store->base + index;
        store->hold_until_ms = flight_later(now_ms, slot->retry_ms);
    } else {
        give_up(store, slot_at(store, index), FLIGHT_DROP_REFUSED);
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
        give_up(store, store->head, FLIGHT_DROP_CLOSED);
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

/* The counter of the oldest event that is not settled; `following` where all are. */
int32_t flight_frames_first_counter(const flight_session_store *store, int32_t following)
{
    int32_t i;

    for (i = 0; i < store->used; i++) {
        const flight_session_slot *slot = &store->slots[slot_at(store, i)];

        if (!slot->skip) {
            return slot->counter;
        }
    }
    return following;
}

/* A new incarnation: give the events new counters from `counter`. Returns the next free one. */
int32_t flight_frames_recount(flight_session_store *store, int32_t counter)
{
    int32_t i;

    for (i = 0; i < store->used; i++) {
        const int32_t at = slot_at(store, i);

        store->slots[at].counter = counter;
        if (!FLIGHT_PIECE(&store->slots[at])) {
            flight_store32(prefix_of(store, at), (uint32_t)counter);
        }
        counter += store->slots[at].events;
    }
    return counter;
}

#endif
