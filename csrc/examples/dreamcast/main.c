/* A Dreamcast game's loop with a live view on the PC: memory, frame times, log lines, the player, and commands that reach the
 * game. Before you compile: the PC's address and a token of `flight gateway --print-token --device dc-bench-1`, below.
 *
 * The network: a broadband adapter comes up by INIT_NET, which waits for DHCP before main begins. For a modem or the serial
 * port take INIT_NET out and make the connection with KallistiOS's ppp_init and ppp_connect before the loop.
 *
 * Compiled against KallistiOS's headers; run on no console yet. */
#include <arch/timer.h>
#include <dc/maple.h>
#include <dc/maple/controller.h>
#include <dc/video.h>
#include <kos/init.h>
#include <stdio.h>

#include "flight.h"

#define PC "192.168.1.10"
#define TOKEN "paste the token here"

KOS_INIT_FLAGS(INIT_DEFAULT | INIT_NET);

struct player {
    int32_t x, y, hp;
};

static uint64_t memory[16 * 1024 / 8]; /* all the memory that the client will ever use */

/* The PC says how healthy the player is: flight send --channel command --type payload kind=1 data=hp50 */
static void on_command(void *user, const flight_message *message)
{
    struct player *player = user;
    uint32_t i;

    if (message->bytes < 3 || message->bytes > 5) {
        return;
    }
    player->hp = 0;
    for (i = 2; i < message->bytes; i++) {
        player->hp = player->hp * 10 + message->data[i] - '0';
    }
    flight_log(message->client, FLIGHT_LOG_INFO, "hp is now %d", (int)player->hp);
}

static int start_is_pressed(void)
{
    maple_device_t *device = maple_enum_type(0, MAPLE_FUNC_CONTROLLER);
    const cont_state_t *state = device != NULL ? maple_dev_status(device) : NULL;

    return state != NULL && (state->buttons & CONT_START) != 0;
}

int main(int argc, char **argv)
{
    struct player player = {0, 0, 100};
    flight_config config = {0};
    flight_client *client;
    uint64_t last_us;
    unsigned frame;
    int player_channel;

    (void)argc;
    (void)argv;
    config.host = PC;
    config.token = TOKEN;
    config.device_id = "dc-bench-1";
    config.link_bytes_per_s = FLIGHT_NO_LIMIT; /* a broadband adapter; of a modem leave it out: it is the platform's figure */
    client = flight_init(memory, sizeof memory, &config, &flight_port_here);
    if (client == NULL) {
        printf("flight: %s\n", flight_error_text(flight_check(memory, sizeof memory, &config, &flight_port_here)));
        return 1;
    }
    player_channel = flight_channel(client, "player");
    flight_on(client, flight_channel(client, "command"), on_command, &player);
    last_us = timer_us_gettime64();
    for (frame = 0; !start_is_pressed(); frame++) {
        const uint64_t now_us = timer_us_gettime64();

        flight_frame_took(client, (uint32_t)(now_us - last_us));
        last_us = now_us;
        player.x = (int32_t)(frame % 640u);
        if (frame % 6u == 0) { /* ten times a second; only the newest waits */
            flight_send(client, player_channel, 1, &player, sizeof player, FLIGHT_LATEST);
        }
        if (frame % 60u == 0) {
            flight_memory(client);
        }
        if (frame % 600u == 0) {
            flight_log(client, FLIGHT_LOG_INFO, "frame %u", frame);
        }
        flight_poll(client, 500); /* at most half a millisecond of 16.6 */
        vid_waitvbl();
    }
    flight_close(client);
    while ((flight_poll(client, 1000) & FLIGHT_CLOSED) == 0) {
        vid_waitvbl();
    }
    return 0;
}
