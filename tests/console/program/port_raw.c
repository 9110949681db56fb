/* See port_raw.h. Calls of at most three arguments, because rt_call takes no more: connect a second time says how the first one
 * went, and SIGPIPE is ignored by whoever starts the program. */
#include "port_raw.h"

#include <string.h>

#include "runtime.h"

#define AF_INET 2
#define F_GETFL 3
#define F_SETFL 4
#define EAGAIN 11

#if defined(__mips__)
enum { READ = 4003, WRITE = 4004, CLOSE = 4006, FCNTL = 4055, NANOSLEEP = 4166, SOCKET = 4183, CONNECT = 4170, GETTIME = 4263, OPEN = 4005 };
enum { STREAM = 2, O_NONBLOCK = 0x80, EINPROGRESS = 150, EALREADY = 149, EISCONN = 133 };
#elif defined(__x86_64__)
enum { READ = 0, WRITE = 1, CLOSE = 3, FCNTL = 72, NANOSLEEP = 35, SOCKET = 41, CONNECT = 42, GETTIME = 228, OPEN = 2 };
enum { STREAM = 1, O_NONBLOCK = 0x800, EINPROGRESS = 115, EALREADY = 114, EISCONN = 106 };
#elif defined(__sh__)
enum { READ = 3, WRITE = 4, CLOSE = 6, FCNTL = 55, NANOSLEEP = 162, SOCKET = 340, CONNECT = 342, GETTIME = 265, OPEN = 5 };
enum { STREAM = 1, O_NONBLOCK = 0x800, EINPROGRESS = 115, EALREADY = 114, EISCONN = 106 };
#else
enum { READ = 3, WRITE = 4, CLOSE = 6, FCNTL = 55, NANOSLEEP = 162, SOCKET = 281, CONNECT = 283, GETTIME = 263, OPEN = 5 };
enum { STREAM = 1, O_NONBLOCK = 0x800, EINPROGRESS = 115, EALREADY = 114, EISCONN = 106 };
#endif

static long call(long number, long a, const void *b, size_t c)
{
    return rt_call(number, a, (long)(intptr_t)b, (long)c);
}

static uint64_t now_us(void *io)
{
    long time[2] = {0, 0};

    (void)io;
    call(GETTIME, 1, time, 0);
    /* A thousandth without a division: exact enough for nanoseconds of one second. */
    return (uint64_t)(unsigned long)time[0] * 1000000u + ((uint64_t)(uint32_t)time[1] * 4294968u >> 32);
}

static int link_up(void *io)
{
    (void)io;
    return 1;
}

static void close_it(void *io)
{
    port_raw *raw = io;

    if (raw->file >= 0) {
        call(CLOSE, raw->file, NULL, 0);
    }
    raw->file = -1;
}

/* "127.0.0.1" as four bytes. */
static void read_address(const char *text, uint8_t *out)
{
    uint32_t number = 0;

    for (; *text != 0; text++) {
        if (*text == '.') {
            *out++ = (uint8_t)number;
            number = 0;
        } else {
            number = number * 10u + (uint32_t)(*text - '0');
        }
    }
    *out = (uint8_t)number;
}

static int open_it(void *io, const char *host, uint16_t port)
{
    port_raw *raw = io;
    long result;

    close_it(io);
    result = rt_call(SOCKET, AF_INET, STREAM, 0);
    if (result < 0) {
        return (int)result;
    }
    raw->file = (int)result;
    port_raw_unblock(raw->file);
    memset(raw->address, 0, sizeof raw->address);
    raw->address[0] = AF_INET;
    raw->address[2] = (uint8_t)(port >> 8);
    raw->address[3] = (uint8_t)port;
    read_address(host, raw->address + 4);
    result = call(CONNECT, raw->file, raw->address, sizeof raw->address);
    return result == 0 || result == -EINPROGRESS ? 0 : (int)result;
}

static int is_ready(void *io)
{
    port_raw *raw = io;
    const long result = call(CONNECT, raw->file, raw->address, sizeof raw->address);

    if (result == 0 || result == -EISCONN) {
        return 1;
    }
    return result == -EALREADY || result == -EINPROGRESS ? 0 : (int)result;
}

static int send_it(void *io, const uint8_t *data, size_t bytes)
{
    const port_raw *raw = io;
    const long result = call(WRITE, raw->file, data, bytes);

    return result == -EAGAIN ? 0 : (int)result;
}

static int receive(void *io, uint8_t *data, size_t capacity)
{
    const port_raw *raw = io;

    return port_raw_read(raw->file, data, capacity);
}

static int draw(void *io, uint8_t *out, size_t bytes)
{
    const long file = rt_call(OPEN, (long)(intptr_t)"/dev/urandom", 0, 0);
    const long got = call(READ, file, out, bytes);

    (void)io;
    call(CLOSE, file, NULL, 0);
    return got == (long)bytes ? FLIGHT_RANDOM_STRONG : -1;
}

static int store(void *io, unsigned number, const uint8_t *data, size_t bytes)
{
    port_raw *raw = io;

    if (number >= RAW_RECORDS || bytes > RAW_RECORD_BYTES) {
        return -1;
    }
    memcpy(raw->records[number], data, bytes);
    raw->record_bytes[number] = (uint32_t)bytes;
    return 0;
}

static int load(void *io, unsigned number, uint8_t *data, size_t capacity)
{
    const port_raw *raw = io;
    const size_t bytes = number < RAW_RECORDS ? raw->record_bytes[number] : 0;

    memcpy(data, raw->records[number], bytes < capacity ? bytes : capacity);
    return (int)(bytes < capacity ? bytes : capacity);
}

static void memory(void *io, flight_port_memory *out)
{
    (void)io;
    out->total_bytes = 16u << 20;
    out->used_bytes = 10u << 20;
    out->available_bytes = 6u << 20;
    out->largest_bytes = 5u << 20;
}

void port_raw_init(port_raw *raw, flight_port *port)
{
    raw->file = -1;
    memset(port, 0, sizeof *port);
    port->name = "raw";
    port->io = raw;
    port->now_us = now_us;
    port->link = link_up;
    port->open = open_it;
    port->ready = is_ready;
    port->send = send_it;
    port->recv = receive;
    port->close = close_it;
    port->random = draw;
    port->store = store;
    port->load = load;
    port->memory = memory;
}

void port_raw_wait(uint32_t us)
{
    long time[2] = {0, (long)us * 1000L};

    call(NANOSLEEP, (long)(intptr_t)time, NULL, 0);
}

int port_raw_read(int file, uint8_t *data, size_t capacity)
{
    const long result = call(READ, file, data, capacity);

    if (result == -EAGAIN) {
        return 0;
    }
    return result == 0 ? -1 : (int)result;
}

void port_raw_unblock(int file)
{
    rt_call(FCNTL, file, F_SETFL, O_NONBLOCK);
}
