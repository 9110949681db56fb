/* What a client tells of its machine: memory, and how long frames take. */
#include "flight_client_parts.h"

#if FLIGHT_CLIENT

#define UNKNOWN FLIGHT_PORT_UNKNOWN
#define ONE 10000u
#define MOST_FRAMES 0xffffu

/* ---- memory ---- */

/* part / whole in 1/10000, rounded down; both are shortened until the product fits 32 bits. */
static uint32_t share(uint32_t part, uint32_t whole)
{
    while (whole > 0x3ffffu) {
        whole >>= 1;
        part >>= 1;
    }
    if (whole == 0) {
        return 0;
    }
    return flight_quotient((part < whole ? part : whole) * ONE, whole);
}

static void describe(flight_memory_update *update, const flight_port_memory *found)
{
    update->total_bytes = found->total_bytes;
    update->used_bytes = found->used_bytes;
    update->available_bytes = found->available_bytes;
    update->budget_bytes = UNKNOWN;
    update->fragmentation = 0xffffu;
    update->reserved = 0;
    if (found->available_bytes != UNKNOWN && found->largest_bytes != UNKNOWN && found->available_bytes != 0) {
        update->fragmentation = (uint16_t)(ONE - share(found->largest_bytes, found->available_bytes));
    }
}

/* Let go of what memory no longer allows. */
static void relieve(flight_client *client, int level)
{
    const uint8_t id = client->profile.id;

    if (level == FLIGHT_PRESSURE && (id == FLIGHT_PLATFORM_DREAMCAST || id == FLIGHT_PLATFORM_PSP)) {
        flight_client_drop_oldest(client, FLIGHT_PRESSURE_QUEUE_EVENTS, &client->dropped_pressure);
        client->relieved = 1;
    } else if (level != FLIGHT_PRESSURE) {
        client->relieved = 0;
    }
    flight_session_limit_queue(&client->session, client->relieved
                                                     ? flight_min((int32_t)FLIGHT_PRESSURE_QUEUE_EVENTS, client->profile.lossy_slots)
                                                     : client->profile.lossy_slots);
}

static void judge(flight_client *client, const flight_memory_update *update)
{
    const uint32_t total = update->total_bytes;
    const uint32_t used = update->used_bytes;
    const int known = total != UNKNOWN && used != UNKNOWN && total != 0;
    const uint8_t before = client->level;
    const int level = flight_pressure(total, used, update->fragmentation);

    flight_session_memory(&client->session, known ? (int32_t)share(used < total ? total - used : 0, total) : -1);
    client->level = (uint8_t)level;
    relieve(client, level);
    if (client->on_pressure != NULL && (level != FLIGHT_CALM || before != FLIGHT_CALM)) {
        client->on_pressure(client->pressure_user, level, update);
    }
}

int flight_memory(flight_client *client)
{
    flight_port_memory found = {UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN};
    flight_memory_update update;

    if (client == NULL) {
        return FLIGHT_REFUSED_ARGUMENT;
    }
    if (client->port->memory != NULL) {
        client->port->memory(client->port->io, &found);
    }
    if ((found.total_bytes & found.used_bytes & found.available_bytes) == UNKNOWN) {
        return FLIGHT_REFUSED_UNKNOWN;
    }
    describe(&update, &found);
    judge(client, &update);
    return flight_send_event(client, flight_channel(client, "memory-updates"), FLIGHT_LAYOUT_MEMORY_UPDATE, &update, sizeof update,
                             FLIGHT_LATEST);
}

void flight_on_pressure(flight_client *client, flight_pressure_handler handler, void *user)
{
    if (client != NULL) {
        client->on_pressure = handler;
        client->pressure_user = user;
    }
}

/* ---- frames ---- */

/* sum / count; both are shortened until they fit 32 bits: a mean over 4,000 s of frames may be a little low. */
static uint32_t mean_of(uint64_t sum, uint32_t count)
{
    uint32_t high = (uint32_t)(sum >> 32);
    uint32_t low = (uint32_t)sum;

    while (high != 0) {
        low = low >> 1 | high << 31;
        high >>= 1;
        count >>= 1;
    }
    return count != 0 ? flight_quotient(low, count) : low;
}

static int tell_frames(flight_client *client)
{
    flight_frames_seen *seen = &client->frames;
    flight_frame_time event;

    event.minimum_us = seen->least_us;
    event.mean_us = mean_of(seen->sum_us, seen->count);
    event.maximum_us = seen->most_us;
    event.count = seen->count;
    event.over_budget = seen->over_budget;
    memset(seen, 0, sizeof *seen);
    return flight_send_event(client, flight_channel(client, "frame-time"), FLIGHT_LAYOUT_FRAME_TIME, &event, sizeof event,
                             FLIGHT_LOSSY);
}

int flight_frame_took(flight_client *client, uint32_t us)
{
    flight_frames_seen *seen;

    if (client == NULL) {
        return FLIGHT_REFUSED_ARGUMENT;
    }
    seen = &client->frames;
    flight_client_clock(client);
    if (seen->count == 0) {
        seen->least_us = us;
        seen->began_ms = client->now_ms;
    }
    seen->count++;
    seen->sum_us += us;
    seen->least_us = us < seen->least_us ? us : seen->least_us;
    seen->most_us = us > seen->most_us ? us : seen->most_us;
    seen->over_budget = (uint16_t)(seen->over_budget + (us > client->config.frame_budget_us));
    if (seen->count == MOST_FRAMES ||
        flight_elapsed(client->now_ms, seen->began_ms) >= (int32_t)client->config.frame_interval_ms) {
        return tell_frames(client);
    }
    return FLIGHT_FOLDED;
}

#endif
