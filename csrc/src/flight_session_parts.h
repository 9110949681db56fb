/* What the files of the session share. Private. One file mirrors one module of flight_client/session/device. */
#ifndef FLIGHT_SESSION_PARTS_H
#define FLIGHT_SESSION_PARTS_H

#include "flight_bytes.h"
#include "flight.h"

#if FLIGHT_SESSION

#define FLIGHT_CLOCK_MASK 0x3fffffffu
#define FLIGHT_CLOCK_HALF 0x20000000u
#define FLIGHT_LONGEST_MS 86400000 /* a day: far from where the 30-bit clock would take a wait for the past */
/* A session is renewed, once nothing waits for an acknowledgement, before a number could reach the limit. */
#define FLIGHT_RENEW_AT ((int32_t)(FLIGHT_NUMBER_LIMIT - 0x10000u))

/* Which piece a slot holds and how many follow, where there are any. */
#if FLIGHT_SESSION_PIECES
#define FLIGHT_PIECE(slot) ((slot)->piece)
#define FLIGHT_BEHIND(slot) ((slot)->behind)
#else
#define FLIGHT_PIECE(slot) 0
#define FLIGHT_BEHIND(slot) 0
#endif

/* ---- common: clock and fields ---- */

/* The time wait_ms after now_ms; the wait may be negative. */
static inline uint32_t flight_later(uint32_t now_ms, int32_t wait_ms)
{
    return (now_ms + (uint32_t)wait_ms) & FLIGHT_CLOCK_MASK;
}

/* Milliseconds from then_ms to now_ms; negative when it is still to come. */
static inline int32_t flight_elapsed(uint32_t now_ms, uint32_t then_ms)
{
    return (int32_t)((now_ms - then_ms + FLIGHT_CLOCK_HALF) & FLIGHT_CLOCK_MASK) - (int32_t)FLIGHT_CLOCK_HALF;
}

static inline int32_t flight_min(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

static inline int32_t flight_max(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

/* A number below 2^30, or -1. */
int32_t flight_session_get30(const uint8_t *at);

/* ---- one line or block a file ---- */

/* What happens to a session; FLIGHT_HAPPENINGS counts them. */
enum flight_happening {
    FLIGHT_ON_START,
    FLIGHT_ON_DUE,
    FLIGHT_ON_OPENED_NEW,
    FLIGHT_ON_OPENED_KNOWN,
    FLIGHT_ON_FAILED,
    FLIGHT_ON_WELCOMED,
    FLIGHT_ON_RESUMED,
    FLIGHT_ON_RESET,
    FLIGHT_ON_FATAL,
    FLIGHT_ON_CLOSE,
    FLIGHT_ON_DONE,
    FLIGHT_ON_UPGRADE,
    FLIGHT_ON_PAUSE,
    FLIGHT_ON_GO_ON,
    FLIGHT_HAPPENINGS
};
uint8_t flight_session_next_state(uint32_t state, uint32_t happening);

void flight_policy_init(flight_session_policy *policy, const flight_profile *profile, const uint8_t *transports,
                        uint8_t count);
void flight_policy_ready(flight_session_policy *policy, uint32_t now_ms);
void flight_policy_hint(flight_session_policy *policy, int32_t retry_after_ms);
void flight_policy_announce(flight_session_policy *policy, int32_t spread_ms);
void flight_policy_failed(flight_session_policy *policy, uint32_t now_ms);
int32_t flight_policy_wait_ms(flight_session_policy *policy, uint32_t random);
void flight_policy_use(flight_session_policy *policy, uint8_t transport);
void flight_policy_back_off(flight_session_policy *policy);
void flight_policy_paused(flight_session_policy *policy, uint32_t now_ms);
int flight_policy_probe_due(const flight_session_policy *policy, uint32_t now_ms);
int32_t flight_policy_probe_wait_ms(const flight_session_policy *policy, uint32_t now_ms, int32_t wait_ms);
void flight_policy_probe_failed(flight_session_policy *policy, uint32_t now_ms);
void flight_policy_upgrade(flight_session_policy *policy);

void flight_bucket_begin(flight_bucket *bucket, int32_t per_s, int32_t most);
void flight_bucket_take(flight_bucket *bucket, uint32_t amount);
int32_t flight_bucket_wait_ms(flight_bucket *bucket, uint32_t now_ms);
int32_t flight_bucket_room(flight_bucket *bucket, uint32_t now_ms, int32_t longest);
uint32_t flight_quotient(uint32_t number, uint32_t by);

void flight_batching_init(flight_batching *batching, const flight_profile *profile);
void flight_batching_settle(flight_session *session);
int flight_batching_full(const flight_batching *batching, uint32_t waiting);
int flight_batching_due(flight_batching *batching, uint32_t waiting, uint32_t now_ms);
int32_t flight_batching_due_in_ms(flight_batching *batching, uint32_t waiting, uint32_t now_ms);

void flight_renewal_begin(flight_renewal *renewal, int32_t expires_in_ms, uint32_t now_ms);
void flight_renewal_new_transport(flight_renewal *renewal);
int flight_renewal_ask_due(flight_renewal *renewal, uint32_t now_ms);
int32_t flight_renewal_wake_in_ms(const flight_renewal *renewal, uint32_t now_ms, int32_t longest_ms);
int flight_renewal_to_send(const flight_renewal *renewal);
void flight_renewal_sent(flight_renewal *renewal, uint32_t now_ms);
void flight_renewal_remind(flight_renewal *renewal, uint32_t now_ms, int32_t patience_ms);
int32_t flight_renewal_remind_in_ms(const flight_renewal *renewal, uint32_t now_ms, int32_t patience_ms,
                                    int32_t longest_ms);
int flight_renewal_accepted(flight_renewal *renewal, int32_t expires_in_ms, uint32_t now_ms);
void flight_renewal_refused(flight_renewal *renewal, uint32_t now_ms);
void flight_renewal_ended(flight_renewal *renewal, uint32_t now_ms);
int flight_renewal_try_again(flight_renewal *renewal);

int flight_frames_room(const flight_session_store *store);
uint8_t *flight_frames_free_buffer(const flight_session_store *store);
/* What is to be kept of a packed frame. */
typedef struct flight_packed {
    uint32_t record_bytes;
    uint32_t events;
    uint32_t now_ms;
    int32_t counter;
    uint16_t channel;
    uint16_t message; /* number of a payload in pieces */
    uint8_t flags;
} flight_packed;
int flight_frames_fit(const flight_session *session);
void flight_frames_give_up(flight_session_store *store, uint8_t cause);
int32_t flight_frames_next_slot(const flight_session_store *store);
void flight_frames_commit(flight_session_store *store, const flight_packed *packed, const flight_session_out *out);
int flight_frames_to_send(const flight_session *session, uint32_t now_ms);
int32_t flight_frames_hold_ms(const flight_session_store *store, uint32_t now_ms, int32_t longest_ms);
int flight_frames_expire(flight_session_store *store, uint32_t now_ms);
void flight_frames_rewind(flight_session_store *store);
void flight_frames_settled(flight_session_store *store, int same_log);
int32_t flight_frames_take(flight_session_store *store, uint32_t now_ms);
uint8_t *flight_frames_buffer(const flight_session_store *store, int32_t slot);
int32_t flight_frames_oldest_wait_ms(const flight_session_store *store, uint32_t now_ms);
int flight_frames_acknowledge(flight_session_store *store, int32_t ack);
void flight_frames_acknowledge_counters(flight_session_store *store, int32_t mark);
int flight_frames_refuse(flight_session_store *store, int32_t seq, int again, uint32_t now_ms);
void flight_frames_renumber(flight_session_store *store);
int32_t flight_frames_first_counter(const flight_session_store *store, int32_t following);
int32_t flight_frames_recount(flight_session_store *store, int32_t counter);

flight_channel_state *flight_channels_get(const flight_session_channels *table, uint32_t number);
uint16_t flight_channels_next_unopened(const flight_session_channels *table);
void flight_channels_sent_open(flight_session_channels *table, uint16_t number, uint32_t now_ms);
void flight_channels_remind(flight_session_channels *table, uint32_t now_ms, int32_t patience_ms);
int32_t flight_channels_remind_in_ms(const flight_session_channels *table, uint32_t now_ms, int32_t patience_ms,
                                     int32_t longest_ms);
void flight_channels_ask_again(flight_session_channels *table, int all_channels);
void flight_channel_position(flight_channel_state *channel, const uint8_t *epoch, const uint8_t *offset);
int flight_channel_is_old(const flight_channel_state *channel, const uint8_t *offset);
int flight_channel_follows(const flight_channel_state *channel, const uint8_t *previous);
uint32_t flight_text_bytes(const char *text, uint32_t limit_bytes);

void flight_tally_acknowledged(flight_tally *tally, const flight_session_store *store);
void flight_tally_lossy_stored(flight_tally *tally, int32_t count);
void flight_tally_lossy_refused(flight_tally *tally, int32_t events);
void flight_tally_lossy_restart(flight_tally *tally, int32_t count, int log_replaced);

uint32_t flight_write_hello(uint8_t *payload, const flight_session *session);
uint32_t flight_write_attach(uint8_t *payload, const uint8_t *session_id, int32_t generation, int32_t number);
uint32_t flight_write_open(uint8_t *payload, const flight_channel_state *channel);
uint32_t flight_write_token(uint8_t *payload, const char *token);
int flight_read_renewed(flight_renewed *renewed, const uint8_t *payload, uint32_t bytes);
uint32_t flight_write_close(uint8_t *payload, uint8_t code);
int flight_read_welcome(flight_welcome *welcome, const uint8_t *payload, uint32_t bytes);
int flight_read_ending(flight_ending *ending, const uint8_t *payload, uint32_t bytes);

int flight_agreement_keeps(const flight_agreement *agreement, const flight_welcome *welcome);
void flight_agreement_begin(flight_session *session);

#if FLIGHT_SESSION_PIECES /* events in pieces, and frames written anew for a gateway that reads fewer flags */
enum flight_pieces_answer { FLIGHT_PIECES_WAIT, FLIGHT_PIECES_WHOLE, FLIGHT_PIECES_FOREIGN, FLIGHT_PIECES_TOO_LARGE };
void flight_pieces_begin(flight_pieces *pieces);
int flight_pieces_push(flight_pieces *pieces, const flight_frame *frame);
void flight_pieces_leave(flight_pieces *pieces, uint16_t channel);
void flight_write_piece_head(uint8_t *payload, uint16_t message, uint16_t number, uint32_t total_bytes);
int flight_sender_send_piece(flight_session *session);
void flight_frames_commit_pieces(flight_session_store *store, const flight_packed *packed, const flight_session_out *out,
                                 uint32_t chunk_bytes);
void flight_frames_recode(flight_session_store *store, uint32_t record_bytes);
#endif

void flight_receipts_new_transport(flight_session_receipts *receipts);
int flight_receipts_take(flight_session_receipts *receipts, int32_t seq, uint32_t now_ms);
int flight_receipts_half_a_window(const flight_session_receipts *receipts);
int flight_receipts_ack_due(const flight_session_receipts *receipts, uint32_t now_ms);
int32_t flight_receipts_ack_in_ms(const flight_session_receipts *receipts, uint32_t now_ms, int32_t longest_ms);

void flight_out_pack_into(flight_session_out *out, uint8_t *buffer, uint32_t prefix_bytes);

int flight_sender_send_stored(flight_session *session, uint32_t now_ms);
int flight_sender_next_frame(flight_session *session, uint32_t now_ms);
int flight_sender_urgent(flight_session *session, uint32_t now_ms);
int32_t flight_sender_urgent_in_ms(flight_session *session, uint32_t now_ms, int32_t longest_ms);
void flight_sender_left(flight_session *session, const flight_frame *frame);
void flight_sender_turn_ended(flight_session *session, uint32_t now_ms);
int32_t flight_sender_wake_in_ms(flight_session *session, uint32_t now_ms, int32_t longest_ms);

/* Of the machine, for its other files, sender and inbox. */
int flight_session_may_leave(const flight_session *session, uint32_t now_ms);
void flight_session_leave_link(flight_session *session, uint32_t now_ms);
int flight_session_polling(const flight_session *session);
int flight_session_may_number(flight_session *session);
void flight_session_go(flight_session *session, uint32_t happening);
void flight_session_lost(flight_session *session);
void flight_session_ready(flight_session *session, uint32_t now_ms);
void flight_session_begin(flight_session *session);
void flight_session_forged(flight_session *session, uint32_t now_ms, uint32_t random);
/* This frame goes out next: seq 0 for those without a number. Returns FLIGHT_DO_SEND. */
int flight_session_emit(flight_session *session, uint8_t type, uint8_t flags, uint16_t channel, uint8_t *buffer,
                        uint32_t bytes);

#endif

#endif
