/* A transport is ready, a session begins or is lost: what the inbox reports. The reference is
 * flight_client/session/device/machine.py. */
#include "flight_session_parts.h"

#if FLIGHT_SESSION

/* The gateway does not know our session: HELLO on the same transport. */
void flight_session_lost(flight_session *session)
{
    session->known = 0;
    session->greeted = 0;
    session->in_turn = 0;
    flight_session_go(session, FLIGHT_ON_RESET);
}

/* WELCOME or RESUMED was read: frames may flow. */
void flight_session_ready(flight_session *session, uint32_t now_ms)
{
    flight_frames_rewind(&session->store);
    session->sender.piece_at = session->sender.piece_end; /* what was under way unsequenced is lost with the old transport */
    flight_renewal_new_transport(&session->renewal);
    flight_frames_settled(&session->store, session->resumed || session->log_kept);
    flight_policy_ready(&session->policy, now_ms);
    flight_channels_ask_again(&session->channels, !session->resumed);
    session->tally.connections++;
    session->heard_at_ms = now_ms;
    session->sender.sent_at_ms = now_ms;
    session->out.turn_bytes = 0;
    flight_receipts_new_transport(&session->receipts);
    session->turn_at_ms = flight_later(now_ms, -session->profile->update_interval_ms);
    flight_session_go(session, session->resumed ? FLIGHT_ON_RESUMED : FLIGHT_ON_WELCOMED);
}

/* What the gateway holds of our events is settled; in another incarnation it holds none. */
static void settle(flight_session *session)
{
    static const uint8_t none[8] = {0};
    const flight_welcome *welcome = &session->welcome;
    flight_session_store *store = &session->store;
    uint8_t *incarnation = session->identity->incarnation;

    session->log_kept = memcmp(session->epoch, welcome->epoch, 8) == 0;
    if (memcmp(incarnation, none, 8) == 0 || memcmp(incarnation, welcome->incarnation, 8) != 0) {
        session->counted += flight_session_settled_counter(session) - welcome->mark;
        if (session->counted < 0) {
            session->counted = 0;
        }
        memcpy(incarnation, welcome->incarnation, 8);
        session->log_kept = 0;
        session->next_counter = flight_frames_recount(store, welcome->mark + 1);
        flight_tally_lossy_restart(&session->tally, 0, 1);
    }
    flight_frames_acknowledge_counters(store, welcome->mark);
    flight_tally_acknowledged(&session->tally, store);
    session->next_counter = flight_max(session->next_counter, welcome->mark + 1);
    flight_tally_lossy_restart(&session->tally, welcome->lossy_stored, memcmp(session->epoch, welcome->epoch, 8) != 0);
    memcpy(session->epoch, welcome->epoch, 8);
    flight_frames_renumber(store);
}

/* Take over what WELCOME granted: numbers start again. */
void flight_session_begin(flight_session *session)
{
    const flight_welcome *welcome = &session->welcome;

    session->known = 1;
    session->resumed = 0;
    session->generation = 0;
    session->receipts.next_in = 1;
    session->poll_number = 0;
    session->sender.heartbeat_ms = flight_min(welcome->heartbeat_ms, FLIGHT_LONGEST_MS);
    flight_agreement_begin(session);
    session->out.behind_bytes =
        (int32_t)(FLIGHT_TRAILER_BYTES + (session->agreement.auth != FLIGHT_AUTH_NONE ? FLIGHT_TAG_BYTES : 0));
    flight_policy_announce(&session->policy, welcome->spread_ms);
    session->prover->begin(session->prover->context, session->identity->token, session->nonce, welcome->server_nonce);
    settle(session);
}

#endif
