/* The states of the device role and every transition between them. The theory of operation stands in the reference,
 * flight_client/session/device/states.py; a test compares all pairs.
 *
 * A row a state, a column a happening. A happening that a state does not name changes nothing: it is late news of a transport
 * that was given up. */
#include "flight_session_parts.h"

#if FLIGHT_SESSION

enum { IDLE, WAITING, OPENING, GREETING, ATTACHING, READY, CLOSING, CLOSED, STOPPED, PAUSED };

static const uint8_t states[PAUSED + 1][FLIGHT_HAPPENINGS] = {
    /* start, due, opened new, opened known, failed, welcomed, resumed, reset, fatal, close, done, upgrade, pause, go on */
    {OPENING, IDLE, IDLE, IDLE, IDLE, IDLE, IDLE, IDLE, IDLE, CLOSED, IDLE, IDLE, PAUSED, IDLE},
    {WAITING, OPENING, WAITING, WAITING, WAITING, WAITING, WAITING, WAITING, WAITING, CLOSED, WAITING, WAITING,
     PAUSED, WAITING},
    {OPENING, OPENING, GREETING, ATTACHING, WAITING, OPENING, OPENING, OPENING, OPENING, CLOSED, OPENING, OPENING,
     PAUSED, OPENING},
    {GREETING, GREETING, GREETING, GREETING, WAITING, READY, GREETING, GREETING, STOPPED, CLOSED, GREETING, GREETING,
     PAUSED, GREETING},
    {ATTACHING, ATTACHING, ATTACHING, ATTACHING, WAITING, ATTACHING, READY, GREETING, STOPPED, CLOSED, ATTACHING,
     ATTACHING, PAUSED, ATTACHING},
    {READY, READY, READY, READY, WAITING, READY, READY, GREETING, STOPPED, CLOSING, READY, OPENING, PAUSED, READY},
    {CLOSING, CLOSING, CLOSING, CLOSING, CLOSED, CLOSING, CLOSING, CLOSED, CLOSED, CLOSING, CLOSED, CLOSING, CLOSING,
     CLOSING},
    {CLOSED, CLOSED, CLOSED, CLOSED, CLOSED, CLOSED, CLOSED, CLOSED, CLOSED, CLOSED, CLOSED, CLOSED, CLOSED, CLOSED},
    {STOPPED, STOPPED, STOPPED, STOPPED, STOPPED, STOPPED, STOPPED, STOPPED, STOPPED, STOPPED, STOPPED, STOPPED,
     STOPPED, STOPPED},
    {PAUSED, PAUSED, PAUSED, PAUSED, PAUSED, PAUSED, PAUSED, PAUSED, PAUSED, CLOSED, PAUSED, PAUSED, PAUSED, OPENING},
};

uint8_t flight_session_next_state(uint32_t state, uint32_t happening)
{
    return states[state][happening];
}

#endif
