/* What the driver packed becomes frames: one, or as many pieces as an event takes that is larger than a frame. The reference is
 * flight_client/session/device/sender.py. */
#include "flight_session_parts.h"

#if FLIGHT_SESSION

#if FLIGHT_SESSION_PIECES

/* Bytes of a large payload in one piece. */
static int32_t chunk_bytes(const flight_session *session)
{
    return session->out.frame_room_bytes -
           (int32_t)(FLIGHT_HEADER_BYTES + FLIGHT_FRAGMENT_HEAD_BYTES) - session->out.behind_bytes;
}

/* How many pieces a payload takes; counted, because small processors do not divide. */
static int32_t count_pieces(const flight_session *session, int32_t total_bytes)
{
    const int32_t chunk = chunk_bytes(session);
    int32_t pieces = 0;

    for (; total_bytes > 0; total_bytes -= chunk) {
        pieces++;
    }
    return pieces;
}

/* Whether a critical payload can ever go in so many pieces. */
static int windows_hold(const flight_session *session, int32_t total_bytes, int32_t pieces)
{
    return pieces <= flight_min(session->store.frames, session->sender.window_frames) &&
           total_bytes + pieces * (int32_t)FLIGHT_FRAGMENT_HEAD_BYTES <= session->sender.window_bytes;
}

int flight_session_pack_large(flight_session *session, uint32_t record_bytes)
{
    const int critical = session->sender.packing == FLIGHT_DO_PACK_CRITICAL;
    const uint32_t prefix_bytes = critical ? FLIGHT_CRITICAL_PREFIX_BYTES : 0;
    flight_session_out *out = &session->out;
    int32_t total_bytes;

    if ((session->agreement.up & FLIGHT_FLAG_MORE) == 0 || record_bytes > FLIGHT_UNPACKED_BYTES ||
        FLIGHT_HEADER_BYTES + prefix_bytes + record_bytes > out->large_bytes ||
        (int32_t)(prefix_bytes + record_bytes) > session->agreement.unpacked_out_bytes || chunk_bytes(session) < 1) {
        return FLIGHT_DO_TOO_LARGE;
    }
    total_bytes = (int32_t)(prefix_bytes + record_bytes);
    if (critical) {
        const int32_t pieces = count_pieces(session, total_bytes);

        if (!windows_hold(session, total_bytes, pieces)) {
            return FLIGHT_DO_TOO_LARGE;
        }
        if (session->store.frames - session->store.used < pieces) {
            session->sender.needs_frames = pieces;
            return FLIGHT_DO_NOTHING;
        }
    }
    out->buffer = out->large;
    out->at = FLIGHT_HEADER_BYTES + prefix_bytes;
    out->room_bytes = (int32_t)record_bytes;
    return session->sender.packing;
}

/* The next piece of the lossy payload. */
int flight_sender_send_piece(flight_session *session)
{
    flight_session_sender *sender = &session->sender;
    flight_session_out *out = &session->out;
    uint8_t *payload = out->scratch + FLIGHT_HEADER_BYTES;
    const uint32_t left = sender->piece_end - sender->piece_at;
    const uint32_t bytes = (uint32_t)flight_min(chunk_bytes(session), (int32_t)left);

    flight_write_piece_head(payload, sender->messages, sender->piece, sender->piece_end - FLIGHT_HEADER_BYTES);
    memcpy(payload + FLIGHT_FRAGMENT_HEAD_BYTES, out->large + sender->piece_at, bytes);
    sender->piece++;
    sender->piece_at += bytes;
    return flight_session_emit(session, FLIGHT_TYPE_DATA, sender->piece_flags, sender->piece_channel, out->scratch,
                               FLIGHT_FRAGMENT_HEAD_BYTES + bytes);
}

/* What lies in out->large turned out to be small: then it is moved to where a frame's events belong. */
static int fits_a_frame(flight_session *session, uint32_t record_bytes)
{
    flight_session_out *out = &session->out;
    const uint32_t bytes = out->at - FLIGHT_HEADER_BYTES + record_bytes;
    const int critical = session->sender.packing == FLIGHT_DO_PACK_CRITICAL;

    if ((int32_t)bytes > chunk_bytes(session) + (int32_t)FLIGHT_FRAGMENT_HEAD_BYTES) {
        return 0;
    }
    memcpy((critical ? flight_frames_free_buffer(&session->store) : out->scratch) + FLIGHT_HEADER_BYTES,
           out->large + FLIGHT_HEADER_BYTES, bytes);
    return 1;
}

#else

int flight_session_pack_large(flight_session *session, uint32_t record_bytes)
{
    (void)session, (void)record_bytes;
    return FLIGHT_DO_TOO_LARGE;
}

#endif

static int packed_lossy(flight_session *session, const flight_packed *packed, int large)
{
    flight_session_sender *sender = &session->sender;
    const uint8_t flags = (uint8_t)(FLIGHT_FLAG_BATCH | packed->flags);

    sender->run_frames = 0;
    session->tally.lossy_handed += (int32_t)packed->events;
    session->tally.lossy_settled += packed->events;
#if FLIGHT_SESSION_PIECES
    if (large) {
        sender->piece = 0;
        sender->piece_at = FLIGHT_HEADER_BYTES;
        sender->piece_end = FLIGHT_HEADER_BYTES + packed->record_bytes;
        sender->piece_flags = (uint8_t)(flags | FLIGHT_FLAG_MORE);
        sender->piece_channel = packed->channel;
        return flight_sender_send_piece(session);
    }
#else
    (void)large;
#endif
    return flight_session_emit(session, FLIGHT_TYPE_DATA, flags, packed->channel, session->out.scratch,
                               packed->record_bytes);
}

static int packed_critical(flight_session *session, const flight_packed *packed, int large)
{
#if FLIGHT_SESSION_PIECES
    if (large) {
        flight_frames_commit_pieces(&session->store, packed, &session->out, (uint32_t)chunk_bytes(session));
    } else
#else
    (void)large;
#endif
    {
        flight_frames_commit(&session->store, packed, &session->out);
    }
    session->sender.run_frames++;
    session->next_counter += (int32_t)packed->events;
    return flight_sender_send_stored(session, packed->now_ms);
}

int flight_session_packed(flight_session *session, uint32_t record_bytes, uint32_t events, uint16_t channel,
                          uint32_t now_ms, uint8_t flags)
{
    const uint8_t packing = session->sender.packing;
    const flight_session_out *out = &session->out;
    flight_packed packed = {record_bytes, events, now_ms, session->next_counter, channel, 0, flags};
    int large = 0;

    if (events == 0) {
        return FLIGHT_DO_NOTHING;
    }
    if (packing == FLIGHT_DO_NOTHING || record_bytes > (uint32_t)out->room_bytes ||
        events > record_bytes) {
        return FLIGHT_ERROR_ARGUMENT;
    }
#if FLIGHT_SESSION_PIECES
    large = out->buffer == out->large && !fits_a_frame(session, record_bytes);
    if (large) {
        packed.events = 1;
        packed.message = ++session->sender.messages;
    }
#endif
    session->sender.packing = FLIGHT_DO_NOTHING;
    if (!large) {
        flight_bucket_take(&session->sender.pace, events);
    }
    return packing == FLIGHT_DO_PACK_CRITICAL ? packed_critical(session, &packed, large)
                                              : packed_lossy(session, &packed, large);
}

#endif
