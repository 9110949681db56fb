/* Which frame a ready session sends next: control before critical, critical before lossy, receipts last. The reference is
 * flight_client/session/device/sender.py and outgoing.py. */
#include "flight_session_parts.h"

#if FLIGHT_SESSION

/* Events are to be packed into this buffer, behind a prefix. */
void flight_out_pack_into(flight_session_out *out, uint8_t *buffer, uint32_t prefix_bytes)
{
    out->buffer = buffer;
    out->at = FLIGHT_HEADER_BYTES + prefix_bytes;
    out->room_bytes = out->frame_room_bytes - (int32_t)(out->at + FLIGHT_TRAILER_BYTES);
}

static int send_stored(flight_session *session, uint32_t now_ms)
{
    flight_session_store *store = &session->store;
    const int32_t seq = store->base + store->cursor;
    const int32_t at = flight_frames_take(store, now_ms);
    const flight_session_slot *slot = &store->slots[at];

    flight_session_emit(session, FLIGHT_TYPE_DATA, FLIGHT_FLAG_CRITICAL | FLIGHT_FLAG_BATCH, slot->channel,
                        flight_frames_buffer(store, at), slot->payload_bytes);
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

static int next_events(flight_session *session, uint32_t now_ms)
{
    flight_session_store *store = &session->store;
    const int32_t window_frames = session->sender.window_frames;

    if (!flight_frames_to_send(store, window_frames) &&
        flight_frames_oldest_wait_ms(store, now_ms) > (int32_t)FLIGHT_ACK_TIMEOUT_MS) {
        session->tally.resent_frames += (uint32_t)store->cursor;
        store->cursor = 0;
    }
    if (flight_frames_to_send(store, window_frames)) {
        return send_stored(session, now_ms);
    }
    if (session->waiting_critical && flight_frames_room(store) && store->used < window_frames &&
        flight_session_may_number(session)) {
        return pack(session, FLIGHT_DO_PACK_CRITICAL);
    }
    if (session->waiting_lossy && flight_session_may_number(session)) {
        return pack(session, FLIGHT_DO_PACK_LOSSY);
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

    if (out->turn_bytes > (int32_t)FLIGHT_POLL_BODY_BYTES - 2 * out->frame_room_bytes) {
        return FLIGHT_DO_NOTHING;
    }
    number = flight_channels_next_unopened(&session->channels);
    if (number != 0) {
        uint8_t *payload = out->scratch + FLIGHT_HEADER_BYTES;

        flight_channels_sent_open(&session->channels, number);
        return flight_session_emit(session, FLIGHT_TYPE_OPEN, 0, number, out->scratch,
                                   flight_write_open(payload, &session->channels.items[number - 1]));
    }
    if (session->receipts.resend_wanted) {
        session->receipts.resend_wanted = 0;
        return send_control(session, FLIGHT_TYPE_RESEND, 0);
    }
    command = next_events(session, now_ms);
    return command != FLIGHT_DO_NOTHING ? command : housekeeping(session, now_ms);
}

int flight_session_packed(flight_session *session, uint32_t record_bytes, uint32_t events, uint16_t channel,
                          uint32_t now_ms)
{
    const uint8_t packing = session->sender.packing;

    if (events == 0) {
        return FLIGHT_DO_NOTHING;
    }
    if (packing == FLIGHT_DO_NOTHING || session->out.room_bytes < 0 ||
        record_bytes > (uint32_t)session->out.room_bytes || events > record_bytes) {
        return FLIGHT_ERROR_ARGUMENT;
    }
    session->sender.packing = FLIGHT_DO_NOTHING;
    if (packing == FLIGHT_DO_PACK_CRITICAL) {
        flight_frames_commit(&session->store, record_bytes, events, channel, session->next_counter, now_ms);
        session->next_counter += (int32_t)events;
        return send_stored(session, now_ms);
    }
    session->tally.lossy_handed += (int32_t)events;
    session->tally.lossy_settled += events;
    return flight_session_emit(session, FLIGHT_TYPE_DATA, FLIGHT_FLAG_BATCH, channel, session->out.scratch, record_bytes);
}

/* Whether something should not wait for the profile's update interval. */
int flight_sender_urgent(const flight_session *session)
{
    if (session->channels.unopened != 0 || flight_frames_to_send(&session->store, session->sender.window_frames) ||
        session->state == FLIGHT_STATE_CLOSING) {
        return 1;
    }
    return (session->waiting_critical != 0 && flight_frames_room(&session->store)) ||
           flight_receipts_half_a_window(&session->receipts);
}

/* How long a duplex transport has nothing to send if nothing happens; at most longest_ms. */
int32_t flight_sender_wake_in_ms(const flight_session *session, uint32_t now_ms, int32_t longest_ms)
{
    const flight_session_sender *sender = &session->sender;
    const int32_t resend_ms =
        (int32_t)FLIGHT_ACK_TIMEOUT_MS + 1 - flight_frames_oldest_wait_ms(&session->store, now_ms);
    int32_t wait_ms = flight_min(longest_ms, sender->heartbeat_ms - flight_elapsed(now_ms, sender->sent_at_ms));

    wait_ms = flight_min(wait_ms, resend_ms);
    return flight_receipts_ack_in_ms(&session->receipts, now_ms, wait_ms);
}

#endif
