/* Radio off: the link goes and stays away until the application wants it back. What follows what stands in
 * flight_session_states.c; the rest of the machine in flight_session.c. */
#include "flight_session_parts.h"

#if FLIGHT_SESSION

/* Pause: the link goes with the next poll. */
void flight_session_leave_link(flight_session *session, uint32_t now_ms)
{
    session->pausing = 0;
    if (session->state >= FLIGHT_STATE_OPENING && session->state <= FLIGHT_STATE_READY) {
        session->drop_first = 1;
        flight_policy_paused(&session->policy, now_ms);
    }
    session->open_asked = 0;
    flight_session_go(session, FLIGHT_ON_PAUSE);
}

/* Whether a turn of a ready session is with the transport, or being written. */
static int turn_is_under_way(const flight_session *session)
{
    return session->state == FLIGHT_STATE_READY && (session->in_turn || session->awaiting);
}

void flight_session_pause(flight_session *session, uint32_t now_ms)
{
    if (session->pausing || session->state == FLIGHT_STATE_CLOSING) {
        return;
    }
    if (turn_is_under_way(session)) {
        session->pausing = 1;
        session->deadline_ms = flight_later(now_ms, (int32_t)FLIGHT_CLOSE_WAIT_MS);
        return;
    }
    flight_session_leave_link(session, now_ms);
}

void flight_session_go_on(flight_session *session, uint32_t now_ms)
{
    (void)now_ms;
    session->pausing = 0;
    flight_session_go(session, FLIGHT_ON_GO_ON);
}

/* A pause waits for the turn under way, and not for ever. */
void flight_session_end_turn_for_pause(flight_session *session, uint32_t now_ms)
{
    if (session->pausing && (!turn_is_under_way(session) || flight_elapsed(now_ms, session->deadline_ms) >= 0)) {
        flight_session_leave_link(session, now_ms);
    }
}

#endif
