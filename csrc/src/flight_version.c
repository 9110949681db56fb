/* Which library this is, and what its errors mean in words. */
#include "flight.h"

/* In the order of flight_error, each ended by a zero: a table of pointers would need relocating on some machines. */
static const char texts[] =
    "no error\0"
    "an argument is null, misaligned or out of range\0"
    "the output buffer is too small\0"
    "the ring is full\0"
    "the ring is empty\0"
    "it is larger than can ever fit\0"
    "the bytes do not start with a Flight header\0"
    "the header is damaged: its check does not match\0"
    "the frame has another protocol version\0"
    "the message type is not known\0"
    "a flag is not known\0"
    "a sequence number does not fit 30 bits\0"
    "the frame is larger than the receiver's limit\0"
    "the frame is damaged: its CRC does not match\0"
    "an event record is cut, not canonical or of an unknown layout\0"
    "a compressed payload is damaged or declares a size that it must not have\0"
    "a fragment does not follow the one before it\0"
    "an unknown error code";

uint32_t flight_version(void)
{
    return FLIGHT_CORE_VERSION;
}

const char *flight_error_text(int code)
{
    const char *text = texts;
    int skip = code >= 0 ? 0 : (code < FLIGHT_ERROR_FRAGMENT ? 1 - FLIGHT_ERROR_FRAGMENT : -code);

    for (; skip > 0; skip--) {
        while (*text != 0) {
            text++;
        }
        text++;
    }
    return text;
}
