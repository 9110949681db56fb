/* What the calls of the session refuse, and that a refusal changes nothing. What they do is shown by the recorded sessions. */
#include <string.h>

#include "program.h"

static const flight_profile dreamcast = FLIGHT_DREAMCAST_PROFILE;
static const flight_profile host = FLIGHT_HOST_PROFILE;
static const char long_text[] =
    "0123456789012345678901234567890123456789012345678901234567890123456789";

static void *lent[FLIGHT_SESSION_BYTES(640, 4, FLIGHT_DEVICE_CHANNELS) / sizeof(void *) + 1u]; /* room to spare with 1 */
static flight_session session;
static flight_identity identity;
static flight_profile profile;
static flight_prover prover;
static flight_session_setup setup;

static void begin(void *context, const char *token, const uint8_t *client_nonce, const uint8_t *server_nonce)
{
    (void)context, (void)token, (void)client_nonce, (void)server_nonce;
}

static void prove(void *context, uint8_t *proof, uint32_t generation, uint32_t number)
{
    (void)context, (void)generation, (void)number;
    memset(proof, 7, FLIGHT_PROOF_BYTES);
}

/* A set-up that is as it should be. */
static void good(void)
{
    memset(&identity, 0, sizeof identity);
    identity.device_id = "d";
    identity.platform = "dreamcast";
    identity.version = "1";
    identity.token = "";
    profile = dreamcast;
    prover.begin = begin;
    prover.prove = prove;
    memset(&setup, 0, sizeof setup);
    setup.profile = &profile;
    setup.identity = &identity;
    setup.prover = &prover;
}

static int refused(void)
{
    const int code = flight_session_need(&setup);
    const int same = code == flight_session_init(&session, lent, sizeof lent, &setup);

    good();
    return same && code == FLIGHT_ERROR_ARGUMENT;
}

#define REFUSES(change) (good(), (void)(change), CHECK(refused()))

static void refuses_pointers(void)
{
    REFUSES(setup.profile = NULL);
    REFUSES(setup.identity = NULL);
    REFUSES(setup.prover = NULL);
    REFUSES(prover.begin = NULL);
    REFUSES(prover.prove = NULL);
    REFUSES(identity.device_id = NULL);
    REFUSES(identity.platform = NULL);
    REFUSES(identity.version = NULL);
    REFUSES(identity.token = NULL);
    CHECK(flight_session_need(NULL) == FLIGHT_ERROR_ARGUMENT);
    CHECK(flight_session_init(NULL, lent, sizeof lent, &setup) == FLIGHT_ERROR_ARGUMENT);
    CHECK(flight_session_init(&session, NULL, sizeof lent, &setup) == FLIGHT_ERROR_ARGUMENT);
    CHECK(flight_session_init(&session, (char *)lent + 1, sizeof lent - 1u, &setup) == FLIGHT_ERROR_ARGUMENT);
}

static void refuses_numbers(void)
{
    static const uint8_t tcp[1] = {FLIGHT_TRANSPORT_TCP};

    REFUSES(profile.window_frames = 0);
    REFUSES(profile.window_frames = -1);
    REFUSES(profile.window_frames = 65536);
    REFUSES(profile.frame_bytes = 27);
    REFUSES(profile.frame_bytes = 65537);
    REFUSES(profile.transport_count = 0);
    REFUSES(setup.transports = tcp);
    REFUSES(setup.large_bytes = FLIGHT_UNPACKED_BYTES + 25u);
    REFUSES(setup.unpacked_bytes = FLIGHT_UNPACKED_BYTES + 1u);
    setup.transports = tcp;
    setup.transport_count = 1;
    CHECK(flight_session_init(&session, lent, sizeof lent, &setup) == 0);
    CHECK(flight_session_transport(&session) == FLIGHT_TRANSPORT_TCP);
}

void test_refusals(void)
{
    int need;

    refuses_pointers();
    refuses_numbers();
    good();
    need = flight_session_need(&setup);
    CHECK((size_t)need == FLIGHT_SESSION_BYTES(640, 4, FLIGHT_DEVICE_CHANNELS));
    CHECK(flight_session_init(&session, lent, (size_t)need - 1u, &setup) == FLIGHT_ERROR_NO_ROOM);
    CHECK(flight_session_init(&session, lent, (size_t)need, &setup) == 0);
    CHECK(session.state == FLIGHT_STATE_IDLE);
    CHECK(flight_session_transport(&session) == FLIGHT_TRANSPORT_POLLING);
    CHECK(flight_session_probe_target(&session) == 0);
    session.policy.transports = host.transports;
    session.policy.index = 1;
    CHECK(flight_session_probe_target(&session) == FLIGHT_TRANSPORT_WEBSOCKET);
    setup.large_bytes = 1000;
    setup.unpacked_bytes = 300;
    CHECK(flight_session_need(&setup) == need + 1300);
    good();
    profile.frame_bytes = 641;
    CHECK((size_t)flight_session_need(&setup) == FLIGHT_SESSION_BYTES(644, 4, FLIGHT_DEVICE_CHANNELS));
    profile.frame_bytes = 28;
    CHECK(flight_session_need(&setup) > 0);
    profile.frame_bytes = 65536;
    CHECK(flight_session_need(&setup) > 0);
    good();
    setup.profile = &host;
    CHECK((size_t)flight_session_need(&setup) == FLIGHT_SESSION_BYTES(16384, 32, FLIGHT_DEVICE_CHANNELS));
}

void test_channels(void)
{
    good();
    setup.channels = 2;
    CHECK(flight_session_init(&session, lent, sizeof lent, &setup) == 0);
    CHECK(flight_session_channel(NULL, "a", 1, 0, 0, 0) == FLIGHT_ERROR_ARGUMENT);
    CHECK(flight_session_channel(&session, NULL, 1, 0, 0, 0) == FLIGHT_ERROR_ARGUMENT);
    CHECK(flight_session_channel(&session, "", 1, 0, 0, 0) == FLIGHT_ERROR_ARGUMENT);
    CHECK(flight_session_channel(&session, long_text, 1, 0, 0, 0) == FLIGHT_ERROR_ARGUMENT);
    CHECK(flight_session_channel(&session, long_text + sizeof long_text - 65u, 1, 0, 0, 0) == 1);
    CHECK(flight_session_channel(&session, "ab", 1, 0, 0, 0) == 2);
    CHECK(flight_session_channel(&session, "ab", 2, 2, 9, 0) == 2);
    CHECK(session.channels.items[1].mode == 3 && session.channels.items[1].count == 9);
    CHECK(flight_session_channel(&session, "ac", 1, 0, 0, 0) == FLIGHT_ERROR_FULL);
    CHECK(session.channels.used == 2 && session.channels.unopened == 2);
    CHECK(flight_session_leave(NULL, 1) == FLIGHT_ERROR_ARGUMENT);
    CHECK(flight_session_leave(&session, 0) == FLIGHT_ERROR_ARGUMENT);
    CHECK(flight_session_leave(&session, 3) == FLIGHT_ERROR_ARGUMENT);
    CHECK(flight_session_leave(&session, 2) == 0 && session.channels.items[1].mode == FLIGHT_MODE_PUBLISH);
}

/* The frame that was asked for is whole. */
static void seals(void)
{
    flight_frame frame;
    const int bytes = flight_session_seal(&session);

    CHECK(bytes == 16 + 8);
    CHECK(flight_frame_decode(session.out.buffer, (size_t)bytes, 640, &frame) == bytes);
    CHECK(frame.type == FLIGHT_TYPE_DATA && frame.payload_bytes == 8);
}

/* A floor above the ceiling is the wait, whatever is thrown. */
void test_floor(void)
{
    good();
    profile.backoff_floor_ms = 60000;
    CHECK(flight_session_init(&session, lent, sizeof lent, &setup) == 0);
    flight_session_start(&session, 0);
    CHECK(flight_session_poll(&session, 0, 0) == FLIGHT_DO_OPEN);
    flight_session_failed(&session, 0, 65535);
    CHECK(flight_session_wake_in_ms(&session, 0) == 60000);
}

/* An event in pieces needs memory for it, whatever the gateway grants. */
void test_large(void)
{
    good();
    setup.large_bytes = 1024;
    setup.channels = 1;
    CHECK(flight_session_init(&session, lent, sizeof lent, &setup) == 0);
    session.agreement.up = FLIGHT_FLAG_MORE;
    session.agreement.unpacked_out_bytes = 100000;
    session.sender.packing = FLIGHT_DO_PACK_LOSSY;
    CHECK(flight_session_pack_large(&session, FLIGHT_UNPACKED_BYTES + 1u) == FLIGHT_DO_TOO_LARGE);
    CHECK(flight_session_pack_large(&session, 1009) == FLIGHT_DO_TOO_LARGE);
    CHECK(flight_session_pack_large(&session, 1008) == FLIGHT_DO_PACK_LOSSY);
    CHECK(session.out.buffer == session.out.large && session.out.room_bytes == 1008);
}

/* Packing is answered once, with no more than there is room for. */
void test_packing(void)
{
    good();
    CHECK(flight_session_init(&session, lent, sizeof lent, &setup) == 0);
    CHECK(flight_session_packed(&session, 8, 1, 1, 0, 0) == FLIGHT_ERROR_ARGUMENT);
    CHECK(flight_session_packed(&session, 0, 0, 0, 0, 0) == FLIGHT_DO_NOTHING);
    session.sender.packing = FLIGHT_DO_PACK_LOSSY;
    session.out.room_bytes = 7;
    CHECK(flight_session_packed(&session, 8, 1, 1, 0, 0) == FLIGHT_ERROR_ARGUMENT);
    session.out.room_bytes = 8;
    CHECK(flight_session_packed(&session, 8, 9, 1, 0, 0) == FLIGHT_ERROR_ARGUMENT);
    CHECK(session.tally.lossy_handed == 0);
    CHECK(flight_session_packed(&session, 8, 2, 1, 0, 0) == FLIGHT_DO_SEND);
    CHECK(session.tally.lossy_handed == 2);
    seals();
    CHECK(flight_session_packed(&session, 8, 2, 1, 0, 0) == FLIGHT_ERROR_ARGUMENT);
}

/* A text may be as long as its limit, and not one byte longer. */
void test_text_limits(void)
{
    const size_t end = sizeof long_text - 1u;

    good();
    identity.device_id = long_text + end - FLIGHT_DEVICE_ID_BYTES;
    identity.platform = long_text + end - FLIGHT_PLATFORM_BYTES;
    identity.version = long_text + end - FLIGHT_VERSION_BYTES;
    CHECK(flight_session_need(&setup) > 0);
    REFUSES(identity.device_id = "");
    REFUSES(identity.device_id = long_text + end - FLIGHT_DEVICE_ID_BYTES - 1u);
    REFUSES(identity.platform = long_text + end - FLIGHT_PLATFORM_BYTES - 1u);
    REFUSES(identity.version = long_text + end - FLIGHT_VERSION_BYTES - 1u);
}
