/* A PSP on its USB cable: a user channel of psplink as a byte pipe, for FLIGHT_TRANSPORT_SERIAL; no network is needed. Compile it
 * beside flight.c and flight_port_psp.c, which has the clock, the memory and the records; usbasync.h and libusbhostfs.a are
 * psplink's (github.com/pspdev/psplinkusb, usbhostfs and libusbhostfs). On the PC usbhostfs_pc makes TCP port 10000 + channel of it.
 *
 * What psplink does that a program sees (read in its sources, January 2026):
 *   - usbAsyncWrite is the only call to write. It waits for the USB transfer without a time limit, so for ever while
 *     usbhostfs_pc does not read, as when whoever is connected to its TCP port has stopped reading. Hence the thread: only it
 *     writes, from a ring. While it is held, send says "later" and the session ends by its own time limits.
 *   - usbAsyncWrite of no bytes waits for nothing and is below zero without usbhostfs_pc: that is what link asks.
 *   - usbAsyncReadWithTimeout waits for a flag that is up whenever the channel's buffer has bytes, and on its time limit forgets
 *     to put a register back: it is called only when there are bytes.
 *   - What does not fit into the channel's buffer of 4,096 bytes is lost, and so is what goes out while nobody is connected to
 *     the TCP port. Frames carry checks and the session repeats what matters.
 *   - A game that ends without flight_close leaves its channel with psplink, which goes on writing to where the game was: end
 *     it with flight_close, or `reset` in psplink's shell. The next game takes the channel over.
 *
 * Compiled against the real headers; run on no console yet. */
#include "flight.h"

#include <errno.h>
#include <pspkernel.h>
#include <string.h>
#include <usbasync.h>

#define RING_BYTES 4096u  /* a power of two; what a frame of the game can get rid of at most */
#define PIECE_BYTES 504u  /* what psplink puts into one transfer of 512 */
#define ABOVE_THE_GAME 24 /* the thread's priority; a game has 32. It runs for as long as it takes to copy a piece */
#define STACK_BYTES 4096

/* Of 4 to 7; the PC's port is 10000 more. Set it before flight_init. */
uint32_t flight_port_psplink_channel = ASYNC_USER;

static struct AsyncEndpoint incoming; /* psplink fills it */
static int is_open;

/* Bytes on their way out: counted from the start of the program, modulo 2^32. The game moves `given` and `from`, the thread `taken`
 * and `broken`. */
static uint8_t ring[RING_BYTES];
static uint32_t given;
static uint32_t taken;
static uint32_t from;   /* what was given before belongs to a connection that is over */
static uint32_t broken; /* writes that failed */
static uint32_t broken_before; /* of them, before this connection */
static SceUID wake = -1;
static SceUID writer = -1;

/* --- the thread --- */

/* The next bytes for the PC, out of the ring. */
static uint32_t take_piece(uint8_t *piece)
{
    const uint32_t start = FLIGHT_OBSERVE(from); /* before the end, which is never behind it */
    const uint32_t end = FLIGHT_OBSERVE(given);
    uint32_t at = taken;
    uint32_t bytes;
    uint32_t i;

    if ((int32_t)(start - at) > 0) {
        at = start;
    }
    bytes = end - at < PIECE_BYTES ? end - at : PIECE_BYTES;
    for (i = 0; i < bytes; i++) {
        piece[i] = ring[(at + i) % RING_BYTES];
    }
    FLIGHT_PUBLISH(taken, at + bytes);
    return bytes;
}

static int write_for_ever(SceSize bytes, void *argument)
{
    static uint8_t piece[PIECE_BYTES];
    uint32_t count;

    (void)bytes;
    (void)argument;
    while (sceKernelWaitSema(wake, 1, NULL) >= 0) {
        while ((count = take_piece(piece)) != 0) {
            if (usbAsyncWrite(flight_port_psplink_channel, piece, (int)count) != (int)count) {
                FLIGHT_PUBLISH(broken, broken + 1u);
            }
        }
    }
    return 0;
}

/* It is made once, and stays until the game ends. */
static int start_writer(void)
{
    int result;

    if (writer >= 0) {
        return 0;
    }
    if (wake < 0) {
        wake = sceKernelCreateSema("flight", 0, 0, 1, NULL);
        if (wake < 0) {
            return wake;
        }
    }
    writer = sceKernelCreateThread("flight", write_for_ever, ABOVE_THE_GAME, STACK_BYTES, PSP_THREAD_ATTR_USER, NULL);
    if (writer < 0) {
        return writer;
    }
    result = sceKernelStartThread(writer, 0, NULL);
    if (result < 0) {
        (void)sceKernelDeleteThread(writer);
        writer = -1;
    }
    return result;
}

/* --- the port --- */

/* 1 while usbhostfs_pc is there, 0 while it is not; without psplink the firmware's own number. */
static int link_state(void *io)
{
    const int result = usbAsyncWrite(flight_port_psplink_channel, NULL, 0);

    (void)io;
    if (result == 0) {
        return 1;
    }
    return result == -1 ? 0 : result;
}

static void close_channel(void *io)
{
    (void)io;
    if (is_open) {
        (void)usbAsyncUnregister(flight_port_psplink_channel);
        is_open = 0;
    }
}

static int open_channel(void *io, const char *host, uint16_t port)
{
    const int result = start_writer();

    (void)host;
    (void)port;
    close_channel(io);
    if (result < 0) {
        return result;
    }
    if (flight_port_psplink_channel < ASYNC_USER || flight_port_psplink_channel >= MAX_ASYNC_CHANNELS) {
        return -EINVAL; /* the others are psplink's own */
    }
    (void)usbAsyncUnregister(flight_port_psplink_channel); /* of a game that ended without closing it */
    if (usbAsyncRegister(flight_port_psplink_channel, &incoming) < 0) {
        return -EBUSY;
    }
    FLIGHT_PUBLISH(from, given);
    broken_before = FLIGHT_OBSERVE(broken);
    is_open = 1;
    return 0;
}

static int ready(void *io)
{
    (void)io;
    if (!is_open) {
        return -ENOTCONN;
    }
    return FLIGHT_OBSERVE(broken) == broken_before ? 1 : -EIO;
}

static int send_bytes(void *io, const uint8_t *data, size_t bytes)
{
    const uint32_t room = RING_BYTES - (given - FLIGHT_OBSERVE(taken));
    const uint32_t count = bytes < room ? (uint32_t)bytes : room;
    const int state = ready(io);
    uint32_t i;

    if (state < 0) {
        return state;
    }
    for (i = 0; i < count; i++) {
        ring[(given + i) % RING_BYTES] = data[i];
    }
    if (count != 0) {
        FLIGHT_PUBLISH(given, given + count);
        (void)sceKernelSignalSema(wake, 1); /* refused where it is up already */
    }
    return (int)count;
}

static int receive_bytes(void *io, uint8_t *data, size_t capacity)
{
    const int most = capacity < MAX_ASYNC_BUFFER ? (int)capacity : MAX_ASYNC_BUFFER;
    const int state = ready(io);
    int got;

    if (state < 0) {
        return state;
    }
    if (*(volatile int *)&incoming.size <= 0) {
        return 0;
    }
    got = usbAsyncReadWithTimeout(flight_port_psplink_channel, data, most, 1);
    return got < 0 ? -EIO : got;
}

/* --- the rest is the PSP's --- */

static uint64_t now_us(void *io)
{
    (void)io;
    return flight_port_psp.now_us(flight_port_psp.io);
}

static int random_bytes(void *io, uint8_t *out, size_t bytes)
{
    (void)io;
    return flight_port_psp.random(flight_port_psp.io, out, bytes);
}

static int store(void *io, unsigned number, const uint8_t *data, size_t bytes)
{
    (void)io;
    return flight_port_psp.store(flight_port_psp.io, number, data, bytes);
}

static int load(void *io, unsigned number, uint8_t *data, size_t capacity)
{
    (void)io;
    return flight_port_psp.load(flight_port_psp.io, number, data, capacity);
}

static void memory(void *io, flight_port_memory *out)
{
    (void)io;
    flight_port_psp.memory(flight_port_psp.io, out);
}

const flight_port flight_port_psplink = {"psplink", NULL, NULL, now_us, link_state, open_channel, ready,
                                         send_bytes, receive_bytes, close_channel, random_bytes, store, load, memory};
