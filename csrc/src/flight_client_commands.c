/* Commands that others ask this device to carry out, each once, and their answers (docs/protocol.md, Commands). The reference is
 * flight_client/commands.py.
 *
 * The table holds one request more than the config says: the one at `next` is free to be filled while a handler runs, and all
 * others are the last ones that were carried out. An answer that found no room in its ring stays owed and goes later. */
#include "flight_client_parts.h"

#if FLIGHT_CLIENT && FLIGHT_COMMANDS

#define RECEIVED_AT 16u /* in DELIVER: when the gateway got it */
#define HELD_AT 36u
#define TAILS_AT FLIGHT_COMMAND_REQUEST_BYTES

typedef struct answered {
    uint32_t request;
    uint16_t bytes;      /* of what is answered, behind this struct */
    uint8_t asker_bytes; /* 0: the place is free */
    uint8_t code;        /* FLIGHT_COMMAND_... */
    uint8_t owed;        /* 1: the answer is not in its ring yet */
    uint8_t reserved[3];
    char asker[FLIGHT_DEVICE_ID_BYTES];
} answered;

static answered *place_at(const flight_client *client, uint32_t i)
{
    return (answered *)(void *)(client->requests.memory + i * client->requests.place_bytes);
}

static uint8_t *text_of(answered *place)
{
    return (uint8_t *)(place + 1);
}

uint32_t flight_commands_place_bytes(uint32_t answer_bytes)
{
    return ((uint32_t)sizeof(answered) + answer_bytes + 7u) & ~7u;
}

/* Of the table. commands: remembered requests; 0: there is none. */
uint32_t flight_commands_bytes(uint32_t commands, uint32_t answer_bytes)
{
    return commands == 0 ? 0 : (commands + 1u) * flight_commands_place_bytes(answer_bytes);
}

/* The most bytes that the event of an answer has. */
uint32_t flight_commands_body_bytes(uint32_t answer_bytes)
{
    return (FLIGHT_COMMAND_RESULT_BYTES + 6u + FLIGHT_DEVICE_ID_BYTES + answer_bytes + 3u) & ~3u;
}

/* ---- answers ---- */

/* A tail field: its length, its bytes. Returns where the next one begins. */
static uint8_t *put_tail(uint8_t *at, const void *data, uint32_t bytes)
{
    flight_store16(at, (uint16_t)bytes);
    memcpy(at + 2, data, bytes);
    return at + 2 + bytes;
}

static void write_result(uint8_t *body, answered *place, uint32_t body_bytes)
{
    const uint32_t said = place->code == FLIGHT_COMMAND_DONE ? 0u : place->bytes;
    uint8_t *at = body + FLIGHT_COMMAND_RESULT_BYTES;

    memset(body, 0, body_bytes);
    flight_store32(body, place->request);
    body[4] = place->code;
    at = put_tail(at, place->asker, place->asker_bytes);
    at = put_tail(at, text_of(place), said);
    put_tail(at, text_of(place), place->bytes - said);
}

/* The answer into its ring. Where there is no room it stays owed. */
static void answer(flight_client *client, answered *place)
{
    const uint32_t refused = client->refused_full;
    flight_wanted wanted; /* no initialiser: on SH-4 a constant one is copied by a function of gcc's library */
    void *body = NULL;
    int taken;

    memset(&wanted, 0, sizeof wanted);
    wanted.layout = FLIGHT_LAYOUT_COMMAND_RESULT;
    wanted.flags = FLIGHT_CRITICAL;
    wanted.bytes = (FLIGHT_COMMAND_RESULT_BYTES + 6u + place->asker_bytes + place->bytes + 3u) & ~3u;
    taken = flight_client_reserve(client, client->requests.results, &wanted, &body);
    client->refused_full = refused; /* no call of the game's was refused, and this one comes again */
    client->requests.owed = (uint16_t)(client->requests.owed - place->owed + (taken == FLIGHT_REFUSED_FULL));
    place->owed = taken == FLIGHT_REFUSED_FULL;
    if (taken >= 0) {
        write_result((uint8_t *)body, place, wanted.bytes);
        flight_client_commit(client, &wanted);
    }
}

/* One owed answer, if there is room by now. Returns 0 where there is nothing to do. */
int flight_commands_step(flight_client *client)
{
    uint32_t i;

    if (client->requests.owed == 0 || (client->tried & FLIGHT_TRIED_ANSWER)) {
        return 0;
    }
    for (i = 0; i <= client->config.commands; i++) {
        if (place_at(client, i)->owed) {
            answer(client, place_at(client, i));
            if (place_at(client, i)->owed) {
                client->tried |= FLIGHT_TRIED_ANSWER;
            }
            return 1;
        }
    }
    return 0;
}

int flight_reply(const flight_task *task, const void *data, size_t bytes)
{
    flight_client *client;
    answered *place;

    if (task == NULL || (data == NULL && bytes != 0)) {
        return FLIGHT_REFUSED_ARGUMENT;
    }
    client = task->client;
    if (!client->requests.running) {
        return FLIGHT_REFUSED_ARGUMENT;
    }
    place = place_at(client, client->requests.next);
    if (bytes > client->config.answer_bytes) {
        return FLIGHT_REFUSED_TOO_LARGE;
    }
    if (bytes != 0) {
        memcpy(text_of(place), data, bytes);
    }
    place->bytes = (uint16_t)bytes;
    return FLIGHT_QUEUED;
}

/* ---- requests ---- */

/* The tail field at `at`; *at moves behind it. Returns null where there is none. */
static const uint8_t *take_tail(const uint8_t **at, const uint8_t *end, uint32_t most, uint32_t *bytes)
{
    const uint8_t *const start = *at + 2;

    if (end - *at < 2) {
        return NULL;
    }
    *bytes = flight_load16(*at);
    if (*bytes > most || (uint32_t)(end - start) < *bytes) {
        return NULL;
    }
    *at = start + *bytes;
    return start;
}

/* How old a command is, as far as we can know: its age when the gateway got it is told. How long it lay there is not, and our
 * clock is not the gateway's; but no delivery is younger than the freshest one. */
static uint32_t late_ms(flight_client *client, uint32_t age_ms)
{
    flight_requests *requests = &client->requests;
    const uint8_t *const head = client->delivery.head;
    const uint32_t received_ms = flight_load32(head + RECEIVED_AT);
    const uint32_t ahead_ms = received_ms - client->now_ms;
    uint32_t held_ms = 0;

    if (!requests->knows_ahead || (int32_t)(received_ms - requests->received_ms) < 0) {
        requests->ahead_ms = ahead_ms; /* the first one, or the gateway's clock was set back */
    }
    requests->knows_ahead = 1;
    requests->received_ms = received_ms;
    if ((int32_t)(ahead_ms - requests->ahead_ms) > 0) {
        requests->ahead_ms = ahead_ms;
    }
    if (flight_age_decode(flight_load16(head + HELD_AT), &held_ms) != 0 || held_ms == FLIGHT_AGE_NONE) {
        held_ms = 0;
    }
    return (age_ms != FLIGHT_AGE_NONE ? age_ms : 0) + held_ms + (requests->ahead_ms - ahead_ms);
}

typedef struct asked {
    flight_task task;
    uint32_t number;
    uint32_t timeout_ms;
    uint8_t is_mine;
} asked;

/* What a command says. Returns 0 where its body is none. */
static int read_request(flight_client *client, const flight_message *message, asked *out)
{
    const uint8_t *at = message->data + TAILS_AT;
    const uint8_t *const end = message->data + message->bytes;
    const uint8_t *target;
    uint32_t target_bytes;
    uint32_t name_bytes;

    memset(out, 0, sizeof *out);
    if (message->layout != FLIGHT_LAYOUT_COMMAND_REQUEST || message->bytes < TAILS_AT || message->source_bytes == 0 ||
        message->source_bytes > FLIGHT_DEVICE_ID_BYTES) {
        return 0;
    }
    out->number = flight_load32(message->data);
    out->timeout_ms = flight_load32(message->data + 4);
    out->task.client = client;
    out->task.name = (const char *)take_tail(&at, end, FLIGHT_COMMAND_NAME_BYTES, &name_bytes);
    target = out->task.name != NULL ? take_tail(&at, end, FLIGHT_DEVICE_ID_BYTES, &target_bytes) : NULL;
    out->task.data = target != NULL ? take_tail(&at, end, FLIGHT_COMMAND_DATA_BYTES, &out->task.bytes) : NULL;
    if (out->task.data == NULL || end - at > 3) {
        return 0;
    }
    out->task.name_bytes = (uint8_t)name_bytes;
    out->task.asker = message->source;
    out->task.asker_bytes = message->source_bytes;
    out->task.for_all = target_bytes == 0;
    out->is_mine = target_bytes == 0 || (target_bytes == flight_text_bytes(client->config.device_id, FLIGHT_DEVICE_ID_BYTES) &&
                                         memcmp(target, client->config.device_id, target_bytes) == 0);
    return 1;
}

/* Where the answer to it is, if it was carried out already. */
static answered *find(const flight_client *client, const asked *wanted)
{
    uint32_t i;

    for (i = 0; i <= client->config.commands; i++) {
        answered *place = place_at(client, i);

        if (place->request == wanted->number && place->asker_bytes == wanted->task.asker_bytes &&
            memcmp(place->asker, wanted->task.asker, place->asker_bytes) == 0) {
            return place;
        }
    }
    return NULL;
}

static void carry_out(flight_client *client, const asked *wanted)
{
    flight_requests *requests = &client->requests;
    answered *place = place_at(client, requests->next);
    int code;

    if (place->owed) {
        client->unhandled++; /* so many answers wait for room: whoever asked asks again */
        return;
    }
    memset(place, 0, sizeof *place);
    requests->running = 1;
    code = requests->handler(requests->user, &wanted->task);
    requests->running = 0;
    if (code == (int)FLIGHT_COMMAND_UNKNOWN && wanted->task.for_all) {
        return; /* asked of everybody: others may know it */
    }
    place->request = wanted->number;
    place->code = code == (int)FLIGHT_COMMAND_DONE || code == (int)FLIGHT_COMMAND_UNKNOWN ? (uint8_t)code : FLIGHT_COMMAND_FAILED;
    if (place->code != FLIGHT_COMMAND_DONE) {
        place->bytes = place->bytes < FLIGHT_COMMAND_TEXT_BYTES ? place->bytes : (uint16_t)FLIGHT_COMMAND_TEXT_BYTES;
        flight_client_mend(text_of(place), text_of(place) + place->bytes);
    }
    place->asker_bytes = wanted->task.asker_bytes;
    memcpy(place->asker, wanted->task.asker, place->asker_bytes);
    requests->next = requests->next == client->config.commands ? 0 : (uint16_t)(requests->next + 1u);
    answer(client, place);
}

/* An event of the channel of commands. */
static void take_command(void *user, const flight_message *message)
{
    flight_client *client = (flight_client *)user;
    asked wanted;
    answered *place;

    if (!read_request(client, message, &wanted)) {
        client->unhandled++;
        return;
    }
    wanted.task.age_ms = late_ms(client, message->age_ms);
    if (!wanted.is_mine) {
        return;
    }
    place = find(client, &wanted);
    if (place != NULL) {
        answer(client, place);
    } else if (wanted.timeout_ms != 0 && wanted.task.age_ms > wanted.timeout_ms) {
        client->unhandled++; /* nobody waits for it any more */
    } else {
        carry_out(client, &wanted);
    }
}

int flight_on_command(flight_client *client, flight_command_handler handler, void *user)
{
    int commands;
    int results;

    if (client == NULL || client->config.commands == 0) {
        return FLIGHT_ERROR_ARGUMENT;
    }
    commands = flight_channel(client, "commands");
    results = flight_channel(client, "command-results");
    if (commands < 0 || results < 0) {
        return FLIGHT_ERROR_FULL;
    }
    client->requests.handler = handler;
    client->requests.user = user;
    client->requests.results = (uint16_t)results;
    return flight_on(client, commands, handler != NULL ? take_command : NULL, client);
}

int flight_is_command(const flight_task *task, const char *name)
{
    const uint32_t bytes = name != NULL ? flight_text_bytes(name, FLIGHT_COMMAND_NAME_BYTES) : 0;

    return task != NULL && name != NULL && bytes == task->name_bytes && memcmp(task->name, name, bytes) == 0;
}

#endif
