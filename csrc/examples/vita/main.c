/* A Vita game's loop with a live view on the PC: memory, frame times, log lines, the player, and commands that reach the game.
 * Before you compile: the PC's address and a token of `flight gateway --print-token --device vita-1`, below. The Vita joins its
 * network by itself.
 *
 * Compiled against VitaSDK's headers; run on no console yet. */
#include <psp2/ctrl.h>
#include <psp2/display.h>
#include <psp2/kernel/processmgr.h>
#include <psp2/net/net.h>
#include <psp2/net/netctl.h>
#include <psp2/sysmodule.h>
#include <stdio.h>

#include "flight.h"

#define PC "192.168.1.10"
#define TOKEN "paste the token here"

struct player {
    int32_t x, y, hp;
};

static uint64_t memory[128 * 1024 / 8]; /* all the memory that the client will ever use */
static uint64_t network_pool[256 * 1024 / 8];

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

/* Whatever fails, the game runs without its live view. */
static void start_network(void)
{
    SceNetInitParam pool = {network_pool, sizeof network_pool, 0};

    sceSysmoduleLoadModule(SCE_SYSMODULE_NET);
    if (sceNetInit(&pool) >= 0) {
        sceNetCtlInit();
    }
}

static int start_is_pressed(void)
{
    SceCtrlData pad;

    return sceCtrlPeekBufferPositive(0, &pad, 1) > 0 && (pad.buttons & SCE_CTRL_START) != 0;
}

static void play(flight_client *client)
{
    struct player player = {0, 0, 100};
    const int player_channel = flight_channel(client, "player");
    uint64_t last_us = sceKernelGetProcessTimeWide();
    unsigned frame;

    flight_on(client, flight_channel(client, "command"), on_command, &player);
    for (frame = 0; !start_is_pressed(); frame++) {
        const uint64_t now_us = sceKernelGetProcessTimeWide();

        flight_frame_took(client, (uint32_t)(now_us - last_us));
        last_us = now_us;
        player.x = (int32_t)(frame % 960u);
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

    start_network();
    config.host = PC;
    config.token = TOKEN;
    config.device_id = "vita-1";
    client = flight_init(memory, sizeof memory, &config, &flight_port_here);
    if (client == NULL) {
        printf("flight: %s\n", flight_error_text(flight_check(memory, sizeof memory, &config, &flight_port_here)));
    } else {
        play(client);
    }
    sceKernelExitProcess(0);
    return 0;
}
