/* psplink with one channel, and the firmware with one more thread: a coroutine that goes on when the test lets it, or at once,
 * as a thread of higher priority does. A write waits while the PC does not read, as psplink's does. */
#include "psplink.h"

#include <ucontext.h>

#define THREAD 11
#define SEMA 12

int stand_in_psplink = 1;   /* 0: the game was started without it */
int stand_in_pc = 1;        /* usbhostfs_pc is there */
int stand_in_pc_reads = 1;  /* and reads */
int stand_in_at_once = 1;   /* the thread goes before the game */
int stand_in_thread_fails;  /* the firmware has no room for one */
uint32_t stand_in_held;     /* times that the thread had to wait in a write */
uint32_t stand_in_largest;  /* bytes of a write */

static struct AsyncEndpoint *end_of[MAX_ASYNC_CHANNELS];
static uint8_t out[262144];
static uint32_t out_bytes;
static ucontext_t game, thread;
static uint64_t stack[32768];
static SceKernelThreadEntry entry;
static int is_in_thread;
static int has_started;
static int signals;

static void run_entry(void)
{
    entry(0, NULL);
}

void stand_in_run_thread(void);
void stand_in_run_thread(void)
{
    if (has_started && !is_in_thread) {
        is_in_thread = 1;
        swapcontext(&game, &thread);
        is_in_thread = 0;
    }
}

static void wait_in_thread(void)
{
    if (is_in_thread) {
        swapcontext(&thread, &game);
        is_in_thread = 1;
    } else {
        stand_in.waits++;
    }
}

SceUID sceKernelCreateThread(const char *name, SceKernelThreadEntry function, int priority, int stack_bytes, SceUInt attributes,
                             void *option)
{
    if (stand_in_thread_fails || name == NULL || priority < 16 || stack_bytes < 512 || attributes != PSP_THREAD_ATTR_USER ||
        option != NULL) {
        return (int)0x80020190;
    }
    entry = function;
    return THREAD;
}

int sceKernelStartThread(SceUID number, SceSize bytes, void *argument)
{
    if (number != THREAD || has_started || bytes != 0 || argument != NULL) {
        return (int)0x800201a5;
    }
    getcontext(&thread);
    thread.uc_stack.ss_sp = stack;
    thread.uc_stack.ss_size = sizeof stack;
    thread.uc_link = &game;
    makecontext(&thread, run_entry, 0);
    has_started = 1;
    stand_in_run_thread();
    return 0;
}

int sceKernelDeleteThread(SceUID number)
{
    return number == THREAD ? 0 : (int)0x80020198;
}

SceUID sceKernelCreateSema(const char *name, SceUInt attributes, int first, int most, void *option)
{
    return name != NULL && attributes == 0 && first == 0 && most == 1 && option == NULL ? SEMA : (int)0x80020001;
}

int sceKernelSignalSema(SceUID sema, int count)
{
    if (sema != SEMA || signals + count > 1) {
        return (int)0x800201ae;
    }
    signals += count;
    if (stand_in_at_once) {
        stand_in_run_thread();
    }
    return 0;
}

int sceKernelWaitSema(SceUID sema, int count, SceUInt *timeout)
{
    if (sema != SEMA || count != 1 || timeout != NULL) {
        return (int)0x80020199;
    }
    while (signals == 0) {
        wait_in_thread();
    }
    signals--;
    return 0;
}

int usbAsyncRegister(unsigned int channel, struct AsyncEndpoint *end)
{
    if (!stand_in_psplink) {
        return (int)0x8002013a;
    }
    if (channel >= MAX_ASYNC_CHANNELS || end_of[channel] != NULL) {
        return -1;
    }
    end_of[channel] = end;
    end->size = end->read_pos = end->write_pos = 0;
    return (int)channel;
}

int usbAsyncUnregister(unsigned int channel)
{
    if (channel >= MAX_ASYNC_CHANNELS || end_of[channel] == NULL) {
        return -1;
    }
    end_of[channel] = NULL;
    return 0;
}

int usbAsyncWrite(unsigned int channel, const void *data, int bytes)
{
    if (!stand_in_psplink) {
        return (int)0x8002013a;
    }
    if (!stand_in_pc || channel >= MAX_ASYNC_CHANNELS) {
        return -1;
    }
    if (bytes == 0) {
        return 0;
    }
    stand_in.waits += !is_in_thread; /* even when the PC reads this takes as long as the cable does */
    stand_in_held += !stand_in_pc_reads;
    while (!stand_in_pc_reads) {
        wait_in_thread();
        if (!stand_in_pc) {
            return 0; /* the transfer failed, nothing was written */
        }
    }
    memcpy(out + out_bytes, data, (size_t)bytes);
    out_bytes += (uint32_t)bytes;
    stand_in_largest = (uint32_t)bytes > stand_in_largest ? (uint32_t)bytes : stand_in_largest;
    return bytes;
}

int usbAsyncReadWithTimeout(unsigned int channel, unsigned char *data, int bytes, int timeout_us)
{
    struct AsyncEndpoint *end = channel < MAX_ASYNC_CHANNELS ? end_of[channel] : NULL;
    int i;

    if (end == NULL) {
        return -1;
    }
    if (end->size == 0) { /* the flag is down */
        stand_in.waits += timeout_us != 0;
        return -1;
    }
    bytes = bytes < end->size ? bytes : end->size;
    for (i = 0; i < bytes; i++) {
        data[i] = end->buffer[end->read_pos++];
        end->read_pos %= MAX_ASYNC_BUFFER;
        end->size--;
    }
    return bytes;
}

/* What has come to the PC since the last call. */
uint32_t stand_in_pc_take(uint8_t *to);
uint32_t stand_in_pc_take(uint8_t *to)
{
    const uint32_t bytes = out_bytes;

    memcpy(to, out, bytes);
    out_bytes = 0;
    return bytes;
}

/* The PC sends; what does not fit into the channel's buffer is lost. */
void stand_in_pc_give(unsigned channel, const uint8_t *data, int bytes);
void stand_in_pc_give(unsigned channel, const uint8_t *data, int bytes)
{
    struct AsyncEndpoint *end = end_of[channel];

    for (; end != NULL && bytes > 0 && end->size < MAX_ASYNC_BUFFER; bytes--) {
        end->buffer[end->write_pos++] = *data++;
        end->write_pos %= MAX_ASYNC_BUFFER;
        end->size++;
    }
}

/* The channels that psplink has for somebody; a bit each. */
uint32_t stand_in_channels(void);
uint32_t stand_in_channels(void)
{
    uint32_t bits = 0;

    for (int number = 0; number < MAX_ASYNC_CHANNELS; number++) {
        bits |= end_of[number] != NULL ? 1u << number : 0u;
    }
    return bits;
}
