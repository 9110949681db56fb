/* What each call of the client costs, in instructions between two marks: for each state of the connection and each fill of the
 * rings, every entry point, and flight_poll step by step. The port and the gateway behind it are a page of memory.
 *
 * Output: "row NAME STATE FILL" for each pair of marks, in their order; "value NAME NUMBER". */
#include <string.h>

#include "flight.h"
#include "runtime.h"

#define STEPS_MOST 64

static uint64_t memory[24u * 1024u / 8u];
static uint8_t sent[4096];
static uint32_t sent_bytes;
static uint8_t waiting[4096];
static uint32_t waiting_bytes;
static uint64_t now_us = 1000000u;
static int answering = 1;
static int ready_result = 1;
static int label;
static uint32_t carried_out;

/* ---- the gateway ---- */

static void answer(uint8_t type, uint16_t channel, uint32_t ack, const uint8_t *payload, uint32_t bytes)
{
    flight_frame frame;
    int sealed;

    memset(&frame, 0, sizeof frame);
    frame.type = type;
    frame.channel = channel;
    frame.ack = ack;
    frame.payload = payload;
    frame.payload_bytes = bytes;
    sealed = flight_frame_encode(waiting + waiting_bytes, sizeof waiting - waiting_bytes, &frame);
    waiting_bytes += sealed > 0 ? (uint32_t)sealed : 0;
}

static void put(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++) {
        at[i] = (uint8_t)(value >> (8 * i));
    }
}

static void welcome(void)
{
    uint8_t payload[88];

    memset(payload, 0, sizeof payload);
    memset(payload, 1, 48);
    put(payload + 48, 10000);
    put(payload + 52, 4u | 640u << 16);
    put(payload + 56, 250);
    put(payload + 68, 60000);
    put(payload + 72, 65536);
    payload[84] = FLIGHT_FLAG_DELTA;
    answer(FLIGHT_TYPE_WELCOME, 0, 0, payload, sizeof payload);
}

#define DELIVER_AT 48u       /* of its records: a head of 40 bytes, "tool-1" padded to 8 */
#define COMMAND_WORDS 24u    /* of the record's body */
#define COMMAND_DATA_BYTES 64u

static uint8_t *put_tail(uint8_t *at, const char *text, uint32_t bytes)
{
    at[0] = (uint8_t)bytes;
    at[1] = 0;
    memcpy(at + 2, text, bytes);
    return at + 2 + bytes;
}

/* A command of tool-1 for this device, with 64 bytes of data. The channel `commands` is the first that the client opened. */
static void command(void)
{
    static const char data[COMMAND_DATA_BYTES] = {1, 2, 3};
    uint8_t payload[DELIVER_AT + 4u + 4u * COMMAND_WORDS];
    uint8_t *at = payload + DELIVER_AT;

    memset(payload, 0, sizeof payload);
    payload[0] = 1;
    payload[39] = 6;
    memcpy(payload + 40, "tool-1", 6);
    at[0] = FLIGHT_LAYOUT_COMMAND_REQUEST;
    at[1] = COMMAND_WORDS;
    put(at + 4, 77);
    at = put_tail(at + 4 + FLIGHT_COMMAND_REQUEST_BYTES, "lives", 5);
    at = put_tail(at, "dc-bench-1", 10);
    put_tail(at, data, sizeof data);
    answer(FLIGHT_TYPE_DELIVER, 1, 0, payload, sizeof payload);
}

static void take(const flight_frame *frame)
{
    uint8_t payload[20];

    memset(payload, 0, sizeof payload);
    if (frame->type == FLIGHT_TYPE_HELLO) {
        welcome();
    } else if (frame->type == FLIGHT_TYPE_OPEN) {
        payload[1] = frame->payload[0];
        answer(FLIGHT_TYPE_OPENED, frame->channel, 0, payload, sizeof payload);
    } else if (frame->type == FLIGHT_TYPE_DATA && frame->seq != 0) {
        answer(FLIGHT_TYPE_ACK, 0, frame->seq + 1u, payload, 4);
    }
}

static void carry(void)
{
    uint32_t at = 0;
    flight_frame frame;
    int bytes;

    while ((bytes = flight_frame_decode(sent + at, sent_bytes - at, 4096, &frame)) > 0) {
        take(&frame);
        at += (uint32_t)bytes;
    }
    sent_bytes = 0;
}

/* ---- the port ---- */

static uint64_t read_clock(void *io)
{
    (void)io;
    return now_us;
}

static int is_up(void *io)
{
    (void)io;
    return 1;
}

static int open_it(void *io, const char *host, uint16_t port)
{
    (void)io, (void)host, (void)port;
    waiting_bytes = 0;
    return 0;
}

static int is_ready(void *io)
{
    (void)io;
    return ready_result;
}

static int send_it(void *io, const uint8_t *data, size_t bytes)
{
    (void)io;
    if (sent_bytes + bytes > sizeof sent) {
        return 0;
    }
    memcpy(sent + sent_bytes, data, bytes);
    sent_bytes += (uint32_t)bytes;
    if (answering) {
        carry();
    }
    return (int)bytes;
}

static int receive(void *io, uint8_t *data, size_t capacity)
{
    uint32_t bytes = waiting_bytes;

    (void)io;
    bytes = bytes < capacity ? bytes : (uint32_t)capacity;
    memcpy(data, waiting, bytes);
    memmove(waiting, waiting + bytes, waiting_bytes - bytes);
    waiting_bytes -= bytes;
    return (int)bytes;
}

static void close_it(void *io)
{
    (void)io;
}

static int draw(void *io, uint8_t *out, size_t bytes)
{
    (void)io;
    memset(out, 7, bytes);
    return FLIGHT_RANDOM_WEAK;
}

static void tell_memory(void *io, flight_port_memory *out)
{
    (void)io;
    out->total_bytes = 16u << 20;
    out->used_bytes = 7u << 20;
    out->available_bytes = 9u << 20;
    out->largest_bytes = 8u << 20;
}

static const flight_port port = {"page",  NULL,    NULL,     read_clock, is_up, open_it, is_ready, send_it,
                                 receive, close_it, draw, NULL,       NULL,  tell_memory};

/* ---- states ---- */

static const char *const states[] = {"opening", "greeting", "ready", "silent", "closed", "fresh"};
static const char *const fills[] = {"empty", "half", "full"};
static const char token[] = "eyJhbGciOiJIUzI1NiIsImtpZCI6ImRldi1iMDkyMmVkYiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJmbGlnaHQtZ2F0ZXdheSIsImF1ZCI6"
                            "ImZsaWdodCIsInN1YiI6IioiLCJyb2xlcyI6WyJwdWJsaXNoIiwic3Vic2NyaWJlIl0sImlhdCI6MTc5NTQzMzIwNH0.axFmIcadzA5dsk3";
static flight_config config;
static uint16_t commands; /* that are remembered; 0: nobody carries any out */

static void on_message(void *user, const flight_message *message)
{
    (void)user, (void)message;
}

static int on_task(void *user, const flight_task *task)
{
    (void)user;
    carried_out++;
    flight_reply(task, task->data, task->bytes);
    return FLIGHT_COMMAND_DONE;
}

static void run(flight_client *client, int frames)
{
    for (int i = 0; i < frames; i++) {
        now_us += 16667u;
        flight_poll(client, 0xffffffffu);
    }
}

/* A client in a state, its rings filled. */
static flight_client *enter(int state, int fill)
{
    static const uint8_t transports[1] = {FLIGHT_TRANSPORT_TCP};
    static const uint8_t body[24] = {1, 2, 3};
    flight_client *client;

    memset(&config, 0, sizeof config);
    config.host = "192.168.1.10";
    config.token = token;
    config.device_id = "dc-bench-1";
    config.platform = FLIGHT_PLATFORM_DREAMCAST;
    config.transports = transports;
    config.transport_count = 1;
    config.link_bytes_per_s = FLIGHT_NO_LIMIT;
    config.commands = commands;
    sent_bytes = waiting_bytes = 0;
    answering = state != 1;
    ready_result = state != 0;
    client = flight_init(memory, sizeof memory, &config, &port);
    if (commands != 0) {
        flight_on_command(client, on_task, NULL);
    } else {
        flight_on(client, flight_channel(client, "commands"), on_message, NULL);
    }
    for (int i = 1; i <= 4; i++) {
        const char *const names[4] = {"scores", "log", "memory-updates", "frame-time"};

        flight_channel(client, names[i - 1]);
    }
    run(client, state == 5 ? 0 : 20); /* fresh: everything is still to come, the session key too */
    if (state == 3) {
        answering = 0;
    }
    if (state == 4) {
        flight_close(client);
        run(client, 100);
        return client;
    }
    for (int i = 0; i < fill * 16; i++) {
        flight_send(client, flight_channel(client, "scores"), (uint16_t)i, body, sizeof body, FLIGHT_CRITICAL);
        flight_send(client, flight_channel(client, "scores"), (uint16_t)i, body, sizeof body, FLIGHT_LOSSY);
    }
    return client;
}

/* ---- calls ---- */

static void nothing(flight_client *client)
{
    (void)client;
}

static void send_lossy(flight_client *client)
{
    static const uint8_t body[24] = {0};

    flight_send(client, 2, 999, body, sizeof body, FLIGHT_LOSSY);
}

static void send_latest(flight_client *client)
{
    static const uint8_t body[24] = {0};

    flight_send(client, 2, 998, body, sizeof body, FLIGHT_LATEST);
}

static void send_critical(flight_client *client)
{
    static const uint8_t body[24] = {0};

    flight_send(client, 2, 997, body, sizeof body, FLIGHT_CRITICAL);
}

static void log_line(flight_client *client)
{
    flight_log(client, FLIGHT_LOG_INFO, "frame %u took %d us in %s", 1234u, 16667, "level-1");
}

static void memory_now(flight_client *client)
{
    flight_memory(client);
}

static void took(flight_client *client)
{
    flight_frame_took(client, 16667);
}

static void status(flight_client *client)
{
    static flight_status found;

    flight_status_of(client, &found);
}

static void poll_all(flight_client *client)
{
    flight_poll(client, 0xffffffffu);
}

static void again(flight_client *client)
{
    (void)client;
    flight_init(memory, sizeof memory, &config, &port);
}

static const struct {
    const char *name;
    void (*call)(flight_client *client);
} calls[] = {
    {"nothing", nothing},         {"client.send", send_lossy}, {"client.send_latest", send_latest},
    {"client.send_critical", send_critical}, {"client.log", log_line},      {"client.memory", memory_now},
    {"client.frame", took},       {"client.status", status},   {"client.poll", poll_all},
    {"client.init", again},
};

static void measure(const char *name, void (*call)(flight_client *client), flight_client *client, int state, int fill)
{
    rt_text("row ");
    rt_text(name);
    rt_text(" ");
    rt_text(states[state]);
    rt_text(" ");
    rt_text(fills[fill]);
    rt_text("\n");
    rt_mark(label++);
    call(client);
    rt_mark(label++);
}

static void one_step(flight_client *client)
{
    flight_poll(client, 0);
}

/* The one step that carries a command out, its handler (an echo) included. */
static void measure_command(int state, int fill)
{
    flight_client *client = enter(state, fill);
    int steps = 0;

    carried_out = 0;
    command();
    for (; carried_out == 0 && steps < STEPS_MOST; steps++) {
        one_step(client);
    }
    if (carried_out == 0) {
        rt_exit(1);
    }
    client = enter(state, fill);
    command();
    for (; steps > 1; steps--) {
        one_step(client);
    }
    measure("client.step_command", one_step, client, state, fill);
}

int rt_main(void)
{
    commands = FLIGHT_COMMANDS_LEAST;
    for (int fill = 0; fill < 3; fill++) {
        measure_command(2, fill);
    }
    commands = 0;
    for (int state = 0; state < 6; state++) {
        for (int fill = 0; fill < 3; fill++) {
            flight_client *client;

            for (uint32_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
                client = enter(state, fill);
                now_us += 16667u;
                measure(calls[i].name, calls[i].call, client, state, fill);
            }
            client = enter(state, fill);
            for (int i = 0; i < STEPS_MOST; i++) {
                now_us += (i & 7) == 0 ? 16667u : 0;
                measure("client.step", one_step, client, state, fill);
            }
        }
    }
    config.platform = FLIGHT_PLATFORM_DREAMCAST;
    config.transports = NULL;
    config.commands = 0;
    rt_text("value client.ram.dreamcast ");
    rt_number((uint32_t)flight_need(&config));
    rt_text("\n");
    return 0;
}
