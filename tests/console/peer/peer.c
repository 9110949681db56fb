/* A console at a real gateway, for a test that sits at its standard input and output: it logs, sends values, carries commands out
 * hears the channel "down", and says what happens. Arguments: HOST PORT TCP_PORT TRANSPORT DEVICE TOKEN KEY, the key in hexadecimal digits or "-"; for
 * a byte pipe HOST is its path. A letter on its input: a short pause without a connection. It ends, politely, with its input. Output: lines of words and numbers. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "flight.h"

#define FRAME_NS 5000000L
#define FRAMES_A_LOG 16u
#define PAUSE_FRAMES 20u

static uint64_t memory[128u * 1024u / 8u];
static uint32_t carried_out;

static int on_task(void *user, const flight_task *task)
{
    uint8_t answer[1 + FLIGHT_COMMAND_DATA_BYTES];

    (void)user;
    printf("task %.*s %.*s\n", (int)task->name_bytes, task->name, (int)task->asker_bytes, task->asker);
    if (flight_is_command(task, "count")) {
        answer[0] = (uint8_t)++carried_out;
        memcpy(answer + 1, task->data, task->bytes);
        if (flight_reply(task, answer, task->bytes + 1u) < 0) {
            flight_reply(task, "too long", 8);
            return FLIGHT_COMMAND_FAILED;
        }
        return FLIGHT_COMMAND_DONE;
    }
    if (flight_is_command(task, "break")) {
        flight_reply(task, "no \xff fuse", 9);
        return FLIGHT_COMMAND_FAILED;
    }
    return FLIGHT_COMMAND_UNKNOWN;
}

static void on_event(void *user, const flight_message *message)
{
    (void)user;
    printf("event %u %u %u %08x\n", message->layout, message->kind, (unsigned)message->bytes,
           (unsigned)flight_crc32c(message->data, message->bytes, 0));
}

static uint32_t read_key(const char *text, uint8_t *key)
{
    uint32_t bytes = 0;

    while (text[0] > '-' && text[1] != 0 && bytes < FLIGHT_DEVICE_KEY_MOST_BYTES) {
        const char pair[3] = {text[0], text[1], 0};

        key[bytes++] = (uint8_t)strtoul(pair, NULL, 16);
        text += 2;
    }
    return bytes;
}

static flight_client *start(char **words)
{
    static flight_config config;
    static uint8_t key[FLIGHT_DEVICE_KEY_MOST_BYTES];
    static uint8_t transports[1];
    const flight_port *port = &flight_port_posix;
    flight_client *client;

    transports[0] = (uint8_t)atoi(words[4]);
    if (transports[0] == FLIGHT_TRANSPORT_SERIAL) {
        port = &flight_port_posix_pipe;
        flight_port_pipe_path = words[1];
    }
    config.host = words[1];
    config.port = (uint16_t)atoi(words[2]);
    config.tcp_port = (uint16_t)atoi(words[3]);
    config.transports = transports;
    config.transport_count = 1;
    config.device_id = words[5];
    config.token = words[6];
    config.platform = FLIGHT_PLATFORM_VITA;
    config.link_bytes_per_s = FLIGHT_NO_LIMIT;
    config.commands = FLIGHT_COMMANDS_LEAST;
    config.device_key_bytes = read_key(words[7], key);
    config.device_key = config.device_key_bytes != 0 ? key : NULL;
    client = flight_init(memory, sizeof memory, &config, port);
    if (client == NULL || flight_on_command(client, on_task, NULL) != 0 ||
        flight_on(client, flight_channel(client, "down"), on_event, NULL) != 0) {
        printf("no-client %s\n", flight_error_text(flight_check(memory, sizeof memory, &config, port)));
        exit(1);
    }
    return client;
}

/* What changed since the last call. */
static void tell(const flight_status *now)
{
    static flight_status last;

    if (now->connections != last.connections) {
        printf("connected %u\n", (unsigned)now->connections);
    }
    if (now->missed != last.missed) {
        printf("missed %u\n", (unsigned)now->missed);
    }
    if (now->failures != last.failures || now->trouble != last.trouble) {
        printf("trouble %u %u\n", now->trouble, now->trouble_detail);
    }
    last = *now;
}

int main(int argc, char **argv)
{
    const struct timespec rest = {0, FRAME_NS};
    flight_client *client;
    flight_status status;
    uint32_t frame;
    uint32_t logs = 0;
    uint32_t go_on_at = 0;
    int values;
    int bits = 0;

    if (argc != 8) {
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    fcntl(0, F_SETFL, fcntl(0, F_GETFL) | O_NONBLOCK);
    client = start(argv);
    values = flight_channel(client, "values");
    for (frame = 0; (bits & FLIGHT_CLOSED) == 0; frame++) {
        char letter;
        ssize_t got;

        flight_send(client, values, (uint16_t)frame, &frame, sizeof frame, FLIGHT_LOSSY);
        if (frame % FRAMES_A_LOG == 0 && flight_log(client, FLIGHT_LOG_INFO, "line %u", (unsigned)logs) >= 0) {
            logs++;
        }
        got = read(0, &letter, 1);
        if (got == 0) {
            flight_close(client);
        } else if (got == 1) {
            flight_pause(client);
            go_on_at = frame + PAUSE_FRAMES;
        }
        if (frame == go_on_at) {
            flight_go_on(client);
        }
        bits = flight_poll(client, 2000);
        flight_status_of(client, &status);
        tell(&status);
        nanosleep(&rest, NULL);
    }
    printf("end %u %u %u\n", (unsigned)logs, (unsigned)status.settled, (unsigned)status.unhandled);
    return 0;
}
