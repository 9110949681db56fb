/* The session of a device: what outlives transports. Happenings and frames in, commands and frames out; it does no I/O itself
 * and reads no clock. Included by flight.h, whose rules hold here too; do not include it alone.
 *
 * It is the twin of flight_client/session/device (the reference): the same states, numbers and bytes, step by step.
 *
 * A session belongs to one thread, and nothing here waits. now_ms is the 30-bit clock of the core; random is 16 fresh random
 * bits. Numbers are below 2^30 and therefore int32_t; times held are uint32_t, spans int32_t. Counters of events wrap at 2^32.
 * It takes flight_session_need bytes, lent by the caller until the session is done with; most of them are the frames that wait
 * for an acknowledgement, window_frames * frame_bytes. */
#ifndef FLIGHT_SESSION_H
#define FLIGHT_SESSION_H

#ifndef FLIGHT_SESSION
#define FLIGHT_SESSION 1 /* 0 leaves the session out of the library */
#endif

#ifndef FLIGHT_SESSION_PIECES
#define FLIGHT_SESSION_PIECES 1 /* 0: no event goes or comes in pieces, and none is recoded; offer no flag by agreement */
#endif

#include "flight_session_types.h"

/* What a session is made of; everything it points to is kept as long as the session. Start from {0}. */
typedef struct flight_session_setup {
    const flight_profile *profile; /* of the platform */
    flight_identity *identity;     /* of the client; the session writes its incarnation */
    const flight_prover *prover;   /* the cryptography */
    const uint8_t *transports; /* other ones than the profile's, best first, or null */
    uint8_t transport_count;   /* of them */
    uint16_t channels;         /* places for channels; 0 = FLIGHT_DEVICE_CHANNELS */
    uint32_t large_bytes;      /* room for an event that is sent in pieces, with 24 more than its records; 0 = none is */
    uint32_t unpacked_bytes;   /* room for what the gateway sends in pieces; 0 = none is taken */
} flight_session_setup;

/* Bytes of memory for a session, as a constant: for static arrays; large_bytes and unpacked_bytes of the set-up come on top. */
#define FLIGHT_SESSION_BYTES(frame_bytes, window_frames, channels) \
    ((channels) * sizeof(flight_channel_state) + (window_frames) * sizeof(flight_session_slot) + \
     (size_t)(window_frames) * (((frame_bytes) + 3u) & ~3u) + \
     ((frame_bytes) > FLIGHT_HELLO_FRAME_BYTES ? (size_t)(frame_bytes) : (size_t)FLIGHT_HELLO_FRAME_BYTES))

/* Bytes of memory that flight_session_init wants for a set-up. Errors: ARGUMENT (what flight_session_init would refuse).
 *
 *     flight_session_setup setup = {0};
 *     setup.profile = &profile;
 *     setup.identity = &identity;
 *     setup.prover = &prover;
 *     if (flight_session_need(&setup) > (int)sizeof memory) { return 1; }
 */
int flight_session_need(const flight_session_setup *setup);

/* Set up a session in state idle. memory: aligned as a pointer is, flight_session_need bytes. Errors: ARGUMENT (a null
 * pointer, a text outside its limit, a profile without window, frame or transports), NO_ROOM (memory_bytes).
 *
 *     static const flight_profile mine = FLIGHT_DREAMCAST_PROFILE;
 *     static void *lent[FLIGHT_SESSION_BYTES(640, 4, 8) / sizeof(void *) + 1];
 *     flight_session_setup setup = {0};
 *     setup.profile = &mine;
 *     setup.identity = &identity;
 *     setup.prover = &prover;
 *     setup.channels = 8;
 *     if (flight_session_init(&session, lent, sizeof lent, &setup) != 0) { return 1; }
 *     flight_session_start(&session, now_ms);
 */
int flight_session_init(flight_session *session, void *memory, size_t memory_bytes, const flight_session_setup *setup);

/* Add a channel, or widen the mode of a known one. name: up to FLIGHT_CHANNEL_NAME_BYTES, ended by a zero, kept. start and
 * count: where a subscription begins (FLIGHT_START_..., entries). own: 1 = never a known one. The place of a channel that was
 * left is used again. Returns its number from 1. Errors: ARGUMENT, FULL.
 *
 *     int number = flight_session_channel(&session, "memory-updates", FLIGHT_MODE_PUBLISH, FLIGHT_START_LIVE, 0, 0);
 */
int flight_session_channel(flight_session *session, const char *name, uint8_t mode, uint8_t start, uint16_t count, int own);

/* Nobody listens to this channel any more. Errors: ARGUMENT (there is no channel with this number).
 *
 *     flight_session_leave(&session, 1);
 */
int flight_session_leave(flight_session *session, uint16_t channel);

/* The application wants to be connected. Changes nothing in any state but idle.
 *
 *     flight_session_start(&session, now_ms);
 */
void flight_session_start(flight_session *session, uint32_t now_ms);

/* The transport that FLIGHT_DO_OPEN asked for is open; session->nonce was filled.
 *
 *     fill(session.nonce, 8);
 *     flight_session_opened(&session, now_ms);
 */
void flight_session_opened(flight_session *session, uint32_t now_ms);

/* The transport could not be opened, or died. random: 16 random bits.
 *
 *     if (socket_error()) { flight_session_failed(&session, now_ms, random); }
 */
void flight_session_failed(flight_session *session, uint32_t now_ms, uint32_t random);

/* The transport takes the next turn: the reply to a poll was read, or the bytes are with the socket.
 *
 *     flight_session_turn_done(&session, now_ms);
 */
void flight_session_turn_done(flight_session *session, uint32_t now_ms);

/* The throw-away connection of FLIGHT_DO_PROBE got its answer (works: 1), or did not (0).
 *
 *     flight_session_probed(&session, 1, now_ms);
 */
void flight_session_probed(flight_session *session, int works, uint32_t now_ms);

/* The application wants no connection for now: the turn under way ends, for FLIGHT_CLOSE_WAIT_MS at most, then the link goes.
 * What is queued stays.
 *
 *     flight_session_pause(&session, now_ms);
 */
void flight_session_pause(flight_session *session, uint32_t now_ms);

/* The application wants a connection again: at once. Changes nothing in any state but paused.
 *
 *     flight_session_go_on(&session, now_ms);
 */
void flight_session_go_on(flight_session *session, uint32_t now_ms);

/* The application's judgement of the failure that the session waits after: a flight_advice.
 *
 *     flight_session_recover(&session, FLIGHT_ADVICE_POLLING);
 */
void flight_session_recover(flight_session *session, int advice);

/* Let lossy events collect, and keep to the profile's link rate; without it everything goes as soon as it may. Before the
 * start.
 *
 *     flight_session_adapt(&session);
 */
void flight_session_adapt(flight_session *session);

/* bytes_per_s: so many may leave per second, a second's worth at once; 0 = no limit.
 *
 *     flight_session_limit_link(&session, 3600);
 */
void flight_session_limit_link(flight_session *session, int32_t bytes_per_s);

/* events_per_s: so many may leave per second, a second's worth at once; 0 = no limit.
 *
 *     flight_session_limit_pace(&session, 100);
 */
void flight_session_limit_pace(flight_session *session, int32_t events_per_s);

/* The application allows so many lossy events to wait; session->batching.queue_events is what the driver keeps to.
 *
 *     flight_session_limit_queue(&session, 32);
 */
void flight_session_limit_queue(flight_session *session, int32_t events);

/* free_share: the free memory in 1/10000, below 0 where it is not known. As it falls, batches and queue shrink.
 *
 *     flight_session_memory(&session, 2500);
 */
void flight_session_memory(flight_session *session, int32_t free_share);

/* Answer to FLIGHT_DO_REFRESH: the new token, ended by a zero and kept as long as the session; null when there is none, or
 * only the one that we have.
 *
 *     flight_session_token(&session, "the next token", now_ms);
 */
void flight_session_token(flight_session *session, const char *token, uint32_t now_ms);

/* Go on with the numbers of a resume record; before the start. incarnation: 8 bytes. mark: the highest counter that is
 * settled. counted: events of earlier incarnations.
 *
 *     flight_session_restore(&session, resume.incarnation, resume.mark, resume.before);
 */
void flight_session_restore(flight_session *session, const uint8_t *incarnation, int32_t mark, int64_t counted);

/* Every critical event of this incarnation up to this counter is settled.
 *
 *     resume.mark = flight_session_settled_counter(&session);
 */
int32_t flight_session_settled_counter(const flight_session *session);

/* What a device keeps of its numbers while it is switched off: FLIGHT_RESUME_BYTES on its storage, kept twice. A write goes
 * over the older copy, before the first critical event of an incarnation is sent. A mark that is too low costs nothing. */
typedef struct flight_resume {
    uint32_t serial;        /* one more with every write, below 2^30 */
    int32_t mark;           /* every critical event up to this counter is settled */
    int64_t before;         /* critical events of earlier incarnations */
    uint32_t starts;        /* of the device, below 2^30 */
    uint8_t incarnation[8]; /* of the counters */
    uint8_t epoch[8];       /* of the log that has the events */
    uint8_t device[4];      /* CRC-32C of the device id */
} flight_resume;

enum { FLIGHT_RESUME_NONE = -1, FLIGHT_RESUME_DAMAGED = -2 };

/* The device that a record is of.
 *
 *     flight_resume_name(&resume, "living-room");
 */
void flight_resume_name(flight_resume *resume, const char *device_id);

/* Write FLIGHT_RESUME_BYTES.
 *
 *     flight_resume_pack(&resume, sector);
 */
void flight_resume_pack(const flight_resume *resume, uint8_t *out);

/* Read FLIGHT_RESUME_BYTES. Returns 1; or 0, and nothing is changed, when they are no whole record. There are no errors.
 *
 *     if (!flight_resume_unpack(&resume, sector)) { begin_anew(); }
 */
int flight_resume_unpack(flight_resume *resume, const uint8_t *data);

/* Of two copies, one behind the other: 0 or 1 for the newer whole one, FLIGHT_RESUME_NONE where neither was ever written, or
 * FLIGHT_RESUME_DAMAGED where neither is whole. These are its only errors.
 *
 *     int newest = flight_resume_newest(sectors);
 *     if (newest >= 0) { flight_resume_unpack(&resume, sectors + newest * FLIGHT_RESUME_BYTES); }
 */
int flight_resume_newest(const uint8_t *copies);

/* The application closes: what is queued may go for FLIGHT_CLOSE_WAIT_MS, then the session is closed.
 *
 *     flight_session_close(&session, now_ms);
 */
void flight_session_close(flight_session *session, uint32_t now_ms);

/* The client is over: the oldest critical frame that has events leaves as a letter, session->store.letter_slot. Returns 0 when
 * there is none; there are no errors.
 *
 *     while (flight_session_abandon(&session)) { lost_events += session.store.letter_events; }
 */
int flight_session_abandon(flight_session *session);

/* The gateway has more for us than one reply held: the next poll need not wait for the update interval.
 *
 *     if (reply_was_full) { flight_session_poll_soon(&session); }
 */
void flight_session_poll_soon(flight_session *session);

/* The next command for the driver. random: 16 random bits. Returns a flight_command; there are no errors.
 *
 *     session.waiting_critical = flight_ring_count(&ring);
 *     for (int todo; (todo = flight_session_poll(&session, now_ms, random)) != FLIGHT_DO_NOTHING;) {
 *         if (todo == FLIGHT_DO_PACK_CRITICAL) {
 *             uint8_t *to = session.out.buffer + session.out.at;
 *             int packed = flight_batch_pack(&ring, to, (size_t)session.out.room_bytes, now_ms, 16, &batch);
 *             todo = flight_session_packed(&session, packed > 0 ? (uint32_t)packed : 0, batch.events, batch.channel, now_ms,
 *                                          0);
 *         }
 *         if (todo == FLIGHT_DO_SEND) {
 *             int sealed = flight_session_seal(&session);
 *             if (sealed > 0) { send(session.out.buffer, (size_t)sealed); }
 *         }
 *         if (todo == FLIGHT_DO_TURN) { flight_session_turn_done(&session, now_ms); }
 *     }
 */
int flight_session_poll(flight_session *session, uint32_t now_ms, uint32_t random);

/* The driver packed events as FLIGHT_DO_PACK_ asked: events of one channel, record_bytes of records. flags: how they are
 * written, of those that were agreed on. Returns FLIGHT_DO_SEND, or FLIGHT_DO_NOTHING when there were none. Errors: ARGUMENT (nothing was asked for, or more than there is room for). The
 * example stands at flight_session_poll.
 */
int flight_session_packed(flight_session *session, uint32_t record_bytes, uint32_t events, uint16_t channel,
                          uint32_t now_ms, uint8_t flags);

/* The event that FLIGHT_DO_PACK_ asked for does not fit a frame, with its record_bytes. Returns FLIGHT_DO_PACK_ again, now with
 * room for this event alone; FLIGHT_DO_NOTHING: it waits until there is room for its pieces; FLIGHT_DO_TOO_LARGE: it can
 * never go. There are no errors.
 *
 *     if (flight_session_pack_large(&session, 4000) == FLIGHT_DO_TOO_LARGE) { dropped++; }
 */
int flight_session_pack_large(flight_session *session, uint32_t record_bytes);

/* The driver wrote the records plain, as FLIGHT_DO_RECODE asked; 0 where they do not fit: then FLIGHT_DO_LETTER is returned,
 * else FLIGHT_DO_NOTHING. There are no errors.
 *
 *     flight_session_recoded(&session, 0);
 */
int flight_session_recoded(flight_session *session, uint32_t record_bytes);

/* After FLIGHT_DO_SEND: make the frame complete, header, check and CRC. Returns its bytes in session->out.buffer. Errors: as
 * flight_frame_seal. The example stands at flight_session_poll.
 */
int flight_session_seal(flight_session *session);

/* Take one decoded frame. random: 16 random bits. Returns a flight_news about it; details stand in session->in until the next
 * frame, pointers as long as the frame's payload. There are no errors.
 *
 *     if (flight_frame_decode(data, data_bytes, 640, &frame) > 0) {
 *         int news = flight_session_receive(&session, &frame, now_ms, random);
 *         if (news == FLIGHT_NEWS_DELIVERED) { handle(session.in.channel, session.in.records, session.in.records_bytes); }
 *     }
 */
int flight_session_receive(flight_session *session, const flight_frame *frame, uint32_t now_ms, uint32_t random);

/* How long flight_session_poll has nothing to do if nothing happens, in milliseconds; never more than a heartbeat.
 *
 *     sleep_ms(flight_session_wake_in_ms(&session, now_ms));
 */
uint32_t flight_session_wake_in_ms(flight_session *session, uint32_t now_ms);

/* The transport to use now: FLIGHT_TRANSPORT_...
 *
 *     if (flight_session_transport(&session) == FLIGHT_TRANSPORT_POLLING) { open_http(); }
 */
uint8_t flight_session_transport(const flight_session *session);

/* The transport that FLIGHT_DO_PROBE tries: FLIGHT_TRANSPORT_..., or 0 where there is no better one.
 *
 *     try_it(flight_session_probe_target(&session));
 */
uint8_t flight_session_probe_target(const flight_session *session);

#endif
