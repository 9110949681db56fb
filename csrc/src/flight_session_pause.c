/* What the application says of its connection: pause, go on, recover, limits. The reference is machine.py and sender.py of
 * flight_client/session/device. */
#include "flight_session_parts.h"

#if FLIGHT_SESSION

/* Whether the turn under way is over, or has taken too long. */
int flight_session_may_leave(const flight_session *session, uint32_t now_ms)
{
    return session->state != FLIGHT_STATE_READY || !(session->in_turn || session->awaiting) ||
           flight_elapsed(now_ms, session->deadline_ms) >= 0;
}

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

void flight_session_pause(flight_session *session, uint32_t now_ms)
{
    if (session->pausing) {
        return;
    }
    if (session->state == FLIGHT_STATE_READY && (session->in_turn || session->awaiting)) {
        session->pausing = 1;
        session->deadline_ms = flight_later(now_ms, (int32_t)FLIGHT_CLOSE_WAIT_MS);
    } else if (session->state != FLIGHT_STATE_CLOSING) {
        flight_session_leave_link(session, now_ms);
    }
}

void flight_session_go_on(flight_session *session, uint32_t now_ms)
{
    (void)now_ms;
    session->pausing = 0;
    flight_session_go(session, FLIGHT_ON_GO_ON);
}

void flight_session_recover(flight_session *session, int advice)
{
    if (session->state != FLIGHT_STATE_WAITING) {
        return;
    }
    if (advice == FLIGHT_ADVICE_POLLING) {
        flight_policy_use(&session->policy, FLIGHT_TRANSPORT_POLLING);
    } else if (advice == FLIGHT_ADVICE_BACK_OFF) {
        flight_policy_back_off(&session->policy);
    }
}

void flight_session_limit_link(flight_session *session, int32_t bytes_per_s)
{
    session->batching.link_bytes_per_s = bytes_per_s;
    flight_bucket_begin(&session->sender.link, bytes_per_s, flight_max(bytes_per_s, session->profile->frame_bytes));
    flight_batching_settle(session);
}

void flight_session_limit_pace(flight_session *session, int32_t events_per_s)
{
    flight_bucket_begin(&session->sender.pace, events_per_s, events_per_s);
}

void flight_session_adapt(flight_session *session)
{
    session->batching.begun = 1;
    flight_session_limit_link(session, session->profile->link_bytes_per_s);
}

/* A frame came without its right tag: not from our peer, so it says nothing of our session. */
void flight_session_forged(flight_session *session, uint32_t now_ms, uint32_t random)
{
    session->tally.forged++;
    flight_session_failed(session, now_ms, random);
}

void flight_session_restore(flight_session *session, const uint8_t *incarnation, int32_t mark, int64_t counted)
{
    memcpy(session->identity->incarnation, incarnation, 8);
    session->next_counter = mark + 1;
    session->counted = counted;
}

int32_t flight_session_settled_counter(const flight_session *session)
{
    return flight_frames_first_counter(&session->store, session->next_counter) - 1;
}

#endif
