/* The channels of a client: what was opened, and where each stream stands. The reference is
 * flight_client/session/device/channels.py. */
#include "flight_session_parts.h"

#if FLIGHT_SESSION

/* Bytes of a text that ends with a zero, but never more than the limit and one. */
uint32_t flight_text_bytes(const char *text, uint32_t limit_bytes)
{
    uint32_t bytes = 0;

    while (bytes <= limit_bytes && text[bytes] != 0) {
        bytes++;
    }
    return bytes;
}

/* Ask the gateway for more than before; what it answered so far is not enough. */
static void widen(flight_session_channels *table, flight_channel_state *channel, const flight_channel_state *wanted)
{
    const uint32_t gained = wanted->mode & ~(uint32_t)channel->mode;

    if (gained == 0) {
        return;
    }
    if (gained & FLIGHT_MODE_SUBSCRIBE) {
        channel->start = wanted->start;
        channel->count = wanted->count;
    }
    channel->mode = (uint8_t)(channel->mode | gained);
    channel->opened = 0;
    if (channel->asked) {
        channel->asked = 0;
        table->unopened++;
    }
}

static int is_called(const flight_channel_state *channel, const char *name, uint32_t name_bytes)
{
    return flight_text_bytes(channel->name, FLIGHT_CHANNEL_NAME_BYTES) == name_bytes &&
           memcmp(channel->name, name, name_bytes) == 0;
}

/* The channel of this name that others share, or null. */
static flight_channel_state *find(const flight_session_channels *table, const char *name, uint32_t name_bytes)
{
    uint32_t i;

    for (i = 0; i < table->used; i++) {
        flight_channel_state *channel = &table->items[i];

        if (channel->mode != 0 && !channel->own && is_called(channel, name, name_bytes)) {
            return channel;
        }
    }
    return NULL;
}

/* A place for another channel, if need be that of one that was left; null when there is none. */
static flight_channel_state *find_place(flight_session_channels *table)
{
    uint32_t i;

    for (i = 0; i < table->used; i++) {
        if (table->items[i].mode == 0 && table->items[i].opened) {
            return &table->items[i];
        }
    }
    return table->used < table->limit ? &table->items[table->used++] : NULL;
}

int flight_session_channel(flight_session *session, const char *name, uint8_t mode, uint8_t start, uint16_t count, int own)
{
    flight_channel_state wanted;
    flight_session_channels *table;
    flight_channel_state *place;
    uint32_t name_bytes;

    if (session == NULL || name == NULL) {
        return FLIGHT_ERROR_ARGUMENT;
    }
    name_bytes = flight_text_bytes(name, FLIGHT_CHANNEL_NAME_BYTES);
    if (name_bytes == 0 || name_bytes > FLIGHT_CHANNEL_NAME_BYTES) {
        return FLIGHT_ERROR_ARGUMENT;
    }
    memset(&wanted, 0, sizeof wanted);
    wanted.name = name;
    wanted.mode = mode;
    wanted.start = start;
    wanted.count = count;
    wanted.own = own != 0;
    table = &session->channels;
    place = own ? NULL : find(table, name, name_bytes);
    if (place != NULL) {
        widen(table, place, &wanted);
        return (int)(place - table->items) + 1;
    }
    place = find_place(table);
    if (place == NULL) {
        return FLIGHT_ERROR_FULL;
    }
    *place = wanted;
    table->unopened++;
    return (int)(place - table->items) + 1;
}

int flight_session_leave(flight_session *session, uint16_t channel)
{
    flight_channel_state *left = session != NULL ? flight_channels_get(&session->channels, channel) : NULL;

    if (left == NULL) {
        return FLIGHT_ERROR_ARGUMENT;
    }
    left->mode &= (uint8_t)~FLIGHT_MODE_SUBSCRIBE;
    left->positioned = 0;
    left->taken = 0;
    left->opened = 0;
    left->leaving = 2;
    if (left->asked) {
        left->asked = 0;
        session->channels.unopened++;
    }
    return 0;
}

/* The channel with this number, or null. */
flight_channel_state *flight_channels_get(const flight_session_channels *table, uint32_t number)
{
    return number - 1u < table->used ? &table->items[number - 1u] : NULL;
}

/* The number of a channel for which OPEN has yet to be sent; 0 when there is none. */
uint16_t flight_channels_next_unopened(const flight_session_channels *table)
{
    uint16_t number = 1;

    if (table->unopened == 0) {
        return 0;
    }
    while (table->items[number - 1].asked) {
        number++;
    }
    return number;
}

void flight_channels_sent_open(flight_session_channels *table, uint16_t number, uint32_t now_ms)
{
    flight_channel_state *channel = &table->items[number - 1];
    const int again = channel->leaving == 2 && channel->mode != 0; /* left, and now opened for publishing alone */

    table->unanswered = 1;
    table->asked_at_ms = now_ms;
    if (channel->leaving) {
        channel->leaving = 1;
    }
    if (!again) {
        channel->asked = 1;
        table->unopened--;
    }
}

/* A new transport: ask for what was not answered; with a new session ask for everything. */
void flight_channels_ask_again(flight_session_channels *table, int all_channels)
{
    uint32_t i;

    table->unopened = 0;
    for (i = 0; i < table->used; i++) {
        flight_channel_state *channel = &table->items[i];

        if (all_channels) {
            channel->opened = channel->mode == 0;
            channel->leaving = 0;
        } else if (channel->leaving) {
            channel->leaving = 2;
        }
        channel->asked = channel->opened;
        table->unopened = (uint16_t)(table->unopened + !channel->asked);
    }
}

/* Ask once more for what was not answered in so long: OPENED has no number, so nobody sends it again by himself. */
void flight_channels_remind(flight_session_channels *table, uint32_t now_ms, int32_t patience_ms)
{
    if (table->unanswered && flight_elapsed(now_ms, table->asked_at_ms) >= patience_ms) {
        table->unanswered = 0;
        flight_channels_ask_again(table, 0);
    }
}

/* How long the last one has nothing to do; at most longest_ms. */
int32_t flight_channels_remind_in_ms(const flight_session_channels *table, uint32_t now_ms, int32_t patience_ms,
                                     int32_t longest_ms)
{
    return table->unanswered ? flight_min(longest_ms, patience_ms - flight_elapsed(now_ms, table->asked_at_ms)) : longest_ms;
}

/* The stream stands at this epoch and offset. */
void flight_channel_position(flight_channel_state *channel, const uint8_t *epoch, const uint8_t *offset)
{
    memcpy(channel->epoch, epoch, 8);
    memcpy(channel->offset, offset, 8);
    channel->taken = 0;
    channel->positioned = 1;
}

/* Whether one 64-bit number of the wire is at most the other. */
static int at_most(const uint8_t *a, const uint8_t *b)
{
    const uint32_t high_a = flight_load32(a + 4);
    const uint32_t high_b = flight_load32(b + 4);

    return high_a < high_b || (high_a == high_b && flight_load32(a) <= flight_load32(b));
}

/* Whether the application has had this offset already. */
int flight_channel_is_old(const flight_channel_state *channel, const uint8_t *offset)
{
    return channel->positioned && at_most(offset, channel->offset);
}

/* Whether the entry comes right behind what the application has had. */
int flight_channel_follows(const flight_channel_state *channel, const uint8_t *previous)
{
    return !channel->positioned || memcmp(previous, channel->offset, 8) == 0;
}

#endif
