/* What we have received in sequence, and what we owe the gateway for it: acknowledgements and requests to send again. The
 * reference is flight_client/session/device/receipts.py. */
#include "flight_session_parts.h"

#if FLIGHT_SESSION

/* What was asked for on the old transport is forgotten. */
void flight_receipts_new_transport(flight_session_receipts *receipts)
{
    receipts->unacked = 0;
    receipts->asked = 0;
    receipts->resend_wanted = 0;
}

/* Accept only the next number; anything else is acknowledged again, a jump asks once for a resend. */
int flight_receipts_take(flight_session_receipts *receipts, int32_t seq, uint32_t now_ms)
{
    if (receipts->unacked == 0) {
        receipts->ack_at_ms = flight_later(now_ms, (int32_t)FLIGHT_ACK_DELAY_MS);
    }
    receipts->unacked++;
    if (seq == receipts->next_in) {
        receipts->next_in++;
        return 1;
    }
    if (seq > receipts->next_in) {
        if (receipts->asked != receipts->next_in) {
            receipts->resend_wanted = 1;
        }
        receipts->asked = receipts->next_in;
    }
    return 0;
}

/* Whether so much waits that the gateway may soon have to stop. */
int flight_receipts_half_a_window(const flight_session_receipts *receipts)
{
    return receipts->unacked >= receipts->half_frames;
}

/* Whether an acknowledgement has to go now, with or without other frames. */
int flight_receipts_ack_due(const flight_session_receipts *receipts, uint32_t now_ms)
{
    return receipts->unacked > 0 &&
           (flight_elapsed(now_ms, receipts->ack_at_ms) >= 0 || flight_receipts_half_a_window(receipts));
}

/* How long until one has to go, at most longest_ms. */
int32_t flight_receipts_ack_in_ms(const flight_session_receipts *receipts, uint32_t now_ms, int32_t longest_ms)
{
    return receipts->unacked ? flight_min(longest_ms, -flight_elapsed(now_ms, receipts->ack_at_ms)) : longest_ms;
}

#endif
