/* A game without a game: the 60 Hz loop of a console, told over its standard input what to do and telling over its standard
 * output what happened. Freestanding: the same program runs on every instruction set.
 *
 * Input, one line each: the set-up "host port tcp_port transport device token" first, then "reset" (the console is switched off and
 * on: the client's memory is lost, the records are not), "crash", "close". Output: lines of words and numbers. */
#include <string.h>

#include "flight.h"
#include "port_raw.h"
#include "runtime.h"

#define FRAME_US 16000u

static uint64_t memory[24u * 1024u / 8u];
static port_raw raw;
static flight_port port;
static flight_config config;
static char line[1024];
static uint32_t line_bytes;
static uint8_t transports[1];
static char words[6][600];
static uint32_t last_connections;
static uint64_t first_packet_us; /* of this life; 0: nothing was sent yet */
static uint32_t bad_sums;
static int ended;

static void say(const char *what, uint32_t number)
{
    rt_text(what);
    rt_text(" ");
    rt_number(number);
    rt_text("\n");
}

/* "go" with a number: it is said, and comes back with an exclamation mark behind it. */
static int on_task(void *user, const flight_task *task)
{
    uint8_t answer[2] = {0, '!'};

    (void)user;
    if (!flight_is_command(task, "go") || task->bytes != 1) {
        return FLIGHT_COMMAND_UNKNOWN;
    }
    answer[0] = task->data[0];
    say("command", answer[0]);
    return flight_reply(task, answer, sizeof answer) < 0 ? FLIGHT_COMMAND_FAILED : FLIGHT_COMMAND_DONE;
}

static flight_client *start(void)
{
    flight_client *client;

    memset(memory, 0xa5, sizeof memory);
    client = flight_init(memory, sizeof memory, &config, &port);
    if (client == NULL) {
        say("no-client", (uint32_t)-flight_check(memory, sizeof memory, &config, &port));
        rt_exit(1);
    }
    if (flight_on_command(client, on_task, NULL) != 0) {
        rt_exit(1);
    }
    last_connections = 0;
    first_packet_us = 0;
    return client;
}

/* Whether the law of accounts holds: accepted = settled + queued + dropped by cause. */
static void check_sums(flight_client *client)
{
    flight_status status;
    uint32_t sum;

    flight_status_of(client, &status);
    sum = status.settled + status.queued;
    for (uint32_t i = 0; i < sizeof status.dropped / sizeof status.dropped[0]; i++) {
        sum += status.dropped[i];
    }
    bad_sums += sum != status.accepted;
}

static void tell(flight_client *client)
{
    flight_status status;

    flight_status_of(client, &status);
    if (first_packet_us == 0 && status.bytes_out != 0) {
        first_packet_us = port.now_us(port.io);
    }
    if (status.connections != last_connections) {
        last_connections = status.connections;
        rt_text("connected ");
        rt_number(status.connections);
        say(" us-after-first-packet", (uint32_t)(port.now_us(port.io) - first_packet_us));
    }
}

static uint32_t number_of(const char *text)
{
    uint32_t number = 0;

    for (; *text >= '0' && *text <= '9'; text++) {
        number = number * 10u + (uint32_t)(*text - '0');
    }
    return number;
}

/* The next whole line of the input, or 0. */
static int read_line(void)
{
    uint8_t letter;
    int got;

    while ((got = port_raw_read(0, &letter, 1)) == 1) {
        if (letter == '\n') {
            line[line_bytes] = 0;
            line_bytes = 0;
            return 1;
        }
        if (line_bytes + 1u < sizeof line) {
            line[line_bytes++] = (char)letter;
        }
    }
    if (got < 0 && !ended) { /* whoever started us is gone */
        ended = 1;
        memcpy(line, "close", 6);
        return 1;
    }
    return 0;
}

static void set_up(void)
{
    const char *at = line;

    while (!read_line()) {
        port_raw_wait(1000);
    }
    for (int i = 0; i < 6; i++) {
        uint32_t bytes = 0;

        while (*at != 0 && *at != ' ') {
            words[i][bytes++] = *at++;
        }
        words[i][bytes] = 0;
        at += *at == ' ';
    }
    config.host = words[0];
    config.port = (uint16_t)number_of(words[1]);
    config.tcp_port = (uint16_t)number_of(words[2]);
    transports[0] = (uint8_t)number_of(words[3]);
    config.transports = transports;
    config.transport_count = 1;
    config.device_id = words[4];
    config.token = words[5];
    config.version = "1.0";
    config.commands = FLIGHT_COMMANDS_LEAST;
    config.platform = FLIGHT_PLATFORM_DREAMCAST;
    config.link_bytes_per_s = FLIGHT_NO_LIMIT;
}

static void tell_end(flight_client *client)
{
    flight_status status;

    flight_status_of(client, &status);
    say("accepted", status.accepted);
    say("settled", status.settled);
    say("queued", status.queued);
    say("received", status.received);
    say("trouble", status.trouble);
    say("bad-sums", bad_sums);
    say("need", (uint32_t)flight_need(&config));
}

int rt_main(void)
{
    flight_client *client;
    uint32_t logs = 0;

    port_raw_unblock(0);
    port_raw_init(&raw, &port);
    set_up();
    client = start();
    for (uint32_t frame = 1;; frame++) {
        int bits;

        flight_frame_took(client, FRAME_US + (frame & 7u) * 100u);
        if ((frame & 7u) == 0) {
            flight_memory(client);
        }
        if ((frame & 15u) == 0 && flight_log(client, FLIGHT_LOG_INFO, "line %u of %s", (unsigned)logs, "the game") >= 0) {
            logs++;
        }
        bits = flight_poll(client, 2000);
        check_sums(client);
        tell(client);
        if (bits & FLIGHT_CLOSED) {
            say("logs", logs);
            tell_end(client);
            return 0;
        }
        if (read_line()) {
            if (line[0] == 'r') { /* reset: the power is gone, the socket with it */
                port.close(port.io);
                client = start();
                say("life-from", logs);
            } else if (line[0] == 'c' && line[1] == 'r') {
                flight_crash(client, "address error", 0x8c012345u, (const uint32_t *)memory, 16);
            } else {
                flight_close(client);
            }
        }
        port_raw_wait(FRAME_US);
    }
}
