/* What a device and its gateway agree on for one session: HELLO states wishes, WELCOME answers with what holds. The reference is
 * flight_client/session/device/agreement.py. */
#include "flight_session_parts.h"

#if FLIGHT_SESSION

/* Whether WELCOME keeps to what HELLO offered; if not, the peer breaks the protocol. */
int flight_agreement_keeps(const flight_agreement *agreement, const flight_welcome *welcome)
{
    return ((welcome->flags_up & ~(uint32_t)agreement->sends) | (welcome->flags_down & ~(uint32_t)agreement->reads)) == 0 &&
           welcome->auth == agreement->auth;
}

/* From now on this holds. */
void flight_agreement_begin(flight_session *session)
{
    const flight_welcome *welcome = &session->welcome;
    flight_agreement *agreement = &session->agreement;

    agreement->up = welcome->flags_up;
    agreement->down = welcome->flags_down;
    agreement->unpacked_out_bytes = welcome->unpacked_bytes;
    session->sender.window_frames = flight_min(session->profile->window_frames, welcome->window_frames);
    session->sender.window_bytes = welcome->window_bytes;
    session->out.frame_room_bytes = flight_min(session->profile->frame_bytes, welcome->frame_bytes);
}

#endif
