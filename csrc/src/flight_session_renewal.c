/* When a device asks for a new token, and what it does until it has one. The reference is
 * flight_client/session/device/renewal.py. */
#include "flight_session_parts.h"

#if FLIGHT_SESSION

enum {
    REST,  /* nothing to do, or nothing before due_at_ms */
    ASKED, /* the driver asks for a token */
    READY, /* there is one to send */
    SENT   /* RENEWED is awaited */
};

static void rest(flight_renewal *renewal, int32_t expires_in_ms, uint32_t now_ms)
{
    renewal->step = REST;
    renewal->over = 0;
    renewal->token = "";
    renewal->timed = renewal->renewable && expires_in_ms > 0;
    if (renewal->timed) {
        const int32_t wait_ms = expires_in_ms - flight_min((int32_t)FLIGHT_TOKEN_LEAD_MS, expires_in_ms >> 2);

        renewal->due_at_ms = flight_later(now_ms, flight_max(wait_ms, (int32_t)FLIGHT_TOKEN_RETRY_MS));
    }
}

static void again(flight_renewal *renewal, uint32_t now_ms)
{
    renewal->token = "";
    renewal->step = REST;
    renewal->timed = renewal->renewable;
    renewal->due_at_ms = flight_later(now_ms, (int32_t)FLIGHT_TOKEN_RETRY_MS);
}

/* A session has begun with a token of this life; 0 = without an end. */
void flight_renewal_begin(flight_renewal *renewal, int32_t expires_in_ms, uint32_t now_ms)
{
    renewal->tried = 0;
    rest(renewal, expires_in_ms, now_ms);
}

/* What was sent and not answered is lost with the old transport. */
void flight_renewal_new_transport(flight_renewal *renewal)
{
    if (renewal->step == SENT) {
        renewal->step = READY;
    }
}

static int is_timed(const flight_renewal *renewal)
{
    return renewal->step == REST && renewal->timed;
}

/* Whether to ask the driver, which is thereby done. */
int flight_renewal_ask_due(flight_renewal *renewal, uint32_t now_ms)
{
    if (!is_timed(renewal) || flight_elapsed(now_ms, renewal->due_at_ms) < 0) {
        return 0;
    }
    renewal->step = ASKED;
    return 1;
}

/* How long nothing of this happens by itself; at most longest_ms. */
int32_t flight_renewal_wake_in_ms(const flight_renewal *renewal, uint32_t now_ms, int32_t longest_ms)
{
    return is_timed(renewal) ? flight_min(longest_ms, -flight_elapsed(now_ms, renewal->due_at_ms)) : longest_ms;
}

void flight_session_token(flight_session *session, const char *token, uint32_t now_ms)
{
    flight_renewal *renewal = &session->renewal;

    if (renewal->step != ASKED) {
        return;
    }
    if (token == NULL) {
        again(renewal, now_ms);
    } else {
        renewal->token = token;
        renewal->step = READY;
    }
}

/* Whether TOKEN waits to be sent. */
int flight_renewal_to_send(const flight_renewal *renewal)
{
    return renewal->step == READY;
}

void flight_renewal_sent(flight_renewal *renewal, uint32_t now_ms)
{
    renewal->step = SENT;
    renewal->due_at_ms = now_ms;
}

/* Send TOKEN once more that was not answered in so long. */
void flight_renewal_remind(flight_renewal *renewal, uint32_t now_ms, int32_t patience_ms)
{
    if (renewal->step == SENT && flight_elapsed(now_ms, renewal->due_at_ms) >= patience_ms) {
        renewal->step = READY;
    }
}

/* How long the last one has nothing to do; at most longest_ms. */
int32_t flight_renewal_remind_in_ms(const flight_renewal *renewal, uint32_t now_ms, int32_t patience_ms,
                                    int32_t longest_ms)
{
    return renewal->step == SENT ? flight_min(longest_ms, patience_ms - flight_elapsed(now_ms, renewal->due_at_ms))
                                 : longest_ms;
}

/* The gateway goes on with the token that was sent. 1: it had stopped before. */
int flight_renewal_accepted(flight_renewal *renewal, int32_t expires_in_ms, uint32_t now_ms)
{
    const int was_over = renewal->over;

    rest(renewal, expires_in_ms, now_ms);
    return was_over;
}

/* The gateway does not take the token that was sent. */
void flight_renewal_refused(flight_renewal *renewal, uint32_t now_ms)
{
    again(renewal, now_ms);
}

/* The gateway says that the token has ended. */
void flight_renewal_ended(flight_renewal *renewal, uint32_t now_ms)
{
    const int told = renewal->over;

    renewal->over = 1;
    if (!told && renewal->step == REST && renewal->renewable) {
        renewal->timed = 1;
        renewal->due_at_ms = flight_later(now_ms, (int32_t)FLIGHT_TOKEN_SPACING_MS);
    }
}

/* Whether a session that was refused for its old token may be begun once more, with a new one. */
int flight_renewal_try_again(flight_renewal *renewal)
{
    if (!renewal->renewable || renewal->tried) {
        return 0;
    }
    renewal->tried = 1;
    return 1;
}

#endif
