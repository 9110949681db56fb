/* The payloads that a device writes and reads. Layouts: docs/protocol.md; the reference is
 * flight_client/session/device/messages.py. Writers return the payload's bytes, readers 0 where it is not what it says. */
#include "flight_session_parts.h"

#if FLIGHT_SESSION

int32_t flight_session_get30(const uint8_t *at)
{
    const uint32_t value = flight_load32(at);

    return value < FLIGHT_NUMBER_LIMIT ? (int32_t)value : -1;
}

/* A length of one byte, then the text. Returns where it ends. */
static uint8_t *put_text(uint8_t *to, const char *text, uint32_t limit_bytes)
{
    const uint32_t bytes = flight_text_bytes(text, limit_bytes - 1u);

    to[0] = (uint8_t)bytes;
    memcpy(to + 1, text, bytes);
    return to + 1 + bytes;
}

/* Who we are, what we can take and what we would like to send. */
uint32_t flight_write_hello(uint8_t *payload, const flight_session *session)
{
    const flight_identity *identity = session->identity;
    const flight_profile *profile = session->profile;
    const flight_agreement *agreement = &session->agreement;
    const uint32_t token_bytes = flight_text_bytes(identity->token, FLIGHT_TOKEN_BYTES - 1u);
    uint8_t *at;

    payload[0] = identity->client_type;
    payload[1] = profile->id;
    payload[2] = FLIGHT_VERSION;
    payload[3] = FLIGHT_VERSION;
    flight_store32(payload + 4, identity->capabilities);
    flight_store16(payload + 8, (uint16_t)flight_min(profile->frame_bytes, 0xffff));
    flight_store16(payload + 10, (uint16_t)profile->window_frames);
    flight_store32(payload + 12, (uint32_t)agreement->window_bytes);
    memcpy(payload + 16, identity->incarnation, 8);
    memcpy(payload + 24, identity->boot, 8);
    memcpy(payload + 32, session->nonce, 8);
    payload[40] = agreement->reads;
    payload[41] = agreement->sends;
    payload[42] = agreement->lanes;
    payload[43] = agreement->auth;
    flight_store32(payload + 44, (uint32_t)agreement->unpacked_bytes);
    flight_store32(payload + 48, 0);
    at = put_text(payload + 52, identity->device_id, FLIGHT_DEVICE_ID_BYTES);
    at = put_text(at, identity->platform, FLIGHT_PLATFORM_BYTES);
    at = put_text(at, identity->version, FLIGHT_VERSION_BYTES);
    flight_store16(at, (uint16_t)token_bytes);
    memcpy(at + 2, identity->token, token_bytes);
    return (uint32_t)(at - payload) + 2u + token_bytes;
}

/* ATTACH or POLL without the proof, which the caller writes at offset 24. */
uint32_t flight_write_attach(uint8_t *payload, const uint8_t *session_id, int32_t generation, int32_t number)
{
    memcpy(payload, session_id, FLIGHT_SESSION_ID_BYTES);
    flight_store32(payload + 16, (uint32_t)generation);
    flight_store32(payload + 20, (uint32_t)number);
    memset(payload + 24, 0, FLIGHT_PROOF_BYTES);
    return 24u + FLIGHT_PROOF_BYTES;
}

/* A stream that was interrupted goes on behind what the application has had. */
uint32_t flight_write_open(uint8_t *payload, const flight_channel_state *channel)
{
    payload[0] = channel->leaving == 2 ? 0 : channel->mode; /* mode 0 leaves the channel */
    payload[1] = channel->positioned ? (uint8_t)FLIGHT_START_AFTER : channel->start;
    flight_store16(payload + 2, channel->positioned ? channel->taken : channel->count);
    memcpy(payload + 4, channel->epoch, 8);
    memcpy(payload + 12, channel->offset, 8);
    return (uint32_t)(put_text(payload + 20, channel->name, FLIGHT_CHANNEL_NAME_BYTES) - payload);
}

/* Go on with this token. */
uint32_t flight_write_token(uint8_t *payload, const char *token)
{
    const uint32_t bytes = flight_text_bytes(token, FLIGHT_TOKEN_BYTES - 1u);

    flight_store16(payload, (uint16_t)bytes);
    memcpy(payload + 2, token, bytes);
    return 2u + bytes;
}

int flight_read_renewed(flight_renewed *renewed, const uint8_t *payload, uint32_t bytes)
{
    if (bytes < 8u) {
        return 0;
    }
    renewed->code = payload[0];
    renewed->unasked = payload[1] != 0;
    renewed->expires_in_ms = flight_session_get30(payload + 4);
    renewed->text = (const char *)payload + 8;
    renewed->text_bytes = flight_load16(payload + 2);
    return renewed->expires_in_ms >= 0 && 8u + renewed->text_bytes <= bytes;
}

/* A code and no text. */
uint32_t flight_write_close(uint8_t *payload, uint8_t code)
{
    memset(payload, 0, 8);
    payload[0] = code;
    return 8;
}

int flight_read_welcome(flight_welcome *welcome, const uint8_t *payload, uint32_t bytes)
{
    if (bytes < 88u) {
        return 0;
    }
    memcpy(welcome->session_id, payload, FLIGHT_SESSION_ID_BYTES);
    memcpy(welcome->short_id, payload + 16, 8);
    memcpy(welcome->incarnation, payload + 24, 8);
    memcpy(welcome->epoch, payload + 32, 8);
    memcpy(welcome->server_nonce, payload + 40, 8);
    welcome->heartbeat_ms = flight_session_get30(payload + 48);
    welcome->window_frames = flight_load16(payload + 52);
    welcome->frame_bytes = flight_load16(payload + 54);
    welcome->spread_ms = flight_session_get30(payload + 56);
    welcome->mark = flight_session_get30(payload + 60);
    welcome->lossy_stored = flight_session_get30(payload + 64);
    welcome->session_ttl_ms = flight_session_get30(payload + 68);
    welcome->window_bytes = flight_session_get30(payload + 72);
    welcome->token_expires_in_ms = flight_session_get30(payload + 76);
    welcome->unpacked_bytes = flight_session_get30(payload + 80);
    welcome->flags_up = payload[84];
    welcome->flags_down = payload[85];
    welcome->auth = payload[86];
    /* The sign of any is the sign of all, joined. */
    return (welcome->spread_ms | welcome->mark | welcome->lossy_stored | welcome->session_ttl_ms |
            welcome->token_expires_in_ms | welcome->unpacked_bytes) >= 0 &&
           flight_min(welcome->heartbeat_ms, welcome->window_bytes) > 0 && welcome->window_frames > 0 &&
           welcome->frame_bytes > 0;
}

int flight_read_ending(flight_ending *ending, const uint8_t *payload, uint32_t bytes)
{
    if (bytes < 8u) {
        return 0;
    }
    ending->code = payload[0];
    ending->retry_after_ms = flight_session_get30(payload + 4);
    ending->text = (const char *)payload + 8;
    ending->text_bytes = flight_load16(payload + 2);
    return ending->retry_after_ms >= 0 && 8u + ending->text_bytes <= bytes;
}

#endif
