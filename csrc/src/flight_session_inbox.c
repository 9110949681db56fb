/* What a device does with each frame it receives. The reference is flight_client/session/device/inbox.py. */
#include "flight_session_parts.h"

#if FLIGHT_SESSION

#define DELIVER_HEAD_BYTES 40u

/* The peer broke the protocol: nothing of this session can be trusted, so HELLO again on a new transport. */
static int broken(flight_session *session, uint32_t now_ms, uint32_t random)
{
    session->known = 0;
    flight_session_failed(session, now_ms, random);
    return FLIGHT_NEWS_BROKEN;
}

static int ended(flight_session *session, const flight_frame *frame, uint32_t now_ms, uint32_t random)
{
    const flight_ending *ending = &session->ending;
    const uint32_t code_bit = session->ending.code < 32u ? 1u << session->ending.code : 0;

    /* Nobody but our peer may stop us; before there is a session, nobody can show that he is. */
    if ((code_bit & session->fatal_codes) && (session->in.proven || session->state == FLIGHT_STATE_GREETING)) {
        if (ending->code != FLIGHT_CODE_EXPIRED_TOKEN || !flight_renewal_try_again(&session->renewal)) {
            session->reason = ending->code;
            flight_session_go(session, FLIGHT_ON_FATAL);
            return FLIGHT_NEWS_ENDED;
        }
        session->known = 0;
    }
    if (ending->retry_after_ms > 0) {
        flight_policy_hint(&session->policy, ending->retry_after_ms);
    }
    if (frame->type == FLIGHT_TYPE_RESET) {
        const uint32_t lost = 1u << FLIGHT_CODE_UNKNOWN_SESSION | 1u << FLIGHT_CODE_PROOF | 1u << FLIGHT_CODE_STALE_GENERATION;

        /* As an answer to HELLO this is no reason to say HELLO at once: it would come again, without end. */
        if ((code_bit & lost) && session->state != FLIGHT_STATE_GREETING) {
            flight_session_lost(session);
            return FLIGHT_NEWS_ENDED;
        }
        session->known = 0;
    }
    flight_session_failed(session, now_ms, random);
    return FLIGHT_NEWS_ENDED;
}

static int take_ending(flight_session *session, const flight_frame *frame, uint32_t now_ms, uint32_t random)
{
    if (!flight_read_ending(&session->ending, frame->payload, frame->payload_bytes)) {
        return broken(session, now_ms, random);
    }
    return ended(session, frame, now_ms, random);
}

static int take_resumed(flight_session *session, const flight_frame *frame, uint32_t now_ms, uint32_t random)
{
    const uint8_t *payload = frame->payload;
    int32_t next_expected;
    int32_t lossy_stored;

    if (frame->payload_bytes < 16u) {
        return broken(session, now_ms, random);
    }
    next_expected = flight_session_get30(payload + 4);
    lossy_stored = flight_session_get30(payload + 8);
    if (flight_session_get30(payload) != session->generation || next_expected < session->store.base || lossy_stored < 0 ||
        !flight_frames_acknowledge(&session->store, next_expected)) {
        return broken(session, now_ms, random);
    }
    flight_tally_acknowledged(&session->tally, &session->store);
    flight_tally_lossy_restart(&session->tally, lossy_stored, 0);
    flight_policy_announce(&session->policy, flight_session_get30(payload + 12));
    session->resumed = 1;
    flight_session_ready(session, now_ms);
    return FLIGHT_NEWS_CONNECTED;
}

/* The entry does not follow what the application has had, and nobody said why. */
static int note_hole(flight_session_in *in, const flight_channel_state *channel, const uint8_t *previous)
{
    in->gap_reason = FLIGHT_GAP_UNANNOUNCED;
    memcpy(in->gap_epoch, channel->epoch, 8);
    memcpy(in->gap_after, channel->offset, 8);
    memcpy(in->gap_to, previous, 8);
    return FLIGHT_NEWS_DELIVERED_AFTER_HOLE;
}

/* Where the records of DELIVER begin; 0 where they cannot. events: of the entry so far, in a portion that is not the last. */
static uint32_t find_records(const flight_frame *frame, uint32_t *events)
{
    const uint32_t length = frame->payload[DELIVER_HEAD_BYTES - 1u];
    uint32_t at = DELIVER_HEAD_BYTES + (((length & ~FLIGHT_PORTION_FLAG) + 3u) & ~3u);

    *events = 0;
    if (length & FLIGHT_PORTION_FLAG) {
        at += FLIGHT_PORTION_BYTES;
        if (at <= frame->payload_bytes) {
            *events = flight_load16(frame->payload + at - FLIGHT_PORTION_BYTES);
        }
        return *events != 0 ? at : 0;
    }
    return at <= frame->payload_bytes ? at : 0;
}

/* DELIVER: offset, offset of the entry before, ..., device id and its length at 39, padding, records. */
static int take_deliver(flight_session *session, const flight_frame *frame)
{
    const uint8_t *payload = frame->payload;
    flight_session_in *in = &session->in;
    flight_channel_state *channel;
    uint32_t records_at;
    uint32_t events;
    int news = FLIGHT_NEWS_DELIVERED;

    if (frame->payload_bytes < DELIVER_HEAD_BYTES) {
        return FLIGHT_NEWS_BROKEN;
    }
    records_at = find_records(frame, &events);
    if (records_at == 0) {
        return FLIGHT_NEWS_BROKEN;
    }
    channel = flight_channels_get(&session->channels, frame->channel);
    if (channel == NULL || channel->leaving || (channel->mode & FLIGHT_MODE_SUBSCRIBE) == 0) {
        return FLIGHT_NEWS_QUIET; /* left in the meantime */
    }
    if (flight_channel_is_old(channel, payload)) {
        session->tally.duplicates++;
        return FLIGHT_NEWS_QUIET;
    }
    if (!flight_channel_follows(channel, payload + 8)) {
        news = note_hole(in, channel, payload + 8);
    }
    if (!channel->positioned) { /* OPENED was lost with a transport; this entry came again, OPENED does not */
        memcpy(channel->epoch, session->welcome.epoch, 8);
        channel->positioned = 1;
    }
    memcpy(channel->offset, events != 0 ? payload + 8 : payload, 8); /* the last portion moves it past the entry */
    channel->taken = (uint16_t)events;
    session->tally.delivered_entries++;
    in->channel = frame->channel;
    in->payload = payload;
    in->records = payload + records_at;
    in->records_bytes = frame->payload_bytes - records_at;
    return news;
}

#if FLIGHT_SESSION_PIECES
/* DELIVER, whole or one piece of it. */
static int take_entry(flight_session *session, const flight_frame *frame)
{
    flight_pieces *pieces = &session->pieces;
    const uint32_t abandoned = pieces->abandoned;
    flight_frame whole = *frame;
    int answer;

    session->in.flags = (uint8_t)(frame->flags & FLIGHT_FLAGS_BY_AGREEMENT & ~FLIGHT_FLAG_MORE);
    if ((frame->flags & FLIGHT_FLAG_MORE) == 0) {
        return pieces->total_bytes != 0 ? (int)FLIGHT_NEWS_BROKEN : take_deliver(session, frame);
    }
    answer = flight_pieces_push(pieces, frame);
    if (abandoned != pieces->abandoned || answer > FLIGHT_PIECES_WHOLE) {
        return FLIGHT_NEWS_BROKEN;
    }
    if (answer == FLIGHT_PIECES_WAIT) {
        return FLIGHT_NEWS_QUIET;
    }
    whole.payload = pieces->buffer;
    whole.payload_bytes = pieces->used_bytes;
    return take_deliver(session, &whole);
}
#else
static int take_entry(flight_session *session, const flight_frame *frame)
{
    session->in.flags = (uint8_t)(frame->flags & FLIGHT_FLAGS_BY_AGREEMENT);
    return frame->flags & FLIGHT_FLAG_MORE ? (int)FLIGHT_NEWS_BROKEN : take_deliver(session, frame);
}
#endif

static int take_gap(flight_session *session, const flight_frame *frame)
{
    const uint8_t *payload = frame->payload;
    flight_session_in *in = &session->in;
    flight_channel_state *channel;

    if (frame->payload_bytes < 28u) {
        return FLIGHT_NEWS_BROKEN;
    }
    channel = flight_channels_get(&session->channels, frame->channel);
    if (channel == NULL || channel->leaving) {
        return FLIGHT_NEWS_QUIET;
    }
    in->channel = frame->channel;
    in->gap_reason = payload[0];
    memcpy(in->gap_epoch, payload + 4, 8);
    memcpy(in->gap_after, payload + 12, 8);
    memcpy(in->gap_to, payload + 20, 8);
    flight_channel_position(channel, payload + 4, payload + 20);
    return FLIGHT_NEWS_MISSING;
}

static int take_opened(flight_session *session, const flight_frame *frame)
{
    const uint8_t *payload = frame->payload;
    flight_channel_state *channel = flight_channels_get(&session->channels, frame->channel);
    uint32_t granted;

    if (frame->payload_bytes < 20u || channel == NULL) {
        return FLIGHT_NEWS_BROKEN;
    }
    channel->code = payload[0];
    granted = payload[1]; /* less than we want when it answers an OPEN from before the mode was widened */
    if (channel->leaving == 1 && channel->code == FLIGHT_CODE_OK && granted == 0) {
        channel->leaving = 0;
    }
    channel->opened =
        channel->leaving == 0 && (channel->code != FLIGHT_CODE_OK || (granted & channel->mode) == channel->mode);
    if (channel->code == FLIGHT_CODE_OK && (granted & FLIGHT_MODE_SUBSCRIBE) && !channel->positioned &&
        channel->leaving == 0) {
        flight_channel_position(channel, payload + 4, payload + 12);
    }
    session->in.channel = frame->channel;
    return FLIGHT_NEWS_ANSWERED;
}

static int take_refused(flight_session *session, const flight_frame *frame, uint32_t now_ms)
{
    const uint8_t *payload = frame->payload;
    flight_session_store *store = &session->store;
    int32_t seq;

    if (frame->payload_bytes < 12u) {
        return FLIGHT_NEWS_BROKEN;
    }
    store->letter_slot = -1;
    seq = flight_session_get30(payload);
    session->in.refused_code = payload[4];
    if (seq == 0) {
        flight_tally_lossy_refused(&session->tally, flight_session_get30(payload + 8));
    } else if (!flight_frames_refuse(store, seq, payload[4] == FLIGHT_CODE_STORE, now_ms)) {
        return FLIGHT_NEWS_BROKEN;
    } else if (store->letter_slot >= 0) {
        session->tally.refused += store->letter_events;
    }
    session->in.channel = frame->channel;
    return FLIGHT_NEWS_EVENTS_REFUSED;
}

static int take_renewed(flight_session *session, const flight_frame *frame, uint32_t now_ms)
{
    flight_renewal *renewal = &session->renewal;
    flight_renewed *renewed = &session->renewed;

    if (!flight_read_renewed(renewed, frame->payload, frame->payload_bytes)) {
        return FLIGHT_NEWS_BROKEN;
    }
    if (renewed->unasked) {
        flight_renewal_ended(renewal, now_ms);
        return FLIGHT_NEWS_QUIET;
    }
    if (renewed->code != FLIGHT_CODE_OK) {
        flight_renewal_refused(renewal, now_ms);
        session->in.refused_code = renewed->code;
        return FLIGHT_NEWS_TOKEN_REFUSED;
    }
    if (renewal->token[0] != 0) {
        session->identity->token = renewal->token;
    }
    if (flight_renewal_accepted(renewal, renewed->expires_in_ms, now_ms)) {
        flight_frames_rewind(&session->store); /* what went meanwhile was not taken */
    }
    return FLIGHT_NEWS_QUIET;
}

static int take_counts(flight_session *session, const flight_frame *frame)
{
    const int is_heartbeat = frame->type == FLIGHT_TYPE_HEARTBEAT;

    if (frame->payload_bytes < (is_heartbeat ? 8u : 4u)) {
        return FLIGHT_NEWS_BROKEN;
    }
    flight_tally_lossy_stored(&session->tally, flight_session_get30(frame->payload));
    if (is_heartbeat) {
        flight_policy_announce(&session->policy, flight_session_get30(frame->payload + 4));
    }
    return FLIGHT_NEWS_QUIET;
}

static int take_by_type(flight_session *session, const flight_frame *frame, uint32_t now_ms)
{
    switch (frame->type) {
    case FLIGHT_TYPE_DELIVER:
        return take_entry(session, frame);
    case FLIGHT_TYPE_ACK:
    case FLIGHT_TYPE_HEARTBEAT:
        return take_counts(session, frame);
    case FLIGHT_TYPE_GAP:
        return take_gap(session, frame);
    case FLIGHT_TYPE_OPENED:
        return take_opened(session, frame);
    case FLIGHT_TYPE_REFUSED:
        return take_refused(session, frame, now_ms);
#if FLIGHT_SESSION_PIECES
    case FLIGHT_TYPE_SKIP:
        flight_pieces_leave(&session->pieces, frame->channel);
        return FLIGHT_NEWS_QUIET;
#endif
    case FLIGHT_TYPE_RENEWED:
        return take_renewed(session, frame, now_ms);
    case FLIGHT_TYPE_RESEND:
        flight_frames_rewind(&session->store);
        return FLIGHT_NEWS_QUIET;
    default:
        return FLIGHT_NEWS_QUIET;
    }
}

static int is_ending(const flight_frame *frame)
{
    return frame->type == FLIGHT_TYPE_RESET || frame->type == FLIGHT_TYPE_CLOSE;
}

static int in_session(flight_session *session, const flight_frame *frame, uint32_t now_ms, uint32_t random)
{
    int news = FLIGHT_NEWS_QUIET;

    if (frame->seq != 0 && !flight_receipts_take(&session->receipts, (int32_t)frame->seq, now_ms)) {
        session->tally.duplicates += (int32_t)frame->seq < session->receipts.next_in; /* else a jump */
    } else if (is_ending(frame)) {
        return take_ending(session, frame, now_ms, random);
    } else {
        news = take_by_type(session, frame, now_ms);
    }
    if (frame->ack != 0) {
        if (!flight_frames_acknowledge(&session->store, (int32_t)frame->ack)) {
            return broken(session, now_ms, random);
        }
        flight_tally_acknowledged(&session->tally, &session->store);
    }
    return news == FLIGHT_NEWS_BROKEN ? broken(session, now_ms, random) : news;
}

/* Whether a frame may come without a tag: where the gateway has no session, and so no key. */
static int may_be_bare(const flight_frame *frame, uint8_t state)
{
    return frame->type == FLIGHT_TYPE_RESET || (frame->type == FLIGHT_TYPE_CLOSE && state < FLIGHT_STATE_READY);
}

static int take_welcome(flight_session *session, const flight_frame *frame, uint32_t now_ms, uint32_t random)
{
    if (!flight_read_welcome(&session->welcome, frame->payload, frame->payload_bytes) ||
        !flight_agreement_keeps(&session->agreement, &session->welcome)) {
        return broken(session, now_ms, random);
    }
    flight_session_begin(session);
    flight_renewal_begin(&session->renewal, session->welcome.token_expires_in_ms, now_ms);
#if FLIGHT_SESSION_PIECES
    flight_pieces_begin(&session->pieces);
#endif
    flight_session_ready(session, now_ms);
    return FLIGHT_NEWS_CONNECTED;
}

/* A frame of our peer, or one that nobody can tell from its frames. */
static int take_frame(flight_session *session, const flight_frame *frame, uint32_t now_ms, uint32_t random)
{
    const uint8_t state = session->state;

    session->heard_at_ms = now_ms;
    session->policy.failures = 0;
    if ((frame->flags & FLIGHT_FLAGS_BY_AGREEMENT) && frame->type != FLIGHT_TYPE_DELIVER) {
        return broken(session, now_ms, random);
    }
    if (state >= FLIGHT_STATE_READY) {
        return in_session(session, frame, now_ms, random);
    }
    if (frame->type == FLIGHT_TYPE_WELCOME && state == FLIGHT_STATE_GREETING) {
        return take_welcome(session, frame, now_ms, random);
    }
    if (frame->type == FLIGHT_TYPE_RESUMED && state == FLIGHT_STATE_ATTACHING) {
        return take_resumed(session, frame, now_ms, random);
    }
    return is_ending(frame) ? take_ending(session, frame, now_ms, random) : FLIGHT_NEWS_QUIET;
}

int flight_session_receive(flight_session *session, const flight_frame *frame, uint32_t now_ms, uint32_t random)
{
    const uint8_t state = session->state;
    flight_frame bare;

    if (state < FLIGHT_STATE_GREETING || state > FLIGHT_STATE_CLOSING) {
        return FLIGHT_NEWS_QUIET; /* late news of a transport that was given up */
    }
    if (session->agreement.auth == FLIGHT_AUTH_NONE) {
        return take_frame(session, frame, now_ms, random);
    }
    session->in.proven = (frame->flags & FLIGHT_FLAG_AUTHENTICATED) != 0;
    if (!session->in.proven && !may_be_bare(frame, state)) {
        flight_session_forged(session, now_ms, random);
        return FLIGHT_NEWS_FORGED;
    }
    bare = *frame;
    bare.flags &= (uint8_t)~FLIGHT_FLAG_AUTHENTICATED;
    return take_frame(session, &bare, now_ms, random);
}

#endif
