/* A session before its first step: what it is made of, the memory that takes, and cutting what was lent. */
#include "flight_session_parts.h"

#if FLIGHT_SESSION

static int fits(const char *text, uint32_t limit_bytes)
{
    return text != NULL && flight_text_bytes(text, limit_bytes) <= limit_bytes;
}

static int is_complete(const flight_session_setup *setup)
{
    const flight_identity *identity;

    if (setup == NULL || setup->profile == NULL || setup->identity == NULL || setup->prover == NULL ||
        setup->prover->begin == NULL || setup->prover->prove == NULL) {
        return 0;
    }
    identity = setup->identity;
    return fits(identity->device_id, FLIGHT_DEVICE_ID_BYTES) && identity->device_id[0] != 0 &&
           fits(identity->platform, FLIGHT_PLATFORM_BYTES) && fits(identity->version, FLIGHT_VERSION_BYTES) &&
           fits(identity->token, FLIGHT_TOKEN_BYTES);
}

/* Whether the numbers of a profile can be worked with. */
static int is_possible(const flight_session_setup *setup)
{
    const flight_profile *profile = setup->profile;

    return profile->window_frames > 0 && profile->window_frames <= 0xffff &&
           profile->frame_bytes >= (int32_t)(FLIGHT_HEADER_BYTES + FLIGHT_CRITICAL_PREFIX_BYTES + FLIGHT_TRAILER_BYTES) &&
           profile->frame_bytes <= (int32_t)FLIGHT_MAX_FRAME_BYTES &&
           (setup->transports != NULL ? setup->transport_count : profile->transport_count) > 0 &&
           setup->large_bytes <= FLIGHT_UNPACKED_BYTES + 24u && setup->unpacked_bytes <= FLIGHT_UNPACKED_BYTES;
}

static uint32_t places(const flight_session_setup *setup)
{
    return setup->channels != 0 ? setup->channels : FLIGHT_DEVICE_CHANNELS;
}

static uint32_t stride_bytes(const flight_session_setup *setup)
{
    return ((uint32_t)setup->profile->frame_bytes + 3u) & ~3u;
}

static uint32_t scratch_bytes(const flight_session_setup *setup)
{
    const uint32_t stride = stride_bytes(setup);

    return stride > FLIGHT_HELLO_FRAME_BYTES ? stride : FLIGHT_HELLO_FRAME_BYTES;
}

int flight_session_need(const flight_session_setup *setup)
{
    if (!is_complete(setup) || !is_possible(setup)) {
        return FLIGHT_ERROR_ARGUMENT;
    }
    return (int)(places(setup) * (uint32_t)sizeof(flight_channel_state) +
                 (uint32_t)setup->profile->window_frames * ((uint32_t)sizeof(flight_session_slot) + stride_bytes(setup)) +
                 scratch_bytes(setup) + setup->large_bytes + setup->unpacked_bytes);
}

/* Cut the lent memory: channels, slots, their buffers, scratch. */
static void lend(flight_session *session, uint8_t *memory, const flight_session_setup *setup)
{
    flight_session_store *store = &session->store;

    session->channels.limit = (uint16_t)places(setup);
    session->channels.items = (flight_channel_state *)(void *)memory;
    memory += session->channels.limit * sizeof(flight_channel_state);
    store->frames = setup->profile->window_frames;
    store->stride_bytes = stride_bytes(setup);
    store->slots = (flight_session_slot *)(void *)memory;
    store->buffers = memory + (uint32_t)store->frames * sizeof(flight_session_slot);
    session->out.scratch = store->buffers + (uint32_t)store->frames * store->stride_bytes;
    session->out.large = session->out.scratch + scratch_bytes(setup);
    session->out.large_bytes = setup->large_bytes;
    session->pieces.buffer = session->out.large + setup->large_bytes;
    session->pieces.limit_bytes = setup->unpacked_bytes;
}

int flight_session_init(flight_session *session, void *memory, size_t memory_bytes, const flight_session_setup *setup)
{
    const int need_bytes = flight_session_need(setup);
    const flight_profile *profile;

    if (need_bytes < 0 || session == NULL || memory == NULL || ((uintptr_t)memory & (sizeof(void *) - 1u)) != 0) {
        return FLIGHT_ERROR_ARGUMENT;
    }
    if (memory_bytes < (size_t)need_bytes) {
        return FLIGHT_ERROR_NO_ROOM;
    }
    profile = setup->profile;
    memset(session, 0, sizeof *session);
    memset(memory, 0, (size_t)need_bytes);
    lend(session, memory, setup);
    session->profile = profile;
    session->identity = setup->identity;
    session->prover = setup->prover;
    session->next_counter = 1;
    session->store.base = 1;
    session->store.letter_slot = -1;
    session->log_kept = 1;
    session->agreement.lanes = (uint8_t)(FLIGHT_LANE_CRITICAL | FLIGHT_LANE_LOSSY);
    session->agreement.window_bytes = profile->window_frames * profile->frame_bytes;
    session->agreement.unpacked_bytes = (int32_t)setup->unpacked_bytes;
    session->store.letter_cause = FLIGHT_DROP_EXPIRED;
    session->sender.window_bytes = (int32_t)FLIGHT_NUMBER_LIMIT;
    session->receipts.next_in = 1;
    session->receipts.half_frames = (profile->window_frames + 1) >> 1;
    session->sender.window_frames = profile->window_frames;
    session->sender.heartbeat_ms = profile->heartbeat_ms;
    session->out.buffer = session->out.scratch;
    session->out.frame_room_bytes = profile->frame_bytes;
    session->out.behind_bytes = (int32_t)FLIGHT_TRAILER_BYTES;
    session->out.turn_most_bytes = (int32_t)FLIGHT_POLL_BODY_BYTES;
    session->renewal.token = "";
    flight_bucket_begin(&session->sender.link, 0, 0);
    flight_bucket_begin(&session->sender.pace, 0, 0);
    flight_batching_init(&session->batching, profile);
    session->in.proven = 1;
    session->fatal_codes = FLIGHT_CODES_FATAL;
    if (setup->transports != NULL) {
        flight_policy_init(&session->policy, profile, setup->transports, setup->transport_count);
    } else {
        flight_policy_init(&session->policy, profile, profile->transports, profile->transport_count);
    }
    return 0;
}

#endif
