/* Which frame a ready session sends next: control before critical, critical before lossy, receipts last. The reference is
 * flight_client/session/device/sender.py and outgoing.py. */
#include "flight_session_parts.h"

#if FLIGHT_SESSION

#define LOSSY_AFTER 8 /* critical frames in a row, then lossy events may go */

/* Events are to be packed into this buffer, behind a prefix. */
void flight_out_pack_into(flight_session_out *out, uint8_t *buffer, uint32_t prefix_bytes)
{
    out->buffer = buffer;
    out->at = FLIGHT_HEADER_BYTES + prefix_bytes;
    out->room_bytes = flight_max(0, out->frame_room_bytes - (int32_t)out->at - out->behind_bytes);
    out->expires_ms = 0;
    out->retries = (uint8_t)FLIGHT_RETRY_COUNT;
    out->retry_ms = (int32_t)FLIGHT_RETRY_INTERVAL_MS;
}

/* The frame at the cursor goes out. */
int flight_sender_send_stored(flight_session *session, uint32_t now_ms)
{
    flight_session_store *store = &session->store;
    const int32_t seq = store->base + store->cursor;
    const int32_t at = flight_frames_take(store, now_ms);
    const flight_session_slot *slot = &store->slots[at];

    if (slot->skip) {
        flight_session_emit(session, FLIGHT_TYPE_SKIP, 0, 0, flight_frames_buffer(store, at), 0);
    } else {
        const uint8_t flags = (uint8_t)(FLIGHT_FLAG_CRITICAL | FLIGHT_FLAG_BATCH | slot->flags);

        flight_session_emit(session, FLIGHT_TYPE_DATA, flags, slot->channel, flight_frames_buffer(store, at),
                            slot->payload_bytes);
    }
    session->out.frame.seq = (uint32_t)seq;
    return FLIGHT_DO_SEND;
}

static int pack(flight_session *session, uint8_t command)
{
    session->sender.packing = command;
    if (command == FLIGHT_DO_PACK_CRITICAL) {
        flight_out_pack_into(&session->out, flight_frames_free_buffer(&session->store), FLIGHT_CRITICAL_PREFIX_BYTES);
    } else {
        flight_out_pack_into(&session->out, session->out.scratch, 0);
    }
    return command;
}

/* Whether critical events wait and may be packed: a whole frame must fit the windows. */
static int critical_room(flight_session *session)
{
    const flight_session_store *store = &session->store;

    if (store->frames - store->used < session->sender.needs_frames) {
        return 0;
    }
    session->sender.needs_frames = 0;
    if (session->waiting_critical == 0 || !flight_frames_room(store) || store->used >= session->sender.window_frames ||
        store->cursor < store->used) {
        return 0;
    }
    return store->used == 0 || store->bytes_out + session->out.frame_room_bytes <= session->sender.window_bytes;
}

/* Whether lossy events go before critical ones: their turn has come, or they matter more. */
static int lossy_first(const flight_session *session)
{
    const int32_t run_frames = session->sender.run_frames;

    return run_frames >= LOSSY_AFTER || (session->lossy_priority > session->critical_priority && run_frames > 0);
}

int flight_session_recoded(flight_session *session, uint32_t record_bytes)
{
#if FLIGHT_SESSION_PIECES
    if (record_bytes != 0) {
        flight_frames_recode(&session->store, record_bytes);
        return FLIGHT_DO_NOTHING;
    }
#else
    (void)record_bytes;
#endif
    flight_frames_give_up(&session->store, FLIGHT_DROP_TOO_LARGE);
    session->tally.too_large += session->store.letter_events;
    return FLIGHT_DO_LETTER;
}

/* The frame at the cursor was packed for a gateway that took more than this one does. */
#if FLIGHT_SESSION_PIECES
static int recode(flight_session *session)
{
    flight_session_out *out = &session->out;
    const int32_t at = flight_frames_next_slot(&session->store);
    const flight_session_slot *slot = &session->store.slots[at];

    if ((slot->flags & FLIGHT_FLAG_MORE) || !flight_frames_fit(session)) {
        return flight_session_recoded(session, 0);
    }
    flight_out_pack_into(out, flight_frames_buffer(&session->store, at), FLIGHT_CRITICAL_PREFIX_BYTES);
    out->frame.payload_bytes = slot->payload_bytes - FLIGHT_CRITICAL_PREFIX_BYTES;
    out->frame.flags = slot->flags;
    return FLIGHT_DO_RECODE;
}
#else
static int recode(flight_session *session)
{
    return flight_session_recoded(session, 0);
}
#endif

/* The next stored frame, or what became of it. */
static int send_or_expire(flight_session *session, uint32_t now_ms)
{
    flight_session_store *store = &session->store;

    if (flight_frames_expire(store, now_ms)) {
        session->tally.expired += session->store.letter_events;
        return FLIGHT_DO_LETTER;
    }
    if (flight_bucket_wait_ms(&session->sender.link, now_ms)) {
        return FLIGHT_DO_NOTHING;
    }
    if ((store->slots[flight_frames_next_slot(store)].flags & ~(uint32_t)session->agreement.up) != 0 ||
        !flight_frames_fit(session)) {
        return recode(session);
    }
    return flight_sender_send_stored(session, now_ms);
}

/* Whether lossy events go that wait; a turn of a polling transport takes along what there is. */
static int lossy_is_due(flight_session *session, uint32_t now_ms)
{
    const int due = flight_batching_due(&session->batching, session->waiting_lossy, now_ms);

    if (session->waiting_lossy == 0 || !flight_session_may_number(session)) {
        return 0;
    }
    return due || session->sender.flushing > 0 || session->state == FLIGHT_STATE_CLOSING || flight_session_polling(session);
}

static int next_events(flight_session *session, uint32_t now_ms)
{
    flight_session_store *store = &session->store;
    int ready;

    if (session->renewal.over) {
        return FLIGHT_DO_NOTHING; /* the gateway takes no events before it has a new token */
    }
    ready = flight_frames_to_send(session, now_ms);
    if (!ready && flight_frames_oldest_wait_ms(store, now_ms) > (int32_t)FLIGHT_ACK_TIMEOUT_MS) {
        session->tally.resent_frames += (uint32_t)store->cursor;
        flight_frames_rewind(store);
        ready = flight_frames_to_send(session, now_ms);
    }
    if (ready) {
        return send_or_expire(session, now_ms);
    }
    if (flight_bucket_wait_ms(&session->sender.link, now_ms)) {
        return FLIGHT_DO_NOTHING;
    }
#if FLIGHT_SESSION_PIECES
    if (session->sender.piece_at < session->sender.piece_end) {
        return flight_sender_send_piece(session);
    }
#endif
    if (flight_bucket_wait_ms(&session->sender.pace, now_ms)) {
        return FLIGHT_DO_NOTHING;
    }
    session->out.most_events = flight_bucket_room(&session->sender.pace, now_ms, session->batching.events);
    if (lossy_is_due(session, now_ms) && (lossy_first(session) || !critical_room(session))) {
        return pack(session, FLIGHT_DO_PACK_LOSSY);
    }
    if (critical_room(session) && flight_session_may_number(session)) {
        return pack(session, FLIGHT_DO_PACK_CRITICAL);
    }
    return FLIGHT_DO_NOTHING;
}

/* A frame without a number, made in the scratch buffer. */
static int send_control(flight_session *session, uint8_t type, uint32_t bytes)
{
    return flight_session_emit(session, type, 0, 0, session->out.scratch, bytes);
}

static int close_is_next(const flight_session *session, uint32_t now_ms)
{
    if (session->state != FLIGHT_STATE_CLOSING) {
        return 0;
    }
    return (session->store.used == 0 && session->waiting_critical == 0) ||
           flight_elapsed(now_ms, session->close_at_ms) >= 0;
}

static int housekeeping(flight_session *session, uint32_t now_ms)
{
    flight_session_sender *sender = &session->sender;
    uint8_t *payload = session->out.scratch + FLIGHT_HEADER_BYTES;

    if (sender->close_sent) {
        return FLIGHT_DO_NOTHING;
    }
    if (close_is_next(session, now_ms)) {
        sender->close_sent = 1;
        return send_control(session, FLIGHT_TYPE_CLOSE, flight_write_close(payload, FLIGHT_CODE_OK));
    }
    if (flight_receipts_ack_due(&session->receipts, now_ms)) {
        flight_store32(payload, 0);
        return send_control(session, FLIGHT_TYPE_ACK, 4);
    }
    if (!flight_session_polling(session) && flight_elapsed(now_ms, sender->sent_at_ms) >= sender->heartbeat_ms) {
        sender->sent_at_ms = now_ms;
        flight_store32(payload, (uint32_t)session->tally.lossy_handed);
        flight_store32(payload + 4, 0);
        return send_control(session, FLIGHT_TYPE_HEARTBEAT, 8);
    }
    return FLIGHT_DO_NOTHING;
}

/* SEND or PACK_ for the next frame of this turn, or NOTHING. */
int flight_sender_next_frame(flight_session *session, uint32_t now_ms)
{
    flight_session_out *out = &session->out;
    uint16_t number;
    int command;

    if (out->turn_bytes > flight_min((int32_t)FLIGHT_POLL_BODY_BYTES - 2 * out->frame_room_bytes,
                                     out->turn_most_bytes - out->frame_room_bytes)) {
        return FLIGHT_DO_NOTHING;
    }
    flight_channels_remind(&session->channels, now_ms, session->profile->connect_timeout_ms);
    flight_renewal_remind(&session->renewal, now_ms, session->profile->connect_timeout_ms);
    number = flight_channels_next_unopened(&session->channels);
    if (number != 0) {
        uint8_t *payload = out->scratch + FLIGHT_HEADER_BYTES;
        const uint32_t bytes = flight_write_open(payload, &session->channels.items[number - 1]);

        flight_channels_sent_open(&session->channels, number, now_ms);
        return flight_session_emit(session, FLIGHT_TYPE_OPEN, 0, number, out->scratch, bytes);
    }
    if (flight_renewal_to_send(&session->renewal)) {
        flight_renewal_sent(&session->renewal, now_ms);
        return send_control(session, FLIGHT_TYPE_TOKEN,
                            flight_write_token(out->scratch + FLIGHT_HEADER_BYTES, session->renewal.token));
    }
    if (session->receipts.resend_wanted) {
        session->receipts.resend_wanted = 0;
        return send_control(session, FLIGHT_TYPE_RESEND, 0);
    }
    command = next_events(session, now_ms);
    return command != FLIGHT_DO_NOTHING ? command : housekeeping(session, now_ms);
}

/* A frame goes out. POLL is counted at the end of its turn, or it would leave no room for events. */
void flight_sender_left(flight_session *session, const flight_frame *frame)
{
    if (frame->type != FLIGHT_TYPE_POLL) {
        flight_bucket_take(&session->sender.link, flight_frame_bytes(frame->payload_bytes, frame->flags));
    }
}

/* All frames of a turn are with the transport. */
void flight_sender_turn_ended(flight_session *session, uint32_t now_ms)
{
    if (flight_session_polling(session)) {
        flight_bucket_take(&session->sender.link, FLIGHT_HEADER_BYTES + 24u + FLIGHT_PROOF_BYTES + FLIGHT_TRAILER_BYTES);
    }
    session->sender.sent_at_ms = now_ms;
}

/* Whether something lies packed and may go by the windows. */
static int may_go(const flight_session *session, uint32_t now_ms)
{
#if FLIGHT_SESSION_PIECES
    if (session->sender.piece_at < session->sender.piece_end) {
        return 1;
    }
#endif
    return flight_frames_to_send(session, now_ms);
}

static int critical_may_pack(const flight_session *session)
{
    return session->waiting_critical != 0 && flight_frames_room(&session->store);
}

/* Whether events wait that should not wait for the profile's update interval. */
static int may_pack(const flight_session *session)
{
    const uint32_t lossy = session->waiting_lossy;

    return critical_may_pack(session) ||
           (lossy != 0 && (session->sender.flushing > 0 || flight_batching_full(&session->batching, lossy)));
}

/* How long the buckets hold events back. */
static int32_t held_ms(flight_session *session, uint32_t now_ms)
{
    const int32_t link_ms = flight_bucket_wait_ms(&session->sender.link, now_ms);

    return flight_max(link_ms, flight_bucket_wait_ms(&session->sender.pace, now_ms));
}

/* Whether something should not wait for the profile's update interval. */
int flight_sender_urgent(flight_session *session, uint32_t now_ms)
{
    if (session->channels.unopened != 0 || flight_renewal_to_send(&session->renewal) ||
        session->state == FLIGHT_STATE_CLOSING) {
        return 1;
    }
    if (session->renewal.over) {
        return 0;
    }
    if (flight_receipts_half_a_window(&session->receipts)) {
        return 1;
    }
    if (may_go(session, now_ms)) {
        return flight_bucket_wait_ms(&session->sender.link, now_ms) == 0;
    }
    return may_pack(session) && held_ms(session, now_ms) == 0;
}

/* How long the last one is going to say no if nothing happens; at most longest_ms. */
int32_t flight_sender_urgent_in_ms(flight_session *session, uint32_t now_ms, int32_t longest_ms)
{
    if (flight_sender_urgent(session, now_ms)) {
        return 0;
    }
    if (session->renewal.over) {
        return longest_ms;
    }
    if (may_go(session, now_ms)) {
        return flight_min(longest_ms, flight_bucket_wait_ms(&session->sender.link, now_ms));
    }
    return may_pack(session) ? flight_min(longest_ms, held_ms(session, now_ms)) : longest_ms;
}

/* The part of the next that events have. */
static int32_t wake_for_events_ms(flight_session *session, uint32_t now_ms, int32_t wait_ms)
{
    int32_t held = held_ms(session, now_ms);

    if (held != 0 && (may_go(session, now_ms) || critical_may_pack(session))) {
        wait_ms = flight_min(wait_ms, held);
    }
    if (session->waiting_lossy != 0) {
        held = flight_max(held, flight_batching_due_in_ms(&session->batching, session->waiting_lossy, now_ms));
        wait_ms = held != 0 ? flight_min(wait_ms, held) : wait_ms;
    }
    return wait_ms;
}

/* How long a duplex transport has nothing to send if nothing happens; at most longest_ms. */
int32_t flight_sender_wake_in_ms(flight_session *session, uint32_t now_ms, int32_t longest_ms)
{
    const flight_session_sender *sender = &session->sender;
    int32_t wait_ms = flight_min(longest_ms, sender->heartbeat_ms - flight_elapsed(now_ms, sender->sent_at_ms));

    wait_ms = flight_receipts_ack_in_ms(&session->receipts, now_ms, wait_ms);
    wait_ms = flight_channels_remind_in_ms(&session->channels, now_ms, session->profile->connect_timeout_ms, wait_ms);
    wait_ms = flight_renewal_remind_in_ms(&session->renewal, now_ms, session->profile->connect_timeout_ms, wait_ms);
    if (session->renewal.over) {
        return wait_ms;
    }
    wait_ms = flight_min(wait_ms, (int32_t)FLIGHT_ACK_TIMEOUT_MS + 1 - flight_frames_oldest_wait_ms(&session->store, now_ms));
    return wake_for_events_ms(session, now_ms, wait_ms);
}

#endif
