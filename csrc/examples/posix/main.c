/* A game's loop at 60 frames a second with a live view on the PC: memory, frame times, log lines, the player, and commands
 * that reach the game. Run it beside a gateway:
 *
 *     flight gateway                                        prints where it listens
 *     ./example 127.0.0.1 $(flight gateway --print-token)   in a second window
 *     flight tail                                           in a third
 *     flight send --channel command --type payload kind=1 data=hp50
 *
 * and from Python, with an answer: await client.command("posix-example", "where")
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "flight.h"

#define FRAME_US 16667u

struct player {
    int32_t x, y, hp;
};

static uint64_t memory[1024 * 1024 / 8]; /* all the memory that the client will ever use */

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

/* Asked by name, answered once: where the player is. */
static int on_task(void *user, const flight_task *task)
{
    const struct player *player = user;

    if (!flight_is_command(task, "where")) {
        return FLIGHT_COMMAND_UNKNOWN;
    }
    flight_reply(task, player, sizeof *player);
    return FLIGHT_COMMAND_DONE;
}

static void game_step(struct player *player, unsigned frame)
{
    player->x = (int32_t)(frame % 640u);
    player->y = (int32_t)(frame % 480u);
}

static void wait_for_vblank(void)
{
    const struct timespec rest = {0, 1000L * FRAME_US};

    nanosleep(&rest, NULL);
}

int main(int argc, char **argv)
{
    const flight_port *port = &flight_port_here;
    struct player player = {0, 0, 100};
    flight_config config = {0};
    flight_client *client;
    uint64_t last_us;
    unsigned frame;
    int player_channel;

    if (argc < 3) {
        printf("usage: %s HOST TOKEN [PORT [FRAMES]]\n", argv[0]);
        return 2;
    }
    config.host = argv[1];
    config.token = argv[2];
    config.port = (uint16_t)(argc > 3 ? atoi(argv[3]) : 0);
    config.device_id = "posix-example";
    config.commands = FLIGHT_COMMANDS_LEAST;
    client = flight_init(memory, sizeof memory, &config, port);
    if (client == NULL) {
        printf("flight: %s\n", flight_error_text(flight_check(memory, sizeof memory, &config, port)));
        return 1;
    }
    player_channel = flight_channel(client, "player");
    flight_on(client, flight_channel(client, "command"), on_command, &player);
    flight_on_command(client, on_task, &player);
    last_us = port->now_us(port->io);
    for (frame = 0; argc < 5 || frame < (unsigned)atoi(argv[4]); frame++) {
        const uint64_t now_us = port->now_us(port->io);

        flight_frame_took(client, (uint32_t)(now_us - last_us));
        last_us = now_us;
        game_step(&player, frame);
        if (frame % 6u == 0) { /* ten times a second; only the newest waits */
            flight_send(client, player_channel, 1, &player, sizeof player, FLIGHT_LATEST);
        }
        if (frame % 60u == 0) {
            flight_memory(client);
            flight_log(client, FLIGHT_LOG_INFO, "frame %u", frame);
        }
        flight_poll(client, 500); /* at most half a millisecond of 16.6 */
        wait_for_vblank();
    }
    flight_close(client);
    while ((flight_poll(client, 1000) & FLIGHT_CLOSED) == 0) {
        wait_for_vblank();
    }
    return 0;
}
