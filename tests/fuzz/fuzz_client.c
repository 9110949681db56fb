/* needs: flight_init flight_poll flight_send flight_log flight_close */
#include "fuzz.h"

/* A hostile server, a bad line and a game that does things in any order. First byte: transport and platform. Then commands, a
 * byte each: bytes to receive, connections that die, time, calls of the game. A WELCOME that is right is among them, so that the
 * fuzzer gets past the door. After every poll the accounts must be right. */
typedef struct world {
    flight_client *client;
    const uint8_t *data;
    size_t bytes;
    uint64_t now_us;
    uint8_t waiting[2048];
    size_t waiting_bytes;
    int dead;
    int full;
    int ready;
    int calls; /* of the port in this step */
    uint8_t records[3][256];
    int record_bytes[3];
} world;

static world here;
static uint64_t memory[192 * 1024 / 8];

static uint8_t next(void)
{
    if (here.bytes == 0) {
        return 0;
    }
    here.bytes--;
    return *here.data++;
}

static uint64_t read_clock(void *io)
{
    (void)io;
    here.calls = 0;
    here.now_us += 10;
    return here.now_us;
}

static void called(void)
{
    here.calls++;
    REQUIRE(here.calls <= 1);
}

static int up(void *io)
{
    (void)io;
    called();
    return 1;
}

static int open_it(void *io, const char *host, uint16_t port)
{
    (void)io, (void)host, (void)port;
    called();
    here.waiting_bytes = 0;
    return here.dead ? -5 : 0;
}

static int is_ready(void *io)
{
    (void)io;
    called();
    return here.ready;
}

static int send_it(void *io, const uint8_t *data, size_t bytes)
{
    uint8_t *copy = exactly(data, bytes);

    (void)io;
    free(copy);
    called();
    REQUIRE(bytes != 0);
    return here.dead ? -1 : here.full ? 0 : bytes > 100 ? 100 : (int)bytes;
}

static int receive(void *io, uint8_t *data, size_t capacity)
{
    const size_t bytes = here.waiting_bytes < capacity ? here.waiting_bytes : capacity;

    (void)io;
    called();
    if (here.dead) {
        return -1;
    }
    memcpy(data, here.waiting, bytes);
    memmove(here.waiting, here.waiting + bytes, here.waiting_bytes - bytes);
    here.waiting_bytes -= bytes;
    return (int)bytes;
}

static void close_it(void *io)
{
    (void)io;
    called();
}

static int draw(void *io, uint8_t *out, size_t bytes)
{
    (void)io;
    called();
    memset(out, 0x5a, bytes);
    return FLIGHT_RANDOM_WEAK;
}

static int store(void *io, unsigned number, const uint8_t *data, size_t bytes)
{
    (void)io;
    REQUIRE(number < 3 && bytes <= sizeof here.records[0]);
    memcpy(here.records[number], data, bytes);
    here.record_bytes[number] = (int)bytes;
    return 0;
}

static int load(void *io, unsigned number, uint8_t *data, size_t capacity)
{
    const size_t bytes = (size_t)here.record_bytes[number] < capacity ? (size_t)here.record_bytes[number] : capacity;

    (void)io;
    memcpy(data, here.records[number], bytes);
    return (int)bytes;
}

static void tell_memory(void *io, flight_port_memory *out)
{
    (void)io;
    out->total_bytes = 1000;
    out->used_bytes = next() * 4u;
    out->available_bytes = 1000u - (out->used_bytes < 1000u ? out->used_bytes : 1000u);
    out->largest_bytes = out->available_bytes / 2u;
}

static const flight_port port = {"fuzz",  NULL,     NULL, read_clock, up,   open_it,    is_ready, send_it,
                                 receive, close_it, draw, store,      load, tell_memory};

static void check_accounts(void)
{
    flight_status status;
    uint32_t sum;

    flight_status_of(here.client, &status);
    sum = status.settled + status.queued;
    for (size_t i = 0; i < sizeof status.dropped / sizeof status.dropped[0]; i++) {
        sum += status.dropped[i];
    }
    REQUIRE(sum == status.accepted);
}

static void on_message(void *user, const flight_message *message)
{
    uint8_t *copy = exactly(message->data, message->bytes);

    (void)user;
    free(copy);
    free(exactly((const uint8_t *)message->source, message->source_bytes));
    flight_send(message->client, 2, message->kind, message->data, message->bytes, message->kind & 1u);
}

static void give(const void *data, size_t bytes)
{
    if (here.waiting_bytes + bytes <= sizeof here.waiting) {
        memcpy(here.waiting + here.waiting_bytes, data, bytes);
        here.waiting_bytes += bytes;
    }
}

/* A frame of the type, channel and number that the input says; its payload too. */
static void give_frame(uint8_t type, uint32_t payload_bytes)
{
    uint8_t buffer[FLIGHT_HEADER_BYTES + 256 + FLIGHT_TRAILER_BYTES];
    uint8_t payload[256];
    flight_frame frame;
    int sealed;

    memset(&frame, 0, sizeof frame);
    memset(payload, 0, sizeof payload);
    for (uint32_t i = 0; i < payload_bytes && here.bytes != 0; i++) {
        payload[i] = next();
    }
    frame.type = type;
    frame.flags = type == FLIGHT_TYPE_DELIVER ? FLIGHT_FLAG_BATCH : 0;
    frame.channel = type >= FLIGHT_TYPE_OPEN ? 1 : 0;
    frame.ack = next() & 7u;
    frame.seq = next() & 7u;
    frame.payload = payload;
    frame.payload_bytes = payload_bytes;
    sealed = flight_frame_encode(buffer, sizeof buffer, &frame);
    if (sealed > 0) {
        give(buffer, (size_t)sealed);
    }
}

/* A WELCOME that is right. */
static void welcome(void)
{
    uint8_t payload[88] = {0};
    uint8_t buffer[128];
    flight_frame frame;

    memset(payload, 1, 48);
    payload[48] = 0x88, payload[49] = 0x13, payload[52] = 4, payload[54] = 0x80, payload[55] = 2;
    payload[69] = 0xea, payload[73] = 0xff, payload[84] = FLIGHT_FLAG_DELTA;
    memset(&frame, 0, sizeof frame);
    frame.type = FLIGHT_TYPE_WELCOME;
    frame.payload = payload;
    frame.payload_bytes = sizeof payload;
    give(buffer, (size_t)flight_frame_encode(buffer, sizeof buffer, &frame));
}

static void poll(uint32_t budget_us)
{
    const int bits = flight_poll(here.client, budget_us);

    REQUIRE((bits & ~31) == 0);
    check_accounts();
}

static void act(uint8_t command)
{
    static const uint8_t body[512] = {1, 2, 3};
    const uint8_t argument = next();

    switch (command & 15u) {
    case 0:
        here.now_us += (uint64_t)argument * 1000u;
        break;
    case 1:
        here.now_us += (uint64_t)argument * 100000u;
        break;
    case 2:
        welcome();
        break;
    case 3:
        give_frame((uint8_t)(1u + (argument & 31u)), argument & 0x60u);
        break;
    case 4:
        give(here.data, here.bytes < argument ? here.bytes : argument);
        break;
    case 5:
        here.dead = argument & 1;
        here.full = argument >> 1 & 1;
        here.ready = argument & 4 ? 1 : argument & 8 ? -3 : 0;
        break;
    case 6:
        flight_send(here.client, 1 + (argument & 3), argument, body, argument * 2u, argument & 3u);
        break;
    case 7:
        flight_log(here.client, argument & 3, "%s %d %08x %c", "text", argument, (unsigned)argument, (char)argument);
        break;
    case 8:
        flight_memory(here.client);
        break;
    case 9:
        flight_frame_took(here.client, argument * 1000u);
        break;
    case 10:
        argument & 1 ? flight_pause(here.client) : flight_go_on(here.client);
        break;
    case 11:
        if (argument == 0xff) {
            flight_close(here.client);
        }
        break;
    case 12:
        give("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n", 76);
        break;
    case 13:
        give("HTTP/1.1 200 OK\r\nContent-Length: 104\r\n\r\n", 40);
        break;
    default:
        poll(command & 16u ? 0 : 0xffffffffu);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static const uint8_t transports[4] = {FLIGHT_TRANSPORT_TCP, FLIGHT_TRANSPORT_POLLING, FLIGHT_TRANSPORT_WEBSOCKET,
                                          FLIGHT_TRANSPORT_SERIAL};
    static const uint8_t key[16] = {1};
    flight_config config;
    uint8_t first;
    int need;

    memset(&here, 0, sizeof here);
    here.data = data;
    here.bytes = bytes;
    here.ready = 1;
    first = next();
    memset(&config, 0, sizeof config);
    config.host = "127.0.0.1";
    config.token = "token";
    config.device_id = "fuzz-1";
    config.platform = (uint8_t)(1u + (first >> 2 & 1u));
    config.transports = &transports[first & 3u];
    config.transport_count = 1;
    config.link_bytes_per_s = first & 8u ? 0 : FLIGHT_NO_LIMIT;
    if ((first & 16u) && (first & 3u) != 3u) {
        config.device_key = key;
        config.device_key_bytes = sizeof key;
    }
    need = flight_need(&config);
    REQUIRE(need > 0 && (size_t)need <= sizeof memory);
    here.client = flight_init(memory, (size_t)need, &config, &port);
    REQUIRE(here.client != NULL);
    flight_on(here.client, flight_channel(here.client, "a"), on_message, NULL);
    flight_channel(here.client, "b");
    poll(0xffffffffu);
    while (here.bytes != 0) {
        act(next());
        poll(0xffffffffu);
    }
    flight_close(here.client);
    for (int i = 0; i < 24; i++) {
        here.now_us += 400000u;
        poll(0xffffffffu);
    }
    return 0;
}
