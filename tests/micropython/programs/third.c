/* A C device that shares the channel "talk" with two others: it says five payloads of kind 2 and ends well once it has heard
 * five of kind 1 and five of kind 3, each numbered from 0 without a hole. Arguments: PORT TOKEN. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "flight.h"

#define EACH 5u
#define KINDS 4u
#define ROUNDS 60000u

static uint64_t memory[1024u * 1024u / 8u];
static uint32_t heard[KINDS];
static int wrong;

static void on_talk(void *user, const flight_message *message)
{
    (void)user;
    if (message->layout != FLIGHT_LAYOUT_PAYLOAD || message->kind >= KINDS || message->bytes != 1 ||
        message->data[0] != heard[message->kind]) {
        wrong = 1;
        return;
    }
    heard[message->kind]++;
    printf("heard %.*s %u\n", (int)message->source_bytes, message->source, message->data[0]);
}

int main(int argc, char **argv)
{
    const struct timespec rest = {0, 1000000L};
    flight_config config = {0};
    flight_client *client;
    uint32_t round;
    uint8_t number;
    int talk;

    if (argc != 3) {
        return 2;
    }
    config.host = "127.0.0.1";
    config.port = (uint16_t)atoi(argv[1]);
    config.token = argv[2];
    config.device_id = "c-1";
    client = flight_init(memory, sizeof memory, &config, &flight_port_here);
    if (client == NULL) {
        printf("%s\n", flight_error_text(flight_check(memory, sizeof memory, &config, &flight_port_here)));
        return 1;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    talk = flight_channel(client, "talk");
    flight_on(client, talk, on_talk, NULL);
    for (number = 0; number < EACH; number++) {
        flight_send(client, talk, 2, &number, 1, FLIGHT_CRITICAL);
    }
    for (round = 0; round < ROUNDS && (heard[1] < EACH || heard[3] < EACH); round++) {
        flight_poll(client, 1000);
        nanosleep(&rest, NULL);
    }
    flight_close(client);
    while ((flight_poll(client, 1000) & FLIGHT_CLOSED) == 0) {
        nanosleep(&rest, NULL);
    }
    return wrong || heard[1] != EACH || heard[3] != EACH;
}
