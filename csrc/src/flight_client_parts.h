/* What the files of the client share. Private.
 *
 * Theory of operation. flight_poll does steps until there is nothing to do or its budget is spent. A step is the first thing of
 * a fixed list that can be done (flight_client_poll.c), and does at most one call of the port besides the clock. What was tried
 * in vain is not tried again in the same *round*, which ends when nothing is left to try; a budget that ends before only stops
 * the round for a while. So a round does the same in the same order, however it is cut.
 *
 * Out: the session's frames of a turn are collected in `out`; at its end they go as they are, as one HTTP request or as one
 * WebSocket message, in pieces that the link's bucket can pay. Nothing is written to `out` while it is on its way.
 * In: bytes of the port go through the codec in `in` and through the stream into frames, one frame a step, one event a step. */
#ifndef FLIGHT_CLIENT_PARTS_H
#define FLIGHT_CLIENT_PARTS_H

#include "flight_bytes.h"
#include "flight_codec.h"
#include "flight_http.h"
#include "flight_session_parts.h"
#include "flight_websocket.h"

#if FLIGHT_CLIENT

#define FLIGHT_WRITES_DELTA (FLIGHT_DELTA && FLIGHT_SESSION_PIECES) /* without pieces no frame can be written anew */
#define FLIGHT_SLOT_BYTES 64u             /* of both rings */
#define FLIGHT_LINE_BYTES 4u              /* that a byte pipe adds to a frame */
#define FLIGHT_LINE_FRAME_BYTES (FLIGHT_HELLO_FRAME_BYTES + FLIGHT_LINE_BYTES)
#define FLIGHT_RECORD_CRASH 2u            /* numbers of the port's records: 0 and 1 are the copies of the resume record */
#define FLIGHT_CRASH_RECORD_BYTES (20u + FLIGHT_CRASH_TEXT_BYTES + 4u * FLIGHT_CRASH_WORDS)

/* Where the connection stands. */
enum flight_link {
    FLIGHT_LINK_DOWN,       /* there is none, and none is wanted */
    FLIGHT_LINK_WANTED,     /* to be opened */
    FLIGHT_LINK_CONNECTING, /* begun */
    FLIGHT_LINK_CONNECTED,  /* random bytes are needed, then the handshake or nothing */
    FLIGHT_LINK_SHAKING,    /* the handshake of a WebSocket is under way */
    FLIGHT_LINK_UP,
    FLIGHT_LINK_RESTING     /* polling: the server closed between two turns; the next one opens another connection */
};

/* What was tried in this round. */
enum flight_tried {
    FLIGHT_TRIED_LINK = 1,
    FLIGHT_TRIED_READY = 2,
    FLIGHT_TRIED_SEND = 4,
    FLIGHT_TRIED_SESSION = 8,
    FLIGHT_TRIED_RECEIVE = 16,
    FLIGHT_TRIED_SILENCE = 32,
    FLIGHT_TRIED_ANSWER = 64,
    FLIGHT_TRIED_LISTEN = 128 /* something was sent: nothing more goes before a look at what came */
};

/* A place for a channel. */
typedef struct flight_client_channel {
    const char *name;
    flight_handler handler;
    void *user;
    uint16_t number;     /* in the session, 0 before its first use */
    uint16_t subscribed; /* 1: also as a reader */
} flight_client_channel;

/* Frames of the interval so far. */
typedef struct flight_frames_seen {
    uint64_t sum_us;
    uint32_t least_us;
    uint32_t most_us;
    uint32_t began_ms;
    uint16_t count;
    uint16_t over_budget;
} flight_frames_seen;

/* What came and is not yet with its handler. */
typedef struct flight_delivery {
    const uint8_t *at;     /* of the records; null: none */
    const uint8_t *head;   /* of DELIVER */
    uint32_t left_bytes;
    const char *source;
    uint8_t source_bytes;
    uint16_t channel;      /* place */
} flight_delivery;

/* Bytes that wait for the port. */
typedef struct flight_outgoing {
    uint8_t *bytes;
    uint32_t capacity;
    uint32_t head_bytes;  /* where frames begin: room in front for a request or a message head */
    uint32_t start;       /* next byte to go */
    uint32_t end;         /* behind the last one */
    uint8_t ready;        /* it is on its way, nothing may be added */
    uint8_t touched;      /* and some of it is gone */
    uint8_t greeting;     /* it belongs to the transport, not to a turn */
    uint8_t wrapped;      /* it has the form of its transport */
    uint8_t answer_at;    /* bytes of a codec's answer that are gone */
    uint8_t answering;
} flight_outgoing;

typedef struct flight_line {
    uint16_t line;     /* the connection's name */
    uint16_t sent;     /* number of the next frame out */
    uint16_t expected; /* and in */
    uint16_t named;    /* 1: `line` was chosen once */
} flight_line;

#if FLIGHT_COMMANDS
/* Commands that were carried out (flight_client_commands.c). */
typedef struct flight_requests {
    flight_command_handler handler;
    void *user;
    uint8_t *memory;       /* of the table */
    uint32_t place_bytes;
    uint32_t ahead_ms;     /* the gateway's clock less ours, as far as deliveries can tell */
    uint32_t received_ms;  /* of the last delivery, by the gateway's clock */
    uint16_t next;         /* place of the next one; free while none is being carried out */
    uint16_t owed;         /* answers that wait for room */
    uint16_t results;      /* channel */
    uint8_t knows_ahead;
    uint8_t running;       /* a handler is being called */
} flight_requests;
#endif

#if FLIGHT_PROBE
#define FLIGHT_PROBE_FRAME_BYTES (FLIGHT_HEADER_BYTES + FLIGHT_NONCE_BYTES) /* PROBE, and PROBED */
#if FLIGHT_POLLING || FLIGHT_WEBSOCKET
#define FLIGHT_PROBE_BYTES (FLIGHT_REQUEST_START_BYTES + 152u) /* an upgrade, or a request with PROBE */
#else
#define FLIGHT_PROBE_BYTES FLIGHT_PROBE_FRAME_BYTES
#endif

/* Where a probe stands. */
enum flight_probe_stage {
    FLIGHT_PROBE_NONE,
    FLIGHT_PROBE_WANTED,     /* its connection is to be opened */
    FLIGHT_PROBE_CONNECTING, /* begun */
    FLIGHT_PROBE_ASKING,     /* bytes are to go: an upgrade, then PROBE */
    FLIGHT_PROBE_LISTENING,  /* they are gone */
    FLIGHT_PROBE_CLOSING     /* its connection is to be closed */
};

/* A better transport is tried (flight_client_probe.c). */
typedef struct flight_probe {
    uint32_t began_ms;
    uint16_t start;     /* of what is to go, in `bytes` */
    uint16_t end;
    uint8_t stage;      /* flight_probe_stage */
    uint8_t transport;  /* FLIGHT_TRANSPORT_... that is tried */
    uint8_t open;       /* the port holds its connection */
    uint8_t waited;     /* nothing more to try in this round */
    uint8_t got_bytes;
    uint8_t nonce[FLIGHT_NONCE_BYTES];
    uint8_t got[FLIGHT_PROBE_FRAME_BYTES]; /* of the answer */
    uint8_t bytes[FLIGHT_PROBE_BYTES];     /* what goes, then what came */
} flight_probe;
#endif

/* Unsequenced DATA with a tag: what numbers the next one. */
typedef struct flight_tagged {
    uint32_t generation;
    uint32_t poll;  /* number of the polling request; 0 on other transports */
    uint32_t count; /* in this request, elsewhere in this generation */
} flight_tagged;

struct flight_client {
    const flight_port *port;
    uint64_t clock_us;     /* the port's clock when now_ms was last moved on */
    uint64_t seen_us;      /* the port's clock when it was looked at last */
    uint32_t now_ms;
    uint32_t random;       /* for jitter; never 0 */
    uint32_t drawn;        /* failures for which it was drawn */
    uint8_t link;          /* flight_link */
    uint8_t transport;     /* FLIGHT_TRANSPORT_... of the present connection */
    uint8_t told;          /* the session knows that it is open */
    uint8_t open;          /* the port holds a connection */
    uint8_t drop;          /* close it */
    uint8_t tried;         /* flight_tried */
    uint8_t received;      /* times in this round */
    uint8_t codec_over;    /* the codec says that the transport is over; frames in front of that still count */
    uint8_t turn_done;     /* polling: the reply is there, its frames may not be read yet */
    uint8_t keep;          /* the resume record is to be written */
    uint8_t over;          /* closed, all counted */
    uint8_t closing;       /* nothing more is accepted */
    uint8_t weak;          /* FLIGHT_RANDOM_... */
    uint8_t resume_copy;   /* written last */
    uint8_t resume_on;
    uint8_t kept;          /* the resume record was written in this run */
    uint8_t booted;        /* identity.boot was drawn */
    uint8_t crash_left;    /* lines of a crash record that were queued first: when they are stored it is wiped */
    uint8_t level;         /* of memory pressure */
    uint8_t relieved;
    uint8_t trouble;       /* flight_trouble */
    uint16_t trouble_detail;
    int32_t port_error;
    uint32_t dropped_told; /* sum when DROPPED was last answered */
    uint32_t reply_bytes;  /* of frames in the present reply */
    uint32_t heard_at_ms;  /* when bytes came last */
    flight_bucket wire;    /* what the link drains */
    flight_frames_seen frames;
    flight_delivery delivery;
    flight_outgoing out;
    flight_line line;
    uint8_t *in;           /* bytes as the port gave them, then without what belongs to the transport */
    uint32_t in_capacity;
    uint32_t in_start;
    uint32_t in_end;
    uint8_t got_data;      /* a handler was called */
    uint8_t in_fed;        /* the codec has seen them */
    flight_client_channel *channels;
    flight_pressure_handler on_pressure;
    void *pressure_user;
    uint32_t accepted;
    uint32_t dropped_oldest;
    uint32_t dropped_replaced;
    uint32_t dropped_pressure;
    uint32_t dropped_closed;
    uint32_t dropped_too_large;
    uint32_t refused_full;
    uint32_t refused_too_large;
    uint32_t delivered;
    uint32_t unhandled;
    uint32_t missed;
    uint32_t bytes_out;
    uint32_t bytes_in;
    uint32_t garbage_bytes;
    flight_config config;
    flight_profile profile;
    flight_identity identity;
    flight_prover prover;
    flight_ring critical;
    flight_ring lossy;
    flight_stream stream;
    union {
        flight_batch batch;

#if FLIGHT_WRITES_DELTA
        flight_delta delta; /* to write a batch plain again */
#endif
    } work; /* of one step */

#if FLIGHT_COMMANDS
    flight_requests requests;
#endif
#if FLIGHT_RECORDS
    flight_resume resume;
#endif
#if FLIGHT_PROBE
    flight_probe probe;
#endif
#if FLIGHT_SHA256
    flight_hmac mac;
    flight_tagged tagged;
    uint16_t key_at;   /* bytes of the token that the session key has */
    uint8_t key_stage; /* FLIGHT_KEY_... */
#endif
#if FLIGHT_POLLING
    flight_http http;
#endif
#if FLIGHT_WEBSOCKET
    flight_websocket websocket;
#endif
    flight_session session;
};

/* flight_client_setup.c */
typedef struct flight_plan {
    flight_profile profile;
    uint32_t head_bytes;     /* of flight_outgoing */
    uint32_t turn_bytes;
    uint32_t in_bytes;
    uint32_t stream_frame_bytes;
    uint16_t channels;
    uint16_t critical_slots;
    uint16_t lossy_slots;
    uint16_t commands;
    uint16_t answer_bytes;
    uint8_t capabilities;
    const char *name;        /* of the platform */
} flight_plan;

/* flight_client_events.c */
typedef struct flight_wanted {
    flight_ring *ring;  /* where it was reserved; null: it takes the place of an older one */
    uint32_t bytes;     /* of the body, a multiple of 4 */
    uint16_t kind;      /* of a payload event */
    uint8_t layout;
    uint8_t flags;      /* FLIGHT_LOSSY ... */
} flight_wanted;
int flight_client_reserve(flight_client *client, int channel, flight_wanted *wanted, void **body);
void flight_client_commit(flight_client *client, const flight_wanted *wanted);
int flight_client_can_take(const flight_client *client);
void flight_client_drop_oldest(flight_client *client, uint32_t keep, uint32_t *counter);

/* flight_client_clock.c */
void flight_client_clock(flight_client *client);
uint32_t flight_client_thousandth(uint32_t number);
uint32_t flight_client_random(flight_client *client);

/* flight_client_link.c */
int flight_link_step(flight_client *client);
int flight_link_send(flight_client *client);
int flight_link_receive(flight_client *client);
int flight_link_close(flight_client *client);
int flight_link_say_goodbye(flight_client *client);
void flight_link_limit(flight_client *client, uint32_t bytes_per_s);
void flight_link_want(flight_client *client);
void flight_link_opened(flight_client *client);
void flight_link_drop(flight_client *client);
void flight_link_failed(flight_client *client, uint8_t trouble, uint16_t detail, int32_t port_error);

/* flight_client_out.c */
void flight_out_reset(flight_client *client);
int flight_out_add(flight_client *client);
#if FLIGHT_WEBSOCKET
int flight_out_shake_hands(flight_client *client, const uint8_t *key);
#endif
void flight_out_end_turn(flight_client *client);
int flight_out_wrap(flight_client *client);
uint32_t flight_out_waiting(flight_client *client, const uint8_t **data);
void flight_out_gone(flight_client *client, uint32_t bytes);

/* flight_client_in.c */
void flight_in_reset(flight_client *client);
int flight_in_step(flight_client *client);

/* flight_client_drive.c */
int flight_drive_step(flight_client *client);

/* flight_client_deliver.c */
int flight_deliver_step(flight_client *client);
void flight_deliver_begin(flight_client *client);

/* flight_client_commands.c */
#if FLIGHT_COMMANDS
int flight_commands_step(flight_client *client);
uint32_t flight_commands_bytes(uint32_t commands, uint32_t answer_bytes);
uint32_t flight_commands_place_bytes(uint32_t answer_bytes);
uint32_t flight_commands_body_bytes(uint32_t answer_bytes);
#endif

/* flight_client_log.c */
void flight_client_mend(uint8_t *at, const uint8_t *end);

/* flight_client_proof.c */
#if FLIGHT_SHA256
enum { FLIGHT_KEY_WHOLE, FLIGHT_KEY_TOKEN, FLIGHT_KEY_END, FLIGHT_KEY_STATES }; /* what of the session key is to be made next */
int flight_proof_step(flight_client *client);
#endif
void flight_proof_init(flight_client *client);
void flight_proof_sign(flight_client *client, uint8_t *at, flight_frame *frame);
int flight_proof_check(flight_client *client, flight_frame *frame);

/* flight_client_line.c */
#if FLIGHT_PIPE
void flight_line_begin(flight_client *client, uint32_t random);
void flight_line_write(flight_client *client, uint8_t *at);
int flight_line_take(flight_client *client, flight_frame *frame);
#endif

/* flight_client_probe.c */
#if FLIGHT_PROBE
int flight_probe_begin(flight_client *client);
int flight_probe_step(flight_client *client);
void flight_probe_stop(flight_client *client);
#endif

/* flight_client_record.c */
#if FLIGHT_RECORDS
void flight_record_load(flight_client *client);
int flight_record_step(flight_client *client);
#endif

#endif
#endif
