/* A PSP game's loop with a live view on the PC: memory, frame times, log lines, the player, and commands that reach the game.
 * Before you compile: the PC's address and a token of `flight gateway --print-token --device psp-1`, below. The connection is the
 * first one of the PSP's network settings; joining it takes some seconds, during which the game runs.
 *
 * Compiled against PSPSDK's headers; run on no console yet. */
#include <pspdisplay.h>
#include <pspkernel.h>
#include <pspnet_apctl.h>
#include <pspsdk.h>
#include <psputility.h>
#include <stdio.h>

#include "flight.h"

#define PC "192.168.1.10"
#define TOKEN "paste the token here"
#define NETWORK 1 /* of the settings menu, counted from 1 */

PSP_MODULE_INFO("flight example", 0, 1, 0);
PSP_MAIN_THREAD_ATTR(THREAD_ATTR_USER | THREAD_ATTR_VFPU);
PSP_HEAP_SIZE_KB(16 * 1024); /* a size of its own: then flight_memory knows all of it */

struct player {
    int32_t x, y, hp;
};

static uint64_t memory[32 * 1024 / 8]; /* all the memory that the client will ever use */
static volatile int is_over;

static int on_exit(int count, int more, void *user)
{
    (void)count;
    (void)more;
    (void)user;
    is_over = 1;
    return 0;
}

static int wait_for_home_button(SceSize bytes, void *arguments)
{
    (void)bytes;
    (void)arguments;
    sceKernelRegisterExitCallback(sceKernelCreateCallback("exit", on_exit, NULL));
    sceKernelSleepThreadCB();
    return 0;
}

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

/* Nothing here waits for the network: joining goes on by itself. Whatever fails, the game runs without its live view. */
static void join_network(void)
{
    sceUtilityLoadNetModule(PSP_NET_MODULE_COMMON);
    sceUtilityLoadNetModule(PSP_NET_MODULE_INET);
    if (pspSdkInetInit() == 0) {
        sceNetApctlConnect(NETWORK);
    }
}

static void play(flight_client *client)
{
    struct player player = {0, 0, 100};
    const int player_channel = flight_channel(client, "player");
    uint64_t last_us = (uint64_t)sceKernelGetSystemTimeWide();
    unsigned frame;

    flight_on(client, flight_channel(client, "command"), on_command, &player);
    for (frame = 0; !is_over; frame++) {
        const uint64_t now_us = (uint64_t)sceKernelGetSystemTimeWide();

        flight_frame_took(client, (uint32_t)(now_us - last_us));
        last_us = now_us;
        player.x = (int32_t)(frame % 480u);
        if (frame % 6u == 0) { /* ten times a second; only the newest waits */
            flight_send(client, player_channel, 1, &player, sizeof player, FLIGHT_LATEST);
        }
        if (frame % 60u == 0) {
            flight_memory(client);
            flight_log(client, FLIGHT_LOG_INFO, "frame %u", frame);
        }
        flight_poll(client, 500); /* at most half a millisecond of 16.6 */
        sceDisplayWaitVblankStart();
    }
    flight_close(client);
    while ((flight_poll(client, 1000) & FLIGHT_CLOSED) == 0) {
        sceDisplayWaitVblankStart();
    }
}

int main(void)
{
    flight_config config = {0};
    flight_client *client;
    const SceUID thread = sceKernelCreateThread("exit", wait_for_home_button, 0x11, 0xfa0, 0, NULL);

    if (thread >= 0) {
        sceKernelStartThread(thread, 0, NULL);
    }
    join_network();
    config.host = PC;
    config.token = TOKEN;
    config.device_id = "psp-1";
    client = flight_init(memory, sizeof memory, &config, &flight_port_here);
    if (client == NULL) {
        printf("flight: %s\n", flight_error_text(flight_check(memory, sizeof memory, &config, &flight_port_here)));
    } else {
        play(client);
    }
    sceKernelExitGame();
    return 0;
}
