/* How frames travel in one kind of transport: frames in, bytes for the port out; bytes of the port in, bytes of frames out. A
 * codec does no I/O, reads no clock and keeps its state in the caller's memory; flight_client drives it and does the rest.
 * Which codecs are compiled in is a macro each. Raw TCP has none: its bytes are the frames.
 *
 * Out: the client keeps one buffer for what goes out and lends it. A turn is what the session sends at once: some frames, then
 * its end. begin -> (frame ... frame, end_turn)*. Before the first frame of a turn the codec says how many bytes it wants to keep
 * free in front (head_bytes), so that polling can put its request line in front of a body whose length it knows only then.
 *
 * In: feed takes any number of bytes cut anywhere, takes out what belongs to the transport, and leaves the bytes of frames,
 * moved together, at the front of the same buffer. However the bytes were cut, what comes out is the same: the bytes of frames,
 * the happenings (OPEN, TURN_DONE, REOPEN), and at the end the state (ANSWER, FAILED, the problem and its status). */
#ifndef FLIGHT_CODEC_H
#define FLIGHT_CODEC_H

#include <stddef.h>
#include <stdint.h>

#include "flight.h"

#ifndef FLIGHT_POLLING
#define FLIGHT_POLLING 1 /* 0 leaves HTTP polling out of the library */
#endif
#ifndef FLIGHT_WEBSOCKET
#define FLIGHT_WEBSOCKET 1 /* 0 leaves WebSocket, SHA-1 and Base64 out of the library */
#endif

/* What feed noticed; bits. */
enum {
    FLIGHT_CODEC_OPEN = 1,      /* WebSocket: the handshake is done (once) */
    FLIGHT_CODEC_TURN_DONE = 2, /* polling: the reply is complete */
    FLIGHT_CODEC_ANSWER = 4,    /* bytes for the peer are waiting in `answer` (pong, close): to be sent before anything else, between frames */
    FLIGHT_CODEC_REOPEN = 8,    /* polling: the server closes after this reply; the next turn needs a new connection */
    FLIGHT_CODEC_FAILED = 16    /* the transport is over: `problem` says why */
};

/* Why a transport failed; for counters and for people. */
typedef enum flight_codec_problem {
    FLIGHT_PROBLEM_NONE = 0,
    FLIGHT_PROBLEM_STATUS = 1,    /* an HTTP status that is not the expected one: `status` has it */
    FLIGHT_PROBLEM_HEAD = 2,      /* an HTTP head that is malformed or longer than its limit */
    FLIGHT_PROBLEM_LENGTH = 3,    /* a body without a length, or with one that is wrong, contradicts another or is too large;
                                     coded as nobody asked for; or bytes behind its end */
    FLIGHT_PROBLEM_HANDSHAKE = 4, /* a WebSocket upgrade that does not prove itself */
    FLIGHT_PROBLEM_FRAMING = 5,   /* WebSocket framing that a server must not send */
    FLIGHT_PROBLEM_CLOSED = 6     /* the peer closed. WebSocket: `status` has the close code, 1006 where it gave no notice */
} flight_codec_problem;

#endif
