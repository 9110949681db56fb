/* Events in: channels by name, two rings, and what happens when one is full. */
#include "flight_client_parts.h"
#include "flight_slots.h"

#if FLIGHT_CLIENT

int flight_client_can_take(const flight_client *client)
{
    return !client->closing && client->session.state != FLIGHT_STATE_STOPPED;
}

/* ---- channels ---- */

int flight_channel(flight_client *client, const char *name)
{
    uint32_t bytes;
    uint32_t i;

    if (client == NULL || name == NULL) {
        return FLIGHT_ERROR_ARGUMENT;
    }
    bytes = flight_text_bytes(name, FLIGHT_CHANNEL_NAME_BYTES);
    if (bytes == 0 || bytes > FLIGHT_CHANNEL_NAME_BYTES) {
        return FLIGHT_ERROR_ARGUMENT;
    }
    for (i = 0; i < client->config.channels; i++) {
        flight_client_channel *channel = &client->channels[i];

        if (channel->name == NULL) {
            channel->name = name;
            return (int)i + 1;
        }
        if (flight_text_bytes(channel->name, FLIGHT_CHANNEL_NAME_BYTES) == bytes && memcmp(channel->name, name, bytes) == 0) {
            return (int)i + 1;
        }
    }
    return FLIGHT_ERROR_FULL;
}

static flight_client_channel *channel_at(const flight_client *client, int channel)
{
    if (channel < 1 || channel > (int)client->config.channels || client->channels[channel - 1].name == NULL) {
        return NULL;
    }
    return &client->channels[channel - 1];
}

/* Open it at the gateway, in one more way. The session has as many places as the client. */
static void use(flight_client *client, flight_client_channel *channel, uint8_t mode)
{
    channel->number = (uint16_t)flight_session_channel(&client->session, channel->name, mode, FLIGHT_START_LIVE, 0, 0);
    client->tried = 0;
}

int flight_on(flight_client *client, int channel, flight_handler handler, void *user)
{
    flight_client_channel *place = client != NULL ? channel_at(client, channel) : NULL;

    if (place == NULL) {
        return FLIGHT_ERROR_ARGUMENT;
    }
    place->handler = handler;
    place->user = user;
    if (!place->subscribed && handler != NULL) {
        place->subscribed = 1;
        use(client, place, FLIGHT_MODE_SUBSCRIBE);
    }
    return 0;
}

/* ---- rings ---- */

/* The slot of the waiting event of this channel and kind, where a body of so many bytes has room; null: there is none. */
static uint32_t *find_waiting(const flight_client *client, uint16_t number, const flight_wanted *wanted)
{
    flight_cursor cursor = flight_cursor_start(&client->lossy);

    while (!flight_cursor_at_end(&cursor)) {
        const uint32_t *slot = flight_cursor_slot(&cursor);
        const uint32_t room = flight_head_slots(slot[1]) * FLIGHT_SLOT_BYTES - 12u;

        if (flight_slot_channel(slot) == number && flight_slot_layout(slot) == wanted->layout && wanted->bytes <= room &&
            (wanted->layout != FLIGHT_LAYOUT_PAYLOAD || flight_load16((const uint8_t *)(slot + 3)) == wanted->kind)) {
            return client->lossy.memory + (slot - client->lossy.memory);
        }
        flight_cursor_step(&cursor, slot);
    }
    return NULL;
}

/* Let the oldest lossy events go until `keep` are left. */
void flight_client_drop_oldest(flight_client *client, uint32_t keep, uint32_t *counter)
{
    while (flight_ring_count(&client->lossy) > keep) {
        flight_ring_release(&client->lossy);
        (*counter)++;
    }
}

static int reserve_lossy(flight_client *client, uint16_t number, flight_wanted *wanted, void **body)
{
    const uint32_t before = client->dropped_oldest;
    const uint32_t most = (uint32_t)client->session.batching.queue_events;
    uint32_t *slot = NULL;
    int problem;

    if ((wanted->flags & FLIGHT_LATEST) && wanted->bytes <= FLIGHT_SHORT_BODY_BYTES) {
        slot = find_waiting(client, number, wanted);
    }
    if (slot != NULL) {
        slot[0] = client->now_ms;
        flight_slot_record(slot, wanted->layout, wanted->bytes / 4u);
        *body = slot + 3;
        wanted->ring = NULL;
        client->dropped_replaced++;
        return FLIGHT_REPLACED;
    }
    flight_client_drop_oldest(client, most != 0 ? most - 1u : 0u, &client->dropped_oldest);
    while ((problem = flight_ring_reserve_any(&client->lossy, number, wanted->layout, wanted->bytes, body)) ==
               FLIGHT_ERROR_FULL &&
           flight_ring_count(&client->lossy) != 0) {
        flight_client_drop_oldest(client, flight_ring_count(&client->lossy) - 1u, &client->dropped_oldest);
    }
    if (problem != 0) {
        return problem;
    }
    return before != client->dropped_oldest ? FLIGHT_DROPPED_OLDEST : FLIGHT_QUEUED;
}

/* Where an event's channel is open for sending; its number in the session. */
static uint16_t number_of(flight_client *client, flight_client_channel *place)
{
    if (place->number == 0 || (client->session.channels.items[place->number - 1].mode & FLIGHT_MODE_PUBLISH) == 0) {
        use(client, place, FLIGHT_MODE_PUBLISH);
    }
    return place->number;
}

/* Room for an event: *body is to be filled, then flight_client_commit. Returns a flight_answer. */
int flight_client_reserve(flight_client *client, int channel, flight_wanted *wanted, void **body)
{
    flight_client_channel *place = channel_at(client, channel);
    int answer;

    if (place == NULL || wanted->flags > FLIGHT_LATEST) {
        return FLIGHT_REFUSED_ARGUMENT;
    }
    if (!flight_client_can_take(client)) {
        return FLIGHT_REFUSED_CLOSED;
    }
    wanted->ring = wanted->flags & FLIGHT_CRITICAL ? &client->critical : &client->lossy;
    if (wanted->bytes > (uint32_t)client->profile.payload_bytes || wanted->bytes > flight_ring_body_limit(wanted->ring)) {
        client->refused_too_large++;
        return FLIGHT_REFUSED_TOO_LARGE;
    }
    flight_client_clock(client);
    if (wanted->flags & FLIGHT_CRITICAL) {
        answer = flight_ring_reserve_any(wanted->ring, number_of(client, place), wanted->layout, wanted->bytes, body);
    } else {
        answer = reserve_lossy(client, number_of(client, place), wanted, body);
    }
    if (answer == FLIGHT_ERROR_FULL) {
        client->refused_full++;
    }
    return answer;
}

/* The reserved event is complete. */
void flight_client_commit(flight_client *client, const flight_wanted *wanted)
{
    if (wanted->ring != NULL) {
        flight_ring_commit(wanted->ring, client->now_ms);
    }
    client->accepted++;
    client->tried &= (uint8_t)~FLIGHT_TRIED_SESSION;
}

/* ---- calls ---- */

int flight_send_event(flight_client *client, int channel, uint8_t layout, const void *body, size_t bytes, unsigned flags)
{
    const uint32_t fixed_bytes = flight_layout_bytes(layout);
    flight_wanted wanted = {NULL, 0, 0, layout, (uint8_t)flags};
    void *to = NULL;
    int answer;

    if (client == NULL || body == NULL || fixed_bytes == 0 || bytes < fixed_bytes || (bytes & 3u) != 0 || flags > FLIGHT_LATEST) {
        return FLIGHT_REFUSED_ARGUMENT;
    }
    wanted.bytes = bytes > FLIGHT_MAX_FRAME_BYTES ? FLIGHT_MAX_FRAME_BYTES : (uint32_t)bytes;
    wanted.kind = layout == FLIGHT_LAYOUT_PAYLOAD ? flight_load16((const uint8_t *)body) : 0;
    answer = flight_client_reserve(client, channel, &wanted, &to);
    if (answer >= 0) {
        memcpy(to, body, wanted.bytes);
        flight_client_commit(client, &wanted);
    }
    return answer;
}

/* A u16 length, the bytes, and zeros up to a multiple of 4. at: 4-aligned but for 2. */
static void write_tail(uint8_t *at, const void *data, uint32_t bytes)
{
    const uint32_t padding = (2u - bytes) & 3u;

    flight_store16(at, (uint16_t)bytes);
    if (bytes != 0) {
        memcpy(at + 2, data, bytes);
    }
    memset(at + 2 + bytes, 0, padding);
}

int flight_send(flight_client *client, int channel, uint16_t kind, const void *data, size_t bytes, unsigned flags)
{
    flight_wanted wanted = {NULL, 0, kind, FLIGHT_LAYOUT_PAYLOAD, (uint8_t)flags};
    void *to = NULL;
    int answer;

    if (client == NULL || (data == NULL && bytes != 0) || flags > FLIGHT_LATEST) {
        return FLIGHT_REFUSED_ARGUMENT;
    }
    wanted.bytes = (bytes > FLIGHT_MAX_FRAME_BYTES ? FLIGHT_MAX_FRAME_BYTES : (uint32_t)bytes) + 9u;
    wanted.bytes &= ~3u;
    answer = flight_client_reserve(client, channel, &wanted, &to);
    if (answer >= 0) {
        flight_store16((uint8_t *)to, kind);
        flight_store16((uint8_t *)to + 2, 0);
        write_tail((uint8_t *)to + 4, data, (uint32_t)bytes);
        flight_client_commit(client, &wanted);
    }
    return answer;
}

#endif
