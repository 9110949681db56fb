/* What a session holds, and the words it is driven with. Included by flight_session.h; do not include it alone. */
#ifndef FLIGHT_SESSION_TYPES_H
#define FLIGHT_SESSION_TYPES_H

/* What flight_session_poll asks of the driver: do it, then poll again until it answers FLIGHT_DO_NOTHING. */
typedef enum flight_command {
    FLIGHT_DO_NOTHING = 0,       /* there is nothing to do now */
    FLIGHT_DO_OPEN = 1,          /* open flight_session_transport(); answer with flight_session_opened or _failed */
    FLIGHT_DO_DROP = 2,          /* close the transport, if there is one */
    FLIGHT_DO_SEND = 3,          /* seal the frame in `out` and send it, before the next poll */
    FLIGHT_DO_PACK_CRITICAL = 4, /* pack critical events into out.buffer from out.at, at most out.room_bytes; answer with _packed */
    FLIGHT_DO_PACK_LOSSY = 5,    /* the same with lossy events */
    FLIGHT_DO_TURN = 6,          /* what was sent since the last one goes out together; on polling it is one request */
    FLIGHT_DO_PROBE = 7,         /* try flight_session_probe_target() on a throw-away connection; answer with _probed */
    FLIGHT_DO_LETTER = 8,        /* a critical frame was given up: store.letter_slot, letter_events, letter_cause, letter_sent */
    FLIGHT_DO_RECODE = 9,        /* write the records in out.buffer, from out.at, out.frame.payload_bytes bytes, without the
                                    coding of out.frame.flags; answer with _recoded */
    FLIGHT_DO_TOO_LARGE = 10,    /* answer of flight_session_pack_large only: this event can never go */
    FLIGHT_DO_REFRESH = 11       /* ask for a new token; answer with flight_session_token */
} flight_command;

/* What flight_session_receive tells the application. */
typedef enum flight_news {
    FLIGHT_NEWS_QUIET = 0,                /* nothing */
    FLIGHT_NEWS_DELIVERED = 1,            /* in.records, for in.channel */
    FLIGHT_NEWS_DELIVERED_AFTER_HOLE = 2, /* the same, but entries between in.gap_after and in.gap_to are missing */
    FLIGHT_NEWS_MISSING = 3,              /* the gateway says what is missing: in.gap_... */
    FLIGHT_NEWS_ANSWERED = 4,             /* the gateway answered OPEN of in.channel; its flight_channel_state has the code */
    FLIGHT_NEWS_CONNECTED = 5,            /* the session is ready; `resumed` says whether it is the same one */
    FLIGHT_NEWS_ENDED = 6,                /* the gateway ended or refused something: `ending` says why */
    FLIGHT_NEWS_EVENTS_REFUSED = 7,       /* the gateway refused a frame: in.channel, in.refused_code; a letter if
                                             store.letter_slot is not -1 */
    FLIGHT_NEWS_BROKEN = 8,               /* the peer broke the protocol; the session starts anew */
    FLIGHT_NEWS_TOKEN_REFUSED = 11,       /* the gateway does not take the new token: in.refused_code; another one is asked
                                             for later */
    FLIGHT_NEWS_FORGED = 12               /* a frame without its right tag: the transport ends, the session goes on */
} flight_news;

/* What the application makes of a failed connection, for flight_session_recover. */
typedef enum flight_advice {
    FLIGHT_ADVICE_NONE = 0,     /* the policy alone */
    FLIGHT_ADVICE_BACK_OFF = 1, /* count it though the connection was healthy: the next wait is longer */
    FLIGHT_ADVICE_POLLING = 2   /* poll next */
} flight_advice;

/* Who a client is. The caller's: kept as long as the session, texts too. incarnation is eight zero bytes until a gateway gave
 * one; a client that keeps it across restarts puts it here, and finds the present one here. */
typedef struct flight_identity {
    const char *device_id; /* 1 to FLIGHT_DEVICE_ID_BYTES, ended by a zero like the others */
    const char *platform;  /* up to FLIGHT_PLATFORM_BYTES */
    const char *version;   /* of the program, up to FLIGHT_VERSION_BYTES */
    const char *token;     /* up to FLIGHT_TOKEN_BYTES; longer ones are cut, and refused by the gateway */
    uint32_t capabilities; /* FLIGHT_CAPABILITY_... */
    uint8_t client_type;   /* FLIGHT_CLIENT_... */
    uint8_t boot[8];       /* differs from boot to boot; it only helps people to tell boots apart */
    uint8_t incarnation[8]; /* see above */
} flight_identity;

/* Derive the session key from the token and both nonces of 8 bytes. */
typedef void (*flight_prove_begin)(void *context, const char *token, const uint8_t *client_nonce,
                                   const uint8_t *server_nonce);
/* Write the proof of ATTACH, FLIGHT_PROOF_BYTES; number is 0. Or that of POLL, with its number from 1. */
typedef void (*flight_prove)(void *context, uint8_t *proof, uint32_t generation, uint32_t number);

/* The cryptography that a session needs; the session itself has none. The caller's, kept as long as the session. */
typedef struct flight_prover {
    void *context;            /* handed to both */
    flight_prove_begin begin; /* after WELCOME */
    flight_prove prove;       /* for each ATTACH and each POLL */
} flight_prover;

/* When to try again, and over which transport. */
typedef struct flight_session_policy {
    uint8_t count;             /* of transports */
    uint8_t index;             /* of the present transport */
    uint8_t probing;           /* a probe is under way */
    uint8_t was_ready;         /* the session is, or was until it failed, attached */
    uint8_t upgraded;          /* the present connection is an upgrade on trial */
    uint8_t flapped;           /* the last upgrade died on trial */
    uint8_t stepped_down;      /* and not yet ready since */
    const flight_profile *profile; /* points to that of the set-up */
    const uint8_t *transports; /* best first */
    uint32_t probe_at_ms;      /* when the better transport is to be tried */
    uint32_t ready_at_ms;
    uint32_t switches;         /* changes of transport so far; wraps */
    int32_t spread_ms;         /* over which the gateway wants first retries spread */
    int32_t probe_wait_ms;
    int32_t hint_ms;           /* the gateway's wish for the next wait, or -1 */
    int32_t attempt;           /* failures since the last healthy connection */
    int32_t failures;          /* of this transport, without a frame back */
    uint32_t failed_total;     /* failures of connections so far; wraps at 2^24 */
} flight_session_policy;

/* A packed critical frame that is not yet acknowledged. */
typedef struct flight_session_slot {
    uint32_t packed_at_ms;
    uint32_t sent_at_ms;
    int32_t expires_ms;  /* after packed_at_ms; 0 = never */
    int32_t retry_ms;    /* between a refusal and the next try */
    uint16_t payload_bytes;
    uint16_t events;
    uint16_t channel;
    uint16_t span;       /* events of the whole batch; `events` has them at its last piece only */
    uint16_t piece;      /* 0 for a whole frame and for the first piece */
    uint16_t behind;     /* pieces that follow */
    int32_t counter;     /* of the first event of its batch */
    uint8_t flags;       /* how its records are written, and FLIGHT_FLAG_MORE for a piece */
    uint8_t retries;     /* refusals that may still be answered by sending again */
    uint8_t doubt;       /* what the gateway may have of it: 0 nothing, 1 perhaps the frame, 2 nobody will ever say */
    uint8_t skip;        /* 1: it was given up, SKIP takes its number */
} flight_session_slot;

/* The packed critical frames: a ring of slots, of which slot i from the oldest has the number base + i. A frame that is given
 * up, expired or refused for good, becomes a letter to the owner, and SKIP takes its number. */
typedef struct flight_session_store {
    flight_session_slot *slots;
    uint8_t *buffers;        /* one frame a slot */
    uint32_t stride_bytes;   /* of one buffer */
    int32_t frames;          /* slots */
    int32_t base;            /* number of the oldest slot */
    int32_t used;            /* slots in use */
    int32_t cursor;          /* slots below it were sent on this transport */
    int32_t sent;            /* slots below it were sent in this session */
    int32_t head;            /* index of the oldest slot */
    uint32_t events_held;    /* in all used slots */
    int32_t bytes_out;       /* payload of the slots below the cursor */
    uint32_t acked_events;   /* freed by the last acknowledgement */
    uint32_t hold_until_ms;  /* how long the next one waits */
    int32_t hold_seq;        /* number of a refused frame: it and what follows wait; 0 = none */
    int32_t letter_slot;     /* the frame that was given up last, or -1: its events lie in its buffer until the next command */
    uint32_t letter_events;  /* in it */
    uint8_t letter_cause;    /* FLIGHT_DROP_... */
    uint8_t letter_sent;     /* the gateway may have stored it: nobody can say */
} flight_session_store;

/* A channel of the client. Its number on the wire is its place in the table plus 1. */
typedef struct flight_channel_state {
    const char *name;   /* the caller's */
    uint16_t count;     /* entries of FLIGHT_START_LAST */
    uint8_t mode;       /* FLIGHT_MODE_..., or both */
    uint8_t start;      /* FLIGHT_START_... */
    uint8_t asked;      /* OPEN was sent on this transport */
    uint8_t opened;     /* OPENED came back in this session */
    uint8_t leaving;    /* 2: OPEN with mode 0 has to be sent, 1: its answer is awaited */
    uint8_t own;        /* nobody else shares it: another place may have the same name */
    uint8_t code;       /* the gateway's answer: FLIGHT_CODE_... */
    uint8_t positioned; /* epoch and offset are known */
    uint8_t epoch[8];   /* of the channel's log */
    uint8_t offset[8];  /* the last one that was handed to the application */
    uint16_t taken;     /* ... and so many events of the entry behind it, which comes in portions */
} flight_channel_state;

/* All channels of a client. */
typedef struct flight_session_channels {
    flight_channel_state *items; /* the caller's memory */
    uint16_t limit;    /* places for channels */
    uint16_t used;     /* places taken */
    uint16_t unopened; /* channels for which OPEN has yet to be sent */
    uint8_t unanswered;    /* an OPEN went out whose answer may still be missing */
    uint32_t asked_at_ms;  /* when the last one did */
} flight_session_channels;

/* Counters since the session was made, all wrapping. At any time accepted = critical_acked + lossy_settled + what the store
 * and the rings hold + refused + expired + too_large + link_dropped + unconfirmed. */
typedef struct flight_tally {
    uint32_t critical_acked;    /* events the gateway stored */
    uint32_t refused;           /* events the gateway refused for good */
    uint32_t too_large;         /* critical events that the gateway cannot take any more as they were packed */
    uint32_t expired;           /* critical events whose time was over after they were packed */
    uint32_t lossy_settled;     /* events handed to a transport and not known to be lost */
    uint32_t link_dropped;      /* lossy events that a transport took with it when it died */
    uint32_t unconfirmed;       /* lossy events whose fate went with the gateway's log */
    int32_t lossy_handed;       /* of this incarnation, as the gateway will count them */
    int32_t lossy_confirmed;    /* of those, stored by the gateway */
    uint32_t delivered_entries; /* of subscribed channels */
    uint32_t duplicates;        /* frames received twice */
    uint32_t resent_frames;     /* since an acknowledgement did not come in time */
    uint32_t connections;       /* times the session became ready */
    uint32_t forged;            /* frames without their right tag */
} flight_tally;

/* What WELCOME granted. */
typedef struct flight_welcome {
    uint8_t session_id[FLIGHT_SESSION_ID_BYTES]; /* a secret */
    uint8_t short_id[8];                         /* for people and logs */
    uint8_t incarnation[8];                      /* of our counters */
    uint8_t epoch[8];                            /* of the log that counts our events */
    uint8_t server_nonce[8];                     /* for the session key */
    int32_t heartbeat_ms;
    int32_t window_frames;
    int32_t window_bytes;                        /* of payload that may be under way */
    int32_t frame_bytes;
    int32_t spread_ms;
    int32_t mark;                                /* highest critical counter stored */
    int32_t lossy_stored;                        /* lossy events stored */
    int32_t session_ttl_ms;
    int32_t token_expires_in_ms;                 /* 0 = never */
    int32_t unpacked_bytes;                      /* the largest payload that the gateway puts together or decompresses */
    uint8_t flags_up;                            /* that our frames may carry */
    uint8_t flags_down;                          /* that frames to us may carry */
    uint8_t auth;                                /* FLIGHT_AUTH_... */
} flight_welcome;

/* What both sides agree on for one session. reads to unpacked_bytes are wishes, the driver's to set before the start. */
typedef struct flight_agreement {
    uint8_t reads;              /* flags by agreement that we read */
    uint8_t sends;              /* and that we would like to send */
    uint8_t lanes;              /* FLIGHT_LANE_... that we may send on */
    uint8_t auth;               /* FLIGHT_AUTH_... */
    int32_t unpacked_bytes;     /* the largest payload that we put together or decompress */
    int32_t window_bytes;       /* what we take unacknowledged */
    int32_t unpacked_out_bytes; /* the largest payload that the gateway does */
    uint8_t up;                 /* granted: flags that our frames may carry */
    uint8_t down;               /* flags that frames to us may carry */
} flight_agreement;

/* Pieces of one payload from the gateway, put together. */
typedef struct flight_pieces {
    uint8_t *buffer;        /* the caller's memory */
    uint32_t limit_bytes;   /* of it */
    uint32_t total_bytes;   /* of the payload that is under way, 0 = none is */
    uint32_t used_bytes;    /* of it, there so far */
    uint32_t abandoned;     /* payloads that were begun and not finished, in this session */
    uint16_t message;       /* its number */
    uint16_t next;          /* number of the piece that must come next */
    uint16_t channel;
    uint8_t flags;          /* of its pieces */
} flight_pieces;

/* What CLOSE or RESET said. */
typedef struct flight_ending {
    const char *text;       /* for people, not ended by a zero; points into the received frame */
    uint32_t text_bytes;
    int32_t retry_after_ms; /* 0: nothing was said */
    uint8_t code;           /* FLIGHT_CODE_... */
} flight_ending;

/* What was received in sequence, and what is owed for it. */
typedef struct flight_session_receipts {
    uint8_t resend_wanted;  /* RESEND has yet to be sent */
    uint32_t ack_at_ms;     /* when an acknowledgement is due */
    int32_t next_in;        /* next number expected from the gateway */
    int32_t unacked;        /* frames taken since our last acknowledgement */
    int32_t asked;          /* the number for which a resend was asked on this transport */
    int32_t half_frames;    /* so many unacknowledged ones are half a window */
} flight_session_receipts;

/* A limit: so much per second on average, a second's worth at once. */
typedef struct flight_bucket {
    int32_t per_s;  /* 0 = no limit */
    int32_t most;   /* in thousandths, like the next */
    int32_t level;  /* what may leave; below 0 after more than that left */
    uint32_t at_ms; /* when it was worked out last */
} flight_bucket;

/* How long lossy events collect, and how many go together. */
typedef struct flight_batching {
    int32_t events;           /* a batch is full with so many */
    int32_t delay_ms;         /* ... or when its first event has waited so long */
    int32_t queue_events;     /* lossy events that may wait */
    int32_t link_bytes_per_s; /* what the link drains; 0 = no limit */
    int32_t parts;            /* of 16: what the memory allows */
    int32_t most_queued;      /* what the application allows */
    uint32_t since_ms;        /* when the first event came */
    uint8_t collecting;       /* events wait */
    uint8_t due;              /* what waits goes: until nothing waits */
    uint8_t begun;            /* 0: nothing collects, nothing is bounded */
} flight_batching;

/* The token of a session, and the next one. */
typedef struct flight_renewal {
    uint8_t renewable;   /* 1: the driver can get another token; it says so before the session starts */
    uint8_t over;        /* the gateway takes nothing but a new token */
    uint8_t step;        /* 0 nothing to do, 1 asked for, 2 there is one to send, 3 sent */
    uint8_t timed;       /* it is asked for at due_at_ms */
    uint8_t tried;       /* one new session was begun because the token had expired */
    uint32_t due_at_ms;  /* with step 3: when it was sent */
    const char *token;   /* the new one, until it is answered; the caller's, else an empty text */
} flight_renewal;

/* What RENEWED said. */
typedef struct flight_renewed {
    const char *text;      /* for people; not ended by a zero, points into the received frame */
    uint32_t text_bytes;
    int32_t expires_in_ms; /* 0 = never */
    uint8_t code;          /* FLIGHT_CODE_... */
    uint8_t unasked;       /* it answers no TOKEN: the session's token has ended */
} flight_renewed;

/* The sending side. */
typedef struct flight_session_sender {
    uint8_t close_sent;   /* CLOSE went out: nothing more does */
    uint8_t packing;      /* FLIGHT_DO_PACK_..., while the driver packs */
    uint32_t sent_at_ms;  /* when the last turn began */
    int32_t window_frames;
    int32_t window_bytes; /* the gateway's, once it has said so */
    int32_t heartbeat_ms;
    int32_t run_frames;   /* critical ones packed since lossy events went last */
    int32_t needs_frames; /* of the store, that a large critical event waits for */
    int32_t flushing;     /* the application waits for so many flushes, and nothing collects: the driver sets it */
    flight_bucket link;   /* bytes of everything that leaves */
    flight_bucket pace;   /* events that are packed */
    uint32_t piece_at;    /* where the next piece of the lossy payload in out.large begins */
    uint32_t piece_end;   /* where that payload ends; equal to piece_at when none is under way */
    uint16_t messages;    /* payloads cut so far; wraps */
    uint16_t piece;       /* number of the next piece */
    uint16_t piece_channel; /* its channel */
    uint8_t piece_flags;  /* its flags */
} flight_session_sender;

/* The frame that goes out next; valid until the next poll. While events are being packed, at and room_bytes say where their
 * records go, and the driver may say with the last three how critical ones are to be treated. */
typedef struct flight_session_out {
    flight_frame frame;     /* header; its payload stands in buffer behind the header's place */
    uint8_t *buffer;        /* where the frame is made */
    uint8_t *large;         /* for one event that is larger than a frame; the caller's memory */
    uint32_t large_bytes;   /* of it */
    uint8_t *scratch;       /* the buffer of everything but critical events */
    uint32_t at;            /* offset in buffer */
    int32_t room_bytes;
    int32_t frame_room_bytes; /* the largest frame that the peer and we can take */
    int32_t turn_bytes;       /* of this turn so far; the driver may add what its transport adds */
    int32_t turn_most_bytes;  /* of one turn: the driver may set less before the start, where it keeps a whole turn */
    int32_t behind_bytes;     /* what may stand behind the payload: a trailer, and a tag where agreed on */
    int32_t most_events;      /* to be packed */
    int32_t expires_ms;       /* when the last of the packed events expires, from now; 0 = never */
    int32_t retry_ms;         /* between a refusal and the next try */
    uint8_t retries;          /* how often the frame goes again after refusals that allow it */
} flight_session_out;

/* What the last received frame brought. */
typedef struct flight_session_in {
    const uint8_t *payload; /* of the whole DELIVER; points into the received frame, or to what pieces were put together to */
    const uint8_t *records; /* the records in it, the same */
    uint32_t records_bytes;
    uint16_t channel;
    uint8_t gap_reason;     /* FLIGHT_GAP_... */
    uint8_t refused_code;   /* FLIGHT_CODE_... */
    uint8_t flags;          /* how the records are written: of those that were agreed on */
    uint8_t proven;         /* the frame comes from our peer, or nobody can tell */
    uint8_t gap_epoch[8];   /* of the log with the hole */
    uint8_t gap_after[8];   /* offset in front of the hole */
    uint8_t gap_to[8];      /* the last one missing */
} flight_session_in;

/* One client's session. Fields are for reading, but for those that say otherwise. Small ones stand first: some processors
 * reach only the first bytes of a struct in one instruction. */
typedef struct flight_session {
    uint8_t state;             /* FLIGHT_STATE_... */
    uint8_t reason;            /* the code that stopped us: FLIGHT_CODE_... */
    uint8_t known;             /* we hold a session that ATTACH may go on with */
    uint8_t resumed;           /* the present connection went on with it */
    uint8_t open_asked;        /* OPEN of this attempt was answered */
    uint8_t drop_first;        /* an upgrade: the old transport goes first */
    uint8_t greeted;           /* HELLO or ATTACH of this attempt went out */
    uint8_t in_turn;           /* frames of a turn went out, it is not ended */
    uint8_t awaiting;          /* a turn is with the transport */
    uint8_t poll_now;          /* the gateway has more for us */
    uint8_t log_kept;          /* WELCOME told of the same log and incarnation as before */
    uint8_t renew;             /* numbers ran out: a new session on a new transport */
    uint8_t pausing;           /* a turn is under way, then the session pauses */
    const flight_profile *profile; /* points to that of the set-up, like the next two */
    flight_identity *identity;     /* its incarnation is kept up to date */
    const flight_prover *prover;   /* the cryptography */
    uint32_t waiting_critical; /* events in the rings: the driver sets both before each poll */
    uint32_t waiting_lossy;    /* the same */
    uint32_t fatal_codes;      /* bit n: code n of the gateway stops us; the driver may change it before the start */
    uint32_t deadline_ms;      /* of opening, greeting or pausing */
    uint32_t retry_at_ms;
    uint32_t close_at_ms;      /* when closing ends, done or not */
    uint32_t heard_at_ms;
    uint32_t turn_at_ms;
    int32_t generation;        /* of the transport in this session, from 0 */
    int32_t next_counter;      /* of the next critical event */
    int32_t poll_number;       /* of the last POLL in this session */
    int64_t counted;           /* critical events of earlier incarnations */
    int32_t critical_priority; /* of what waits in the rings: the driver may set both */
    int32_t lossy_priority;    /* the higher one goes first, but for a critical frame between two lossy ones */
    flight_session_policy policy;     /* when and where to connect */
    flight_session_channels channels; /* what was opened */
    flight_session_receipts receipts; /* what is owed for what came in */
    flight_session_sender sender;     /* what goes next */
    flight_batching batching;         /* what collects */
    flight_renewal renewal;           /* the token */
    flight_renewed renewed;           /* what was said of it last */
    flight_session_store store;       /* what may have to go again */
    flight_session_out out;           /* the frame that goes out */
    flight_agreement agreement;       /* what both sides may do */
    flight_pieces pieces;             /* what comes in pieces */
    flight_session_in in;             /* what the last frame brought */
    flight_tally tally;               /* what was counted */
    flight_ending ending;             /* why the gateway ended it last */
    uint8_t nonce[8];          /* the driver fills it with random bytes before flight_session_opened */
    uint8_t epoch[8];          /* of the log that has counted our events */
    flight_welcome welcome;           /* what it granted */
} flight_session;

#endif
