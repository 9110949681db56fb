/* See twin.h. */
#include "twin.h"

#include <string.h>

#include "flight_session_parts.h"

#define FRAME_BYTES 16384u
#define WINDOW 32u
#define CHANNELS 8u
#define LARGE_BYTES (FLIGHT_UNPACKED_BYTES + 24u)

enum { START, OPENED, FAILED, TURN_DONE, PROBED, CLOSE, POLL, PACKED, RECEIVE, WAITING, CHANNEL, SOON, POKE, LEAVE, ABANDON, PACK_LARGE, RECODED, PAUSE, GO_ON, RECOVER, TOKEN, RESTORE };

static const flight_profile profiles[] = {
    FLIGHT_DREAMCAST_PROFILE, FLIGHT_PSP_PROFILE,  FLIGHT_VITA_PROFILE,  FLIGHT_V6R_CLOUD_PROFILE,
    FLIGHT_WEB_PROFILE,       FLIGHT_HOST_PROFILE, FLIGHT_MICRO_PROFILE,
};
static const char *const platforms[] = {"dreamcast", "psp", "vita", "v6r-cloud", "web", "host", "micro"};
static const char *const names[] = {"events", "log", "a", "b", "memory-updates", "x/y", "events2", "0", "one-too-many"};

static void *lent[(FLIGHT_SESSION_BYTES(FRAME_BYTES, WINDOW, CHANNELS) + LARGE_BYTES + FLIGHT_UNPACKED_BYTES) / sizeof(void *) + 1u];
static flight_session session;
static const char *const tokens[] = {NULL, "token-two", "", "token-3"};
static flight_identity identity;
static uint8_t transports[5];
static uint32_t key;
static uint32_t now_ms;
static int sends;
static int delivers;
static uint8_t received[2048];

static uint32_t sum(uint32_t hash, const uint8_t *data, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        hash = (hash ^ data[i]) * 0x01000193u;
    }
    return hash;
}

static void prove_begin(void *context, const char *token, const uint8_t *client_nonce, const uint8_t *server_nonce)
{
    (void)context;
    key = sum(0x811c9dc5u, (const uint8_t *)token, flight_text_bytes(token, FLIGHT_TOKEN_BYTES));
    key = sum(sum(key, client_nonce, 8), server_nonce, 8);
}

static void prove(void *context, uint8_t *proof, uint32_t generation, uint32_t number)
{
    (void)context;
    for (uint32_t i = 0; i < FLIGHT_PROOF_BYTES; i++) {
        proof[i] = (uint8_t)((key >> (8u * (i & 3u))) + 7u * generation + 13u * number + i);
    }
}

static const flight_prover prover = {NULL, prove_begin, prove};

int twin_begin(const uint8_t *setup, uint32_t bytes)
{
    flight_session_setup wanted;
    int need;

    if (bytes < 25u || setup[0] >= sizeof profiles / sizeof profiles[0]) {
        return FLIGHT_ERROR_ARGUMENT;
    }
    memset(&wanted, 0, sizeof wanted);
    memset(&identity, 0, sizeof identity);
    now_ms = flight_load32(setup + 1);
    memcpy(identity.incarnation, setup + 5, 8);
    identity.device_id = "twin-1";
    identity.platform = platforms[setup[0]];
    identity.version = "1.0";
    identity.token = setup[13] != 0 ? "token" : "";
    identity.capabilities = 0x23u;
    identity.client_type = FLIGHT_CLIENT_FLIGHT_CORE_NATIVE;
    memcpy(identity.boot, "boot-num", 8);
    wanted.profile = &profiles[setup[0]];
    wanted.identity = &identity;
    wanted.prover = &prover;
    wanted.channels = setup[14];
    wanted.large_bytes = LARGE_BYTES;
    wanted.unpacked_bytes = flight_load32(setup + 19);
    memcpy(transports, setup + 25, setup[15]);
    if (setup[15] != 0) {
        wanted.transports = transports;
        wanted.transport_count = setup[15];
    }
    key = 0;
    sends = 0;
    delivers = 0;
    need = flight_session_need(&wanted);
    if (need < 0 || (size_t)need > sizeof lent) {
        return FLIGHT_ERROR_NO_ROOM;
    }
    need = flight_session_init(&session, lent, sizeof lent, &wanted);
    session.agreement.reads = setup[16];
    session.agreement.sends = setup[17];
    session.agreement.lanes = setup[18];
    session.agreement.auth = setup[23];
    session.renewal.renewable = setup[24] & 1u;
    if (setup[24] & 2u) {
        flight_session_adapt(&session);
    }
    return need;
}

static int step_packed(const uint8_t *args)
{
    const uint32_t bytes = flight_load16(args);

    for (uint32_t i = 0; i < bytes; i++) {
        session.out.buffer[session.out.at + i] = (uint8_t)(args[6] + i);
    }
    session.out.expires_ms = (int32_t)flight_load32(args + 7);
    session.out.retries = args[11];
    session.out.retry_ms = (int32_t)flight_load32(args + 12);
    return flight_session_packed(&session, bytes, flight_load16(args + 2), flight_load16(args + 4), now_ms,
                                 args[16]);
}

static int step_receive(const uint8_t *args, uint32_t bytes, uint32_t random)
{
    flight_frame frame;

    memset(&frame, 0, sizeof frame);
    frame.type = args[0];
    frame.flags = args[1];
    frame.channel = flight_load16(args + 2);
    frame.seq = flight_load32(args + 4);
    frame.ack = flight_load32(args + 8);
    frame.payload_bytes = bytes - 12u;
    memcpy(received, args + 12, frame.payload_bytes); /* what the news point to stays until the next frame */
    frame.payload = received;
    return flight_session_receive(&session, &frame, now_ms, random);
}

static int step_poke(uint8_t what, int32_t value)
{
    switch (what) {
    case 0:
        session.generation = value;
        break;
    case 1:
        session.next_counter = value;
        break;
    case 2:
        session.tally.lossy_handed = value;
        break;
    case 3:
        session.store.base = value;
        break;
    case 4:
        session.sender.window_bytes = value;
        break;
    case 5:
        session.sender.window_frames = value;
        break;
    case 6:
        flight_session_limit_link(&session, value);
        break;
    case 7:
        flight_session_limit_pace(&session, value);
        break;
    case 8:
        flight_session_memory(&session, value);
        break;
    case 9:
        flight_session_limit_queue(&session, value);
        break;
    case 10:
        session.sender.flushing = value;
        break;
    default:
        session.fatal_codes = (uint32_t)value;
        break;
    }
    return 0;
}

int twin_step(const uint8_t *step, uint32_t bytes)
{
    const uint32_t random = flight_load16(step + 5);
    const uint8_t *args = step + 7;
    int answer = 0;

    now_ms = (now_ms + flight_load32(step + 1)) & FLIGHT_CLOCK_MASK;
    switch (step[0]) {
    case START:
        flight_session_start(&session, now_ms);
        break;
    case OPENED:
        memcpy(session.nonce, args, 8);
        flight_session_opened(&session, now_ms);
        break;
    case FAILED:
        flight_session_failed(&session, now_ms, random);
        break;
    case TURN_DONE:
        flight_session_turn_done(&session, now_ms);
        break;
    case PROBED:
        flight_session_probed(&session, args[0], now_ms);
        break;
    case CLOSE:
        flight_session_close(&session, now_ms);
        break;
    case POLL:
        answer = flight_session_poll(&session, now_ms, random);
        break;
    case PACKED:
        answer = step_packed(args);
        break;
    case RECEIVE:
        answer = step_receive(args, bytes - 7u, random);
        break;
    case WAITING:
        session.waiting_critical = flight_load32(args);
        session.waiting_lossy = flight_load32(args + 4);
        session.critical_priority = args[8];
        session.lossy_priority = args[9];
        break;
    case CHANNEL:
        answer = flight_session_channel(&session, names[args[4]], args[0], args[1], flight_load16(args + 2), args[5]);
        answer = answer < 0 ? 0 : answer;
        break;
    case SOON:
        flight_session_poll_soon(&session);
        break;
    case LEAVE:
        flight_session_leave(&session, args[0]);
        break;
    case PACK_LARGE:
        answer = flight_session_pack_large(&session, flight_load32(args));
        break;
    case RECODED:
        answer = flight_session_recoded(&session, flight_load32(args));
        break;
    case ABANDON:
        answer = flight_session_abandon(&session);
        break;
    case PAUSE:
        flight_session_pause(&session, now_ms);
        break;
    case GO_ON:
        flight_session_go_on(&session, now_ms);
        break;
    case RECOVER:
        flight_session_recover(&session, args[0]);
        break;
    case TOKEN:
        flight_session_token(&session, tokens[args[0]], now_ms);
        break;
    case RESTORE:
        flight_session_restore(&session, args, (int32_t)flight_load32(args + 8), flight_load32(args + 12));
        break;
    default:
        answer = step_poke(args[0], (int32_t)flight_load32(args + 1));
        break;
    }
    delivers = step[0] == RECEIVE && (answer == FLIGHT_NEWS_DELIVERED || answer == FLIGHT_NEWS_DELIVERED_AFTER_HOLE);
    sends = (step[0] == POLL || step[0] == PACKED) && answer == FLIGHT_DO_SEND;
    return answer;
}

int twin_frame(const uint8_t **frame)
{
    *frame = session.out.buffer;
    return flight_session_seal(&session);
}

static uint32_t *put(uint32_t *to, const uint8_t *bytes, uint32_t count)
{
    for (uint32_t i = 0; i < count; i += 4u) {
        *to++ = flight_load32(bytes + i);
    }
    return to;
}

#define PUT(value) (*to++ = (uint32_t)(value))

static uint32_t *put_machine(uint32_t *to)
{
    PUT(session.state), PUT(session.reason), PUT(session.known), PUT(session.resumed), PUT(session.generation);
    PUT(session.next_counter), PUT(session.poll_number), PUT(session.open_asked), PUT(session.drop_first);
    PUT(session.greeted), PUT(session.in_turn), PUT(session.awaiting), PUT(session.poll_now), PUT(session.renew);
    PUT(session.log_kept), PUT(session.critical_priority), PUT(session.lossy_priority);
    PUT(session.deadline_ms), PUT(session.retry_at_ms), PUT(session.close_at_ms), PUT(session.heard_at_ms);
    PUT(session.turn_at_ms), PUT(flight_session_wake_in_ms(&session, now_ms)), PUT(flight_session_transport(&session));
    PUT(session.pausing), PUT(session.counted), PUT((uint64_t)session.counted >> 32);
    PUT(flight_session_settled_counter(&session));
    PUT(session.fatal_codes);
    return put(put(to, session.epoch, 8), identity.incarnation, 8);
}

static uint32_t *put_policy(uint32_t *to)
{
    const flight_session_policy *policy = &session.policy;

    PUT(policy->index), PUT(policy->switches), PUT(policy->spread_ms), PUT(policy->probe_at_ms), PUT(policy->probing);
    PUT(policy->attempt), PUT(policy->failures), PUT(policy->ready_at_ms), PUT(policy->was_ready);
    PUT(policy->upgraded), PUT(policy->flapped), PUT(policy->stepped_down), PUT(policy->probe_wait_ms);
    PUT(policy->hint_ms), PUT(policy->failed_total), PUT(flight_session_probe_target(&session));
    return to;
}

static uint32_t *put_sides(uint32_t *to)
{
    const flight_session_out *out = &session.out;

    PUT(session.receipts.next_in), PUT(session.receipts.unacked), PUT(session.receipts.asked);
    PUT(session.receipts.resend_wanted), PUT(session.receipts.ack_at_ms);
    PUT(session.sender.window_frames), PUT(session.sender.heartbeat_ms), PUT(session.sender.sent_at_ms);
    PUT(session.sender.close_sent), PUT(session.sender.window_bytes), PUT(session.sender.run_frames);
    PUT(session.sender.needs_frames), PUT(session.sender.messages), PUT(session.sender.piece);
    PUT(session.sender.piece_at), PUT(session.sender.piece_end), PUT(session.sender.piece_flags);
    PUT(session.sender.piece_channel);
    PUT(out->expires_ms), PUT(out->retries), PUT(out->retry_ms);
    PUT(out->frame.type), PUT(out->frame.flags), PUT(out->frame.channel), PUT(out->frame.seq), PUT(out->frame.ack);
    PUT(out->frame.payload_bytes), PUT(out->at), PUT(out->room_bytes), PUT(out->frame_room_bytes), PUT(out->turn_bytes);
    PUT(out->behind_bytes), PUT(out->most_events), PUT(session.sender.flushing);
    return to;
}

static uint32_t *put_bucket(uint32_t *to, const flight_bucket *bucket)
{
    PUT(bucket->per_s), PUT(bucket->most), PUT(bucket->level), PUT(bucket->at_ms);
    return to;
}

static uint32_t *put_limits(uint32_t *to)
{
    const flight_batching *batching = &session.batching;

    to = put_bucket(put_bucket(to, &session.sender.link), &session.sender.pace);
    PUT(batching->events), PUT(batching->delay_ms), PUT(batching->queue_events), PUT(batching->parts);
    PUT(batching->most_queued), PUT(batching->collecting), PUT(batching->due), PUT(batching->since_ms);
    PUT(batching->begun);
    return to;
}

static uint32_t sum_text(const char *text)
{
    return sum(0x811c9dc5u, (const uint8_t *)text, flight_text_bytes(text, FLIGHT_TOKEN_BYTES));
}

static uint32_t *put_token(uint32_t *to)
{
    const flight_renewal *renewal = &session.renewal;
    const flight_renewed *renewed = &session.renewed;

    PUT(renewal->renewable), PUT(renewal->over), PUT(renewal->step), PUT(renewal->timed), PUT(renewal->due_at_ms);
    PUT(renewal->tried), PUT(sum_text(renewal->token)), PUT(sum_text(identity.token));
    PUT(renewed->code), PUT(renewed->unasked), PUT(renewed->expires_in_ms), PUT(session.in.proven);
    return to;
}

static uint32_t *put_in(uint32_t *to)
{
    const flight_session_in *in = &session.in;

    PUT(in->channel), PUT(in->records != NULL ? in->records - in->payload : 0), PUT(in->records_bytes);
    PUT(in->gap_reason), PUT(in->refused_code), PUT(session.ending.code), PUT(session.ending.retry_after_ms);
    PUT(session.ending.text != NULL ? (const uint8_t *)session.ending.text - received : 0), PUT(session.ending.text_bytes);
    PUT(in->flags), PUT(delivers ? sum(0x811c9dc5u, in->records, in->records_bytes) : 0);
    PUT(session.pieces.total_bytes), PUT(session.pieces.used_bytes), PUT(session.pieces.abandoned);
    PUT(session.pieces.message), PUT(session.pieces.next), PUT(session.pieces.channel), PUT(session.pieces.flags);
    return put(put(put(to, in->gap_epoch, 8), in->gap_after, 8), in->gap_to, 8);
}

static uint32_t *put_welcome(uint32_t *to)
{
    const flight_welcome *welcome = &session.welcome;

    to = put(put(to, welcome->session_id, 16), welcome->short_id, 8);
    to = put(put(put(to, welcome->incarnation, 8), welcome->epoch, 8), welcome->server_nonce, 8);
    PUT(welcome->heartbeat_ms), PUT(welcome->window_frames), PUT(welcome->frame_bytes), PUT(welcome->spread_ms);
    PUT(welcome->window_bytes), PUT(welcome->mark), PUT(welcome->lossy_stored), PUT(welcome->session_ttl_ms);
    PUT(welcome->token_expires_in_ms), PUT(welcome->unpacked_bytes), PUT(welcome->flags_up), PUT(welcome->flags_down);
    PUT(welcome->auth), PUT(session.agreement.up), PUT(session.agreement.down);
    PUT(session.agreement.unpacked_out_bytes), PUT(session.agreement.window_bytes);
    return to;
}

static uint32_t *put_tally(uint32_t *to)
{
    const flight_tally *tally = &session.tally;

    PUT(tally->critical_acked), PUT(tally->refused), PUT(tally->expired), PUT(tally->too_large), PUT(tally->lossy_settled), PUT(tally->link_dropped);
    PUT(tally->unconfirmed), PUT(tally->lossy_handed), PUT(tally->lossy_confirmed), PUT(tally->delivered_entries);
    PUT(tally->duplicates), PUT(tally->resent_frames), PUT(tally->connections), PUT(tally->forged);
    return to;
}

static uint32_t *put_store(uint32_t *to)
{
    const flight_session_store *store = &session.store;

    PUT(store->base), PUT(store->used), PUT(store->cursor), PUT(store->sent), PUT(store->events_held);
    PUT(store->acked_events), PUT(store->head), PUT(store->bytes_out), PUT(store->hold_seq), PUT(store->hold_until_ms);
    PUT(store->letter_slot), PUT(store->letter_events), PUT(store->letter_cause), PUT(store->letter_sent);
    for (int32_t i = 0; i < store->frames; i++) {
        const flight_session_slot *slot = &store->slots[i];

        PUT(slot->payload_bytes), PUT(slot->events), PUT(slot->channel), PUT(slot->skip), PUT(slot->packed_at_ms);
        PUT(slot->expires_ms), PUT(slot->retries), PUT(slot->retry_ms), PUT(slot->doubt);
        PUT(slot->flags), PUT(slot->counter), PUT(slot->span), PUT(slot->piece), PUT(slot->behind);
        PUT(slot->sent_at_ms);
    }
    return to;
}

static uint32_t *put_channels(uint32_t *to)
{
    const flight_session_channels *channels = &session.channels;

    PUT(channels->unopened), PUT(channels->used), PUT(channels->unanswered), PUT(channels->asked_at_ms);
    for (uint32_t i = 0; i < channels->used; i++) {
        const flight_channel_state *channel = &channels->items[i];

        PUT(channel->mode), PUT(channel->start), PUT(channel->count), PUT(channel->asked), PUT(channel->opened);
        PUT(channel->leaving), PUT(channel->own);
        PUT(channel->code), PUT(channel->positioned), PUT(channel->taken);
        to = put(put(to, channel->epoch, 8), channel->offset, 8);
    }
    return to;
}

uint32_t twin_snapshot(uint32_t *words)
{
    uint32_t *to = put_machine(words);

    to = put_in(put_token(put_limits(put_sides(put_policy(to)))));
    to = put_store(put_tally(put_welcome(to)));
    to = put_channels(to);
    return (uint32_t)(to - words);
}

uint32_t twin_digest(void)
{
    static uint32_t words[TWIN_WORDS];
    const uint32_t count = twin_snapshot(words);
    uint32_t hash = 0x811c9dc5u;

    for (uint32_t i = 0; i < count; i++) {
        hash = (hash ^ words[i]) * 0x01000193u;
    }
    return sends ? sum(hash, session.out.buffer + FLIGHT_HEADER_BYTES, session.out.frame.payload_bytes) : hash;
}

int twin_resume(const uint8_t *copies, uint8_t *out)
{
    const int newest = flight_resume_newest(copies);
    flight_resume resume;

    if (newest >= 0 && flight_resume_unpack(&resume, copies + (uint32_t)newest * FLIGHT_RESUME_BYTES)) {
        flight_resume_pack(&resume, out);
    }
    return newest;
}

void twin_resume_name(const char *device_id, uint8_t *out)
{
    flight_resume resume;

    flight_resume_name(&resume, device_id);
    memcpy(out, resume.device, 4);
}

uint8_t twin_state(void)
{
    return session.state;
}

uint8_t twin_next_state(uint32_t state, uint32_t happening)
{
    return flight_session_next_state(state, happening);
}

uint32_t twin_sizeof(void)
{
    return (uint32_t)sizeof(flight_session);
}
