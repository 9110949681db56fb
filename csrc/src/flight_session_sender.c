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
    out->room_bytes = out->frame_room_bytes - (int32_t)(out->at + FLIGHT_TRAILER_BYTES);
    out->expires_ms = 0;
    out->retries = (uint8_t)FLIGHT_RETRY_COUNT;
    out->retry_ms = (int32_t)FLIGHT_RETRY_INTERVAL_MS;
}

static int send_stored(flight_session *session, uint32_t now_ms)
{
    flight_session_store *store = &session->store;
    const int32_t seq = store->base + store->cursor;
    const int32_t at = flight_frames_take(store, now_ms);
    const flight_session_slot *slot = &store->slots[at];

    if (slot->skip) {
        flight_session_emit(session, FLIGHT_TYPE_SKIP, 0, 0, flight_frames_buffer(store, at), 0);
    } else {
        flight_session_emit(session, FLIGHT_TYPE_DATA, FLIGHT_FLAG_CRITICAL | FLIGHT_FLAG_BATCH, slot->channel,
                            flight_frames_buffer(store, at), slot->payload_bytes);
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
static int critical_room(const flight_session *session)
{
    const flight_session_store *store = &session->store;

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

/* The next stored frame, or what became of it. */
static int send_or_expire(flight_session *session, uint32_t now_ms)
{
    if (flight_frames_expire(&session->store, now_ms)) {
        session->tally.expired += session->store.letter_events;
        return FLIGHT_DO_LETTER;
    }
    return send_stored(session, now_ms);
}

static int next_events(flight_session *session, uint32_t now_ms)
{
    flight_session_store *store = &session->store;
    int ready = flight_frames_to_send(session, now_ms);

    if (!ready && flight_frames_oldest_wait_ms(store, now_ms) > (int32_t)FLIGHT_ACK_TIMEOUT_MS) {
        session->tally.resent_frames += (uint32_t)store->cursor;
        flight_frames_rewind(store);
        ready = flight_frames_to_send(session, now_ms);
    }
    if (ready) {
        return send_or_expire(session, now_ms);
    }
    if (session->waiting_lossy && flight_session_may_number(session) && (lossy_first(session) || !critical_room(session))) {
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

    if (out->turn_bytes > (int32_t)FLIGHT_POLL_BODY_BYTES - 2 * out->frame_room_bytes) {
        return FLIGHT_DO_NOTHING;
    }
    number = flight_channels_next_unopened(&session->channels);
    if (number != 0) {
        uint8_t *payload = out->scratch + FLIGHT_HEADER_BYTES;
        const uint32_t bytes = flight_write_open(payload, &session->channels.items[number - 1]);

        flight_channels_sent_open(&session->channels, number);
        return flight_session_emit(session, FLIGHT_TYPE_OPEN, 0, number, out->scratch, bytes);
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
        const flight_packed packed = {record_bytes, events, now_ms, session->next_counter, channel};

        flight_frames_commit(&session->store, &packed, &session->out);
        session->sender.run_frames++;
        session->next_counter += (int32_t)events;
        return send_stored(session, now_ms);
    }
    session->sender.run_frames = 0;
    session->tally.lossy_handed += (int32_t)events;
    session->tally.lossy_settled += events;
    return flight_session_emit(session, FLIGHT_TYPE_DATA, FLIGHT_FLAG_BATCH, channel, session->out.scratch, record_bytes);
}

/* Whether something should not wait for the profile's update interval. */
int flight_sender_urgent(const flight_session *session, uint32_t now_ms)
{
    if (session->channels.unopened != 0 || flight_frames_to_send(session, now_ms) ||
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
