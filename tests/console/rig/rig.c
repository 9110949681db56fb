/* See rig.h. One client at a time. */
#include "rig.h"

#include <string.h>

#define OUT_BYTES (4u << 20)
#define IN_BYTES (1u << 20)
#define FENCE 64u
#define RECORDS 3u
#define RECORD_BYTES 256u
#define MESSAGES_BYTES 65536u

static rig_script script;
static rig_seen seen;
static flight_client *client;
static flight_config config;
static flight_port port;
static uint64_t now_us;
static uint32_t calls_since;
static uint32_t random_state;
static uint8_t sent[OUT_BYTES];
static uint32_t sent_bytes;
static uint8_t waiting[IN_BYTES];
static uint32_t waiting_at;
static uint32_t waiting_end;
static uint8_t records[RECORDS][RECORD_BYTES];
static int record_bytes[RECORDS];
static uint64_t memory[(1u << 20) / 8u];
static uint32_t memory_bytes;
static uint8_t messages[MESSAGES_BYTES];
static uint32_t messages_bytes;
static char texts[6][600];
static uint8_t transports[4];

/* ---- the port ---- */

static void called(void)
{
    seen.calls++;
    calls_since++;
    seen.most_calls = calls_since > seen.most_calls ? calls_since : seen.most_calls;
}

static void check_law(void)
{
    flight_status status;
    uint32_t sum;
    uint32_t i;

    if (client == NULL) {
        return;
    }
    flight_status_of(client, &status);
    sum = status.settled + status.queued;
    for (i = 0; i < sizeof status.dropped / sizeof status.dropped[0]; i++) {
        sum += status.dropped[i];
    }
    seen.bad_sums += sum != status.accepted;
}

static uint64_t read_clock(void *io)
{
    (void)io;
    calls_since = 0;
    seen.readings++;
    check_law();
    now_us += script.tick_us;
    return now_us + (script.jump_at != 0 && seen.readings >= script.jump_at ? script.jump_us : 0);
}

static int read_link(void *io)
{
    (void)io;
    called();
    return (int)script.link;
}

static int open_it(void *io, const char *host, uint16_t number)
{
    (void)io, (void)host;
    called();
    seen.opens++;
    seen.port = number;
    seen.is_open = (int)script.open_result >= 0;
    waiting_at = waiting_end = 0;
    return (int)script.open_result;
}

static int is_ready(void *io)
{
    (void)io;
    called();
    return (int)script.ready_result;
}

static int send_it(void *io, const uint8_t *data, size_t bytes)
{
    (void)io;
    called();
    seen.sent_closed += !seen.is_open || bytes == 0;
    seen.sends++;
    if (script.dead) {
        return -104;
    }
    bytes = bytes < script.send_room ? bytes : script.send_room;
    if (sent_bytes + bytes > OUT_BYTES) {
        sent_bytes = 0;
    }
    memcpy(sent + sent_bytes, data, bytes);
    sent_bytes += (uint32_t)bytes;
    return (int)bytes;
}

static int receive(void *io, uint8_t *data, size_t capacity)
{
    uint32_t bytes = waiting_end - waiting_at;

    (void)io;
    called();
    seen.sent_closed += !seen.is_open || capacity == 0;
    if (bytes == 0) {
        return script.dead ? -104 : 0;
    }
    bytes = bytes < script.recv_room ? bytes : script.recv_room;
    bytes = bytes < capacity ? bytes : (uint32_t)capacity;
    memcpy(data, waiting + waiting_at, bytes);
    waiting_at += bytes;
    return (int)bytes;
}

static void close_it(void *io)
{
    (void)io;
    called();
    seen.closes++;
    seen.is_open = 0;
}

static int draw(void *io, uint8_t *out, size_t bytes)
{
    (void)io;
    called();
    while (bytes-- != 0) {
        random_state = random_state * 1664525u + 1013904223u;
        *out++ = (uint8_t)(random_state >> 24);
    }
    return (int)script.random_result;
}

static int store(void *io, unsigned number, const uint8_t *data, size_t bytes)
{
    (void)io;
    called();
    seen.stores++;
    if (script.store_fails || number >= RECORDS || bytes > RECORD_BYTES) {
        return -1;
    }
    memcpy(records[number], data, bytes);
    record_bytes[number] = (int)bytes;
    return 0;
}

static int load(void *io, unsigned number, uint8_t *data, size_t capacity)
{
    const int bytes = record_bytes[number];

    (void)io;
    if (bytes > 0) {
        memcpy(data, records[number], (size_t)bytes < capacity ? (size_t)bytes : capacity);
    }
    return bytes < (int)capacity ? bytes : (int)capacity;
}

static void tell_memory(void *io, flight_port_memory *out)
{
    (void)io;
    out->total_bytes = script.memory[0];
    out->used_bytes = script.memory[1];
    out->available_bytes = script.memory[2];
    out->largest_bytes = script.memory[3];
}

/* ---- what the test calls ---- */

static void put_message(const flight_message *message)
{
    const uint32_t need = 12u + message->bytes;

    if (messages_bytes + need > MESSAGES_BYTES) {
        return;
    }
    messages[messages_bytes] = message->layout;
    messages[messages_bytes + 1] = (uint8_t)message->channel;
    memcpy(messages + messages_bytes + 2, &message->kind, 2);
    memcpy(messages + messages_bytes + 4, &message->age_ms, 4);
    memcpy(messages + messages_bytes + 8, &message->bytes, 4);
    memcpy(messages + messages_bytes + 12, message->data, message->bytes);
    messages_bytes += need;
}

static void on_message(void *user, const flight_message *message)
{
    (void)user;
    seen.received++;
    put_message(message);
}

/* Answers with how many there were and with what came. */
static int on_task(void *user, const flight_task *task)
{
    uint8_t answer[1 + FLIGHT_COMMAND_DATA_BYTES];

    (void)user;
    answer[0] = (uint8_t)++seen.tasks;
    memcpy(answer + 1, task->data, task->bytes);
    flight_reply(task, answer, task->bytes + 1u);
    return FLIGHT_COMMAND_DONE;
}

static void on_pressure(void *user, int level, const flight_memory_update *update)
{
    (void)user, (void)update;
    seen.pressure++;
    seen.level = (uint32_t)level;
}

void rig_new_world(void)
{
    memset(&script, 0, sizeof script);
    memset(&seen, 0, sizeof seen);
    memset(record_bytes, 0, sizeof record_bytes);
    memset(&config, 0, sizeof config);
    client = NULL;
    script.link = 1;
    script.ready_result = 1;
    script.send_room = 0x7fffffff;
    script.recv_room = 0x7fffffff;
    script.stores = 1;
    memset(script.memory, 0xff, sizeof script.memory);
    now_us = 5000000u;
    random_state = 1;
    sent_bytes = waiting_at = waiting_end = messages_bytes = 0;
}

rig_script *rig_the_script(void)
{
    return &script;
}

rig_seen *rig_what_was_seen(void)
{
    return &seen;
}

flight_config *rig_config(void)
{
    return &config;
}

void rig_text(uint32_t which, const char *text)
{
    const char **const places[4] = {&config.host, &config.token, &config.device_id, &config.version};
    uint32_t i;

    for (i = 0; text[i] != 0 && i < sizeof texts[0] - 1u; i++) {
        texts[which][i] = text[i];
    }
    texts[which][i] = 0;
    *places[which] = texts[which];
}

void rig_transports(const uint8_t *list, uint32_t count)
{
    memcpy(transports, list, count < sizeof transports ? count : sizeof transports);
    config.transports = count != 0 ? transports : NULL;
    config.transport_count = (uint8_t)count;
}

static void fill_port(void)
{
    memset(&port, 0, sizeof port);
    port.name = "rig";
    port.now_us = read_clock;
    port.link = read_link;
    port.open = open_it;
    port.ready = is_ready;
    port.send = send_it;
    port.recv = receive;
    port.close = close_it;
    port.random = draw;
    port.store = script.stores ? store : NULL;
    port.load = script.stores ? load : NULL;
    port.memory = tell_memory;
}

/* A console that is switched on. Returns 0, or why there is no client. less: bytes that its memory is too short. */
int rig_start(uint32_t less)
{
    uint8_t *const lent = (uint8_t *)memory + FENCE;
    const int need = flight_need(&config);
    int problem;

    client = NULL;
    seen.is_open = 0;
    waiting_at = waiting_end = 0;
    if (need < 0) {
        return need;
    }
    if ((uint32_t)need > sizeof memory - 2u * FENCE) {
        return -1000;
    }
    memory_bytes = (uint32_t)need;
    memset(memory, 0xa5, memory_bytes + 2u * FENCE);
    fill_port();
    problem = flight_check(lent, memory_bytes - less, &config, &port);
    client = flight_init(lent, memory_bytes - less, &config, &port);
    return client != NULL ? problem : problem != 0 ? problem : -1001;
}

flight_client *rig_client(void)
{
    return client;
}

int rig_listen(const char *name)
{
    return flight_on(client, flight_channel(client, name), on_message, NULL);
}

int rig_on_command(void)
{
    return flight_on_command(client, on_task, NULL);
}

void rig_on_pressure(void)
{
    flight_on_pressure(client, on_pressure, NULL);
}

void rig_pass(uint32_t us)
{
    now_us += us;
}

static void check_fence(void)
{
    const uint8_t *const bytes = (const uint8_t *)memory;
    uint32_t i;

    for (i = 0; i < FENCE; i++) {
        seen.broken_memory += bytes[i] != 0xa5u;
        seen.broken_memory += bytes[FENCE + memory_bytes + i] != 0xa5u;
    }
}

int rig_poll(uint32_t budget_us)
{
    int bits;

    seen.readings = 0;
    bits = flight_poll(client, budget_us);
    check_law();
    check_fence();
    return bits;
}

/* Poll as often as it takes, one step at a time. Returns all bits that were answered but BACKLOG; -1: no end. */
int rig_poll_stepwise(void)
{
    int all = 0;
    uint32_t i;

    for (i = 0; i < 100000u; i++) {
        const int bits = rig_poll(0);

        all |= bits & ~FLIGHT_BACKLOG;
        if ((bits & FLIGHT_BACKLOG) == 0) {
            return all;
        }
    }
    return -1;
}

uint32_t rig_take_sent(const uint8_t **bytes)
{
    const uint32_t count = sent_bytes;

    *bytes = sent;
    sent_bytes = 0;
    return count;
}

void rig_give(const uint8_t *bytes, uint32_t count)
{
    if (waiting_at == waiting_end) {
        waiting_at = waiting_end = 0;
    }
    if (waiting_end + count <= IN_BYTES) {
        memcpy(waiting + waiting_end, bytes, count);
        waiting_end += count;
    }
}

uint32_t rig_unread(void)
{
    return waiting_end - waiting_at;
}

uint32_t rig_take_messages(const uint8_t **bytes)
{
    const uint32_t count = messages_bytes;

    *bytes = messages;
    messages_bytes = 0;
    return count;
}

/* state, transport, resume, random, reason, trouble, detail, port_error, connections, failures, accepted, settled, queued,
 * refused_full, refused_too_large, received, unhandled, missed, bytes_out, bytes_in, garbage_bytes, wait_ms, dropped[1..10] */
void rig_status(uint32_t *out)
{
    flight_status s;

    flight_status_of(client, &s);
    *out++ = s.state, *out++ = s.transport, *out++ = s.resume, *out++ = s.random, *out++ = s.reason, *out++ = s.trouble;
    *out++ = s.trouble_detail, *out++ = (uint32_t)s.port_error, *out++ = s.connections, *out++ = s.failures;
    *out++ = s.accepted, *out++ = s.settled, *out++ = s.queued, *out++ = s.refused_full, *out++ = s.refused_too_large;
    *out++ = s.received, *out++ = s.unhandled, *out++ = s.missed, *out++ = s.bytes_out, *out++ = s.bytes_in;
    *out++ = s.garbage_bytes, *out++ = s.wait_ms;
    memcpy(out, s.dropped + 1, sizeof s.dropped - sizeof s.dropped[0]);
}

/* One line by the formatter with at most two numbers or one text. */
int rig_log(int level, const char *format, int64_t a, int64_t b)
{
    return flight_log(client, level, format, a, b);
}

int rig_log_text(int level, const char *format, const char *text)
{
    return flight_log(client, level, format, text);
}

int rig_log_words(int level, const char *format, uint32_t a, uint32_t b, uint32_t c)
{
    return flight_log(client, level, format, a, b, c);
}

int rig_crash(const char *reason, uint32_t pc, const uint32_t *words, uint32_t count)
{
    return flight_crash(client, reason, pc, words, count);
}

int rig_record(uint32_t number, uint8_t *out)
{
    memcpy(out, records[number], RECORD_BYTES);
    return record_bytes[number];
}

void rig_set_record(uint32_t number, const uint8_t *data, int bytes)
{
    if (bytes > 0) {
        memcpy(records[number], data, (size_t)bytes);
    }
    record_bytes[number] = bytes;
}
