/* The session of a device: what happened goes in, what to do next comes out. The reference is
 * flight_client/session/device/machine.py; how a driver uses it stands in flight_session.h.
 *
 * The parts: states says what follows what, policy when and where to connect, sender what goes next, receipts what is owed for
 * what came in, frames what may have to go again, inbox what a received frame means. */
#include "flight_session_parts.h"

#if FLIGHT_SESSION

/* ---- what happened ---- */

void flight_session_go(flight_session *session, uint32_t happening)
{
    session->state = flight_session_next_state(session->state, happening);
}

void flight_session_start(flight_session *session, uint32_t now_ms)
{
    (void)now_ms;
    flight_session_go(session, FLIGHT_ON_START);
}

void flight_session_opened(flight_session *session, uint32_t now_ms)
{
    if (session->state != FLIGHT_STATE_OPENING) {
        return;
    }
    session->heard_at_ms = now_ms;
    session->greeted = 0;
    session->in_turn = 0;
    session->awaiting = 0;
    if (session->generation >= FLIGHT_RENEW_AT) {
        session->known = 0;
    }
    flight_session_go(session, session->known ? FLIGHT_ON_OPENED_KNOWN : FLIGHT_ON_OPENED_NEW);
}

void flight_session_failed(flight_session *session, uint32_t now_ms, uint32_t random)
{
    switch (session->state) {
    case FLIGHT_STATE_IDLE:
    case FLIGHT_STATE_WAITING:
    case FLIGHT_STATE_CLOSED:
    case FLIGHT_STATE_STOPPED:
    case FLIGHT_STATE_PAUSED:
        return;
    default:
        break;
    }
    if (session->pausing) {
        flight_session_leave_link(session, now_ms);
        return;
    }
    flight_policy_failed(&session->policy, now_ms);
    flight_session_go(session, FLIGHT_ON_FAILED);
    session->retry_at_ms = flight_later(now_ms, flight_policy_wait_ms(&session->policy, random));
}

void flight_session_turn_done(flight_session *session, uint32_t now_ms)
{
    session->awaiting = 0;
    if (flight_session_polling(session)) {
        session->turn_at_ms = now_ms;
    }
}

void flight_session_probed(flight_session *session, int works, uint32_t now_ms)
{
    if (!session->policy.probing) {
        return;
    }
    if (works && session->state == FLIGHT_STATE_READY) {
        flight_policy_upgrade(&session->policy);
        flight_session_go(session, FLIGHT_ON_UPGRADE);
        session->open_asked = 0;
        session->drop_first = 1;
        return;
    }
    flight_policy_probe_failed(&session->policy, now_ms);
}

void flight_session_close(flight_session *session, uint32_t now_ms)
{
    if (session->state != FLIGHT_STATE_CLOSING) {
        session->close_at_ms = flight_later(now_ms, (int32_t)FLIGHT_CLOSE_WAIT_MS);
    }
    session->pausing = 0;
    flight_session_go(session, FLIGHT_ON_CLOSE);
}

void flight_session_poll_soon(flight_session *session)
{
    session->poll_now = 1;
}

/* ---- small answers ---- */

uint8_t flight_session_transport(const flight_session *session)
{
    return session->policy.transports[session->policy.index];
}

uint8_t flight_session_probe_target(const flight_session *session)
{
    return session->policy.index != 0 ? session->policy.transports[session->policy.index - 1] : 0;
}

int flight_session_polling(const flight_session *session)
{
    return flight_session_transport(session) == FLIGHT_TRANSPORT_POLLING;
}

static int32_t silent_ms(const flight_session *session)
{
    return flight_session_polling(session) ? session->profile->connect_timeout_ms : 2 * session->sender.heartbeat_ms;
}

static int poll_is_due(flight_session *session, uint32_t now_ms)
{
    const int32_t since_ms = flight_elapsed(now_ms, session->turn_at_ms);

    return (since_ms >= session->profile->poll_floor_ms && (session->poll_now || flight_sender_urgent(session, now_ms))) ||
           since_ms >= session->profile->update_interval_ms;
}

/* Whether numbers are left; when they run out and nothing is held, the session starts anew. */
int flight_session_may_number(flight_session *session)
{
    const int32_t highest =
        flight_max(flight_max(session->next_counter, session->store.base + session->store.used), session->tally.lossy_handed);

    if (highest < FLIGHT_RENEW_AT) {
        return 1;
    }
    if (session->store.used == 0) {
        memset(session->identity->incarnation, 0, 8);
        session->renew = 1;
    }
    return 0;
}

/* ---- what to do next ---- */

int flight_session_emit(flight_session *session, uint8_t type, uint8_t flags, uint16_t channel, uint8_t *buffer,
                        uint32_t bytes)
{
    flight_session_out *out = &session->out;

    out->buffer = buffer;
    if (session->agreement.auth != FLIGHT_AUTH_NONE && type != FLIGHT_TYPE_HELLO) {
        flags |= FLIGHT_FLAG_AUTHENTICATED; /* the driver writes the tag behind the payload */
    }
    out->turn_bytes += (int32_t)(FLIGHT_HEADER_BYTES + bytes - FLIGHT_TRAILER_BYTES) + out->behind_bytes;
    out->frame.type = type;
    out->frame.flags = flags;
    out->frame.channel = channel;
    out->frame.seq = 0;
    out->frame.ack = 0;
    out->frame.payload_bytes = bytes;
    flight_sender_left(session, &out->frame);
    if (session->state == FLIGHT_STATE_READY || session->state == FLIGHT_STATE_CLOSING) {
        out->frame.ack = (uint32_t)session->receipts.next_in;
        session->receipts.unacked = 0;
    }
    return FLIGHT_DO_SEND;
}

int flight_session_seal(flight_session *session)
{
    flight_session_out *out = &session->out;

    return flight_frame_seal(out->buffer, flight_frame_bytes(out->frame.payload_bytes, out->frame.flags), &out->frame);
}

/* A frame that proves who we are: ATTACH (poll_number 0) or POLL. */
static int emit_proved(flight_session *session, uint8_t type, int32_t number, int32_t poll_number)
{
    uint8_t *payload = session->out.scratch + FLIGHT_HEADER_BYTES;
    const uint32_t bytes = flight_write_attach(payload, session->welcome.session_id, session->generation, number);

    session->prover->prove(session->prover->context, payload + 24, (uint32_t)session->generation, (uint32_t)poll_number);
    return flight_session_emit(session, type, FLIGHT_FLAG_CHECKED, 0, session->out.scratch, bytes);
}

static int give_up(flight_session *session, uint32_t now_ms, uint32_t random)
{
    flight_session_failed(session, now_ms, random);
    return FLIGHT_DO_DROP;
}

static int poll_opening(flight_session *session, uint32_t now_ms, uint32_t random)
{
    if (session->drop_first) {
        session->drop_first = 0;
        return FLIGHT_DO_DROP;
    }
    if (!session->open_asked) {
        session->open_asked = 1;
        session->deadline_ms = flight_later(now_ms, session->profile->connect_timeout_ms);
        return FLIGHT_DO_OPEN;
    }
    return flight_elapsed(now_ms, session->deadline_ms) >= 0 ? give_up(session, now_ms, random) : FLIGHT_DO_NOTHING;
}

static int greet(flight_session *session, uint32_t now_ms)
{
    uint8_t *scratch = session->out.scratch;

    session->greeted = 1;
    session->in_turn = 1;
    session->deadline_ms = flight_later(now_ms, session->profile->connect_timeout_ms);
    if (session->state == FLIGHT_STATE_GREETING) {
        return flight_session_emit(session, FLIGHT_TYPE_HELLO, FLIGHT_FLAG_CHECKED, 0, scratch,
                                   flight_write_hello(scratch + FLIGHT_HEADER_BYTES, session));
    }
    session->generation++;
    return emit_proved(session, FLIGHT_TYPE_ATTACH, session->receipts.next_in, 0);
}

static int poll_greeting(flight_session *session, uint32_t now_ms, uint32_t random)
{
    if (session->in_turn) {
        session->in_turn = 0;
        session->awaiting = 1;
        session->turn_at_ms = now_ms;
        return FLIGHT_DO_TURN;
    }
    if (!session->greeted) {
        return greet(session, now_ms);
    }
    return flight_elapsed(now_ms, session->deadline_ms) >= 0 ? give_up(session, now_ms, random) : FLIGHT_DO_NOTHING;
}

static int begin_turn(flight_session *session, uint32_t now_ms)
{
    session->in_turn = 1;
    session->poll_now = 0;
    session->heard_at_ms = now_ms; /* the silence that counts on polling begins with the request */
    session->poll_number++;
    return emit_proved(session, FLIGHT_TYPE_POLL, session->poll_number, session->poll_number);
}

static int end_turn(flight_session *session, uint32_t now_ms)
{
    session->in_turn = 0;
    flight_sender_turn_ended(session, now_ms);
    session->out.turn_bytes = 0;
    session->turn_at_ms = now_ms;
    session->awaiting = 1;
    return FLIGHT_DO_TURN;
}

static int done(flight_session *session)
{
    flight_session_go(session, FLIGHT_ON_DONE);
    return FLIGHT_DO_DROP;
}

/* Whether this transport has been silent for too long. */
static int is_silent(const flight_session *session, uint32_t now_ms, int polling)
{
    return flight_elapsed(now_ms, session->heard_at_ms) > silent_ms(session) && (session->awaiting || !polling);
}

/* What comes before any frame: the end of a closing session, a new beginning, silence. NOTHING if none of them. */
static int leave(flight_session *session, uint32_t now_ms, uint32_t random, int polling)
{
    const int over =
        session->state == FLIGHT_STATE_CLOSING && flight_elapsed(now_ms, session->close_at_ms) >= 0;

    if (over && (polling || session->awaiting || session->sender.close_sent)) {
        return done(session);
    }
    if (session->renew || is_silent(session, now_ms, polling)) {
        session->known = !session->renew; /* it was known, or it would not be ready */
        session->renew = 0;
        return give_up(session, now_ms, random);
    }
    return FLIGHT_DO_NOTHING;
}

/* The frames of a turn, and its end. */
static int poll_turn(flight_session *session, uint32_t now_ms, int polling)
{
    if (polling && !session->in_turn && session->sender.close_sent) {
        return done(session);
    }
    if (polling && !session->in_turn && poll_is_due(session, now_ms)) {
        return begin_turn(session, now_ms);
    }
    if (!polling || session->in_turn) {
        const int command = flight_sender_next_frame(session, now_ms);

        if (command != FLIGHT_DO_NOTHING) {
            session->in_turn = 1;
            return command;
        }
    }
    return session->in_turn ? end_turn(session, now_ms) : FLIGHT_DO_NOTHING;
}

static int poll_ready(flight_session *session, uint32_t now_ms, uint32_t random)
{
    const int polling = flight_session_polling(session);
    int command;

    if (session->state == FLIGHT_STATE_READY && flight_renewal_ask_due(&session->renewal, now_ms)) {
        return FLIGHT_DO_REFRESH;
    }
    command = leave(session, now_ms, random, polling);
    if (command != FLIGHT_DO_NOTHING || session->awaiting) {
        return command;
    }
    command = poll_turn(session, now_ms, polling);
    if (command != FLIGHT_DO_NOTHING) {
        return command;
    }
    if (session->sender.close_sent) {
        return done(session);
    }
    if (session->state == FLIGHT_STATE_READY && flight_policy_probe_due(&session->policy, now_ms)) {
        session->policy.probing = 1;
        return FLIGHT_DO_PROBE;
    }
    return FLIGHT_DO_NOTHING;
}

int flight_session_poll(flight_session *session, uint32_t now_ms, uint32_t random)
{
    if (session->pausing && flight_session_may_leave(session, now_ms)) {
        flight_session_leave_link(session, now_ms);
    }
    switch (session->state) {
    case FLIGHT_STATE_READY:
    case FLIGHT_STATE_CLOSING:
        return poll_ready(session, now_ms, random);
    case FLIGHT_STATE_WAITING:
        if (flight_elapsed(now_ms, session->retry_at_ms) < 0) {
            return FLIGHT_DO_NOTHING;
        }
        flight_session_go(session, FLIGHT_ON_DUE);
        session->open_asked = 0;
        return poll_opening(session, now_ms, random);
    case FLIGHT_STATE_OPENING:
        return poll_opening(session, now_ms, random);
    case FLIGHT_STATE_GREETING:
    case FLIGHT_STATE_ATTACHING:
        return poll_greeting(session, now_ms, random);
    case FLIGHT_STATE_PAUSED:
        if (session->drop_first) {
            session->drop_first = 0;
            return FLIGHT_DO_DROP;
        }
        return FLIGHT_DO_NOTHING;
    default:
        return FLIGHT_DO_NOTHING;
    }
}

/* The same for a transport that answers turns only. */
static int32_t wake_polling_ms(flight_session *session, uint32_t now_ms, int32_t wait_ms)
{
    const int32_t since_ms = flight_elapsed(now_ms, session->turn_at_ms);
    const int32_t interval_ms = session->profile->update_interval_ms - since_ms;
    int32_t urgent_ms = 0;

    if (!session->poll_now) {
        urgent_ms = flight_sender_urgent_in_ms(session, now_ms, flight_max(0, interval_ms));
    }
    wait_ms = flight_min(wait_ms, interval_ms);
    return flight_min(wait_ms, flight_max(session->profile->poll_floor_ms - since_ms, urgent_ms));
}

/* The same for a session that is ready or closing. */
static int32_t wake_ready_ms(flight_session *session, uint32_t now_ms)
{
    const int polling = flight_session_polling(session);
    const int32_t hold_ms = flight_frames_hold_ms(&session->store, now_ms, session->sender.heartbeat_ms);
    int32_t wait_ms = hold_ms != 0 ? hold_ms : session->sender.heartbeat_ms;

    wait_ms = flight_renewal_wake_in_ms(&session->renewal, now_ms, wait_ms);
    if (session->pausing) {
        wait_ms = flight_min(wait_ms, -flight_elapsed(now_ms, session->deadline_ms));
    }
    if (session->awaiting || !polling) {
        wait_ms = flight_min(wait_ms, silent_ms(session) + 1 - flight_elapsed(now_ms, session->heard_at_ms));
    }
    if (session->state == FLIGHT_STATE_CLOSING) {
        wait_ms = flight_min(wait_ms, -flight_elapsed(now_ms, session->close_at_ms));
    }
    if (!session->awaiting && polling) {
        wait_ms = wake_polling_ms(session, now_ms, wait_ms);
    } else if (!session->awaiting) {
        wait_ms = flight_sender_wake_in_ms(session, now_ms, wait_ms);
    }
    return session->state == FLIGHT_STATE_READY ? flight_policy_probe_wait_ms(&session->policy, now_ms, wait_ms) : wait_ms;
}

uint32_t flight_session_wake_in_ms(flight_session *session, uint32_t now_ms)
{
    int32_t wait_ms = session->sender.heartbeat_ms;

    switch (session->state) {
    case FLIGHT_STATE_WAITING:
        wait_ms = -flight_elapsed(now_ms, session->retry_at_ms);
        break;
    case FLIGHT_STATE_OPENING:
        wait_ms = session->open_asked ? -flight_elapsed(now_ms, session->deadline_ms) : 0;
        break;
    case FLIGHT_STATE_GREETING:
    case FLIGHT_STATE_ATTACHING:
        wait_ms = -flight_elapsed(now_ms, session->deadline_ms);
        break;
    case FLIGHT_STATE_READY:
    case FLIGHT_STATE_CLOSING:
        wait_ms = session->renew && session->state == FLIGHT_STATE_READY ? 0 : wake_ready_ms(session, now_ms);
        break;
    case FLIGHT_STATE_PAUSED:
        wait_ms = session->drop_first ? 0 : wait_ms;
        break;
    default:
        break;
    }
    return (uint32_t)flight_max(0, wait_ms);
}

#endif
