/* The client of a console: about ten calls, all memory the caller's, nothing ever waits. Included by flight.h, whose rules hold
 * here too; do not include it alone. FLIGHT_CLIENT=0 leaves it out.
 *
 *     static uint64_t memory[24 * 1024 / 8];
 *     static flight_config config; // config.host = "192.168.1.10", config.token = "...", config.device_id = "dc-bench-1"
 *     flight_client *client = flight_init(memory, sizeof memory, &config, &flight_port_here);
 *     ... once a frame:
 *         flight_frame_took(client, frame_us);
 *         flight_log(client, FLIGHT_LOG_INFO, "level %d", level);
 *         flight_poll(client, 500);
 *
 * Threads: a client belongs to the one thread that calls flight_poll; only flight_crash may be called from anywhere. Only
 * flight_poll, flight_init and flight_crash touch the port, apart from its clock and flight_memory's question. */
#ifndef FLIGHT_CLIENT_H
#define FLIGHT_CLIENT_H

#include <stdarg.h>

#include "flight_port.h"

/* Which transports are compiled in: 0 leaves one out. */
#ifndef FLIGHT_TCP
#define FLIGHT_TCP 1 /* raw TCP */
#endif
#ifndef FLIGHT_POLLING
#define FLIGHT_POLLING 1 /* HTTP polling */
#endif
#ifndef FLIGHT_WEBSOCKET
#define FLIGHT_WEBSOCKET 1 /* WebSocket, SHA-1 and Base64 with it */
#endif
#ifndef FLIGHT_PIPE
#define FLIGHT_PIPE 1 /* a serial line, a user channel of psplink: bytes may be lost or damaged */
#endif

#ifndef FLIGHT_COMMANDS
#define FLIGHT_COMMANDS 1 /* flight_on_command, flight_is_command, flight_reply */
#endif
#ifndef FLIGHT_FORMAT
#define FLIGHT_FORMAT 1 /* 0: flight_log sends its format as it stands; of a crash its reason alone is told */
#endif
#ifndef FLIGHT_RECORDS
#define FLIGHT_RECORDS 1 /* 0: nothing outlives a power cycle, flight_crash is left out */
#endif
#ifndef FLIGHT_DELTA
#define FLIGHT_DELTA 1 /* batches go as differences, where the gateway reads them and FLIGHT_SESSION_PIECES is 1 */
#endif
#if defined(__DREAMCAST__) || defined(_arch_dreamcast)
#define FLIGHT_SECOND_SOCKET 0 /* too dear on a Dreamcast: KallistiOS takes 66 KiB of heap for it */
#else
#define FLIGHT_SECOND_SOCKET 1 /* a second connection may be tried beside one that works */
#endif
#ifndef FLIGHT_PROBE
#define FLIGHT_PROBE FLIGHT_SECOND_SOCKET /* a better transport is tried while a worse one works, where profile and port allow it */
#endif

#define FLIGHT_DEFAULT_PORT 8080u      /* of a gateway */
#define FLIGHT_CLIENT_CHANNELS 8u      /* a client has, unless it says otherwise; its own three are among them */
#define FLIGHT_FRAME_INTERVAL_MS 1000u /* between two frame-time events */
#define FLIGHT_FRAME_BUDGET_US 16667u  /* a frame that takes longer counts as over budget */

#define FLIGHT_COMMANDS_LEAST 8u         /* that a device which carries commands out remembers */
#define FLIGHT_COMMAND_NAME_BYTES 64u    /* the longest name of a command */
#define FLIGHT_COMMAND_DATA_BYTES 384u   /* the most that comes with one */
#define FLIGHT_COMMAND_TEXT_BYTES 120u   /* of what is said about one that failed */
#define FLIGHT_ANSWER_BYTES 64u          /* kept of an answer, unless the config says otherwise */
#define FLIGHT_ANSWER_MOST_BYTES 320u    /* that an answer can have at all */

typedef struct flight_client flight_client; /* stands at the start of the caller's memory */

/* What a client is made of. Start from {0}; what is 0 or null takes the value that its comment names. flight_init copies this
 * struct, but not what it points to: that is kept as long as the client. */
typedef struct flight_config {
    const char *host;      /* of the gateway: an IPv4 address as text (flight_resolve makes one of a name); a byte pipe needs none */
    const char *token;     /* up to FLIGHT_TOKEN_BYTES */
    const char *device_id; /* 1 to FLIGHT_DEVICE_ID_BYTES */
    const char *version;   /* of the program, up to FLIGHT_VERSION_BYTES; null: "0" */
    uint16_t port;         /* of HTTP: polling and WebSocket; 0: FLIGHT_DEFAULT_PORT */
    uint16_t tcp_port;     /* of raw TCP; 0: the one above `port` */
    uint8_t platform;      /* FLIGHT_PLATFORM_...; 0: what the compiler says (KallistiOS, PSP, Vita), else host */
    uint8_t transport_count; /* of `transports`, up to FLIGHT_PROFILE_TRANSPORTS */
    const uint8_t *transports; /* FLIGHT_TRANSPORT_..., best first, as a static {FLIGHT_TRANSPORT_TCP, FLIGHT_TRANSPORT_POLLING};
                                  null: the platform's. SERIAL is the byte pipe, which has a port of its own */
    uint32_t link_bytes_per_s; /* what the link drains; 0: the platform's figure, FLIGHT_NO_LIMIT: as fast as it goes */
    uint16_t critical_slots;   /* of the ring of critical events, 64 bytes each; 0: the platform's number */
    uint16_t lossy_slots;      /* of the ring of the others */
    uint16_t window_frames;    /* critical frames that wait for an acknowledgement, each kept in memory */
    uint16_t channels;         /* places for channels; 0: FLIGHT_CLIENT_CHANNELS */
    uint16_t commands;         /* that are remembered with their answers, FLIGHT_COMMANDS_LEAST or more; 0: flight_on_command is off */
    uint16_t answer_bytes;     /* of the longest answer, up to FLIGHT_ANSWER_MOST_BYTES; 0: FLIGHT_ANSWER_BYTES */
    uint32_t frame_interval_ms; /* 0: FLIGHT_FRAME_INTERVAL_MS */
    uint32_t frame_budget_us;   /* 0: FLIGHT_FRAME_BUDGET_US */
    const uint8_t *device_key;  /* shared with the gateway, FLIGHT_DEVICE_KEY_BYTES to FLIGHT_DEVICE_KEY_MOST_BYTES: all frames are
                                   authenticated with it; null: they are not */
    uint32_t device_key_bytes;
    const flight_profile *profile; /* numbers of your own in place of the platform's; null: none */
} flight_config;

#define FLIGHT_NO_LIMIT 0xffffffffu /* of link_bytes_per_s */

/* What flight_send and its like answer; below zero nothing was taken, and nothing else was lost for it. */
typedef enum flight_answer {
    FLIGHT_QUEUED = 0,         /* it waits; flight_poll sends it */
    FLIGHT_REPLACED = 1,       /* it took the place of an older one of its kind that was still waiting */
    FLIGHT_DROPPED_OLDEST = 2, /* it waits; the oldest event that may be lost is gone for it */
    FLIGHT_FOLDED = 3,         /* flight_frame_took: it counts in the interval's event */
    FLIGHT_REFUSED_ARGUMENT = FLIGHT_ERROR_ARGUMENT,   /* a null pointer, a number outside what the call allows */
    FLIGHT_REFUSED_FULL = FLIGHT_ERROR_FULL,           /* critical events fill their ring: the gateway is away or slow */
    FLIGHT_REFUSED_TOO_LARGE = FLIGHT_ERROR_TOO_LARGE, /* it can never go */
    FLIGHT_REFUSED_CLOSED = -32,                       /* the client was closed, or the gateway stopped it */
    FLIGHT_REFUSED_UNKNOWN = -33                       /* flight_memory: the port knows nothing of its memory */
} flight_answer;

/* Flags of flight_send. */
enum flight_send_flags {
    FLIGHT_LOSSY = 0,    /* the oldest goes when there is no room */
    FLIGHT_CRITICAL = 1, /* kept until the gateway has stored it; refused when there is no room */
    FLIGHT_LATEST = 2    /* lossy, and only the newest of its channel and kind waits */
};

/* What flight_poll answers; bits. */
enum flight_poll_bits {
    FLIGHT_CONNECTED = 1, /* the session is ready */
    FLIGHT_GOT_DATA = 2,  /* a handler was called */
    FLIGHT_BACKLOG = 4,   /* the budget ended first: there is more to do at once */
    FLIGHT_DROPPED = 8,   /* events were dropped since the last call; flight_status says which and why */
    FLIGHT_CLOSED = 16    /* nothing more will happen: flight_close is done, or the gateway stopped us (flight_status.reason) */
};

/* One event of a subscribed channel. Everything it points to is valid during the call only. */
typedef struct flight_message {
    flight_client *client; /* a handler may send, and answer, with it; it must not call flight_poll */
    const uint8_t *data;   /* of a payload event its own bytes; of other layouts the body: fixed part and tail. 4-aligned there */
    uint32_t bytes;
    uint32_t age_ms;     /* when it was packed; FLIGHT_AGE_NONE = unknown */
    const char *source;  /* device id of the sender, not ended by a zero */
    uint8_t source_bytes;
    uint8_t layout;      /* FLIGHT_LAYOUT_... */
    uint16_t kind;       /* of a payload event: the sender's own number; else 0 */
    uint16_t channel;    /* as flight_channel numbered it */
    uint16_t reserved;   /* 0 */
} flight_message;

/* user: what was handed to flight_on. Called by flight_poll only. */
typedef void (*flight_handler)(void *user, const flight_message *message);

/* A command for this device. Everything it points to is valid during the call only. */
typedef struct flight_task {
    flight_client *client; /* a handler may send with it; it must not call flight_poll */
    const uint8_t *data;   /* that came with it */
    uint32_t bytes;
    uint32_t age_ms;       /* as far as it can be known */
    const char *name;      /* flight_is_command compares it; not ended by a zero */
    const char *asker;     /* device id of who asked, not ended by a zero */
    uint8_t name_bytes;
    uint8_t asker_bytes;
    uint8_t for_all;       /* 1: asked of whoever can */
    uint8_t reserved;      /* 0 */
} flight_task;

/* user: what was handed to flight_on_command. Returns what became of it: FLIGHT_COMMAND_DONE, FLIGHT_COMMAND_FAILED or
 * FLIGHT_COMMAND_UNKNOWN (anything else counts as failed). Called by flight_poll only. */
typedef int (*flight_command_handler)(void *user, const flight_task *task);

/* level: FLIGHT_CALM, FLIGHT_WARNING or FLIGHT_PRESSURE. Called by flight_memory only. */
typedef void (*flight_pressure_handler)(void *user, int level, const flight_memory_update *memory);

/* Why the last connection or attempt ended; the numbers of flight_codec_problem first. */
typedef enum flight_trouble {
    FLIGHT_TROUBLE_NONE = 0,      /* nothing has failed so far */
    FLIGHT_TROUBLE_STATUS = 1,    /* an HTTP status that was not expected: trouble_detail has it */
    FLIGHT_TROUBLE_HEAD = 2,      /* an HTTP head that is malformed or too long */
    FLIGHT_TROUBLE_LENGTH = 3,    /* an HTTP body without a length, or with a wrong one */
    FLIGHT_TROUBLE_HANDSHAKE = 4, /* a WebSocket upgrade that does not prove itself */
    FLIGHT_TROUBLE_FRAMING = 5,   /* WebSocket framing that a server must not send */
    FLIGHT_TROUBLE_PEER_CLOSED = 6, /* the peer said that it closes: trouble_detail has the WebSocket code */
    FLIGHT_TROUBLE_LINK = 7,      /* the port said that the link is down: port_error */
    FLIGHT_TROUBLE_OPEN = 8,      /* open or ready failed: nobody listens there, or no way there; port_error */
    FLIGHT_TROUBLE_DIED = 9,      /* send or recv failed: the connection is gone; port_error */
    FLIGHT_TROUBLE_GARBAGE = 10,  /* bytes that are no frames: is this the right port? */
    FLIGHT_TROUBLE_LINE = 11,     /* frames were lost on a byte pipe */
    FLIGHT_TROUBLE_SILENT = 12,   /* nothing came for too long */
    FLIGHT_TROUBLE_REFUSED = 13,  /* the gateway said no: trouble_detail is its FLIGHT_CODE_... */
    FLIGHT_TROUBLE_FORGED = 14,   /* a frame without its right tag: do both have the same device key? */
    FLIGHT_TROUBLE_BROKEN = 15,   /* the peer broke the protocol */
    FLIGHT_TROUBLE_RANDOM = 16    /* the port has no random bytes: nothing can be opened */
} flight_trouble;

#define FLIGHT_RANDOM_UNKNOWN 2u /* flight_status.random before the first connection */

/* Where a client stands. Counters wrap at 2^32. At any moment
 * accepted = settled + queued + the sum of dropped[]. */
typedef struct flight_status {
    uint8_t state;          /* FLIGHT_STATE_... */
    uint8_t transport;      /* FLIGHT_TRANSPORT_... in use, or tried next */
    uint8_t resume;         /* 1: the port stores records: numbers go on after a power cycle, crash records are uploaded. 0: off */
    uint8_t random;         /* FLIGHT_RANDOM_STRONG, FLIGHT_RANDOM_WEAK, FLIGHT_RANDOM_UNKNOWN */
    uint8_t reason;         /* of state stopped: FLIGHT_CODE_... */
    uint8_t trouble;        /* flight_trouble of the last failure; stays when all is well again */
    uint16_t trouble_detail; /* flight_trouble says what of */
    int32_t port_error;     /* the port's own number with it */
    uint32_t connections;   /* times that the session became ready */
    uint32_t failures;      /* connections and attempts that ended */
    uint32_t accepted;      /* events */
    uint32_t settled;       /* critical: stored by the gateway; lossy: handed to the transport and not known to be lost */
    uint32_t queued;        /* critical: not yet stored; lossy: not yet handed to the transport */
    uint32_t dropped[FLIGHT_DROP_PRESSURE + 1u]; /* by FLIGHT_DROP_... */
    uint32_t refused_full;  /* never accepted */
    uint32_t refused_too_large; /* the same */
    uint32_t received;      /* events handed to handlers */
    uint32_t unhandled;     /* received without a handler, or with a body that is none */
    uint32_t missed;        /* times that a subscribed channel told of a gap */
    uint32_t bytes_out;     /* that the port took */
    uint32_t bytes_in;      /* that it gave */
    uint32_t garbage_bytes; /* passed over on byte pipes */
    uint32_t wait_ms;       /* until flight_poll has something to do if nothing happens */
} flight_status;

/* Bytes of memory that flight_init wants, to the byte. Errors: ARGUMENT (a text that is missing or too long, a number outside
 * its limits, a transport that is not compiled in).
 *
 *     int bytes = flight_need(&config);
 *     if (bytes < 0) { return 1; }
 */
int flight_need(const flight_config *config);

/* Why flight_init would return null: 0 (it would not), or ARGUMENT (config as flight_need says, a port without one of its
 * calls, memory that is null or not aligned as a uint64_t is), NO_ROOM (bytes). flight_error_text says it in words.
 *
 *     int problem = flight_check(memory, sizeof memory, &config, &port);
 *     if (problem != 0) { return problem; }
 */
int flight_check(const void *memory, size_t bytes, const flight_config *config, const flight_port *port);

/* Set up a client in memory, aligned as a uint64_t is, flight_need bytes. Never waits, and never fails for want of a network: connecting
 * happens in flight_poll. Loads what the port has stored, if it does. port is kept. Returns null where flight_check says why;
 * else the client, valid until the memory is used for something else.
 *
 *     flight_client *client = flight_init(memory, sizeof memory, &config, &port);
 *     if (client == NULL) { return 1; }
 */
flight_client *flight_init(void *memory, size_t bytes, const flight_config *config, const flight_port *port);

/* The number of a channel, from 1; the same for the same name. name: up to FLIGHT_CHANNEL_NAME_BYTES, kept. It is opened at
 * the gateway when it is first used. Errors: ARGUMENT, FULL (flight_config.channels).
 *
 *     int commands = flight_channel(client, "command");
 */
int flight_channel(flight_client *client, const char *name);

/* Call handler for each event that others send to a channel from now on. A second handler takes the place of the first; null
 * takes it away. Errors: ARGUMENT, FULL.
 *
 *     flight_on(client, flight_channel(client, "command"), on_command, &player);
 */
int flight_on(flight_client *client, int channel, flight_handler handler, void *user);

#if FLIGHT_COMMANDS
/* Carry out the commands of the channel "commands" that name this device, or nobody, from now on. Each is handed out once: when
 * its asker asks again it is answered again. One that is older than its asker waits for is left. Answers go to the channel
 * "command-results". A second handler takes the place of the first; null takes it away. Errors: ARGUMENT (config.commands is
 * 0), FULL (two channels are needed).
 *
 *     if (flight_on_command(client, on_task, &player) != 0) { return 1; }
 */
int flight_on_command(flight_client *client, flight_command_handler handler, void *user);

/* Whether a command has this name: 1 or 0; there are no errors.
 *
 *     if (flight_is_command(task, "restart")) { restart_level(); }
 */
int flight_is_command(const flight_task *task, const char *name);

/* In a handler: what the answer says beside done or failed. Of a command that is done bytes for its asker, else text for people,
 * cut at FLIGHT_COMMAND_TEXT_BYTES. The last call counts; without one the answer is empty. data is copied. Returns a
 * flight_answer; those below zero are its errors: ARGUMENT (also outside the handler), TOO_LARGE (config.answer_bytes; what
 * was there before stays).
 *
 *     if (flight_is_command(task, "score")) {
 *         flight_reply(task, &score, sizeof score);
 *         return FLIGHT_COMMAND_DONE;
 *     }
 *     return FLIGHT_COMMAND_UNKNOWN;
 */
int flight_reply(const flight_task *task, const void *data, size_t bytes);
#endif

/* Send bytes of your own under a number of your own, the kind; they are copied. flags: FLIGHT_LOSSY, FLIGHT_CRITICAL or FLIGHT_LATEST.
 * Returns a flight_answer; those below zero are its errors.
 *
 *     flight_send(client, flight_channel(client, "player"), 7, data, sizeof data, FLIGHT_LATEST);
 */
int flight_send(flight_client *client, int channel, uint16_t kind, const void *data, size_t bytes, unsigned flags);

/* Send an event of a layout of the protocol: body is its fixed part (flight_frame_time and its like) and tail, a multiple of 4
 * bytes, no less than the fixed part. Returns a flight_answer; those below zero are its errors.
 *
 *     flight_system_monitoring now = {0};
 *     flight_send_event(client, flight_channel(client, "system-monitoring"), FLIGHT_LAYOUT_SYSTEM_MONITORING, &now, sizeof now,
 *                       FLIGHT_LATEST);
 */
int flight_send_event(flight_client *client, int channel, uint8_t layout, const void *body, size_t bytes, unsigned flags);

/* Ask the port how the memory is doing, judge it, and send it to the channel memory-updates; only the newest waits. As memory
 * falls the queue of lossy events shrinks; under pressure on dreamcast and psp the oldest of them go. Returns a flight_answer; those below zero are its errors.
 *
 *     if (frame_number % 60 == 0) { flight_memory(client); }
 */
int flight_memory(flight_client *client);

/* Call handler when flight_memory finds a warning or pressure, and once when all is calm again. One handler; null for none.
 *
 *     flight_on_pressure(client, on_pressure, &textures);
 */
void flight_on_pressure(flight_client *client, flight_pressure_handler handler, void *user);

/* Send a line to the channel log, kept until the gateway has stored it. level: FLIGHT_LOG_DEBUG to FLIGHT_LOG_ERROR. format knows
 * %d %i %u %x %X %s %c %p %%, with a width, a 0 or a - in front and l, z, h, hh for sizes; what it does not know is written as it
 * stands. Text beyond FLIGHT_LOG_TEXT_BYTES is cut. Returns a flight_answer; those below zero are its errors.
 *
 *     flight_log(client, FLIGHT_LOG_WARNING, "%s took %u us", name, us);
 */
int flight_log(flight_client *client, int level, const char *format, ...);

#define FLIGHT_LOG_TEXT_BYTES 120u /* the longest text of one line */

/* The same, level and all, with a list of values: for macros and wrappers of your own. Errors as there.
 *
 *     flight_log_list(client, FLIGHT_LOG_INFO, format, list);
 */
int flight_log_list(flight_client *client, int level, const char *format, va_list list);

#if defined(__GNUC__) /* so that the compiler checks the values */
    int flight_log(flight_client *client, int level, const char *format, ...) __attribute__((format(printf, 3, 4)));
    int flight_log_list(flight_client *client, int level, const char *format, va_list list) __attribute__((format(printf, 3, 0)));
#endif

/* A frame took so many microseconds (us). All frames of an interval become one frame-time event: count, shortest, mean, longest, and
 * how many were over budget. Returns a flight_answer; those below zero are its errors.
 *
 *     flight_frame_took(client, now_us - last_us);
 */
int flight_frame_took(flight_client *client, uint32_t us);

/* Go on with whatever there is to do, for about budget_us: the clock is looked at between steps, a step does one thing and at
 * most one call of the port. Call it once a frame. Returns flight_poll_bits; there are no errors.
 *
 *     int bits = flight_poll(client, 500);
 */
int flight_poll(flight_client *client, uint32_t budget_us);

/* Where the client stands.
 *
 *     flight_status status;
 *     flight_status_of(client, &status);
 */
void flight_status_of(flight_client *client, flight_status *status);

/* No connection for now (a suspend is coming, the radio goes off): what is queued stays.
 *
 *     flight_pause(client);
 */
void flight_pause(flight_client *client);

/* Connect again, at once, after flight_pause.
 *
 *     flight_go_on(client);
 */
void flight_go_on(flight_client *client);

/* No more events are taken; what is queued may still go for a second, while flight_poll is called. Then FLIGHT_CLOSED is
 * answered, and the memory is the caller's again.
 *
 *     flight_close(client);
 *     while ((flight_poll(client, 1000) & FLIGHT_CLOSED) == 0) { wait_for_vblank(); }
 */
void flight_close(flight_client *client);

#define FLIGHT_CRASH_WORDS 16u      /* of a crash record */
#define FLIGHT_CRASH_TEXT_BYTES 64u /* of its reason, with the zero */

#if FLIGHT_RECORDS
/* From an exception handler: write down why and where, with up to FLIGHT_CRASH_WORDS words (registers, stack), so that the next
 * flight_init sends it to the channel log as an error. Takes no lock and no heap, less than 512 bytes of stack, and nothing of
 * the client but its port. reason is cut to FLIGHT_CRASH_TEXT_BYTES; pc and count words are written down as they are. Errors:
 * ARGUMENT (the port stores nothing; a null pointer where words are counted), or the port's own number.
 *
 *     flight_crash(client, "address error", pc, registers, 16);
 */
int flight_crash(const flight_client *client, const char *reason, uint32_t pc, const uint32_t *words, uint32_t count);
#endif

#endif
