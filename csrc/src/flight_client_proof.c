/* The session key, the proofs and the tags made with it (docs/protocol.md, Proofs). The reference is flight_client/proof.py. */
#include "flight_client_parts.h"

#if FLIGHT_CLIENT

#if FLIGHT_SHA256

#define UP 0u
#define DOWN 1u
#define SERVER_NONCE_AT 40u /* in WELCOME */
#define POLL_NUMBER_AT 20u  /* in POLL */

#define PART_BYTES 64u /* of the token in one step: a block of SHA-256 */

/* The session key of a client with a device key: the gateway's first frame is judged with it, so it is made at once. */
static void make_key(flight_client *client, const uint8_t *server_nonce)
{
    const flight_config *config = &client->config;
    const flight_session *session = &client->session;
    const char *token = session->identity->token;
    uint8_t key[FLIGHT_SHA256_BYTES];

    flight_hmac_key(&client->mac, config->device_key, config->device_key_bytes);
    flight_hmac_begin(&client->mac);
    flight_sha256_add(&client->mac.hash, (const uint8_t *)token, flight_text_bytes(token, FLIGHT_TOKEN_BYTES));
    flight_sha256_add(&client->mac.hash, session->nonce, FLIGHT_NONCE_BYTES);
    flight_sha256_add(&client->mac.hash, server_nonce, FLIGHT_NONCE_BYTES);
    flight_hmac_end(&client->mac, key, sizeof key);
    flight_hmac_key(&client->mac, key, sizeof key);
    memset(key, 0, sizeof key);
    memset(&client->tagged, 0, sizeof client->tagged);
}

/* WELCOME was taken over. With a device key the session key is there, made when the frame was judged: without that key the frame
 * would not have got here. Else nothing needs it yet, and it is made in steps. */
static void begin(void *context, const char *token, const uint8_t *client_nonce, const uint8_t *server_nonce)
{
    flight_client *client = (flight_client *)context;

    (void)token, (void)client_nonce, (void)server_nonce; /* the session's, as the steps find them */
    if (client->config.device_key != NULL) {
        return;
    }
    flight_sha256_begin(&client->mac.hash);
    memset(&client->tagged, 0, sizeof client->tagged);
    client->key_stage = FLIGHT_KEY_TOKEN;
    client->key_at = 0;
}

/* The next part of the session key, a block or two of SHA-256. Returns 0 where it is whole. */
int flight_proof_step(flight_client *client)
{
    const flight_session *session = &client->session;
    flight_sha256 *hash = &client->mac.hash;
    const uint8_t *token = (const uint8_t *)session->identity->token + client->key_at;
    uint8_t key[FLIGHT_SHA256_BYTES];
    uint32_t left;

    switch (client->key_stage) {
    case FLIGHT_KEY_WHOLE:
        return 0;
    case FLIGHT_KEY_TOKEN:
        left = flight_text_bytes((const char *)token, FLIGHT_TOKEN_BYTES);
        flight_sha256_add(hash, token, left < PART_BYTES ? left : PART_BYTES);
        client->key_at = (uint16_t)(client->key_at + PART_BYTES);
        if (left <= PART_BYTES) {
            flight_sha256_add(hash, session->nonce, FLIGHT_NONCE_BYTES);
            flight_sha256_add(hash, session->welcome.server_nonce, FLIGHT_NONCE_BYTES);
            client->key_stage = FLIGHT_KEY_END;
        }
        return 1;
    case FLIGHT_KEY_END:
        flight_sha256_end(hash, (uint8_t *)client->mac.keyed);
        client->key_stage = FLIGHT_KEY_STATES;
        return 1;
    default:
        memcpy(key, client->mac.keyed, sizeof key);
        flight_hmac_key(&client->mac, key, sizeof key);
        memset(key, 0, sizeof key);
        client->key_stage = FLIGHT_KEY_WHOLE;
        return 1;
    }
}

static void add_number(flight_client *client, uint32_t number)
{
    uint8_t bytes[4];

    flight_store32(bytes, number);
    flight_sha256_add(&client->mac.hash, bytes, sizeof bytes);
}

/* number 0: of ATTACH, else of that POLL. The key is whole by then: flight_poll makes all of it before anything else is done. */
static void prove(void *context, uint8_t *proof, uint32_t generation, uint32_t number)
{
    flight_client *client = (flight_client *)context;

    flight_hmac_begin(&client->mac);
    if (number == 0) {
        flight_sha256_add(&client->mac.hash, (const uint8_t *)"attach", 6);
        flight_sha256_add(&client->mac.hash, client->session.welcome.server_nonce, FLIGHT_NONCE_BYTES);
        add_number(client, generation);
    } else {
        flight_sha256_add(&client->mac.hash, (const uint8_t *)"poll", 4);
        add_number(client, generation);
        add_number(client, number);
    }
    flight_hmac_end(&client->mac, proof, FLIGHT_PROOF_BYTES);
}

/* What a tag covers in front of the frame. */
static void begin_tag(flight_client *client, uint32_t direction, uint32_t generation)
{
    const uint8_t head = (uint8_t)direction;

    flight_hmac_begin(&client->mac);
    flight_sha256_add(&client->mac.hash, (const uint8_t *)"frame", 5);
    flight_sha256_add(&client->mac.hash, &head, 1);
    add_number(client, generation);
}

/* Unsequenced DATA has no number that would show that somebody repeats it; its tag covers one. Only devices send DATA, so
 * nothing of the kind is counted on the way in. */
static void add_count(flight_client *client)
{
    flight_tagged *tagged = &client->tagged;
    const uint32_t generation = (uint32_t)client->session.generation;

    if (tagged->generation != generation) {
        tagged->generation = generation;
        tagged->poll = 0;
        tagged->count = 0;
    }
    add_number(client, tagged->poll);
    add_number(client, tagged->count++);
}

/* Put the tag behind the payload that stands at `at` behind its header's place; the frame is to be sealed after it. */
void flight_proof_sign(flight_client *client, uint8_t *at, flight_frame *frame)
{
    const uint32_t bytes = FLIGHT_HEADER_BYTES + frame->payload_bytes;
    flight_frame header = *frame;

    header.payload_bytes += FLIGHT_TAG_BYTES;
    flight_frame_seal(at, bytes + FLIGHT_TAG_BYTES + FLIGHT_TRAILER_BYTES, &header);
    begin_tag(client, UP, (uint32_t)client->session.generation);
    if (frame->type == FLIGHT_TYPE_DATA && frame->seq == 0) {
        add_count(client);
    }
    flight_sha256_add(&client->mac.hash, at, bytes);
    flight_hmac_end(&client->mac, at + bytes, FLIGHT_TAG_BYTES);
    if (frame->type == FLIGHT_TYPE_POLL) { /* a request begins */
        client->tagged.generation = (uint32_t)client->session.generation;
        client->tagged.poll = flight_load32(at + FLIGHT_HEADER_BYTES + POLL_NUMBER_AT);
        client->tagged.count = 0;
    }
    frame->payload_bytes += FLIGHT_TAG_BYTES;
}

/* The header that a tag covers. On a byte pipe a bridge has put its four bytes and the flag `checked` into those of the
 * gateway, where only WELCOME has that flag of its own. */
static void header_of(const flight_client *client, const flight_frame *frame, uint8_t *header)
{
    memcpy(header, frame->payload - FLIGHT_HEADER_BYTES, FLIGHT_HEADER_BYTES);
    if (FLIGHT_PIPE && client->transport == FLIGHT_TRANSPORT_SERIAL) {
        if (frame->type != FLIGHT_TYPE_WELCOME) {
            header[2] &= (uint8_t)~FLIGHT_FLAG_CHECKED;
        }
        flight_store16(header + 4, (uint16_t)(frame->payload_bytes + FLIGHT_TAG_BYTES));
        header[3] = flight_header_check(header);
    }
}

/* Take the tag off a frame that has one. Returns whether it is the right one. */
int flight_proof_check(flight_client *client, flight_frame *frame)
{
    const flight_session *session = &client->session;
    uint32_t generation = (uint32_t)session->generation;
    uint8_t header[FLIGHT_HEADER_BYTES];
    uint8_t tag[FLIGHT_TAG_BYTES];

    if (frame->payload_bytes < FLIGHT_TAG_BYTES) {
        return 0;
    }
    frame->payload_bytes -= FLIGHT_TAG_BYTES;
    if (frame->type == FLIGHT_TYPE_WELCOME && session->state == FLIGHT_STATE_GREETING) {
        if (frame->payload_bytes < SERVER_NONCE_AT + FLIGHT_NONCE_BYTES) {
            return 0;
        }
        generation = 0; /* the frame carries what the key is made with; a wrong one makes a key that nobody has */
        make_key(client, frame->payload + SERVER_NONCE_AT);
    }
    header_of(client, frame, header);
    begin_tag(client, DOWN, generation);
    flight_sha256_add(&client->mac.hash, header, sizeof header);
    flight_sha256_add(&client->mac.hash, frame->payload, frame->payload_bytes);
    flight_hmac_end(&client->mac, tag, FLIGHT_TAG_BYTES);
    return flight_same_code(tag, frame->payload + frame->payload_bytes, FLIGHT_TAG_BYTES);
}

#else

/* Without SHA-256 a session cannot be gone on with on another connection, and polling is not compiled in. */
static void begin(void *context, const char *token, const uint8_t *client_nonce, const uint8_t *server_nonce)
{
    (void)context, (void)token, (void)client_nonce, (void)server_nonce;
}

static void prove(void *context, uint8_t *proof, uint32_t generation, uint32_t number)
{
    (void)context, (void)generation, (void)number;
    memset(proof, 0, FLIGHT_PROOF_BYTES);
}

void flight_proof_sign(flight_client *client, uint8_t *at, flight_frame *frame)
{
    (void)client, (void)at, (void)frame;
}

int flight_proof_check(flight_client *client, flight_frame *frame)
{
    (void)client, (void)frame;
    return 0;
}

#endif

void flight_proof_init(flight_client *client)
{
    client->prover.context = client;
    client->prover.begin = begin;
    client->prover.prove = prove;
}

#endif
