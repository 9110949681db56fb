/* Events of subscribed channels to their handlers, one a step. */
#include "flight_client_parts.h"

#if FLIGHT_CLIENT

#define SOURCE_AT 39u /* in DELIVER: length of the device id, then the id */

/* DELIVER came: session.in says where its records are. */
void flight_deliver_begin(flight_client *client)
{
    const flight_session_in *in = &client->session.in;
    flight_delivery *delivery = &client->delivery;
    uint16_t i;

    if (in->flags != 0) { /* agreed on, or the frame would not be here; but nothing is agreed on that way */
        client->unhandled++;
        return;
    }
    for (i = 0; i < client->config.channels; i++) {
        if (client->channels[i].number == in->channel) {
            delivery->channel = i;
        }
    }
    delivery->at = in->records;
    delivery->head = in->payload;
    delivery->left_bytes = in->records_bytes;
    delivery->source_bytes = in->payload[SOURCE_AT] & (uint8_t)~FLIGHT_PORTION_FLAG;
    delivery->source = (const char *)in->payload + SOURCE_AT + 1u;
}

/* A payload event's own bytes. Returns 0 where the body is none. */
static int unwrap(flight_message *message)
{
    const uint8_t *body = message->data;
    uint32_t bytes;

    if (message->layout != FLIGHT_LAYOUT_PAYLOAD) {
        return 1;
    }
    if (message->bytes < FLIGHT_PAYLOAD_BYTES + 2u) {
        return 0;
    }
    bytes = flight_load16(body + FLIGHT_PAYLOAD_BYTES);
    if (((FLIGHT_PAYLOAD_BYTES + 2u + bytes + 3u) & ~3u) != message->bytes || flight_load16(body + 2) != 0) {
        return 0;
    }
    message->kind = flight_load16(body);
    message->data = body + FLIGHT_PAYLOAD_BYTES + 2u;
    message->bytes = bytes;
    return 1;
}

static void hand_out(flight_client *client, const flight_record *record)
{
    const flight_client_channel *channel = &client->channels[client->delivery.channel];
    flight_message message;

    memset(&message, 0, sizeof message);
    message.client = client;
    message.data = record->body;
    message.bytes = record->body_bytes;
    message.age_ms = record->age_ms;
    message.source = client->delivery.source;
    message.source_bytes = client->delivery.source_bytes;
    message.layout = record->layout;
    message.channel = (uint16_t)(client->delivery.channel + 1u);
    if (channel->handler == NULL || !unwrap(&message)) {
        client->unhandled++;
        return;
    }
    client->delivered++;
    client->got_data = 1;
    channel->handler(channel->user, &message);
}

int flight_deliver_step(flight_client *client)
{
    flight_delivery *delivery = &client->delivery;
    flight_record record;
    int bytes;

    if (delivery->at == NULL) {
        return 0;
    }
    bytes = flight_batch_next(delivery->at, delivery->left_bytes, &record);
    if (bytes <= 0) {
        delivery->at = NULL;
        client->unhandled += bytes < 0; /* a batch that is none: the sender's fault, not our peer's */
        return bytes < 0;
    }
    delivery->at += bytes;
    delivery->left_bytes -= (uint32_t)bytes;
    hand_out(client, &record);
    return 1;
}

#endif
